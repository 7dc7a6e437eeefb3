//! X's JSON, read into domain types. X's own pages mix strings and numbers and leave fields out, so
//! every field is read for what it may be, and what is not known is kept raw.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::domain::feedback::{Given, Object, Older, Update};
use crate::domain::id::{FeedbackId, UserId};
use crate::domain::survey::Reason;
use crate::domain::survey_type::SurveyType;
use crate::domain::time::Millis;
use crate::domain::x_date::parse_x_date;
use crate::domain::x_json;

/// Whether a person can be messaged, and if not, why.
pub type Person = Result<CanDm, Reason>;

/// The person can be messaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CanDm;

/// Whose keys were used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    pub user_id: String,
    pub screen_name: String,
}

/// One page of feedback/events.
#[derive(Clone, Debug, Default)]
pub struct EventsPage {
    pub updates: Vec<Update>,
    /// Events of kinds that surveyd does not know, as they came.
    pub unknown: Vec<String>,
    /// How many of those are of a kind that it does know, in a form that it cannot read: the page
    /// proves nothing of what it does not seem to hold.
    pub unreadable: usize,
    /// Absent: the end. X sends an empty one.
    pub next_cursor: Option<String>,
}

/// create's answer to a request made at `asked_at`; `None` where it is not one. An id is enough.
pub fn created(body: &[u8], asked_at: Millis) -> Option<Update> {
    let value = x_json::read(body).ok()?;
    feedback(&value, None).or_else(|| feedback(&value, Some(asked_at)))
}

/// show's answer. X's example lacks fields that create has, so only the id must agree.
pub fn shown(body: &[u8], id: &FeedbackId) -> Option<Update> {
    let update = feedback(&x_json::read(body).ok()?, None)?;
    (update.id == *id).then_some(update)
}

pub fn events(body: &[u8]) -> Option<EventsPage> {
    let value: Value = x_json::read(body).ok()?;
    let mut page = EventsPage { next_cursor: next_cursor(&value)?, ..EventsPage::default() };
    for event in value.get("events")?.as_array()? {
        let told_at = event.get("created_at").and_then(instant);
        let is_known = is_known(event);
        match event.get("feedback").filter(|_| is_known).and_then(|o| feedback(o, told_at)) {
            Some(update) => page.updates.push(update),
            None => {
                page.unreadable += usize::from(is_known);
                page.unknown.push(event.to_string());
            }
        }
    }
    Some(page)
}

/// One event of X's webhook.
#[derive(Clone, Debug, PartialEq)]
pub struct Hint {
    /// Whose prompt it was; absent where X does not say.
    pub from_user_id: Option<String>,
    /// Absent: of a kind, or in a form, that surveyd does not know.
    pub update: Option<Update>,
    /// As it came.
    pub raw: String,
}

/// What X's webhook delivers: an event as feedback/events lists them, alone, or several of them.
pub fn hints(delivery: &Value) -> Vec<Hint> {
    let several = delivery.as_array().or_else(|| delivery.get("events")?.as_array());
    several.map_or(std::slice::from_ref(delivery), Vec::as_slice).iter().map(hint).collect()
}

fn hint(event: &Value) -> Hint {
    let object = event.get("feedback").filter(|_| is_known(event));
    let told_at = event.get("created_at").and_then(instant);
    Hint {
        from_user_id: event.pointer("/feedback/from_user_id").and_then(text),
        update: object.and_then(|object| feedback(object, told_at)).filter(is_on_its_scale),
        raw: event.to_string(),
    }
}

/// X's own score may be what it likes; one that a mere password vouches for is shown only where it
/// can be true.
fn is_on_its_scale(update: &Update) -> bool {
    let kind = update.object.kind.as_deref().and_then(SurveyType::parse);
    let scores = kind.unwrap_or(SurveyType::Nps).scores();
    let score = update.score.as_ref().map(|given| u8::try_from(given.value));
    score.is_none_or(|score| score.is_ok_and(|score| scores.contains(&score)))
}

/// Whether an event is of a kind that surveyd knows.
fn is_known(event: &Value) -> bool {
    let kind = event.get("event_type").and_then(Value::as_str);
    matches!(kind, Some("feedback.created" | "feedback.updated"))
}

/// Where the next page is, `Some(None)` at the end; `None` where that cannot be read.
pub fn next_cursor(page: &Value) -> Option<Option<String>> {
    match page.get("next_cursor") {
        None | Some(Value::Null) => Some(None),
        Some(cursor) => Some(Some(text(cursor)?).filter(|cursor| !cursor.is_empty())),
    }
}

pub fn relationship(body: &[u8]) -> Option<Person> {
    let value: Value = x_json::read(body).ok()?;
    let can_dm = value.pointer("/relationship/source/can_dm")?.as_bool()?;
    Some(if can_dm { Ok(CanDm) } else { Err(Reason::CannotDm) })
}

/// X leaves out people it does not know, and tells of some in `errors`.
pub fn users(body: &[u8], asked: &[UserId]) -> Option<BTreeMap<UserId, Person>> {
    let value: Value = x_json::read(body).ok()?;
    let list = |name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    if value.get("data").is_none() && value.get("errors").is_none() {
        return None;
    }
    let mut people: BTreeMap<UserId, Person> =
        asked.iter().map(|id| (id.clone(), Err(Reason::CannotDm))).collect();
    for error in list("errors") {
        let about = error.get("resource_id").or_else(|| error.get("value")).and_then(text);
        let suspended = error
            .get("detail")
            .and_then(Value::as_str)
            .is_some_and(|detail| detail.to_lowercase().contains("suspended"));
        if let Some(person) = about.and_then(|id| people.get_mut(&UserId::parse(&id).ok()?)) {
            *person = Err(if suspended { Reason::Suspended } else { Reason::CannotDm });
        }
    }
    for user in list("data") {
        let id = user.get("id").and_then(text).and_then(|id| UserId::parse(&id).ok());
        // Left out for somebody who is there, it is no answer: nobody is judged by it.
        let can_dm = user.get("receives_your_dm").and_then(Value::as_bool)?;
        if let Some(person) = id.and_then(|id| people.get_mut(&id)) {
            *person = if can_dm { Ok(CanDm) } else { Err(Reason::CannotDm) };
        }
    }
    Some(people)
}

pub fn verified(body: &[u8]) -> Option<Verified> {
    let value: Value = x_json::read(body).ok()?;
    Some(Verified {
        user_id: value.get("id_str").or_else(|| value.get("id")).and_then(text)?,
        screen_name: value.get("screen_name").and_then(text).unwrap_or_default(),
    })
}

/// One feedback object. `told_at` stands in where the object itself is not dated.
fn feedback(value: &Value, told_at: Option<Millis>) -> Option<Update> {
    let object = value.as_object()?;
    let field = |name: &str| object.get(name).filter(|value| !value.is_null());
    let id = field("id").or_else(|| field("id_str")).and_then(text)?;
    let created_at = field("created_at").and_then(instant);
    let updated_at = field("updated_at").and_then(instant).or(told_at).or(created_at)?;
    let response = field("response");
    let part = |name: &str| -> Option<(&Value, Option<Millis>)> {
        let part = response?.get(name).filter(|part| !part.is_null())?;
        let value = part.get("value").filter(|value| !value.is_null())?;
        Some((value, part.get("created_at").and_then(instant)))
    };
    let mut bare = object.clone();
    bare.remove("response");
    Some(Update {
        id: FeedbackId::told(&id)?,
        score: part("score").and_then(|(value, given_at)| {
            let value = number(value)?;
            Some(Given { given_at: given_at.unwrap_or(updated_at), told_at: updated_at, value })
        }),
        text: part("text").and_then(|(value, given_at)| {
            // No store can hold it, and the comment counts without it.
            let value = value.as_str()?.replace('\0', "");
            Some(Given { given_at: given_at.unwrap_or(updated_at), told_at: updated_at, value })
        }),
        object: Object {
            updated_at,
            created_at,
            // In the one spelling by which surveys name people.
            to_user_id: field("to_user_id")
                .and_then(text)
                .map(|id| UserId::respelt(&id).map_or(id, |id| id.to_string())),
            external_id: field("external_id").and_then(text).filter(|id| !id.is_empty()),
            kind: field("type").and_then(text),
            question_variant_id: field("question_variant_id").and_then(number),
            test: match field("test") {
                Some(Value::Bool(test)) => *test,
                Some(Value::String(test)) => test == "true",
                _ => false,
            },
            dm_id: field("dm_id").and_then(text),
            raw: Value::Object(bare).to_string(),
            older: Older::default(),
        },
    })
}

/// A string, or a number written as one. One with U+0000 is none: PostgreSQL's text cannot hold it,
/// and no name that X gives has it.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()).filter(|text| !text.contains('\0')),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| {
            let float = number.as_f64()?;
            (float.fract() == 0.0 && float.abs() < 1e15).then_some(float as i64)
        }),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn instant(value: &Value) -> Option<Millis> {
    match value {
        Value::String(text) => parse_x_date(text),
        Value::Number(_) => number(value).map(Millis),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixed_types_and_squeezed_dates_are_read() {
        let body = br#"{"events":[{"event_type":"feedback.updated","created_at":"SatDec1517:58:20+00002015",
            "feedback":{"id":9007199254740993123,"type":"nps","question_variant_id":"3","test":"true",
            "to_user_id":343434,"external_id":"t","updated_at":"Tue Dec 15 17:58:20 +0000 2015",
            "response":{"score":{"created_at":"Tue Dec 15 17:59:00 +0000 2015","value":"9"},"text":null},
            "brand_new_field":{"x":1}}}],"next_cursor":""}"#;
        let page = events(body).unwrap();
        assert_eq!(page.next_cursor, None);
        let update = &page.updates[0];
        assert_eq!(update.id.as_str(), "9007199254740993123");
        assert_eq!(update.object.question_variant_id, Some(3));
        assert_eq!(update.object.to_user_id.as_deref(), Some("343434"));
        assert!(update.object.test);
        assert_eq!(update.object.updated_at, Millis(1_450_202_300_000));
        let score = update.score.as_ref().unwrap();
        assert_eq!((score.value, score.given_at), (9, Millis(1_450_202_340_000)));
        assert_eq!(update.text, None);
        assert!(update.object.raw.contains("brand_new_field"));
        assert!(!update.object.raw.contains("response"));
    }

    #[test]
    fn an_event_of_an_unknown_kind_is_kept_as_it_came() {
        let body = br#"{"events":[{"event_type":"feedback.dismissed","feedback":{"id":"1"}}],"next_cursor":"7"}"#;
        let page = events(body).unwrap();
        assert!(page.updates.is_empty());
        assert!(page.unknown[0].contains("feedback.dismissed"));
        assert_eq!(page.unreadable, 0);
        assert_eq!(page.next_cursor.as_deref(), Some("7"));
    }

    #[test]
    fn an_event_that_cannot_be_read_is_counted() {
        let body = br#"{"events":[{"event_type":"feedback.created","feedback":{"id":"1"}}],"next_cursor":""}"#;
        let page = events(body).unwrap();
        assert!(page.updates.is_empty());
        assert_eq!((page.unknown.len(), page.unreadable), (1, 1));
    }

    #[test]
    fn nothing_that_is_read_holds_the_character_that_postgresql_cannot() {
        let body = br#"{"events":[{"event_type":"feedback.updated","feedback":{"id":"1",
            "updated_at":"Tue Dec 15 17:58:20 +0000 2015","external_id":"t\u0000","to_user_id":"3\u0000",
            "dm_id":"4\u0000","type":"nps\u0000",
            "response":{"text":{"value":"so \u0000so"}}}},
            {"event_type":"feedback.updated","feedback":{"id":"2\u0000",
            "updated_at":"Tue Dec 15 17:58:20 +0000 2015"}}],"next_cursor":""}"#;
        let page = events(body).unwrap();
        assert_eq!((page.updates.len(), page.unknown.len(), page.unreadable), (1, 1, 1));
        let update = &page.updates[0];
        assert_eq!(update.text.as_ref().unwrap().value, "so so");
        let object = &update.object;
        let names = [&object.external_id, &object.to_user_id, &object.dm_id, &object.kind];
        assert!(names.into_iter().all(Option::is_none), "{object:?}");
        assert!(!object.raw.contains('\0') && !page.unknown[0].contains('\0'));
    }

    #[test]
    fn people_whom_x_leaves_out_cannot_be_messaged() {
        let id = |id: &str| UserId::parse(id).unwrap();
        let body = br#"{"data":[{"id":"3","receives_your_dm":false},{"id":"1","receives_your_dm":true}],
            "errors":[{"resource_id":"4","title":"Forbidden","detail":"User has been suspended: [4]."}]}"#;
        let people = users(body, &[id("1"), id("2"), id("3"), id("4")]).unwrap();
        assert_eq!(people[&id("1")], Ok(CanDm));
        assert_eq!(people[&id("2")], Err(Reason::CannotDm));
        assert_eq!(people[&id("3")], Err(Reason::CannotDm));
        assert_eq!(people[&id("4")], Err(Reason::Suspended));
    }

    #[test]
    fn an_answer_that_is_not_xs_is_none() {
        assert!(created(b"<html>", Millis(7)).is_none());
        assert!(created(b"{}", Millis(7)).is_none());
        let undated = created(br#"{"id":"900"}"#, Millis(7)).unwrap();
        assert_eq!((undated.id.as_str(), undated.object.updated_at), ("900", Millis(7)));
        assert!(relationship(br#"{"relationship":{"source":{"can_dm":null}}}"#).is_none());
        assert!(events(br#"{"next_cursor":""}"#).is_none());
    }
}
