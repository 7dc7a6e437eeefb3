//! When somebody sets the clock of surveyd's machine: X's tells which of the two is wrong.

use std::pin::Pin;

use surveyd::domain::event_windows::{ReadingPurpose, SecondLook};
use surveyd::domain::time::Millis;
use surveyd::sandbox::{ApiCall, InjectedFault, Scripted};

use crate::harness::people::{ANA, BEN};
use crate::harness::stage::{Setup, Stage};
use crate::harness::{START, days, hours, minutes, seconds};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

#[tokio::test]
async fn nothing_is_sent_while_the_clock_is_behind_the_record_and_x_says_it_is_wrong() {
    let mut stage = Stage::new().await;
    stage.close("c-1", ANA).await;
    stage.pass(minutes(6)).await;
    stage.set_clock_ahead(-2 * HOUR);
    stage.close("c-2", BEN).await;
    stage.pass(hours(1)).await;
    assert_eq!((stage.prompted(ANA), stage.prompted(BEN)), (1, 0));
    stage.pass(hours(1) + minutes(1)).await;
    assert_eq!((stage.prompted(ANA), stage.prompted(BEN)), (1, 1));
    let refusals: Vec<u16> = stage.refused().iter().map(|call| call.refusal.code).collect();
    assert_eq!(refusals, [135], "the first call, before X has told its time");
}

#[tokio::test]
async fn a_clock_that_ran_ahead_and_is_put_right_holds_nothing_up() {
    for ahead in [2 * HOUR, 400 * DAY] {
        let mut stage = Stage::new().await;
        stage.set_clock_ahead(ahead);
        stage.close("c-1", ANA).await;
        stage.pass(minutes(6)).await;
        assert_eq!(stage.state("c-1").await, "sent");
        stage.set_clock_ahead(0);
        stage.close("c-2", BEN).await;
        stage.pass(minutes(6)).await;
        assert_eq!(stage.prompted(BEN), 1, "held behind an instant that never was");
        assert!(stage.calls(ApiCall::VerifyCredentials) <= 1, "X is asked for the time once");
    }
}

#[tokio::test]
async fn a_full_day_is_xs_day_wherever_our_clock_stands() {
    let setup = Setup { account: "daily_limit = 1", ..Setup::default() };
    let mut stage = Stage::set(setup).await;
    stage.close("c-1", ANA).await;
    stage.pass(minutes(6)).await;
    assert_eq!(stage.prompted(ANA), 1);
    stage.set_clock_ahead(DAY);
    stage.close("c-2", BEN).await;
    stage.pass(hours(23)).await;
    assert_eq!(stage.prompted(BEN), 0);
    stage.pass(hours(1) + minutes(5)).await;
    assert_eq!(stage.prompted(BEN), 1);
}

#[tokio::test]
async fn what_closed_in_time_by_xs_clock_is_sent_though_ours_was_set_ahead() {
    let mut stage = Stage::new().await;
    stage.close("c-1", ANA).await;
    stage.pass(minutes(6)).await;
    stage.close("c-2", BEN).await;
    stage.set_clock_ahead(400 * DAY);
    stage.pass(minutes(6)).await;
    assert_eq!(stage.state("c-2").await, "sent");
}

#[tokio::test]
async fn a_prompt_begun_by_a_wrong_clock_is_found_and_not_sent_again() {
    let setup = Setup { survey: "expire_after = \"3d\"", ..Setup::default() };
    let mut stage = Stage::set(setup).await;
    // As an answer looks that was under way while our clock was put forward by so much.
    let date = jiff::fmt::rfc2822::to_string(&zoned(START.plus(minutes(5 + 5)))).unwrap();
    let body = r#"{"relationship": {"source": {"can_dm": true}}}"#;
    let answer = Scripted::json(200, body).with_header("date", &date);
    stage.fault(ApiCall::Friendship, 1, InjectedFault::instead(answer));
    stage.fault(ApiCall::Create, 1, InjectedFault::cut_after());
    stage.close("c-1", ANA).await;
    stage.pass(minutes(6)).await;
    assert_eq!(stage.state("c-1").await, "uncertain");
    stage.pass(days(2)).await;
    assert_eq!(stage.state("c-1").await, "sent");
    assert_eq!((stage.calls(ApiCall::Create), stage.prompted(ANA)), (1, 1));
}

#[tokio::test]
async fn a_hold_is_not_ended_by_a_clock_that_was_behind_when_it_began() {
    let holds: [(&str, Begins); 2] = [
        ("a rebuild", |stage| Box::pin(stage.hold_for_rebuild())),
        ("a restored backup", |stage| Box::pin(stage.restore_a_backup())),
    ];
    for (what, begin) in holds {
        let mut stage = Stage::new().await;
        stage.close("c-1", ANA).await;
        stage.pass(minutes(6)).await;
        assert_eq!(stage.prompted(ANA), 1);
        stage.set_clock_ahead(-2 * DAY);
        begin(&stage).await;
        stage.set_clock_ahead(0);
        stage.close("c-2", BEN).await;
        stage.pass(hours(11)).await;
        assert_eq!(stage.prompted(BEN), 0, "{what}: X's events are a day late");
        stage.close("c-3", BEN).await;
        stage.pass(hours(11)).await;
        stage.close("c-4", BEN).await;
        stage.pass(hours(4)).await;
        assert_eq!(stage.prompted(BEN), 1, "{what}: X's events have been read past it");
    }
}

#[tokio::test]
async fn a_hold_of_a_clock_that_stays_behind_ends_by_xs() {
    let mut stage = Stage::new().await;
    stage.close("c-1", ANA).await;
    stage.pass(minutes(6)).await;
    stage.set_clock_ahead(-2 * DAY);
    stage.restore_a_backup().await;
    stage.pass(hours(1)).await;
    let began = stage.sandbox.now().minus(hours(1));
    let hold = stage.store.hold("acme").await.unwrap().expect("it goes on");
    let until = hold.until_at.expect("X has told the time");
    assert!(until.since(began) <= minutes(1) && began.since(until) <= seconds(2), "{until:?}");
}

#[tokio::test]
async fn answers_are_seen_in_minutes_after_a_clock_that_ran_ahead_is_put_right() {
    let setup = Setup { poll: "interval = \"5m\"", ..Setup::default() };
    let mut stage = Stage::set(setup).await;
    stage.close("c-1", ANA).await;
    stage.pass(minutes(10)).await;
    stage.set_clock_ahead(DAY);
    stage.close("c-2", BEN).await;
    stage.pass(minutes(8)).await;
    assert_eq!(stage.state("c-2").await, "sent");
    stage.set_clock_ahead(0);
    stage.answer(ANA, Some(4), None);
    stage.answer(BEN, Some(5), None);
    stage.pass(minutes(10)).await;
    for conversation in ["c-1", "c-2"] {
        assert_eq!(stage.state(conversation).await, "answered");
    }
}

#[tokio::test]
async fn a_prompt_that_was_never_asked_about_is_not_put_off_by_a_clock_that_ran_ahead() {
    let setup = Setup { poll: "interval = \"5m\"", ..Setup::default() };
    let mut stage = Stage::set(setup).await;
    stage.set_clock_ahead(DAY);
    stage.close("c-1", ANA).await;
    stage.pass(minutes(5)).await;
    assert_eq!((stage.prompted(ANA), stage.calls(ApiCall::Show)), (1, 0));
    stage.set_clock_ahead(0);
    stage.answer(ANA, Some(4), None);
    stage.pass(minutes(10)).await;
    assert_eq!(stage.state("c-1").await, "answered");
}

#[tokio::test]
async fn a_pause_made_by_a_clock_that_ran_ahead_is_asked_about_as_soon_as_any() {
    let mut stage = Stage::new().await;
    let refusal = Scripted::error(401, 32, "Could not authenticate you.");
    stage.set_clock_ahead(DAY);
    stage.fault(ApiCall::Create, 1, InjectedFault::instead(refusal));
    stage.close("c-1", ANA).await;
    stage.pass(minutes(5)).await;
    assert!(stage.store.paused("acme").await.unwrap().is_some());
    stage.set_clock_ahead(0);
    stage.pass(minutes(2)).await;
    assert_eq!(stage.store.paused("acme").await.unwrap(), None);
}

#[tokio::test]
async fn events_are_read_on_after_x_s_own_clock_stood_ahead() {
    for ahead in [2 * HOUR, 3 * DAY] {
        let mut stage = Stage::new().await;
        stage.close("c-1", ANA).await;
        stage.pass(hours(1)).await;
        stage.set_x_ahead(ahead);
        stage.pass(hours(1)).await;
        stage.set_x_ahead(0);
        stage.pass(minutes(30)).await;
        let refused = stage.refused().len();
        // What is lost now begins again where it lay, and not where X's clock stood.
        let lost = Scripted::error(400, 44, "cursor parameter is invalid.");
        stage.fault(ApiCall::Events, 2, InjectedFault::instead(lost));
        stage.pass(minutes(30)).await;
        let told: Vec<String> =
            stage.refused().iter().skip(refused).map(|call| format!("{call:?}")).collect();
        assert!(told.is_empty(), "{ahead}: {told:?}");
        for reading in [
            ReadingPurpose::First,
            ReadingPurpose::Second(SecondLook::Day),
            ReadingPurpose::Second(SecondLook::Week),
        ] {
            let state = stage.store.reading("acme", reading).await.unwrap();
            let to_come =
                state.done_to.max(state.goal).filter(|to| *to > stage.now().minus(hours(24)));
            assert_eq!(to_come, None, "{ahead}: counts as read by {reading:?}");
        }
        assert_lag(&stage, ahead).await;
        stage.answer(ANA, Some(4), None);
        stage.pass(hours(25)).await;
        assert_eq!(stage.state("c-1").await, "answered", "{ahead}");
    }
}

/// What is too late by our clock waits for X's word, and must not spend all calls that X grants for
/// it.
#[tokio::test]
async fn an_x_that_is_away_is_asked_for_the_time_ever_more_rarely() {
    let setup = Setup { survey: "expire_after = \"1h\"", ..Setup::default() };
    let mut stage = Stage::set(setup).await;
    stage.close("c-1", ANA).await;
    for call in ApiCall::ALL {
        stage.fault(call, u32::MAX, InjectedFault::cut_before());
    }
    stage.pass(hours(1) + minutes(6)).await;
    let before = stage.calls(ApiCall::VerifyCredentials);
    stage.pass(minutes(14)).await;
    let asked = stage.calls(ApiCall::VerifyCredentials) - before;
    assert!((1..=8).contains(&asked), "{asked} times in 14 minutes");
    assert_eq!(stage.state("c-1").await, "scheduled", "ended by our clock alone");
}

type Begins = for<'a> fn(&'a Stage) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

fn zoned(at: Millis) -> jiff::Zoned {
    jiff::Timestamp::from_millisecond(at.0).unwrap().to_zoned(jiff::tz::TimeZone::UTC)
}

#[tokio::test]
async fn how_far_the_reading_is_behind_is_told_by_xs_clock_wherever_ours_stands() {
    for ahead in [-2 * HOUR, 2 * HOUR, 400 * DAY] {
        let mut stage = Stage::new().await;
        stage.close("c-1", ANA).await;
        stage.pass(hours(1)).await;
        stage.set_clock_ahead(ahead);
        stage.pass(hours(2)).await;
        assert_lag(&stage, ahead).await;
        // Put right, and nothing has been read since.
        stage.set_clock_ahead(0);
        if ahead < 0 {
            // Time may have passed as well: what is read next tells.
            stage.pass(hours(1)).await;
        }
        assert_lag(&stage, ahead).await;
    }
}

async fn assert_lag(stage: &Stage, ahead: i64) {
    let status = stage.store.account_status("acme", START).await.unwrap();
    let lag = status.events.lag(stage.now(), hours(24)).unwrap();
    let told = format!("{lag:?}, our clock {ahead} s ahead");
    assert!(lag.beyond_horizon <= minutes(40), "{told}");
    assert!((hours(24)..hours(25)).contains(&lag.whole), "{told}");
}
