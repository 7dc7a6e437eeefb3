//! Days on which X's dates and our clock are wrong by turns and at once, surveyd restarts, and
//! answers are lost: nobody is prompted twice for one close, and nobody is left out. X itself goes
//! by the true time. A seed decides; the same seed gives the same days.

use std::time::Duration;

use surveyd::sandbox::{ApiCall, InjectedFault};

use crate::harness::people::ANA;
use crate::harness::stage::{Setup, Stage};
use crate::harness::{days, hours, minutes, seconds};
use crate::simulation::dice::Dice;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// How far X's dates are ahead while they are wrong, in seconds.
const DATES: [i64; 8] = [-DAY, -HOUR, -90, -50, 50, HOUR, DAY, 365 * DAY];
/// How far our clock is ahead while it is wrong, in seconds.
const CLOCK: [i64; 9] = [-DAY, -2 * HOUR, -5 * MINUTE, -90, 50, 5 * MINUTE, HOUR, 2 * HOUR, DAY];

/// Seeds of the suite, and of its long form, `tests/long clock`.
const SHORT: u64 = 4;
const LONG: u64 = 500;
const SEED: &str = "SURVEYD_DISORDER_SEED";

#[tokio::test]
async fn clocks_in_disorder_prompt_nobody_twice_and_leave_nobody_out() {
    if let Ok(seed) = std::env::var(SEED) {
        return live(seed.parse().expect("a number"), true).await;
    }
    let is_in_full = std::env::var_os("SURVEYD_DATES_IN_FULL").is_some();
    for seed in 0..if is_in_full { LONG } else { SHORT } {
        live(seed, false).await;
    }
}

async fn live(seed: u64, is_told: bool) {
    let mut dice = Dice::of(seed, "disorder");
    let setup = Setup {
        // Nothing but the proof keeps a person from being asked again.
        survey: "expire_after = \"8d\"\nthrottle = \"0s\"",
        account: "daily_limit_per_user = 10",
        poll: "interval = \"2h\"",
        world: |world| world.accounts[0].per_recipient_limit = 10,
        ..Setup::default()
    };
    let mut stage = Stage::set(setup).await;
    let began = stage.sandbox.now();
    let mut closes = 0;
    while stage.sandbox.now() < began.plus(days(2)) {
        let deed = deed(&mut stage, &mut dice, &mut closes).await;
        let length = match dice.below(4) {
            0 => dice.between(Duration::ZERO, seconds(20)),
            1 | 2 => dice.between(Duration::ZERO, minutes(15)),
            _ => dice.between(Duration::ZERO, hours(6)),
        };
        if is_told {
            let at = stage.sandbox.now().since(began);
            println!("{at:?}, ours {}: {deed}, then {length:?}", stage.now().rfc3339());
        }
        stage.pass(length).await;
        assert_none_twice(&stage, closes, seed);
    }
    stage.x(|world| world.misdate(None, 0, 0));
    stage.set_clock_ahead(0);
    stage.pass(days(3)).await;
    assert_none_twice(&stage, closes, seed);
    let states = stage.states().await;
    for close in 0..closes {
        assert_eq!(states[&name(close)], "sent", "{}, {SEED}={seed}", name(close));
        assert_eq!(prompts(&stage, close), 1, "{}, {SEED}={seed}", name(close));
    }
}

/// One thing happens. What it was.
async fn deed(stage: &mut Stage, dice: &mut Dice, closes: &mut u64) -> String {
    match dice.below(10) {
        0..=3 => {
            let fault = match dice.below(4) {
                0 => None,
                1 => Some(InjectedFault::cut_before()),
                2 => Some(InjectedFault::cut_after()),
                _ => Some(InjectedFault::done_later(dice.between(seconds(1), seconds(55)))),
            };
            let told = format!("{} closes, {fault:?}", name(*closes));
            if let Some(fault) = fault {
                stage.fault(ApiCall::Create, 1, fault);
            }
            let mut close = stage.closed(&name(*closes), ANA + *closes);
            close.closed_at = stage.sandbox.now();
            stage.close_as(close).await;
            *closes += 1;
            told
        }
        4 | 5 => {
            let (times, ahead) = (*dice.pick(&[1, 2, 3, 5, u32::MAX]), *dice.pick(&DATES));
            stage.x(|world| world.misdate(None, times, ahead * 1_000));
            format!("X's next {times} dates are {ahead} s ahead")
        }
        6 => {
            stage.x(|world| world.misdate(None, 0, 0));
            "X's dates are right".into()
        }
        7 => {
            let ahead = *dice.pick(&CLOCK);
            stage.set_clock_ahead(ahead);
            format!("our clock is {ahead} s ahead")
        }
        8 => {
            stage.set_clock_ahead(0);
            "our clock is right".into()
        }
        _ => {
            stage.restart().await;
            "a restart".into()
        }
    }
}

fn name(close: u64) -> String {
    format!("c-{close}")
}

fn prompts(stage: &Stage, close: u64) -> usize {
    let name = name(close);
    stage.prompts().iter().filter(|prompt| prompt.field("external_id") == Some(&name)).count()
}

fn assert_none_twice(stage: &Stage, closes: u64, seed: u64) {
    for close in 0..closes {
        let times = prompts(stage, close);
        assert!(times <= 1, "{} was prompted {times} times, {SEED}={seed}", name(close));
    }
}
