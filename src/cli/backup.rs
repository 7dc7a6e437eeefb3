//! `surveyd backup` copies the database to a file while the daemon works on it.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::migrate::say_log_set_aside;
use super::out_file::{is_beside, place};
use super::progress::growing;
use super::{Context, print_json, usage};
use crate::domain::time::Millis;
use crate::output::outln;
use crate::store::{self, BackupContents};

#[derive(Args)]
#[command(before_help = EXAMPLES, after_help = NOTE)]
pub struct Backup {
    /// The file to write
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace FILE if it is there
    #[arg(long)]
    force: bool,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
  surveyd backup /var/backups/surveyd.db
  surveyd backup /var/backups/surveyd.db --force --json";

const NOTE: &str = "\
The copy holds all that was acknowledged before the command began. It gets its name once it has been
read in full and lies on the disk. It holds what people said: keep it as closed as the database.
docs/backup.md has a timer for it, and what to do with PostgreSQL.";

#[derive(Serialize)]
struct BackupJson {
    file: String,
    bytes: u64,
    surveys: u64,
    last_close_at: Option<String>,
    schema: i64,
}

pub async fn run(wanted: &Backup, context: &Context) -> anyhow::Result<()> {
    let file = &wanted.file;
    if file.as_os_str() == "-" {
        return Err(usage("FILE", "-", "a backup is checked where it lies: name a file"));
    }
    let location = context.shown_location()?;
    let database = location.file();
    if let (Some(database), Ok(place)) = (database, place(file))
        && is_beside(&place, database)
    {
        let problem = "that is the database, or a file that belongs to it: name another file";
        return Err(usage("FILE", &file.display().to_string(), problem));
    }
    let bytes = database.and_then(|it| fs::metadata(it).ok()).map_or(0, |found| found.len());
    say_log_set_aside(&location)?;
    let making = store::back_up(&location, file, wanted.force);
    let contents = growing(making, &store::part_of(file), bytes, "copied and checked:").await?;
    if wanted.json {
        return print_json(&json(file, &contents));
    }
    outln!("{}: {}", file.display(), words(&contents))?;
    Ok(())
}

/// Describes a copy: "12.3 MB, 4,031 surveys, the last conversation closed 2026-…".
pub fn words(contents: &BackupContents) -> String {
    let last = contents.last_close_at.map(Millis::rfc3339);
    let last = last.map(|at| format!(", the last conversation closed {at}")).unwrap_or_default();
    let surveys = match contents.surveys {
        1 => "1 survey".to_owned(),
        surveys => format!("{surveys} surveys"),
    };
    format!("{}, {surveys}{last}", indicatif::DecimalBytes(contents.bytes))
}

fn json(file: &Path, contents: &BackupContents) -> impl Serialize {
    BackupJson {
        file: file.display().to_string(),
        bytes: contents.bytes,
        surveys: contents.surveys,
        last_close_at: contents.last_close_at.map(Millis::rfc3339),
        schema: contents.schema,
    }
}
