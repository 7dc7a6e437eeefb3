//! Surveys that end before a prompt because they are too late or the operator cancels them.

use super::step::{note, step, touch_in, write_state};
use super::wait_history;
use crate::domain::id::SurveyId;
use crate::domain::survey::{CancelledBy, Event, State, Survey};
use crate::domain::time::Millis;
use crate::store::{Result, Store};

const LATE: &str = "select id from survey where account = $1 and state = 'scheduled' \
     and try_at <= $2 and closed_at < $3 order by try_at, id limit $4";

/// The most surveys that expire in one transaction.
const EXPIRE_MAX: i64 = 100;

impl Store {
    /// Returns surveys that are due and whose conversation closed before `closed_before`. Returns
    /// at most 100, the longest due first.
    pub async fn too_late(
        &self,
        account: &str,
        closed_before: Millis,
        now: Millis,
    ) -> Result<Vec<SurveyId>> {
        let late: Vec<String> = sqlx::query_scalar(LATE)
            .bind(account)
            .bind(now.0)
            .bind(closed_before.0)
            .bind(EXPIRE_MAX)
            .fetch_all(&self.readers)
            .await?;
        Ok(late.into_iter().map(SurveyId::new).collect())
    }

    /// Ends those surveys that are still too late. The history of each says what it waited for
    /// last. This is `held_back_by` if something holds back the whole account.
    pub async fn expire(
        &self,
        late: Vec<SurveyId>,
        held_back_by: Option<String>,
        closed_before: Millis,
        now: Millis,
    ) -> Result<Vec<Survey>> {
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let mut ended = Vec::with_capacity(late.len());
                    for id in late {
                        let Some((survey, token)) = touch_in(connection, &id, "scheduled").await?
                        else {
                            continue;
                        };
                        // The conversation may have closed again since the survey was read.
                        if survey.closed_at >= closed_before {
                            continue;
                        }
                        let state = State::Expired;
                        write_state(connection, (&id, token), &state).await?;
                        let waited = match &held_back_by {
                            Some(words) => wait_history::last_of_all(words),
                            None => wait_history::last(connection, &survey).await?,
                        };
                        note(connection, (&id, token), now, &state, Some(&waited)).await?;
                        ended.push(Survey { state, ..survey });
                    }
                    Ok(ended)
                })
            })
            .await
    }

    /// Cancels a survey for the operator. The error names the state that forbids it.
    pub async fn cancel(&self, id: SurveyId, now: Millis) -> Result<Survey> {
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    step(connection, &id, Event::Cancelled(CancelledBy::Operator), now).await
                })
            })
            .await
    }

    /// Returns the instant at which the next survey of an account is to be looked at.
    pub async fn next_due(&self, account: &str) -> Result<Option<Millis>> {
        let next: Option<i64> = sqlx::query_scalar(
            "select min(try_at) from survey where account = $1 and state = 'scheduled'",
        )
        .bind(account)
        .fetch_one(&self.readers)
        .await?;
        Ok(next.map(Millis))
    }
}
