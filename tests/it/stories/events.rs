//! X's feedback events, read to the last of them whatever becomes of the way through a window.

use std::collections::BTreeMap;

use surveyd::domain::event_windows::{ReadingPurpose, SecondLook, UnreadReason};
use surveyd::domain::time::{Millis, Period};
use surveyd::sandbox::{ApiCall, Behaviour, InjectedFault, Paging, Scripted};

use crate::harness::people::{ANA, BEN};
use crate::harness::stage::{Setup, Stage};
use crate::harness::{START, days, hours, minutes, seconds};

const EVENTS_ALONE: &str = "fresh_for = \"0s\"\ninterval = \"30m\"";

/// Everybody answers, in hours, and pages hold few events each.
fn talkative(world: &mut surveyd::sandbox::SandboxConfig) {
    world.behaviour = Behaviour {
        closed: 0.0,
        answered: 1.0,
        commented: 1.0,
        together: 0.0,
        paging: Paging::awkward(),
        ..Behaviour::unhurried()
    };
}

/// People who were prompted, and a time in which nothing was read.
async fn unread(count: u64, away: std::time::Duration) -> Stage {
    let setup = Setup { poll: EVENTS_ALONE, world: talkative, ..Setup::default() };
    let mut stage = Stage::set(setup).await;
    for person in 1..=count {
        stage.close(&format!("c-{person}"), person).await;
    }
    stage.pass(minutes(10)).await;
    stage.wait(away);
    stage
}

/// By person: the scores that are known, and those that were given.
async fn known_and_true(stage: &Stage) -> [BTreeMap<String, Option<i64>>; 2] {
    let rows = stage.results().await;
    let known = rows.iter().map(|row| (row.survey.person().to_owned(), row.told.score)).collect();
    let truth = stage.x(|world| {
        let of = |prompt: &surveyd::sandbox::record::DeliveredPrompt| {
            let score = world.feedback(prompt.feedback_id).and_then(|f| f.score.clone());
            (prompt.to_user_id.to_string(), score.map(|part| i64::from(part.value)))
        };
        world.prompts().iter().map(of).collect()
    });
    [known, truth]
}

async fn done_to(stage: &Stage) -> Option<Millis> {
    stage.store.poll_state("acme").await.unwrap().done_to
}

#[tokio::test]
async fn months_of_downtime_are_read_in_windows_of_a_day_the_oldest_first() {
    let mut stage = unread(60, days(90)).await;
    let before = stage.calls(ApiCall::Events);
    let mut come = done_to(&stage).await.unwrap();
    for _ in 0..40 {
        stage.work().await;
        let next = done_to(&stage).await.unwrap();
        assert!(next >= come);
        come = next;
        // Killed between any two passes.
        stage.restart().await;
    }
    let [known, truth] = known_and_true(&stage).await;
    assert_eq!(known, truth);
    assert!(stage.now().minus(hours(24)).since(come) < minutes(1), "{}", come.rfc3339());
    let calls = stage.calls(ApiCall::Events) - before;
    assert!((90..1_000).contains(&calls), "{calls} calls");
    assert!(stage.refused().is_empty(), "{:?}", stage.refused().first());
}

#[tokio::test]
async fn a_cursor_that_x_knows_no_longer_costs_the_way_and_no_event() {
    let refusals = [
        Scripted::error(400, 44, "cursor parameter is invalid."),
        Scripted::error(404, 34, "Sorry, that page does not exist."),
        Scripted::html(410, "gone"),
    ];
    for refusal in refusals {
        let mut stage = unread(150, days(3)).await;
        // The first window holds no events yet.
        stage.x(|world| world.set_limit(ApiCall::Events, 2));
        stage.work().await;
        let window = stage.store.poll_state("acme").await.unwrap().window.unwrap();
        assert!(window.cursor.is_some(), "in the middle of a window");
        stage.x(|world| world.set_limit(ApiCall::Events, 1_000));
        stage.fault(ApiCall::Events, 12, InjectedFault::instead(refusal.clone()));
        stage.pass(hours(10)).await;
        assert_eq!(stage.x(|world| world.faults_left()), 0);
        let [known, truth] = known_and_true(&stage).await;
        assert_eq!(known, truth, "{refusal:?}");
        let paused = stage.store.paused("acme").await.unwrap();
        assert_eq!(paused, None, "it is the cursor that X refuses");
    }
}

#[tokio::test]
async fn pages_that_lead_back_end_no_window_and_are_not_read_for_ever() {
    // A page that leads to itself once it is asked for by its cursor.
    let page = r#"{"events": [], "next_cursor": "round"}"#;
    let mut stage = unread(60, days(2)).await;
    let before = (done_to(&stage).await, stage.calls(ApiCall::Events));
    stage.fault(ApiCall::Events, 30, InjectedFault::instead(Scripted::json(200, page)));
    stage.pass(minutes(10)).await;
    assert_eq!(done_to(&stage).await, before.0, "no such window is done");
    let calls = stage.calls(ApiCall::Events) - before.1;
    assert!((4..=16).contains(&calls), "{calls} calls in ten minutes");
    let most = stage.store.poll_state("acme").await.unwrap().window_most;
    assert!(most < Some(hours(23)), "{most:?}");
    stage.x(|world| world.clear_faults());
    stage.pass(hours(12)).await;
    let [known, truth] = known_and_true(&stage).await;
    assert_eq!(known, truth);
    assert_eq!(stage.store.poll_state("acme").await.unwrap().window_most, None);
}

#[tokio::test]
async fn what_surfaces_behind_what_was_read_is_found_by_a_second_look() {
    let mut stage = Stage::set(Setup { poll: EVENTS_ALONE, ..Setup::default() }).await;
    stage.close("c-1", ANA).await;
    stage.pass(days(2)).await;
    assert_eq!(stage.state("c-1").await, "sent");
    let come = done_to(&stage).await.unwrap();
    // X dates the answer to two hours before what has been read.
    let feedback_id = stage.prompts()[0].feedback_id;
    stage.x(|world| world.answer(feedback_id, Some(4), None, come.minus(hours(2))).unwrap());
    stage.pass(hours(7)).await;
    assert_eq!(stage.survey("c-1").await.told.score, Some(4));
    assert!(stage.refused().is_empty(), "{:?}", stage.refused().first());
}

#[tokio::test]
async fn looks_are_done_when_they_are_due_whatever_restarts_there_are() {
    let mut stage = Stage::set(Setup { poll: EVENTS_ALONE, ..Setup::default() }).await;
    stage.close("c-1", ANA).await;
    let mut ends = Vec::new();
    for _ in 0..(5 * 24) {
        stage.pass(hours(1)).await;
        stage.restart().await;
        let state =
            stage.store.reading("acme", ReadingPurpose::Second(SecondLook::Week)).await.unwrap();
        ends.extend(state.goal);
    }
    ends.dedup();
    // Events are read from a day before the first close to four days after it.
    assert!((4..=5).contains(&ends.len()), "{} looks over a week", ends.len());
    let day = stage.store.reading("acme", ReadingPurpose::Second(SecondLook::Day)).await.unwrap();
    let behind = done_to(&stage).await.unwrap().since(day.goal.unwrap());
    assert!(behind < hours(7), "{behind:?}");
    let calls = stage.calls(ApiCall::Events);
    assert!(calls < 5 * 48 + 60, "{calls} calls: looks are cheap");
    assert!(stage.refused().is_empty(), "{:?}", stage.refused().first());
}

#[tokio::test]
async fn a_look_gives_way_to_the_first_reading_and_leaves_it_calls() {
    let mut stage = unread(150, days(8)).await;
    stage.x(|world| world.set_limit(ApiCall::Events, 40));
    stage.pass(hours(3)).await;
    let horizon = stage.now().minus(hours(24));
    let come = done_to(&stage).await.unwrap();
    assert!(horizon.since(come) <= minutes(31), "{}", come.rfc3339());
    stage.pass(hours(3) + seconds(1)).await;
    let week = stage.store.reading("acme", ReadingPurpose::Second(SecondLook::Week)).await.unwrap();
    assert_eq!(week.under_way_to(), None, "and it comes to its end");
    let [known, truth] = known_and_true(&stage).await;
    assert_eq!(known, truth);
    assert!(stage.refused().is_empty(), "{:?}", stage.refused().first());
}

const ALL_TIME: Period = Period { from: Millis(i64::MIN), to: Millis(i64::MAX) };

async fn unread_at_last(stage: &Stage) -> Vec<(Period, UnreadReason)> {
    let unread = stage.store.unread("acme", ALL_TIME).await.unwrap();
    unread.iter().map(|unread| (unread.range, unread.why)).collect()
}

#[tokio::test]
async fn a_second_without_an_end_is_passed_over_and_kept_until_a_look_has_read_it() {
    let mut stage = Stage::set(Setup { poll: EVENTS_ALONE, ..Setup::default() }).await;
    stage.close("c-1", ANA).await;
    stage.pass(hours(2)).await;
    let endless_at = stage.now().minus(minutes(7));
    stage.x(|world| world.set_endless(Some(endless_at)));
    stage.close("c-2", BEN).await;
    stage.pass(minutes(10)).await;
    stage.answer(BEN, Some(5), None);
    // Killed again and again: what was tried is not forgotten.
    for _ in 0..30 {
        stage.pass(hours(1)).await;
        stage.restart().await;
    }
    let unread = unread_at_last(&stage).await;
    let [(range, UnreadReason::End)] = unread[..] else { panic!("{unread:?}") };
    assert!(range.from <= endless_at && endless_at <= range.to);
    assert!(range.to.since(range.from) <= seconds(1), "{range:?}");
    assert_eq!(stage.survey("c-2").await.told.score, Some(5), "what is behind it is read");
    let horizon = stage.now().minus(hours(24));
    assert!(horizon.since(done_to(&stage).await.unwrap()) <= minutes(31));

    // Looks ask for it again, and go on behind it at once.
    let before = stage.calls(ApiCall::Events);
    stage.pass(days(1)).await;
    assert_eq!(unread_at_last(&stage).await, unread);
    let calls = stage.calls(ApiCall::Events) - before;
    assert!(calls < 48 + 60, "{calls} calls");
    let day = stage.store.reading("acme", ReadingPurpose::Second(SecondLook::Day)).await.unwrap();
    assert!(day.goal.unwrap() > endless_at.plus(hours(12)), "and come to their end");
    stage.x(|world| world.set_endless(None));
    stage.pass(hours(31)).await;
    assert_eq!(unread_at_last(&stage).await, []);
    assert!(stage.refused().is_empty(), "{:?}", stage.refused().first());
}

#[tokio::test]
async fn x_being_away_leaves_nothing_unread() {
    let mut stage = unread(20, days(2)).await;
    let before = done_to(&stage).await;
    stage.fault(ApiCall::Events, 100_000, InjectedFault::cut_before());
    stage.pass(days(1)).await;
    assert_eq!((done_to(&stage).await, unread_at_last(&stage).await), (before, vec![]));
    stage.x(|world| world.clear_faults());
    stage.pass(days(1)).await;
    let [known, truth] = known_and_true(&stage).await;
    assert_eq!((known, unread_at_last(&stage).await), (truth, vec![]));
}

#[tokio::test]
async fn what_may_lie_in_a_second_without_an_end_is_not_taken_for_unsent() {
    let setup = Setup { poll: EVENTS_ALONE, survey: "expire_after = \"30d\"", ..Setup::default() };
    let mut stage = Stage::set(setup).await;
    stage.fault(ApiCall::Create, 1, InjectedFault::cut_before());
    stage.close("c-1", ANA).await;
    stage.pass(minutes(10)).await;
    assert_eq!(stage.state("c-1").await, "uncertain");
    stage.x(|world| world.set_endless(Some(START.plus(minutes(2)))));
    stage.pass(days(3)).await;
    assert_eq!(unread_at_last(&stage).await.len(), 1);
    assert_eq!((stage.state("c-1").await.as_str(), stage.prompted(ANA)), ("uncertain", 0));
    stage.x(|world| world.set_endless(None));
    stage.pass(days(2)).await;
    assert_eq!((stage.state("c-1").await.as_str(), stage.prompted(ANA)), ("sent", 1));
}
