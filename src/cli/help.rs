//! Gives the helps of all commands one layout. [`super::arguments`] parses the command line.
//!
//! Each command defines its own options, examples (`before_help`) and notes (`after_help`). This
//! module adds what all of them share:
//!
//! - `--config` if the command reads a configuration
//! - `--help` and the command `help`
//! - the exit codes

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Arg, ArgAction, Command, value_parser};

use super::arguments::WITHOUT_CONFIGURATION;

/// The commands of `surveyd --help` grouped by purpose. A command that is missing here appears
/// last.
const GROUPS: [(&str, &[&str]); 6] = [
    ("Try it", &["demo", "sandbox"]),
    ("Set it up", &["init", "check", "questions", "sources", "password", "token", "run"]),
    ("Look", &["status", "surveys", "explain", "report", "export"]),
    ("Act", &["enqueue", "optout", "forget", "simulate", "alerts"]),
    ("Keep and repair", &["backup", "restore", "check-db", "rebuild", "migrate"]),
    ("Beside it", &["completions", "man"]),
];

const COLUMNS_MAX: usize = 100;

const LAYOUT: &str =
    "{about-with-newline}\n{usage-heading} {usage}\n\n{before-help}{all-args}{after-help}";

const CODES: &str = "Exit codes: 0 done, 1 failed, 2 usage, 74 disk, 78 configuration.";
const CODES_WITHOUT_CONFIGURATION: &str = "Exit codes: 0 done, 1 failed, 2 usage.";

const AROUND: &str = "\
Environment:
  STATE_DIRECTORY        Where a relative store.url starts
                         [default: /var/lib/surveyd for a configuration in /etc/surveyd,
                         else the working folder]
  CREDENTIALS_DIRECTORY  Where { file = \"…\" } of a secret is looked for first
  SURVEYD_CONFIG         The configuration if no --config is given
  SURVEYD__*             Any key of the configuration, as SURVEYD__HTTP__LISTEN=127.0.0.1:9000

Exit codes: 0 done, 1 failed, 2 usage, 74 the disk under the database fails or the database
has gone, 78 the configuration is wrong.

`surveyd help COMMAND` says more about each, with examples.";

/// Adds what all commands share to a command and its subcommands.
pub fn dressed(root: Command) -> Command {
    let root = shared(root.disable_help_flag(true).disable_help_subcommand(true), true);
    let layout = format!(
        "{{about-with-newline}}\n{{usage-heading}} surveyd [-c FILE] COMMAND\n\nCommands:\n{}\n\
         Options:\n{{options}}{{after-help}}",
        grouped(&root)
    );
    root.help_template(layout).after_help(AROUND)
}

fn shared(mut command: Command, reads_config: bool) -> Command {
    let name = command.get_name().to_owned();
    let reads_config = reads_config && !WITHOUT_CONFIGURATION.contains(&name.as_str());
    command = command
        .max_term_width(COLUMNS_MAX)
        .help_template(LAYOUT)
        // A negative number is refused as out of bounds instead of as an unknown option.
        .allow_negative_numbers(true);
    command = command.arg(
        Arg::new("config")
            .short('c')
            .long("config")
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .help_heading("Common")
            .hide(!reads_config)
            .help("The configuration [default: $SURVEYD_CONFIG, else /etc/surveyd/surveyd.toml]"),
    );
    command = command.arg(
        Arg::new("help")
            .short('h')
            .long("help")
            .action(ArgAction::Help)
            .help_heading("Common")
            .help("Print this help"),
    );
    // A text that begins after a `\` has lost the blanks of its first line.
    if let Some(examples) = command.get_before_help().map(ToString::to_string) {
        command = command.before_help(format!("  {}", examples.trim_start()));
    }
    if command.has_subcommands() {
        let below = move |below| shared(below, reads_config);
        let first = command.get_subcommands().next().map(|first| first.get_name().to_owned());
        let help = help(&name, &first.unwrap_or_default());
        return command.mut_subcommands(below).subcommand(help);
    }
    let notes = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let codes = if reads_config { CODES } else { CODES_WITHOUT_CONFIGURATION };
    let notes = match notes.as_str() {
        "" => codes.to_owned(),
        told if told.contains("Exit codes:") => told.to_owned(),
        notes => format!("{notes}\n\n{codes}"),
    };
    command.after_help(notes)
}

/// Makes the command `help` of a command with subcommands. `below` is one of them for the example.
fn help(of: &str, below: &str) -> Command {
    let examples = match of {
        "surveyd" => {
            "  surveyd help\n  surveyd help report\n  surveyd help surveys retry".to_owned()
        }
        _ => format!("  surveyd {of} help\n  surveyd {of} help {below}"),
    };
    let help = Command::new("help").about("Print the help of a command").before_help(examples).arg(
        Arg::new("COMMAND")
            .num_args(0..)
            .help("The command, as many words as it has [default: none, and all are listed]"),
    );
    shared(help.hide(true), false)
}

/// Lists the commands with their descriptions by group.
fn grouped(root: &Command) -> String {
    let shown = || root.get_subcommands().filter(|command| !command.is_hide_set());
    let width = shown().map(|command| command.get_name().len()).max().unwrap_or(0);
    let mut text = String::new();
    let mut group = |title: &str, commands: Vec<&Command>| {
        if !commands.is_empty() {
            let _ = writeln!(text, " {title}");
        }
        for command in commands {
            // The part of a description after a colon appears only in the command's own help.
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            let about = about.split(": ").next().unwrap_or_default();
            let _ = writeln!(text, "  {:width$}  {about}", command.get_name());
        }
    };
    for (title, names) in GROUPS {
        let named = names.iter().filter_map(|name| shown().find(|it| it.get_name() == *name));
        group(title, named.collect());
    }
    let is_grouped = |name: &str| GROUPS.iter().any(|(_, names)| names.contains(&name));
    group("Else", shown().filter(|command| !is_grouped(command.get_name())).collect());
    text
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use clap::error::ErrorKind;

    use super::super::arguments::read;
    use super::*;

    /// Every command with those above it, the root first.
    fn all(command: &Command, above: &[String], found: &mut Vec<(Vec<String>, Command)>) {
        let mut path = above.to_vec();
        path.push(command.get_name().to_owned());
        found.push((path.clone(), command.clone()));
        command.get_subcommands().for_each(|below| all(below, &path, found));
    }

    fn commands() -> Vec<(Vec<String>, Command)> {
        let mut root = crate::cli::command_line();
        root.build();
        let mut found = Vec::new();
        all(&root, &[], &mut found);
        found
    }

    /// What a shell would make of the examples of a help: lines that end in `\` joined, remarks,
    /// pipes and redirections left out.
    fn examples(help: &str) -> Vec<Vec<String>> {
        let joined = help.replace("\\\n", " ");
        let is_call = |line: &&str| {
            line.starts_with("  ")
                && (line.trim_start().starts_with("surveyd ")
                    || line.contains("| surveyd ")
                    || line.contains("; surveyd "))
        };
        let lines = joined.lines().filter(is_call);
        let lines = lines.map(|line| {
            let call = line.split("| surveyd ").last().expect("there is one");
            let call = call.split("; surveyd ").last().expect("there is one");
            let call = call.trim().trim_start_matches("surveyd ");
            let ends = [" | ", " > ", " # "].iter().filter_map(|mark| call.find(mark));
            let call = &call[..ends.min().unwrap_or(call.len())];
            let quoted = call.split('"').enumerate();
            let words = quoted.flat_map(|(index, part)| match index % 2 {
                1 => vec![part.to_owned()],
                _ => part.split_whitespace().map(str::to_owned).collect(),
            });
            std::iter::once("surveyd".to_owned()).chain(words).collect()
        });
        lines.collect()
    }

    #[test]
    fn every_option_and_argument_has_a_text() {
        for (path, command) in commands() {
            assert!(command.get_about().is_some(), "{path:?} says what it does");
            for argument in command.get_arguments() {
                let text = argument.get_help().map(ToString::to_string).unwrap_or_default();
                assert!(!text.trim().is_empty(), "{path:?} {}", argument.get_id());
            }
        }
    }

    #[test]
    fn every_example_is_taken_by_the_command_line() {
        for (path, mut command) in commands() {
            let help = command.render_long_help().to_string();
            let above = command.get_before_help().map(ToString::to_string).unwrap_or_default();
            assert!(above.lines().all(|line| line.starts_with("  ")), "{path:?}: {above}");
            let examples = examples(&help);
            if !command.has_subcommands() {
                let begins = |example: &Vec<String>| example.starts_with(&path);
                assert!(examples.iter().any(begins), "{path:?} has an example:\n{help}");
            }
            for example in examples {
                let line = example.iter().map(OsString::from);
                match read(crate::cli::command_line(), line) {
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::DisplayHelp => {}
                    Err(error) => panic!("{}: {error}", example.join(" ")),
                }
            }
        }
    }

    #[test]
    fn no_line_of_a_help_is_longer_than_a_wide_terminal() {
        for (path, mut command) in commands() {
            for line in command.render_long_help().to_string().lines() {
                let width = crate::columns::width(line);
                assert!(width <= COLUMNS_MAX, "{path:?}, {width} columns: {line}");
            }
        }
    }

    #[test]
    fn no_line_of_a_note_is_broken_by_a_wide_terminal() {
        for (path, command) in commands() {
            let note = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            for line in note.lines() {
                let width = crate::columns::width(line);
                assert!(width <= COLUMNS_MAX, "{path:?}, {width} columns: {line}");
            }
        }
    }

    #[test]
    fn every_command_stands_in_one_group_of_the_help() {
        let root = crate::cli::command_line();
        let mut shown: Vec<_> = root.get_subcommands().filter(|it| !it.is_hide_set()).collect();
        shown.sort_by_key(|command| command.get_name().to_owned());
        let mut grouped: Vec<_> = GROUPS.iter().flat_map(|(_, names)| names.iter()).collect();
        grouped.sort();
        let names: Vec<_> = shown.iter().map(|command| command.get_name()).collect();
        assert_eq!(grouped, names.iter().collect::<Vec<_>>());
    }

    #[test]
    fn a_help_tells_where_its_configuration_is_from_and_how_it_ends() {
        for (path, mut command) in commands() {
            let help = command.render_long_help().to_string();
            if !command.has_subcommands() {
                assert!(help.contains("\nExit codes: 0 "), "{path:?}: {help}");
            }
            let reads_none = path.iter().any(|name| WITHOUT_CONFIGURATION.contains(&name.as_str()))
                || path.last().is_some_and(|name| name == "help");
            assert_eq!(help.contains("--config <FILE>"), !reads_none, "{path:?}: {help}");
        }
    }

    #[test]
    fn help_is_had_of_every_command_by_either_way() {
        let asked = |line: &str| {
            let line = line.split(' ').map(OsString::from);
            match read(crate::cli::command_line(), line) {
                Err(error) if error.kind() == ErrorKind::DisplayHelp => error.to_string(),
                Err(error) => panic!("{error}"),
                Ok(_) => panic!("it is a help"),
            }
        };
        for (path, command) in commands().iter().filter(|(path, _)| path.last().unwrap() != "help")
        {
            let (root, words) = path.split_first().unwrap();
            let long = asked(&[&path[..], &["--help".to_owned()]].concat().join(" "));
            let help = asked(&[&[root.clone(), "help".to_owned()], words].concat().join(" "));
            assert_eq!(long, help, "{path:?}");
            assert!(long.starts_with(&command.get_about().unwrap().to_string()), "{long}");
        }
        let help = asked("surveyd help --help");
        assert!(help.starts_with("Print the help of a command\n"), "{help}");
        assert_eq!(asked("surveyd surveys help show"), asked("surveyd surveys show --help"));
    }
}
