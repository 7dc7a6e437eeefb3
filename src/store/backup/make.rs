//! Makes a copy of a SQLite database while a daemon works on it.
//!
//! `vacuum into` reads one state of the database and delays no writer. SQLite's backup API would
//! begin again with every write of another process, so it would never end beside a busy daemon. The
//! copy also has no free pages, in which erased rows may still be legible.
//!
//! The copy has another name until it is complete, checked and on the disk.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use sqlx::{AnyConnection, Connection as _, Executor as _, Row as _};

use super::contents::{self, BackupContents};
use crate::files::{self, FileId, beside};
use crate::store::database::{log_note, migrate};
use crate::store::location::connect;
use crate::store::{Error, Location, Result};

/// The end of the name of a copy that is not complete yet.
const PART: &str = ".part";

/// Returns where a copy is written until it is complete.
pub fn part_of(to: &Path) -> PathBuf {
    beside(to, PART)
}

/// Copies the database to the file `to`. Only `replaces` lets the copy take the place of a file.
///
/// The copy holds every commit from before the call. It is on the disk and was read in full when
/// this returns.
pub async fn back_up(location: &Location, to: &Path, replaces: bool) -> Result<BackupContents> {
    sqlx::any::install_default_drivers();
    let Some(database) = location.file() else { return Err(is_postgres()) };
    let to = std::path::absolute(to).map_err(|error| cannot(to, &error))?;
    refuse_taken(&to, replaces)?;
    log_note::settle_where_there(database)?;
    match migrate::found(location).await? {
        Some(found) if found > migrate::KNOWN => {
            return Err(Error::NewerSchema { found, known: migrate::KNOWN });
        }
        Some(_) => {}
        None => return Err(Error::Missing(migrate::missing(location))),
    }
    let part = Part::begin(&to)?;
    copy(location, &part, &to).await?;
    part.file.sync_all().map_err(|error| cannot(&part.path, &error))?;
    let contents = contents::read(&contents::location_of(&part.path)?, &part.path).await?;
    refuse_taken(&to, replaces)?;
    part.complete(&to)?;
    Ok(contents)
}

fn is_postgres() -> Error {
    Error::Backup(
        "store.url names PostgreSQL, which has programs for that: pg_dump --format custom --file \
         FILE DATABASE. docs/backup.md has the whole of it, with a point in time and standbys"
            .into(),
    )
}

fn cannot(path: &Path, error: &io::Error) -> Error {
    let remedy = match error.kind() {
        io::ErrorKind::NotFound => ": make its folder first",
        io::ErrorKind::PermissionDenied => ": name a file where this user may write",
        io::ErrorKind::StorageFull => ": make room on its disk, or name a file on another",
        _ => "",
    };
    Error::Backup(format!("{} cannot be written: {error}{remedy}", path.display()))
}

fn refuse_taken(to: &Path, replaces: bool) -> Result<()> {
    let shown = to.display();
    match fs::symlink_metadata(to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(cannot(to, &error)),
        Ok(found) if found.is_dir() => {
            Err(Error::Backup(format!("{shown} is a folder: name a file in it")))
        }
        Ok(found) if !found.is_file() => {
            Err(Error::Backup(format!("{shown} is no plain file: name another")))
        }
        Ok(_) if replaces => Ok(()),
        Ok(_) => Err(Error::Backup(format!(
            "{shown} is there already: name another file, or say --force to replace it"
        ))),
    }
}

/// A copy that is not complete. Its file is removed if it never is.
struct Part {
    path: PathBuf,
    /// Locked, so that only one copy is made to a file at a time. Stays open while SQLite has the
    /// file open.
    file: File,
    is_complete: bool,
}

impl Part {
    /// Begins with an empty file, as `vacuum into` demands. What a broken-off copy left is reused.
    fn begin(to: &Path) -> Result<Self> {
        let path = part_of(to);
        let file = files::open_or_make(&path).map_err(|error| cannot(&path, &error))?;
        let is_made = || Error::Backup(format!("another backup to {} is being made", to.display()));
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(is_made()),
            Err(TryLockError::Error(error)) => return Err(cannot(&path, &error)),
        }
        let is_same =
            file.metadata().is_ok_and(|found| FileId::at(&path).ok() == Some(FileId::of(&found)));
        if !is_same {
            return Err(is_made());
        }
        file.set_len(0).map_err(|error| cannot(&path, &error))?;
        Ok(Self { path, file, is_complete: false })
    }

    /// Gives the copy its name.
    fn complete(mut self, to: &Path) -> Result<()> {
        fs::rename(&self.path, to).map_err(|error| cannot(to, &error))?;
        self.is_complete = true;
        files::sync_folder_of(to).map_err(|error| cannot(to, &error))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_complete {
            let _ = fs::remove_file(&self.path);
        }
    }
}

const SIZE: &str = "select (select page_count from pragma_page_count) as pages, \
     (select freelist_count from pragma_freelist_count) as free_pages, \
     (select page_size from pragma_page_size) as page_bytes";

async fn copy(location: &Location, part: &Part, to: &Path) -> Result<()> {
    let options = location.options("rw")?;
    let mut connection = connect(&options).await.map_err(|error| location.of_opening(error))?;
    let copied = copy_over(&mut connection, part, to).await;
    let _ = connection.close().await;
    copied
}

async fn copy_over(connection: &mut AnyConnection, part: &Part, to: &Path) -> Result<()> {
    connection.execute("pragma busy_timeout = 5000").await?;
    connection.execute("pragma trusted_schema = off").await?;
    let row = sqlx::query(SIZE).fetch_one(&mut *connection).await?;
    let number = |column: &str| row.try_get::<i64, _>(column);
    let needed = (number("pages")? - number("free_pages")?).unsigned_abs()
        * number("page_bytes")?.unsigned_abs();
    files::require_room(to, needed).map_err(|error| cannot(to, &error))?;
    let path = part.path.to_str().expect("a location was made of it");
    match sqlx::query("vacuum into $1").bind(path).execute(connection).await {
        Ok(_) => Ok(()),
        Err(error) => Err(match error.into() {
            Error::Unavailable(why) => {
                Error::Backup(format!("{} cannot be written: {why}", to.display()))
            }
            other => other,
        }),
    }
}
