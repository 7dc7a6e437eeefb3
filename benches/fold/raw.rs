//! Updates folded by rusqlite alone, with the settings of the daemon's own writer.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, Row, Statement, params};
use surveyd::domain::feedback::{Feedback, Given, Object, Statements, Trust, Update, Values};
use surveyd::domain::time::Millis;

use crate::updates::ACCOUNT;

pub const UPSERT: &str = "insert into feedback (account, id, survey_id, updated_at, created_at, \
     to_user_id, external_id, kind, question_variant_id, test, dm_id, raw, score, score_given_at, \
     score_told_at, comment, comment_given_at, comment_told_at, updates, judged_by, told, folds) \
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, null, null, 0) \
     on conflict (account, id) do update set updated_at = excluded.updated_at, \
     created_at = excluded.created_at, to_user_id = excluded.to_user_id, \
     external_id = excluded.external_id, kind = excluded.kind, \
     question_variant_id = excluded.question_variant_id, test = excluded.test, \
     dm_id = excluded.dm_id, raw = excluded.raw, score = excluded.score, \
     score_given_at = excluded.score_given_at, score_told_at = excluded.score_told_at, \
     comment = excluded.comment, comment_given_at = excluded.comment_given_at, \
     comment_told_at = excluded.comment_told_at, updates = excluded.updates, \
     folds = feedback.folds + 1 where excluded.updated_at >= feedback.updated_at";

const READ: &str = "select updated_at, created_at, to_user_id, external_id, kind, \
     question_variant_id, test, dm_id, raw, score, score_given_at, score_told_at, \
     comment, comment_given_at, comment_told_at, updates, survey_id \
     from feedback where account = ? and id = ?";

/// What the daemon looks for where it knows of no survey.
const MATCH: &str = "select id from survey where account = ?1 and feedback_id = ?2 union all \
     select id from survey where account = ?1 and external_id = ?3 and user_id = ?4 \
     and begun_at <= ?5 and feedback_id is null and state <> 'sending' limit 1";

pub fn open(file: &Path) -> Connection {
    let database = Connection::open(file).expect("the database is there");
    let settings = "pragma journal_mode = wal; pragma synchronous = full; \
         pragma cache_size = -8192; pragma journal_size_limit = 67108864; \
         pragma temp_store = memory; pragma foreign_keys = on; pragma trusted_schema = off; \
         pragma cell_size_check = on";
    database.execute_batch(settings).expect("SQLite knows the settings");
    database
}

/// Newest wins, and nothing else.
pub fn upsert(database: &mut Connection, page: &[Update]) -> rusqlite::Result<()> {
    let transaction = database.transaction()?;
    {
        let mut upsert = transaction.prepare_cached(UPSERT)?;
        for update in page {
            let told_at = update.object.updated_at.0.to_string();
            let (score, text) = (update.score.as_ref(), update.text.as_ref());
            let of = (update.id.as_str(), &update.object);
            write(&mut upsert, of, None, (score, text), &told_at)?;
        }
    }
    transaction.commit()
}

/// Reads what is known, joins it with what is told, and writes what has changed.
pub fn read_and_join(database: &mut Connection, page: Vec<Update>) -> rusqlite::Result<()> {
    let transaction =
        database.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    {
        let mut read = transaction.prepare_cached(READ)?;
        let mut find = transaction.prepare_cached(MATCH)?;
        let mut upsert = transaction.prepare_cached(UPSERT)?;
        for update in page {
            let id = update.id.clone();
            let known = read.query_row(params![ACCOUNT, id.as_str()], known).optional()?;
            let mut feedback = Feedback::of(update, Trust::Word);
            let mut survey_id = None;
            if let Some((told, survey)) = known {
                let before = Feedback::of_words(id.clone(), told);
                feedback.join(before.clone());
                survey_id = survey;
                if feedback == before && survey_id.is_some() {
                    continue;
                }
            }
            let object = feedback.object();
            if survey_id.is_none() {
                let Object { external_id, to_user_id, .. } = object;
                let names = params![ACCOUNT, id.as_str(), external_id, to_user_id, i64::MAX];
                survey_id = find.query_row(names, |row| row.get(0)).optional()?;
            }
            let (score, text) = (feedback.score(), feedback.text());
            let given = (score.as_ref(), text.as_ref());
            let updates: Vec<String> =
                feedback.updates().iter().map(|at| at.0.to_string()).collect();
            let of = (id.as_str(), object);
            write(&mut upsert, of, survey_id.as_deref(), given, &updates.join(" "))?;
        }
    }
    transaction.commit()
}

/// Writes a row with all that is known of a feedback.
pub fn write(
    upsert: &mut Statement,
    (id, object): (&str, &Object),
    survey_id: Option<&str>,
    (score, text): (Option<&Given<i64>>, Option<&Given<String>>),
    updates: &str,
) -> rusqlite::Result<usize> {
    upsert.execute(params![
        ACCOUNT,
        id,
        survey_id,
        object.updated_at.0,
        object.created_at.map(|at| at.0),
        object.to_user_id,
        object.external_id,
        object.kind,
        object.question_variant_id,
        object.test,
        object.dm_id,
        object.raw,
        score.map(|given| given.value),
        score.map(|given| given.given_at.0),
        score.map(|given| given.told_at.0),
        text.map(|given| given.value.as_str()),
        text.map(|given| given.given_at.0),
        text.map(|given| given.told_at.0),
        updates,
    ])
}

/// What is told in a row, its survey and the survey's state.
fn known(row: &Row) -> rusqlite::Result<(Statements, Option<String>)> {
    let instant = |column: usize| row.get::<_, Option<i64>>(column).map(|at| at.map(Millis));
    let score = match (row.get(9)?, instant(10)?, instant(11)?) {
        (Some(value), Some(given_at), Some(told_at)) => Some(Given { given_at, told_at, value }),
        _ => None,
    };
    let text = match (row.get(12)?, instant(13)?, instant(14)?) {
        (Some(value), Some(given_at), Some(told_at)) => Some(Given { given_at, told_at, value }),
        _ => None,
    };
    let object = Object {
        updated_at: Millis(row.get(0)?),
        created_at: instant(1)?,
        to_user_id: row.get(2)?,
        external_id: row.get(3)?,
        kind: row.get(4)?,
        question_variant_id: row.get(5)?,
        test: row.get(6)?,
        dm_id: row.get(7)?,
        raw: row.get(8)?,
        ..Object::default()
    };
    let updates: String = row.get(15)?;
    let told = Statements {
        object: Some(object),
        scores: Values::of(score),
        texts: Values::of(text),
        updates: updates.split(' ').filter_map(|at| at.parse().ok()).map(Millis).collect(),
    };
    Ok((told, row.get(16)?))
}
