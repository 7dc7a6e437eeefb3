//! Takes what was refuted out of messages that stand for many.

use std::collections::BTreeMap;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

use crate::domain::time::Millis;
use crate::store::Result;

/// The messages that wait, and those that a waiting summary stands for.
pub const NOT_YET_TOLD: &str = "(ended_at is null or (outcome = 'summed' and into_message in \
     (select id from alert_message where ended_at is null)))";

/// A summary that stands for nothing any more ends.
const UNCOUNT: &str = "update alert_message set covers = covers - $1, \
     ended_at = case when covers > $2 then ended_at else $3 end, \
     outcome = case when covers > $4 then outcome else 'refuted' end \
     where id = $5 and ended_at is null";

/// Lets summaries that wait count the messages no more that were refuted. `rows` are those messages
/// with their `into_message`.
pub async fn uncount(connection: &mut AnyConnection, rows: &[AnyRow], now: Millis) -> Result<()> {
    let mut refuted: BTreeMap<String, i64> = BTreeMap::new();
    for row in rows {
        if let Some(summary) = row.try_get("into_message")? {
            *refuted.entry(summary).or_default() += 1;
        }
    }
    for (summary, count) in refuted {
        sqlx::query(UNCOUNT)
            .bind(count)
            .bind(count)
            .bind(now.0)
            .bind(count)
            .bind(summary)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
