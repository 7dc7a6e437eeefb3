//! The record that surveyd keeps, in a SQLite file or in PostgreSQL by URL.
//!
//! Both engines share one set of migrations and one set of queries. This module is the only user of
//! sqlx. All writes go through one [`writer`]. Reads take a small pool. No method holds a
//! transaction across anything but the database.
//!
//! Only SQL with the same meaning in both engines is used: `text` and `bigint` columns, `$1`,
//! upserts, `returning`, partial indexes and cast aggregates. The parts of large statements
//! that must differ stand in [`placeholders`]. Deliberately absent are a trait with an
//! implementation for each engine, JSON functions elsewhere, date functions and `now()`.

mod survey;
mod close;
mod feedback;
mod events;
mod direct_messages;
mod account;
mod access;
mod rebuild;
mod database;
mod read;
mod results;
mod blocks;
mod alerts;
mod schedules;
mod backup;
mod agreement;
mod person;
mod error;
mod location;
mod placeholders;
mod column_types;
mod attempts;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use sqlx::{AnyConnection, AnyPool, Executor};
use tokio::sync::watch;

use self::database::file_watch::FileWatch;
use self::database::mark_comparison::Standing;
use self::location::{Engine, wait_for_locks};

pub use error::{Error, HELD_BY_ANOTHER, Result};
pub use location::Location;

pub use access::audit::{AuditEntry, AuditPlace};
pub use account::budgets::Paused;
pub use account::holds::{Hold, HoldEnd, Unfinished};
pub use account::opt_outs::OptOut;
pub use agreement::Disagreement;
pub use alerts::fan_out::FannedOut;
pub use alerts::standing::{AlertGlance, AlertStanding, Disabled};
pub use alerts::sweep::Swept;
pub use alerts::tries::{AfterTry, DueMessage, MessageContent, NextTry, TryOutcome};
pub use backup::contents::BackupContents;
pub use backup::make::{back_up, part_of};
pub use backup::restore::{Checked, checked_copy, finish_restore, is_restore_unfinished};
pub use blocks::closing::Closing;
pub use close::on_record::{Further, Recorded, Spent};
pub use close::rejections::Rejected;
pub use close::taken::Taken;
pub use database::doubt::Doubt;
pub use database::durability::{Weakness, weaknesses};
pub use database::mark_comparison::MarkComparison;
pub use database::migrate::{PendingMigrations, pending as pending_migrations, refuse_beside_log};
pub use database::outage::Outage;
pub use database::progress::Progress;
pub use database::respelt::Respelt;
pub use direct_messages::streams::{Beginning, MessageReading, Stream, StreamPage};
pub use direct_messages::talks::{Delivered, Judge, MessageWatch, Taking, TalkOutcome};
pub use events::unread::{UnknownEvent, Unread};
pub use events::windows::{EventsPageRead, Lag, PollState, PollWindow};
pub use feedback::folded::{Answered, Folded};
pub use feedback::matching::CLOCKS_APART;
pub use feedback::shows::{ShowOutcome, ToShow};
pub use person::columns::{Rows, TABLES, Table};
pub use person::erase::{Erased, ErasedRows};
pub use person::export::KeptRow;
pub use person::find::PersonRows;
pub use person::forget::Forgotten;
pub use person::retention::{Aged, Aging, AgingPlace};
pub use person::space::Cleared;
pub use read::cells::{Cell, CellDetail};
pub use read::figures::{AccountFigures, Status};
pub use read::lists::{List, Page, Place};
pub use read::names::{KnownNames, NamedTogether};
pub use read::reads::{
    AccountStatus, ConversationName, HistoryStep, Listing, PersonsResponse, ResultRow, ResultsQuery,
};
pub use rebuild::rows::{MadeAnew, Rebuild};
pub use rebuild::surveys::{MadeSurvey, Making};
pub use results::days::Dimension;
pub use results::refresh::Refreshed;
pub use results::totals::DayTotal;
pub use schedules::ScheduleStanding;
pub use survey::decide::{Looked, held};
pub use survey::dry_run::DryDay;
pub use survey::lease::Leased;
pub use survey::prompt::{Prompt, SendTimes};
pub use survey::send::{BeginOutcome, Sending};
pub use survey::send_outcome::SendOutcome;
pub use survey::settle::Unsettled;
pub use survey::waiting::NextLook;

/// The connections that read. More would not be faster because each is a thread with SQLite.
const READERS: u32 = 4;

/// The longest time until a database that was taken away is noticed, even if nothing is written.
const LOOK_AT_FILE: Duration = Duration::from_secs(1);

/// The oldest SQLite that does not lose commits if a write meets a checkpoint (sqlite.org,
/// "WAL-reset bug").
const SQLITE_OLDEST: (u32, u32, u32) = (3, 51, 3);

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    writer: writer::Writer,
    readers: AnyPool,
    /// The one connection for figures that are watched, however many readers ask.
    onlooker: AnyPool,
    location: Arc<Location>,
    standing: Standing,
    /// Present if the database is a file.
    file_watch: Option<Arc<FileWatch>>,
    /// The reason why the store has failed for good, once it has.
    failure: Arc<watch::Sender<Option<Error>>>,
    /// The log's account of a database that is away.
    outage: Outage,
}

impl Store {
    /// Opens the database, brings its schema up to date and starts the writer.
    pub async fn open(location: &Location) -> Result<Self> {
        sqlx::any::install_default_drivers();
        let set_aside = location.file().map_or(Ok(None), database::log_note::settle)?;
        if let Some(words) = set_aside {
            tracing::warn!(event = "store.replaced", "{words}");
        }
        database::migrate::refuse_newer(location).await?;
        if let Some(pending) = database::migrate::pending(location).await? {
            tracing::info!(event = "store.migrating", "{}", pending.words());
        }
        location.make_file()?;
        let watch = location.watch();
        let mut connection = location.writer(watch.as_deref()).await?;
        if location.engine == Engine::Sqlite {
            refuse_old_sqlite(&mut connection).await?;
        }
        if location.engine == Engine::Postgres {
            // If daemons start together then one migrates and the others wait for it.
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

    /// Opens a database that a daemon may be working on. Its schema must be this program's. The
    /// database is neither created nor changed.
    pub async fn attach(location: &Location) -> Result<Self> {
        sqlx::any::install_default_drivers();
        set_log_aside(location)?;
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

    /// Waits until nothing can be written any more, and returns why. The disk under the database
    /// may fail, its file may be gone, or a task that writes may have met a fault of the program.
    pub async fn failed(&self) -> Error {
        let mut failure = self.failure.subscribe();
        let failed = async {
            let failed = failure.wait_for(Option::is_some).await;
            failed.ok().and_then(|error| error.clone())
        };
        let ended = || Error::Unavailable("the task that writes has failed".into());
        tokio::select! {
            // A writer that has ended closes its connection and may delete the log with it.
            biased;
            error = failed => error.unwrap_or_else(ended),
            () = self.writer.ended() => ended(),
            error = self.file_gone() => error,
        }
    }

    /// True if the database's file is no longer the one that was opened.
    pub fn is_gone(&self) -> bool {
        matches!(*self.failure.borrow(), Some(Error::Gone(_)))
    }

    /// Checks at once and then every second that the database's file is still the one that was
    /// opened. The writer itself checks after each commit.
    async fn file_gone(&self) -> Error {
        let Some(watch) = &self.file_watch else { return std::future::pending().await };
        loop {
            let watch = watch.clone();
            // A disk that hangs must not block the caller.
            let looked = tokio::task::spawn_blocking(move || watch.check()).await;
            if let Ok(Err(error @ Error::Gone(_))) = looked {
                self.failure.send_replace(Some(error.clone()));
                return error;
            }
            tokio::time::sleep(LOOK_AT_FILE).await;
        }
    }

    /// Returns the log's account of a database that is away, shared by all its users.
    pub fn outage(&self) -> &Outage {
        &self.outage
    }

    /// True if other daemons may work on the same database.
    pub fn is_shared(&self) -> bool {
        !self.location.is_sqlite()
    }

    /// Returns once the database takes a write transaction, which proves that the store works.
    pub async fn ping(&self) -> Result<()> {
        self.writer.ping().await
    }

    /// Finishes the waiting writes and closes the connections.
    pub async fn close(self) {
        self.writer.stop().await;
        // A read from a server that is away would keep the pools open.
        let pools = async { tokio::join!(self.readers.close(), self.onlooker.close()) };
        let _ = tokio::time::timeout(writer::STOP_WAITS, pools).await;
    }
}

/// Moves a log aside whose database has made way for another. Returns what to say about that. A
/// command calls this before it opens the database, because nobody reads its log.
pub fn set_log_aside(location: &Location) -> Result<Option<String>> {
    location.file().map_or(Ok(None), database::log_note::settle_where_there)
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
