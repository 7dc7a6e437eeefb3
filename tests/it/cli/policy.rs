//! Whom to ask, from the command line: opt-outs, and why somebody was or was not asked.

use std::fs;

use serde_json::json;

use super::NOWHERE;
use crate::harness::program::{MESSAGE, Program, configuration};

const RULES: &str = r#"
[[accounts.rules]]
name = "no-abuse"
when = { team = "abuse" }
skip = true
"#;

/// The sources stand last: rules belong to the account before them.
fn program() -> Program {
    let text = configuration(NOWHERE).replace("delay = \"0s\"", "delay = \"5m\"");
    let (account, rest) = text.split_once("[[sources]]").expect("a source");
    Program::with_database(&format!("{account}{RULES}[[sources]]{rest}"))
}

fn close(program: &Program, conversation: &str, more: &[&str]) -> serde_json::Value {
    let mut arguments = vec!["enqueue", "--json", "--account", "acme"];
    arguments.extend(["--conversation", conversation, "--user-id", "7"]);
    arguments.extend(more);
    program.run(&arguments).json()
}

#[test]
fn a_conversation_is_explained_with_reason_rule_and_numbers() {
    let program = program();
    let skipped = close(&program, "c-1", &["--team", "abuse"]);
    assert_eq!(skipped["reason"], "rule");
    let waiting = close(&program, "c-2", &[]);
    let explained = program.run(&["explain", "c-1", "--json"]).json();
    let decision = &explained[0]["decisions"][0]["decision"];
    let at = &decision["at"];
    let expected = json!({"at": at, "outcome": "suppressed", "reason": "rule", "rule": "no-abuse"});
    assert_eq!(decision, &expected);
    let text = program.run(&["explain", "c-1"]).stdout;
    assert!(text.contains(" is suppressed: rule\n"), "{text}");
    assert!(text.contains("rule: it says skip [rule no-abuse]"), "{text}");
    let text = program.run(&["explain", "c-2"]).stdout;
    let due_at = waiting["due_at"].as_str().unwrap();
    assert!(text.contains(&format!("due {due_at}, delay 5 min")), "{text}");
    let id = waiting["survey_id"].as_str().unwrap();
    let shown = program.run(&["surveys", "show", id]).stdout;
    assert!(shown.contains(&format!("due {due_at}, delay 5 min")), "{shown}");
    let unknown = program.run(&["explain", "c-3"]);
    assert_eq!(unknown.code, 1);
    assert_eq!(unknown.stderr, format!("surveyd: {}", nothing_of("c-3")));
}

/// What is said of a conversation of which there is no trace.
fn nothing_of(conversation: &str) -> String {
    format!(
        "no close of conversation {conversation} is on record\n  nothing that came here was refused: \
         see at the help desk whether it sent this close\n"
    )
}

#[test]
fn a_conversation_that_is_not_on_record_is_looked_for_elsewhere() {
    let program = program();
    let id = close(&program, "C-42", &[])["survey_id"].as_str().unwrap().to_owned();
    let told = |arguments: &[&str]| {
        let ended = program.run(&[&["explain"], arguments].concat());
        assert_eq!(ended.code, 1, "{}", ended.stdout);
        let told = ended.stderr.strip_prefix("surveyd: no close of conversation ").unwrap();
        let (_, clues) = told.split_once(" is on record\n").unwrap();
        (ended.stdout, clues.to_owned())
    };
    let near = "  account acme has a conversation C-42: `surveyd explain C-42 --account acme`\n";
    assert_eq!(told(&["c-42"]).1, near);
    assert_eq!(told(&["#0C-42"]).1, near);
    assert_eq!(told(&["c-4"]).1, near);
    let survey = format!(
        "  survey {id} of conversation C-42 has such an id: `surveyd surveys show {0}`\n",
        &id[..12]
    );
    assert_eq!(told(&[&id[..12]]).1, survey);
    assert_eq!(
        told(&["7"]).1,
        "  it is a person's id; they had conversation C-42 with account acme: `surveyd explain C-42 \
         --account acme`\n"
    );

    let refuse =
        "insert into rejected (source, at, answer, reason, count) values (?1, ?2, 422, ?3, ?4)";
    let database = rusqlite::Connection::open(program.path("surveyd.db")).unwrap();
    database
        .execute(refuse, ("desk", 1_795_334_400_000_i64, "/data/user_id is missing", 2))
        .unwrap();
    database.execute(refuse, ("desk", 1_795_334_300_000_i64, "/type is missing", 1)).unwrap();
    let refused = "source desk had 3 requests refused, the last at 2026-11-22T08:00:00.000Z, for: \
                   /data/user_id is missing";
    let shown = format!("  {refused}: `surveyd sources rejected desk`\n");
    assert_eq!(told(&["x-1"]).1, shown);
    let (found, shown_too) = told(&["x-1", "--account", "acme", "--json"]);
    assert_eq!(shown_too, shown);
    let expected = json!({"conversation_id": "x-1", "account": "acme", "clues": [
        {"kind": "refused", "message": refused, "command": "surveyd sources rejected desk"}]});
    assert_eq!(serde_json::from_str::<serde_json::Value>(&found).unwrap(), expected);
    let shown_too = program.run(&["surveys", "show", "--conversation", "x-1"]);
    assert_eq!((shown_too.code, shown_too.stderr.ends_with(&shown)), (1, true));
}

#[test]
fn a_close_by_hand_tells_all_that_a_notice_can() {
    let text = configuration(NOWHERE);
    let (account, rest) = text.split_once("[[sources]]").expect("a source");
    let picky = "skip_closed_by = [\"bulk\"]\nmin_agent_messages = 2\nstale_after = \"1d\"\n";
    let rules = "[[accounts.rules]]\nname = \"vip\"\nwhen = { attributes.tier = \"gold\" }\n\
                 skip = true\n";
    let program = Program::with_database(&format!("{account}{picky}{rules}[[sources]]{rest}"));
    let reason =
        |conversation: &str, more: &[&str]| close(&program, conversation, more)["reason"].clone();
    assert_eq!(reason("c-1", &["--closed-by", "bulk"]), "closed_by");
    assert_eq!(reason("c-2", &["--closed-by", "agent", "--agent-messages", "1"]), "no_substance");
    assert_eq!(reason("c-3", &["--last-message-at", "2026-01-01T00:00:00Z"]), "stale");
    assert_eq!(reason("c-4", &["--attribute", "tier=gold"]), "rule");
    let more = ["--first-name", "Ana", "--time-zone", "Europe/Madrid", "--attribute", "tier=lead"];
    assert_eq!(reason("c-5", &more), serde_json::Value::Null);
    let arguments = ["enqueue", "--account", "acme", "--conversation", "c-6", "--user-id", "7"];
    for (more, words) in [
        (["--closed-by", "me"], "--closed-by me: must be agent, customer, bot, auto or bulk"),
        (["--time-zone", "Mars/Base"], "--time-zone Mars/Base: is no time zone"),
        (["--attribute", "gold"], "--attribute gold: must be written NAME=VALUE"),
        (["--last-message-at", "soon"], "--last-message-at soon: "),
    ] {
        let refused = program.run(&[&arguments[..], &more[..]].concat());
        assert_eq!(refused.code, 2);
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
    }
}

#[test]
fn a_survey_that_ended_without_a_prompt_is_sent_after_all() {
    let program = program();
    let skipped = close(&program, "c-1", &["--team", "abuse"]);
    let id = skipped["survey_id"].as_str().unwrap();
    let retried = program.run(&["surveys", "retry", id, "--json"]).json();
    assert_eq!((&retried["survey_id"], &retried["state"]), (&json!(id), &json!("scheduled")));
    let again = program.run(&["surveys", "retry", id]);
    let words = format!("surveyd: survey {id} cannot be sent again: it is scheduled already\n");
    assert_eq!((again.code, again.stderr), (1, words));
    let old = close(&program, "c-2", &["--closed-at", "2026-01-01T00:00:00Z"]);
    let late = program.run(&["surveys", "retry", old["survey_id"].as_str().unwrap()]);
    assert_eq!(late.code, 1);
    assert!(
        late.stderr.contains("closed at 2026-01-01T00:00:00.000Z, longer ago than expire_after")
    );
}

#[test]
fn people_opt_out_and_in_again() {
    let program = program();
    close(&program, "c-1", &[]);
    program.run(&["optout", "add", "7", "8", "--account", "acme", "--why", "asked to"]);
    program.run(&["optout", "add", "9"]);
    let listed = program.run(&["optout", "list", "--json"]).json();
    let of = |at: usize| (&listed[at]["user_id"], &listed[at]["account"], &listed[at]["why"]);
    assert_eq!(of(0), (&json!("7"), &json!("acme"), &json!("asked to")));
    assert_eq!(of(2), (&json!("9"), &json!(null), &json!(null)));
    program.run(&["optout", "remove", "7", "9"]);
    let left = program.run(&["optout", "list"]).stdout;
    assert!(left.starts_with("person  account  since"), "{left}");
    assert_eq!(left.lines().count(), 2);
    let unknown = program.run(&["optout", "remove", "7"]);
    let words = "surveyd: had not opted out: 7 (`surveyd optout list` shows who has)\n";
    assert_eq!((unknown.code, unknown.stderr.as_str()), (1, words));
    assert_eq!(program.run(&["optout", "add", "@ana"]).code, 2);
}

#[test]
fn a_file_with_a_bad_line_opts_nobody_out() {
    let program = program();
    close(&program, "c-1", &[]);
    let file = program.folder().join("out.csv");
    fs::write(&file, "user_id,account,why\n7,acme,STOP\nana,,\n8,nobody,\n").unwrap();
    let name = file.to_str().unwrap();
    let refused = program.run(&["optout", "import", name]);
    assert_eq!(refused.code, 1);
    assert_eq!(
        refused.stderr,
        format!(
            "surveyd: {name}: nothing is imported
  line 3: user_id \"ana\": must be 1 to 19 decimal digits, the numeric id of a person at X
  line 4: account \"nobody\": there is no such account in {}
Mend these lines, and import the whole file again.\n",
            program.path("surveyd.toml").display()
        )
    );
    assert_eq!(program.run(&["optout", "list", "--json"]).json(), json!([]));
    fs::write(&file, "user_id,account,why\n7,acme,STOP\n8,,\n").unwrap();
    assert_eq!(program.run(&["optout", "import", name]).stderr, "opted out: 2\n");
    assert_eq!(program.run(&["optout", "list", "--json"]).json().as_array().unwrap().len(), 2);
}

#[test]
fn a_check_warns_and_is_content() {
    let text = configuration(NOWHERE).replace(MESSAGE, "Tap the card below");
    let checked = Program::new(&text).run(&["check"]);
    assert_eq!(checked.code, 0);
    assert!(checked.stderr.starts_with("warning: accounts.acme.survey.message: says \"tap\""));
    assert!(checked.stdout.contains(": no fault (accounts: 1"), "{}", checked.stdout);
}

#[test]
fn no_character_of_a_notice_turns_the_direction_of_what_is_shown() {
    let program = program();
    let id = close(&program, "c-1\u{202E}", &["--team", "a\u{2066}b"])["survey_id"].clone();
    let report = ["report", "--from", "2026-01-01", "--to", "2999-12-31", "--by", "team"];
    for command in [
        &["surveys", "list"][..],
        &["surveys", "show", id.as_str().unwrap()],
        &["explain", "c-1\u{202E}"],
        &report,
        &["simulate"],
    ] {
        let shown = program.run(command);
        assert_eq!(shown.code, 0, "{command:?}: {}", shown.stderr);
        let is_odd = |letter| matches!(letter, '\u{202E}' | '\u{2066}');
        assert!(!shown.stdout.contains(is_odd), "{command:?}: {}", shown.stdout);
    }
    let unknown = program.run(&["explain", "c-2\u{202E}"]).stderr;
    assert_eq!(unknown, format!("surveyd: {}", nothing_of("c-2\u{FFFD}")));
}

#[test]
fn a_survey_that_a_hold_will_outlast_is_explained_with_its_end() {
    let program = program();
    let now = surveyd::clock::Clock::System.now();
    let ago = |hours: u64| now.minus(std::time::Duration::from_secs(hours * 3_600)).rfc3339();
    close(&program, "c-1", &["--closed-at", &ago(11)]);
    let text = program.run(&["explain", "c-1"]).stdout;
    assert!(!text.contains("held"), "{text}");

    let hold =
        "insert into restore_hold (account, restored_at, until_at, why) values (?1, ?2, ?2, ?3)";
    let database = rusqlite::Connection::open(program.path("surveyd.db")).unwrap();
    database.execute(hold, ("acme", now.0, "older")).unwrap();
    let text = program.run(&["explain", "c-1"]).stdout;
    let end = format!(
        "account acme is held since {0}: nothing is sent, for the database is an older copy than \
         the one that sent last, until X's events have been read past {0}; that will be {0} at the \
         earliest. Nothing need be done: it ends by itself. Closes are taken meanwhile and wait; \
         those that grow older than expire_after before its end are not asked\n",
        now.rfc3339()
    );
    assert!(text.ends_with(&end), "{text}\nexpected: {end}");

    let file = std::fs::read_to_string(program.path("surveyd.toml")).unwrap();
    program.configure(&file.replace("events_horizon = \"0s\"", "events_horizon = \"24h\""));
    let text = program.run(&["explain", "c-1"]).stdout;
    let expires_at = now
        .minus(std::time::Duration::from_secs(11 * 3_600))
        .plus(std::time::Duration::from_secs(12 * 3_600));
    let end = format!(
        "\nit expires at {}, before that hold can end: it will not be asked\n",
        expires_at.rfc3339()
    );
    assert!(text.ends_with(&end), "{text}\nexpected: {end}");
}
