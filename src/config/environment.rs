//! The environment variables as they stood when surveyd started.
//!
//! surveyd captures them once and passes the copy along.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// The beginning of every variable that overrides a key. The two underscores keep `SURVEYD_CONFIG`
/// out.
pub(super) const PREFIX: &str = "SURVEYD__";

/// The environment's variables. `Debug` prints their names only because some values are secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment {
    variables: BTreeMap<String, OsString>,
}

impl Environment {
    /// Copies the environment of this process. Only the outermost layer calls this and passes the
    /// copy down.
    pub fn capture() -> Self {
        Self::of(std::env::vars_os().map(|(name, value)| {
            // A name that is not UTF-8 matches no key. Two such names may become one.
            (name.to_string_lossy().into_owned(), value)
        }))
    }

    /// Returns an environment of just these variables.
    pub fn of<N: Into<String>, V: Into<OsString>>(
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let variables = variables.into_iter();
        Self { variables: variables.map(|(name, value)| (name.into(), value.into())).collect() }
    }

    /// Returns the variable of exactly that name if it is set to UTF-8 text.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).and_then(|value| value.to_str())
    }

    /// Returns the state folder that the service manager made. Returns the first if it made
    /// several.
    pub fn state_directory(&self) -> Option<&Path> {
        let all = self.variables.get("STATE_DIRECTORY")?.as_bytes();
        let first = all.split(|byte| *byte == b':').next()?;
        (!first.is_empty()).then(|| Path::new(OsStr::from_bytes(first)))
    }

    /// Returns the folder in which the service manager places secrets.
    pub fn credentials_directory(&self) -> Option<&Path> {
        let folder = self.variables.get("CREDENTIALS_DIRECTORY")?;
        (!folder.is_empty()).then(|| Path::new(folder))
    }

    /// Returns the variables that override keys. Letter case does not matter.
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
