//! The database that is folded into: a row of feedback for each of a million prompts, and the
//! surveys that nine of ten belong to.

use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, params};
use surveyd::store::{Location, Store};

use crate::raw;
use crate::updates::{
    ACCOUNT, Known, commented_at, created_at, external_id, feedback_id, last_told, person,
    scored_at, update,
};

pub const FILE: &str = "surveyd.db";

const SURVEY: &str = "insert into survey (id, account, source, conversation_id, ordinal, \
     external_id, user_id, kind, question_variant_id, test, state, closed_at, accepted_at, due_at, \
     notice, try_at, lease_token, attempts, begun_at, spent_at, sent_at, feedback_id, dm_id) \
     values (?1, 'acme', 'helpdesk', ?3, 1, ?3, ?2, 'csat', 12, 0, ?4, ?5, ?5, ?5, ?6, ?5, 3, 1, \
     ?7, ?7, ?7, ?8, ?9)";

/// What is kept of a close.
const NOTICE: &str = r#"{"agent":"dana.whitfield","team":"billing-and-payments","tags":["vip","refund"],"language":"es","first_name":"Ana"}"#;

/// The survey of a row, where it has one.
pub fn survey_id(row: u64) -> Option<String> {
    (Known::of(row) != Known::Foreign).then(|| format!("{row:032x}"))
}

/// Makes a database in a new folder, with the daemon's own schema.
pub async fn make(folder: &Path, rows: u64) {
    std::fs::create_dir(folder).expect("it can be made");
    let location = Location::parse(&format!("sqlite:{FILE}"), folder).expect("it is sound");
    Store::open(&location).await.expect("the database can be made").close().await;
    let mut database = Connection::open(folder.join(FILE)).expect("it has been made");
    fill(&mut database, rows).expect("the disk has room");
}

fn fill(database: &mut Connection, rows: u64) -> rusqlite::Result<()> {
    database.execute_batch("pragma synchronous = off; pragma cache_size = -262144")?;
    // A log of all of it would be larger than the table.
    for first in (0..rows).step_by(100_000) {
        let transaction = database.transaction()?;
        {
            let mut surveys = transaction.prepare(SURVEY)?;
            let mut feedback = transaction.prepare(raw::UPSERT)?;
            for row in first..(first + 100_000).min(rows) {
                let known = Known::of(row);
                let told = update(row, known, last_told(row));
                let state = if known == Known::Bare { "sent" } else { "answered" };
                if let Some(id) = survey_id(row) {
                    let (at, dm_id) = (created_at(row).0, &told.object.dm_id);
                    let prompt = (external_id(row), feedback_id(row));
                    surveys.execute(params![
                        id,
                        person(row),
                        prompt.0,
                        state,
                        at - 300_000,
                        NOTICE,
                        at,
                        prompt.1.as_str(),
                        dm_id
                    ])?;
                }
                let instants = [created_at(row), scored_at(row), commented_at(row)];
                let instants = instants.iter().filter(|at| **at <= last_told(row));
                let instants: Vec<String> = instants.map(|at| at.0.to_string()).collect();
                let given = (told.score.as_ref(), told.text.as_ref());
                let of = (told.id.as_str(), &told.object);
                let survey_id = survey_id(row);
                raw::write(&mut feedback, of, survey_id.as_deref(), given, &instants.join(" "))?;
            }
        }
        transaction.commit()?;
    }
    database.execute_batch("pragma wal_checkpoint(truncate)")
}

/// One row of a hundred is compared.
const SAMPLE: usize = 100;

/// Asserts that the sides hold the same: A and C in full, B in what its upsert knows of. How many
/// rows were compared.
pub fn compare(folders: &[PathBuf; 4], rows: u64) -> usize {
    let [a, b, c, d] = folders.each_ref().map(|folder| raw::open(&folder.join(FILE)));
    let joined = "survey_id, score, score_given_at, score_told_at, comment, comment_given_at, \
                  comment_told_at, updates, judged_by, told";
    let replaced = "id, updated_at, created_at, to_user_id, external_id, kind, \
                    question_variant_id, test, dm_id, raw";
    let all = format!("{replaced}, {joined}");
    assert!(sample(&a, &all) == sample(&c, &all), "A and C hold the same");
    assert!(sample(&a, &all) == sample(&d, &all), "A and D hold the same");
    assert!(sample(&a, replaced) == sample(&b, replaced), "A and B hold the same");
    let found = sample(&a, "id").len();
    assert!(found >= rows as usize / SAMPLE, "the sample is as large as it should be");
    found
}

/// Has the database mark no survey whose result is to be made again.
pub fn mark_nothing(folder: &Path) {
    let database = raw::open(&folder.join(FILE));
    let sql = "select name from sqlite_schema where type = 'trigger' and name like 'result_%'";
    let mut statement = database.prepare(sql).expect("the table is there");
    let names = statement.query_map([], |row| row.get(0)).expect("it can be read");
    let names: Vec<String> = names.collect::<rusqlite::Result<_>>().expect("it can be read");
    assert!(!names.is_empty(), "the marks are made by triggers");
    for name in names {
        database.execute_batch(&format!("drop trigger {name}")).expect("it can be dropped");
    }
}

fn sample(database: &Connection, columns: &str) -> Vec<Vec<Value>> {
    let sql = format!(
        "select {columns} from feedback where account = '{ACCOUNT}' and rowid % {SAMPLE} = 1 \
         order by id"
    );
    let mut statement = database.prepare(&sql).expect("the columns are there");
    let count = statement.column_count();
    let rows = statement
        .query_map([], |row| (0..count).map(|column| row.get(column)).collect())
        .expect("it can be read");
    rows.collect::<rusqlite::Result<_>>().expect("it can be read")
}
