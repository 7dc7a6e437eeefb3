//! One database of one build of the program: made, filled in bulk and dropped.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::thread;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use crate::made::{ACCOUNT, Business, Made};
use crate::rows::{FEEDBACK, SURVEY};
use crate::say;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// In the state folder.
const FILE: &str = "surveyd.db";

/// Surveys in one transaction.
const BATCH: usize = 20_000;

/// The marks of a database from before results were kept, in the words of its migration.
const MARK_ALL: &str =
    "insert into result_due (survey_id) select id from survey order by closed_at desc, id desc";

pub struct Database {
    /// The value of `store.url`.
    pub url: String,
    /// The state folder of its daemon.
    pub folder: PathBuf,
    /// Only on PostgreSQL.
    made: Option<OnServer>,
}

impl Database {
    /// An empty one. The folder is there.
    pub async fn new(folder: PathBuf, server: Option<&str>) -> Self {
        let made = match server {
            Some(server) => Some(OnServer::make(server).await),
            None => None,
        };
        let url = made.as_ref().map_or_else(|| format!("sqlite:{FILE}"), OnServer::url);
        Self { url, folder, made }
    }

    /// Writes all surveys of a business and marks each once for its result.
    pub async fn fill(&self, answers: u64, business: Business) {
        match self.made {
            None => {
                fill_sqlite(&self.folder.join(FILE), answers, business).expect("the disk has room")
            }
            Some(_) => self.fill_postgres(answers, business).await.expect("the server has room"),
        }
    }

    async fn fill_postgres(&self, answers: u64, business: Business) -> sqlx::Result<()> {
        let mut connection = PgConnection::connect(&self.url).await?;
        for batch in Batches::of(business) {
            let surveys = batch.iter().map(|(survey, _)| survey);
            copy(&mut connection, "survey", SURVEY, surveys).await?;
            let feedback = batch.iter().filter_map(|(_, feedback)| feedback.as_ref());
            copy(&mut connection, "feedback", FEEDBACK, feedback).await?;
        }
        connection.execute(AssertSqlSafe(answered(answers))).await?;
        connection.execute("truncate result_due").await?;
        connection.execute(MARK_ALL).await?;
        connection.close().await
    }

    /// Does at once what PostgreSQL does of itself after a minute or so.
    pub async fn settle(&self) {
        if self.made.is_some() {
            run(&self.url, "vacuum (analyze)".to_owned()).await;
        }
    }

    pub async fn mebibytes(&self) -> f64 {
        let bytes = match self.made {
            None => {
                let file = std::fs::metadata(self.folder.join(FILE));
                file.expect("it is there").len() as f64
            }
            Some(_) => {
                let sql = "select pg_database_size(current_database())";
                let mut connection = PgConnection::connect(&self.url).await.expect("it is there");
                let bytes = sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut connection).await;
                bytes.expect("the server tells") as f64
            }
        };
        bytes / 1_048_576.0
    }
}

/// The count that the daemon keeps with each answer.
fn answered(answers: u64) -> String {
    format!("insert into answered (account, surveys) values ('{ACCOUNT}', {answers})")
}

/// Takes many surveys at once, and says how far it has come.
struct Batches {
    business: Business,
    whole: usize,
    taken: usize,
}

impl Batches {
    fn of(business: Business) -> Self {
        Self { whole: business.len(), business, taken: 0 }
    }
}

impl Iterator for Batches {
    type Item = Vec<Made>;

    fn next(&mut self) -> Option<Vec<Made>> {
        say(&format!("{} % of the surveys are written", 100 * self.taken / self.whole.max(1)));
        let batch: Vec<Made> = self.business.by_ref().take(BATCH).collect();
        self.taken += batch.len();
        (!batch.is_empty()).then_some(batch)
    }
}

fn fill_sqlite(file: &Path, answers: u64, business: Business) -> rusqlite::Result<()> {
    let mut database = Connection::open(file)?;
    database.execute_batch("pragma synchronous = off; pragma cache_size = -262144")?;
    let inserts = [insert("survey", SURVEY), insert("feedback", FEEDBACK)];
    for batch in Batches::of(business) {
        let transaction = database.transaction()?;
        {
            let mut surveys = transaction.prepare(&inserts[0])?;
            let mut feedbacks = transaction.prepare(&inserts[1])?;
            for (survey, feedback) in batch {
                surveys.execute(params_from_iter(survey))?;
                if let Some(feedback) = feedback {
                    feedbacks.execute(params_from_iter(feedback))?;
                }
            }
        }
        transaction.commit()?;
    }
    database.execute_batch(&answered(answers))?;
    database.execute_batch("delete from result_due")?;
    database.execute_batch(MARK_ALL)?;
    database.execute_batch("pragma wal_checkpoint(truncate)")
}

fn insert(table: &str, columns: &str) -> String {
    let places = vec!["?"; columns.split(',').count()].join(", ");
    format!("insert into {table} ({columns}) values ({places})")
}

async fn copy(
    connection: &mut PgConnection,
    table: &str,
    columns: &str,
    rows: impl Iterator<Item = &Vec<Value>>,
) -> sqlx::Result<()> {
    let mut text = String::new();
    for row in rows {
        for (place, value) in row.iter().enumerate() {
            text.push_str(if place > 0 { "\t" } else { "" });
            copied(value, &mut text);
        }
        text.push('\n');
    }
    let sql = format!("copy {table} ({columns}) from stdin");
    let mut copy = connection.copy_in_raw(&sql).await?;
    copy.send(text.as_bytes()).await?;
    copy.finish().await?;
    Ok(())
}

/// A value in the text format of PostgreSQL's COPY.
fn copied(value: &Value, text: &mut String) {
    match value {
        Value::Null => text.push_str("\\N"),
        Value::Integer(number) => write!(text, "{number}").expect("a text takes all"),
        Value::Text(value) => {
            for character in value.chars() {
                match character {
                    '\\' => text.push_str("\\\\"),
                    '\t' => text.push_str("\\t"),
                    '\n' => text.push_str("\\n"),
                    '\r' => text.push_str("\\r"),
                    other => text.push(other),
                }
            }
        }
        Value::Real(_) | Value::Blob(_) => unreachable!("no column of the daemon's holds one"),
    }
}

/// A database on a server, dropped with this.
struct OnServer {
    server: String,
    name: String,
}

impl OnServer {
    async fn make(server: &str) -> Self {
        let name = format!("surveyd_bench_{}", uuid::Uuid::now_v7().simple());
        run(server, format!("create database {name}")).await;
        Self { server: server.to_owned(), name }
    }

    fn url(&self) -> String {
        let mut url = reqwest::Url::parse(&self.server).expect("--postgres is an address");
        url.set_path(&self.name);
        url.into()
    }
}

impl Drop for OnServer {
    fn drop(&mut self) {
        let (server, sql) =
            (self.server.clone(), format!("drop database {} with (force)", self.name));
        // The runtime cannot be waited for here, for it may be unwinding.
        let dropped = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime can be made").block_on(run(&server, sql));
        });
        if dropped.join().is_err() {
            eprintln!("the database {} is left on the server", self.name);
        }
    }
}

async fn run(url: &str, sql: String) {
    let connection = PgConnection::connect(url).await;
    let mut connection = connection.expect("--postgres names a server that answers");
    connection.execute(AssertSqlSafe(sql)).await.expect("the server does so");
    connection.close().await.expect("the server is still there");
}
