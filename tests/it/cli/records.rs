//! Closes filed by hand, and every way to look at what became of them, on a small database.

use serde_json::{Value, json};
use surveyd::domain::time::Millis;

use super::NOWHERE;
use crate::harness::program::{Program, configuration};

fn now() -> Millis {
    surveyd::clock::Clock::System.now()
}

/// Three closes: one that waits, one that came too late, one called off. Their ids.
pub fn small(program: &Program) -> [String; 3] {
    let (recent, old) = (now().rfc3339(), "2020-01-01T00:00:00Z");
    let close = |conversation: &str, person: &str, closed_at: &str, more: &[&str]| {
        let mut arguments = vec!["enqueue", "--json", "--account", "acme"];
        arguments.extend(["--conversation", conversation]);
        arguments.extend(["--user-id", person, "--closed-at", closed_at]);
        arguments.extend(more);
        program.run(&arguments).json()["survey_id"].as_str().unwrap().to_owned()
    };
    let more =
        ["--agent", "dana", "--team", "=1+1", "--tag", "vip", "--tag", "a,b", "--language", "es"];
    let waiting = close("c ☃ 1", "7", &recent, &more);
    let late = close("c-2", "8", old, &[]);
    let cancelled = close("c-3", "9", &recent, &[]);
    let ended = program.run(&["surveys", "cancel", &cancelled]);
    assert_eq!(ended.stdout, format!("survey {cancelled} is cancelled\n"));
    [waiting, late, cancelled]
}

pub fn program() -> Program {
    let text = configuration(NOWHERE).replace("delay = \"0s\"", "delay = \"5m\"");
    Program::with_database(&text)
}

#[test]
fn a_close_filed_twice_is_one_survey() {
    let program = program();
    let close =
        ["enqueue", "--json", "--account", "acme", "--conversation", "c-1", "--user-id", "7"];
    let closed_at = now();
    let at = closed_at.rfc3339();
    let arguments = [&close[..], &["--closed-at", &at]].concat();
    let first = program.run(&arguments).json();
    let due_at = closed_at.plus(std::time::Duration::from_secs(300)).rfc3339();
    let expected = json!({"survey_id": first["survey_id"], "state": "scheduled", "reason": null,
        "due_at": due_at, "is_new": true});
    assert_eq!(first, expected);
    let again = program.run(&arguments).json();
    assert_eq!((&again["survey_id"], &again["is_new"]), (&first["survey_id"], &json!(false)));
}

#[test]
fn surveys_are_listed_and_shown_with_their_history() {
    let program = program();
    let [waiting, late, cancelled] = small(&program);
    let listed = program.run(&["surveys", "list", "--json"]).json();
    let ids = |list: &Value| -> Vec<String> {
        let all = list.as_array().unwrap().iter();
        all.map(|survey| survey["survey_id"].as_str().unwrap().to_owned()).collect()
    };
    let mut all = ids(&listed);
    assert_eq!(all.pop(), Some(late.clone()), "the newest close stands first");
    all.sort();
    let mut expected = vec![waiting.clone(), cancelled.clone()];
    expected.sort();
    assert_eq!(all, expected);
    let of_state = program.run(&["surveys", "list", "--json", "--state", "expired"]).json();
    assert_eq!(ids(&of_state), [late]);

    let shown = program.run(&["surveys", "show", &waiting, "--json"]).json();
    assert_eq!(shown["conversation_id"], "c ☃ 1");
    assert_eq!((&shown["state"], &shown["attempts"]), (&json!("scheduled"), &json!(0)));
    let notice = json!({"agent": "dana", "team": "=1+1", "tags": ["vip", "a,b"], "language": "es"});
    assert_eq!(shown["notice"], notice);
    let shown = program.run(&["surveys", "show", &cancelled, "--json"]).json();
    let states: Vec<&Value> =
        shown["history"].as_array().unwrap().iter().map(|step| &step["state"]).collect();
    assert_eq!(states, ["accepted", "cancelled"]);
    assert_eq!(shown["reason"], "operator");

    let table = program.run(&["surveys", "list"]);
    assert_eq!((table.code, table.stdout.lines().count(), table.stderr.as_str()), (0, 4, ""));
    let twice = program.run(&["surveys", "cancel", &cancelled]);
    assert_eq!((twice.code, twice.stdout.as_str()), (1, ""));
    assert!(twice.stderr.contains("is cancelled: only a scheduled one"), "{}", twice.stderr);
}

#[test]
fn the_status_tells_what_waits_and_what_is_left() {
    let program = program();
    small(&program);
    let status = program.run(&["status", "--json"]).json();
    assert_eq!(status["surveys"]["scheduled"], 1);
    assert_eq!((&status["surveys"]["expired"], &status["surveys"]["sent"]), (&json!(1), &json!(0)));
    assert_eq!(status["surveys"].as_object().unwrap().len(), 9);
    assert!(status["next_due"].is_string() && status["oldest_due"].is_null(), "{status}");
    assert!(status["database_bytes"].as_i64().unwrap() > 0);
    let account = &status["accounts"][0];
    assert_eq!((&account["account"], &account["paused"]), (&json!("acme"), &json!(null)));
    assert_eq!((&account["left"]["create"], &account["left"]["show"]), (&json!(1000), &json!(180)));

    let not_yet = json!({"to": null, "under_way_at": null, "done_at": null});
    assert_eq!(account["looks"], json!({"day": not_yet, "week": not_yet}));
    assert_eq!(
        [&account["events_read_to"], &account["events_left_seconds"], &account["events_window"]],
        [&json!(null); 3]
    );

    let text = program.run(&["status"]);
    assert_eq!((text.code, text.stderr.as_str()), (0, ""));
    assert!(text.stdout.contains("\nacme: no events have been read yet\n"), "{}", text.stdout);
    assert!(text.stdout.contains("\nsurveys     scheduled 1, sending 0,"), "{}", text.stdout);
    let database = program.path("surveyd.db").display().to_string();
    let mut lines = text.stdout.lines();
    let version = program.run(&["--version"]).stdout.replace("surveyd ", "");
    let first = format!("surveyd     {}, no daemon is at work", version.trim());
    assert_eq!(lines.next().unwrap(), first);
    assert!(lines.next().unwrap().starts_with(&format!("database    {database}, ")));
}

#[test]
fn the_status_names_what_waits_for_an_account_that_is_gone() {
    let program = program();
    small(&program);
    let before = program.run(&["status", "--json"]).json();
    assert_eq!(before["waiting_without_account"], json!({}));
    program.configure(&configuration(NOWHERE).replace("\"acme\"", "\"globex\""));
    let after = program.run(&["status", "--json"]).json();
    assert_eq!(after["waiting_without_account"], json!({"acme": 1}));
    let text = program.run(&["status"]).stdout;
    assert!(text.contains("acme: 1 survey waits, and no such account is configured"), "{text}");
}

#[test]
fn a_report_counts_the_closes_of_its_period() {
    let program = program();
    small(&program);
    let report = ["report", "--from", "2020-01-01", "--to", "2999-12-31"];
    let json = program.run(&[&report[..], &["--format", "json"]].concat()).json();
    assert_eq!(json["groups"][0]["closes"], 3);
    let unsent = json!({"cancelled": 1, "expired": 1, "scheduled": 1});
    assert_eq!(json["groups"][0]["unsent"], unsent, "none of them is lost");
    assert_eq!(json["totals"], json["groups"]);
    let text = program.run(&report);
    assert_eq!((text.code, text.stderr.as_str()), (0, ""));
    let (head, notes) = text.stdout.split_once('\n').unwrap();
    assert_eq!(head, "Results, 2020-01-01 to 2999-12-31 (so far, UTC)");
    let losses = "\nnot asked: called off 1, too late to ask 1, waiting now 1\n";
    assert!(notes.ends_with(losses), "{notes}");
}

#[test]
fn a_report_is_written_over_a_report_of_any_format_and_over_nothing_else() {
    let program = program();
    small(&program);
    let file = program.path("report");
    let name = file.to_str().unwrap();
    let write = |format: &str| {
        let period = ["report", "--from", "2020-01-01", "--by", "team", "-o", name];
        program.run(&[&period[..], &["--format", format]].concat())
    };
    let formats = ["html", "csv", "xlsx", "json", "text"];
    for (before, format) in formats.iter().flat_map(|one| formats.map(|other| (one, other))) {
        write(before);
        let ended = write(format);
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{format} over {before}");
    }
    let export = ["export", "--format", "csv", "-o", name];
    let refused = program.run(&export);
    assert!(refused.stderr.contains("is there and is no export:"), "{}", refused.stderr);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(program.run(&export).code, 0);
    let exported = std::fs::read(&file).unwrap();
    let refused = write("html");
    let said = format!(
        "surveyd: -o {name} is there and is no report of surveyd: name another file, or delete that one\n"
    );
    assert_eq!((refused.code, refused.stderr), (1, said));
    assert_eq!(std::fs::read(&file).unwrap(), exported);
}

#[test]
fn a_report_on_a_name_that_no_close_has_says_which_may_be_meant() {
    let program = program();
    let close = ["enqueue", "--account", "acme", "--user-id", "7", "--team", "billing"];
    for (conversation, tag) in [("c-1", "vip"), ("c-2", "late")] {
        let more = ["--conversation", conversation, "--tag", tag];
        assert_eq!(program.run(&[&close[..], &more].concat()).code, 0);
    }
    let only = |only: &str| {
        let ended = program.run(&["report", "--from", "2020-01-01", "--only", only]);
        (ended.code, ended.stderr)
    };
    for (wrong, said) in [
        (
            "team=biling",
            "no close on record has such a team, they have billing: did you mean billing?",
        ),
        ("tag=vib", "no close on record has such a tag, they have late, vip: did you mean vip?"),
        ("tag=x", "no close on record has such a tag, they have late, vip"),
    ] {
        assert_eq!(only(wrong), (2, format!("surveyd: --only {wrong}: {said}\n")));
    }
    for right in ["team=billing", "tag=vip", "team=", "agent=dana"] {
        assert_eq!(only(right), (0, String::new()), "{right}: no close has an agent");
    }
}

#[test]
fn a_survey_is_named_by_the_beginning_of_its_id_or_by_its_conversation() {
    let program = program();
    let [waiting, late, cancelled] = small(&program);
    let id = |arguments: &[&str]| {
        let shown = program.run(&[&["surveys", "show", "--json"], arguments].concat()).json();
        shown["survey_id"].as_str().unwrap().to_owned()
    };
    // Their beginnings are alike.
    assert_eq!(id(&[&waiting[..31]]), waiting);
    assert_eq!(id(&[&format!("{}…", &late[..31])]), late, "as a terminal shows it");
    assert_eq!(id(&["--conversation", "c-3"]), cancelled);
    assert_eq!(id(&["--conversation", "c-3", "--account", "acme"]), cancelled);

    let fails = |arguments: &[&str]| {
        let ended = program.run(&[&["surveys"], arguments].concat());
        assert_eq!(ended.stdout, "");
        (ended.code, ended.stderr)
    };
    let (code, several) = fails(&["retry", &waiting[..4]]);
    assert_eq!(code, 1);
    for named in [&waiting, &late, &cancelled] {
        assert!(
            several.contains(&format!("\n  {named}  account acme, conversation c")),
            "{several}"
        );
    }
    let (code, short) = fails(&["show", &waiting[..3]]);
    assert_eq!(code, 2);
    assert!(short.contains("has at least 4 characters"), "{short}");
    let (code, hint) = fails(&["cancel", "c-3"]);
    assert_eq!(code, 1);
    assert!(hint.contains("there is no survey c-3, but a conversation of that id"), "{hint}");
    assert!(hint.contains("--conversation c-3"), "{hint}");
    let (code, none) = fails(&["show", "ffffffff"]);
    assert!(code == 1 && none.contains("`surveyd surveys list`"), "{none}");
    assert_eq!(fails(&["show", "--conversation", "nobody's"]).0, 1);
    assert_eq!(fails(&["show", "--conversation", "c-3", "--account", "globex"]).0, 2);
    for wrong in [&["show"][..], &["show", "c-3", "--conversation", "c-3"]] {
        assert_eq!(fails(wrong).0, 2);
    }
}

#[test]
fn a_conversation_of_several_accounts_wants_the_account_named() {
    let account = configuration(NOWHERE);
    let account =
        &account[account.find("[[accounts]]").unwrap()..account.find("[[sources]]").unwrap()];
    let second =
        account.replace("\"acme\"", "\"globex\"").replacen("user_id = \"", "user_id = \"9", 1);
    let program = Program::with_database(&(configuration(NOWHERE) + &second));
    for account in ["acme", "globex"] {
        let close = ["enqueue", "--account", account, "--conversation", "c-1", "--user-id", "7"];
        assert_eq!(program.run(&close).code, 0);
    }
    let show = ["surveys", "show", "--conversation", "c-1", "--json"];
    let several = program.run(&show);
    assert_eq!(several.code, 1);
    assert!(
        several.stderr.contains("acme, globex; say which by --account NAME"),
        "{}",
        several.stderr
    );
    let one = program.run(&[&show[..], &["--account", "globex"]].concat()).json();
    assert_eq!(one["account"], "globex");
}

#[test]
fn surveys_are_listed_by_reason_and_since() {
    let program = program();
    let [waiting, _, cancelled] = small(&program);
    let ids = |arguments: &[&str]| {
        let listed = program.run(&[&["surveys", "list", "--json"], arguments].concat()).json();
        let ids = listed.as_array().unwrap().iter();
        let mut ids: Vec<_> = ids.map(|it| it["survey_id"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    };
    let mut recent = vec![waiting, cancelled.clone()];
    recent.sort();
    assert_eq!(ids(&["--reason", "operator"]), [cancelled]);
    assert!(ids(&["--reason", "throttled"]).is_empty());
    for since in ["1h", "2020-01-02", "2020-01-01T00:00:00.001Z"] {
        assert_eq!(ids(&["--since", since]), recent, "{since}");
    }
    assert_eq!(ids(&["--since", "2020-01-01"]).len(), 3);
    for (option, value) in [("--reason", "throtled"), ("--since", "yesterday")] {
        let ended = program.run(&["surveys", "list", option, value]);
        assert!(ended.code == 2 && ended.stderr.contains(value), "{}", ended.stderr);
    }
}

#[test]
fn a_later_close_by_another_way_rewrites_no_line_and_wipes_nothing() {
    let program = program();
    let id = small(&program)[0].clone();
    let before = program.run(&["surveys", "show", &id, "--json"]).json();
    let close = ["enqueue", "--account", "acme", "--conversation", "c ☃ 1", "--user-id", "7"];
    assert_eq!(program.run(&close).code, 0);
    let after = program.run(&["surveys", "show", &id, "--json"]).json();
    assert_eq!(after["history"][0], before["history"][0]);
    let said = after["history"][0]["detail"].as_str().unwrap();
    let closed_at = before["closed_at"].as_str().unwrap();
    let start =
        format!("closed at {closed_at}, from source enqueue, agent dana, team =1+1, language es");
    assert!(said.starts_with(&start), "{said}");
    let again = after["history"][1]["detail"].as_str().unwrap();
    let start = format!("closed again at {}, due ", after["closed_at"].as_str().unwrap());
    assert!(again.starts_with(&start), "{again}");
    assert!(again.ends_with("person 7, from source enqueue"), "{again}");
    let text = program.run(&["surveys", "show", &id]).stdout;
    assert!(text.contains("\nagent         dana\n"), "nothing was said of it: {text}");
    let full = ["--conversation", "c-9", "--user-id", "8", "--agent", "li"];
    assert_eq!(program.run(&[&close[..3], &full].concat()).code, 0);
    let text = program.run(&["surveys", "show", "--conversation", "c-9"]).stdout;
    assert!(text.contains("\nagent         li\n"), "{text}");
    let explained = program.run(&["explain", "c ☃ 1"]).stdout;
    assert!(explained.contains(&format!("accepted   {}", &said[..40])), "{explained}");
}

#[test]
fn a_report_is_on_the_last_28_whole_days_where_nobody_says() {
    let program = program();
    small(&program);
    let text = program.run(&["report"]);
    assert_eq!((text.code, text.stderr.as_str()), (0, ""));
    assert!(text.stdout.contains("(whole days, UTC)\nNothing was closed"), "{}", text.stdout);
    let today = now().rfc3339()[..10].to_owned();
    assert!(text.stdout.contains(&format!("`--from {today}` shows it")), "{}", text.stdout);
    let json = program.run(&["report", "--from", &today, "--format", "json"]).json();
    assert_eq!(json["groups"][0]["closes"], 2);
    assert!(json["from"].as_str().unwrap().ends_with("T00:00:00.000Z"), "{json}");
}

#[test]
fn a_report_counts_tests_where_it_is_asked_to() {
    let text = configuration(NOWHERE).replace("delay = \"0s\"", "delay = \"5m\"\ntest = true");
    let program = Program::with_database(&text);
    small(&program);
    let report = ["report", "--from", "2020-01-01", "--to", "2999-12-31"];
    let text = program.run(&report).stdout;
    assert!(text.contains("3 closes were taken in as a test: `--test` counts them.\n"), "{text}");
    let json = [&report[..], &["--format", "json"]].concat();
    assert_eq!(program.run(&json).json()["groups"], json!([]));
    let counted = program.run(&[&json[..], &["--test"]].concat()).json();
    assert_eq!(counted["groups"][0]["closes"], 3);
    let text = program.run(&[&report[..], &["--test"]].concat()).stdout;
    assert!(text.contains("are counted, too") && !text.contains("`--test`"), "{text}");
}
