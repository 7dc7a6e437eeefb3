//! What happened, and may be told.
//!
//! A fact has a key, so that it is recorded once however often it is noticed. Its detail is kept as
//! JSON, in a form of this file's own.

use std::time::Duration;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use thiserror::Error;

use crate::domain::id::SurveyId;
use crate::domain::named::named;
use crate::domain::survey_type::SurveyType;
use crate::domain::time::{Millis, millis};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Two facts with the same key are the same fact.
    pub key: String,
    /// `None` if the fact concerns no single account.
    pub account: Option<String>,
    pub survey_id: Option<SurveyId>,
    /// When it happened.
    pub at: Millis,
    pub detail: Detail,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detail {
    /// A survey has its first score.
    Answered(Answer),
    /// A person chose another score.
    Changed(Change),
    /// X refuses an account as a whole.
    Paused(PauseStart),
    /// X takes an account's calls again.
    Resumed(PauseEnd),
    /// What should have come did not come.
    Silent(Silence),
    /// A schedule's period is over.
    Digest(Digest),
    /// An operator tries an alert.
    Test(Trial),
}

/// The kind of a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FactType {
    Answer,
    Changed,
    Paused,
    Resumed,
    Silence,
    Digest,
    Test,
}

named!(FactType {
    Answer = "answer",
    Changed = "changed",
    Paused = "paused",
    Resumed = "resumed",
    Silence = "silence",
    Digest = "digest",
    Test = "test",
});

/// A score with what the close said of the conversation. The comment is not part of it: it is read
/// when the message is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    pub kind: SurveyType,
    /// A score of that type's scale.
    pub score: u8,
    pub team: Option<String>,
    pub agent: Option<String>,
    /// The question variant that X showed.
    pub question: Option<u32>,
}

/// A score that replaced another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    #[serde(flatten)]
    pub answer: Answer,
    pub score_before: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseStart {
    /// X's words.
    pub why: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseEnd {
    pub paused_at: Millis,
}

/// Something that did not come, though it was to be expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    pub kind: SilenceKind,
    /// When it came last, or when the look at it began.
    pub since: Millis,
    /// The `silence_after` of the alerts that are told.
    #[serde(rename = "after_ms", with = "as_millis")]
    pub after: Duration,
    /// How many would have been expected in the meantime.
    pub expected: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SilenceKind {
    /// Closes came in and no prompt went out.
    Closes,
    /// Prompts went out and nobody answered.
    Answers,
}

named!(SilenceKind {
    Closes = "closes",
    Answers = "answers",
});

/// A report of a period that is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    pub schedule: String,
    /// The alert that is told.
    pub alert: String,
    /// The first day of the period, as `2026-11-23`.
    pub from: String,
    /// The last day of the period.
    pub to: String,
    /// The report in some sentences, one a line.
    pub headline: String,
    /// The query of the results page that shows the same, without its question mark.
    pub query: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// The alert that is told.
    pub alert: String,
}

/// A detail on record that this version does not understand.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the detail of a fact of the type {fact_type} cannot be read: {why}")]
pub struct UnreadableDetail {
    pub fact_type: String,
    pub why: String,
}

impl Fact {
    /// The fact that a survey has its first score.
    pub fn answered(survey: &SurveyId, account: &str, scored_at: Millis, answer: Answer) -> Self {
        let key = format!("answer:{}", survey.as_str());
        let survey_id = Some(survey.clone());
        Self { survey_id, ..Self::of(key, account, scored_at, Detail::Answered(answer)) }
    }

    /// The fact that a survey's score changed.
    pub fn changed(survey: &SurveyId, account: &str, at: Millis, change: Change) -> Self {
        let key = format!("changed:{}:{}", survey.as_str(), change.answer.score);
        let survey_id = Some(survey.clone());
        Self { survey_id, ..Self::of(key, account, at, Detail::Changed(change)) }
    }

    pub fn paused(account: &str, paused_at: Millis, why: &str) -> Self {
        let key = format!("paused:{account}:{}", paused_at.0);
        Self::of(key, account, paused_at, Detail::Paused(PauseStart { why: why.to_owned() }))
    }

    pub fn resumed(account: &str, paused_at: Millis, resumed_at: Millis) -> Self {
        let key = format!("resumed:{account}:{}", resumed_at.0);
        Self::of(key, account, resumed_at, Detail::Resumed(PauseEnd { paused_at }))
    }

    /// The fact that something is missing. Alerts that wait for different lengths are told by facts
    /// of their own.
    pub fn silent(account: &str, at: Millis, silence: Silence) -> Self {
        let Silence { kind, since, after, .. } = &silence;
        let after_ms = millis(*after);
        let key = format!("silence:{account}:{}:{after_ms}:{}", kind.as_str(), since.0);
        Self::of(key, account, at, Detail::Silent(silence))
    }

    /// The fact that a schedule's period is over.
    pub fn digest(at: Millis, digest: Digest) -> Self {
        let key = format!("digest:{}:{}", digest.schedule, digest.to);
        Self { key, account: None, survey_id: None, at, detail: Detail::Digest(digest) }
    }

    /// The fact that an operator tries an alert. `id` is one of its own.
    pub fn test(alert: &str, id: &str, at: Millis) -> Self {
        let detail = Detail::Test(Trial { alert: alert.to_owned() });
        Self { key: format!("test:{alert}:{id}"), account: None, survey_id: None, at, detail }
    }

    fn of(key: String, account: &str, at: Millis, detail: Detail) -> Self {
        Self { key, account: Some(account.to_owned()), survey_id: None, at, detail }
    }
}

impl Detail {
    pub fn fact_type(&self) -> FactType {
        match self {
            Self::Answered(_) => FactType::Answer,
            Self::Changed(_) => FactType::Changed,
            Self::Paused(_) => FactType::Paused,
            Self::Resumed(_) => FactType::Resumed,
            Self::Silent(_) => FactType::Silence,
            Self::Digest(_) => FactType::Digest,
            Self::Test(_) => FactType::Test,
        }
    }

    /// The answer of a fact about one.
    pub fn answer(&self) -> Option<&Answer> {
        match self {
            Self::Answered(answer) | Self::Changed(Change { answer, .. }) => Some(answer),
            Self::Paused(_)
            | Self::Resumed(_)
            | Self::Silent(_)
            | Self::Digest(_)
            | Self::Test(_) => None,
        }
    }

    /// The detail as JSON, without its type.
    pub fn json(&self) -> String {
        let value = match self {
            Self::Answered(detail) => as_value(detail),
            Self::Changed(detail) => as_value(detail),
            Self::Paused(detail) => as_value(detail),
            Self::Resumed(detail) => as_value(detail),
            Self::Silent(detail) => as_value(detail),
            Self::Digest(detail) => as_value(detail),
            Self::Test(detail) => as_value(detail),
        };
        value.to_string()
    }

    /// Reads what [`Detail::json`] made. `fact_type` is the name of the fact's type.
    pub fn read(fact_type: &str, json: &str) -> Result<Self, UnreadableDetail> {
        let unreadable = |why: String| UnreadableDetail { fact_type: fact_type.to_owned(), why };
        fn of<T: DeserializeOwned>(json: &str) -> Result<T, String> {
            serde_json::from_str(json).map_err(|error| error.to_string())
        }
        let known = FactType::parse(fact_type)
            .ok_or_else(|| unreadable("this version knows no such type".into()))?;
        match known {
            FactType::Answer => of(json).map(Self::Answered),
            FactType::Changed => of(json).map(Self::Changed),
            FactType::Paused => of(json).map(Self::Paused),
            FactType::Resumed => of(json).map(Self::Resumed),
            FactType::Silence => of(json).map(Self::Silent),
            FactType::Digest => of(json).map(Self::Digest),
            FactType::Test => of(json).map(Self::Test),
        }
        .map_err(unreadable)
    }
}

fn as_value(detail: &impl Serialize) -> Value {
    serde_json::to_value(detail).expect("names, numbers and texts have a form in JSON")
}

/// A length as a number of milliseconds.
mod as_millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    use crate::domain::time::millis;

    pub fn serialize<S: Serializer>(length: &Duration, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_i64(millis(*length))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Duration, D::Error> {
        u64::deserialize(input).map(Duration::from_millis)
    }
}
