//! Before a prompt is taken for unsent, the account's Direct Messages are looked through: whose
//! message is out is never asked again, and nothing else hangs on the list.

use std::time::Duration;

use surveyd::domain::budget::{COUNTED_FOR, Call as Budgeted};
use surveyd::domain::time::{Millis, Ready};
use surveyd::sandbox::{ApiCall, Ending, InjectedFault, Scripted};

use crate::harness::people::{ANA, BEN};
use crate::harness::stage::{Setup, Stage};
use crate::harness::{hours, minutes, seconds};

/// With time enough to be sent again.
const PATIENT: &str = "expire_after = \"3d\"";
/// X dates what it does by a clock minutes ahead of ours.
const AHEAD: Duration = Duration::from_secs(240);

/// All of it is sent but the card: X has no feedback of it.
fn message_only() -> InjectedFault {
    InjectedFault::MessageOnly { ending: Ending::Cut }
}

async fn patient() -> Stage {
    Stage::set(Setup { survey: PATIENT, ..Setup::default() }).await
}

/// An account that may ask somebody as often as it likes.
async fn unthrottled() -> Stage {
    let setup = Setup {
        survey: "expire_after = \"3d\"\nthrottle = \"0s\"",
        account: "daily_limit_per_user = 10",
        world: |world| world.accounts[0].per_recipient_limit = 10,
        ..Setup::default()
    };
    Stage::set(setup).await
}

/// How many messages the account has written to somebody.
fn messages_to(stage: &Stage, person: u64) -> usize {
    stage.x(|world| world.messages().filter(|message| message.recipient_id == person).count())
}

fn acme(stage: &Stage) -> u64 {
    stage.x(|world| world.accounts()[0].user_id)
}

/// The account's agent, or whoever has the id, writes a message now.
fn say(stage: &Stage, sender: u64, recipient: u64, text: &str) {
    let now = stage.sandbox.now();
    stage.x(|world| world.say(sender, recipient, text, now));
}

/// Lives through a prompt and until X's events can settle it: 24 hours, the time that X may still
/// take for it, five minutes by which all clocks may be wrong, and a margin.
async fn to_the_horizon(stage: &mut Stage) {
    stage.close("c-1", ANA).await;
    stage.pass(hours(24) + minutes(11)).await;
    assert_eq!(stage.state("c-1").await, "uncertain");
}

async fn assert_shown(stage: &Stage) {
    let message = stage.x(|world| world.messages().next().expect("one is out").id);
    let words = format!(
        "failed: X shows the Direct Message {message} of this prompt, and no feedback for it: \
         it is not sent again"
    );
    assert_eq!(stage.state("c-1").await, words);
    assert_eq!((stage.calls(ApiCall::Create), messages_to(stage, ANA)), (1, 1));
}

#[tokio::test]
async fn whoever_got_the_message_without_the_card_is_not_asked_again() {
    for (message, x_ahead) in [
        ("message = \"How did we do?\"", Duration::ZERO),
        ("message = \"Q&A < 1:\\nhttps://acme.example/a?b=c. How did we do?\"", Duration::ZERO),
        ("message = \"How did we do?\"", AHEAD),
    ] {
        let survey: &'static str = format!("{PATIENT}\n{message}").leak();
        let mut stage = Stage::set(Setup { survey, x_ahead, ..Setup::default() }).await;
        stage.fault(ApiCall::Create, 1, message_only());
        to_the_horizon(&mut stage).await;
        // Clocks that stand apart are given their distance once more.
        stage.pass(minutes(12)).await;
        assert_shown(&stage).await;
        assert_eq!(stage.calls(ApiCall::DirectMessages), 1);
        stage.close("c-2", ANA).await;
        stage.pass(hours(48)).await;
        assert_eq!(stage.state("c-2").await, "suppressed: throttled", "it counts as sent");
        assert_shown(&stage).await;
        assert!(stage.refused().is_empty(), "{:?}", stage.refused());
    }
}

#[tokio::test]
async fn a_list_that_cannot_be_had_holds_up_nothing_and_pauses_nobody() {
    let error = |status, code, words| InjectedFault::instead(Scripted::error(status, code, words));
    for fault in [
        error(404, 34, "Sorry, that page does not exist."),
        error(403, 93, "This application is not allowed to access your direct messages."),
        error(401, 89, "Invalid or expired token."),
        error(400, 9_999, "Something new."),
        error(429, 88, "Rate limit exceeded"),
        InjectedFault::instead(Scripted::html(404, "<h1>Nothing here</h1>")),
        InjectedFault::instead(Scripted::json(200, "{\"errors\": []}")),
        InjectedFault::cut_before(),
    ] {
        let mut stage = patient().await;
        stage.fault(ApiCall::Create, 1, InjectedFault::cut_before());
        stage.fault(ApiCall::DirectMessages, 100, fault.clone());
        to_the_horizon(&mut stage).await;
        stage.pass(minutes(1)).await;
        assert_eq!(stage.state("c-1").await, "sent", "{fault:?}");
        assert_eq!((stage.calls(ApiCall::Create), stage.prompted(ANA)), (2, 1), "{fault:?}");
        assert_eq!(stage.calls(ApiCall::DirectMessages), 1, "{fault:?}");
        assert_eq!(stage.store.last_pause("acme").await.unwrap(), None, "{fault:?}");
    }
}

#[tokio::test]
async fn a_list_that_x_refuses_is_asked_for_again_after_an_hour() {
    let mut stage = patient().await;
    let absent = Scripted::error(404, 34, "Sorry, that page does not exist.");
    stage.fault(ApiCall::DirectMessages, 1, InjectedFault::instead(absent));
    stage.fault(ApiCall::Create, 1, InjectedFault::cut_before());
    stage.close("c-1", ANA).await;
    for (at, conversation, person) in [(30, "c-2", BEN), (120, "c-3", BEN + 1)] {
        stage.pass(minutes(at) + minutes(1)).await;
        // Nobody else is asked meanwhile: it is this one's.
        stage.fault(ApiCall::Create, 1, InjectedFault::cut_before());
        stage.close(conversation, person).await;
    }
    stage.pass(hours(22)).await;
    assert_eq!(stage.calls(ApiCall::DirectMessages), 1, "of c-1; c-2 follows half an hour later");
    stage.pass(hours(3)).await;
    assert_eq!(stage.calls(ApiCall::DirectMessages), 2);
    for conversation in ["c-1", "c-2", "c-3"] {
        assert_eq!(stage.state(conversation).await, "sent");
    }
}

#[tokio::test]
async fn other_messages_are_no_evidence() {
    let mut stage = patient().await;
    let acme = acme(&stage);
    stage.fault(ApiCall::Create, 1, InjectedFault::cut_before());
    let text = "How did we do?";
    say(&stage, acme, ANA, text);
    stage.close("c-1", ANA).await;
    stage.pass(minutes(5)).await;
    assert_eq!(stage.state("c-1").await, "uncertain");
    say(&stage, acme, ANA, "Thank you, and goodbye.");
    say(&stage, acme, BEN, text);
    say(&stage, ANA, acme, text);
    stage.pass(minutes(7)).await;
    say(&stage, acme, ANA, text);
    stage.pass(hours(24)).await;
    assert_eq!(stage.state("c-1").await, "sent");
    assert_eq!((stage.calls(ApiCall::Create), stage.prompted(ANA)), (2, 1));
    assert_eq!(stage.calls(ApiCall::DirectMessages), 1);
}

#[tokio::test]
async fn the_message_of_another_prompt_is_no_evidence() {
    let mut stage = unthrottled().await;
    stage.fault(ApiCall::Create, 1, InjectedFault::cut_before());
    stage.close("c-1", ANA).await;
    stage.close("c-2", ANA).await;
    stage.pass(minutes(6)).await;
    let states = [stage.state("c-1").await, stage.state("c-2").await];
    assert!(states.contains(&"sent".into()) && states.contains(&"uncertain".into()), "{states:?}");
    stage.pass(hours(25)).await;
    assert_eq!(stage.state("c-1").await, "sent");
    assert_eq!(stage.state("c-2").await, "sent");
    assert_eq!((stage.calls(ApiCall::Create), stage.prompted(ANA)), (3, 2));
}

#[tokio::test]
async fn a_message_that_either_of_two_prompts_may_have_put_out_keeps_both_from_going_out_again() {
    let mut stage = unthrottled().await;
    stage.fault(ApiCall::Create, 1, message_only());
    stage.fault(ApiCall::Create, 1, InjectedFault::cut_before());
    stage.close("c-1", ANA).await;
    stage.close("c-2", ANA).await;
    stage.pass(hours(25)).await;
    for conversation in ["c-1", "c-2"] {
        assert!(stage.state(conversation).await.starts_with("failed: X shows the Direct Message"));
    }
    assert_eq!((stage.calls(ApiCall::Create), messages_to(&stage, ANA)), (2, 1));
    assert_eq!(stage.calls(ApiCall::DirectMessages), 1, "one reading for both");
}

#[tokio::test]
async fn a_prompt_that_x_s_events_know_needs_no_list() {
    let mut stage = patient().await;
    stage.fault(ApiCall::Create, 1, InjectedFault::cut_after());
    to_the_horizon(&mut stage).await;
    stage.pass(minutes(1)).await;
    assert_eq!(stage.state("c-1").await, "sent");
    assert_eq!(stage.calls(ApiCall::DirectMessages), 0);
}

#[tokio::test]
async fn a_spent_budget_is_waited_for() {
    let mut stage = patient().await;
    stage.fault(ApiCall::Create, 1, message_only());
    to_the_horizon(&mut stage).await;
    let now = stage.now();
    let taken = stage.store.take_calls("acme", Budgeted::DirectMessages, 15, now).await.unwrap();
    assert!(matches!(taken, Ready::Now(_)), "{taken:?}");
    stage.pass(minutes(10)).await;
    assert_eq!(stage.state("c-1").await, "uncertain");
    let events = stage.calls(ApiCall::Events);
    stage.pass(minutes(4)).await;
    assert_eq!(stage.calls(ApiCall::Events), events, "nothing is asked while it waits");
    stage.pass(minutes(3)).await;
    assert_shown(&stage).await;
}

#[tokio::test]
async fn a_budget_that_stays_spent_is_waited_for_no_longer_than_a_window() {
    let mut stage = patient().await;
    stage.fault(ApiCall::Create, 1, InjectedFault::cut_before());
    to_the_horizon(&mut stage).await;
    let now = stage.now();
    let far: Option<Millis> = Some(now.plus(hours(20)));
    stage.store.hold_calls("acme", Budgeted::DirectMessages, far, now).await.unwrap();
    stage.pass(minutes(15)).await;
    assert_eq!(stage.state("c-1").await, "uncertain");
    // As long as a spent budget may be counted, and a minute in which it is looked again.
    stage.pass(COUNTED_FOR - minutes(15) + minutes(1)).await;
    assert_eq!(stage.state("c-1").await, "sent");
    assert_eq!((stage.prompted(ANA), stage.calls(ApiCall::DirectMessages)), (1, 0));
}

#[tokio::test]
async fn a_message_is_found_below_many_others_but_not_below_ten_pages() {
    for (others, pages, creates) in [(120, 3, 1), (520, 10, 2)] {
        let mut stage = patient().await;
        let acme = acme(&stage);
        stage.fault(ApiCall::Create, 1, message_only());
        stage.close("c-1", ANA).await;
        stage.pass(minutes(5) + seconds(1)).await;
        for person in 0..others {
            say(&stage, acme, BEN + person, "a word");
        }
        stage.pass(hours(24) + minutes(8)).await;
        assert_eq!(stage.calls(ApiCall::DirectMessages), pages, "{others} others");
        assert_eq!(stage.calls(ApiCall::Create), creates, "{others} others");
    }
}
