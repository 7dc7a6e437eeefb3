//! Opens and reads the configuration's file. Explains what to do if that fails.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::{Config, Environment, Faults, read_text};

/// Reads the configuration file at `path` with the overriding variables of `environment`.
pub fn load(path: &Path, environment: &Environment) -> Result<Config, Faults> {
    load_file(path, environment, true)
}

/// Reads the configuration without its secrets.
///
/// This is for a command that neither calls X nor receives closes. The user of such a command need
/// not be able to read the secrets. An empty secret stands for each. A file that exposes its
/// secrets to others is refused all the same.
pub fn load_without_secrets(path: &Path, environment: &Environment) -> Result<Config, Faults> {
    load_file(path, environment, false)
}

fn load_file(
    path: &Path,
    environment: &Environment,
    needs_secrets: bool,
) -> Result<Config, Faults> {
    const ELSEWHERE: &str = "name another file by --config or SURVEYD_CONFIG";
    let cannot_be_read = |reason: &str, remedy: String| {
        Faults::of_file(path, format!("cannot be read: {reason}"), remedy)
    };
    let shown = path.display();
    let found = std::fs::metadata(path).map_err(|error| {
        let folder = path.parent().unwrap_or(Path::new("")).display();
        let remedy = match error.kind() {
            ErrorKind::PermissionDenied => format!(
                "its folder is closed to this user: run this as root, or let surveyd's group in by \
                 `chgrp surveyd {folder}` and `chmod 750 {folder}`"
            ),
            ErrorKind::NotFound => format!("{ELSEWHERE}, or make one by `surveyd init`"),
            _ => ELSEWHERE.into(),
        };
        cannot_be_read(&error.to_string(), remedy)
    })?;
    // Opening a pipe would block until another process writes to it.
    if !found.is_file() {
        let reason = "it is a folder, a pipe or a device, and no file";
        return Err(cannot_be_read(reason, ELSEWHERE.into()));
    }
    let bytes = std::fs::read(path).map_err(|error| {
        let remedy = match error.kind() {
            ErrorKind::PermissionDenied => format!(
                "run this as root, or let surveyd's group read it by `chgrp surveyd {shown}` and `chmod \
                 640 {shown}`"
            ),
            _ => ELSEWHERE.into(),
        };
        cannot_be_read(&error.to_string(), remedy)
    })?;
    let text = String::from_utf8(bytes).map_err(|_| {
        cannot_be_read("it is not UTF-8 text", format!("save it as UTF-8 text, or {ELSEWHERE}"))
    })?;
    read_text(&text, path, environment, (Some(found.mode()), needs_secrets))
}

/// True if users outside the file's owner and group have any access to it.
pub fn is_open_to_others(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.mode() & 0o007 != 0)
}
