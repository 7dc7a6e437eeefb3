//! Judges hints by X's events.

use sqlx::{AnyConnection, AssertSqlSafe};

use super::advance::withdraw;
use super::folded::Folded;
use super::row::{COLUMNS, FeedbackRow, known_row};
use super::rows::write;
use crate::domain::time::Millis;
use crate::store::Result;
use crate::store::events::unread;

/// The line of history of an answer that is withdrawn.
const UNKNOWN: &str = "X's events do not know the answer that its webhook told";

/// The most hints that are judged in one statement.
const BATCH: i64 = 100;

/// Judges every hint whose period has been read, up to `read_to`. A hint that a gap may still
/// confirm waits until that gap is read.
pub async fn judge(
    connection: &mut AnyConnection,
    account: &str,
    read_to: Millis,
    now: Millis,
    folded: &mut Folded,
) -> Result<()> {
    let locked = format!(
        "update feedback set folds = folds + 1 where account = $1 and id in \
         (select id from feedback where account = $1 and judged_by <= $2 and hints_wait = 0 \
         order by id limit {BATCH}) returning {COLUMNS}"
    );
    loop {
        let rows = sqlx::query(AssertSqlSafe(locked.clone()))
            .bind(account)
            .bind(read_to.0)
            .fetch_all(&mut *connection)
            .await?;
        if rows.is_empty() {
            return Ok(());
        }
        let mut judged = Vec::with_capacity(rows.len());
        for row in &rows {
            let mut row = known_row(row)?;
            if may_be_unread(connection, account, &row).await? {
                wait(connection, account, &row).await?;
                continue;
            }
            if row.feedback.judge() {
                folded.refuted.push((row.survey_id.clone(), row.feedback.id.clone()));
            }
            if let Some(id) = row.survey_id.as_ref().filter(|_| !row.feedback.is_answered()) {
                withdraw(connection, id, UNKNOWN, now).await?;
            }
            judged.push(row);
        }
        // The rows are locked, so no other worker has written them since.
        write(connection, account, &judged.iter().collect::<Vec<_>>()).await?;
    }
}

/// True if an event in a gap may confirm the hints of a row.
async fn may_be_unread(
    connection: &mut AnyConnection,
    account: &str,
    row: &FeedbackRow,
) -> Result<bool> {
    let Some(range) = row.feedback.judged_over() else { return Ok(false) };
    Ok(!unread::touching(connection, account, range).await?.is_empty())
}

async fn wait(connection: &mut AnyConnection, account: &str, row: &FeedbackRow) -> Result<()> {
    sqlx::query("update feedback set hints_wait = 1 where account = $1 and id = $2")
        .bind(account)
        .bind(row.feedback.id.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

/// Lets all waiting hints of an account be judged again because more events have been read.
pub async fn wait_no_more(connection: &mut AnyConnection, account: &str) -> Result<()> {
    sqlx::query("update feedback set hints_wait = 0 where account = $1 and hints_wait = 1")
        .bind(account)
        .execute(connection)
        .await?;
    Ok(())
}
