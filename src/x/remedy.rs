//! Says what to do after X refused a call that reads. This module is pure.
//!
//! A refused prompt is judged by the scheduler, because a prompt must not be repeated blindly.

use super::Error;
use crate::domain::survey::Failure;
use crate::domain::time::Millis;

/// What to do before the next call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Make no such call before then. `None` means a while, because X named no time.
    HoldCalls(Option<Millis>),
    /// X refuses the account. A caller that needs the call pauses the account. Any other does
    /// without the call for a while.
    PauseAccount(Failure),
    /// X no longer knows the place in its list. Begin the list again.
    LeavePlace(Failure),
    /// X refuses what was asked about. Repeating the call does not help.
    GiveUp(Failure),
    /// X has told the time. Sign the call again after a short wait.
    SignAgain,
    /// X is away. Ask again ever more slowly.
    AskLater,
}

impl Remedy {
    /// Judges the refusal of a call. `has_place` is true if it asked for a later page of a list.
    pub fn of(refusal: &Error, has_place: bool) -> Self {
        match refusal {
            Error::Limited { reset_at } => Self::HoldCalls(*reset_at),
            Error::Request(words) if has_place => Self::LeavePlace(words.clone()),
            // X may say of a later page that it does not exist. Elsewhere the same code is about
            // the whole path. The first page will tell which it is.
            Error::Account(words) if has_place && words.code == Some(34) => {
                Self::LeavePlace(words.clone())
            }
            Error::Account(words) => Self::PauseAccount(words.clone()),
            Error::Request(words) | Error::Person { words, .. } => Self::GiveUp(words.clone()),
            Error::Clock(_) => Self::SignAgain,
            Error::NotNow(_) | Error::NoAnswer(_) => Self::AskLater,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::survey::Reason;

    #[test]
    fn every_refusal_has_its_remedy_for_a_first_and_for_a_later_page() {
        let words = |code| Failure { code: Some(code), message: "no".into() };
        let person = Error::Person { reason: Reason::CannotDm, words: words(349) };
        let hold = |reset_at| Remedy::HoldCalls(reset_at);
        let (pause, leave) = (Remedy::PauseAccount, Remedy::LeavePlace);
        let give_up = Remedy::GiveUp;
        let table = [
            (Error::Limited { reset_at: Some(Millis(7)) }, hold(Some(Millis(7))), None),
            (Error::Limited { reset_at: None }, hold(None), None),
            (Error::Account(words(89)), pause(words(89)), None),
            (Error::Account(words(34)), pause(words(34)), Some(leave(words(34)))),
            (Error::Request(words(44)), give_up(words(44)), Some(leave(words(44)))),
            (person, give_up(words(349)), None),
            (Error::Clock(words(135)), Remedy::SignAgain, None),
            (Error::NotNow("503".into()), Remedy::AskLater, None),
            (Error::NoAnswer("silence".into()), Remedy::AskLater, None),
        ];
        for (refusal, first, later) in table {
            assert_eq!(Remedy::of(&refusal, false), first, "{refusal:?}");
            assert_eq!(Remedy::of(&refusal, true), later.unwrap_or(first), "{refusal:?}");
        }
    }
}
