//! Payloads that no desk sends.

use proptest::prelude::*;

use super::*;

const KINDS: [&str; 8] =
    ["chatwoot", "zendesk", "intercom", "freshchat", "freshdesk", "helpscout", "front", "zammad"];

fn any_json() -> impl Strategy<Value = Value> {
    let words = [
        "event",
        "status",
        "id",
        "data",
        "item",
        "ticket",
        "type",
        "topic",
        "action",
        "conversation",
        "conversation_status_changed",
        "resolved",
        "conversation_parts",
        "conversation.admin.closed",
        "conversation_resolution",
        "archive",
        "payload",
        "freshdesk_webhook",
        "triggered_event",
        "{status:{from:2,to:4}}",
        "closed",
        "solved",
        "detail",
        "changed_attributes",
        "tags",
        "\0",
        "conversation_id",
        "ticket_id",
        "ticket_status",
        "meta",
        "sender",
        "updated_at",
        "resolve",
    ];
    let word = prop::sample::select(words.to_vec()).prop_map(str::to_owned);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        let key = prop_oneof![word.clone(), "\\PC{0,6}".boxed()];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_json_whatsoever_makes_a_mapping_panic(body in any_json()) {
        for kind in KINDS {
            let desk = source(kind, "");
            let raw = body.to_string();
            let origin = Origin { source: "desk", account: None, accounts: &[], now: NOW };
            let _ = explain(desk.mapping.as_ref().unwrap(), body.clone(), raw.as_bytes(), &|_| None, origin);
        }
    }
}

#[test]
fn ids_are_taken_as_numbers_or_texts_and_only_if_they_are_xs() {
    let desk = source("zammad", "");
    let with_id = |id: Value| {
        closed(hear(
            &desk,
            json!({"ticket": {"id": 81, "state": "closed", "customer": {"x_user_id": id}}}),
        ))
    };
    assert_eq!(with_id(json!(343434343434_u64)).person(), "343434343434");
    assert_eq!(with_id(json!(" 343434343434 ")).person(), "343434343434");
    for none in [
        json!(null),
        json!(""),
        json!("@ana"),
        json!(0),
        json!(-5),
        json!(1.5),
        json!([7]),
        json!("12345678901234567890"),
    ] {
        assert_eq!(with_id(none.clone()).user_id, None, "{none}");
    }
}

#[test]
fn an_instant_that_is_none_or_lies_ahead_is_not_believed() {
    let desk = source("zammad", "");
    let at = |close_at: &str, updated_at: &str| {
        let ticket =
            json!({"id": 81, "state": "closed", "close_at": close_at, "updated_at": updated_at});
        closed(hear(&desk, json!({"ticket": ticket}))).closed_at
    };
    assert_eq!(at("2026-11-22T07:59:58.120Z", "").rfc3339(), "2026-11-22T07:59:58.120Z");
    assert_eq!(at("soon", "2026-11-22T07:00:00Z").rfc3339(), "2026-11-22T07:00:00.000Z");
    assert_eq!(
        at("2036-11-22T07:59:58Z", "2026-11-22T07:00:00Z").rfc3339(),
        "2026-11-22T07:00:00.000Z"
    );
    assert_eq!(at("", ""), NOW);
}

#[test]
fn a_redelivery_is_told_by_what_it_says_where_it_has_no_id() {
    let desk = source("helpscout", "");
    let id = |closed_at: &str| {
        let body = json!({"id": 42, "status": "closed", "closedAt": closed_at});
        event_id(&hear(&desk, body)).to_owned()
    };
    assert_eq!(id("2026-11-22T07:00:00Z"), id("2026-11-22T07:00:00Z"));
    assert_ne!(id("2026-11-22T07:00:00Z"), id("2026-11-22T07:00:01Z"));
    let long = "x".repeat(10_000);
    let desk = source("intercom", "");
    let body =
        json!({"topic": "conversation.admin.closed", "id": long, "data": {"item": {"id": "1"}}});
    assert!(event_id(&hear(&desk, body)).len() < 100);
}

#[test]
fn an_event_is_of_its_conversation_and_kind_whatever_its_id() {
    // Some desks count the events of each conversation from 1.
    let desk = source(
        "mapped",
        "signature = \"none\"\nclosed = { \"/e\" = \"c\" }\nreopened = { \"/e\" = \"r\" }\n\
         conversation_id = \"/c\"\nuser_id = \"/u\"\nclosed_at = \"/t\"\nevent_id = \"/id\"",
    );
    let id = |event: &str, conversation: &str, id: u32| {
        let at = "2026-11-22T07:00:00Z";
        let body = json!({"e": event, "c": conversation, "u": "7", "id": id, "t": at});
        event_id(&hear(&desk, body)).to_owned()
    };
    assert_eq!(id("c", "1", 3), id("c", "1", 3));
    for other in [id("c", "2", 3), id("r", "1", 3), id("c", "1", 4)] {
        assert_ne!(id("c", "1", 3), other);
    }
}

#[test]
fn a_placeholder_that_the_desk_did_not_fill_in_is_no_value() {
    let desk = source("zendesk", "");
    let body = json!({
        "ticket_id": "{{ticket.id}}", "ticket_status": "solved", "closed_at": "2026-11-22T07:00:00Z",
        "agent": "{{ticket.assignee.name}}", "team": "None", "first_name": "{{x}}", "tags": "vip,{{t}}",
    });
    let faults = try_hear(&desk, &[], body.clone()).unwrap_err();
    assert_eq!(
        faults.to_string(),
        "conversation_id \"{{ticket.id}}\" at /ticket_id is a placeholder that the help desk has \
         not filled in"
    );
    let close = closed(hear(&desk, with(body, "/ticket_id", json!("10"))));
    let notice = close.notice;
    assert_eq!((notice.agent, notice.team, notice.first_name), (None, None, None));
    assert_eq!(notice.tags, ["vip"]);
}

#[test]
fn an_event_that_is_not_taken_says_what_a_close_would_have_to_be() {
    let desk = source("zendesk", "");
    let why = |body: Value| match hear(&desk, body) {
        MappedEvent::Ignored(why) => why,
        other => panic!("taken: {other:?}"),
    };
    let said = why(json!({"ticket_id": "10", "ticket_status": "Resuelto"}));
    assert_eq!(
        said,
        "this event neither closes nor reopens a conversation: /ticket_status has \"Resuelto\", and \
         a close wants \"solved\" or \"closed\""
    );
    let said = why(json!({"ticket_id": "10"}));
    assert!(said.contains("nothing stands at /event/current, /type, /status, "), "{said}");
    let said = why(json!([{"ticket_id": "10", "ticket_status": "solved"}]));
    assert!(said.ends_with("the body is a list, and `each` does not say that it holds the events"));
}
