//! What surveyd remembers: SQLite in a file, or PostgreSQL by another URL, from one set of
//! migrations and one set of queries. The only user of sqlx.
//!
//! All writing goes through one [`writer`]; readings take a small pool. No method holds a
//! transaction across anything but the database.
//!
//! Only what means the same in both engines is used: `text` and `bigint` columns, `$1`, upserts,
//! `returning`, partial indexes, cast aggregates; what large statements must say otherwise to each
//! stands in [`places`]. Deliberately absent: a trait with an implementation for each engine, JSON
//! functions elsewhere, date functions, `now()`.

mod advance;
mod answer;
mod budgets;
mod claims;
mod closes;
mod deciding;
mod deliveries;
mod feedback;
mod fold;
mod gathering;
mod hints;
mod hold;
mod known;
mod matching;
mod migrate;
mod optouts;
mod places;
mod progress;
mod reads;
mod rebuild;
mod rebuilt;
mod recorded;
mod reopenings;
mod retry;
mod rows;
mod sends;
mod set_back;
mod settle;
mod shows;
mod streams;
mod surveys;
mod talks;
mod tries;
mod unread;
mod windows;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyConnection, AnyPool, ConnectOptions, Connection, Executor};
use tokio::sync::watch;

pub use budgets::Paused;
pub use claims::Leased;
pub use closes::Taken;
pub use deciding::{Looked, held};
pub use fold::Folded;
pub use hold::{Ended, Hold, Unfinished};
pub use matching::CLOCKS_APART;
pub use optouts::OptOut;
pub use progress::Progress;
pub use reads::{AccountStatus, Listing, ResultRow, ResultsQuery, Status, Step, Told};
pub use rebuild::{MadeAnew, Rebuild};
pub use rebuilt::{MadeSurvey, Making};
pub use recorded::{Further, Recorded, Spent};
pub use sends::{Begun, Outcome, Prompt, Sending, Times};
pub use set_back::Waits;
pub use settle::Unsettled;
pub use shows::{Shown, ToShow};
pub use streams::{Beginning, Page as StreamPage, Reading, Stream};
pub use talks::{Delivered, Heard, Judge, Taking, Watch};
pub use unread::{Unknown, Unread};
pub use windows::{Lag, Page, PollState, PollWindow};

/// Connections that read. More would not be faster: every one is a thread in SQLite's case.
const READERS: u32 = 4;
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How soon turning a file to the write-ahead log is tried again.
const LOG_AGAIN: Duration = Duration::from_millis(10);
const READER_TIMEOUT: Duration = Duration::from_secs(10);

/// The oldest SQLite that does not lose commits when a write meets a checkpoint
/// (sqlite.org, "WAL-reset bug").
const SQLITE_OLDEST: (u32, u32, u32) = (3, 51, 3);

/// What a caller can do about a fault of the store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Try again later; nothing was written.
    #[error("the database cannot be reached or written now: {0}")]
    Unavailable(String),
    /// End the process: the disk under the database fails, and what it holds must be read anew.
    #[error("the disk under the database fails: {0}")]
    Io(String),
    /// Use the newer program.
    #[error(
        "the database has schema {found}, this program knows up to {known}: start a newer surveyd; nothing was changed"
    )]
    NewerSchema { found: i64, known: i64 },
    /// Do nothing more: another worker has the survey.
    #[error("the claim on survey {0} has passed to another worker")]
    LeaseLost(String),
    /// Do nothing more: what was gathered is the other's now.
    #[error("another rebuild of account {0} has been begun, and this one ends")]
    Overtaken(String),
    #[error("{0}")]
    Url(String),
    /// Make the database, or bring it up to date.
    #[error("{0}")]
    Missing(String),
    /// A row that this program cannot have written.
    #[error("the database holds something that does not belong there: {0}")]
    Broken(String),
}

/// SQLITE_IOERR, SQLITE_CORRUPT and SQLITE_NOTADB (sqlite.org/rescode.html).
const SQLITE_DISK_FAILS: [u32; 3] = [10, 11, 26];

const SQLITE_BUSY: &str = "5";

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(|error| error.code());
        // SQLite's codes are shorter than PostgreSQL's five characters; the low byte is the kind.
        let code = code.filter(|code| code.len() < 5).and_then(|code| code.parse::<u32>().ok());
        match code {
            Some(code) if SQLITE_DISK_FAILS.contains(&(code & 0xFF)) => Self::Io(error.to_string()),
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Engine {
    Sqlite,
    Postgres,
}

/// Where the database is, from `store.url`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    engine: Engine,
    url: String,
    /// SQLite's file.
    file: Option<PathBuf>,
}

impl Location {
    /// Reads `sqlite:FILE` (relative to `state_folder`) or `postgres://…`.
    pub fn parse(url: &str, state_folder: &Path) -> Result<Self> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self { engine: Engine::Postgres, url: url.to_owned(), file: None });
        }
        let Some(path) = url.strip_prefix("sqlite:") else {
            return Err(Error::Url(format!(
                "store.url `{url}` is neither sqlite:FILE nor postgres://…"
            )));
        };
        let file = state_folder.join(path.strip_prefix("//").unwrap_or(path));
        let text = file.to_str().filter(|text| !text.contains(['?', '#', '%']));
        let Some(text) = text else {
            return Err(Error::Url(format!(
                "the database's path {} holds a character that a URL cannot: choose another folder",
                file.display()
            )));
        };
        Ok(Self { engine: Engine::Sqlite, url: format!("sqlite:{text}"), file: Some(file) })
    }

    /// SQLite's file; absent on PostgreSQL.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    pub fn is_sqlite(&self) -> bool {
        self.engine == Engine::Sqlite
    }

    fn options(&self, mode: &str) -> Result<AnyConnectOptions> {
        let url = match self.engine {
            Engine::Sqlite => format!("{}?mode={mode}", self.url),
            Engine::Postgres => self.url.clone(),
        };
        let options: AnyConnectOptions = url
            .parse()
            .map_err(|error| Error::Url(format!("store.url cannot be read: {error}")))?;
        Ok(options.disable_statement_logging())
    }

    /// Opens the connection that writes.
    async fn writer(&self) -> Result<AnyConnection> {
        if let Some(file) = self.file() {
            make_private(file);
        }
        let mut connection = AnyConnection::connect_with(&self.options("rwc")?).await?;
        match self.engine {
            Engine::Sqlite => {
                let timeout = format!("pragma busy_timeout = {}", BUSY_TIMEOUT.as_millis());
                connection.execute(sqlx::AssertSqlSafe(timeout)).await?;
                turn_to_log(&mut connection).await?;
                for pragma in [
                    // An acknowledged close survives a power cut only so.
                    "pragma synchronous = full",
                    "pragma foreign_keys = on",
                    "pragma journal_size_limit = 67108864",
                    "pragma trusted_schema = off",
                    "pragma cell_size_check = on",
                    "pragma cache_size = -8192",
                    // The way back out of a statement is kept aside; in a file, each batch of
                    // closes would make and delete one.
                    "pragma temp_store = memory",
                ] {
                    connection.execute(pragma).await?;
                }
            }
            Engine::Postgres => {
                // A commit that is acknowledged before it is on the disk is none.
                connection.execute("set synchronous_commit to on").await?;
                connection.execute("set lock_timeout to '10s'").await?;
                // A daemon whose machine vanishes in a transaction must not hold its locks, and so
                // the other daemons' sends, until the server's TCP notices after hours.
                connection.execute("set idle_in_transaction_session_timeout to '60s'").await?;
            }
        }
        Ok(connection)
    }

    fn readers(&self) -> Result<AnyPool> {
        let engine = self.engine;
        Ok(AnyPoolOptions::new()
            .max_connections(READERS)
            .min_connections(0)
            .acquire_timeout(READER_TIMEOUT)
            // No housekeeping: it would wake an idle process.
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(engine == Engine::Postgres)
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    if engine == Engine::Sqlite {
                        connection.execute("pragma busy_timeout = 5000").await?;
                        connection.execute("pragma query_only = on").await?;
                        connection.execute("pragma trusted_schema = off").await?;
                    }
                    Ok(())
                })
            })
            .connect_lazy_with(self.options("rw")?))
    }
}

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    writer: writer::Writer,
    readers: AnyPool,
    location: Location,
    /// Kept where the database is a file of ours.
    mark: Option<progress::Mark>,
    /// Why the store has failed for good, once it has.
    failure: Arc<watch::Sender<Option<String>>>,
}

impl Store {
    /// Opens the database, brings its schema up to date and starts the writer.
    pub async fn open(location: &Location) -> Result<Self> {
        sqlx::any::install_default_drivers();
        migrate::refuse_newer(location).await?;
        let mut connection = location.writer().await?;
        if location.engine == Engine::Sqlite {
            refuse_old_sqlite(&mut connection).await?;
        }
        migrate::run(&mut connection).await?;
        Self::with(location, Some(connection))
    }

    /// Opens a database that a daemon may be working on. Its schema must be this program's; it is
    /// neither made nor changed.
    pub async fn attach(location: &Location) -> Result<Self> {
        sqlx::any::install_default_drivers();
        migrate::require_current(location).await?;
        Self::with(location, None)
    }

    fn with(location: &Location, connection: Option<AnyConnection>) -> Result<Self> {
        let failure = Arc::new(watch::Sender::new(None));
        Ok(Self {
            writer: writer::Writer::start(location.clone(), connection, failure.clone()),
            readers: location.readers()?,
            location: location.clone(),
            mark: location.file().map(progress::Mark::beside),
            failure,
        })
    }

    /// Waits until nothing can be written any more, and says why: the disk under the database fails,
    /// or the task that writes has met a fault of the program.
    pub async fn failed(&self) -> Error {
        let mut failure = self.failure.subscribe();
        let disk = async {
            let failed = failure.wait_for(Option::is_some).await;
            failed.ok().and_then(|reason| reason.clone()).unwrap_or_default()
        };
        tokio::select! {
            reason = disk => Error::Io(reason),
            () = self.writer.ended() => Error::Unavailable("the task that writes has failed".into()),
        }
    }

    /// Whether other daemons may work on the same database.
    pub fn is_shared(&self) -> bool {
        !self.location.is_sqlite()
    }

    /// Answers once the database takes a write transaction: the proof that the store works.
    pub async fn ping(&self) -> Result<()> {
        self.writer.ping().await
    }

    /// Finishes the writes that are waiting and closes the connections.
    pub async fn close(self) {
        self.writer.stop().await;
        self.readers.close().await;
    }
}

/// Turns a file to the write-ahead log. SQLite does not wait for others that do the same at that
/// moment, whatever the timeout says.
async fn turn_to_log(connection: &mut AnyConnection) -> Result<()> {
    let mut tries = BUSY_TIMEOUT.as_millis() / LOG_AGAIN.as_millis();
    while let Err(error) = connection.execute("pragma journal_mode = wal").await {
        let code = error.as_database_error().and_then(|error| error.code());
        tries -= 1;
        if tries == 0 || code.is_none_or(|code| code != SQLITE_BUSY) {
            return Err(error.into());
        }
        tokio::time::sleep(LOG_AGAIN).await;
    }
    Ok(())
}

/// Makes the database's file for its owner alone, where there is none: it holds what people said.
/// SQLite gives its other files the same mode. Where it cannot be made, opening it says why.
fn make_private(file: &Path) {
    use std::os::unix::fs::OpenOptionsExt as _;
    let _ = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
}

async fn refuse_old_sqlite(connection: &mut AnyConnection) -> Result<()> {
    let version: String =
        sqlx::query_scalar("select sqlite_version()").fetch_one(&mut *connection).await?;
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    if (next(), next(), next()) < SQLITE_OLDEST {
        return Err(Error::Broken(format!(
            "SQLite {version} can lose commits: build with 3.51.3 or newer"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
