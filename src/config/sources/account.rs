//! Which account a source's closes are for: one for all of them, one by an id in the payload, or
//! the one that a notice names among those that the source may name.

use std::collections::{BTreeMap, BTreeSet};

use super::super::given::{GivenValue, Wrong, quoted};
use super::super::values;
use super::super::walk::ConfigTable;
use super::Around;
use crate::config::names::nearest;
use crate::domain::mapping::{FieldName, Mapping};

/// The key `account`; the outer nothing where it is at fault.
pub fn named(table: &mut ConfigTable, around: &Around) -> Option<Option<String>> {
    table.optional("account", |given| name(given, around.accounts))
}

/// What a source may say of accounts.
pub struct Meant {
    /// The account that is meant where a notice names none.
    pub account: Option<String>,
    /// Those that a notice may name; none: any.
    pub accounts: Vec<String>,
}

impl Meant {
    /// All that the source gives is a limit together: `account`, the list `accounts`, and the
    /// accounts by an id.
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

/// The key `account`, or the only one of the list: it is meant where none is named.
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

/// The list `accounts`: those that a notice may name.
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

/// The table `accounts`: accounts by what stands at `account_id`.
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
                table.walk.fault(&place, Some(quoted(&text)), wrong.problem, wrong.remedy);
            }
        }
    }
    sound.then_some(accounts)
}

/// The mapping with its accounts. A preset says where a desk's inbox stands, which is no account's
/// name: without `accounts` it names nothing.
pub fn placed(mut mapping: Mapping, accounts: BTreeMap<String, String>, own: bool) -> Mapping {
    if accounts.is_empty() && !own {
        mapping.fields.remove(&FieldName::AccountId);
    }
    mapping.accounts = accounts;
    mapping
}

/// The account that is meant where the payload names none: the only one there is, where the source
/// says nothing.
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

/// What else to write than an account's name, where each payload names one.
const ACCOUNTS: &str = ", or `accounts = { \"…\" = \"NAME\" }` by the desk's inbox";

/// The only account there is; a fault where there are several. The inner nothing: which there are
/// is not known.
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
