//! Notices that SQLite's file is taken away from the process that works on it.
//!
//! The file may be deleted, moved, replaced or written over. Nobody will read what is committed
//! after that. So nothing may be acknowledged any more, and the process ends.
//!
//! The watch asks the file system for the files' inodes after every commit and once a second. These
//! are four calls that cost microseconds. A file that is written over in place keeps its inode.
//! That shows by its modification time. In write-ahead-log mode SQLite writes to the database in a
//! checkpoint only. Each checkpoint of any process leaves a trace in the log's index (`-shm`)
//! before its first write (sqlite.org/walformat.html, "The WAL-Index File Format"). A program that
//! writes without that trace is not SQLite. The index also gives the number of pages in the log and
//! the random number (its salt) that ties them together. A log that is shorter or has another salt
//! was cut or written over.
//!
//! Two cases are not noticed:
//!
//! - a copy that is written exactly while a checkpoint runs
//! - another database that is put in through SQLite itself (`.restore` of its shell)
//!
//! The watch must not close a file of the database while SQLite has it open. Closing any descriptor
//! of a file gives up all locks that the process has on it (fcntl(2)).

use std::fs::{self, File};
use std::io::{ErrorKind, Result as IoResult};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::log_note::{INDEX, LOG, Note};
use crate::files::{FileId, beside};
use crate::store::{Error, Result};

/// The bytes before the pages of a log, and before each page.
const LOG_HEADER: u64 = 32;
const FRAME_HEADER: u64 = 24;

/// One database's files, as the process that works on them opened them.
pub struct FileWatch {
    file: PathBuf,
    /// The path in the configuration, which may lead over links.
    given: PathBuf,
    seen: Mutex<Option<FilesSeen>>,
}

struct FilesSeen {
    /// True while a connection has the files open. The last connection that closes writes to the
    /// database and deletes the two other files.
    is_open: bool,
    database: FileId,
    log: FileId,
    index: FileId,
    /// Stays open as long as SQLite has the file open.
    open_index: File,
    open_log: File,
    /// Read before `written`.
    checkpoint: Checkpoint,
    written: Written,
}

/// The state of the log and of its checkpoints, as the log's index gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Checkpoint {
    /// The salt of the present log.
    salt: [u8; 8],
    /// The number of committed pages in the log, and the length of a page.
    frames: u32,
    page: u16,
    done: u32,
    begun: u32,
}

/// The time of the last write to the database, and its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Written {
    at: (i64, i64),
    bytes: u64,
}

/// The fate of the files.
enum FilesFate {
    /// Only the log's name has gone. Its contents can still be written to the database.
    LogDeleted,
    WrittenOver,
    Replaced,
    /// Only the path has changed. The files that belong together still lie together.
    Elsewhere,
}

/// The effect of closing a connection. The last one that closes writes the log to whatever database
/// is there. It also deletes any file under the log's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseEffect {
    Harmless,
    /// The log's contents are in no file with a name. They must be written to the database first.
    Loses,
    Harms,
}

/// What lies under a file's name.
#[derive(Clone, Copy)]
enum Whereabouts {
    There,
    Absent,
    Another,
}

impl FileWatch {
    pub fn new(file: &Path, given: &Path) -> Self {
        Self { file: file.to_owned(), given: given.to_owned(), seen: Mutex::new(None) }
    }

    /// Returns the database's file before a connection is opened. The caller hands it to
    /// [`Self::begin`].
    pub fn before(&self) -> Result<FileId> {
        self.check()?;
        FileId::at(&self.file).map_err(|error| self.cannot_be_looked_at(&error))
    }

    /// Refuses if the new connection may lead to another file than the one before.
    pub fn confirm(&self, before: FileId) -> Result<()> {
        let id = FileId::at(&self.file).map_err(|error| self.cannot_be_looked_at(&error))?;
        match id == before {
            true => Ok(()),
            false => Err(self.gone("was replaced while it was opened")),
        }
    }

    /// Begins to watch once a connection has all three files open.
    pub fn begin(&self, database: FileId) -> Result<()> {
        let failed = |error| self.cannot_be_looked_at(&error);
        let index_path = beside(&self.file, INDEX);
        let index = FileId::at(&index_path).map_err(failed)?;
        let log_path = beside(&self.file, LOG);
        let log = FileId::at(&log_path).map_err(failed)?;
        // SQLite locks the index and the database but never the log.
        let open_log = File::open(&log_path).map_err(failed)?;
        let mut seen = self.seen();
        let open_index = match seen.take() {
            Some(seen) if seen.index == index => seen.open_index,
            // The earlier index was deleted by the last connection that had it open.
            Some(_) | None => File::open(&index_path).map_err(failed)?,
        };
        let checkpoint = Checkpoint::read(&open_index).map_err(failed)?;
        let found = fs::metadata(&self.file).map_err(failed)?;
        let written = Written::of(&found);
        let is_open = true;
        *seen = Some(FilesSeen {
            is_open,
            database,
            log,
            index,
            open_index,
            open_log,
            checkpoint,
            written,
        });
        if FileId::of(&found) == database {
            Ok(())
        } else {
            Err(self.gone("was replaced while it was opened"))
        }
    }

    /// Stops watching all but the database itself. Called before the connection is closed.
    pub fn end(&self) {
        if let Some(seen) = self.seen().as_mut() {
            seen.is_open = false;
        }
    }

    /// Refuses once the files are no longer those that were opened.
    pub fn check(&self) -> Result<()> {
        let mut guard = self.seen();
        let Some(seen) = guard.as_mut() else { return Ok(()) };
        let Some((fate, words)) = self.look(seen)? else { return Ok(()) };
        self.leave_note(seen, &fate);
        Err(match fate {
            FilesFate::Replaced => self.moved(&words),
            FilesFate::LogDeleted | FilesFate::WrittenOver | FilesFate::Elsewhere => {
                self.gone(&words)
            }
        })
    }

    /// Returns the effect of closing a connection now.
    pub fn closing(&self) -> CloseEffect {
        let mut guard = self.seen();
        let Some(seen) = guard.as_mut() else { return CloseEffect::Harmless };
        match self.look(seen) {
            Ok(None) => CloseEffect::Harmless,
            Ok(Some((FilesFate::LogDeleted, _))) => CloseEffect::Loses,
            Ok(Some((FilesFate::WrittenOver | FilesFate::Replaced | FilesFate::Elsewhere, _)))
            | Err(_) => CloseEffect::Harms,
        }
    }

    fn look(&self, seen: &mut FilesSeen) -> Result<Option<(FilesFate, String)>> {
        let checkpoint =
            Checkpoint::read(&seen.open_index).map_err(|error| self.cannot_be_looked_at(&error))?;
        let found = match fs::metadata(&self.file) {
            Ok(found) => found,
            Err(error) if is_absent(error.kind()) => {
                return Ok(Some((FilesFate::Replaced, "was deleted or moved away".into())));
            }
            Err(error) => return Err(self.cannot_be_looked_at(&error)),
        };
        if FileId::of(&found) != seen.database {
            return Ok(Some((FilesFate::Replaced, "is another file now".into())));
        }
        if self.given != self.file && FileId::at(&self.given).ok() != Some(seen.database) {
            let words = format!("is no longer where {} leads", self.given.display());
            return Ok(Some((FilesFate::Elsewhere, words)));
        }
        if !seen.is_open {
            return Ok(None);
        }
        let lost = |ending| format!("has lost its {ending}");
        match (self.whereabouts(INDEX, seen.index)?, self.whereabouts(LOG, seen.log)?) {
            (Whereabouts::There, Whereabouts::There) => {}
            (_, Whereabouts::Absent) => return Ok(Some((FilesFate::LogDeleted, lost(LOG)))),
            // Any program that opens the database for reading creates an empty log.
            (_, Whereabouts::Another) => match fs::metadata(beside(&self.file, LOG)) {
                Ok(log) if log.len() == 0 => return Ok(Some((FilesFate::LogDeleted, lost(LOG)))),
                Ok(_) | Err(_) => return Ok(Some((FilesFate::Elsewhere, lost(LOG)))),
            },
            (Whereabouts::Absent | Whereabouts::Another, Whereabouts::There) => {
                return Ok(Some((FilesFate::Elsewhere, lost(INDEX))));
            }
        }
        let written = Written::of(&found);
        let after =
            Checkpoint::read(&seen.open_index).map_err(|error| self.cannot_be_looked_at(&error))?;
        let has_log = checkpoint.is_of(&seen.open_log).map_err(|e| self.cannot_be_looked_at(&e))?;
        if !has_log && checkpoint == after {
            let words = format!("has a {LOG} that was cut or written over by another program");
            return Ok(Some((FilesFate::Elsewhere, words)));
        }
        let by_sqlite = !seen.checkpoint.is_as_far_as(after) || seen.checkpoint.is_under_way();
        if written != seen.written && !by_sqlite {
            return Ok(Some((
                FilesFate::WrittenOver,
                "was written over by another program".into(),
            )));
        }
        (seen.checkpoint, seen.written) = (checkpoint, written);
        Ok(None)
    }

    fn whereabouts(&self, ending: &str, id: FileId) -> Result<Whereabouts> {
        match FileId::at(&beside(&self.file, ending)) {
            Ok(found) if found == id => Ok(Whereabouts::There),
            Ok(_) => Ok(Whereabouts::Another),
            Err(error) if is_absent(error.kind()) => Ok(Whereabouts::Absent),
            Err(error) => Err(self.cannot_be_looked_at(&error)),
        }
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Option<FilesSeen>> {
        self.seen.lock().expect("no holder of this lock can panic")
    }

    fn gone(&self, words: &str) -> Error {
        Error::Gone(format!(
            "{} {words}: nothing is acknowledged any more. Stop surveyd before its database is \
             moved, restored or deleted",
            self.file.display()
        ))
    }

    /// Returns the error for a file that another name may still lead to.
    fn moved(&self, words: &str) -> Error {
        let Error::Gone(said) = self.gone(words) else { unreachable!("it has gone") };
        Error::Gone(format!(
            "{said}. If you moved it, move it back before surveyd is started again: nothing is lost \
             then"
        ))
    }

    fn cannot_be_looked_at(&self, error: &std::io::Error) -> Error {
        if is_absent(error.kind()) {
            return self.moved("was deleted or moved away");
        }
        Error::Unavailable(format!("{} cannot be looked at: {error}", self.file.display()))
    }

    /// Leaves a note for the next start. If the note cannot be written then the next start does not
    /// know what happened.
    fn leave_note(&self, seen: &FilesSeen, fate: &FilesFate) {
        let is_over = match fate {
            FilesFate::WrittenOver => true,
            FilesFate::Replaced => false,
            FilesFate::LogDeleted | FilesFate::Elsewhere => return,
        };
        let note = Note { is_over, database: seen.database, log: seen.log };
        let _ = note.write(&self.file);
    }
}

fn is_absent(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory)
}

impl Checkpoint {
    /// True if SQLite may be writing to the database, or died while it wrote.
    fn is_under_way(self) -> bool {
        self.begun > self.done
    }

    /// Reads the index. An index that is being created is shorter and reads as zeros.
    fn read(index: &File) -> IoResult<Self> {
        let mut bytes = [0; 136];
        let mut at = 0;
        while at < bytes.len() {
            match index.read_at(&mut bytes[at..], at as u64)? {
                0 => break,
                read => at += read,
            }
        }
        let number = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().expect("4 bytes"));
        let salt = bytes[32..40].try_into().expect("8 bytes");
        let page = u16::from_ne_bytes(bytes[14..16].try_into().expect("2 bytes"));
        Ok(Self { salt, frames: number(16), page, done: number(96), begun: number(128) })
    }

    /// True if no checkpoint has run in between. A commit to the log is no checkpoint.
    fn is_as_far_as(self, other: Self) -> bool {
        (self.salt, self.done, self.begun) == (other.salt, other.done, other.begun)
    }

    /// True if `log` is the one in the index, with all its pages. A log without pages has not begun
    /// yet.
    fn is_of(self, log: &File) -> IoResult<bool> {
        if self.frames == 0 {
            return Ok(true);
        }
        // A page of 65,536 bytes does not fit the field (sqlite.org/walformat.html).
        let page = if self.page == 1 { 65_536 } else { u64::from(self.page) };
        let bytes = LOG_HEADER + u64::from(self.frames) * (page + FRAME_HEADER);
        if log.metadata()?.len() < bytes {
            return Ok(false);
        }
        let mut salt = [0; 8];
        log.read_exact_at(&mut salt, 16)?;
        Ok(salt == self.salt)
    }
}

impl Written {
    fn of(found: &fs::Metadata) -> Self {
        Self { at: (found.mtime(), found.mtime_nsec()), bytes: found.len() }
    }
}
