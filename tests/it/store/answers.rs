//! What comes back: folded in any order, matched to the survey it answers.

use surveyd::domain::survey::State;
use surveyd::store::{Answered, Folded, PersonsResponse};

use super::*;

const SENT: Millis = Millis(START.0 + 300_000);
const SCORED: Millis = Millis(SENT.0 + 60_000);
const COMMENTED: Millis = Millis(SENT.0 + 120_000);
const NOW: Millis = Millis(SENT.0 + 3_600_000);

/// All that X ever says of a feedback: sent, scored, commented.
fn in_parts(feedback: &str) -> [Update; 3] {
    let bare = told(feedback, SENT);
    let score = scored(told(feedback, SCORED), 4, SCORED);
    let both = commented(scored(told(feedback, COMMENTED), 4, SCORED), "Merci ☃", COMMENTED);
    [bare, score, both]
}

fn all_told() -> PersonsResponse {
    PersonsResponse {
        score: Some(4),
        scored_at: Some(SCORED),
        text: Some("Merci ☃".into()),
        commented_at: Some(COMMENTED),
        updated_at: Some(COMMENTED),
        updates: 3,
    }
}

impl Bench {
    async fn fold(&self, updates: impl IntoIterator<Item = Update>) -> Folded {
        self.store.fold(ACCOUNT, updates.into_iter().collect(), NOW).await.unwrap()
    }

    async fn told(&self, id: &SurveyId) -> PersonsResponse {
        self.store.survey(id).await.unwrap().unwrap().told
    }
}

#[tokio::test]
async fn any_order_and_any_batching_of_the_same_updates_gives_the_same_row() {
    let orders: [&[&[usize]]; 9] = [
        &[&[0], &[1], &[2]],
        &[&[0], &[2], &[1]],
        &[&[1], &[0], &[2]],
        &[&[1], &[2], &[0]],
        &[&[2], &[0], &[1]],
        &[&[2], &[1], &[0]],
        &[&[2, 1, 0]],
        &[&[1], &[2, 0, 2, 1], &[0]],
        &[&[2, 2], &[0, 1]],
    ];
    on_each_engine(async |bench| {
        for (number, batches) in orders.iter().enumerate() {
            let feedback = format!("90{number}");
            let person = (70 + number).to_string();
            let sent = bench.sent(&format!("c-{number}"), &person, &feedback).await;
            let parts = in_parts(&feedback);
            let mut answered = 0;
            for batch in *batches {
                let updates = batch.iter().map(|part| parts[*part].clone());
                answered += bench.fold(updates).await.answered.len();
            }
            assert_eq!(answered, 1, "a survey is answered once, {batches:?}");
            assert_eq!(bench.told(&sent.id).await, all_told(), "{batches:?}");
            assert_eq!(bench.state(&sent.id).await, "answered");
        }
    })
    .await;
}

#[tokio::test]
async fn a_repeated_update_changes_nothing() {
    on_each_engine(async |bench| {
        let sent = bench.sent("c-1", "7", "900").await;
        let first = bench.fold(in_parts("900")).await;
        assert_eq!(first.answered.len(), 1);
        let answered = Answered {
            survey_id: sent.id.clone(),
            conversation_id: sent.conversation_id.clone(),
            feedback_id: FeedbackId::new("900"),
            given_at: SCORED,
        };
        assert_eq!(first.answered, [answered]);
        assert_eq!(first.updated, [(Some(sent.id.clone()), FeedbackId::new("900"))]);
        assert_eq!(bench.store.answers().await.unwrap(), 2, "a score and a comment");

        let steps = bench.steps(&sent.id).await;
        assert_eq!(bench.fold(in_parts("900")).await, Folded::default());
        assert_eq!(bench.told(&sent.id).await, all_told());
        assert_eq!(bench.steps(&sent.id).await, steps);
        assert_eq!(steps.last(), Some(&step("answered", None)));
        assert_eq!(bench.store.answers().await.unwrap(), 2);
    })
    .await;
}

#[tokio::test]
async fn an_update_that_lacks_what_is_known_takes_nothing_away() {
    on_each_engine(async |bench| {
        let sent = bench.sent("c-1", "7", "900").await;
        bench.fold(in_parts("900")).await;
        bench.fold([told("900", NOW)]).await;
        let expected = PersonsResponse { updated_at: Some(NOW), updates: 4, ..all_told() };
        assert_eq!(bench.told(&sent.id).await, expected);
    })
    .await;
}

#[tokio::test]
async fn feedback_of_prompts_that_surveyd_did_not_send_is_kept_apart() {
    on_each_engine(async |bench| {
        let sent = bench.sent("c-1", "7", "900").await;
        // An agent's own prompt to the same person, under the same external id.
        let foreign = scored(of_prompt(told("901", SCORED), "7", "c-1"), 1, SCORED);
        let folded = bench.fold([foreign.clone()]).await;
        assert_eq!(folded.updated, [(None, FeedbackId::new("901"))]);
        assert!(folded.answered.is_empty() && folded.settled.is_empty());
        assert_eq!(bench.state(&sent.id).await, "sent");
        assert_eq!(bench.told(&sent.id).await.score, None);
        assert_eq!(bench.store.answers().await.unwrap(), 1, "it is kept all the same");
        assert_eq!(bench.fold([foreign]).await, Folded::default());
    })
    .await;
}

#[tokio::test]
async fn feedback_under_the_name_of_an_uncertain_prompt_settles_it() {
    on_each_engine(async |bench| {
        let survey = bench.uncertain("c-1", "7").await;
        let theirs = of_prompt(told("901", SENT), "8", "c-1");
        let older = of_prompt(told("902", SENT), "7", "c-0");
        let folded = bench.fold([theirs, older]).await;
        assert!(folded.settled.is_empty(), "the person and the name count together: {folded:?}");
        assert_eq!(bench.state(&survey.id).await, "uncertain");

        let ours = of_prompt(told("900", SENT), "7", "c-1");
        let folded = bench.fold([ours]).await;
        let delivery = Delivery {
            sent_at: START,
            feedback_id: FeedbackId::new("900"),
            dm_id: Some("dm-900".into()),
        };
        assert_eq!(folded.settled.len(), 1);
        assert_eq!(folded.settled[0].state, State::Sent(delivery));
        assert_eq!(bench.survey(&survey.id).await, folded.settled[0]);
        assert_eq!(bench.steps(&survey.id).await.last(), Some(&step("sent", Some("found at X"))));
        assert_eq!(bench.store.next_show(ACCOUNT).await.unwrap(), Some(NOW));
    })
    .await;
}

/// As X's documents show some: without the person, and what the sender named the prompt by.
fn bare(update: Update) -> Update {
    let object = Object { to_user_id: None, external_id: None, created_at: None, ..update.object };
    Update { object, ..update }
}

#[tokio::test]
async fn a_newer_state_that_lacks_the_names_hides_no_prompt() {
    on_each_engine(async |bench| {
        let whole = |person: &str, feedback: &str| {
            of_prompt(told(feedback, SENT), person, &format!("c-{person}"))
        };
        let newer = |feedback: &str| bare(scored(told(feedback, SCORED), 4, SCORED));
        let together = bench.uncertain("c-1", "1").await;
        bench.fold([newer("901"), whole("1", "901")]).await;
        let newer_last = bench.uncertain("c-2", "2").await;
        bench.fold([whole("2", "902")]).await;
        bench.fold([newer("902")]).await;
        let newer_first = bench.uncertain("c-3", "3").await;
        bench.fold([newer("903")]).await;
        assert_eq!(bench.state(&newer_first.id).await, "uncertain");
        bench.fold([whole("3", "903")]).await;
        // Told by X's webhook alone it hides nothing, either.
        let hinted = bench.uncertain("c-4", "4").await;
        let hint = vec![newer("904")];
        bench.store.fold_hints(ACCOUNT, hint, SCORED.plus(HOUR), SCORED).await.unwrap();
        bench.fold([whole("4", "904")]).await;
        for survey in [&together, &newer_last, &newer_first, &hinted] {
            assert_eq!(bench.state(&survey.id).await, "answered");
            assert_eq!(bench.told(&survey.id).await.score, Some(4));
        }
    })
    .await;
}

#[tokio::test]
async fn feedback_without_its_person_is_found_by_its_name() {
    on_each_engine(async |bench| {
        let survey = bench.uncertain("c-1", "7").await;
        let mut update = of_prompt(told("900", SENT), "7", "c-1");
        update.object.to_user_id = None;
        bench.fold([update]).await;
        assert_eq!(bench.state(&survey.id).await, "sent");
    })
    .await;
}

#[tokio::test]
async fn of_two_prompts_under_one_name_the_first_is_the_surveys_however_they_come() {
    on_each_engine(async |bench| {
        for (person, batches) in [("1", 1), ("2", 2)] {
            let survey = bench.uncertain(&format!("c-{person}"), person).await;
            let of = |update| of_prompt(update, person, &format!("c-{person}"));
            let first = of(told(&format!("90{person}"), SENT));
            let mut second = of(scored(told(&format!("80{person}"), SCORED), 5, SCORED));
            second.object.created_at = Some(SENT);
            match batches {
                1 => drop(bench.fold([second, first]).await),
                _ => {
                    bench.fold([first]).await;
                    bench.fold([second]).await;
                }
            }
            assert_eq!(bench.state(&survey.id).await, "sent", "{batches} batches");
            assert_eq!(bench.told(&survey.id).await.score, None);
        }
    })
    .await;
}

#[tokio::test]
async fn an_answer_to_an_uncertain_prompt_settles_and_answers_it_at_once() {
    on_each_engine(async |bench| {
        let survey = bench.uncertain("c-1", "7").await;
        let ours = scored(of_prompt(told("900", SCORED), "7", "c-1"), 4, SCORED);
        let folded = bench.fold([ours]).await;
        assert_eq!((folded.settled.len(), folded.answered.len()), (1, 1));
        assert_eq!(bench.state(&survey.id).await, "answered");
        assert_eq!(bench.told(&survey.id).await.score, Some(4));
    })
    .await;
}

#[tokio::test]
async fn feedback_that_comes_before_the_outcome_settles_it_as_it_becomes_uncertain() {
    on_each_engine(async |bench| {
        let sending = bench.sending("c-1", "7", START).await;
        let early = scored(of_prompt(told("900", SCORED), "7", "c-1"), 5, SCORED);
        let folded = bench.fold([early]).await;
        assert_eq!(folded.updated, [(None, FeedbackId::new("900"))]);
        assert_eq!(bench.state(&sending.survey().id).await, "sending", "it is its worker's");

        let outcome = SendOutcome::Unknown { given_up_at: NOW, why: String::new(), spent_at: NOW };
        bench.store.finish(&sending, outcome, NOW).await.unwrap();
        assert_eq!(bench.state(&sending.survey().id).await, "answered");
        assert_eq!(bench.told(&sending.survey().id).await.score, Some(5));
    })
    .await;
}

#[tokio::test]
async fn feedback_that_comes_before_xs_own_answer_is_not_lost() {
    on_each_engine(async |bench| {
        let sending = bench.sending("c-1", "7", START).await;
        bench.fold([scored(of_prompt(told("900", SCORED), "7", "c-1"), 5, SCORED)]).await;
        bench.store.finish(&sending, accepted("900", SENT, None), NOW).await.unwrap();
        let id = &sending.survey().id;
        assert_eq!(bench.state(id).await, "answered");
        let told = bench.told(id).await;
        assert_eq!((told.score, told.updates), (Some(5), 2));
    })
    .await;
}

#[tokio::test]
async fn a_crash_that_left_a_prompt_sending_is_settled_by_what_had_come() {
    on_each_engine(async |bench| {
        let sending = bench.sending("c-1", "7", START).await;
        bench.fold([of_prompt(told("900", SENT), "7", "c-1")]).await;
        bench.store.recover(true, MINUTE, NOW).await.unwrap();
        assert_eq!(bench.state(&sending.survey().id).await, "sent");
    })
    .await;
}

#[tokio::test]
async fn a_page_larger_than_one_statement_is_folded_whole() {
    on_each_engine(async |bench| {
        let update = |n: i64| scored(told(&format!("{n}"), SCORED), n % 6, SCORED);
        let folded = bench.fold((0..250).chain(0..250).map(update)).await;
        assert_eq!(folded.updated.len(), 250);
        assert_eq!(bench.store.answers().await.unwrap(), 250);
    })
    .await;
}

#[tokio::test]
async fn a_page_is_folded_as_its_updates_are_one_by_one() {
    on_each_engine(async |bench| {
        let sent = bench.sent("c-1", "7", "900").await;
        let uncertain = bench.uncertain("c-2", "8").await;
        let of_uncertain = scored(of_prompt(told("901", SCORED), "8", "c-2"), 5, SCORED);
        // An agent's own prompt, and the same person's again, under a name that was used before.
        let foreign = of_prompt(told("902", SCORED), "8", "c-1");
        let second = of_prompt(told("903", COMMENTED), "8", "c-2");
        let page = [in_parts("900").to_vec(), vec![of_uncertain, foreign, second]].concat();
        let folded = bench.fold(page.clone()).await;
        let answered: Vec<_> = folded.answered.iter().map(|answered| &answered.survey_id).collect();
        assert_eq!(answered, [&sent.id, &uncertain.id]);
        let settled: Vec<_> = folded.settled.iter().map(|survey| &survey.id).collect();
        assert_eq!(settled, [&uncertain.id]);
        let ids = [Some(&sent.id), Some(&uncertain.id), None, None];
        let updated: Vec<_> = folded.updated.iter().map(|(id, _)| id.as_ref()).collect();
        assert_eq!(updated, ids, "in the order of their ids");
        assert_eq!(bench.told(&sent.id).await, all_told());
        assert_eq!(bench.state(&uncertain.id).await, "answered");
        assert_eq!(bench.fold(page).await, Folded::default());
    })
    .await;
}

#[tokio::test]
async fn what_x_sent_last_is_kept_as_it_came() {
    on_each_engine(async |bench| {
        let sent = |feedback: &str, at: Millis| {
            let mut update = told(feedback, at);
            update.object.raw = format!("\"{feedback}\\n☃\u{1}\" {}", at.0);
            update
        };
        let raw = async |feedback: &str, is_judged: bool| {
            let known = bench.store.feedback(ACCOUNT, &FeedbackId::new(feedback)).await;
            let mut known = known.unwrap().unwrap();
            if is_judged {
                known.judge();
            }
            known.object().raw.clone()
        };
        bench.fold(["900", "901", "902"].map(|id| sent(id, SCORED))).await;
        bench.fold([sent("900", SENT), sent("901", COMMENTED), sent("903", SENT)]).await;
        bench.fold([sent("900", NOW.minus(DELAY)), sent("901", SCORED)]).await;
        assert_eq!(raw("900", false).await, sent("900", NOW.minus(DELAY)).object.raw);
        assert_eq!(raw("901", false).await, sent("901", COMMENTED).object.raw);
        let hint = vec![sent("902", COMMENTED), sent("903", NOW)];
        bench.store.fold_hints(ACCOUNT, hint, NOW, NOW).await.unwrap();
        bench.fold([sent("903", COMMENTED)]).await;
        assert_eq!(raw("902", false).await, sent("902", SCORED).object.raw, "X's word of it");
        assert_eq!(raw("902", true).await, sent("902", SCORED).object.raw);
        assert_eq!(raw("903", true).await, sent("903", COMMENTED).object.raw);
    })
    .await;
}

#[tokio::test]
async fn the_same_feedback_id_at_another_account_is_another_feedback() {
    on_each_engine(async |bench| {
        let sent = bench.sent("c-1", "7", "900").await;
        let folded = bench.store.fold("other", in_parts("900").to_vec(), NOW).await.unwrap();
        assert!(folded.answered.is_empty());
        assert_eq!(bench.state(&sent.id).await, "sent");
    })
    .await;
}
