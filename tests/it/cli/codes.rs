//! Exit codes 0, 1, 2 and 78, and what is said with each.

use super::NOWHERE;
use crate::harness::program::{Ended, Program, configuration, secrets};

fn program() -> Program {
    Program::new(&configuration(NOWHERE))
}

/// Nothing but a result may stand on standard output.
fn assert_failed(ended: &Ended, code: i32, words: &str) {
    assert_eq!(ended.code, code, "{}{}", ended.stdout, ended.stderr);
    assert_eq!(ended.stdout, "");
    assert!(ended.stderr.contains(words), "{}", ended.stderr);
}

/// Whether these sources are a checkout that has that commit; nothing where they are none.
fn is_commit(name: &str) -> Option<bool> {
    let folder = env!("CARGO_MANIFEST_DIR");
    let git = |arguments: &[&str]| {
        let mut git = std::process::Command::new("git");
        git.args(["-c", "safe.directory=*", "-C", folder]).args(arguments).output().ok()
    };
    let root = git(&["rev-parse", "--show-toplevel"])?;
    if String::from_utf8(root.stdout).ok()?.trim() != folder {
        return None;
    }
    Some(git(&["cat-file", "-e", &format!("{name}^{{commit}}")])?.status.success())
}

#[test]
fn what_went_well_ends_with_0() {
    let program = program();
    let version = program.run(&["--version"]);
    assert_eq!(version.code, 0);
    let commit = version.stdout.strip_prefix("surveyd 0.1.0").expect("its name and its version");
    let commit = commit.trim().trim_matches(['(', ')']);
    // Not the one that is checked out now: it may be another than at the build.
    assert!(is_commit(commit).unwrap_or(commit.is_empty()), "{}", version.stdout);
    let help = program.run(&["--help"]);
    assert_eq!(help.code, 0);
    for command in ["run", "check", "demo", "sandbox", "enqueue", "status", "surveys", "report"] {
        assert!(help.stdout.contains(&format!("\n  {command} ")), "{command}: {}", help.stdout);
    }
    let checked = program.run(&["check"]);
    let file = program.path("surveyd.toml").display().to_string();
    assert_eq!(checked.stdout, format!("{file}: no fault (accounts: 1, sources: 1)\n"));
    assert_eq!((checked.code, checked.stderr.as_str()), (0, ""));
    let migrated = program.run(&["migrate"]);
    assert_eq!((migrated.code, migrated.stdout.as_str()), (0, ""));
}

#[test]
fn wrong_usage_ends_with_2() {
    let program = program();
    for (arguments, words) in [
        (&[][..], "Usage: surveyd"),
        (&["fly"][..], "unrecognized subcommand 'fly'"),
        (&["enqueue"], "--account"),
        (&["export", "--format", "xml"], "csv"),
        (&["surveys", "list", "--limit", "many"], "many"),
    ] {
        assert_failed(&program.run(arguments), 2, words);
    }
    assert_eq!(program.run(&["migrate"]).code, 0);
    let close = ["--conversation", "c-1", "--user-id"];
    for (arguments, words) in [
        (vec!["surveys", "list", "--state", "lost"], "--state lost: must be one of scheduled,"),
        (vec!["surveys", "list", "--account", "acmee"], "--account acmee: there is no such"),
        ([&["enqueue", "--account", "nobody"], &close[..], &["7"]].concat(), "--account nobody"),
        ([&["enqueue", "--account", "acme"], &close[..], &["x7"]].concat(), "--user-id x7: must"),
        (vec!["report", "--from", "soon", "--to", "2026-01-01"], "soon"),
    ] {
        assert_failed(&program.run(&arguments), 2, words);
    }
}

#[test]
fn what_failed_ends_with_1() {
    let program = program();
    assert_eq!(program.run(&["migrate"]).code, 0);
    for (arguments, words) in [
        (vec!["surveys", "show", "none"], "there is no survey none"),
        (vec!["surveys", "cancel", "none"], "there is no survey none"),
        (vec!["export", "--format", "csv", "-o", "/nowhere/at/all"], "/nowhere/at/all"),
    ] {
        assert_failed(&program.run(&arguments), 1, words);
    }
}

#[test]
fn check_prints_every_fault_at_once_and_ends_with_78() {
    let text = configuration(NOWHERE)
        .replace("delay = \"0s\"", "delay = \"soon\"\nthrotle = \"7d\"\nsample = 7")
        .replace("account = \"acme\"\nsecret", "account = \"acne\"\nsecret")
        .replace("\"consumer-secret\"", "\"no-such-file\"");
    let program = Program::new(&text);
    let checked = program.run(&["check"]);
    assert_eq!((checked.code, checked.stderr.as_str()), (78, ""));
    let file = program.path("surveyd.toml").display().to_string();
    for (key, value, remedy) in [
        ("accounts.acme.survey.delay", " = \"soon\"", "write a whole number and one unit"),
        ("accounts.acme.survey.sample", " = 7", "write a value from 0.0 to 1.0"),
        ("accounts.acme.survey.throtle", "", "throttle"),
        ("accounts.acme.consumer_secret", "", "no-such-file"),
        ("sources.desk.account", " = \"acne\"", "did you mean \"acme\"?"),
    ] {
        let line = format!("{file}: {key}{value}: ");
        let at = checked.stdout.find(&line).unwrap_or_else(|| panic!("{line}: {}", checked.stdout));
        let two_lines = checked.stdout[at..].lines().take(2).collect::<Vec<_>>().join(" ");
        assert!(two_lines.contains(remedy), "{remedy}: {two_lines}");
    }
    let told = program.run(&["check", "--json"]);
    assert_eq!(told.code, 78);
    let told: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!(told["faults"].as_array().unwrap().len(), 5);
    for secret in secrets() {
        assert!(!checked.stdout.contains(&secret));
    }
}

#[test]
fn no_command_works_under_a_faulty_configuration() {
    let program = Program::new(&configuration(NOWHERE).replace("\"0s\"", "\"zero\""));
    for arguments in [
        &["run"][..],
        &["status"],
        &["migrate"],
        &["surveys", "list"],
        &["export", "--format", "csv"],
        &["enqueue", "--account", "acme", "--conversation", "c-1", "--user-id", "7"],
    ] {
        let ended = program.run(arguments);
        assert_failed(&ended, 78, "accounts.acme.survey.delay = \"zero\"");
        assert!(ended.stderr.contains("x.events_horizon = \"zero\""), "all of them");
    }
    assert!(!program.path("surveyd.db").exists());
    let missing = program.run(&["--config", "/no/such/file.toml", "status"]);
    assert_failed(&missing, 78, "/no/such/file.toml: cannot be read");
}

#[test]
fn a_newer_schema_ends_with_78() {
    let program = program();
    assert_eq!(program.run(&["migrate"]).code, 0);
    let database = rusqlite::Connection::open(program.path("surveyd.db")).unwrap();
    let newer = "insert into _sqlx_migrations \
         select 9000, 'later', installed_on, success, checksum, 1 from _sqlx_migrations limit 1";
    database.execute(newer, []).unwrap();
    database.close().unwrap();
    let before = std::fs::read(program.path("surveyd.db")).unwrap();
    for arguments in [
        &["run"][..],
        &["status"],
        &["migrate"],
        &["export", "--format", "jsonl"],
        &["enqueue", "--account", "acme", "--conversation", "c-1", "--user-id", "7"],
    ] {
        let ended = program.run(arguments);
        assert_eq!(ended.code, 78, "{arguments:?}: {}", ended.stderr);
        assert_eq!(ended.stdout, "");
        assert!(ended.stderr.contains("start a newer surveyd"), "{}", ended.stderr);
    }
    assert!(std::fs::read(program.path("surveyd.db")).unwrap() == before);
}

#[test]
fn a_look_at_a_missing_database_says_what_to_do() {
    let program = program();
    let ended = program.run(&["status"]);
    assert_failed(&ended, 1, "there is no database yet: start `surveyd run`");
    assert!(!program.path("surveyd.db").exists());
}
