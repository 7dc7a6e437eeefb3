//! Checks whether a PostgreSQL server's settings can keep surveyd's promises. On SQLite surveyd
//! makes the settings itself on each connection.

use sqlx::{Connection, Row};

use crate::store::location::connect;
use crate::store::{Engine, Location, Result};

/// A server setting that may lose acknowledged closes or the records of prompts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weakness {
    /// `fsync` is off. A crash of the machine may lose or corrupt everything.
    Fsync,
    /// `full_page_writes` is off. A crash of the machine may corrupt pages.
    FullPageWrites,
    /// `synchronous_commit` is weaker than `on` where surveyd has not set it itself.
    SynchronousCommit,
    /// Standbys replicate and no commit waits for any of them. A promoted standby lacks the last
    /// commits.
    AsynchronousStandby,
}

impl Weakness {
    pub fn problem(self) -> &'static str {
        match self {
            Self::Fsync => {
                "fsync is off on the server: a crash of its machine may lose closes that were \
                 acknowledged, and the notes of prompts that went out"
            }
            Self::FullPageWrites => {
                "full_page_writes is off on the server: a crash of its machine may spoil the database"
            }
            Self::SynchronousCommit => {
                "synchronous_commit is weaker than on: surveyd sets it for its own connections, and a \
                 pooler that shares connections between transactions undoes that"
            }
            Self::AsynchronousStandby => {
                "standbys replicate asynchronously: one that is promoted may lack the last closes that \
                 were acknowledged. No person is prompted twice, but sends are held for a day"
            }
        }
    }

    pub fn remedy(self) -> &'static str {
        match self {
            Self::Fsync => "set fsync = on in postgresql.conf",
            Self::FullPageWrites => "set full_page_writes = on in postgresql.conf",
            Self::SynchronousCommit => "alter role … set synchronous_commit to on",
            Self::AsynchronousStandby => "name a standby in synchronous_standby_names",
        }
    }
}

/// A user without the right to see replication gets its rows without their contents.
const SETTINGS: &str = "select current_setting('fsync') as fsync, \
     current_setting('full_page_writes') as full_page_writes, \
     current_setting('synchronous_commit') as synchronous_commit, \
     current_setting('synchronous_standby_names') as synchronous_standby_names, \
     (select count(*) from pg_stat_replication) as standbys";

/// Returns the weaknesses of a server's settings. Asks over its own connection, without surveyd's
/// settings.
pub async fn weaknesses(location: &Location) -> Result<Vec<Weakness>> {
    if location.engine == Engine::Sqlite {
        return Ok(Vec::new());
    }
    sqlx::any::install_default_drivers();
    let mut connection = connect(&location.options("rw")?).await?;
    let row = sqlx::query(SETTINGS).fetch_one(&mut connection).await?;
    let setting = |column: &str| row.try_get::<String, _>(column);
    let mut found = Vec::new();
    if setting("fsync")? != "on" {
        found.push(Weakness::Fsync);
    }
    if setting("full_page_writes")? != "on" {
        found.push(Weakness::FullPageWrites);
    }
    if !matches!(setting("synchronous_commit")?.as_str(), "on" | "remote_apply") {
        found.push(Weakness::SynchronousCommit);
    }
    let names_standby = !setting("synchronous_standby_names")?.trim().is_empty();
    if !names_standby && row.try_get::<i64, _>("standbys")? > 0 {
        found.push(Weakness::AsynchronousStandby);
    }
    let _ = connection.close().await;
    Ok(found)
}
