//! Reads a notice of kind `standard` field by field so that its sender learns of every fault at
//! once.

mod faults;
mod near_misses;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::domain::close::{
    ATTRIBUTE_CHARACTERS_MAX, ATTRIBUTES_MAX, Close, ClosedBy, LABEL_CHARACTERS_MAX, Notice,
    Precision, Reopening, TAGS_MAX,
};
use crate::domain::id::{ConversationId, UserId};
use crate::domain::plain_text::{self, cut};
use crate::domain::time::Millis;
use crate::domain::time_zone;
use crate::domain::unfilled::why_nothing;

pub use faults::{NoticeFault, NoticeFaults, shown, too_long, unknown_account};
pub use near_misses::{NearMiss, near_misses};

use faults::MISSING;

/// The longest time by which a close or a reopening may lie ahead of this machine's clock.
const AHEAD_MS: i64 = 5 * 60 * 1_000;

/// True if the instant lies too far ahead to have happened.
pub fn is_ahead(at: Millis, now: Millis) -> bool {
    at.0 > now.0.saturating_add(AHEAD_MS)
}

/// The content of a notice.
#[derive(Clone, Debug, PartialEq)]
pub enum CloseEvent {
    Closed(Box<Close>),
    Reopened(Reopening),
}

/// The source of a notice and the accounts that it may name.
#[derive(Clone, Copy)]
pub struct Origin<'a> {
    pub source: &'a str,
    /// The account for a notice that names none.
    pub account: Option<&'a str>,
    /// The accounts that a notice may name. Empty allows every account.
    pub accounts: &'a [String],
    pub now: Millis,
}

impl Origin<'_> {
    /// Returns the reason why the source may not name that account, if there is one.
    pub fn refusal(&self, account: &str) -> Option<String> {
        let may = self.accounts.is_empty() || self.accounts.iter().any(|one| one == account);
        (!may).then(|| {
            format!(
                "names account {}, and this source is for {} alone",
                shown(account),
                self.accounts.join(", ")
            )
        })
    }
}

impl CloseEvent {
    pub fn account(&self) -> &str {
        match self {
            Self::Closed(close) => &close.account,
            Self::Reopened(reopening) => &reopening.account,
        }
    }
}

/// Returns a fault if the text contains U+0000. PostgreSQL's text cannot hold that character, and
/// both engines must take the same notices.
fn unstorable(text: &str) -> Option<&'static str> {
    text.contains('\0').then_some("must not hold the character U+0000")
}

/// The reason why a body is not JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotJson {
    pub why: String,
    /// `line L, column C`. `None` if the body is compressed.
    pub place: Option<String>,
}

/// Parses a body as JSON. Accepts a byte order mark because some senders begin with one.
pub fn json(body: &[u8]) -> Result<Value, NotJson> {
    if body.starts_with(&[0x1f, 0x8b]) {
        let why = "the body is compressed (gzip): send it as it is".to_owned();
        return Err(NotJson { why, place: None });
    }
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    serde_json::from_slice(body).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        let told = error.to_string();
        let told = told.split(" at line ").next().unwrap_or_default();
        NotJson { why: format!("the body is no JSON: {told} at {place}"), place: Some(place) }
    })
}

/// Reads a notice of kind `standard`. Returns all its faults if it has any.
pub fn read(notice: &Value, origin: Origin<'_>) -> Result<CloseEvent, NoticeFaults> {
    let mut reader = NoticeReader { faults: NoticeFaults::default() };
    let said = reader.read(notice, origin);
    match said {
        Some(said) if reader.faults.is_empty() => Ok(said),
        _ => {
            reader.faults.explain(&near_misses(notice));
            Err(reader.faults)
        }
    }
}

struct NoticeReader {
    faults: NoticeFaults,
}

impl NoticeReader {
    fn read(&mut self, notice: &Value, origin: Origin<'_>) -> Option<CloseEvent> {
        let Origin { source, now, .. } = origin;
        let Some(notice) = notice.as_object() else {
            return self.fault("", "must be a JSON object");
        };
        let kind = self.text(notice, "", "type");
        let nothing = Map::new();
        let data = match notice.get("data") {
            Some(Value::Object(data)) => data,
            Some(_) => {
                self.fault::<()>("/data", "must be an object");
                &nothing
            }
            None => {
                self.fault::<()>("/data", MISSING);
                &nothing
            }
        };
        let account = self.account(data, origin);
        let conversation_id = self.id(data, "conversation_id", true, ConversationId::parse);
        let is_close = kind != Some("conversation.reopened");
        let user_id = self.id(data, "user_id", is_close, UserId::parse);
        let told_at = self.instant(notice, "", "timestamp");
        match kind {
            Some("conversation.closed") => {
                let closed_at = self.closed_at(data, told_at, now);
                let notice = self.notice(data);
                Some(CloseEvent::Closed(Box::new(Close {
                    account: account?,
                    source: source.to_owned(),
                    conversation_id: conversation_id?,
                    user_id: Some(user_id?),
                    closed_at: closed_at?,
                    precision: Precision::Exact,
                    notice,
                })))
            }
            Some("conversation.reopened") => {
                let reopened_at = told_at.unwrap_or(now);
                // An instant in the future would cancel every close of the conversation until then.
                self.not_ahead(reopened_at, "/timestamp", now)?;
                Some(CloseEvent::Reopened(Reopening {
                    account: account?,
                    source: source.to_owned(),
                    conversation_id: conversation_id?,
                    user_id,
                    reopened_at,
                }))
            }
            Some(_) => self.fault("/type", "must be conversation.closed or conversation.reopened"),
            None if self.has("/type") => None,
            None => self.fault("/type", MISSING),
        }
    }

    fn account(&mut self, data: &Map<String, Value>, origin: Origin<'_>) -> Option<String> {
        let place = "/data/account";
        let Some(account) = self.text(data, "/data", "account").or(origin.account) else {
            if !self.has(place) {
                self.fault::<()>(place, "is missing, and the source names no account");
            }
            return None;
        };
        match origin.refusal(account) {
            Some(why) => self.fault(place, &why),
            None => Some(account.to_owned()),
        }
    }

    fn closed_at(
        &mut self,
        data: &Map<String, Value>,
        told_at: Option<Millis>,
        now: Millis,
    ) -> Option<Millis> {
        let given = self.instant(data, "/data", "closed_at");
        let (closed_at, pointer) = match (given, told_at) {
            (Some(closed_at), _) => (closed_at, "/data/closed_at"),
            (None, Some(told_at)) => (told_at, "/timestamp"),
            (None, None) if self.has("/data/closed_at") || self.has("/timestamp") => return None,
            (None, None) => {
                return self.fault("/data/closed_at", "is missing, and so is timestamp");
            }
        };
        self.not_ahead(closed_at, pointer, now)
    }

    fn not_ahead(&mut self, at: Millis, pointer: &str, now: Millis) -> Option<Millis> {
        if is_ahead(at, now) {
            return self.fault(pointer, "lies more than 5 minutes ahead of this machine's clock");
        }
        Some(at)
    }

    fn notice(&mut self, data: &Map<String, Value>) -> Notice {
        let (agent, team) = (self.label(data, "agent"), self.label(data, "team"));
        let language = self.label(data, "language");
        // A name that cannot stand in a message is dropped. The person is surveyed all the same.
        let first_name = self.text(data, "/data", "first_name");
        let first_name = first_name.and_then(plain_text::name);
        let closed_by = self.text(data, "/data", "closed_by");
        let closed_by = closed_by.and_then(|name| match ClosedBy::parse(name) {
            Some(by) => Some(by),
            None => self.fault("/data/closed_by", "must be agent, customer, bot, auto or bulk"),
        });
        Notice {
            agent,
            team,
            tags: self.tags(data),
            language,
            first_name,
            closed_by,
            agent_messages: self.count(data, "agent_messages"),
            last_message_at: self.instant(data, "/data", "last_message_at"),
            time_zone: self
                .label(data, "time_zone")
                .map(|zone| time_zone::of_rails(&zone).unwrap_or(zone)),
            attributes: self.attributes(data),
        }
    }

    fn tags(&mut self, data: &Map<String, Value>) -> Vec<String> {
        let list = match data.get("tags") {
            None | Some(Value::Null) => return Vec::new(),
            Some(Value::Array(list)) => list,
            Some(_) => {
                self.fault::<()>("/data/tags", "must be a list of strings");
                return Vec::new();
            }
        };
        self.not_more_than(TAGS_MAX, list.len(), "/data/tags");
        let mut tags = Vec::new();
        for (index, tag) in list.iter().enumerate() {
            let pointer = format!("/data/tags/{index}");
            match tag {
                Value::String(tag) => {
                    tags.extend(self.short(&pointer, tag, LABEL_CHARACTERS_MAX));
                }
                _ => {
                    self.fault::<()>(&pointer, "must be a string");
                }
            }
        }
        tags
    }

    fn attributes(&mut self, data: &Map<String, Value>) -> BTreeMap<String, String> {
        let object = match data.get("attributes") {
            None | Some(Value::Null) => return BTreeMap::new(),
            Some(Value::Object(object)) => object,
            Some(_) => {
                self.fault::<()>("/data/attributes", "must be an object");
                return BTreeMap::new();
            }
        };
        self.not_more_than(ATTRIBUTES_MAX, object.len(), "/data/attributes");
        let mut attributes = BTreeMap::new();
        for (name, value) in object {
            let beginning = cut(name, LABEL_CHARACTERS_MAX);
            let pointer =
                format!("/data/attributes/{}", beginning.replace('~', "~0").replace('/', "~1"));
            let text = match value {
                Value::Null => continue,
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                Value::Bool(flag) => flag.to_string(),
                Value::Array(_) | Value::Object(_) => {
                    self.fault::<()>(&pointer, "must be a string, a number, true or false");
                    continue;
                }
            };
            if let Some(why) = too_long(name, LABEL_CHARACTERS_MAX) {
                self.fault::<()>(&pointer, &format!("has a name that {why}"));
                continue;
            }
            let name = self.short(&pointer, name, LABEL_CHARACTERS_MAX);
            let text = self.short(&pointer, &text, ATTRIBUTE_CHARACTERS_MAX);
            attributes.extend(name.zip(text));
        }
        attributes
    }

    fn not_more_than(&mut self, most: usize, count: usize, pointer: &str) {
        if count > most {
            self.fault::<()>(pointer, &format!("holds {count}, and {most} are the most"));
        }
    }

    fn count(&mut self, data: &Map<String, Value>, name: &str) -> Option<u32> {
        match data.get(name) {
            None | Some(Value::Null) => None,
            Some(value) => match value.as_u64().and_then(|count| u32::try_from(count).ok()) {
                Some(count) => Some(count),
                None => self.fault(&format!("/data/{name}"), "must be a whole number from 0 up"),
            },
        }
    }

    fn instant(&mut self, object: &Map<String, Value>, at: &str, name: &str) -> Option<Millis> {
        let text = self.text(object, at, name)?;
        match Millis::from_rfc3339(text) {
            Ok(instant) => Some(instant),
            Err(_) => self.fault(
                &format!("{at}/{name}"),
                "must be an RFC 3339 instant such as 2026-11-22T08:00:00Z",
            ),
        }
    }

    /// Reads an id. Ids are strings, but a whole JSON number is accepted too.
    fn id<T>(
        &mut self,
        data: &Map<String, Value>,
        name: &str,
        required: bool,
        parse: impl Fn(&str) -> Result<T, &'static str>,
    ) -> Option<T> {
        if let Some(Value::String(text)) = data.get(name)
            && let Some(why) = why_nothing(text)
        {
            return self.fault(&format!("/data/{name}"), &format!("{} {why}", shown(text)));
        }
        let parsed = match data.get(name) {
            None | Some(Value::Null) if required => Err(MISSING),
            None | Some(Value::Null) => return None,
            Some(Value::String(text)) => parse(text),
            Some(Value::Number(number)) if !number.is_f64() => parse(&number.to_string()),
            Some(_) => Err("must be a string or a whole number"),
        };
        parsed.map_or_else(|detail| self.fault(&format!("/data/{name}"), detail), Some)
    }

    fn text<'v>(
        &mut self,
        object: &'v Map<String, Value>,
        at: &str,
        name: &str,
    ) -> Option<&'v str> {
        match object.get(name) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => match unstorable(text) {
                None => Some(text),
                Some(why) => self.fault(&format!("{at}/{name}"), why),
            },
            Some(_) => self.fault(&format!("{at}/{name}"), "must be a string"),
        }
    }

    /// Reads a field that rules match and that results are grouped by.
    fn label(&mut self, data: &Map<String, Value>, name: &str) -> Option<String> {
        let text = self.text(data, "/data", name)?;
        match too_long(text, LABEL_CHARACTERS_MAX) {
            None => Some(text.to_owned()),
            Some(why) => self.fault(&format!("/data/{name}"), &why),
        }
    }

    fn short(&mut self, pointer: &str, text: &str, characters_max: usize) -> Option<String> {
        let fault = unstorable(text).map(str::to_owned);
        match fault.or_else(|| too_long(text, characters_max)) {
            Some(why) => self.fault(pointer, &why),
            None => Some(text.to_owned()),
        }
    }

    fn fault<T>(&mut self, pointer: &str, detail: &str) -> Option<T> {
        self.faults.add(pointer, detail);
        None
    }

    fn has(&self, pointer: &str) -> bool {
        self.faults.first.iter().any(|fault| fault.pointer == pointer)
    }
}

#[cfg(test)]
mod tests;
