//! What X's webhook has told, judged by X's events.

use sqlx::{AnyConnection, AssertSqlSafe};

use super::Result;
use super::advance::withdraw;
use super::feedback::{COLUMNS, known_row, write};
use super::fold::Folded;

use crate::domain::time::Millis;

/// Hints judged in one statement.
const BATCH: i64 = 100;

/// Judges the hints that the events, read up to `read_to`, have told all about.
pub async fn judge(
    connection: &mut AnyConnection,
    account: &str,
    read_to: Millis,
    now: Millis,
    folded: &mut Folded,
) -> Result<()> {
    let locked = format!(
        "update feedback set folds = folds + 1 where account = $1 and id in \
         (select id from feedback where account = $1 and judged_by <= $2 order by id limit {BATCH}) \
         returning {COLUMNS}"
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
        let mut judged = rows.iter().map(known_row).collect::<Result<Vec<_>>>()?;
        for row in &mut judged {
            if row.feedback.judge() {
                folded.refuted.push((row.survey_id.clone(), row.feedback.id.clone()));
            }
            if let Some(id) = row.survey_id.as_ref().filter(|_| !row.feedback.is_answered()) {
                withdraw(connection, id, now).await?;
            }
        }
        // They are locked: nobody has written them since.
        write(connection, account, &judged.iter().collect::<Vec<_>>()).await?;
    }
}
