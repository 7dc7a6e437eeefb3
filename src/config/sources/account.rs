//! Decides which account a source's closes belong to. There are three ways:
//!
//! - The source has one account for all closes.
//! - An id in the payload selects the account.
//! - A notice names one of the accounts that the source allows.

use std::collections::{BTreeMap, BTreeSet};

use super::super::fault_collector::ConfigTable;
use super::super::given::{GivenValue, Wrong, quoted};
use super::super::values;
use super::Around;
use crate::config::names::nearest;
use crate::domain::mapping::{FieldName, Mapping};

/// Reads the key `account`. The outer `None` means that it is faulty.
pub fn named(table: &mut ConfigTable, around: &Around) -> Option<Option<String>> {
    table.optional("account", |given| name(given, around.accounts))
}

/// The accounts that a source allows.
pub struct Meant {
    /// The account for a notice that names none.
    pub account: Option<String>,
    /// The accounts that a notice may name. Empty allows every account.
    pub accounts: Vec<String>,
}

impl Meant {
    /// Joins `account`, the list `accounts` and the accounts by id into one list of allowed names.
    pub fn of(
        account: Option<String>,
        several: Vec<String>,
        by_id: impl IntoIterator<Item = String>,
    ) -> Self {
        let mut accounts: BTreeSet<String> = several.into_iter().collect();
        accounts.extend(account.clone().into_iter().chain(by_id));
        Self { account, accounts: accounts.into_iter().collect() }
    }
}

/// Returns the key `account` or the only name of the list. It applies to a notice that names no
/// account.
pub fn or_only(
    account: Option<Option<String>>,
    several: Option<&[String]>,
) -> Option<Option<String>> {
    let only = match several {
        Some([only]) => Some(only.clone()),
        Some(_) | None => None,
    };
    account.map(|account| account.or(only))
}

/// Reads the list `accounts` with the names that a notice may use.
pub fn several(table: &mut ConfigTable, around: &Around) -> Option<Vec<String>> {
    let names = table.optional("accounts", |given| {
        let names = given.texts()?;
        if names.is_empty() {
            let remedy = "write the names of some of the [[accounts]], or leave it out";
            return Err(Wrong::new("is an empty list", remedy));
        }
        let sound = |text: &String| {
            name(&GivenValue::Variable(text.clone()), around.accounts).map_err(|wrong| {
                let problem = format!("holds {}, which {}", quoted(text), wrong.problem);
                Wrong::new(problem, wrong.remedy)
            })
        };
        names.iter().map(sound).collect()
    })?;
    Some(names.unwrap_or_default())
}

/// Reads the table `accounts`. It maps the values at `account_id` to account names.
pub fn by_id(table: &mut ConfigTable, around: &Around) -> Option<BTreeMap<String, String>> {
    let mut accounts = BTreeMap::new();
    let mut sound = true;
    for (id, place, text) in table.texts("accounts") {
        match name(&GivenValue::Variable(text.clone()), around.accounts) {
            Ok(account) => {
                accounts.insert(id, account);
            }
            Err(wrong) => {
                sound = false;
                table.collector.fault(&place, Some(quoted(&text)), wrong.problem, wrong.remedy);
            }
        }
    }
    sound.then_some(accounts)
}

/// Adds the accounts to the mapping. A preset's `account_id` points at the help desk's inbox. That
/// is not an account's name, so it selects nothing without the table `accounts`.
pub fn placed(mut mapping: Mapping, accounts: BTreeMap<String, String>, own: bool) -> Mapping {
    if accounts.is_empty() && !own {
        mapping.fields.remove(&FieldName::AccountId);
    }
    mapping.accounts = accounts;
    mapping
}

/// Returns the account for a payload that names none. If the source gives no account, this is the
/// only account of the configuration.
pub fn meant(
    table: &mut ConfigTable,
    account: Option<Option<String>>,
    mapping: &Mapping,
    around: &Around,
) -> Option<Option<String>> {
    let account = account?;
    let is_told = account.is_some() || mapping.fields.contains_key(&FieldName::AccountId);
    if is_told { Some(account) } else { only(table, around, ACCOUNTS) }
}

/// The alternative that a remedy offers if each payload can name an account.
const ACCOUNTS: &str = ", or `accounts = { \"…\" = \"NAME\" }` by the desk's inbox";

/// Returns the only account of the configuration and reports a fault if there are several. The
/// inner `None` means that the accounts are unknown.
pub fn only(table: &mut ConfigTable, around: &Around, or_else: &str) -> Option<Option<String>> {
    let Some(names) = around.accounts else { return Some(None) };
    let mut names = names.iter();
    match (names.next(), names.next()) {
        (Some(only), None) => Some(Some(only.clone())),
        (None, _) => Some(None),
        (Some(first), Some(_)) => {
            let or_else = or_else.replace("NAME", first);
            let remedy = format!("add `account = \"{first}\"` to {}{or_else}", table.place.name());
            table.fault("account", None, "is missing, and there are several accounts", remedy);
            None
        }
    }
}

fn name(given: &GivenValue, accounts: Option<&BTreeSet<String>>) -> Result<String, Wrong> {
    let account = values::name(given)?;
    match accounts {
        Some(accounts) if !accounts.contains(&account) => {
            let remedy = match nearest(&account, accounts.iter().map(String::as_str)) {
                Some(account) => format!("did you mean \"{account}\"?"),
                None => "write the name of one of the [[accounts]], or leave it out".into(),
            };
            Err(Wrong::new("is no account's name", remedy))
        }
        _ => Ok(account),
    }
}
