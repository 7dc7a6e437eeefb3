//! A row of feedback with its survey, and how it is read.

use serde::Deserialize;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::domain::feedback::{Feedback, Given, Object, Older, Statements, Values};
use crate::domain::id::{FeedbackId, SurveyId};
use crate::domain::time::Millis;
use crate::store::Result;

pub const COLUMNS: &str = "account, id, survey_id, updated_at, created_at, to_user_id, external_id, \
     kind, question_variant_id, test, dm_id, raw, score, score_given_at, score_told_at, \
     comment_given_at, comment_told_at, comment, updates, judged_by, told, folds";

/// A row of feedback and the survey it belongs to.
pub struct FeedbackRow {
    pub feedback: Feedback,
    pub survey_id: Option<SurveyId>,
    /// How often the row has been overwritten. A writer learns from it that another has written
    /// meanwhile. Absent if there is no row yet.
    pub folds: Option<i64>,
}

/// The values of [`COLUMNS`] without the account, in their order. A JSON row has this form, too.
#[derive(Deserialize)]
struct Row {
    id: FeedbackId,
    survey_id: Option<SurveyId>,
    updated_at: Millis,
    created_at: Option<Millis>,
    to_user_id: Option<String>,
    external_id: Option<String>,
    kind: Option<String>,
    question_variant_id: Option<i64>,
    test: i64,
    dm_id: Option<String>,
    raw: String,
    score: Option<i64>,
    score_given_at: Option<Millis>,
    score_told_at: Option<Millis>,
    comment_given_at: Option<Millis>,
    comment_told_at: Option<Millis>,
    comment: Option<String>,
    updates: String,
    /// Repeated in `told` if that is present.
    #[serde(rename = "judged_by")]
    _judged_by: Option<Millis>,
    told: Option<String>,
    folds: i64,
}

pub fn known_row(row: &AnyRow) -> Result<FeedbackRow> {
    let row = Row {
        id: row.try_get("id")?,
        survey_id: row.try_get("survey_id")?,
        updated_at: row.try_get("updated_at")?,
        created_at: row.try_get("created_at")?,
        to_user_id: row.try_get("to_user_id")?,
        external_id: row.try_get("external_id")?,
        kind: row.try_get("kind")?,
        question_variant_id: row.try_get("question_variant_id")?,
        test: row.try_get("test")?,
        dm_id: row.try_get("dm_id")?,
        raw: row.try_get("raw")?,
        score: row.try_get("score")?,
        score_given_at: row.try_get("score_given_at")?,
        score_told_at: row.try_get("score_told_at")?,
        comment_given_at: row.try_get("comment_given_at")?,
        comment_told_at: row.try_get("comment_told_at")?,
        comment: row.try_get("comment")?,
        updates: row.try_get("updates")?,
        _judged_by: row.try_get("judged_by")?,
        told: row.try_get("told")?,
        folds: row.try_get("folds")?,
    };
    row.known()
}

/// Reads rows from a JSON text with one array a row. Each holds [`COLUMNS`] without the account.
pub fn known_rows(json: &str) -> Result<Vec<FeedbackRow>> {
    serde_json::from_str::<Vec<Row>>(json)?.into_iter().map(Row::known).collect()
}

impl Row {
    fn known(mut self) -> Result<FeedbackRow> {
        let (survey_id, folds) = (self.survey_id.take(), Some(self.folds));
        let feedback = match self.told.take() {
            Some(told) => serde_json::from_str(&told)?,
            None => self.plain(),
        };
        Ok(FeedbackRow { survey_id, folds, feedback })
    }

    /// Returns feedback that its columns describe completely.
    fn plain(self) -> Feedback {
        let score = given(self.score, self.score_given_at, self.score_told_at);
        let text = given(self.comment, self.comment_given_at, self.comment_told_at);
        let words = Statements {
            object: Some(Object {
                updated_at: self.updated_at,
                created_at: self.created_at,
                to_user_id: self.to_user_id,
                external_id: self.external_id,
                kind: self.kind,
                question_variant_id: self.question_variant_id,
                test: self.test == 1,
                dm_id: self.dm_id,
                raw: self.raw,
                older: Older::default(),
            }),
            scores: Values::of(score),
            texts: Values::of(text),
            updates: self.updates.split(' ').filter_map(|at| at.parse().ok()).map(Millis).collect(),
        };
        Feedback::of_words(self.id, words)
    }
}

fn given<T>(
    value: Option<T>,
    given_at: Option<Millis>,
    told_at: Option<Millis>,
) -> Option<Given<T>> {
    Some(Given { given_at: given_at?, told_at: told_at?, value: value? })
}
