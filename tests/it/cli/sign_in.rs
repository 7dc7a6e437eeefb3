//! What people and programs sign in with, as the commands make it and the configuration takes it.

use std::io::{Read as _, Write as _};
use std::process::{ChildStdin, ChildStdout, Stdio};

use surveyd::credentials::{
    PasswordHash, format_token_hash, hash_token, parse_token_hash, verify_password,
};

use super::NOWHERE;
use super::terminal::terminal;
use crate::harness::program::{Ended, Program, configuration};

const PASSWORD: &str = "correct horse battery";

/// `surveyd password` with that on its standard input.
fn hashed(program: &Program, input: &[u8]) -> Ended {
    let mut command = program.command(&["password"]);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = command.spawn().unwrap();
    running.stdin.take().unwrap().write_all(input).unwrap();
    let output = running.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended {
        code: output.status.code().unwrap(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// All of standard error is added to the file (`2>> surveyd.toml`), and `check` finds no fault.
fn is_taken(program: &Program, stderr: &str, of: &str) {
    assert!(stderr.contains(of), "{stderr}");
    program.configure(&format!("{}{stderr}", configuration(NOWHERE)));
    let checked = program.run(&["check"]);
    assert_eq!((checked.code, checked.stderr.as_str()), (0, ""), "{stderr}");
}

#[test]
fn a_password_from_standard_input_becomes_a_hash_to_paste() {
    let program = Program::new(&configuration(NOWHERE));
    for input in ["correct horse battery", "correct horse battery\n", "correct horse battery\r\n"] {
        let ended = hashed(&program, input.as_bytes());
        let hash = ended.stdout.strip_suffix('\n').unwrap();
        assert!(verify_password(PASSWORD, &PasswordHash::parse(hash).unwrap()), "{input:?}");
        assert_eq!(
            ended.stderr,
            format!(
                r#"
# For the configuration:

[[logins]]
name = "NAME"
role = "supervisor"
password_hash = "{hash}"

# The hash may also stand in a file of its own: password_hash = {{ file = "NAME-password-hash" }}.
# No one but surveyd should read it. `surveyd check` finds what is wrong, a reload puts it in force.
"#
            )
        );
        assert_eq!(ended.code, 0);
        is_taken(&program, &ended.stderr, "[[logins]]");
    }
}

#[test]
fn a_check_counts_logins_and_tokens_and_warns_of_names_and_teams_that_are_taken_for_others() {
    let hash = surveyd::credentials::hash_password(PASSWORD).unwrap().expose();
    let login = |name: &str, teams: &str| {
        format!(
            "[[logins]]\nname = \"{name}\"\nrole = \"supervisor\"\npassword_hash = \"{hash}\"\n{teams}\n"
        )
    };
    let token = format_token_hash(&hash_token("svd_1"));
    let text = format!(
        "{}{}{}[[tokens]]\nname = \"wall\"\nrole = \"supervisor\"\nhash = \"{token}\"\n",
        configuration(NOWHERE),
        login("mara", "teams = [\"biling\"]"),
        login("Mara", "")
    );
    let program = Program::with_database(&text);
    for number in 0..20 {
        let conversation = format!("c-{number}");
        let close = ["enqueue", "--account", "acme", "--conversation", &conversation];
        let more = ["--user-id", "7", "--team", "billing"];
        assert_eq!(program.run(&[&close[..], &more].concat()).code, 0);
    }
    let checked = program.run(&["check"]);
    assert_eq!(checked.code, 0);
    let counts = "no fault (accounts: 1, sources: 1, logins: 2, tokens: 1)\n";
    assert!(checked.stdout.ends_with(counts), "{}", checked.stdout);
    assert_eq!(
        checked.stderr,
        "\
warning: logins.Mara.name: differs from \"mara\" in the case of letters alone: whoever signs in by the wrong one is refused
  give them names that nobody takes for one another
warning: logins.mara.teams: \"biling\" fitted none of the last 20 closes of enqueue; they named billing
  did you mean \"billing\"?
"
    );
}

#[test]
fn white_space_at_the_ends_belongs_to_a_password() {
    let program = Program::new(&configuration(NOWHERE));
    let ended = hashed(&program, b"  correct horse  \n");
    let hash = PasswordHash::parse(ended.stdout.trim_end()).unwrap();
    assert!(verify_password("  correct horse  ", &hash));
}

#[test]
fn a_password_that_cannot_be_one_is_refused() {
    let program = Program::new(&configuration(NOWHERE));
    let long = "x".repeat(1025);
    for (input, said) in [
        (
            &b""[..],
            "standard input holds no password: write it there as one line, or run this on a terminal",
        ),
        (
            b"\n",
            "standard input holds no password: write it there as one line, or run this on a terminal",
        ),
        (b"eleven char\n", "the password has 11 characters, and 12 are the least"),
        (long.as_bytes(), "the password has 1025 bytes, and 1024 are the most"),
        (b"correct horse\tbattery", "the password holds a control character"),
        (
            b"correct horse battery\ncorrect horse battery\n",
            "standard input holds more than one line: write the password there alone",
        ),
        (
            b"correct horse battery\xff",
            "the password cannot be read from standard input: stream did not contain valid UTF-8",
        ),
    ] {
        let ended = hashed(&program, input);
        let expected = (1, "", format!("surveyd: {said}\n"));
        assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr), expected);
    }
}

/// A terminal at which somebody types.
struct Typing {
    keys: ChildStdin,
    screen: ChildStdout,
    text: String,
}

impl Typing {
    /// Waits until the screen shows one more prompt that ends so, then types a line.
    fn answer(&mut self, prompt: &str, line: &str) {
        let before = self.text.len();
        while !self.text[before..].ends_with(prompt) {
            let mut piece = [0; 4096];
            let length = self.screen.read(&mut piece).unwrap();
            assert!(length > 0, "it ends: {}", self.text);
            self.text += str::from_utf8(&piece[..length]).unwrap();
        }
        self.keys.write_all(format!("{line}\r").as_bytes()).unwrap();
    }
}

#[test]
fn a_password_is_asked_for_twice_on_a_terminal_and_never_shown() {
    let program = Program::new(&configuration(NOWHERE));
    let mut command = terminal(&program, 120, &[], &["password"]);
    let mut asking = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (keys, screen) = (asking.stdin.take().unwrap(), asking.stdout.take().unwrap());
    let mut typing = Typing { keys, screen, text: String::new() };
    typing.answer("Password (not shown): ", "too short");
    typing.answer("Password (not shown): ", PASSWORD);
    typing.answer("Again (not shown): ", "correct horse batterz");
    typing.answer("Password (not shown): ", PASSWORD);
    typing.answer("Again (not shown): ", PASSWORD);
    typing.screen.read_to_string(&mut typing.text).unwrap();
    assert_eq!(asking.wait().unwrap().code(), Some(0));
    let text = typing.text.replace("\r\n", "\n");
    let (asked, made) = text.split_once("$argon2id$").unwrap();
    assert_eq!(
        asked,
        "\
Password (not shown): 
  has 9 characters, and 12 are the least
Password (not shown): 
Again (not shown): 
  the two differ
Password (not shown): 
Again (not shown): 
"
    );
    let hash = format!("$argon2id${}", made.lines().next().unwrap());
    assert!(verify_password(PASSWORD, &PasswordHash::parse(&hash).unwrap()), "{hash}");
}

#[test]
fn a_token_is_shown_once_and_its_hash_is_what_to_paste() {
    let program = Program::new(&configuration(NOWHERE));
    let command = [
        "token",
        "ware \"house\"",
        "--role",
        "supervisor,agent",
        "--expires",
        "2999-12-31",
        "--teams",
        "billing",
        "Rückgaben",
        "--accounts",
        "acme",
        "--agent",
        "dana",
    ];
    let ended = program.run(&command);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let token = ended.stdout.strip_suffix('\n').unwrap();
    let hash = format_token_hash(&hash_token(token));
    assert_eq!(
        ended.stderr,
        format!(
            r#"
# This is the only time that the token is shown: give it to the program.
# For the configuration:

[[tokens]]
name = "ware \"house\""
role = ["supervisor", "agent"]
hash = "{hash}"
accounts = ["acme"]
teams = ["billing", "Rückgaben"]
agent = "dana"
expires = "2999-12-31"

# `surveyd check` finds what is wrong, a reload puts it in force.
"#
        )
    );
    is_taken(&program, &ended.stderr, "[[tokens]]");
    let other = program.run(&["token", "warehouse", "--role", "admin"]);
    assert_ne!(other.stdout, ended.stdout);
    is_taken(&program, &other.stderr, "[[tokens]]");
}

#[test]
fn a_token_that_has_expired_is_warned_of_and_no_fault() {
    let ended = "[[tokens]]\nname = \"warehouse\"\nrole = \"admin\"\nexpires = 2026-01-31\n";
    let hash = format!("hash = \"{}\"\n", format_token_hash(&hash_token("svd_1")));
    let program = Program::new(&format!("{}{ended}{hash}", configuration(NOWHERE)));
    let checked = program.run(&["check"]);
    assert_eq!(
        (checked.code, checked.stderr.as_str()),
        (
            0,
            "\
warning: tokens.warehouse.expires: has passed: the token was good until the end of 2026-01-31 (UTC)
  make another with `surveyd token`, give it to the program, then remove this one
"
        )
    );
}

#[test]
fn neither_command_reads_a_configuration() {
    let program = Program::new("this is no configuration");
    assert_eq!(hashed(&program, PASSWORD.as_bytes()).code, 0);
    let ended = program.run(&["token", "warehouse", "--role", "admin"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let with_another = ["-c", "there-is-none.toml", "token", "warehouse", "--role", "admin"];
    assert_eq!(program.run(&with_another).code, 0);
    let digits = ended.stderr.split("hash = \"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(parse_token_hash(digits), Some(hash_token(ended.stdout.trim_end())));
}
