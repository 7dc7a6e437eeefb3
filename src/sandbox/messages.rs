//! Serves the lists of Direct Messages.
//!
//! These are `GET /1.1/direct_messages/events/list.json` and `GET /2/dm_events`. Both list the
//! messages that the account sent and received in the last 30 days. The newest comes first.
//!
//! The sandbox keeps a message as it was written but lists it as X does. Every link becomes a t.co
//! link, and `&`, `<` and `>` are written as in HTML.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::chance::Chance;
use super::form::Parameters;
use super::message_log::SandboxMessage;
use super::refusal::Refusal;
use super::world::World;
use crate::domain::time::Millis;

const COUNT_DEFAULT: u64 = 20;
const COUNT_MAX: u64 = 50;
/// The most entries of a page of `GET /2/dm_events`. It is also the default.
const RESULTS_MAX: u64 = 100;
const LISTED_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The app through which all accounts send.
const APP: &str = "268278";

/// The place where reading resumes, with the number of the page.
#[derive(Clone, Copy)]
struct MessageCursor {
    user_id: u64,
    below: u64,
    page: u64,
}

impl World {
    /// Writes a message from one user to another and returns its id. The sender may be a person, an
    /// account's app or an agent.
    pub fn say(&mut self, sender_id: u64, recipient_id: u64, text: &str, now: Millis) -> u64 {
        let id = self.next_id(now);
        let text = text.to_owned();
        let message = SandboxMessage { id, created_at: now, sender_id, recipient_id, text };
        self.messages.0.insert(id, message);
        id
    }

    /// Returns every Direct Message from the oldest to the newest.
    pub fn messages(&self) -> impl ExactSizeIterator<Item = &SandboxMessage> {
        self.messages.0.values()
    }

    pub(super) fn list_messages(
        &self,
        user_id: u64,
        parameters: &Parameters,
        now: Millis,
    ) -> Result<Value, Refusal> {
        let count = parameters.optional_number("count")?.unwrap_or(COUNT_DEFAULT);
        if !(1..=COUNT_MAX).contains(&count) {
            return Err(Refusal::invalid("count", "not from 1 to 50"));
        }
        let place = self.asked_place("cursor", user_id, parameters)?;
        let (listed, next) = self.page_of_messages(place, count, now);
        let events: Vec<Value> =
            listed.into_iter().map(|message| event(message, user_id, self.seed)).collect();
        let mut body = json!({"events": events});
        if events.iter().any(|event| event["message_create"].get("source_app_id").is_some()) {
            let app = json!({"id": APP, "name": "Sandbox", "url": "https://example.com"});
            body["apps"] = json!({ APP: app });
        }
        if let Some(next) = next {
            body["next_cursor"] = Value::from(next.to_text(self.seed));
        }
        Ok(body)
    }

    pub(super) fn list_dm_events(
        &self,
        user_id: u64,
        parameters: &Parameters,
        now: Millis,
    ) -> Result<Value, Refusal> {
        let count = parameters.optional_number("max_results")?.unwrap_or(RESULTS_MAX);
        if !(1..=RESULTS_MAX).contains(&count) {
            return Err(Refusal::invalid("max_results", "not from 1 to 100"));
        }
        let place = self.asked_place("pagination_token", user_id, parameters)?;
        let wanted = parameters.optional("dm_event.fields").unwrap_or_default();
        let (listed, next) = self.page_of_messages(place, count, now);
        let events: Vec<Value> =
            listed.into_iter().map(|message| event_of_v2(message, wanted, self.seed)).collect();
        let mut body = json!({"meta": {"result_count": events.len()}});
        if !events.is_empty() {
            body["data"] = Value::from(events);
        }
        if let Some(next) = next {
            body["meta"]["next_token"] = Value::from(next.to_text(self.seed));
        }
        Ok(body)
    }

    /// Returns the place from which the request's cursor wants to read on.
    fn asked_place(
        &self,
        parameter: &str,
        user_id: u64,
        parameters: &Parameters,
    ) -> Result<MessageCursor, Refusal> {
        match parameters.optional(parameter) {
            None => Ok(MessageCursor { user_id, below: u64::MAX, page: 0 }),
            Some(text) => MessageCursor::from_text(text, self.seed)
                .filter(|place| place.user_id == user_id)
                .ok_or_else(|| Refusal::invalid(parameter, "not one that was given out")),
        }
    }

    fn page_of_messages(
        &self,
        place: MessageCursor,
        count: u64,
        now: Millis,
    ) -> (Vec<&SandboxMessage>, Option<MessageCursor>) {
        let paging = self.behaviour.paging;
        let mut chance = Chance::of(self.seed, &["messages", &place.to_text(self.seed)]);
        let next_page = MessageCursor { page: place.page + 1, ..place };
        // Only every other page may be empty. So a client that reads on always reaches the end.
        if place.page.is_multiple_of(2) && chance.happens(paging.empty) {
            return (Vec::new(), Some(next_page));
        }
        let size = if chance.happens(paging.partial) { 1 + chance.below(count) } else { count };
        let of_account = |message: &&SandboxMessage| {
            [message.sender_id, message.recipient_id].contains(&place.user_id)
                && message.created_at >= now.minus(LISTED_FOR)
        };
        let mut older = self.messages.0.range(..place.below).rev().map(|(_, message)| message);
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let listed: Vec<&SandboxMessage> = older.by_ref().filter(of_account).take(size).collect();
        let below = listed.last().map_or(place.below, |message| message.id);
        let is_more = older.any(|message| of_account(&message));
        (listed, is_more.then_some(MessageCursor { below, ..next_page }))
    }
}

impl MessageCursor {
    fn to_text(self, seed: u64) -> String {
        let plain = format!("{}.{}.{}", self.user_id, self.below, self.page);
        URL_SAFE_NO_PAD.encode(format!("{plain}.{}", check(&plain, seed)))
    }

    /// Reads a text that `to_text` wrote. Returns nothing for any other text.
    fn from_text(text: &str, seed: u64) -> Option<Self> {
        let decoded = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let (plain, checked) = decoded.rsplit_once('.')?;
        if checked.parse() != Ok(check(plain, seed)) {
            return None;
        }
        let mut numbers = plain.split('.').map(|number| number.parse().ok());
        let mut next = || numbers.next().flatten();
        Some(Self { user_id: next()?, below: next()?, page: next()? })
    }
}

fn check(plain: &str, seed: u64) -> u64 {
    Chance::of(seed, &["place", plain]).draw()
}

/// Writes a message as X lists it to one of its two users.
fn event(message: &SandboxMessage, user_id: u64, seed: u64) -> Value {
    let (text, urls) = shortened(&message.text, seed);
    let mut create = json!({
        "target": {"recipient_id": message.recipient_id.to_string()},
        "sender_id": message.sender_id.to_string(),
        "message_data": {
            "text": text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"),
            "entities": {"hashtags": [], "symbols": [], "urls": urls, "user_mentions": []},
        },
    });
    // Only the app's own user learns which app wrote the message.
    if message.sender_id == user_id {
        create["source_app_id"] = Value::from(APP);
    }
    json!({
        "type": "message_create",
        "id": message.id.to_string(),
        "created_timestamp": message.created_at.0.to_string(),
        "message_create": create,
    })
}

/// Writes a message as version 2 of the API lists it, with the requested fields.
fn event_of_v2(message: &SandboxMessage, wanted: &str, seed: u64) -> Value {
    let (one, other) = (message.sender_id, message.recipient_id);
    let (text, _) = shortened(&message.text, seed);
    let mut event = json!({
        "id": message.id.to_string(),
        "event_type": "MessageCreate",
        "text": text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"),
    });
    let more = json!({
        "sender_id": one.to_string(),
        "dm_conversation_id": format!("{}-{}", one.min(other), one.max(other)),
        "created_at": message.created_at.rfc3339(),
    });
    for field in wanted.split(',') {
        if let Some(value) = more.get(field) {
            event[field] = value.clone();
        }
    }
    event
}

/// Replaces each link in a text by a t.co link. Returns the text and the links.
fn shortened(text: &str, seed: u64) -> (String, Vec<Value>) {
    let (mut written, mut urls, mut rest) = (String::new(), Vec::new(), text);
    while let Some(start) = ["https://", "http://"].iter().filter_map(|s| rest.find(s)).min() {
        let (before, tail) = rest.split_at(start);
        let end = tail.find(|c: char| c.is_whitespace() || !c.is_ascii()).unwrap_or(tail.len());
        let link = tail[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', ')', '"', '\'']);
        let short = format!("https://t.co/{:010x}", Chance::of(seed, &["t.co", link]).draw() >> 24);
        written.push_str(before);
        written.push_str(&short);
        let (_, shown) = link.split_once("://").unwrap_or_default();
        urls.push(json!({"url": short, "expanded_url": link, "display_url": shown}));
        rest = &tail[link.len()..];
    }
    written.push_str(rest);
    (written, urls)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_become_short_and_all_else_stays() {
        let (text, urls) =
            shortened("See https://acme.example/a?b=c&d, (http://x.example). Bye", 1);
        let short: Vec<&str> = urls.iter().map(|url| url["url"].as_str().unwrap()).collect();
        assert_eq!(text, format!("See {}, ({}). Bye", short[0], short[1]));
        assert_eq!(urls[0]["expanded_url"], "https://acme.example/a?b=c&d");
        assert_eq!(urls[1]["expanded_url"], "http://x.example");
        assert_ne!(short[0], short[1]);
        assert_eq!(shortened("https:// and nothing", 1).1.len(), 1);
        assert_eq!(shortened("no link", 1), ("no link".to_owned(), Vec::new()));
    }
}
