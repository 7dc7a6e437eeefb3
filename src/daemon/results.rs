//! Keeps the results and the totals of days fresh, and closes agents' blocks.
//!
//! It takes short turns of the writer and rests at least as long between them, so closes and sends
//! never have less than half of it. A page or a report that needs more brings itself up to date.

use std::time::{Duration, Instant};

use tracing::{debug, error, info, warn};

use super::blocks::Looks;
use crate::clock::Clock;
use crate::domain::blocks::BlockRule;
use crate::stop::Stopper;
use crate::store::{Closing, Error, Refreshed, Result, Store};

/// How often it looks for changes if there was nothing left to do.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The rest after a turn, in lengths of that turn. It is longer if other writes wait.
const REST: u32 = 1;
const REST_IF_WRITES_WAIT: u32 = 4;

/// The rest after the last due day, in lengths of that turn. Today is due again with each close,
/// and the totals of a very busy day take long.
const REST_AFTER_DAYS: u32 = 20;

/// With so many marks left the log says that results are being made.
const MANY: u64 = 1_000;

/// The least time between two log lines of one kind.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// The name under which the log's account of an outage knows this work.
const WORK: &str = "keeping the results";

/// Runs until the stop signal.
pub async fn keep_fresh(store: Store, rule: BlockRule, looks: Looks, clock: Clock, stop: Stopper) {
    let mut log = FillingLog::default();
    // Of two daemons with different zones, the one that began last has its way.
    let mut is_counted_in_zone = false;
    while !stop.is_stopping() {
        let began = Instant::now();
        let done = turn(&store, &rule, &clock, &looks, &mut is_counted_in_zone).await;
        let rest = rest(&store, done, began.elapsed(), &mut log);
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            () = stop.stopping() => {}
        }
    }
    store.outage().leave(WORK);
}

/// What one turn of each kind has done and left.
enum TurnReport {
    Surveys(Refreshed),
    Days(Refreshed),
    Blocks(Closing),
}

/// Days wait until no survey is left. Otherwise a day would be made anew for every few of its
/// surveys.
async fn turn(
    store: &Store,
    rule: &BlockRule,
    clock: &Clock,
    looks: &Looks,
    is_counted_in_zone: &mut bool,
) -> Result<TurnReport> {
    let now = clock.now();
    if !*is_counted_in_zone {
        store.count_days_in(&rule.zone).await?;
        *is_counted_in_zone = true;
    }
    if let Some(due) = looks.take(Instant::now(), now) {
        let closing = store.close_blocks(rule, due).await;
        let is_left = match &closing {
            Ok(closing) => !closing.is_done,
            // All other faults wait for the next look, and keep no result from being made.
            Err(error) => matches!(error, Error::Busy(_)),
        };
        if is_left {
            looks.put_back(due);
        }
        return closing.map(TurnReport::Blocks);
    }
    let zone = &rule.zone;
    let done = store.refresh_results(zone, now).await?;
    if done.left > 0 || !done.unreadable.is_empty() {
        return Ok(TurnReport::Surveys(done));
    }
    store.refresh_days(zone).await.map(TurnReport::Days)
}

/// Logs what a turn has done and returns how long the writer is left alone.
fn rest(store: &Store, done: Result<TurnReport>, took: Duration, log: &mut FillingLog) -> Duration {
    match done {
        Ok(turn) => {
            if store.outage().over(WORK) {
                info!(event = "store.recovered", "the database answers again: all work goes on");
            }
            log.tell(&turn, Instant::now());
            match turn {
                TurnReport::Days(Refreshed { left: 0, .. }) => {
                    LOOK_EVERY.max(took * REST_AFTER_DAYS)
                }
                TurnReport::Surveys(done) | TurnReport::Days(done) if done.do_writes_wait => {
                    took * REST_IF_WRITES_WAIT
                }
                TurnReport::Surveys(_) | TurnReport::Days(_) | TurnReport::Blocks(_) => took * REST,
            }
        }
        // Another daemon is at it.
        Err(Error::Busy(why)) => {
            debug!("{WORK} waits: {why}");
            LOOK_EVERY
        }
        // The process ends for this fault and logs it once.
        Err(Error::Io(_) | Error::Gone(_)) => LOOK_EVERY,
        Err(fault @ (Error::Unavailable(_) | Error::Refused(_))) => {
            if store.outage().met(WORK, Instant::now()) {
                warn!(event = "store.unavailable", "{WORK} waits for the database: {fault}");
            }
            LOOK_EVERY
        }
        Err(fault) => {
            if store.outage().met(WORK, Instant::now()) {
                error!(event = "store.unavailable", "{WORK} waits: {fault}");
            }
            LOOK_EVERY
        }
    }
}

/// What the log has said of results that are being made, and of surveys that cannot be read.
#[derive(Default)]
struct FillingLog {
    /// When it last said how many are left. Absent if nothing is being filled.
    filling_at: Option<Instant>,
    unreadable_at: Option<Instant>,
}

impl FillingLog {
    fn tell(&mut self, turn: &TurnReport, now: Instant) {
        let is_silent = |at: Option<Instant>| at.is_some_and(|at| now - at < TOLD_EVERY);
        let done = match turn {
            TurnReport::Surveys(done) | TurnReport::Days(done) => done,
            TurnReport::Blocks(Closing { closed: 0, .. }) => return,
            TurnReport::Blocks(Closing { closed, .. }) => {
                info!(
                    event = "blocks.closed",
                    closed, "blocks of agents' answers closed: {closed}"
                );
                return;
            }
        };
        let left = done.left;
        if let Some(survey) = done.unreadable.first()
            && !is_silent(self.unreadable_at)
        {
            self.unreadable_at = Some(now);
            let more = done.unreadable.len() - 1;
            warn!(
                event = "results.unreadable",
                survey_id = survey.as_str(),
                "a part of survey {survey} cannot be read, and of {more} more: results show the rest"
            );
        }
        let is_begun = self.filling_at.is_some();
        match turn {
            TurnReport::Surveys(_) if (is_begun || left >= MANY) && !is_silent(self.filling_at) => {
                self.filling_at = Some(now);
                info!(
                    event = "results.filling",
                    left, "the results of surveys are being made: {left} are left"
                );
            }
            TurnReport::Days(_) if is_begun && left > 0 && !is_silent(self.filling_at) => {
                self.filling_at = Some(now);
                info!(
                    event = "results.filling",
                    left, "the totals of days are being made: {left} are left"
                );
            }
            TurnReport::Days(_) if is_begun && left == 0 => {
                self.filling_at = None;
                info!(event = "results.filled", "the results of all surveys are made");
            }
            TurnReport::Surveys(_) | TurnReport::Days(_) | TurnReport::Blocks(_) => {}
        }
    }
}
