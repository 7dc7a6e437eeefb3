//! The audit log: who signed in, saw and exported what.
//!
//! Entries are only ever added here, and nothing bounds their number. They are small. An erasure
//! takes out of them what names the person.

use sqlx::{AnyConnection, Row as _};
use uuid::Uuid;

use crate::domain::time::{Millis, Period};
use crate::store::{Result, Store};

/// What somebody did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    pub at: Millis,
    /// How surveyd knew who it was: `password`, `session`, `token`, `proxy` or `-` for nobody. An
    /// `alert` is told by surveyd itself.
    pub way: String,
    /// The name of the login or of the token. A failed sign-in has the name that was tried.
    pub name: String,
    /// The roles with a comma between them. Empty if nobody was known.
    pub roles: String,
    /// The deed, in words.
    pub what: String,
    /// What it was done to, such as a canonical query or a survey's id.
    pub detail: String,
    /// The address that the request came from. That of an alert is where its messages go.
    pub address: String,
}

/// The place of an entry in the log. Entries are in the order of their places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditPlace {
    pub at: Millis,
    pub id: String,
}

const ADD: &str = "insert into audit (at, id, way, name, roles, what, detail, address) \
     values ($1, $2, $3, $4, $5, $6, $7, $8)";

const NEWEST: &str = "select at, id, way, name, roles, what, detail, address from audit \
     where (at, id) < ($1, $2) and at >= $3 order by at desc, id desc limit $4";

/// The most entries that are read at once.
const PAGE_MOST: u32 = 1_000;

/// Adds an entry.
pub async fn add(connection: &mut AnyConnection, entry: AuditEntry) -> Result<()> {
    let AuditEntry { at, way, name, roles, what, detail, address } = entry;
    sqlx::query(ADD)
        .bind(at.0)
        .bind(Uuid::now_v7().simple().to_string())
        .bind(way)
        .bind(name)
        .bind(roles)
        .bind(what)
        .bind(detail)
        .bind(address)
        .execute(connection)
        .await?;
    Ok(())
}

impl Store {
    /// Adds an entry to the audit log. It is on the disk once this returns.
    pub async fn audit(&self, entry: AuditEntry) -> Result<()> {
        self.writer
            .run(move |connection| Box::pin(async move { add(connection, entry).await }))
            .await
    }

    /// Returns at most `limit` entries of a period, or those of them before a place, the newest
    /// first.
    pub async fn audited(
        &self,
        period: Period,
        before: Option<&AuditPlace>,
        limit: u32,
    ) -> Result<Vec<(AuditPlace, AuditEntry)>> {
        let end = (period.to.0.saturating_add(1), "");
        let before = before.map_or(end, |place| (place.at.0, place.id.as_str()));
        let (at, id) = before.min(end);
        let rows = sqlx::query(NEWEST)
            .bind(at)
            .bind(id)
            .bind(period.from.0)
            .bind(i64::from(limit.min(PAGE_MOST)))
            .fetch_all(&self.readers)
            .await?;
        rows.iter()
            .map(|row| {
                let entry = AuditEntry {
                    at: row.try_get("at")?,
                    way: row.try_get("way")?,
                    name: row.try_get("name")?,
                    roles: row.try_get("roles")?,
                    what: row.try_get("what")?,
                    detail: row.try_get("detail")?,
                    address: row.try_get("address")?,
                };
                Ok((AuditPlace { at: entry.at, id: row.try_get("id")? }, entry))
            })
            .collect()
    }
}
