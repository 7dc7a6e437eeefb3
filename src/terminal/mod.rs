//! Shows results on a terminal with its width, with colours and with times as "2 minutes ago".
//!
//! If standard output is a file or a pipe, nothing here changes a byte. Programs read instants and
//! lines of any length without colours.

pub mod table;

use std::io::{self, IsTerminal as _};

use crate::columns;
use crate::config::Environment;
use crate::domain::time::Millis;

/// The width if the terminal does not tell its own.
const WIDTH: usize = 80;
/// The least width on which anything can be read.
const WIDTH_MIN: usize = 20;

/// How results are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputStyle {
    /// The most columns of a line. `None` means any number.
    pub width: Option<usize>,
    /// True if people look at the output. Then lines fit the width and empty columns are left out.
    pub is_terminal: bool,
    is_coloured: bool,
    /// The present, from which instants are told as a distance. `None` if they are written out.
    now: Option<Millis>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
    Cyan,
}

impl OutputStyle {
    /// The style of files and programs.
    pub const PLAIN: Self = Self { width: None, is_terminal: false, is_coloured: false, now: None };

    /// Returns the style of standard output. With `utc`, instants are written out.
    pub fn of_stdout(environment: &Environment, now: Millis, utc: bool) -> Self {
        let is_terminal = io::stdout().is_terminal();
        let told = environment.get("COLUMNS").and_then(|columns| columns.parse().ok());
        let width = told.or_else(|| {
            let (width, _) = terminal_size::terminal_size_of(io::stdout())?;
            Some(usize::from(width.0))
        });
        let width = width.filter(|width| *width > 0).unwrap_or(WIDTH).max(WIDTH_MIN);
        Self {
            width: is_terminal.then_some(width),
            is_terminal,
            is_coloured: is_coloured(environment, is_terminal),
            now: (is_terminal && !utc).then_some(now),
        }
    }

    /// Colours the text if the style has colours.
    pub fn paint(&self, colour: Colour, text: &str) -> String {
        if !self.is_coloured || text.is_empty() {
            return text.to_owned();
        }
        let code = match colour {
            Colour::Bold => 1,
            Colour::Dim => 2,
            Colour::Red => 31,
            Colour::Green => 32,
            Colour::Yellow => 33,
            Colour::Cyan => 36,
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    /// Colours a survey's state, or a step's, to show how it went.
    pub fn paint_state(&self, state: &str) -> String {
        match state {
            "sent" | "answered" => self.paint(Colour::Green, state),
            "scheduled" | "sending" => self.paint(Colour::Cyan, state),
            "uncertain" => self.paint(Colour::Yellow, state),
            "failed" => self.paint(Colour::Red, state),
            "suppressed" | "cancelled" | "expired" => self.paint(Colour::Dim, state),
            _ => state.to_owned(),
        }
    }

    /// Shows a text that is an instant and nothing else.
    pub fn instant(&self, text: &str) -> String {
        match (self.now, Millis::from_rfc3339(text)) {
            (Some(now), Ok(at)) => distance(at, now),
            _ => text.to_owned(),
        }
    }

    /// Shows a sentence and adds to each instant how far away it is. Text in backticks is there to
    /// be copied and stays as it is.
    pub fn sentence(&self, text: &str) -> String {
        let Some(now) = self.now else { return text.to_owned() };
        let mut told = String::with_capacity(text.len());
        let mut rest = text;
        let mut is_quoted = false;
        while let Some(first) = rest.chars().next() {
            let instant = rest.get(..INSTANT.len()).filter(|text| is_instant(text));
            is_quoted ^= first == '`';
            match instant
                .filter(|_| !is_quoted)
                .and_then(|text| Some((text, Millis::from_rfc3339(text).ok()?)))
            {
                Some((text, at)) => {
                    told += &format!("{text} ({})", distance(at, now));
                    rest = &rest[text.len()..];
                }
                None => {
                    told.push(first);
                    rest = &rest[first.len_utf8()..];
                }
            }
        }
        told
    }

    /// Breaks a text at its spaces to fit the line. Further lines are indented.
    pub fn folded(&self, text: &str, indent: usize) -> String {
        match self.width.filter(|_| self.is_terminal) {
            None => text.to_owned(),
            Some(width) => {
                let lines = columns::fold(text, width.saturating_sub(indent).max(WIDTH_MIN));
                lines.join(&format!("\n{}", " ".repeat(indent)))
            }
        }
    }
}

const INSTANT: &str = "2026-11-22T08:00:00.000Z";

fn is_instant(text: &str) -> bool {
    text.bytes().zip(INSTANT.bytes()).all(|(byte, form)| match form.is_ascii_digit() {
        true => byte.is_ascii_digit(),
        false => byte == form,
    })
}

/// Follows <https://no-color.org> and <https://bixense.com/clicolors>.
fn is_coloured(environment: &Environment, is_terminal: bool) -> bool {
    let set = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    if set("NO_COLOR").is_some() {
        return false;
    }
    if set("CLICOLOR_FORCE").is_some_and(|value| value != "0") {
        return true;
    }
    is_terminal && set("TERM") != Some("dumb") && set("CLICOLOR") != Some("0")
}

/// Writes a distance such as "2 minutes ago" or "in 5 days". Beyond three months it is the date
/// alone.
fn distance(at: Millis, now: Millis) -> String {
    let is_past = at <= now;
    let seconds = if is_past { now.since(at) } else { at.since(now) }.as_secs();
    let (count, unit) = match seconds {
        0 => return "now".to_owned(),
        1..60 => (seconds, "second"),
        60..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        86_400..7_776_000 => (seconds / 86_400, "day"),
        _ => return at.rfc3339().split('T').next().unwrap_or_default().to_owned(),
    };
    let plural = if count == 1 { "" } else { "s" };
    match is_past {
        true => format!("{count} {unit}{plural} ago"),
        false => format!("in {count} {unit}{plural}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_795_334_400_000);

    fn on_a_terminal() -> OutputStyle {
        OutputStyle { width: Some(40), is_terminal: true, is_coloured: true, now: Some(NOW) }
    }

    #[test]
    fn an_instant_is_told_by_how_far_away_it_is() {
        let told = |seconds: i64| distance(Millis(NOW.0 + seconds * 1_000), NOW);
        let expected = [
            (0, "now"),
            (-1, "1 second ago"),
            (-59, "59 seconds ago"),
            (-120, "2 minutes ago"),
            (-3_600, "1 hour ago"),
            (300, "in 5 minutes"),
            (-86_400 * 89, "89 days ago"),
            (-86_400 * 91, "2026-08-23"),
            (86_400 * 400, "2027-12-27"),
        ];
        for (seconds, words) in expected {
            assert_eq!(told(seconds), words);
        }
    }

    #[test]
    fn a_sentence_keeps_its_instants_and_tells_how_far_away_they_are() {
        let style = on_a_terminal();
        assert_eq!(style.instant("2026-11-22T07:58:00.000Z"), "2 minutes ago");
        assert_eq!(style.instant("none"), "none");
        assert_eq!(
            style.sentence("é closed at 2026-11-22T07:58:00.000Z, due 2026-11-22T08:03:00.000Z"),
            "é closed at 2026-11-22T07:58:00.000Z (2 minutes ago), due 2026-11-22T08:03:00.000Z \
             (in 3 minutes)"
        );
        let command = "`surveyd rebuild --from 2026-11-22T07:58:00.000Z`";
        assert_eq!(style.sentence(command), command);
        assert_eq!(OutputStyle::PLAIN.sentence(INSTANT), INSTANT);
        assert_eq!(OutputStyle::PLAIN.instant(INSTANT), INSTANT);
    }

    #[test]
    fn colours_heed_what_the_environment_asks_for() {
        let coloured = |variables: &[(&str, &str)], is_terminal| {
            is_coloured(&Environment::of(variables.iter().copied()), is_terminal)
        };
        assert!(coloured(&[], true) && coloured(&[("NO_COLOR", "")], true));
        assert!(!coloured(&[], false) && !coloured(&[("NO_COLOR", "1")], true));
        assert!(!coloured(&[("TERM", "dumb")], true) && !coloured(&[("CLICOLOR", "0")], true));
        assert!(coloured(&[("CLICOLOR_FORCE", "1"), ("TERM", "dumb")], false));
        assert!(!coloured(&[("CLICOLOR_FORCE", "0")], false));
        assert!(!coloured(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], true));
        assert_eq!(OutputStyle::PLAIN.paint_state("failed"), "failed");
        assert_eq!(on_a_terminal().paint_state("failed"), "\u{1b}[31mfailed\u{1b}[0m");
    }
}
