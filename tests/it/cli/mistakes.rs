//! Mistakes that a new operator makes, each with its exit code and all that surveyd says. Every
//! message names the thing, the cause and the way out.

mod command_line;
mod configuration;
mod files;

use std::fs;

use super::NOWHERE;
use crate::harness::program::{Ended, Program, account, configuration};

/// One mistake.
pub struct Mistake {
    what: &'static str,
    made: Made,
    command: &'static str,
    code: i32,
    /// All that is written, results before the rest, the program's folder as `DIR`.
    said: &'static str,
}

/// Where the mistake is.
enum Made {
    /// In what was typed.
    Typed,
    /// In a part of the configuration that another one stands for.
    Changed(&'static str, &'static str),
    /// In the whole configuration.
    Whole(&'static [u8]),
    /// In a variable of the environment.
    Variable(&'static str, &'static str),
    /// In a file that the command reads.
    File(&'static str, &'static [u8]),
}

const fn typed(
    what: &'static str,
    command: &'static str,
    code: i32,
    said: &'static str,
) -> Mistake {
    Mistake { what, made: Made::Typed, command, code, said }
}

const fn with_file(
    what: &'static str,
    name: &'static str,
    bytes: &'static [u8],
    command: &'static str,
    code: i32,
    said: &'static str,
) -> Mistake {
    Mistake { what, made: Made::File(name, bytes), command, code, said }
}

const fn changed(
    what: &'static str,
    from: &'static str,
    to: &'static str,
    code: i32,
    said: &'static str,
) -> Mistake {
    Mistake { what, made: Made::Changed(from, to), command: "check", code, said }
}

const fn whole(what: &'static str, bytes: &'static [u8], code: i32, said: &'static str) -> Mistake {
    Mistake { what, made: Made::Whole(bytes), command: "check", code, said }
}

const fn variable(
    what: &'static str,
    name: &'static str,
    value: &'static str,
    code: i32,
    said: &'static str,
) -> Mistake {
    Mistake { what, made: Made::Variable(name, value), command: "check", code, said }
}

/// The configuration with keys that stand in no way between a mistake and its test.
fn sound() -> String {
    let demo = account();
    configuration(NOWHERE)
        .replace(&demo.user_id.to_string(), "1212121212121")
        .replace(&demo.consumer_key, "ck-demo")
        .replace(&demo.access_token, "1212121212121-at")
}

/// All that was written, the program's folder as `DIR`.
fn said(program: &Program, ended: &Ended) -> String {
    let folder = program.folder().display().to_string();
    format!("{}{}", ended.stdout, ended.stderr).replace(&folder, "DIR")
}

fn make(mistake: &Mistake, program: &Program) -> Ended {
    let words = mistake.command.split(' ');
    let mut command = program.command(&words.collect::<Vec<_>>());
    match mistake.made {
        Made::Typed => {}
        Made::Changed(from, to) => {
            let text = sound();
            assert_eq!(text.matches(from).count(), 1, "{}: {from}", mistake.what);
            program.configure(&text.replace(from, to));
        }
        Made::Whole(bytes) => fs::write(program.path("surveyd.toml"), bytes).unwrap(),
        Made::Variable(name, value) => {
            command.env(name, value);
        }
        Made::File(name, bytes) => fs::write(program.path(name), bytes).unwrap(),
    }
    let output = command.output().unwrap();
    Ended {
        code: output.status.code().expect("it ended by itself"),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Each mistake on the same small database.
fn all_are_answered(mistakes: &[Mistake]) {
    let program = Program::with_database(&sound());
    let close = ["enqueue", "--account", "acme", "--conversation", "c-1", "--user-id", "7"];
    assert_eq!(program.run(&close).code, 0);
    let mut wrong = Vec::new();
    for mistake in mistakes {
        program.configure(&sound());
        let ended = make(mistake, &program);
        let told = said(&program, &ended);
        if (ended.code, told.as_str()) != (mistake.code, mistake.said) {
            let Mistake { what, code, said, .. } = mistake;
            wrong.push(format!("{what}: {code}\n{said}--- but {}\n{told}", ended.code));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_mistake_in_a_configuration_is_told_with_its_remedy() {
    all_are_answered(configuration::MISTAKES);
}

#[test]
fn every_mistake_on_the_command_line_is_told_with_its_remedy() {
    all_are_answered(command_line::MISTAKES);
}
