//! States of one feedback object, joined.

use serde::{Deserialize, Serialize};

use super::Object;
use crate::domain::time::Millis;

/// How many parts an object may lack.
const PARTS: usize = 6;

/// When those parts of an object were told that its newest state lacks: X's documents show states
/// without the person, and without what the sender named the prompt by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Older([Option<Millis>; PARTS]);

impl Older {
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }
}

impl Object {
    /// The newest of both, and of each part that it lacks the newest that has it.
    pub fn join(self, other: Object) -> Object {
        // The raw text closes the order, so that two of one instant have a winner too.
        let is_newer =
            (self.updated_at, &self.raw, self.test) >= (other.updated_at, &other.raw, other.test);
        let (mut newest, mut rest) = if is_newer { (self, other) } else { (other, self) };
        macro_rules! join {
            ($($number:literal $part:ident),*) => {$(
                let told_at = |object: &Object| object.older.0[$number].unwrap_or(object.updated_at);
                let one = newest.$part.take().map(|value| (told_at(&newest), value));
                let other = rest.$part.take().map(|value| (told_at(&rest), value));
                let (told_at, value) = one.max(other).unzip();
                newest.older.0[$number] = told_at.filter(|at| *at < newest.updated_at);
                newest.$part = value;
            )*};
        }
        join!(0 created_at, 1 to_user_id, 2 external_id, 3 kind, 4 question_variant_id, 5 dm_id);
        newest
    }
}
