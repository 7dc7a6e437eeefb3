//! Serves the pages under `/sandbox/`, which show and change what happens in the world.
//!
//! They are not part of X, need no login and are served to this machine only. The documentation of
//! [`sandbox`](super) describes them for integrators.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::api_call::ApiCall;
use super::call::{HttpReply, HttpRequest};
use super::faults::{FaultOrder, InjectedFault};
use super::form::Parameters;
use super::message_log::SandboxMessage;
use super::people::{Person, PersonsAnswer, Plan, TakesMessages, UserStanding};
use super::record::{DeliveredPrompt, RefusedCall};
use super::world::{AnswerError, World};
use crate::domain::time::Millis;

/// The beginning of these pages' paths.
pub const PREFIX: &str = "/sandbox/";

/// The most entries of a list. Later ones are read with the parameter `from`.
const LIST_MAX: usize = 10_000;

/// Answers one request to these pages.
pub fn inspect(world: &mut World, request: &HttpRequest, now: Millis) -> HttpReply {
    world.advance(now);
    let page = request.path.strip_prefix(PREFIX).unwrap_or("");
    let parameters = Parameters::new(request.pairs());
    let answered = match (request.method.as_str(), page) {
        ("GET", "state") => Ok(state(world, now)),
        ("GET", "prompts") => {
            Ok(list("prompts", world.prompts(), &parameters, |prompt| shown_prompt(world, prompt)))
        }
        ("GET", "messages") => {
            let messages: Vec<&SandboxMessage> = world.messages().collect();
            Ok(list("messages", &messages, &parameters, |message| shown_message(message)))
        }
        ("GET", "refused") => {
            let refused: Vec<&RefusedCall> = world.refused().collect();
            Ok(list("refused", &refused, &parameters, |call| shown_refusal(call)))
        }
        ("POST", "messages") => read(request).map(|body: MessageBody| {
            let id = world.say(body.sender_id, body.recipient_id, &body.text, now);
            json!({"id": id.to_string()})
        }),
        ("POST", "answer") => read(request).and_then(|body| answer(world, &body, now)),
        ("POST", "people") => read(request).map(|body: PersonBody| {
            let user_id = body.user_id;
            world.tell(user_id, body.into_person());
            json!({})
        }),
        ("POST", "faults") => read(request).map(|body: FaultBody| {
            world.order(body.into_order());
            json!({"left": world.faults_left()})
        }),
        ("DELETE", "faults") => {
            world.clear_faults();
            Ok(json!({"left": 0}))
        }
        ("POST", "limits") => read(request).map(|LimitBody { call, limit }| {
            world.set_limit(call, limit);
            json!({})
        }),
        _ => Err((404, "no such page of the sandbox".to_owned())),
    };
    match answered {
        Ok(body) => HttpReply::json(200, &body),
        Err((status, error)) => HttpReply::json(status, &json!({"error": error})),
    }
}

/// The status and the text of an error.
type Complaint = (u16, String);

fn read<T: DeserializeOwned>(request: &HttpRequest) -> Result<T, Complaint> {
    serde_json::from_slice(&request.body).map_err(|fault| (422, fault.to_string()))
}

/// Returns the entries from number `from` on with the number of all entries.
fn list<T>(name: &str, all: &[T], parameters: &Parameters, shown: impl Fn(&T) -> Value) -> Value {
    let number = |name: &str| parameters.optional(name).and_then(|text| text.parse().ok());
    let from: usize = number("from").unwrap_or(0);
    let limit: usize = number("limit").unwrap_or(LIST_MAX).min(LIST_MAX);
    let entries: Vec<Value> = all.iter().skip(from).take(limit).map(shown).collect();
    json!({"total": all.len(), name: entries})
}

fn state(world: &World, now: Millis) -> Value {
    let accounts: Vec<Value> = world
        .accounts()
        .iter()
        .map(|account| {
            let user_id = account.user_id;
            let left =
                world.days.get(&user_id).cloned().unwrap_or_default().allowance(account, now);
            let calls = world.record().calls().iter().filter(|((caller, _), _)| *caller == user_id);
            let calls = calls.map(|((_, call), count)| json!({"call": call, "count": count}));
            json!({
                "user_id": user_id.to_string(),
                "screen_name": account.screen_name,
                "prompts_left_today": left.remaining,
                "calls": calls.collect::<Vec<_>>(),
            })
        })
        .collect();
    let (scored, commented) =
        world.feedback.values().fold((0_u64, 0_u64), |(scored, commented), feedback| {
            (
                scored + u64::from(feedback.score.is_some()),
                commented + u64::from(feedback.text.is_some()),
            )
        });
    json!({
        "now": now.0,
        "accounts": accounts,
        "prompts": world.prompts().len(),
        "scored": scored,
        "commented": commented,
        "events": world.event_count(),
        "refused": world.record().refused_count(),
        "faults_left": world.faults_left(),
        "next_due_at": world.next_due_at().map(|at| at.0),
    })
}

fn shown_prompt(world: &World, prompt: &DeliveredPrompt) -> Value {
    let feedback = world.feedback(prompt.feedback_id);
    json!({
        "carried_out_at": prompt.carried_out_at.0,
        "feedback_id": prompt.feedback_id.to_string(),
        "dm_id": prompt.dm_id.to_string(),
        "from_user_id": prompt.from_user_id.to_string(),
        "to_user_id": prompt.to_user_id.to_string(),
        "fields": prompt.fields.iter().map(|(name, value)| (name.clone(), json!(value))).collect::<serde_json::Map<_, _>>(),
        "score": feedback.and_then(|feedback| feedback.score.as_ref()).map(|part| part.value),
        "text": feedback.and_then(|feedback| feedback.text.as_ref()).map(|part| part.value.clone()),
    })
}

fn shown_message(message: &SandboxMessage) -> Value {
    json!({
        "id": message.id.to_string(),
        "created_at": message.created_at.0,
        "sender_id": message.sender_id.to_string(),
        "recipient_id": message.recipient_id.to_string(),
        "text": message.text,
    })
}

fn shown_refusal(call: &RefusedCall) -> Value {
    json!({
        "at": call.at.0,
        "method": call.method,
        "path": call.path,
        "user_id": call.user_id.map(|id| id.to_string()),
        "status": call.refusal.status,
        "code": call.refusal.code,
        "message": call.refusal.message,
        "note": call.refusal.note,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MessageBody {
    #[serde(deserialize_with = "id")]
    sender_id: u64,
    #[serde(deserialize_with = "id")]
    recipient_id: u64,
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerBody {
    #[serde(deserialize_with = "id")]
    feedback_id: u64,
    score: Option<u8>,
    text: Option<String>,
}

fn answer(world: &mut World, body: &AnswerBody, now: Millis) -> Result<Value, Complaint> {
    world.answer(body.feedback_id, body.score, body.text.as_deref(), now).map_err(|error| {
        let status = match error {
            AnswerError::NoSuchFeedback => 404,
            AnswerError::NothingNew => 409,
            AnswerError::NoSuchScore => 422,
        };
        (status, error.to_string())
    })?;
    Ok(world.feedback(body.feedback_id).map_or(Value::Null, |feedback| feedback.to_json()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonBody {
    #[serde(deserialize_with = "id")]
    user_id: u64,
    #[serde(default)]
    standing: UserStanding,
    messages: Option<TakesMessages>,
    can_dm: Option<bool>,
    answers: Option<Vec<PlannedBody>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlannedBody {
    #[serde(default)]
    after_ms: u64,
    score: Option<u8>,
    text: Option<String>,
}

impl PersonBody {
    fn into_person(self) -> Person {
        let closed = self.can_dm == Some(false);
        let messages = self.messages.unwrap_or(if closed {
            TakesMessages::Closed
        } else {
            TakesMessages::Open
        });
        let plan = self.answers.map_or(Plan::Drawn, |answers| {
            Plan::Fixed(answers.into_iter().map(PlannedBody::into_answer).collect())
        });
        Person { standing: self.standing, messages, plan }
    }
}

impl PlannedBody {
    fn into_answer(self) -> PersonsAnswer {
        PersonsAnswer {
            after: Duration::from_millis(self.after_ms),
            score: self.score,
            text: self.text,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultBody {
    call: ApiCall,
    #[serde(default, deserialize_with = "some_id")]
    user_id: Option<u64>,
    #[serde(default = "once")]
    times: u32,
    fault: InjectedFault,
}

fn once() -> u32 {
    1
}

impl FaultBody {
    fn into_order(self) -> FaultOrder {
        FaultOrder { call: self.call, user_id: self.user_id, times: self.times, fault: self.fault }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitBody {
    call: ApiCall,
    limit: u32,
}

/// Reads an id that is a string, as X writes it, or a number.
fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Id {
        Number(u64),
        Text(String),
    }
    match Id::deserialize(deserializer)? {
        Id::Number(number) => Ok(number),
        Id::Text(text) => {
            text.parse().map_err(|_| serde::de::Error::custom(format!("{text:?} is no id")))
        }
    }
}

fn some_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    id(deserializer).map(Some)
}
