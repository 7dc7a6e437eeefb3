//! How long an answer waits for its row where X's webhook is missing: by the schedule, beside two
//! simpler ones.
//!
//! ```text
//! cargo bench --bench freshness
//! cargo bench --bench freshness -- --days 28 --seed 7
//! ```
//!
//! Simulated time: nothing here depends on the machine. The schedule, its price, what it learns and
//! the budget are the program's own; the people are not those that its default expects. Each line
//! is one account after eight days of warm-up. Beside the lines of the schedule stand those of a
//! fixed interval (every prompt that is fresh, as often as the same budget allows) and of X's
//! events alone.

mod people;
mod run;

use clap::Parser;

use people::{Hours, Public, Takes};
use run::{By, Figures, run};

#[derive(Parser)]
struct Arguments {
    /// Days that are measured
    #[arg(long, default_value_t = 14)]
    days: u32,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

const WARM_UP: u32 = 8;

const PEOPLE: [(&str, Takes); 6] = [
    ("fast", Takes::LogNormal { median: 6.0, spread: 1.2 }),
    ("even", Takes::Exponential { mean: 30.0 }),
    ("slow", Takes::LogNormal { median: 20.0, spread: 1.5 }),
    ("long tail", Takes::Weibull { scale: 30.0, shape: 0.5 }),
    ("longer tail", Takes::LogNormal { median: 15.0, spread: 2.0 }),
    ("a fifth after hours", Takes::Two { soon: 8.0, later: 300.0, share: 0.8 }),
];

fn main() {
    let arguments = Arguments::parse();
    let simulate = |by, public| run(by, public, WARM_UP, arguments.days, arguments.seed);
    println!(
        "{} days, seed {}; waits in minutes, from the score to its row",
        arguments.days, arguments.seed
    );
    let usual = Public {
        prompts_a_day: 1_000,
        hours: Hours::All,
        share: 0.3,
        takes: Takes::LogNormal { median: 20.0, spread: 1.5 },
    };
    head("three schedules: slow people, 30 % answer, around the clock");
    for prompts_a_day in [10, 100, 1_000] {
        for (name, by) in [
            ("schedule", By::Schedule),
            ("fixed interval", By::Interval),
            ("events only", By::EventsOnly),
        ] {
            let figures = simulate(by, Public { prompts_a_day, ..usual });
            line(&format!("{prompts_a_day} a day, {name}"), &figures);
        }
    }
    head("people: 1,000 a day, 30 % answer, around the clock");
    for (name, takes) in PEOPLE {
        let public = Public { takes, ..usual };
        line(name, &simulate(By::Schedule, public));
        line(&format!("{name}, by the default"), &simulate(By::Default, public));
    }
    head("shares: 1,000 a day, slow people, around the clock");
    for share in [0.1, 0.3, 0.6] {
        let name = format!("{:.0} % answer", 100.0 * share);
        line(&name, &simulate(By::Schedule, Public { share, ..usual }));
    }
    head("hours: 1,000 a day, slow people, 30 % answer");
    for (name, hours) in [
        ("around the clock", Hours::All),
        ("8 to 22 o'clock", Hours::Long),
        ("8 to 20 o'clock", Hours::Office),
    ] {
        line(name, &simulate(By::Schedule, Public { hours, ..usual }));
    }
}

fn head(what: &str) {
    println!(
        "\n{what}\n{:34} {:>8} {:>8} {:>8} {:>9} {:>16} {:>11} {:>12}",
        "",
        "answers",
        "median",
        "95 %",
        "in 30 min",
        "comment med/95 %",
        "calls a day",
        "most in 15 m"
    );
}

fn line(name: &str, figures: &Figures) {
    println!(
        "{name:34} {:8} {:8.1} {:8.1} {:8.1}% {:>16} {:11.0} {:12}",
        figures.waits.len(),
        figures.wait(0.5),
        figures.wait(0.95),
        100.0 * figures.within(30.0),
        format!("{:.1}/{:.1}", figures.comment_wait(0.5), figures.comment_wait(0.95)),
        figures.calls as f64 / f64::from(figures.days),
        figures.most_in_a_quarter,
    );
}
