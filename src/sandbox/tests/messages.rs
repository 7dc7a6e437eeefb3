//! The list of Direct Messages, and a prompt of which only the message is sent.

use super::*;
use crate::sandbox::api_call::ApiCall;
use crate::sandbox::behaviour::Paging;
use crate::sandbox::faults::{Ending, InjectedFault};
use crate::sandbox::people::{Person, TakesMessages};

const LIST: &str = "/1.1/direct_messages/events/list.json";
const DAY: i64 = 24 * 60 * 60;

/// All that the account is listed, page by page, and the sizes of the pages.
fn listed(stage: &mut Stage, count: u32) -> (Vec<Value>, Vec<usize>) {
    let (mut events, mut sizes) = (Vec::new(), Vec::new());
    let mut target = format!("{LIST}?count={count}");
    loop {
        let page = json(&stage.get(&target));
        let of_page = page["events"].as_array().unwrap_or_else(|| panic!("{page}"));
        sizes.push(of_page.len());
        events.extend(of_page.iter().cloned());
        match page.get("next_cursor") {
            None => return (events, sizes),
            Some(cursor) => {
                target = format!("{LIST}?count={count}&cursor={}", cursor.as_str().unwrap());
            }
        }
    }
}

fn ids(events: &[Value]) -> Vec<u64> {
    events.iter().map(|event| event["id"].as_str().unwrap().parse().unwrap()).collect()
}

#[test]
fn a_prompts_message_is_listed_as_x_writes_it() {
    let mut stage = Stage::quiet();
    let text = "See https://acme.example/help. 1 < 2 & so on";
    let prompt = json(&stage.prompt(5, &[("message", text)]));
    let (events, sizes) = listed(&mut stage, 50);
    let [event] = events.as_slice() else { panic!("{events:?}") };
    let create = &event["message_create"];
    let link = &create["message_data"]["entities"]["urls"][0];
    assert_eq!(event["type"], "message_create");
    assert_eq!(event["id"], prompt["dm_id"]);
    assert_eq!(event["created_timestamp"], START.0.to_string());
    assert_eq!(create["sender_id"], stage.account.user_id.to_string());
    assert_eq!(create["target"]["recipient_id"], "5");
    assert_eq!(create["source_app_id"], "268278");
    assert_eq!(link["expanded_url"], "https://acme.example/help");
    let short = link["url"].as_str().unwrap();
    assert!(short.starts_with("https://t.co/"), "{short}");
    let written = format!("See {short}. 1 &lt; 2 &amp; so on");
    assert_eq!(create["message_data"]["text"], written);
    assert_eq!(sizes, [1]);
}

#[test]
fn all_of_thirty_days_is_listed_the_newest_first_and_to_its_two_sides_only() {
    let mut stage = Stage::quiet();
    let (own, now) = (stage.account.user_id, stage.now);
    let old = stage.world.say(own, 5, "long ago", now);
    let now = stage.after_seconds(30 * DAY + 1).now;
    let first = stage.world.say(own, 5, "hello", now);
    let answer = stage.world.say(5, own, "hi", now);
    let others = stage.world.say(6, 7, "a word", now);
    let (events, _) = listed(&mut stage, 50);
    assert_eq!(ids(&events), [answer, first]);
    assert!(events[0]["message_create"].get("source_app_id").is_none());
    assert_eq!(stage.world.messages().len(), 4, "{old} and {others} too");
}

#[test]
fn awkward_pages_lose_no_message_and_come_to_an_end() {
    let mut stage = Stage::with(|config| config.behaviour.paging = Paging::awkward());
    stage.world.set_limit(ApiCall::DirectMessages, 1_000);
    let (own, now) = (stage.account.user_id, stage.now);
    let mut said: Vec<u64> = (0..60).map(|_| stage.world.say(own, 5, "word", now)).collect();
    said.reverse();
    let (events, sizes) = listed(&mut stage, 4);
    assert_eq!(ids(&events), said);
    assert!(sizes.contains(&0), "an empty page stands among them: {sizes:?}");
    assert!(sizes.iter().any(|size| (1..4).contains(size)), "{sizes:?}");
}

#[test]
fn what_is_asked_wrongly_or_too_often_is_refused() {
    let mut stage = Stage::quiet();
    for query in ["count=0", "count=51", "cursor=AB345dkfC"] {
        assert_eq!(refused(&stage.get(&format!("{LIST}?{query}"))), (400, 44), "{query}");
    }
    for _ in 3..15 {
        assert_eq!(stage.get(LIST).status, 200);
    }
    let refusal = stage.get(LIST);
    assert_eq!(refused(&refusal), (429, 88));
    assert_eq!(refusal.header("x-rate-limit-limit"), Some("15"));
    assert_eq!(stage.after_seconds(15 * 60).get(LIST).status, 200);
}

#[test]
fn a_prompt_of_which_only_the_message_is_sent_leaves_no_feedback() {
    let mut stage = Stage::quiet();
    stage.world.fault(ApiCall::Create, 2, InjectedFault::MessageOnly { ending: Ending::Cut });
    let form = fields("5", &[]);
    assert_eq!(stage.outcome("POST", CREATE, &form), CallOutcome::Cut);
    let (events, _) = listed(&mut stage, 50);
    assert_eq!(events.len(), 1);
    assert!(stage.world.prompts().is_empty());
    // It counts: this one may have no other today.
    stage.world.tell(6, Person { messages: TakesMessages::Closed, ..Person::default() });
    stage.outcome("POST", CREATE, &fields("6", &[]));
    assert_eq!(stage.world.messages().len(), 1, "who cannot be messaged is not");
    assert_eq!(refused(&stage.prompt(5, &[])), (429, 88));
    assert!(stage.after_seconds(2 * DAY).events_until_the_horizon().is_empty());
}
