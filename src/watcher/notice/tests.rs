use serde_json::json;

use super::faults::POINTER_CHARACTERS_MAX;
use super::*;

const NOW: Millis = Millis(1_795_334_400_000);

fn origin(account: Option<&'static str>) -> Origin<'static> {
    Origin { source: "desk", account, accounts: &[], now: NOW }
}

fn faults(notice: Value) -> Vec<(String, String)> {
    let faults = read(&notice, origin(None)).expect_err("the notice is faulty");
    faults.first.into_iter().map(|fault| (fault.pointer, fault.detail)).collect()
}

/// A sound close with what it says otherwise.
fn close(data: Value) -> Value {
    let mut whole = json!({"account": "acme", "conversation_id": "c", "user_id": "77"});
    for (name, value) in data.as_object().unwrap() {
        whole[name] = value.clone();
    }
    json!({"type": "conversation.closed", "timestamp": "2026-11-22T07:00:00Z", "data": whole})
}

fn said(data: Value) -> Close {
    match read(&close(data), origin(None)) {
        Ok(CloseEvent::Closed(close)) => *close,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_mark_before_json_is_none_of_it_and_what_is_compressed_is_called_so() {
    assert_eq!(json("\u{feff}{\"a\": 1}".as_bytes()), Ok(json!({"a": 1})));
    let wrong = |body: &[u8]| super::json(body).unwrap_err();
    assert_eq!(wrong(&[0x1f, 0x8b, 8, 0]).why, "the body is compressed (gzip): send it as it is");
    let cut = wrong(b"{\"a\":\n \"Dana \"DJ\" Ito\"}");
    assert_eq!(cut.place.as_deref(), Some("line 2, column 9"));
    assert!(cut.why.starts_with("the body is no JSON: expected `,` or `}`"), "{}", cut.why);
    assert_eq!(cut.why.matches("column").count(), 1, "{}", cut.why);
}

#[test]
fn a_whole_notice_is_read() {
    let notice = json!({
        "type": "conversation.closed", "timestamp": "2026-11-22T08:00:00Z", "brand_new": 1,
        "data": {"account": "acme", "conversation_id": 42, "user_id": 343434343434_u64,
            "closed_at": "2026-11-22T08:59:58+01:00", "agent": "dana", "team": "billing",
            "tags": ["vip"], "language": "es", "first_name": "Ana", "closed_by": "agent",
            "agent_messages": 4, "last_message_at": "2026-11-22T07:30:00Z",
            "time_zone": "Europe/Madrid", "attributes": {"order": "77", "n": 3, "x": true}},
    });
    let CloseEvent::Closed(close) = read(&notice, origin(None)).unwrap() else { panic!() };
    assert_eq!(close.conversation_id.as_str(), "42");
    assert_eq!(close.person(), "343434343434");
    assert_eq!(close.closed_at.rfc3339(), "2026-11-22T07:59:58.000Z");
    assert_eq!(close.notice.tags, ["vip"]);
    assert_eq!(close.notice.attributes["n"], "3");
    assert_eq!(close.notice.closed_by, Some(ClosedBy::Agent));
    let last_message_at = close.notice.last_message_at.map(Millis::rfc3339);
    assert_eq!(last_message_at.as_deref(), Some("2026-11-22T07:30:00.000Z"));
    assert_eq!(close.notice.time_zone.as_deref(), Some("Europe/Madrid"));
}

#[test]
fn every_fault_is_told_at_once() {
    let notice = json!({"type": "conversation.closed", "timestamp": "yesterday",
        "data": {"user_id": "abc", "tags": "vip", "agent": 7, "agent_messages": -1,
            "closed_by": "me", "attributes": {"a/b": []}}});
    let pointers: Vec<String> = faults(notice).into_iter().map(|(at, _)| at).collect();
    let expected = [
        "/data/account",
        "/data/conversation_id",
        "/data/user_id",
        "/timestamp",
        "/data/agent",
        "/data/closed_by",
        "/data/tags",
        "/data/agent_messages",
        "/data/attributes/a~1b",
    ];
    assert_eq!(pointers, expected);
}

#[test]
fn what_is_missing_is_looked_for_under_nearly_its_name() {
    let notice = json!({"type": "conversation.closed", "timeStamp": "2026-11-22T07:00:00Z",
        "conversation_id": "c", "data": {"account": "acme", "userId": "77"}});
    let expected = [
        (
            "/data/conversation_id",
            "is missing; /conversation_id is not read: did you mean /data/conversation_id?",
        ),
        ("/data/user_id", "is missing; /data/userId is not read: did you mean /data/user_id?"),
        (
            "/data/closed_at",
            "is missing, and so is timestamp; /timeStamp is not read: did you mean /timestamp?",
        ),
    ];
    assert_eq!(faults(notice), expected.map(|(at, why)| (at.to_owned(), why.to_owned())));
    // Alone it is no fault.
    assert_eq!(said(json!({"closedBy": "bot"})).notice.closed_by, None);
}

#[test]
fn a_zone_by_its_name_at_rails_is_that_zone() {
    let zone = |name: &str| said(json!({"time_zone": name})).notice.time_zone.unwrap();
    assert_eq!(zone("Eastern Time (US & Canada)"), "America/New_York");
    assert_eq!(zone("Asia/Tokyo"), "Asia/Tokyo");
    assert_eq!(zone("Mars"), "Mars");
}

#[test]
fn a_close_cannot_lie_ahead() {
    let at = |closed_at: &str| {
        json!({"type": "conversation.closed",
            "data": {"account": "a", "conversation_id": "c", "user_id": "1", "closed_at": closed_at}})
    };
    assert!(read(&at(&Millis(NOW.0 + AHEAD_MS).rfc3339()), origin(None)).is_ok());
    let found = faults(at(&Millis(NOW.0 + AHEAD_MS + 1).rfc3339()));
    assert_eq!(found[0].0, "/data/closed_at");
}

#[test]
fn what_is_no_notice_is_refused() {
    assert_eq!(faults(json!([]))[0].1, "must be a JSON object");
    let found = faults(json!({"type": "conversation.exploded", "data": {"account": "a",
        "conversation_id": "c", "user_id": "1"}}));
    assert_eq!(found[0].0, "/type");
    let found = faults(json!({"type": "conversation.closed", "data": {"account": "a",
        "conversation_id": "c\u{0}", "user_id": "1", "closed_at": "2026-11-22T08:00:00Z"}}));
    assert_eq!(found[0].0, "/data/conversation_id");
}

#[test]
fn a_reopening_cannot_lie_ahead() {
    let at = |timestamp: Millis| {
        json!({"type": "conversation.reopened", "timestamp": timestamp.rfc3339(),
            "data": {"account": "acme", "conversation_id": "c"}})
    };
    assert!(read(&at(Millis(NOW.0 + AHEAD_MS)), origin(None)).is_ok());
    assert_eq!(faults(at(Millis(NOW.0 + AHEAD_MS + 1)))[0].0, "/timestamp");
}

#[test]
fn a_reopening_needs_no_person() {
    let notice = json!({"type": "conversation.reopened", "timestamp": "2026-11-22T08:00:00Z",
        "data": {"conversation_id": "c"}});
    let said = read(&notice, origin(Some("acme"))).unwrap();
    assert!(matches!(said, CloseEvent::Reopened(reopening) if reopening.account == "acme"));
}

#[test]
fn one_person_has_one_id_or_the_notice_is_refused() {
    for id in
        [json!("77"), json!(77), json!("9223372036854775807"), json!(9_007_199_254_740_993_u64)]
    {
        assert_eq!(said(json!({"user_id": id})).person(), id.to_string().trim_matches('"'));
    }
    let numbers = ["77.0", "7.7e1", "1e3", "-77", "0", "-0", "99999999999999999999"];
    let numbers = numbers.map(|number| serde_json::from_str::<Value>(number).unwrap());
    let texts =
        ["077", "0000077", "0", "00", "+77", "-77", " 77", "77 ", "7 7", "７７", "٧٧", "77.0"];
    let texts = texts.into_iter().chain([
        "7.7e1",
        "0x4d",
        "77\n",
        "77\u{200b}",
        "12345678901234567890",
        "",
    ]);
    for id in texts.map(Value::from).chain(numbers).chain([json!(true), json!(["77"])]) {
        let found = faults(close(json!({"user_id": id})));
        assert_eq!(found.len(), 1, "{id}");
        assert_eq!(found[0].0, "/data/user_id", "{id}");
    }
}

#[test]
fn a_source_speaks_for_its_own_accounts_alone() {
    let (acme, both) = (["acme".to_owned()], ["acme".to_owned(), "globex".to_owned()]);
    let found = |notice: &Value, accounts, account| {
        let origin = Origin { source: "desk", account, accounts, now: NOW };
        read(notice, origin).map_err(|faults| faults.to_string())
    };
    let globex = close(json!({"account": "globex"}));
    let reopening = json!({"type": "conversation.reopened", "timestamp": "2026-11-22T07:00:00Z",
        "data": {"account": "globex", "conversation_id": "c"}});
    for notice in [&globex, &reopening] {
        let refused = "/data/account names account \"globex\", and this source is for acme alone";
        assert_eq!(found(notice, &acme, Some("acme")), Err(refused.to_owned()));
        assert!(found(notice, &both, Some("acme")).is_ok());
        assert!(found(notice, &both, None).is_ok());
        assert!(found(notice, &[], None).is_ok());
    }
    let unnamed = close(json!({"account": null}));
    assert!(found(&unnamed, &both, None).is_err());
    assert!(found(&unnamed, &acme, Some("acme")).is_ok());
}

#[test]
fn what_is_too_long_or_too_much_is_refused_and_what_just_fits_is_taken() {
    let long = |length: usize| "é".repeat(length);
    let many = |count: usize| -> serde_json::Map<String, Value> {
        (0..count).map(|n| (n.to_string(), json!("x"))).collect()
    };
    for name in ["agent", "team", "language", "time_zone"] {
        said(json!({name: long(200)}));
        assert_eq!(
            faults(close(json!({name: long(201)}))),
            [(format!("/data/{name}"), "has 201 characters, and 200 are the most".into())]
        );
    }
    for (name, fits, beyond, place) in [
        ("tags", json!(vec![long(200); 200]), json!(vec!["x"; 201]), "/data/tags"),
        ("tags", json!([long(200)]), json!([long(201)]), "/data/tags/0"),
        ("attributes", json!(many(50)), json!(many(51)), "/data/attributes"),
        ("attributes", json!({"a": long(500)}), json!({"a": long(501)}), "/data/attributes/a"),
    ] {
        said(json!({name: fits}));
        let found = faults(close(json!({name: beyond})));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, place);
    }
    let named = |length| faults(close(json!({"attributes": {long(length): "x"}})));
    assert_eq!(said(json!({"attributes": {long(200): "x"}})).notice.attributes.len(), 1);
    assert!(named(201)[0].1.starts_with("has a name that has 201 characters"));
    assert!(named(100_000)[0].0.chars().count() <= POINTER_CHARACTERS_MAX);
}

#[test]
fn a_name_is_made_fit_for_a_message() {
    let name = |name: &str| said(json!({"first_name": name})).notice.first_name;
    assert_eq!(name("Ana\n\u{202E}https://evil.example").as_deref(), Some("Ana"));
    assert_eq!(name(&"a".repeat(9_900)), Some("a".repeat(64)));
    assert_eq!(name("@evil"), None);
}

#[test]
fn a_hundred_faults_are_told_and_the_others_counted() {
    let refused = read(&close(json!({"tags": vec![7; 100_000]})), origin(None)).unwrap_err();
    assert_eq!((refused.first.len(), refused.more), (100, 99_901));
    let told = refused.to_string();
    assert!(told.len() < 10_000 && told.ends_with("; and 99901 more"), "{}", told.len());
}
