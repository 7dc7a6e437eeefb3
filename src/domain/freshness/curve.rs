//! How likely an answer is at each age of a prompt that has none yet: a hazard, constant within
//! each of a few stretches that grow with the age.
//!
//! A hazard already holds what else would have to be reckoned: that most never answer, and that
//! whoever has been silent for a day likely stays so. Whatever is still unanswered has been watched
//! up to some age and no further, and a hazard takes that as it is: answers in a stretch, over the
//! time that prompts were watched in it. The default stands in for prompts that were never sent,
//! and so fades as the account's own are counted beside it (the mean of a gamma prior).

use std::time::Duration;

use super::minutes;

/// Stretches of age: the first minute, then each half as long again, up to ninety days.
pub const STRETCHES: usize = 30;
const FIRST: f64 = 1.0;
const GROWTH: f64 = 1.5;

/// Where a stretch begins, in minutes. The last has no end.
pub fn start_of(stretch: usize) -> f64 {
    match stretch {
        0 => 0.0,
        _ => FIRST * GROWTH.powi(i32::try_from(stretch).unwrap_or(i32::MAX) - 1),
    }
}

pub fn end_of(stretch: usize) -> f64 {
    if stretch + 1 < STRETCHES { start_of(stretch + 1) } else { f64::INFINITY }
}

/// The last one is as if it grew like the others.
pub fn middle_of(stretch: usize) -> f64 {
    (start_of(stretch) + grown_end_of(stretch)) / 2.0
}

fn grown_end_of(stretch: usize) -> f64 {
    if stretch + 1 < STRETCHES { start_of(stretch + 1) } else { GROWTH * start_of(stretch) }
}

/// The stretch that an age in minutes lies in.
pub fn stretch_of(age: f64) -> usize {
    (0..STRETCHES).rev().find(|stretch| start_of(*stretch) <= age).unwrap_or(0)
}

/// What is believed of people before any has answered.
#[derive(Clone, Copy, Debug)]
pub struct Belief {
    /// Who answers at all.
    pub share: f64,
    /// Half of the answers come within so many minutes; the logarithm is normally distributed.
    pub median: f64,
    pub spread: f64,
    /// How many prompts it weighs.
    pub prompts: f64,
}

/// From the prompt to the answer. The card arrives minutes after a conversation that the person
/// took part in, mostly with the phone still at hand: half of those who answer do it within a
/// quarter of an hour. The others see it at their next look: the spread puts a tenth beyond two
/// hours and a hundredth beyond thirteen.
pub const ANSWER: Belief = Belief { share: 0.35, median: 15.0, spread: 1.7, prompts: 40.0 };

/// From one part of the answer to the other. The card asks for the comment as soon as the score is
/// tapped, so it follows within minutes or never.
pub const REST: Belief = Belief { share: 0.4, median: 2.0, spread: 1.5, prompts: 20.0 };

/// No age is believed to be without any answer, however many have not come.
const TRACE: f64 = 1e-6;

/// The chance of an answer, by the minute, at each age.
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
            // Nearly straight within a stretch.
            curve.watched[stretch] = belief.prompts * (to - from) * (silent + later) / 2.0;
        }
        curve
    }

    /// Counts a prompt that was watched up to an age, and whether it was answered then.
    pub fn count(&mut self, age: Duration, is_answered: bool) {
        let age = minutes(age);
        for stretch in 0..STRETCHES {
            self.watched[stretch] += (age.min(end_of(stretch)) - start_of(stretch)).max(0.0);
        }
        if is_answered {
            self.answers[stretch_of(age)] += 1.0;
        }
    }

    /// The chance by the minute in a stretch.
    pub fn hazard(&self, stretch: usize) -> f64 {
        self.answers[stretch] / self.watched[stretch]
    }

    /// Who has answered by an age, as a share of all.
    pub fn answered_by(&self, age: Duration) -> f64 {
        let age = minutes(age);
        let sum: f64 = (0..STRETCHES)
            .map(|stretch| {
                self.hazard(stretch) * (age.min(end_of(stretch)) - start_of(stretch)).max(0.0)
            })
            .sum();
        1.0 - (-sum).exp()
    }
}

impl Belief {
    /// The share of prompts that have no answer at an age in minutes.
    fn silent_at(self, age: f64) -> f64 {
        if age <= 0.0 {
            return 1.0;
        }
        1.0 - self.share * normal((age / self.median).ln() / self.spread)
    }
}

/// The standard normal distribution, to seven digits (Abramowitz and Stegun, 26.2.17).
fn normal(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let series = t
        * (0.319_381_530
            + t * (-0.356_563_782
                + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
    let beyond = (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt() * series;
    if z < 0.0 { beyond } else { 1.0 - beyond }
}
