//! When X says no and it is known what came of it: nothing.

use surveyd::sandbox::{ApiCall, InjectedFault, Scripted};

use crate::harness::people::{ANA, BEN};
use crate::harness::stage::{Setup, Stage};
use crate::harness::wire::Wire;
use crate::harness::{START, hours, minutes, seconds};

#[tokio::test]
async fn a_look_up_that_x_cannot_answer_now_is_asked_again_and_ends_with_one_prompt() {
    let faults = [
        InjectedFault::instead(Scripted::html(503, "<h1>Over capacity</h1>")),
        InjectedFault::instead(Scripted::error(500, 131, "Internal error")),
        InjectedFault::instead(Scripted::json(200, "{\"relationship\": ")),
        InjectedFault::cut_before(),
    ];
    for fault in faults {
        let mut stage = Stage::new().await;
        stage.fault(ApiCall::Friendship, 2, fault.clone());
        stage.close("c-1", ANA).await;
        stage.pass(minutes(6)).await;
        assert_eq!(stage.state("c-1").await, "sent", "{fault:?}");
        assert_eq!(stage.calls(ApiCall::Friendship), 3, "{fault:?}");
        assert_eq!((stage.prompted(ANA), stage.calls(ApiCall::Create)), (1, 1), "{fault:?}");
    }
}

#[tokio::test]
async fn a_connection_refused_before_a_byte_is_tried_again_and_ends_with_one_prompt() {
    let (near_end, base_url) = Wire::reserve().await;
    let setup = Setup { base_url: Some(base_url), ..Setup::default() };
    let mut stage = Stage::set(setup).await;
    let mut wire = Wire::connect(near_end, stage.sandbox.address());
    stage.close("c-1", ANA).await;
    stage.pass(minutes(6)).await;
    assert_eq!(stage.state("c-1").await, "sent");

    // The look-up goes over the connection that stands; the prompt wants one of its own.
    wire.take_down().await;
    stage.close("c-2", BEN).await;
    stage.pass(minutes(5) + seconds(1)).await;
    assert_eq!(stage.state("c-2").await, "scheduled");
    assert_eq!(stage.survey("c-2").await.survey.attempts, 1);
    assert_eq!(stage.calls(ApiCall::Friendship), 2);
    let day = stage.store.account_status("acme", START).await.unwrap();
    assert_eq!(day.prompts_of_day, 1, "the share of what did not leave is given back");

    wire.put_up().await;
    stage.pass(minutes(1)).await;
    assert_eq!(stage.state("c-2").await, "sent");
    assert_eq!((stage.prompted(BEN), stage.calls(ApiCall::Create)), (1, 2));
}

#[tokio::test]
async fn tries_grow_apart_and_end_when_the_survey_expires() {
    let mut stage = Stage::new().await;
    stage.fault(ApiCall::Friendship, 10_000, InjectedFault::cut_before());
    stage.close("c-1", ANA).await;
    stage.pass(hours(13)).await;
    assert_eq!(stage.state("c-1").await, "expired");
    let tries = stage.calls(ApiCall::Friendship);
    assert!((45..80).contains(&tries), "at most four an hour once they have grown: {tries}");
    assert_eq!(stage.calls(ApiCall::Create), 0);
}

#[tokio::test]
async fn xs_refusal_of_a_person_suppresses_the_survey_with_that_reason() {
    let codes = [
        (63, "User has been suspended.", "suppressed: suspended"),
        (
            150,
            "You cannot send messages to users who are not following you.",
            "suppressed: cannot_dm",
        ),
        (349, "You cannot send messages to this user.", "suppressed: cannot_dm"),
    ];
    for (code, message, state) in codes {
        let mut stage = Stage::new().await;
        stage.fault(
            ApiCall::Create,
            1,
            InjectedFault::instead(Scripted::error(403, code, message)),
        );
        stage.close("c-1", ANA).await;
        stage.close("c-2", BEN).await;
        stage.pass(hours(1)).await;
        let states = [stage.state("c-1").await, stage.state("c-2").await];
        assert!(states.contains(&state.to_owned()), "{code}: {states:?}");
        assert!(states.contains(&"sent".to_owned()), "{code}: the other goes on, {states:?}");
        assert_eq!(stage.calls(ApiCall::Create), 2, "{code}");
    }
}

#[tokio::test]
async fn a_refusal_that_surveyd_does_not_know_fails_with_xs_code_and_words() {
    let mut stage = Stage::new().await;
    let refusal = Scripted::error(403, 9_999, "Something entirely new ☃");
    stage.fault(ApiCall::Create, 1, InjectedFault::instead(refusal));
    stage.close("c-1", ANA).await;
    stage.pass(hours(13)).await;
    assert_eq!(stage.state("c-1").await, "failed: code 9999: Something entirely new ☃");
    assert_eq!((stage.calls(ApiCall::Create), stage.prompts().len()), (1, 0));
    let day = stage.store.account_status("acme", START).await.unwrap();
    assert_eq!(day.prompts_of_day, 0);
}

#[tokio::test]
async fn a_limit_on_create_waits_until_xs_reset() {
    let reset_at = START.plus(minutes(45));
    let mut stage = Stage::new().await;
    let limited = Scripted::error(429, 88, "Rate limit exceeded")
        .with_header("x-rate-limit-remaining", "0")
        .with_header("x-rate-limit-reset", &(reset_at.0 / 1_000).to_string());
    stage.fault(ApiCall::Create, 1, InjectedFault::instead(limited));
    for (conversation, person) in [("c-1", ANA), ("c-2", BEN)] {
        stage.close(conversation, person).await;
    }
    stage.pass(minutes(45) - seconds(1)).await;
    let creates = stage.calls(ApiCall::Create);
    assert!(creates <= 2, "none is made after the one that was refused: {creates}");
    let sent_before = stage.prompts().len();
    stage.pass(minutes(5)).await;
    assert_eq!(stage.calls(ApiCall::Create), 3);
    assert_eq!((stage.prompted(ANA), stage.prompted(BEN)), (1, 1));
    let late = stage.prompts().split_off(sent_before);
    assert!(late.iter().all(|prompt| prompt.carried_out_at >= reset_at));
}

#[tokio::test]
async fn a_limit_without_a_time_is_asked_again_after_seconds_that_double() {
    let mut stage = Stage::new().await;
    stage.fault(ApiCall::Create, 3, InjectedFault::instead(Scripted::html(429, "slow down")));
    stage.close("c-1", ANA).await;
    let due = minutes(5);
    stage.pass(due + seconds(4)).await;
    assert_eq!(stage.calls(ApiCall::Create), 1);
    stage.pass(seconds(2)).await;
    assert_eq!(stage.calls(ApiCall::Create), 2, "5 s after the first");
    stage.pass(seconds(8)).await;
    assert_eq!(stage.calls(ApiCall::Create), 2);
    stage.pass(seconds(2)).await;
    assert_eq!(stage.calls(ApiCall::Create), 3, "10 s after the second");
    stage.pass(minutes(1)).await;
    assert_eq!(stage.state("c-1").await, "sent");
    assert_eq!((stage.calls(ApiCall::Create), stage.prompted(ANA)), (4, 1));
}

#[tokio::test]
async fn a_clock_that_x_calls_wrong_is_corrected_by_xs_own() {
    let setup = Setup { x_ahead: minutes(20), ..Setup::default() };
    let mut stage = Stage::set(setup).await;
    stage.close("c-1", ANA).await;
    stage.pass(minutes(6)).await;
    assert_eq!(stage.state("c-1").await, "sent");
    assert_eq!(stage.prompted(ANA), 1);
    assert_eq!(stage.store.paused("acme").await.unwrap(), None);
    let refusals: Vec<u16> = stage.refused().iter().map(|call| call.refusal.code).collect();
    assert!(refusals.iter().all(|code| *code == 135) && refusals.len() <= 2, "{refusals:?}");
}
