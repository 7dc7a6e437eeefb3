//! The environment as it stood when surveyd started: captured once, then only passed along.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// Every variable that overrides a key begins so. Two underscores, so that `SURVEYD_CONFIG` is none
/// of them.
pub(super) const PREFIX: &str = "SURVEYD__";

/// The environment's variables. `Debug` shows no value, since some are secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment {
    variables: BTreeMap<String, OsString>,
}

impl Environment {
    /// Copies the environment of this process. For the rim: everything below is handed the copy.
    pub fn capture() -> Self {
        Self::of(std::env::vars_os().map(|(name, value)| {
            // A name that is no text matches no key, and need not be told from another such name.
            (name.to_string_lossy().into_owned(), value)
        }))
    }

    /// An environment of just these variables.
    pub fn of<N: Into<String>, V: Into<OsString>>(
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let variables = variables.into_iter();
        Self { variables: variables.map(|(name, value)| (name.into(), value.into())).collect() }
    }

    /// The variable of exactly that name, where it is set and is text.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).and_then(|value| value.to_str())
    }

    /// The folder that the service manager has made for the state, the first where there are
    /// several.
    pub fn state_directory(&self) -> Option<&Path> {
        let all = self.variables.get("STATE_DIRECTORY")?.as_bytes();
        let first = all.split(|byte| *byte == b':').next()?;
        (!first.is_empty()).then(|| Path::new(OsStr::from_bytes(first)))
    }

    /// The folder in which the service manager lays down secrets.
    pub fn credentials_directory(&self) -> Option<&Path> {
        let folder = self.variables.get("CREDENTIALS_DIRECTORY")?;
        (!folder.is_empty()).then(|| Path::new(folder))
    }

    /// The variables that override keys, whatever the case of their letters.
    pub(super) fn overrides(&self) -> impl Iterator<Item = (&str, &OsStr)> {
        let named = self.variables.iter().map(|(name, value)| (name.as_str(), value.as_os_str()));
        named.filter(|(name, _)| {
            name.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
        })
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}
