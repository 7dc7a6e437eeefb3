//! The way of a prompt: leased, given back, begun, finished, left behind.

use surveyd::domain::survey::{Event, Failure, Reason, State};
use surveyd::store::Error;

use super::*;

const DUE: Millis = Millis(START.0 + 300_000);

#[tokio::test]
async fn what_is_due_is_claimed_oldest_first_and_once() {
    on_each_engine(async |bench| {
        for (conversation, seconds) in [("c-3", 3), ("c-1", 1), ("c-2", 2), ("c-9", 900)] {
            bench.take(close(conversation, "7", START.plus(seconds * SECOND))).await;
        }
        let elsewhere = Close { account: "other".into(), ..close("c-0", "7", START) };
        bench.take(elsewhere).await;
        assert_eq!(bench.store.next_due(ACCOUNT).await.unwrap(), Some(DUE.plus(SECOND)));
        assert!(bench.lease_due(10, DUE).await.is_empty(), "nothing is due before its time");

        let now = DUE.plus(MINUTE);
        let names = |leases: &[Leased]| -> Vec<String> {
            leases.iter().map(|leased| leased.survey.conversation_id.to_string()).collect()
        };
        assert_eq!(names(&bench.lease_due(2, now).await), ["c-1", "c-2"]);
        assert_eq!(names(&bench.lease_due(10, now).await), ["c-3"]);
        assert!(bench.lease_due(10, now).await.is_empty());
        assert_eq!(bench.store.next_due(ACCOUNT).await.unwrap(), Some(now.plus(LEASE)));
    })
    .await;
}

#[tokio::test]
async fn a_claim_that_ran_out_passes_to_another_worker() {
    on_each_engine(async |bench| {
        let taken = bench.take(close("c-1", "7", START)).await;
        let slow = bench.lease_one(DUE).await;
        let later = DUE.plus(LEASE);
        let quick = bench.lease_one(later).await;
        assert_eq!(quick.survey.id, taken.survey_id);

        let lost = bench.store.begin_send(slow, prompt(), rules(), times(later)).await;
        assert!(matches!(lost, Err(Error::LeaseLost(_))), "{lost:?}");
        let sending = bench.begin(quick, later).await;
        assert_eq!(sending.survey().attempts, 1);
    })
    .await;
}

#[tokio::test]
async fn a_claim_is_given_back_until_its_next_try() {
    on_each_engine(async |bench| {
        let taken = bench.take(close("c-1", "7", START)).await;
        let leased = bench.lease_one(DUE).await;
        let try_at = DUE.plus(HOUR);
        bench.store.release(leased, try_at).await.unwrap();
        assert_eq!(bench.store.next_due(ACCOUNT).await.unwrap(), Some(try_at));
        assert!(bench.lease_due(10, try_at.minus(SECOND)).await.is_empty());
        assert_eq!(bench.survey(&taken.survey_id).await.attempts, 0);

        let leased = bench.lease_one(try_at).await;
        bench
            .store
            .put_off_failed(leased, try_at.plus(HOUR), "code 130: over capacity".into(), try_at)
            .await
            .unwrap();
        assert_eq!(bench.store.next_due(ACCOUNT).await.unwrap(), Some(try_at.plus(HOUR)));
        assert_eq!(bench.survey(&taken.survey_id).await.attempts, 1, "a failed try counts");
    })
    .await;
}

#[tokio::test]
async fn a_claim_that_has_passed_on_cannot_be_given_back() {
    on_each_engine(async |bench| {
        bench.take(close("c-1", "7", START)).await;
        let slow = bench.lease_one(DUE).await;
        let later = DUE.plus(LEASE);
        let quick = bench.lease_one(later).await;
        bench.store.release(slow, later).await.unwrap();
        assert!(bench.lease_due(10, later).await.is_empty(), "the other worker still holds it");
        bench.begin(quick, later).await;
    })
    .await;
}

#[tokio::test]
async fn a_claimed_survey_ends_without_a_send() {
    on_each_engine(async |bench| {
        let taken = bench.take(close("c-1", "7", START)).await;
        let leased = bench.lease_one(DUE).await;
        let ended =
            bench.store.end(leased, Event::Suppressed(Reason::CannotDm), None, DUE).await.unwrap();
        assert_eq!(ended.state, State::Suppressed(Reason::CannotDm));
        assert_eq!(bench.survey(&taken.survey_id).await, ended);
        assert_eq!(bench.steps(&taken.survey_id).await, [step("suppressed", Some("cannot_dm"))]);

        bench.take(close("c-2", "8", START)).await;
        let slow = bench.lease_one(DUE).await;
        bench.lease_one(DUE.plus(LEASE)).await;
        let lost = bench.store.end(slow, Event::TooLate, None, DUE).await;
        assert!(matches!(lost, Err(Error::LeaseLost(_))), "{lost:?}");
    })
    .await;
}

#[tokio::test]
async fn that_a_request_is_about_to_leave_is_on_record_before_it_leaves() {
    on_each_engine(async |bench| {
        let sending = bench.sending("c-1", "7", START).await;
        assert_eq!(sending.prompt(), &prompt());
        let survey = sending.survey().clone();
        assert_eq!(survey.state, State::Sending { begun_at: DUE });
        assert_eq!((survey.kind, survey.question_variant_id), (prompt().kind, 3));
        assert!(survey.test && survey.attempts == 1);
        assert_eq!(bench.survey(&survey.id).await, survey);
        assert_eq!(bench.steps(&survey.id).await, [step("sending", None)]);

        let day = bench.store.account_status(ACCOUNT, START).await.unwrap();
        assert_eq!((day.prompts_of_day, day.oldest_of_day), (1, Some(DUE)));
        assert!(bench.lease_due(10, DUE.plus(HOUR)).await.is_empty(), "it is never due again");
        assert!(bench.store.cancel(survey.id, DUE).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn an_accepted_prompt_is_sent_with_its_feedback() {
    on_each_engine(async |bench| {
        let sending = bench.sending("c-1", "7", START).await;
        let (sent_at, show_at) = (DUE.plus(SECOND), DUE.plus(HOUR));
        let outcome = accepted("900", sent_at, Some(show_at));
        let sent = bench.store.finish(&sending, outcome.clone(), sent_at).await.unwrap();
        let delivery =
            Delivery { sent_at, feedback_id: FeedbackId::new("900"), dm_id: Some("dm-900".into()) };
        assert_eq!(sent.state, State::Sent(delivery));
        assert_eq!(bench.survey(&sent.id).await, sent);
        assert_eq!(bench.steps(&sent.id).await, [step("sending", None), step("sent", None)]);
        let told = bench.store.survey(&sent.id).await.unwrap().unwrap().told;
        assert_eq!((told.updated_at, told.updates, told.score), (Some(sent_at), 1, None));
        assert_eq!(bench.store.next_show(ACCOUNT).await.unwrap(), Some(show_at));

        let twice = bench.store.finish(&sending, outcome, sent_at).await;
        assert!(matches!(twice, Err(Error::LeaseLost(_))), "{twice:?}");
    })
    .await;
}

#[tokio::test]
async fn an_answer_with_another_prompts_feedback_proves_nothing() {
    on_each_engine(async |bench| {
        let first = bench.sending("c-1", "7", START).await;
        bench.store.finish(&first, accepted("900", DUE, None), DUE).await.unwrap();
        let second = bench.sending("c-2", "8", START).await;
        let refused = bench.store.finish(&second, accepted("900", DUE, None), DUE).await;
        assert!(matches!(refused, Err(Error::Foreign(_))), "{refused:?}");
        assert_eq!(bench.state(&second.survey().id).await, "sending", "nothing was written");
        let unknown = SendOutcome::Unknown { given_up_at: DUE, why: String::new(), spent_at: DUE };
        bench.store.finish(&second, unknown, DUE).await.unwrap();
        assert_eq!(bench.state(&second.survey().id).await, "uncertain");
    })
    .await;
}

#[tokio::test]
async fn a_send_known_not_to_have_been_carried_out_gives_its_share_back() {
    on_each_engine(async |bench| {
        let sending = bench.sending("c-1", "7", START).await;
        let try_at = DUE.plus(MINUTE);
        let outcome = SendOutcome::NotSent { why: String::new(), try_at };
        let survey = bench.store.finish(&sending, outcome, DUE).await.unwrap();
        assert_eq!(survey.state, State::Scheduled);
        assert_eq!(bench.store.next_due(ACCOUNT).await.unwrap(), Some(try_at));
        let day = bench.store.account_status(ACCOUNT, START).await.unwrap();
        assert_eq!((day.prompts_of_day, day.oldest_of_day), (0, None));

        let leased = bench.lease_one(try_at).await;
        let again = bench.begin(leased, try_at).await;
        assert_eq!(again.survey().attempts, 2);
        assert_eq!(again.survey().external_id, "c-1", "its own earlier try takes no name");
    })
    .await;
}

#[tokio::test]
async fn a_refusal_ends_the_survey_in_the_words_of_x() {
    on_each_engine(async |bench| {
        let failure = Failure { code: Some(354), message: "too \"long\" ☃".into() };
        let ends = [
            ("1", refused(Reason::Suspended, 63), State::Suppressed(Reason::Suspended)),
            ("2", SendOutcome::Refused(failure.clone()), State::Failed(failure)),
        ];
        for (person, outcome, state) in ends {
            let sending = bench.sending(&format!("c-{person}"), person, START).await;
            let ended = bench.store.finish(&sending, outcome, DUE).await.unwrap();
            assert_eq!(ended.state, state);
            assert_eq!(bench.survey(&ended.id).await.state, state);
        }
        let day = bench.store.account_status(ACCOUNT, START).await.unwrap();
        assert_eq!(day.prompts_of_day, 0);
    })
    .await;
}

#[tokio::test]
async fn an_unknown_outcome_is_uncertain_and_counts_as_sent() {
    on_each_engine(async |bench| {
        let survey = bench.uncertain("c-1", "7").await;
        assert_eq!(survey.state, State::Uncertain { begun_at: DUE, given_up_at: DUE });
        assert_eq!(bench.survey(&survey.id).await, survey);
        let day = bench.store.account_status(ACCOUNT, START).await.unwrap();
        assert_eq!((day.prompts_of_day, day.oldest_of_day), (1, Some(DUE.plus(MINUTE))));
        assert!(bench.lease_due(10, DUE.plus(HOUR)).await.is_empty());
        assert_eq!(bench.store.next_due(ACCOUNT).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn what_outlived_its_lease_while_sending_is_uncertain() {
    on_each_engine(async |bench| {
        let sending = bench.sending("c-1", "7", START).await;
        let recover = async |all, now| bench.store.recover(all, MINUTE, now).await.unwrap();
        assert!(recover(false, DUE.plus(LEASE).minus(SECOND)).await.is_empty());
        let now = DUE.plus(LEASE);
        let lost = recover(false, now).await;
        assert_eq!(lost.len(), 1);
        // By our clock it is over. Where that is wrong, the request ends within another lease.
        let given_up_at = now.plus(LEASE);
        assert_eq!(lost[0].state, State::Uncertain { begun_at: DUE, given_up_at });
        assert_eq!(bench.survey(&lost[0].id).await, lost[0]);
        let unsettled = bench.store.unsettled(ACCOUNT, SENT_AS).await.unwrap();
        assert_eq!(unsettled[0].given_up_here, given_up_at);
        let day = bench.store.account_status(ACCOUNT, START).await.unwrap();
        assert_eq!(day.oldest_of_day, Some(given_up_at.plus(MINUTE)), "X may still carry it out");

        // Whoever gave the request up knows less of it than the worker that has X's answer after
        // all.
        let outcome = accepted("900", now, None);
        let sent = bench.store.finish(&sending, outcome.clone(), now).await.unwrap();
        assert_eq!(sent.state.name(), "sent");
        let twice = bench.store.finish(&sending, outcome, now).await;
        assert!(matches!(twice, Err(Error::LeaseLost(_))), "{twice:?}");
    })
    .await;
}

#[tokio::test]
async fn what_was_begun_by_a_clock_that_ran_ahead_does_not_wait_for_its_lease() {
    on_each_engine(async |bench| {
        let sending = bench.sending("c-1", "7", START.plus(2 * HOUR)).await;
        let id = sending.survey().id.clone();
        let begun = DUE.plus(2 * HOUR);
        let recover = async |now| bench.store.recover(false, MINUTE, now).await.unwrap();
        assert!(recover(begun.minus(MINUTE)).await.is_empty(), "clocks may differ by as much");
        let lost = recover(DUE).await;
        assert_eq!((lost.len(), &lost[0].id, lost[0].state.name()), (1, &id, "uncertain"));
        // When its request ends is told by no clock: X's will say that it cannot be that late.
        let given_up = bench.store.unsettled(ACCOUNT, SENT_AS).await.unwrap()[0].given_up_at;
        assert!(given_up >= begun.plus(LEASE), "{given_up:?}");
        let outcome = accepted("900", DUE, None);
        let sent = bench.store.finish(&sending, outcome, DUE).await.unwrap();
        assert_eq!(sent.state.name(), "sent", "it was under way");
    })
    .await;
}

#[tokio::test]
async fn the_outcome_of_one_try_is_not_written_over_the_next() {
    on_each_engine(async |bench| {
        let first = bench.sending("c-1", "7", START).await;
        bench
            .store
            .finish(&first, SendOutcome::NotSent { why: String::new(), try_at: DUE }, DUE)
            .await
            .unwrap();
        let leased = bench.lease_one(DUE).await;
        let second = bench.begin(leased, DUE).await;
        let late = bench.store.finish(&first, accepted("900", DUE, None), DUE).await;
        assert!(matches!(late, Err(Error::LeaseLost(_))), "{late:?}");
        assert_eq!(bench.state(&second.survey().id).await, "sending");
    })
    .await;
}

#[tokio::test]
async fn after_a_crash_all_claims_are_due_again_and_all_sends_are_uncertain() {
    on_each_engine(async |bench| {
        let sending = bench.sending("c-1", "7", START).await;
        let claimed = bench.take(close("c-2", "8", START)).await;
        let leased = bench.lease_one(DUE).await;
        let lost = bench.store.recover(true, MINUTE, DUE).await.unwrap();
        assert_eq!(
            lost.iter().map(|survey| &survey.id).collect::<Vec<_>>(),
            [&sending.survey().id]
        );
        let again = bench.lease_one(DUE).await;
        assert_eq!(again.survey.id, claimed.survey_id);
        let gone = bench.store.begin_send(leased, prompt(), rules(), times(DUE)).await;
        assert!(matches!(gone, Err(Error::LeaseLost(_))), "{gone:?}");
    })
    .await;
}

#[tokio::test]
async fn the_text_of_a_prompt_is_kept_from_when_it_is_begun() {
    on_each_engine(async |bench| {
        let taken = bench.take(close("c-1", "7", START)).await;
        assert_eq!(bench.store.message(&taken.survey_id).await.unwrap(), None);
        let leased = bench.lease_one(DUE).await;
        let text = "How \0did we do?".to_owned();
        let prompt = Prompt { message: text.clone(), ..prompt() };
        let begun = bench.store.begin_send(leased, prompt, rules(), times(DUE)).await;
        let BeginOutcome::Sending(sending) = begun.unwrap() else { panic!("not sending") };
        assert_eq!(sending.prompt().message, text, "it is sent as it is");
        // PostgreSQL's text cannot hold U+0000.
        let kept = bench.store.message(&taken.survey_id).await.unwrap();
        assert_eq!(kept.as_deref(), Some("How did we do?"));
        assert_eq!(bench.store.message(&SurveyId::new("none")).await.unwrap(), None);
    })
    .await;
}
