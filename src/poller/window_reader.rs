//! Reads one window page by page, for the first reading and for second looks alike.
//!
//! It folds each page and keeps the place in the store. If the place is lost, it begins the window
//! again.

use std::collections::BTreeMap;
use std::time::Duration;

use tracing::{info, warn};

use super::pages::{PageResult, ask, longest_wait};
use crate::domain::budget::Call;
use crate::domain::event_windows::{self, ReadingPurpose, TRIES_MAX, UnreadReason, WINDOW_LEAST};
use crate::domain::time::{Millis, Period};
use crate::store::{EventsPageRead, PollState, PollWindow, Result, UnknownEvent, Unread};
use crate::worker::AccountWorker;
use crate::worker::walk::WindowWalk;
use crate::x::EventsPage;

/// How often the log reports the progress of a long window.
const TELL_EVERY: Duration = Duration::from_secs(5 * 60);

/// What the readings of one account remember between passes.
#[derive(Debug, Default)]
pub struct WindowsReader {
    walks: BTreeMap<ReadingPurpose, WindowWalk>,
}

impl WindowsReader {
    pub fn walk(&mut self, reading: ReadingPurpose) -> &mut WindowWalk {
        self.walks.entry(reading).or_default()
    }
}

/// How far a pass came in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Went {
    /// The pass read the window to its end.
    Through,
    /// The pass gave the window up because X's pages of it have no end.
    Past,
    /// The pass read as far as one pass may.
    OnAndOn,
    /// The pass can go no further before this instant.
    Until(Millis),
}

/// How far a pass may go.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    pub pages_left: u32,
    /// Set for work that can wait. Such a pass ends at this instant and uses only calls that can be
    /// spared.
    pub gives_way_at: Option<Millis>,
}

impl Pass {
    async fn may_go_on(&mut self, worker: &AccountWorker) -> Result<bool> {
        if self.pages_left == 0 || worker.stop.is_stopping() {
            return Ok(false);
        }
        if let Some(at) = self.gives_way_at
            && (worker.now() >= at || worker.calls_spare(Call::Events).await? == 0)
        {
            return Ok(false);
        }
        self.pages_left -= 1;
        Ok(true)
    }
}

/// Reads a window on as far as the pass may go.
pub async fn read(
    worker: &AccountWorker,
    reader: &mut WindowsReader,
    reading: ReadingPurpose,
    state: &PollState,
    mut window: PollWindow,
    pass: &mut Pass,
) -> Result<Went> {
    let walk = reader.walk(reading);
    while pass.may_go_on(worker).await? {
        let range = window.period;
        match ask(worker, walk, range, window.cursor.as_deref()).await? {
            PageResult::Page(page) => {
                let next_cursor = page.next_cursor.clone();
                let (asked_from, page) = (window.clone(), kept(worker, page));
                let now = worker.now();
                let folded =
                    worker.store.fold_page(worker.name(), reading, asked_from, page, now).await?;
                walk.news += folded.updated.len();
                worker.log(&folded);
                if next_cursor.is_none() {
                    walk.arrive();
                    return Ok(Went::Through);
                }
                window.cursor = next_cursor;
                log_progress(worker, walk, reading, &window);
            }
            PageResult::Lost { why, page, not_before } => {
                worker.log(&worker.store.fold(worker.name(), page.updates, worker.now()).await?);
                if is_endless(worker, walk, reading, state, &window).await? {
                    let unread = event_windows::unread(range, state.done_to);
                    let passed = worker.store.pass_over(
                        worker.name(),
                        reading,
                        window,
                        unread,
                        worker.now(),
                    );
                    worker.log(&passed.await?);
                    walk.arrive();
                    return Ok(Went::Past);
                }
                let again = begin_again(worker, walk, reading, state, &window).await?;
                let again = again.max(not_before);
                warn!(
                    event = "poll.failed",
                    account = worker.name(),
                    reading = reading.as_str(),
                    from = window.period.from.rfc3339(),
                    to = window.period.to.rfc3339(),
                    "the place in the feedback events of account {} from {} to {} is lost ({why}); \
                     they are read from there again at {}",
                    worker.name(),
                    window.period.from.rfc3339(),
                    window.period.to.rfc3339(),
                    again.rfc3339(),
                );
                return Ok(Went::Until(again));
            }
            PageResult::Wait(until) => return Ok(Went::Until(until)),
        }
    }
    Ok(Went::OnAndOn)
}

/// Opens the next window of a reading and makes it durable. All is read up to `base`.
pub async fn open(
    worker: &AccountWorker,
    reading: ReadingPurpose,
    state: &PollState,
    (base, until): (Millis, Millis),
) -> Result<PollWindow> {
    let range = event_windows::window(base, until, overlap(worker, reading), state.window_most);
    let range = between(worker, range, base).await?;
    worker.store.open_window(worker.name(), reading, state, range, state.window_most).await?;
    Ok(PollWindow { period: range, cursor: None })
}

/// Fits a window between the stretches that X has no end of pages for.
async fn between(worker: &AccountWorker, range: Period, base: Millis) -> Result<Period> {
    let unread = worker.store.unread(worker.name(), range.widened()).await?;
    let endless = unread.iter().filter(|unread| unread.why == UnreadReason::End);
    let endless: Vec<Period> = endless.map(|unread| unread.range).collect();
    Ok(event_windows::between(range, base, &endless))
}

/// True if a lost window is to be given up as endless. There are two such cases. The window has the
/// least length and was lost as often as it may be. Or a second look meets a stretch already known
/// as endless. Nothing is concluded while X does not answer at all.
async fn is_endless(
    worker: &AccountWorker,
    walk: &WindowWalk,
    reading: ReadingPurpose,
    state: &PollState,
    window: &PollWindow,
) -> Result<bool> {
    if walk.pages == 0 {
        return Ok(false);
    }
    if state.window_most == Some(WINDOW_LEAST) && state.losses + 1 >= TRIES_MAX {
        return Ok(true);
    }
    let range = window.period;
    let unread = worker.store.unread(worker.name(), range).await?;
    let is_known =
        |unread: &Unread| unread.why == UnreadReason::End && range.without(unread.range).is_empty();
    Ok(reading != ReadingPurpose::First && unread.iter().any(is_known))
}

/// Opens the window again, and shorter if a restart has not helped before. Returns when to read it.
async fn begin_again(
    worker: &AccountWorker,
    walk: &mut WindowWalk,
    reading: ReadingPurpose,
    state: &PollState,
    window: &PollWindow,
) -> Result<Millis> {
    let overlap = overlap(worker, reading);
    let base = state.done_to.or(state.begun_from).unwrap_or(window.period.from);
    let (range, most) = event_windows::begun_again(base, window.period, overlap, state.window_most);
    let range = between(worker, range, base).await?;
    let is_shortest = state.window_most == Some(WINDOW_LEAST);
    // X being away does not count as a loss.
    let losses = state.losses + u32::from(is_shortest && walk.pages > 0);
    let state = PollState { losses, ..state.clone() };
    worker.store.open_window(worker.name(), reading, &state, range, Some(most)).await?;
    Ok(worker.now().plus(walk.lose(longest_wait(worker))))
}

/// Returns how far windows reach back. The windows of a second look only touch each other, because
/// all of their events have been read once.
pub fn overlap(worker: &AccountWorker, reading: ReadingPurpose) -> Duration {
    match reading {
        ReadingPurpose::First => worker.limits.poll_overlap,
        ReadingPurpose::Second(_) => Duration::ZERO,
    }
}

fn kept(worker: &AccountWorker, page: EventsPage) -> EventsPageRead {
    let unknown = page.unknown.into_iter().map(UnknownEvent::of).collect();
    let is_partly_read = page.unreadable > 0;
    let x_ahead = worker.clock_apart().map(|apart| apart.least);
    EventsPageRead {
        updates: page.updates,
        unknown,
        is_partly_read,
        x_ahead,
        next_cursor: page.next_cursor,
    }
}

/// Logs from time to time that a long window is under way.
fn log_progress(
    worker: &AccountWorker,
    walk: &mut WindowWalk,
    reading: ReadingPurpose,
    window: &PollWindow,
) {
    let now = worker.now();
    let told_at = *walk.told_at.get_or_insert(now);
    if now.since(told_at).max(told_at.since(now)) < TELL_EVERY {
        return;
    }
    walk.told_at = Some(now);
    info!(
        event = "poll.progress",
        account = worker.name(),
        reading = reading.as_str(),
        from = window.period.from.rfc3339(),
        to = window.period.to.rfc3339(),
        pages = walk.pages,
        updates = walk.updates,
        "the feedback events of account {} from {} to {} are being read: {} pages so far",
        worker.name(),
        window.period.from.rfc3339(),
        window.period.to.rfc3339(),
        walk.pages,
    );
}
