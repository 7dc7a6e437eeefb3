use serde_json::json;

use super::*;

#[test]
fn mixed_types_and_squeezed_dates_are_read() {
    let body = br#"{"events":[{"event_type":"feedback.updated","created_at":"SatDec1517:58:20+00002015",
        "feedback":{"id":9007199254740993123,"type":"nps","question_variant_id":"3","test":"true",
        "to_user_id":343434,"external_id":"t","updated_at":"Tue Dec 15 17:58:20 +0000 2015",
        "response":{"score":{"created_at":"Tue Dec 15 17:59:00 +0000 2015","value":"9"},"text":null},
        "brand_new_field":{"x":1}}}],"next_cursor":""}"#;
    let page = events(body).unwrap();
    assert_eq!(page.next_cursor, None);
    let update = &page.updates[0];
    assert_eq!(update.id.as_str(), "9007199254740993123");
    assert_eq!(update.object.question_variant_id, Some(3));
    assert_eq!(update.object.to_user_id.as_deref(), Some("343434"));
    assert!(update.object.test);
    assert_eq!(update.object.updated_at, Millis(1_450_202_300_000));
    let score = update.score.as_ref().unwrap();
    assert_eq!((score.value, score.given_at), (9, Millis(1_450_202_340_000)));
    assert_eq!(update.text, None);
    assert!(update.object.raw.contains("brand_new_field"));
    assert!(!update.object.raw.contains("response"));
}

#[test]
fn an_event_of_an_unknown_kind_is_kept_as_it_came() {
    let body = br#"{"events":[{"event_type":"feedback.dismissed","feedback":{"id":"1"}}],"next_cursor":"7"}"#;
    let page = events(body).unwrap();
    assert!(page.updates.is_empty());
    assert!(page.unknown[0].contains("feedback.dismissed"));
    assert_eq!(page.unreadable, 0);
    assert_eq!(page.next_cursor.as_deref(), Some("7"));
}

#[test]
fn what_may_tell_of_feedback_and_cannot_be_read_proves_nothing() {
    let page =
        |items: &str| events(format!(r#"{{"events":[{items}],"next_cursor":""}}"#).as_bytes());
    for (items, unreadable) in [
        (r#""x","x""#, 2),
        ("{}", 1),
        (r#"{"feedback":{"id":"1"}}"#, 1),
        (r#"{"event_type":"feedback.new","feedback":{"name":"c-1"}}"#, 1),
        (r#"{"event_type":"feedback.new","feedback":"c-1"}"#, 1),
        (r#"{"event_type":"feedback.created","feedback":{"id":"-7","updated_at":7}}"#, 1),
        (r#"{"event_type":"feedback.new","feedback":{"id":"1"}}"#, 0),
        (r#"{"event_type":"message.new"}"#, 0),
    ] {
        let page = page(items).unwrap();
        assert_eq!((page.unreadable, page.updates.len()), (unreadable, 0), "{items}");
        assert!(!page.unknown.is_empty());
    }
}

#[test]
fn only_an_empty_cursor_is_the_sign_of_the_end() {
    let page = |next: &str| events(format!(r#"{{"events":[]{next}}}"#).as_bytes());
    for (next, unreadable) in [
        (r#","next_cursor":"""#, Some(0)),
        (r#","next_cursor":"7""#, Some(0)),
        ("", Some(1)),
        (r#","next_cursor":null"#, Some(1)),
        (r#","next_cursor":false"#, None),
    ] {
        assert_eq!(page(next).map(|page| page.unreadable), unreadable, "{next}");
    }
}

#[test]
fn an_id_that_is_none_names_nobody() {
    for (id, person) in [
        (r#""4242""#, Some("4242")),
        ("4242", Some("4242")),
        (r#""0042""#, Some("42")),
        (r#"" 4242 ""#, Some("4242")),
        ("4242.0", None),
        (r#""4242.0""#, None),
        (r#""""#, None),
        (r#""@ana""#, None),
        ("0", None),
        ("null", None),
        ("[4242]", None),
    ] {
        let body = format!(
            r#"{{"events":[{{"event_type":"feedback.created","created_at":7,
            "feedback":{{"id":"1","external_id":"c-1","to_user_id":{id}}}}}],"next_cursor":""}}"#
        );
        let page = events(body.as_bytes()).unwrap();
        let told = page.updates[0].object.to_user_id.as_deref();
        assert_eq!((told, page.unreadable), (person, 0), "{id}");
    }
}

#[test]
fn feedback_is_shown_by_an_event_of_any_kind() {
    for kind in [r#""event_type":"feedback.sent","#, ""] {
        let body = format!(
            r#"{{"events":[{{{kind}"created_at":1700000000000,"feedback":{{"id":"1","to_user_id":"3",
            "external_id":"c-1"}}}}],"next_cursor":""}}"#
        );
        let page = events(body.as_bytes()).unwrap();
        assert_eq!((page.updates.len(), page.unknown.len(), page.unreadable), (1, 1, 0));
        assert_eq!(page.updates[0].object.external_id.as_deref(), Some("c-1"));
    }
}

#[test]
fn an_event_of_a_new_kind_is_kept_beside_its_feedback_and_not_with_it() {
    let event = r#"{"event_type":"feedback.sent","feedback":{"much":[1,2],"id":"1","to_user_id":"3",
        "updated_at":7,"response":{"new":"part"}},"of":"X"}"#;
    let page = events(format!(r#"{{"events":[{event}],"next_cursor":""}}"#).as_bytes()).unwrap();
    let kept: Value = serde_json::from_str(&page.unknown[0]).unwrap();
    let feedback = json!({"id": "1", "to_user_id": "3", "response": {"new": "part"}});
    assert_eq!(kept, json!({"event_type": "feedback.sent", "feedback": feedback, "of": "X"}));
    assert!(page.updates[0].object.raw.contains("much"), "{}", page.updates[0].object.raw);
}

#[test]
fn one_id_for_two_prompts_tells_of_one_at_most() {
    let event = |person: &str, name: &str| {
        format!(
            r#"{{"event_type":"feedback.created","created_at":7,
            "feedback":{{"id":"1","to_user_id":{person},"external_id":{name}}}}}"#
        )
    };
    let count = |other: String| {
        let items = [event("\"3\"", "\"c-1\""), other].join(",");
        let body = format!(r#"{{"events":[{items}],"next_cursor":""}}"#);
        events(body.as_bytes()).unwrap().unreadable
    };
    assert_eq!(count(event("\"3\"", "\"c-1\"")), 0);
    assert_eq!(count(event("null", "null")), 0, "X's documents show feedback without its person");
    assert_eq!(count(event("\"4\"", "\"c-1\"")), 1);
    assert_eq!(count(event("\"3\"", "\"c-2\"")), 1);
}

#[test]
fn a_page_that_says_that_a_part_is_missing_is_none() {
    let page = |errors: &str| events(format!(r#"{{"events":[],"errors":{errors}}}"#).as_bytes());
    assert!(page(r#"[{"code":131,"message":"Internal error"}]"#).is_none());
    assert!(page("[]").is_some() && page("null").is_some());
    let page = |more: &str| {
        events(format!(r#"{{"events":[],"next_cursor":"",{more}}}"#).as_bytes()).is_some()
    };
    assert!(!page(r#""error":"partial""#) && !page(r#""error":{"code":130}"#));
    assert!(page(r#""error":null"#) && page(r#""odd":1,"odd":2"#));
    assert!(!page(r#""events":[]"#) && !page(r#""next_cursor":"7""#));
}

#[test]
fn an_event_that_cannot_be_read_is_counted() {
    let body =
        br#"{"events":[{"event_type":"feedback.created","feedback":{"id":"1"}}],"next_cursor":""}"#;
    let page = events(body).unwrap();
    assert!(page.updates.is_empty());
    assert_eq!((page.unknown.len(), page.unreadable), (1, 1));
}

#[test]
fn nothing_that_is_read_holds_the_character_that_postgresql_cannot() {
    let body = br#"{"events":[{"event_type":"feedback.updated","feedback":{"id":"1",
        "updated_at":"Tue Dec 15 17:58:20 +0000 2015","external_id":"t\u0000","to_user_id":"3\u0000",
        "dm_id":"4\u0000","type":"nps\u0000",
        "response":{"text":{"value":"so \u0000so"}}}},
        {"event_type":"feedback.updated","feedback":{"id":"2\u0000",
        "updated_at":"Tue Dec 15 17:58:20 +0000 2015"}}],"next_cursor":""}"#;
    let page = events(body).unwrap();
    assert_eq!((page.updates.len(), page.unknown.len(), page.unreadable), (1, 1, 1));
    let update = &page.updates[0];
    assert_eq!(update.text.as_ref().unwrap().value, "so so");
    let object = &update.object;
    let names = [&object.external_id, &object.to_user_id, &object.dm_id, &object.kind];
    assert!(names.into_iter().all(Option::is_none), "{object:?}");
    assert!(!object.raw.contains('\0') && !page.unknown[0].contains('\0'));
}

#[test]
fn people_whom_x_leaves_out_cannot_be_messaged() {
    let id = |id: &str| UserId::parse(id).unwrap();
    let body = br#"{"data":[{"id":"3","receives_your_dm":false},{"id":"1","receives_your_dm":true}],
        "errors":[{"resource_id":"4","title":"Forbidden","detail":"User has been suspended: [4]."}]}"#;
    let people = users(body, &[id("1"), id("2"), id("3"), id("4")]).unwrap();
    assert_eq!(people[&id("1")], Ok(CanDm));
    assert_eq!(people[&id("2")], Err(Reason::CannotDm));
    assert_eq!(people[&id("3")], Err(Reason::CannotDm));
    assert_eq!(people[&id("4")], Err(Reason::Suspended));
}

#[test]
fn of_whom_x_says_nothing_nothing_is_known_and_the_others_are_judged() {
    let id = |id: &str| UserId::parse(id).unwrap();
    let of = |body: &str| users(body.as_bytes(), &[id("1"), id("2"), id("3")]);
    let people = of(r#"{"data":[{"id":"1","receives_your_dm":true},{"id":"2"},
        {"id":"3","receives_your_dm":null}]}"#);
    assert_eq!(people, Some(BTreeMap::from([(id("1"), Ok(CanDm))])));
    assert_eq!(of(r#"{"data":[{"id":"1"},{"id":"2"},{"id":"3"}]}"#), None);
}

#[test]
fn an_answer_that_is_not_xs_is_none() {
    assert!(created(b"<html>", Millis(7)).is_none());
    assert!(created(b"{}", Millis(7)).is_none());
    let undated = created(br#"{"id":"900"}"#, Millis(7)).unwrap();
    assert_eq!((undated.id.as_str(), undated.object.updated_at), ("900", Millis(7)));
    assert!(relationship(br#"{"relationship":{"source":{"can_dm":null}}}"#).is_none());
    assert!(events(br#"{"next_cursor":""}"#).is_none());
}

/// A page of one event about feedback 1, with these members beside what must be there.
fn told(members: &str) -> EventsPage {
    let body = format!(
        r#"{{"events":[{{"event_type":"feedback.updated","created_at":1700000000000,
        "feedback":{{"id":"1"{members}}}}}],"next_cursor":""}}"#
    );
    events(body.as_bytes()).unwrap()
}

#[test]
fn a_page_of_more_items_than_x_was_asked_for_ten_times_over_is_none() {
    let page = |count: usize| {
        let items = vec!["{}"; count].join(",");
        format!(r#"{{"events":[{items}],"next_cursor":""}}"#)
    };
    assert_eq!(events(page(ITEMS_MOST).as_bytes()).unwrap().unknown.len(), ITEMS_MOST);
    assert!(events(page(ITEMS_MOST + 1).as_bytes()).is_none());
    let people = format!(r#"{{"data":[{}]}}"#, vec!["{}"; ITEMS_MOST + 1].join(","));
    assert!(users(people.as_bytes(), &[]).is_none());
}

#[test]
fn a_cursor_of_more_than_four_kibibytes_cannot_be_read() {
    let page = |length: usize| {
        events(format!(r#"{{"events":[],"next_cursor":"{}"}}"#, "c".repeat(length)).as_bytes())
    };
    assert_eq!(page(CURSOR_MOST).unwrap().next_cursor.unwrap().len(), CURSOR_MOST);
    assert!(page(CURSOR_MOST + 1).is_none() && page(10 * CURSOR_MOST).is_none());
}

#[test]
fn a_long_comment_is_cut_and_says_so_always_in_the_same_place() {
    let comment = |text: &str| {
        let part = serde_json::json!({"text": {"value": text}, "score": {"value": 4}});
        let update = told(&format!(r#","response":{part}"#)).updates.pop().unwrap();
        assert!(!update.object.raw.contains("response") && update.score.is_some());
        update.text.unwrap().value
    };
    let whole = "é".repeat(COMMENT_MOST / 2);
    assert_eq!(comment(&whole), whole);
    let long = "é".repeat(1_000_000);
    let cut = comment(&long);
    assert_eq!(cut, comment(&long));
    assert!(cut.len() <= COMMENT_MOST, "{}", cut.len());
    let kept = cut.strip_suffix(" [cut by surveyd: 2000000 bytes]").unwrap();
    assert!(long.starts_with(kept) && kept.len() > COMMENT_MOST - 100);
    assert_ne!(cut, comment(&format!("{long}!")), "another text stays another");
}

#[test]
fn an_object_too_large_to_keep_is_read_and_kept_by_its_beginning_and_its_hash() {
    let odd = |character: &str| format!(r#","odd":"{}""#, character.repeat(RAW_MOST));
    let large = || odd("x") + r#","external_id":"c-1","response":{"score":{"value":4}}"#;
    let update = told(&large()).updates.pop().unwrap();
    assert_eq!(update.score.unwrap().value, 4);
    assert_eq!(update.object.external_id.as_deref(), Some("c-1"));
    let raw: Value = serde_json::from_str(&update.object.raw).unwrap();
    let cut = &raw["cut_by_surveyd"];
    assert!(cut["begins"].as_str().unwrap().starts_with(r#"{"id":"1","odd":"xx"#), "{cut}");
    assert_eq!(cut["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(told(&large()).updates.pop().unwrap().object.raw, update.object.raw);
    assert_ne!(told(&odd("y")).updates.pop().unwrap().object.raw, update.object.raw);

    let unknown = format!(r#"{{"events":[{{"event_type":"new"{}}}]}}"#, odd("z"));
    let page = events(unknown.as_bytes()).unwrap();
    assert!(page.unknown[0].contains("cut_by_surveyd"), "{}", page.unknown[0]);
    assert!(page.unknown[0].len() < RAW_MOST);
}

#[test]
fn whatever_nests_or_numbers_without_end_spoils_nothing_else() {
    let deep = format!("{}{}", "[".repeat(300_000), "]".repeat(300_000));
    let wide = format!("[{}]", vec!["{\"a\":[]}"; 100_000].join(","));
    let long = "9".repeat(400_000);
    for odd in [&deep, &wide, &long] {
        let page = told(&format!(
            r#","odd":{odd},"response":{{"text":{{"value":{odd}}},"score":{{"value":5}}}}"#
        ));
        let update = &page.updates[0];
        assert_eq!(update.score.as_ref().unwrap().value, 5);
        assert_eq!(update.text, None);
        assert!(update.object.raw.len() <= RAW_MOST);
    }
}

#[test]
fn a_name_longer_than_any_of_xs_is_none() {
    let long = "n".repeat(NAME_MOST + 1);
    let fields = ["to_user_id", "external_id", "type", "dm_id"];
    let members: String = fields.iter().map(|name| format!(r#","{name}":"{long}""#)).collect();
    let object = told(&members).updates.pop().unwrap().object;
    let names = [&object.external_id, &object.to_user_id, &object.dm_id, &object.kind];
    assert!(names.into_iter().all(Option::is_none), "{names:?}");
    assert_eq!(
        told(r#","external_id":"c-1""#).updates[0].object.external_id.as_deref(),
        Some("c-1")
    );
}
