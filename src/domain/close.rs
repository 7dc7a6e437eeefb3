//! A close: the fact that one conversation between an account and a person ended.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::id::{ConversationId, UserId};
use super::plain_text::{self, cut};
use super::time::Millis;

/// The longest agent, team, language, time zone, tag, and name of an attribute, in characters.
pub const LABEL_CHARACTERS_MAX: usize = 200;
pub const TAGS_MAX: usize = 200;
pub const ATTRIBUTES_MAX: usize = 50;
/// The longest value of an attribute, in characters.
pub const ATTRIBUTE_CHARACTERS_MAX: usize = 500;

/// What is told to the minute alone was before the next one.
pub const MINUTE_MS: i64 = 60_000;

/// The id of an event that says neither its time nor an id of its own: `of` is a hash of what it
/// says. Of two that say the same within a minute, the later is a repetition. No sender's id has an
/// end of line in it.
pub fn timeless_id(of: &str, now: Millis) -> String {
    format!("{of}\n{}", now.0.div_euclid(MINUTE_MS))
}

/// What such an id is of, and the minute it came in.
pub fn timeless(event_id: &str) -> Option<(&str, i64)> {
    let (of, minute) = event_id.split_once('\n')?;
    Some((of, minute.parse().ok()?))
}

/// What the instant of a close is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// It is this closing's own.
    #[default]
    Exact,
    /// The minute alone is told.
    Minute,
    /// By a mapping of the operator's own: some desks tell the first closing's instant for ever.
    Unsure,
}

/// One close as a source told it.
#[derive(Clone, Debug, PartialEq)]
pub struct Close {
    pub account: String,
    pub source: String,
    pub conversation_id: ConversationId,
    /// Nothing: the help desk did not tell who the person is at X.
    pub user_id: Option<UserId>,
    pub closed_at: Millis,
    /// What that instant is worth.
    pub precision: Precision,
    pub notice: Notice,
}

impl Close {
    /// Where the desk tells the minute alone, the end of it: until then it may have closed.
    pub fn closed_until(&self) -> Millis {
        let within = if self.precision == Precision::Minute { MINUTE_MS } else { 0 };
        Millis(self.closed_at.0.saturating_add(within))
    }

    /// The person's id at X; empty where it is not known.
    pub fn person(&self) -> &str {
        self.user_id.as_ref().map_or("", UserId::as_str)
    }
}

/// A conversation that went on after all.
#[derive(Clone, Debug, PartialEq)]
pub struct Reopening {
    pub account: String,
    pub source: String,
    pub conversation_id: ConversationId,
    pub reopened_at: Millis,
}

/// What the help desk said of the conversation, frozen as it was at the close: whoever is assigned
/// or tagged later is not who the person talked to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Notice {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_by: Option<ClosedBy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_messages: Option<u32>,
    /// When anybody last said something in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_message_at: Option<Millis>,
    /// The person's time zone by its IANA name, as the help desk wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
}

impl Notice {
    /// Who handled the conversation and how it was filed, for a line of history; nothing where the
    /// help desk told nothing of it.
    pub fn words(&self) -> String {
        let told = [("agent", &self.agent), ("team", &self.team), ("language", &self.language)];
        let told = told.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
        let tags = (!self.tags.is_empty()).then(|| ("tags", self.tags.join("|")));
        let by = self.closed_by.map(|by| ("closed by", by.as_str().to_owned()));
        told.chain(tags).chain(by).map(|(name, value)| format!(", {name} {value}")).collect()
    }

    /// This notice, with what it is silent about taken from an earlier one.
    pub fn completed_by(self, earlier: Self) -> Self {
        Self {
            agent: self.agent.or(earlier.agent),
            team: self.team.or(earlier.team),
            tags: if self.tags.is_empty() { earlier.tags } else { self.tags },
            language: self.language.or(earlier.language),
            first_name: self.first_name.or(earlier.first_name),
            closed_by: self.closed_by.or(earlier.closed_by),
            agent_messages: self.agent_messages.or(earlier.agent_messages),
            last_message_at: self.last_message_at.or(earlier.last_message_at),
            time_zone: self.time_zone.or(earlier.time_zone),
            attributes: earlier.attributes.into_iter().chain(self.attributes).collect(),
        }
    }

    /// The notice within its bounds, whoever told it: what is longer is cut, and the name is one
    /// that may stand in a message.
    pub fn within_bounds(self) -> Self {
        let label = |text: String| shortened(text, LABEL_CHARACTERS_MAX);
        let attribute = |(name, value): (String, String)| {
            (label(name), shortened(value, ATTRIBUTE_CHARACTERS_MAX))
        };
        Self {
            agent: self.agent.map(label),
            team: self.team.map(label),
            tags: self.tags.into_iter().take(TAGS_MAX).map(label).collect(),
            language: self.language.map(label),
            first_name: self.first_name.and_then(|name| plain_text::name(&name)),
            time_zone: self.time_zone.map(label),
            attributes: self.attributes.into_iter().take(ATTRIBUTES_MAX).map(attribute).collect(),
            ..self
        }
    }
}

fn shortened(mut text: String, characters_max: usize) -> String {
    text.truncate(cut(&text, characters_max).len());
    text
}

/// Who ended the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClosedBy {
    Agent,
    Customer,
    Bot,
    Auto,
    Bulk,
}

impl ClosedBy {
    pub const ALL: [Self; 5] = [Self::Agent, Self::Customer, Self::Bot, Self::Auto, Self::Bulk];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Customer => "customer",
            Self::Bot => "bot",
            Self::Auto => "auto",
            Self::Bulk => "bulk",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.as_str() == name)
    }
}
