//! A dry run, from the command line.

use super::NOWHERE;
use crate::harness::program::{Program, configuration};

const LINE: &str = "account acme: dry run, nothing is sent\n";

fn enqueue(program: &Program, conversation: &str, person: u32, more: &[&str]) -> String {
    let person = person.to_string();
    let who = ["--conversation", conversation, "--user-id", &person];
    let close = program.run(&[&["enqueue", "--account", "acme"], &who[..], more].concat());
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
