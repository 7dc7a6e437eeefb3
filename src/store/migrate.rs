//! Brings the schema up to date, and refuses one that is newer than this program.

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, Connection, SqlSafeStr};

use super::{Engine, Error, Location, Result};

/// In order; a file that was released is never changed.
const MIGRATIONS: [(i64, &str, &str); 2] = [
    (1, "surveys", include_str!("../../migrations/0001_surveys.sql")),
    (2, "feedback", include_str!("../../migrations/0002_feedback.sql")),
];

/// The newest schema this program knows.
pub const KNOWN: i64 = MIGRATIONS[MIGRATIONS.len() - 1].0;

/// Looks at the database without writing to it.
pub async fn refuse_newer(location: &Location) -> Result<()> {
    let exists = location.file().is_none_or(|file| file.metadata().is_ok_and(|m| m.len() > 0));
    if !exists {
        return Ok(());
    }
    let mut connection = AnyConnection::connect_with(&location.options("ro")?).await?;
    let tables: i64 = match location.engine {
        Engine::Sqlite => {
            sqlx::query_scalar("select count(*) from sqlite_schema where name = '_sqlx_migrations'")
                .fetch_one(&mut connection)
                .await?
        }
        Engine::Postgres => sqlx::query_scalar(
            "select count(*) from pg_catalog.pg_class where oid = to_regclass('_sqlx_migrations')",
        )
        .fetch_one(&mut connection)
        .await?,
    };
    let found: Option<i64> = if tables == 0 {
        None
    } else {
        sqlx::query_scalar("select max(version) from _sqlx_migrations")
            .fetch_one(&mut connection)
            .await?
    };
    connection.close().await?;
    match found {
        Some(found) if found > KNOWN => Err(Error::NewerSchema { found, known: KNOWN }),
        _ => Ok(()),
    }
}

pub async fn run(connection: &mut AnyConnection) -> Result<()> {
    let migrations = MIGRATIONS
        .into_iter()
        .map(|(version, name, sql)| {
            Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
        })
        .collect();
    Migrator::with_migrations(migrations)
        .run(connection)
        .await
        .map_err(|error| Error::Broken(format!("the schema cannot be brought up to date: {error}")))
}
