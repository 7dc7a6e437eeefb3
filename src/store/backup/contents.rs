//! What a copy of a database holds, once it has been read in full.

use std::fs;
use std::path::Path;

use sqlx::{AnyConnection, Connection as _, Row as _};

use crate::domain::time::Millis;
use crate::store::database::{integrity, migrate};
use crate::store::location::connect;
use crate::store::{Error, Location, Result};

/// The contents of a copy that was found to be whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupContents {
    pub bytes: u64,
    pub surveys: u64,
    /// When the last conversation closed.
    pub last_close_at: Option<Millis>,
    /// The version of its schema.
    pub schema: i64,
}

const CONTENTS: &str = "select count(*) as surveys, max(closed_at) as last_close_at from survey";

/// Returns the location of a SQLite file that no configuration names.
pub fn location_of(file: &Path) -> Result<Location> {
    let Some(text) = file.to_str() else {
        return Err(Error::Backup(format!(
            "the name {} is not UTF-8: choose another",
            file.display()
        )));
    };
    Location::parse(&format!("sqlite:{text}"), Path::new("/"))
        .map_err(|error| Error::Backup(error.to_string()))
}

/// Reads all of a copy. `named` is what an operator calls it. Refuses a copy that is damaged, no
/// database of surveyd, or of a newer schema.
pub async fn read(copy: &Location, named: &Path) -> Result<BackupContents> {
    let shown = named.display();
    let unreadable = |error| match error {
        Error::Io(why) => {
            Error::Backup(format!("{shown} is damaged, or no backup of surveyd: {why}"))
        }
        other => other,
    };
    let schema = match migrate::found(copy).await {
        Ok(Some(schema)) if schema > migrate::KNOWN => {
            return Err(Error::NewerSchema { found: schema, known: migrate::KNOWN });
        }
        Ok(Some(schema)) => schema,
        Ok(None) => {
            let words = format!("{shown} is no backup of surveyd: it holds none of its tables");
            return Err(Error::Backup(words));
        }
        Err(error) => return Err(unreadable(error)),
    };
    let mut connection = connect(&copy.options("ro")?).await?;
    let read = read_all(&mut connection).await;
    connection.close().await?;
    let (faults, surveys, last_close_at) = read.map_err(unreadable)?;
    if !faults.is_empty() {
        return Err(Error::Backup(format!(
            "{shown} is damaged ({}): the disk under it or under the database fails",
            faults.join("; ")
        )));
    }
    let bytes = copy.file().and_then(|file| fs::metadata(file).ok()).map_or(0, |found| found.len());
    Ok(BackupContents { bytes, surveys, last_close_at, schema })
}

async fn read_all(connection: &mut AnyConnection) -> Result<(Vec<String>, u64, Option<Millis>)> {
    let faults = integrity::faults(connection).await?;
    if !faults.is_empty() {
        return Ok((faults, 0, None));
    }
    let row = sqlx::query(CONTENTS).fetch_one(connection).await?;
    let surveys: i64 = row.try_get("surveys")?;
    Ok((faults, surveys.unsigned_abs(), row.try_get("last_close_at")?))
}
