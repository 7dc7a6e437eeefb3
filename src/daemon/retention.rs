//! Erases by age what the configuration lets grow no older, until the stop signal.

use std::time::Duration;

use tokio::time::sleep;
use tracing::info;

use super::alerts::{after_fault, log_end_of_outage};
use crate::clock::Clock;
use crate::config::RetentionConfig;
use crate::domain::time::Millis;
use crate::stop::Stopper;
use crate::store::{Aging, AgingPlace, ErasedRows, Store};

/// The wait between two steps. Closes and sends come in between.
const BREATH: Duration = Duration::from_millis(50);
/// The wait between the first look and the first pass, and between two passes.
const FIRST: Duration = Duration::from_secs(10 * 60);
const PASS_EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// The name under which the log's account of an outage knows this work.
const WORK: &str = "erasing by age";

/// One kind of what is erased, and how far its pass has come.
struct AgingPass {
    what: Aging,
    length: Duration,
    place: Option<AgingPlace>,
    is_over: bool,
}

pub async fn run(retention: RetentionConfig, store: Store, clock: Clock, stop: Stopper) {
    let wanted = [(Aging::Raw, retention.raw), (Aging::Text, retention.text)];
    let passes = wanted.into_iter().filter_map(|(what, length)| {
        Some(AgingPass { what, length: length?, place: None, is_over: false })
    });
    let mut passes: Vec<AgingPass> = passes.collect();
    let mut erased = ErasedRows::new();
    // The earlier of two looks counts. A clock that is ahead for a moment thus erases nothing.
    let mut before = clock.now();
    let mut rest = FIRST;
    while !stop.is_stopping() && !passes.is_empty() {
        tokio::select! {
            () = sleep(rest) => {}
            () = stop.stopping() => break,
        }
        let now = clock.now();
        rest = match step(&store, &mut passes, before.min(now), &mut erased).await {
            Ok(false) => BREATH,
            Ok(true) => {
                log(&mut erased);
                passes.iter_mut().for_each(|pass| pass.is_over = false);
                before = now;
                PASS_EVERY
            }
            Err(fault) => after_fault(&store, WORK, &fault),
        };
    }
    store.outage().leave(WORK);
    // A part of a generation ends by the stop signal alone.
    stop.stopping().await;
}

/// Takes a step of the first pass that is not over. Returns true if all are.
async fn step(
    store: &Store,
    passes: &mut [AgingPass],
    now: Millis,
    erased: &mut ErasedRows,
) -> crate::store::Result<bool> {
    let Some(pass) = passes.iter_mut().find(|pass| !pass.is_over) else { return Ok(true) };
    let place = pass.place.clone();
    let done = store.age(pass.what, now.minus(pass.length), place, now).await?;
    log_end_of_outage(store, WORK);
    for (table, rows) in done.rows {
        *erased.entry(table).or_default() += rows;
    }
    pass.is_over = done.next.is_none();
    pass.place = done.next;
    Ok(false)
}

fn log(erased: &mut ErasedRows) {
    if erased.is_empty() {
        return;
    }
    let rows: u64 = erased.values().sum();
    let words: Vec<String> = erased.iter().map(|(table, rows)| format!("{table} {rows}")).collect();
    info!(
        event = "retention.done",
        rows,
        "what had grown older than [retention] says is erased: {}",
        words.join(", ")
    );
    erased.clear();
}
