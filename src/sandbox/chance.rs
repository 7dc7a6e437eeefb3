//! Draws random numbers that are the same in every run.
//!
//! A draw depends only on the seed and on the question, never on the order of the questions. So a
//! person behaves the same in every run, no matter who was prompted before.

use std::time::Duration;

use crate::domain::time::millis;

/// A stream of draws that belongs to one question.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// Returns the stream for the question made of `parts`. It is fixed by the seed and the parts.
    pub fn of(seed: u64, parts: &[&str]) -> Self {
        let mut state = scramble(seed ^ 0x5a2d_b0c5_0000_0001);
        for part in parts {
            // End each part with a byte that UTF-8 never uses, so that ("ab", "c") and ("a", "bc")
            // differ.
            for byte in part.bytes().chain([0xff]) {
                state = scramble(state ^ u64::from(byte));
            }
        }
        Self(state)
    }

    /// Returns the next draw. It is uniform over all of u64.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        scramble(self.0)
    }

    /// True in `share` of all streams. A share of 0 means never and 1 means always.
    pub fn happens(&mut self, share: f64) -> bool {
        // A double holds 53 bits exactly. So the draw is below 1, and a share of 1 always happens.
        const STEPS: f64 = (1_u64 << 53) as f64;
        ((self.draw() >> 11) as f64) / STEPS < share
    }

    /// Returns a number from 0 to `bound` - 1. Returns 0 if `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.draw().checked_rem(bound).unwrap_or(0)
    }

    /// Returns a length from `low` to `high`, both inclusive. Returns `low` if it is the greater
    /// one.
    pub fn between(&mut self, low: Duration, high: Duration) -> Duration {
        let width = u64::try_from(millis(high.saturating_sub(low))).unwrap_or(0);
        low + Duration::from_millis(self.below(width + 1))
    }
}

/// Scrambles the bits so that every input bit affects every output bit. This is the finishing step
/// of splitmix64.
fn scramble(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_question_gets_the_same_answer_and_another_seed_another() {
        let first = Chance::of(7, &["person", "42"]).draw();
        assert_eq!(first, Chance::of(7, &["person", "42"]).draw());
        assert_ne!(first, Chance::of(8, &["person", "42"]).draw());
        assert_ne!(first, Chance::of(7, &["person4", "2"]).draw());
    }

    #[test]
    fn a_share_is_met_over_many_people() {
        let hits = (0..10_000)
            .filter(|person: &u32| Chance::of(1, &[&person.to_string()]).happens(0.2))
            .count();
        assert!((1_900..2_100).contains(&hits), "{hits} of 10,000");
        assert!((0..100).all(|n: u32| !Chance::of(1, &[&n.to_string()]).happens(0.0)));
        assert!((0..100).all(|n: u32| Chance::of(1, &[&n.to_string()]).happens(1.0)));
    }

    #[test]
    fn a_length_lies_between_its_bounds() {
        let (low, high) = (Duration::from_millis(500), Duration::from_secs(6));
        for person in 0..1_000 {
            let length = Chance::of(person, &["length"]).between(low, high);
            assert!(low <= length && length <= high, "{length:?}");
        }
        assert_eq!(Chance::of(1, &[]).between(high, low), high);
    }
}
