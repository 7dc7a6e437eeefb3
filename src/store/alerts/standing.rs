//! Says how alerts do, and sets one that was disabled to work again.

use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::domain::alert::{TOLD_FOR, retry_after};
use crate::domain::time::Millis;
use crate::store::{Result, Store};

/// The most alerts that are listed.
const LISTED_MAX: i64 = 1_000;

/// How an alert does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertStanding {
    pub alert: String,
    /// How many messages wait.
    pub waiting: u64,
    /// How many of them wait for the comment beside their answer.
    pub for_comment: u64,
    /// When the last of those leaves, with a comment or without.
    pub comment_until: Option<Millis>,
    /// When the first of what waits happened.
    pub waiting_since: Option<Millis>,
    /// When the next message is due. It may have passed.
    pub due_at: Option<Millis>,
    pub last_sent_at: Option<Millis>,
    /// The first failure after the last success.
    pub failing_since: Option<Millis>,
    /// All failures so far.
    pub failures: u64,
    /// The last failure's reason. Absent after a success.
    pub last_error: Option<String>,
    /// The receiver asked to be left alone until then.
    pub wait_until: Option<Millis>,
    pub disabled: Option<Disabled>,
}

/// Nothing is sent until an operator retries the alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disabled {
    pub at: Millis,
    pub why: String,
}

/// What there is to do for an alert, as a glance sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AlertGlance {
    /// True if facts wait to be made messages of, or the alert is new.
    pub has_facts: bool,
    /// When the next message is due and the receiver does not want to be left alone. Absent: none
    /// waits, or the alert is disabled.
    pub due_at: Option<Millis>,
}

const GLANCE: &str = "select l.seq, s.facts_to, s.disabled_at, s.wait_until, \
     (select min(due_at) from alert_message where alert = $1 and ended_at is null) as due_at \
     from alert_line l left join alert_standing s on s.alert = $2 where l.name = 'facts'";

const LIST: &str = "select s.alert, s.failing_since, s.failures, s.last_error, s.last_sent_at, \
     s.wait_until, s.disabled_at, s.disabled_why, \
     (select count(*) from alert_message m where m.alert = s.alert and m.ended_at is null) as waiting, \
     (select count(*) from alert_message m where m.alert = s.alert and m.ended_at is null \
     and m.tries = 0 and m.due_at > $1) as for_comment, \
     (select max(due_at) from alert_message m where m.alert = s.alert and m.ended_at is null \
     and m.tries = 0 and m.due_at > $2) as comment_until, \
     (select min(since) from alert_message m where m.alert = s.alert and m.ended_at is null) \
     as waiting_since, \
     (select min(due_at) from alert_message m where m.alert = s.alert and m.ended_at is null) \
     as due_at from alert_standing s order by s.alert limit $3";

/// A message that was tried before is tried as often again.
const ENABLE: &str = "update alert_standing set disabled_at = null, disabled_why = null, \
     failing_since = null, failed_tries = 0, wait_until = null where alert = $1";

const AGAIN: &str = "update alert_message set due_at = $1, tries = 0 \
     where alert = $2 and ended_at is null and tries > 0 and at >= $3";

impl Store {
    /// Looks what there is to do for an alert, without writing.
    pub async fn glance_at_alert(&self, alert: &str, now: Millis) -> Result<AlertGlance> {
        let row = sqlx::query(GLANCE).bind(alert).bind(alert).fetch_one(&self.readers).await?;
        let (seq, facts_to): (i64, Option<i64>) = (row.try_get("seq")?, row.try_get("facts_to")?);
        let is_disabled = row.try_get::<Option<Millis>, _>("disabled_at")?.is_some();
        let due_at: Option<Millis> = row.try_get("due_at")?;
        let asked: Option<Millis> = row.try_get("wait_until")?;
        let asked = asked.filter(|at| at.is_ahead(now, retry_after::WAIT_MOST));
        Ok(AlertGlance {
            has_facts: facts_to.is_none_or(|to| to < seq),
            due_at: due_at
                .filter(|_| !is_disabled)
                .map(|at| asked.map_or(at, |asked| at.max(asked))),
        })
    }

    /// Returns how alerts do by name, at most 1,000. Those that have left the configuration are
    /// among them.
    pub async fn alert_standings(&self, now: Millis) -> Result<Vec<AlertStanding>> {
        let list = sqlx::query(LIST).bind(now.0).bind(now.0).bind(LISTED_MAX);
        let rows = list.fetch_all(&self.readers).await?;
        rows.iter().map(standing).collect()
    }

    /// Enables an alert and makes due all that waits, has been tried and is not too old. Returns
    /// how many messages are due thereby.
    pub async fn retry_alert(&self, alert: &str, now: Millis) -> Result<u64> {
        let alert = alert.to_owned();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    sqlx::query(ENABLE).bind(alert.as_str()).execute(&mut *connection).await?;
                    let oldest = now.minus(TOLD_FOR);
                    let again = sqlx::query(AGAIN).bind(now.0).bind(alert).bind(oldest.0);
                    Ok(again.execute(connection).await?.rows_affected())
                })
            })
            .await
    }
}

fn standing(row: &AnyRow) -> Result<AlertStanding> {
    let count = |column: &str| -> Result<u64> {
        Ok(u64::try_from(row.try_get::<i64, _>(column)?).unwrap_or(0))
    };
    let disabled_at: Option<Millis> = row.try_get("disabled_at")?;
    let why: Option<String> = row.try_get("disabled_why")?;
    Ok(AlertStanding {
        alert: row.try_get("alert")?,
        waiting: count("waiting")?,
        for_comment: count("for_comment")?,
        comment_until: row.try_get("comment_until")?,
        waiting_since: row.try_get("waiting_since")?,
        due_at: row.try_get("due_at")?,
        last_sent_at: row.try_get("last_sent_at")?,
        failing_since: row.try_get("failing_since")?,
        failures: count("failures")?,
        last_error: row.try_get("last_error")?,
        wait_until: row.try_get("wait_until")?,
        disabled: disabled_at.map(|at| Disabled { at, why: why.unwrap_or_default() }),
    })
}
