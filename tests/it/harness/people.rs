//! The people of the stories, and what X knows of them.

use surveyd::sandbox::{Person, PersonsAnswer, Plan, TakesMessages, UserStanding};

use super::minutes;

pub const ANA: u64 = 343_434_343_434;
pub const BEN: u64 = 565_656_565_656;
pub const CAI: u64 = 787_878_787_878;

/// Takes messages and never answers on their own.
pub fn open() -> Person {
    Person { plan: Plan::Fixed(Vec::new()), ..Person::default() }
}

pub fn with_messages(messages: TakesMessages) -> Person {
    Person { messages, ..open() }
}

pub fn with_standing(standing: UserStanding) -> Person {
    Person { standing, ..open() }
}

/// Gives a score ten minutes after each prompt, and a comment ten minutes later.
pub fn answering(score: u8, text: &str) -> Person {
    let score = PersonsAnswer { after: minutes(10), score: Some(score), text: None };
    let comment = PersonsAnswer { after: minutes(20), score: None, text: Some(text.to_owned()) };
    Person { plan: Plan::Fixed(vec![score, comment]), ..open() }
}
