//! The result of taking a close.

use sqlx::Row as _;

use crate::domain::id::SurveyId;
use crate::domain::survey::State;
use crate::domain::time::Millis;
use crate::store::Result;

/// The result of taking a close.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    pub survey_id: SurveyId,
    pub state: &'static str,
    pub reason: Option<String>,
    pub due_at: Millis,
    /// True if the close created a new survey. A known close and one that moved a survey give
    /// false.
    pub is_new: bool,
}

pub fn taken_from(row: &sqlx::any::AnyRow) -> Result<Taken> {
    Ok(Taken {
        survey_id: row.try_get("id")?,
        state: known_name(&row.try_get::<String, _>("state")?),
        reason: row.try_get("reason")?,
        due_at: row.try_get("due_at")?,
        is_new: false,
    })
}

fn known_name(state: &str) -> &'static str {
    State::NAMES.into_iter().find(|name| *name == state).expect("the schema admits no other names")
}
