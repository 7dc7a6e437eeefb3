//! Reads all events of a range for the proof that something is not among them.
//!
//! The updates are folded. Nothing else is kept, because a reading that breaks off proves nothing
//! and is begun again.

use std::time::Duration;

use tracing::warn;

use super::pages::{PageResult, ask, longest_wait};
use crate::domain::event_windows::{WINDOW_LEAST, WINDOW_MOST};
use crate::domain::policy;
use crate::domain::time::{Millis, Period};
use crate::store::Result;
use crate::worker::AccountWorker;
use crate::worker::walk::WindowWalk;

/// How often a place may be lost in one pass before the reading waits.
const LOSSES_MAX: u32 = 8;

/// What this reading remembers between passes. Losing it costs a reading that begins again.
#[derive(Debug, Default)]
pub struct Settling {
    walk: WindowWalk,
    /// The longest window while X's cursors do not last. `None` means one window for the whole
    /// range.
    window_most: Option<Duration>,
    /// The earliest next attempt after the place was lost.
    again_at: Option<Millis>,
}

/// Reads the events of a range to their end and folds them. If X's cursors do not last, it reads
/// several short windows that touch. Returns when to try again if that failed.
pub async fn read(
    worker: &AccountWorker,
    settling: &mut Settling,
    range: Period,
) -> Result<Option<Millis>> {
    let now = worker.now();
    if let Some(at) = settling.again_at.filter(|at| at.is_ahead(now, policy::RETRY_MOST)) {
        return Ok(Some(at));
    }
    let (mut from, mut losses) = (range.from, 0);
    loop {
        let to = settling.window_most.map_or(range.to, |most| range.to.min(from.plus(most)));
        let window = Period { from, to };
        match read_window(worker, &mut settling.walk, window).await? {
            Read::Through => {
                settling.walk.arrive();
                if to >= range.to {
                    return Ok(None);
                }
                settling.window_most = settling
                    .window_most
                    .map(|most| most * 5 / 4)
                    .filter(|most| *most < WINDOW_MOST);
                from = to;
            }
            Read::Lost { why, not_before } => {
                losses += 1;
                settling.window_most = Some((to.since(from) / 2).max(WINDOW_LEAST));
                let wait = settling.walk.lose(longest_wait(worker));
                if losses >= LOSSES_MAX || not_before > worker.now() {
                    let again = not_before.max(worker.now().plus(wait));
                    settling.again_at = Some(again);
                    log_unreadable(worker, &why, again);
                    return Ok(Some(again));
                }
            }
            Read::Until(at) => return Ok(Some(at)),
        }
    }
}

/// How far one window was read.
enum Read {
    Through,
    Lost { why: String, not_before: Millis },
    Until(Millis),
}

async fn read_window(
    worker: &AccountWorker,
    walk: &mut WindowWalk,
    window: Period,
) -> Result<Read> {
    let mut cursor: Option<String> = None;
    loop {
        let asked = ask(worker, walk, window, cursor.as_deref()).await?;
        let (page, lost) = match asked {
            PageResult::Page(page) => (page, None),
            PageResult::Lost { why, page, not_before } => (page, Some((why, not_before))),
            PageResult::Wait(at) => return Ok(Read::Until(at)),
        };
        worker.log(&worker.store.fold(worker.name(), page.updates, worker.now()).await?);
        if page.unreadable > 0 {
            let why = format!("{} of them have a form that cannot be read", page.unreadable);
            let again = worker.now().plus(worker.limits.poll_interval);
            log_unreadable(worker, &why, again);
            return Ok(Read::Until(again));
        }
        match (lost, page.next_cursor) {
            (Some((why, not_before)), _) => return Ok(Read::Lost { why, not_before }),
            (None, Some(next)) => cursor = Some(next),
            (None, None) => return Ok(Read::Through),
        }
    }
}

fn log_unreadable(worker: &AccountWorker, why: &str, again: Millis) {
    warn!(
        event = "poll.failed",
        account = worker.name(),
        "the feedback events of account {} that may be of uncertain surveys cannot be read to \
         their end ({why}): the surveys stay uncertain until that is tried again at {}",
        worker.name(),
        again.rfc3339(),
    );
}
