//! The same over real HTTP on loopback: sockets, headers, cut connections, and the integrators'
//! pages.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::json as value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::sandbox::api_call::ApiCall;
use crate::sandbox::faults::{InjectedFault, Scripted};
use crate::sandbox::server::Sandbox;

/// A running sandbox, the hand of its clock, and a client that knows no HTTP but this.
struct Running {
    sandbox: Sandbox,
    hand: Arc<AtomicI64>,
    account: SandboxAccount,
    nonces: u32,
}

/// What came back: status, header lines in lower case, body.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

impl Running {
    async fn start() -> Self {
        let (clock, hand) = TimeSource::manual(START);
        let config = SandboxConfig::quiet(clock);
        let account = config.accounts[0].clone();
        let sandbox = Sandbox::start_on_loopback(config).await.unwrap();
        Self { sandbox, hand, account, nonces: 0 }
    }

    /// A signed call; `None` where the connection closed without a byte.
    async fn call(&mut self, method: &str, target: &str, form: &[(&str, &str)]) -> Option<Answer> {
        self.nonces += 1;
        let mut request = unsigned(method, &self.sandbox.address().to_string(), target, form);
        let now = seconds(Millis(self.hand.load(Ordering::SeqCst)));
        sign(&mut request, &self.account, &format!("wire{}", self.nonces), now);
        send(self.sandbox.address(), &request, target).await
    }

    /// An unsigned call with a JSON body.
    async fn inspect(&self, method: &str, target: &str, body: &str) -> Answer {
        let mut request = unsigned(method, &self.sandbox.address().to_string(), target, &[]);
        request.content_type = Some("application/json".to_owned());
        request.body = body.as_bytes().to_vec();
        send(self.sandbox.address(), &request, target).await.unwrap()
    }
}

async fn send(address: SocketAddr, request: &HttpRequest, target: &str) -> Option<Answer> {
    let mut head = format!(
        "{} {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n",
        request.method, request.host
    );
    if let Some(authorization) = &request.authorization {
        head.push_str(&format!("Authorization: {authorization}\r\n"));
    }
    if let Some(content_type) = &request.content_type {
        head.push_str(&format!("Content-Type: {content_type}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", request.body.len()));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&[head.as_bytes(), &request.body].concat()).await.unwrap();
    let mut bytes = Vec::new();
    // A cut connection may end in a reset as well as in an end of file; both are no answer.
    let _ = stream.read_to_end(&mut bytes).await;
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Some(Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() })
}

#[tokio::test]
async fn a_prompt_goes_out_is_answered_and_is_read_back_over_http() {
    let mut running = Running::start().await;
    let created = running.call("POST", CREATE, &fields("5", &[])).await.unwrap();
    assert_eq!(created.status, 200, "{}", created.body);
    assert!(created.head.contains("\r\nx-rate-limit-remaining: 999"), "{}", created.head);
    assert!(created.head.contains("\r\ndate: mon, 21 sep 2026 14:13:20 gmt"), "{}", created.head);
    let id = created.json()["id"].as_str().unwrap().to_owned();

    let by_hand = format!(r#"{{"feedback_id": "{id}", "score": 5, "text": "schön"}}"#);
    assert_eq!(running.inspect("POST", "/sandbox/answer", &by_hand).await.status, 200);
    assert_eq!(running.inspect("POST", "/sandbox/answer", &by_hand).await.status, 409);

    let shown = running.call("GET", &format!("/1.1/feedback/show/{id}.json"), &[]).await.unwrap();
    assert_eq!(shown.json()["response"]["text"]["value"], "schön");

    running.hand.store(START.0 + 2 * 86_400_000, Ordering::SeqCst);
    let window =
        format!("/1.1/feedback/events.json?from_time={}&to_time={}", START.0, START.0 + 1_000);
    let events = running.call("GET", &window, &[]).await.unwrap().json();
    assert_eq!(events["events"].as_array().unwrap().len(), 2);
    assert_eq!(events["next_cursor"], "");
    running.sandbox.stop().await;
}

#[tokio::test]
async fn a_cut_connection_gives_no_byte_and_the_record_says_what_was_done() {
    let mut running = Running::start().await;
    let world = running.sandbox.world();
    world.lock().unwrap().fault(ApiCall::Create, 1, InjectedFault::cut_before());
    assert!(running.call("POST", CREATE, &fields("5", &[])).await.is_none());
    assert_eq!(world.lock().unwrap().prompts().len(), 0);
    world.lock().unwrap().fault(ApiCall::Create, 1, InjectedFault::cut_after());
    assert!(running.call("POST", CREATE, &fields("5", &[])).await.is_none());
    assert_eq!(world.lock().unwrap().prompts().len(), 1);
    world.lock().unwrap().fault(
        ApiCall::Create,
        1,
        InjectedFault::done_but(Scripted::json(200, "{\"id\":")),
    );
    let unreadable = running.call("POST", CREATE, &fields("6", &[])).await.unwrap();
    assert_eq!((unreadable.status, unreadable.body.as_str()), (200, "{\"id\":"));
    assert_eq!(world.lock().unwrap().prompts().len(), 2);
    running.sandbox.stop().await;
}

#[tokio::test]
async fn stopping_ends_calls_that_wait_for_an_answer() {
    let running = Running::start().await;
    let order =
        r#"{"call": "create", "fault": {"kind": "carried_out", "ending": {"kind": "silence"}}}"#;
    assert_eq!(running.inspect("POST", "/sandbox/faults", order).await.json(), value!({"left": 1}));
    let mut request =
        unsigned("POST", &running.sandbox.address().to_string(), CREATE, &fields("5", &[]));
    sign(&mut request, &running.account, "silent", seconds(START));
    let (address, world) = (running.sandbox.address(), running.sandbox.world());
    let waiting = tokio::spawn(async move { send(address, &request, CREATE).await.is_none() });
    // The call is under way once the world has taken it; from then on it waits for ever.
    while world.lock().unwrap().prompts().is_empty() {
        tokio::task::yield_now().await;
    }
    running.sandbox.stop().await;
    assert!(waiting.await.unwrap(), "no answer came");
}

#[tokio::test]
async fn the_pages_for_integrators_show_and_steer_the_world() {
    let mut running = Running::start().await;
    let person = r#"{"user_id": "6", "can_dm": false}"#;
    assert_eq!(running.inspect("POST", "/sandbox/people", person).await.status, 200);
    let person = r#"{"user_id": 7, "answers": [{"after_ms": 1000, "score": 3}]}"#;
    assert_eq!(running.inspect("POST", "/sandbox/people", person).await.status, 200);
    assert_eq!(running.call("POST", CREATE, &fields("6", &[])).await.unwrap().status, 403);
    assert_eq!(running.call("POST", CREATE, &fields("7", &[])).await.unwrap().status, 200);
    running.hand.store(START.0 + 1_000, Ordering::SeqCst);

    let prompts = running.inspect("GET", "/sandbox/prompts", "").await.json();
    assert_eq!(prompts["total"], 1);
    assert_eq!(prompts["prompts"][0]["to_user_id"], "7");
    assert_eq!(prompts["prompts"][0]["fields"]["message"], "How did we do? ☃ 100%");
    assert_eq!(prompts["prompts"][0]["score"], 3);
    assert_eq!(
        running.inspect("GET", "/sandbox/prompts?from=1", "").await.json()["prompts"],
        value!([])
    );

    let refused = running.inspect("GET", "/sandbox/refused", "").await.json();
    assert_eq!((&refused["total"], &refused["refused"][0]["code"]), (&value!(1), &value!(349)));

    let state = running.inspect("GET", "/sandbox/state", "").await.json();
    assert_eq!(
        (&state["prompts"], &state["scored"], &state["events"]),
        (&value!(1), &value!(1), &value!(2))
    );
    assert_eq!(state["accounts"][0]["prompts_left_today"], 999);
    assert_eq!(state["accounts"][0]["calls"], value!([{"call": "create", "count": 2}]));

    assert_eq!(
        running.inspect("POST", "/sandbox/limits", r#"{"call": "show", "limit": 0}"#).await.status,
        200
    );
    assert_eq!(running.call("GET", "/1.1/feedback/show/1.json", &[]).await.unwrap().status, 429);
    running.sandbox.stop().await;
}

#[tokio::test]
async fn a_wrong_body_or_page_is_explained() {
    let running = Running::start().await;
    let order = r#"{"call": "tweet", "fault": {"kind": "slow", "by_ms": 1}}"#;
    let answer = running.inspect("POST", "/sandbox/faults", order).await;
    assert_eq!(answer.status, 422);
    assert!(
        answer.json()["error"].as_str().unwrap().contains("unknown variant `tweet`"),
        "{}",
        answer.body
    );
    assert_eq!(running.inspect("POST", "/sandbox/people", r#"{"user_id": "x"}"#).await.status, 422);
    assert_eq!(
        running
            .inspect("POST", "/sandbox/answer", r#"{"feedback_id": 1, "score": 1}"#)
            .await
            .status,
        404
    );
    assert_eq!(running.inspect("GET", "/sandbox/nothing", "").await.status, 404);
    assert_eq!(running.inspect("DELETE", "/sandbox/faults", "").await.json(), value!({"left": 0}));
    running.sandbox.stop().await;
}
