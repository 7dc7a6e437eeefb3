//! The location of the database, and how connections to it are opened.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyConnection, AnyPool};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

use super::database::file_watch::FileWatch;
use super::database::identity;
use super::error::{SQLITE_BUSY, SQLITE_DENIED, SQLITE_NOTADB};
use super::{Error, Result};
use crate::files;

const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How soon switching a file to the write-ahead log is tried again.
const LOG_AGAIN: Duration = Duration::from_millis(10);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a write waits for a lock of another daemon.
const LOCK_TIMEOUT: Duration = Duration::from_millis(500);

const READER_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// The location of the database, from `store.url`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    pub(super) engine: Engine,
    url: String,
    /// SQLite's file with all links followed. The other files lie beside this one.
    file: Option<PathBuf>,
    /// SQLite's file before links are followed.
    given: PathBuf,
    /// The folder of this daemon's mark.
    folder: PathBuf,
    /// True if a power cut may take what was written.
    is_thrown_away: bool,
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
                is_thrown_away: false,
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
            is_thrown_away: false,
        })
    }

    /// Returns the location of a SQLite file that is thrown away after its use. A commit there does
    /// not wait for the disk, so it is many times faster and a power cut may undo it.
    pub fn thrown_away(self) -> Self {
        Self { is_thrown_away: true, ..self }
    }

    /// Returns SQLite's file. Absent on PostgreSQL.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn is_sqlite(&self) -> bool {
        self.engine == Engine::Sqlite
    }

    pub(super) fn options(&self, mode: &str) -> Result<AnyConnectOptions> {
        let url = match self.engine {
            Engine::Sqlite => format!("{}?mode={mode}", self.url),
            Engine::Postgres => self.url.clone(),
        };
        let options: AnyConnectOptions = url
            .parse()
            .map_err(|error| Error::Url(format!("store.url cannot be read: {error}")))?;
        Ok(options.disable_statement_logging())
    }

    /// Creates SQLite's file before anything is opened, if there is none. The file holds what
    /// people said, so only users of its folder may open it. SQLite gives its other files the same
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
        if !file.exists() && restored_copy(file).exists() {
            return Err(Error::Missing(format!(
                "a restore of {} was broken off: run it again, or start `surveyd run`, which \
                 completes it",
                file.display()
            )));
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
            // Also closes a file that was put there by hand, if it belongs to this user.
            Ok(_) | Err(_) => {
                let _ = files::fit_to_folder(file);
                Ok(())
            }
        }
    }

    /// Returns the error for an address whose file is a folder.
    pub(super) fn is_folder(&self, file: &Path) -> Error {
        Error::Url(format!("{} is a folder: name a file in it in store.url", file.display()))
    }

    /// Returns a watch of SQLite's file.
    pub(super) fn watch(&self) -> Option<Arc<FileWatch>> {
        self.file().map(|file| Arc::new(FileWatch::new(file, &self.given)))
    }

    /// Returns an error of opening with the file's name. If rights are missing it also names the
    /// owner and the command to type.
    pub(super) fn of_opening(&self, error: sqlx::Error) -> Error {
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

    /// Adds the name of the database to an error.
    pub(super) fn naming(&self, error: Error) -> Error {
        let shown = self.shown();
        match error {
            Error::Unavailable(words) => Error::Unavailable(format!("{shown}: {words}")),
            Error::Missing(words) => Error::Missing(format!("{shown}: {words}")),
            Error::Io(words) => Error::Io(format!("{shown}: {words}")),
            other => other,
        }
    }

    /// Returns the file, or the server's address without its secrets.
    pub(super) fn shown(&self) -> String {
        if let Some(file) = self.file() {
            return file.display().to_string();
        }
        let rest = self.url.split_once("://").map_or("", |(_, rest)| rest);
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        format!("PostgreSQL at {}", if host.is_empty() { "its default address" } else { host })
    }

    /// Returns the error for a SQLite file that this user may not open. Names its owner, this user
    /// and the command to type.
    pub(super) fn closed(&self, error: &dyn std::fmt::Display) -> Error {
        let Some(file) = self.file() else { return Error::Unavailable(error.to_string()) };
        let above: Vec<_> = file.ancestors().skip(1).collect();
        let all = [file.to_owned(), files::beside(file, "-wal"), files::beside(file, "-shm")];
        // The outermost closed folder hides everything in it. A folder that is only passed through
        // need not be writable.
        let hidden = above.iter().rev().find_map(|folder| files::hidden(folder, file));
        let folder = above.first().and_then(|folder| files::denied(folder, file));
        let denied = hidden.or(folder);
        let denied = denied.or_else(|| all.iter().find_map(|path| files::denied(path, file)));
        Error::Unavailable(denied.unwrap_or_else(|| format!("{}: {error}", file.display())))
    }

    /// Opens the connection that writes. Creates no file.
    pub(super) async fn writer(&self, watch: Option<&FileWatch>) -> Result<AnyConnection> {
        let before = watch.map(FileWatch::before).transpose()?;
        let options = self.options("rw")?;
        let mut connection = connect(&options).await.map_err(|error| self.of_opening(error))?;
        // SQLite has the file open now and reads at the first statement. It would take any log that
        // lies there for this file's.
        if let (Some(watch), Some(before)) = (watch, before) {
            watch.confirm(before)?;
        }
        self.prepare(&mut connection).await.map_err(|error| self.of_opening(error))?;
        if self.engine == Engine::Postgres {
            identity::refuse_standby(&mut connection).await?;
        }
        if let (Some(watch), Some(before)) = (watch, before)
            && let Err(error) = watch.begin(before)
        {
            // Closing it could write to another database's file.
            std::mem::forget(connection);
            return Err(error);
        }
        Ok(connection)
    }

    pub(super) async fn prepare(&self, connection: &mut AnyConnection) -> sqlx::Result<()> {
        match self.engine {
            Engine::Sqlite => {
                let timeout = format!("pragma busy_timeout = {}", BUSY_TIMEOUT.as_millis());
                connection.execute(sqlx::AssertSqlSafe(timeout)).await?;
                turn_to_log(connection).await?;
                for pragma in [
                    // Without this setting an acknowledged close would not survive a power cut.
                    "pragma synchronous = full",
                    "pragma foreign_keys = on",
                    // What is deleted is overwritten where that costs no further write.
                    "pragma secure_delete = fast",
                    "pragma journal_size_limit = 67108864",
                    "pragma trusted_schema = off",
                    "pragma cell_size_check = on",
                    "pragma cache_size = -8192",
                    // Keeps SQLite's statement journal in memory. As a file it would be created and
                    // deleted with every batch of closes.
                    "pragma temp_store = memory",
                    // Writes to the database what a crash left in the log. The other two files
                    // exist from now on.
                    "pragma wal_checkpoint(passive)",
                ] {
                    connection.execute(pragma).await?;
                }
                if self.is_thrown_away {
                    connection.execute("pragma synchronous = off").await?;
                }
            }
            Engine::Postgres => {
                // A commit counts only once it is on the disk.
                connection.execute("set synchronous_commit to on").await?;
                // A transaction that waits for a lock delays those after it.
                connection.execute(sqlx::AssertSqlSafe(wait_for_locks())).await?;
                // A daemon may hang or its machine may vanish. Its locks must not last until the
                // server's TCP notices after hours.
                connection.execute("set idle_in_transaction_session_timeout to '10s'").await?;
            }
        }
        Ok(())
    }

    pub(super) fn readers(&self, most: u32, watch: Option<&Arc<FileWatch>>) -> Result<AnyPool> {
        let engine = self.engine;
        let watch = watch.cloned();
        Ok(AnyPoolOptions::new()
            .max_connections(most)
            .min_connections(0)
            .acquire_timeout(READER_TIMEOUT)
            // No housekeeping, because it would wake an idle process.
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(engine == Engine::Postgres)
            .after_connect(move |connection, _| {
                let watch = watch.clone();
                Box::pin(async move {
                    // A reader opened on another file would take the log for that file's. As the
                    // last to close it would write the log there and delete it.
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

/// Returns where the copy of a backup lies while it is ready to take the database's place.
pub(super) fn restored_copy(database: &Path) -> PathBuf {
    files::beside(database, ".restored")
}

/// Opens a connection. A server that does not answer counts as away.
pub(super) async fn connect(options: &AnyConnectOptions) -> sqlx::Result<AnyConnection> {
    let connecting = AnyConnection::connect_with(options);
    tokio::time::timeout(CONNECT_TIMEOUT, connecting).await.unwrap_or_else(|_| {
        let silent =
            std::io::Error::new(std::io::ErrorKind::TimedOut, "the server does not answer");
        Err(sqlx::Error::Io(silent))
    })
}

pub(super) fn wait_for_locks() -> String {
    format!("set lock_timeout to '{}ms'", LOCK_TIMEOUT.as_millis())
}

/// Switches a file to the write-ahead log. SQLite does not wait for a concurrent switch, whatever
/// its timeout says.
pub(super) async fn turn_to_log(connection: &mut AnyConnection) -> sqlx::Result<()> {
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

/// Returns the path of the file that `given` leads to. If there is no file yet then the path lies
/// in the folder that `given` leads to.
pub(super) fn without_links(given: &Path) -> PathBuf {
    if let Ok(file) = given.canonicalize() {
        return file;
    }
    let folder = given.parent().and_then(|folder| folder.canonicalize().ok());
    match (folder, given.file_name()) {
        (Some(folder), Some(name)) if !given.is_symlink() => folder.join(name),
        _ => given.to_owned(),
    }
}
