//! `surveyd restore` puts a backup in the place of the database.

use std::fs;
use std::path::PathBuf;

use clap::Args;

use super::Context;
use super::backup::words;
use super::progress::growing;
use crate::daemon::RestoreLock;
use crate::output::{note, outln};
use crate::store::{self, Checked};

#[derive(Args)]
#[command(before_help = EXAMPLES, after_help = NOTE)]
pub struct Restore {
    /// The backup
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Move the database that is there to surveyd.db.old
    #[arg(long)]
    replace: bool,
}

const EXAMPLES: &str = "\
  surveyd restore /var/backups/surveyd.db
  surveyd restore /var/backups/surveyd.db --replace";

const NOTE: &str = "\
surveyd must be stopped. The backup is read in full and brought up to date before anything is moved.
Nothing is sent until X's events have told which prompts went out since the backup was made, which
takes a day: surveyd status says until when. Closes of since then must be sent by the help desk
again.";

pub async fn run(wanted: &Restore, context: &Context) -> anyhow::Result<()> {
    let location = context.shown_location()?;
    let lock = location.file().map(RestoreLock::take).transpose()?;
    let accounts = context.config.accounts.iter().map(|account| account.name.clone()).collect();
    let now = context.clock.now();
    let bytes = fs::metadata(&wanted.file).map_or(0, |found| found.len());
    let copying = Checked::copy(&location, &wanted.file, wanted.replace, accounts, now);
    let grows = location.file().map(store::checked_copy).unwrap_or_default();
    let checked = growing(copying, &grows, bytes, "copied and checked:").await?;
    let contents = checked.contents.clone();
    let old = checked.put_in_place()?;
    drop(lock);
    outln!("{}: {}", context.database()?, words(&contents))?;
    if let Some(old) = old {
        note!("the database that was there is {} now: delete it once all is well", old.display());
    }
    note!(
        "start surveyd. Nothing is sent until X's events have told what went out since the backup \
         was made: `surveyd status` says until when. Closes are taken meanwhile and wait"
    );
    Ok(())
}
