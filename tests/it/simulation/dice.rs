//! Chance that a seed repeats.

use std::time::Duration;

/// A stream of draws. Each use has a stream of its own, so that one more draw of one kind does not
/// change all others.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    pub fn of(seed: u64, name: &str) -> Self {
        let start = scramble(seed.wrapping_add(0x5eed));
        Self(name.bytes().fold(start, |state, byte| scramble(state ^ u64::from(byte))))
    }

    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        scramble(self.0)
    }

    /// From 0 to `bound` - 1.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.draw() % bound.max(1)
    }

    /// True so many times in a hundred.
    pub fn happens(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// To the millisecond, both ends included.
    pub fn between(&mut self, shortest: Duration, longest: Duration) -> Duration {
        let width = longest.saturating_sub(shortest).as_millis();
        let width = u64::try_from(width).expect("no length here comes near 2^64 ms");
        shortest + Duration::from_millis(self.below(width + 1))
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[usize::try_from(self.below(from.len() as u64)).expect("an index fits")]
    }
}

/// The finishing step of splitmix64.
fn scramble(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
