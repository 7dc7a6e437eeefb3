//! Reopenings: what they call off and what they leave alone.

use surveyd::domain::survey::{CancelledBy, State};
use surveyd::store::Error;

use super::*;

#[tokio::test]
async fn a_reopening_calls_off_the_survey_that_waits() {
    on_each_engine(async |bench| {
        let taken = bench.take(close("c-1", "7", START)).await;
        let other = bench.take(close("c-2", "8", START)).await;
        let cancelled = bench.reopen("c-1", START.plus(SECOND)).await;
        assert_eq!(cancelled.as_ref(), Some(&taken.survey_id));
        let state = bench.survey(&taken.survey_id).await.state;
        assert_eq!(state, State::Cancelled(CancelledBy::Reopened));
        let at = START.plus(SECOND).rfc3339();
        let why = format!("reopened at {at}, by source desk");
        assert_eq!(bench.steps(&taken.survey_id).await, [step("cancelled", Some(&why))]);
        assert_eq!(bench.state(&other.survey_id).await, "scheduled");
        assert_eq!(bench.reopen("c-1", START.plus(SECOND)).await, None);
    })
    .await;
}

#[tokio::test]
async fn a_reopening_older_than_the_close_is_ignored() {
    on_each_engine(async |bench| {
        let taken = bench.take(close("c-1", "7", START)).await;
        assert_eq!(bench.reopen("c-1", START.minus(SECOND)).await, None);
        assert_eq!(bench.state(&taken.survey_id).await, "scheduled");
        let now = START.plus(DELAY);
        let leased = bench.lease_one(now).await;
        bench.begin(leased, now).await;
    })
    .await;
}

#[tokio::test]
async fn a_reopening_of_nothing_calls_nothing_off() {
    on_each_engine(async |bench| {
        assert_eq!(bench.reopen("c-1", START).await, None);
        bench.sent("c-2", "7", "900").await;
        assert_eq!(bench.reopen("c-2", START.plus(HOUR)).await, None);
    })
    .await;
}

#[tokio::test]
async fn a_close_that_arrives_after_its_reopening_is_cancelled_as_it_comes_in() {
    on_each_engine(async |bench| {
        bench.reopen("c-1", START.plus(MINUTE)).await;
        let late = bench.take(close("c-1", "7", START)).await;
        assert_eq!((late.state, late.reason.as_deref()), ("cancelled", Some("reopened")));
        assert_eq!(bench.state(&late.survey_id).await, "cancelled");
        let known = bench.take(close("c-1", "7", START)).await;
        assert_eq!((known.survey_id, known.is_new), (late.survey_id.clone(), false));

        let next = bench.take(close("c-1", "7", START.plus(2 * MINUTE))).await;
        assert_eq!((next.state, next.is_new), ("scheduled", true));
        assert_ne!(next.survey_id, late.survey_id);
    })
    .await;
}

#[tokio::test]
async fn only_the_newest_reopening_counts_whatever_the_order() {
    on_each_engine(async |bench| {
        bench.reopen("c-1", START.plus(HOUR)).await;
        bench.reopen("c-1", START).await;
        let between = bench.take(close("c-1", "7", START.plus(MINUTE))).await;
        assert_eq!(between.state, "cancelled");
    })
    .await;
}

#[tokio::test]
async fn a_survey_reopened_while_it_is_claimed_is_not_sent() {
    on_each_engine(async |bench| {
        let taken = bench.take(close("c-1", "7", START)).await;
        let now = START.plus(DELAY);
        let leased = bench.lease_one(now).await;
        assert_eq!(bench.reopen("c-1", now).await, Some(taken.survey_id.clone()));
        let begun = bench.store.begin_send(leased, prompt(), rules(), times(now)).await;
        assert!(matches!(begun, Err(Error::LeaseLost(_))), "{begun:?}");
        assert_eq!(bench.state(&taken.survey_id).await, "cancelled");
    })
    .await;
}

#[tokio::test]
async fn a_reopening_while_the_prompt_is_under_way_changes_nothing() {
    on_each_engine(async |bench| {
        let sending = bench.sending("c-1", "7", START).await;
        let now = START.plus(DELAY);
        assert_eq!(bench.reopen("c-1", now).await, None);
        let sent = bench.store.finish(&sending, accepted("900", now, None), now).await.unwrap();
        assert_eq!(sent.state.name(), "sent");
    })
    .await;
}

#[tokio::test]
async fn a_suppressed_close_is_not_cancelled_by_a_reopening() {
    on_each_engine(async |bench| {
        let at_close = expired(START.plus(DELAY));
        let late = close("c-1", "7", START);
        let taken =
            bench.store.take_close(late, (at_close, None), CARD, None, START).await.unwrap();
        assert_eq!(bench.reopen("c-1", START.plus(SECOND)).await, None);
        assert_eq!(bench.state(&taken.survey_id).await, "expired");
    })
    .await;
}
