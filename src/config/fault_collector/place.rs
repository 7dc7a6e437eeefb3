//! The place of a key: its path in a fault, its pattern among the known keys and its variable.

use toml::Value;

use crate::config::given::GivenTable;
use crate::config::names::is_name;

#[derive(Clone, Debug)]
pub(in crate::config) struct KeyPlace {
    /// `accounts.acme.survey.delay`
    pub path: String,
    /// `accounts.*.survey.delay`
    pub pattern: String,
    /// `SURVEYD__ACCOUNTS__ACME__SURVEY__DELAY`
    pub variable: String,
}

impl KeyPlace {
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

    /// Returns the place of one table of a list by its name or else by its number.
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

    /// Returns the text in brackets above this table's keys, such as `accounts.survey`.
    pub fn header(&self) -> String {
        header(&self.pattern)
    }

    /// Returns the name of this table in a sentence.
    pub fn name(&self) -> &str {
        if self.path.is_empty() { "the file" } else { &self.path }
    }
}

/// Returns the header of the table with that pattern.
pub fn header(pattern: &str) -> String {
    pattern.replace(".*", "")
}

/// Returns the `name` in a list's table if it has the form of a name.
pub fn name_of(values: &GivenTable) -> Option<String> {
    match values.get("name") {
        Some(Value::String(name)) if is_name(name) => Some(name.clone()),
        _ => None,
    }
}

fn joined(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// Writes a key as TOML requires it.
fn written(key: &str) -> String {
    let bare = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    if !key.is_empty() && key.chars().all(bare) { key.to_owned() } else { format!("{key:?}") }
}

/// Writes a key as part of a variable's name. Such a name holds only capitals, digits and `_`.
fn in_variable(key: &str) -> String {
    let letters = key.chars();
    letters
        .map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' })
        .collect::<String>()
        .to_ascii_uppercase()
}
