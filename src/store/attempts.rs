//! Batches of rows that are begun again where another daemon has written some of them meanwhile.

use sqlx::{AnyConnection, Executor};

use super::{Error, Result};

/// How often a batch is begun again. Each time, that other daemon has got on.
const TRIES_MAX: usize = 100;

/// The tries of one batch, within a transaction.
pub struct Tries {
    lost: usize,
}

impl Tries {
    pub async fn begin(connection: &mut AnyConnection) -> Result<Self> {
        // Under SQLite a transaction is the only one that writes, from its start.
        if connection.backend_name() == "PostgreSQL" {
            connection.execute("savepoint batch").await?;
        }
        Ok(Self { lost: 0 })
    }

    /// Undoes what this try has written. Its locks go, too: who waits for them may hold what it
    /// lacked.
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
