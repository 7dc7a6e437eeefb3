//! Erases by age what the configuration lets grow no older, until the stop signal.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tracing::{info, warn};

use super::alerts::{after_fault, log_end_of_outage};
use crate::clock::{Clock, ClockOfX};
use crate::config::RetentionConfig;
use crate::domain::time::Millis;
use crate::stop::Stopper;
use crate::store::{Aging, AgingPlace, ErasedRows, Result, Store};

/// The wait between two steps. Closes and sends come in between.
const BREATH: Duration = Duration::from_millis(50);
/// The wait between the first look and the first pass, and between two passes.
const FIRST: Duration = Duration::from_secs(10 * 60);
const PASS_EVERY: Duration = Duration::from_secs(24 * 60 * 60);
/// The wait for X to confirm the time. It mostly does within minutes, as the answers are read.
const UNCONFIRMED: Duration = Duration::from_secs(60);
/// How long nothing is erased before the log says so.
const SAID_AFTER: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// The name under which the log's account of an outage knows this work.
const WORK: &str = "erasing by age";

/// One kind of what is erased, and how far its pass has come.
struct AgingPass {
    what: Aging,
    length: Duration,
    place: Option<AgingPlace>,
    is_over: bool,
}

/// What is erased by its age, and how far that has come.
pub struct Retention {
    passes: Vec<AgingPass>,
    erased: ErasedRows,
    /// The instant of the pass before. The earlier of two counts, so a clock that is ahead for a
    /// moment erases nothing.
    before: Millis,
    /// How long X has not confirmed the time, and whether the log has said so.
    unconfirmed: Duration,
    is_said: bool,
}

impl Retention {
    pub fn new(config: RetentionConfig, now: Millis) -> Self {
        let wanted = [(Aging::Raw, config.raw), (Aging::Text, config.text)];
        let passes = wanted.into_iter().filter_map(|(what, length)| {
            Some(AgingPass { what, length: length?, place: None, is_over: false })
        });
        Self {
            passes: passes.collect(),
            erased: ErasedRows::new(),
            before: now,
            unconfirmed: Duration::ZERO,
            is_said: false,
        }
    }

    /// True if the configuration lets everything grow as old as it likes.
    pub fn is_nothing(&self) -> bool {
        self.passes.is_empty()
    }

    /// Does a step of a pass. Returns the wait until the next. What is erased cannot be had back,
    /// so it must be old by X's clock too.
    pub async fn step(&mut self, store: &Store, now: Millis, of_x: &ClockOfX) -> Result<Duration> {
        if !of_x.is_settled(now) {
            self.wait_for_x();
            return Ok(UNCONFIRMED);
        }
        (self.unconfirmed, self.is_said) = (Duration::ZERO, false);
        let now = Millis(now.0.saturating_add(of_x.earliest(now)));
        let Some(pass) = self.passes.iter_mut().find(|pass| !pass.is_over) else {
            log(&mut self.erased);
            self.passes.iter_mut().for_each(|pass| pass.is_over = false);
            self.before = now;
            return Ok(PASS_EVERY);
        };
        let before = self.before.min(now);
        let place = pass.place.clone();
        let done = store.age(pass.what, before.minus(pass.length), place, before).await?;
        log_end_of_outage(store, WORK);
        for (table, rows) in done.rows {
            *self.erased.entry(table).or_default() += rows;
        }
        pass.is_over = done.next.is_none();
        pass.place = done.next;
        Ok(BREATH)
    }

    fn wait_for_x(&mut self) {
        self.unconfirmed += UNCONFIRMED;
        if self.unconfirmed >= SAID_AFTER && !self.is_said {
            warn!(
                event = "retention.waiting",
                "nothing has been erased by age for three days, because X has not confirmed the \
                 time: `surveyd status` shows whether its answers are read"
            );
            self.is_said = true;
        }
    }
}

pub async fn run(
    retention: RetentionConfig,
    store: Store,
    (clock, of_x): (Clock, Arc<ClockOfX>),
    stop: Stopper,
) {
    let mut work = Retention::new(retention, clock.now());
    let mut rest = FIRST;
    while !stop.is_stopping() && !work.is_nothing() {
        tokio::select! {
            () = sleep(rest) => {}
            () = stop.stopping() => break,
        }
        rest = match work.step(&store, clock.now(), &of_x).await {
            Ok(rest) => rest,
            Err(fault) => after_fault(&store, WORK, &fault),
        };
    }
    store.outage().leave(WORK);
    // A part of a generation ends by the stop signal alone.
    stop.stopping().await;
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
