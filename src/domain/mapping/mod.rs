//! The meaning of a help desk's payload as data. It says which events close or reopen a
//! conversation. It also says where each field of a close stands in the payload.
//!
//! Every help desk is such a mapping. None has code of its own. A [`PayloadPath`] says where to
//! look. A [`Condition`] says when. A [`Field`] says what to make of it.

mod condition;
mod field;
mod instant;
mod loose;
mod place;

use std::collections::BTreeMap;

use serde_json::Value;

use super::named::named;

pub use condition::{Condition, ConditionTest, UnmetPlace};
pub use field::{Choice, Field, Picked, Take};
pub use instant::{is_to_the_minute, is_without_zone, read as read_instant};
pub use place::{Found, Payload, PayloadPath, is_token};

/// The fields of a close by the keys under which the operator says where they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FieldName {
    ConversationId,
    UserId,
    AccountId,
    ClosedAt,
    ReopenedAt,
    EventId,
    Agent,
    Team,
    Tags,
    Language,
    FirstName,
    ClosedBy,
    AgentMessages,
    LastMessageAt,
    TimeZone,
}

named!(FieldName {
    ConversationId = "conversation_id",
    UserId = "user_id",
    AccountId = "account_id",
    ClosedAt = "closed_at",
    ReopenedAt = "reopened_at",
    EventId = "event_id",
    Agent = "agent",
    Team = "team",
    Tags = "tags",
    Language = "language",
    FirstName = "first_name",
    ClosedBy = "closed_by",
    AgentMessages = "agent_messages",
    LastMessageAt = "last_message_at",
    TimeZone = "time_zone",
});

/// The mapping of one help desk's payloads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    /// The place of the list of events if a delivery has several. All other places are looked up in
    /// each event.
    pub each: Option<PayloadPath>,
    /// The place where the payload proper begins. It may be absent from a payload.
    pub root: Option<PayloadPath>,
    /// Texts that are almost JSON and are read as such.
    pub loose: Vec<PayloadPath>,
    /// The conversation closed if any of them holds.
    pub closed: Vec<Condition>,
    /// The conversation continues if any of them holds.
    pub reopened: Vec<Condition>,
    pub fields: BTreeMap<FieldName, Field>,
    pub attributes: BTreeMap<String, Field>,
    /// The account by the value at `account_id`.
    pub accounts: BTreeMap<String, String>,
    /// The header that a sender wants back to see that the address is surveyd's.
    pub challenge: Option<String>,
    /// True if the mapping is the operator's own. It is then not known how exact the instants of
    /// that help desk are.
    pub is_own: bool,
}

/// What an event does to its conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    Closed,
    Reopened,
}

impl Mapping {
    pub fn field(&self, name: FieldName) -> &Field {
        static NOWHERE: Field = Field(Vec::new());
        self.fields.get(&name).unwrap_or(&NOWHERE)
    }

    /// The events of a delivery. The body is one event if there is no list.
    pub fn events(&self, body: Value) -> Vec<Value> {
        let list = self.each.as_ref().and_then(|each| {
            let found = each.find(&Payload { body: &body, header: &|_| None });
            found.into_iter().find_map(|found| match found {
                Found::Value(Value::Array(list)) => Some(list.clone()),
                Found::Value(_) | Found::Text(_) => None,
            })
        });
        list.unwrap_or_else(|| vec![body])
    }

    /// The payload proper with its loose texts read.
    pub fn opened(&self, mut body: Value) -> Value {
        let header = |_: &str| None;
        if let Some(root) = &self.root {
            let payload = Payload { body: &body, header: &header };
            let inner = root.find(&payload).into_iter().find_map(|found| match found {
                Found::Value(inner @ Value::Object(_)) => Some(inner.clone()),
                Found::Value(_) | Found::Text(_) => None,
            });
            body = inner.unwrap_or(body);
        }
        for place in &self.loose {
            if let Some(value) = body.pointer_mut(&place.to_string())
                && let Some(read) = value.as_str().and_then(loose::read)
            {
                *value = read;
            }
        }
        body
    }

    /// Says why an event does not close a conversation. Places that hold a value come before places
    /// that hold none, because only one form of the payload is meant.
    pub fn why_not_closed(&self, payload: &Payload<'_>) -> String {
        if payload.body.is_array() && self.each.is_none() {
            return "the body is a list, and `each` does not say that it holds the events".into();
        }
        let mut unmet: Vec<(String, Option<String>, Vec<String>)> = Vec::new();
        for UnmetPlace { place, found, wanted } in
            self.closed.iter().filter_map(|closed| closed.unmet(payload))
        {
            match unmet.iter_mut().find(|(known, ..)| *known == place) {
                Some((_, _, all)) if all.contains(&wanted) => {}
                Some((_, _, all)) => all.push(wanted),
                None => unmet.push((place, found, vec![wanted])),
            }
        }
        let with_values = unmet.iter().filter_map(|(place, found, wanted)| {
            let found = found.as_ref()?;
            Some(format!("{place} has {found:?}, and a close wants {}", wanted.join(" or ")))
        });
        let with_values: Vec<_> = with_values.collect();
        if !with_values.is_empty() {
            return with_values.join("; ");
        }
        let places: Vec<_> = unmet.into_iter().map(|(place, ..)| place).collect();
        format!("nothing stands at {}", places.join(", "))
    }

    /// What happened. `None` if the event does not matter.
    pub fn happened(&self, payload: &Payload<'_>) -> Option<Happened> {
        let any = |conditions: &[Condition]| conditions.iter().any(|it| it.holds(payload));
        if any(&self.closed) {
            Some(Happened::Closed)
        } else if any(&self.reopened) {
            Some(Happened::Reopened)
        } else {
            None
        }
    }
}
