//! What a saved payload would become, and what was refused.

use serde_json::{Value, json};

use super::NOWHERE;
use crate::harness::program::{Ended, Program, configuration};

const OWN: &str = r#"
[[sources]]
name = "own"
kind = "mapped"
account = "acme"
signature = "none"
closed = { "/is" = "closed" }
conversation_id = "/id"
user_id = "/person"
time_zone = "/zone"
attributes.tier = "/tier"
"#;

fn program() -> Program {
    Program::with_database(&(configuration(NOWHERE) + OWN))
}

impl Program {
    fn tried(&self, source: &str, payload: &Value, more: &[&str]) -> Ended {
        let text = payload.as_str().map_or_else(|| payload.to_string(), str::to_owned);
        std::fs::write(self.path("payload"), text).unwrap();
        self.run(&[&["sources", "test", source, "payload"], more].concat())
    }
}

fn close(data: Value) -> Value {
    json!({"type": "conversation.closed", "timestamp": "2026-11-01T08:00:00Z", "data": data})
}

#[test]
fn the_exit_code_says_whether_a_payload_would_be_refused() {
    let program = program();
    let sound = close(json!({"conversation_id": "c-1", "user_id": "7"}));
    let of_nobody =
        close(json!({"conversation_id": "c-1", "user_id": "7", "account": "no\u{202E}pe"}));
    for (source, payload, code, words) in [
        ("desk", sound.clone(), 0, "becomes    closed"),
        ("desk", json!("{"), 1, "becomes    refused: the body is no JSON: "),
        ("desk", close(json!({"user_id": "7"})), 1, "refused: /data/conversation_id is missing"),
        ("desk", of_nobody, 1, "refused: /data/account names account \"no\\u{202e}pe\", and "),
        ("own", json!({"is": "closed", "id": "c-1", "person": "7"}), 0, "becomes    closed"),
        ("own", json!({"is": "closed", "id": "c-1"}), 0, "suppressed, no_x_id"),
        ("own", json!({"is": "open"}), 0, "becomes    ignored: "),
        ("own", json!(""), 0, "becomes    ignored: the body is empty"),
        ("own", json!({"is": "closed"}), 1, "becomes    refused: "),
    ] {
        let tried = program.tried(source, &payload, &[]);
        assert_eq!(tried.code, code, "{payload}: {}{}", tried.stdout, tried.stderr);
        assert!(tried.stdout.contains(words), "{payload}: {}", tried.stdout);
        let as_json = program.tried(source, &payload, &["--json"]);
        assert_eq!((as_json.code, as_json.stderr.as_str()), (code, ""), "{payload}");
    }
    std::fs::write(program.path("headers"), "webhook-id: msg_1\nwebhook-signature: v1,AAAA\n")
        .unwrap();
    let unsigned = program.tried("desk", &sound, &["--headers", "headers"]);
    assert_eq!(unsigned.code, 1, "{}", unsigned.stdout);
    assert!(unsigned.stdout.contains("signature  does not fit: "), "{}", unsigned.stdout);

    // Of an account that is not configured, where the source may speak for any.
    let text = configuration(NOWHERE).replace("account = \"acme\"\n", "");
    let program = Program::with_database(&text);
    let tried = program.tried(
        "desk",
        &close(json!({"conversation_id": "c-1", "user_id": "7", "account": "nope"})),
        &[],
    );
    assert!(
        tried.stdout.contains("refused: /data/account there is no account \"nope\""),
        "{}",
        tried.stdout
    );
    assert_eq!(tried.code, 1);
}

#[test]
fn what_is_nearly_read_is_told() {
    let program = program();
    let near =
        close(json!({"conversation_id": "c-1", "user_id": "7", "closedBy": "bot", "new": 1}));
    let tried = program.tried("desk", &near, &[]);
    assert_eq!(tried.code, 0, "it is no fault");
    let words = "\n\n/data/closedBy is not read: did you mean /data/closed_by?\n";
    assert!(tried.stdout.ends_with(words), "{}", tried.stdout);
    let told = program.tried("desk", &near, &["--json"]).json();
    let expected = json!([{"pointer": "/data/closedBy", "did_you_mean": "/data/closed_by"}]);
    assert_eq!(told["not_read"], expected);
    let missing =
        program.tried("desk", &close(json!({"conversationId": "c-1", "user_id": "7"})), &[]);
    let words = "refused: /data/conversation_id is missing; /data/conversationId is not read: did you \
                 mean /data/conversation_id?";
    assert!(missing.stdout.contains(words), "{}", missing.stdout);
}

#[test]
fn a_field_of_a_desk_is_told_by_what_it_means_and_by_what_stands_in_its_way() {
    let program = program();
    let payload = json!({"is": "closed", "id": "c-1", "person": {"id": "7"}, "tier": ["gold"],
        "zone": "Eastern Time (US & Canada)"});
    let fields = program.tried("own", &payload, &["--json"]).json()["fields"].clone();
    let of = |name: &str| {
        let found = fields.as_array().unwrap().iter().find(|field| field["field"] == name);
        found.unwrap().clone()
    };
    let unused = |place: &str, what: &str| {
        json!(format!("{place} is {what}: a text, a number, true or false is looked for there"))
    };
    assert_eq!(of("user_id")["unused"], unused("/person", "an object"));
    assert_eq!(of("attributes.tier")["unused"], unused("/tier", "a list"));
    assert_eq!(of("time_zone")["value"], "America/New_York");
}

#[test]
fn what_was_refused_last_stands_first() {
    let program = program();
    let refuse =
        "insert into rejected (source, at, answer, reason, count) values (?1, ?2, 422, ?3, 1)";
    let database = rusqlite::Connection::open(program.path("surveyd.db")).unwrap();
    for (source, at) in [("own", 3), ("desk", 1), ("own", 2), ("desk", 4)] {
        database.execute(refuse, (source, at, format!("reason {at}"))).unwrap();
    }
    let reasons = |arguments: &[&str]| {
        let told = program.run(&[&["sources", "rejected"], arguments, &["--json"]].concat()).json();
        let told = told.as_array().unwrap().iter();
        told.map(|one| one["reason"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(reasons(&[]), ["reason 4", "reason 3", "reason 2", "reason 1"]);
    assert_eq!(reasons(&["desk"]), ["reason 4", "reason 1"]);
    let help = program.run(&["sources", "rejected", "--help"]).stdout;
    assert!(help.contains("The newest come first."), "{help}");
}
