//! Alerts and schedules, as `surveyd check` tries them.

use super::NOWHERE;
use crate::harness::program::{Program, configuration};

const ALERTS: &str = r#"
[[alerts]]
name = "leads"
url = "https://hooks.acme.example/surveys"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
on = ["detractor", "digest"]
include = ["comment"]
[[alerts]]
name = "own"
url = "https://hooks.acme.example/own"
on = "silence"
template = '{"content": {{ text }}}'
[[schedules]]
name = "monday"
every = "week"
to = { alert = "leads" }
"#;

fn configured(more: &str) -> String {
    configuration(NOWHERE).replace("[http]\n", "[http]\npublic_url = \"https://s.example\"\n")
        + more
}

#[test]
fn check_writes_and_reads_each_type_of_each_alert() {
    let program = Program::with_database(&configured(ALERTS));
    let check = program.run(&["check"]);
    assert_eq!(check.code, 0, "{}", check.stderr);
    let counted = "no fault (accounts: 1, sources: 1, alerts: 2, schedules: 1)";
    assert!(check.stdout.lines().next().unwrap().ends_with(counted), "{}", check.stdout);
    let lines: Vec<_> = check.stdout.lines().skip(1).collect();
    assert_eq!(
        lines,
        [
            "alerts.leads: standard, told detractor, digest; 7 made-up messages are sound",
            "alerts.own: template, told silence; 5 made-up messages are sound"
        ]
    );
    let warned = "warning: alerts.leads.include: sends what people wrote to another service: a \
                  webhook is an export, and whoever reads there reads the comments, also those that \
                  are erased here\n";
    assert!(check.stderr.contains(warned), "{}", check.stderr);
    let check = program.run(&["check", "--json"]).json();
    let leads = serde_json::json!({
        "name": "leads", "format": "standard", "on": ["detractor", "digest"], "messages": 7
    });
    assert_eq!(check["alerts"][0], leads);
}

#[test]
fn check_refuses_an_alert_that_could_not_be_told() {
    let text = ALERTS.replace("{{ text }}", "\"{{ text }}\"");
    let program = Program::with_database(&configured(ALERTS));
    program.configure(&configured(
        &text.replace("https://hooks.acme.example/surveys", "https://127.1"),
    ));
    let check = program.run(&["check"]);
    assert_eq!(check.code, 78);
    for fault in [
        "alerts.leads.url: may not be posted to: 127.0.0.1 is no address of the open internet\n",
        "alerts.own.template: for silence: renders to what is no JSON: ",
    ] {
        assert!(check.stdout.contains(fault), "{}", check.stdout);
    }
}

#[test]
fn the_list_of_alerts_ends_with_the_schedules() {
    let schedules = ALERTS.split("[[schedules]]").nth(1).unwrap();
    let schedules =
        format!("[[schedules]]{}", schedules.replace("alert = \"leads\"", "folder = \"reports\""));
    let program = Program::with_database(&configured(&schedules));
    let list = program.run(&["alerts", "list", "--utc"]);
    assert_eq!(list.code, 0, "{}", list.stderr);
    let lines: Vec<Vec<&str>> =
        list.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines.len(), 2, "{}", list.stdout);
    assert_eq!(lines[0].join(" "), "schedule every last done next why it fails");
    assert_eq!(lines[1][..2], ["monday", "week"], "{}", list.stdout);
    assert!(list.stderr.contains("there are no [[alerts]]"), "{}", list.stderr);
}

#[test]
fn check_finds_a_folder_of_a_schedule_that_cannot_work() {
    let schedule = |folder: &str| {
        configured(&format!(
            "[[schedules]]\nname = \"monday\"\nevery = \"week\"\nto = {{ folder = \"{folder}\" }}\n"
        ))
    };
    let program = Program::with_database(&schedule("reports/weekly"));
    let check = program.run(&["check"]);
    assert_eq!((check.code, check.stderr.contains("schedules.")), (0, false), "{}", check.stderr);
    assert!(!program.path("reports").exists(), "check makes nothing");
    std::fs::write(program.path("reports"), "").unwrap();
    let check = program.run(&["check"]);
    assert_eq!(check.code, 78);
    let fault = "schedules.monday.to.folder = \"reports/weekly\": cannot be used: ";
    assert!(
        check.stdout.contains(fault) && check.stdout.contains("reports is no folder"),
        "{}",
        check.stdout
    );
    let away = tempfile::tempdir().unwrap();
    let missing = away.path().join("srv/reports").display().to_string();
    program.configure(&schedule(&missing));
    let check = program.run(&["check"]);
    let above = away.path().join("srv").display().to_string();
    let warned =
        format!("warning: schedules.monday.to.folder: lies in {above}, which is not there\n");
    assert!(check.code == 0 && check.stderr.contains(&warned), "{}", check.stderr);
    std::fs::create_dir(above).unwrap();
    assert!(!program.run(&["check"]).stderr.contains("schedules."));
}
