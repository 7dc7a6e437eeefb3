//! The faults of a configuration. [`super::fault_collector`] collects them.
//!
//! Each fault names its place and its value and tells the operator how to correct it.

use std::fmt;
use std::path::Path;

use serde::Serialize;

/// The remedy if a secret's file exists and this user may not read it.
pub(super) const MAY_NOT_READ: &str =
    "run this by sudo: the secrets are root's, and the service has them from systemd";

/// One fault that the operator must correct. It never contains the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The configuration file.
    pub file: String,
    /// The key's path, such as `accounts.acme.survey.delay`. Empty if the fault belongs to no key.
    pub key: String,
    /// The environment variable that gave the value. `None` if the file gave it.
    pub variable: Option<String>,
    /// The value as TOML writes it. `None` if there is no value or it must not be shown.
    pub value: Option<String>,
    pub problem: String,
    pub remedy: String,
}

impl Fault {
    /// True if the only fault is that this user may not read a secret.
    pub fn is_denied_secret(&self) -> bool {
        self.remedy == MAY_NOT_READ
    }

    /// Returns the fault of a value that proved wrong only when surveyd used it.
    pub fn of_key(file: &Path, key: String, value: &str, problem: String, remedy: &str) -> Self {
        let (file, value) = (file.display().to_string(), Some(format!("{value:?}")));
        Self { file, key, variable: None, value, problem, remedy: remedy.to_owned() }
    }
}

/// Every fault of a configuration. The list is never empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// Returns the single fault of a file that surveyd could not read or parse.
    pub(super) fn of_file(path: &Path, problem: String, remedy: String) -> Self {
        let file = path.display().to_string();
        let (key, variable, value) = (String::new(), None, None);
        Self(vec![Fault { file, key, variable, value, problem, remedy }])
    }
}

/// Prints the place and the problem on one line. The remedy follows on the next.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.variable.as_ref().unwrap_or(&self.file))?;
        match (self.key.as_str(), &self.value) {
            ("", _) => {}
            (key, None) => write!(f, "{key}: ")?,
            (key, Some(value)) => write!(f, "{key} = {value}: ")?,
        }
        write!(f, "{}\n  {}", self.problem, self.remedy)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
