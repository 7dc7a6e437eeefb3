//! From what people say to the rows that reports are made of.

use std::collections::BTreeSet;

use surveyd::domain::time::Millis;
use surveyd::sandbox::feedback::AnswerPart;
use surveyd::sandbox::{ApiCall, Behaviour, InjectedFault, Paging, Scripted};
use surveyd::store::ResultRow;

use crate::harness::people::ANA;
use crate::harness::stage::{Setup, Stage};
use crate::harness::{START, days, hours, minutes, seconds};

/// X tells whole seconds.
fn told(at: Millis) -> Millis {
    Millis(at.0.div_euclid(1_000) * 1_000)
}

/// Holds a survey's row against what X knows of its person.
fn assert_is_the_truth(stage: &Stage, row: &ResultRow) {
    let person = row.survey.person().parse().unwrap();
    let truth = stage.x(|world| {
        let id = world.prompts_to(person).next().expect("is prompted").feedback_id;
        world.feedback(id).unwrap().clone()
    });
    let given = |part: Option<Millis>| part.map(told);
    let score = truth.score.as_ref();
    assert_eq!(row.told.score, score.map(|part| i64::from(part.value)), "{person}");
    assert_eq!(row.told.scored_at, given(score.map(|part| part.created_at)), "{person}");
    let text: Option<&AnswerPart<String>> = truth.text.as_ref();
    assert_eq!(row.told.text, text.map(|part| part.value.clone()), "{person}");
    assert_eq!(row.told.commented_at, given(text.map(|part| part.created_at)), "{person}");
    assert_eq!(row.told.updated_at, Some(told(truth.updated_at)), "{person}");
    let answered = score.is_some() || text.is_some();
    assert_eq!(row.survey.state.name(), if answered { "answered" } else { "sent" }, "{person}");
    let delivery = row.survey.state.delivery().expect("it was sent");
    assert_eq!(delivery.feedback_id.as_str(), truth.id.to_string());
}

/// People who answer in parts, and pages that are cut, shuffled, repeated and empty.
fn awkward(world: &mut surveyd::sandbox::SandboxConfig) {
    world.behaviour = Behaviour {
        closed: 0.0,
        answered: 0.8,
        commented: 0.7,
        repeated: 0.4,
        paging: Paging::awkward(),
        ..Behaviour::unhurried()
    };
}

async fn prompted_people(setup: Setup, count: u64) -> Stage {
    let mut stage = Stage::set(setup).await;
    for person in 1..=count {
        stage.close(&format!("c-{person}"), person).await;
        stage.pass(seconds(20)).await;
    }
    stage
}

#[tokio::test]
async fn answers_read_from_the_events_alone_are_the_truth() {
    let poll = "fresh_for = \"0s\"\ninterval = \"30m\"";
    let setup = Setup { poll, world: awkward, ..Setup::default() };
    let mut stage = prompted_people(setup, 150).await;
    stage.pass(hours(20)).await;
    let known = stage.results().await.iter().filter(|row| row.told.score.is_some()).count();
    assert_eq!(known, 0, "the events end a day ago");
    stage.pass(days(2)).await;
    let rows = stage.results().await;
    assert_eq!(rows.len(), 150);
    for row in &rows {
        assert_is_the_truth(&stage, row);
        // Created, then one update a part; a repetition is none.
        let parts = [row.told.scored_at, row.told.commented_at];
        let updates: BTreeSet<Millis> = parts.into_iter().flatten().collect();
        assert_eq!(row.told.updates as usize, updates.len() + 1, "{:?}", row.told);
    }
    assert!(rows.iter().filter(|row| row.told.text.is_some()).count() > 40);
    assert!(rows.iter().any(|row| row.told.updates == 3));
    assert_eq!(stage.calls(ApiCall::Show), 0);
    assert!(stage.refused().is_empty(), "{:?}", stage.refused().first());
}

#[tokio::test]
async fn answers_to_fresh_prompts_are_known_long_before_their_events() {
    let setup = Setup { world: awkward, ..Setup::default() };
    let mut stage = prompted_people(setup, 60).await;
    // The last answers come within eight hours and five minutes.
    stage.pass(hours(11)).await;
    let rows = stage.results().await;
    for row in &rows {
        assert_is_the_truth(&stage, row);
    }
    stage.pass(days(3)).await;
    let before = rows.len();
    for row in stage.results().await {
        assert_is_the_truth(&stage, &row);
    }
    assert_eq!(before, 60);
    assert!(stage.refused().is_empty(), "{:?}", stage.refused().first());
}

#[tokio::test]
async fn a_score_and_a_comment_given_days_apart_are_one_answer() {
    let mut stage = Stage::new().await;
    stage.close("c-1", ANA).await;
    stage.pass(hours(1)).await;
    stage.answer(ANA, None, Some("first the words"));
    stage.pass(days(9)).await;
    let told = stage.survey("c-1").await.told;
    assert_eq!((told.score, told.text.as_deref()), (None, Some("first the words")));
    // Past its freshness only the events tell.
    stage.answer(ANA, Some(2), None);
    stage.pass(days(2)).await;
    let row = stage.survey("c-1").await;
    assert_is_the_truth(&stage, &row);
    assert_eq!((row.told.score, row.told.updates), (Some(2), 3));
}

#[tokio::test]
async fn the_poller_goes_on_from_its_cursor_after_a_restart() {
    let setup = Setup {
        poll: "fresh_for = \"0s\"\noverlap = \"0s\"\ninterval = \"1d\"",
        world: awkward,
        ..Setup::default()
    };
    let mut stage = prompted_people(setup, 150).await;
    stage.pass(minutes(10)).await;
    // Two pages a quarter of an hour: the reading stops in the middle of a window, again and again.
    stage.wait(days(3));
    stage.x(|world| world.set_limit(ApiCall::Events, 2));
    let before = stage.calls(ApiCall::Events);
    let mut cursors = Vec::new();
    for _ in 0..40 {
        stage.work().await;
        let window = stage.store.poll_state("acme").await.unwrap().window;
        stage.restart().await;
        assert_eq!(stage.store.poll_state("acme").await.unwrap().window, window);
        let Some(cursor) = window.and_then(|window| window.cursor) else { break };
        assert!(!cursors.contains(&cursor), "no page is read twice");
        cursors.push(cursor);
        stage.wait(minutes(16));
    }
    assert!(cursors.len() > 2, "{cursors:?}");
    let calls = stage.calls(ApiCall::Events) - before;
    assert!(calls <= 2 * (cursors.len() as u64 + 1), "{calls} calls for {} stops", cursors.len());
    for row in stage.results().await {
        assert_is_the_truth(&stage, &row);
    }
    assert!(stage.refused().is_empty(), "{:?}", stage.refused().first());
}

#[tokio::test]
async fn events_are_never_asked_for_later_than_the_horizon() {
    for x in ["", "events_horizon = \"48h\""] {
        let poll = "fresh_for = \"0s\"\ninterval = \"30m\"";
        let mut stage = Stage::set(Setup { x, poll, ..Setup::default() }).await;
        stage.close("c-1", ANA).await;
        let horizon = if x.is_empty() { hours(24) } else { hours(48) };
        for _ in 0..50 {
            stage.pass(minutes(61)).await;
            let done_to = stage.store.poll_state("acme").await.unwrap().done_to.unwrap();
            let latest = stage.now().minus(horizon);
            assert!(done_to <= latest, "{done_to:?} is later than {latest:?}");
            assert!(latest.since(done_to) <= minutes(30), "no more than the interval behind");
        }
        assert!(stage.refused().is_empty(), "{:?}", stage.refused().first());
    }
}

#[tokio::test]
async fn events_that_cannot_be_read_are_read_later() {
    let faults = [
        InjectedFault::instead(Scripted::html(502, "<h1>Bad gateway</h1>")),
        InjectedFault::instead(Scripted::json(200, "{\"events\": [")),
        InjectedFault::instead(Scripted::error(429, 88, "Rate limit exceeded")),
        InjectedFault::cut_before(),
    ];
    for fault in faults {
        let setup = Setup { poll: "fresh_for = \"0s\"", ..Setup::default() };
        let mut stage = Stage::set(setup).await;
        stage.close("c-1", ANA).await;
        stage.pass(minutes(6)).await;
        stage.answer(ANA, Some(5), Some("thanks"));
        stage.pass(hours(24)).await;
        stage.fault(ApiCall::Events, 3, fault.clone());
        stage.pass(hours(1)).await;
        assert_eq!(stage.state("c-1").await, "answered", "{fault:?}");
        assert_eq!(stage.x(|world| world.faults_left()), 0);
    }
}

#[tokio::test]
async fn an_event_of_an_unknown_kind_does_not_hold_up_the_others() {
    let mut stage = Stage::set(Setup { poll: "fresh_for = \"0s\"", ..Setup::default() }).await;
    stage.close("c-1", ANA).await;
    stage.pass(minutes(6)).await;
    let feedback_id = stage.prompts()[0].feedback_id;
    let page = format!(
        r#"{{"events": [
            {{"event_type": "feedback.dismissed", "feedback": {{"id": "1"}}}},
            {{"event_type": "feedback.updated", "created_at": "Mon Sep 21 14:30:00 +0000 2026",
              "feedback": {{"id": {feedback_id}, "updated_at": "Mon Sep 21 14:30:00 +0000 2026",
                "response": {{"score": {{"value": "3"}}}}, "mood": ["new"]}}}}
        ], "next_cursor": ""}}"#
    );
    stage.fault(ApiCall::Events, 1, InjectedFault::instead(Scripted::json(200, &page)));
    stage.pass(minutes(6)).await;
    assert_eq!(stage.survey("c-1").await.told.score, Some(3));
    assert_eq!(stage.state("c-1").await, "answered");
    let done_to = stage.store.poll_state("acme").await.unwrap().done_to;
    assert!(done_to > Some(START.minus(hours(24))), "the window is done all the same");
}

#[tokio::test]
async fn what_xs_webhook_told_is_not_refuted_while_its_event_may_be_among_those_that_cannot_be_read()
 {
    let poll = "fresh_for = \"0s\"\ninterval = \"30m\"";
    let mut stage = Stage::set(Setup { poll, ..Setup::default() }).await;
    stage.close("c-1", ANA).await;
    stage.pass(minutes(30)).await;
    let feedback_id = stage.prompts()[0].feedback_id;
    let now = stage.now();
    let delivery = format!(
        r#"{{"event_type": "feedback.updated", "feedback": {{"id": {feedback_id}, "updated_at": {},
            "response": {{"score": {{"value": 5}}}}}}}}"#,
        now.0
    );
    let hints = surveyd::x::hints(&serde_json::from_str(&delivery).unwrap());
    let told = hints.into_iter().filter_map(|hint| hint.update).collect();
    stage.store.fold_hints("acme", told, now.plus(minutes(1)), now).await.unwrap();
    assert_eq!(stage.state("c-1").await, "answered");
    stage.pass(hours(23)).await;
    let page = r#"{"events": [{"event_type": "feedback.updated", "feedback": {"ident": 7}}],
        "next_cursor": ""}"#;
    stage.fault(ApiCall::Events, 1_000, InjectedFault::instead(Scripted::json(200, page)));
    stage.pass(hours(2)).await;
    assert!(stage.store.poll_state("acme").await.unwrap().done_to > Some(now.plus(minutes(30))));
    assert_eq!(stage.state("c-1").await, "answered", "nothing that was read tells against it");
    stage.x(|world| world.clear_faults());
    stage.pass(hours(7)).await;
    assert_eq!(stage.state("c-1").await, "sent", "a second look has read it all");
}
