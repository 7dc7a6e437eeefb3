//! A value as it was given, by the file or by a variable, and what can be made of it.

use std::collections::HashMap;

use ::config::{ConfigError, File, FileFormat, Source, Value, ValueKind};

/// The longest value that a fault shows whole, in characters.
const SHOWN_CHARACTERS_MAX: usize = 80;

/// A table's values by their keys.
pub(super) type GivenTable = HashMap<String, Value>;

/// A value, before it is known to be sound.
pub(super) enum GivenValue {
    File(ValueKind),
    /// A variable can hold text only, which stands for whatever the key takes.
    Variable(String),
}

/// Why a value cannot be taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub problem: String,
    pub remedy: String,
    /// Whether the value may hold a password and must not be shown.
    pub hidden: bool,
}

impl Wrong {
    pub fn new(problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { problem: problem.into(), remedy: remedy.into(), hidden: false }
    }

    pub fn hidden_if(self, hidden: bool) -> Self {
        Self { hidden, ..self }
    }
}

impl GivenValue {
    pub fn text(&self) -> Result<&str, Wrong> {
        match self {
            Self::Variable(text) | Self::File(ValueKind::String(text)) => Ok(text),
            Self::File(ValueKind::Table(_) | ValueKind::Array(_) | ValueKind::Nil) => {
                Err(self.no("a string", "write one string in quotes"))
            }
            Self::File(_) => Err(self.no("a string", "put it in quotes")),
        }
    }

    /// One text or a list of them; a variable's stand between commas.
    pub fn texts(&self) -> Result<Vec<String>, Wrong> {
        let wrong = || {
            self.no(
                "a string or a list of strings",
                "write it as \"a\", or several as [\"a\", \"b\"]",
            )
        };
        match self {
            Self::Variable(text) => Ok(text.split(',').map(|one| one.trim().to_owned()).collect()),
            Self::File(ValueKind::String(text)) => Ok(vec![text.clone()]),
            Self::File(ValueKind::Array(list)) => {
                let texts = list.iter().map(|one| match &one.kind {
                    ValueKind::String(text) => Ok(text.clone()),
                    _ => Err(wrong()),
                });
                texts.collect()
            }
            Self::File(_) => Err(wrong()),
        }
    }

    pub fn boolean(&self) -> Result<bool, Wrong> {
        let wrong = || self.no("a boolean", &self.unquoted("write true or false"));
        match self {
            Self::Variable(text) => text.parse().map_err(|_| wrong()),
            Self::File(ValueKind::Boolean(truth)) => Ok(*truth),
            Self::File(_) => Err(wrong()),
        }
    }

    pub fn integer(&self) -> Result<i64, Wrong> {
        let wrong = || self.no("a whole number", &self.unquoted("write digits only"));
        match self {
            Self::Variable(text) => text.parse().map_err(|_| wrong()),
            Self::File(ValueKind::I64(number)) => Ok(*number),
            Self::File(_) => Err(wrong()),
        }
    }

    pub fn number(&self) -> Result<f64, Wrong> {
        let wrong = || self.no("a number", &self.unquoted("write a number, as 0.25"));
        match self {
            Self::Variable(text) => text.parse().map_err(|_| wrong()),
            Self::File(ValueKind::Float(number)) => Ok(*number),
            // Whatever is too large to be exact here is far out of every bound.
            Self::File(ValueKind::I64(number)) => Ok(*number as f64),
            Self::File(_) => Err(wrong()),
        }
    }

    /// The value as TOML writes it, cut where it is long; nothing where it is no single value.
    pub fn shown(&self) -> Option<String> {
        match self {
            Self::Variable(text) | Self::File(ValueKind::String(text)) => Some(quoted(text)),
            Self::File(ValueKind::Boolean(truth)) => Some(truth.to_string()),
            Self::File(ValueKind::I64(i64::MAX)) => Some(format!("{} or more", i64::MAX)),
            Self::File(ValueKind::I64(i64::MIN)) => Some(format!("{} or less", i64::MIN)),
            Self::File(ValueKind::I64(number)) => Some(number.to_string()),
            Self::File(ValueKind::Float(number)) => Some(format!("{number:?}")),
            Self::File(_) => None,
        }
    }

    /// A remedy, with a word on quotes where the value has some and should have none.
    fn unquoted(&self, remedy: &str) -> String {
        match self {
            Self::File(ValueKind::String(_)) => format!("{remedy}, without quotes"),
            Self::File(_) | Self::Variable(_) => remedy.to_owned(),
        }
    }

    fn no(&self, wanted: &str, remedy: &str) -> Wrong {
        let problem = match self {
            Self::Variable(_) => format!("is not {wanted}"),
            Self::File(kind) => format!("is {}, not {wanted}", noun(kind)),
        };
        Wrong::new(problem, remedy)
    }
}

/// A text in quotes, on one line and not too long.
pub(super) fn quoted(text: &str) -> String {
    let mut characters = text.chars();
    let mut shown: String = characters.by_ref().take(SHOWN_CHARACTERS_MAX).collect();
    if characters.next().is_some() {
        shown.push('…');
    }
    format!("{shown:?}")
}

/// What a value is called in a sentence.
pub(super) fn noun(kind: &ValueKind) -> &'static str {
    match kind {
        ValueKind::Nil => "nothing",
        ValueKind::Boolean(_) => "a boolean",
        ValueKind::I64(_) | ValueKind::I128(_) | ValueKind::U64(_) | ValueKind::U128(_) => {
            "a whole number"
        }
        ValueKind::Float(_) => "a number",
        ValueKind::String(_) => "a string",
        ValueKind::Table(_) => "a table",
        ValueKind::Array(_) => "a list",
    }
}

/// What the parser says of a whole number of more than 64 bits, without saying where it stands.
const TOO_LARGE: &str = "number too large";

/// The text with the least or the largest number of 64 bits wherever a key has a larger one.
fn within_64_bits(text: &str) -> String {
    let line = |line: &str| -> Option<String> {
        let (key, value) = line.split_once('=')?;
        let (value, remark) = value.split_once('#').map_or((value, ""), |(it, of)| (it, of));
        let value = value.trim().replace('_', "");
        let (digits, nearest) = match value.strip_prefix('-') {
            Some(digits) => (digits, i64::MIN),
            None => (value.strip_prefix('+').unwrap_or(&value), i64::MAX),
        };
        let is_whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        (is_whole && value.parse::<i64>().is_err()).then(|| format!("{key}= {nearest} #{remark}"))
    };
    let lines = text.lines().map(|text| line(text).unwrap_or_else(|| text.to_owned()));
    lines.collect::<Vec<_>>().join("\n")
}

/// Takes a file's text apart; the error says where the TOML is wrong.
pub(super) fn from_toml(text: &str) -> Result<GivenTable, Wrong> {
    // The file is taken as a source of its own: built into a `Config`, keys would be read as paths
    // and a quoted key with a dot in it would turn into a table.
    let read = |text: &str| File::from_str(text, FileFormat::Toml).collect();
    let values = match read(text) {
        // The key's own bounds refuse it then, and say what they are.
        Err(error) if error.to_string().contains(TOO_LARGE) => {
            read(&within_64_bits(text)).map_err(|_| error)
        }
        values => values,
    };
    values.map_err(|error| match error {
        ConfigError::FileParse { cause, .. } => {
            let mut problem = without_excerpt(&cause.to_string());
            if problem.ends_with("duplicate key")
                && let Some(key) = key_at(text, &problem)
            {
                problem += &format!(" `{key}`");
            }
            let remedy = mended(&problem);
            Wrong::new(problem, remedy)
        }
        other => Wrong::new(other.to_string(), mended("")),
    })
}

/// The key, or the head of the table, that stands in the line that the parser's words begin with.
/// Never what stands behind it.
fn key_at<'t>(text: &'t str, problem: &str) -> Option<&'t str> {
    let number: usize = problem.strip_prefix("line ")?.split(',').next()?.parse().ok()?;
    let key = text.lines().nth(number.checked_sub(1)?)?.split('=').next()?.trim();
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._-[]".contains(letter);
    (!key.is_empty() && key.chars().all(is_plain)).then_some(key)
}

/// What to write where the TOML is wrong, by the parser's words.
fn mended(problem: &str) -> &'static str {
    let says = |words: &str| problem.contains(words);
    if says("duplicate key") {
        "a key, and a table as [http], stands once: keep one of the two"
    } else if says("must be quoted") {
        "put the value in straight quotes, as name = \"acme\""
    } else if says("unclosed table") || says("unclosed array table") {
        "close the brackets, as [accounts.survey] or [[sources]]"
    } else if says(TOO_LARGE) {
        "write no whole number of more than 18 digits"
    } else if says("string") {
        "end the text with the quote that it begins with, on the same line, as name = \"acme\""
    } else {
        "mend the TOML there: a line is key = value, [table] or [[list]], as in config/surveyd.toml"
    }
}

/// The parser's message without the line of the file that it quotes, which may hold a secret.
fn without_excerpt(message: &str) -> String {
    let mut lines = message.lines().filter(|line| !is_excerpt(line));
    let first = lines.next().unwrap_or_default();
    let place = first.strip_prefix("TOML parse error at ").unwrap_or(first);
    let rest: Vec<_> = lines.collect();
    if rest.is_empty() { place.to_owned() } else { format!("{place}: {}", rest.join("; ")) }
}

/// `  |`, `3 | key = "…`, `  |  ^^^`: the quoting begins with the line's number or a space, then a
/// bar.
fn is_excerpt(line: &str) -> bool {
    line.trim_start_matches(|letter: char| letter == ' ' || letter.is_ascii_digit())
        .starts_with('|')
}
