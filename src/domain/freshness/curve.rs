//! The chance of an answer at each age of a prompt that has none yet. It is a hazard that is
//! constant within each of a few stretches. The stretches grow with the age.
//!
//! A hazard needs no separate figures for two facts. Most people never answer. A person who has
//! been silent for a day is likely to stay silent.
//!
//! A prompt without an answer has been watched up to some age and no further. A hazard takes that
//! into account: it divides the answers in a stretch by the time that prompts were watched in it.
//!
//! The default stands for prompts that were never sent. It loses weight as the account's own
//! prompts are counted beside it (the mean of a gamma prior).

use std::time::Duration;

use super::minutes;

/// The number of stretches of age. The first is one minute long. Each next one ends at 1.5 times
/// its start. They reach to about ninety days.
pub const STRETCHES: usize = 30;
const FIRST: f64 = 1.0;
const GROWTH: f64 = 1.5;

/// The start of a stretch, in minutes.
pub fn start_of(stretch: usize) -> f64 {
    match stretch {
        0 => 0.0,
        _ => FIRST * GROWTH.powi(i32::try_from(stretch).unwrap_or(i32::MAX) - 1),
    }
}

pub fn end_of(stretch: usize) -> f64 {
    if stretch + 1 < STRETCHES { start_of(stretch + 1) } else { f64::INFINITY }
}

/// The middle of a stretch, in minutes. The last stretch has no end and is treated as if it grew
/// like the others.
pub fn middle_of(stretch: usize) -> f64 {
    (start_of(stretch) + grown_end_of(stretch)) / 2.0
}

fn grown_end_of(stretch: usize) -> f64 {
    if stretch + 1 < STRETCHES { start_of(stretch + 1) } else { GROWTH * start_of(stretch) }
}

/// The stretch that contains an age in minutes.
pub fn stretch_of(age: f64) -> usize {
    (0..STRETCHES).rev().find(|stretch| start_of(*stretch) <= age).unwrap_or(0)
}

/// What surveyd assumes of people before any has answered.
#[derive(Clone, Copy, Debug)]
pub struct Belief {
    /// The share of people who answer at all.
    pub share: f64,
    /// The median time to an answer, in minutes. The times are log-normally distributed.
    pub median: f64,
    pub spread: f64,
    /// The number of observed prompts that this belief weighs as much as.
    pub prompts: f64,
}

/// The time from the prompt to the answer. The card arrives minutes after a conversation, while
/// most people still have the phone at hand. Half of those who answer do so within a quarter of an
/// hour. The others see the card when they next look at the phone. The spread puts a tenth of the
/// answers beyond two hours and a hundredth beyond thirteen.
pub const ANSWER: Belief = Belief { share: 0.35, median: 15.0, spread: 1.7, prompts: 40.0 };

/// The time from one part of the answer to the other. The card asks for the comment as soon as the
/// score is tapped. The comment follows within minutes or never.
pub const REST: Belief = Belief { share: 0.4, median: 2.0, spread: 1.5, prompts: 20.0 };

/// The least chance of an answer in any stretch. It keeps every hazard above zero.
const TRACE: f64 = 1e-6;

/// The chance of an answer per minute at each age.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    answers: [f64; STRETCHES],
    watched: [f64; STRETCHES],
}

impl Curve {
    pub fn believed(belief: Belief) -> Self {
        let mut curve = Self { answers: [0.0; STRETCHES], watched: [0.0; STRETCHES] };
        for stretch in 0..STRETCHES {
            let (from, to) = (start_of(stretch), grown_end_of(stretch));
            let (silent, later) = (belief.silent_at(from), belief.silent_at(to));
            curve.answers[stretch] = belief.prompts * (silent - later).max(TRACE);
            // The share is nearly straight within a stretch.
            curve.watched[stretch] = belief.prompts * (to - from) * (silent + later) / 2.0;
        }
        curve
    }

    /// Counts a prompt that was watched up to `age`. `is_answered` says if it was answered at that
    /// age.
    pub fn count(&mut self, age: Duration, is_answered: bool) {
        let age = minutes(age);
        for stretch in 0..STRETCHES {
            self.watched[stretch] += (age.min(end_of(stretch)) - start_of(stretch)).max(0.0);
        }
        if is_answered {
            self.answers[stretch_of(age)] += 1.0;
        }
    }

    /// The chance of an answer per minute in a stretch.
    pub fn hazard(&self, stretch: usize) -> f64 {
        self.answers[stretch] / self.watched[stretch]
    }
}

impl Belief {
    /// The share of prompts that have no answer at an age, in minutes.
    fn silent_at(self, age: f64) -> f64 {
        if age <= 0.0 {
            return 1.0;
        }
        1.0 - self.share * normal((age / self.median).ln() / self.spread)
    }
}

/// The standard normal distribution to seven digits (Abramowitz and Stegun 26.2.17).
fn normal(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let series = t
        * (0.319_381_530
            + t * (-0.356_563_782
                + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
    let beyond = (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt() * series;
    if z < 0.0 { beyond } else { 1.0 - beyond }
}
