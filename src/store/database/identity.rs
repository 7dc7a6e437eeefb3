//! The identity of a database. By it a daemon notices that it works on another database, or on an
//! older state of the same one.

use sqlx::{AnyConnection, Row};
use tracing::debug;

use crate::store::{Engine, Error, Result};

/// The identity of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Drawn when the database was created.
    pub database_id: String,
    /// Absent on SQLite and if a server does not give it.
    pub server: Option<Server>,
    /// How far PostgreSQL's write-ahead log has come, in bytes. It never runs backwards on one
    /// timeline.
    pub position: Option<i64>,
}

/// The identity that PostgreSQL gives itself. A restored dump creates new objects. A server begins
/// a new timeline if it is promoted or restored to a point in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// `pg_control_system().system_identifier`.
    pub system: String,
    /// The timeline of the write-ahead log, as eight hexadecimal digits.
    pub timeline: String,
    /// The object identifiers of the database and of its table of surveys.
    pub database: i64,
    pub table: i64,
}

impl Server {
    pub fn text(&self) -> String {
        format!("{} {} {} {}", self.system, self.timeline, self.database, self.table)
    }

    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        Some(Self {
            system: words.next()?.to_owned(),
            timeline: words.next()?.to_owned(),
            database: words.next()?.parse().ok()?,
            table: words.next()?.parse().ok()?,
        })
    }
}

const NAME_IT: &str =
    "insert into identity (one, database_id) values (1, $1) on conflict (one) do nothing";

const DATABASE_ID: &str = "select database_id from identity where one = 1";

/// The functions are described in postgresql.org/docs/current/functions-info.html and
/// functions-admin.html. None of them needs a privilege. A hosted server may lack some.
const SERVER: &str = "select \
     (select cast(system_identifier as text) from pg_control_system()) as system, \
     substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) as timeline, \
     (select cast(oid as bigint) from pg_database where datname = current_database()) as database, \
     cast(to_regclass('survey')::oid as bigint) as survey_table, \
     cast(pg_current_wal_lsn() - '0/0'::pg_lsn as bigint) as log_position";

/// Gives a database its id if it has none.
pub async fn name(connection: &mut AnyConnection) -> Result<()> {
    sqlx::query(NAME_IT)
        .bind(uuid::Uuid::now_v7().simple().to_string())
        .execute(connection)
        .await?;
    Ok(())
}

/// Refuses a standby, which only replicates another server.
pub async fn refuse_standby(connection: &mut AnyConnection) -> Result<()> {
    let is_standby: bool =
        sqlx::query_scalar("select pg_is_in_recovery()").fetch_one(connection).await?;
    match is_standby {
        true => Err(Error::Unavailable("the server is a standby and takes no writes".into())),
        false => Ok(()),
    }
}

/// Returns the identity of the database behind a connection. Not to be called within a transaction.
pub async fn read(connection: &mut AnyConnection, engine: Engine) -> Result<Identity> {
    let database_id: String = sqlx::query_scalar(DATABASE_ID).fetch_one(&mut *connection).await?;
    let (server, position) = match engine {
        Engine::Sqlite => (None, None),
        Engine::Postgres => match sqlx::query(SERVER).fetch_one(connection).await {
            Ok(row) => {
                let server = Server {
                    system: row.try_get("system")?,
                    timeline: row.try_get("timeline")?,
                    database: row.try_get("database")?,
                    table: row.try_get("survey_table")?,
                };
                (Some(server), Some(row.try_get("log_position")?))
            }
            Err(error) if error.as_database_error().is_some() => {
                debug!("the server does not say which it is: {error}");
                (None, None)
            }
            Err(error) => return Err(error.into()),
        },
    };
    Ok(Identity { database_id, server, position })
}
