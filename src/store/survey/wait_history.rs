//! What a survey's history says of its waits.
//!
//! It keeps X's answer when a person could not be looked up. It also keeps the last wait of a
//! survey that became too late.

use sqlx::{AnyConnection, Row};

use super::retry::BY_OPERATOR;
use super::step::note;
use crate::domain::id::SurveyId;
use crate::domain::policy::decision::{Decision, Verdict};
use crate::domain::policy::words;
use crate::domain::survey::{State, Survey};
use crate::domain::time::Millis;
use crate::store::Result;

/// The last line of a survey's history that says why it waits. The line of its close is left out.
const LAST: &str = "select detail, facts from survey_history \
     where survey_id = $1 and step > 0 and state = 'scheduled' order by step desc limit 1";

const PUT_OFF_AT: &str = "select put_off_at from survey where id = $1";

/// The last line of a survey's history, whatever it says.
const NEWEST: &str = "select step, state, detail from survey_history where survey_id = $1 \
     order by step desc limit 1";

const SAYS: &str = "update survey_history set detail = $1 where survey_id = $2 and step = $3";

/// How a line begins if X did not say whether the person can be messaged.
const NOT_TOLD: &str = "X did not tell whether the person can be messaged: ";

/// Returns the history line for a wait that held back the whole account.
pub(in crate::store) fn last_of_all(words: &str) -> String {
    format!("what it waited for last: {words}")
}

/// Returns what a survey waited for last, as far as it is on record. The caller has locked its row.
pub(in crate::store) async fn last(
    connection: &mut AnyConnection,
    survey: &Survey,
) -> Result<String> {
    let id = survey.id.as_str();
    if let Some(line) = sqlx::query(LAST).bind(id).fetch_optional(&mut *connection).await? {
        let facts: Option<String> = line.try_get("facts")?;
        let decision = facts.and_then(|facts| serde_json::from_str::<Decision>(&facts).ok());
        let detail: Option<String> = line.try_get("detail")?;
        let said = match decision {
            Some(decision) if matches!(decision.verdict(), Verdict::Wait { .. }) => {
                Some(words(&decision))
            }
            // The conversation closed again and nobody has looked at the survey since.
            Some(_) => None,
            None => detail.filter(|detail| detail != BY_OPERATOR),
        };
        if let Some(said) = said {
            return Ok(last_of_all(&said));
        }
    }
    let due_at = survey.due_at.rfc3339();
    let put_off_at: Option<i64> =
        sqlx::query_scalar(PUT_OFF_AT).bind(id).fetch_one(connection).await?;
    Ok(match put_off_at {
        None => {
            format!("it was due at {due_at}, and no daemon looked at it before it was too late")
        }
        Some(_) => format!(
            "it was due at {due_at}; what it waited for since is not on record, but for the log \
             (sends.waiting)"
        ),
    })
}

/// Notes that X did not say whether the person of a leased survey can be messaged. Successive
/// attempts share one line, which keeps the last answer.
pub(in crate::store) async fn note_not_told(
    connection: &mut AnyConnection,
    (id, token): (&SurveyId, i64),
    why: &str,
    now: Millis,
) -> Result<()> {
    let said = format!("{NOT_TOLD}{why}");
    let newest = sqlx::query(NEWEST).bind(id.as_str()).fetch_optional(&mut *connection).await?;
    if let Some(newest) = newest {
        let state: String = newest.try_get("state")?;
        let detail: Option<String> = newest.try_get("detail")?;
        let is_same = detail.is_some_and(|detail| detail.starts_with(NOT_TOLD));
        if is_same && state == State::Scheduled.name() {
            let line = sqlx::query(SAYS).bind(said).bind(id.as_str());
            line.bind(newest.try_get::<i64, _>("step")?).execute(connection).await?;
            return Ok(());
        }
    }
    note(connection, (id, token), now, &State::Scheduled, Some(&said)).await
}
