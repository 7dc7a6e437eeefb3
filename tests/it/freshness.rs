//! How long an answer waits for its row where X's webhook is missing: simulated days of accounts
//! that prompt much and little, by the very schedule and budget of the poller.
//! `cargo bench --bench freshness` prints the figures in full length, beside simpler schedules.

use std::time::Duration;

use surveyd::sandbox::{ApiCall, Person, PersonsAnswer, Plan};

use crate::harness::people::open;
use crate::harness::stage::{Setup, Stage};
use crate::harness::{days, hours, minutes, seconds};

#[path = "../../benches/freshness/people.rs"]
#[expect(dead_code, reason = "the bench has more kinds of people and of hours")]
mod people;
#[path = "../../benches/freshness/run.rs"]
mod run;

use people::{Dice, Hours, Public, Takes};
use run::{By, run};

const SEED: u64 = 1;

/// Slower people than the default expects.
const PUBLIC: Public = Public {
    prompts_a_day: 1_000,
    hours: Hours::All,
    share: 0.3,
    takes: Takes::LogNormal { median: 20.0, spread: 1.5 },
};

#[test]
fn at_a_thousand_prompts_a_day_answers_are_seen_in_minutes() {
    let figures = run(By::Schedule, PUBLIC, 5, 3, SEED);
    let (median, most) = (figures.wait(0.5), figures.wait(0.95));
    eprintln!("seed {SEED}: {} answers, median {median:.1}, 95 % {most:.1}", figures.waits.len());
    assert!(figures.waits.len() > 700);
    assert!(median < 5.0, "seed {SEED}: half of the answers wait {median} minutes");
    assert!(most <= 30.0, "seed {SEED}: one in twenty waits {most} minutes");
    assert!(figures.within(30.0) >= 0.95);
    assert!(figures.most_in_a_quarter <= 180, "{}", figures.most_in_a_quarter);
    assert!(figures.comment_wait(0.5) < 5.0);
}

#[test]
fn whoever_prompts_little_sees_answers_at_once_and_spends_little() {
    for prompts_a_day in [10, 100] {
        let figures = run(By::Schedule, Public { prompts_a_day, ..PUBLIC }, 8, 14, SEED);
        assert!(figures.wait(0.5) < 2.0, "seed {SEED}: {}", figures.wait(0.5));
        assert!(figures.wait(0.95) <= 10.0, "seed {SEED}: {}", figures.wait(0.95));
        let calls = figures.calls / u64::from(figures.days) / u64::from(prompts_a_day);
        assert!((60..100).contains(&calls), "seed {SEED}: {calls} calls a prompt");
    }
}

#[test]
fn the_schedule_beats_a_fixed_interval_and_the_events_at_the_same_budget() {
    let public = Public { prompts_a_day: 100, ..PUBLIC };
    let by = |by| run(by, public, 8, 6, SEED);
    let (ours, fixed, events) = (by(By::Schedule), by(By::Interval), by(By::EventsOnly));
    for share in [0.5, 0.95] {
        assert!(4.0 * ours.wait(share) < fixed.wait(share), "seed {SEED}");
        assert!(fixed.wait(share) < events.wait(share), "seed {SEED}");
    }
    assert!(ours.calls < fixed.calls);
}

#[test]
fn the_same_seed_gives_the_same_figures() {
    let public = Public { prompts_a_day: 40, ..PUBLIC };
    let figures = || run(By::Schedule, public, 1, 3, SEED);
    assert_eq!(figures().waits, figures().waits);
}

/// Prompts of a day at the stage, where X answers over the wire, and how long each score waited for
/// its row, in minutes.
async fn waits(setup: Setup, prompts: u64, length: Duration) -> (Stage, Vec<f64>) {
    let mut stage = Stage::set(setup).await;
    let mut dice = Dice(SEED);
    for person in 1..=prompts {
        let after = |minutes: f64| Duration::from_secs_f64(60.0 * minutes);
        let score_after = PUBLIC.takes.draw(&mut dice);
        let score = PersonsAnswer { after: after(score_after), score: Some(4), text: None };
        let plan = match dice.share() < PUBLIC.share {
            true => Plan::Fixed(vec![score]),
            false => Plan::Fixed(Vec::new()),
        };
        stage.tell(person, Person { plan, ..open() });
    }
    let mut seen = std::collections::BTreeMap::new();
    let between = length / u32::try_from(prompts).unwrap();
    let mut look = async |stage: &mut Stage, length| {
        let end = stage.now().plus(length);
        while stage.now() < end {
            stage.pass(seconds(30).min(end.since(stage.now()))).await;
            for row in stage.results().await {
                if let Some(scored_at) = row.told.scored_at {
                    let wait = stage.now().since(scored_at).as_secs_f64() / 60.0;
                    seen.entry(row.survey.id.to_string()).or_insert(wait);
                }
            }
        }
    };
    for person in 1..=prompts {
        stage.close(&format!("c-{person}"), person).await;
        look(&mut stage, between).await;
    }
    look(&mut stage, hours(12)).await;
    let mut waits: Vec<f64> = seen.into_values().collect();
    waits.sort_by(f64::total_cmp);
    (stage, waits)
}

#[tokio::test]
async fn the_poller_sees_answers_in_minutes() {
    let setup = Setup { poll: "interval = \"5m\"", ..Setup::default() };
    let (stage, waits) = waits(setup, 40, hours(4)).await;
    assert!(waits.len() >= 8, "{waits:?}");
    assert!(waits[waits.len() / 2] < 3.0, "{waits:?}");
    assert!(*waits.last().unwrap() < 30.0, "{waits:?}");
    assert!(stage.refused().is_empty(), "{:?}", stage.refused().first());
}

#[tokio::test]
async fn an_idle_account_asks_nothing_and_wakes_for_its_events_only() {
    let setup = Setup { poll: "interval = \"1d\"\nfresh_for = \"2h\"", ..Setup::default() };
    let mut stage = Stage::set(setup).await;
    stage.close("c-1", 1).await;
    stage.pass(days(1)).await;
    let asked = stage.calls(ApiCall::Show);
    assert_eq!(stage.store.next_show("acme").await.unwrap(), None);
    let next = stage.work().await.unwrap();
    assert!(next.since(stage.now()) > hours(1), "nothing is due but the events");
    stage.pass(days(3)).await;
    assert_eq!(stage.calls(ApiCall::Show), asked);
}

#[tokio::test]
async fn a_restart_loses_no_question() {
    let setup = Setup { poll: "interval = \"5m\"", ..Setup::default() };
    let mut stage = Stage::set(setup).await;
    stage.tell(
        1,
        Person {
            plan: Plan::Fixed(vec![PersonsAnswer {
                after: minutes(90),
                score: Some(5),
                text: None,
            }]),
            ..open()
        },
    );
    stage.close("c-1", 1).await;
    for _ in 0..20 {
        stage.pass(minutes(5)).await;
        stage.restart().await;
    }
    assert_eq!(stage.state("c-1").await, "answered");
    assert!(stage.refused().is_empty());
}
