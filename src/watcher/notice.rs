//! Reads a notice of kind `standard` field by field so that its sender learns of every fault at
//! once.

mod near_misses;

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
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

pub use near_misses::{NearMiss, near_misses};

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

/// One fault in a notice with its place as a JSON Pointer (RFC 6901).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NoticeFault {
    pub pointer: String,
    pub detail: String,
}

/// The most faults that are reported one by one.
const FAULTS_MAX: usize = 100;
/// The longest pointer and detail in characters. An answer must not be many times as long as the
/// notice.
const POINTER_CHARACTERS_MAX: usize = 200;
const DETAIL_CHARACTERS_MAX: usize = 1_000;
/// The longest value in characters that a fault quotes whole.
const SHOWN_CHARACTERS_MAX: usize = 80;

impl CloseEvent {
    pub fn account(&self) -> &str {
        match self {
            Self::Closed(close) => &close.account,
            Self::Reopened(reopening) => &reopening.account,
        }
    }
}

/// The first faults of a notice and the number of the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoticeFaults {
    pub first: Vec<NoticeFault>,
    pub more: usize,
}

impl NoticeFaults {
    pub fn of(pointer: &str, detail: &str) -> Self {
        let mut faults = Self::default();
        faults.add(pointer, detail);
        faults
    }

    pub fn add(&mut self, pointer: &str, detail: &str) {
        if self.first.len() == FAULTS_MAX {
            self.more += 1;
            return;
        }
        let pointer = cut(pointer, POINTER_CHARACTERS_MAX).to_owned();
        let detail = cut(detail, DETAIL_CHARACTERS_MAX).to_owned();
        self.first.push(NoticeFault { pointer, detail });
    }

    /// Adds the faults of one event of a delivery with several.
    pub fn add_of_event(&mut self, index: usize, of_event: Self) {
        for NoticeFault { pointer, detail } in of_event.first {
            self.add(&format!("/{index}/{}", pointer.trim_start_matches('/')), &detail);
        }
        self.more += of_event.more;
    }

    pub fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    /// Adds to each missing field the similar name under which it may be present.
    fn explain(&mut self, near_misses: &[NearMiss]) {
        for fault in self.first.iter_mut().filter(|fault| fault.detail.starts_with(MISSING)) {
            let is_meant = |one: &&NearMiss| {
                one.did_you_mean == fault.pointer
                    // `timestamp` takes the place of a missing `closed_at`.
                    || (fault.pointer == "/data/closed_at" && one.did_you_mean == "/timestamp")
            };
            if let Some(near_miss) = near_misses.iter().find(is_meant) {
                fault.detail = format!("{}; {}", fault.detail, near_miss.words());
            }
        }
    }
}

impl fmt::Display for NoticeFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, NoticeFault { pointer, detail }) in self.first.iter().enumerate() {
            let between = if index > 0 { "; " } else { "" };
            let behind = if pointer.is_empty() { "" } else { " " };
            write!(f, "{between}{pointer}{behind}{detail}")?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

/// Quotes a foreign value on one line and cuts it if it is too long.
pub fn shown(value: &str) -> String {
    match cut(value, SHOWN_CHARACTERS_MAX) {
        whole if whole.len() == value.len() => format!("{whole:?}"),
        beginning => format!("{:?}", format!("{beginning}…")),
    }
}

/// Returns a description of the excess if a text has too many characters.
pub fn too_long(text: &str, characters_max: usize) -> Option<String> {
    // A text never has more characters than bytes, so a short text need not be counted.
    let characters = if text.len() > characters_max { text.chars().count() } else { 0 };
    (characters > characters_max)
        .then(|| format!("has {characters} characters, and {characters_max} are the most"))
}

/// Returns the fault of a notice for an account that is not configured.
pub fn unknown_account(account: &str) -> NoticeFaults {
    NoticeFaults::of("/data/account", &format!("there is no account {}", shown(account)))
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

/// The beginning of the detail for a missing field.
const MISSING: &str = "is missing";

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
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Millis = Millis(1_795_334_400_000);

    fn origin(account: Option<&'static str>) -> Origin<'static> {
        Origin { source: "desk", account, accounts: &[], now: NOW }
    }

    fn faults(notice: Value) -> Vec<(String, String)> {
        let faults = read(&notice, origin(None)).expect_err("the notice is faulty");
        faults.first.into_iter().map(|fault| (fault.pointer, fault.detail)).collect()
    }

    /// A sound close with what it says otherwise.
    fn close(data: Value) -> Value {
        let mut whole = json!({"account": "acme", "conversation_id": "c", "user_id": "77"});
        for (name, value) in data.as_object().unwrap() {
            whole[name] = value.clone();
        }
        json!({"type": "conversation.closed", "timestamp": "2026-11-22T07:00:00Z", "data": whole})
    }

    fn said(data: Value) -> Close {
        match read(&close(data), origin(None)) {
            Ok(CloseEvent::Closed(close)) => *close,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_mark_before_json_is_none_of_it_and_what_is_compressed_is_called_so() {
        assert_eq!(json("\u{feff}{\"a\": 1}".as_bytes()), Ok(json!({"a": 1})));
        let wrong = |body: &[u8]| super::json(body).unwrap_err();
        assert_eq!(
            wrong(&[0x1f, 0x8b, 8, 0]).why,
            "the body is compressed (gzip): send it as it is"
        );
        let cut = wrong(b"{\"a\":\n \"Dana \"DJ\" Ito\"}");
        assert_eq!(cut.place.as_deref(), Some("line 2, column 9"));
        assert!(cut.why.starts_with("the body is no JSON: expected `,` or `}`"), "{}", cut.why);
        assert_eq!(cut.why.matches("column").count(), 1, "{}", cut.why);
    }

    #[test]
    fn a_whole_notice_is_read() {
        let notice = json!({
            "type": "conversation.closed", "timestamp": "2026-11-22T08:00:00Z", "brand_new": 1,
            "data": {"account": "acme", "conversation_id": 42, "user_id": 343434343434_u64,
                "closed_at": "2026-11-22T08:59:58+01:00", "agent": "dana", "team": "billing",
                "tags": ["vip"], "language": "es", "first_name": "Ana", "closed_by": "agent",
                "agent_messages": 4, "last_message_at": "2026-11-22T07:30:00Z",
                "time_zone": "Europe/Madrid", "attributes": {"order": "77", "n": 3, "x": true}},
        });
        let CloseEvent::Closed(close) = read(&notice, origin(None)).unwrap() else { panic!() };
        assert_eq!(close.conversation_id.as_str(), "42");
        assert_eq!(close.person(), "343434343434");
        assert_eq!(close.closed_at.rfc3339(), "2026-11-22T07:59:58.000Z");
        assert_eq!(close.notice.tags, ["vip"]);
        assert_eq!(close.notice.attributes["n"], "3");
        assert_eq!(close.notice.closed_by, Some(ClosedBy::Agent));
        let last_message_at = close.notice.last_message_at.map(Millis::rfc3339);
        assert_eq!(last_message_at.as_deref(), Some("2026-11-22T07:30:00.000Z"));
        assert_eq!(close.notice.time_zone.as_deref(), Some("Europe/Madrid"));
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let notice = json!({"type": "conversation.closed", "timestamp": "yesterday",
            "data": {"user_id": "abc", "tags": "vip", "agent": 7, "agent_messages": -1,
                "closed_by": "me", "attributes": {"a/b": []}}});
        let pointers: Vec<String> = faults(notice).into_iter().map(|(at, _)| at).collect();
        let expected = [
            "/data/account",
            "/data/conversation_id",
            "/data/user_id",
            "/timestamp",
            "/data/agent",
            "/data/closed_by",
            "/data/tags",
            "/data/agent_messages",
            "/data/attributes/a~1b",
        ];
        assert_eq!(pointers, expected);
    }

    #[test]
    fn what_is_missing_is_looked_for_under_nearly_its_name() {
        let notice = json!({"type": "conversation.closed", "timeStamp": "2026-11-22T07:00:00Z",
            "conversation_id": "c", "data": {"account": "acme", "userId": "77"}});
        let expected = [
            (
                "/data/conversation_id",
                "is missing; /conversation_id is not read: did you mean /data/conversation_id?",
            ),
            ("/data/user_id", "is missing; /data/userId is not read: did you mean /data/user_id?"),
            (
                "/data/closed_at",
                "is missing, and so is timestamp; /timeStamp is not read: did you mean /timestamp?",
            ),
        ];
        assert_eq!(faults(notice), expected.map(|(at, why)| (at.to_owned(), why.to_owned())));
        // Alone it is no fault.
        assert_eq!(said(json!({"closedBy": "bot"})).notice.closed_by, None);
    }

    #[test]
    fn a_zone_by_its_name_at_rails_is_that_zone() {
        let zone = |name: &str| said(json!({"time_zone": name})).notice.time_zone.unwrap();
        assert_eq!(zone("Eastern Time (US & Canada)"), "America/New_York");
        assert_eq!(zone("Asia/Tokyo"), "Asia/Tokyo");
        assert_eq!(zone("Mars"), "Mars");
    }

    #[test]
    fn a_close_cannot_lie_ahead() {
        let at = |closed_at: &str| {
            json!({"type": "conversation.closed",
                "data": {"account": "a", "conversation_id": "c", "user_id": "1", "closed_at": closed_at}})
        };
        assert!(read(&at(&Millis(NOW.0 + AHEAD_MS).rfc3339()), origin(None)).is_ok());
        let found = faults(at(&Millis(NOW.0 + AHEAD_MS + 1).rfc3339()));
        assert_eq!(found[0].0, "/data/closed_at");
    }

    #[test]
    fn what_is_no_notice_is_refused() {
        assert_eq!(faults(json!([]))[0].1, "must be a JSON object");
        let found = faults(json!({"type": "conversation.exploded", "data": {"account": "a",
            "conversation_id": "c", "user_id": "1"}}));
        assert_eq!(found[0].0, "/type");
        let found = faults(json!({"type": "conversation.closed", "data": {"account": "a",
            "conversation_id": "c\u{0}", "user_id": "1", "closed_at": "2026-11-22T08:00:00Z"}}));
        assert_eq!(found[0].0, "/data/conversation_id");
    }

    #[test]
    fn a_reopening_cannot_lie_ahead() {
        let at = |timestamp: Millis| {
            json!({"type": "conversation.reopened", "timestamp": timestamp.rfc3339(),
                "data": {"account": "acme", "conversation_id": "c"}})
        };
        assert!(read(&at(Millis(NOW.0 + AHEAD_MS)), origin(None)).is_ok());
        assert_eq!(faults(at(Millis(NOW.0 + AHEAD_MS + 1)))[0].0, "/timestamp");
    }

    #[test]
    fn a_reopening_needs_no_person() {
        let notice = json!({"type": "conversation.reopened", "timestamp": "2026-11-22T08:00:00Z",
            "data": {"conversation_id": "c"}});
        let said = read(&notice, origin(Some("acme"))).unwrap();
        assert!(matches!(said, CloseEvent::Reopened(reopening) if reopening.account == "acme"));
    }

    #[test]
    fn one_person_has_one_id_or_the_notice_is_refused() {
        for id in
            [json!("77"), json!(77), json!("9223372036854775807"), json!(9_007_199_254_740_993_u64)]
        {
            assert_eq!(said(json!({"user_id": id})).person(), id.to_string().trim_matches('"'));
        }
        let numbers = ["77.0", "7.7e1", "1e3", "-77", "0", "-0", "99999999999999999999"];
        let numbers = numbers.map(|number| serde_json::from_str::<Value>(number).unwrap());
        let texts =
            ["077", "0000077", "0", "00", "+77", "-77", " 77", "77 ", "7 7", "７７", "٧٧", "77.0"];
        let texts = texts.into_iter().chain([
            "7.7e1",
            "0x4d",
            "77\n",
            "77\u{200b}",
            "12345678901234567890",
            "",
        ]);
        for id in texts.map(Value::from).chain(numbers).chain([json!(true), json!(["77"])]) {
            let found = faults(close(json!({"user_id": id})));
            assert_eq!(found.len(), 1, "{id}");
            assert_eq!(found[0].0, "/data/user_id", "{id}");
        }
    }

    #[test]
    fn a_source_speaks_for_its_own_accounts_alone() {
        let (acme, both) = (["acme".to_owned()], ["acme".to_owned(), "globex".to_owned()]);
        let found = |notice: &Value, accounts, account| {
            let origin = Origin { source: "desk", account, accounts, now: NOW };
            read(notice, origin).map_err(|faults| faults.to_string())
        };
        let globex = close(json!({"account": "globex"}));
        let reopening = json!({"type": "conversation.reopened", "timestamp": "2026-11-22T07:00:00Z",
            "data": {"account": "globex", "conversation_id": "c"}});
        for notice in [&globex, &reopening] {
            let refused =
                "/data/account names account \"globex\", and this source is for acme alone";
            assert_eq!(found(notice, &acme, Some("acme")), Err(refused.to_owned()));
            assert!(found(notice, &both, Some("acme")).is_ok());
            assert!(found(notice, &both, None).is_ok());
            assert!(found(notice, &[], None).is_ok());
        }
        let unnamed = close(json!({"account": null}));
        assert!(found(&unnamed, &both, None).is_err());
        assert!(found(&unnamed, &acme, Some("acme")).is_ok());
    }

    #[test]
    fn what_is_too_long_or_too_much_is_refused_and_what_just_fits_is_taken() {
        let long = |length: usize| "é".repeat(length);
        let many = |count: usize| -> serde_json::Map<String, Value> {
            (0..count).map(|n| (n.to_string(), json!("x"))).collect()
        };
        for name in ["agent", "team", "language", "time_zone"] {
            said(json!({name: long(200)}));
            assert_eq!(
                faults(close(json!({name: long(201)}))),
                [(format!("/data/{name}"), "has 201 characters, and 200 are the most".into())]
            );
        }
        for (name, fits, beyond, place) in [
            ("tags", json!(vec![long(200); 200]), json!(vec!["x"; 201]), "/data/tags"),
            ("tags", json!([long(200)]), json!([long(201)]), "/data/tags/0"),
            ("attributes", json!(many(50)), json!(many(51)), "/data/attributes"),
            ("attributes", json!({"a": long(500)}), json!({"a": long(501)}), "/data/attributes/a"),
        ] {
            said(json!({name: fits}));
            let found = faults(close(json!({name: beyond})));
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].0, place);
        }
        let named = |length| faults(close(json!({"attributes": {long(length): "x"}})));
        assert_eq!(said(json!({"attributes": {long(200): "x"}})).notice.attributes.len(), 1);
        assert!(named(201)[0].1.starts_with("has a name that has 201 characters"));
        assert!(named(100_000)[0].0.chars().count() <= POINTER_CHARACTERS_MAX);
    }

    #[test]
    fn a_name_is_made_fit_for_a_message() {
        let name = |name: &str| said(json!({"first_name": name})).notice.first_name;
        assert_eq!(name("Ana\n\u{202E}https://evil.example").as_deref(), Some("Ana"));
        assert_eq!(name(&"a".repeat(9_900)), Some("a".repeat(64)));
        assert_eq!(name("@evil"), None);
    }

    #[test]
    fn a_hundred_faults_are_told_and_the_others_counted() {
        let refused = read(&close(json!({"tags": vec![7; 100_000]})), origin(None)).unwrap_err();
        assert_eq!((refused.first.len(), refused.more), (100, 99_901));
        let told = refused.to_string();
        assert!(told.len() < 10_000 && told.ends_with("; and 99901 more"), "{}", told.len());
    }
}
