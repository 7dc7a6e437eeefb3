//! Checks that the database has everything the migrations create. A dump that was restored in part
//! lacks tables, and a daemon without one of them would decide wrongly.

use std::collections::BTreeSet;
use std::pin::Pin;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Executor as _, Row as _};
use tokio::sync::OnceCell;

use super::migrate;
use crate::store::{Engine, Error, Result};

/// A table and one of its columns.
type TableColumn = (String, String);

const SQLITE: &str = "select m.name as table_name, p.name as column_name \
     from sqlite_schema m, pragma_table_info(m.name) p where m.type = 'table'";

/// Lists only tables that a statement without a schema's name would find.
const POSTGRES: &str = "select cast(c.relname as text) as table_name, \
     cast(a.attname as text) as column_name from pg_catalog.pg_class c \
     join pg_catalog.pg_attribute a on a.attrelid = c.oid \
     where c.relkind in ('r', 'p') and pg_catalog.pg_table_is_visible(c.oid) and a.attnum > 0 \
     and not a.attisdropped";

/// Returns the columns that the migrations create.
async fn made() -> Result<&'static BTreeSet<TableColumn>> {
    static MADE: OnceCell<BTreeSet<TableColumn>> = OnceCell::const_new();
    MADE.get_or_try_init(make).await
}

/// Creates the schema in memory with SQLite. The names are the same on PostgreSQL.
fn make() -> Pin<Box<dyn Future<Output = Result<BTreeSet<TableColumn>>> + Send>> {
    Box::pin(async {
        let mut connection = AnyConnection::connect("sqlite::memory:").await?;
        for (_, _, script) in migrate::scripts(Engine::Sqlite) {
            connection.execute(AssertSqlSafe(script)).await?;
        }
        let made = columns(&mut connection, SQLITE).await?;
        connection.close().await?;
        Ok(made)
    })
}

async fn columns(
    connection: &mut AnyConnection,
    sql: &'static str,
) -> Result<BTreeSet<TableColumn>> {
    let rows = sqlx::query(sql).fetch_all(connection).await?;
    let names = |row: &AnyRow| Ok((row.try_get("table_name")?, row.try_get("column_name")?));
    rows.iter().map(names).collect()
}

/// Refuses a database that lacks a part of its schema.
pub async fn require_whole(connection: &mut AnyConnection) -> Result<()> {
    let is_shared = connection.backend_name() == "PostgreSQL";
    let found = columns(connection, if is_shared { POSTGRES } else { SQLITE }).await?;
    let Some(missing) = missing(made().await?, &found) else { return Ok(()) };
    Err(lacks(&missing, is_shared))
}

/// Refuses a database that has surveys and no record of its migrations. They would fail on it.
pub async fn require_versions(connection: &mut AnyConnection) -> Result<()> {
    let is_shared = connection.backend_name() == "PostgreSQL";
    let found = columns(connection, if is_shared { POSTGRES } else { SQLITE }).await?;
    let is_there = |table: &str| found.iter().any(|(name, _)| name == table);
    match is_there("survey") && !is_there("_sqlx_migrations") {
        true => Err(lacks("the table _sqlx_migrations", is_shared)),
        false => Ok(()),
    }
}

fn lacks(missing: &str, is_shared: bool) -> Error {
    let words = format!(
        "the database lacks {missing}: a part of it was deleted, or was not restored. Restore the \
         whole of it from a backup. Where there is none, name a new database in store.url and run \
         `surveyd rebuild`"
    );
    match is_shared {
        // A dump may be loading at the moment.
        true => Error::Unavailable(words),
        false => Error::Missing(words),
    }
}

/// Names the missing tables, and the missing columns of the other tables, for an operator.
fn missing(made: &BTreeSet<TableColumn>, found: &BTreeSet<TableColumn>) -> Option<String> {
    let is_there = |table: &str| found.iter().any(|(name, _)| name == table);
    let mut names: Vec<String> = made
        .difference(found)
        .map(|(table, column)| match is_there(table) {
            true => format!("the column {table}.{column}"),
            false => format!("the table {table}"),
        })
        .collect();
    names.dedup();
    (!names.is_empty()).then(|| names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(all: &[(&str, &str)]) -> BTreeSet<TableColumn> {
        all.iter().map(|(table, column)| ((*table).into(), (*column).into())).collect()
    }

    #[test]
    fn each_missing_table_is_named_once_and_each_missing_column() {
        let made = columns(&[("a", "x"), ("a", "y"), ("b", "x"), ("b", "y"), ("c", "z")]);
        let found = columns(&[("a", "x"), ("c", "z"), ("theirs", "x")]);
        assert_eq!(missing(&made, &found).unwrap(), "the column a.y, the table b");
        assert_eq!(missing(&made, &made), None);
    }

    #[tokio::test]
    async fn the_migrations_make_what_surveyd_works_with() {
        sqlx::any::install_default_drivers();
        let made = made().await.unwrap();
        for (table, column) in [("survey", "state"), ("optout", "user_id"), ("daemon", "sends")] {
            assert!(made.contains(&(table.into(), column.into())), "{table}.{column}");
        }
    }
}
