//! Puts a backup in the place of the database.
//!
//! The backup is copied beside the database and checked there. That copy is brought up to date, and
//! its sends are held, because prompts may have gone out since it was made. A copy that is ready is
//! called `surveyd.db.restored`. From then on the restore can only be completed: whoever next has
//! the daemon's locks moves what stood there to `surveyd.db.old` and gives the copy its name. So a
//! crash never leaves the old database without its log, or the new one beside the old one's.
//!
//! The caller holds the daemon's locks.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use sqlx::{AnyConnection, Connection as _, Executor as _};

use super::contents::{self, BackupContents};
use crate::domain::time::Millis;
use crate::files::{self, beside};
use crate::store::database::doubt::Doubt;
use crate::store::database::{identity, log_note, mark_comparison, migrate, schema};
use crate::store::location::{connect, restored_copy};
use crate::store::{Error, Location, Result};

/// The end of the name of a copy that is being checked.
const CHECKED: &str = ".restoring";
/// The end of the name of the database that was there before.
const OLD: &str = ".old";
/// The files that belong to a database. Its mark is the daemon's and stays.
const LOG: &str = "-wal";
const INDEX: &str = "-shm";

/// A copy of a backup that was found to be whole, and is ready to take the database's place.
#[derive(Debug)]
pub struct Checked {
    database: PathBuf,
    pub contents: BackupContents,
}

/// Returns where the copy of a backup is checked.
pub fn checked_copy(database: &Path) -> PathBuf {
    beside(database, CHECKED)
}

impl Checked {
    /// Copies the backup `from`, checks the copy and holds its sends. The accounts that the copy
    /// does not know are in `accounts`. Only `replaces` lets it take the place of a database that
    /// holds anything.
    pub async fn copy(
        location: &Location,
        from: &Path,
        replaces: bool,
        accounts: Vec<String>,
        now: Millis,
    ) -> Result<Self> {
        sqlx::any::install_default_drivers();
        let Some(database) = location.file().map(Path::to_owned) else {
            return Err(is_postgres());
        };
        refuse_taken(&database, replaces)?;
        let copy = checked_copy(&database);
        let contents = match read(from, &copy, accounts, now).await {
            Ok(contents) => contents,
            Err(error) => {
                for ending in ["", "-journal", LOG, INDEX] {
                    let _ = fs::remove_file(beside(&copy, ending));
                }
                return Err(error);
            }
        };
        Ok(Self { database, contents })
    }

    /// Puts the copy in the database's place. Returns where the old database lies, if there was
    /// one.
    pub fn put_in_place(self) -> Result<Option<PathBuf>> {
        let ready = restored_copy(&self.database);
        move_file(&checked_copy(&self.database), &ready)?;
        finish(&self.database)
    }
}

fn is_postgres() -> Error {
    Error::Backup(
        "store.url names PostgreSQL, which has programs for that: pg_restore --dbname DATABASE \
         FILE. docs/backup.md has the whole of it. surveyd finds out by itself and holds its sends"
            .into(),
    )
}

fn cannot(path: &Path, what: &str, error: &io::Error) -> Error {
    Error::Backup(format!("{} cannot be {what}: {error}", path.display()))
}

fn holds_anything(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.len() > 0)
}

/// Refuses to restore over a database that holds anything.
fn refuse_taken(database: &Path, replaces: bool) -> Result<()> {
    let (shown, old) = (database.display(), beside(database, OLD));
    let is_there = holds_anything(database);
    let has_log = holds_anything(&beside(database, LOG)) && !is_unfinished(database);
    if (is_there || has_log) && !replaces {
        return Err(Error::Backup(format!(
            "{shown} is there already: to move it to {} and put the backup in its place, say \
             --replace",
            old.display()
        )));
    }
    if (is_there || has_log) && old.exists() {
        return Err(Error::Backup(format!(
            "{} is there from an earlier restore: delete it, or move it and its {LOG} away",
            old.display()
        )));
    }
    Ok(())
}

async fn read(
    from: &Path,
    copy: &Path,
    accounts: Vec<String>,
    now: Millis,
) -> Result<BackupContents> {
    if holds_anything(&beside(from, LOG)) {
        return Err(Error::Backup(format!(
            "{0} has a write-ahead log, {0}{LOG}, so it is no backup but a database at work: make \
             a backup of it by `surveyd backup`",
            from.display()
        )));
    }
    let (source, target) = (from.to_owned(), copy.to_owned());
    let copied = tokio::task::spawn_blocking(move || copy_file(&source, &target)).await;
    copied.map_err(|error| Error::Backup(format!("the copy was broken off: {error}")))??;
    let location = contents::location_of(copy)?;
    let contents = contents::read(&location, from).await?;
    let mut connection = connect(&location.options("rw")?).await?;
    let done = prepare(&mut connection, accounts, now).await;
    connection.close().await?;
    done?;
    let file = File::open(copy).map_err(|error| cannot(copy, "read", &error))?;
    file.sync_all().map_err(|error| cannot(copy, "written", &error))?;
    Ok(contents)
}

fn copy_file(from: &Path, to: &Path) -> Result<()> {
    let cannot_read = |error| cannot(from, "read", &error);
    let mut source = File::open(from).map_err(cannot_read)?;
    let found = source.metadata().map_err(cannot_read)?;
    if !found.is_file() {
        return Err(Error::Backup(format!("{} is no file", from.display())));
    }
    let cannot_write = |error| cannot(to, "written", &error);
    files::require_room(to, found.len()).map_err(cannot_write)?;
    let mut target = files::open_or_make(to).map_err(cannot_write)?;
    target.set_len(0).map_err(cannot_write)?;
    io::copy(&mut source, &mut target).map_err(cannot_write)?;
    Ok(())
}

/// Brings the copy up to date and holds its sends.
async fn prepare(connection: &mut AnyConnection, accounts: Vec<String>, now: Millis) -> Result<()> {
    schema::require_versions(connection).await?;
    migrate::run(connection).await?;
    schema::require_whole(connection).await?;
    identity::name(connection).await?;
    connection.execute("begin immediate").await?;
    mark_comparison::hold(connection, Doubt::Restored, accounts, now).await?;
    connection.execute("commit").await?;
    // All of it must be in the one file that is about to be moved.
    connection.execute("pragma journal_mode = delete").await?;
    Ok(())
}

/// True if a restore was broken off when its copy was ready.
pub fn is_restore_unfinished(location: &Location) -> bool {
    location.file().is_some_and(is_unfinished)
}

fn is_unfinished(database: &Path) -> bool {
    restored_copy(database).exists()
}

/// Completes a restore that was broken off. The caller holds the daemon's locks.
pub fn finish_restore(location: &Location) -> Result<()> {
    match location.file().filter(|file| is_unfinished(file)) {
        Some(database) => finish(database).map(drop),
        None => Ok(()),
    }
}

/// Moves what stands in the database's place away and gives the copy its name. Each step may be
/// the first after a crash.
fn finish(database: &Path) -> Result<Option<PathBuf>> {
    let old = beside(database, OLD);
    // The database goes first. A command that looks at this moment then finds none at all, instead
    // of one without its log.
    if holds_anything(database) {
        if old.exists() {
            return Err(Error::Backup(format!(
                "a restore was broken off, and {} is in its way: move that away",
                old.display()
            )));
        }
        move_file(database, &old)?;
    }
    for ending in [LOG, log_note::NOTE] {
        let path = beside(database, ending);
        if path.exists() {
            move_file(&path, &beside(&old, ending))?;
        }
    }
    let _ = fs::remove_file(beside(database, INDEX));
    move_file(&restored_copy(database), database)?;
    Ok(old.exists().then_some(old))
}

fn move_file(from: &Path, to: &Path) -> Result<()> {
    let moved = fs::rename(from, to).and_then(|()| files::sync_folder_of(to));
    moved.map_err(|error| cannot(from, &format!("moved to {}", to.display()), &error))
}
