//! Finds everything that is kept of one person.
//!
//! It reads beside the writer and changes nothing, however long a large database takes.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

use super::screen::ids_in;
use crate::domain::id::{SurveyId, UserId};
use crate::store::placeholders::{Places, ROWS_MAX, bind_all, size};
use crate::store::{Result, Store};

/// The keys of everything that is kept of one person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PersonRows {
    pub user_id: String,
    pub surveys: BTreeSet<SurveyId>,
    /// By account. The last column says whether nobody else's survey has this id.
    pub conversations: BTreeMap<(String, String), bool>,
    /// By account.
    pub feedback: BTreeSet<(String, String)>,
    /// By source.
    pub deliveries: BTreeSet<(String, String)>,
    /// Surveys of others whose history names the person, because a help desk took one for the
    /// other.
    pub histories: BTreeSet<String>,
    /// How many rows of the tables that are emptied by the person's id there are.
    pub plain: i64,
    /// By account.
    pub told: BTreeSet<(String, String)>,
    pub unknown_events: BTreeSet<(String, String)>,
    pub rejected: BTreeSet<RejectedKey>,
    /// Entries of the audit log with what they say, without what names the person.
    pub audit: BTreeMap<(i64, String), String>,
}

/// What tells one line of refusals from another.
pub type RejectedKey = (String, i64, i64);

impl PersonRows {
    /// True if nothing is kept of the person.
    pub fn is_empty(&self) -> bool {
        let none = Self { user_id: self.user_id.clone(), ..Self::default() };
        *self == none
    }
}

const SURVEYS: &str =
    "select id, account, conversation_id, feedback_id, source from survey where user_id = $1";

/// Closes of the same conversation whose desk did not name the person.
const NAMELESS: &str = "select id, feedback_id from survey where account = $1 \
     and conversation_id = $2 and user_id = '' and source = $3 and erased_at is null";

const OTHERS: &str = "select count(*) from survey where account = $1 and conversation_id = $2 \
     and user_id <> '' and user_id <> $3";

const FEEDBACK: &str = "select account, id from feedback where to_user_id = $1";

const PLAIN: &str = "select (select count(*) from optout where user_id = $1) \
     + (select count(*) from dm_conversation where user_id = $1) \
     + (select count(*) from respelt where user_id = $1) as plain";

const HISTORIES: &str = "select distinct survey_id from survey_history where detail like $1";

const REOPENINGS: &str =
    "select account, conversation_id from reopening where conversation_id like $1";

/// The deliveries of a survey that is erased already were left if an erasure was broken off.
const DELIVERIES: &str = "select d.source, d.event_id, d.survey_id, s.erased_at from delivery d \
     left join survey s on s.id = d.survey_id where d.event_id not like 'erased-%'";

const TOLD: &str = "select account, id, told from rebuild_told where told like $1";

const UNKNOWN: &str = "select account, digest, body from unknown_event where body like $1";

const REJECTED: &str = "select source, at, answer, reason, place, path, delivery_id from rejected";

const AUDIT: &str = "select at, id, detail from audit where detail like $1";

impl Store {
    /// Finds everything that is kept of a person.
    pub async fn rows_of_person(&self, person: &UserId) -> Result<PersonRows> {
        let mut connection = self.readers.acquire().await?;
        find(&mut connection, person).await
    }
}

async fn find(connection: &mut AnyConnection, person: &UserId) -> Result<PersonRows> {
    let mut found = PersonRows { user_id: person.as_str().to_owned(), ..PersonRows::default() };
    surveys(connection, &mut found).await?;
    let id = found.user_id.clone();
    let rows = sqlx::query(FEEDBACK).bind(id.as_str()).fetch_all(&mut *connection).await?;
    for row in &rows {
        found.feedback.insert((row.try_get("account")?, row.try_get("id")?));
    }
    found.plain = sqlx::query_scalar(PLAIN).bind(id.as_str()).fetch_one(&mut *connection).await?;
    let named = format!("%, person {id}, %");
    let rows = sqlx::query(HISTORIES).bind(named).fetch_all(&mut *connection).await?;
    for row in &rows {
        let survey_id: String = row.try_get("survey_id")?;
        if !found.surveys.contains(&SurveyId::new(survey_id.as_str())) {
            found.histories.insert(survey_id);
        }
    }
    reopenings(connection, &mut found).await?;
    deliveries(connection, &mut found).await?;
    unread(connection, &mut found).await?;
    refusals(connection, &mut found).await?;
    audit(connection, &mut found).await?;
    Ok(found)
}

async fn surveys(connection: &mut AnyConnection, found: &mut PersonRows) -> Result<()> {
    let rows =
        sqlx::query(SURVEYS).bind(found.user_id.as_str()).fetch_all(&mut *connection).await?;
    let mut sources = BTreeSet::new();
    for row in &rows {
        found.surveys.insert(SurveyId::new(row.try_get::<String, _>("id")?));
        let account: String = row.try_get("account")?;
        let conversation: String = row.try_get("conversation_id")?;
        if let Some(feedback) = row.try_get("feedback_id")? {
            found.feedback.insert((account.clone(), feedback));
        }
        sources.insert((account, conversation, row.try_get::<String, _>("source")?));
    }
    for (account, conversation, source) in sources {
        let rows = sqlx::query(NAMELESS)
            .bind(account.as_str())
            .bind(conversation.as_str())
            .bind(source)
            .fetch_all(&mut *connection)
            .await?;
        for row in &rows {
            found.surveys.insert(SurveyId::new(row.try_get::<String, _>("id")?));
            if let Some(feedback) = row.try_get("feedback_id")? {
                found.feedback.insert((account.clone(), feedback));
            }
        }
        let others: i64 = sqlx::query_scalar(OTHERS)
            .bind(account.as_str())
            .bind(conversation.as_str())
            .bind(found.user_id.as_str())
            .fetch_one(&mut *connection)
            .await?;
        found.conversations.insert((account, conversation), others == 0);
    }
    Ok(())
}

/// Finds reopenings of talks that made no survey. The id of a talk begins with its person's.
async fn reopenings(connection: &mut AnyConnection, found: &mut PersonRows) -> Result<()> {
    let like = format!("dm-{}-%", found.user_id);
    let rows = sqlx::query(REOPENINGS).bind(like).fetch_all(&mut *connection).await?;
    for row in &rows {
        let key = (row.try_get("account")?, row.try_get("conversation_id")?);
        found.conversations.entry(key).or_insert(true);
    }
    Ok(())
}

/// Finds deliveries by their survey, or by what their sender's id says. They are kept for a week,
/// so all are looked at.
async fn deliveries(connection: &mut AnyConnection, found: &mut PersonRows) -> Result<()> {
    let rows = sqlx::query(DELIVERIES).fetch_all(&mut *connection).await?;
    for row in &rows {
        let event_id: String = row.try_get("event_id")?;
        let survey: Option<String> = row.try_get("survey_id")?;
        let is_theirs = survey.is_some_and(|id| found.surveys.contains(&SurveyId::new(id)));
        let is_left = row.try_get::<Option<i64>, _>("erased_at")?.is_some();
        if is_theirs || is_left || names(found, &event_id) {
            found.deliveries.insert((row.try_get("source")?, event_id));
        }
    }
    Ok(())
}

async fn unread(connection: &mut AnyConnection, found: &mut PersonRows) -> Result<()> {
    let like = format!("%{}%", found.user_id);
    let rows = sqlx::query(TOLD).bind(like.as_str()).fetch_all(&mut *connection).await?;
    for row in &rows {
        if names(found, &row.try_get::<String, _>("told")?) {
            found.told.insert((row.try_get("account")?, row.try_get("id")?));
        }
    }
    for (account, id) in told_by_id(connection, found).await? {
        found.told.insert((account, id));
    }
    let rows = sqlx::query(UNKNOWN).bind(like).fetch_all(&mut *connection).await?;
    for row in &rows {
        if names(found, &row.try_get::<String, _>("body")?) {
            found.unknown_events.insert((row.try_get("account")?, row.try_get("digest")?));
        }
    }
    Ok(())
}

/// Finds what a rebuild has gathered without its person.
async fn told_by_id(
    connection: &mut AnyConnection,
    found: &PersonRows,
) -> Result<Vec<(String, String)>> {
    let ids: Vec<&str> = found.feedback.iter().map(|(_, id)| id.as_str()).collect();
    let mut told = Vec::new();
    for ids in ids.chunks(ROWS_MAX) {
        let places = Places::of(connection).row(size(ids.len(), ROWS_MAX));
        let sql = format!("select account, id from rebuild_told where id in {places}");
        let query = bind_all(sqlx::query(AssertSqlSafe(sql)), ids, ROWS_MAX);
        for row in &query.fetch_all(&mut *connection).await? {
            let key = (row.try_get("account")?, row.try_get("id")?);
            if found.feedback.contains(&key) {
                told.push(key);
            }
        }
    }
    Ok(told)
}

async fn refusals(connection: &mut AnyConnection, found: &mut PersonRows) -> Result<()> {
    for row in &sqlx::query(REJECTED).fetch_all(&mut *connection).await? {
        let mut said: Vec<String> = vec![row.try_get("reason")?];
        for column in ["place", "path", "delivery_id"] {
            said.extend(row.try_get::<Option<String>, _>(column)?);
        }
        if said.iter().any(|text| names(found, text)) {
            let key = (row.try_get("source")?, row.try_get("at")?, row.try_get("answer")?);
            found.rejected.insert(key);
        }
    }
    Ok(())
}

/// What stands in the audit log in the place of what somebody looked for.
const LOOKED_FOR: &str = "(erased)";

async fn audit(connection: &mut AnyConnection, found: &mut PersonRows) -> Result<()> {
    let ids: Vec<String> = found.conversations.keys().map(|(_, id)| id.clone()).collect();
    for id in ids.iter().chain([&found.user_id]) {
        let rows = sqlx::query(AUDIT).bind(format!("%{id}%")).fetch_all(&mut *connection).await?;
        for row in &rows {
            let key: (i64, String) = (row.try_get("at")?, row.try_get("id")?);
            let detail: String = row.try_get("detail")?;
            let detail = found.audit.remove(&key).unwrap_or(detail);
            let without = without(&detail, id);
            if without != row.try_get::<String, _>("detail")? {
                found.audit.insert(key, without);
            }
        }
    }
    Ok(())
}

/// True if a text holds the person's id as a whole number, or one of their conversations' ids as a
/// whole word.
fn names(found: &PersonRows, text: &str) -> bool {
    let is_word = |id: &str| without(text, id) != text;
    ids_in(text).any(|id| id == found.user_id)
        || found.conversations.keys().any(|(_, id)| is_word(id))
}

/// Replaces an id wherever it is no part of a longer word.
fn without(text: &str, id: &str) -> String {
    let mut left = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(id) {
        let (before, found) = rest.split_at(at);
        let after = &found[id.len()..];
        left.push_str(before);
        let joins = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
        let is_part = joins(left.chars().next_back()) || joins(after.chars().next());
        left.push_str(if is_part { id } else { LOOKED_FOR });
        rest = after;
    }
    left.push_str(rest);
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_taken_out_where_it_is_a_whole_word() {
        assert_eq!(without("id=7&page=77", "7"), "id=(erased)&page=77");
        assert_eq!(without("c-1 c-12 xc-1 c-1", "c-1"), "(erased) c-12 xc-1 (erased)");
        assert_eq!(without("nothing", "c-1"), "nothing");
    }
}
