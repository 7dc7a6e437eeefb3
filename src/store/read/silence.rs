//! Counts what came in, went out and was answered, for the look at silences. Tests are left out.

use std::time::Duration;

use sqlx::Row as _;

use crate::domain::silence::LONGEST;
use crate::domain::time::{Millis, Period};
use crate::store::results::row::read_waits;
use crate::store::{Result, Store};

/// An answer is looked for among the prompts that went out this long before it, or later.
const ANSWERED_WITHIN: Duration = LONGEST;

/// The most answers that are read at once.
const PAGE: i64 = 5_000;

const FIRST_CLOSE: &str = "select closed_at from result where account = $1 and test = 0 \
     and closed_at >= $2 and closed_at <= $3 order by closed_at, survey_id limit 1";

/// What the operator or the person chose to leave out is not missed.
const CLOSES: &str = "select count(*) as found from result where account = $1 and test = 0 \
     and closed_at >= $2 and closed_at <= $3 and outcome in ('scheduled', 'sending', 'uncertain', \
     'sent', 'answered', 'expired', 'failed', 'cannot_dm', 'no_x_id')";

const LAST_PROMPT: &str = "select sent_at from result where account = $1 and test = 0 \
     and sent_at >= $2 and sent_at <= $3 order by sent_at desc, survey_id desc limit 1";

const PROMPTS: &str = "select count(*) as found from result where account = $1 and test = 0 \
     and sent_at >= $2 and sent_at <= $3";

const ANSWERS: &str = "select survey_id, sent_at, wait from result where account = $1 and test = 0 \
     and sent_at >= $2 and sent_at <= $3 and (sent_at, survey_id) > ($4, $5) \
     and wait is not null order by sent_at, survey_id limit $6";

impl Store {
    /// Returns when the first conversation of the period closed.
    pub async fn first_close_of(&self, account: &str, period: Period) -> Result<Option<Millis>> {
        self.instant_of(FIRST_CLOSE, "closed_at", account, period).await
    }

    /// Returns when the last prompt of the period went out.
    pub async fn last_prompt_of(&self, account: &str, period: Period) -> Result<Option<Millis>> {
        self.instant_of(LAST_PROMPT, "sent_at", account, period).await
    }

    /// Counts the conversations that closed in the period and were to be prompted, whatever became
    /// of them.
    pub async fn closes_to_prompt(&self, account: &str, period: Period) -> Result<u64> {
        self.count_of(CLOSES, account, period).await
    }

    /// Counts the prompts that went out in the period.
    pub async fn prompts_of(&self, account: &str, period: Period) -> Result<u64> {
        self.count_of(PROMPTS, account, period).await
    }

    /// Returns when scores of the period were given, in no order. Those given more than seven days
    /// after their prompts are left out.
    pub async fn answers_of(&self, account: &str, period: Period) -> Result<Vec<Millis>> {
        let from = period.from.minus(ANSWERED_WITHIN);
        let mut answers = Vec::new();
        let mut after = (Millis(i64::MIN), String::new());
        loop {
            let rows = sqlx::query(ANSWERS)
                .bind(account)
                .bind(from.0)
                .bind(period.to.0)
                .bind(after.0.0)
                .bind(after.1)
                .bind(PAGE)
                .fetch_all(&self.readers)
                .await?;
            let Some(last) = rows.last() else { return Ok(answers) };
            after = (last.try_get("sent_at")?, last.try_get("survey_id")?);
            for row in &rows {
                let (sent_at, wait): (Millis, String) =
                    (row.try_get("sent_at")?, row.try_get("wait")?);
                let waits = read_waits(&wait).into_iter();
                let answered = waits.map(|wait| sent_at.plus(Duration::from_millis(wait)));
                answers.extend(answered.filter(|at| period.contains(*at)));
            }
        }
    }

    async fn instant_of(
        &self,
        sql: &'static str,
        column: &str,
        account: &str,
        period: Period,
    ) -> Result<Option<Millis>> {
        let query = sqlx::query(sql).bind(account).bind(period.from.0).bind(period.to.0);
        let row = query.fetch_optional(&self.readers).await?;
        Ok(row.map(|row| row.try_get(column)).transpose()?)
    }

    async fn count_of(&self, sql: &'static str, account: &str, period: Period) -> Result<u64> {
        let query = sqlx::query(sql).bind(account).bind(period.from.0).bind(period.to.0);
        let found: i64 = query.fetch_one(&self.readers).await?.try_get("found")?;
        Ok(u64::try_from(found).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use sqlx::AssertSqlSafe;

    use super::*;
    use crate::store::Location;

    #[tokio::test]
    async fn each_count_reads_the_rows_of_its_period_alone() {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::parse("sqlite:surveyd.db", folder.path()).unwrap();
        let store = Store::open(&location).await.unwrap();
        for (sql, index) in [
            (FIRST_CLOSE, "result_closed (closed_at>? AND closed_at<?)"),
            (CLOSES, "result_closed (closed_at>? AND closed_at<?)"),
            (LAST_PROMPT, "result_sent (sent_at>? AND sent_at<?)"),
            (PROMPTS, "result_sent (sent_at>? AND sent_at<?)"),
            (ANSWERS, "result_sent ("),
        ] {
            let plan = sqlx::query(AssertSqlSafe(format!("explain query plan {sql}")));
            let steps = plan.fetch_all(&store.readers).await.unwrap();
            let steps: Vec<String> =
                steps.iter().map(|step| step.try_get("detail").unwrap()).collect();
            let [step] = steps.as_slice() else { panic!("{sql}: {steps:?}") };
            let by_index = format!("SEARCH result USING INDEX {index}");
            assert!(step.starts_with(&by_index), "{sql}: {step}");
        }
        store.close().await;
    }
}
