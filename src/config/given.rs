//! Holds a value as the file or a variable gave it, and converts it to the type that a key needs.

use std::collections::HashMap;

use ::config::{ConfigError, File, FileFormat, Source, Value, ValueKind};

/// The length in characters above which a fault cuts a value.
const SHOWN_CHARACTERS_MAX: usize = 80;

/// The values of a table by their keys.
pub(super) type GivenTable = HashMap<String, Value>;

/// A value that has not been checked yet.
pub(super) enum GivenValue {
    File(ValueKind),
    /// A variable can hold text only. The text is converted to whatever type the key takes.
    Variable(String),
}

/// The reason why a value cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub problem: String,
    pub remedy: String,
    /// True if the value may contain a password and must not be shown.
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

    /// Reads one text or a list of texts. A variable separates its texts by commas.
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
            // A number too large to be exact here lies far outside every bound.
            Self::File(ValueKind::I64(number)) => Ok(*number as f64),
            Self::File(_) => Err(wrong()),
        }
    }

    /// Returns the value as TOML writes it and cuts long text. Returns `None` for a list or a
    /// table.
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

    /// Adds to `remedy` that quotes must go if the value is a quoted string.
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

/// Quotes a text for one line and cuts it if it is too long.
pub(super) fn quoted(text: &str) -> String {
    let mut characters = text.chars();
    let mut shown: String = characters.by_ref().take(SHOWN_CHARACTERS_MAX).collect();
    if characters.next().is_some() {
        shown.push('…');
    }
    format!("{shown:?}")
}

/// Returns the noun for a value's type in a sentence.
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

/// The parser's message about a whole number of more than 64 bits. It does not say where the number
/// stands.
const TOO_LARGE: &str = "number too large";

/// Replaces each whole number that exceeds 64 bits by the nearest one that fits.
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

/// Parses a file's text. The error says where the TOML is wrong.
pub(super) fn from_toml(text: &str) -> Result<GivenTable, Wrong> {
    // The file is collected as a bare source. A built `Config` would read keys as paths and turn a
    // quoted key with a dot into a table.
    let read = |text: &str| File::from_str(text, FileFormat::Toml).collect();
    let values = match read(text) {
        // The key's own bounds then refuse the number and say what they are.
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

/// Returns the key or table header on the line that the parser's message names. Never returns the
/// value because it may be a secret.
fn key_at<'t>(text: &'t str, problem: &str) -> Option<&'t str> {
    let number: usize = problem.strip_prefix("line ")?.split(',').next()?.parse().ok()?;
    let key = text.lines().nth(number.checked_sub(1)?)?.split('=').next()?.trim();
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._-[]".contains(letter);
    (!key.is_empty() && key.chars().all(is_plain)).then_some(key)
}

/// Returns the remedy for the parser's message about wrong TOML.
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

/// Returns the parser's message without the excerpt of the file. The excerpt may contain a secret.
fn without_excerpt(message: &str) -> String {
    let mut lines = message.lines().filter(|line| !is_excerpt(line));
    let first = lines.next().unwrap_or_default();
    let place = first.strip_prefix("TOML parse error at ").unwrap_or(first);
    let rest: Vec<_> = lines.collect();
    if rest.is_empty() { place.to_owned() } else { format!("{place}: {}", rest.join("; ")) }
}

/// True if the line belongs to the parser's excerpt of the file. Such a line begins with its number
/// or a space and then a bar.
fn is_excerpt(line: &str) -> bool {
    line.trim_start_matches(|letter: char| letter == ' ' || letter.is_ascii_digit())
        .starts_with('|')
}
