//! What X's webhook has told, judged by X's events.

use sqlx::{AnyConnection, AssertSqlSafe};

use super::advance::withdraw;
use super::folded::Folded;
use super::row::{COLUMNS, FeedbackRow, known_row};
use super::rows::write;
use crate::domain::time::Millis;
use crate::store::Result;
use crate::store::events::unread;

/// Hints judged in one statement.
const BATCH: i64 = 100;

/// Judges the hints that the events, read up to `read_to`, have told all about. Those that a
/// stretch which could not be read may bear out wait until it is.
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
                withdraw(connection, id, now).await?;
            }
            judged.push(row);
        }
        // They are locked: nobody has written them since.
        write(connection, account, &judged.iter().collect::<Vec<_>>()).await?;
    }
}

/// Whether an event that has not been read may bear the hints of a row out.
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

/// Lets all hints of an account be judged anew: more of the events has been read.
pub async fn wait_no_more(connection: &mut AnyConnection, account: &str) -> Result<()> {
    sqlx::query("update feedback set hints_wait = 0 where account = $1 and hints_wait = 1")
        .bind(account)
        .execute(connection)
        .await?;
    Ok(())
}
