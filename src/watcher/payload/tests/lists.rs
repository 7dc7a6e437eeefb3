//! Several events in one delivery.

use super::*;

const LIST: &str = "signature = \"none\"\neach = \"/*\"\n\
     closed = { \"/propertyName\" = \"status\", \"/propertyValue\" = \"CLOSED\" }\n\
     reopened = { \"/propertyName\" = \"status\", \"/propertyValue\" = \"OPEN\" }\n\
     conversation_id = \"/objectId\"\nuser_id = \"/x_user_id\"\nclosed_at = \"/occurredAt\"\n";

fn event(id: u32, value: &str, person: &str) -> Value {
    json!({"objectId": id, "propertyName": "status", "propertyValue": value,
        "occurredAt": NOW.0 - i64::from(id), "x_user_id": person})
}

fn hear_all(source: &Source, body: Value) -> Result<Vec<MappedEvent>, NoticeFaults> {
    let raw = body.to_string();
    let origin = Origin { source: "desk", account: Some("acme"), accounts: &[], now: NOW };
    read(source.mapping.as_ref().unwrap(), body, raw.as_bytes(), &|_| None, origin)
}

#[test]
fn each_event_of_a_list_is_read_by_itself() {
    let desk = source("mapped", LIST);
    let other = json!({"propertyName": "assignedTo", "objectId": 7001});
    let list = json!([
        other,
        event(7001, "CLOSED", "551"),
        event(7002, "closed", "552"),
        event(7003, "OPEN", "")
    ]);
    let mut heard = hear_all(&desk, list).unwrap().into_iter();
    assert!(is_ignored(&heard.next().unwrap()));
    let (first, second) = (heard.next().unwrap(), heard.next().unwrap());
    assert_ne!(event_id(&first), event_id(&second));
    for (close, (id, person, before)) in
        [(closed(first), ("7001", "551", 7001)), (closed(second), ("7002", "552", 7002))]
    {
        assert_eq!((close.conversation_id.as_str(), close.person()), (id, person));
        assert_eq!(close.closed_at, Millis(NOW.0 - before));
    }
    assert_eq!(reopened(heard.next().unwrap()).conversation_id.as_str(), "7003");
    assert_eq!(heard.next(), None);
}

#[test]
fn an_event_is_the_same_whatever_stands_beside_it() {
    let desk = source("mapped", LIST);
    let alone = hear_all(&desk, event(7001, "CLOSED", "551")).unwrap();
    let listed =
        hear_all(&desk, json!([event(7002, "OPEN", ""), event(7001, "CLOSED", "551")])).unwrap();
    assert_eq!((alone.len(), listed.len()), (1, 2));
    assert_eq!(event_id(&alone[0]), event_id(&listed[1]));
    assert_eq!(hear_all(&desk, json!([])), Ok(vec![]));
}

#[test]
fn one_that_cannot_be_taken_has_all_refused_and_is_named() {
    let desk = source("mapped", LIST);
    let nameless = with(event(7002, "CLOSED", "552"), "/objectId", Value::Null);
    let misspelt = event(7003, "CLOSED", "0553");
    let faults =
        hear_all(&desk, json!([event(7001, "CLOSED", "551"), nameless, misspelt])).unwrap_err();
    let places: Vec<_> = faults.first.iter().map(|fault| fault.pointer.as_str()).collect();
    assert_eq!(places, ["/1/conversation_id", "/2/user_id"]);
}

#[test]
fn events_may_stand_within_a_body() {
    let desk = source("mapped", &LIST.replace("\"/*\"", "\"/events/*\""));
    let heard = hear_all(&desk, json!({"events": [event(7001, "CLOSED", "551")]})).unwrap();
    assert_eq!(closed(heard.into_iter().next().unwrap()).person(), "551");
    for no_list in [json!({"ping": true}), json!({"events": {"a": {"objectId": 1}}})] {
        assert!(is_ignored(&hear_all(&desk, no_list).unwrap()[0]));
    }
    assert_eq!(hear_all(&desk, json!({"events": []})), Ok(vec![]));
}

#[test]
fn what_tells_no_time_has_come_in_its_order_and_a_header_tells_no_two_apart() {
    let lines = LIST.replace("closed_at = \"/occurredAt\"\n", "event_id = \"header:X-Delivery\"\n");
    let desk = source("mapped", &lines);
    let list = json!([event(1, "CLOSED", "551"), event(1, "OPEN", ""), event(1, "CLOSED", "552")]);
    let raw = list.to_string();
    let origin = Origin { source: "desk", account: Some("acme"), accounts: &[], now: NOW };
    let header = |name: &str| (name == "x-delivery").then_some("d-1");
    let heard =
        read(desk.mapping.as_ref().unwrap(), list, raw.as_bytes(), &header, origin).unwrap();
    let [first, on, second] = <[MappedEvent; 3]>::try_from(heard).unwrap();
    assert_ne!(event_id(&first), event_id(&second));
    let (first, on, second) = (closed(first), reopened(on), closed(second));
    assert!(first.closed_at < on.reopened_at && on.reopened_at < second.closed_at);
    let many = Value::from(vec![event(1, "OPEN", ""); 1_001]);
    let faults = hear_all(&source("mapped", LIST), many).unwrap_err();
    assert_eq!(faults.to_string(), "the delivery has 1001 events, and 1000 are the most");
}
