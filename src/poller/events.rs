//! Reads the feedback events up to X's horizon once and without a gap.
//!
//! The windows are at most a day long and the oldest comes first. A miss is proved by how far this
//! reading has come.

use std::time::Duration;

use tracing::warn;

use super::settle;
use super::window_reader::{self, Pass, Went, WindowsReader};
use crate::domain::event_windows::ReadingPurpose;
use crate::domain::time::{Millis, Period};
use crate::store::{CLOCKS_APART, PollState, PollWindow, Result};
use crate::worker::AccountWorker;

/// The most pages of events read in one pass. The next pass reads on from there.
const PAGES_MAX: u32 = 100;

/// How far the clock must have been set back to be noticed.
const SET_BACK: Duration = Duration::from_secs(5);

/// A reading that has come this close to the horizon waits for the next poll interval. One that is
/// within a poll interval of it waits as well.
const NEAR: Duration = Duration::from_secs(60);

/// Reads events up to the horizon. Returns when to read on.
pub async fn tick(worker: &AccountWorker, reader: &mut WindowsReader) -> Result<Millis> {
    let mut pass = Pass { pages_left: PAGES_MAX, gives_way_at: None };
    while !worker.stop.is_stopping() {
        let state = worker.store.poll_state(worker.name()).await?;
        if pull_back(worker, &state).await? {
            continue;
        }
        let Some(window) = window(worker, &state).await? else {
            return Ok(worker.now().plus(worker.limits.poll_interval));
        };
        let range = window.period;
        match window_reader::read(worker, reader, ReadingPurpose::First, &state, window, &mut pass)
            .await?
        {
            Went::Through => log_done(worker, reader, range),
            Went::Past => {}
            Went::OnAndOn => break,
            Went::Until(at) => return Ok(at),
        }
        if !is_behind(worker, range.to) {
            return Ok(worker.now().plus(worker.limits.poll_interval));
        }
    }
    Ok(worker.now())
}

/// Moves the reading back to where X's events end now. This is needed if X's clock ran ahead and
/// has been put right since. The stretch beyond that was read before its events came and proves
/// nothing. X refuses to list it until then.
async fn pull_back(worker: &AccountWorker, state: &PollState) -> Result<bool> {
    let latest = worker.x_now_at_latest().minus(worker.limits.events_horizon);
    let Some(done_to) = state.done_to.filter(|done_to| *done_to > latest.plus(NEAR)) else {
        return Ok(false);
    };
    if !worker.x.clock().is_settled(worker.now()) {
        return Ok(false);
    }
    let readable = settle::readable_to(worker).min(latest);
    if worker.store.pull_back_readings(worker.name(), readable).await? {
        warn!(
            event = "poll.pulled_back",
            account = worker.name(),
            from = done_to.rfc3339(),
            to = readable.rfc3339(),
            "the feedback events of account {} were read up to {}, of which X does not tell yet: its clock \
             stood ahead, or x.events_horizon was raised; they are read on from {}",
            worker.name(),
            done_to.rfc3339(),
            readable.rfc3339(),
        );
    }
    Ok(true)
}

/// True if more can be read than one poll interval brings.
pub fn is_behind(worker: &AccountWorker, read_to: Millis) -> bool {
    settle::readable_to(worker).since(read_to) > worker.limits.poll_interval.max(NEAR)
}

/// Returns the window under way or the next one. `None` if there is nothing new to read.
async fn window(worker: &AccountWorker, state: &PollState) -> Result<Option<PollWindow>> {
    // X refuses a window that ends later, because its newest events are not settled.
    let readable = settle::readable_to(worker);
    match &state.window {
        // A window that ends later and has no cursor was opened while our clock ran ahead. X would
        // refuse it for just as long.
        Some(window) if window.cursor.is_some() || window.period.to <= readable => {
            return Ok(Some(window.clone()));
        }
        Some(_) | None => {}
    }
    let base = match state.done_to {
        Some(done_to) => done_to,
        None => first_of_all(worker).await?.min(readable),
    };
    let until = match state.done_to {
        // Our clock was set back. X accepts again what it accepted before, and its answer carries
        // the time. Nothing else might reveal the time, because nothing is sent while the clock is
        // behind.
        Some(done_to) if done_to.since(readable) > SET_BACK => done_to,
        Some(done_to) if readable <= done_to => return Ok(None),
        Some(_) | None => readable,
    };
    Ok(Some(window_reader::open(worker, ReadingPurpose::First, state, (base, until)).await?))
}

/// Returns where the very first window begins. All prompts of surveyd came after the first close it
/// took in. But a database that replaces a lost one knows neither that close nor any prompt. So the
/// window also reaches back by the longest time that a close can still be prompted for.
async fn first_of_all(worker: &AccountWorker) -> Result<Millis> {
    let in_time = worker.account.longest_expire_after() + CLOCKS_APART;
    let prompted = worker.x_now_to_ask().minus(in_time);
    let closed = worker.store.first_close(worker.name()).await?;
    Ok(closed.map_or(prompted, |closed| closed.min(prompted)))
}

fn log_done(worker: &AccountWorker, reader: &mut WindowsReader, range: Period) {
    let walk = reader.walk(ReadingPurpose::First);
    let left = settle::readable_to(worker).since(range.to);
    let words = match is_behind(worker, range.to) {
        true => format!("; {} h of events are left", left.as_secs().div_ceil(60 * 60)),
        false => String::new(),
    };
    macro_rules! tell {
        ($level:ident) => {
            tracing::$level!(
                event = "poll.window_done",
                account = worker.name(),
                from = range.from.rfc3339(),
                to = range.to.rfc3339(),
                pages = walk.pages,
                updates = walk.updates,
                left_seconds = left.as_secs(),
                "the feedback events of account {} are read up to {}{words}",
                worker.name(),
                range.to.rfc3339(),
            )
        };
    }
    // A window without updates is of interest only while there is much to catch up on.
    match walk.updates > 0 || !words.is_empty() {
        true => tell!(info),
        false => tell!(debug),
    }
}
