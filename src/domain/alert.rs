//! Decides what is told at once, to which alert and when it is tried again.
//!
//! A [`Fact`] is something that happened. An alert is a place that wants to be told of some facts
//! ([`Wanted`]). A message is one fact for one alert. [`Wanted::messages_of`] makes messages of a
//! fact. [`tries`] says when a message is tried again and when an alert is disabled.
//! [`retry_after`] reads how long the receiver wants to be left alone. [`address`] says where
//! messages may go. A [`Told`] is what a message says. [`template`] is the operator's own form of
//! it.
//!
//! Must not send anything: `alerts` does that, and writes the receivers' formats.

pub mod address;
mod fact;
pub mod retry_after;
pub mod template;
mod told;
pub mod tries;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub use fact::{
    Answer, Change, Detail, Digest, Fact, FactType, PauseEnd, PauseStart, Silence, SilenceKind,
    Trial, UnreadableDetail,
};

pub use told::{Content, Told};

use super::named::named;
use super::survey_type::SurveyType;
use super::time::Millis;

/// An answer that is older is not told any more. A message that waits longer is dropped.
pub const TOLD_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// If more messages of one type wait for an alert, one message is sent for all of them.
pub const SINGLY_MOST: usize = 10;

/// What a message says, as `on` in the configuration and `type` in the message write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlertType {
    /// Somebody answered.
    FeedbackAnswered,
    /// Somebody gave a score at or under the alert's threshold.
    Detractor,
    /// X refuses an account as a whole.
    AccountPaused,
    /// X takes an account's calls again.
    AccountResumed,
    /// What should have come did not come.
    Silence,
    /// A schedule's report is due.
    Digest,
    /// An operator tries the alert.
    AlertTest,
}

named!(AlertType {
    FeedbackAnswered = "feedback.answered",
    Detractor = "detractor",
    AccountPaused = "account.paused",
    AccountResumed = "account.resumed",
    Silence = "silence",
    Digest = "digest",
    AlertTest = "alert.test",
});

impl AlertType {
    /// The types that an alert can ask for. A test is asked for by command.
    pub const CHOOSABLE: [Self; 6] = [
        Self::FeedbackAnswered,
        Self::Detractor,
        Self::AccountPaused,
        Self::AccountResumed,
        Self::Silence,
        Self::Digest,
    ];
}

/// How a message is written.
#[derive(Clone, Debug, PartialEq)]
pub enum Format {
    /// Standard Webhooks.
    Standard,
    Slack,
    /// Microsoft Teams, through a workflow.
    Teams,
    Mattermost,
    /// The operator's own template.
    Template(template::AlertTemplate),
}

impl Format {
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Slack => "slack",
            Self::Teams => "teams",
            Self::Mattermost => "mattermost",
            Self::Template(_) => "template",
        }
    }
}

/// Which facts an alert wants to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The alert's name. No two alerts share it.
    pub name: String,
    /// Never empty.
    pub types: BTreeSet<AlertType>,
    /// The accounts whose facts are told. `None` means all. Never empty.
    pub accounts: Option<BTreeSet<String>>,
    /// The teams whose answers are told, as notices name them. `None` means all. Never empty.
    pub teams: Option<BTreeSet<String>>,
    /// The highest score of a detractor. A survey type that is missing has no detractors.
    pub detractor: BTreeMap<SurveyType, u8>,
    /// How long a silence must last.
    pub silence_after: Duration,
    /// How long the message about an answer waits for the answer's comment.
    pub wait_for_comment: Duration,
    /// True if messages carry comments.
    pub has_comments: bool,
}

impl Wanted {
    /// The messages that the fact makes for this alert, at most one of each type.
    ///
    /// A changed score makes a message where it enters the range of the detractors. The caller must
    /// drop that message if the alert was told of a detractor for the survey before.
    pub fn messages_of(&self, fact: &Fact) -> Vec<AlertType> {
        if !self.includes_account(fact.account.as_deref()) {
            return Vec::new();
        }
        let of_type = |alert_type: AlertType| {
            self.types.contains(&alert_type).then_some(alert_type).into_iter().collect()
        };
        match &fact.detail {
            Detail::Answered(answer) if self.includes_team(answer.team.as_deref()) => {
                let is_detractor = self.is_detractor(answer.kind, answer.score);
                [(AlertType::FeedbackAnswered, true), (AlertType::Detractor, is_detractor)]
                    .into_iter()
                    .filter(|(alert_type, fits)| *fits && self.types.contains(alert_type))
                    .map(|(alert_type, _)| alert_type)
                    .collect()
            }
            Detail::Changed(Change { answer, score_before })
                if self.includes_team(answer.team.as_deref())
                    && self.is_detractor(answer.kind, answer.score)
                    && !self.is_detractor(answer.kind, *score_before) =>
            {
                of_type(AlertType::Detractor)
            }
            Detail::Answered(_) | Detail::Changed(_) => Vec::new(),
            Detail::Paused(_) => of_type(AlertType::AccountPaused),
            Detail::Resumed(_) => of_type(AlertType::AccountResumed),
            Detail::Silent(silence) if silence.after == self.silence_after => {
                of_type(AlertType::Silence)
            }
            Detail::Silent(_) => Vec::new(),
            Detail::Digest(digest) if digest.alert == self.name => of_type(AlertType::Digest),
            Detail::Digest(_) => Vec::new(),
            // Whoever asks for a test has it, whatever else the alert wants.
            Detail::Test(trial) if trial.alert == self.name => vec![AlertType::AlertTest],
            Detail::Test(_) => Vec::new(),
        }
    }

    /// When the message is due. One about an answer waits for the comment for a while.
    pub fn due_at(&self, fact: &Fact, has_comment: bool, now: Millis) -> Millis {
        match &fact.detail {
            Detail::Answered(_) | Detail::Changed(_) if !has_comment => {
                // A clock that was set back must not put the message off.
                fact.at.min(now).plus(self.wait_for_comment)
            }
            Detail::Answered(_)
            | Detail::Changed(_)
            | Detail::Paused(_)
            | Detail::Resumed(_)
            | Detail::Silent(_)
            | Detail::Digest(_)
            | Detail::Test(_) => now,
        }
    }

    /// True if a score is at or under the alert's threshold.
    pub fn is_detractor(&self, kind: SurveyType, score: u8) -> bool {
        self.detractor.get(&kind).is_some_and(|most| score <= *most)
    }

    /// True if the alert is told of that account. A fact of no single account concerns all.
    pub fn includes_account(&self, account: Option<&str>) -> bool {
        let (Some(accounts), Some(account)) = (&self.accounts, account) else { return true };
        accounts.contains(account)
    }

    /// True if the alert is told of that team's answers. An answer without a team is told only to
    /// alerts for all teams.
    pub fn includes_team(&self, team: Option<&str>) -> bool {
        let Some(teams) = &self.teams else { return true };
        team.is_some_and(|team| teams.contains(team))
    }
}

#[cfg(test)]
mod tests;
