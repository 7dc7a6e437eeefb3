//! Joins the states of one feedback object.

use serde::{Deserialize, Serialize};

use super::Object;
use crate::domain::time::Millis;

/// How many parts an object may lack.
const PARTS: usize = 6;

macro_rules! of_each_part {
    ($do:ident) => {
        $do!(0 created_at, 1 to_user_id, 2 external_id, 3 kind, 4 question_variant_id, 5 dm_id)
    };
}

/// When X reported the parts that an object's newest state lacks. X's documents show states without
/// the person and without the sender's name for the prompt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Older([Option<Millis>; PARTS]);

impl Older {
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }
}

impl Object {
    /// True if joining the other would change nothing.
    pub fn holds(&self, other: &Object) -> bool {
        macro_rules! hold {
            ($($number:literal $part:ident),*) => {
                $((self.told($number, &self.$part) >= other.told($number, &other.$part)))&&*
            };
        }
        self.order() >= other.order() && of_each_part!(hold)
    }

    /// The raw text ends the order, so that one of two states of an instant wins.
    fn order(&self) -> (Millis, &str, bool) {
        (self.updated_at, &self.raw, self.test)
    }

    /// A part and the instant at which X reported it.
    fn told<'a, T>(&self, number: usize, part: &'a Option<T>) -> Option<(Millis, &'a T)> {
        Some((self.older.0[number].unwrap_or(self.updated_at), part.as_ref()?))
    }

    /// The newer of both objects. A part that it lacks comes from the other one.
    pub fn join(self, other: Object) -> Object {
        let is_newer = self.order() >= other.order();
        let (mut newest, mut rest) = if is_newer { (self, other) } else { (other, self) };
        macro_rules! join {
            ($($number:literal $part:ident),*) => {{$(
                let told_at = |object: &Object| object.older.0[$number].unwrap_or(object.updated_at);
                let one = newest.$part.take().map(|value| (told_at(&newest), value));
                let other = rest.$part.take().map(|value| (told_at(&rest), value));
                let (told_at, value) = one.max(other).unzip();
                newest.older.0[$number] = told_at.filter(|at| *at < newest.updated_at);
                newest.$part = value;
            )*}};
        }
        of_each_part!(join);
        newest
    }
}
