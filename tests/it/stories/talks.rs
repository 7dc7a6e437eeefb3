//! Talks by Direct Messages that nobody closes: the account's stream is watched, and whoever was
//! answered and says no more is asked.

use std::time::Duration;

use surveyd::domain::direct_message::DirectMessage;
use surveyd::domain::id::UserId;
use surveyd::domain::time::Millis;
use surveyd::sandbox::{ApiCall, Ending, InjectedFault, Scripted};

use crate::harness::database::{Database, on_each_engine};
use crate::harness::people::{ANA, BEN};
use crate::harness::stage::{Setup, Stage};
use crate::harness::{START, hours, minutes, seconds};

const V1: &str = "[[sources]]\nname = \"dms\"\nkind = \"dm_inactivity\"\nafter = \"30m\"\n";
const V2: &str =
    "[[sources]]\nname = \"dms\"\nkind = \"dm_inactivity\"\nafter = \"30m\"\nstream = \"v2\"\n";

const WEBHOOK: &str = "[[sources]]\nname = \"dms\"\nkind = \"dm_inactivity\"\nafter = \"30m\"\nstream = \"webhook\"\n";

/// From the last word to the prompt: the silence, the delay, and the next look.
fn asked_after() -> Duration {
    minutes(30) + minutes(5) + minutes(3)
}

async fn watching() -> Stage {
    Stage::set(Setup { sources: V1, ..Setup::default() }).await
}

fn acme(stage: &Stage) -> u64 {
    stage.x(|world| world.accounts()[0].user_id)
}

/// Somebody writes to somebody now. The message's id.
fn say(stage: &Stage, sender: u64, recipient: u64, text: &str) -> u64 {
    let now = stage.sandbox.now();
    stage.x(|world| world.say(sender, recipient, text, now))
}

/// A person asks and an agent answers a minute later. What the talk is called.
async fn talk(stage: &mut Stage, person: u64) -> String {
    let first = say(stage, person, acme(stage), "Where is my order?");
    stage.pass(minutes(1)).await;
    say(stage, acme(stage), person, "It is on its way.");
    format!("dm-{person}-{first}")
}

async fn surveys(stage: &Stage) -> usize {
    stage.results().await.len()
}

fn no_call_too_many(stage: &Stage) {
    assert!(stage.refused().is_empty(), "{:?}", stage.refused());
}

#[tokio::test]
async fn who_was_answered_and_says_no_more_is_asked_once_and_never_for_the_prompt() {
    for sources in [V1, V2] {
        let mut stage = Stage::set(Setup { sources, ..Setup::default() }).await;
        let talk = talk(&mut stage, ANA).await;
        let answered_at = stage.now();
        stage.pass(minutes(29)).await;
        assert_eq!(surveys(&stage).await, 0, "it is not over yet");
        stage.pass(asked_after() - minutes(29)).await;
        let row = stage.survey(&talk).await;
        assert_eq!(row.survey.state.name(), "sent");
        assert_eq!(row.survey.closed_at, answered_at.plus(minutes(30)));
        assert_eq!(row.survey.notice.agent_messages, Some(1));
        assert_eq!(row.survey.notice.last_message_at, Some(answered_at));
        stage.pass(hours(72)).await;
        assert_eq!((stage.prompted(ANA), surveys(&stage).await), (1, 1));
        no_call_too_many(&stage);
    }
}

#[tokio::test]
async fn who_waits_for_an_answer_is_not_asked_and_neither_is_who_never_wrote() {
    let mut stage = watching().await;
    say(&stage, ANA, acme(&stage), "Hello?");
    say(&stage, acme(&stage), BEN, "We have news for you.");
    stage.pass(hours(48)).await;
    assert_eq!(surveys(&stage).await, 0);
    // A prompt of a desk's close does not answer Ana.
    stage.close("c-1", ANA).await;
    stage.pass(hours(2)).await;
    assert_eq!((stage.prompted(ANA), surveys(&stage).await), (1, 1));
}

#[tokio::test]
async fn who_writes_before_the_prompt_is_out_is_asked_once_the_talk_is_over_at_last() {
    let mut stage = watching().await;
    let first = talk(&mut stage, ANA).await;
    stage.pass(minutes(32)).await;
    assert_eq!(stage.state(&first).await, "scheduled");
    let second = talk(&mut stage, ANA).await;
    stage.pass(minutes(2)).await;
    assert_eq!(stage.state(&first).await, "cancelled: reopened");
    stage.pass(asked_after()).await;
    assert_eq!((stage.state(&second).await.as_str(), stage.prompted(ANA)), ("sent", 1));
}

#[tokio::test]
async fn a_later_talk_is_a_conversation_of_its_own_and_the_throttle_holds_over_all_sources() {
    let mut stage = watching().await;
    let first = talk(&mut stage, ANA).await;
    stage.pass(asked_after()).await;
    let second = talk(&mut stage, ANA).await;
    stage.pass(asked_after()).await;
    stage.close("c-1", ANA).await;
    stage.pass(minutes(6)).await;
    assert_eq!(stage.state(&first).await, "sent");
    assert_eq!(stage.state(&second).await, "suppressed: throttled");
    assert_eq!(stage.state("c-1").await, "suppressed: throttled");
    assert_eq!(stage.prompted(ANA), 1);
}

#[tokio::test]
async fn a_restart_forgets_nothing_and_repeats_nothing() {
    on_each_engine(async |database: Database| {
        let setup = Setup { sources: V1, ..Setup::default() };
        let mut stage = Stage::on(database, setup).await;
        let ana = talk(&mut stage, ANA).await;
        let ben = talk(&mut stage, BEN).await;
        for _ in 0..10 {
            stage.restart().await;
            stage.pass(minutes(4)).await;
        }
        say(&stage, BEN, acme(&stage), "And now?");
        for _ in 0..10 {
            stage.restart().await;
            stage.pass(minutes(7)).await;
        }
        assert_eq!(stage.state(&ana).await, "sent");
        assert_eq!(stage.state(&ben).await, "sent");
        assert_eq!((stage.prompts().len(), surveys(&stage).await), (2, 2));
    })
    .await;
}

#[tokio::test]
async fn what_was_said_while_surveyd_was_away_is_read_up_to_where_it_was() {
    let mut stage = watching().await;
    stage.pass(minutes(5)).await;
    let acme = acme(&stage);
    // Four pages of fifty of them.
    for person in 0..100 {
        stage.wait(seconds(1));
        say(&stage, 700_000 + person, acme, "Hello");
        say(&stage, acme, 700_000 + person, "Hello to you");
    }
    stage.wait(hours(1));
    stage.restart().await;
    stage.pass(minutes(10)).await;
    assert_eq!(surveys(&stage).await, 100);
    assert_eq!(stage.prompts().len(), 100);
    no_call_too_many(&stage);
}

#[tokio::test]
async fn a_first_start_asks_nobody_about_last_week() {
    let stage = Stage::set(Setup::default()).await;
    drop(stage);
    let mut stage = watching().await;
    let acme = acme(&stage);
    let week_ago = START.minus(hours(7 * 24));
    for person in 0..40 {
        let at = week_ago.plus(hours(4 * person));
        stage.x(|world| {
            world.say(800_000 + person, acme, "Hello", at);
            world.say(acme, 800_000 + person, "Hello to you", at.plus(seconds(1)));
        });
    }
    stage.pass(hours(2)).await;
    let rows = stage.results().await;
    let sent = rows.iter().filter(|row| row.survey.state.name() == "sent").count();
    let expired = rows.iter().filter(|row| row.survey.state.name() == "expired").count();
    assert_eq!(sent, stage.prompts().len());
    assert!((1..=3).contains(&sent), "those of the last twelve hours: {sent}");
    assert!(expired < 12, "the rest is not even read: {expired}");
}

#[tokio::test]
async fn a_busy_account_is_read_within_xs_limit_page_by_page_though_pages_are_empty() {
    let world = |world: &mut surveyd::sandbox::SandboxConfig| {
        world.behaviour.paging.empty = 0.5;
        world.behaviour.paging.partial = 0.5;
    };
    let mut stage = Stage::set(Setup { sources: V1, world, ..Setup::default() }).await;
    let acme = acme(&stage);
    let mut talks = Vec::new();
    for minute in 0..30_u32 {
        for person in 0..20 {
            let person = 900_000 + u64::from(minute) * 20 + person;
            talks.push(format!("dm-{person}-{}", say(&stage, person, acme, "Hello")));
            say(&stage, acme, person, "Hello to you");
        }
        stage.pass(minutes(1)).await;
        // By now as many of X's windows have begun at the most.
        assert!(stage.calls(ApiCall::DirectMessages) <= 15 * ((u64::from(minute) + 1) / 15 + 1));
    }
    assert!(stage.refused().is_empty(), "{:?}", stage.refused().first());
    stage.pass(hours(6)).await;
    let states = stage.states().await;
    for talk in &talks {
        assert_eq!(states[talk], "sent", "{talk}");
    }
    assert_eq!(stage.prompts().len(), 600);
    no_call_too_many(&stage);
}

#[tokio::test]
async fn who_says_stop_is_asked_by_this_account_no_more() {
    let mut stage = watching().await;
    let ana = talk(&mut stage, ANA).await;
    stage.pass(minutes(1)).await;
    say(&stage, ANA, acme(&stage), "STOP!");
    stage.pass(minutes(1)).await;
    say(&stage, acme(&stage), ANA, "You will not hear from us.");
    stage.pass(asked_after()).await;
    assert_eq!(stage.state(&ana).await, "suppressed: opted_out");
    assert_eq!(stage.prompts().len(), 0);
    // Let in again by hand, the old message counts no more.
    let person = UserId::parse(&ANA.to_string()).unwrap();
    stage.store.opt_in(person, None).await.unwrap();
    stage.restart().await;
    let again = talk(&mut stage, ANA).await;
    stage.pass(asked_after()).await;
    assert_eq!(stage.state(&again).await, "sent");
}

#[tokio::test]
async fn a_survey_that_waits_when_its_person_says_stop_is_not_sent() {
    let mut stage = watching().await;
    stage.close("c-1", ANA).await;
    stage.pass(minutes(2)).await;
    say(&stage, ANA, acme(&stage), "Parar");
    stage.pass(minutes(6)).await;
    assert_eq!(stage.state("c-1").await, "suppressed: opted_out");
    let out = stage.store.opted_out(None).await.unwrap();
    assert_eq!(out[0].why.as_deref(), Some("asked for it in a Direct Message"));
    assert_eq!(stage.prompts().len(), 0);
}

/// X delivers a message that was said now.
async fn deliver(stage: &Stage, id: u64, sender: u64, recipient: u64, text: &str) {
    let message = DirectMessage {
        id: id.to_string(),
        sender: sender.to_string(),
        recipient: recipient.to_string(),
        created_at: stage.sandbox.now(),
        text: text.into(),
    };
    // At least once.
    stage.talks[0].hear(vec![message.clone()]).await.unwrap();
    stage.talks[0].hear(vec![message]).await.unwrap();
}

#[tokio::test]
async fn what_x_delivers_is_closed_as_soon_as_it_is_over_and_the_list_fills_the_gaps() {
    let mut stage = Stage::set(Setup { sources: WEBHOOK, ..Setup::default() }).await;
    stage.pass(minutes(1)).await;
    let acme = acme(&stage);
    let first = say(&stage, ANA, acme, "Hello");
    deliver(&stage, first, ANA, acme, "Hello").await;
    let answer = say(&stage, acme, ANA, "Hello to you");
    deliver(&stage, answer, acme, ANA, "Hello to you").await;
    let closed_at = stage.now().plus(minutes(30));
    stage.pass(minutes(31)).await;
    let row = stage.survey(&format!("dm-{ANA}-{first}")).await;
    assert_eq!((row.survey.closed_at, row.survey.state.name()), (closed_at, "scheduled"));
    // Of Ben's talk nothing was ever delivered.
    let ben = talk(&mut stage, BEN).await;
    stage.pass(minutes(52)).await;
    assert_eq!(stage.state(&ben).await, "sent");
    assert_eq!((stage.prompted(ANA), stage.prompted(BEN), surveys(&stage).await), (1, 1, 2));
    assert!(stage.calls(ApiCall::DirectMessages) <= 8, "{}", stage.calls(ApiCall::DirectMessages));
    no_call_too_many(&stage);
}

#[tokio::test]
async fn what_was_said_while_nobody_took_deliveries_ends_no_talk() {
    let mut stage = Stage::set(Setup { sources: WEBHOOK, ..Setup::default() }).await;
    stage.pass(minutes(1)).await;
    let acme = acme(&stage);
    for (sender, recipient) in [(ANA, acme), (acme, ANA)] {
        let id = say(&stage, sender, recipient, "Hello");
        deliver(&stage, id, sender, recipient, "Hello").await;
    }
    stage.wait(minutes(10));
    say(&stage, ANA, acme, "But where is it?");
    stage.restart().await;
    stage.pass(hours(3)).await;
    assert_eq!(surveys(&stage).await, 0, "she still waits for an answer");
    // And where X does not list them, there is no telling.
    let fault = InjectedFault::instead(Scripted::error(403, 93, "not allowed to access them"));
    stage.fault(ApiCall::DirectMessages, 1_000, fault);
    for (sender, recipient) in [(BEN, acme), (acme, BEN)] {
        let id = say(&stage, sender, recipient, "Hello");
        deliver(&stage, id, sender, recipient, "Hello").await;
    }
    stage.restart().await;
    stage.pass(hours(3)).await;
    assert_eq!(surveys(&stage).await, 0, "it was delivered before the restart");
    for (sender, recipient) in [(BEN, acme), (acme, BEN)] {
        let id = say(&stage, sender, recipient, "And now?");
        deliver(&stage, id, sender, recipient, "And now?").await;
    }
    stage.pass(asked_after()).await;
    assert_eq!((stage.prompted(ANA), stage.prompted(BEN)), (0, 1));
    no_call_too_many(&stage);
}

/// Whoever has deliveries missed all the time must not keep the list from being read.
#[tokio::test]
async fn what_is_missed_again_and_again_puts_no_reading_off() {
    let mut stage = Stage::set(Setup { sources: WEBHOOK, ..Setup::default() }).await;
    stage.pass(minutes(1)).await;
    let ben = talk(&mut stage, BEN).await;
    let before = stage.calls(ApiCall::DirectMessages);
    for _ in 0..10 * 15 {
        stage.talks[0].miss();
        stage.pass(seconds(4)).await;
    }
    assert!(stage.calls(ApiCall::DirectMessages) > before, "nothing is read");
    stage.pass(minutes(55)).await;
    assert_eq!((stage.state(&ben).await.as_str(), stage.prompted(BEN)), ("sent", 1));
    no_call_too_many(&stage);
}

#[tokio::test]
async fn a_list_that_x_refuses_pauses_nobody_and_is_read_once_it_can() {
    let error = |status, code, words| InjectedFault::instead(Scripted::error(status, code, words));
    for fault in [
        error(403, 93, "This application is not allowed to access your direct messages."),
        error(429, 88, "Rate limit exceeded"),
        error(500, 131, "Internal error"),
        InjectedFault::instead(Scripted::json(200, "{\"errors\": []}")),
        InjectedFault::cut_before(),
    ] {
        let mut stage = watching().await;
        stage.fault(ApiCall::DirectMessages, 3, fault.clone());
        let ana = talk(&mut stage, ANA).await;
        stage.close("c-1", BEN).await;
        stage.pass(hours(3)).await;
        assert_eq!(stage.state("c-1").await, "sent", "{fault:?}");
        assert_eq!(stage.state(&ana).await, "sent", "{fault:?}");
        assert_eq!(stage.store.last_pause("acme").await.unwrap(), None, "{fault:?}");
    }
}

#[tokio::test]
async fn a_clock_that_x_refuses_again_and_again_spends_no_calls_at_once() {
    let mut stage = watching().await;
    // Each of X's servers has another clock.
    for hour in 1..=9 {
        let date = stage.now().plus(hours(hour)).0 / 1_000;
        let date = jiff::Timestamp::from_second(date).unwrap().to_zoned(jiff::tz::TimeZone::UTC);
        let date = jiff::fmt::rfc2822::to_string(&date).unwrap();
        let refusal = Scripted::error(401, 135, "Timestamp out of bounds.");
        let fault = InjectedFault::instead(refusal.with_header("date", &date));
        stage.fault(ApiCall::DirectMessages, 1, fault);
    }
    stage.pass(seconds(15)).await;
    assert_eq!(stage.calls(ApiCall::DirectMessages), 4, "one every five seconds");
    let ana = talk(&mut stage, ANA).await;
    stage.x(|world| world.clear_faults());
    stage.pass(hours(1)).await;
    assert_eq!(stage.state(&ana).await, "sent");
}

#[tokio::test]
async fn a_clock_that_is_set_back_lets_the_list_of_a_paused_account_wait_no_longer() {
    let mut stage = watching().await;
    let fault = InjectedFault::instead(Scripted::error(401, 32, "Could not authenticate you."));
    stage.fault(ApiCall::Events, 1, fault);
    stage.set_clock_ahead(2 * 3_600);
    stage.pass(seconds(20)).await;
    assert!(stage.store.paused("acme").await.unwrap().is_some());
    stage.set_clock_ahead(0);
    let interval = minutes(30);
    assert!(stage.look().await.unwrap() <= stage.now().plus(interval));
}

#[tokio::test]
async fn a_greedy_watch_leaves_calls_for_the_proof_of_a_prompt_without_an_answer() {
    let sources = "[[sources]]\nname = \"dms\"\nkind = \"dm_inactivity\"\nevery = \"1s\"\n";
    let survey = "expire_after = \"3d\"";
    let mut stage = Stage::set(Setup { sources, survey, ..Setup::default() }).await;
    // The message goes out, and there is no card.
    stage.fault(ApiCall::Create, 1, InjectedFault::MessageOnly { ending: Ending::Cut });
    stage.close("c-1", ANA).await;
    stage.pass(hours(24) + minutes(6)).await;
    assert_eq!(stage.state("c-1").await, "uncertain");
    stage.pass(minutes(30)).await;
    let state = stage.state("c-1").await;
    assert!(state.starts_with("failed: X shows the Direct Message "), "{state}");
    assert_eq!(surveys(&stage).await, 1, "the message is no talk");
    let calls = stage.calls(ApiCall::DirectMessages);
    assert!(calls > 800, "it was greedy: {calls}");
    no_call_too_many(&stage);
}

#[tokio::test]
async fn the_silence_is_measured_by_xs_clock_wherever_ours_stands() {
    for ahead in [-3_600, 3_600] {
        let mut stage = watching().await;
        let ana = talk(&mut stage, ANA).await;
        stage.pass(minutes(2)).await;
        stage.set_clock_ahead(ahead);
        stage.pass(minutes(25)).await;
        assert_eq!(surveys(&stage).await, 0, "{ahead}");
        stage.pass(minutes(8)).await;
        assert_eq!(surveys(&stage).await, 1, "{ahead}");
        let closed_at: Millis = stage.survey(&ana).await.survey.closed_at;
        assert_eq!(closed_at, START.plus(minutes(31)), "{ahead}");
    }
}
