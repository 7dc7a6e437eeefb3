//! Finds what names an erased person as it comes in. None of it reaches a table as it came.
//!
//! An update of X without its person is known by its feedback or by the name of its prompt, because
//! both still stand on record as hashes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

use super::keys::{Key, Keys};
use crate::domain::feedback::Update;
use crate::domain::id::UserId;
use crate::store::Result;
use crate::store::placeholders::{Places, ROWS_MAX, bind_all, size};

const DROPPED: &str = "update forgotten_key set dropped = dropped + $1 where salt = $2";

/// Counts what was dropped because of whom it names.
pub async fn count_dropped(connection: &mut AnyConnection, keys: &Keys, more: usize) -> Result<()> {
    if let (Some(key), 1..) = (keys.first(), more) {
        let more = i64::try_from(more).unwrap_or(i64::MAX);
        sqlx::query(DROPPED).bind(more).bind(key.salt()).execute(connection).await?;
    }
    Ok(())
}

/// Returns those of `values` that a query finds. It ends before its list of them. `account` is
/// bound first if there is one.
async fn among(
    connection: &mut AnyConnection,
    (query, account): (&str, Option<&str>),
    values: &[String],
) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for values in values.chunks(ROWS_MAX) {
        let mut places = Places::of(connection);
        let of_account = account.map(|_| format!("account = {} and ", places.one()));
        let sql = query.replace("ACCOUNT and ", &of_account.unwrap_or_default());
        let sql = format!("{sql} in {}", places.row(size(values.len(), ROWS_MAX)));
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let mut query = sqlx::query(AssertSqlSafe(sql));
        if let Some(account) = account {
            query = query.bind(account);
        }
        for row in &bind_all(query, &values, ROWS_MAX).fetch_all(&mut *connection).await? {
            found.insert(row.try_get("value")?);
        }
    }
    Ok(found)
}

const MARKS: &str = "select mark as value from forgotten where mark";

/// Returns those of some people who were erased, each with the key of the mark.
pub async fn people<'a>(
    connection: &mut AnyConnection,
    keys: &Keys,
    people: impl IntoIterator<Item = &'a str>,
) -> Result<HashMap<String, Key>> {
    let people: BTreeSet<&str> = people.into_iter().filter(|person| !person.is_empty()).collect();
    let mut erased = HashMap::new();
    for key in keys.iter() {
        let of: BTreeMap<String, &str> =
            people.iter().map(|person| (key.mark(person), *person)).collect();
        let marks: Vec<String> = of.keys().cloned().collect();
        for mark in among(connection, (MARKS, None), &marks).await? {
            if let Some(person) = of.get(&mark) {
                erased.entry((*person).to_owned()).or_insert_with(|| key.clone());
            }
        }
    }
    Ok(erased)
}

/// True if a person was erased. An empty id is nobody's.
pub async fn is_erased(connection: &mut AnyConnection, keys: &Keys, person: &str) -> Result<bool> {
    Ok(!people(connection, keys, [person]).await?.is_empty())
}

const CONVERSATIONS: &str =
    "select conversation_id as value from survey where ACCOUNT and conversation_id";

/// Returns the key by whose names the ids of a conversation were erased, if they were.
pub async fn conversation(
    connection: &mut AnyConnection,
    keys: &Keys,
    (account, id): (&str, &str),
) -> Result<Option<Key>> {
    for key in keys.iter() {
        let name = [key.name(account, id)];
        if !among(connection, (CONVERSATIONS, Some(account)), &name).await?.is_empty() {
            return Ok(Some(key.clone()));
        }
    }
    Ok(None)
}

const FEEDBACK: &str = "select id as value from feedback where ACCOUNT and id";
const OF_SURVEY: &str = "select feedback_id as value from survey where feedback_id is not null \
     and ACCOUNT and feedback_id";
const PROMPTS: &str = "select external_id as value from survey where begun_at is not null \
     and ACCOUNT and external_id";

/// Leaves out the updates of an account that concern erased people, and counts them.
pub async fn updates(
    connection: &mut AnyConnection,
    account: &str,
    mut updates: Vec<Update>,
) -> Result<Vec<Update>> {
    let keys = Keys::enter(connection).await?;
    if keys.is_empty() || updates.is_empty() {
        return Ok(updates);
    }
    let before = updates.len();
    let named = |update: &Update| {
        let person = update.object.to_user_id.as_deref().unwrap_or_default();
        UserId::respelt(person).map(|person| person.as_str().to_owned())
    };
    let persons: Vec<String> = updates.iter().filter_map(named).collect();
    let erased = people(connection, &keys, persons.iter().map(String::as_str)).await?;
    updates.retain(|update| named(update).is_none_or(|person| !erased.contains_key(&person)));
    for key in keys.iter() {
        let of = |update: &Update| key.name(account, update.id.as_str());
        let ids: Vec<String> = updates.iter().map(of).collect();
        let mut known = among(connection, (FEEDBACK, Some(account)), &ids).await?;
        known.extend(among(connection, (OF_SURVEY, Some(account)), &ids).await?);
        let prompt = |update: &Update| {
            let named = update.object.external_id.as_deref()?;
            // With its person the update was judged by that.
            update.object.to_user_id.is_none().then(|| key.name(account, named))
        };
        let prompts: Vec<String> = updates.iter().filter_map(prompt).collect();
        let asked = among(connection, (PROMPTS, Some(account)), &prompts).await?;
        updates.retain(|update| {
            !known.contains(&of(update)) && prompt(update).is_none_or(|name| !asked.contains(&name))
        });
    }
    count_dropped(connection, &keys, before - updates.len()).await?;
    Ok(updates)
}

/// Leaves out the texts that name an erased person, and counts them. Any number in a text may be an
/// id.
pub async fn texts<T>(
    connection: &mut AnyConnection,
    mut all: Vec<T>,
    text_of: impl Fn(&T) -> String,
) -> Result<Vec<T>> {
    let keys = Keys::enter(connection).await?;
    if keys.is_empty() || all.is_empty() {
        return Ok(all);
    }
    let mut numbers: BTreeSet<String> = BTreeSet::new();
    for one in &all {
        numbers.extend(ids_in(&text_of(one)).map(str::to_owned));
    }
    let erased = people(connection, &keys, numbers.iter().map(String::as_str)).await?;
    let before = all.len();
    if !erased.is_empty() {
        all.retain(|one| !ids_in(&text_of(one)).any(|id| erased.contains_key(id)));
    }
    count_dropped(connection, &keys, before - all.len()).await?;
    Ok(all)
}

/// The numbers in a text that may be ids of people.
pub fn ids_in(text: &str) -> impl Iterator<Item = &str> {
    let numbers = text.split(|letter: char| !letter.is_ascii_digit());
    numbers.filter(|number| UserId::parse(number).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ids_in_a_text_are_its_whole_numbers() {
        let text = r#"{"id":"343434343434","n":7,"at":0,"long":12345678901234567890,"a77b":"08"}"#;
        assert_eq!(ids_in(text).collect::<Vec<_>>(), ["343434343434", "7", "77"]);
    }
}
