//! What must never run backwards: the clock, and the number of sends begun.
//!
//! The number is kept a second time, in a small file beside the database. A database that is behind
//! its file was restored from a backup: what it holds as scheduled may have been sent since.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use sqlx::{AnyConnection, Row};

use super::{Error, Result, Store};
use crate::domain::budget::{Call, WINDOW};
use crate::domain::time::Millis;
use crate::files;

/// The name of the one row.
const NAME: &str = "sends";

/// How the sends stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    pub sends: i64,
    /// The latest instant on record.
    pub last_at: Option<Millis>,
    /// Since when sends are held, by our clock, which may have been wrong: the end of the hold is
    /// reckoned by X's ([`Hold`]).
    pub restored_at: Option<Millis>,
}

const READ: &str = "select p.sends, p.last_at, h.restored_at from (select 1 as one) o \
     left join progress p on p.name = $1 left join restore_hold h on h.account = $2";

const RECORD: &str = "insert into progress (name, sends, last_at) values ($1, $2, $3) \
     on conflict (name) do update set sends = progress.sends + excluded.sends, \
     last_at = case when excluded.last_at > progress.last_at then excluded.last_at \
     else progress.last_at end returning sends";

const CATCH_UP: &str = "insert into progress (name, sends, last_at) values ($1, $2, $3) \
     on conflict (name) do update set sends = excluded.sends";

/// One that the backup itself knew of has an end of then.
const HOLD: &str = "insert into restore_hold (account, restored_at) values ($1, $2) \
     on conflict (account) do update set restored_at = excluded.restored_at, until_at = null";

/// Records an instant, and `begun` sends that are about to leave. All sends that were ever begun.
pub async fn record(connection: &mut AnyConnection, begun: i64, at: Millis) -> Result<i64> {
    Ok(sqlx::query_scalar(RECORD).bind(NAME).bind(begun).bind(at.0).fetch_one(connection).await?)
}

pub async fn read(connection: &mut AnyConnection, account: &str) -> Result<Progress> {
    let row = sqlx::query(READ).bind(NAME).bind(account).fetch_one(connection).await?;
    Ok(Progress {
        sends: row.try_get::<Option<i64>, _>(0)?.unwrap_or(0),
        last_at: row.try_get::<Option<i64>, _>(1)?.map(Millis),
        restored_at: row.try_get::<Option<i64>, _>(2)?.map(Millis),
    })
}

impl Store {
    /// How the sends stand, and whether those of an account are held.
    pub async fn progress(&self, account: &str) -> Result<Progress> {
        let mut connection = self.readers.acquire().await?;
        read(&mut connection, account).await
    }

    /// Compares the database with the count kept beside it, and holds the sends of all `accounts`
    /// where the database is behind. Whether it is.
    pub async fn notice_restore(&self, accounts: Vec<String>, now: Millis) -> Result<bool> {
        let Some(mark) = &self.mark else { return Ok(false) };
        let sends = self.progress("").await?.sends;
        let known = mark.read();
        let behind = match known {
            Some(known) => sends < known,
            // A database that has sent, in a place that knows of none, was brought here.
            None => sends > 0,
        };
        if known.is_none() && !behind {
            // From the start, so that a crash at the very first send is not taken for a restore.
            // Where it cannot be written now, the first send tries again.
            let _ = mark.write(0);
        }
        if behind {
            for account in &accounts {
                // The backup knows nothing of the last calls either; the others wait for the hold.
                let whole_window = Some(now.plus(WINDOW));
                self.hold_calls(account, Call::Show, whole_window, now).await?;
            }
            let sends = known.unwrap_or(0).max(sends);
            self.writer
                .run(move |connection| {
                    Box::pin(async move {
                        sqlx::query(CATCH_UP)
                            .bind(NAME)
                            .bind(sends)
                            .bind(now.0)
                            .execute(&mut *connection)
                            .await?;
                        for account in accounts {
                            sqlx::query(HOLD)
                                .bind(account)
                                .bind(now.0)
                                .execute(&mut *connection)
                                .await?;
                        }
                        Ok(())
                    })
                })
                .await?;
            mark.write(sends)?;
        }
        Ok(behind)
    }
}

/// The file beside the database that counts the sends begun.
#[derive(Clone, Debug)]
pub struct Mark {
    file: PathBuf,
    /// What this process has written: sends that run side by side are marked in any order.
    written: Arc<Mutex<i64>>,
}

/// The disk fails, as errno(3) numbers it.
const EIO: i32 = 5;

impl Mark {
    pub fn beside(database: &Path) -> Self {
        let mut name = database.as_os_str().to_owned();
        name.push(".sends");
        Self { file: PathBuf::from(name), written: Arc::new(Mutex::new(-1)) }
    }

    /// `None` where there is no such file, or none that can be read.
    fn read(&self) -> Option<i64> {
        std::fs::read_to_string(&self.file).ok()?.trim().parse().ok()
    }

    /// Durable when this returns. The width is fixed, so that one sector is written in place.
    pub fn write(&self, sends: i64) -> Result<()> {
        let mut written = self.written.lock().expect("no holder of this lock can panic");
        if sends <= *written {
            return Ok(());
        }
        let done = self.try_write(sends).map_err(|error| {
            let reason = format!("{} cannot be written: {error}", self.file.display());
            if error.raw_os_error() == Some(EIO) {
                Error::Io(reason)
            } else {
                Error::Unavailable(reason)
            }
        });
        done.map(|()| *written = sends)
    }

    fn try_write(&self, sends: i64) -> io::Result<()> {
        let mut file = files::open_or_make(&self.file)?;
        file.write_all(format!("{sends:019}\n").as_bytes())?;
        file.sync_data()
    }
}
