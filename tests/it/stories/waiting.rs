//! What due surveys wait for, and what the log says of it: once when it begins, once when it ends.

use serde_json::Value;
use surveyd::domain::waiting::{Cause, Obstacle, Presence, obstacles};
use surveyd::sandbox::{ApiCall, InjectedFault, Scripted};

use crate::harness::database::on_each_engine;
use crate::harness::log::Log;
use crate::harness::people::{ANA, BEN};
use crate::harness::stage::{Setup, Stage};
use crate::harness::{hours, minutes};

async fn close_many(stage: &Stage, count: u64) {
    for person in 1..=count {
        stage.close(&format!("c-{person}"), person).await;
    }
}

/// What holds acme's surveys back now, as commands and metrics ask.
async fn waits(stage: &Stage) -> Vec<Obstacle> {
    let served = stage.config().served(&stage.config().accounts[0]);
    let mut facts = stage.store.waiting(&[served], stage.now()).await.unwrap().remove(0);
    facts.presence = Presence::Works { since: None };
    obstacles(&facts)
}

/// The lines of an event: their level, reason and count.
fn lines(log: &Log, event: &str) -> Vec<(String, String, u64)> {
    let text = |line: &Value, name: &str| line[name].as_str().unwrap().to_owned();
    let lines = log.of(event).into_iter();
    lines
        .map(|line| {
            assert_eq!(line["account"], "acme");
            (text(&line, "level"), text(&line, "reason"), line["surveys"].as_u64().unwrap())
        })
        .collect()
}

fn line(level: &str, cause: Cause, surveys: u64) -> (String, String, u64) {
    (level.to_owned(), cause.as_str().to_owned(), surveys)
}

#[tokio::test]
async fn more_closes_at_once_than_look_ups_are_told_of_within_a_minute_and_only_once() {
    on_each_engine(async |database| {
        let log = Log::kept();
        let mut stage = Stage::on(database, Setup::default()).await;
        close_many(&stage, 389).await;
        stage.pass(minutes(6)).await;
        let waiting = 389 - stage.prompts().len() as u64;
        assert!((209..=219).contains(&waiting), "{waiting}");
        assert_eq!(lines(&log, "sends.waiting"), [line("WARN", Cause::LookUpLimit, waiting)]);
        let said = log.of("sends.waiting")[0]["message"].as_str().unwrap().to_owned();
        for part in [
            &format!("{waiting} surveys"),
            "friendships/show",
            "0 of 180",
            "x.can_dm = \"auto\"",
            "users_v2",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        let found = waits(&stage).await;
        let [limit] = &found[..] else { panic!("{found:?}") };
        assert_eq!(
            (limit.cause, limit.surveys, limit.must_act),
            (Cause::LookUpLimit, waiting, false)
        );
        assert!(said.ends_with(&limit.line()), "{said}\n{}", limit.line());

        // Two more windows: not a word between them.
        stage.pass(hours(1)).await;
        assert_eq!(stage.prompts().len(), 389);
        assert_eq!(lines(&log, "sends.waiting").len(), 1);
        assert_eq!(lines(&log, "sends.resumed"), [line("INFO", Cause::LookUpLimit, waiting)]);
        // By our own count, and by X's headers.
        assert!(log.of("budget.exhausted").len() <= 2);
        assert_eq!(waits(&stage).await, []);
    })
    .await;
}

/// Runs one story: what is done to the stage, how long it then takes until the wait is told, and
/// how long until it is over.
async fn waits_for(
    cause: Cause,
    setup: Setup,
    obstruct: impl AsyncFn(&mut Stage),
    (told_in, over_in): (std::time::Duration, std::time::Duration),
) {
    let log = Log::kept();
    let mut stage = Stage::set(setup).await;
    obstruct(&mut stage).await;
    stage.pass(told_in).await;
    let told = lines(&log, "sends.waiting");
    let of_cause = |lines: &[(String, String, u64)]| {
        lines.iter().filter(|(_, reason, _)| reason == cause.as_str()).count()
    };
    assert_eq!(of_cause(&told), 1, "{cause:?}: {told:?}");
    assert!(told.iter().all(|(level, _, surveys)| level == "WARN" && *surveys > 0), "{told:?}");
    let found = waits(&stage).await;
    assert!(found.iter().any(|obstacle| obstacle.cause == cause), "{cause:?}: {found:?}");
    assert_eq!(lines(&log, "sends.resumed"), []);
    stage.pass(over_in).await;
    let over = lines(&log, "sends.resumed");
    assert_eq!((of_cause(&lines(&log, "sends.waiting")), of_cause(&over)), (1, 1), "{cause:?}");
    assert_eq!(waits(&stage).await, [], "{cause:?}");
}

#[tokio::test]
async fn a_reload_begins_no_wait_anew_and_loses_no_end() {
    let log = Log::kept();
    let mut stage = Stage::set(Setup::default()).await;
    close_many(&stage, 300).await;
    stage.pass(minutes(6)).await;
    assert_eq!(lines(&log, "sends.waiting").len(), 1);
    for _ in 0..3 {
        stage.reload(|_| {});
        stage.pass(minutes(2)).await;
    }
    assert_eq!(lines(&log, "sends.waiting").len(), 1);
    stage.pass(hours(1)).await;
    assert_eq!(stage.prompts().len(), 300);
    let over = lines(&log, "sends.resumed");
    assert_eq!((lines(&log, "sends.waiting").len(), over.len()), (1, 1), "{over:?}");

    // One that a reload begins, and the next one ends.
    for person in 301..=310 {
        stage.close(&format!("c-{person}"), person).await;
    }
    stage.reload(|config| config.accounts[0].daily_limit = 300);
    stage.pass(minutes(7)).await;
    assert_eq!(lines(&log, "sends.waiting")[1..], [line("WARN", Cause::DayFull, 10)]);
    stage.reload(|config| config.accounts[0].daily_limit = 1_000);
    stage.pass(hours(1)).await;
    assert_eq!(lines(&log, "sends.waiting").len(), 2);
    assert_eq!(lines(&log, "sends.resumed")[1..], [line("INFO", Cause::DayFull, 10)]);
}

/// The last line of the history of c-1, as `explain` and `surveys show` tell it.
async fn last_line(stage: &Stage) -> (String, String) {
    let id = stage.survey("c-1").await.survey.id;
    let last = stage.store.history(&id).await.unwrap().pop().unwrap();
    (last.state, last.detail.unwrap_or_default())
}

#[tokio::test]
async fn what_expired_while_its_account_was_paused_says_so() {
    on_each_engine(async |database| {
        let mut stage = Stage::on(database, Setup::default()).await;
        let no = || InjectedFault::instead(Scripted::error(401, 32, "Could not authenticate you."));
        stage.fault(ApiCall::Friendship, 1, no());
        stage.fault(ApiCall::VerifyCredentials, 1_000, no());
        close_many(&stage, 2).await;
        stage.pass(hours(14)).await;
        assert_eq!(stage.state("c-1").await, "expired");
        let (state, said) = last_line(&stage).await;
        let words = "what it waited for last: account acme is paused since ";
        assert!(state == "expired" && said.starts_with(words), "{said}");
        assert!(said.contains("Could not authenticate you"), "{said}");
    })
    .await;
}

#[tokio::test]
async fn whom_x_never_tells_about_has_its_answer_in_the_history() {
    let mut stage = Stage::set(Setup::default()).await;
    let away = InjectedFault::instead(Scripted::error(503, 130, "over capacity"));
    stage.fault(ApiCall::Friendship, 10_000, away);
    close_many(&stage, 1).await;
    stage.pass(hours(1)).await;
    let (state, said) = last_line(&stage).await;
    let words = "X did not tell whether the person can be messaged: ";
    assert!(state == "scheduled" && said.starts_with(words), "{said}");
    assert!(said.contains("503"), "{said}");
    let steps = stage.store.history(&stage.survey("c-1").await.survey.id).await.unwrap();
    let of_tries = steps.iter().filter(|step| step.detail.as_deref() == Some(&said[..]));
    assert_eq!(of_tries.count(), 1, "a line for all tries");
    stage.pass(hours(13)).await;
    let (state, ended) = last_line(&stage).await;
    assert_eq!((&state[..], ended), ("expired", format!("what it waited for last: {said}")));
}

#[tokio::test]
async fn the_end_of_the_day_is_told() {
    let setup =
        Setup { account: "daily_limit = 3", survey: "expire_after = \"3d\"", ..Setup::default() };
    let many = async |stage: &mut Stage| close_many(stage, 5).await;
    waits_for(Cause::DayFull, setup, many, (minutes(6), hours(25))).await;
}

#[tokio::test]
async fn a_limit_of_prompts_is_told() {
    let limited = async |stage: &mut Stage| {
        let reset_at = stage.now().plus(minutes(30)).0 / 1_000;
        let refusal = Scripted::error(429, 88, "Rate limit exceeded")
            .with_header("x-rate-limit-limit", "1000")
            .with_header("x-rate-limit-remaining", "0")
            .with_header("x-rate-limit-reset", &reset_at.to_string());
        stage.fault(ApiCall::Create, 1, InjectedFault::instead(refusal));
        close_many(stage, 3).await;
    };
    waits_for(Cause::PromptLimit, Setup::default(), limited, (minutes(6), hours(1))).await;
}

#[tokio::test]
async fn a_limit_of_prompts_to_a_person_is_told() {
    let limited = async |stage: &mut Stage| {
        let reset_at = stage.now().plus(minutes(30)).0 / 1_000;
        let refusal = Scripted::error(429, 88, "Rate limit exceeded")
            .with_header("x-rate-limit-limit", "1000")
            .with_header("x-rate-limit-remaining", "800")
            .with_header("x-rate-limit-reset", &reset_at.to_string());
        stage.fault(ApiCall::Create, 1, InjectedFault::instead(refusal));
        close_many(stage, 1).await;
    };
    waits_for(Cause::PersonLimit, Setup::default(), limited, (minutes(8), hours(1))).await;
}

#[tokio::test]
async fn a_backlog_that_nothing_explains_needs_somebody() {
    let stage = Stage::set(Setup::default()).await;
    close_many(&stage, 2).await;
    stage.wait(minutes(26));
    let found = waits(&stage).await;
    let [unknown] = &found[..] else { panic!("{found:?}") };
    assert_eq!((unknown.cause, unknown.surveys, unknown.must_act), (Cause::Unknown, 2, true));
}

#[tokio::test]
async fn a_pause_is_told_with_what_waits_for_it() {
    let refused = async |stage: &mut Stage| {
        let no = || InjectedFault::instead(Scripted::error(401, 32, "Could not authenticate you."));
        stage.fault(ApiCall::Friendship, 1, no());
        stage.fault(ApiCall::VerifyCredentials, 2, no());
        close_many(stage, 3).await;
    };
    waits_for(Cause::Paused, Setup::default(), refused, (minutes(7), hours(1))).await;
}

#[tokio::test]
async fn quiet_hours_are_told() {
    // The stage begins at some hour of the day: quiet from then on for two hours at the least.
    let setup = Setup {
        survey: "expire_after = \"24h\"\nquiet_hours = { from = \"00:00\", to = \"23:00\", time_zone = \"UTC\" }",
        ..Setup::default()
    };
    let close = async |stage: &mut Stage| drop(stage.close("c-1", ANA).await);
    waits_for(Cause::QuietHours, setup, close, (minutes(6), hours(24))).await;
}

#[tokio::test]
async fn an_x_that_gives_no_answer_is_told() {
    let away = async |stage: &mut Stage| {
        stage.fault(
            ApiCall::Friendship,
            12,
            InjectedFault::instead(Scripted::error(503, 130, "over capacity")),
        );
        close_many(stage, 3).await;
    };
    waits_for(Cause::XAway, Setup::default(), away, (minutes(8), hours(2))).await;
}

#[tokio::test]
async fn a_restored_backup_is_told() {
    let restored = async |stage: &mut Stage| {
        stage.close("c-0", BEN).await;
        stage.pass(minutes(6)).await;
        stage.restore_a_backup().await;
        close_many(stage, 3).await;
    };
    let setup = Setup { survey: "expire_after = \"3d\"", ..Setup::default() };
    waits_for(Cause::Held, setup, restored, (minutes(7), hours(26))).await;
}
