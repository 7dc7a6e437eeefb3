//! Explains for `surveyd sources test` why the value at a field's place is not used.

use serde_json::Value;

use crate::domain::mapping::{self, FieldName, Found, Mapping, Payload, Picked, read_instant};
use crate::domain::policy::quiet_hours;
use crate::domain::time::Millis;
use crate::domain::unfilled::why_nothing;
use crate::watcher::notice::{is_ahead, shown};

/// One event of a payload and the mapping that reads it.
pub struct PayloadEvent<'a> {
    pub mapping: &'a Mapping,
    pub body: &'a Value,
    pub header: &'a dyn Fn(&str) -> Option<&'a str>,
    pub now: Millis,
}

impl PayloadEvent<'_> {
    /// Explains why the value of a field is not used. Returns `None` if there is no value or it is
    /// used.
    pub fn unused(&self, field: &str, value: Option<&str>) -> Option<String> {
        if let Some(name) = field.strip_prefix("attributes.") {
            let field = self.mapping.attributes.get(name).filter(|_| value.is_none())?;
            return self.not_filled_in(field).or_else(|| self.no_value(field));
        }
        let name = FieldName::ALL.into_iter().find(|name| name.as_str() == field)?;
        let is_used = match (name, value) {
            (FieldName::TimeZone, Some(zone)) => quiet_hours::zone(zone).is_some(),
            (_, value) => value.is_some(),
        };
        if is_used {
            return None;
        }
        let header = |name: &str| (self.header)(name);
        let payload = Payload { body: self.body, header: &header };
        let there = |text: &str| Some(text.to_owned());
        let field = self.mapping.field(name);
        if let Some(unfilled) = self.not_filled_in(field) {
            return Some(unfilled);
        }
        match field.pick(&payload, there) {
            Some(Picked { value, by }) => {
                Some(format!("{} at {by} {}", shown(&value), why(name, &value, self.now)))
            }
            None => self.no_value(field),
        }
    }

    /// True if the field's instant is read as UTC because the help desk names no zone.
    pub fn is_without_zone(&self, field: &str) -> bool {
        let instants = [FieldName::ClosedAt, FieldName::ReopenedAt, FieldName::LastMessageAt];
        let Some(name) = instants.into_iter().find(|name| name.as_str() == field) else {
            return false;
        };
        let header = |name: &str| (self.header)(name);
        let payload = Payload { body: self.body, header: &header };
        let read = |text: &str| read_instant(text).map(|_| mapping::is_without_zone(text));
        self.mapping.field(name).pick(&payload, read).is_some_and(|picked| picked.value)
    }

    /// Explains that the help desk sent a placeholder or a word for an absent value.
    fn not_filled_in(&self, field: &mapping::Field) -> Option<String> {
        let header = |name: &str| (self.header)(name);
        let Picked { value, by } = field.unfilled(&Payload { body: self.body, header: &header })?;
        Some(format!("{} at {by} {}: not used", shown(&value), why_nothing(&value)?))
    }

    /// Explains that a list or an object stands where a single value is needed.
    fn no_value(&self, field: &mapping::Field) -> Option<String> {
        let header = |name: &str| (self.header)(name);
        let payload = Payload { body: self.body, header: &header };
        let (place, what) = field.places().find_map(|place| {
            let found = place.find(&payload).into_iter();
            found.filter_map(Found::several).next().map(|what| (place, what))
        })?;
        Some(format!("{place} is {what}: a text, a number, true or false is looked for there"))
    }
}

fn why(name: FieldName, text: &str, now: Millis) -> &'static str {
    match name {
        FieldName::UserId if text.starts_with('@') || text.contains(char::is_alphabetic) => {
            "is no X id: 1 to 19 digits; this looks like a handle"
        }
        FieldName::UserId => "is no X id: 1 to 19 digits, and nothing beside them",
        FieldName::ConversationId => "is no conversation's id: 1 to 512 characters",
        FieldName::AccountId => "is no entry of this source's accounts: not used",
        FieldName::ClosedAt | FieldName::ReopenedAt | FieldName::LastMessageAt => {
            match read_instant(text).is_some_and(|at| is_ahead(at, now)) {
                true => "lies ahead of this machine's clock: not used",
                false => "is no instant such as 2026-11-22T08:00:00Z: not used",
            }
        }
        FieldName::FirstName => "is no name that a message can show: not used",
        FieldName::ClosedBy => "is none of agent, customer, bot, auto, bulk: not used",
        FieldName::AgentMessages => "is no whole number from 0 up: not used",
        FieldName::TimeZone => "is no IANA time zone such as Europe/Madrid: not used",
        FieldName::EventId
        | FieldName::Agent
        | FieldName::Team
        | FieldName::Tags
        | FieldName::Language => "is not used",
    }
}
