//! What X limits, how surveyd says so, and whose a limit is taken for.

use std::collections::BTreeSet;

use surveyd::domain::time::Millis;
use surveyd::sandbox::{ApiCall, InjectedFault, Scripted};

use crate::harness::database::on_each_engine;
use crate::harness::log::Log;
use crate::harness::people::{ANA, BEN};
use crate::harness::stage::{Setup, Stage};
use crate::harness::{START, hours, minutes, seconds};

/// X refuses a call for a limit, with these headers.
fn limited(remaining: u32, reset_at: Millis) -> InjectedFault {
    let refusal = Scripted::error(429, 88, "Rate limit exceeded")
        .with_header("x-rate-limit-limit", "1000")
        .with_header("x-rate-limit-remaining", &remaining.to_string())
        .with_header("x-rate-limit-reset", &(reset_at.0 / 1_000).to_string());
    InjectedFault::instead(refusal)
}

/// What the history of a conversation's survey says, a line a step.
async fn history(stage: &Stage, conversation: &str) -> Vec<String> {
    let survey = stage.survey(conversation).await.survey;
    let steps = stage.store.history(&survey.id).await.unwrap();
    steps
        .into_iter()
        .map(|step| format!("{} {}", step.state, step.detail.unwrap_or_default()))
        .collect()
}

#[tokio::test]
async fn people_whom_x_refuses_for_a_moments_limit_are_asked_once_it_is_over() {
    on_each_engine(async |database| {
        let mut stage = Stage::on(database, Setup::default()).await;
        for person in 1..=8 {
            stage.close(&format!("c-{person}"), person).await;
        }
        let reset_at = START.plus(minutes(5) + seconds(6));
        stage.fault(ApiCall::Create, 6, limited(800, reset_at));
        stage.pass(minutes(5) + seconds(5)).await;
        assert_eq!((stage.prompts().len(), stage.calls(ApiCall::Create)), (2, 8));
        stage.pass(minutes(1)).await;
        assert_eq!((stage.prompts().len(), stage.calls(ApiCall::Create)), (8, 14));
        for person in 1..=8 {
            assert_eq!(stage.state(&format!("c-{person}")).await, "sent");
        }
    })
    .await;
}

#[tokio::test]
async fn a_limit_that_the_same_person_meets_twice_is_the_persons() {
    on_each_engine(async |database| {
        let mut stage = Stage::on(database, Setup::default()).await;
        stage.close("c-1", ANA).await;
        let reset_at = START.plus(minutes(20));
        stage.fault(ApiCall::Create, 2, limited(800, reset_at));
        stage.pass(minutes(19)).await;
        assert_eq!(stage.state("c-1").await, "scheduled");
        stage.close("c-2", BEN).await;
        stage.pass(minutes(3)).await;
        assert_eq!(stage.state("c-1").await, "suppressed: throttled");
        stage.pass(minutes(10)).await;
        assert_eq!(stage.state("c-2").await, "sent", "the account's other prompts go out");
        assert_eq!(stage.calls(ApiCall::Create), 3);
        let history = history(&stage, "c-1").await;
        let last = history.last().unwrap();
        assert_eq!(
            last,
            "suppressed throttled: X refuses it for the recipient's limit of prompts (429), for the \
             second time, with none from here in 24 h"
        );

        // Whoever sends it again by hand begins anew.
        let id = stage.survey("c-1").await.survey.id;
        stage.store.retry(id, stage.now()).await.unwrap().unwrap();
        stage.fault(ApiCall::Create, 1, limited(800, stage.now().plus(minutes(1))));
        stage.pass(seconds(30)).await;
        assert_eq!(stage.state("c-1").await, "scheduled");
        stage.pass(minutes(1)).await;
        assert_eq!(stage.state("c-1").await, "sent");
    })
    .await;
}

#[tokio::test]
async fn a_limit_is_the_persons_at_once_where_our_ledger_or_x_says_so() {
    // X says so.
    let mut stage = Stage::new().await;
    let one = Scripted::error(429, 88, "Rate limit exceeded")
        .with_header("x-rate-limit-limit", "1")
        .with_header("x-rate-limit-remaining", "0")
        .with_header("x-rate-limit-reset", &(START.plus(minutes(9)).0 / 1_000).to_string());
    stage.fault(ApiCall::Create, 1, InjectedFault::instead(one));
    stage.close("c-1", ANA).await;
    stage.pass(minutes(6)).await;
    assert_eq!(stage.state("c-1").await, "suppressed: throttled");

    // It lasts for longer than the talk is remembered: no limit of a moment.
    stage.fault(ApiCall::Create, 1, limited(800, stage.now().plus(hours(24))));
    stage.close("c-2", BEN).await;
    stage.pass(minutes(6)).await;
    assert_eq!(stage.state("c-2").await, "suppressed: throttled");

    // Our ledger says so.
    let setup = Setup {
        account: "daily_limit_per_user = 5",
        survey: "throttle = \"0s\"",
        ..Setup::default()
    };
    let mut stage = Stage::set(setup).await;
    stage.close("c-1", ANA).await;
    stage.pass(minutes(6)).await;
    assert_eq!(stage.state("c-1").await, "sent");
    stage.fault(ApiCall::Create, 1, limited(800, stage.now().plus(minutes(9))));
    stage.close("c-2", ANA).await;
    stage.pass(minutes(6)).await;
    assert_eq!(stage.state("c-2").await, "suppressed: throttled");
    let history = history(&stage, "c-2").await;
    assert!(history.last().unwrap().ends_with("(429), with 1 from here in 24 h"), "{history:?}");
}

#[tokio::test]
async fn xs_refusal_of_a_person_is_told_as_the_reason() {
    let cases = [
        (63, "suspended: X refuses the person: code 63: no"),
        (150, "cannot_dm: X refuses the person: code 150: no"),
        (349, "cannot_dm: X refuses the person: code 349: no"),
    ];
    for (code, wanted) in cases {
        let mut stage = Stage::new().await;
        stage.fault(ApiCall::Create, 1, InjectedFault::instead(Scripted::error(403, code, "no")));
        stage.close("c-1", ANA).await;
        stage.pass(minutes(6)).await;
        let history = history(&stage, "c-1").await;
        assert_eq!(history.last().unwrap(), &format!("suppressed {wanted}"));
    }
}

#[tokio::test]
async fn a_prompt_of_unknown_outcome_throttles_nobody_where_there_is_no_throttle() {
    on_each_engine(async |database| {
        let setup = Setup {
            account: "daily_limit_per_user = 5",
            survey: "throttle = \"0s\"\ndelay = \"0s\"",
            ..Setup::default()
        };
        let mut stage = Stage::on(database, setup).await;
        stage.fault(ApiCall::Create, 1, InjectedFault::cut_before());
        stage.close("c-1", ANA).await;
        stage.pass(seconds(1)).await;
        assert_eq!(stage.state("c-1").await, "uncertain");
        stage.close("c-2", ANA).await;
        stage.pass(seconds(1)).await;
        assert_eq!(stage.state("c-2").await, "sent");
    })
    .await;
}

#[tokio::test]
async fn a_prompt_of_unknown_outcome_that_throttles_is_told_as_that() {
    let setup = Setup { account: "daily_limit_per_user = 5", ..Setup::default() };
    let mut stage = Stage::set(setup).await;
    stage.fault(ApiCall::Create, 1, InjectedFault::cut_before());
    stage.close("c-1", ANA).await;
    stage.pass(hours(2)).await;
    stage.close("c-2", ANA).await;
    stage.pass(minutes(6)).await;
    assert_eq!(stage.state("c-2").await, "suppressed: throttled");
    let survey = stage.survey("c-2").await.survey;
    let steps = stage.store.history(&survey.id).await.unwrap();
    let said = surveyd::domain::policy::words(steps.last().unwrap().decision.as_ref().unwrap());
    assert_eq!(
        said,
        "throttled: a prompt of 1 hour ago, of which it was not known yet whether it went out, \
         counts; throttle 7 d (group acme)"
    );
}

/// The endpoints that the log has called exhausted, how often each.
fn exhausted(log: &Log) -> Vec<(String, String)> {
    let lines = log.of("budget.exhausted").into_iter();
    lines
        .map(|line| {
            let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
            assert_eq!(text("account"), "acme");
            (text("endpoint"), text("until"))
        })
        .collect()
}

#[tokio::test]
async fn every_limit_of_x_is_logged_once_a_window_however_it_is_met() {
    let log = Log::kept();
    let headers = |status: u16| {
        move |reset_at: Millis| {
            let answer = match status {
                429 => Scripted::error(429, 88, "Rate limit exceeded"),
                _ => Scripted::json(
                    200,
                    r#"{"events":[],"next_cursor":"","relationship":{"source":{"can_dm":true}}}"#,
                ),
            };
            let answer = answer.with_header("x-rate-limit-limit", "100");
            let answer = answer.with_header("x-rate-limit-remaining", "0");
            InjectedFault::instead(
                answer.with_header("x-rate-limit-reset", &(reset_at.0 / 1_000).to_string()),
            )
        }
    };
    for (call, endpoint) in [
        (ApiCall::Create, "feedback/create"),
        (ApiCall::Events, "feedback/events"),
        (ApiCall::Friendship, "friendships/show"),
        (ApiCall::Show, "feedback/show"),
    ] {
        // By its headers beside a true answer where there is one to read, and by its refusal.
        let statuses: &[u16] = match call {
            ApiCall::Events | ApiCall::Friendship => &[200, 429],
            _ => &[429],
        };
        for status in statuses {
            let mut stage =
                Stage::set(Setup { poll: "interval = \"1m\"", ..Setup::default() }).await;
            if call == ApiCall::Show {
                stage.close("c-0", BEN).await;
                stage.pass(minutes(5)).await;
            }
            let before = exhausted(&log).len();
            let reset_at = stage.now().plus(minutes(14));
            stage.fault(call, 1, headers(*status)(reset_at));
            stage.close("c-1", ANA).await;
            stage.pass(hours(2)).await;
            stage.close("c-2", BEN + 1).await;
            stage.pass(minutes(50)).await;
            let said = exhausted(&log).split_off(before);
            assert_eq!(said, [(endpoint.to_owned(), reset_at.rfc3339())], "{call:?} {status}");
        }
    }
}

#[tokio::test]
async fn a_limit_by_our_own_count_is_logged_once_a_window() {
    let mut stage = Stage::new().await;
    let log = Log::kept();
    for person in 1..=400 {
        stage.close(&format!("c-{person}"), person).await;
    }
    stage.pass(minutes(30)).await;
    let said = exhausted(&log);
    let endpoints: BTreeSet<&str> = said.iter().map(|(endpoint, _)| endpoint.as_str()).collect();
    assert_eq!(endpoints, BTreeSet::from(["friendships/show"]));
    assert!(said.len() <= 2, "{said:?}");
}

#[tokio::test]
async fn calls_that_wait_after_a_restore_are_not_called_a_limit_of_xs() {
    let log = Log::kept();
    let mut stage = Stage::new().await;
    stage.close("c-1", ANA).await;
    stage.pass(minutes(6)).await;
    stage.restore_a_backup().await;
    let until = stage.now().plus(minutes(15)).rfc3339();
    stage.pass(hours(2)).await;
    let lines = log.of("budget.exhausted");
    let lines: Vec<&str> = lines.iter().map(|line| line["message"].as_str().unwrap()).collect();
    assert_eq!(
        lines,
        [format!(
            "as the database may have been restored, it is not known how many calls of feedback/show \
             were spent: account acme makes none until {until}"
        )]
    );
}
