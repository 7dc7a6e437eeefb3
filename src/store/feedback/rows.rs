//! Writes many rows of feedback in one statement and reads them back.

use std::collections::BTreeSet;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row};

use super::row::{COLUMNS, FeedbackRow, known_row, known_rows};
use crate::domain::feedback::Feedback;
use crate::domain::id::{FeedbackId, SurveyId};
use crate::domain::time::Millis;
use crate::store::placeholders::{Places, Query, ROWS_MAX, bind_all, size};
use crate::store::{Result, Store};

/// The number of columns without the account, which all rows of a statement share.
const VALUES: usize = 21;

/// The most rows in one statement. X's pages hold no more.
pub const BATCH_MAX: usize = 100;

impl Store {
    /// Returns everything known about one feedback of the account.
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

/// Reads the rows for `told`, at most [`BATCH_MAX`], without locks. The raw text of a row last
/// updated before `raw_from` stays empty.
pub async fn read(
    connection: &mut AnyConnection,
    account: &str,
    told: &[Feedback],
    raw_from: Millis,
) -> Result<Vec<FeedbackRow>> {
    let mut places = Places::of(connection);
    let raw = format!("case when updated_at < {} then '' else raw end", places.one());
    let (_, columns) = COLUMNS.split_once(", ").expect("the account stands first");
    let sql = format!(
        "select {} as found from feedback where account = {} and id in {}",
        places.json(&columns.replace("raw", &raw)),
        places.one(),
        places.row(size(told.len(), BATCH_MAX))
    );
    let ids: Vec<&str> = told.iter().map(|told| told.id.as_str()).collect();
    let query = sqlx::query(AssertSqlSafe(sql)).bind(raw_from.0).bind(account);
    let found = bind_all(query, &ids, BATCH_MAX).fetch_one(connection).await?;
    // PostgreSQL returns null if it has found nothing.
    found.try_get::<Option<String>, _>("found")?.map_or(Ok(Vec::new()), |rows| known_rows(&rows))
}

/// Returns the rows for `told` with the columns of [`COLUMNS`].
pub async fn read_rows(
    connection: &mut AnyConnection,
    account: &str,
    told: &[Feedback],
) -> Result<Vec<AnyRow>> {
    let mut rows = Vec::with_capacity(told.len());
    for told in told.chunks(ROWS_MAX) {
        let mut places = Places::of(connection);
        let (of_account, ids) = (places.one(), places.row(size(told.len(), ROWS_MAX)));
        // No index has this order, so SQLite finds all rows before it hands over the first.
        // Otherwise the reader would be woken for each row.
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

/// Returns the id of a row and how often it has been overwritten. Works even if the rest of the row
/// cannot be read.
pub fn version(row: &AnyRow) -> Result<(FeedbackId, i64)> {
    Ok((row.try_get("id")?, row.try_get("folds")?))
}

/// Replaces a row as a whole if it is still the one that was read.
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
    // Rows without an id are left out. The statement returns nothing because SQLite would hand over
    // each row from one thread to another by itself.
    format!(
        "with new ({columns}) as (values {values}) insert into feedback (account, {columns}) \
         select {}, {columns} from new where id is not null {REPLACE}",
        places.one()
    )
}

/// Writes new rows and rows that were read before. Returns true if none has changed since it was
/// read. A row that has changed is left alone.
pub async fn write(
    connection: &mut AnyConnection,
    account: &str,
    rows: &[&FeedbackRow],
) -> Result<bool> {
    let mut written = 0;
    for rows in rows.chunks(BATCH_MAX) {
        let size = size(rows.len(), BATCH_MAX);
        let mut query = sqlx::query(AssertSqlSafe(write_statement(connection, size)));
        // The unused places repeat the last row without its id.
        for place in 0..size {
            let id = rows.get(place).map(|row| row.feedback.id.as_str());
            query = bind(query, id, rows[place.min(rows.len() - 1)]);
        }
        written += query.bind(account).execute(&mut *connection).await?.rows_affected();
    }
    Ok(written == rows.len() as u64)
}

fn bind<'q>(query: Query<'q>, id: Option<&'q str>, row: &'q FeedbackRow) -> Query<'q> {
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
        // A new row's number follows no other, so it never replaces a row created meanwhile.
        .bind(row.folds.map_or(0, |folds| folds + 1))
}

fn join_instants(instants: &BTreeSet<Millis>) -> String {
    let texts: Vec<String> = instants.iter().map(|at| at.0.to_string()).collect();
    texts.join(" ")
}
