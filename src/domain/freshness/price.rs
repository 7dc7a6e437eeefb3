//! The price of a call while more prompts want one than there are calls.

use super::curve::{STRETCHES, middle_of, stretch_of};
use super::gap::gap;
use super::{Bounds, Curve, minutes};

/// The upper end of the search for a price. No question is worth as much.
const PRICE_MOST: f64 = 1e6;

/// The open prompts without an answer, by age.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PromptsByAge {
    prompts: [u32; STRETCHES],
}

impl PromptsByAge {
    pub fn count(&mut self, age: std::time::Duration, prompts: u32) {
        self.prompts[stretch_of(minutes(age))] += prompts;
    }

    /// The calls a minute that these prompts want at a price.
    fn wants(&self, answer: &Curve, bounds: &Bounds, price: f64) -> f64 {
        let of = |stretch: usize| f64::from(self.prompts[stretch]);
        let calls = |stretch| of(stretch) / gap(answer, middle_of(stretch), price, bounds);
        (0..STRETCHES).filter(|stretch| self.prompts[*stretch] > 0).map(calls).sum()
    }
}

/// A prompt that found no call is to find one within this many minutes.
const LEFT_FOR: f64 = 240.0;

/// The calls a minute that remain after those set aside for the `left` prompts that found none. The
/// crowd is known by age only and changes by the hour. The price therefore also follows the prompts
/// that the last round left without a call.
pub fn spared(calls_a_minute: f64, left: usize) -> f64 {
    (calls_a_minute - left as f64 / LEFT_FOR).max(calls_a_minute / 2.0)
}

/// The least price at which the crowd wants no more calls than there are.
pub fn price(crowd: &PromptsByAge, answer: &Curve, bounds: &Bounds, calls_a_minute: f64) -> f64 {
    let least = bounds.price_least();
    if crowd.wants(answer, bounds, least) <= calls_a_minute {
        return least;
    }
    let (mut low, mut high) = (least, PRICE_MOST);
    // Each step halves the open range on a logarithmic scale.
    for _ in 0..40 {
        let middle = (low * high).sqrt();
        if crowd.wants(answer, bounds, middle) > calls_a_minute {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}
