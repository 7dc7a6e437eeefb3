//! Prompts: what X takes, what it refuses, and what people get.

use serde_json::json as value;

use super::*;
use crate::sandbox::people::{Person, Plan, TakesMessages, UserStanding};

const DAY: i64 = 24 * 60 * 60;

#[test]
fn a_prompt_is_answered_with_every_documented_field() {
    let mut stage = Stage::quiet();
    let reply = stage.prompt(343_434_343_434, &[]);
    let body = json(&reply);
    let prompt = stage.world.prompts()[0].clone();
    assert_eq!(reply.status, 200);
    assert_eq!(
        body,
        value!({
            "id": prompt.feedback_id.to_string(), "dm_id": prompt.dm_id.to_string(),
            "created_at": "Mon Sep 21 14:13:20 +0000 2026", "updated_at": "Mon Sep 21 14:13:20 +0000 2026",
            "type": "csat", "test": false, "from_user_id": "1212121212121", "to_user_id": "343434343434",
            "privacy_url": "https://acme.example/privacy", "external_id": "c-42",
            "question_variant_id": "12", "display_name": "Acme",
        })
    );
    assert_ne!(prompt.feedback_id, prompt.dm_id);
}

#[test]
fn the_record_holds_what_the_person_got_verbatim() {
    let mut stage = Stage::quiet();
    stage.prompt(5, &[("message", "Thanks & see you ☃ 100%!*\n+")]);
    stage.after_seconds(1).prompt(6, &[]);
    let prompts = stage.world.prompts();
    assert_eq!(prompts.iter().map(|prompt| prompt.to_user_id).collect::<Vec<_>>(), [5, 6]);
    assert_eq!(prompts[0].field("message"), Some("Thanks & see you ☃ 100%!*\n+"));
    assert_eq!(prompts[0].fields.len(), 8);
    assert_eq!(prompts[1].carried_out_at, Millis(START.0 + 1_000));
    assert_eq!(stage.world.prompts_to(5).count(), 1);
}

#[test]
fn optional_fields_may_be_blank_or_absent() {
    let mut stage = Stage::quiet();
    let required = [
        ("type", "nps"),
        ("to_user_id", "5"),
        ("message", "Hi"),
        ("privacy_url", "http://a.example"),
    ];
    let absent = json(&stage.reply("POST", CREATE, &required));
    assert_eq!(absent["question_variant_id"], "0");
    assert_eq!((&absent["external_id"], &absent["display_name"]), (&value!(null), &value!(null)));
    let blank =
        [("external_id", ""), ("question_variant_id", ""), ("display_name", ""), ("test", "")];
    assert_eq!(stage.prompt(6, &blank).status, 200);
    assert_eq!(json(&stage.prompt(7, &[("test", "true")]))["test"], true);
}

#[test]
fn what_x_would_not_take_is_refused_and_nobody_is_prompted() {
    let mut stage = Stage::quiet();
    let (long_id, long_message) = ("é".repeat(257), "é".repeat(10_001));
    let refusals: [(&str, &str, (u16, u64)); 17] = [
        ("type", "", (403, 38)),
        ("to_user_id", "", (403, 38)),
        ("message", "", (403, 38)),
        ("privacy_url", "", (403, 38)),
        ("type", "CSAT", (400, 44)),
        ("to_user_id", "five", (400, 214)),
        ("to_user_id", "+5", (400, 214)),
        ("to_user_id", "-5", (400, 214)),
        ("message", &long_message, (403, 354)),
        ("privacy_url", "acme.example/privacy", (400, 407)),
        ("privacy_url", "https://", (400, 407)),
        ("question_variant_id", "38", (400, 44)),
        ("question_variant_id", "-1", (400, 214)),
        ("external_id", &long_id, (400, 44)),
        ("display_name", "twenty-one characters", (400, 44)),
        ("test", "yes", (400, 44)),
        ("test", "True", (400, 44)),
    ];
    for (name, bad, expected) in refusals {
        let reply = stage.prompt(5, &[(name, bad)]);
        assert_eq!(refused(&reply), expected, "{name}={bad}");
        if expected.1 == 38 {
            assert_eq!(
                json(&reply)["errors"][0]["message"],
                format!("{name} parameter is missing.")
            );
        }
    }
    assert_eq!(
        refused(&stage.prompt(5, &[("type", "nps"), ("question_variant_id", "10")])),
        (400, 44)
    );
    assert_eq!(stage.world.prompts().len(), 0);
    assert_eq!(stage.world.refused().len(), 18);
}

#[test]
fn lengths_are_counted_in_characters_up_to_the_documented_ones() {
    let mut stage = Stage::quiet();
    let (id, message, name) = ("é".repeat(256), "☃".repeat(10_000), "ñ".repeat(20));
    let longest = [("external_id", id.as_str()), ("message", &message), ("display_name", &name)];
    assert_eq!(stage.prompt(5, &longest).status, 200);
    assert_eq!(stage.prompt(6, &[("question_variant_id", "37")]).status, 200);
    assert_eq!(stage.prompt(7, &[("type", "nps"), ("question_variant_id", "9")]).status, 200);
}

#[test]
fn who_cannot_be_prompted_is_refused_by_the_reason() {
    let mut stage = Stage::quiet();
    for (user_id, standing, messages, expected) in [
        (1, UserStanding::Unknown, TakesMessages::Open, (404, 50)),
        (2, UserStanding::Suspended, TakesMessages::Open, (403, 63)),
        (3, UserStanding::Present, TakesMessages::Closed, (403, 349)),
        (4, UserStanding::Present, TakesMessages::FollowedOnly, (403, 150)),
        (5, UserStanding::Present, TakesMessages::ClosedUnnoticed, (403, 349)),
    ] {
        stage.world.tell(user_id, Person { standing, messages, plan: Plan::Drawn });
        assert_eq!(refused(&stage.prompt(user_id, &[])), expected);
    }
    let reply = stage.prompt(6, &[]);
    assert_eq!(
        reply.header("x-rate-limit-remaining"),
        Some("999"),
        "a refused prompt costs nothing"
    );
}

#[test]
fn a_person_gets_one_prompt_in_any_24_hours() {
    let mut stage = Stage::quiet();
    assert_eq!(stage.prompt(5, &[]).status, 200);
    stage.after_seconds(DAY - 1);
    assert_eq!(refused(&stage.prompt(5, &[])), (429, 88));
    assert_eq!(stage.prompt(6, &[]).status, 200);
    stage.after_seconds(1);
    assert_eq!(stage.prompt(5, &[]).status, 200);
    assert_eq!(stage.world.prompts_to(5).count(), 2);
}

#[test]
fn an_account_sends_its_daily_limit_in_any_24_hours_and_the_headers_say_so() {
    let mut stage = Stage::with(|config| {
        config.accounts[0].daily_limit = 2;
        config.accounts[0].unlimited_recipients.insert(5);
    });
    let first = stage.prompt(5, &[]);
    assert_eq!(first.header("x-rate-limit-limit"), Some("2"));
    assert_eq!(first.header("x-rate-limit-remaining"), Some("1"));
    assert_eq!(first.header("x-rate-limit-reset"), Some("1790086401"));
    assert_eq!(stage.after_seconds(60).prompt(5, &[]).status, 200);
    let third = stage.prompt(6, &[]);
    assert_eq!(refused(&third), (429, 88));
    assert_eq!(third.header("x-rate-limit-remaining"), Some("0"));
    assert_eq!(third.header("x-rate-limit-reset"), Some("1790086401"));
    stage.after_seconds(DAY - 60);
    assert_eq!(stage.prompt(6, &[]).status, 200);
    assert_eq!(refused(&stage.prompt(7, &[])), (429, 88));
}

#[test]
fn parameters_may_stand_in_the_query_too() {
    let mut stage = Stage::quiet();
    let target = format!(
        "{CREATE}?type=csat&to_user_id=5&message=Hi+there&privacy_url=https%3A%2F%2Fa.example"
    );
    assert_eq!(stage.reply("POST", &target, &[]).status, 200);
    assert_eq!(stage.world.prompts()[0].field("message"), Some("Hi there"));
}
