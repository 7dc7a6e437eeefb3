//! What a help desk's payload means, as data: which events close or reopen a conversation, and
//! where in the payload each field of a close stands.
//!
//! Every desk is such a mapping, none has code of its own. What is looked for is told by a
//! [`PayloadPath`]; when, by a [`Condition`]; what is made of it, by a [`Field`].

mod condition;
mod field;
mod instant;
mod loose;
mod place;

use std::collections::BTreeMap;

use serde_json::Value;

pub use condition::{Condition, ConditionTest};
pub use field::{Choice, Field, Picked, Take};
pub use instant::{is_to_the_minute, read as read_instant};
pub use place::{Found, Payload, PayloadPath, is_token};

/// The fields of a close, by the keys that tell where they stand.
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

impl FieldName {
    pub const ALL: [Self; 15] = [
        Self::ConversationId,
        Self::UserId,
        Self::AccountId,
        Self::ClosedAt,
        Self::ReopenedAt,
        Self::EventId,
        Self::Agent,
        Self::Team,
        Self::Tags,
        Self::Language,
        Self::FirstName,
        Self::ClosedBy,
        Self::AgentMessages,
        Self::LastMessageAt,
        Self::TimeZone,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConversationId => "conversation_id",
            Self::UserId => "user_id",
            Self::AccountId => "account_id",
            Self::ClosedAt => "closed_at",
            Self::ReopenedAt => "reopened_at",
            Self::EventId => "event_id",
            Self::Agent => "agent",
            Self::Team => "team",
            Self::Tags => "tags",
            Self::Language => "language",
            Self::FirstName => "first_name",
            Self::ClosedBy => "closed_by",
            Self::AgentMessages => "agent_messages",
            Self::LastMessageAt => "last_message_at",
            Self::TimeZone => "time_zone",
        }
    }
}

/// A desk's payloads, explained.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    /// Where the list of a delivery's events stands, if it has several. All else is looked for in
    /// each.
    pub each: Option<PayloadPath>,
    /// Where, if it is there, the payload proper begins.
    pub root: Option<PayloadPath>,
    /// Texts that are written almost like JSON and are looked into.
    pub loose: Vec<PayloadPath>,
    /// Any of them: the conversation closed.
    pub closed: Vec<Condition>,
    /// Any of them: it goes on.
    pub reopened: Vec<Condition>,
    pub fields: BTreeMap<FieldName, Field>,
    pub attributes: BTreeMap<String, Field>,
    /// The account by what stands at `account_id`.
    pub accounts: BTreeMap<String, String>,
    /// The header that a sender wants to have back, to see that the address is ours.
    pub challenge: Option<String>,
    /// Whether it is the operator's own: of a desk that is not known, neither is what its instants
    /// are worth.
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

    /// The events of a delivery. Where there is no list, the body is one event.
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

    /// The payload proper, with its loose texts read.
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

    /// What happened, where it is something that matters.
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
