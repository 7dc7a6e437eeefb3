//! What surveyd remembers: SQLite in a file, or PostgreSQL by another URL, from one set of
//! migrations and one set of queries. The only user of sqlx.
//!
//! All writing goes through one [`writer`]; readings take a small pool. No method holds a
//! transaction across anything but the database.
//!
//! Only what means the same in both engines is used: `text` and `bigint` columns, `$1`, upserts,
//! `returning`, partial indexes, cast aggregates; what large statements must say otherwise to each
//! stands in [`placeholders`]. Deliberately absent: a trait with an implementation for each engine,
//! JSON functions elsewhere, date functions, `now()`.

mod survey;
mod close;
mod feedback;
mod events;
mod messages;
mod account;
mod rebuild;
mod database;
mod read;
mod placeholders;
mod attempts;
mod writer;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyConnection, AnyPool, ConnectOptions, Connection, Executor};
use tokio::sync::watch;

use self::database::file_watch::FileWatch;
use crate::files;

pub use account::budgets::Paused;
pub use account::holds::{Hold, HoldEnd, Unfinished};
pub use account::opt_outs::OptOut;
pub use close::on_record::{Further, Recorded, Spent};
pub use close::rejections::Rejected;
pub use close::taken::Taken;
pub use database::durability::{Weakness, weaknesses};
pub use database::outage::Outage;
pub use database::progress::Progress;
pub use database::respelt::Respelt;
pub use database::standing::{Compared, Doubt};
pub use events::unread::{UnknownEvent, Unread};
pub use events::windows::{EventsPageRead, Lag, PollState, PollWindow};
pub use feedback::folded::Folded;
pub use feedback::matching::CLOCKS_APART;
pub use feedback::shows::{ShowOutcome, ToShow};
pub use messages::streams::{Beginning, MessageReading, Stream, StreamPage};
pub use messages::talks::{Delivered, Judge, MessageWatch, Taking, TalkOutcome};
pub use read::figures::{AccountFigures, Status};
pub use read::reads::{
    AccountStatus, ConversationName, HistoryStep, Listing, PersonsResponse, ResultRow, ResultsQuery,
};
pub use rebuild::rows::{MadeAnew, Rebuild};
pub use rebuild::surveys::{MadeSurvey, Making};
pub use survey::claim::Leased;
pub use survey::decide::{Looked, held};
pub use survey::dry_run::DryDay;
pub use survey::prompt::{Prompt, SendTimes};
pub use survey::send::{BeginOutcome, SendOutcome, Sending};
pub use survey::settle::Unsettled;
pub use survey::waiting::NextLook;

/// Connections that read. More would not be faster: every one is a thread in SQLite's case.
const READERS: u32 = 4;
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// A database that is taken away is noticed within so long, whether or not anything is written.
const LOOK_AT_FILE: Duration = Duration::from_secs(1);
/// How soon turning a file to the write-ahead log is tried again.
const LOG_AGAIN: Duration = Duration::from_millis(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a write waits for a lock of another daemon.
const LOCK_TIMEOUT: Duration = Duration::from_millis(500);
const READER_TIMEOUT: Duration = Duration::from_secs(10);

/// The oldest SQLite that does not lose commits when a write meets a checkpoint
/// (sqlite.org, "WAL-reset bug").
const SQLITE_OLDEST: (u32, u32, u32) = (3, 51, 3);

/// What a caller can do about a fault of the store.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// Try again later; nothing was written.
    #[error("the database cannot be reached or written now: {0}")]
    Unavailable(String),
    /// End the process: the disk under the database fails, and what it holds must be read anew.
    #[error("the disk under the database fails: {0}")]
    Io(String),
    /// End the process: the file under the database is no longer the one that was opened.
    #[error("the database has gone: {0}")]
    Gone(String),
    /// Use the newer program.
    #[error(
        "the database has schema {found}, this program knows up to {known}: start a newer surveyd; nothing was changed"
    )]
    NewerSchema { found: i64, known: i64 },
    /// Try again in a moment; nothing was written, and the connection is good: another holds a
    /// lock, or the database is being compared with what was sent.
    #[error("the database is busy: {0}")]
    Busy(String),
    /// Correct the configuration: the server knows neither this user, this password nor this
    /// database.
    #[error("the server refuses store.url: {0}")]
    Refused(String),
    /// Do nothing more: another worker has the survey.
    #[error("the claim on survey {0} has passed to another worker")]
    LeaseLost(String),
    /// X answered a request with the feedback of another survey: what became of it is not known.
    #[error("X answered survey {0} with the feedback of another one")]
    Foreign(String),
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

/// SQLITE_PERM, SQLITE_READONLY and SQLITE_CANTOPEN.
const SQLITE_DENIED: [u32; 3] = [3, 8, 14];

const SQLITE_NOTADB: u32 = 26;

const SQLITE_FULL: u32 = 13;

const SQLITE_BUSY: &str = "5";

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(|error| error.code());
        if let Some(code) = code.as_deref().filter(|code| code.len() == 5) {
            // The whole error would name a line of PostgreSQL's own source.
            let words = error.as_database_error().map(|error| error.message().to_owned());
            let words = words.unwrap_or_default();
            // postgresql.org/docs/current/errcodes-appendix.html
            return match code {
                "55P03" | "40001" | "40P01" => Self::Busy(words),
                "3D000" => Self::Refused(format!("{words}: create it, or correct the name there")),
                "42P01" => Self::Unavailable(format!(
                    "{words}: the database is empty, or another one than surveyd began with. Bring \
                     the right one back or correct store.url; to begin anew with this one, start \
                     surveyd again"
                )),
                "42P10" => Self::Unavailable(format!(
                    "{words}: the database is not whole: a dump is being restored, or could not be. \
                     Wait for the end of it; where it has failed, stop surveyd and restore again"
                )),
                _ if code.starts_with("28") => Self::Refused(words),
                _ => Self::Unavailable(words),
            };
        }
        if matches!(error, sqlx::Error::PoolClosed) {
            // Whoever closed it says why.
            return Self::Busy("surveyd lets go of its database".into());
        }
        if matches!(error, sqlx::Error::PoolTimedOut) {
            let words = "the database did not answer in time, or had no connection to spare";
            return Self::Unavailable(words.into());
        }
        // SQLite's codes are shorter than PostgreSQL's five characters; the low byte is the kind.
        let code = code.filter(|code| code.len() < 5).and_then(|code| code.parse::<u32>().ok());
        match code {
            Some(code) if SQLITE_DISK_FAILS.contains(&(code & 0xFF)) => Self::Io(error.to_string()),
            Some(SQLITE_FULL) => Self::Unavailable("the disk is full: make room on it".into()),
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

use database::standing::Standing;

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
    /// SQLite's file, all links followed: everything beside it lies beside the file itself.
    file: Option<PathBuf>,
    /// The same before links are followed.
    given: PathBuf,
    /// Where this daemon's mark of a server's database lies.
    folder: PathBuf,
}

impl Location {
    /// Reads `sqlite:FILE` (relative to `state_folder`) or `postgres://…`.
    pub fn parse(url: &str, state_folder: &Path) -> Result<Self> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self {
                engine: Engine::Postgres,
                url: url.to_owned(),
                file: None,
                given: PathBuf::new(),
                folder: state_folder.to_owned(),
            });
        }
        let Some(path) = url.strip_prefix("sqlite:") else {
            return Err(Error::Url(format!(
                "store.url `{url}` is neither sqlite:FILE nor postgres://…"
            )));
        };
        let given = state_folder.join(path.strip_prefix("//").unwrap_or(path));
        let file = without_links(&given);
        let text = file.to_str().filter(|text| !text.contains(['?', '#', '%']));
        let Some(text) = text else {
            return Err(Error::Url(format!(
                "the database's path {} holds a character that a URL cannot: choose another folder",
                file.display()
            )));
        };
        Ok(Self {
            engine: Engine::Sqlite,
            url: format!("sqlite:{text}"),
            file: Some(file),
            given,
            folder: state_folder.to_owned(),
        })
    }

    /// SQLite's file; absent on PostgreSQL.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    fn folder(&self) -> &Path {
        &self.folder
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

    /// Makes SQLite's file where there is none, before anything is opened: for those whom its
    /// folder is open to, since it holds what people said. SQLite gives its other files the same
    /// owner and mode.
    pub fn make_file(&self) -> Result<()> {
        let Some(file) = self.file() else { return Ok(()) };
        if file.is_symlink() {
            return Err(Error::Missing(format!(
                "{} is a symbolic link to nothing: nothing is made behind it, for what it leads to \
                 may only not be mounted yet",
                file.display()
            )));
        }
        if file.is_dir() {
            return Err(self.is_folder(file));
        }
        match files::make(file) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                let folder = file.parent().filter(|folder| !folder.exists());
                let missing = folder.map(|folder| {
                    format!("its folder {} is not there: make it, or mount it", folder.display())
                });
                match missing {
                    None if error.kind() == ErrorKind::PermissionDenied => Err(self.closed(&error)),
                    missing => {
                        let why = missing.unwrap_or_else(|| error.to_string());
                        let words = format!("{} cannot be made: {why}", file.display());
                        Err(Error::Unavailable(words))
                    }
                }
            }
            // One that was put there by hand is closed to others, too, where it is ours.
            Ok(_) | Err(_) => {
                let _ = files::fit_to_folder(file);
                Ok(())
            }
        }
    }

    /// What is wrong with an address whose file is a folder.
    fn is_folder(&self, file: &Path) -> Error {
        Error::Url(format!("{} is a folder: name a file in it in store.url", file.display()))
    }

    /// Watches SQLite's file, when it is opened.
    fn watch(&self) -> Option<Arc<FileWatch>> {
        self.file().map(|file| Arc::new(FileWatch::new(file, &self.given)))
    }

    /// A fault of opening, with the file, its owner and what to type where the fault is one of
    /// rights.
    fn of_opening(&self, error: sqlx::Error) -> Error {
        let code = error.as_database_error().and_then(|error| error.code());
        let code = code.and_then(|code| code.parse::<u32>().ok()).map(|code| code & 0xFF);
        if self.is_sqlite() && code.is_some_and(|it| SQLITE_DENIED.contains(&it)) {
            return self.closed(&error);
        }
        let (shown, is_no_database) = (self.shown(), code == Some(SQLITE_NOTADB));
        match error.into() {
            Error::Io(words) if is_no_database => Error::Io(format!(
                "{shown}: {words}. Put a backup in its place, or name another file in store.url"
            )),
            Error::Io(words) => Error::Io(format!("{shown}: {words}")),
            Error::Unavailable(words) if self.is_sqlite() => {
                Error::Unavailable(format!("{shown}: {words}"))
            }
            Error::Unavailable(words) => Error::Unavailable(format!(
                "{shown}: {words} (is it running there, and is store.url right?)"
            )),
            other => other,
        }
    }

    /// A fault with the database that it is of.
    fn naming(&self, error: Error) -> Error {
        let shown = self.shown();
        match error {
            Error::Unavailable(words) => Error::Unavailable(format!("{shown}: {words}")),
            Error::Missing(words) => Error::Missing(format!("{shown}: {words}")),
            Error::Io(words) => Error::Io(format!("{shown}: {words}")),
            other => other,
        }
    }

    /// The file, or the server's address without what may be secret.
    fn shown(&self) -> String {
        if let Some(file) = self.file() {
            return file.display().to_string();
        }
        let rest = self.url.split_once("://").map_or("", |(_, rest)| rest);
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        format!("PostgreSQL at {}", if host.is_empty() { "its default address" } else { host })
    }

    /// That SQLite's file, or the way to it, is closed to us: whose it is, who we are and what to
    /// type.
    fn closed(&self, error: &dyn std::fmt::Display) -> Error {
        let Some(file) = self.file() else { return Error::Unavailable(error.to_string()) };
        let above: Vec<_> = file.ancestors().skip(1).collect();
        let all = [file.to_owned(), files::beside(file, "-wal"), files::beside(file, "-shm")];
        // The outermost folder that is closed hides all that lies in it; a folder that is there to
        // be gone through need not be writable.
        let hidden = above.iter().rev().find_map(|folder| files::hidden(folder, file));
        let folder = above.first().and_then(|folder| files::denied(folder, file));
        let denied = hidden.or(folder);
        let denied = denied.or_else(|| all.iter().find_map(|path| files::denied(path, file)));
        Error::Unavailable(denied.unwrap_or_else(|| format!("{}: {error}", file.display())))
    }

    /// Opens the connection that writes. It makes no file.
    async fn writer(&self, watch: Option<&FileWatch>) -> Result<AnyConnection> {
        let before = watch.map(FileWatch::before).transpose()?;
        let options = self.options("rw")?;
        let mut connection = connect(&options).await.map_err(|error| self.of_opening(error))?;
        // SQLite has the file open now and reads at the first statement: it would take whatever log
        // lies there for this file's.
        if let (Some(watch), Some(before)) = (watch, before) {
            watch.confirm(before)?;
        }
        self.prepare(&mut connection).await.map_err(|error| self.of_opening(error))?;
        if self.engine == Engine::Postgres {
            database::identity::refuse_standby(&mut connection).await?;
        }
        if let (Some(watch), Some(before)) = (watch, before)
            && let Err(error) = watch.begin(before)
        {
            // To close it could write to a file that is another's.
            std::mem::forget(connection);
            return Err(error);
        }
        Ok(connection)
    }

    async fn prepare(&self, connection: &mut AnyConnection) -> sqlx::Result<()> {
        match self.engine {
            Engine::Sqlite => {
                let timeout = format!("pragma busy_timeout = {}", BUSY_TIMEOUT.as_millis());
                connection.execute(sqlx::AssertSqlSafe(timeout)).await?;
                turn_to_log(connection).await?;
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
                    // What a crash left in the log is written to the database, and its other two
                    // files are there from now on.
                    "pragma wal_checkpoint(passive)",
                ] {
                    connection.execute(pragma).await?;
                }
            }
            Engine::Postgres => {
                // A commit that is acknowledged before it is on the disk is none.
                connection.execute("set synchronous_commit to on").await?;
                // Whoever waits for a lock keeps those behind it waiting.
                connection.execute(sqlx::AssertSqlSafe(wait_for_locks())).await?;
                // A daemon that hangs, or whose machine vanishes, must not hold its locks until the
                // server's TCP notices after hours.
                connection.execute("set idle_in_transaction_session_timeout to '10s'").await?;
            }
        }
        Ok(())
    }

    fn readers(&self, most: u32, watch: Option<&Arc<FileWatch>>) -> Result<AnyPool> {
        let engine = self.engine;
        let watch = watch.cloned();
        Ok(AnyPoolOptions::new()
            .max_connections(most)
            .min_connections(0)
            .acquire_timeout(READER_TIMEOUT)
            // No housekeeping: it would wake an idle process.
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(engine == Engine::Postgres)
            .after_connect(move |connection, _| {
                let watch = watch.clone();
                Box::pin(async move {
                    // Opened on another file, it would take the log for that one's, write it there
                    // and delete it as the last to close.
                    if let Some(watch) = watch {
                        watch.check().map_err(|gone| sqlx::Error::Configuration(gone.into()))?;
                    }
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
    /// The one connection that counts what is watched, however many ask.
    onlooker: AnyPool,
    location: Arc<Location>,
    standing: Standing,
    /// Kept where the database is a file.
    file_watch: Option<Arc<FileWatch>>,
    /// Why the store has failed for good, once it has.
    failure: Arc<watch::Sender<Option<Error>>>,
    /// What the log has said of a database that is away.
    outage: Outage,
}

impl Store {
    /// Opens the database, brings its schema up to date and starts the writer.
    pub async fn open(location: &Location) -> Result<Self> {
        sqlx::any::install_default_drivers();
        location.file().map_or(Ok(()), database::file_watch::settle)?;
        database::migrate::refuse_newer(location).await?;
        location.make_file()?;
        let watch = location.watch();
        let mut connection = location.writer(watch.as_deref()).await?;
        if location.engine == Engine::Sqlite {
            refuse_old_sqlite(&mut connection).await?;
        }
        if location.engine == Engine::Postgres {
            // Of daemons that start together, one migrates and the others wait for it.
            connection.execute("set lock_timeout to '60s'").await?;
        }
        database::schema::require_versions(&mut connection)
            .await
            .map_err(|error| location.naming(error))?;
        database::migrate::run(&mut connection).await?;
        database::schema::require_whole(&mut connection)
            .await
            .map_err(|error| location.naming(error))?;
        if location.engine == Engine::Postgres {
            connection.execute(sqlx::AssertSqlSafe(wait_for_locks())).await?;
        }
        database::identity::name(&mut connection).await?;
        let standing = Standing::new();
        standing.connected(&mut connection, location.engine).await?;
        Self::with(location, Some(connection), standing, watch)
    }

    /// Opens a database that a daemon may be working on. Its schema must be this program's; it is
    /// neither made nor changed.
    pub async fn attach(location: &Location) -> Result<Self> {
        sqlx::any::install_default_drivers();
        location.file().map_or(Ok(()), database::file_watch::settle)?;
        database::migrate::require_current(location).await?;
        Self::with(location, None, Standing::new(), location.watch())
    }

    fn with(
        location: &Location,
        connection: Option<AnyConnection>,
        standing: Standing,
        file_watch: Option<Arc<FileWatch>>,
    ) -> Result<Self> {
        let failure = Arc::new(watch::Sender::new(None));
        let files = writer::Files { location: location.clone(), watch: file_watch.clone() };
        let outage = Outage::default();
        let (trusted, failed, told) = (standing.clone(), failure.clone(), outage.clone());
        let writer = writer::Writer::start(files, connection, trusted, failed, told);
        Ok(Self {
            writer,
            readers: location.readers(READERS, file_watch.as_ref())?,
            onlooker: location.readers(1, file_watch.as_ref())?,
            location: Arc::new(location.clone()),
            standing,
            file_watch,
            failure,
            outage,
        })
    }

    /// Waits until nothing can be written any more, and says why: the disk under the database
    /// fails, its file has gone, or the task that writes has met a fault of the program.
    pub async fn failed(&self) -> Error {
        let mut failure = self.failure.subscribe();
        let failed = async {
            let failed = failure.wait_for(Option::is_some).await;
            failed.ok().and_then(|error| error.clone())
        };
        let ended = || Error::Unavailable("the task that writes has failed".into());
        tokio::select! {
            // A writer that has ended closes its connection, and may take the log with it.
            biased;
            error = failed => error.unwrap_or_else(ended),
            () = self.writer.ended() => ended(),
            error = self.file_gone() => error,
        }
    }

    /// Whether its file is no longer the one that was opened.
    pub fn is_gone(&self) -> bool {
        matches!(*self.failure.borrow(), Some(Error::Gone(_)))
    }

    /// Looks at once and then every second whether the database's file is still the one that was
    /// opened; after each commit the writer looks itself.
    async fn file_gone(&self) -> Error {
        let Some(watch) = &self.file_watch else { return std::future::pending().await };
        loop {
            let watch = watch.clone();
            // A disk that hangs must not hold up the caller.
            let looked = tokio::task::spawn_blocking(move || watch.check()).await;
            if let Ok(Err(error @ Error::Gone(_))) = looked {
                self.failure.send_replace(Some(error.clone()));
                return error;
            }
            tokio::time::sleep(LOOK_AT_FILE).await;
        }
    }

    /// What the log has said of a database that is away, for all who work with it.
    pub fn outage(&self) -> &Outage {
        &self.outage
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
        // Whoever still reads from a server that is away would keep the pools open.
        let pools = async { tokio::join!(self.readers.close(), self.onlooker.close()) };
        let _ = tokio::time::timeout(writer::STOP_WAITS, pools).await;
    }
}

/// Opens a connection; a server that does not answer counts as away.
async fn connect(options: &AnyConnectOptions) -> sqlx::Result<AnyConnection> {
    let connecting = AnyConnection::connect_with(options);
    tokio::time::timeout(CONNECT_TIMEOUT, connecting).await.unwrap_or_else(|_| {
        let silent =
            std::io::Error::new(std::io::ErrorKind::TimedOut, "the server does not answer");
        Err(sqlx::Error::Io(silent))
    })
}

fn wait_for_locks() -> String {
    format!("set lock_timeout to '{}ms'", LOCK_TIMEOUT.as_millis())
}

/// Turns a file to the write-ahead log. SQLite does not wait for others that do the same at that
/// moment, whatever the timeout says.
async fn turn_to_log(connection: &mut AnyConnection) -> sqlx::Result<()> {
    let mut tries = BUSY_TIMEOUT.as_millis() / LOG_AGAIN.as_millis();
    while let Err(error) = connection.execute("pragma journal_mode = wal").await {
        let code = error.as_database_error().and_then(|error| error.code());
        tries -= 1;
        if tries == 0 || code.is_none_or(|code| code != SQLITE_BUSY) {
            return Err(error);
        }
        tokio::time::sleep(LOG_AGAIN).await;
    }
    Ok(())
}

/// The path of the file that `given` leads to; where there is no file yet, in the folder that it
/// leads to.
fn without_links(given: &Path) -> PathBuf {
    if let Ok(file) = given.canonicalize() {
        return file;
    }
    let folder = given.parent().and_then(|folder| folder.canonicalize().ok());
    match (folder, given.file_name()) {
        (Some(folder), Some(name)) if !given.is_symlink() => folder.join(name),
        _ => given.to_owned(),
    }
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
