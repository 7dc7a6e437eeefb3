//! Prompts of unknown outcome that X's events should have settled by now.

use std::time::Duration;

use super::{Cause, Facts, Obstacle, obstacle};
use crate::domain::time::{Millis, Period};

/// How long the events may stay unread once X lets surveyd read them. Nothing is reported before.
const OVERDUE_AFTER: Duration = Duration::from_secs(60 * 60);

/// The prompts of an account whose outcome is not known. The instants are those of the oldest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverduePrompts {
    pub surveys: u64,
    /// The end of its request.
    pub since: Millis,
    /// X's events must have been read past this instant.
    pub needed: Millis,
    /// When X first lets surveyd read so far.
    pub readable_at: Millis,
    pub read_to: Option<Millis>,
    /// When the reading came that far.
    pub read_at: Option<Millis>,
    /// Events around the request that could not be read in full.
    pub unread: Option<Period>,
}

impl Facts {
    /// Reports prompts that should have been settled by now and what their settling waits for.
    pub fn overdue(&self, prompts: &OverduePrompts) -> Option<Obstacle> {
        let OverduePrompts { surveys, since, needed, readable_at, read_to, read_at, unread } =
            *prompts;
        if self.now < readable_at.plus(OVERDUE_AFTER) {
            return None;
        }
        // A downtime leaves much to read.
        let is_going_on = read_at.is_some_and(|at| self.now.since(at) < OVERDUE_AFTER);
        let is_read = read_to.is_some_and(|read_to| read_to >= needed);
        let (why, remedy, must_act): (String, _, _) = match (&self.pause, read_to, unread) {
            (Some(_), ..) => {
                ("X refuses the account, and shows no events of it".into(), READ_AGAIN, true)
            }
            (None, None, _) => ("no events of X have been read yet".into(), IN_THE_LOG, true),
            (None, Some(read_to), _) if !is_read => {
                let (read_to, needed) = (read_to.rfc3339(), needed.rfc3339());
                let why =
                    format!("X's events have been read to {read_to}, and must be past {needed}");
                (why, if is_going_on { BEING_READ } else { IN_THE_LOG }, !is_going_on)
            }
            (None, Some(_), Some(Period { from, to })) => {
                let (from, to) = (from.rfc3339(), to.rfc3339());
                let why = format!("X's events from {from} to {to} could not be read in full");
                (why, LOOKED_AGAIN, false)
            }
            (None, Some(_), None) => {
                ("the reading that tells it has not come to its end".into(), IN_THE_LOG, false)
            }
        };
        let prompts = match surveys {
            1 => "one prompt".to_owned(),
            many => format!("{many} prompts"),
        };
        let (name, at) = (&self.account, since.rfc3339());
        let words = format!(
            "whether {prompts} of account {name} went out is not known since {at}: {why}. Nothing is \
             sent again before that"
        );
        let found = obstacle(self, Cause::Uncertain, words).since(since).remedy(remedy);
        Some(Obstacle { surveys: 0, must_act, ..found })
    }
}

const BEING_READ: &str = "They are being read";
const READ_AGAIN: &str = "They are read once X takes the account again";
const LOOKED_AGAIN: &str = "Second looks ask for those of the last week again";
const IN_THE_LOG: &str =
    "The log says why (`poll.failed`), and `surveyd status` how far events are read";
