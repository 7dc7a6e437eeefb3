//! What each desk sends, signed as it signs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Response;
use ring::hmac;
use serde_json::{Value, json};
use surveyd::clock::Clock;
use surveyd::domain::time::Millis;

use crate::harness::help_desk;

pub const SECRET: &str = "surveyd:a secret of the desks";

/// A desk, and what it sends when a conversation closes and when it goes on.
pub struct Desk {
    pub kind: &'static str,
    pub close: Value,
    pub reopening: Value,
    /// Something that is none of our business.
    pub other: Value,
}

fn hex(tag: hmac::Tag) -> String {
    tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sign(algorithm: hmac::Algorithm, secret: &str, signed: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(algorithm, secret.as_bytes()), signed.as_bytes())
}

/// The headers that a desk sends with a body.
pub fn headers(kind: &str, secret: &str, body: &str, now: Millis) -> Vec<(&'static str, String)> {
    let sha1 = |body: &str| sign(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret, body);
    let sha256 = |signed: String| sign(hmac::HMAC_SHA256, secret, &signed);
    let seconds = now.0 / 1_000;
    match kind {
        "chatwoot" => vec![
            ("X-Chatwoot-Timestamp", seconds.to_string()),
            (
                "X-Chatwoot-Signature",
                format!("sha256={}", hex(sha256(format!("{seconds}.{body}")))),
            ),
        ],
        "zendesk" => {
            let at = now.rfc3339();
            let signature = STANDARD.encode(sha256(format!("{at}{body}")));
            vec![
                ("X-Zendesk-Webhook-Signature-Timestamp", at),
                ("X-Zendesk-Webhook-Signature", signature),
            ]
        }
        "intercom" | "zammad" => vec![("X-Hub-Signature", format!("sha1={}", hex(sha1(body))))],
        "helpscout" => vec![
            ("X-HelpScout-Event", "convo.status".into()),
            ("X-HelpScout-Signature", STANDARD.encode(sha1(body))),
        ],
        "front" => vec![
            ("X-Front-Request-Timestamp", now.0.to_string()),
            ("X-Front-Signature", STANDARD.encode(sha256(format!("{}:{body}", now.0)))),
        ],
        "freshdesk" => vec![("Authorization", format!("Basic {}", STANDARD.encode(secret)))],
        "mapped" => vec![("X-Sum", hex(sha256(format!("own:{body}"))))],
        other => panic!("{other}"),
    }
}

/// Posts a body to the source that is called as its kind.
pub async fn post(address: &str, kind: &str, secret: &str, body: &Value) -> Response {
    let body = body.to_string();
    let mut request = help_desk::client().post(format!("http://{address}/v1/sources/{kind}"));
    for (name, value) in headers(kind, secret, &body, Clock::System.now()) {
        request = request.header(name, value);
    }
    request.body(body).send().await.unwrap()
}

pub fn desks(now: Millis) -> Vec<Desk> {
    let seconds = now.0 / 1_000;
    let at = now.rfc3339();
    let id = "343434343434";
    let desk = |kind, close, reopening, other| Desk { kind, close, reopening, other };
    vec![
        desk(
            "chatwoot",
            json!({"event": "conversation_status_changed", "id": 10, "status": "resolved",
                "updated_at": seconds, "meta": {"sender": {"custom_attributes": {"x_user_id": id}}},
                "changed_attributes": [{"status": {"previous_value": "open", "current_value": "resolved"}}]}),
            json!({"event": "message_created", "id": 5, "message_type": "incoming",
                "conversation": {"id": 10}, "created_at": at}),
            json!({"event": "conversation_created", "id": 10}),
        ),
        desk(
            "zendesk",
            json!({"id": "ev-1", "type": "zen:event-type:ticket.status_changed", "time": at,
                "detail": {"id": "5158", "x_user_id": id},
                "event": {"current": "SOLVED", "previous": "OPEN"}}),
            json!({"id": "ev-2", "type": "zen:event-type:ticket.status_changed", "time": at,
                "detail": {"id": "5158"}, "event": {"current": "OPEN", "previous": "SOLVED"}}),
            json!({"id": "ev-3", "type": "zen:event-type:ticket.created", "detail": {"id": "5158"}}),
        ),
        desk(
            "intercom",
            json!({"topic": "conversation.admin.closed", "id": "n-1", "created_at": seconds,
                "data": {"item": {"id": "137", "custom_attributes": {"x_user_id": id}}}}),
            json!({"topic": "conversation.user.replied", "id": "n-2", "created_at": seconds,
                "data": {"item": {"id": "137"}}}),
            json!({"topic": "ping", "id": "n-3", "data": {"item": {"type": "ping"}}}),
        ),
        desk(
            "helpscout",
            json!({"id": 42, "status": "closed", "closedAt": at,
                "customFields": [{"name": "X user id", "value": id}]}),
            json!({"id": 42, "status": "active", "userUpdatedAt": at}),
            json!({"id": 42, "status": "deleted"}),
        ),
        desk(
            "front",
            json!({"id": "evt_1", "type": "archive", "emitted_at": seconds,
                "conversation": {"id": "cnv_1", "custom_fields": {"x_user_id": id}}}),
            json!({"id": "evt_2", "type": "reopen", "emitted_at": seconds, "conversation": {"id": "cnv_1"}}),
            json!({"id": "evt_3", "type": "tag", "conversation": {"id": "cnv_1"}}),
        ),
        desk(
            "zammad",
            json!({"ticket": {"id": 81, "state": "closed", "close_at": at, "customer": {"x_user_id": id}}}),
            json!({"ticket": {"id": 81, "state": "open", "updated_at": at}}),
            json!({"ticket": {"id": 81, "state": "removed"}}),
        ),
        desk(
            "freshdesk",
            json!({"freshdesk_webhook": {"triggered_event": "{status:{from:2,to:4}}", "ticket_id": "11",
                "ticket_status": "Resolved", "ticket_cf_x_user_id": id, "updated_at": at}}),
            json!({"freshdesk_webhook": {"triggered_event": "{status:{from:4,to:2}}", "ticket_id": "11",
                "updated_at": at}}),
            json!({"freshdesk_webhook": {"triggered_event": "{priority:{from:1,to:2}}", "ticket_id": "11"}}),
        ),
        desk(
            "mapped",
            json!({"talk": "t-1", "state": "over", "who": {"x": id}, "when": at}),
            json!({"talk": "t-1", "state": "on", "when": at}),
            json!({"talk": "t-1", "state": "paused"}),
        ),
    ]
}

/// A source of every kind, each called as its kind.
pub fn sources() -> String {
    let named = |kind: &str, more: &str| {
        format!("[[sources]]\nname = \"{kind}\"\nkind = \"{kind}\"\naccount = \"acme\"\n{more}\n")
    };
    let secret = format!("secret = [\"an old secret:x\", \"{SECRET}\"]");
    let kinds = ["chatwoot", "zendesk", "intercom", "helpscout", "front", "zammad", "freshdesk"];
    let mut text: String = kinds.iter().map(|kind| named(kind, &secret)).collect();
    let mapped = "signature = \"hmac-sha256\"\nsignature_header = \"X-Sum\"\nsigned = \"own:{body}\"\n\
         closed = { \"/state\" = \"over\" }\nreopened = { \"/state\" = \"on\" }\n\
         conversation_id = \"/talk\"\nuser_id = \"/who/x\"\nclosed_at = \"/when\"\nreopened_at = \"/when\"";
    text += &named("mapped", &format!("{secret}\n{mapped}"));
    text += &named("freshchat", &format!("secret = \"{FRESHCHAT_KEY}\""));
    text
}

// Sent by Freshchat itself (nyaruka/courier, freshchat_test.go).
pub const FRESHCHAT_KEY: &str = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAuGJLF4hTTtxWogT6dNkGf3CEgLAR2mGJzlds5cNbrHFoJNFnmVhkRYGzLYxx4EtDiezNCZVHfyMI2AKuNSQW2fEdDatVIG+q3Zr/X9eeDl8kQOGy804J/fgCYDrN8RQu0n5Dh1inv4puca0wb29SCvoAwrWb33ehDBIvv6+rUKBdjtv2xTV65kNiVDo5VRCaYRVeE10osxeONgw55HVY4nczuxnR+dmc2282de6WHe5LXtr0ZBdJ8yttFOLIluZ/sNM5DIWZBkIWQhyT581tbA7bTpsIbrT/IMBlmioIILw8WGtI7zcmNkjU5dnq5HnlVKEDhj/Ug/dLiyno8+Vp7QIDAQAB";
pub const FRESHCHAT_SIGNATURE: &str = "AhrmypOSWoewHG6LmIRuWjxyokuMDmPklrSU9p0gpUNjdSRCJzvpL6rjuTi5poV/ZLzWRWNM7X9yWjT5m9YFPshYrvigcd1ph4Ot2xmaJGYoUNJHijQccE6oDtDIp6i/8oLRafHgObQnGukZWPbP9OE5EiKz/VcsMP0Wv7hawI/sfIviM0w+6fNOKXWi0jDBH9ap1mj5CqOUOojni7OD5iYmIrjV/h33dyNmbvAta9E+trzcEhYqxfHIN4Z8R2FsatfRHWicoQ4PE5cQ8+UONVya8qr85nQ9w8N7Ql7yNg9fEViYG4/W/JnGEbPPEf8WrYtKzoVyuupDz4mVHdfKWg==";
pub const FRESHCHAT_BODY: &str = r#"{"actor":{"actor_type":"user","actor_id":"882f3926-b292-414b-a411-96380db373cd"},"action":"message_create","action_time":"2019-06-21T17:43:20.875Z","data":{"message":{"message_parts":[{"text":{"content":"Test 2"}}],"app_id":"55b190fa-5d3c-45c4-bc49-74ddcfcf53d7","actor_id":"882f3926-b292-414b-a411-96380db373cd","id":"7a454fde-c720-4c97-a61d-0ffe70449eb6","channel_id":"c8fddfaf-622a-4a0e-b060-4f3ccbeab606","conversation_id":"c327498e-f713-481e-8d83-0603e03d2521","message_type":"normal","actor_type":"user","created_time":"2019-06-21T17:43:20.866Z"}}}"#;
