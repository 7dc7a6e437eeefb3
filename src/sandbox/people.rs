//! The people who are prompted. Whoever the sandbox has not been told of exists, and behaves as the seed decides.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::behaviour::Behaviour;
use super::chance::Chance;
use super::refusal::Refusal;

/// Whether there is such a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
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
pub enum Messages {
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
    Fixed(Vec<Answer>),
}

/// One update that a person makes to a feedback.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// From the prompt.
    pub after: Duration,
    pub score: Option<u8>,
    pub text: Option<String>,
}

/// One person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    pub standing: Standing,
    pub messages: Messages,
    pub plan: Plan,
}

impl Person {
    /// What X's look-ups say.
    pub fn can_dm(&self) -> bool {
        match self.messages {
            Messages::Open | Messages::ClosedUnnoticed => self.standing == Standing::Present,
            Messages::Closed | Messages::FollowedOnly => false,
        }
    }

    /// What X says to a look-up of this person.
    pub fn found(&self) -> Result<(), Refusal> {
        match self.standing {
            Standing::Present => Ok(()),
            Standing::Unknown => Err(Refusal::user_not_found()),
            Standing::Suspended => Err(Refusal::user_suspended()),
        }
    }

    /// What X says to a prompt to this person.
    pub fn messageable(&self) -> Result<(), Refusal> {
        self.found()?;
        match self.messages {
            Messages::Open => Ok(()),
            Messages::Closed | Messages::ClosedUnnoticed => Err(Refusal::cannot_message()),
            Messages::FollowedOnly => Err(Refusal::not_following()),
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
        (false, _) => Messages::Open,
        (true, true) => Messages::Closed,
        (true, false) => Messages::FollowedOnly,
    };
    Person { standing: Standing::Present, messages, plan: Plan::Drawn }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_untold_person_exists_and_stays_the_same() {
        let behaviour = Behaviour { closed: 0.5, ..Behaviour::silent() };
        let people = People::default();
        let all: Vec<Person> = (0..200).map(|id| people.find(id, 3, &behaviour)).collect();
        assert!(all.iter().all(|person| person.standing == Standing::Present));
        assert!(all.iter().any(Person::can_dm));
        assert!(all.iter().any(|person| person.messages == Messages::Closed));
        assert!(all.iter().any(|person| person.messages == Messages::FollowedOnly));
        assert_eq!(all, (0..200).map(|id| people.find(id, 3, &behaviour)).collect::<Vec<_>>());
    }

    #[test]
    fn a_person_is_who_the_sandbox_was_told() {
        let mut people = People::default();
        people.tell(5, Person { standing: Standing::Suspended, ..Person::default() });
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
        assert_eq!(code(Standing::Present, Messages::Open), (true, None));
        assert_eq!(code(Standing::Present, Messages::Closed), (false, Some(349)));
        assert_eq!(code(Standing::Present, Messages::FollowedOnly), (false, Some(150)));
        assert_eq!(code(Standing::Present, Messages::ClosedUnnoticed), (true, Some(349)));
        assert_eq!(code(Standing::Unknown, Messages::Open), (false, Some(50)));
    }
}
