//! Chooses the groups that must not show their score. Nobody may work out the answers of a few
//! people.
//!
//! A group of fewer answers than the floor is hidden. That is not enough: a report without a
//! breakdown shows the total, and a reader can subtract the shown groups from it. Groups are
//! therefore shown from the largest down. Each is shown only if nothing below the floor comes
//! within reach. The smallest groups are given up.
//!
//! Deliberately absent:
//!
//! - The full protection of overlapping groups that occur in more than a thousand combinations. It
//!   would take longer than a reader waits.
//! - Protection of answers that two overlapping groups share. Of two tags that are shown beside
//!   the total, a reader can work out how many answers have both, and what those said.
//! - Protection against unanimity. If everybody gave a 5, so did the one person in the hidden
//!   group. The total alone says it.
//! - Protection against comparing reports of overlapping periods or filters. One report cannot know
//!   of another.

use std::{cmp::Reverse, collections::BTreeMap};

use super::groups::GroupKey;

/// Why a group with answers shows no score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hidden {
    /// The group has fewer answers than the floor.
    SmallGroup,
    /// The group has enough answers. Showing it would let a reader work out fewer answers than the
    /// floor.
    Differencing,
}

impl Hidden {
    /// The word that the JSON report uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SmallGroup => "small_group",
            Self::Differencing => "differencing",
        }
    }
}

/// The groups of one survey type that are hidden. `answers` counts the answers by the set of groups
/// they count in. Each set is one group except for tags. A group without an answer does not occur
/// and needs nothing.
pub(super) fn hidden(
    answers: &BTreeMap<Vec<GroupKey>, u64>,
    min_group: u64,
) -> BTreeMap<GroupKey, Hidden> {
    let counts: Vec<u64> = answers.values().copied().collect();
    let mut sets: BTreeMap<&GroupKey, Set> = BTreeMap::new();
    for (place, keys) in answers.keys().enumerate() {
        for key in keys {
            sets.entry(key).or_default().places.push(place);
        }
    }
    for set in sets.values_mut() {
        set.size = set.places.iter().map(|place| counts[*place]).sum();
    }
    let (mut large, small): (Vec<_>, Vec<_>) =
        sets.iter().partition(|(_, set)| set.size >= min_group);
    // The sort is stable. Of two equal groups, it is always the same one that is given up.
    large.sort_by_key(|(_, set)| Reverse(set.size));

    // Groups that do not overlap can be subtracted only from the total and all at once. The size of
    // the remainder is then the whole test. Tags overlap and need the second test.
    let overlap = answers.keys().any(|keys| keys.len() > 1) && counts.len() <= COMBINATIONS_MAX;
    let mut reach = overlap.then(|| Reach::of_total(&counts, &large, &small, min_group));
    let mut in_no_shown = vec![true; counts.len()];
    let mut remainder: u64 = counts.iter().sum();
    let mut hidden: BTreeMap<GroupKey, Hidden> =
        small.into_iter().map(|(key, _)| ((*key).clone(), Hidden::SmallGroup)).collect();
    for (key, set) in large {
        let taken: u64 = set
            .places
            .iter()
            .filter(|place| in_no_shown[**place])
            .map(|place| counts[*place])
            .sum();
        let left = remainder - taken;
        let is_known = reach.as_ref().is_some_and(|reach| reach.holds(set));
        let is_enough_left = left == 0 || left >= min_group;
        if is_known || is_enough_left && reach.as_mut().is_none_or(|reach| reach.admit(set)) {
            set.places.iter().for_each(|place| in_no_shown[*place] = false);
            remainder = left;
        } else {
            hidden.insert((*key).clone(), Hidden::Differencing);
            if let Some(reach) = &mut reach {
                reach.protect(set);
            }
        }
    }
    hidden
}

/// The most combinations of groups that the second test looks through. Its time and memory grow
/// with their number times the square of the groups. Beyond it only the remainder is tested: what
/// all shown groups leave of the total.
const COMBINATIONS_MAX: usize = 1_000;

/// The answers of one group: the indices of its combinations of groups, and their total.
#[derive(Default)]
struct Set {
    places: Vec<usize>,
    size: u64,
}

impl Set {
    /// The set as a vector with 1 at each of its places and 0 elsewhere.
    fn vector(&self, width: usize) -> Vec<u64> {
        let mut vector = vec![0; width];
        self.places.iter().for_each(|place| vector[*place] = 1);
        vector
    }
}

/// What a reader can work out by adding and subtracting the total and the groups shown so far.
///
/// A set of answers is a vector with a place for each combination of tags. It is 1 where the
/// combination is in the set. A reader can work a set out if its vector lies in the span of the
/// shown ones. Gauss' elimination decides that.
struct Reach {
    /// The shown vectors in echelon form. A row is 1 at its pivot and every later row is 0 there.
    rows: Vec<(usize, Vec<u64>)>,
    /// The sets that must stay out of reach: those below the floor and the groups given up for
    /// them. The part that the rows explain is subtracted from each. None may become 0.
    protected: Vec<Vec<u64>>,
    /// How many combinations of groups there are.
    width: usize,
}

impl Reach {
    /// The reach of a reader who sees the total and nothing else.
    ///
    /// The small groups are protected. A large group, or the total, may wholly contain another
    /// large group ("billing" and "refund"). The rest of it is protected too if that is small.
    fn of_total(
        counts: &[u64],
        large: &[(&&GroupKey, &Set)],
        small: &[(&&GroupKey, &Set)],
        min_group: u64,
    ) -> Self {
        let total = vec![1; counts.len()];
        let vectors = |sets: &[(&&GroupKey, &Set)]| -> Vec<Vec<u64>> {
            sets.iter().map(|(_, set)| set.vector(counts.len())).collect()
        };
        let mut protected = vectors(small);
        let large = vectors(large);
        for whole in large.iter().chain([&total]) {
            for part in &large {
                if part.iter().zip(whole).any(|(part, whole)| part > whole) {
                    continue;
                }
                let rest: Vec<u64> = whole.iter().zip(part).map(|(w, p)| w - p).collect();
                let size: u64 = rest.iter().zip(counts).map(|(rest, count)| rest * count).sum();
                if 0 < size && size < min_group {
                    protected.push(rest);
                }
            }
        }
        let mut reach = Self { rows: Vec::new(), protected, width: counts.len() };
        reach.extend(0, total);
        reach
    }

    /// True if the group can be worked out already. Hiding it would then be useless.
    fn holds(&self, set: &Set) -> bool {
        self.beyond(set).iter().all(|value| *value == 0)
    }

    /// Shows the group unless something protected would then be within reach. Returns true if it
    /// did.
    fn admit(&mut self, set: &Set) -> bool {
        let mut row = self.beyond(set);
        let Some(pivot) = row.iter().position(|value| *value != 0) else {
            return true;
        };
        let inverse = modular::inverse(row[pivot]);
        row.iter_mut().for_each(|value| *value = modular::times(*value, inverse));
        let is_explained = |protected: &Vec<u64>| {
            let factor = protected[pivot];
            protected.iter().zip(&row).all(|(value, row)| *value == modular::times(*row, factor))
        };
        if self.protected.iter().any(is_explained) {
            return false;
        }
        self.extend(pivot, row);
        true
    }

    /// Protects a group that is not within reach from ever coming there.
    fn protect(&mut self, set: &Set) {
        let beyond = self.beyond(set);
        self.protected.push(beyond);
    }

    /// The part of the group's vector that the shown ones do not explain.
    fn beyond(&self, set: &Set) -> Vec<u64> {
        let mut vector = set.vector(self.width);
        self.rows.iter().for_each(|(pivot, row)| subtract(&mut vector, *pivot, row));
        vector
    }

    fn extend(&mut self, pivot: usize, row: Vec<u64>) {
        self.protected.iter_mut().for_each(|set| subtract(set, pivot, &row));
        self.rows.push((pivot, row));
    }
}

/// Subtracts the multiple of `row` that makes `from` 0 at `pivot`. `row` is 1 there.
fn subtract(from: &mut [u64], pivot: usize, row: &[u64]) {
    let factor = from[pivot];
    if factor != 0 {
        for (value, row) in from.iter_mut().zip(row) {
            *value = modular::minus(*value, modular::times(*row, factor));
        }
    }
}

/// Arithmetic modulo a large prime. It is exact where floating point is not. It never overflows
/// where fractions do. A result could differ from that in fractions only if the prime divided a
/// determinant.
mod modular {
    /// 2^61 − 1 is prime.
    const PRIME: u64 = (1 << 61) - 1;

    pub(super) fn times(a: u64, b: u64) -> u64 {
        u64::try_from(u128::from(a) * u128::from(b) % u128::from(PRIME))
            .expect("a remainder of a 61-bit number has at most 61 bits")
    }

    pub(super) fn minus(a: u64, b: u64) -> u64 {
        (a + PRIME - b) % PRIME
    }

    /// The number that gives 1 when multiplied by `a` (Fermat's little theorem). `a` must not be 0.
    pub(super) fn inverse(a: u64) -> u64 {
        let (mut result, mut square, mut exponent) = (1, a, PRIME - 2);
        while exponent > 0 {
            if exponent & 1 == 1 {
                result = times(result, square);
            }
            square = times(square, square);
            exponent >>= 1;
        }
        result
    }
}

#[cfg(test)]
mod tests;
