//! The payloads of each desk, and what becomes of them.

mod desks;
mod lists;
mod odd;
mod others;
mod second;

use std::path::Path;

use serde_json::json;

use super::*;
use crate::config::{Environment, Source, parse};

/// 2026-11-22T08:00:00Z
pub const NOW: Millis = Millis(1_795_334_400_000);

/// A source of that kind among the accounts acme and globex.
pub fn source(kind: &str, lines: &str) -> Source {
    let account = |name: &str, id: u32| {
        format!(
            "[[accounts]]\nname = \"{name}\"\nuser_id = \"{id}\"\nconsumer_key = \"k\"\n\
             consumer_secret = \"s\"\naccess_token = \"t\"\naccess_token_secret = \"u\"\n\
             privacy_url = \"https://acme.example\"\n[accounts.survey]\nmessage = \"Hello.\"\n"
        )
    };
    let secret = match (kind, lines.contains("signature = \"none\"")) {
        ("freshchat", _) => "signature = \"none\"",
        (_, true) => "",
        (_, false) => "secret = \"s\"",
    };
    let account_key = if lines.contains("account") { "" } else { "account = \"acme\"" };
    let text = format!(
        "{}{}[[sources]]\nname = \"desk\"\nkind = \"{kind}\"\n{secret}\n{account_key}\n{lines}\n",
        account("acme", 1),
        account("globex", 2),
    );
    let config = parse(&text, Path::new("surveyd.toml"), &Environment::default());
    config.unwrap_or_else(|faults| panic!("{faults}")).sources.remove(0)
}

pub fn hear_with(source: &Source, headers: &[(&str, &str)], body: Value) -> MappedEvent {
    try_hear(source, headers, body).unwrap_or_else(|faults| panic!("{faults:?}"))
}

pub fn try_hear(
    source: &Source,
    headers: &[(&str, &str)],
    body: Value,
) -> Result<MappedEvent, NoticeFaults> {
    let raw = body.to_string();
    let headers: Vec<(String, String)> =
        headers.iter().map(|(name, value)| (name.to_lowercase(), (*value).to_owned())).collect();
    let header = |name: &str| {
        headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    };
    let (account, accounts) = (source.account.as_deref(), source.accounts.as_slice());
    let origin = Origin { source: "desk", account, accounts, now: NOW };
    read(source.mapping.as_ref().unwrap(), body, raw.as_bytes(), &header, origin)
        .map(|mut events| events.remove(0))
}

pub fn hear(source: &Source, body: Value) -> MappedEvent {
    hear_with(source, &[], body)
}

pub fn closed(heard: MappedEvent) -> Close {
    match heard {
        MappedEvent::Said { said: CloseEvent::Closed(close), .. } => *close,
        other => panic!("no close: {other:?}"),
    }
}

pub fn reopened(heard: MappedEvent) -> Reopening {
    match heard {
        MappedEvent::Said { said: CloseEvent::Reopened(reopening), .. } => reopening,
        other => panic!("no reopening: {other:?}"),
    }
}

pub fn event_id(heard: &MappedEvent) -> &str {
    match heard {
        MappedEvent::Said { event_id, .. } => event_id,
        MappedEvent::Ignored(why) => panic!("ignored: {why}"),
    }
}

pub fn is_ignored(heard: &MappedEvent) -> bool {
    matches!(heard, MappedEvent::Ignored(_))
}

/// The body with what stands at a pointer set otherwise.
pub fn with(mut body: Value, pointer: &str, value: Value) -> Value {
    *body.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
    body
}

#[test]
fn one_source_serves_several_accounts_by_the_desks_inbox() {
    let desk = source("chatwoot", "accounts = { 1 = \"acme\", 7 = \"globex\" }");
    let close = |inbox: u32| json!({"event": "conversation_resolved", "id": 10, "inbox_id": inbox, "status": "resolved"});
    assert_eq!(closed(hear(&desk, close(1))).account, "acme");
    assert_eq!(closed(hear(&desk, close(7))).account, "globex");
    assert!(is_ignored(&hear(&desk, close(8))));
    let desk = source("chatwoot", "account = \"acme\"\naccounts = { 7 = \"globex\" }");
    assert_eq!(closed(hear(&desk, close(7))).account, "globex");
    assert_eq!(closed(hear(&desk, close(8))).account, "acme");
}

#[test]
fn every_field_is_told_with_the_place_that_gave_it() {
    let desk = source("chatwoot", "attributes = { order = \"/custom_attributes/order\" }");
    let body =
        json!({"event": "conversation_resolved", "id": 10, "custom_attributes": {"order": 77}});
    let raw = body.to_string();
    let origin = Origin { source: "desk", account: Some("acme"), accounts: &[], now: NOW };
    let (heard, lines) =
        explain(desk.mapping.as_ref().unwrap(), body, raw.as_bytes(), &|_| None, origin).remove(0);
    let close = closed(heard.unwrap());
    assert_eq!((close.user_id, close.closed_at), (None, NOW));
    assert_eq!(close.notice.attributes["order"], "77");
    let line = |field: &str| lines.iter().find(|line| line.field == field).unwrap();
    assert_eq!(line("attributes.order").from, "/custom_attributes/order");
    assert_eq!(line("conversation_id").value.as_deref(), Some("10"));
    assert_eq!(line("user_id").value, None);
    assert!(line("user_id").from.starts_with("/meta/sender/custom_attributes/x_user_id, "));
}

#[test]
fn what_has_no_conversation_is_refused_by_name() {
    let desk = source("chatwoot", "");
    let body = json!({"event": "conversation_resolved"});
    let origin = Origin { source: "desk", account: None, accounts: &[], now: NOW };
    let faults = read(desk.mapping.as_ref().unwrap(), body, b"{}", &|_| None, origin).unwrap_err();
    let named: Vec<_> = faults.first.iter().map(|fault| fault.pointer.as_str()).collect();
    assert_eq!(named, ["conversation_id", "account_id"]);
    assert!(
        faults.first[0].detail.contains("looked at /conversation/id, "),
        "{}",
        faults.first[0].detail
    );
}
