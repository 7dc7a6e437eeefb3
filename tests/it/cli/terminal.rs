//! What commands show on a terminal: a real one, made by script(1), of a width that is set in it.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use super::NOWHERE;
use crate::harness::program::{Program, configuration};

/// A command of surveyd's on a terminal of so many columns.
pub(super) fn terminal(
    program: &Program,
    columns: u32,
    environment: &[(&str, &str)],
    arguments: &[&str],
) -> Command {
    let surveyd = program.command(arguments);
    let words = std::iter::once(surveyd.get_program()).chain(surveyd.get_args());
    let words = words.map(|word| format!("'{}'", word.to_str().unwrap())).collect::<Vec<_>>();
    let line = format!("stty cols {columns} rows 40; exec {}", words.join(" "));
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    script.env_clear().env("PATH", "/usr/bin:/bin").env("TERM", "xterm").env("SHELL", "/bin/sh");
    for (name, value) in surveyd.get_envs() {
        script.env(name, value.unwrap());
    }
    script.envs(environment.iter().copied()).current_dir(program.folder()).stdin(Stdio::null());
    script
}

/// What it writes there, and its exit code.
fn on_a_terminal(
    program: &Program,
    columns: u32,
    environment: &[(&str, &str)],
    arguments: &[&str],
) -> (String, i32) {
    let output = terminal(program, columns, environment, arguments).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap().replace("\r\n", "\n");
    (text, output.status.code().unwrap())
}

/// How many columns a line takes: the wide letters of these tests take two.
fn width(line: &str) -> usize {
    line.chars().map(|letter| if "山田太郎".contains(letter) { 2 } else { 1 }).sum()
}

/// The text as it is seen.
fn without_colours(text: &str) -> String {
    let mut seen = String::new();
    let mut parts = text.split('\u{1b}');
    seen += parts.next().unwrap();
    for part in parts {
        seen += part.split_once('m').expect("a colour").1;
    }
    seen
}

fn program() -> Program {
    let text = configuration(NOWHERE).replace("delay = \"0s\"", "delay = \"5m\"");
    let program = Program::with_database(&text);
    let close = |conversation: &str, person: &str, more: &[&str]| {
        let close = ["enqueue", "--account", "acme", "--conversation", conversation];
        let ended = program.run(&[&close[..], &["--user-id", person], more].concat());
        assert_eq!(ended.code, 0, "{}", ended.stderr);
    };
    close("山田太郎", "343434343434", &["--agent", "dana"]);
    close(
        "a conversation whose id is as long as those of some help desks",
        "1234567890123456789",
        &[],
    );
    program
}

#[test]
fn a_list_fits_the_terminal_and_tells_how_long_ago() {
    let program = program();
    for columns in [80, 120] {
        let plain = [("NO_COLOR", "1")];
        let (text, code) = on_a_terminal(&program, columns, &plain, &["surveys", "list"]);
        assert_eq!((code, text.lines().count()), (0, 3), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
        let (head, wide) =
            (text.lines().next().unwrap(), text.lines().find(|line| line.contains('山')));
        let place = |line: &str, what: &str| width(&line[..line.find(what).unwrap()]);
        assert_eq!(place(head, "state"), place(wide.unwrap(), "scheduled"), "{text}");
        assert!(text.lines().all(|line| width(line) <= columns as usize), "{text}");
        assert!(text.contains("now") || text.contains(" ago"), "{text}");
        assert!(!head.contains("reason"), "no row has one: {text}");
        assert!(text.contains('…'), "the long id is cut: {text}");
        assert_eq!(head.contains("person"), columns == 120, "the person goes first: {text}");
    }
}

#[test]
fn colours_are_for_terminals_and_instants_for_programs() {
    let program = program();
    let list = &["surveys", "list", "--utc"];
    let (text, _) = on_a_terminal(&program, 120, &[], list);
    assert!(text.contains("\u{1b}[36mscheduled\u{1b}[0m"), "{text}");
    assert!(text.contains("Z") && !text.contains(" ago"), "{text}");
    for environment in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        assert!(!on_a_terminal(&program, 120, &[environment], list).0.contains('\u{1b}'));
    }
    let piped = program.run(&["surveys", "list"]).stdout;
    assert!(!piped.contains('\u{1b}') && !piped.contains(" ago"), "{piped}");
    assert!(piped.lines().next().unwrap().contains("reason"), "{piped}");
    let long = "a conversation whose id is as long as those of some help desks";
    assert!(piped.contains(long), "{piped}");
    let forced = program.command(&["surveys", "list"]).env("CLICOLOR_FORCE", "1").output().unwrap();
    assert!(String::from_utf8(forced.stdout).unwrap().contains("\u{1b}[36mscheduled"));
}

#[test]
fn a_history_is_folded_and_no_word_of_it_lost() {
    let program = program();
    let plain = [("NO_COLOR", "1")];
    let show = ["surveys", "show", "--conversation", "山田太郎"];
    for arguments in [&show[..], &["explain", "山田太郎"]] {
        let (text, code) = on_a_terminal(&program, 80, &plain, arguments);
        assert_eq!(code, 0, "{text}");
        assert!(text.lines().all(|line| width(line) <= 80), "{text}");
        let words: Vec<&str> = text.split_whitespace().collect();
        let said = words.join(" ");
        assert!(said.contains("from source enqueue, agent dana; due"), "{text}");
        assert!(said.contains("delay 5 min"), "{text}");
    }
    let (shown, _) = on_a_terminal(&program, 80, &[], &show);
    assert!(without_colours(&shown).contains("\nagent         dana\n"), "{shown}");
}

#[test]
fn the_status_fits_the_terminal_and_keeps_what_is_to_be_copied_whole() {
    let program = Program::with_database(&configuration(NOWHERE));
    let close = ["enqueue", "--account", "acme", "--conversation", "c-1", "--user-id", "7"];
    assert_eq!(program.run(&close).code, 0);
    let database = program.path("surveyd.db").display().to_string();
    let command = "`systemctl start surveyd`";
    for columns in [60, 80] {
        let (text, code) = on_a_terminal(&program, columns, &[("NO_COLOR", "1")], &["status"]);
        assert_eq!(code, 0, "{text}");
        assert!(text.lines().all(|line| width(line) <= columns as usize), "{text}");
        assert!(text.lines().any(|line| line.contains(command)), "{text}");
        let head = text.lines().find(|line| line.starts_with("account ")).unwrap();
        assert_eq!(head.contains("messages"), columns == 80, "what matters least goes: {text}");
        assert!(
            text.contains("look-ups") && text.replace("\n            ", "").contains(&database)
        );
    }
    let words = "no daemon works on this database";
    let (text, _) = on_a_terminal(&program, 120, &[], &["status"]);
    assert!(text.contains(&format!("\u{1b}[31mone survey waits: {words}")), "{text}");
    let (text, code) = on_a_terminal(&program, 120, &[], &["status", "--check"]);
    assert!(code == 1 && text.starts_with(&format!("\u{1b}[31m{words}")), "{text}");
    let (shown, _) =
        on_a_terminal(&program, 120, &[], &["surveys", "show", "--conversation", "c-1"]);
    assert!(shown.contains(&format!("\u{1b}[33m{words}")), "{shown}");
}

#[test]
fn the_status_is_watched_on_a_terminal_alone() {
    let program = program();
    for other in ["--check", "--json"] {
        assert_eq!(program.run(&["status", "--watch", other]).code, 2, "{other}");
    }
    let refused = program.run(&["status", "--watch"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (2, ""));
    assert!(refused.stderr.contains("--watch draws on a terminal"), "{}", refused.stderr);
    let mut watched = terminal(&program, 80, &[], &["status", "--watch"]);
    let mut watched = watched.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut keys, mut screen) = (watched.stdin.take().unwrap(), watched.stdout.take().unwrap());
    let (mut text, mut piece) = (String::new(), [0; 4096]);
    while text.matches(CLEAR).count() < 2 {
        let length = screen.read(&mut piece).unwrap();
        assert!(length > 0, "it ends: {text}");
        text += str::from_utf8(&piece[..length]).unwrap();
    }
    assert!(text.contains("oldest due") && text.contains("no daemon is at work"), "{text}");
    keys.write_all(b"\x03").unwrap();
    std::io::copy(&mut screen, &mut std::io::sink()).unwrap();
    assert_eq!(watched.wait().unwrap().code(), Some(128 + 2), "Ctrl-C ends it");
}

/// Empties the screen and goes to its beginning.
const CLEAR: &str = "\u{1b}[2J\u{1b}[H";

#[test]
fn no_terminal_is_filled_with_an_export_that_is_no_text() {
    let program = program();
    for (format, file) in [("parquet", "a Parquet file"), ("xlsx", "an XLSX file")] {
        let (text, code) = on_a_terminal(&program, 80, &[], &["export", "--format", format]);
        let said = format!("surveyd: {file} is no text for a terminal: give -o FILE\n");
        assert_eq!((text, code), (said, 2));
    }
}
