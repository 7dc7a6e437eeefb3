//! Surveys that end unsent: too late, or called off by hand.

use surveyd::domain::survey::{CancelledBy, State};
use surveyd::store::{Error, Looked};

use super::*;

impl Bench {
    async fn expire(&self, closed_before: Millis, now: Millis) -> Vec<Survey> {
        let late = self.store.too_late(ACCOUNT, closed_before, now).await.unwrap();
        self.store.expire(late, None, closed_before, now).await.unwrap()
    }
}

#[tokio::test]
async fn what_is_due_and_too_old_expires() {
    on_each_engine(async |bench| {
        let old = bench.take(close("c-old", "7", START)).await;
        let edge = bench.take(close("c-edge", "8", START.plus(HOUR))).await;
        let now = START.plus(2 * HOUR);
        let later = bench.take(close("c-later", "9", now)).await;
        let elsewhere = Close { account: "other".into(), ..close("c-0", "7", START) };
        let elsewhere = bench.take(elsewhere).await;

        let expired = bench.expire(START.plus(HOUR), now).await;
        assert_eq!(expired.len(), 1);
        assert_eq!((&expired[0].id, &expired[0].state), (&old.survey_id, &State::Expired));
        assert_eq!(bench.state(&old.survey_id).await, "expired");
        let due_at = START.plus(DELAY).rfc3339();
        let said =
            format!("it was due at {due_at}, and no daemon looked at it before it was too late");
        assert_eq!(bench.steps(&old.survey_id).await, [step("expired", Some(&said))]);
        for id in [edge.survey_id, later.survey_id, elsewhere.survey_id] {
            assert_eq!(bench.state(&id).await, "scheduled");
        }
    })
    .await;
}

#[tokio::test]
async fn what_a_survey_that_expires_waited_for_last_stands_in_its_history() {
    on_each_engine(async |bench| {
        let (due, now) = (START.plus(DELAY), START.plus(13 * HOUR));
        let not_told = "X did not tell whether the person can be messaged: code 130: over capacity";
        let mut ids = Vec::new();
        for conversation in ["c-untold", "c-retried", "c-held", "c-late"] {
            ids.push(bench.take(close(conversation, "7", START)).await.survey_id);
            let leased = bench.lease_one(due).await;
            match conversation {
                // Two tries are one line, with the last answer.
                "c-untold" => {
                    let store = &bench.store;
                    store.put_off_failed(leased, due, "no answer".into(), due).await.unwrap();
                    let (again, why) = (bench.lease_one(due).await, "code 130: over capacity");
                    store.put_off_failed(again, now, why.into(), due).await.unwrap();
                }
                "c-retried" => {
                    bench.store.release(leased, now).await.unwrap();
                    bench.store.cancel(ids[1].clone(), due).await.unwrap();
                    bench.store.retry(ids[1].clone(), due).await.unwrap().unwrap();
                    let leased = bench.lease_one(due).await;
                    bench.store.release(leased, now).await.unwrap();
                }
                _ => bench.store.release(leased, now).await.unwrap(),
            }
        }
        let [untold, retried, held, late] = &ids[..] else { panic!("{ids:?}") };
        assert_eq!(bench.steps(untold).await, [step("scheduled", Some(not_told))]);
        let ended = |id: &SurveyId, held_back_by: Option<&str>| {
            let held_back_by = held_back_by.map(str::to_owned);
            bench.store.expire(vec![id.clone()], held_back_by, now, now)
        };
        for id in [untold, retried] {
            ended(id, None).await.unwrap();
        }
        ended(held, Some("account acme is paused")).await.unwrap();
        let last = async |id| bench.steps(id).await.pop().unwrap();
        let said = format!("what it waited for last: {not_told}");
        assert_eq!(last(untold).await, step("expired", Some(&said)));
        let said = "what it waited for last: account acme is paused";
        assert_eq!(last(held).await, step("expired", Some(said)));
        let said = format!(
            "it was due at {}; what it waited for since is not on record, but for the log \
             (sends.waiting)",
            due.rfc3339()
        );
        assert_eq!(last(retried).await, step("expired", Some(&said)));

        // One whose own rules end it sooner than the account's: as it is looked at.
        let leased = bench.lease_one(now).await;
        assert_eq!(&leased.survey.id, late);
        let looked = bench.store.look(leased, rules(), times(now)).await.unwrap();
        assert!(matches!(looked, Looked::Ended(_)), "{looked:?}");
        assert_eq!(last(late).await, step("expired", Some(&said)));
    })
    .await;
}

#[tokio::test]
async fn a_backlog_expires_a_hundred_at_a_time() {
    on_each_engine(async |bench| {
        bench.take_many(150, START).await;
        let now = START.plus(HOUR);
        let mut batches = Vec::new();
        for _ in 0..3 {
            batches.push(bench.expire(now, now).await.len());
        }
        assert_eq!(batches, [100, 50, 0]);
    })
    .await;
}

#[tokio::test]
async fn what_is_under_way_or_claimed_does_not_expire() {
    on_each_engine(async |bench| {
        let sending = bench.sending("c-1", "7", START).await;
        let now = START.plus(DELAY);
        bench.take(close("c-2", "8", START)).await;
        let leased = bench.lease_one(now).await;
        assert!(bench.expire(now, now).await.is_empty());
        bench.begin(leased, now).await;
        assert_eq!(bench.state(&sending.survey().id).await, "sending");
    })
    .await;
}

#[tokio::test]
async fn only_a_survey_that_waits_is_called_off_by_hand() {
    on_each_engine(async |bench| {
        let waiting = bench.take(close("c-1", "7", START)).await.survey_id;
        let cancelled = bench.store.cancel(waiting.clone(), START).await.unwrap();
        assert_eq!(cancelled.state, State::Cancelled(CancelledBy::Operator));
        assert_eq!(bench.survey(&waiting).await, cancelled);
        assert_eq!(bench.steps(&waiting).await, [step("cancelled", Some("operator"))]);
        assert_eq!(bench.store.next_due(ACCOUNT).await.unwrap(), None);

        let sent = bench.sent("c-2", "8", "900").await;
        let refused = bench.store.cancel(sent.id.clone(), START).await.unwrap_err().to_string();
        assert!(refused.contains("a survey that is sent cannot"), "{refused}");
        assert_eq!(bench.state(&sent.id).await, "sent");
        assert!(bench.store.cancel(SurveyId::new("none"), START).await.is_err());
        assert_eq!(bench.steps(&sent.id).await.len(), 2, "a step that was refused leaves no trace");
    })
    .await;
}

#[tokio::test]
async fn a_claim_does_not_outlive_a_hand_that_calls_it_off() {
    on_each_engine(async |bench| {
        let id = bench.take(close("c-1", "7", START)).await.survey_id;
        let now = START.plus(DELAY);
        let leased = bench.lease_one(now).await;
        bench.store.cancel(id, now).await.unwrap();
        let lost = bench.store.begin_send(leased, prompt(), rules(), times(now)).await;
        assert!(matches!(lost, Err(Error::LeaseLost(_))), "{lost:?}");
    })
    .await;
}
