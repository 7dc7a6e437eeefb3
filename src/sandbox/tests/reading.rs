//! Reading back: feedback, events, and whether somebody can be messaged.

use std::time::Duration;

use serde_json::json as value;

use super::*;
use crate::sandbox::api_call::ApiCall;
use crate::sandbox::behaviour::{Behaviour, DurationRange, Paging};
use crate::sandbox::people::{Person, PersonsAnswer, Plan, TakesMessages, UserStanding};
use crate::sandbox::world::AnswerError;

const DAY: i64 = 24 * 60 * 60;

fn answering(answers: Vec<PersonsAnswer>) -> Person {
    Person { plan: Plan::Fixed(answers), ..Person::default() }
}

fn after(seconds: u64, score: Option<u8>, text: Option<&str>) -> PersonsAnswer {
    PersonsAnswer { after: Duration::from_secs(seconds), score, text: text.map(str::to_owned) }
}

#[test]
fn a_feedback_shows_what_was_answered_by_now() {
    let mut stage = Stage::quiet();
    stage
        .world
        .tell(5, answering(vec![after(10, Some(4), None), after(30, None, Some("très bien 🙌"))]));
    let id = stage.prompted(5);
    let target = format!("/1.1/feedback/show/{id}.json");
    assert_eq!(json(&stage.get(&target)).get("response"), None);
    let scored = json(&stage.after_seconds(29).get(&target));
    assert_eq!(
        scored["response"],
        value!({"score": {"created_at": "Mon Sep 21 14:13:30 +0000 2026", "value": 4}})
    );
    assert_eq!(scored["updated_at"], "Mon Sep 21 14:13:30 +0000 2026");
    assert_eq!(scored["question_variant_id"], "12");
    let commented = json(&stage.after_seconds(1).get(&target));
    assert_eq!(
        commented["response"]["text"],
        value!({"created_at": "Mon Sep 21 14:13:50 +0000 2026", "value": "très bien 🙌"})
    );
}

#[test]
fn a_feedback_that_is_not_there_or_another_accounts_does_not_exist() {
    let mut second = SandboxAccount::named(99, "globex");
    second.consumer_key = "other-app".to_owned();
    let mut stage = Stage::with(|config| config.accounts.push(second.clone()));
    let id = stage.prompted(5);
    assert_eq!(refused(&stage.get("/1.1/feedback/show/1.json")), (404, 34));
    assert_eq!(refused(&stage.get("/1.1/feedback/show/x.json")), (404, 34));
    stage.account = second;
    assert_eq!(refused(&stage.get(&format!("/1.1/feedback/show/{id}.json"))), (404, 34));
    assert!(stage.after_seconds(2 * DAY).events_until_the_horizon().is_empty());
}

#[test]
fn events_tell_every_change_as_it_was_then() {
    let mut stage = Stage::quiet();
    stage.world.tell(5, answering(vec![after(10, Some(4), None), after(30, None, Some("ok"))]));
    stage.prompted(5);
    let events = stage.after_seconds(2 * DAY).events_until_the_horizon();
    let told: Vec<(&str, &str, bool, bool)> = events
        .iter()
        .map(|event| {
            let response = &event["feedback"]["response"];
            (
                event["event_type"].as_str().unwrap(),
                event["created_at"].as_str().unwrap(),
                response.get("score").is_some(),
                response.get("text").is_some(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("feedback.created", "Mon Sep 21 14:13:20 +0000 2026", false, false),
            ("feedback.updated", "Mon Sep 21 14:13:30 +0000 2026", true, false),
            ("feedback.updated", "Mon Sep 21 14:13:50 +0000 2026", true, true),
        ]
    );
    assert_eq!(events[0]["feedback"]["question_variant_id"], 12);
}

#[test]
fn a_window_past_the_horizon_is_an_error_and_not_an_empty_page() {
    let mut stage = Stage::quiet();
    let latest = stage.now.0 - DAY * 1_000;
    let target = |to: i64| format!("/1.1/feedback/events.json?from_time=0&to_time={to}&count=100");
    assert_eq!(json(&stage.get(&target(latest))), value!({"events": [], "next_cursor": ""}));
    assert_eq!(refused(&stage.get(&target(latest + 1))), (400, 44));

    let mut without_lag = Stage::with(|config| config.horizon = Duration::ZERO);
    let now = without_lag.now.0;
    assert_eq!(without_lag.get(&target(now)).status, 200);
    assert_eq!(refused(&without_lag.get(&target(now + 1))), (400, 44));
}

#[test]
fn a_window_is_needed_on_the_first_page_and_must_be_one() {
    let mut stage = Stage::quiet();
    for (query, expected) in [
        ("to_time=5", (403, 38)),
        ("from_time=5", (403, 38)),
        ("from_time=5&to_time=soon", (400, 214)),
        ("from_time=6&to_time=5", (400, 44)),
        ("from_time=5&to_time=6&count=0", (400, 44)),
        ("from_time=5&to_time=6&count=101", (400, 44)),
        ("cursor=10011&count=100", (400, 44)),
    ] {
        assert_eq!(
            refused(&stage.get(&format!("/1.1/feedback/events.json?{query}"))),
            expected,
            "{query}"
        );
    }
}

#[test]
fn later_pages_are_asked_for_with_and_without_their_window() {
    let mut stage = Stage::quiet();
    for person in 1..=5 {
        stage.prompted(person);
    }
    stage.after_seconds(2 * DAY);
    let window = format!("from_time={}&to_time={}", START.0, START.0);
    let page = |stage: &mut Stage, query: &str| {
        json(&stage.get(&format!("/1.1/feedback/events.json?{query}")))
    };
    let first = page(&mut stage, &format!("{window}&count=2"));
    let cursor = first["next_cursor"].as_str().unwrap().to_owned();
    let bare = page(&mut stage, &format!("cursor={cursor}&count=2"));
    let full = page(&mut stage, &format!("cursor={cursor}&count=2&{window}"));
    assert_eq!(bare, full);
    assert_eq!(bare["events"].as_array().unwrap().len(), 2);
    assert_ne!(bare["events"], first["events"]);
    let other =
        format!("/1.1/feedback/events.json?cursor={cursor}&from_time=0&to_time={}", START.0);
    assert_eq!(refused(&stage.get(&other)), (400, 44));
}

#[test]
fn awkward_events_lose_nothing_and_come_to_an_end() {
    let mut stage = Stage::with(|config| {
        config.behaviour = Behaviour {
            answered: 0.8,
            commented: 0.5,
            repeated: 0.5,
            score_after: DurationRange::from_millis(100, 60_000),
            comment_after: DurationRange::from_millis(100, 5_000),
            paging: Paging::awkward(),
            ..Behaviour::silent()
        };
    });
    for person in 0..300 {
        stage.prompted(person);
    }
    let events = stage.after_seconds(2 * DAY).events_until_the_horizon();
    for prompt in stage.world.prompts() {
        let id = prompt.feedback_id.to_string();
        let of_this: Vec<&Value> =
            events.iter().filter(|event| event["feedback"]["id"] == id.as_str()).collect();
        assert!(of_this.iter().any(|event| event["event_type"] == "feedback.created"));
        let feedback = stage.world.feedback(prompt.feedback_id).unwrap();
        let scored =
            of_this.iter().any(|event| event["feedback"]["response"].get("score").is_some());
        let commented =
            of_this.iter().any(|event| event["feedback"]["response"].get("text").is_some());
        assert_eq!((scored, commented), (feedback.score.is_some(), feedback.text.is_some()));
    }
    assert!(u64::try_from(events.len()).unwrap() > stage.world.event_count(), "some come twice");
}

#[test]
fn friendships_say_who_can_be_messaged_to_the_caller_only() {
    let mut stage = Stage::quiet();
    stage.world.tell(6, Person { messages: TakesMessages::FollowedOnly, ..Person::default() });
    stage.world.tell(7, Person { standing: UserStanding::Unknown, ..Person::default() });
    stage.world.tell(8, Person { standing: UserStanding::Suspended, ..Person::default() });
    let target = |source: u64, target: u64| {
        format!("/1.1/friendships/show.json?source_id={source}&target_id={target}")
    };
    let own = stage.account.user_id;
    let mut can_dm = |source, person| {
        let body = json(&stage.get(&target(source, person)));
        assert_eq!(body["relationship"]["target"]["id_str"], person.to_string());
        body["relationship"]["source"]["can_dm"].clone()
    };
    assert_eq!(can_dm(own, 5), value!(true));
    assert_eq!(can_dm(own, 6), value!(false));
    assert_eq!(can_dm(1, 5), value!(null));
    assert_eq!(refused(&stage.get(&target(own, 7))), (404, 50));
    assert_eq!(refused(&stage.get(&target(own, 8))), (403, 63));
    assert_eq!(refused(&stage.get("/1.1/friendships/show.json?target_id=5")), (403, 38));
}

#[test]
fn users_are_looked_up_a_hundred_at_a_time_with_errors_for_those_not_found() {
    let mut stage = Stage::quiet();
    stage.world.tell(6, Person { messages: TakesMessages::Closed, ..Person::default() });
    stage.world.tell(7, Person { standing: UserStanding::Unknown, ..Person::default() });
    let body =
        json(&stage.get("/2/users?ids=5,6,7&user.fields=receives_your_dm,connection_status"));
    assert_eq!(
        body["data"],
        value!([
            {"id": "5", "username": "person_5", "name": "person_5", "receives_your_dm": true, "connection_status": []},
            {"id": "6", "username": "person_6", "name": "person_6", "receives_your_dm": false, "connection_status": []},
        ])
    );
    assert_eq!(body["errors"][0]["detail"], "Could not find user with ids: [7].");
    assert_eq!(json(&stage.get("/2/users?ids=7")).get("data"), None);
    assert_eq!(json(&stage.get("/2/users?ids=5"))["data"][0].get("receives_your_dm"), None);

    let ids = |count: u32| (0..count).map(|id| id.to_string()).collect::<Vec<_>>().join(",");
    assert_eq!(stage.get(&format!("/2/users?ids={}", ids(100))).status, 200);
    let too_many = stage.get(&format!("/2/users?ids={}", ids(101)));
    assert_eq!((too_many.status, &json(&too_many)["title"]), (400, &value!("Invalid Request")));
}

#[test]
fn a_spent_window_is_refused_until_its_reset() {
    let mut stage = Stage::quiet();
    let id = stage.prompted(5);
    let target = format!("/1.1/feedback/show/{id}.json");
    for left in (0..180).rev() {
        let reply = stage.get(&target);
        assert_eq!(reply.header("x-rate-limit-remaining"), Some(left.to_string().as_str()));
    }
    let reply = stage.get(&target);
    assert_eq!(refused(&reply), (429, 88));
    assert_eq!(reply.header("x-rate-limit-limit"), Some("180"));
    assert_eq!(reply.header("x-rate-limit-reset"), Some("1790000901"));
    assert_eq!(stage.after_seconds(900).get(&target).status, 200);
    assert_eq!((stage.world.calls(ApiCall::Show), stage.world.refused().len()), (182, 1));
}

#[test]
fn an_answer_by_hand_is_taken_once() {
    let mut stage = Stage::quiet();
    let id = stage.prompted(5);
    let now = stage.now;
    assert_eq!(stage.world.answer(id, Some(6), None, now), Err(AnswerError::NoSuchScore));
    assert_eq!(stage.world.answer(id, Some(5), None, now), Ok(()));
    assert_eq!(stage.world.answer(id, Some(1), None, now), Err(AnswerError::NothingNew));
    assert_eq!(stage.world.answer(id, None, Some("thanks"), now), Ok(()));
    assert_eq!(stage.world.answer(1, Some(5), None, now), Err(AnswerError::NoSuchFeedback));
}

#[test]
fn the_same_seed_gives_the_same_answers_at_the_same_instants() {
    let lived = |seed: u64| {
        let mut stage = Stage::with(|config| {
            config.seed = seed;
            config.behaviour = Behaviour { closed: 0.0, ..Behaviour::lively() };
            config.horizon = Duration::ZERO;
        });
        for person in 0..30 {
            stage.prompted(person);
        }
        stage.after_seconds(60).events_until_the_horizon()
    };
    assert_eq!(lived(1), lived(1));
    assert_ne!(lived(1), lived(2));
}
