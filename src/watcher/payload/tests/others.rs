//! The desks of docs/sources/others.md: each block that stands there, with the payloads beside it.

use super::*;

const PAGE: &str = include_str!("../../../../docs/sources/others.md");

/// A source as the page shows it, with the payload that closes and the one that reopens.
struct Shown {
    name: String,
    source: String,
    payloads: Vec<Value>,
}

fn shown() -> Vec<Shown> {
    let mut shown: Vec<Shown> = Vec::new();
    for (index, block) in PAGE.split("```").enumerate().filter(|(index, _)| index % 2 == 1) {
        if let Some(source) = block.strip_prefix("toml\n") {
            let name = source.split("name = \"").nth(1).and_then(|rest| rest.split('"').next());
            let (name, source) = (name.unwrap().to_owned(), source.to_owned());
            shown.push(Shown { name, source, payloads: Vec::new() });
        } else if let Some(payload) = block.strip_prefix("json\n") {
            let payload = serde_json::from_str(payload)
                .unwrap_or_else(|error| panic!("block {index}: {error}"));
            shown.last_mut().unwrap().payloads.push(payload);
        }
    }
    shown
}

/// The block as it stands, but for its secret, which is a file there.
fn source_of(shown: &Shown) -> Source {
    let keys = shown.source.split_once("account = \"acme\"\n").unwrap().1;
    let keys: Vec<_> = keys.lines().filter(|line| !line.starts_with("secret = ")).collect();
    source("mapped", &keys.join("\n"))
}

#[test]
fn each_closes_and_reopens_by_the_payloads_beside_it() {
    let shown = shown();
    let names: Vec<_> = shown.iter().map(|shown| shown.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "gorgias",
            "kustomer",
            "hubspot",
            "hubspot-app",
            "hubspot-old",
            "plain",
            "salesforce",
            "crisp",
            "crisp-site"
        ]
    );
    for desk in &shown {
        let source = source_of(desk);
        let [closing, reopening] = desk.payloads.as_slice() else { panic!("{}", desk.name) };
        let said = |payload: &Value| {
            let raw = payload.to_string();
            let origin = Origin { source: "desk", account: Some("acme"), accounts: &[], now: NOW };
            let mapping = source.mapping.as_ref().unwrap();
            let heard = read(mapping, payload.clone(), raw.as_bytes(), &|_| None, origin).unwrap();
            heard
                .into_iter()
                .find(|heard| !is_ignored(heard))
                .unwrap_or_else(|| panic!("{}", desk.name))
        };
        let (close, again) = (said(closing), said(reopening));
        assert_ne!(event_id(&close), event_id(&again), "{}", desk.name);
        let (close, again) = (closed(close), reopened(again));
        assert_eq!(close.person(), "343434343434", "{}", desk.name);
        assert_eq!(close.conversation_id, again.conversation_id, "{}", desk.name);
        assert_eq!(close.closed_at.0.div_euclid(1_000), NOW.0 / 1_000 - 2, "{}", desk.name);
        assert_eq!(again.reopened_at, NOW, "{}", desk.name);
        // The same event again is the same, and the next closing another.
        assert_eq!(event_id(&said(closing)), event_id(&said(closing)));
    }
}

#[test]
fn what_they_tell_is_read() {
    let told = |name: &str| {
        let shown = shown();
        let desk = shown.iter().find(|shown| shown.name == name).unwrap();
        closed(hear(&source_of(desk), desk.payloads[0].clone())).notice
    };
    let last_message_at = Some(Millis(NOW.0 - 120_000));
    let gorgias = told("gorgias");
    assert_eq!((gorgias.agent.as_deref(), gorgias.language.as_deref()), (Some("12"), Some("es")));
    assert_eq!(gorgias.last_message_at, last_message_at);
    let kustomer = told("kustomer");
    assert_eq!((kustomer.agent_messages, kustomer.closed_by), (Some(2), Some(ClosedBy::Agent)));
    assert_eq!(
        (kustomer.last_message_at, kustomer.tags),
        (last_message_at, vec!["67dd02".to_owned()])
    );
    let plain = told("plain");
    assert_eq!(
        (plain.agent.as_deref(), plain.closed_by),
        (Some("dana@acme.example"), Some(ClosedBy::Agent))
    );
    assert_eq!((plain.first_name.as_deref(), plain.last_message_at), (Some("Ana"), None));
    assert_eq!(told("salesforce").team.as_deref(), Some("Billing"));
    assert_eq!(told("hubspot").first_name.as_deref(), Some("Ana"));
}
