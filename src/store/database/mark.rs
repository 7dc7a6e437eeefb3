//! The mark of a daemon.
//!
//! The mark is a small file in the state folder. It says which database the daemon last worked on
//! and how many sends it had begun there. It is written before each request leaves. A database that
//! lags its mark may have sent surveys that it holds as scheduled. So may a database that the mark
//! does not name.
//!
//! A SQLite file has one mark beside it, `surveyd.db.sends`. On PostgreSQL each daemon locks a mark
//! of its own in the state folder. The first is `postgres.sends`. A second daemon in the same
//! folder takes `postgres-2.sends`. A mark stays when `store.url` is changed. A daemon without a
//! mark of its new database thereby knows that it has sent by another one.
//!
//! Every line has a fixed width, and the whole is shorter than a disk's sector. So the mark is
//! written in place, and a power cut leaves either the old text or the new.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::identity::{Identity, Server};
use crate::files;
use crate::store::{Error, Location, Result};

/// The content of a mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// How many sends the daemon has begun.
    pub sends: i64,
    /// Absent in a mark from before daemons had names. Its count then covers the whole database.
    pub daemon: Option<Named>,
}

/// The daemon that a mark belongs to, and the database that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub daemon_id: String,
    pub identity: Identity,
}

/// A mark that no other daemon uses while this value lives.
#[derive(Debug)]
pub struct MarkFile {
    path: PathBuf,
    /// Holds the lock on PostgreSQL's mark. A SQLite file has one daemon anyway.
    _lock: Option<File>,
    last: Option<Mark>,
}

/// The most daemons that may share one state folder.
const SHARED_BY_MAX: u32 = 64;

/// The number of a failing disk in errno(3).
const EIO: i32 = 5;

impl MarkFile {
    /// Opens the mark beside a SQLite file, or the first free one in the state folder.
    pub fn take(location: &Location) -> Result<Self> {
        if let Some(database) = location.file() {
            let mut name = database.as_os_str().to_owned();
            name.push(".sends");
            return Self::open(PathBuf::from(name), false).map(|mark| mark.expect("not locked"));
        }
        for number in 1..=SHARED_BY_MAX {
            let name = match number {
                1 => "postgres.sends".to_owned(),
                number => format!("postgres-{number}.sends"),
            };
            if let Some(mark) = Self::open(location.folder().join(name), true)? {
                return Ok(mark);
            }
        }
        Err(Error::Unavailable(format!(
            "{SHARED_BY_MAX} daemons use the state folder {}: give this one another",
            location.folder().display()
        )))
    }

    /// Returns the other marks in the state folder that count at least one send.
    pub fn others(&self, location: &Location) -> Vec<(PathBuf, Named)> {
        let Ok(entries) = std::fs::read_dir(location.folder()) else { return Vec::new() };
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let is_other = |path: &PathBuf| {
            path.extension().is_some_and(|ending| ending == "sends")
                && path.file_name() != self.path.file_name()
        };
        let said = |path: PathBuf| {
            let mark = parse(&std::fs::read_to_string(&path).ok()?)?;
            Some((path, mark.daemon.filter(|_| mark.sends > 0)?))
        };
        paths.filter(is_other).filter_map(said).collect()
    }

    /// Opens a mark. Returns `None` if another daemon has locked it.
    fn open(path: PathBuf, is_locked: bool) -> Result<Option<Self>> {
        let mut lock = None;
        if is_locked {
            let file = files::open_or_make(&path).map_err(|error| fault(&path, "made", &error))?;
            match file.try_lock() {
                Ok(()) => lock = Some(file),
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(fault(&path, "locked", &error)),
            }
        }
        let mut mark = Self { path, _lock: lock, last: None };
        mark.read()?;
        Ok(Some(mark))
    }

    /// Reads the file. Returns `None` if there is no readable mark.
    pub fn read(&mut self) -> Result<Option<&Mark>> {
        self.last = match std::fs::read(&self.path) {
            Ok(text) => parse(&String::from_utf8_lossy(&text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(fault(&self.path, "read", &error)),
        };
        Ok(self.last.as_ref())
    }

    /// Returns the mark as it was last read or written. Returns `None` if no mark could be read.
    pub fn last(&self) -> Option<&Mark> {
        self.last.as_ref()
    }

    /// Writes the mark. It is on the disk when this returns.
    pub fn write(&mut self, mark: Mark) -> Result<()> {
        self.try_write(&mark).map_err(|error| fault(&self.path, "written", &error))?;
        self.last = Some(mark);
        Ok(())
    }

    /// Counts a send that is about to leave. Concurrent sends may be counted in any order, so a
    /// lower count changes nothing.
    pub fn count(&mut self, sends: i64) -> Result<()> {
        match &self.last {
            Some(last) if sends <= last.sends => Ok(()),
            Some(last) => self.write(Mark { sends, ..last.clone() }),
            // Tests use a store that was never compared with its mark. It counts all the same.
            None => self.write(Mark { sends, daemon: None }),
        }
    }

    fn try_write(&self, mark: &Mark) -> io::Result<()> {
        let is_new = !self.path.exists();
        // Opened by name each time, so that a mark deleted meanwhile is created again.
        let file = files::open_or_make(&self.path)?;
        file.write_all_at(text(mark).as_bytes(), 0)?;
        file.sync_data()?;
        if is_new && let Some(folder) = self.path.parent().filter(|it| *it != Path::new("")) {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }
}

fn fault(path: &Path, what: &str, error: &io::Error) -> Error {
    let reason = format!("{} cannot be {what}: {error}", path.display());
    match error.raw_os_error() {
        Some(EIO) => Error::Io(reason),
        _ => Error::Unavailable(reason),
    }
}

/// The width of the first line.
const SENDS_DIGITS: usize = 19;

fn text(mark: &Mark) -> String {
    let mut text = format!("{:0SENDS_DIGITS$}\n", mark.sends);
    if let Some(Named { daemon_id, identity }) = &mark.daemon {
        let server = identity.server.as_ref().map(Server::text).unwrap_or_default();
        let position = identity.position.unwrap_or(0);
        text.push_str(&format!(
            "daemon {daemon_id:<32}\ndatabase {:<32}\nserver {server:<64}\nposition {position:019}\n",
            identity.database_id
        ));
    }
    text
}

/// Reads a mark. A text that is not a whole mark is none, because the rest of a mark may tell less
/// than was on the disk.
fn parse(text: &str) -> Option<Mark> {
    let lines: Vec<&str> = text.strip_suffix('\n')?.split('\n').collect();
    let sends = |line: &str| (line.len() == SENDS_DIGITS).then(|| line.parse().ok())?;
    let (first, daemon, database, server, position) = match lines[..] {
        [first] => return Some(Mark { sends: sends(first)?, daemon: None }),
        [first, daemon, database, server, position] => (first, daemon, database, server, position),
        _ => return None,
    };
    let value = |line: &str, key: &str| line.strip_prefix(key).map(|value| value.trim().to_owned());
    let daemon_id = value(daemon, "daemon ").filter(|id| !id.is_empty())?;
    let server = match value(server, "server ")?.as_str() {
        "" => None,
        server => Some(Server::parse(server)?),
    };
    let position: i64 = value(position, "position ")?.parse().ok()?;
    let identity = Identity {
        database_id: value(database, "database ")?,
        server,
        position: Some(position).filter(|position| *position > 0),
    };
    Some(Mark { sends: sends(first)?, daemon: Some(Named { daemon_id, identity }) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark() -> Mark {
        let server = Server {
            system: "7412345678901234567".into(),
            timeline: "0000000A".into(),
            database: 16_384,
            table: 4_294_967_295,
        };
        let identity =
            Identity { database_id: "0".repeat(32), server: Some(server), position: Some(1 << 62) };
        let daemon = Some(Named { daemon_id: "f".repeat(32), identity });
        Mark { sends: i64::MAX, daemon }
    }

    #[test]
    fn a_mark_is_read_as_it_was_written_and_fits_in_a_sector() {
        let mark = mark();
        assert_eq!(parse(&text(&mark)).unwrap(), mark);
        assert!(text(&mark).len() < 512);
        let on_file = Named {
            identity: Identity {
                server: None,
                position: None,
                ..mark.daemon.clone().unwrap().identity
            },
            ..mark.daemon.unwrap()
        };
        let on_file = Mark { sends: 0, daemon: Some(on_file) };
        assert_eq!(text(&on_file).len(), text(&self::mark()).len(), "it is written in place");
        assert_eq!(parse(&text(&on_file)).unwrap(), on_file);
    }

    #[test]
    fn a_mark_of_a_count_alone_is_read() {
        assert_eq!(parse("0000000000000000042\n"), Some(Mark { sends: 42, daemon: None }));
        assert_eq!(parse(""), None);
        assert_eq!(parse("no number\n"), None);
    }

    #[test]
    fn a_part_of_a_mark_is_none() {
        let whole = text(&mark());
        for end in 0..whole.len() {
            let part = parse(&whole[..end]);
            // The first line is a mark from before daemons had names. The database decides on it.
            assert_eq!(part.is_some(), end == SENDS_DIGITS + 1, "{:?}", &whole[..end]);
        }
        for damaged in ["0\n", "0000000000", "0000000000000000042\nnonsense\n", "\0\0\0\n"] {
            assert_eq!(parse(damaged), None, "{damaged:?}");
        }
        assert_eq!(parse(&(whole.clone() + "x\n")), None);
    }
}
