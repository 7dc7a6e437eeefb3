//! Reads `[[accounts]]` with the X handles and their keys.

use std::collections::{BTreeMap, BTreeSet};

use super::defaults;
use super::fault_collector::ConfigTable;
use super::given::{Wrong, quoted};
use super::{Account, Secret, rules, secret, survey, urls, values};
use crate::domain::policy::{Mode, Pacing};

const PACINGS: [(&str, Pacing); 2] = [("asap", Pacing::Asap), ("even", Pacing::Even)];

const MODES: [(&str, Mode); 2] = [("live", Mode::Live), ("dry", Mode::Dry)];

/// Returns the sound accounts and the names of all accounts.
///
/// The names include those of faulty accounts so that references to them are not faults as well.
/// The names are `None` if `accounts` is not a list. In that case, references to accounts cannot be
/// judged.
pub(super) fn read(root: &mut ConfigTable) -> (Vec<Account>, Option<BTreeSet<String>>) {
    let Some(entries) = root.entries("accounts") else { return (Vec::new(), None) };
    if entries.is_empty() {
        let remedy = "add [[accounts]] with the keys of one handle";
        root.fault("accounts", None, "there is no account", remedy);
    }
    let mut names = BTreeSet::new();
    let mut user_ids = BTreeMap::new();
    let accounts = entries.into_iter().filter_map(|(place, entry)| {
        account(root.collector.table(place, entry), &mut names, &mut user_ids)
    });
    (accounts.collect(), Some(names))
}

fn account(
    mut table: ConfigTable,
    names: &mut BTreeSet<String>,
    user_ids: &mut BTreeMap<String, String>,
) -> Option<Account> {
    let name = table.required("name", "\"acme\"", values::name);
    if let Some(name) = &name
        && !names.insert(name.clone())
    {
        let remedy = "give each account a name of its own";
        table.fault("name", Some(quoted(name)), "is another account's name, too", remedy);
    }
    let user_id = table.required("user_id", "\"1212121212121\"", values::user_id);
    if let Some(user_id) = &user_id
        && let Some(other) = user_ids.insert(user_id.clone(), table.place.path.clone())
    {
        // X's limits apply to a handle. Two accounts of one handle would exceed them together.
        let problem = format!("is the handle of {other}, too");
        table.fault("user_id", Some(quoted(user_id)), problem, "keep one account for each handle");
    }
    let consumer_key = oauth_key(&mut table, "consumer_key");
    let consumer_secret = oauth_key(&mut table, "consumer_secret");
    let access_token = oauth_key(&mut table, "access_token");
    let access_token_secret = oauth_key(&mut table, "access_token_secret");
    let example = "\"https://acme.example/privacy\"";
    let privacy_url = table.required("privacy_url", example, urls::privacy);
    let display_name =
        table.optional("display_name", values::text(defaults::DISPLAY_NAME_CHARACTERS_MAX));
    let daily_limit = values::integer(defaults::DAILY_LIMIT_BOUNDS);
    let daily_limit = table.or("daily_limit", defaults::DAILY_LIMIT, daily_limit);
    let per_user = values::integer(defaults::DAILY_LIMIT_PER_USER_BOUNDS);
    let per_user = table.or("daily_limit_per_user", defaults::DAILY_LIMIT_PER_USER, per_user);
    let pacing = table.or("pacing", defaults::PACING, values::choice(&PACINGS));
    let mode = table.or("mode", defaults::MODE, values::choice(&MODES));
    let survey = survey::read(table.table("survey"), name.as_deref());
    let rules = rules::read(&mut table, survey.as_ref());
    table.close(&[]);
    Some(Account {
        name: name?,
        user_id: user_id?,
        consumer_key: consumer_key?,
        consumer_secret: consumer_secret?,
        access_token: access_token?,
        access_token_secret: access_token_secret?,
        privacy_url: privacy_url?,
        display_name: display_name?,
        daily_limit: daily_limit?,
        daily_limit_per_user: per_user?,
        pacing: pacing?,
        mode: mode?,
        survey: survey?,
        rules,
    })
}

/// Reads one of the four OAuth keys. A copied key easily picks up white space at an end. X would
/// report only a wrong signature.
fn oauth_key(table: &mut ConfigTable, key: &'static str) -> Option<Secret> {
    secret::read(table, key, |text| match text.trim() == text {
        true => Ok(()),
        false => Err(Wrong::new("begins or ends with white space", "remove the white space")),
    })
}
