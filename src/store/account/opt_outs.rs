//! People who are never prompted.

use sqlx::{AnyConnection, Row};

use crate::domain::id::UserId;
use crate::domain::policy::decision::OptedOut;
use crate::domain::survey::Survey;
use crate::domain::time::Millis;
use crate::store::person::keys::Keys;
use crate::store::person::screen;
use crate::store::{Result, Store};

/// A person who wants no prompts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptOut {
    pub user_id: UserId,
    /// The account that must not prompt the person. Absent if no account may.
    pub account: Option<String>,
    pub at: Millis,
    pub why: Option<String>,
}

const FIND: &str = "select account, at, why from optout where user_id = $1 \
     and account in ('', $2) order by account limit 1";

const ADD: &str = "insert into optout (user_id, account, at, why) values ($1, $2, $3, $4) \
     on conflict (user_id, account) do update set why = coalesce(excluded.why, optout.why)";

/// Waits for every send decision under way, because each one locks one of these rows. Every later
/// decision sees the opt-out.
const PASS: &str = "update send_guard set passes = passes + 1";

const REMOVE: &str = "delete from optout where user_id = $1 and ($2 is null or account = $2)";

const LIST: &str = "select user_id, account, at, why from optout \
     where (user_id, account) > ($1, $2) order by user_id, account limit $3";

/// The most people that are read at once.
const PAGE: i64 = 1_000;

/// Returns the opt-out of the survey's person that applies to its account.
pub async fn find(connection: &mut AnyConnection, survey: &Survey) -> Result<Option<OptedOut>> {
    let row = sqlx::query(FIND)
        .bind(survey.person())
        .bind(survey.account.as_str())
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let account: String = row.try_get("account")?;
    Ok(Some(OptedOut {
        opted_out_at: row.try_get("at")?,
        account: Some(account).filter(|account| !account.is_empty()),
        why: row.try_get("why")?,
    }))
}

/// Adds opt-outs, which apply from now on.
pub async fn add(connection: &mut AnyConnection, people: Vec<OptOut>) -> Result<()> {
    sqlx::query(PASS).execute(&mut *connection).await?;
    // Whoever was erased is prompted by nobody anyway, and their id is not kept.
    let keys = Keys::enter(connection).await?;
    let ids = people.iter().map(|out| out.user_id.as_str());
    let erased = screen::people(connection, &keys, ids).await?;
    for OptOut { user_id, account, at, why } in people {
        if erased.contains_key(user_id.as_str()) {
            continue;
        }
        sqlx::query(ADD)
            .bind(user_id.as_str())
            .bind(account.unwrap_or_default())
            .bind(at.0)
            .bind(why)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

impl Store {
    /// Adds opt-outs, which apply at once even to surveys that are leased already. On an error
    /// none is added. A person who has opted out before keeps the first instant.
    pub async fn opt_out(&self, people: Vec<OptOut>) -> Result<()> {
        self.writer.run(move |connection| Box::pin(add(connection, people))).await
    }

    /// Lets an account prompt a person again. Without an account it lets all accounts. Returns how
    /// many entries were removed.
    pub async fn opt_in(&self, user_id: UserId, account: Option<String>) -> Result<u64> {
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let removed = sqlx::query(REMOVE)
                        .bind(user_id.as_str())
                        .bind(account)
                        .execute(connection)
                        .await?;
                    Ok(removed.rows_affected())
                })
            })
            .await
    }

    /// Returns all opt-outs page by page. The caller gives the last of a page to get the next. An
    /// empty page is the end.
    pub async fn opted_out(&self, after: Option<&OptOut>) -> Result<Vec<OptOut>> {
        let (user_id, account) = after.map_or(("", ""), |last| {
            (last.user_id.as_str(), last.account.as_deref().unwrap_or_default())
        });
        let rows = sqlx::query(LIST)
            .bind(user_id)
            .bind(account)
            .bind(PAGE)
            .fetch_all(&self.readers)
            .await?;
        rows.iter()
            .map(|row| {
                let user_id: String = row.try_get("user_id")?;
                let account: String = row.try_get("account")?;
                Ok(OptOut {
                    user_id: UserId::parse(&user_id).map_err(|why| {
                        crate::store::Error::Broken(format!("an opt-out that {why}"))
                    })?,
                    account: Some(account).filter(|account| !account.is_empty()),
                    at: row.try_get("at")?,
                    why: row.try_get("why")?,
                })
            })
            .collect()
    }
}
