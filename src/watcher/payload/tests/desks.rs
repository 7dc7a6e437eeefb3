//! The payloads as the vendors show them or as they were recorded.

use super::*;

fn chatwoot() -> Value {
    json!({"event": "conversation_status_changed", "id": 10, "inbox_id": 1, "status": "resolved",
        "channel": "Channel::WebWidget", "can_reply": true,
        "contact_inbox": {"id": 12, "contact_id": 12, "inbox_id": 1,
            "source_id": "405f1d30-1af3-4fa0-8ffd-11ea3f86101e"},
        "messages": [{"id": 120, "content": "Hello", "message_type": 1, "private": false,
            "sender": {"id": 1, "name": "Max", "type": "user"}, "sender_type": "User"}],
        "labels": ["billing"], "custom_attributes": {},
        "meta": {"sender": {"id": 12, "name": "jane doe", "identifier": null, "type": "contact",
                "custom_attributes": {"x_user_id": "343434343434"}, "additional_attributes": {}},
            "assignee": {"id": 1, "name": "John", "type": "user"}, "team": {"id": 2, "name": "Billing"},
            "hmac_verified": false},
        "last_activity_at": 1627063520, "timestamp": 1627063520, "created_at": 1627063308,
        "updated_at": 1627063520.12,
        "changed_attributes": [{"status": {"previous_value": "open", "current_value": "resolved"}}]})
}

#[test]
fn chatwoot_closes() {
    let desk = source("chatwoot", "");
    let heard = hear_with(&desk, &[("X-Chatwoot-Delivery", "d-1")], chatwoot());
    assert_eq!(event_id(&heard), "d-1 closed 10");
    let close = closed(heard);
    assert_eq!((close.conversation_id.as_str(), close.person()), ("10", "343434343434"));
    assert_eq!(close.closed_at.rfc3339(), "2021-07-23T18:05:20.120Z");
    let notice = close.notice;
    assert_eq!((notice.agent.as_deref(), notice.team.as_deref()), (Some("John"), Some("Billing")));
    assert_eq!(
        (notice.tags, notice.first_name.as_deref()),
        (vec!["billing".to_owned()], Some("jane"))
    );
    assert_eq!(notice.closed_by, Some(ClosedBy::Agent));

    let unassigned = with(chatwoot(), "/meta/assignee", Value::Null);
    assert_eq!(closed(hear(&desk, unassigned)).notice.agent.as_deref(), Some("Max"));
    let by_itself = with(chatwoot(), "/labels", json!(["auto-resolved"]));
    assert_eq!(closed(hear(&desk, by_itself)).notice.closed_by, Some(ClosedBy::Auto));
    let older = with(chatwoot(), "/changed_attributes", Value::Null);
    closed(hear(&desk, older));
    let updated = with(chatwoot(), "/event", json!("conversation_updated"));
    closed(hear(&desk, updated.clone()));
    let labelled = with(updated, "/changed_attributes", json!([{"label_list": {}}]));
    assert!(is_ignored(&hear(&desk, labelled)));
}

#[test]
fn chatwoots_ids_of_other_channels_are_not_taken_for_xs() {
    let desk = source("chatwoot", "");
    let nobody = with(chatwoot(), "/meta/sender/custom_attributes", json!({}));
    let phone = with(nobody, "/contact_inbox/source_id", json!("4930123456"));
    assert_eq!(closed(hear(&desk, phone.clone())).user_id, None);
    let of_x = with(phone, "/channel", json!("Channel::TwitterProfile"));
    assert_eq!(closed(hear(&desk, of_x)).person(), "4930123456");
}

#[test]
fn chatwoot_reopens() {
    let desk = source("chatwoot", "");
    for status in ["open", "pending", "snoozed"] {
        let body = with(chatwoot(), "/changed_attributes/0/status/current_value", json!(status));
        assert_eq!(reopened(hear(&desk, body)).conversation_id.as_str(), "10");
    }
    let message = json!({"event": "message_created", "id": 7, "message_type": "incoming",
        "private": false, "created_at": "2026-11-22T07:59:00.000Z", "inbox": {"id": 1, "name": "X"},
        "conversation": {"id": 10, "status": "resolved", "inbox_id": 1}});
    let reopening = reopened(hear(&desk, message.clone()));
    assert_eq!(reopening.conversation_id.as_str(), "10");
    assert_eq!(reopening.reopened_at.rfc3339(), "2026-11-22T07:59:00.000Z");
    assert!(is_ignored(&hear(&desk, with(message, "/message_type", json!("outgoing")))));
    for event in ["conversation_created", "contact_updated", "conversation_typing_on"] {
        assert!(is_ignored(&hear(&desk, with(chatwoot(), "/event", json!(event)))));
    }
}

fn zendesk() -> Value {
    json!({"account_id": 22129848, "id": "a8b9c1d2-3e4f-5a6b-7c8d-9e0f1a2b3c4d",
        "subject": "zen:ticket:5158", "time": "2025-01-08T16:45:20.987654321Z",
        "type": "zen:event-type:ticket.status_changed", "zendesk_event_version": "2022-11-06",
        "detail": {"id": "5158", "actor_id": "844", "assignee_id": "844", "group_id": "8447320466430",
            "requester_id": "900", "status": "SOLVED", "tags": ["login"], "external_id": null,
            "updated_at": "2025-01-08T16:45:20Z", "via": {"channel": "web"}},
        "event": {"current": "SOLVED", "previous": "OPEN",
            "meta": {"sequence": {"id": "01H", "position": 1}}}})
}

#[test]
fn zendesks_events_close() {
    let desk = source("zendesk", "");
    let heard = hear(&desk, zendesk());
    assert_eq!(event_id(&heard), "a8b9c1d2-3e4f-5a6b-7c8d-9e0f1a2b3c4d closed 5158");
    let close = closed(heard);
    assert_eq!((close.conversation_id.as_str(), close.user_id), ("5158", None));
    assert_eq!(close.closed_at.rfc3339(), "2025-01-08T16:45:20.987Z");
    assert_eq!(
        (close.notice.agent.as_deref(), &close.notice.tags[..]),
        (Some("844"), &["login".to_owned()][..])
    );
    assert_eq!(close.notice.closed_by, Some(ClosedBy::Agent));
    let own = source("zendesk", "user_id = \"/detail/external_id\"");
    let body = with(zendesk(), "/detail/external_id", json!("343434343434"));
    assert_eq!(closed(hear(&own, body)).person(), "343434343434");

    let by = |pointer: &str, value: Value| {
        closed(hear(&desk, with(zendesk(), pointer, value))).notice.closed_by
    };
    assert_eq!(by("/detail/tags", json!(["closed_by_merge"])), Some(ClosedBy::Bulk));
    assert_eq!(by("/detail/actor_id", json!("-1")), Some(ClosedBy::Auto));
    assert_eq!(by("/detail/actor_id", json!("900")), Some(ClosedBy::Customer));
    assert_eq!(by("/event/current", json!("CLOSED")), Some(ClosedBy::Auto));
    let at_last = with(
        with(zendesk(), "/event/current", json!("CLOSED")),
        "/event/previous",
        json!("SOLVED"),
    );
    assert!(is_ignored(&hear(&desk, at_last)));
}

#[test]
fn zendesks_events_reopen() {
    let desk = source("zendesk", "");
    let moved = |from: &str, to: &str| {
        let body =
            with(with(zendesk(), "/event/current", json!(to)), "/event/previous", json!(from));
        hear(&desk, body)
    };
    for to in ["NEW", "OPEN", "PENDING", "HOLD"] {
        assert_eq!(reopened(moved("SOLVED", to)).conversation_id.as_str(), "5158");
    }
    assert!(is_ignored(&moved("OPEN", "PENDING")));
    assert!(is_ignored(&hear(
        &desk,
        with(zendesk(), "/type", json!("zen:event-type:ticket.tags_changed"))
    )));
    assert!(is_ignored(&hear(
        &desk,
        with(zendesk(), "/type", json!("zen:event-type:ticket.subject_changed"))
    )));
}

#[test]
fn zendesks_triggers_are_what_their_operator_writes() {
    let desk = source("zendesk", "");
    let body = json!({"ticket_id": "5158", "status": "Solved", "requester": "900", "assignee": "Dana",
        "tags": "vip closed_late", "via": "Twitter", "x_user_id": "343434343434",
        "updated_at": "2026-11-22T07:00:00Z"});
    let close = closed(hear(&desk, body.clone()));
    assert_eq!((close.conversation_id.as_str(), close.person()), ("5158", "343434343434"));
    assert_eq!(close.notice.tags, ["vip", "closed_late"]);
    assert_eq!(close.notice.agent.as_deref(), Some("Dana"));
    reopened(hear(&desk, with(body.clone(), "/status", json!("Open"))));
    assert!(is_ignored(&hear(&desk, with(body, "/status", json!("Deleted")))));
}

fn intercom() -> Value {
    json!({"type": "notification_event", "app_id": "lkqcyt9t", "id": "notif_2a89",
        "topic": "conversation.admin.closed", "delivery_attempts": 1, "created_at": 1596635369,
        "data": {"type": "notification_event_data", "item": {"type": "conversation",
            "id": "137324500000000", "updated_at": 1596635368,
            "user": {"type": "user", "id": "5ee3", "user_id": "234523452345345", "name": "Bob Dylan",
                "custom_attributes": {"x_id": 343434343434_u64}},
            "assignee": {"type": "admin", "id": "3330619", "name": "Andy"},
            "conversation_parts": {"type": "conversation_part.list", "total_count": 1,
                "conversation_parts": [{"type": "conversation_part", "part_type": "close",
                    "created_at": 1596635368, "author": {"type": "admin", "id": "3330619", "name": "Andy"}}]},
            "state": "closed", "tags": {"type": "tag.list", "tags": [{"name": "very vip"}]}}}})
}

#[test]
fn intercom_closes_and_reopens() {
    let desk = source("intercom", "");
    let heard = hear(&desk, intercom());
    assert_eq!(event_id(&heard), "notif_2a89 closed 137324500000000");
    let close = closed(heard);
    assert_eq!(
        (close.conversation_id.as_str(), close.person()),
        ("137324500000000", "343434343434")
    );
    assert_eq!(close.closed_at, Millis(1_596_635_368_000));
    assert_eq!(
        (close.notice.agent.as_deref(), &close.notice.tags[..]),
        (Some("Andy"), &["very vip".to_owned()][..])
    );
    assert_eq!(
        (close.notice.first_name.as_deref(), close.notice.closed_by),
        (Some("Bob"), Some(ClosedBy::Agent))
    );
    let author = "/data/item/conversation_parts/conversation_parts/0/author/type";
    let by = |who: &str| closed(hear(&desk, with(intercom(), author, json!(who)))).notice.closed_by;
    assert_eq!((by("bot"), by("user")), (Some(ClosedBy::Auto), Some(ClosedBy::Customer)));
    for topic in ["conversation.admin.opened", "conversation.user.replied"] {
        reopened(hear(&desk, with(intercom(), "/topic", json!(topic))));
    }
    for topic in ["ping", "conversation.admin.noted", "contact.created"] {
        assert!(is_ignored(&hear(&desk, with(intercom(), "/topic", json!(topic)))));
    }
}

#[test]
fn intercoms_newer_payloads_are_read() {
    let desk = source("intercom", "");
    let body = json!({"topic": "conversation.admin.closed", "id": "notif_3", "created_at": 1795334300,
        "data": {"item": {"id": 12, "admin_assignee_id": 814860, "team_assignee_id": 5,
            "contacts": {"type": "contact.list", "contacts": [{"type": "contact", "id": "5f", "external_id": "70"}]},
            "custom_attributes": {"x_user_id": "343434343434"},
            "statistics": {"last_close_at": 1795334290, "last_closed_by_id": 814860}}}});
    let close = closed(hear(&desk, body));
    assert_eq!((close.person(), close.closed_at.0), ("343434343434", 1_795_334_300_000));
    assert_eq!(
        (close.notice.agent.as_deref(), close.notice.team.as_deref()),
        (Some("814860"), Some("5"))
    );
    // The statistics may be those of an earlier closing.
    assert_eq!(close.notice.closed_by, None);
}

#[test]
fn freshchat_closes_and_reopens() {
    let desk = source("freshchat", "");
    let body = json!({"actor": {"actor_type": "agent", "actor_id": "a-1"},
        "action": "conversation_resolution", "action_time": "2019-06-21T17:43:20.875Z",
        "data": {"resolve": {"resolver": "agent", "resolver_id": "a-2", "conversation": {
            "conversation_id": "c327", "status": "resolved", "assigned_agent_id": "a-3",
            "users": [{"id": "u", "first_name": "Ana",
                "properties": [{"name": "cf_x_user_id", "value": "343434343434"}]}]}}}});
    let close = closed(hear(&desk, body.clone()));
    assert_eq!((close.conversation_id.as_str(), close.person()), ("c327", "343434343434"));
    assert_eq!(close.closed_at.rfc3339(), "2019-06-21T17:43:20.875Z");
    assert_eq!(
        (close.notice.agent.as_deref(), close.notice.closed_by),
        (Some("a-3"), Some(ClosedBy::Agent))
    );
    let by_itself = with(body.clone(), "/data/resolve/resolver", json!("system"));
    assert_eq!(closed(hear(&desk, by_itself)).notice.closed_by, Some(ClosedBy::Auto));
    let reopening = json!({"action": "conversation_reopen", "action_time": "2019-06-21T17:43:20Z",
        "data": {"reopen": {"conversation": {"conversation_id": "c327"}}}});
    assert_eq!(reopened(hear(&desk, reopening)).conversation_id.as_str(), "c327");
    let message = json!({"actor": {"actor_type": "user"}, "action": "message_create",
        "data": {"message": {"conversation_id": "c327", "actor_type": "user"}}});
    assert_eq!(reopened(hear(&desk, message)).conversation_id.as_str(), "c327");
    let answer = json!({"actor": {"actor_type": "agent"}, "action": "message_create",
        "data": {"message": {"conversation_id": "c327", "actor_type": "agent"}}});
    assert!(is_ignored(&hear(&desk, answer)));
}

#[test]
fn freshdesk_is_read_in_both_of_its_forms() {
    let desk = source("freshdesk", "");
    let simple = |from: u8, to: u8, label: &str| {
        json!({"freshdesk_webhook": {"triggered_event": format!("{{status:{{from:{from},to:{to}}}}}"),
            "ticket_id": "11", "ticket_status": label, "requester_name": "Requester Bob",
            "ticket_cf_x_user_id": "343434343434", "ticket_tags": "vip, second contact"}})
    };
    let close = closed(hear(&desk, simple(2, 4, "Résolu")));
    assert_eq!((close.conversation_id.as_str(), close.person()), ("11", "343434343434"));
    assert_eq!((close.notice.first_name.as_deref(), close.closed_at), (Some("Requester"), NOW));
    assert_eq!(close.notice.tags, ["vip", "second contact"]);
    closed(hear(&desk, simple(2, 5, "Closed")));
    assert!(is_ignored(&hear(&desk, simple(4, 5, "Closed"))));
    assert_eq!(
        reopened(hear(&desk, simple(4, 6, "Waiting on Customer"))).conversation_id.as_str(),
        "11"
    );
    assert!(is_ignored(&hear(&desk, simple(2, 3, "Pending"))));
    let advanced = json!({"ticket_id": 11, "ticket_status": "Resolved", "x_user_id": 343434343434_u64,
        "agent": "Dana", "closed_by": "system", "updated_at": "2026-11-22T07:00:00Z"});
    let close = closed(hear(&desk, advanced.clone()));
    assert_eq!((close.person(), close.notice.closed_by), ("343434343434", Some(ClosedBy::Auto)));
    assert_eq!(close.closed_at.rfc3339(), "2026-11-22T07:00:00.000Z");
    closed(hear(&desk, with(advanced.clone(), "/ticket_status", json!(5))));
    reopened(hear(&desk, with(advanced, "/ticket_status", json!(2))));
}

#[test]
fn helpscout_closes_and_reopens() {
    let desk = source("helpscout", "");
    let body = json!({"id": 42, "status": "closed", "closedAt": "2026-11-22T07:00:00Z",
        "assignee": {"id": 256, "first": "Mr", "email": "robot@acme.example"}, "mailboxId": 85,
        "closedBy": 14, "closedByUser": {"id": 14, "type": "user"}, "tags": [{"id": 9, "tag": "vip"}],
        "primaryCustomer": {"id": 238, "first": "Ana"},
        "customFields": [{"id": 8, "name": "X user id", "value": "343434343434", "text": "343434343434"}]});
    let close = closed(hear(&desk, body.clone()));
    assert_eq!((close.conversation_id.as_str(), close.person()), ("42", "343434343434"));
    assert_eq!(
        (close.notice.agent.as_deref(), close.notice.closed_by),
        (Some("robot@acme.example"), Some(ClosedBy::Agent))
    );
    assert_eq!(
        (close.notice.tags, close.notice.first_name.as_deref()),
        (vec!["vip".to_owned()], Some("Ana"))
    );
    closed(hear(&desk, json!({"id": 42, "status": "closed"})));
    for status in ["active", "open", "pending", "spam"] {
        reopened(hear(&desk, with(body.clone(), "/status", json!(status))));
    }
    for other in [json!({"id": 42}), json!({"id": 7, "rating": "Great", "ticketId": 42})] {
        assert!(is_ignored(&hear(&desk, other)));
    }
}

/// What is not signed, whoever writes it: an event's name, and an event's id.
#[test]
fn a_header_decides_nothing_that_opens_or_closes() {
    let helpscout =
        (json!({"id": 42, "status": "closed", "closedAt": "2026-11-22T07:00:00Z"}), "/status");
    let ticket = json!({"id": 81, "state": "closed", "close_at": "2026-11-22T07:00:00Z"});
    let zammad = (json!({"ticket": ticket}), "/ticket/state");
    for (kind, (body, status), open) in
        [("helpscout", helpscout, "active"), ("zammad", zammad, "open")]
    {
        let desk = source(kind, "");
        let bare = hear(&desk, body.clone());
        for event in ["convo.status", "convo.customer.reply.created", "convo.merged", "open", ""] {
            let names = ["X-HelpScout-Event", "X-Zammad-Trigger", "X-Event"];
            let headers = names.map(|name| (name, event));
            let heard = hear_with(&desk, &headers, body.clone());
            assert_eq!(heard, bare, "{kind} {event}");
            reopened(hear_with(&desk, &headers, with(body.clone(), status, json!(open))));
        }
    }
    // One id of a delivery, and two conversations: neither is taken for the other.
    for (kind, header, one, other) in [
        (
            "chatwoot",
            "X-Chatwoot-Delivery",
            json!({"event": "conversation_resolved", "id": 10, "updated_at": 1_795_334_300}),
            json!({"event": "conversation_resolved", "id": 11, "updated_at": 1_795_334_300}),
        ),
        (
            "zammad",
            "X-Zammad-Delivery",
            json!({"ticket": {"id": 81, "state": "closed", "close_at": "2026-11-22T07:00:00Z"}}),
            json!({"ticket": {"id": 81, "state": "open", "updated_at": "2026-11-22T07:30:00Z"}}),
        ),
    ] {
        let desk = source(kind, "");
        let of = |body: Value| event_id(&hear_with(&desk, &[(header, "d-1")], body)).to_owned();
        assert_eq!(of(one.clone()), of(one.clone()));
        assert_ne!(of(one), of(other));
    }
}

#[test]
fn front_is_read_wrapped_and_bare() {
    let desk = source("front", "");
    let event = json!({"id": "evt_55c8c149", "type": "archive", "emitted_at": 1453770984.123,
        "conversation": {"id": "cnv_55c8c149", "status": "archived",
            "assignee": {"id": "tea_55c8c149", "email": "leela@acme.example"},
            "recipient": {"handle": "@ana", "role": "from", "name": "Ana Lee"},
            "tags": [{"id": "tag_1", "name": "Robots"}], "custom_fields": {"x_user_id": "343434343434"}},
        "source": {"_meta": {"type": "teammate"}, "data": {"id": "tea_55c8c149"}}});
    let wrapped = json!({"type": "conversation_archived", "authorization": {"id": "cmp_1"}, "payload": event});
    for body in [event.clone(), wrapped] {
        let heard = hear(&desk, body);
        assert_eq!(event_id(&heard), "evt_55c8c149 closed cnv_55c8c149");
        let close = closed(heard);
        assert_eq!(
            (close.conversation_id.as_str(), close.person()),
            ("cnv_55c8c149", "343434343434")
        );
        assert_eq!(close.closed_at, Millis(1_453_770_984_123));
        assert_eq!(
            (close.notice.agent.as_deref(), close.notice.closed_by),
            (Some("leela@acme.example"), Some(ClosedBy::Agent))
        );
        assert_eq!(
            (close.notice.tags, close.notice.first_name.as_deref()),
            (vec!["Robots".to_owned()], Some("Ana"))
        );
    }
    let by_rule = with(event.clone(), "/source/_meta/type", json!("rule"));
    assert_eq!(closed(hear(&desk, by_rule)).notice.closed_by, Some(ClosedBy::Auto));
    for kind in ["reopen", "inbound", "restore"] {
        reopened(hear(&desk, with(event.clone(), "/type", json!(kind))));
    }
    for kind in ["tag", "outbound", "assign", "comment", "trash"] {
        assert!(is_ignored(&hear(&desk, with(event.clone(), "/type", json!(kind)))));
    }
}

#[test]
fn zammad_closes_and_reopens() {
    let desk = source("zammad", "");
    let body = json!({"ticket": {"id": 81, "number": "10081", "state": "closed", "state_id": 4,
        "customer_id": 8, "owner_id": 5, "updated_by_id": 5, "last_close_at": "2026-11-22T07:00:00.000Z",
        "updated_at": "2026-11-22T07:00:05.333Z", "group": {"id": 3, "name": "Service Desk"},
        "owner": {"id": 5, "login": "emma@acme.example", "email": "emma@acme.example"},
        "updated_by": {"id": 5, "login": "emma@acme.example", "roles": ["Agent"]},
        "customer": {"id": 8, "firstname": "Emily", "x_user_id": "343434343434"}}, "article": {"id": 104}});
    let heard = hear_with(&desk, &[("X-Zammad-Delivery", "z-1")], body.clone());
    assert_eq!(event_id(&heard), "z-1 closed 81");
    let close = closed(heard);
    assert_eq!((close.conversation_id.as_str(), close.person()), ("81", "343434343434"));
    assert_eq!(close.closed_at.rfc3339(), "2026-11-22T07:00:00.000Z");
    let notice = close.notice;
    assert_eq!(
        (notice.agent.as_deref(), notice.team.as_deref()),
        (Some("emma@acme.example"), Some("Service Desk"))
    );
    assert_eq!(
        (notice.first_name.as_deref(), notice.closed_by),
        (Some("Emily"), Some(ClosedBy::Agent))
    );
    let by = |pointer: &str, value: Value| {
        closed(hear(&desk, with(body.clone(), pointer, value))).notice.closed_by
    };
    assert_eq!(by("/ticket/state", json!("merged")), Some(ClosedBy::Bulk));
    assert_eq!(by("/ticket/updated_by_id", json!(1)), Some(ClosedBy::Auto));
    assert_eq!(by("/ticket/updated_by_id", json!(8)), Some(ClosedBy::Customer));
    reopened(hear(&desk, with(body.clone(), "/ticket/state", json!("open"))));
    assert!(is_ignored(&hear(&desk, with(body, "/ticket/state", json!("removed")))));
    assert!(is_ignored(&hear(&desk, json!({}))));
}
