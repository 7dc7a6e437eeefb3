//! Reads a help desk's payload by its mapping.
//!
//! This module is tolerant where `notice` is strict because surveyd cannot choose what a help desk
//! sends. A missing or odd field does not affect the others, and a value that is too long is cut.
//! It refuses only these deliveries:
//!
//! - one with too many events
//! - one without a conversation's id
//! - one without an account if the source has none
//! - one for an account that the source may not name
//! - one whose only id of a person has leading zeros because the intended id cannot be guessed

use std::collections::BTreeMap;

use serde_json::Value;

use super::notice::{CloseEvent, NoticeFaults, Origin, is_ahead, shown};
use crate::domain::close::{
    ATTRIBUTE_CHARACTERS_MAX, Close, ClosedBy, LABEL_CHARACTERS_MAX, MINUTE_MS, Notice, OF_CONTENT,
    Precision, Reopening, TAGS_MAX, timeless_id,
};
use crate::domain::id::{ConversationId, UserId};
use crate::domain::mapping::{
    Choice, FieldName, Happened, Mapping, Payload, Picked, is_to_the_minute, read_instant,
};
use crate::domain::plain_text::{self, cut};
use crate::domain::time::Millis;
use crate::domain::time_zone;
use crate::domain::unfilled::why_nothing;

/// The most events in one delivery.
const EVENTS_MAX: usize = 1_000;
/// The most bytes of an event id that is kept as it is. A longer one is replaced by its hash.
const EVENT_ID_BYTES_MAX: usize = 200;

/// The content of one event of a payload.
#[derive(Clone, Debug, PartialEq)]
pub enum MappedEvent {
    /// A close or a reopening. The event id identifies its redelivery.
    Said { said: CloseEvent, event_id: String },
    /// Nothing that surveyd needs, with the reason.
    Ignored(String),
}

/// One field of a close and the place where it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappedField {
    pub field: String,
    /// `None` if the field was not found.
    pub value: Option<String>,
    /// The place that gave the value, or the places that were tried.
    pub from: String,
}

/// The result of one event of a delivery, and every field with its place.
pub type ExplainedEvent = (Result<MappedEvent, NoticeFaults>, Vec<MappedField>);

/// Reads the events of a delivery. There is one event if the mapping names no list.
///
/// `raw` is the payload in bytes. Its hash identifies a redelivery if nothing else does. If one
/// event is faulty, the whole delivery is refused. An answer that accepted the others would lose
/// that event.
pub fn read<'a>(
    mapping: &Mapping,
    body: Value,
    raw: &[u8],
    header: &'a dyn Fn(&str) -> Option<&'a str>,
    origin: Origin<'_>,
) -> Result<Vec<MappedEvent>, NoticeFaults> {
    let (mut heard, mut faults) = (Vec::new(), NoticeFaults::default());
    let events = explain(mapping, body, raw, header, origin);
    if events.len() > EVENTS_MAX {
        let detail =
            format!("the delivery has {} events, and {EVENTS_MAX} are the most", events.len());
        return Err(NoticeFaults::of("", &detail));
    }
    for (index, (event, _)) in events.into_iter().enumerate() {
        match event {
            Ok(event) => heard.push(event),
            Err(wrong) if mapping.each.is_none() => return Err(wrong),
            Err(wrong) => faults.add_of_event(index, wrong),
        }
    }
    if faults.is_empty() { Ok(heard) } else { Err(faults) }
}

/// Reads the events of a delivery and returns each with all its fields and their places.
pub fn explain<'a>(
    mapping: &Mapping,
    body: Value,
    raw: &[u8],
    header: &'a dyn Fn(&str) -> Option<&'a str>,
    origin: Origin<'_>,
) -> Vec<ExplainedEvent> {
    let explained = (0..).zip(mapping.events(body)).map(|(index, event)| {
        // Events without a time of their own happened in the order of the list.
        let origin = Origin { now: Millis(origin.now.0 + index), ..origin };
        let own = mapping.each.as_ref().map(|_| event.to_string());
        let event = mapping.opened(event);
        // The headers outlive the event, but a payload has one lifetime for both.
        let header = |name: &str| header(name);
        let mut reader =
            PayloadReader::new(mapping, Payload { body: &event, header: &header }, origin);
        let heard = reader.read(own.as_ref().map_or(raw, String::as_bytes));
        (heard, reader.lines)
    });
    explained.collect()
}

struct PayloadReader<'a> {
    mapping: &'a Mapping,
    payload: Payload<'a>,
    origin: Origin<'a>,
    lines: Vec<MappedField>,
}

impl<'a> PayloadReader<'a> {
    fn new(mapping: &'a Mapping, payload: Payload<'a>, origin: Origin<'a>) -> Self {
        Self { mapping, payload, origin, lines: Vec::new() }
    }

    fn read(&mut self, raw: &[u8]) -> Result<MappedEvent, NoticeFaults> {
        let ignored = |why: String| Ok(MappedEvent::Ignored(why));
        let Some(happened) = self.mapping.happened(&self.payload) else {
            let why = self.mapping.why_not_closed(&self.payload);
            return ignored(format!("this event neither closes nor reopens a conversation: {why}"));
        };
        let conversation_id = self.pick(FieldName::ConversationId, |text| {
            ConversationId::parse(text).ok().map(|id| (id.to_string(), id))
        });
        let account = match self.account() {
            Ok(account) => account,
            Err(why) => return ignored(why),
        };
        if let Some(why) = account.as_ref().and_then(|account| self.origin.refusal(account)) {
            return Err(NoticeFaults::of(FieldName::AccountId.as_str(), &why));
        }
        let faults = self.missing(conversation_id.as_ref(), account.as_deref());
        let (Some(conversation_id), Some(account)) = (conversation_id, account) else {
            return Err(faults);
        };
        let source = self.origin.source.to_owned();
        let (said, told) = match happened {
            Happened::Closed => {
                let user_id = self.user_id()?;
                let told = self.told_instant(FieldName::ClosedAt);
                let closed_at = told.map_or(self.origin.now, |(at, _)| at);
                let precision = match told {
                    Some((_, true)) => Precision::Minute,
                    Some((_, false)) if self.mapping.is_own => Precision::Unsure,
                    Some((_, false)) | None => Precision::Exact,
                };
                let notice = self.notice();
                let close = Close {
                    account,
                    source,
                    conversation_id,
                    user_id,
                    closed_at,
                    precision,
                    notice,
                };
                (CloseEvent::Closed(Box::new(close)), told)
            }
            Happened::Reopened => {
                let told = self.told_instant(FieldName::ReopenedAt);
                let reopened_at = match told {
                    // A reopening given to the minute takes the end of that minute. It cancels a
                    // close earlier in it.
                    Some((at, true)) => Millis(at.0 + MINUTE_MS - 1).min(self.origin.now).max(at),
                    Some((at, false)) => at,
                    None => self.origin.now,
                };
                // A reopening is taken whoever it names.
                let user_id = self.user_id().ok().flatten();
                (
                    CloseEvent::Reopened(Reopening {
                        account,
                        source,
                        conversation_id,
                        user_id,
                        reopened_at,
                    }),
                    told,
                )
            }
        };
        let event_id = self.event_id(raw, told.is_some(), &said);
        Ok(MappedEvent::Said { said, event_id })
    }

    /// Returns the account. The error says why the payload concerns none of the source's accounts.
    fn account(&mut self) -> Result<Option<String>, String> {
        let accounts = &self.mapping.accounts;
        let fallback = self.origin.account.map(str::to_owned);
        if accounts.is_empty() {
            let named =
                self.pick(FieldName::AccountId, |text| Some((text.to_owned(), text.to_owned())));
            return Ok(named.or(fallback));
        }
        let known =
            |text: &str| accounts.get(text).map(|account| (text.to_owned(), account.clone()));
        match self.pick(FieldName::AccountId, known).or(fallback) {
            Some(account) => Ok(Some(account)),
            None => Err("no entry of this source's `accounts` is meant".into()),
        }
    }

    /// Returns the person's id if a place holds one.
    ///
    /// An id with leading zeros is a fault. If it counted as missing, nobody would ever correct it.
    fn user_id(&mut self) -> Result<Option<UserId>, NoticeFaults> {
        let name = FieldName::UserId;
        let user_id =
            self.pick(name, |text| UserId::parse(text).ok().map(|id| (id.to_string(), id)));
        if user_id.is_some() {
            return Ok(user_id);
        }
        let misspelt = |text: &str| UserId::is_misspelt(text).then(|| text.to_owned());
        match self.mapping.field(name).pick(&self.payload, misspelt) {
            None => Ok(None),
            Some(Picked { value, by }) => {
                let detail = format!(
                    "{} at {by} has zeros before it: X writes its ids without, so let the desk do so",
                    shown(&value)
                );
                Err(NoticeFaults::of(name.as_str(), &detail))
            }
        }
    }

    fn missing(
        &self,
        conversation: Option<&ConversationId>,
        account: Option<&str>,
    ) -> NoticeFaults {
        let looked = |name| tried(&self.mapping.field(name).0);
        let mut faults = NoticeFaults::default();
        if conversation.is_none() {
            let field = self.mapping.field(FieldName::ConversationId);
            let detail = match field.unfilled(&self.payload) {
                Some(Picked { value, by }) => {
                    format!("{} at {by} {}", shown(&value), why_nothing(&value).unwrap_or_default())
                }
                None => format!(
                    "is not there (1 to 512 characters); looked at {}",
                    looked(FieldName::ConversationId)
                ),
            };
            faults.add("conversation_id", &detail);
        }
        if account.is_none() {
            let detail = format!(
                "names no account, nor does the source; looked at [{}]",
                looked(FieldName::AccountId)
            );
            faults.add("account_id", &detail);
        }
        faults
    }

    fn notice(&mut self) -> Notice {
        let label = |text: &str| {
            let text = cut(text, LABEL_CHARACTERS_MAX).to_owned();
            Some((text.clone(), text))
        };
        let (agent, team) = (self.pick(FieldName::Agent, label), self.pick(FieldName::Team, label));
        let language = self.pick(FieldName::Language, label);
        let first_name = self.pick(FieldName::FirstName, |text| {
            plain_text::name(text).map(|name| (name.clone(), name))
        });
        let tags = self.tags();
        let closed_by = self.pick(FieldName::ClosedBy, |text| {
            ClosedBy::parse(&text.to_lowercase()).map(|by| (by.as_str().to_owned(), by))
        });
        let agent_messages = self.pick(FieldName::AgentMessages, |text| {
            text.parse().ok().map(|count: u32| (count.to_string(), count))
        });
        let time_zone = self.pick(FieldName::TimeZone, |text| {
            label(&time_zone::of_rails(text).unwrap_or_else(|| text.to_owned()))
        });
        let last_message_at = self.instant(FieldName::LastMessageAt);
        let mut attributes = BTreeMap::new();
        for (name, field) in &self.mapping.attributes {
            let picked = field
                .pick(&self.payload, |text| Some(cut(text, ATTRIBUTE_CHARACTERS_MAX).to_owned()));
            self.log(format!("attributes.{name}"), picked.as_ref(), &field.0);
            attributes.extend(picked.map(|picked| (name.clone(), picked.value)));
        }
        Notice {
            agent,
            team,
            tags,
            language,
            first_name,
            closed_by,
            agent_messages,
            last_message_at,
            time_zone,
            attributes,
        }
    }

    fn tags(&mut self) -> Vec<String> {
        let field = self.mapping.field(FieldName::Tags);
        let picked = field.pick_list(&self.payload).map(|Picked { mut value, by }| {
            value.truncate(TAGS_MAX);
            let value = value.iter().map(|tag| cut(tag, LABEL_CHARACTERS_MAX).to_owned()).collect();
            Picked::<Vec<String>> { value, by }
        });
        let told =
            picked.as_ref().map(|picked| Picked { value: picked.value.join(" | "), by: picked.by });
        self.log(FieldName::Tags.as_str().to_owned(), told.as_ref(), &field.0);
        picked.map(|picked| picked.value).unwrap_or_default()
    }

    /// Reads the first valid instant of the field. An instant in the future is skipped because it
    /// cannot have happened.
    fn instant(&mut self, name: FieldName) -> Option<Millis> {
        self.told_instant(name).map(|(at, _)| at)
    }

    /// Reads the first valid instant and whether it is given to the minute only.
    fn told_instant(&mut self, name: FieldName) -> Option<(Millis, bool)> {
        let now = self.origin.now;
        self.pick(name, |text| {
            let at = read_instant(text).filter(|at| !is_ahead(*at, now));
            at.map(|at| (at.rfc3339(), (at, is_to_the_minute(text))))
        })
    }

    /// Returns the sender's id of the event or else a hash of its content.
    fn event_id(&mut self, raw: &[u8], has_time: bool, said: &CloseEvent) -> String {
        let told = self
            .pick(FieldName::EventId, |text| Some((text.replace('\n', " + "), text.to_owned())));
        // Some help desks number the events of each conversation from 1, and a header is not
        // signed. The conversation and the kind of event are therefore added. The id cannot pass
        // for another conversation's event or one of another kind.
        let by = self.mapping.field(FieldName::EventId).pick(&self.payload, |_| Some(()));
        let told = match (told, by) {
            (Some(id), Some(picked)) => {
                let id = match said {
                    CloseEvent::Closed(close) => format!("{id} closed {}", close.conversation_id),
                    CloseEvent::Reopened(again) => {
                        format!("{id} reopened {}", again.conversation_id)
                    }
                };
                // All events of a delivery share its headers, so each event's hash is added.
                Some(match self.mapping.each {
                    Some(_) if picked.by.is_of_header() => format!("{id} {}", hash(raw)),
                    _ => id,
                })
            }
            (told, _) => told,
        };
        match told {
            Some(id) if has_time || !id.contains('\n') => match id {
                id if id.len() <= EVENT_ID_BYTES_MAX && !id.contains('\n') => id,
                id => hash(id.as_bytes()),
            },
            Some(id) => timeless_id(&hash(id.as_bytes()), self.origin.now),
            None if has_time => hash(raw),
            None => timeless_id(&hash(raw), self.origin.now),
        }
    }

    /// Picks a field's value and records where it was found. `read` returns the value with its
    /// text.
    fn pick<T>(
        &mut self,
        name: FieldName,
        read: impl Fn(&str) -> Option<(String, T)>,
    ) -> Option<T> {
        let field = self.mapping.field(name);
        let picked = field.pick(&self.payload, read);
        let told =
            picked.as_ref().map(|picked| Picked { value: picked.value.0.clone(), by: picked.by });
        self.log(name.as_str().to_owned(), told.as_ref(), &field.0);
        picked.map(|picked| picked.value.1)
    }

    fn log(&mut self, field: String, picked: Option<&Picked<'_, String>>, choices: &[Choice]) {
        let (value, from) = match picked {
            Some(picked) => (Some(picked.value.clone()), picked.by.to_string()),
            None => (None, tried(choices)),
        };
        self.lines.push(MappedField { field, value, from });
    }
}

fn tried(choices: &[Choice]) -> String {
    let choices: Vec<_> = choices.iter().map(Choice::to_string).collect();
    choices.join(", ")
}

fn hash(bytes: &[u8]) -> String {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    context.update(bytes);
    // A minute was hashed here in earlier versions. The zero keeps old hashes valid after an
    // upgrade.
    context.update(&0_i64.to_be_bytes());
    let digest = context.finish();
    let digits: String = digest.as_ref()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{OF_CONTENT}{digits}")
}

#[cfg(test)]
mod tests;
