//! Reads X's JSON into domain types. X's own pages mix strings and numbers and leave fields out.
//! Every field is therefore read in all its likely forms, and unknown parts are kept raw.
//! Everything that is kept has a bound.

use std::collections::BTreeMap;

use ring::digest::{SHA256, digest};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::domain::feedback::{Given, Object, Older, Update};
use crate::domain::id::{FeedbackId, UserId};
use crate::domain::survey::Reason;
use crate::domain::survey_type::SurveyType;
use crate::domain::time::Millis;
use crate::domain::x_date::parse_x_date;
use crate::domain::x_json::{self, cut};

/// The most items of one list. surveyd asks X for a hundred.
pub const ITEMS_MOST: usize = 1_000;
/// The longest cursor, in bytes.
const CURSOR_MOST: usize = 4 * 1024;
/// The longest id or name, in bytes. The longest that X is known to have is an `external_id` of 256
/// characters.
const NAME_MOST: usize = 1024;
/// The longest comment, in bytes. A longer one is cut and says so.
pub const COMMENT_MOST: usize = 64 * 1024;
/// The largest object that is kept as it came, in bytes. Of a larger one, surveyd keeps its
/// beginning and its hash.
pub const RAW_MOST: usize = 64 * 1024;
/// The length of that beginning, in bytes.
const BEGINNING: usize = 1_000;
/// Each character may be written as an escape of six bytes.
const ESCAPED: usize = 6;

/// Whether a person can be messaged. The error says why not.
pub type Reachability = Result<CanDm, Reason>;

/// The person can be messaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CanDm;

/// The account whose keys were used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    pub user_id: String,
    pub screen_name: String,
}

/// One page of feedback/events.
#[derive(Clone, Debug, Default)]
pub struct EventsPage {
    pub updates: Vec<Update>,
    /// Events of unknown kinds and events that surveyd cannot read, as they came. If an event of a
    /// new kind shows feedback, that is among the updates, and only what is not kept with it is
    /// here.
    pub unknown: Vec<String>,
    /// How many events may contain feedback but cannot be read, or contradict another. If there are
    /// any, the page does not prove that something is missing from X.
    pub unreadable: usize,
    /// `None` at the end, where X sends an empty one.
    pub next_cursor: Option<String>,
}

/// Reads create's answer to a request made at `asked_at`. `None` if it is not one. An id is enough.
pub fn created(body: &[u8], asked_at: Millis) -> Option<Update> {
    let body = x_json::text(body);
    let object = x_json::whole(&body)?;
    feedback(object, None).or_else(|| feedback(object, Some(asked_at)))
}

/// Reads show's answer. X's example lacks fields that create has, so only the id must agree.
pub fn shown(body: &[u8], id: &FeedbackId) -> Option<Update> {
    let update = feedback(x_json::whole(&x_json::text(body))?, None)?;
    (update.id == *id).then_some(update)
}

pub fn events(body: &[u8]) -> Option<EventsPage> {
    let body = x_json::text(body);
    // X reports in these ways that a part is missing.
    let names = ["events", "next_cursor", "errors", "error"];
    let whole = x_json::whole(&body)?;
    let [events, next, errors, error] = x_json::members(whole, names)?;
    let says_nothing = |part: &RawValue| matches!(part.get(), "null" | "[]" | "{}" | "\"\"");
    let is_partial = [errors, error].into_iter().flatten().any(|part| !says_nothing(part));
    // If a name occurs twice, it is not known which list or cursor is meant.
    if is_partial || !x_json::are_named_once(whole, &names) {
        return None;
    }
    let mut page = EventsPage { next_cursor: cursor(next)?, ..EventsPage::default() };
    // An empty cursor is the only sign of the end. Without one the page may have been cut short.
    page.unreadable += usize::from(next.is_none_or(|next| next.get() == "null"));
    let mut bears = BTreeMap::new();
    for raw in x_json::items(events?, ITEMS_MOST)? {
        let event = WireEvent::of(raw);
        let Some(update) = event.feedback() else {
            page.unreadable += usize::from(event.may_tell());
            page.unknown.push(as_it_came(raw.get()));
            continue;
        };
        // A prompt has one id and one person. Of two different ones, the right one is not known.
        let Object { to_user_id, external_id, .. } = &update.object;
        let name = (to_user_id.clone(), external_id.clone());
        let known = bears.entry(update.id.clone()).or_insert_with(|| name.clone());
        if differ(&known.0, &name.0) || differ(&known.1, &name.1) {
            page.unreadable += 1;
            page.unknown.push(as_it_came(raw.get()));
            continue;
        }
        if !event.is_known {
            page.unknown.push(event.beside_its_feedback(raw));
        }
        page.updates.push(update);
    }
    Some(page)
}

/// True if both are known and differ.
fn differ(one: &Option<String>, other: &Option<String>) -> bool {
    one.is_some() && other.is_some() && one != other
}

/// One event, as far as surveyd can read it.
struct WireEvent<'a> {
    /// True if surveyd knows its kind.
    is_known: bool,
    /// True if it has any kind at all.
    is_event: bool,
    told_at: Option<Millis>,
    object: Option<&'a RawValue>,
}

impl<'a> WireEvent<'a> {
    fn of(raw: &'a RawValue) -> Self {
        let members = x_json::members(raw, ["event_type", "created_at", "feedback"]);
        let [kind, told_at, object] = members.unwrap_or_default();
        let kind = kind.and_then(name);
        let is_known = matches!(kind.as_deref(), Some("feedback.created" | "feedback.updated"));
        Self { is_known, is_event: kind.is_some(), told_at: told_at.and_then(instant), object }
    }

    /// The feedback in the event, whatever has happened to it.
    fn feedback(&self) -> Option<Update> {
        feedback(self.object?, self.told_at)
    }

    /// The feedback if surveyd knows the event's kind. A sender that may not be X is trusted for no
    /// other kind.
    fn update(&self) -> Option<Update> {
        self.feedback().filter(|_| self.is_known)
    }

    /// The event as it came but for the members of its feedback that are kept with the feedback.
    /// Its person stays, so that who is erased is found here.
    fn beside_its_feedback(&self, raw: &RawValue) -> String {
        let Some(object) = self.object else { return as_it_came(raw.get()) };
        let names = ["id", "id_str", "to_user_id", "response"];
        let members = names.into_iter().zip(x_json::members(object, names).unwrap_or_default());
        let left: Vec<String> = members
            .filter_map(|(name, member)| Some(format!("\"{name}\":{}", member?.get())))
            .collect();
        as_it_came(&replaced(raw, object, &format!("{{{}}}", left.join(","))))
    }

    /// True if the event may contain feedback that no other event contains. That is not so for a
    /// new kind that names its feedback or is about something else.
    fn may_tell(&self) -> bool {
        let names_it = || {
            x_json::members(self.object?, ["id", "id_str"])?.into_iter().flatten().find_map(name)
        };
        self.is_known || !self.is_event || (self.object.is_some() && names_it().is_none())
    }
}

/// One event of X's webhook.
#[derive(Clone, Debug, PartialEq)]
pub struct Hint {
    /// The account whose prompt it was. `None` if X does not say.
    pub from_user_id: Option<String>,
    /// `None` if surveyd does not know the event's kind or form.
    pub update: Option<Update>,
    /// The event as it came.
    pub raw: String,
}

/// Reads what X's webhook delivers. It is one event as in feedback/events, or several of them.
pub fn hints(delivery: &Value) -> Vec<Hint> {
    let several = delivery.as_array().or_else(|| delivery.get("events")?.as_array());
    several.map_or(std::slice::from_ref(delivery), Vec::as_slice).iter().map(hint).collect()
}

fn hint(delivered: &Value) -> Hint {
    let text = delivered.to_string();
    let event = x_json::whole(&text).map(WireEvent::of);
    let object = event.as_ref().and_then(|event| event.object);
    let sender = object.and_then(|object| x_json::members(object, ["from_user_id"]));
    Hint {
        from_user_id: sender.and_then(|[id]| name(id?)),
        update: event.as_ref().and_then(WireEvent::update).filter(is_on_its_scale),
        raw: as_it_came(&text),
    }
}

/// True if the score is on the scale of its type. X's own answers may have any score, but a sender
/// with only a password is believed only what can be true.
fn is_on_its_scale(update: &Update) -> bool {
    let kind = update.object.kind.as_deref().and_then(SurveyType::parse);
    let scores = kind.unwrap_or(SurveyType::Nps).scores();
    let score = update.score.as_ref().map(|given| u8::try_from(given.value));
    score.is_none_or(|score| score.is_ok_and(|score| scores.contains(&score)))
}

/// The cursor of the next page. `Some(None)` at the end and `None` if it cannot be read.
pub fn cursor(raw: Option<&RawValue>) -> Option<Option<String>> {
    let Some(raw) = raw.filter(|raw| raw.get() != "null") else { return Some(None) };
    let cursor = written(raw, CURSOR_MOST)?;
    Some(Some(cursor).filter(|cursor| !cursor.is_empty()))
}

pub fn relationship(body: &[u8]) -> Option<Reachability> {
    let body = x_json::text(body);
    let [relationship] = x_json::members(x_json::whole(&body)?, ["relationship"])?;
    let [source] = x_json::members(relationship?, ["source"])?;
    let [can_dm] = x_json::members(source?, ["can_dm"])?;
    Some(if flag(can_dm?)? { Ok(CanDm) } else { Err(Reason::CannotDm) })
}

/// Reads who can be messaged. X leaves out people it does not know and names some in `errors`. This
/// function leaves out the people of whom X does not say whether they take messages.
pub fn users(body: &[u8], asked: &[UserId]) -> Option<BTreeMap<UserId, Reachability>> {
    let body = x_json::text(body);
    let [data, errors] = x_json::members(x_json::whole(&body)?, ["data", "errors"])?;
    if data.is_none() && errors.is_none() {
        return None;
    }
    let mut people: BTreeMap<UserId, Reachability> =
        asked.iter().map(|id| (id.clone(), Err(Reason::CannotDm))).collect();
    for error in people_in(errors)? {
        let names = ["resource_id", "value", "detail"];
        let [id, value, detail] = x_json::members(error, names).unwrap_or_default();
        let detail = detail.and_then(x_json::small);
        let detail = detail.as_ref().and_then(Value::as_str).unwrap_or_default();
        let suspended = detail.to_lowercase().contains("suspended");
        let about = id.or(value).and_then(name);
        if let Some(person) = about.and_then(|id| people.get_mut(&UserId::parse(&id).ok()?)) {
            *person = Err(if suspended { Reason::Suspended } else { Reason::CannotDm });
        }
    }
    let (mut are_there, mut are_told) = (false, false);
    for user in people_in(data)? {
        let [id, can_dm] = x_json::members(user, ["id", "receives_your_dm"])?;
        let can_dm = can_dm.and_then(flag);
        (are_there, are_told) = (true, are_told || can_dm.is_some());
        let Some(id) = id.and_then(name).and_then(|id| UserId::parse(&id).ok()) else { continue };
        match (people.get_mut(&id), can_dm) {
            (Some(person), Some(true)) => *person = Ok(CanDm),
            (Some(person), Some(false)) => *person = Err(Reason::CannotDm),
            (Some(_), None) => drop(people.remove(&id)),
            (None, _) => {}
        }
    }
    // If X says it of nobody, it does not grant the field.
    (are_told || !are_there).then_some(people)
}

/// The people in a list. Anything but a list holds nobody. A list that is too long is not X's.
fn people_in(list: Option<&RawValue>) -> Option<Vec<&RawValue>> {
    match list.filter(|list| list.get().starts_with('[')) {
        Some(list) => x_json::items(list, ITEMS_MOST),
        None => Some(Vec::new()),
    }
}

pub fn verified(body: &[u8]) -> Option<Verified> {
    let body = x_json::text(body);
    let names = ["id_str", "id", "screen_name"];
    let [id_str, id, screen_name] = x_json::members(x_json::whole(&body)?, names)?;
    Some(Verified {
        user_id: id_str.or(id).and_then(name)?,
        screen_name: screen_name.and_then(name).unwrap_or_default(),
    })
}

/// Reads one feedback object. `told_at` is its date if the object itself has none.
fn feedback(object: &RawValue, told_at: Option<Millis>) -> Option<Update> {
    let [id, id_str, created_at, updated_at, response] =
        x_json::members(object, ["id", "id_str", "created_at", "updated_at", "response"])?;
    let [to_user_id, external_id, kind, question_variant_id, test, dm_id] = x_json::members(
        object,
        ["to_user_id", "external_id", "type", "question_variant_id", "test", "dm_id"],
    )?;
    let id = id.filter(|id| id.get() != "null").or(id_str).and_then(name)?;
    let created_at = created_at.and_then(instant);
    let updated_at = updated_at.and_then(instant).or(told_at).or(created_at)?;
    let [score, comment] = response
        .and_then(|response| x_json::members(response, ["score", "text"]))
        .unwrap_or_default();
    Some(Update {
        id: FeedbackId::told(&id)?,
        score: score.and_then(|score| given(score, updated_at, number)),
        text: comment.and_then(|comment| given(comment, updated_at, words)),
        object: Object {
            updated_at,
            created_at,
            // The id gets the only spelling by which surveys name people. An id that is none may
            // be anybody's.
            to_user_id: to_user_id
                .and_then(name)
                .and_then(|id| UserId::respelt(id.trim()))
                .map(|id| id.to_string()),
            external_id: external_id.and_then(name).filter(|id| !id.is_empty()),
            kind: kind.and_then(name),
            question_variant_id: question_variant_id.and_then(number),
            test: test.is_some_and(|test| matches!(test.get(), "true" | "\"true\"")),
            dm_id: dm_id.and_then(name),
            raw: bare(object, response),
            older: Older::default(),
        },
    })
}

/// Reads one part of a response.
fn given<T>(
    part: &RawValue,
    told_at: Millis,
    read: impl FnOnce(&RawValue) -> Option<T>,
) -> Option<Given<T>> {
    let [value, given_at] = x_json::members(part, ["value", "created_at"])?;
    let given_at = given_at.and_then(instant).unwrap_or(told_at);
    Some(Given { given_at, told_at, value: read(value?)? })
}

/// A feedback object without its response.
fn bare(object: &RawValue, response: Option<&RawValue>) -> String {
    let text = object.get();
    let Some(response) = response else { return as_it_came(text) };
    let rest = replaced(object, response, "null");
    if rest.len() <= RAW_MOST
        && let Ok(Value::Object(mut bare)) = x_json::read(rest.as_bytes())
    {
        bare.remove("response");
        return bounded(Value::Object(bare).to_string());
    }
    bounded(rest)
}

/// The text of a value with other words for one of its parts, which is a slice of that very text.
fn replaced(whole: &RawValue, part: &RawValue, by: &str) -> String {
    let (whole, part) = (whole.get(), part.get());
    let from = part.as_ptr() as usize - whole.as_ptr() as usize;
    [&whole[..from], by, &whole[from + part.len()..]].concat()
}

/// The raw form that is kept. Its members are sorted.
fn as_it_came(text: &str) -> String {
    match (text.len() <= RAW_MOST).then(|| x_json::read(text.as_bytes())) {
        Some(Ok(value)) => bounded(value.to_string()),
        Some(Err(_)) | None => bounded(text.to_owned()),
    }
}

/// The text or, if it is too large, its beginning, its length and its hash. Equal texts give equal
/// results, so that a fold does not depend on when a text was cut.
fn bounded(mut text: String) -> String {
    if text.len() <= RAW_MOST {
        // A page may have a thousand of them, and each has grown to up to twice its size.
        text.shrink_to_fit();
        return text;
    }
    let hash = digest(&SHA256, text.as_bytes());
    serde_json::json!({"cut_by_surveyd": {
        "begins": cut(&text, BEGINNING),
        "bytes": text.len(),
        "sha256": hex(hash.as_ref()),
    }})
    .to_string()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads a comment. No store can hold U+0000, so the comment counts without it.
fn words(raw: &RawValue) -> Option<String> {
    if !raw.get().starts_with('"') {
        return None;
    }
    let Ok(Value::String(words)) = x_json::read(raw.get().as_bytes()) else { return None };
    let words = if words.contains('\0') { words.replace('\0', "") } else { words };
    if words.len() <= COMMENT_MOST {
        return Some(words);
    }
    let mark = format!(" [cut by surveyd: {} bytes]", words.len());
    Some(format!("{}{mark}", cut(&words, COMMENT_MOST - mark.len())))
}

/// Reads an id or a name. It is a string or a number written as one.
pub fn name(raw: &RawValue) -> Option<String> {
    written(raw, NAME_MOST)
}

/// Reads a string of at most `most` bytes or a number written as one. A string with U+0000 is
/// rejected because PostgreSQL's text cannot hold it. No name from X contains it.
fn written(raw: &RawValue, most: usize) -> Option<String> {
    let text = match scalar(raw, most)? {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    (text.len() <= most && !text.contains('\0')).then_some(text)
}

/// Reads a value without parts if it can stand for at most `most` bytes.
fn scalar(raw: &RawValue, most: usize) -> Option<Value> {
    let text = raw.get();
    let is_scalar = !text.starts_with(['[', '{']) && text.len() <= most * ESCAPED + 2;
    is_scalar.then(|| x_json::read(text.as_bytes()).ok()).flatten()
}

fn flag(raw: &RawValue) -> Option<bool> {
    scalar(raw, NAME_MOST)?.as_bool()
}

pub fn number(raw: &RawValue) -> Option<i64> {
    match scalar(raw, NAME_MOST)? {
        Value::Number(number) => number.as_i64().or_else(|| {
            let float = number.as_f64()?;
            (float.fract() == 0.0 && float.abs() < 1e15).then_some(float as i64)
        }),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn instant(raw: &RawValue) -> Option<Millis> {
    match scalar(raw, NAME_MOST)? {
        Value::String(text) => parse_x_date(&text),
        Value::Number(_) => number(raw).map(Millis),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests;
