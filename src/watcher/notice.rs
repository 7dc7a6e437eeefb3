//! The notice of kind `standard`, read field by field, so that its sender learns of every fault at
//! once.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::domain::close::{Close, ClosedBy, Notice, Reopening};
use crate::domain::id::{ConversationId, UserId};
use crate::domain::time::Millis;

/// How far ahead of this machine's clock a conversation may have closed or reopened.
const AHEAD_MS: i64 = 5 * 60 * 1_000;

/// Whether something cannot have happened yet.
pub fn is_ahead(at: Millis, now: Millis) -> bool {
    at.0 > now.0.saturating_add(AHEAD_MS)
}

/// What a notice says.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    Closed(Box<Close>),
    Reopened(Reopening),
}

/// One fault in a notice, by JSON Pointer (RFC 6901).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    pub pointer: String,
    pub detail: String,
}

/// Reads a notice that came from `source`; `account` stands in where the notice names none.
pub fn read(
    notice: &Value,
    source: &str,
    account: Option<&str>,
    now: Millis,
) -> Result<Said, Vec<Fault>> {
    let mut reader = Reader { faults: Vec::new() };
    let said = reader.read(notice, source, account, now);
    match said {
        Some(said) if reader.faults.is_empty() => Ok(said),
        _ => Err(reader.faults),
    }
}

struct Reader {
    faults: Vec<Fault>,
}

impl Reader {
    fn read(
        &mut self,
        notice: &Value,
        source: &str,
        account: Option<&str>,
        now: Millis,
    ) -> Option<Said> {
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
                self.fault::<()>("/data", "is missing");
                &nothing
            }
        };
        let account = self.text(data, "/data", "account").or(account.map(str::to_owned));
        if account.is_none() && !self.has("/data/account") {
            self.fault::<()>("/data/account", "is missing, and the source names no account");
        }
        let conversation_id = self.id(data, "conversation_id", true, ConversationId::parse);
        let is_close = kind.as_deref() != Some("conversation.reopened");
        let user_id = self.id(data, "user_id", is_close, UserId::parse);
        let told_at = self.instant(notice, "", "timestamp");
        match kind.as_deref() {
            Some("conversation.closed") => {
                let closed_at = self.closed_at(data, told_at, now);
                let notice = self.notice(data);
                Some(Said::Closed(Box::new(Close {
                    account: account?,
                    source: source.to_owned(),
                    conversation_id: conversation_id?,
                    user_id: Some(user_id?),
                    closed_at: closed_at?,
                    notice,
                })))
            }
            Some("conversation.reopened") => {
                let reopened_at = told_at.unwrap_or(now);
                // It would call off every close of the conversation until then.
                self.not_ahead(reopened_at, "/timestamp", now)?;
                Some(Said::Reopened(Reopening {
                    account: account?,
                    source: source.to_owned(),
                    conversation_id: conversation_id?,
                    reopened_at,
                }))
            }
            Some(_) => self.fault("/type", "must be conversation.closed or conversation.reopened"),
            None if self.has("/type") => None,
            None => self.fault("/type", "is missing"),
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
        let mut text = |name| self.text(data, "/data", name);
        let (agent, team) = (text("agent"), text("team"));
        let (language, first_name, closed_by) =
            (text("language"), text("first_name"), text("closed_by"));
        let closed_by = closed_by.and_then(|name| match ClosedBy::parse(&name) {
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
            time_zone: self.text(data, "/data", "time_zone"),
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
        let mut tags = Vec::with_capacity(list.len());
        for (index, tag) in list.iter().enumerate() {
            let pointer = format!("/data/tags/{index}");
            match tag {
                Value::String(tag) => tags.extend(self.storable(&pointer, tag)),
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
        let mut attributes = BTreeMap::new();
        for (name, value) in object {
            let pointer =
                format!("/data/attributes/{}", name.replace('~', "~0").replace('/', "~1"));
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
            let (name, text) = (self.storable(&pointer, name), self.storable(&pointer, &text));
            attributes.extend(name.zip(text));
        }
        attributes
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
        match Millis::from_rfc3339(&text) {
            Ok(instant) => Some(instant),
            Err(_) => self.fault(
                &format!("{at}/{name}"),
                "must be an RFC 3339 instant such as 2026-11-22T08:00:00Z",
            ),
        }
    }

    /// Ids are strings; a JSON number is taken too.
    fn id<T>(
        &mut self,
        data: &Map<String, Value>,
        name: &str,
        required: bool,
        parse: impl Fn(&str) -> Result<T, &'static str>,
    ) -> Option<T> {
        let pointer = format!("/data/{name}");
        let text = match data.get(name) {
            None | Some(Value::Null) if required => return self.fault(&pointer, "is missing"),
            None | Some(Value::Null) => return None,
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) if !number.is_f64() => number.to_string(),
            Some(_) => return self.fault(&pointer, "must be a string or a whole number"),
        };
        match parse(&text) {
            Ok(id) => Some(id),
            Err(detail) => self.fault(&pointer, detail),
        }
    }

    fn text(&mut self, object: &Map<String, Value>, at: &str, name: &str) -> Option<String> {
        match object.get(name) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => self.storable(&format!("{at}/{name}"), text),
            Some(_) => self.fault(&format!("{at}/{name}"), "must be a string"),
        }
    }

    /// PostgreSQL's text cannot hold U+0000, and both engines must take the same notices.
    fn storable(&mut self, pointer: &str, text: &str) -> Option<String> {
        if text.contains('\0') {
            return self.fault(pointer, "must not hold the character U+0000");
        }
        Some(text.to_owned())
    }

    fn fault<T>(&mut self, pointer: &str, detail: &str) -> Option<T> {
        self.faults.push(Fault { pointer: pointer.to_owned(), detail: detail.to_owned() });
        None
    }

    fn has(&self, pointer: &str) -> bool {
        self.faults.iter().any(|fault| fault.pointer == pointer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Millis = Millis(1_795_334_400_000);

    fn faults(notice: Value) -> Vec<(String, String)> {
        let faults = read(&notice, "desk", None, NOW).expect_err("the notice is faulty");
        faults.into_iter().map(|fault| (fault.pointer, fault.detail)).collect()
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
        let Said::Closed(close) = read(&notice, "desk", None, NOW).unwrap() else { panic!() };
        assert_eq!(close.conversation_id.as_str(), "42");
        assert_eq!(close.person(), "343434343434");
        assert_eq!(close.closed_at.rfc3339(), "2026-11-22T07:59:58Z");
        assert_eq!(close.notice.tags, ["vip"]);
        assert_eq!(close.notice.attributes["n"], "3");
        assert_eq!(close.notice.closed_by, Some(ClosedBy::Agent));
        let last_message_at = close.notice.last_message_at.map(Millis::rfc3339);
        assert_eq!(last_message_at.as_deref(), Some("2026-11-22T07:30:00Z"));
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
    fn a_close_cannot_lie_ahead() {
        let at = |closed_at: &str| {
            json!({"type": "conversation.closed",
                "data": {"account": "a", "conversation_id": "c", "user_id": "1", "closed_at": closed_at}})
        };
        assert!(read(&at(&Millis(NOW.0 + AHEAD_MS).rfc3339()), "desk", None, NOW).is_ok());
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
        assert!(read(&at(Millis(NOW.0 + AHEAD_MS)), "desk", None, NOW).is_ok());
        assert_eq!(faults(at(Millis(NOW.0 + AHEAD_MS + 1)))[0].0, "/timestamp");
    }

    #[test]
    fn a_reopening_needs_no_person() {
        let notice = json!({"type": "conversation.reopened", "timestamp": "2026-11-22T08:00:00Z",
            "data": {"conversation_id": "c"}});
        let said = read(&notice, "desk", Some("acme"), NOW).unwrap();
        assert!(matches!(said, Said::Reopened(reopening) if reopening.account == "acme"));
    }
}
