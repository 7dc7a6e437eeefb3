//! Which prompts feedback/show is asked about, and when.

use sqlx::Row;

use super::{Result, Store};
use crate::domain::id::{FeedbackId, SurveyId};
use crate::domain::time::Millis;

/// A prompt about which feedback/show may be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToShow {
    pub survey_id: SurveyId,
    pub feedback_id: FeedbackId,
    pub sent_at: Millis,
}

impl Store {
    /// Prompts that feedback/show is to be asked about by now, the longest waiting first.
    pub async fn to_show(&self, account: &str, limit: u32, now: Millis) -> Result<Vec<ToShow>> {
        let rows = sqlx::query(
            "select id, feedback_id, sent_at from survey where account = $1 and show_at <= $2 \
             and feedback_id is not null and sent_at is not null order by show_at, id limit $3",
        )
        .bind(account)
        .bind(now.0)
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(ToShow {
                    survey_id: SurveyId::new(row.try_get::<String, _>(0)?),
                    feedback_id: FeedbackId::new(row.try_get::<String, _>(1)?),
                    sent_at: Millis(row.try_get(2)?),
                })
            })
            .collect()
    }

    /// When the next prompt of an account is to be asked about.
    pub async fn next_show(&self, account: &str) -> Result<Option<Millis>> {
        let next: Option<i64> = sqlx::query_scalar(
            "select min(show_at) from survey where account = $1 and show_at is not null",
        )
        .bind(account)
        .fetch_one(&self.readers)
        .await?;
        Ok(next.map(Millis))
    }

    /// Sets when prompts are asked about next; `None`: never again. A prompt whose answer has
    /// become complete meanwhile stays unasked.
    pub async fn show_again(&self, next: Vec<(SurveyId, Option<Millis>)>) -> Result<()> {
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    for (id, show_at) in next {
                        sqlx::query(
                            "update survey set show_at = $1 where id = $2 and show_at is not null",
                        )
                        .bind(show_at.map(|at| at.0))
                        .bind(id.as_str())
                        .execute(&mut *connection)
                        .await?;
                    }
                    Ok(())
                })
            })
            .await
    }
}
