//! Who may call: keys, clock, signature, nonce.

use super::*;
use crate::sandbox::config::SandboxAccount;

const VERIFY: &str = "/1.1/account/verify_credentials.json";

#[test]
fn a_well_signed_call_is_answered_with_whose_keys_they_are() {
    let mut stage = Stage::quiet();
    let reply = stage.get(VERIFY);
    assert_eq!(reply.status, 200);
    assert_eq!(
        json(&reply),
        serde_json::json!({
            "id": 1_212_121_212_121_u64, "id_str": "1212121212121", "name": "acme", "screen_name": "acme",
        })
    );
    assert_eq!(stage.world.refused().len(), 0);
}

#[test]
fn several_accounts_of_one_app_are_told_apart_by_their_tokens() {
    let mut second = SandboxAccount::named(99, "globex");
    let mut stage = Stage::with(|config| {
        second.consumer_key = config.accounts[0].consumer_key.clone();
        second.consumer_secret = config.accounts[0].consumer_secret.clone();
        config.accounts.push(second.clone());
    });
    stage.account = second;
    assert_eq!(json(&stage.get(VERIFY))["screen_name"], "globex");
}

#[test]
fn a_call_without_or_with_a_garbled_header_has_bad_authentication_data() {
    let mut stage = Stage::quiet();
    for authorization in [None, Some("Bearer abc"), Some("OAuth garbled")] {
        let mut request = stage.signed("GET", VERIFY, &[]);
        request.authorization = authorization.map(str::to_owned);
        assert_eq!(refused(&answered(stage.world.take(&request, stage.now))), (400, 215));
    }
}

#[test]
fn wrong_keys_and_unknown_tokens_are_told_apart() {
    let mut stage = Stage::quiet();
    let right = stage.account.clone();
    stage.account.consumer_secret.push('x');
    assert_eq!(refused(&stage.get(VERIFY)), (401, 32));
    stage.account = SandboxAccount { consumer_key: "nobody".to_owned(), ..right.clone() };
    assert_eq!(refused(&stage.get(VERIFY)), (401, 32));
    stage.account = SandboxAccount { access_token: "revoked".to_owned(), ..right };
    assert_eq!(refused(&stage.get(VERIFY)), (401, 89));
}

#[test]
fn a_changed_body_a_changed_query_or_another_host_breaks_the_signature() {
    let mut stage = Stage::quiet();
    let form = fields("5", &[]);
    let mut body = stage.signed("POST", CREATE, &form);
    body.body.extend(b"&x=1");
    let mut query = stage.signed("GET", "/2/users?ids=5", &[]);
    query.query = "ids=6".to_owned();
    let mut host = stage.signed("GET", VERIFY, &[]);
    host.host = "127.0.0.1:8481".to_owned();
    for (request, code) in [(body, Some(32)), (query, None), (host, Some(32))] {
        let reply = answered(stage.world.take(&request, stage.now));
        assert_eq!(reply.status, 401);
        assert_eq!(
            json(&reply)["errors"][0]["code"].as_u64(),
            code,
            "the second version has no codes"
        );
    }
    assert_eq!(stage.world.prompts().len(), 0);
    let note = &stage.world.refused().last().unwrap().refusal.note;
    assert!(
        note.starts_with("the signature should be that of GET&http%3A%2F%2F127.0.0.1%3A8481%2F1.1"),
        "{note}"
    );
}

#[test]
fn the_same_parameter_twice_is_refused_though_well_signed() {
    let mut stage = Stage::quiet();
    assert_eq!(refused(&stage.get("/1.1/feedback/events.json?count=5&count=5")), (401, 32));
    let mut form = fields("5", &[]);
    form.push(("type", "nps"));
    assert_eq!(refused(&stage.reply("POST", CREATE, &form)), (401, 32));
    assert_eq!(
        refused(&stage.reply("POST", &format!("{CREATE}?type=csat"), &fields("5", &[]))),
        (401, 32)
    );
}

#[test]
fn a_timestamp_may_be_five_minutes_off_and_no_more() {
    let mut stage = Stage::quiet();
    for (off, status) in [(-301, 401), (-300, 200), (300, 200), (301, 401)] {
        let mut request = unsigned("GET", HOST, VERIFY, &[]);
        sign(&mut request, &stage.account, &format!("off{off}"), seconds(stage.now) + off);
        let reply = answered(stage.world.take(&request, stage.now));
        assert_eq!(reply.status, status, "{off}");
        if status == 401 {
            assert_eq!(refused(&reply), (401, 135));
            assert_eq!(
                reply.header("date"),
                Some("Mon, 21 Sep 2026 14:13:20 GMT"),
                "so that clients can set theirs"
            );
        }
    }
}

#[test]
fn a_nonce_is_good_once_and_only_a_true_signature_uses_it_up() {
    let mut stage = Stage::quiet();
    let request = stage.signed("GET", VERIFY, &[]);
    let mut forged = request.clone();
    forged.query = "a=1".to_owned();
    assert_eq!(answered(stage.world.take(&forged, stage.now)).status, 401);
    assert_eq!(answered(stage.world.take(&request, stage.now)).status, 200);
    assert_eq!(refused(&answered(stage.world.take(&request, stage.now))), (401, 32));
    stage.after_seconds(300);
    assert_eq!(refused(&answered(stage.world.take(&request, stage.now))), (401, 32));
    stage.after_seconds(1);
    assert_eq!(refused(&answered(stage.world.take(&request, stage.now))), (401, 135));
}

#[test]
fn an_unknown_path_does_not_exist_whoever_asks() {
    let mut stage = Stage::quiet();
    for (method, target) in
        [("GET", "/1.1/feedback/list.json"), ("GET", CREATE), ("POST", "/2/users")]
    {
        assert_eq!(refused(&stage.reply(method, target, &[])), (404, 34));
    }
}
