//! What must never run backwards: the clock, and the number of sends begun.
//!
//! Each daemon counts in a row of its own, so none waits for another. Its mark keeps the count a
//! second time, outside the database ([`super::standing`]).

use sqlx::{AnyConnection, Row};

use super::{Result, Store};
use crate::domain::time::Millis;

/// How the sends stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Of all daemons.
    pub sends: i64,
    /// The latest instant on record.
    pub last_at: Option<Millis>,
    /// Since when sends are held, by our clock, which may have been wrong: the end of the hold is
    /// reckoned by X's ([`super::Hold`]).
    pub restored_at: Option<Millis>,
}

const READ: &str = "select d.sends, d.last_at, h.restored_at from \
     (select cast(sum(sends) as bigint) as sends, max(last_at) as last_at from daemon) d \
     left join restore_hold h on h.account = $1";

const RECORD: &str = "insert into daemon (id, sends, last_at) values ($1, $2, $3) \
     on conflict (id) do update set sends = daemon.sends + excluded.sends, \
     last_at = case when excluded.last_at > daemon.last_at then excluded.last_at \
     else daemon.last_at end returning sends";

/// Records an instant, and `begun` sends of a daemon that are about to leave. All sends that it ever
/// began.
pub async fn record(
    connection: &mut AnyConnection,
    daemon_id: &str,
    begun: i64,
    at: Millis,
) -> Result<i64> {
    let sends = sqlx::query_scalar(RECORD).bind(daemon_id).bind(begun).bind(at.0);
    Ok(sends.fetch_one(connection).await?)
}

pub async fn read(connection: &mut AnyConnection, account: &str) -> Result<Progress> {
    let row = sqlx::query(READ).bind(account).fetch_one(connection).await?;
    Ok(Progress {
        sends: row.try_get::<Option<i64>, _>(0)?.unwrap_or(0),
        // A daemon that has recorded nothing yet stands at the beginning of time.
        last_at: row.try_get::<Option<i64>, _>(1)?.filter(|at| *at > 0).map(Millis),
        restored_at: row.try_get::<Option<i64>, _>(2)?.map(Millis),
    })
}

impl Store {
    /// How the sends stand, and whether those of an account are held.
    pub async fn progress(&self, account: &str) -> Result<Progress> {
        let mut connection = self.readers.acquire().await?;
        read(&mut connection, account).await
    }
}
