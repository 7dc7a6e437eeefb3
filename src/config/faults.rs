//! What is wrong with a configuration: each fault with the place, the value, the bound and the
//! remedy.

use std::fmt;
use std::path::Path;

use serde::Serialize;

/// The way out where a secret is there, and its file closed to us.
pub(super) const MAY_NOT_READ: &str =
    "run this by sudo: the secrets are root's, and the service has them from systemd";

/// One thing to mend. Never holds the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The configuration file.
    pub file: String,
    /// The key's path, `accounts.acme.survey.delay`; empty where the fault is no key's.
    pub key: String,
    /// The environment variable that gave the value, where it was not the file.
    pub variable: Option<String>,
    /// The value as TOML writes it; nothing where there is none, or none to show.
    pub value: Option<String>,
    pub problem: String,
    pub remedy: String,
}

impl Fault {
    /// Whether all that is wrong is that whoever runs this may not read a secret.
    pub fn is_denied_secret(&self) -> bool {
        self.remedy == MAY_NOT_READ
    }

    /// What is wrong with the value of a key, where only its use has shown it.
    pub fn of_key(file: &Path, key: String, value: &str, problem: String, remedy: &str) -> Self {
        let (file, value) = (file.display().to_string(), Some(format!("{value:?}")));
        Self { file, key, variable: None, value, problem, remedy: remedy.to_owned() }
    }
}

/// Everything that is wrong with a configuration; never empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// The one fault of a file that could not even be taken apart.
    pub(super) fn of_file(path: &Path, problem: String, remedy: String) -> Self {
        let file = path.display().to_string();
        let (key, variable, value) = (String::new(), None, None);
        Self(vec![Fault { file, key, variable, value, problem, remedy }])
    }
}

/// Two lines: where and what, then what to do.
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
