//! Two values that must never run backwards: the clock and the number of sends begun.
//!
//! Each daemon counts in its own row, so no daemon waits for another. Its mark keeps the count a
//! second time, outside the database ([`super::mark_comparison`]). On PostgreSQL the row names the
//! transaction that wrote it. If a row was loaded from a dump then this name differs from
//! PostgreSQL's own.

use sqlx::{AnyConnection, AssertSqlSafe, Row};

use crate::domain::time::Millis;
use crate::store::{Result, Store};

/// The progress of the sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The number of sends of all daemons.
    pub sends: i64,
    /// The latest instant on record.
    pub last_at: Option<Millis>,
    /// The beginning of a hold of the sends, by our clock, which may have been wrong. The end of
    /// the hold is counted by X's clock ([`crate::store::Hold`]).
    pub restored_at: Option<Millis>,
}

const READ: &str = "select d.sends, d.last_at, h.restored_at from \
     (select cast(sum(sends) as bigint) as sends, max(last_at) as last_at from daemon) d \
     left join restore_hold h on h.account = $1";

const RECORD: &str = "insert into daemon (id, sends, last_at) values ($1, $2, $3) \
     on conflict (id) do update set sends = daemon.sends + excluded.sends, \
     last_at = case when excluded.last_at > daemon.last_at then excluded.last_at \
     else daemon.last_at end";

/// Records an instant, and `begun` sends of a daemon that are about to leave. Returns the number of
/// sends that the daemon ever began. Returns `None` if the row is not as this daemon left it.
pub async fn record(
    connection: &mut AnyConnection,
    daemon_id: &str,
    begun: i64,
    at: Millis,
) -> Result<Option<i64>> {
    let sql = match stamps(connection) {
        true => format!(
            "{RECORD}, written = txid_current() where daemon.written is null or not ({LOADED}) \
             returning sends, case when written is null then 0 else 1 end as was_there"
        ),
        false => format!("{RECORD} returning sends, 1 as was_there"),
    };
    let row = sqlx::query(AssertSqlSafe(sql)).bind(daemon_id).bind(begun).bind(at.0);
    let Some(row) = row.fetch_optional(connection).await? else { return Ok(None) };
    let was_there = row.try_get::<i32, _>("was_there")? == 1 || begun == 0;
    Ok(was_there.then(|| row.try_get("sends")).transpose()?)
}

/// True if the rows of daemons name the transaction that wrote them.
pub fn stamps(connection: &AnyConnection) -> bool {
    connection.backend_name() == "PostgreSQL"
}

/// True of a row that no daemon wrote. A restored dump or a replication of rows may have put it
/// there. PostgreSQL keeps 32 bits of the transaction's number.
pub const LOADED: &str = "cast(cast(daemon.xmin as text) as bigint) <> daemon.written % 4294967296";

pub async fn read(connection: &mut AnyConnection, account: &str) -> Result<Progress> {
    let row = sqlx::query(READ).bind(account).fetch_one(connection).await?;
    Ok(Progress {
        sends: row.try_get::<Option<i64>, _>("sends")?.unwrap_or(0),
        // A daemon that has recorded nothing yet has the instant zero.
        last_at: row.try_get::<Option<Millis>, _>("last_at")?.filter(|at| at.0 > 0),
        restored_at: row.try_get("restored_at")?,
    })
}

impl Store {
    /// Returns the progress of the sends, and whether those of an account are held.
    pub async fn progress(&self, account: &str) -> Result<Progress> {
        let mut connection = self.readers.acquire().await?;
        read(&mut connection, account).await
    }
}
