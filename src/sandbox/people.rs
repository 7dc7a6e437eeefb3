//! The people who are prompted. Whoever the sandbox has not been told of exists, and behaves as the
//! seed decides.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::behaviour::Behaviour;
use super::chance::Chance;
use super::refusal::Refusal;

/// Whether there is such a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserStanding {
    #[default]
    Present,
    /// X knows no such id: code 50.
    Unknown,
    /// X has suspended the user: code 63.
    Suspended,
}

/// Whether the user takes Direct Messages from the account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TakesMessages {
    #[default]
    Open,
    /// From nobody: code 349.
    Closed,
    /// Only from accounts the user follows: code 150.
    FollowedOnly,
    /// The look-up says yes and the sending says no (code 349), as X's advisory answer may.
    ClosedUnnoticed,
}

/// What the user does with a prompt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Plan {
    /// As the behaviour and the seed decide.
    #[default]
    Drawn,
    /// These answers, after each prompt; none is silence.
    Fixed(Vec<PersonsAnswer>),
}

/// One update that a person makes to a feedback.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PersonsAnswer {
    /// From the prompt.
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
    /// What X's look-ups say.
    pub fn can_dm(&self) -> bool {
        match self.messages {
            TakesMessages::Open | TakesMessages::ClosedUnnoticed => {
                self.standing == UserStanding::Present
            }
            TakesMessages::Closed | TakesMessages::FollowedOnly => false,
        }
    }

    /// What X says to a look-up of this person.
    pub fn found(&self) -> Result<(), Refusal> {
        match self.standing {
            UserStanding::Present => Ok(()),
            UserStanding::Unknown => Err(Refusal::user_not_found()),
            UserStanding::Suspended => Err(Refusal::user_suspended()),
        }
    }

    /// What X says to a prompt to this person.
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

/// Everybody.
#[derive(Clone, Debug, Default)]
pub struct People {
    told: BTreeMap<u64, Person>,
}

impl People {
    /// Says who a person is, instead of the seed.
    pub fn tell(&mut self, user_id: u64, person: Person) {
        self.told.insert(user_id, person);
    }

    /// Who a person is; always the same one for the same seed and behaviour.
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
