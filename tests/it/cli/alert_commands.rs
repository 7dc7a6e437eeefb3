//! `surveyd alerts list` and `retry`, and what `status` says of alerts.

use std::time::Duration;

use surveyd::clock::Clock;
use surveyd::config::{self, Environment};
use surveyd::domain::alert::{Answer, Fact, Wanted};
use surveyd::domain::id::SurveyId;
use surveyd::domain::survey_type::SurveyType;
use surveyd::domain::time::Millis;
use surveyd::store::{Location, NextTry, Paused, Store, TryOutcome};

use super::NOWHERE;
use crate::harness::program::{Program, configuration};

const ALERTS: &str = r#"
[[alerts]]
name = "leads"
url = "https://hooks.acme.example/surveys"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
on = ["detractor", "account.paused"]
[[alerts]]
name = "ops"
url = "https://hooks.acme.example/ops"
format = "teams"
on = "account.paused"
"#;

/// An account is paused, and the receiver of `leads` says that it is gone.
async fn gone(program: &Program, now: Millis) {
    let location = Location::parse("sqlite:surveyd.db", program.folder()).unwrap();
    let store = Store::open(&location).await.unwrap();
    let config = config::load(&program.path("surveyd.toml"), &Environment::default()).unwrap();
    let wanted = &config.alerts[0].wanted;
    store.fan_out(wanted, now).await.unwrap();
    let (probe_at, probe_wait) = (now.plus(Duration::from_secs(60)), Duration::from_secs(60));
    let (account, why) = ("acme".to_owned(), "code 32".to_owned());
    let paused = Paused { account, paused_at: now, why, probe_at, probe_wait, resumed_at: None };
    store.pause(paused).await.unwrap();
    store.fan_out(wanted, now).await.unwrap();
    let next = store.begin_try("leads", "test", now, 0.5).await.unwrap();
    let NextTry::Try(message) = next else { panic!("{next:?}") };
    let gone = TryOutcome::Gone("status 410: the receiver is gone".into());
    store.finish_try(&message, gone, now).await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn alerts_are_listed_with_what_waits_and_why() {
    let program = Program::with_database(&(configuration(NOWHERE) + ALERTS));
    let now = Clock::System.now();
    gone(&program, now).await;
    let list = program.run(&["alerts", "list"]);
    assert_eq!(list.code, 0, "{}", list.stderr);
    let lines: Vec<String> = list
        .stdout
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        lines,
        [
            "alert state told waiting last sent",
            "leads disabled detractor, account.paused 1",
            "ops new account.paused 0",
            &format!(
                "leads: is disabled since {}: status 410: the receiver is gone. `surveyd alerts \
                 retry leads` enables it",
                now.rfc3339()
            ),
        ]
    );
    let all = program.run(&["alerts", "list", "--json"]).json();
    let states: Vec<_> = all.as_array().unwrap().iter().map(|alert| &alert["state"]).collect();
    assert_eq!(states, ["disabled", "new"]);
    assert_eq!((&all[0]["waiting"], &all[0]["next_at"]), (&1.into(), &serde_json::Value::Null));
    assert_eq!((&all[1]["format"], &all[1]["on"][0]), (&"teams".into(), &"account.paused".into()));

    let check = program.run(&["status", "--check"]);
    let act = "alert leads is disabled: status 410: the receiver is gone. One message waits. Once \
               its receiver works, `surveyd alerts retry leads` enables it\n";
    assert!(check.stdout.contains(act), "{}", check.stdout);
    assert_eq!(check.code, 1);
    let status = program.run(&["status", "--json"]).json();
    assert_eq!(status["alerts"], all);
    let status = program.run(&["status"]).stdout;
    assert!(status.ends_with("\nalert leads: one message waits. It is disabled\n"), "{status}");

    let retried = program.run(&["alerts", "retry", "leads"]);
    assert_eq!(retried.stdout, "alert leads: one message is tried again\n");
    let all = program.run(&["alerts", "list", "--json"]).json();
    assert_eq!((&all[0]["state"], &all[0]["waiting"]), (&"works".into(), &1.into()));
    assert!(all[0]["next_at"].is_string(), "{all}");
    let list = program.run(&["alerts", "list"]).stdout;
    let since = "leads: since the retry nothing was tried; before it failed: status 410: the \
                 receiver is gone\nleads: next try ";
    assert!(list.contains(since), "{list}");

    // What waits for an alert that has left the configuration is still listed.
    program.configure(&configuration(NOWHERE));
    let all = program.run(&["alerts", "list", "--json"]).json();
    assert_eq!((&all[0]["alert"], &all[0]["state"]), (&"leads".into(), &"removed".into()));
}

#[test]
fn an_alert_that_is_not_there_is_a_usage_error() {
    let program = Program::with_database(&(configuration(NOWHERE) + ALERTS));
    for command in ["test", "retry"] {
        let ended = program.run(&["alerts", command, "lead"]);
        let file = program.path("surveyd.toml");
        let words = format!(
            "surveyd: NAME lead: there is no such alert in {}, which has leads, ops: did you mean \
             leads?\n",
            file.display()
        );
        assert!(ended.stderr.ends_with(&words), "{}", ended.stderr);
        assert_eq!(ended.code, 2);
    }
    program.configure(&configuration(NOWHERE));
    let list = program.run(&["alerts", "list"]);
    assert_eq!((list.code, list.stdout.as_str()), (0, ""));
    assert!(list.stderr.contains("there are no [[alerts]] in "), "{}", list.stderr);
}

const SCHEDULES: &str = r#"
[[schedules]]
name = "monday"
every = "week"
format = "html"
to = { folder = "reports" }
[[schedules]]
name = "rows"
what = "export"
every = "month"
format = "csv"
to = { folder = "reports" }
"#;

#[tokio::test]
async fn status_says_which_schedule_fails_and_when_it_is_tried_again() {
    let program = Program::with_database(&(configuration(NOWHERE) + SCHEDULES));
    let check = program.run(&["status", "--check"]);
    assert!(!check.stdout.contains("schedule"), "{}", check.stdout);
    let location = Location::parse("sqlite:surveyd.db", program.folder()).unwrap();
    let store = Store::open(&location).await.unwrap();
    let now = Clock::System.now();
    let again = now.plus(Duration::from_secs(3_600));
    store.take_schedule("monday", "test", now).await.unwrap().unwrap();
    let why = "/srv/reports cannot be made: Permission denied";
    assert!(store.note_schedule_failed("monday", "test", why, again, now).await.unwrap());
    store.close().await;

    let check = program.run(&["status", "--check", "--utc"]);
    let (since, again) = (now.rfc3339(), again.rfc3339());
    let act = format!("schedule monday fails since {since}: {why}. It is tried again at {again}\n");
    let told = check.stdout.split_whitespace().collect::<Vec<_>>().join(" ") + "\n";
    assert!(told.ends_with(&act), "{told}");
    assert_eq!(check.code, 1);
    let status = program.run(&["status", "--json"]).json();
    let names: Vec<_> =
        status["schedules"].as_array().unwrap().iter().map(|it| &it["schedule"]).collect();
    assert_eq!(names, ["monday", "rows"]);
    assert_eq!(status["schedules"][0]["last_error"], why);
    assert_eq!(status["schedules"][0]["next_at"], again);
    assert_eq!(status["schedules"][1]["failing_since"], serde_json::Value::Null);
}

/// An answer waits for its comment, so a retry leaves it alone.
#[tokio::test]
async fn what_waits_for_its_comment_is_named_and_not_retried() {
    let program = Program::with_database(&(configuration(NOWHERE) + ALERTS));
    let location = Location::parse("sqlite:surveyd.db", program.folder()).unwrap();
    let store = Store::open(&location).await.unwrap();
    let config = config::load(&program.path("surveyd.toml"), &Environment::default()).unwrap();
    let wait_for_comment = Duration::from_secs(30 * 60);
    let wanted = Wanted { wait_for_comment, ..config.alerts[0].wanted.clone() };
    let now = Clock::System.now();
    store.fan_out(&wanted, now).await.unwrap();
    let answer =
        Answer { kind: SurveyType::Csat, score: 1, team: None, agent: None, question: None };
    let fact = Fact::answered(&SurveyId::new("s-1"), "acme", now, answer);
    assert!(store.record_fact(fact).await.unwrap());
    store.fan_out(&wanted, now).await.unwrap();
    store.close().await;

    let until = now.plus(wait_for_comment).rfc3339();
    let list = program.run(&["alerts", "list"]).stdout;
    let note = format!("leads: one message waits for its comment until {until}\n");
    assert!(list.contains(&note) && !list.contains("next try"), "{list}");
    let all = program.run(&["alerts", "list", "--json"]).json();
    assert_eq!((&all[0]["for_comment"], &all[0]["comment_until"]), (&1.into(), &until.into()));
    let retried = program.run(&["alerts", "retry", "leads"]).stdout;
    let words = "alert leads: nothing waited for another try. one message waits for its comment, as \
                 before\n";
    assert_eq!(retried, words);
}

#[test]
fn a_test_prints_any_message_that_an_alert_is_told_and_says_that_it_is_made_up() {
    let program = Program::new(&(configuration(NOWHERE) + ALERTS));
    let print =
        |more: &[&str]| program.run(&[&["alerts", "test", "leads", "--print"], more].concat());
    let trial = print(&[]).json();
    assert_eq!((&trial["type"], &trial["data"]["alert"]), (&"alert.test".into(), &"leads".into()));
    let made_up = print(&["--type", "detractor"]).json();
    assert_eq!(
        (&made_up["type"], &made_up["data"]["made_up"]),
        (&"detractor".into(), &true.into())
    );
    let other = print(&["--type", "silence"]);
    let words = "surveyd: --type silence: alert leads is not told that; its on has detractor, \
                 account.paused\n";
    assert!(other.stderr.ends_with(words), "{}", other.stderr);
    assert_eq!(other.code, 2);
}
