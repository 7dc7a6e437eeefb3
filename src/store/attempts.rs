//! Batches of rows that begin again if another daemon has written some of the rows meanwhile.

use sqlx::{AnyConnection, Executor};

use super::{Error, Result};

/// How often a batch may begin again. Each time the other daemon has made progress.
const TRIES_MAX: usize = 100;

/// The attempts at one batch, within a transaction.
pub struct Tries {
    lost: usize,
}

impl Tries {
    pub async fn begin(connection: &mut AnyConnection) -> Result<Self> {
        // On SQLite a write transaction is the only one from its start.
        if connection.backend_name() == "PostgreSQL" {
            connection.execute("savepoint batch").await?;
        }
        Ok(Self { lost: 0 })
    }

    /// Undoes the writes of this attempt and gives up its locks. A daemon that waits for them may
    /// hold the row that this attempt needed.
    pub async fn again(&mut self, connection: &mut AnyConnection) -> Result<()> {
        self.lost += 1;
        if self.lost == TRIES_MAX {
            let message = "other daemons write the same feedback all the time".into();
            return Err(Error::Unavailable(message));
        }
        connection.execute("rollback to savepoint batch").await?;
        Ok(())
    }
}
