//! What the record says that happened, as events of a replay.

use super::ConversationKey;
use super::comparison::Difference;
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
    /// A survey of before the replay reached its moment of sending.
    Paced {
        account: AccountNumber,
    },
    /// A prompt of a survey of before the replay.
    Prompted {
        account: AccountNumber,
        person: UserId,
        group: String,
        /// Whether a dry run would have sent it.
        is_dry: bool,
    },
    /// The account has something to look at.
    Due {
        account: AccountNumber,
    },
}

impl RecordedEvent {
    /// The order of what happens at one instant: a close that is delivered after its reopening is
    /// called off as it comes in.
    pub fn turn(&self) -> u8 {
        match self {
            Self::CalledOff(_) => 0,
            Self::Closed(_) => 1,
            Self::Paced { .. } | Self::Prompted { .. } => 2,
            Self::Due { .. } => 3,
        }
    }
}

/// A conversation goes on, or an operator wants no survey of it.
#[derive(Debug)]
pub struct CalledOff {
    pub conversation: ConversationKey,
    /// What closed later is not meant.
    pub closed_until: Millis,
    pub by: CancelledBy,
}

/// A close on its way through the replay.
#[derive(Debug)]
pub struct Coming {
    pub account: AccountNumber,
    /// In the order of acceptance.
    pub place: u64,
    /// As it would be made from this close.
    pub survey: Survey,
    pub word: Option<WordOfX>,
    pub happened: FateDetails,
    /// What the replay has decided of it last.
    pub last_decision: Option<Decision>,
}

impl Coming {
    /// What X said of it.
    pub fn told_by_x(&self, fate: Fate) -> FateDetails {
        let detail = self.happened.detail.clone().unwrap_or_else(|| "as X said then".to_owned());
        FateDetails { detail: Some(detail), ..FateDetails::plain(fate) }
    }

    pub fn into_difference(self, would: FateDetails) -> Difference {
        let Survey { account, conversation_id, closed_at, .. } = self.survey;
        Difference { account, conversation_id, closed_at, happened: self.happened, would }
    }
}

/// The closes that made and moved a survey, with the instants of their acceptance.
///
/// The record keeps when each came in and when each closed, but not which at which: taken in the
/// order of their clocks, which is wrong only for those that a help desk delivered in another. What
/// was said at the earlier ones is not kept; they are taken to have said what the last said.
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

/// What called the survey off, or would have had it waited longer.
///
/// Of the reopenings that found nothing to call off the record keeps each conversation's last, and
/// when it was, not when it was told: that was after whatever else is on record.
pub fn called_off(row: &Recorded, account: AccountNumber) -> Option<(Millis, CalledOff)> {
    let survey = &row.survey;
    let conversation = (account, survey.conversation_id.clone());
    if let State::Cancelled(by) = survey.state {
        // Without a step of its own it was called off as it came in.
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
