//! Where a key stands: its path in a fault, its pattern among the known keys, and its variable.

use ::config::ValueKind;

use crate::config::given::GivenTable;
use crate::config::names::is_name;

#[derive(Clone, Debug)]
pub(in crate::config) struct Place {
    /// `accounts.acme.survey.delay`
    pub path: String,
    /// `accounts.*.survey.delay`
    pub pattern: String,
    /// `SURVEYD__ACCOUNTS__ACME__SURVEY__DELAY`
    pub variable: String,
}

impl Place {
    pub fn root() -> Self {
        Self { path: String::new(), pattern: String::new(), variable: "SURVEYD".into() }
    }

    pub fn child(&self, key: &str) -> Self {
        Self {
            path: joined(&self.path, &written(key)),
            pattern: joined(&self.pattern, key),
            variable: format!("{}__{}", self.variable, in_variable(key)),
        }
    }

    /// One of a list's tables, by its name or else by its number.
    pub fn entry(&self, index: usize, name: Option<&str>) -> Self {
        let path = match name {
            Some(name) => joined(&self.path, name),
            None => format!("{}[{index}]", self.path),
        };
        let address = name.map_or_else(|| index.to_string(), in_variable);
        Self {
            path,
            pattern: joined(&self.pattern, "*"),
            variable: format!("{}__{address}", self.variable),
        }
    }

    /// What stands in brackets above the keys of this table: `accounts.survey`.
    pub fn header(&self) -> String {
        header(&self.pattern)
    }

    /// What this table is called in a sentence.
    pub fn name(&self) -> &str {
        if self.path.is_empty() { "the file" } else { &self.path }
    }
}

/// The header of the table with that pattern.
pub fn header(pattern: &str) -> String {
    pattern.replace(".*", "")
}

/// The name that a list's table gives itself, where it is one to go by.
pub fn name_of(values: &GivenTable) -> Option<String> {
    match values.get("name").map(|value| &value.kind) {
        Some(ValueKind::String(name)) if is_name(name) => Some(name.clone()),
        _ => None,
    }
}

fn joined(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// A key as it has to be written in TOML.
fn written(key: &str) -> String {
    let bare = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    if !key.is_empty() && key.chars().all(bare) { key.to_owned() } else { format!("{key:?}") }
}

/// A key as it stands in a variable's name, which can hold capitals, digits and `_` only.
fn in_variable(key: &str) -> String {
    let letters = key.chars();
    letters
        .map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' })
        .collect::<String>()
        .to_ascii_uppercase()
}
