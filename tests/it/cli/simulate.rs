//! What another configuration would have done, from the command line.

use serde_json::json;

use super::NOWHERE;
use crate::harness::program::{Program, configuration};

const NOBODY_OF_ABUSE: &str = r#"
[[accounts.rules]]
name = "no-abuse"
when = { team = "abuse" }
skip = true
"#;

/// Two conversations have closed and wait; and another configuration.
fn program() -> (Program, String) {
    let text = configuration(NOWHERE).replace("delay = \"0s\"", "delay = \"5m\"");
    let program = Program::with_database(&text);
    for (conversation, more) in [("c-1", ["--team", "abuse"]), ("c-2", ["--team", "billing"])] {
        let mut arguments = vec!["enqueue", "--account", "acme", "--conversation", conversation];
        arguments.extend(["--user-id", "7"]);
        arguments.extend(more);
        assert_eq!(program.run(&arguments).code, 0);
    }
    let (account, rest) = text.split_once("[[sources]]").expect("a source");
    let other = program.path("other.toml");
    std::fs::write(&other, format!("{account}{NOBODY_OF_ABUSE}[[sources]]{rest}")).unwrap();
    (program, other.to_str().unwrap().to_owned())
}

#[test]
fn another_configuration_is_told_beside_what_happened() {
    let (program, other) = program();
    let simulated =
        program.run(&["simulate", "--since", "1d", "--config", &other, "--json"]).json();
    assert_eq!(simulated["config"], json!(other));
    let counts = json!([
        {"outcome": "scheduled", "reason": null, "happened": 2, "would": 1},
        {"outcome": "suppressed", "reason": "rule", "happened": 0, "would": 1},
    ]);
    assert_eq!((&simulated["closes"], &simulated["counts"]), (&json!(2), &counts));
    assert_eq!((&simulated["differences"], &simulated["assumed_sent"]), (&json!(1), &json!(0)));
    let difference = &simulated["first_differences"][0];
    let closed_at = difference["closed_at"].as_str().unwrap();
    let due_at = difference["happened"]["decision"]["due_at"].as_str().unwrap();
    assert_eq!(difference["would"]["decision"]["rule"], "no-abuse");
    let none = json!({"happened": 0, "would": 0});
    let account = json!({
        "account": "acme", "mode": "live", "daily_limit": 1000, "prompts": none, "most_in_24_hours": none,
        "days_full": none, "days": []
    });
    assert_eq!(simulated["accounts"], json!([account]));
    let text = program.run(&["simulate", "--config", &other]).stdout;
    let (first, rest) = text.split_once('\n').unwrap();
    assert!(first.starts_with("2 closes from ") && first.ends_with(&format!(", by {other}")));
    let expected = format!(
        "
closes            happened  would  change
scheduled                2      1      -1
suppressed: rule         0      1      +1

happened | would  prompts  most in 24 h  limit  days at the limit
acme                0 | 0         0 | 0   1000              0 | 0

1 close would end otherwise:

c-1, closed {closed_at}, account acme
  happened  scheduled: due {due_at}, delay 5 min
  would     rule: it says skip [rule no-abuse]

What X said then, it says again.
"
    );
    assert_eq!(rest, expected);
}

#[test]
fn the_current_configuration_would_do_what_it_did() {
    let (program, _) = program();
    let same = program.run(&["simulate"]);
    assert_eq!((same.code, same.stderr.as_str()), (0, ""), "no progress but on a terminal");
    assert!(same.stdout.contains("\nEvery close would end as it did.\n"), "{}", same.stdout);
    assert_eq!(program.run(&["surveys", "list", "--json"]).json().as_array().unwrap().len(), 2);
}

#[test]
fn a_length_that_is_none_is_a_usage_error() {
    let (program, _) = program();
    for since in ["0s", "month", "30"] {
        let refused = program.run(&["simulate", "--since", since]);
        let expected = format!("surveyd: --since {since}: must be a length such as 30d or 12h\n");
        assert_eq!((refused.code, refused.stderr), (2, expected));
    }
}

#[test]
fn a_close_that_a_later_one_took_the_place_of_is_explained() {
    let (program, _) = program();
    let plain = program.run(&["simulate"]).stdout;
    assert!(!plain.contains("merged"), "{plain}");
    let again = ["enqueue", "--account", "acme", "--conversation", "c-1", "--user-id", "7"];
    assert_eq!(program.run(&again).code, 0);
    let shown = program.run(&["simulate", "--since", "1d"]).stdout;
    let expected = "
closes     happened  would  change
scheduled         2      2
merged            1      1

merged: the conversation closed again before its prompt was out, and the later close counts.

happened | would ";
    assert!(shown.contains(expected), "{shown}");
    let help = program.run(&["simulate", "--help"]).stdout;
    assert!(help.contains("`merged`: the conversation\nclosed again"), "{help}");
}
