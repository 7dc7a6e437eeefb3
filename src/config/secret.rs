//! Reads secrets from the configuration itself, from a file or from a variable. Never prints them.

use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use toml::Value;

use super::fault_collector::{ConfigTable, FaultCollector, KeyPlace};
use super::faults::MAY_NOT_READ;
use super::given::{GivenTable, GivenValue, Wrong};
use super::rsa::rsa_key;

/// Longer than any key. A larger file was named by mistake.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// The mode bits that give access to users outside the owner and the group.
const OTHERS: u32 = 0o007;
/// The mode bit by which the group may write.
const GROUP_WRITES: u32 = 0o020;

/// These keys name their owner. They are useless without the two secrets that belong to them.
const NO_SECRETS: [&str; 2] = ["consumer_key", "access_token"];

/// Returns how the mode `mode` exposes a file too widely and the remedy.
fn exposure(mode: u32) -> Option<(&'static str, &'static str)> {
    if mode & OTHERS != 0 {
        Some(("is open to every user of this machine", "chmod o-rwx"))
    } else if mode & GROUP_WRITES != 0 {
        Some(("can be changed by its whole group", "chmod g-w"))
    } else {
        None
    }
}

/// Reports a secret written in a configuration that others may read. Reports only the first of
/// them.
fn refuse_inline(table: &mut ConfigTable, key: &'static str, given: &GivenValue) {
    let Some((exposed, remedy)) = table.collector.mode.and_then(exposure) else { return };
    let is_inline = matches!(given, GivenValue::File(Value::String(text)) if !text.is_empty());
    if !is_inline
        || NO_SECRETS.contains(&key)
        || is_credential(table.collector, table.collector.path)
    {
        return;
    }
    table.collector.mode = None;
    let shown = table.collector.path.display();
    let problem = format!("stands in a file that {exposed}");
    let remedy =
        format!("write {{ file = \"…\" }}, or {remedy} {shown} and let surveyd's group read it");
    table.fault(key, None, problem, remedy);
}

/// A text that prints as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the secret itself. Only the code that uses it may call this.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Reads the secret under `key` and checks it with `check`. Returns `None` if it is faulty or
/// missing.
pub(super) fn read(
    table: &mut ConfigTable,
    key: &'static str,
    check: impl Fn(&str) -> Result<(), Wrong>,
) -> Option<Secret> {
    let secret = optional(table, key, check)?;
    if secret.is_none() {
        table.missing(key, "{ file = \"…\" }");
    }
    secret
}

/// Reads a secret that may be left out. The outer `None` means that it is faulty.
pub(super) fn optional(
    table: &mut ConfigTable,
    key: &'static str,
    check: impl Fn(&str) -> Result<(), Wrong>,
) -> Option<Option<Secret>> {
    optional_of(table, key, true, check)
}

/// Reads a text that others may read in the configuration, in the forms of a secret. `example`
/// appears in the remedy if it is missing. Returns `None` if it is faulty or missing.
pub(super) fn read_public(
    table: &mut ConfigTable,
    key: &'static str,
    example: &str,
    check: impl Fn(&str) -> Result<(), Wrong>,
) -> Option<Secret> {
    let text = optional_of(table, key, false, check)?;
    if text.is_none() {
        table.missing(key, example);
    }
    text
}

fn optional_of(
    table: &mut ConfigTable,
    key: &'static str,
    is_secret: bool,
    check: impl Fn(&str) -> Result<(), Wrong>,
) -> Option<Option<Secret>> {
    let given = match table.take(key) {
        Ok(None) => return Some(None),
        Ok(Some(given)) => given,
        Err(wrong) => {
            table.fault(key, None, wrong.problem, wrong.remedy);
            return None;
        }
    };
    if is_secret {
        refuse_inline(table, key, &given);
    }
    if !table.collector.needs_secrets {
        return Some(Some(Secret(String::new())));
    }
    let sound = exposed(table.collector, given).and_then(|text| of_text(text, &check));
    sound.map_err(|wrong| table.fault(key, None, wrong.problem, wrong.remedy)).ok().map(Some)
}

/// Reads one secret or a list of secrets under `key`. Returns `None` if one of them is faulty.
///
/// Any secret of a list is accepted, so the operator can replace one without an interruption.
pub(super) fn read_list(
    table: &mut ConfigTable,
    key: &'static str,
    check: impl Fn(&str) -> Result<(), Wrong>,
) -> Option<Vec<Secret>> {
    let list = match table.take(key) {
        Ok(None) => {
            table.missing(key, "{ file = \"…\" }");
            return None;
        }
        Ok(Some(given)) if !table.collector.needs_secrets => {
            let list = match given {
                GivenValue::File(Value::Array(list)) => {
                    list.into_iter().map(GivenValue::File).collect()
                }
                single => vec![single],
            };
            list.iter().for_each(|given| refuse_inline(table, key, given));
            // The count is kept because it is known without reading the secrets.
            return Some(list.iter().map(|_| Secret(String::new())).collect());
        }
        Ok(Some(GivenValue::File(Value::Array(list)))) if list.is_empty() => {
            table.fault(key, None, "is an empty list", FORMS);
            return None;
        }
        Ok(Some(GivenValue::File(Value::Array(list)))) => {
            list.into_iter().map(|entry| Ok(GivenValue::File(entry))).collect()
        }
        Ok(Some(single)) => vec![Ok(single)],
        Err(wrong) => vec![Err(wrong)],
    };
    let several = list.len() > 1;
    let mut secrets = Some(Vec::new());
    for (index, given) in list.into_iter().enumerate() {
        if let Ok(given) = &given {
            refuse_inline(table, key, given);
        }
        let text = given.and_then(|given| exposed(table.collector, given));
        let sound = text.and_then(|text| of_text(text, &check));
        match sound {
            Ok(secret) => {
                secrets = secrets.map(|mut all| {
                    all.push(secret);
                    all
                })
            }
            Err(wrong) => {
                let at = if several { format!("{key}[{index}]") } else { key.to_owned() };
                let place = KeyPlace {
                    path: format!("{}.{at}", table.place.path),
                    ..table.place.child(key)
                };
                table.collector.fault(&place, None, wrong.problem, wrong.remedy);
                secrets = None;
            }
        }
    }
    secrets
}

/// The placeholders that examples show for a secret.
const PLACEHOLDERS: [&str; 3] = ["…", "...", "whsec_…"];

fn of_text(text: String, check: impl Fn(&str) -> Result<(), Wrong>) -> Result<Secret, Wrong> {
    if text.is_empty() {
        return Err(Wrong::new("is empty", "write the secret"));
    }
    if PLACEHOLDERS.contains(&text.as_str()) {
        let remedy = "write what X or the help desk shows there";
        return Err(Wrong::new("is what an example writes in its place", remedy));
    }
    check(&text).map(|()| Secret(text))
}

fn exposed(collector: &FaultCollector, given: GivenValue) -> Result<String, Wrong> {
    match given {
        GivenValue::Variable(text) | GivenValue::File(Value::String(text)) => Ok(text),
        GivenValue::File(Value::Table(table)) => match pointer(&table) {
            Some(("file", name)) => from_file(collector, name),
            Some(("env", name)) => from_variable(collector, name),
            _ => Err(Wrong::new("is a table that surveyd cannot follow", FORMS)),
        },
        GivenValue::File(_) => Err(Wrong::new("is neither a string nor a table", FORMS)),
    }
}

const FORMS: &str = "write \"…\", { file = \"…\" } or { env = \"…\" }";

/// Returns the only key of the table and its text. Returns `None` for any other table.
pub(super) fn pointer(table: &GivenTable) -> Option<(&str, &str)> {
    let mut keys = table.iter();
    match (keys.next(), keys.next()) {
        (Some((key, Value::String(name))), None) => Some((key, name)),
        _ => None,
    }
}

fn from_variable(collector: &FaultCollector, name: &str) -> Result<String, Wrong> {
    collector.environment.get(name).map(str::to_owned).ok_or_else(|| {
        Wrong::new(
            format!("the variable {name:?} is not set to text"),
            "set it, or write { file = \"…\" }",
        )
    })
}

fn from_file(collector: &FaultCollector, name: &str) -> Result<String, Wrong> {
    let Some(path) = located(collector, Path::new(name)) else {
        return Err(nowhere(collector, name));
    };
    let shown = path.display();
    let wrong = |problem: String, remedy: String| Err(Wrong::new(problem, remedy));
    let unread = |error: std::io::Error| {
        let remedy = match error.kind() {
            ErrorKind::PermissionDenied => MAY_NOT_READ,
            _ => "put the file there, for surveyd alone to read",
        };
        wrong(format!("{shown} cannot be read: {error}"), remedy.into())
    };
    let metadata = match fs::metadata(&path) {
        Ok(metadata) => metadata,
        Err(error) => return unread(error),
    };
    if !metadata.is_file() || metadata.len() > FILE_BYTES_MAX {
        let problem = format!("{shown} is not a file of at most {FILE_BYTES_MAX} bytes");
        return wrong(problem, "name the file that holds the secret alone".into());
    }
    if let Some((exposed, remedy)) = exposure(metadata.permissions().mode())
        && !is_credential(collector, &path)
    {
        return wrong(format!("{shown} {exposed}"), format!("{remedy} {shown}"));
    }
    match fs::read(&path).map(String::from_utf8) {
        Ok(Ok(text)) if text.contains('\0') => {
            let problem = format!("{shown} holds a NUL, which no secret does");
            wrong(problem, "write the secret into it as text, and as nothing else".into())
        }
        Ok(Ok(text)) => match bare(text) {
            // A pasted public key may have several lines.
            text if text.trim().contains('\n') && !is_key(&text) => {
                let problem = format!("{shown} has more than one line, and no secret has");
                wrong(problem, "write the secret into it alone, on one line".into())
            }
            text => Ok(text),
        },
        Ok(Err(_)) => {
            wrong(format!("{shown} is not UTF-8 text"), "write the secret into it as text".into())
        }
        Err(error) => unread(error),
    }
}

/// Reads a file that is no secret. A relative path starts at the configuration's folder.
pub(super) fn public_file(collector: &FaultCollector, name: &str) -> Result<String, Wrong> {
    const REMEDY: &str = "name a text file beside the configuration that surveyd may read";
    let path = collector.path.parent().unwrap_or(Path::new("")).join(name);
    let shown = path.display();
    let unread = |why: String| Wrong::new(format!("{shown} cannot be read: {why}"), REMEDY);
    let metadata = fs::metadata(&path).map_err(|error| unread(error.to_string()))?;
    if !metadata.is_file() || metadata.len() > FILE_BYTES_MAX {
        let problem = format!("{shown} is not a file of at most {FILE_BYTES_MAX} bytes");
        return Err(Wrong::new(problem, REMEDY));
    }
    fs::read_to_string(&path).map_err(|error| unread(error.to_string()))
}

fn is_key(text: &str) -> bool {
    text.trim_start().starts_with("-----BEGIN") || rsa_key(text).is_some()
}

/// Explains that the file is in none of the folders that were searched.
fn nowhere(collector: &FaultCollector, name: &str) -> Wrong {
    let beside = match collector.path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.display().to_string(),
        Some(_) | None => "the working folder".into(),
    };
    let credentials = match collector.environment.credentials_directory() {
        Some(folder) => folder.display().to_string(),
        None => "not set".into(),
    };
    let problem = format!(
        "{name} is neither in $CREDENTIALS_DIRECTORY ({credentials}) nor in {beside} nor in {CREDENTIALS}/ there"
    );
    Wrong::new(problem, "put it into one of them, for surveyd alone to read")
}

/// The folder beside the configuration from which the service manager takes its credentials.
const CREDENTIALS: &str = "credentials";

/// Finds the file of a secret. A relative path is looked for in this order:
///
/// 1. the folder of the service manager's credentials
/// 2. the folder of the configuration
/// 3. the folder `credentials` in it
///
/// The service manager takes its credentials from the third. A command run by hand finds the
/// service's secrets there. Returns `None` if the file is in none of them.
fn located(collector: &FaultCollector, name: &Path) -> Option<PathBuf> {
    if name.is_absolute() {
        return Some(name.to_owned());
    }
    let beside = collector.path.parent().unwrap_or(Path::new(""));
    let credential = collector.environment.credentials_directory();
    let folders =
        [credential.map(Path::to_owned), Some(beside.into()), Some(beside.join(CREDENTIALS))];
    let mut paths = folders.into_iter().flatten().map(|folder| folder.join(name));
    // A file in a folder closed to this user may exist.
    paths.find(|path| path.try_exists().unwrap_or(true))
}

/// True if the file is one of the service manager's credentials. The service manager guards that
/// folder as a whole, so the mode bits of the files in it say nothing.
fn is_credential(collector: &FaultCollector, path: &Path) -> bool {
    let folder = collector.environment.credentials_directory().map(fs::canonicalize);
    match (folder, fs::canonicalize(path)) {
        (Some(Ok(folder)), Ok(path)) => path.starts_with(folder),
        _ => false,
    }
}

/// Strips a byte order mark from the beginning and a newline from the end. Editors add both and
/// neither belongs to the secret.
fn bare(mut text: String) -> String {
    if text.starts_with('\u{feff}') {
        text.remove(0);
    }
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}
