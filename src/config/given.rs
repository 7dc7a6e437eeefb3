//! Holds a value as the file or a variable gave it, and converts it to the type that a key needs.

use toml::Value;
use toml::de::{DeInteger, DeTable, DeValue};

/// The length in characters above which a fault cuts a value.
const SHOWN_CHARACTERS_MAX: usize = 80;

/// The values of a table by their keys.
pub(super) type GivenTable = toml::Table;

/// A value that has not been checked yet.
pub(super) enum GivenValue {
    File(Value),
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
            Self::Variable(text) | Self::File(Value::String(text)) => Ok(text),
            Self::File(Value::Table(_) | Value::Array(_)) => {
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
            Self::File(Value::String(text)) => Ok(vec![text.clone()]),
            Self::File(Value::Array(list)) => {
                let texts = list.iter().map(|one| match one {
                    Value::String(text) => Ok(text.clone()),
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
            Self::File(Value::Boolean(truth)) => Ok(*truth),
            Self::File(_) => Err(wrong()),
        }
    }

    pub fn integer(&self) -> Result<i64, Wrong> {
        let wrong = || self.no("a whole number", &self.unquoted("write digits only"));
        match self {
            Self::Variable(text) => text.parse().map_err(|_| wrong()),
            Self::File(Value::Integer(number)) => Ok(*number),
            Self::File(_) => Err(wrong()),
        }
    }

    pub fn number(&self) -> Result<f64, Wrong> {
        let wrong = || self.no("a number", &self.unquoted("write a number, as 0.25"));
        match self {
            Self::Variable(text) => text.parse().map_err(|_| wrong()),
            Self::File(Value::Float(number)) => Ok(*number),
            // A number too large to be exact here lies far outside every bound.
            Self::File(Value::Integer(number)) => Ok(*number as f64),
            Self::File(_) => Err(wrong()),
        }
    }

    /// Returns the value as TOML writes it and cuts long text. Returns `None` for a list or a
    /// table.
    pub fn shown(&self) -> Option<String> {
        match self {
            Self::Variable(text) | Self::File(Value::String(text)) => Some(quoted(text)),
            Self::File(Value::Boolean(truth)) => Some(truth.to_string()),
            Self::File(Value::Integer(i64::MAX)) => Some(format!("{} or more", i64::MAX)),
            Self::File(Value::Integer(i64::MIN)) => Some(format!("{} or less", i64::MIN)),
            Self::File(Value::Integer(number)) => Some(number.to_string()),
            Self::File(Value::Float(number)) => Some(format!("{number:?}")),
            Self::File(_) => None,
        }
    }

    /// Adds to `remedy` that quotes must go if the value is a quoted string.
    fn unquoted(&self, remedy: &str) -> String {
        match self {
            Self::File(Value::String(_)) => format!("{remedy}, without quotes"),
            Self::File(_) | Self::Variable(_) => remedy.to_owned(),
        }
    }

    fn no(&self, wanted: &str, remedy: &str) -> Wrong {
        let problem = match self {
            Self::Variable(_) => format!("is not {wanted}"),
            Self::File(value) => format!("is {}, not {wanted}", noun(value)),
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
pub(super) fn noun(value: &Value) -> &'static str {
    match value {
        Value::Boolean(_) => "a boolean",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::String(_) | Value::Datetime(_) => "a string",
        Value::Table(_) => "a table",
        Value::Array(_) => "a list",
    }
}

/// Parses a file's text. The error says where the TOML is wrong and shows no text of the file
/// because that may be a secret.
pub(super) fn from_toml(text: &str) -> Result<GivenTable, Wrong> {
    let table = DeTable::parse(text).map_err(|error| {
        let mut problem = error.message().to_owned();
        if let Some(span) = error.span() {
            let (line, column) = line_and_column(text, span.start);
            if problem == "duplicate key"
                && let Some(key) = key_at(text, line)
            {
                problem += &format!(" `{key}`");
            }
            problem = format!("line {line}, column {column}: {problem}");
        }
        let remedy = mended(&problem);
        Wrong::new(problem, remedy)
    })?;
    Ok(read_table(table.into_inner()))
}

fn read_table(table: DeTable) -> GivenTable {
    let entries = table.into_iter();
    entries.map(|(key, value)| (key.into_inner().into_owned(), read(value.into_inner()))).collect()
}

fn read(value: DeValue) -> Value {
    match value {
        DeValue::String(text) => Value::String(text.into_owned()),
        DeValue::Boolean(truth) => Value::Boolean(truth),
        DeValue::Integer(number) => Value::Integer(within_64_bits(&number)),
        DeValue::Float(number) => {
            Value::Float(number.as_str().parse().expect("the parser checked the number"))
        }
        // No key takes a date. An unquoted one counts as its text.
        DeValue::Datetime(date) => Value::String(date.to_string()),
        DeValue::Array(list) => {
            Value::Array(list.into_iter().map(|one| read(one.into_inner())).collect())
        }
        DeValue::Table(table) => Value::Table(read_table(table)),
    }
}

/// Returns the number or the nearest one that fits. The key's own bounds then refuse it and say
/// what they are.
fn within_64_bits(number: &DeInteger) -> i64 {
    let digits = number.as_str();
    let nearest = if digits.starts_with('-') { i64::MIN } else { i64::MAX };
    i64::from_str_radix(digits, number.radix()).unwrap_or(nearest)
}

/// Returns the line and the column at `index`. Both are counted from 1. The end of the text counts
/// to its last line.
fn line_and_column(text: &str, index: usize) -> (usize, usize) {
    let within = text.floor_char_boundary(index.min(text.len().saturating_sub(1)));
    let before = &text[..within];
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1 + usize::from(index > within))
}

/// Returns the key or table header on that line. Never returns the value because it may be a
/// secret.
fn key_at(text: &str, line: usize) -> Option<&str> {
    let key = text.lines().nth(line - 1)?.split('=').next()?.trim();
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
    } else if says("string") {
        "end the text with the quote that it begins with, on the same line, as name = \"acme\""
    } else {
        "mend the TOML there: a line is key = value, [table] or [[list]], as in config/surveyd.toml"
    }
}
