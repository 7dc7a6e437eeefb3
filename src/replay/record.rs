//! Turns the recorded surveys into events of a replay.

use super::ConversationKey;
use super::comparison::ComparedClose;
use super::fate::{Fate, FateDetails, WordOfX};
use super::ledger::AccountNumber;
use crate::domain::id::UserId;
use crate::domain::policy::decision::Decision;
use crate::domain::survey::{CancelledBy, State, Survey};
use crate::domain::time::Millis;
use crate::store::{Further, Recorded};

#[derive(Debug)]
pub enum RecordedEvent {
    CalledOff(CalledOff),
    Closed(Box<Coming>),
    /// A survey from before the replay's beginning was drawn for the even pace.
    Paced {
        account: AccountNumber,
    },
    /// A survey from before the replay's beginning was sent as a prompt.
    Prompted {
        account: AccountNumber,
        person: UserId,
        group: String,
        /// True if a dry run would have sent it.
        is_dry: bool,
    },
    /// A decision about a survey of the account is due.
    Due {
        account: AccountNumber,
    },
}

impl RecordedEvent {
    /// Returns the rank among events of one instant. A reopening goes before a close so that a
    /// close delivered after its reopening is cancelled at once.
    pub fn turn(&self) -> u8 {
        match self {
            Self::CalledOff(_) => 0,
            Self::Closed(_) => 1,
            Self::Paced { .. } | Self::Prompted { .. } => 2,
            Self::Due { .. } => 3,
        }
    }
}

/// A reopening or an operator's wish for no survey of the conversation.
#[derive(Debug)]
pub struct CalledOff {
    pub conversation: ConversationKey,
    /// The last close that this cancels. Later closes are not affected.
    pub closed_until: Millis,
    pub by: CancelledBy,
}

/// A close that the replay has yet to end.
#[derive(Debug)]
pub struct Coming {
    pub account: AccountNumber,
    /// Its place in the order of acceptance.
    pub place: u64,
    /// The survey that this close would create.
    pub survey: Survey,
    pub word: Option<WordOfX>,
    pub happened: FateDetails,
    /// The replay's last decision about it.
    pub last_decision: Option<Decision>,
}

impl Coming {
    /// Returns a fate that X caused with X's recorded answer.
    pub fn told_by_x(&self, fate: Fate) -> FateDetails {
        let detail = self.happened.detail.clone().unwrap_or_else(|| "as X said then".to_owned());
        FateDetails { detail: Some(detail), ..FateDetails::plain(fate) }
    }

    pub fn into_compared(self, would: FateDetails) -> ComparedClose {
        let Survey { account, conversation_id, closed_at, .. } = self.survey;
        ComparedClose { account, conversation_id, closed_at, happened: self.happened, would }
    }
}

/// Returns the closes that created and moved a survey with the instants of their acceptance.
///
/// The record keeps the instants of the closes and of their acceptance but not which belong
/// together. So both are paired in the order of time. That is wrong only if a help desk delivered
/// the closes in another order. The record keeps only the last close's notice, so the earlier ones
/// are taken to have said the same.
pub fn closes(row: Recorded, account: AccountNumber, places: &mut u64) -> Vec<(Millis, Coming)> {
    let word = WordOfX::on_record(&row);
    let told = FateDetails::on_record(&row);
    let Recorded { survey, first_closed_at, further, .. } = row;
    let last_closed_at = survey.closed_at;
    let mut closed_at: Vec<Millis> =
        further.iter().map(|further| further.closed_at).chain([last_closed_at]).collect();
    closed_at.sort();
    let first = first_closed_at.and_then(|first| closed_at.iter().position(|at| *at == first));
    let first = closed_at.remove(first.unwrap_or(0));
    closed_at.insert(0, first);
    let mut accepted_at: Vec<Millis> =
        further.iter().map(|Further { accepted_at, .. }| *accepted_at).collect();
    accepted_at.sort();
    accepted_at.insert(0, survey.accepted_at);
    let closes = accepted_at.into_iter().zip(closed_at).map(|(accepted_at, closed_at)| {
        let is_last = closed_at == last_closed_at;
        let happened = if is_last { told.clone() } else { FateDetails::plain(Fate::Merged) };
        let survey = Survey { closed_at, ..survey.clone() };
        let place = *places;
        *places += 1;
        (accepted_at, Coming { account, place, survey, word, happened, last_decision: None })
    });
    closes.collect()
}

/// Returns what cancelled the survey or would have cancelled it had it waited longer.
///
/// Some reopenings found nothing to cancel. The record keeps only the last of these for each
/// conversation. It keeps when the reopening happened and not when it was delivered. It is taken to
/// have arrived after everything else on record.
pub fn called_off(row: &Recorded, account: AccountNumber) -> Option<(Millis, CalledOff)> {
    let survey = &row.survey;
    let conversation = (account, survey.conversation_id.clone());
    if let State::Cancelled(by) = survey.state {
        // Without an instant of its own the cancellation came at the acceptance.
        let at = row.cancelled_at.unwrap_or(survey.accepted_at);
        return Some((at, CalledOff { conversation, closed_until: survey.closed_at, by }));
    }
    let closed_until = row.reopened_at.filter(|at| *at >= survey.closed_at)?;
    let known = [
        Some(survey.accepted_at),
        row.spent.as_ref().map(|spent| spent.at),
        row.at_sending.as_ref().map(|last| last.at),
    ];
    let after = known.into_iter().flatten().max().map_or(closed_until, |at| Millis(at.0 + 1));
    let by = CancelledBy::Reopened;
    Some((closed_until.max(after), CalledOff { conversation, closed_until, by }))
}
