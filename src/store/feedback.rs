//! Rows of feedback: written many in one statement, read back whole.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row};

use super::{Error, Result, Store};
use crate::domain::feedback::{Feedback, Given, Object, Told, Values};
use crate::domain::id::{FeedbackId, SurveyId};
use crate::domain::time::Millis;

pub const COLUMNS: &str = "account, id, survey_id, updated_at, created_at, to_user_id, external_id, \
     kind, question_variant_id, test, dm_id, raw, score, score_given_at, score_told_at, \
     comment_given_at, comment_told_at, comment, updates, judged_by, told, folds";
const VALUES: usize = 22;

/// Inserts what is new and locks and reads what is there, in one statement.
pub const ON_CONFLICT_READ: &str = "do update set folds = feedback.folds + 1";
/// Writes back what was joined; the rows are locked by then.
pub const ON_CONFLICT_WRITE: &str = "do update set survey_id = excluded.survey_id, \
     updated_at = excluded.updated_at, created_at = excluded.created_at, \
     to_user_id = excluded.to_user_id, external_id = excluded.external_id, kind = excluded.kind, \
     question_variant_id = excluded.question_variant_id, test = excluded.test, \
     dm_id = excluded.dm_id, raw = excluded.raw, score = excluded.score, \
     score_given_at = excluded.score_given_at, score_told_at = excluded.score_told_at, \
     comment = excluded.comment, comment_given_at = excluded.comment_given_at, \
     comment_told_at = excluded.comment_told_at, updates = excluded.updates, \
     judged_by = excluded.judged_by, told = excluded.told";

/// A row: what is known, and the survey it belongs to.
pub struct Known {
    pub feedback: Feedback,
    pub survey_id: Option<SurveyId>,
    pub folds: i64,
}

impl Store {
    /// All that is known of a feedback of the account.
    pub async fn feedback(&self, account: &str, id: &FeedbackId) -> Result<Option<Feedback>> {
        let sql = format!("select {COLUMNS} from feedback where account = $1 and id = $2");
        let row = sqlx::query(AssertSqlSafe(sql))
            .bind(account)
            .bind(id.as_str())
            .fetch_optional(&self.readers)
            .await?;
        row.map(|row| Ok(known_row(&row)?.feedback)).transpose()
    }
}

pub async fn upsert(
    connection: &mut AnyConnection,
    account: &str,
    rows: &[(&Feedback, Option<&SurveyId>)],
    on_conflict: &str,
) -> Result<Vec<AnyRow>> {
    let mut sql = format!("insert into feedback ({COLUMNS}) values ");
    for row in 0..rows.len() {
        sql.push_str(if row > 0 { ",(" } else { "(" });
        for value in 0..VALUES {
            let comma = if value > 0 { "," } else { "" };
            let _ = write!(sql, "{comma}${}", row * VALUES + value + 1);
        }
        sql.push(')');
    }
    let _ = write!(sql, " on conflict (account, id) {on_conflict} returning {COLUMNS}");
    let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
    for (feedback, survey_id) in rows {
        let object = feedback.object();
        let (score, text) = (feedback.score(), feedback.text());
        let told = match feedback.is_plain() {
            true => None,
            false => Some(serde_json::to_string(feedback).expect("it is plain data")),
        };
        query = query
            .bind(account)
            .bind(feedback.id.as_str())
            .bind(survey_id.map(SurveyId::as_str))
            .bind(object.updated_at.0)
            .bind(object.created_at.map(|at| at.0))
            .bind(object.to_user_id.as_deref())
            .bind(object.external_id.as_deref())
            .bind(object.kind.as_deref())
            .bind(object.question_variant_id)
            .bind(i64::from(object.test))
            .bind(object.dm_id.as_deref())
            .bind(object.raw.as_str())
            .bind(score.as_ref().map(|given| given.value))
            .bind(score.as_ref().map(|given| given.given_at.0))
            .bind(score.as_ref().map(|given| given.told_at.0))
            .bind(text.as_ref().map(|given| given.given_at.0))
            .bind(text.as_ref().map(|given| given.told_at.0))
            .bind(text.map(|given| given.value))
            .bind(join_instants(&feedback.updates()))
            .bind(feedback.judged_by().map(|at| at.0))
            .bind(told)
            .bind(0_i64);
    }
    Ok(query.fetch_all(connection).await?)
}

fn join_instants(instants: &BTreeSet<Millis>) -> String {
    let texts: Vec<String> = instants.iter().map(|at| at.0.to_string()).collect();
    texts.join(" ")
}

pub fn known_row(row: &AnyRow) -> Result<Known> {
    let survey_id = row.try_get::<Option<String>, _>(2)?.map(SurveyId::new);
    let (told, folds) = (row.try_get::<Option<String>, _>(20)?, row.try_get(21)?);
    let feedback = match told {
        Some(told) => {
            serde_json::from_str(&told).map_err(|error| Error::Broken(error.to_string()))?
        }
        None => plain(row)?,
    };
    Ok(Known { survey_id, folds, feedback })
}

/// Feedback whose columns are all that is known of it.
fn plain(row: &AnyRow) -> Result<Feedback> {
    let instant = |column: usize| row.try_get::<Option<i64>, _>(column).map(|at| at.map(Millis));
    let score = match (row.try_get(12)?, instant(13)?, instant(14)?) {
        (Some(value), Some(given_at), Some(told_at)) => Some(Given { given_at, told_at, value }),
        _ => None,
    };
    let text = match (instant(15)?, instant(16)?, row.try_get(17)?) {
        (Some(given_at), Some(told_at), Some(value)) => Some(Given { given_at, told_at, value }),
        _ => None,
    };
    let updates: String = row.try_get(18)?;
    let words = Told {
        object: Some(Object {
            updated_at: Millis(row.try_get(3)?),
            created_at: instant(4)?,
            to_user_id: row.try_get(5)?,
            external_id: row.try_get(6)?,
            kind: row.try_get(7)?,
            question_variant_id: row.try_get(8)?,
            test: row.try_get::<i64, _>(9)? == 1,
            dm_id: row.try_get(10)?,
            raw: row.try_get(11)?,
        }),
        scores: Values::of(score),
        texts: Values::of(text),
        updates: updates.split(' ').filter_map(|at| at.parse().ok()).map(Millis).collect(),
    };
    Ok(Feedback::of_words(FeedbackId::new(row.try_get::<String, _>(1)?), words))
}
