//! A close is the fact that one conversation between an account and a person ended.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::id::{ConversationId, UserId};
use super::named::named;
use super::plain_text::{self, cut};
use super::time::Millis;
use super::unfilled::is_unfilled;

/// The longest label, in characters. Labels are the agent, the team, the language, the time zone,
/// the tags and the names of attributes.
pub const LABEL_CHARACTERS_MAX: usize = 200;
pub const TAGS_MAX: usize = 200;
pub const ATTRIBUTES_MAX: usize = 50;
/// The longest value of an attribute, in characters.
pub const ATTRIBUTE_CHARACTERS_MAX: usize = 500;

/// An instant that is known to the minute only lies before the next minute.
pub const MINUTE_MS: i64 = 60_000;

/// The id of an event that has neither a time nor an id of its own. `of` is a hash of its content.
/// Of two events with the same content within one minute, the later is a repetition. No sender's id
/// contains a line feed.
pub fn timeless_id(of: &str, now: Millis) -> String {
    format!("{of}\n{}", now.0.div_euclid(MINUTE_MS))
}

/// The beginning of an event id that was made of the event's content.
pub const OF_CONTENT: &str = "sha256:";

/// True if an event id was made of the event's content because the help desk sends none.
pub fn is_of_content(event_id: &str) -> bool {
    event_id.starts_with(OF_CONTENT)
}

/// Splits an id made by [`timeless_id`] into its hash and the minute in which the event came in.
pub fn timeless(event_id: &str) -> Option<(&str, i64)> {
    let (of, minute) = event_id.split_once('\n')?;
    Some((of, minute.parse().ok()?))
}

/// How exact the instant of a close is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// The instant is that of this close.
    #[default]
    Exact,
    /// Only the minute is known.
    Minute,
    /// The instant comes from the operator's own mapping. Some help desks repeat the first close's
    /// instant forever.
    Unsure,
}

/// One close as a source reported it.
#[derive(Clone, Debug, PartialEq)]
pub struct Close {
    pub account: String,
    pub source: String,
    pub conversation_id: ConversationId,
    /// `None` if the help desk did not name the person at X.
    pub user_id: Option<UserId>,
    pub closed_at: Millis,
    /// How exact `closed_at` is.
    pub precision: Precision,
    pub notice: Notice,
}

impl Close {
    /// The latest instant at which the conversation may have closed. It is the end of the minute if
    /// the help desk reports only the minute.
    pub fn closed_until(&self) -> Millis {
        let within = if self.precision == Precision::Minute { MINUTE_MS } else { 0 };
        Millis(self.closed_at.0.saturating_add(within))
    }

    /// The person's id at X. Empty if it is not known.
    pub fn person(&self) -> &str {
        self.user_id.as_ref().map_or("", UserId::as_str)
    }
}

/// A conversation that continued after its close.
#[derive(Clone, Debug, PartialEq)]
pub struct Reopening {
    pub account: String,
    pub source: String,
    pub conversation_id: ConversationId,
    /// `None` if the help desk did not name the person.
    pub user_id: Option<UserId>,
    pub reopened_at: Millis,
}

/// What the help desk said of the conversation at the close. It is never changed afterwards. An
/// agent or a tag that the help desk assigns later does not describe the talk that the person had.
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
    /// When anybody last wrote in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_message_at: Option<Millis>,
    /// The person's time zone by its IANA name, as the help desk wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
}

impl Notice {
    /// The agent and the labels of the conversation for a line of history. Empty if the help desk
    /// gave none.
    pub fn words(&self) -> String {
        let told = [("agent", &self.agent), ("team", &self.team), ("language", &self.language)];
        let told = told.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
        let tags = (!self.tags.is_empty()).then(|| ("tags", self.tags.join("|")));
        let by = self.closed_by.map(|by| ("closed by", by.as_str().to_owned()));
        told.chain(tags).chain(by).map(|(name, value)| format!(", {name} {value}")).collect()
    }

    /// The notice without what it says of the person. What it says of the conversation stays.
    pub fn without_person(self) -> Self {
        Self { first_name: None, time_zone: None, attributes: BTreeMap::new(), ..self }
    }

    /// This notice with its missing values taken from an earlier one.
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

    /// The notice within its bounds. Longer texts are cut. Texts that stand for nothing are left
    /// out, and so are blank names. The first name is cleaned for a message.
    pub fn within_bounds(self) -> Self {
        let shorter = |text: String| shortened(text, LABEL_CHARACTERS_MAX);
        let label = |text: Option<String>| text.filter(|text| !is_unfilled(text)).map(shorter);
        let attribute = |(name, value): (String, String)| {
            (shorter(name), shortened(value, ATTRIBUTE_CHARACTERS_MAX))
        };
        let tags = self.tags.into_iter().filter(|tag| !is_unfilled(tag));
        let attributes = self.attributes.into_iter().filter(|(_, value)| !is_unfilled(value));
        Self {
            agent: label(self.agent),
            team: label(self.team),
            tags: tags.take(TAGS_MAX).map(shorter).collect(),
            language: label(self.language),
            first_name: self
                .first_name
                .filter(|name| !is_unfilled(name))
                .and_then(|name| plain_text::name(&name)),
            time_zone: label(self.time_zone),
            attributes: attributes.take(ATTRIBUTES_MAX).map(attribute).collect(),
            ..self
        }
        .without_blank_names()
    }

    /// The notice without names that are blank. An agent or a team called nothing is none.
    pub fn without_blank_names(mut self) -> Self {
        let is_blank = |name: &String| name.trim().is_empty();
        for name in [&mut self.agent, &mut self.team, &mut self.language] {
            name.take_if(|name| is_blank(name));
        }
        self.tags.retain(|tag| !is_blank(tag));
        self
    }
}

fn shortened(mut text: String, characters_max: usize) -> String {
    text.truncate(cut(&text, characters_max).len());
    text
}

/// Who closed the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClosedBy {
    Agent,
    Customer,
    Bot,
    Auto,
    Bulk,
}

named!(ClosedBy {
    Agent = "agent",
    Customer = "customer",
    Bot = "bot",
    Auto = "auto",
    Bulk = "bulk",
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_name_is_no_name() {
        let text = |text: &str| Some(text.to_owned());
        let notice = Notice {
            agent: text(""),
            team: text(" \u{a0}\t"),
            language: text(""),
            tags: vec![String::new(), "vip".into(), "  ".into()],
            first_name: text("Ana"),
            ..Notice::default()
        };
        let kept =
            Notice { tags: vec!["vip".into()], first_name: text("Ana"), ..Notice::default() };
        assert_eq!(notice.clone().within_bounds(), kept);
        assert_eq!(notice.without_blank_names(), kept);
    }
}
