//! Joins all that one way has reported of one feedback object.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Given, Object, Update};
use crate::domain::time::Millis;

/// How many values of one part are kept if X contradicts itself.
const VALUES_MAX: usize = 16;

/// How many distinct `updated_at` of one object are kept and counted.
pub const UPDATES_MAX: usize = 1_000;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Statements {
    /// The newest object.
    pub object: Option<Object>,
    pub scores: Values<i64>,
    pub texts: Values<String>,
    /// The distinct `updated_at`.
    pub updates: BTreeSet<Millis>,
}

impl Statements {
    pub fn of(update: Update) -> Self {
        Self {
            updates: BTreeSet::from([update.object.updated_at]),
            object: Some(update.object),
            scores: Values::of(update.score),
            texts: Values::of(update.text),
        }
    }

    pub fn join(&mut self, other: Statements) {
        self.object = match (self.object.take(), other.object) {
            (Some(one), Some(other)) => Some(one.join(other)),
            (one, other) => one.or(other),
        };
        self.scores.join(other.scores);
        self.texts.join(other.texts);
        self.updates.extend(other.updates);
    }

    /// Drops the latest updates if there are too many. The result does not depend on the order in
    /// which they came.
    pub fn drop_updates(&mut self) {
        while self.updates.len() > UPDATES_MAX {
            self.updates.pop_last();
        }
    }

    /// True if an update of that instant is kept or would be dropped.
    pub fn has_update(&self, at: Millis) -> bool {
        let is_full = self.updates.len() >= UPDATES_MAX;
        self.updates.contains(&at) || is_full && self.updates.last().is_some_and(|last| *last < at)
    }

    /// True if joining the other would change nothing.
    pub fn holds(&self, other: &Statements) -> bool {
        let is_held = match (&self.object, &other.object) {
            (Some(one), Some(other)) => one.holds(other),
            (_, other) => other.is_none(),
        };
        is_held
            && self.scores.holds(&other.scores)
            && self.texts.holds(&other.texts)
            && other.updates.iter().all(|at| self.has_update(*at))
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The size of its texts in bytes.
    pub fn weight(&self) -> usize {
        let raw = self.object.as_ref().map_or(0, |object| object.raw.len());
        raw + self.texts.0.keys().map(String::len).sum::<usize>()
    }
}

/// The values reported of a part that X calls immutable. There is one unless X contradicts itself.
/// Each has the earliest instants at which it was submitted and reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Values<T: Ord>(BTreeMap<T, (Millis, Millis)>);

impl<T: Ord> Default for Values<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: Ord + Clone> Values<T> {
    pub fn of(given: Option<Given<T>>) -> Self {
        Self(given.into_iter().map(|it| (it.value, (it.given_at, it.told_at))).collect())
    }

    /// The value that stands. It was submitted first. If several were, it was reported first.
    pub fn first(&self) -> Option<Given<T>> {
        self.all().into_iter().next()
    }

    /// All values with the standing one first.
    pub fn all(&self) -> Vec<Given<T>> {
        let all = self.0.iter().map(|(value, (given_at, told_at))| Given {
            given_at: *given_at,
            told_at: *told_at,
            value: value.clone(),
        });
        let mut all: Vec<Given<T>> = all.collect();
        all.sort();
        all
    }

    pub fn join(&mut self, other: Self) {
        for (value, when) in other.0 {
            let known = self.0.entry(value).or_insert(when);
            *known = (*known).min(when);
        }
        // The first values of a total order stay. Any order of joining drops the others.
        while self.0.len() > VALUES_MAX {
            if let Some(last) = self.all().pop() {
                self.0.remove(&last.value);
            }
        }
    }

    fn holds(&self, other: &Self) -> bool {
        other.0.iter().all(|(value, when)| self.0.get(value).is_some_and(|known| known <= when))
    }

    /// Removes the values that `other` has too.
    pub fn without(&mut self, other: &Self) {
        self.0.retain(|value, _| !other.0.contains_key(value));
    }

    /// Removes the values that were reported at an unwanted instant.
    pub fn retain_told(&mut self, is_wanted: impl Fn(Millis) -> bool) {
        self.0.retain(|_, (_, told_at)| is_wanted(*told_at));
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
