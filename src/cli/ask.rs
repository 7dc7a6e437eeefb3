//! Asks a person at the terminal.
//!
//! The questions go to standard error so that standard output holds the result alone.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::process::{Command, Stdio};

use crate::output::note;

/// True if a person can be asked.
pub fn can_ask() -> bool {
    io::stdin().is_terminal()
}

/// Asks until the answer is sound. An empty answer selects the default if there is one.
pub fn ask(
    what: &str,
    default: Option<&str>,
    check: impl Fn(&str) -> Result<(), String>,
) -> anyhow::Result<String> {
    loop {
        let shown = default.map(|text| format!(" [{text}]")).unwrap_or_default();
        let answer = line(&format!("{what}{shown}: "))?;
        let answer = match (answer.is_empty(), default) {
            (true, Some(default)) => default.to_owned(),
            _ => answer,
        };
        match check(&answer) {
            Ok(()) => return Ok(answer),
            Err(problem) => note!("  {problem}"),
        }
    }
}

/// Asks for a secret without showing what is typed, until it is sound.
pub fn ask_secret(
    what: &str,
    may_be_empty: bool,
    check: impl Fn(&str) -> Result<(), String>,
) -> anyhow::Result<Option<String>> {
    loop {
        let answer = ask_hidden(what)?.trim().to_owned();
        if answer.is_empty() && may_be_empty {
            return Ok(None);
        }
        match check(&answer) {
            Ok(()) => return Ok(Some(answer)),
            Err(problem) => note!("  {problem}"),
        }
    }
}

/// Asks for a text without showing what is typed. White space at its ends belongs to it.
pub fn ask_hidden(what: &str) -> anyhow::Result<String> {
    let hidden = EchoOff::begin();
    let answer = whole_line(&format!("{what} (not shown): "));
    if hidden.is_some() {
        drop(hidden);
        note!("");
    }
    answer
}

fn line(prompt: &str) -> anyhow::Result<String> {
    Ok(whole_line(prompt)?.trim().to_owned())
}

/// Reads one line without its end.
fn whole_line(prompt: &str) -> anyhow::Result<String> {
    let mut err = io::stderr();
    let _ = write!(err, "{prompt}").and_then(|()| err.flush());
    let mut text = String::new();
    if io::stdin().lock().read_line(&mut text)? == 0 {
        anyhow::bail!("the input ended before all was answered: nothing was made");
    }
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

/// Hides what is typed while this value lives. Needs `stty`.
struct EchoOff;

impl EchoOff {
    fn begin() -> Option<Self> {
        Self::stty("-echo").then_some(Self)
    }

    fn stty(option: &str) -> bool {
        let mut command = Command::new("stty");
        command.arg(option).stdin(Stdio::inherit()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }
}

impl Drop for EchoOff {
    fn drop(&mut self) {
        Self::stty("echo");
    }
}
