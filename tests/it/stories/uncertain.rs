//! When it is not known what came of a prompt: it is never sent again, and what X tells settles it.

use surveyd::config::Config;
use surveyd::domain::survey::State;
use surveyd::sandbox::{ApiCall, Ending, InjectedFault, Scripted};

use crate::harness::log::Log;
use crate::harness::people::{ANA, answering};
use crate::harness::stage::{Setup, Stage};
use crate::harness::{START, days, hours, minutes, seconds};

/// Answers to create after which nobody can know whether the prompt went out.
fn endings() -> Vec<Ending> {
    let redirect = Scripted::html(307, "").with_header("location", "/1.1/feedback/create.json");
    let answers = [
        Scripted::error(500, 131, "Internal error"),
        Scripted::html(503, "<h1>Over capacity</h1>"),
        Scripted::html(502, ""),
        Scripted::html(403, "<h1>a proxy on the way</h1>"),
        Scripted::json(200, "{\"id\": \"12"),
        Scripted::json(200, "{}"),
        Scripted::error(403, 187, "Status is a duplicate."),
        redirect,
    ];
    answers.into_iter().map(Ending::Answer).chain([Ending::Cut]).collect()
}

#[tokio::test]
async fn a_prompt_without_a_clear_answer_is_uncertain_and_not_posted_again_while_it_may_be_out() {
    for ending in endings() {
        let mut stage = Stage::new().await;
        stage.fault(ApiCall::Create, 1, InjectedFault::NotCarriedOut { ending: ending.clone() });
        stage.close("c-1", ANA).await;
        stage.pass(minutes(6)).await;
        assert_eq!(stage.state("c-1").await, "uncertain", "{ending:?}");
        stage.restart().await;
        stage.pass(hours(24)).await;
        assert_eq!(stage.state("c-1").await, "uncertain", "X's events end a day ago, {ending:?}");
        // Read past it, they hold nothing; and by now it is too late to ask.
        stage.pass(minutes(40)).await;
        assert_eq!(stage.state("c-1").await, "expired", "{ending:?}");
        assert_eq!((stage.calls(ApiCall::Create), stage.prompts().len()), (1, 0), "{ending:?}");
    }
}

#[tokio::test]
async fn a_prompt_known_not_to_be_out_is_posted_once_more_where_there_is_still_time() {
    let setup = Setup { survey: "expire_after = \"3d\"", ..Setup::default() };
    let mut stage = Stage::set(setup).await;
    stage.fault(ApiCall::Create, 1, InjectedFault::cut_before());
    stage.close("c-1", ANA).await;
    stage.pass(hours(24)).await;
    assert_eq!(stage.calls(ApiCall::Create), 1);
    stage.pass(days(2)).await;
    assert_eq!(stage.state("c-1").await, "sent");
    assert_eq!((stage.calls(ApiCall::Create), stage.prompted(ANA)), (2, 1));
    assert_eq!(stage.prompts()[0].field("external_id"), Some("c-1"));
    let earliest = START.plus(minutes(5) + hours(24) + minutes(1));
    assert!(stage.prompts()[0].carried_out_at > earliest, "not before X can have carried it out");
}

#[tokio::test]
async fn the_events_of_another_handle_prove_nothing() {
    let setup = || Setup {
        accounts: &["acme", "other"],
        survey: "expire_after = \"3d\"",
        ..Setup::default()
    };
    let left = "failed: the prompt left as 1212121212121 at";
    for (comes_back, meanwhile) in [(hours(30), "uncertain"), (days(4), left)] {
        let mut stage = Stage::set(setup()).await;
        let cut = || InjectedFault::CarriedOut { ending: Ending::Cut };
        stage.fault(ApiCall::Create, 1, cut());
        stage.close("c-1", ANA).await;
        stage.pass(minutes(6)).await;
        assert_eq!(stage.state("c-1").await, "uncertain");
        // acme is the handle that was other's, whose events hold nothing of it.
        stage.reload(swap_handles);
        let log = Log::kept();
        stage.pass(comes_back).await;
        let told = log.of("account.changed");
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!((&told[0]["account"], &told[0]["surveys"]), (&"acme".into(), &1.into()));
        let state = stage.state("c-1").await;
        assert!(state.starts_with(meanwhile), "{state}");
        stage.reload(swap_handles);
        stage.pass(days(2)).await;
        assert_eq!(stage.state("c-1").await, "sent");
        assert_eq!((stage.calls(ApiCall::Create), stage.prompted(ANA)), (1, 1));
    }
}

/// Each account becomes the handle that was the other's.
fn swap_handles(config: &mut Config) {
    let [acme, other] = config.accounts.as_mut_slice() else { panic!("two accounts") };
    std::mem::swap(&mut acme.user_id, &mut other.user_id);
    std::mem::swap(&mut acme.consumer_key, &mut other.consumer_key);
    std::mem::swap(&mut acme.consumer_secret, &mut other.consumer_secret);
    std::mem::swap(&mut acme.access_token, &mut other.access_token);
    std::mem::swap(&mut acme.access_token_secret, &mut other.access_token_secret);
}

#[tokio::test]
async fn a_miss_is_no_proof_before_the_events_can_be_read() {
    let setup = Setup { survey: "expire_after = \"3d\"", ..Setup::default() };
    let mut stage = Stage::set(setup).await;
    stage.fault(ApiCall::Create, 1, InjectedFault::done_later(seconds(50)));
    stage.close("c-1", ANA).await;
    stage.pass(hours(24)).await;
    stage.fault(ApiCall::Events, 100, InjectedFault::cut_before());
    stage.pass(hours(2)).await;
    assert_eq!(stage.state("c-1").await, "uncertain", "what cannot be read proves nothing");
    stage.pass(days(1)).await;
    assert_eq!(stage.state("c-1").await, "sent");
    assert_eq!((stage.calls(ApiCall::Create), stage.prompted(ANA)), (1, 1));
}

#[tokio::test]
async fn an_event_bearing_its_external_id_settles_it_as_sent() {
    for ending in endings() {
        let mut stage = Stage::new().await;
        stage.fault(ApiCall::Create, 1, InjectedFault::CarriedOut { ending: ending.clone() });
        stage.close("c-1", ANA).await;
        stage.pass(hours(24)).await;
        assert_eq!(stage.state("c-1").await, "uncertain", "the event is not due yet, {ending:?}");
        stage.pass(minutes(45)).await;
        let State::Sent(delivery) = stage.survey("c-1").await.survey.state else {
            panic!("{ending:?}: {}", stage.state("c-1").await)
        };
        let prompts = stage.prompts();
        assert_eq!(prompts.len(), 1, "{ending:?}");
        assert_eq!(delivery.feedback_id.as_str(), prompts[0].feedback_id.to_string());
        assert_eq!(delivery.sent_at, START.plus(minutes(5)));
        assert_eq!(stage.calls(ApiCall::Create), 1, "{ending:?}");
    }
}

#[tokio::test]
async fn a_prompt_that_x_carries_out_after_we_gave_up_is_settled_too() {
    let mut stage = Stage::new().await;
    stage.tell(ANA, answering(4, "late but fine"));
    stage.fault(ApiCall::Create, 1, InjectedFault::done_later(seconds(50)));
    stage.close("c-1", ANA).await;
    stage.pass(days(2)).await;
    assert_eq!(stage.state("c-1").await, "answered");
    let told = stage.survey("c-1").await.told;
    assert_eq!((told.score, told.text.as_deref()), (Some(4), Some("late but fine")));
    assert_eq!((stage.prompted(ANA), stage.calls(ApiCall::Create)), (1, 1));
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_uncertain() {
    let setup = Setup { x: "send_timeout = \"150ms\"", ..Setup::default() };
    let mut stage = Stage::set(setup).await;
    stage.fault(ApiCall::Create, 1, InjectedFault::CarriedOut { ending: Ending::Silence });
    stage.close("c-1", ANA).await;
    stage.pass(minutes(6)).await;
    assert_eq!(stage.state("c-1").await, "uncertain");
    stage.pass(hours(25)).await;
    assert_eq!(stage.state("c-1").await, "sent");
    assert_eq!((stage.prompted(ANA), stage.calls(ApiCall::Create)), (1, 1));
}

#[tokio::test]
async fn who_may_have_been_prompted_is_not_asked_about_another_talk() {
    let mut stage = Stage::new().await;
    stage.fault(ApiCall::Create, 1, InjectedFault::cut_before());
    stage.close("c-1", ANA).await;
    stage.pass(hours(1)).await;
    stage.close("c-2", ANA).await;
    stage.pass(hours(1)).await;
    assert_eq!(stage.state("c-2").await, "suppressed: throttled");
    assert_eq!(stage.calls(ApiCall::Create), 1);
}

#[tokio::test]
async fn a_close_after_an_uncertain_prompt_is_told_from_it_by_its_name() {
    let setup = Setup { survey: "throttle = \"0s\"", ..Setup::default() };
    let mut stage = Stage::set(setup).await;
    stage.fault(ApiCall::Create, 1, InjectedFault::cut_before());
    stage.close("c-1", ANA).await;
    stage.pass(hours(25)).await;
    stage.close("c-1", ANA).await;
    stage.pass(hours(26)).await;
    let states: Vec<_> = stage.results().await.iter().map(|row| row.survey.state.name()).collect();
    assert_eq!(states, ["expired", "sent"]);
    assert_eq!(stage.prompts()[0].field("external_id"), Some("c-1#2"));
}
