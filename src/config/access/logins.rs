//! Reads `[[logins]]`.

use std::collections::BTreeSet;

use super::{LoginConfig, name, viewer};
use crate::config::fault_collector::ConfigTable;
use crate::config::given::{Wrong, quoted};
use crate::config::secret;
use crate::config::sources::Around;
use crate::credentials::PasswordHash;

/// Where a hash comes from.
const MADE: &str = "make it with `surveyd password`";

/// Reads the logins. `has_proxy` is true if a trusted proxy may sign people in.
pub fn read(root: &mut ConfigTable, around: &Around, has_proxy: bool) -> Vec<LoginConfig> {
    let mut names = BTreeSet::new();
    let entries = root.entries("logins").unwrap_or_default().into_iter();
    let logins = entries.filter_map(|(place, entry)| {
        login(root.collector.table(place, entry), &mut names, around, has_proxy)
    });
    logins.collect()
}

fn login(
    mut table: ConfigTable,
    names: &mut BTreeSet<String>,
    around: &Around,
    has_proxy: bool,
) -> Option<LoginConfig> {
    let name = table.required("name", "\"mara\"", name);
    if let Some(name) = &name
        && !names.insert(name.clone())
    {
        let remedy = "give each login a name of its own";
        table.fault("name", Some(quoted(name)), "is another login's name, too", remedy);
    }
    let whom = name.clone().unwrap_or_else(|| "them".to_owned());
    let viewer = viewer(&mut table, name, around);
    let password_hash = password_hash(&mut table, &whom, has_proxy);
    table.close(&[]);
    Some(LoginConfig { viewer: viewer?, password_hash: password_hash? })
}

/// Reads the hash of the password. The outer `None` means that it is faulty.
fn password_hash(
    table: &mut ConfigTable,
    whom: &str,
    has_proxy: bool,
) -> Option<Option<PasswordHash>> {
    let secret = secret::optional(table, "password_hash", |text| {
        PasswordHash::parse(text).map(drop).map_err(|wrong| Wrong::new(wrong.to_string(), MADE))
    })?;
    if secret.is_none() && !has_proxy {
        let remedy =
            format!("{MADE}, or let a proxy sign {whom} in by http.proxy (docs/sign_in.md)");
        table.fault("password_hash", None, "is missing", remedy);
        return None;
    }
    // An empty text stands for a secret that was not read.
    Some(secret.and_then(|secret| PasswordHash::parse(secret.expose()).ok()))
}
