//! Takes the notices that help desks send to `POST /v1/sources/{name}`.
//!
//! A request is checked in this order:
//!
//! - the address
//! - the size
//! - the signature
//! - the rate limit
//! - the form
//! - the content
//!
//! surveyd answers only once the notice is on the disk.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;

use super::message_hook;
use super::parts::{json, parameters, texts};
use super::problem::{self, Problem, refuse};
use super::{HttpSource, Live, Web};
use crate::domain::mapping::Mapping;
use crate::domain::time::Millis;
use crate::store::Taken;
use crate::watcher::notice::{self, CloseEvent, NoticeFaults};
use crate::watcher::payload::{self, MappedEvent};
use crate::watcher::signature::IN_QUERY;

/// The answer for one event.
#[derive(Serialize)]
#[serde(untagged)]
enum EventAnswer {
    Closed {
        survey_id: String,
        state: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        due_at: String,
        #[serde(skip)]
        is_new: bool,
    },
    Reopened {
        survey_id: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        state: Option<&'static str>,
    },
    Ignored {
        ignored: String,
    },
}

#[derive(Serialize)]
struct Challenge<'a> {
    challenge: &'a str,
}

pub async fn post(
    State(web): State<Arc<Web>>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let live = web.live();
    let taken = match (live.sources.get(&name), live.message_hooks.get(&name)) {
        (Some(source), _) => take(&web, &live, source, request).await,
        (None, Some(hook)) => message_hook::take(&web, &live, hook, request).await,
        (None, None) => return problem::not_found("there is no source of this name"),
    };
    taken.unwrap_or_else(|refusal| refusal)
}

/// Answers a help desk that checks the address before it sends anything.
pub async fn head(State(web): State<Arc<Web>>, Path(name): Path<String>) -> StatusCode {
    let live = web.live();
    match live.sources.contains_key(&name) || live.message_hooks.contains_key(&name) {
        true => StatusCode::OK,
        false => StatusCode::NOT_FOUND,
    }
}

async fn take(
    web: &Web,
    live: &Live,
    source: &HttpSource,
    request: Request,
) -> Result<Response, Response> {
    let (events, is_list) = match read(web, live, source, request).await? {
        NoticeRequest::Events { events, is_list } => (events, is_list),
        NoticeRequest::Challenge(word) => {
            return Ok(json(StatusCode::OK, &Challenge { challenge: &word }));
        }
    };
    // Check all accounts before any event is taken. A refused sender sends either all events again
    // or none.
    for event in &events {
        if let ReceivedEvent::Said { said, .. } = event
            && !live.intake.accounts.contains_key(said.account())
        {
            return Err(unknown_account(said.account()));
        }
    }
    let mut answers = Vec::with_capacity(events.len());
    for event in events {
        answers.push(take_one(live, event).await?);
    }
    let is_new = |answer: &EventAnswer| matches!(answer, EventAnswer::Closed { is_new: true, .. });
    let status = match answers.iter().any(is_new) {
        true => StatusCode::ACCEPTED,
        false => StatusCode::OK,
    };
    Ok(match (is_list, answers.as_slice()) {
        (false, [alone]) => json(status, alone),
        _ => json(status, &answers),
    })
}

/// Takes one event. If a later event fails, the sender sends all of them again. The store then
/// recognises this one by its event id.
async fn take_one(live: &Live, event: ReceivedEvent) -> Result<EventAnswer, Response> {
    let (said, event_id) = match event {
        ReceivedEvent::Said { said, event_id } => (said, event_id),
        ReceivedEvent::Ignored(why) => return Ok(EventAnswer::Ignored { ignored: why }),
    };
    match said {
        CloseEvent::Closed(close) => {
            let account = close.account.clone();
            match live.intake.delivered_close(*close, event_id).await {
                Ok(Some(taken)) => Ok(EventAnswer::of(taken)),
                Ok(None) => Err(unknown_account(&account)),
                Err(error) => Err(problem::store(&error)),
            }
        }
        CloseEvent::Reopened(reopening) => {
            let cancelled = live.intake.delivered_reopening(reopening, event_id).await;
            let cancelled = cancelled.map_err(|error| problem::store(&error))?;
            let state = cancelled.as_ref().map(|_| "cancelled");
            Ok(EventAnswer::Reopened { survey_id: cancelled.map(|id| id.to_string()), state })
        }
    }
}

impl EventAnswer {
    fn of(taken: Taken) -> Self {
        Self::Closed {
            survey_id: taken.survey_id.to_string(),
            state: taken.state,
            reason: taken.reason,
            due_at: taken.due_at.rfc3339(),
            is_new: taken.is_new,
        }
    }
}

/// The meaning of a request.
enum NoticeRequest {
    /// The events in the request. `is_list` is true if the mapping allows several events a request.
    Events { events: Vec<ReceivedEvent>, is_list: bool },
    /// The sender checks the address and wants its own word back.
    Challenge(String),
}

enum ReceivedEvent {
    Said {
        said: CloseEvent,
        event_id: Option<String>,
    },
    /// An event that does not concern surveyd. Carries the reason.
    Ignored(String),
}

impl NoticeRequest {
    fn one(event: ReceivedEvent) -> Self {
        Self::Events { events: vec![event], is_list: false }
    }
}

/// Checks a request and reads its events.
async fn read(
    web: &Web,
    live: &Live,
    source: &HttpSource,
    request: Request,
) -> Result<NoticeRequest, Response> {
    let (Parts { headers, uri, .. }, body) = request.into_parts();
    let body = web.bodies.whole(body, &headers, live.max_body).await?;
    let now = web.clock.now();
    let query = uri.query().unwrap_or_default();
    let every = |name: &str| match name.strip_prefix(IN_QUERY) {
        Some(parameter) => parameters(query, parameter),
        None => texts(&headers, name),
    };
    let header = |name: &str| texts(&headers, name).into_iter().next();
    // Answer a challenge before the signature is checked. The echo reveals nothing and takes
    // nothing in.
    let challenge = source.mapping.as_ref().and_then(|mapping| mapping.challenge.as_deref());
    if let Some(word) = challenge.and_then(header) {
        return Ok(NoticeRequest::Challenge(word.to_owned()));
    }
    live.intake
        .by_either_clock(now, |now| source.verifier.verify(&every, &body, now))
        .map_err(|why| refuse(StatusCode::UNAUTHORIZED, why.to_string()))?;
    if let Err(seconds) = source.rate.take(now) {
        let detail = "this source has sent more than its rate_limit";
        return Err(problem::later(StatusCode::TOO_MANY_REQUESTS, detail, &seconds.to_string()));
    }
    let asked = match &source.mapping {
        None => standard(live, source, &body, header("content-type"), now),
        Some(mapping) => mapped(source, mapping, &body, &header, now),
    };
    asked.map_err(Problem::into_response)
}

/// Reads a notice of kind `standard`.
fn standard(
    live: &Live,
    source: &HttpSource,
    body: &[u8],
    content_type: Option<&str>,
    now: Millis,
) -> Result<NoticeRequest, Problem> {
    if let Some(kind) = content_type.filter(|kind| !is_json(kind)) {
        let kind = notice::shown(kind);
        return Err(not_json(format!("the content type is {kind}; send application/json")));
    }
    let notice = parsed(body)?;
    live.intake
        .by_either_clock(now, |now| notice::read(&notice, source.origin(now)))
        .map(|said| NoticeRequest::one(ReceivedEvent::Said { said, event_id: None }))
        .map_err(unprocessable)
}

/// Reads a help desk's payload by its mapping. Help desks differ in the content type they declare,
/// so surveyd ignores it.
fn mapped<'a>(
    source: &HttpSource,
    mapping: &Mapping,
    body: &[u8],
    header: &'a dyn Fn(&str) -> Option<&'a str>,
    now: Millis,
) -> Result<NoticeRequest, Problem> {
    if body.is_empty() {
        return Ok(NoticeRequest::one(ReceivedEvent::Ignored("the body is empty".into())));
    }
    let value = parsed(body)?;
    let heard = payload::read(mapping, value, body, header, source.origin(now));
    let events = heard.map_err(unprocessable)?.into_iter().map(|heard| match heard {
        MappedEvent::Said { said, event_id } => {
            ReceivedEvent::Said { said, event_id: Some(event_id) }
        }
        MappedEvent::Ignored(why) => ReceivedEvent::Ignored(why),
    });
    Ok(NoticeRequest::Events { events: events.collect(), is_list: mapping.each.is_some() })
}

fn parsed(body: &[u8]) -> Result<Value, Problem> {
    notice::json(body).map_err(|wrong| {
        let problem = not_json(wrong.why);
        match wrong.place {
            Some(place) => problem.at(place),
            None => problem,
        }
    })
}

pub fn not_json(detail: String) -> Problem {
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
}

fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

fn unprocessable(faults: NoticeFaults) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, faults.to_string()).with(faults.first)
}

fn unknown_account(account: &str) -> Response {
    unprocessable(notice::unknown_account(account)).into_response()
}
