//! When the dates of X's answers are wrong, once or for a while: nobody is prompted twice for it,
//! and once they are right nothing is stuck or lost. X itself goes by the true time throughout.

use surveyd::sandbox::{ApiCall, InjectedFault, Scripted};

use crate::harness::people::{ANA, BEN};
use crate::harness::stage::{Setup, Stage};
use crate::harness::{days, hours, minutes};

const SECOND: i64 = 1_000;
const HOUR: i64 = 3_600 * SECOND;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

const OFFSETS: [i64; 8] = [-DAY, -HOUR, -90 * SECOND, -50 * SECOND, 50 * SECOND, HOUR, DAY, YEAR];

/// Answers for as long as the story wants.
const ALL: u32 = u32::MAX;

/// What becomes of the request that prompts.
#[derive(Clone, Copy, Debug)]
enum Ends {
    Answered,
    LostBefore,
    LostAfter,
    LostAndLate,
}

impl Ends {
    const ALL: [Self; 4] = [Self::Answered, Self::LostBefore, Self::LostAfter, Self::LostAndLate];

    fn order(self, stage: &Stage) {
        let fault = match self {
            Self::Answered => return,
            Self::LostBefore => InjectedFault::cut_before(),
            Self::LostAfter => InjectedFault::cut_after(),
            Self::LostAndLate => InjectedFault::done_later(crate::harness::seconds(50)),
        };
        stage.fault(ApiCall::Create, 1, fault);
    }
}

/// From when on the dates are wrong.
#[derive(Clone, Copy, Debug)]
enum Since {
    TheStart,
    /// Earlier calls have told the time.
    LookUp,
    Create,
    /// While what became of it is not known yet.
    AnHourLater,
}

impl Since {
    const ALL: [Self; 4] = [Self::TheStart, Self::LookUp, Self::Create, Self::AnHourLater];
}

/// The cases of a table; all of them where that is asked for, as `tests/long clock` does.
fn cases() -> Vec<(Since, Ends, i64)> {
    let all = Since::ALL.into_iter().flat_map(|since| {
        let ends = Ends::ALL.into_iter();
        ends.flat_map(move |ends| OFFSETS.into_iter().map(move |ahead| (since, ends, ahead)))
    });
    let is_in_full = std::env::var_os("SURVEYD_DATES_IN_FULL").is_some();
    // Seven and the eight offsets have no factor in common: in short, each meets each in turn.
    all.step_by(if is_in_full { 1 } else { 7 }).collect()
}

/// One prompt through it. In the end all dates are right for three days.
async fn live(ahead: i64, since: Since, ends: Ends, (times, length): (u32, std::time::Duration)) {
    let told = format!("{ahead} ms, from {since:?}, {ends:?}, {times} times for {length:?}");
    let setup = Setup {
        survey: "expire_after = \"8d\"",
        account: "daily_limit_per_user = 1000",
        poll: "interval = \"2h\"",
        ..Setup::default()
    };
    let mut stage = Stage::set(setup).await;
    ends.order(&stage);
    let misdate = |stage: &Stage, call| stage.x(|world| world.misdate(call, times, ahead));
    match since {
        Since::TheStart => misdate(&stage, None),
        Since::LookUp | Since::Create | Since::AnHourLater => {
            stage.pass(minutes(121)).await;
        }
    }
    stage.close("c-1", ANA).await;
    match since {
        Since::LookUp => misdate(&stage, Some(ApiCall::Friendship)),
        Since::Create => misdate(&stage, Some(ApiCall::Create)),
        Since::TheStart | Since::AnHourLater => {}
    }
    stage.pass(hours(1)).await;
    if let Since::AnHourLater = since {
        misdate(&stage, None);
    } else if times == ALL {
        stage.x(|world| world.misdate(None, times, ahead));
    }
    stage.pass(length).await;
    stage.x(|world| world.misdate(None, 0, 0));
    assert!(stage.prompted(ANA) <= 1, "prompted twice: {told}");
    stage.pass(days(3)).await;
    assert_eq!(stage.prompted(ANA), 1, "{told}: {}", stage.state("c-1").await);
    assert_eq!(stage.state("c-1").await, "sent", "{told}");
    // The account works as ever.
    stage.close("c-2", BEN).await;
    stage.pass(minutes(10)).await;
    assert_eq!(stage.state("c-2").await, "sent", "{told}");
    stage.answer(ANA, Some(4), None);
    stage.pass(days(2)).await;
    assert_eq!(stage.state("c-1").await, "answered", "{told}");
}

#[tokio::test]
async fn one_wrong_date_prompts_nobody_twice_and_leaves_nothing_stuck() {
    for (since, ends, ahead) in cases() {
        live(ahead, since, ends, (1, hours(1))).await;
    }
}

#[tokio::test]
async fn dates_that_are_wrong_for_a_while_prompt_nobody_twice_and_leave_nothing_stuck() {
    for (since, ends, ahead) in cases() {
        live(ahead, since, ends, (ALL, hours(3))).await;
    }
}

#[tokio::test]
async fn dates_that_are_wrong_for_longer_than_xs_horizon_prove_no_miss() {
    for ahead in [-DAY, -HOUR, HOUR, YEAR] {
        live(ahead, Since::TheStart, Ends::LostAfter, (ALL, days(2))).await;
    }
}

/// X refuses a clock that is hours wrong, and then ours counts no more: but it does for what it
/// dated before, while X's dates were what was wrong.
#[tokio::test]
async fn a_request_that_xs_dates_and_then_our_clock_are_wrong_about_is_not_sent_again() {
    let offsets = [(-DAY, 2 * HOUR), (-DAY, DAY), (-HOUR, HOUR), (DAY, -2 * HOUR)];
    for since in [Since::LookUp, Since::AnHourLater] {
        for (ahead, clock_ahead) in offsets {
            wrong_in_turn(since, ahead, (0, clock_ahead)).await;
        }
    }
}

/// By what X takes in place of our clock.
#[tokio::test]
async fn a_request_that_both_are_wrong_about_at_once_is_not_sent_again() {
    for (ahead, clock_ahead) in [(-DAY, -2 * HOUR), (-HOUR, -2 * HOUR), (-DAY, 2 * HOUR)] {
        for then in [0, 2 * HOUR] {
            wrong_in_turn(Since::LookUp, ahead, (clock_ahead, then)).await;
        }
    }
}

async fn wrong_in_turn(since: Since, ahead: i64, (before, then): (i64, i64)) {
    let told =
        format!("dates {ahead} ms ahead from {since:?}, our clock {before} ms, then {then} ms");
    let setup = Setup {
        survey: "expire_after = \"8d\"\nthrottle = \"0s\"",
        account: "daily_limit_per_user = 10",
        world: |world| world.accounts[0].per_recipient_limit = 10,
        poll: "interval = \"2h\"",
        ..Setup::default()
    };
    let mut stage = Stage::set(setup).await;
    stage.set_clock_ahead(before / SECOND);
    stage.pass(minutes(121)).await;
    if let Since::LookUp = since {
        // By two dates before the request, so that they count.
        stage.x(|world| world.misdate(None, ALL, ahead));
        stage.close("c-0", BEN).await;
        stage.pass(minutes(6)).await;
        assert_eq!(stage.prompted(BEN), 1);
    }
    Ends::LostAndLate.order(&stage);
    stage.close("c-1", ANA).await;
    stage.pass(minutes(6)).await;
    assert_eq!(stage.state("c-1").await, "uncertain", "{told}");
    stage.x(|world| world.misdate(None, ALL, ahead));
    stage.pass(minutes(150)).await;
    stage.x(|world| world.misdate(None, 0, 0));
    stage.set_clock_ahead(then / SECOND);
    stage.pass(days(2)).await;
    stage.set_clock_ahead(0);
    stage.pass(days(2)).await;
    assert_eq!(stage.prompted(ANA), 1, "{told}");
    assert_eq!(stage.state("c-1").await, "sent", "{told}");
}

#[tokio::test]
async fn prompts_that_a_wrong_date_put_into_next_year_fill_todays_limit_only() {
    let setup = Setup { account: "daily_limit = 3", ..Setup::default() };
    let mut stage = Stage::set(setup).await;
    stage.x(|world| world.misdate(None, ALL, YEAR));
    stage.pass(hours(1)).await;
    for person in 0..3 {
        stage.close(&format!("c-{person}"), ANA + 10 + person).await;
    }
    stage.pass(hours(1)).await;
    stage.x(|world| world.misdate(None, 0, 0));
    stage.pass(hours(23)).await;
    stage.close("c-9", BEN).await;
    stage.pass(hours(4)).await;
    assert_eq!(stage.prompts().len(), 4);
    assert_eq!(stage.state("c-9").await, "sent");
}

#[tokio::test]
async fn a_reset_of_next_year_stalls_nothing_for_longer_than_xs_window() {
    let mut stage = Stage::new().await;
    let next_year = (stage.now().0 + YEAR) / 1_000;
    let limited = Scripted::error(429, 88, "Rate limit exceeded")
        .with_header("x-rate-limit-reset", &next_year.to_string());
    for call in [ApiCall::Friendship, ApiCall::Events] {
        stage.fault(call, 1, InjectedFault::instead(limited.clone()));
    }
    stage.close("c-1", ANA).await;
    stage.pass(minutes(30)).await;
    assert_eq!(stage.state("c-1").await, "sent");
}

#[tokio::test]
async fn a_survey_put_off_by_a_clock_that_ran_ahead_waits_no_longer_than_any() {
    for restarts in [false, true] {
        let mut stage = Stage::new().await;
        stage.close("c-0", BEN).await;
        stage.pass(minutes(10)).await;
        let answer = Scripted::error(503, 130, "Over capacity");
        stage.fault(ApiCall::Friendship, 1, InjectedFault::instead(answer));
        stage.close("c-1", ANA).await;
        stage.set_clock_ahead(3_600);
        stage.work().await;
        assert_eq!(stage.state("c-1").await, "scheduled");
        stage.set_clock_ahead(0);
        if restarts {
            stage.restart().await;
        }
        stage.pass(minutes(12)).await;
        assert_eq!(stage.state("c-1").await, "sent", "after a restart: {restarts}");
    }
}

#[tokio::test]
async fn what_is_too_late_expires_whatever_it_waits_for() {
    let setup = Setup { survey: "expire_after = \"2h\"", ..Setup::default() };
    let mut stage = Stage::set(setup).await;
    stage.pass(minutes(1)).await;
    stage.close("c-1", ANA).await;
    let answer = Scripted::error(503, 130, "Over capacity");
    stage.fault(ApiCall::Friendship, 100_000, InjectedFault::instead(answer));
    stage.set_clock_ahead(90 * 60);
    stage.work().await;
    stage.set_clock_ahead(0);
    stage.pass(hours(2) + minutes(6)).await;
    assert_eq!(stage.state("c-1").await, "expired");
}

#[tokio::test]
async fn a_close_is_not_too_late_by_our_clock_alone() {
    let mut stage = Stage::new().await;
    stage.pass(minutes(31)).await;
    let close = stage.closed("c-1", ANA);
    stage.set_clock_ahead(24 * 3_600);
    stage.pass(minutes(31)).await;
    let taken = stage.close_as(close).await;
    assert_eq!(taken.state, "scheduled");
    stage.pass(minutes(6)).await;
    assert_eq!(stage.state("c-1").await, "sent");
}

#[tokio::test]
async fn a_hold_that_a_wrong_date_began_with_ends_only_past_it() {
    for ahead in [-DAY, YEAR] {
        for times in [1, ALL] {
            let mut stage = Stage::new().await;
            stage.close("c-0", ANA).await;
            stage.pass(minutes(10)).await;
            stage.restore_a_backup().await;
            stage.x(|world| world.misdate(None, times, ahead));
            stage.pass(hours(2)).await;
            stage.x(|world| world.misdate(None, 0, 0));
            stage.close("c-1", BEN).await;
            stage.pass(hours(11)).await;
            assert_eq!(stage.prompted(BEN), 0, "{ahead} ms, {times} times: a day late");
            stage.pass(hours(14)).await;
            stage.close("c-2", BEN).await;
            stage.pass(minutes(31)).await;
            assert_eq!(stage.prompted(BEN), 1, "{ahead} ms, {times} times: stuck");
        }
    }
}
