//! Every help desk against the built program, over HTTP.

mod requests;

use reqwest::Response;
use serde_json::{Value, json};
use surveyd::clock::Clock;

use self::requests::{SECRET, desks, headers, post, sources};
use crate::harness::help_desk;
use crate::harness::program::{Program, Running, configuration};

/// Nobody listens there: nothing is sent.
const NOWHERE: &str = "http://127.0.0.1:9";

fn program() -> Program {
    let text = configuration(NOWHERE).replace("delay = \"0s\"", "delay = \"1h\"");
    Program::new(&(text + &sources()))
}

async fn read(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status}: {text}")))
}

async fn stopped(mut running: Running) {
    running.signal("TERM");
    assert_eq!(running.ended().await.code(), Some(0), "{}", running.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_desk_closes_reopens_and_is_known_again_across_a_restart() {
    let program = program();
    let running = program.start().await;
    let address = running.address();
    let mut first = Vec::new();
    for desk in desks(Clock::System.now()) {
        let kind = desk.kind;
        let (status, taken) = read(post(&address, kind, SECRET, &desk.close).await).await;
        assert_eq!((status, &taken["state"]), (202, &json!("scheduled")), "{kind}: {taken}");
        assert_eq!(
            post(&address, kind, "another:secret", &desk.close).await.status(),
            401,
            "{kind}"
        );
        let (status, ignored) = read(post(&address, kind, SECRET, &desk.other).await).await;
        assert_eq!(status, 200, "{kind}: {ignored}");
        assert!(ignored["ignored"].is_string(), "{kind}: {ignored}");
        first.push((desk, taken));
    }
    stopped(running).await;
    let running = program.start().await;
    let address = running.address();
    for (desk, taken) in &first {
        let kind = desk.kind;
        let (status, again) = read(post(&address, kind, SECRET, &desk.close).await).await;
        assert_eq!((status, &again), (200, taken), "{kind}");
        let (status, off) = read(post(&address, kind, SECRET, &desk.reopening).await).await;
        let cancelled = json!({"survey_id": taken["survey_id"], "state": "cancelled"});
        assert_eq!((status, &off), (200, &cancelled), "{kind}");
        let (status, again) = read(post(&address, kind, SECRET, &desk.reopening).await).await;
        assert_eq!((status, &again), (200, &cancelled), "{kind}");
    }
    stopped(running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redelivery_whose_close_time_differs_changes_nothing() {
    let program = program();
    let running = program.start().await;
    let zendesk = desks(Clock::System.now()).swap_remove(1).close;
    let (_, taken) = read(post(&running.address(), "zendesk", SECRET, &zendesk).await).await;
    let mut later = zendesk;
    later["time"] = json!(Clock::System.now().plus(std::time::Duration::from_secs(60)).rfc3339());
    let (status, again) = read(post(&running.address(), "zendesk", SECRET, &later).await).await;
    assert_eq!((status, again), (200, taken));
    stopped(running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_desks_ask_for_beside_their_events_is_answered() {
    let program = program();
    let running = program.start().await;
    let at = |source: &str| format!("http://{}/v1/sources/{source}", running.address());
    let client = help_desk::client();
    assert_eq!(client.head(at("intercom")).send().await.unwrap().status(), 200);
    assert_eq!(client.head(at("nobody")).send().await.unwrap().status(), 404);
    let challenge = client.post(at("front")).header("X-Front-Challenge", "w\"ord").body("{}");
    let answer = read(challenge.send().await.unwrap()).await;
    assert_eq!(answer, (200, json!({"challenge": "w\"ord"})));
    let real = client
        .post(at("freshchat"))
        .header("X-Freshchat-Signature", requests::FRESHCHAT_SIGNATURE)
        .body(requests::FRESHCHAT_BODY);
    assert_eq!(read(real.send().await.unwrap()).await, (200, json!({"survey_id": null})));
    stopped(running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_close_without_an_x_id_is_kept_and_explained() {
    let program = program();
    let running = program.start().await;
    let close = json!({"ticket": {"id": 7, "state": "closed"}});
    let (status, taken) = read(post(&running.address(), "zammad", SECRET, &close).await).await;
    assert_eq!(
        (status, &taken["state"], &taken["reason"]),
        (202, &json!("suppressed"), &json!("no_x_id"))
    );
    let id = taken["survey_id"].as_str().unwrap();
    let shown = program.run(&["surveys", "show", id]);
    let told = "The help desk did not tell who this person is at X. Save one of its payloads and see what is missing:\n  surveyd sources test zammad FILE";
    assert!(shown.stdout.contains(told), "{}", shown.stdout);
    assert_eq!(program.run(&["surveys", "show", id, "--json"]).json()["user_id"], Value::Null);
    let exported = program.run(&["export", "--format", "jsonl"]).json();
    assert_eq!((&exported["user_id"], &exported["reason"]), (&Value::Null, &json!("no_x_id")));
    stopped(running).await;
}

const LIST: &str = r#"
[[sources]]
name = "list"
kind = "mapped"
account = "acme"
signature = "none"
each = "/*"
closed = { "/is" = "closed" }
reopened = { "/is" = "open" }
conversation_id = "/id"
user_id = "/person"
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_events_of_one_delivery_are_taken_all_or_none_and_each_answered() {
    let text = configuration(NOWHERE).replace("delay = \"0s\"", "delay = \"1h\"");
    let program = Program::new(&(text + LIST));
    let running = program.start().await;
    let (client, at) =
        (help_desk::client(), format!("http://{}/v1/sources/list", running.address()));
    let tell = async |events: Value| {
        read(client.post(&at).body(events.to_string()).send().await.unwrap()).await
    };
    let close = |id: &str, person: &str| json!({"is": "closed", "id": id, "person": person});
    let (status, refused) =
        tell(json!([close("c-1", "551"), {"is": "closed", "person": "552"}])).await;
    assert_eq!((status, &refused["errors"][0]["pointer"]), (422, &json!("/1/conversation_id")));
    assert!(!program.run(&["surveys", "list"]).stdout.contains("c-1"), "one of them was taken");

    let both = json!([close("c-1", "551"), {"is": "assigned"}, close("c-2", "552")]);
    let (status, taken) = tell(both.clone()).await;
    assert_eq!((status, taken.as_array().unwrap().len()), (202, 3), "{taken}");
    assert!(taken[1]["ignored"].is_string(), "{taken}");
    let persons =
        ["c-1", "c-2"].map(|id| program.run(&["surveys", "list", "--json"]).stdout.contains(id));
    assert_eq!(persons, [true, true]);
    let (status, again) = tell(both).await;
    assert_eq!(status, 200);
    for index in [0, 2] {
        assert_eq!(again[index]["survey_id"], taken[index]["survey_id"]);
    }
    let (status, off) = tell(json!([{"is": "open", "id": "c-2"}])).await;
    let cancelled = json!([{"survey_id": taken[2]["survey_id"], "state": "cancelled"}]);
    assert_eq!((status, off), (200, cancelled));
    std::fs::write(
        program.path("payload"),
        json!([close("c-3", "553"), {"is": "open"}]).to_string(),
    )
    .unwrap();
    let tried = program.run(&["sources", "test", "list", "payload"]);
    assert_eq!(tried.code, 1, "one of them is refused, and so all are");
    let tried = tried.stdout;
    for told in ["event 1 of 2", "becomes    closed", "event 2 of 2", "becomes    refused"] {
        assert!(tried.contains(told), "{told}\n{tried}");
    }
    stopped(running).await;
}

#[test]
fn a_saved_payload_is_tried_without_a_daemon() {
    let program = program();
    let now = Clock::System.now();
    let desk = desks(now).swap_remove(5);
    let body = desk.close.to_string();
    std::fs::write(program.path("payload"), &body).unwrap();
    let lines: Vec<_> = headers("zammad", SECRET, &body, now)
        .into_iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    std::fs::write(program.path("headers"), lines.join("\r\n")).unwrap();
    let test = ["sources", "test", "zammad", "payload"];
    let tried = program.run(&[&test[..], &["--headers", "headers", "--json"]].concat()).json();
    assert_eq!((&tried["signature"], &tried["becomes"]), (&json!("fits"), &json!("closed")));
    assert_eq!((&tried["account"], &tried["suppressed"]), (&json!("acme"), &Value::Null));
    assert_eq!(tried["fields"][2]["from"], "/ticket/customer/x_user_id");

    std::fs::write(program.path("payload"), r#"{"ticket": {"id": 7, "state": "closed"}}"#).unwrap();
    let shown = program.run(&test).stdout;
    for told in [
        "signature  not checked: give the request's headers by --headers FILE",
        "becomes    closed",
        "nothing at /ticket/customer/x_user_id, ",
        "suppressed, no_x_id. Let the help desk send it",
        "docs/sources/zammad.md",
    ] {
        assert!(shown.contains(told), "{told}\n{shown}");
    }
    let odd = json!({"ticket": {"id": 7, "state": "closed", "close_at": "on Sunday",
        "customer": {"x_user_id": "@ana"}, "x_user_id": "343434343434.0"}});
    std::fs::write(program.path("payload"), odd.to_string()).unwrap();
    let shown = program.run(&test).stdout;
    for told in [
        "\"@ana\" at /ticket/customer/x_user_id is no X id: 1 to 19 digits; this looks like a handle",
        "\"on Sunday\" at /ticket/close_at is no instant such as 2026-11-22T08:00:00Z: not used; the moment it came is taken",
    ] {
        assert!(shown.contains(told), "{told}\n{shown}");
    }
    let unfit = json!({"ticket": {"id": 7, "state": "closed", "close_at": {"at": 1},
        "tags": {"a": 1}, "customer": {"x_user_id": ["7"]}}});
    std::fs::write(program.path("payload"), unfit.to_string()).unwrap();
    let shown = program.run(&test).stdout;
    for told in [
        "/ticket/customer/x_user_id is a list: a text, a number, true or false is looked for there",
        "/ticket/close_at is an object: a text, a number, true or false is looked for there; the moment it came is taken",
    ] {
        assert!(shown.contains(told), "{told}\n{shown}");
    }
    let unknown = program.run(&["sources", "test", "nobody", "payload"]);
    assert_eq!(unknown.code, 2);
    let listed = program.run(&["sources", "list", "--json"]).json();
    // Which it says without reading a secret.
    let is_checked = |source: &Value| source["secrets"].as_u64() >= Some(1);
    assert!(listed.as_array().unwrap().iter().all(is_checked), "{listed}");
    let text = program.run(&["sources", "list"]).stdout;
    assert!(!text.contains("nothing is checked"), "{text}");
    assert_eq!(listed.as_array().unwrap().len(), 10);
    assert_eq!(listed[1]["path"], "/v1/sources/chatwoot");
}
