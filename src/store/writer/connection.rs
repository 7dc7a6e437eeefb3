//! The connection that a task writes over.
//!
//! After any fault of the database it is dropped and opened again. After a failed commit its state
//! is not known.

use sqlx::{AnyConnection, Connection, Executor};
use tracing::warn;

use super::{Files, JobOutput, Operation};
use crate::store::database::file_watch::CloseEffect;
use crate::store::database::mark_comparison::Standing;
use crate::store::database::schema;
use crate::store::{Engine, Error, Result};

pub struct WriteConnection {
    pub files: Files,
    /// Absent until the first write, and after a fault until the next.
    pub connection: Option<AnyConnection>,
    /// Compares each new connection on which sends begin. Absent for the intake of PostgreSQL.
    pub standing: Option<Standing>,
}

impl WriteConnection {
    /// Runs `operation` in a transaction of its own.
    pub async fn attempt(&mut self, operation: Operation) -> Result<JobOutput> {
        // Begun and ended by explicit statements. After a failed commit on a full disk sqlx's own
        // count of open transactions stays wrong.
        let begin = match self.files.location.engine {
            // A transaction that starts with a read could not wait for another writer.
            Engine::Sqlite => "begin immediate",
            Engine::Postgres => "begin",
        };
        let begun = match &mut self.connection {
            Some(connection) => Some(connection.execute(begin).await),
            None => None,
        };
        match begun {
            Some(Ok(_)) => {}
            Some(Err(error)) if self.files.location.engine == Engine::Sqlite => {
                return Err(error.into());
            }
            // The server was restarted since. Nothing has been done on that connection yet.
            Some(Err(_)) | None => self.open().await?.execute(begin).await.map(drop)?,
        }
        let connection = self.connection.as_mut().expect("it was opened above");
        match operation(connection).await {
            Ok(value) => {
                connection.execute("commit").await?;
                Ok(value)
            }
            Err(
                error @ (Error::Unavailable(_) | Error::Refused(_) | Error::Io(_) | Error::Gone(_)),
            ) => Err(error),
            Err(error) => {
                connection.execute("rollback").await?;
                Err(error)
            }
        }
    }

    /// Opens a connection in place of the earlier one.
    async fn open(&mut self) -> Result<&mut AnyConnection> {
        let mut opened = self.files.location.writer(self.files.watch.as_deref()).await?;
        if self.files.location.engine == Engine::Postgres {
            // A dump may have been restored in part meanwhile.
            schema::require_whole(&mut opened).await?;
        }
        let connection = self.connection.insert(opened);
        if let Some(standing) = &self.standing {
            standing.connected(connection, self.files.location.engine).await?;
        }
        Ok(connection)
    }

    /// Fails if the file under the database is no longer the one that was opened.
    pub fn check_file(&self) -> Result<()> {
        self.files.watch.as_ref().map_or(Ok(()), |watch| watch.check())
    }

    /// Drops the connection. The next write opens another.
    pub fn discard(&mut self) {
        self.end_watch();
        self.connection = None;
    }

    /// Closes the connection in order.
    pub async fn close(&mut self) {
        self.save_or_let_go().await;
        self.end_watch();
        if let Some(connection) = self.connection.take() {
            let _ = connection.close().await;
        }
    }

    fn end_watch(&self) {
        if let Some(watch) = &self.files.watch {
            watch.end();
        }
    }

    fn closing(&self) -> CloseEffect {
        self.files.watch.as_ref().map_or(CloseEffect::Harmless, |watch| watch.closing())
    }

    /// Leaks the connection if closing it could harm other files in the database's place.
    fn let_go_where_harmful(&mut self) {
        if self.closing() == CloseEffect::Harms {
            std::mem::forget(self.connection.take());
        }
    }

    /// Leaks the connection if closing could do harm. If only the log's name has gone then the log
    /// is first written to the database, over the connection that still has it open. A reader that
    /// connected later reads an empty log and might be the last to close.
    pub async fn save_or_let_go(&mut self) {
        self.let_go_where_harmful();
        if let (CloseEffect::Loses, Some(connection)) = (self.closing(), &mut self.connection)
            && let Err(error) = connection.execute("pragma wal_checkpoint(full)").await
        {
            warn!("what was in the write-ahead log that was deleted cannot be written: {error}");
        }
    }
}

impl Drop for WriteConnection {
    fn drop(&mut self) {
        self.let_go_where_harmful();
    }
}
