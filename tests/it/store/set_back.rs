//! What a clock that ran ahead has left in the future.

use surveyd::domain::survey::State;
use surveyd::domain::waiting::PutOffReason;
use surveyd::store::{Hold, SendOutcome};

use super::*;

const DUE: Millis = Millis(START.0 + 300_000);

#[tokio::test]
async fn what_was_put_off_in_the_future_is_due_at_once_and_what_was_put_off_before_waits() {
    on_each_engine(async |bench| {
        let pulled =
            async |now| bench.store.pull_back_tries(ACCOUNT, Millis(0), now).await.unwrap();
        let taken = bench.take(close("c-1", "7", START)).await;
        let leased = bench.lease_one(DUE).await;
        bench.store.release(leased, DUE.plus(HOUR)).await.unwrap();
        let why = async |now| {
            let next = bench.store.next_look(&taken.survey_id, now).await.unwrap();
            next.expect("it is scheduled").put_off.expect("it was put off")
        };
        let put_off = why(DUE).await;
        assert_eq!((put_off.until, put_off.since), (DUE.plus(HOUR), Some(DUE)));
        assert_eq!(
            put_off.why,
            PutOffReason::Other,
            "neither claimed nor of a clock that ran ahead"
        );
        assert_eq!(pulled(DUE).await, 0, "it waits for what it was put off for");
        let before = DUE.minus(2 * MINUTE);
        assert_eq!(why(before).await.why, PutOffReason::ClockAhead);
        assert_eq!(pulled(before).await, 1);
        assert_eq!(pulled(before).await, 0);
        assert_eq!(bench.lease_due(10, before).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_close_taken_in_by_a_clock_that_ran_ahead_is_due_after_its_delay() {
    on_each_engine(async |bench| {
        bench.take(close("c-1", "7", START)).await;
        let before = START.minus(HOUR);
        assert_eq!(bench.store.pull_back_tries(ACCOUNT, Millis(0), before).await.unwrap(), 1);
        assert!(bench.lease_due(10, before.plus(DELAY).minus(SECOND)).await.is_empty());
        assert_eq!(bench.lease_due(10, before.plus(DELAY)).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_is_too_late_is_due_whatever_it_waits_for() {
    on_each_engine(async |bench| {
        bench.take(close("c-1", "7", START)).await;
        let leased = bench.lease_one(DUE).await;
        bench.store.release(leased, DUE.plus(HOUR)).await.unwrap();
        let late = START.plus(SECOND);
        assert_eq!(bench.store.pull_back_tries(ACCOUNT, late, DUE).await.unwrap(), 1);
        assert_eq!(bench.store.too_late(ACCOUNT, late, DUE).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn prompts_that_are_dated_ahead_count_as_sent_now() {
    on_each_engine(async |bench| {
        let survey = bench.sent("c-1", "7", "900").await;
        let before = DUE.minus(HOUR);
        let pull = async |after| bench.store.pull_back_spent(ACCOUNT, before, after).await.unwrap();
        assert_eq!(pull(DUE).await, 0);
        assert_eq!(pull(before).await, 1);
        let State::Sent(delivery) = bench.survey(&survey.id).await.state else { panic!() };
        assert_eq!(delivery.sent_at, before);
        let day = bench.store.account_status(ACCOUNT, before.minus(HOUR)).await.unwrap();
        assert_eq!((day.prompts_of_day, day.latest_of_day), (1, Some(before)));
    })
    .await;
}

#[tokio::test]
async fn a_request_that_ended_in_the_future_has_ended_now_by_the_clock_that_said_so() {
    on_each_engine(async |bench| {
        let sending = bench.sending("c-1", "7", START).await;
        let year = DUE.plus(24 * 365 * HOUR);
        let outcome =
            SendOutcome::Unknown { given_up_at: year, why: String::new(), spent_at: year };
        bench.store.finish(&sending, outcome, DUE).await.unwrap();
        let later = DUE.plus(MINUTE);
        let redate = async || {
            let clocks = (later, later);
            bench.store.redate_unsettled(ACCOUNT, later, clocks, later.plus(MINUTE)).await.unwrap()
        };
        assert_eq!(redate().await, 1);
        assert_eq!(redate().await, 0);
        let unsettled = bench.store.unsettled(ACCOUNT, SENT_AS).await.unwrap();
        assert_eq!((unsettled[0].given_up_at, unsettled[0].given_up_here), (later, DUE));
        let day = bench.store.account_status(ACCOUNT, START).await.unwrap();
        assert_eq!(day.latest_of_day, Some(later.plus(MINUTE)));
    })
    .await;
}

#[tokio::test]
async fn a_request_that_may_be_under_way_ends_later_and_has_begun_before_now() {
    on_each_engine(async |bench| {
        let sending = bench.sending("c-1", "7", START).await;
        let year = DUE.plus(24 * 365 * HOUR);
        let outcome =
            SendOutcome::Unknown { given_up_at: year, why: String::new(), spent_at: year };
        bench.store.finish(&sending, outcome, DUE).await.unwrap();
        // It is earlier than its beginning by the clock that was wrong.
        let now_at_x = DUE.minus(30 * SECOND);
        let ended = now_at_x.plus(LEASE);
        let clocks = (ended, ended);
        let redated = bench.store.redate_unsettled(ACCOUNT, now_at_x, clocks, ended).await;
        assert_eq!(redated.unwrap(), 1);
        let unsettled = bench.store.unsettled(ACCOUNT, SENT_AS).await.unwrap();
        assert_eq!(unsettled[0].given_up_at, ended);
        assert_eq!(unsettled[0].begun_at, now_at_x.minus(24 * HOUR));
    })
    .await;
}

#[tokio::test]
async fn a_hold_that_ends_in_the_future_loses_that_end_and_no_other() {
    on_each_engine(async |bench| {
        bench.store.hold_for_rebuild(ACCOUNT, START, DUE).await.unwrap();
        let year = DUE.plus(24 * 365 * HOUR);
        bench.store.date_hold(ACCOUNT, year).await.unwrap();
        bench.store.undate_hold(ACCOUNT, DUE).await.unwrap();
        let hold = async || bench.store.hold(ACCOUNT).await.unwrap();
        assert_eq!(hold().await, Some(Hold { until_at: Some(year), doubt: None }));
        bench.store.undate_hold(ACCOUNT, year).await.unwrap();
        assert_eq!(hold().await, Some(Hold { until_at: None, doubt: None }));
    })
    .await;
}
