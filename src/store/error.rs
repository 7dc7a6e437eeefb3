//! The errors of the store, by what a caller can do about them.

/// The errors of the store, by what a caller can do about them.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// Try again later. Nothing was written.
    #[error("the database cannot be reached or written now: {0}")]
    Unavailable(String),
    /// End the process. The disk under the database fails, and its contents must be read again.
    #[error("the disk under the database fails: {0}")]
    Io(String),
    /// End the process. The file under the database is no longer the one that was opened.
    #[error("the database has gone: {0}")]
    Gone(String),
    /// Use the newer program.
    #[error(
        "the database has schema {found}, this program knows up to {known}: start a newer surveyd; nothing was changed"
    )]
    NewerSchema { found: i64, known: i64 },
    /// Try again in a moment. Nothing was written and the connection is good. Another connection
    /// holds a lock, or the database is being compared with the sends.
    #[error("the database is busy: {0}")]
    Busy(String),
    /// Correct the configuration. The server refuses the user, the password or the database.
    #[error("the server refuses store.url: {0}")]
    Refused(String),
    /// Do nothing more. Another worker has the survey.
    #[error("the claim on survey {0} has passed to another worker")]
    LeaseLost(String),
    /// X answered a request with the feedback of another survey. The request's outcome is not
    /// known.
    #[error("X answered survey {0} with the feedback of another one")]
    Foreign(String),
    /// Do nothing more. The gathered events belong to the other rebuild now.
    #[error("another rebuild of account {0} has been begun, and this one ends")]
    Overtaken(String),
    #[error("{0}")]
    Url(String),
    /// Create the database, or bring it up to date.
    #[error("{0}")]
    Missing(String),
    /// Name another file, or make another backup. Nothing was changed.
    #[error("{0}")]
    Backup(String),
    /// A row that this program cannot have written.
    #[error("the database holds something that does not belong there: {0}")]
    Broken(String),
}

/// SQLITE_IOERR and SQLITE_NOTADB (sqlite.org/rescode.html).
const SQLITE_DISK_FAILS: [u32; 2] = [10, SQLITE_NOTADB];

/// SQLITE_PERM, SQLITE_READONLY and SQLITE_CANTOPEN.
pub(super) const SQLITE_DENIED: [u32; 3] = [3, 8, 14];

pub(super) const SQLITE_NOTADB: u32 = 26;

const SQLITE_CORRUPT: u32 = 11;

const SQLITE_FULL: u32 = 13;

/// What to do about a lock that lasts.
pub const HELD_BY_ANOTHER: &str =
    "another program holds the database: `fuser` with its file shows which, to be ended";

pub(super) const SQLITE_BUSY: &str = "5";

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(|error| error.code());
        if let Some(code) = code.as_deref().filter(|code| code.len() == 5) {
            // The whole error would name a line of PostgreSQL's own source.
            let words = error.as_database_error().map(|error| error.message().to_owned());
            let words = words.unwrap_or_default();
            // The codes are listed in postgresql.org/docs/current/errcodes-appendix.html.
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
            // The caller that closed the pool reports why.
            return Self::Busy("surveyd lets go of its database".into());
        }
        if matches!(error, sqlx::Error::PoolTimedOut) {
            let words = "the database did not answer in time, or had no connection to spare";
            return Self::Unavailable(words.into());
        }
        // SQLite's codes are shorter than PostgreSQL's five characters. The low byte gives the
        // kind.
        let code = code.filter(|code| code.len() < 5).and_then(|code| code.parse::<u32>().ok());
        match code {
            Some(code) if code & 0xFF == SQLITE_CORRUPT => Self::Io(format!(
                "{error}. Stop surveyd and put a backup in its place: `surveyd restore FILE \
                 --replace`"
            )),
            Some(code) if SQLITE_DISK_FAILS.contains(&(code & 0xFF)) => Self::Io(error.to_string()),
            Some(code) if (code & 0xFF).to_string() == SQLITE_BUSY => {
                Self::Unavailable(HELD_BY_ANOTHER.into())
            }
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

pub type Result<T, E = Error> = std::result::Result<T, E>;
