//! The sandbox as a client meets it: a stage with one world, a clock that is set by hand, and a
//! client that signs.

mod creating;
mod faulty;
mod messages;
mod reading;
mod signing;
mod vectors;
mod wire;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::Value;

use super::call::{HttpReply, HttpRequest};
use super::clock::TimeSource;
use super::config::{SandboxAccount, SandboxConfig};
use super::dates::seconds;
use super::faults::CallOutcome;
use super::form::encode;
use super::oauth::base_string;
use super::world::World;
use crate::domain::time::Millis;

const START: Millis = Millis(1_790_000_000_250);
const HOST: &str = "127.0.0.1:8480";
const CREATE: &str = "/1.1/feedback/create.json";
const FORM_TYPE: &str = "application/x-www-form-urlencoded";

/// A world, the time, and the account that calls.
struct Stage {
    world: World,
    now: Millis,
    account: SandboxAccount,
    nonces: u32,
}

impl Stage {
    /// The quiet world, where nobody answers on their own.
    fn quiet() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut SandboxConfig)) -> Self {
        let mut config = SandboxConfig::quiet(TimeSource::Real);
        change(&mut config);
        let account = config.accounts[0].clone();
        Self { world: World::new(config), now: START, account, nonces: 0 }
    }

    fn after_seconds(&mut self, length: i64) -> &mut Self {
        self.now = Millis(self.now.0 + length * 1_000);
        self
    }

    fn signed(&mut self, method: &str, target: &str, form: &[(&str, &str)]) -> HttpRequest {
        self.nonces += 1;
        let mut request = unsigned(method, HOST, target, form);
        sign(&mut request, &self.account, &format!("nonce{}", self.nonces), seconds(self.now));
        request
    }

    fn outcome(&mut self, method: &str, target: &str, form: &[(&str, &str)]) -> CallOutcome {
        let request = self.signed(method, target, form);
        self.world.take(&request, self.now)
    }

    fn reply(&mut self, method: &str, target: &str, form: &[(&str, &str)]) -> HttpReply {
        answered(self.outcome(method, target, form))
    }

    fn get(&mut self, target: &str) -> HttpReply {
        self.reply("GET", target, &[])
    }

    /// A prompt to a person, all else in order; `changes` replace, add, or with an empty value
    /// blank a field.
    fn prompt(&mut self, to_user_id: u64, changes: &[(&str, &str)]) -> HttpReply {
        self.reply("POST", CREATE, &fields(&to_user_id.to_string(), changes))
    }

    /// The id of the feedback that a prompt to a person became.
    fn prompted(&mut self, to_user_id: u64) -> u64 {
        let reply = self.prompt(to_user_id, &[]);
        json(&reply)["id"].as_str().unwrap().parse().unwrap()
    }

    /// The events of a window that ends at the horizon, read page by page.
    fn events_until_the_horizon(&mut self) -> Vec<Value> {
        let to = self.now.minus(self.world.horizon).0;
        let mut target = format!("/1.1/feedback/events.json?from_time=0&to_time={to}");
        let mut events = Vec::new();
        loop {
            let page = json(&self.get(&target));
            events.extend(page["events"].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str().unwrap() {
                "" => return events,
                cursor => target = format!("/1.1/feedback/events.json?cursor={cursor}&count=100"),
            }
        }
    }
}

fn fields<'a>(to_user_id: &'a str, changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut fields = vec![
        ("type", "csat"),
        ("to_user_id", to_user_id),
        ("message", "How did we do? ☃ 100%"),
        ("privacy_url", "https://acme.example/privacy"),
        ("external_id", "c-42"),
        ("question_variant_id", "12"),
        ("display_name", "Acme"),
        ("test", "false"),
    ];
    for (name, value) in changes {
        match fields.iter_mut().find(|(known, _)| known == name) {
            Some(field) => field.1 = value,
            None => fields.push((name, value)),
        }
    }
    fields
}

fn unsigned(method: &str, host: &str, target: &str, form: &[(&str, &str)]) -> HttpRequest {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let body = form.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    HttpRequest {
        method: method.to_owned(),
        scheme: "http".to_owned(),
        host: host.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        content_type: (method == "POST").then(|| FORM_TYPE.to_owned()),
        authorization: None,
        body: body.collect::<Vec<_>>().join("&").into_bytes(),
    }
}

fn sign(request: &mut HttpRequest, account: &SandboxAccount, nonce: &str, timestamp: i64) {
    let timestamp = timestamp.to_string();
    let mut header = [
        ("oauth_consumer_key", account.consumer_key.as_str()),
        ("oauth_nonce", nonce),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_timestamp", &timestamp),
        ("oauth_token", &account.access_token),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    let mut all = header.clone();
    all.extend(request.pairs());
    let base = base_string(&request.method, &request.scheme, &request.host, &request.path, &all);
    let made = signature(&base, &account.consumer_secret, &account.access_token_secret);
    header.push(("oauth_signature".to_owned(), made));
    let written = header.iter().map(|(name, value)| format!("{name}=\"{}\"", encode(value)));
    request.authorization = Some(format!("OAuth {}", written.collect::<Vec<_>>().join(", ")));
}

/// The signature that a client makes.
fn signature(base_string: &str, consumer_secret: &str, token_secret: &str) -> String {
    let key = format!("{}&{}", encode(consumer_secret), encode(token_secret));
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes());
    STANDARD.encode(hmac::sign(&key, base_string.as_bytes()))
}

fn answered(outcome: CallOutcome) -> HttpReply {
    match outcome {
        CallOutcome::Answer { reply, .. } => reply,
        other @ (CallOutcome::Cut | CallOutcome::Silence) => panic!("no answer but {other:?}"),
    }
}

fn json(reply: &HttpReply) -> Value {
    serde_json::from_str(&reply.body).unwrap()
}

/// Status and X's code of a refusal.
fn refused(reply: &HttpReply) -> (u16, u64) {
    (reply.status, json(reply)["errors"][0]["code"].as_u64().unwrap_or_else(|| panic!("{reply:?}")))
}
