//! Ids of people that were on record with leading zeros.
//!
//! A migration found these entries and surveyd logs them once. Each survey's history and each
//! opt-out's reason show the change as well.

use std::fmt;

use sqlx::Row;

use crate::store::{Result, Store};

/// Entries that named a person by another spelling of the id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Respelt {
    pub what: String,
    /// The id as it was written.
    pub was: String,
    /// The id from now on. Empty if it is nobody's.
    pub user_id: String,
    pub entries: i64,
}

impl fmt::Display for Respelt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, was, user_id, entries } = self;
        let what = match what.as_str() {
            "survey" => "surveys",
            "optout" => "opt-outs",
            _ => "feedback objects",
        };
        match user_id.as_str() {
            "" => write!(f, "{what} of person {was} (entries: {entries}) are nobody's"),
            _ => write!(f, "{what} of person {was} (entries: {entries}) are person {user_id}'s"),
        }
    }
}

/// The most entries that are logged one by one.
const TOLD_MAX: i64 = 100;

const FOUND: &str = "select what, was, user_id, entries from respelt order by what, was limit $1";

impl Store {
    /// Returns the first entries that were not logged yet, and how many more there are.
    pub async fn respelt(&self) -> Result<(Vec<Respelt>, i64)> {
        let count: i64 =
            sqlx::query_scalar("select count(*) from respelt").fetch_one(&self.readers).await?;
        let rows = sqlx::query(FOUND).bind(TOLD_MAX).fetch_all(&self.readers).await?;
        let found: Result<Vec<Respelt>> = rows
            .iter()
            .map(|row| {
                Ok(Respelt {
                    what: row.try_get("what")?,
                    was: row.try_get("was")?,
                    user_id: row.try_get("user_id")?,
                    entries: row.try_get("entries")?,
                })
            })
            .collect();
        Ok((found?, (count - TOLD_MAX).max(0)))
    }

    /// Forgets the entries once they are logged.
    pub async fn forget_respelt(&self) -> Result<()> {
        self.writer
            .run(|connection| {
                Box::pin(async move {
                    sqlx::query("delete from respelt").execute(connection).await?;
                    Ok(())
                })
            })
            .await
    }
}
