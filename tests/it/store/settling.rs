//! Sends without a known outcome: found at X, or known not to be there.

use surveyd::domain::survey::State;
use surveyd::store::Unsettled;

use super::*;

const DUE: Millis = Millis(START.0 + 300_000);
/// When X's events have been read past it all.
const LATER: Millis = Millis(START.0 + 90_000_000);

#[tokio::test]
async fn what_waits_to_be_settled_is_listed_longest_waiting_first() {
    on_each_engine(async |bench| {
        assert!(bench.store.unsettled(ACCOUNT, SENT_AS).await.unwrap().is_empty());
        let mut expected = Vec::new();
        for (conversation, person, late) in [("c-1", "7", SECOND), ("c-2", "8", Duration::ZERO)] {
            let sending = bench.sending(conversation, person, START).await;
            let given_up_at = DUE.plus(late);
            let outcome = SendOutcome::Unknown {
                given_up_at,
                why: String::new(),
                spent_at: given_up_at.plus(MINUTE),
            };
            let survey = bench.store.finish(&sending, outcome, given_up_at).await.unwrap();
            expected.push(Unsettled {
                survey_id: survey.id,
                begun_at: DUE,
                given_up_at,
                given_up_here: given_up_at,
                user_id: survey.user_id.unwrap(),
                message: Some("How did we do?".into()),
            });
        }
        bench.sent("c-3", "9", "900").await;
        expected.reverse();
        assert_eq!(bench.store.unsettled(ACCOUNT, SENT_AS).await.unwrap(), expected);
        assert!(bench.store.unsettled("other", SENT_AS).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_was_sent_as_another_is_not_settled_as_this_one() {
    on_each_engine(async |bench| {
        let survey = bench.uncertain("c-1", "7").await;
        let (other, now) = ("9 at https://api.x.com", LATER);
        assert_eq!(bench.store.sent_as(&survey.id).await.unwrap().as_deref(), Some(SENT_AS));
        assert!(bench.store.unsettled(ACCOUNT, other).await.unwrap().is_empty());
        assert_eq!(bench.store.unsettled(ACCOUNT, SENT_AS).await.unwrap().len(), 1);
        let as_others = bench.store.unsettled_as_others(ACCOUNT, other).await.unwrap();
        assert_eq!(as_others, [(SENT_AS.to_owned(), 1)]);
        assert!(bench.store.unsettled_as_others(ACCOUNT, SENT_AS).await.unwrap().is_empty());
        assert!(bench.store.unsettled_as_others("else", other).await.unwrap().is_empty());

        let late = async |as_whom: &str, closed_before: Millis| {
            let settled = bench.store.settle_as_others(ACCOUNT, as_whom, closed_before, now);
            settled.await.unwrap()
        };
        assert!(late(other, START).await.is_empty(), "there is still time");
        assert!(late(SENT_AS, LATER).await.is_empty(), "its own");
        let settled = late(other, LATER).await;
        assert_eq!(settled.len(), 1);
        let State::Failed(failure) = &settled[0].state else { panic!("{:?}", settled[0].state) };
        assert!(failure.message.starts_with("the prompt left as 1212121212121 at https://api.x"));
        assert_eq!(bench.state(&survey.id).await, "failed");
        assert!(late(other, LATER).await.is_empty());
        let day = bench.store.account_status(ACCOUNT, START).await.unwrap();
        assert_eq!(day.prompts_of_day, 1, "it may have gone out");
    })
    .await;
}

#[tokio::test]
async fn what_is_given_up_is_never_sent_again_and_may_still_be_found() {
    on_each_engine(async |bench| {
        let survey = bench.uncertain("c-1", "7").await;
        let given_up = bench.store.give_up(survey.id.clone(), LATER).await.unwrap().unwrap();
        let State::Failed(failure) = &given_up.state else { panic!("{:?}", given_up.state) };
        assert!(failure.message.starts_with("given up by the operator"), "{}", failure.message);
        assert_eq!(bench.store.give_up(survey.id.clone(), LATER).await.unwrap(), None);
        assert!(bench.store.unsettled(ACCOUNT, SENT_AS).await.unwrap().is_empty());
        let again = bench.store.retry(survey.id.clone(), LATER).await.unwrap();
        assert_eq!(again.unwrap_err(), "X may have sent its prompt");
        let day = bench.store.account_status(ACCOUNT, START).await.unwrap();
        assert_eq!(day.prompts_of_day, 1, "it may have gone out");

        let found = of_prompt(told("900", DUE), "7", "c-1");
        bench.store.fold(ACCOUNT, vec![found], LATER).await.unwrap();
        assert_eq!(bench.state(&survey.id).await, "sent");

        bench.take(close("c-2", "8", START)).await;
        let waiting = bench.lease_one(LATER).await.survey.id;
        assert_eq!(bench.store.give_up(waiting.clone(), LATER).await.unwrap(), None);
        assert_eq!(bench.state(&waiting).await, "scheduled");
    })
    .await;
}

#[tokio::test]
async fn what_x_did_not_carry_out_is_sent_later_or_expires() {
    on_each_engine(async |bench| {
        let first = bench.uncertain("c-1", "7").await;
        let unsent = bench.store.unsettled(ACCOUNT, SENT_AS).await.unwrap();
        let settled = bench.store.settle_unsent(unsent.clone(), START, LATER).await.unwrap();
        assert_eq!(settled.len(), 1);
        assert_eq!((&settled[0].id, &settled[0].state), (&first.id, &State::Scheduled));
        assert_eq!(bench.store.next_due(ACCOUNT).await.unwrap(), Some(LATER));
        let words = Some("X did not carry it out");
        assert_eq!(bench.steps(&first.id).await.last(), Some(&step("scheduled", words)));
        let day = bench.store.account_status(ACCOUNT, START).await.unwrap();
        assert_eq!(day.prompts_of_day, 0, "its share comes back");
        assert!(bench.store.settle_unsent(unsent, START, LATER).await.unwrap().is_empty());

        let second = bench.uncertain_at("c-2", "8", LATER).await;
        let unsent = bench.store.unsettled(ACCOUNT, SENT_AS).await.unwrap();
        let closed_before = LATER.plus(SECOND);
        let now = LATER.plus(24 * HOUR);
        let settled = bench.store.settle_unsent(unsent, closed_before, now).await.unwrap();
        assert_eq!((&settled[0].id, &settled[0].state), (&second, &State::Expired));
        assert_eq!(bench.state(&second).await, "expired");
    })
    .await;
}

impl Bench {
    /// As `uncertain`, of a close at that time; whatever else is due is sent on.
    async fn uncertain_at(&self, conversation: &str, person: &str, closed_at: Millis) -> SurveyId {
        let taken = self.take(close(conversation, person, closed_at)).await;
        let now = closed_at.plus(DELAY);
        for leased in self.lease_due(10, now).await {
            if leased.survey.id != taken.survey_id {
                self.store.release(leased, now.plus(100 * HOUR)).await.unwrap();
                continue;
            }
            let sending = self.begin(leased, now).await;
            let outcome =
                SendOutcome::Unknown { given_up_at: now, why: String::new(), spent_at: now };
            self.store.finish(&sending, outcome, now).await.unwrap();
        }
        taken.survey_id
    }
}

#[tokio::test]
async fn a_prompt_found_meanwhile_is_not_settled_as_unsent() {
    on_each_engine(async |bench| {
        let survey = bench.uncertain("c-1", "7").await;
        let unsent = bench.store.unsettled(ACCOUNT, SENT_AS).await.unwrap();
        let found = of_prompt(told("900", DUE), "7", "c-1");
        bench.store.fold(ACCOUNT, vec![found], LATER).await.unwrap();
        assert!(bench.store.settle_unsent(unsent, START, LATER).await.unwrap().is_empty());
        assert_eq!(bench.state(&survey.id).await, "sent");
    })
    .await;
}

#[tokio::test]
async fn what_may_be_at_x_for_all_that_it_says_is_not_sent_again() {
    on_each_engine(async |bench| {
        let survey = bench.uncertain("c-1", "7").await;
        let others = bench.uncertain("c-2", "8").await;
        let unsent = bench.store.unsettled(ACCOUNT, SENT_AS).await.unwrap();
        // Somebody else's, by its person; and one of the person alone.
        let (mut foreign, mut nameless) = (told("900", DUE), told("901", DUE));
        foreign.object.to_user_id = Some("9".into());
        nameless.object.to_user_id = Some("7".into());
        bench.store.fold(ACCOUNT, vec![foreign, nameless], DUE).await.unwrap();
        let settled = bench.store.settle_unsent(unsent, START, LATER).await.unwrap();
        assert_eq!(settled.len(), 2);
        assert_eq!(bench.state(&survey.id).await, "failed");
        assert_eq!(bench.state(&others.id).await, "scheduled");
    })
    .await;
}

#[tokio::test]
async fn what_bears_its_name_and_another_date_is_not_sent_again() {
    on_each_engine(async |bench| {
        let survey = bench.uncertain("c-1", "7").await;
        let unsent = bench.store.unsettled(ACCOUNT, SENT_AS).await.unwrap();
        let mut old = of_prompt(told("900", DUE.minus(365 * 24 * HOUR)), "7", "c-1");
        old.object.created_at = Some(DUE.minus(365 * 24 * HOUR));
        bench.store.fold(ACCOUNT, vec![old], DUE).await.unwrap();
        let settled = bench.store.settle_unsent(unsent, START, LATER).await.unwrap();
        assert_eq!(settled.len(), 1);
        assert_eq!(bench.state(&survey.id).await, "failed");

        // The same before a prompt is sent at all: told of since, and made long before.
        let mut old = of_prompt(told("901", DUE), "8", "c-2");
        old.object.created_at = Some(DUE.minus(365 * 24 * HOUR));
        bench.store.fold(ACCOUNT, vec![old], DUE).await.unwrap();
        bench.take(close("c-2", "8", START)).await;
        let leased = bench.lease_one(DUE).await;
        let begun = bench.decide(leased, rules(), ACCOUNT, DUE).await;
        let BeginOutcome::Ended(survey) = begun else { panic!("{begun:?}") };
        assert_eq!(survey.state, State::Suppressed(Reason::Throttled));
    })
    .await;
}

#[tokio::test]
async fn another_try_is_not_settled_by_the_reading_for_the_one_before() {
    on_each_engine(async |bench| {
        let survey = bench.uncertain("c-1", "7").await;
        let first = bench.store.unsettled(ACCOUNT, SENT_AS).await.unwrap();
        bench.store.settle_unsent(first.clone(), START, LATER).await.unwrap();
        let leased = bench.lease_one(LATER).await;
        let patient = Rules { expire_after: 100 * HOUR, ..rules() };
        let BeginOutcome::Sending(sending) = bench.decide(leased, patient, ACCOUNT, LATER).await
        else {
            panic!("not sending")
        };
        let outcome =
            SendOutcome::Unknown { given_up_at: LATER, why: String::new(), spent_at: LATER };
        bench.store.finish(&sending, outcome, LATER).await.unwrap();
        assert!(bench.store.settle_unsent(first, START, LATER).await.unwrap().is_empty());
        assert_eq!(bench.state(&survey.id).await, "uncertain");
    })
    .await;
}

#[tokio::test]
async fn a_prompt_that_turns_up_after_all_is_sent_whatever_was_thought_of_it() {
    on_each_engine(async |bench| {
        let survey = bench.uncertain("c-1", "7").await;
        let unsent = bench.store.unsettled(ACCOUNT, SENT_AS).await.unwrap();
        bench.store.settle_unsent(unsent, LATER, LATER).await.unwrap();
        assert_eq!(bench.state(&survey.id).await, "expired");
        let found = scored(of_prompt(told("900", LATER), "7", "c-1"), 5, LATER);
        let folded = bench.store.fold(ACCOUNT, vec![found], LATER).await.unwrap();
        assert_eq!((folded.settled.len(), folded.answered.len()), (1, 1));
        assert_eq!(bench.state(&survey.id).await, "answered");
        let day = bench.store.account_status(ACCOUNT, START.minus(SECOND)).await.unwrap();
        assert_eq!(day.prompts_of_day, 1, "it counts as sent again");
    })
    .await;
}

#[tokio::test]
async fn a_prompt_that_x_shows_before_ours_is_sent_takes_its_place() {
    on_each_engine(async |bench| {
        let made = |feedback, created_at| {
            let mut update = of_prompt(told(feedback, created_at), "7", "c-1");
            update.object.created_at = Some(created_at);
            update
        };
        // X's date lacks the close's milliseconds, and its clock may be behind: "900" is of this
        // close.
        let old = made("899", START.minus(2 * HOUR));
        let ours = made("900", START.minus(SECOND));
        bench.store.fold(ACCOUNT, vec![old, ours], START).await.unwrap();
        bench.take(close("c-1", "7", START)).await;
        let leased = bench.lease_one(DUE).await;
        let begun = bench.decide(leased, rules(), ACCOUNT, DUE).await;
        let BeginOutcome::Ended(survey) = begun else { panic!("{begun:?}") };
        let State::Sent(delivery) = &survey.state else { panic!("{survey:?}") };
        assert_eq!(delivery.feedback_id.as_str(), "900", "not one from long before the close");

        bench.take(close("c-2", "8", START)).await;
        let leased = bench.lease_one(DUE).await;
        bench.begin(leased, DUE).await;
    })
    .await;
}

#[tokio::test]
async fn a_prompt_of_the_conversation_is_found_by_whichever_of_its_external_ids() {
    on_each_engine(async |bench| {
        let shown = |feedback, person, name| {
            let mut update = of_prompt(told(feedback, START), person, name);
            update.object.created_at = Some(START);
            update
        };
        // Its surveys are counted from 1 again where they were lost.
        let later = shown("900", "7", "c-1#2");
        let others = [shown("901", "8", "c-2#2"), shown("902", "9", "c-21")];
        let told = [later].into_iter().chain(others).collect();
        bench.store.fold(ACCOUNT, told, START).await.unwrap();
        bench.take(close("c-1", "7", START)).await;
        let leased = bench.lease_one(DUE).await;
        let begun = bench.decide(leased, rules(), ACCOUNT, DUE).await;
        let BeginOutcome::Ended(survey) = begun else { panic!("{begun:?}") };
        assert_eq!(survey.state.delivery().unwrap().feedback_id.as_str(), "900");
        // "c-21" is another conversation, and "c-2#2" another's.
        bench.take(close("c-2", "9", START)).await;
        let leased = bench.lease_one(DUE).await;
        bench.begin(leased, DUE).await;
    })
    .await;
}

#[tokio::test]
async fn people_refused_with_one_code_are_counted_since_the_last_prompt_taken() {
    on_each_engine(async |bench| {
        let refuse = async |person: &str, code| {
            let sending = bench.sending(&format!("c-{person}"), person, START).await;
            bench.store.finish(&sending, refused(Reason::CannotDm, code), DUE).await.unwrap();
            bench.store.refused_people(ACCOUNT, 349).await.unwrap()
        };
        assert_eq!(bench.store.refused_people(ACCOUNT, 349).await.unwrap(), 0);
        assert_eq!(refuse("11", 349).await, 1);
        assert_eq!(refuse("12", 150).await, 1, "another code is another matter");
        assert_eq!(refuse("13", 349).await, 2);
        assert_eq!(bench.store.refused_people("other", 349).await.unwrap(), 0);
        bench.sent("c-14", "14", "900").await;
        assert_eq!(bench.store.refused_people(ACCOUNT, 349).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn the_first_close_is_when_the_account_began() {
    on_each_engine(async |bench| {
        assert_eq!(bench.store.first_close(ACCOUNT).await.unwrap(), None);
        bench.take(close("c-2", "7", START.plus(HOUR))).await;
        bench.take(close("c-1", "7", START)).await;
        assert_eq!(bench.store.first_close(ACCOUNT).await.unwrap(), Some(START));
        assert_eq!(bench.store.first_close("other").await.unwrap(), None);
    })
    .await;
}
