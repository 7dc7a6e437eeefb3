//! Rows of feedback: written many in one statement, read back whole.

use std::collections::BTreeSet;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row};

use super::places::{Places, ROWS_MAX, bind_all, size};
use super::{Error, Result, Store};
use crate::domain::feedback::{Feedback, Given, Object, Older, Told, Values};
use crate::domain::id::{FeedbackId, SurveyId};
use crate::domain::time::Millis;

pub const COLUMNS: &str = "account, id, survey_id, updated_at, created_at, to_user_id, external_id, \
     kind, question_variant_id, test, dm_id, raw, score, score_given_at, score_told_at, \
     comment_given_at, comment_told_at, comment, updates, judged_by, told, folds";
/// All of them but the account, which all rows of a statement have in common.
const VALUES: usize = 21;

/// Rows in one statement; X's pages hold no more.
pub const BATCH_MAX: usize = 100;

/// A row: what is known, and the survey it belongs to.
pub struct Known {
    pub feedback: Feedback,
    pub survey_id: Option<SurveyId>,
    /// How often it has been written over since it was made: whoever has written it knows by that
    /// whether another has since. Absent: there is no row yet.
    pub folds: Option<i64>,
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

/// Reads what is known of these; it locks nothing.
pub async fn read(
    connection: &mut AnyConnection,
    account: &str,
    told: &[Feedback],
) -> Result<Vec<Known>> {
    read_rows(connection, account, told).await?.iter().map(known_row).collect()
}

/// The rows of these, in the order of [`COLUMNS`].
pub async fn read_rows(
    connection: &mut AnyConnection,
    account: &str,
    told: &[Feedback],
) -> Result<Vec<AnyRow>> {
    let mut rows = Vec::with_capacity(told.len());
    for told in told.chunks(ROWS_MAX) {
        let mut places = Places::of(connection);
        let (of_account, ids) = (places.one(), places.row(size(told.len(), ROWS_MAX)));
        // In the order of no index, so that all are found before the first is handed over: a
        // reader that waits for each is woken for each.
        let sql = format!(
            "select {COLUMNS} from feedback where account = {of_account} and id in {ids} \
             order by updated_at"
        );
        let ids: Vec<&str> = told.iter().map(|told| told.id.as_str()).collect();
        let query = bind_all(sqlx::query(AssertSqlSafe(sql)).bind(account), &ids, ROWS_MAX);
        rows.extend(query.fetch_all(&mut *connection).await?);
    }
    Ok(rows)
}

/// The id of a row, and how often it has been written over, which can be told of any.
pub fn version(row: &AnyRow) -> Result<(FeedbackId, i64)> {
    Ok((FeedbackId::new(row.try_get::<String, _>(1)?), row.try_get(21)?))
}

/// What a row holds is replaced as a whole, if it is still the one that was read.
const REPLACE: &str = "on conflict (account, id) do update set survey_id = excluded.survey_id, \
     updated_at = excluded.updated_at, created_at = excluded.created_at, \
     to_user_id = excluded.to_user_id, external_id = excluded.external_id, kind = excluded.kind, \
     question_variant_id = excluded.question_variant_id, test = excluded.test, \
     dm_id = excluded.dm_id, raw = excluded.raw, score = excluded.score, \
     score_given_at = excluded.score_given_at, score_told_at = excluded.score_told_at, \
     comment = excluded.comment, comment_given_at = excluded.comment_given_at, \
     comment_told_at = excluded.comment_told_at, updates = excluded.updates, \
     judged_by = excluded.judged_by, told = excluded.told, folds = excluded.folds \
     where feedback.folds = excluded.folds - 1";

fn write_statement(connection: &AnyConnection, rows: usize) -> String {
    let (_, columns) = COLUMNS.split_once(", ").expect("the account stands first");
    let mut places = Places::of(connection);
    let values = places.rows(rows, VALUES);
    // Rows without an id are left out. It returns nothing: in SQLite's case every row would cross
    // from one thread to another by itself.
    format!(
        "with new ({columns}) as (values {values}) insert into feedback (account, {columns}) \
         select {}, {columns} from new where id is not null {REPLACE}",
        places.one()
    )
}

/// Writes rows that were read before, and new ones. Whether all of them were still as they had been
/// read; those that were not are left alone.
pub async fn write(connection: &mut AnyConnection, account: &str, rows: &[&Known]) -> Result<bool> {
    let mut written = 0;
    for rows in rows.chunks(BATCH_MAX) {
        let size = size(rows.len(), BATCH_MAX);
        let mut query = sqlx::query(AssertSqlSafe(write_statement(connection, size)));
        // The places left over take the last row again, without its id.
        for place in 0..size {
            let id = rows.get(place).map(|row| row.feedback.id.as_str());
            query = bind(query, id, rows[place.min(rows.len() - 1)]);
        }
        written += query.bind(account).execute(&mut *connection).await?.rows_affected();
    }
    Ok(written == rows.len() as u64)
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Any, sqlx::any::AnyArguments>;

fn bind<'q>(query: Query<'q>, id: Option<&'q str>, row: &'q Known) -> Query<'q> {
    let feedback = &row.feedback;
    let object = feedback.object();
    let (score, text) = (feedback.score(), feedback.text());
    let told = match feedback.is_plain() {
        true => None,
        false => Some(serde_json::to_string(feedback).expect("it is plain data")),
    };
    query
        .bind(id)
        .bind(row.survey_id.as_ref().map(SurveyId::as_str))
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
        // A new row's number follows on none, so that it never replaces one made meanwhile.
        .bind(row.folds.map_or(0, |folds| folds + 1))
}

fn join_instants(instants: &BTreeSet<Millis>) -> String {
    let texts: Vec<String> = instants.iter().map(|at| at.0.to_string()).collect();
    texts.join(" ")
}

pub fn known_row(row: &AnyRow) -> Result<Known> {
    let survey_id = row.try_get::<Option<String>, _>(2)?.map(SurveyId::new);
    let (told, folds) = (row.try_get::<Option<String>, _>(20)?, Some(row.try_get(21)?));
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
            older: Older::default(),
        }),
        scores: Values::of(score),
        texts: Values::of(text),
        updates: updates.split(' ').filter_map(|at| at.parse().ok()).map(Millis).collect(),
    };
    Ok(Feedback::of_words(FeedbackId::new(row.try_get::<String, _>(1)?), words))
}
