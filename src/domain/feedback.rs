//! What comes back from X, folded: any order, any repetition and any batching of the same updates
//! give the same [`Feedback`].
//!
//! The fold is a field-wise join. The object is the one with the newest `updated_at`; a score or a
//! text, once seen, stays: of two that differ, the one X dated first. Each part is the least or
//! greatest of a total order, so joining is commutative, associative and idempotent.

use std::collections::BTreeSet;

use super::id::FeedbackId;
use super::time::Millis;

/// One state of a feedback object as X told it, by whichever way it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    pub id: FeedbackId,
    pub object: Object,
    pub score: Option<Given<i64>>,
    pub text: Option<Given<String>>,
}

/// The parts that X's newest word replaces.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Object {
    pub updated_at: Millis,
    pub created_at: Option<Millis>,
    pub to_user_id: Option<String>,
    pub external_id: Option<String>,
    pub kind: Option<String>,
    pub question_variant_id: Option<i64>,
    pub test: bool,
    pub dm_id: Option<String>,
    /// The object as X sent it, fields unknown to surveyd included, without the response.
    pub raw: String,
}

/// A score or a text: immutable at X once the person submitted it.
///
/// The order of the fields is the order of precedence: the earlier submitted, then the earlier told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Given<T> {
    /// When the person submitted it.
    pub given_at: Millis,
    /// `updated_at` of the update that told it.
    pub told_at: Millis,
    pub value: T,
}

/// All that is known of one feedback object.
#[derive(Clone, Debug, PartialEq)]
pub struct Feedback {
    pub id: FeedbackId,
    pub object: Object,
    pub score: Option<Given<i64>>,
    pub text: Option<Given<String>>,
    /// The distinct `updated_at` seen.
    pub updates: BTreeSet<Millis>,
}

impl Feedback {
    /// What one update alone tells.
    pub fn of(update: Update) -> Self {
        Self {
            updates: BTreeSet::from([update.object.updated_at]),
            id: update.id,
            object: update.object,
            score: update.score,
            text: update.text,
        }
    }

    /// Joins what another knows of the same object.
    pub fn join(&mut self, other: Feedback) {
        // The raw text closes the order, so that two objects of one instant have a winner too.
        if other.object > self.object {
            self.object = other.object;
        }
        self.score = first(self.score.take(), other.score);
        self.text = first(self.text.take(), other.text);
        self.updates.extend(other.updates);
    }

    pub fn is_answered(&self) -> bool {
        self.score.is_some() || self.text.is_some()
    }

    /// Whether nothing more can come: both parts are given, and both are immutable.
    pub fn is_complete(&self) -> bool {
        self.score.is_some() && self.text.is_some()
    }
}

fn first<T: Ord>(a: Option<Given<T>>, b: Option<Given<T>>) -> Option<Given<T>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, None) => a,
        (None, b) => b,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn update() -> impl Strategy<Value = Update> {
        let given = |told_at: i64| {
            prop::option::of((0..4_i64, 0..3_i64)).prop_map(move |given| {
                given.map(|(given_at, value)| Given {
                    given_at: Millis(given_at),
                    told_at: Millis(told_at),
                    value,
                })
            })
        };
        (0..6_i64, "[ab]{0,2}").prop_flat_map(move |(updated_at, raw)| {
            (given(updated_at), given(updated_at)).prop_map(move |(score, text)| Update {
                id: FeedbackId::new("1"),
                object: Object {
                    updated_at: Millis(updated_at),
                    created_at: None,
                    to_user_id: None,
                    external_id: None,
                    kind: None,
                    question_variant_id: None,
                    test: false,
                    dm_id: None,
                    raw: raw.clone(),
                },
                score,
                text: text.map(|given| Given {
                    given_at: given.given_at,
                    told_at: given.told_at,
                    value: given.value.to_string(),
                }),
            })
        })
    }

    fn fold(updates: impl IntoIterator<Item = Update>) -> Option<Feedback> {
        updates.into_iter().map(Feedback::of).reduce(|mut all, next| {
            all.join(next);
            all
        })
    }

    /// `PROPTEST_CASES` asks for more.
    fn cases() -> ProptestConfig {
        let asked = ProptestConfig::default();
        ProptestConfig { cases: asked.cases.max(5_000), ..asked }
    }

    proptest! {
        #![proptest_config(cases())]

        #[test]
        fn order_repetition_and_batching_do_not_matter(
            (updates, shuffled) in prop::collection::vec(update(), 1..12)
                .prop_flat_map(|updates| (Just(updates.clone()), Just(updates).prop_shuffle())),
            repeat in 0..12_usize,
            cut in 0..12_usize,
        ) {
            let whole = fold(updates.clone());
            let mut again = shuffled.clone();
            again.push(shuffled[repeat % shuffled.len()].clone());
            prop_assert_eq!(&whole, &fold(again));
            let (left, right) = shuffled.split_at(cut % shuffled.len());
            let mut batched = fold(right.iter().cloned()).expect("the right part is not empty");
            if let Some(left) = fold(left.iter().cloned()) {
                batched.join(left);
            }
            prop_assert_eq!(whole, Some(batched));
        }

        #[test]
        fn a_score_once_seen_is_never_lost(updates in prop::collection::vec(update(), 1..12)) {
            let scored = updates.iter().any(|update| update.score.is_some());
            prop_assert_eq!(fold(updates).unwrap().score.is_some(), scored);
        }
    }
}
