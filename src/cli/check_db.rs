//! `surveyd check-db` reads all of the database and says what is wrong with it.

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::{Context, print_json};
use crate::output::{note, outln};
use crate::store::Disagreement;

#[derive(Args)]
#[command(before_help = EXAMPLES, after_help = NOTE)]
pub struct CheckDb {
    /// Have the daemon make results and totals again, if they disagree
    #[arg(long)]
    repair: bool,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
  surveyd check-db
  surveyd check-db --json
  surveyd check-db --repair";

const NOTE: &str = "\
Nobody is held up meanwhile, and nothing is changed unless --repair says so. It ends with 1 if
anything is wrong. Of PostgreSQL only what surveyd wrote is compared: pg_amcheck reads its files.";

const DAMAGED: &str = "the disk or a program has damaged the file: stop surveyd, keep a copy of the \
     whole folder, and put the last backup in its place by `surveyd restore FILE --replace`. \
     `surveyd rebuild` then finds what X knows of since";
const RECORD: &str = "a part of the database may have been lost or put back alone: restore the whole \
     of it from the last backup (docs/backup.md)";
const COPIES: &str = "numbers are wrong until they are made again, nothing else is: \
     `surveyd check-db --repair` has the daemon do that";

#[derive(Serialize)]
struct CheckDbJson {
    database: String,
    /// In SQLite's own words.
    damages: Vec<String>,
    disagreements: Vec<DisagreementJson>,
    remedies: Vec<&'static str>,
}

#[derive(Serialize)]
struct DisagreementJson {
    what: &'static str,
    count: u64,
}

pub async fn run(wanted: &CheckDb, context: &Context) -> anyhow::Result<ExitCode> {
    let store = context.store().await?;
    let damages = store.damages().await?;
    // What a damaged file says would be told for its contents.
    let disagreements = match damages.is_empty() {
        true => store.disagreements().await?,
        false => Vec::new(),
    };
    let are_copies = disagreements.iter().any(|one| one.is_copy);
    if wanted.repair && are_copies {
        store.make_copies_again().await?;
    }
    store.close().await;
    let remedies = remedies(&damages, &disagreements, wanted.repair);
    let is_sound = damages.is_empty() && disagreements.is_empty();
    if wanted.json {
        let database = context.database()?;
        let disagreements = disagreements.iter();
        let disagreements = disagreements
            .map(|one: &Disagreement| DisagreementJson { what: one.what, count: one.count });
        let disagreements = disagreements.collect();
        print_json(&CheckDbJson { database, damages, disagreements, remedies })?;
        return Ok(code(is_sound));
    }
    if is_sound {
        outln!("{}: nothing is wrong", context.database()?)?;
    }
    for damage in &damages {
        outln!("damaged: {damage}")?;
    }
    for Disagreement { what, count, .. } in &disagreements {
        outln!("{what}: {count}")?;
    }
    for remedy in remedies {
        note!("{remedy}");
    }
    if wanted.repair && are_copies {
        note!("results and totals are made again by the daemon, a few at a time");
    }
    Ok(code(is_sound))
}

fn code(is_sound: bool) -> ExitCode {
    if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn remedies(
    damages: &[String],
    disagreements: &[Disagreement],
    is_repaired: bool,
) -> Vec<&'static str> {
    let any = |is_copy| disagreements.iter().any(|one| one.is_copy == is_copy);
    let mut remedies = Vec::new();
    if !damages.is_empty() {
        remedies.push(DAMAGED);
    }
    if any(false) {
        remedies.push(RECORD);
    }
    if any(true) && !is_repaired {
        remedies.push(COPIES);
    }
    remedies
}
