//! Deletes what is too old to be told, a few rows at a time.

use std::time::Duration;

use sqlx::Row as _;

use crate::domain::alert::TOLD_FOR;
use crate::domain::time::Millis;
use crate::store::{Result, Store};

/// The most messages and the most facts that one turn deletes.
const TURN: i64 = 500;

/// A fact outlives its messages. An answer that is not told any more for its age must not be a new
/// fact either.
const FACT_MARGIN: Duration = Duration::from_secs(24 * 60 * 60);

/// What one turn has deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// How many messages went that were never sent, by alert. A summary counts as what it stands
    /// for.
    pub unsent: Vec<(String, u64)>,
    /// True if more may be left.
    pub is_full: bool,
}

const MESSAGES: &str = "delete from alert_message where id in \
     (select id from alert_message where at < $1 order by at limit $2) \
     returning alert, ended_at, covers";

const FACTS: &str = "delete from alert_fact where seq in \
     (select seq from alert_fact where at < $1 order by at limit $2)";

const OLD: &str = "select (select count(*) from alert_message where at < $1) \
     + (select count(*) from alert_fact where at < $2) as old";

impl Store {
    /// Deletes messages of more than seven days ago and facts of more than eight, at most 500 of
    /// each. Nothing is written if there are none.
    pub async fn sweep_alerts(&self, now: Millis) -> Result<Swept> {
        let messages_before = now.minus(TOLD_FOR);
        let facts_before = messages_before.minus(FACT_MARGIN);
        let old = sqlx::query(OLD).bind(messages_before.0).bind(facts_before.0);
        if old.fetch_one(&self.readers).await?.try_get::<i64, _>("old")? == 0 {
            return Ok(Swept::default());
        }
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let messages = sqlx::query(MESSAGES)
                        .bind(messages_before.0)
                        .bind(TURN)
                        .fetch_all(&mut *connection)
                        .await?;
                    let facts = sqlx::query(FACTS).bind(facts_before.0).bind(TURN);
                    let facts = facts.execute(connection).await?.rows_affected();
                    let turn = u64::try_from(TURN).unwrap_or(u64::MAX);
                    let is_full = messages.len() as u64 >= turn || facts >= turn;
                    let mut swept = Swept { is_full, ..Swept::default() };
                    for row in &messages {
                        if row.try_get::<Option<Millis>, _>("ended_at")?.is_none() {
                            let covers: i64 = row.try_get("covers")?;
                            swept.count(row.try_get("alert")?, u64::try_from(covers).unwrap_or(0));
                        }
                    }
                    Ok(swept)
                })
            })
            .await
    }
}

impl Swept {
    fn count(&mut self, alert: String, messages: u64) {
        match self.unsent.iter_mut().find(|(name, _)| *name == alert) {
            Some((_, count)) => *count += messages,
            None => self.unsent.push((alert, messages)),
        }
    }
}
