//! Keeps each answer to an agent's conversation, once and for good.

use sqlx::{AnyConnection, AssertSqlSafe};

use crate::domain::time::Millis;
use crate::store::Result;
use crate::store::placeholders::{Places, size};
use crate::store::results::row::StoredResult;

/// The most rows in one statement.
const BATCH_MAX: usize = 128;

const COLUMNS: &str = "survey_id, agent, kind, score, at";

/// How many [`COLUMNS`] there are.
const VALUES: usize = 5;

/// Keeps the answers among results. Whatever is kept already stays as it is, whatever has become of
/// the survey since. Tests and surveys without an agent are left out.
///
/// It is called for every result that is made and not only for those that have just got a score.
/// Thus no path can miss an answer.
pub async fn keep<'a>(
    connection: &mut AnyConnection,
    results: impl Iterator<Item = &'a StoredResult>,
    now: Millis,
) -> Result<()> {
    let answers: Vec<(&str, &str, &str, i64)> = results
        .filter(|row| row.test == 0)
        .filter_map(|row| {
            Some((row.survey_id.as_str(), row.agent.as_deref()?, row.kind.as_str(), row.score?))
        })
        .collect();
    for answers in answers.chunks(BATCH_MAX) {
        let size = size(answers.len(), BATCH_MAX);
        let values = Places::of(connection).rows(size, VALUES);
        let sql = format!(
            "with new ({COLUMNS}) as (values {values}) insert into agent_answer ({COLUMNS}) \
             select {COLUMNS} from new where survey_id is not null \
             on conflict (survey_id) do nothing"
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        // The unused places repeat the last answer without its id.
        for place in 0..size {
            let id = answers.get(place).map(|(id, ..)| *id);
            let (_, agent, kind, score) = answers[place.min(answers.len() - 1)];
            query = query.bind(id).bind(agent).bind(kind).bind(score).bind(now.0);
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}
