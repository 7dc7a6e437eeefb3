//! A simulation of many days: the scheduler, the poller and the intake with a real database
//! against the simulated X, all on one clock that is set by hand, driven in an order that a seed
//! decides. Requests are cut, refused and carried out late, surveyd crashes between any two steps,
//! time jumps; beside it an oracle knows what may happen and what must.
//!
//! The same seed gives the same run, step by step. `SURVEYD_SIM_SEED` repeats one run,
//! `SURVEYD_SIM_DAYS` lengthens the suite.

mod acknowledged;
mod coverage;
mod deeds;
pub mod dice;
mod ending;
mod forecast;
mod model;
mod observe;
mod office;
mod perform;
mod run;
mod setting;
mod trace;
mod watch;
mod weather;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use run::{Report, run};
use setting::{QUIET_DAYS, Setting};

/// Days of each run in which something may happen.
const BUSY_DAYS: u32 = 9;
const SEED: &str = "SURVEYD_SIM_SEED";
const DAYS: &str = "SURVEYD_SIM_DAYS";

/// Days that `cargo test` simulates.
const SHORT: u64 = 96;
/// Days of the long form.
const LONG: u64 = 5_000;

/// Seeds that are run twice; not of those that the short form runs.
const SAME: u64 = 1_000_002;

fn simulate(seed: u64, is_repeated: bool) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(run(Setting { is_repeated, ..Setting::of(seed, BUSY_DAYS) }))
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is no number")))
}

/// Simulates at least so many days, from seed 0 on; shows that all that can happen has happened.
fn simulate_days(days: u64) {
    let runs = days.div_ceil(u64::from(BUSY_DAYS + QUIET_DAYS));
    let next = AtomicU64::new(0);
    let seen: Mutex<BTreeMap<String, u64>> = Mutex::default();
    let simulated = AtomicU64::new(0);
    let started = Instant::now();
    std::thread::scope(|scope| {
        // Each run waits for its database half of the time.
        for _ in 0..std::thread::available_parallelism().map_or(2, |cores| 2 * cores.get()) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= runs {
                        return;
                    }
                    let report = simulate(seed, false);
                    simulated.fetch_add(u64::from(report.days), Ordering::Relaxed);
                    let mut seen = seen.lock().unwrap();
                    for (what, count) in report.seen {
                        *seen.entry(what).or_default() += count;
                    }
                }
            });
        }
    });
    let (simulated, seen) = (simulated.into_inner(), seen.into_inner().unwrap());
    eprintln!("{simulated} days in {:.1?}, seeds 0 to {}", started.elapsed(), runs - 1);
    for (what, count) in &seen {
        eprintln!("{count:8} {what}");
    }
    let missing = coverage::missing(&seen, simulated);
    assert!(missing.is_empty(), "never seen in {simulated} days: {missing:#?}");
}

#[test]
fn nobody_is_prompted_twice_and_no_close_is_lost_on_any_day() {
    match number(SEED) {
        Some(seed) => {
            let report = simulate(seed, true);
            eprintln!("seed {seed}: {} days, trace {:016x}", report.days, report.hash);
        }
        None => simulate_days(number(DAYS).unwrap_or(SHORT)),
    }
}

/// Minutes in a release build: `cargo test --release --test it simulation -- --ignored`.
#[test]
#[ignore = "long"]
fn nobody_is_prompted_twice_and_no_close_is_lost_in_thirteen_years() {
    simulate_days(number(DAYS).unwrap_or(LONG));
}

#[test]
fn the_same_seed_gives_the_same_days() {
    for seed in [SAME, SAME + 1] {
        let (one, other) = (simulate(seed, false), simulate(seed, false));
        assert_eq!(one.hash, other.hash, "the traces of seed {seed}");
    }
}
