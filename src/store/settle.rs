//! Surveys whose sending has no known outcome, and how a miss in X's events settles them.

use sqlx::Row;

use super::surveys::{note, touch_in, write_state};
use super::{Error, Result, Store};
use crate::domain::id::SurveyId;
use crate::domain::survey::{Event, State, Survey};
use crate::domain::time::Millis;

/// A survey that waits to be settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsettled {
    pub survey_id: SurveyId,
    pub begun_at: Millis,
    /// The end of the request, as far as we know it.
    pub given_up_at: Millis,
}

/// Surveys settled together.
const UNSETTLED_MAX: i64 = 100;

impl Store {
    /// The surveys of an account that wait to be settled, the longest waiting first.
    pub async fn unsettled(&self, account: &str) -> Result<Vec<Unsettled>> {
        let rows = sqlx::query(
            "select id, begun_at, given_up_at from survey where account = $1 \
             and state = 'uncertain' and begun_at is not null and given_up_at is not null \
             order by given_up_at, id limit $2",
        )
        .bind(account)
        .bind(UNSETTLED_MAX)
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Unsettled {
                    survey_id: SurveyId::new(row.try_get::<String, _>(0)?),
                    begun_at: Millis(row.try_get(1)?),
                    given_up_at: Millis(row.try_get(2)?),
                })
            })
            .collect()
    }

    /// Settles surveys as not sent: X's events have been read to their end past all that their
    /// requests may have caused, and hold nothing of them. Those that closed before `closed_before`
    /// are too late by now. One that has been found at X meanwhile is left alone.
    pub async fn settle_unsent(
        &self,
        unsent: Vec<Unsettled>,
        closed_before: Millis,
        now: Millis,
    ) -> Result<Vec<Survey>> {
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let mut settled = Vec::new();
                    for Unsettled { survey_id: id, given_up_at, .. } in unsent {
                        let Some((survey, token)) = touch_in(connection, &id, "uncertain").await?
                        else {
                            continue;
                        };
                        let still = matches!(survey.state,
                            State::Uncertain { given_up_at: at, .. } if at == given_up_at);
                        if !still {
                            continue;
                        }
                        let late = survey.closed_at < closed_before;
                        let event = if late { Event::TooLate } else { Event::NotSent };
                        let state = survey
                            .state
                            .step(event)
                            .map_err(|error| Error::Broken(error.to_string()))?;
                        write_state(connection, (&id, token), &state).await?;
                        let detail = Some("X did not carry it out");
                        note(connection, (&id, token), now, &state, detail).await?;
                        // Its share of the budgets comes back.
                        sqlx::query("update survey set spent_at = null, try_at = $1 where id = $2")
                            .bind(now.0)
                            .bind(id.as_str())
                            .execute(&mut *connection)
                            .await?;
                        settled.push(Survey { state, ..survey });
                    }
                    Ok(settled)
                })
            })
            .await
    }
}
