//! Surveys made of X's own record, and closes that come again after.

use surveyd::domain::id::external_id;
use surveyd::domain::survey::State;
use surveyd::store::{MadeAnew, Unfinished};

use super::rebuild::{NOW, READ};
use super::*;

/// When X showed the prompts.
const SHOWN: Millis = Millis(START.0 + 7_200_000);

fn shown(feedback: &str, person: &str, external_id: &str) -> Update {
    let mut update = of_prompt(told(feedback, SHOWN), person, external_id);
    update.object.created_at = Some(SHOWN);
    update
}

fn unthrottled() -> Rules {
    Rules { throttle: Duration::ZERO, daily_limit_per_user: 1000, ..rules() }
}

fn long(id: &str) -> String {
    format!("{}{id}", "é".repeat(300))
}

impl Bench {
    async fn lost(&self, updates: Vec<Update>) -> MadeAnew {
        self.rebuild(updates, Some(making())).await
    }

    async fn only(&self) -> Survey {
        let all = self.store.list(&Default::default()).await.unwrap();
        assert!(all.is_empty(), "a listing of none");
        let listing = surveyd::store::Listing { limit: 10, ..Default::default() };
        let [survey] = self.store.list(&listing).await.unwrap().try_into().unwrap();
        survey
    }

    /// How many surveys the end of the hold makes, if it ends.
    async fn end_hold(&self, now: Millis) -> Option<usize> {
        let ended = self.store.end_restore(ACCOUNT, &making(), now).await.unwrap();
        ended.is_over.then_some(ended.made.len())
    }

    /// What becomes of a close that was taken, once it is due and nothing is throttled.
    async fn sent_at(&self, now: Millis) -> Vec<BeginOutcome> {
        let mut begun = Vec::new();
        for leased in self.lease_due(10, now).await {
            begun.push(self.decide(leased, unthrottled(), ACCOUNT, now).await);
        }
        begun
    }
}

#[tokio::test]
async fn a_lost_survey_is_made_of_what_x_knows_and_no_more() {
    on_each_engine(async |bench| {
        let given_at = SHOWN.plus(MINUTE);
        let mut answered = scored(shown("901", "7", "c-1#2"), 9, given_at);
        answered.object.question_variant_id = Some(3);
        let made = bench.lost(vec![answered]).await;
        assert_eq!((made.new, made.surveys_made, made.without_survey), (1, 1, 0));
        assert_eq!((bench.counted("sent").await, bench.counted("answered").await), (0, 1));
        let survey = bench.only().await;
        let delivery = Delivery {
            sent_at: SHOWN,
            feedback_id: FeedbackId::new("901"),
            dm_id: Some("dm-901".into()),
        };
        assert_eq!(survey.state, State::Answered(delivery));
        assert_eq!((survey.source.as_str(), survey.external_id.as_str()), ("rebuild", "c-1#2"));
        assert_eq!((survey.conversation_id.as_str(), survey.person()), ("c-1", "7"));
        assert_eq!((survey.kind, survey.question_variant_id), (SurveyType::Nps, 3));
        assert_eq!([survey.closed_at, survey.accepted_at, survey.due_at], [SHOWN; 3]);
        assert_eq!(survey.notice, Notice::default());
        let why = Some("rebuilt from X's events");
        assert_eq!(bench.steps(&survey.id).await, [step("answered", why)]);
        assert_eq!(bench.store.survey(&survey.id).await.unwrap().unwrap().told.score, Some(9));
        let again = bench.lost(vec![shown("901", "7", "c-1#2")]).await;
        assert_eq!(again.surveys_made, 0);
    })
    .await;
}

#[tokio::test]
async fn feedback_that_does_not_say_whose_it_is_stays_without_a_survey() {
    on_each_engine(async |bench| {
        let nameless = Update {
            object: Object { external_id: None, ..shown("901", "7", "").object },
            ..told("901", SHOWN)
        };
        let to_nobody = Update {
            object: Object { to_user_id: None, ..shown("902", "7", "c-2").object },
            ..told("902", SHOWN)
        };
        let made = bench.lost(vec![nameless, to_nobody]).await;
        assert_eq!((made.new, made.surveys_made, made.without_survey), (2, 0, 0));
        let kept_apart = bench.rebuild(vec![shown("903", "7", "c-3")], None).await;
        assert_eq!((kept_apart.surveys_made, kept_apart.without_survey), (0, 1));
    })
    .await;
}

#[tokio::test]
async fn a_close_from_before_a_rebuilt_prompt_is_known_and_a_later_one_is_new() {
    on_each_engine(async |bench| {
        bench.lost(vec![shown("901", "7", "c-1"), shown("902", "7", "c-2#2")]).await;
        for (conversation, ordinal) in [("c-1", 2), ("c-2", 3)] {
            for closed_at in [START, SHOWN, SHOWN.plus(MINUTE)] {
                let taken = bench.take(close(conversation, "7", closed_at)).await;
                assert_eq!((taken.state, taken.is_new), ("sent", false), "{conversation}");
            }
            let later = bench.take(close(conversation, "7", SHOWN.plus(3 * HOUR))).await;
            assert!(later.is_new);
            let survey = bench.survey(&later.survey_id).await;
            let conversation = ConversationId::parse(conversation).unwrap();
            assert_eq!(survey.external_id, external_id(&conversation, ordinal));
            let known = bench.take(close(conversation.as_str(), "7", START)).await;
            assert!(!known.is_new && known.survey_id != later.survey_id);
        }
        let begun = bench.sent_at(SHOWN.plus(4 * HOUR)).await;
        assert!(
            matches!(begun[..], [BeginOutcome::Sending(_), BeginOutcome::Sending(_)]),
            "{begun:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_close_of_another_person_or_conversation_is_its_own() {
    on_each_engine(async |bench| {
        bench.lost(vec![shown("901", "7", "c-1"), shown("902", "8", "c-2#2")]).await;
        for (conversation, person) in [("c-1", "9"), ("c-10", "7"), ("c-2", "7")] {
            let taken = bench.take(close(conversation, person, START)).await;
            assert!(taken.is_new, "{conversation} {person}");
        }
        // It is the conversation's own id as it seems to be its number.
        let taken = bench.take(close("c-2#2", "8", START)).await;
        assert!(!taken.is_new);
        assert_eq!(bench.sent_at(SHOWN).await.len(), 3);
    })
    .await;
}

#[tokio::test]
async fn whoever_was_prompted_is_not_prompted_again_whatever_the_external_id_was_cut_to() {
    on_each_engine(async |bench| {
        let conversation = ConversationId::parse(&long("one")).unwrap();
        let names = [external_id(&conversation, 1), external_id(&conversation, 2)];
        bench.lost(vec![shown("901", "7", &names[0]), shown("902", "8", &names[1])]).await;
        assert!(!bench.take(close(&long("one"), "7", START)).await.is_new);
        // Of a later one only the hash tells, which is looked at as it is sent.
        let taken = bench.take(close(&long("one"), "8", START)).await;
        assert!(taken.is_new);
        let other = bench.take(close(&long("other"), "8", START)).await;
        let begun = bench.sent_at(SHOWN.plus(MINUTE)).await;
        let sending =
            begun.iter().filter(|begun| matches!(begun, BeginOutcome::Sending(_))).count();
        assert_eq!((begun.len(), sending), (2, 1));
        assert_eq!(bench.state(&taken.survey_id).await, "suppressed");
        assert_eq!(bench.state(&other.survey_id).await, "sending");
        let steps = bench.steps(&taken.survey_id).await;
        let why = steps.last().unwrap().1.clone().unwrap();
        assert!(why.starts_with("X has shown the prompt of this close: survey "), "{why}");
    })
    .await;
}

#[tokio::test]
async fn a_close_that_came_again_before_the_rebuild_is_found_sent() {
    on_each_engine(async |bench| {
        let again = bench.take(close("c-1", "7", START)).await;
        let long_one = ConversationId::parse(&long("one")).unwrap();
        let cut = bench.take(close(long_one.as_str(), "8", START)).await;
        let later = bench.take(close("c-9", "9", SHOWN.plus(2 * HOUR))).await;
        let name = external_id(&long_one, 2);
        let all =
            vec![shown("901", "7", "c-1#2"), shown("902", "8", &name), shown("903", "9", "c-9")];
        let made = bench.lost(all).await;
        assert_eq!((made.surveys_found, made.surveys_made), (2, 1));
        assert_eq!(bench.state(&again.survey_id).await, "sent");
        assert_eq!(bench.state(&cut.survey_id).await, "sent");
        assert_eq!(bench.state(&later.survey_id).await, "scheduled", "it closed again since");
        let begun = bench.sent_at(SHOWN.plus(3 * HOUR)).await;
        assert!(matches!(begun[..], [BeginOutcome::Sending(_)]), "{begun:?}");
    })
    .await;
}

#[tokio::test]
async fn a_waiting_survey_is_given_to_one_prompt_alone_and_first_to_the_one_that_bears_its_name() {
    on_each_engine(async |bench| {
        let second = SHOWN.plus(2 * HOUR);
        let told = |person, conversation: &str| {
            let mut later = scored(shown("900", person, &format!("{conversation}#2")), 5, second);
            later.object.created_at = Some(second);
            vec![later, shown("901", person, conversation)]
        };
        let first = bench.take(close("c", "7", START)).await;
        let made = bench.lost(told("7", "c")).await;
        assert_eq!((made.surveys_found, made.surveys_made, made.answered), (1, 1, 0));
        let survey = bench.survey(&first.survey_id).await;
        let delivery = survey.state.delivery().expect("it was found");
        assert_eq!(delivery.feedback_id, FeedbackId::new("901"));
        let row = bench.store.survey(&first.survey_id).await.unwrap().unwrap();
        assert_eq!(row.told.score, None, "that is the other's");
        for closed_at in [START.plus(HOUR), SHOWN.plus(HOUR), second] {
            let again = bench.take(close("c", "7", closed_at)).await;
            assert!(!again.is_new, "{again:?}");
        }

        bench.store.hold_for_rebuild(ACCOUNT, START, SHOWN).await.unwrap();
        bench.lost(Vec::new()).await;
        let first = bench.take(close("d", "8", START)).await;
        let told = told("8", "d").into_iter().map(|mut update| {
            update.id = FeedbackId::new(format!("8{}", update.id));
            update
        });
        bench.store.fold(ACCOUNT, told.collect(), second).await.unwrap();
        assert_eq!(bench.end_hold(second).await, Some(1));
        assert_eq!(bench.state(&first.survey_id).await, "sent");
        assert!(!bench.take(close("d", "8", second)).await.is_new);
    })
    .await;
}

#[tokio::test]
async fn an_earlier_prompt_does_not_take_the_survey_that_bears_a_later_ones_name() {
    on_each_engine(async |bench| {
        let first = bench.take(close("c", "7", START.minus(HOUR))).await;
        bench.store.cancel(first.survey_id, START).await.unwrap();
        let second = bench.take(close("c", "7", START)).await;
        let mut later = shown("902", "7", "c#2");
        later.object.created_at = Some(SHOWN.plus(HOUR));
        bench.lost(vec![shown("901", "7", "c"), later]).await;
        let survey = bench.survey(&second.survey_id).await;
        let delivery = survey.state.delivery().expect("it was found");
        assert_eq!(delivery.feedback_id, FeedbackId::new("902"));
    })
    .await;
}

#[tokio::test]
async fn a_close_that_comes_again_is_known_by_a_survey_that_was_found() {
    on_each_engine(async |bench| {
        let first = bench.take(close("c", "7", START)).await;
        let made = bench.lost(vec![shown("902", "7", "c#2")]).await;
        assert_eq!((made.surveys_found, made.surveys_made), (1, 0));
        let second = bench.take(close("c", "7", START.plus(HOUR))).await;
        assert_eq!((second.survey_id, second.is_new), (first.survey_id, false));
        assert!(bench.take(close("c", "7", SHOWN.plus(2 * HOUR))).await.is_new);
        assert!(!bench.store.knows_prompts().await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn what_had_expired_before_the_prompt_is_not_taken_for_its_survey() {
    on_each_engine(async |bench| {
        let long_ago = START.minus(60 * 24 * HOUR);
        let mut expired = Vec::new();
        for (person, closed_at) in [("7", long_ago), ("8", START)] {
            expired.push(bench.take(close("c", person, closed_at)).await.survey_id);
            bench.store.expire(expired.clone(), None, SHOWN, SHOWN).await.unwrap();
        }
        let made = bench.lost(vec![shown("901", "7", "c"), shown("902", "8", "c#2")]).await;
        assert_eq!((made.surveys_found, made.surveys_made), (1, 1));
        assert_eq!(bench.state(&expired[0]).await, "expired");
        assert_eq!(bench.state(&expired[1]).await, "sent");
    })
    .await;
}

#[tokio::test]
async fn rebuilt_prompts_count_in_throttles_and_in_the_day() {
    on_each_engine(async |bench| {
        bench.lost(vec![shown("901", "7", "c-1")]).await;
        let now = SHOWN.plus(2 * HOUR);
        bench.take(close("c-5", "7", now)).await;
        let due = now.plus(DELAY);
        let leased = bench.lease_one(due).await;
        let id = leased.survey.id.clone();
        bench.decide(leased, rules(), ACCOUNT, due).await;
        assert_eq!(bench.survey(&id).await.state, State::Suppressed(Reason::Throttled));
        let status = bench.store.account_status(ACCOUNT, START).await.unwrap();
        assert_eq!(status.prompts_of_day, 1);
    })
    .await;
}

#[tokio::test]
async fn the_database_knows_prompts_once_it_has_begun_one_itself() {
    on_each_engine(async |bench| {
        assert!(!bench.store.knows_prompts().await.unwrap());
        bench.lost(vec![shown("901", "7", "c-1")]).await;
        assert!(!bench.store.knows_prompts().await.unwrap());
        bench.sending("c-2", "8", START).await;
        assert!(bench.store.knows_prompts().await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn the_end_of_the_hold_makes_the_surveys_of_what_x_has_told_since() {
    on_each_engine(async |bench| {
        bench.store.hold_for_rebuild(ACCOUNT, START, SHOWN).await.unwrap();
        bench.store.hold_for_rebuild(ACCOUNT, SHOWN, SHOWN.plus(HOUR)).await.unwrap();
        let progress = bench.store.progress(ACCOUNT).await.unwrap();
        assert_eq!(progress.restored_at, Some(SHOWN), "a hold that there is goes on");
        assert_eq!(bench.store.held_for_rebuild(ACCOUNT).await.unwrap(), Some(START));
        bench.lost(Vec::new()).await;
        // The poller reads on; a desk delivers again.
        bench
            .store
            .fold(
                ACCOUNT,
                vec![shown("901", "7", "c-1"), scored(shown("902", "8", "c-2"), 5, SHOWN)],
                SHOWN,
            )
            .await
            .unwrap();
        let many = (0..150).map(|n| shown(&format!("{n}"), "6", &format!("m-{n}")));
        bench.store.fold(ACCOUNT, many.collect(), SHOWN).await.unwrap();
        let mut before = shown("900", "9", "c-0");
        before.object.created_at = Some(START.minus(HOUR));
        bench.store.fold(ACCOUNT, vec![before], SHOWN).await.unwrap();
        let waiting = bench.take(close("c-2", "8", START)).await;
        let ended = bench.store.end_restore(ACCOUNT, &making(), SHOWN).await.unwrap();
        assert_eq!((ended.is_over, ended.of_rebuild, ended.made.len()), (true, true, 151));
        assert_eq!(bench.store.held_for_rebuild(ACCOUNT).await.unwrap(), None);
        let made = ended.made.iter().find(|made| made.feedback_id.as_str() == "901").unwrap();
        assert_eq!(made.conversation_id.as_str(), "c-1");
        let found = [&ended.folded.settled[0].id, &ended.folded.answered[0].survey_id];
        assert_eq!(found, [&waiting.survey_id; 2]);
        assert_eq!(bench.state(&waiting.survey_id).await, "answered");
        assert!(!bench.take(close("c-1", "7", START)).await.is_new);
        assert!(
            bench.take(close("c-0", "9", START)).await.is_new,
            "from before the rebuild's start"
        );
        assert_eq!(bench.store.progress(ACCOUNT).await.unwrap().restored_at, None);
        assert_eq!(bench.end_hold(SHOWN).await, None);
    })
    .await;
}

#[tokio::test]
async fn the_hold_does_not_end_before_the_rebuild_that_it_is_for() {
    on_each_engine(async |bench| {
        bench.store.hold_for_rebuild(ACCOUNT, START, SHOWN).await.unwrap();
        // It is broken off before it is begun, and again as it reads.
        for _ in 0..2 {
            let unfinished = bench.store.unfinished_rebuild(ACCOUNT).await.unwrap().unwrap();
            assert_eq!(unfinished, Unfinished { from: START, makes_surveys: true });
            assert_eq!(bench.end_hold(NOW).await, None);
            assert!(bench.store.progress(ACCOUNT).await.unwrap().restored_at.is_some());
            bench.store.begin_rebuild(ACCOUNT, READ, unfinished.makes_surveys).await.unwrap();
        }
        bench.lost(Vec::new()).await;
        assert_eq!(bench.store.unfinished_rebuild(ACCOUNT).await.unwrap(), None);
        assert_eq!(bench.end_hold(NOW).await, Some(0));
    })
    .await;
}

#[tokio::test]
async fn a_rebuild_without_surveys_that_was_broken_off_holds_nothing_up() {
    on_each_engine(async |bench| {
        bench.store.hold_for_rebuild(ACCOUNT, START, SHOWN).await.unwrap();
        bench.store.begin_rebuild(ACCOUNT, READ, false).await.unwrap();
        let unfinished = bench.store.unfinished_rebuild(ACCOUNT).await.unwrap().unwrap();
        let command =
            "surveyd rebuild --account acme --from 2026-09-21T14:13:20.000Z --surveys never";
        assert_eq!(unfinished.command("acme"), command);
        assert_eq!(bench.end_hold(NOW).await, Some(0));
        // One that has nothing to read yet is none.
        bench.store.hold_for_rebuild(ACCOUNT, START, SHOWN).await.unwrap();
        bench.store.give_up_rebuild(ACCOUNT, START).await.unwrap();
        assert_eq!(bench.end_hold(NOW).await, Some(0));
    })
    .await;
}
