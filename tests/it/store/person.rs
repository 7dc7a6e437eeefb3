//! What is kept of a person: the list of it, and its end.

use sqlx::{Connection as _, Row as _};
use surveyd::store::{TABLES, Table};

use super::*;

const SQLITE_COLUMNS: &str = "select m.name as table_name, p.name as column_name \
     from sqlite_schema m, pragma_table_info(m.name) p where m.type = 'table'";

const POSTGRES_COLUMNS: &str = "select cast(table_name as text) as table_name, \
     cast(column_name as text) as column_name from information_schema.columns \
     where table_schema = 'public'";

/// The columns of a database, as `table.column`.
async fn columns(database: &Database) -> BTreeSet<String> {
    let mut connection = database.beside().await;
    let is_file = database.location.file().is_some();
    let sql = if is_file { SQLITE_COLUMNS } else { POSTGRES_COLUMNS };
    let rows = sqlx::query(sql).fetch_all(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let text = |row: &sqlx::any::AnyRow, name: &str| row.try_get::<String, _>(name).unwrap();
    rows.iter()
        .map(|row| format!("{}.{}", text(row, "table_name"), text(row, "column_name")))
        .filter(|column| !column.starts_with("_sqlx_") && !column.starts_with("sqlite_"))
        .collect()
}

fn listed(of: impl Fn(&Table) -> Vec<&'static str>) -> Vec<String> {
    let all = TABLES.iter().flat_map(|table| {
        of(table).into_iter().map(|column| format!("{}.{column}", table.name)).collect::<Vec<_>>()
    });
    all.collect()
}

#[tokio::test]
async fn every_column_is_listed_as_a_persons_or_as_nobodys() {
    on_each_engine(async |bench| {
        let found = columns(&bench.database).await;
        let all = listed(|table| [table.person, table.other].concat());
        let list: BTreeSet<String> = all.iter().cloned().collect();
        assert_eq!(list.len(), all.len(), "each column is listed once");
        let unlisted: Vec<_> = found.difference(&list).collect();
        assert!(unlisted.is_empty(), "does an erasure have to reach {unlisted:?}?");
        let gone: Vec<_> = list.difference(&found).collect();
        assert!(gone.is_empty(), "listed, and not in the schema: {gone:?}");
    })
    .await;
}

#[test]
fn whatever_is_a_persons_can_be_found() {
    for table in TABLES {
        let is_found = table.rows != surveyd::store::Rows::None;
        assert!(table.person.is_empty() || is_found, "{} has no way to its rows", table.name);
        let found_by = match table.rows {
            surveyd::store::Rows::Person(column)
            | surveyd::store::Rows::Survey(column)
            | surveyd::store::Rows::Feedback(column)
            | surveyd::store::Rows::Conversation(column) => column,
            surveyd::store::Rows::Mentions | surveyd::store::Rows::None => continue,
        };
        let mut all = table.person.iter().chain(table.other);
        assert!(all.any(|column| *column == found_by), "{}.{found_by}", table.name);
    }
}
