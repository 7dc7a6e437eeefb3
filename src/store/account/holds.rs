//! Holds of accounts after a restored backup or for a rebuild, and how they end. Also the rebuilds
//! that are not finished.

use std::time::Duration;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row};

use crate::domain::time::Millis;
use crate::store::attempts::Tries;
use crate::store::database::doubt::Doubt;
use crate::store::feedback::advance::advance;
use crate::store::feedback::folded::Folded;
use crate::store::feedback::matching::match_surveys;
use crate::store::feedback::row::{COLUMNS, FeedbackRow, known_row};
use crate::store::feedback::rows::write;
use crate::store::rebuild::surveys::{MadeSurvey, Making, link};
use crate::store::survey::decide;
use crate::store::{Result, Store};

/// A hold of an account's sends, after a restored backup or for a rebuild.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The instant by X's clock that X's events must be read past. Absent while X has not given the
    /// time since the hold began. Until then the hold has no end.
    pub until_at: Option<Millis>,
    /// The reason for not trusting the database. Absent if the hold belongs to a rebuild.
    pub doubt: Option<Doubt>,
}

impl Hold {
    /// Returns why and until when nothing is sent and what that means for closes, as the end of a
    /// line. X shows an event once it is `events_horizon` old.
    pub fn words(&self, events_horizon: Duration) -> String {
        let why = match self.doubt {
            Some(doubt) => format!("the database {}", doubt.words()),
            None => "its surveys are being rebuilt".to_owned(),
        };
        let until = match self.until_at {
            Some(at) => {
                let end = at.plus(events_horizon);
                format!("{}; that will be {} at the earliest", at.rfc3339(), end.rfc3339())
            }
            None => "a moment that X has yet to tell".to_owned(),
        };
        format!(
            "nothing is sent, for {why}, until X's events have been read past {until}. {}",
            Self::MEANWHILE
        )
    }

    /// The words for what a hold asks of the operator and what becomes of the closes.
    pub const MEANWHILE: &str = "Nothing need be done: it ends by itself. Closes are taken meanwhile and wait; those that \
         grow older than expire_after before its end are not asked";

    /// Returns the earliest instant at which the hold can end.
    pub fn end_at_least(&self, events_horizon: Duration, now: Millis) -> Millis {
        self.until_at.unwrap_or(now).plus(events_horizon).max(now)
    }
}

/// A rebuild that is under way or was broken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfinished {
    pub from: Millis,
    pub makes_surveys: bool,
}

impl Unfinished {
    /// Returns the command that resumes the rebuild.
    pub fn command(&self, account: &str) -> String {
        let surveys = if self.makes_surveys { "" } else { " --surveys never" };
        format!("surveyd rebuild --account {account} --from {}{surveys}", self.from.rfc3339())
    }
}

/// Keeps the earlier of two rebuilds. A hold of a doubt alone has no rebuild yet. Its null is less
/// than nothing, so it takes this one.
const HOLD: &str = "insert into restore_hold (account, restored_at, rebuild_from) \
     values ($1, $2, $3) on conflict (account) do update set rebuild_from = \
     case when restore_hold.rebuild_from < excluded.rebuild_from then restore_hold.rebuild_from \
     else excluded.rebuild_from end";

const DATE_HOLD: &str = "update restore_hold set until_at = $1 \
     where account = $2 and until_at is null";

/// Records that the account has an unfinished rebuild.
const INTEND: &str = "insert into rebuild (account, run, from_at, read_to, makes_surveys) \
     values ($1, '', $2, $2, 1) on conflict (account) do update set makes_surveys = 1";

/// Deletes only a rebuild for which nothing has been gathered yet.
const GIVE_UP: &str = "delete from rebuild where account = $1 and from_at = $2 \
     and read_to = from_at and not exists \
     (select 1 from rebuild_told t where t.account = rebuild.account)";

/// Locks the hold, so that it cannot begin again while it ends.
const LOCK: &str =
    "update restore_hold set account = account where account = $1 returning rebuild_from";

const UNMATCHED: &str = "account = $1 and survey_id is null and external_id is not null \
     and to_user_id is not null and coalesce(created_at, updated_at) >= $2 and id > $3 \
     order by id limit $4";

/// The most rows in one transaction.
const BATCH: i64 = 100;

impl Store {
    /// Returns the hold that an account's sends are under.
    pub async fn hold(&self, account: &str) -> Result<Option<Hold>> {
        read(&mut *self.readers.acquire().await?, account).await
    }

    /// Returns all accounts whose sends are held.
    pub async fn holds(&self) -> Result<Vec<(String, Hold)>> {
        let rows = sqlx::query("select account, until_at, why from restore_hold order by account")
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(|row| Ok((row.try_get("account")?, hold_of(row)?))).collect()
    }

    /// Sets the end of a hold that has none.
    pub async fn date_hold(&self, account: &str, until_at: Millis) -> Result<()> {
        let account = account.to_owned();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    sqlx::query(DATE_HOLD)
                        .bind(until_at.0)
                        .bind(account)
                        .execute(connection)
                        .await?;
                    Ok(())
                })
            })
            .await
    }

    /// Holds an account's sends for a rebuild that creates surveys. The hold lasts until the
    /// rebuild is finished, X has given its time and X's events are read past that time. X does not
    /// show the latest prompts before then. `now` is by our clock. An existing hold keeps its
    /// beginning and its end. It then also waits for this rebuild.
    pub async fn hold_for_rebuild(&self, account: &str, from: Millis, now: Millis) -> Result<()> {
        let account = account.to_owned();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    sqlx::query(HOLD)
                        .bind(account.as_str())
                        .bind(now.0)
                        .bind(from.0)
                        .execute(&mut *connection)
                        .await?;
                    sqlx::query(INTEND)
                        .bind(account.as_str())
                        .bind(from.0)
                        .execute(connection)
                        .await?;
                    Ok(())
                })
            })
            .await
    }

    /// Returns the unfinished rebuild of an account.
    pub async fn unfinished_rebuild(&self, account: &str) -> Result<Option<Unfinished>> {
        unfinished(&mut *self.readers.acquire().await?, account).await
    }

    /// Forgets a rebuild that has nothing to read yet.
    pub async fn give_up_rebuild(&self, account: &str, from: Millis) -> Result<()> {
        let account = account.to_owned();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    sqlx::query(GIVE_UP).bind(account).bind(from.0).execute(connection).await?;
                    Ok(())
                })
            })
            .await
    }

    /// Returns the instant from which X's events become surveys. Absent if no rebuild holds the
    /// account.
    pub async fn held_for_rebuild(&self, account: &str) -> Result<Option<Millis>> {
        let from: Option<Option<i64>> =
            sqlx::query_scalar("select rebuild_from from restore_hold where account = $1")
                .bind(account)
                .fetch_optional(&self.readers)
                .await?;
        Ok(from.flatten().map(Millis))
    }

    /// Ends an account's hold after a restored backup or a rebuild. Before a rebuild's hold ends,
    /// feedback that X has shown since the rebuild and that has no survey gets one. The hold
    /// continues while a rebuild that creates surveys is unfinished.
    pub async fn end_restore(
        &self,
        account: &str,
        making: &Making,
        now: Millis,
    ) -> Result<HoldEnd> {
        let mut all = HoldEnd::default();
        let mut after = Some(String::new());
        while let Some(behind) = after {
            let (account, making) = (account.to_owned(), making.clone());
            let (ended, last) = self
                .writer
                .run(move |connection| {
                    Box::pin(async move {
                        decide::guard_group(connection, &making.throttle_group).await?;
                        make_last(connection, &account, &making, behind, now).await
                    })
                })
                .await?;
            all.join(ended);
            after = last;
        }
        Ok(all)
    }
}

/// Returns the hold that an account's sends are under.
pub async fn read(connection: &mut AnyConnection, account: &str) -> Result<Option<Hold>> {
    let row = sqlx::query("select until_at, why from restore_hold where account = $1")
        .bind(account)
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(hold_of).transpose()
}

/// Returns the unfinished rebuild of an account.
pub async fn unfinished(
    connection: &mut AnyConnection,
    account: &str,
) -> Result<Option<Unfinished>> {
    let row = sqlx::query("select from_at, makes_surveys from rebuild where account = $1")
        .bind(account)
        .fetch_optional(connection)
        .await?;
    row.map(|row| {
        let makes_surveys = row.try_get::<i64, _>("makes_surveys")? != 0;
        Ok(Unfinished { from: row.try_get("from_at")?, makes_surveys })
    })
    .transpose()
}

fn hold_of(row: &AnyRow) -> Result<Hold> {
    let why: Option<String> = row.try_get("why")?;
    let doubt = why.and_then(|why| Doubt::parse(&why));
    Ok(Hold { until_at: row.try_get("until_at")?, doubt })
}

/// The result of ending a hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HoldEnd {
    /// True if the hold has ended. False if there was none or a rebuild that creates surveys is
    /// unfinished.
    pub is_over: bool,
    /// True if the hold belonged to a rebuild.
    pub of_rebuild: bool,
    pub made: Vec<MadeSurvey>,
    /// The changes to surveys that existed already.
    pub folded: Folded,
}

impl HoldEnd {
    fn join(&mut self, next: Self) {
        self.is_over = next.is_over;
        self.of_rebuild |= next.of_rebuild;
        self.made.extend(next.made);
        self.folded.settled.extend(next.folded.settled);
        self.folded.answered.extend(next.folded.answered);
    }
}

/// Creates the surveys of the rows after `after`. Ends the hold if there are no more rows.
/// Otherwise returns the last row's id.
async fn make_last(
    connection: &mut AnyConnection,
    account: &str,
    making: &Making,
    after: String,
    now: Millis,
) -> Result<(HoldEnd, Option<String>)> {
    let mut ended = HoldEnd::default();
    let held: Option<Option<i64>> =
        sqlx::query_scalar(LOCK).bind(account).fetch_optional(&mut *connection).await?;
    let Some(from) = held else { return Ok((ended, None)) };
    let unfinished: Option<i64> =
        sqlx::query_scalar("select from_at from rebuild where account = $1 and makes_surveys <> 0")
            .bind(account)
            .fetch_optional(&mut *connection)
            .await?;
    if unfinished.is_some() {
        return Ok((ended, None));
    }
    if let Some(from) = from {
        ended.of_rebuild = true;
        let mut tries = Tries::begin(connection).await?;
        let rows = loop {
            let mut rows = unmatched(connection, account, (from, &after)).await?;
            match_surveys(connection, account, rows.iter_mut().collect()).await?;
            ended.made = link(connection, account, rows.iter_mut().collect(), making, now).await?;
            let linked: Vec<&FeedbackRow> =
                rows.iter().filter(|row| row.survey_id.is_some()).collect();
            if write(connection, account, &linked).await? {
                break rows;
            }
            tries.again(connection).await?;
        };
        advance(connection, rows.iter(), now, &mut ended.folded).await?;
        if rows.len() == usize::try_from(BATCH).unwrap_or(usize::MAX) {
            return Ok((ended, rows.last().map(|row| row.feedback.id.to_string())));
        }
    }
    sqlx::query("delete from restore_hold where account = $1")
        .bind(account)
        .execute(&mut *connection)
        .await?;
    ended.is_over = true;
    Ok((ended, None))
}

async fn unmatched(
    connection: &mut AnyConnection,
    account: &str,
    (from, after): (i64, &str),
) -> Result<Vec<FeedbackRow>> {
    let sql = format!("select {COLUMNS} from feedback where {UNMATCHED}");
    let found = sqlx::query(AssertSqlSafe(sql)).bind(account).bind(from).bind(after).bind(BATCH);
    found.fetch_all(connection).await?.iter().map(known_row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn a_hold_says_why_until_when_and_what_becomes_of_the_closes() {
        let until_at = Millis::from_rfc3339("2026-11-22T08:00:00Z").ok();
        let hold = Hold { until_at, doubt: Some(Doubt::Other) };
        assert_eq!(
            hold.words(DAY),
            "nothing is sent, for the database is new, or another one than the one that sent last, until \
             X's events have been read past 2026-11-22T08:00:00.000Z; that will be 2026-11-23T08:00:00.000Z \
             at the earliest. Nothing need be done: it ends by itself. Closes are taken meanwhile and \
             wait; those that grow older than expire_after before its end are not asked"
        );
        let rebuild = Hold { until_at: None, doubt: None };
        assert_eq!(
            rebuild.words(DAY),
            format!(
                "nothing is sent, for its surveys are being rebuilt, until X's events have been read \
                 past a moment that X has yet to tell. {}",
                Hold::MEANWHILE
            )
        );
    }

    #[test]
    fn a_hold_ends_when_x_tells_of_its_moment_and_not_before_now() {
        let hold = |until_at| Hold { until_at, doubt: Some(Doubt::Older) };
        let now = Millis(100_000_000);
        assert_eq!(hold(Some(Millis(50_000_000))).end_at_least(DAY, now), Millis(136_400_000));
        assert_eq!(hold(Some(Millis(1_000))).end_at_least(DAY, now), now);
        assert_eq!(hold(None).end_at_least(DAY, now), now.plus(DAY));
    }
}
