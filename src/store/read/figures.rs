//! The figures that are asked for again and again.
//!
//! They are counts of surveys by state, of due surveys and of each account. Each is read from an
//! index or a small table alone. They use a connection of their own and so take none from the
//! workers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sqlx::Row;

use crate::domain::budget::Call;
use crate::domain::survey::State;
use crate::domain::time::Millis;
use crate::store::account::budgets;
use crate::store::{Engine, PollState, Result, Store};

/// The state of the whole database.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// Counts of all states in the order of a survey's life, zeros included.
    pub by_state: Vec<(&'static str, i64)>,
    /// The longest due survey that waits, and the next to become due.
    pub oldest_due: Option<Millis>,
    pub next_due: Option<Millis>,
    pub database_bytes: i64,
}

impl Status {
    fn add(&mut self, state: &str, count: i64) {
        if let Some((_, counted)) = self.by_state.iter_mut().find(|(known, _)| *known == state) {
            *counted += count;
        }
    }
}

/// The figures of one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountFigures {
    /// Prompts that may have been sent since the instant asked for.
    pub prompts: i64,
    /// The lag of the events that have been read. Absent if none has been read.
    pub events_behind: Option<Duration>,
    pub is_paused: bool,
    /// True if its sends are held, after a restored backup or for a rebuild.
    pub is_held: bool,
    /// How many calls it may make now, for those kinds that it has made.
    pub calls_left: BTreeMap<Call, u32>,
}

/// Names the states as the indexes do. Otherwise neither engine would use these indexes.
const BY_STATE: &str = "\
     select 'scheduled' as state, count(*) as surveys, \
     min(case when due_at <= $1 then due_at end) as oldest_due, \
     min(case when due_at > $1 then due_at end) as next_due from survey where state = 'scheduled' \
     union all select 'sending', count(*), cast(null as bigint), cast(null as bigint) \
     from survey where state = 'sending' \
     union all select 'uncertain', count(*), cast(null as bigint), cast(null as bigint) \
     from survey where state = 'uncertain' \
     union all select 'prompted', count(*), cast(null as bigint), cast(null as bigint) \
     from survey where feedback_id is not null \
     union all select 'answered', cast(coalesce(sum(surveys), 0) as bigint), \
     cast(null as bigint), cast(null as bigint) from answered \
     union all select state, count(*), cast(null as bigint), cast(null as bigint) from survey \
     where state in ('suppressed', 'cancelled', 'expired', 'failed') group by state";

/// The surveys with a feedback id, answered ones included. Those not answered are sent.
const PROMPTED: &str = "prompted";

const PROMPTS: &str = "select count(*) from survey where account = $1 and spent_at > $2";

const READ_TO: &str = "select account, done_to, done_at, x_ahead from reading where what = 'first'";

const PAUSED: &str = "select account from paused_account where resumed_at is null";

const HELD: &str = "select account from restore_hold";

impl Store {
    pub async fn status(&self, now: Millis) -> Result<Status> {
        let mut connection = self.onlooker.acquire().await?;
        let mut status = Status {
            by_state: State::NAMES.into_iter().map(|name| (name, 0)).collect(),
            ..Status::default()
        };
        for row in &sqlx::query(BY_STATE).bind(now.0).fetch_all(&mut *connection).await? {
            let (name, count): (String, i64) = (row.try_get("state")?, row.try_get("surveys")?);
            match name.as_str() {
                PROMPTED => status.add("sent", count),
                "answered" => {
                    status.add("sent", -count);
                    status.add("answered", count);
                }
                other => status.add(other, count),
            }
            status.oldest_due = status.oldest_due.or(row.try_get("oldest_due")?);
            status.next_due = status.next_due.or(row.try_get("next_due")?);
        }
        let size = match self.location.engine {
            Engine::Sqlite => {
                "select page_count * page_size from pragma_page_count(), pragma_page_size()"
            }
            Engine::Postgres => "select pg_database_size(current_database())",
        };
        status.database_bytes = sqlx::query_scalar(size).fetch_one(&mut *connection).await?;
        Ok(status)
    }

    /// Returns the figures of each account, with its prompts after `since`.
    pub async fn account_figures(
        &self,
        accounts: &[String],
        since: Millis,
        now: Millis,
    ) -> Result<BTreeMap<String, AccountFigures>> {
        let mut connection = self.onlooker.acquire().await?;
        let mut behind = BTreeMap::new();
        for row in &sqlx::query(READ_TO).fetch_all(&mut *connection).await? {
            let read = PollState {
                done_to: row.try_get("done_to")?,
                done_at: row.try_get("done_at")?,
                x_ahead: row.try_get("x_ahead")?,
                ..PollState::default()
            };
            behind.insert(row.try_get::<String, _>("account")?, read.lag(now, Duration::ZERO));
        }
        let paused = sqlx::query_scalar(PAUSED).fetch_all(&mut *connection).await?;
        let paused: BTreeSet<String> = paused.into_iter().collect();
        let held = sqlx::query_scalar(HELD).fetch_all(&mut *connection).await?;
        let held: BTreeSet<String> = held.into_iter().collect();
        let mut calls_left = budgets::all_left(&mut connection, now).await?;
        let mut figures = BTreeMap::new();
        for account in accounts {
            let prompts = sqlx::query_scalar(PROMPTS).bind(account.as_str()).bind(since.0);
            let of_account = AccountFigures {
                prompts: prompts.fetch_one(&mut *connection).await?,
                events_behind: behind.get(account).copied().flatten().map(|lag| lag.whole),
                is_paused: paused.contains(account),
                is_held: held.contains(account),
                calls_left: calls_left.remove(account).unwrap_or_default(),
            };
            figures.insert(account.clone(), of_account);
        }
        Ok(figures)
    }
}

#[cfg(test)]
mod tests {
    use sqlx::AssertSqlSafe;

    use super::*;
    use crate::store::Location;

    #[tokio::test]
    async fn counting_reads_no_row_of_the_surveys_themselves() {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::parse("sqlite:surveyd.db", folder.path()).unwrap();
        let store = Store::open(&location).await.unwrap();
        let plan = format!("explain query plan {BY_STATE}");
        let plan = sqlx::query(AssertSqlSafe(plan)).bind(1_i64).fetch_all(&store.onlooker);
        let steps = plan.await.unwrap();
        let steps: Vec<String> = steps.iter().map(|step| step.try_get("detail").unwrap()).collect();
        let readings: Vec<_> = steps.iter().filter(|step| step.contains(" survey")).collect();
        assert_eq!(readings.len(), 5, "{steps:?}");
        for reading in readings {
            assert!(reading.contains("USING COVERING INDEX"), "{steps:?}");
        }
        store.close().await;
    }
}
