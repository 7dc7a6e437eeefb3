//! Corrects instants that a clock that ran ahead has left in the future.
//!
//! An instant on record cannot lie in the future of every clock. Such an instant is replaced by
//! now. Otherwise its row would wait or count until the clocks reached it.

use std::time::Duration;

use sqlx::AssertSqlSafe;

use crate::domain::time::Millis;
use crate::store::{Result, Store};

/// How far the clocks of daemons that share a database may differ.
pub const DAEMONS_APART: Duration = Duration::from_secs(60);

/// The longest wait that a survey can have. X's day and the quiet hours are the longest causes.
const WAIT_MOST: Duration = Duration::from_secs(26 * 60 * 60);

/// Selects surveys that must not wait any longer:
///
/// - those put off or accepted at an instant in the future
/// - those that wait longer than any wait lasts
/// - those that are too late anyway
const PUT_OFF: &str = "account = $1 and state = 'scheduled' and try_at > $2 \
     and (coalesce(put_off_at, accepted_at) > $3 or (try_at > due_at and try_at > $4) \
     or closed_at < $5)";

/// Counts the delay of a survey that nobody has looked at yet from now.
const TRY_NOW: &str = "update survey set put_off_at = $2, try_at = case \
     when closed_at >= $5 and try_at = due_at and due_at > closed_at \
     and $2 + due_at - closed_at < try_at then $2 + due_at - closed_at else $2 end where ";

/// Leaves out a survey without a known outcome, which [`REDATE`] dates together with its request.
const SPENT_NOW: &str = "update survey set spent_at = $2, \
     sent_at = case when sent_at > $2 then $2 else sent_at end \
     where account = $1 and spent_at > $3 and state not in ('sending', 'uncertain')";

const DRY_NOW: &str = "update survey set dry_at = $2 where account = $1 and dry_at > $3";

/// Corrects each instant by the clock that dated it. A request dated later than now began at most a
/// day ago because X accepts no request signed by a clock a day ahead.
const REDATE: &str = "update survey set \
     begun_at = case when begun_at > $5 then $5 - 86400000 else begun_at end, \
     given_up_at = case when given_up_at > $2 then $2 else given_up_at end, \
     given_up_here = case when coalesce(given_up_here, given_up_at) > $3 then $3 \
     else coalesce(given_up_here, given_up_at) end, \
     spent_at = case when spent_at > $4 then $4 else spent_at end \
     where account = $1 and state = 'uncertain' \
     and (given_up_at > $2 or coalesce(given_up_here, given_up_at) > $3)";

/// Drops the window under way because the instants it was chosen from have changed.
const READ_FROM: &str = "update reading set \
     done_to = case when done_to > $2 then $2 else done_to end, \
     goal = case when goal > $2 then $2 else goal end, \
     begun_from = case when begun_from > $2 then $2 else begun_from end, \
     window_from = null, window_to = null, cursor = null, is_partly_read = 0, x_ahead = null \
     where account = $1 and (done_to > $2 or goal > $2)";

const UNDATE_HOLD: &str =
    "update restore_hold set until_at = null where account = $1 and until_at = $2";

impl Store {
    /// Makes due the surveys that a clock that ran ahead has put off. Does the same for waiting
    /// surveys whose conversation closed before `closed_before`. Returns how many there were.
    pub async fn pull_back_tries(
        &self,
        account: &str,
        closed_before: Millis,
        now: Millis,
    ) -> Result<u64> {
        let bounds = [now, now.plus(DAEMONS_APART), now.plus(WAIT_MOST), closed_before];
        self.pull_back((TRY_NOW, PUT_OFF), account, bounds).await
    }

    /// Makes a change to the surveys that meet a condition. Writes only if there is one. Both texts
    /// take the account and the bounds as their values. Returns how many surveys there were.
    pub(in crate::store) async fn pull_back(
        &self,
        (change, condition): (&'static str, &'static str),
        account: &str,
        bounds: [Millis; 4],
    ) -> Result<u64> {
        let find = format!("select id from survey where {condition} order by id limit 1");
        let found = sqlx::query_scalar(AssertSqlSafe(find)).bind(account);
        let found = bounds.iter().fold(found, |found, bound| found.bind(bound.0));
        let found: Option<String> = found.fetch_optional(&self.readers).await?;
        if found.is_none() {
            return Ok(0);
        }
        let account = account.to_owned();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let sql = AssertSqlSafe(format!("{change}{condition}"));
                    let pulled = sqlx::query(sql).bind(account);
                    let pulled = bounds.iter().fold(pulled, |pulled, bound| pulled.bind(bound.0));
                    Ok(pulled.execute(connection).await?.rows_affected())
                })
            })
            .await
    }

    /// Dates prompts that are dated after `after` at `latest`. Includes the prompts of a dry run.
    /// Returns how many there were.
    pub async fn pull_back_spent(
        &self,
        account: &str,
        latest: Millis,
        after: Millis,
    ) -> Result<u64> {
        let account = account.to_owned();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let mut pulled = 0;
                    for sql in [SPENT_NOW, DRY_NOW] {
                        let one = sqlx::query(sql).bind(account.as_str());
                        let one =
                            one.bind(latest.0).bind(after.0).execute(&mut *connection).await?;
                        pulled += one.rows_affected();
                    }
                    Ok(pulled)
                })
            })
            .await
    }

    /// Corrects uncertain requests whose end lies in the future by X's clock or by ours. Such a
    /// request is dated as ended at `at_x` and `here`, the latest possible instants by the two
    /// clocks. No request began after `now_at_x`. The requests count as sent until `spent_at` at
    /// the latest.
    pub async fn redate_unsettled(
        &self,
        account: &str,
        now_at_x: Millis,
        (at_x, here): (Millis, Millis),
        spent_at: Millis,
    ) -> Result<u64> {
        let account = account.to_owned();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let redated = sqlx::query(REDATE)
                        .bind(account)
                        .bind(at_x.0)
                        .bind(here.0)
                        .bind(spent_at.0)
                        .bind(now_at_x.0);
                    Ok(redated.execute(connection).await?.rows_affected())
                })
            })
            .await
    }

    /// Moves the readings of an account's events back to `to` at most. Returns true if any moved.
    pub async fn pull_back_readings(&self, account: &str, to: Millis) -> Result<bool> {
        let account = account.to_owned();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let pulled = sqlx::query(READ_FROM).bind(account).bind(to.0);
                    Ok(pulled.execute(connection).await?.rows_affected() > 0)
                })
            })
            .await
    }

    /// Clears the end of a hold that X's clock has put in the future. surveyd then asks X again.
    pub async fn undate_hold(&self, account: &str, until_at: Millis) -> Result<()> {
        let account = account.to_owned();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    sqlx::query(UNDATE_HOLD)
                        .bind(account)
                        .bind(until_at.0)
                        .execute(connection)
                        .await?;
                    Ok(())
                })
            })
            .await
    }
}
