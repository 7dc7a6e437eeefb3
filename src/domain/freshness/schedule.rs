//! What a question about a prompt is worth and when it is worth a call.

use std::cmp::Reverse;
use std::time::Duration;

use super::curve::{Curve, end_of, stretch_of};
use super::gap::{gap, weight};
use super::{Bounds, Habits, Millis, PromptsByAge, REST_FOR, minutes, price};

/// A prompt that has no full answer yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fresh {
    pub sent_at: Millis,
    /// When surveyd last asked X about it.
    pub asked_at: Option<Millis>,
    /// When the person gave the part of the answer that is known.
    pub partly_at: Option<Millis>,
}

/// Decides when the prompts of one account are asked about.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    bounds: Bounds,
    habits: Habits,
    /// The least worth of a question, in minutes of waiting that it is expected to end.
    price: f64,
}

/// What one pass does about the prompts that are due.
#[derive(Clone, Debug, PartialEq)]
pub struct PollRound<T> {
    /// X is asked about these prompts now.
    pub asked: Vec<T>,
    /// These prompts are no longer fresh.
    pub over: Vec<T>,
    /// How many fresh prompts found no call.
    pub left: usize,
}

impl Schedule {
    /// Starts at the least price.
    pub fn new(bounds: Bounds, habits: Habits) -> Self {
        Self { bounds, habits, price: bounds.price_least() }
    }

    /// Sets the price at which the crowd wants no more calls than there are. `left` counts the due
    /// prompts that found no call in the last round.
    pub fn set_price(&mut self, crowd: &PromptsByAge, calls_a_minute: f64, left: usize) {
        let calls_a_minute = price::spared(calls_a_minute, left);
        self.price = price::price(crowd, &self.habits.answer, &self.bounds, calls_a_minute);
    }

    pub fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    pub fn price(&self) -> f64 {
        self.price
    }

    /// When X is asked about a prompt next. `None` if the prompt is no longer fresh by then.
    pub fn next(&self, fresh: &Fresh) -> Option<Millis> {
        let watch = self.watch(fresh);
        let asked_at = fresh.asked_at.unwrap_or(watch.from).max(watch.from);
        let asked = minutes(asked_at.since(watch.from));
        let gap = gap(watch.curve, asked, self.price, &self.bounds);
        let next = asked_at.plus(Duration::from_secs_f64(60.0 * gap));
        (next <= watch.until).then_some(next)
    }

    /// The present worth of a question about a prompt, in the unit of the price.
    pub fn worth(&self, fresh: &Fresh, now: Millis) -> f64 {
        let watch = self.watch(fresh);
        let asked_at = fresh.asked_at.unwrap_or(watch.from).max(watch.from);
        let age = |at: Millis| minutes(at.since(watch.from));
        worth(watch.curve, age(asked_at), age(now))
    }

    /// Spends `calls` on the prompts that are due.
    pub fn round<T>(
        &self,
        due: Vec<T>,
        calls: u32,
        now: Millis,
        fresh: impl Fn(&T) -> Fresh,
    ) -> PollRound<T> {
        let is_fresh = |prompt: &T| now <= self.watch(&fresh(prompt)).until;
        let (mut asked, over): (Vec<T>, Vec<T>) = due.into_iter().partition(is_fresh);
        let left = asked.len().saturating_sub(calls as usize);
        if left > 0 {
            // Worths are never negative and so sort as their bits do.
            asked.sort_by_cached_key(|prompt| Reverse(self.worth(&fresh(prompt), now).to_bits()));
            asked.truncate(calls as usize);
        }
        PollRound { asked, over, left }
    }

    /// Chooses between the whole answer and the rest of it as the thing to wait for.
    fn watch(&self, fresh: &Fresh) -> PromptWatch<'_> {
        let ends_at = fresh.sent_at.plus(self.bounds.fresh_for);
        match fresh.partly_at {
            None => PromptWatch { curve: &self.habits.answer, from: fresh.sent_at, until: ends_at },
            Some(from) => {
                let until = ends_at.min(from.plus(REST_FOR));
                PromptWatch { curve: &self.habits.rest, from, until }
            }
        }
    }
}

struct PromptWatch<'a> {
    curve: &'a Curve,
    from: Millis,
    until: Millis,
}

/// The worth of a question at `age`. The last question was asked at age `asked`.
///
/// Assume a prompt with a steady chance h of an answer per minute that is asked about every L
/// minutes. Its answers wait until the next question. A call is worth its price p exactly when p =
/// h·g(L). In it, l(u) is the weight of a wait of u minutes, and g(L) is the sum of u·l'(u) up to
/// L.
///
/// The chance changes with the age. Each stretch of the gap therefore counts with its own hazard.
fn worth(curve: &Curve, asked: f64, age: f64) -> f64 {
    let mut sum = 0.0;
    let mut at = asked;
    let mut stretch = stretch_of(asked);
    while at < age {
        let to = age.min(end_of(stretch));
        sum += curve.hazard(stretch) * (weight(to - asked) - weight(at - asked));
        (at, stretch) = (to, stretch + 1);
    }
    sum
}
