//! A dry run, and values that no close fits, from the command line.

use super::NOWHERE;
use crate::harness::program::{Program, configuration};

const LINE: &str = "account acme: dry run, nothing is sent\n";

fn enqueue(program: &Program, conversation: &str, person: u32, more: &[&str]) -> String {
    let person = person.to_string();
    let who = ["--conversation", conversation, "--user-id", &person];
    let close =
        program.run(&[&["enqueue", "--json", "--account", "acme"], &who[..], more].concat());
    close.json()["survey_id"].as_str().unwrap().to_owned()
}

#[test]
fn a_dry_run_is_said_by_check_status_explain_and_retry() {
    let dry =
        configuration(NOWHERE).replace("[accounts.survey]", "mode = \"dry\"\n[accounts.survey]");
    let program = Program::with_database(&dry);
    let check = program.run(&["check"]);
    assert_eq!(check.code, 0);
    assert!(check.stdout.ends_with(LINE), "{}", check.stdout);
    let check = program.run(&["check", "--json"]).json();
    assert_eq!(check["dry_run"], serde_json::json!(["acme"]));
    assert!(program.run(&["status"]).stdout.contains(LINE));
    assert_eq!(program.run(&["status", "--json"]).json()["accounts"][0]["mode"], "dry");
    let id = enqueue(&program, "c-1", 7, &[]);
    assert!(program.run(&["explain", "c-1"]).stdout.contains(LINE));
    assert_eq!(program.run(&["surveys", "cancel", &id]).code, 0);
    let retried = program.run(&["surveys", "retry", &id]).stdout;
    assert!(
        retried.contains("account acme: dry run, nothing is sent; it is decided once more"),
        "{retried}"
    );
    let simulated = program.run(&["simulate"]).stdout;
    assert!(
        simulated.contains("account acme: dry run, nothing is sent: its prompts"),
        "{simulated}"
    );
    program.configure(&configuration(NOWHERE));
    for command in ["check", "status", "simulate"] {
        let said = program.run(&[command]).stdout;
        assert!(!said.contains("dry run"), "{command}: {said}");
    }
}

#[test]
fn check_names_what_no_close_on_record_fits() {
    let rules = "[[accounts.rules]]\nwhen = { team = \"Billing\" }\nskip = true\n[[sources]]";
    let text = configuration(NOWHERE).replacen("[[sources]]", rules, 1);
    let empty = Program::new(&text);
    let check = empty.run(&["check"]);
    assert_eq!((check.code, check.stderr.contains("fitted none")), (0, false), "{}", check.stderr);
    let program = Program::with_database(&text);
    for person in 1..20 {
        enqueue(&program, &format!("c-{person}"), person, &["--team", "billing"]);
    }
    assert!(!program.run(&["check"]).stderr.contains("fitted none"), "of 19 nothing is concluded");
    enqueue(&program, "c-20", 20, &["--team", "sales", "--first-name", "Ana"]);
    let check = program.run(&["check"]);
    let warning = "warning: accounts.acme.rules.1.when.team: \"Billing\" fitted none of the last 20 \
                   closes of enqueue; they named billing, sales\n  write \"billing\", if that is meant\n";
    assert_eq!(check.code, 0);
    assert!(check.stderr.contains(warning), "{}", check.stderr);
    let told = program.run(&["check", "--json"]).json();
    let keys: Vec<_> = told["warnings"].as_array().unwrap().iter().map(|it| &it["key"]).collect();
    assert!(keys.contains(&&serde_json::json!("accounts.acme.rules.1.when.team")), "{keys:?}");
}
