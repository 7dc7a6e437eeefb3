//! The events of X that could not be read.
//!
//! Single events of unknown kinds are kept as they came. A range of time that was not read in full
//! is a gap. A gap is kept until it is read because it may hold something that is not on record.

use ring::digest::{SHA256, digest};
use sqlx::{AnyConnection, Row};

use crate::domain::event_windows::UnreadReason;
use crate::domain::time::{Millis, Period};
use crate::store::person::screen;
use crate::store::{Error, Result, Store};

/// A gap: a range of events that has not been read in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unread {
    pub range: Period,
    pub why: UnreadReason,
    /// The instant at which the gap was first met, by our clock.
    pub met_at: Millis,
}

/// An event kept as it came. Its digest names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownEvent {
    pub digest: String,
    pub body: String,
}

impl UnknownEvent {
    pub fn of(body: String) -> Self {
        let hash = digest(&SHA256, body.as_bytes());
        let digest = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        Self { digest, body }
    }
}

/// The most gaps that are read, the newest first. With more gaps X's events have been unusable for
/// so long that single gaps tell nothing.
pub const STRETCHES_MAX: i64 = 1_000;

const TOUCHING: &str = "select why, from_at, to_at, met_at from unread where account = $1 \
     and from_at <= $2 and to_at >= $3 order by to_at desc limit $4";

const FORGET: &str = "delete from unread where account = $1 and why = $2 and from_at = $3";

const KEEP: &str = "insert into unread (account, why, from_at, to_at, met_at) \
     values ($1, $2, $3, $4, $5) on conflict (account, why, from_at) do update set \
     to_at = case when excluded.to_at > unread.to_at then excluded.to_at else unread.to_at end";

impl Store {
    /// Keeps events of kinds that surveyd does not know.
    pub async fn keep_unknown(
        &self,
        account: &str,
        events: Vec<UnknownEvent>,
        now: Millis,
    ) -> Result<()> {
        let account = account.to_owned();
        self.writer
            .run(move |connection| {
                Box::pin(async move { keep_raw(connection, &account, events, now).await })
            })
            .await
    }

    /// Returns the gaps that `range` touches, the newest first.
    pub async fn unread(&self, account: &str, range: Period) -> Result<Vec<Unread>> {
        touching(&mut *self.readers.acquire().await?, account, range).await
    }
}

/// Returns the gaps that `range` touches, the newest first.
pub async fn touching(
    connection: &mut AnyConnection,
    account: &str,
    range: Period,
) -> Result<Vec<Unread>> {
    let rows = sqlx::query(TOUCHING)
        .bind(account)
        .bind(range.to.0)
        .bind(range.from.0)
        .bind(STRETCHES_MAX)
        .fetch_all(connection)
        .await?;
    let of = |row: &sqlx::any::AnyRow| {
        let why: String = row.try_get("why")?;
        let why = UnreadReason::ALL.into_iter().find(|known| known.as_str() == why);
        Ok(Unread {
            why: why.ok_or_else(|| Error::Broken("a stretch unread for no known reason".into()))?,
            range: Period { from: row.try_get("from_at")?, to: row.try_get("to_at")? },
            met_at: row.try_get("met_at")?,
        })
    };
    rows.iter().map(of).collect()
}

/// Records a gap and joins it with the gaps of its kind that it touches. Returns the gap if all of
/// it is new.
pub async fn note(
    connection: &mut AnyConnection,
    account: &str,
    why: UnreadReason,
    range: Period,
    now: Millis,
) -> Result<Option<Unread>> {
    let news = Unread { range, why, met_at: now };
    let mut whole = news;
    for known in touching(connection, account, range.widened()).await? {
        if known.why == why {
            forget(connection, account, &known).await?;
            whole.range.from = whole.range.from.min(known.range.from);
            whole.range.to = whole.range.to.max(known.range.to);
            whole.met_at = whole.met_at.min(known.met_at);
        }
    }
    keep(connection, account, &whole).await?;
    Ok((whole == news).then_some(news))
}

/// Records that a range has been read in full. Returns an entry for each gap that this touched. The
/// entry holds the gap if nothing of it is left.
pub async fn is_read(
    connection: &mut AnyConnection,
    account: &str,
    range: Period,
) -> Result<Vec<Option<Unread>>> {
    let mut read = Vec::new();
    for known in touching(connection, account, range).await? {
        forget(connection, account, &known).await?;
        let left = known.range.without(range);
        for range in &left {
            keep(connection, account, &Unread { range: *range, ..known }).await?;
        }
        read.push(left.is_empty().then_some(known));
    }
    Ok(read)
}

async fn forget(connection: &mut AnyConnection, account: &str, unread: &Unread) -> Result<()> {
    sqlx::query(FORGET)
        .bind(account)
        .bind(unread.why.as_str())
        .bind(unread.range.from.0)
        .execute(connection)
        .await?;
    Ok(())
}

async fn keep(connection: &mut AnyConnection, account: &str, unread: &Unread) -> Result<()> {
    sqlx::query(KEEP)
        .bind(account)
        .bind(unread.why.as_str())
        .bind(unread.range.from.0)
        .bind(unread.range.to.0)
        .bind(unread.met_at.0)
        .execute(connection)
        .await?;
    Ok(())
}

/// Keeps events as they came, each once.
pub async fn keep_raw(
    connection: &mut AnyConnection,
    account: &str,
    events: Vec<UnknownEvent>,
    now: Millis,
) -> Result<()> {
    let events = screen::texts(connection, events, |event| event.body.clone()).await?;
    for event in events {
        sqlx::query(
            "insert into unknown_event (account, digest, seen_at, body) values ($1, $2, $3, $4) \
             on conflict (account, digest) do nothing",
        )
        .bind(account)
        .bind(event.digest)
        .bind(now.0)
        .bind(event.body)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
