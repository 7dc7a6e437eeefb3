//! The note beside a database that was taken away from the process that worked on it.
//!
//! Its write-ahead log is still there then, and holds the newest closes. The next process settles
//! what becomes of the log before it opens anything.

use std::fs;
use std::io::Result as IoResult;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use crate::files::{self, FileId, beside};
use crate::store::{Error, Result};

pub const LOG: &str = "-wal";
pub const INDEX: &str = "-shm";
/// The ending of the note's name, and of the name of a log that was moved aside.
pub const NOTE: &str = ".replaced";

/// A note that a process leaves for the next.
pub struct Note {
    /// True if the database was written over in place. False if it was deleted or replaced.
    pub is_over: bool,
    pub database: FileId,
    pub log: FileId,
}

impl Note {
    pub fn write(&self, file: &Path) -> IoResult<()> {
        files::open_or_make(&beside(file, NOTE))?.write_all_at(self.text().as_bytes(), 0)
    }

    fn text(&self) -> String {
        let what = if self.is_over { "over" } else { "gone" };
        let Note { database, log, .. } = self;
        format!("{what} {} {} {} {}\n", database.device, database.inode, log.device, log.inode)
    }

    fn read(text: &str) -> Option<Self> {
        let (what, numbers) = text.trim().split_once(' ')?;
        let numbers: Vec<u64> = numbers.split(' ').filter_map(|word| word.parse().ok()).collect();
        let [device, inode, log_device, log_inode] = *numbers.as_slice() else { return None };
        Some(Self {
            is_over: what == "over",
            database: FileId { device, inode },
            log: FileId { device: log_device, inode: log_inode },
        })
    }

    /// True if the log that the note is about still lies beside the database.
    fn has_log(&self, file: &Path) -> bool {
        fs::metadata(beside(file, LOG))
            .is_ok_and(|log| FileId::of(&log) == self.log && log.len() > 0)
    }
}

/// Keeps a log that was left behind from being read as part of another database. Must run before
/// anything is opened. A log whose database has gone is moved aside. Returns what to say about
/// that. If the database was written over in place then only an operator can decide.
pub fn settle(file: &Path) -> Result<Option<String>> {
    let note_path = beside(file, NOTE);
    let Ok(text) = fs::read_to_string(&note_path) else { return Ok(None) };
    let (log_path, index_path) = (beside(file, LOG), beside(file, INDEX));
    let mut set_aside = None;
    if let Some(note) = Note::read(&text).filter(|note| note.has_log(file)) {
        let database = fs::metadata(file).ok().filter(|database| database.len() > 0);
        let is_empty = database.is_none();
        let is_same = database.is_some_and(|found| FileId::of(&found) == note.database);
        let (shown, log, index) = (file.display(), log_path.display(), index_path.display());
        if is_same && note.is_over {
            return Err(Error::Gone(format!(
                "{shown} was written over while surveyd worked on it, and its write-ahead log, {log}, belongs to what \
                 stood there before. To go on with what was written there: rm {log} {index}. If it \
                 was only touched: rm {}",
                note_path.display()
            )));
        }
        if !is_same {
            let aside = beside(&log_path, NOTE);
            fs::rename(&log_path, &aside).map_err(|error| {
                Error::Unavailable(format!(
                    "{log} belongs to a database that was deleted or replaced, and cannot be put \
                     aside: {error}"
                ))
            })?;
            let _ = fs::remove_file(&index_path);
            let begun = match is_empty {
                true => "a new, empty database is begun",
                false => "another file is the database now",
            };
            let aside = aside.display();
            set_aside = Some(format!(
                "the database was moved, deleted or replaced while surveyd worked on it, and {begun}. \
                 The newest closes of the old one are in its write-ahead log, {aside}. To undo: stop \
                 surveyd, mv OLD {shown}, mv {aside} {log}, and start it"
            ));
        }
    }
    let _ = fs::remove_file(note_path);
    Ok(set_aside)
}

/// Settles for a command that creates no database. If there is none, the log stays where it is,
/// because its database may be moved back.
pub fn settle_where_there(file: &Path) -> Result<Option<String>> {
    match fs::metadata(file) {
        Ok(found) if found.len() > 0 => settle(file),
        Ok(_) | Err(_) => Ok(None),
    }
}

/// True if there is no database and the log of the one that went away under a daemon still lies
/// there.
pub fn has_log_alone(file: &Path) -> bool {
    let is_there = fs::metadata(file).is_ok_and(|found| found.len() > 0);
    let note = || fs::read_to_string(beside(file, NOTE)).ok().and_then(|text| Note::read(&text));
    !is_there && note().is_some_and(|note| note.has_log(file))
}

/// True if the database went away under a daemon and nothing was begun in its place since.
pub fn has_note(file: &Path) -> bool {
    beside(file, NOTE).exists()
}
