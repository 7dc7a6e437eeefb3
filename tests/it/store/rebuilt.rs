//! Surveys made of X's own record, and closes that come again after.

use surveyd::domain::id::external_id;
use surveyd::domain::survey::State;
use surveyd::store::MadeAnew;

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

    /// What becomes of a close that was taken, once it is due and nothing is throttled.
    async fn sent_at(&self, now: Millis) -> Vec<Begun> {
        let mut begun = Vec::new();
        for leased in self.claim(10, now).await {
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
        assert!(matches!(begun[..], [Begun::Sending(_), Begun::Sending(_)]), "{begun:?}");
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
        let sending = begun.iter().filter(|begun| matches!(begun, Begun::Sending(_))).count();
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
        assert!(matches!(begun[..], [Begun::Sending(_)]), "{begun:?}");
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
        let leased = bench.claim_one(due).await;
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
        // The poller reads on; a desk delivers again.
        bench
            .store
            .fold(ACCOUNT, vec![shown("901", "7", "c-1"), shown("902", "8", "c-2")], SHOWN)
            .await
            .unwrap();
        let many = (0..150).map(|n| shown(&format!("{n}"), "6", &format!("m-{n}")));
        bench.store.fold(ACCOUNT, many.collect(), SHOWN).await.unwrap();
        let mut before = shown("900", "9", "c-0");
        before.object.created_at = Some(START.minus(HOUR));
        bench.store.fold(ACCOUNT, vec![before], SHOWN).await.unwrap();
        let waiting = bench.take(close("c-2", "8", START)).await;
        let made = bench.store.end_restore(ACCOUNT, &making(), SHOWN).await.unwrap();
        assert_eq!(made, 151);
        assert_eq!(bench.state(&waiting.survey_id).await, "sent");
        assert!(!bench.take(close("c-1", "7", START)).await.is_new);
        assert!(
            bench.take(close("c-0", "9", START)).await.is_new,
            "from before the rebuild's start"
        );
        assert_eq!(bench.store.progress(ACCOUNT).await.unwrap().restored_at, None);
        assert_eq!(bench.store.end_restore(ACCOUNT, &making(), SHOWN).await.unwrap(), 0);
    })
    .await;
}
