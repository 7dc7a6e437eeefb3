//! The second closing of a conversation, as each desk tells it: its instant, its agent and who
//! closed it are those of this closing, not of the first. What each field does stands in
//! docs/sources.

use super::*;

/// 2026-11-22T07:59:58.412Z
const CLOSED_AT: Millis = Millis(NOW.0 - 1_588);

/// When it closed, by whom, and who had handled it.
fn told(desk: &Source, body: Value) -> (Millis, Option<ClosedBy>, Option<String>) {
    let close = closed(hear(desk, body));
    (close.closed_at, close.notice.closed_by, close.notice.agent)
}

fn zammad() -> Value {
    json!({"ticket": {"id": 81, "state": "closed", "close_at": "2026-11-13T07:00:00.000Z",
        "last_close_at": "2026-11-22T07:59:58.412Z", "updated_at": "2026-11-22T07:59:59.900Z",
        "last_contact_at": "2026-11-22T07:58:11.020Z", "article_count": 7, "customer_id": 8, "owner_id": 5,
        "updated_by_id": 6, "owner": {"id": 5, "login": "emma", "email": "emma@acme.example"},
        "updated_by": {"id": 6, "login": "dana", "email": "dana@acme.example", "roles": ["Agent"]},
        "customer": {"id": 8, "firstname": "Ana", "x_user_id": "343434343434"}}, "article": {}})
}

#[test]
fn zammads_close_at_stays_at_the_first() {
    let desk = source("zammad", "");
    let agent = Some("emma@acme.example".to_owned());
    assert_eq!(told(&desk, zammad()), (CLOSED_AT, Some(ClosedBy::Agent), agent.clone()));
    let close = closed(hear(&desk, zammad()));
    assert_eq!(close.notice.last_message_at.unwrap().rfc3339(), "2026-11-22T07:58:11.020Z");
    // Before version 5.3 there is no last_close_at.
    let older = with(zammad(), "/ticket/last_close_at", Value::Null);
    assert_eq!(told(&desk, older).0.rfc3339(), "2026-11-22T07:59:59.900Z");
    let by = |pointer: &str, value| told(&desk, with(zammad(), pointer, value)).1;
    assert_eq!(by("/ticket/updated_by_id", json!(1)), Some(ClosedBy::Auto));
    assert_eq!(by("/ticket/updated_by_id", json!(8)), Some(ClosedBy::Customer));
    assert_eq!(by("/ticket/updated_by/roles", json!(["Customer"])), Some(ClosedBy::Customer));
    // A merger closes nothing by itself and takes the owner away.
    let merged = with(
        with(zammad(), "/ticket/state", json!("merged")),
        "/ticket/owner",
        json!({"id": 1, "login": "-"}),
    );
    let (at, by, agent) = told(&desk, merged);
    assert_eq!((at.rfc3339().as_str(), by), ("2026-11-22T07:59:59.900Z", Some(ClosedBy::Bulk)));
    assert_eq!(agent.as_deref(), Some("dana@acme.example"));
}

fn chatwoot() -> Value {
    json!({"event": "conversation_status_changed", "id": 482, "status": "resolved", "changed_attributes": null,
        "channel": "Channel::TwitterProfile", "contact_inbox": {"source_id": "343434343434"},
        "first_reply_created_at": "2026-11-20T10:00:00.000Z", "labels": [],
        "messages": [{"id": 9031, "message_type": 1, "created_at": 1_795_334_280, "content_type": "text",
            "sender_type": "AgentBot", "sender": {"id": 10, "name": "Helper", "type": "agent_bot"}}],
        "meta": {"sender": {"name": "Ana"}, "assignee": null, "assignee_type": null, "team": null},
        "last_activity_at": 1_795_075_200, "timestamp": 1_795_075_200, "updated_at": 1_795_334_398.412})
}

#[test]
fn chatwoot_by_a_bot_and_by_itself() {
    let desk = source("chatwoot", "");
    assert_eq!(told(&desk, chatwoot()), (CLOSED_AT, Some(ClosedBy::Bot), None));
    assert_eq!(
        closed(hear(&desk, chatwoot())).notice.last_message_at,
        Some(Millis(1_795_334_280_000))
    );
    let by_an_agent = json!({"id": 1, "name": "Dana", "type": "user"});
    let by_an_agent = with(chatwoot(), "/meta/assignee", by_an_agent);
    assert_eq!(told(&desk, by_an_agent), (CLOSED_AT, Some(ClosedBy::Agent), Some("Dana".into())));
    let by_a_bot = json!({"id": 10, "name": "Helper", "type": "agent_bot"});
    let by_a_bot = with(
        with(chatwoot(), "/meta/assignee", by_a_bot),
        "/messages/0/sender_type",
        json!("Contact"),
    );
    let by_a_bot = with(by_a_bot, "/messages/0/sender/type", json!("contact"));
    assert_eq!(told(&desk, by_a_bot), (CLOSED_AT, Some(ClosedBy::Bot), None));
    let open_before = json!([{"status": {"previous_value": "open", "current_value": "resolved"}}]);
    assert_eq!(told(&desk, with(chatwoot(), "/changed_attributes", open_before)).1, None);
    // Where it does not say when, it closed as it came, not when somebody wrote last.
    let silent = with(chatwoot(), "/updated_at", Value::Null);
    assert_eq!(told(&desk, silent).0, NOW);
}

#[test]
fn chatwoot_tells_that_no_agent_wrote() {
    let desk = source("chatwoot", "");
    let messages = |body| closed(hear(&desk, body)).notice.agent_messages;
    assert_eq!(messages(chatwoot()), None, "one has replied");
    let alone = with(chatwoot(), "/first_reply_created_at", Value::Null);
    assert_eq!(messages(alone.clone()), Some(0));
    let without = with(alone, "/messages", json!([]));
    assert_eq!(
        closed(hear(&desk, without)).notice.last_message_at,
        Some(Millis(1_795_075_200_000))
    );
}

fn intercom() -> Value {
    json!({"type": "notification_event", "app_id": "a86d", "id": "notif_9c", "topic": "conversation.admin.closed",
        "created_at": 1_795_334_399, "data": {"item": {"type": "conversation", "id": "215469",
            "updated_at": 1_795_334_399, "admin_assignee_id": 0, "team_assignee_id": null,
            "custom_attributes": {"x_user_id": "343434343434"},
            "statistics": {"last_close_at": 1_795_075_200, "last_closed_by_id": 0},
            "conversation_parts": {"conversation_parts": [
                {"part_type": "close", "created_at": 1_795_075_200, "author": {"type": "admin", "name": "Emma"}},
                {"part_type": "close", "created_at": 1_795_334_398,
                    "author": {"type": "bot", "name": "Fin", "from_ai_agent": true}}]}}}})
}

#[test]
fn intercoms_newest_part_counts() {
    let desk = source("intercom", "");
    let at = Millis(1_795_334_398_000);
    assert_eq!(told(&desk, intercom()), (at, Some(ClosedBy::Bot), None));
    let author = "/data/item/conversation_parts/conversation_parts/1/author";
    let by = |author_: Value| {
        let (at_, by, agent) = told(&desk, with(intercom(), author, author_));
        assert_eq!(at_, at);
        (by, agent)
    };
    let workflow = json!({"type": "bot", "name": "Operator", "from_ai_agent": false});
    assert_eq!(by(workflow), (Some(ClosedBy::Auto), None));
    assert_eq!(by(json!({"type": "admin", "name": "Operator"})), (Some(ClosedBy::Auto), None));
    let dana = json!({"type": "admin", "name": "Dana"});
    assert_eq!(by(dana), (Some(ClosedBy::Agent), Some("Dana".into())));
    // A notice that bears no closing part tells the moment by itself.
    let other = with(intercom(), "/data/item/conversation_parts/conversation_parts", json!([]));
    assert_eq!(told(&desk, other), (Millis(1_795_334_399_000), None, None));
}

#[test]
fn help_scouts_closed_at_is_this_one_and_a_workflow_is_no_agent() {
    let desk = source("helpscout", "");
    let body = json!({"id": 239, "status": "closed", "closedBy": 1,
        "closedByUser": {"id": 1, "type": "user", "email": "none@nowhere.com"},
        "closedAt": "2026-11-22T07:59:58Z", "userUpdatedAt": "2026-11-22T07:59:58Z",
        "customerWaitingSince": {"time": "2026-11-20T15:20:00Z"},
        "customFields": [{"name": "X user id", "value": "343434343434"}]});
    let at = Millis(NOW.0 - 2_000);
    assert_eq!(told(&desk, body.clone()), (at, Some(ClosedBy::Auto), None));
    let by = json!({"id": 7, "type": "user", "email": "dana@acme.example"});
    let by_dana = with(with(body.clone(), "/closedByUser", by), "/closedBy", json!(7));
    assert_eq!(told(&desk, by_dana), (at, Some(ClosedBy::Agent), Some("dana@acme.example".into())));
    let reopened_at = reopened(hear(&desk, with(body, "/status", json!("active")))).reopened_at;
    assert_eq!(reopened_at, at, "not since when the customer waits");
}

#[test]
fn fronts_archive_is_each_time_another_and_a_reminder_closes_nothing() {
    let desk = source("front", "");
    let body = json!({"type": "conversation_archived", "payload": {"id": "evt_28", "type": "archive",
        "emitted_at": 1_795_334_398.412,
        "source": {"_meta": {"type": "teammate"}, "data": {"id": "tea_4", "email": "dana@acme.example"}},
        "conversation": {"id": "cnv_ke", "assignee": null, "custom_fields": {"x_user_id": "343434343434"}}}});
    let agent = Some("dana@acme.example".to_owned());
    assert_eq!(told(&desk, body.clone()), (CLOSED_AT, Some(ClosedBy::Agent), agent));
    let by = |kind: &str| with(body.clone(), "/payload/source/_meta/type", json!(kind));
    assert_eq!(told(&desk, by("oauth_client")), (CLOSED_AT, Some(ClosedBy::Bot), None));
    assert_eq!(reopened(hear(&desk, by("reminder"))).conversation_id.as_str(), "cnv_ke");
    let resolved = json!({"id": "evt_29", "type": "ticket_status_update", "emitted_at": 1_795_334_398.412,
        "source": {"_meta": {"type": "rule"}, "data": {}},
        "conversation": {"id": "cnv_ke", "status_category": "resolved"}});
    assert_eq!(told(&desk, resolved), (CLOSED_AT, Some(ClosedBy::Auto), None));
}

#[test]
fn freshchats_person_stands_beside_the_conversation() {
    let desk = source("freshchat", "");
    let body = json!({"action": "conversation_resolution", "action_time": "2026-11-22T07:59:58.412Z",
        "actor": {"actor_type": "system", "actor_id": "0"},
        "data": {"resolve": {"resolver": "system", "interaction_id": "68-17",
            "conversation": {"conversation_id": "c327", "assigned_org_agent_id": "a-4"},
            "user": {"first_name": "Ana", "properties": [{"name": "cf_x_id", "value": "343434343434"}]}}}});
    assert_eq!(told(&desk, body.clone()), (CLOSED_AT, Some(ClosedBy::Auto), Some("a-4".into())));
    assert_eq!(closed(hear(&desk, body)).person(), "343434343434");
}

/// The body of docs/sources/zendesk.md, as Zendesk fills it in.
fn zendesk() -> Value {
    json!({"ticket_id": "5158", "status": "solved", "x_user_id": "343434343434", "assignee": "Dana 'DJ' Ito",
        "group": "Billing", "tags": "login vip", "first_name": "Ana", "locale": "it", "time_zone": "Rome",
        "language": "Italiano", "closer_id": "844", "assignee_id": "844", "requester_id": "900"})
}

#[test]
fn zendesks_trigger_tells_who_and_what_language_but_not_when() {
    let desk = source("zendesk", "");
    assert_eq!(told(&desk, zendesk()), (NOW, Some(ClosedBy::Agent), Some("Dana 'DJ' Ito".into())));
    let notice = closed(hear(&desk, zendesk())).notice;
    assert_eq!(
        (notice.language.as_deref(), notice.time_zone.as_deref()),
        (Some("it"), Some("Europe/Rome"))
    );
    let by = |id: &str| told(&desk, with(zendesk(), "/closer_id", json!(id))).1;
    assert_eq!(
        (by("900"), by("-1"), by("7")),
        (Some(ClosedBy::Customer), Some(ClosedBy::Auto), Some(ClosedBy::Agent))
    );
    let mut automatic = zendesk();
    automatic["closed_by"] = json!("auto");
    assert_eq!(told(&desk, automatic).1, Some(ClosedBy::Auto));
    // Two closings without a time are two, by the delivery's header.
    let id = |header| {
        event_id(&hear_with(&desk, &[("X-Zendesk-Webhook-Invocation-Id", header)], zendesk()))
            .to_owned()
    };
    assert_ne!(id("first"), id("second"));
    assert_eq!(id("first"), id("first"));
}

#[test]
fn freshdesks_rule_says_who_and_an_empty_list_is_none() {
    let desk = source("freshdesk", "");
    let body = json!({"ticket_id": "11", "ticket_status": "Resolved", "triggered_event": "{status:{from:2,to:4}}",
        "x_user_id": "343434343434", "agent": "Dana", "tags": "[]", "closed_by": "requester"});
    assert_eq!(told(&desk, body.clone()), (NOW, Some(ClosedBy::Customer), Some("Dana".into())));
    assert!(closed(hear(&desk, body)).notice.tags.is_empty());
}

#[test]
fn a_minute_alone_is_known_as_such() {
    let desk = source("zendesk", "");
    let mut body = zendesk();
    body["updated_at"] = json!("2026-11-22T07:59Z");
    let close = closed(hear(&desk, body.clone()));
    assert_eq!((close.closed_at, close.closed_until()), (Millis(NOW.0 - 60_000), NOW));
    body["status"] = json!("open");
    assert_eq!(reopened(hear(&desk, body.clone())).reopened_at, Millis(NOW.0 - 1));
    body["updated_at"] = json!("2026-11-22T08:00Z");
    assert_eq!(reopened(hear(&desk, body)).reopened_at, NOW, "not later than now");
}
