//! `surveyd migrate` brings the database's schema up to date.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::Context;
use crate::output::note;
use crate::store::{self, Error, Location, PendingMigrations, Refreshed, Result, Store};

pub const EXAMPLES: &str = "  surveyd migrate\n  surveyd migrate --config surveyd.toml";

pub const NOTE: &str = "\
Creates the database if there is none. Back it up first by surveyd backup: an older surveyd does not
open a newer schema. It says beforehand how long that takes at most, and how much room. On a
terminal it then makes the results of surveys from before, if there are any. Ctrl-C breaks that off,
and the daemon goes on with it.";

/// How often it looks how far the migrations have come.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How soon it tries again while a daemon makes results, too.
const AGAIN: Duration = Duration::from_millis(100);

pub async fn run(context: &Context) -> anyhow::Result<()> {
    let location = context.shown_location()?;
    store::refuse_beside_log(&location)?;
    say_log_set_aside(&location)?;
    let store = match store::pending_migrations(&location).await? {
        Some(pending) => {
            note!("{}", pending.words());
            watched(Store::open(&location), &location, pending).await?
        }
        None => Store::open(&location).await?,
    };
    let (respelt, more) = store.respelt().await?;
    for found in &respelt {
        note!("ids with zeros before them: {found}");
    }
    if more > 0 {
        note!("ids with zeros before them: and {more} more");
    }
    store.forget_respelt().await?;
    note!("the database's schema is up to date");
    if io::stderr().is_terminal() {
        fill(&store, context).await?;
    }
    store.close().await;
    Ok(())
}

/// Says which log is moved aside as the database is opened, where it is, and how it is put back.
pub fn say_log_set_aside(location: &Location) -> Result<()> {
    if let Some(words) = store::set_log_aside(location)? {
        note!("{words}");
    }
    Ok(())
}

/// Waits until the schema is up to date, and shows how many migrations are done.
async fn watched(
    opened: impl Future<Output = Result<Store>>,
    location: &Location,
    pending: PendingMigrations,
) -> Result<Store> {
    let bar = ProgressBar::new(pending.count as u64);
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len} migrations");
    bar.set_style(style.expect("the template is fixed"));
    let mut opened = std::pin::pin!(opened);
    loop {
        match tokio::time::timeout(LOOK_EVERY, &mut opened).await {
            Ok(opened) => {
                bar.finish_and_clear();
                return opened;
            }
            Err(_) if bar.is_hidden() => {}
            Err(_) => {
                let left = store::pending_migrations(location).await.ok().flatten();
                bar.set_position((pending.count - left.map_or(0, |left| left.count)) as u64);
            }
        }
    }
}

/// Makes all results that are marked, and the totals of their days. Each turn is a transaction of
/// its own, so a process that ends in the middle has lost nothing.
async fn fill(store: &Store, context: &Context) -> Result<()> {
    let zone = &context.config.report.time_zone;
    let style = ProgressStyle::with_template("{bar:40} {msg}").expect("the template is fixed");
    let bar = ProgressBar::new(0).with_style(style);
    while let Err(error) = store.count_days_in(zone).await {
        match error {
            Error::Busy(_) => tokio::time::sleep(AGAIN).await,
            error => return Err(error),
        }
    }
    loop {
        match store.refresh_results(zone, context.clock.now()).await {
            Ok(Refreshed { left: 0, .. }) => break,
            Ok(Refreshed { left, .. }) => show(&bar, left, "results"),
            Err(Error::Busy(_)) => tokio::time::sleep(AGAIN).await,
            Err(error) => return Err(error),
        }
    }
    bar.reset();
    bar.set_length(0);
    loop {
        match store.refresh_days(zone).await {
            Ok(Refreshed { left: 0, .. }) => break,
            Ok(Refreshed { left, .. }) => show(&bar, left, "days"),
            Err(Error::Busy(_)) => tokio::time::sleep(AGAIN).await,
            Err(error) => return Err(error),
        }
    }
    bar.finish_and_clear();
    Ok(())
}

/// The most that was left so far is the whole.
fn show(bar: &ProgressBar, left: u64, what: &str) {
    let whole = bar.length().unwrap_or(0).max(left);
    bar.set_length(whole);
    bar.set_position(whole - left);
    bar.set_message(format!("{what} are made, {left} are left (Ctrl-C: the daemon goes on)"));
}
