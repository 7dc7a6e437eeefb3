//! Hands out everything that is kept of one person: for a request for access.
//!
//! The list of columns drives it, so it is as whole as an erasure.

use serde_json::{Map, Value};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Column as _, Row as _, ValueRef as _};

use super::columns::{Rows, TABLES, Table};
use super::find::PersonRows;
use crate::store::placeholders::{Places, ROWS_MAX, bind_all, size};
use crate::store::{Result, Store};

/// One row of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptRow {
    pub table: &'static str,
    /// By column. Columns without a value are left out.
    pub columns: Map<String, Value>,
}

impl Store {
    /// Reads the rows that [`Store::rows_of_person`] has found, table by table.
    pub async fn kept_of_person(&self, found: &PersonRows) -> Result<Vec<KeptRow>> {
        let mut connection = self.readers.acquire().await?;
        let mut kept = Vec::new();
        for table in TABLES.iter().filter(|table| table.rows != Rows::None) {
            read(&mut connection, table, found, &mut kept).await?;
        }
        Ok(kept)
    }
}

async fn read(
    connection: &mut AnyConnection,
    table: &Table,
    found: &PersonRows,
    kept: &mut Vec<KeptRow>,
) -> Result<()> {
    let surveys = || found.surveys.iter().map(|id| id.as_str().to_owned()).collect::<Vec<_>>();
    match (table.name, table.rows) {
        ("survey", _) => by_values(connection, table, "id", &surveys(), kept).await,
        ("delivery", _) => {
            by_pairs(connection, table, ("source", "event_id"), &found.deliveries, kept).await
        }
        ("rebuild_told", _) => {
            by_pairs(connection, table, ("account", "id"), &found.told, kept).await
        }
        ("unknown_event", _) => {
            let events = &found.unknown_events;
            by_pairs(connection, table, ("account", "digest"), events, kept).await
        }
        ("feedback", _) => {
            by_pairs(connection, table, ("account", "id"), &found.feedback, kept).await
        }
        (_, Rows::Survey(column)) => by_values(connection, table, column, &surveys(), kept).await,
        (_, Rows::Person(column)) => {
            by_values(connection, table, column, std::slice::from_ref(&found.user_id), kept).await
        }
        (_, Rows::Feedback(column)) => {
            by_pairs(connection, table, ("account", column), &found.feedback, kept).await
        }
        (_, Rows::Conversation(column)) => {
            by_pairs(connection, table, ("account", column), found.conversations.keys(), kept).await
        }
        // Entries about others that mention the person belong to those others, too.
        (_, Rows::Mentions | Rows::None) => Ok(()),
    }
}

fn columns(table: &Table) -> String {
    let all: Vec<&str> = table.other.iter().chain(table.person).copied().collect();
    all.join(", ")
}

async fn by_values(
    connection: &mut AnyConnection,
    table: &Table,
    column: &str,
    values: &[String],
    kept: &mut Vec<KeptRow>,
) -> Result<()> {
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    for values in values.chunks(ROWS_MAX) {
        let places = Places::of(connection).row(size(values.len(), ROWS_MAX));
        let (columns, name) = (columns(table), table.name);
        let sql = format!("select {columns} from {name} where {column} in {places}");
        let query = bind_all(sqlx::query(AssertSqlSafe(sql)), values, ROWS_MAX);
        for row in &query.fetch_all(&mut *connection).await? {
            kept.push(kept_row(table, row)?);
        }
    }
    Ok(())
}

async fn by_pairs<'a>(
    connection: &mut AnyConnection,
    table: &Table,
    (first, second): (&str, &str),
    pairs: impl IntoIterator<Item = &'a (String, String)>,
    kept: &mut Vec<KeptRow>,
) -> Result<()> {
    let (columns, name) = (columns(table), table.name);
    let sql = format!("select {columns} from {name} where {first} = $1 and {second} = $2");
    for (one, other) in pairs {
        let query = sqlx::query(AssertSqlSafe(sql.clone())).bind(one.as_str());
        for row in &query.bind(other.as_str()).fetch_all(&mut *connection).await? {
            kept.push(kept_row(table, row)?);
        }
    }
    Ok(())
}

fn kept_row(table: &Table, row: &AnyRow) -> Result<KeptRow> {
    let mut columns = Map::new();
    for column in row.columns() {
        let column: &str = column.name();
        if row.try_get_raw(column)?.is_null() {
            continue;
        }
        let value = match row.try_get::<i64, _>(column) {
            Ok(number) => Value::from(number),
            Err(_) => Value::from(row.try_get::<String, _>(column)?),
        };
        columns.insert(column.to_owned(), value);
    }
    Ok(KeptRow { table: table.name, columns })
}
