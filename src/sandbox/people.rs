//! Keeps the people who are prompted.
//!
//! A person whom nobody has described exists and behaves as the seed decides.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::behaviour::Behaviour;
use super::chance::Chance;
use super::refusal::Refusal;

/// The standing of a user at X.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserStanding {
    #[default]
    Present,
    /// X does not know the id. Refused with code 50.
    Unknown,
    /// X has suspended the user. Refused with code 63.
    Suspended,
}

/// The senders from whom the user takes Direct Messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TakesMessages {
    #[default]
    Open,
    /// The user takes none. Refused with code 349.
    Closed,
    /// The user takes them only from accounts that the user follows. Refused with code 150.
    FollowedOnly,
    /// The look-up says yes but the prompt is refused with code 349. X's look-ups are only
    /// advisory, so this may happen.
    ClosedUnnoticed,
}

/// The user's reaction to a prompt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Plan {
    /// The behaviour and the seed decide.
    #[default]
    Drawn,
    /// The user gives these answers to each prompt. An empty list is silence.
    Fixed(Vec<PersonsAnswer>),
}

/// One update that a person makes to a feedback.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PersonsAnswer {
    /// The time since the prompt.
    pub after: Duration,
    pub score: Option<u8>,
    pub text: Option<String>,
}

/// One person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    pub standing: UserStanding,
    pub messages: TakesMessages,
    pub plan: Plan,
}

impl Person {
    /// True if X's look-ups say that the person can be messaged.
    pub fn can_dm(&self) -> bool {
        match self.messages {
            TakesMessages::Open | TakesMessages::ClosedUnnoticed => {
                self.standing == UserStanding::Present
            }
            TakesMessages::Closed | TakesMessages::FollowedOnly => false,
        }
    }

    /// Returns X's answer to a look-up of this person.
    pub fn found(&self) -> Result<(), Refusal> {
        match self.standing {
            UserStanding::Present => Ok(()),
            UserStanding::Unknown => Err(Refusal::user_not_found()),
            UserStanding::Suspended => Err(Refusal::user_suspended()),
        }
    }

    /// Returns X's answer to a prompt to this person.
    pub fn messageable(&self) -> Result<(), Refusal> {
        self.found()?;
        match self.messages {
            TakesMessages::Open => Ok(()),
            TakesMessages::Closed | TakesMessages::ClosedUnnoticed => {
                Err(Refusal::cannot_message())
            }
            TakesMessages::FollowedOnly => Err(Refusal::not_following()),
        }
    }
}

/// All people of the world.
#[derive(Clone, Debug, Default)]
pub struct People {
    told: BTreeMap<u64, Person>,
}

impl People {
    /// Describes a person, who then no longer depends on the seed.
    pub fn tell(&mut self, user_id: u64, person: Person) {
        self.told.insert(user_id, person);
    }

    /// Returns a person. Somebody who was not described depends only on the seed and the behaviour.
    pub fn find(&self, user_id: u64, seed: u64, behaviour: &Behaviour) -> Person {
        self.told.get(&user_id).cloned().unwrap_or_else(|| drawn(user_id, seed, behaviour))
    }
}

fn drawn(user_id: u64, seed: u64, behaviour: &Behaviour) -> Person {
    let mut chance = Chance::of(seed, &["messages", &user_id.to_string()]);
    let messages = match (chance.happens(behaviour.closed), chance.happens(0.5)) {
        (false, _) => TakesMessages::Open,
        (true, true) => TakesMessages::Closed,
        (true, false) => TakesMessages::FollowedOnly,
    };
    Person { standing: UserStanding::Present, messages, plan: Plan::Drawn }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_untold_person_exists_and_stays_the_same() {
        let behaviour = Behaviour { closed: 0.5, ..Behaviour::silent() };
        let people = People::default();
        let all: Vec<Person> = (0..200).map(|id| people.find(id, 3, &behaviour)).collect();
        assert!(all.iter().all(|person| person.standing == UserStanding::Present));
        assert!(all.iter().any(Person::can_dm));
        assert!(all.iter().any(|person| person.messages == TakesMessages::Closed));
        assert!(all.iter().any(|person| person.messages == TakesMessages::FollowedOnly));
        assert_eq!(all, (0..200).map(|id| people.find(id, 3, &behaviour)).collect::<Vec<_>>());
    }

    #[test]
    fn a_person_is_who_the_sandbox_was_told() {
        let mut people = People::default();
        people.tell(5, Person { standing: UserStanding::Suspended, ..Person::default() });
        let person = people.find(5, 1, &Behaviour::silent());
        assert!(!person.can_dm());
        assert_eq!(person.messageable().unwrap_err().code, 63);
    }

    #[test]
    fn refusals_follow_from_who_a_person_is() {
        let code = |standing, messages| {
            let person = Person { standing, messages, plan: Plan::Drawn };
            (person.can_dm(), person.messageable().err().map(|refusal| refusal.code))
        };
        assert_eq!(code(UserStanding::Present, TakesMessages::Open), (true, None));
        assert_eq!(code(UserStanding::Present, TakesMessages::Closed), (false, Some(349)));
        assert_eq!(code(UserStanding::Present, TakesMessages::FollowedOnly), (false, Some(150)));
        assert_eq!(code(UserStanding::Present, TakesMessages::ClosedUnnoticed), (true, Some(349)));
        assert_eq!(code(UserStanding::Unknown, TakesMessages::Open), (false, Some(50)));
    }
}
