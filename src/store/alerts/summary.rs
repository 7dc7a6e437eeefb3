//! Puts one message in the place of many.
//!
//! Each message that a summary stands for names it. A summary that goes into another takes those
//! along, so they always name the one that is sent.

use sqlx::{AnyConnection, Row as _};

use super::fan_out::new_id;
use crate::domain::alert::{SINGLY_MOST, TOLD_FOR};
use crate::domain::time::Millis;
use crate::store::Result;

/// The most messages that one summary stands for. What is left has a summary of its own.
const COVERED_MAX: i64 = 5_000;

/// Those that wait for their comment only are left alone.
const WAITING: &str = "select count(*) as waiting from alert_message where alert = $1 and type = $2 \
     and ended_at is null and (due_at <= $3 or tries > 0)";

const COVER: &str = "update alert_message set ended_at = $1, outcome = 'summed', into_message = $2 \
     where ended_at is null and id in (select id from alert_message where alert = $3 and type = $4 \
     and ended_at is null and (due_at <= $5 or tries > 0) order by since, id limit $6) \
     returning covers, since";

const TAKE_ALONG: &str = "update alert_message set into_message = $1 where into_message in \
     (select id from alert_message where into_message = $2 and fact_seq is null)";

const MAKE: &str = "insert into alert_message (id, alert, type, fact_key, at, covers, since, \
     due_at, tries) values ($1, $2, $3, $4, $5, $6, $7, $8, 0)";

/// Makes a summary if too many messages of one type wait for an alert. Returns how many messages it
/// stands for.
pub async fn summarize(
    connection: &mut AnyConnection,
    alert: &str,
    alert_type: &str,
    now: Millis,
) -> Result<u64> {
    let waiting = sqlx::query(WAITING)
        .bind(alert)
        .bind(alert_type)
        .bind(now.0)
        .fetch_one(&mut *connection)
        .await?;
    let waiting: i64 = waiting.try_get("waiting")?;
    if usize::try_from(waiting).unwrap_or(0) <= SINGLY_MOST {
        return Ok(0);
    }
    let id = new_id();
    let covered = sqlx::query(COVER)
        .bind(now.0)
        .bind(id.as_str())
        .bind(alert)
        .bind(alert_type)
        .bind(now.0)
        .bind(COVERED_MAX)
        .fetch_all(&mut *connection)
        .await?;
    let (mut covers, mut since) = (0, now);
    for row in &covered {
        covers += row.try_get::<i64, _>("covers")?;
        since = since.min(row.try_get("since")?);
    }
    sqlx::query(TAKE_ALONG).bind(id.as_str()).bind(id.as_str()).execute(&mut *connection).await?;
    sqlx::query(MAKE)
        .bind(id.as_str())
        .bind(alert)
        .bind(alert_type)
        .bind(format!("summary:{id}"))
        .bind(now.0)
        .bind(covers)
        .bind(since.0)
        .bind(now.0)
        .execute(connection)
        .await?;
    Ok(u64::try_from(covered.len()).unwrap_or(u64::MAX))
}

const LEFT: &str = "select count(*) as covers, min(since) as since from alert_message \
     where into_message = $1 and outcome = 'summed' and fact_seq is not null and at >= $2";

/// A summary that stands for nothing any more ends.
const RECOUNT: &str = "update alert_message set covers = $1, since = coalesce($2, since), \
     ended_at = case when $3 > 0 then ended_at else $4 end, \
     outcome = case when $5 > 0 then outcome else 'dropped' end where id = $6";

/// Lets a summary that counts `before` count no more what has become too old. Returns how many
/// went.
pub async fn recount(
    connection: &mut AnyConnection,
    summary: &str,
    before: u64,
    now: Millis,
) -> Result<u64> {
    let left = sqlx::query(LEFT).bind(summary).bind(now.minus(TOLD_FOR).0);
    let left = left.fetch_one(&mut *connection).await?;
    let covers: i64 = left.try_get("covers")?;
    let since: Option<Millis> = left.try_get("since")?;
    let dropped = before.saturating_sub(u64::try_from(covers).unwrap_or(0));
    if dropped > 0 {
        sqlx::query(RECOUNT)
            .bind(covers)
            .bind(since.map(|since| since.0))
            .bind(covers)
            .bind(now.0)
            .bind(covers)
            .bind(summary)
            .execute(connection)
            .await?;
    }
    Ok(dropped)
}
