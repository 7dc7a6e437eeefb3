//! Clears the space that erased rows have left, so that no byte of them stays in the database.
//!
//! A row that is deleted or shortened leaves its bytes in free parts of pages. So the database is
//! written anew: on SQLite the whole file, on PostgreSQL each table that holds something of people.

use std::time::Duration;

use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Executor as _};

use super::columns::TABLES;
use crate::store::location::connect;
use crate::store::{Engine, Error, Result, Store};

/// What is left of erased rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cleared {
    /// Nothing, in any of the database's own files.
    All,
    /// PostgreSQL's tables that are too large or too busy to be written anew beside a daemon.
    Without(Vec<String>),
    /// The file could not be written anew now, and the reason.
    NotNow(String),
}

/// How long the log may be in use by others before it is given up.
const LOG_TRIES: u32 = 100;
const LOG_AGAIN: Duration = Duration::from_millis(100);

/// Larger tables are not written anew beside a daemon, in bytes.
const TABLE_MOST: i64 = 1024 * 1024 * 1024;

impl Store {
    /// Clears the space that erased rows have left. While a SQLite file is written anew, other
    /// writers wait.
    pub async fn clear_space(&self) -> Result<Cleared> {
        let mut connection = connect(&self.location.options("rw")?).await?;
        let cleared = match self.location.engine {
            Engine::Sqlite => clear_file(&mut connection).await,
            Engine::Postgres => clear_tables(&mut connection).await,
        };
        let _ = connection.close().await;
        cleared
    }
}

async fn clear_file(connection: &mut AnyConnection) -> Result<Cleared> {
    connection.execute("pragma busy_timeout = 5000").await?;
    connection.execute("pragma secure_delete = on").await?;
    if let Err(error) = connection.execute("vacuum").await {
        return Ok(Cleared::NotNow(Error::from(error).to_string()));
    }
    for _ in 0..LOG_TRIES {
        let busy: i64 = sqlx::query_scalar("pragma wal_checkpoint(truncate)")
            .fetch_one(&mut *connection)
            .await?;
        if busy == 0 {
            return Ok(Cleared::All);
        }
        tokio::time::sleep(LOG_AGAIN).await;
    }
    Ok(Cleared::NotNow("another program reads the database all the time".to_owned()))
}

const SIZE: &str = "select cast(coalesce(pg_total_relation_size(to_regclass($1)), 0) as bigint)";

async fn clear_tables(connection: &mut AnyConnection) -> Result<Cleared> {
    connection.execute("set lock_timeout to '3s'").await?;
    let mut left = Vec::new();
    for table in TABLES.iter().filter(|table| !table.person.is_empty()) {
        let name = table.name;
        let size: i64 = sqlx::query_scalar(SIZE).bind(name).fetch_one(&mut *connection).await?;
        let full = if size > TABLE_MOST { "" } else { "full " };
        let cleared = connection.execute(AssertSqlSafe(format!("vacuum {full}{name}"))).await;
        // A table may be in use, or belong to another user of the server.
        if cleared.is_err() || size > TABLE_MOST {
            left.push(name.to_owned());
        }
    }
    Ok(if left.is_empty() { Cleared::All } else { Cleared::Without(left) })
}
