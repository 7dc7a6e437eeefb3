//! Looks a second time at events that have been read, to find what surfaced after the first
//! reading. The look over the last day comes often. The look over the last week comes once a day.
//!
//! A second look finds answers and proves nothing. Its place is kept apart from the first
//! reading's. The first reading goes before it at every page. A look spends only the first half of
//! the calls.

use tracing::info;

use super::events;
use super::window_reader::{self, Pass, Went, WindowsReader};
use crate::domain::event_windows::{ReadingPurpose, SecondLook};
use crate::domain::time::{Millis, Period};
use crate::store::{PollState, PollWindow, Result};
use crate::worker::AccountWorker;

/// The most pages of one pass.
const PAGES_MAX: u32 = 20;

/// Continues the look under way or begins the one that is due. It stops when the first reading is
/// due at `events_at`. Returns when to continue. `None` means with the first reading's next window.
pub async fn tick(
    worker: &AccountWorker,
    reader: &mut WindowsReader,
    events_at: Millis,
) -> Result<Option<Millis>> {
    let first = worker.store.poll_state(worker.name()).await?;
    let Some(read_to) = first.done_to else { return Ok(None) };
    if first.window.is_some() || events::is_behind(worker, read_to) {
        return Ok(None);
    }
    let mut pass = Pass { pages_left: PAGES_MAX, gives_way_at: Some(events_at) };
    for look in SecondLook::ALL {
        while let Some((state, window)) = window(worker, look, &first, read_to).await? {
            let to = window.period.to;
            match window_reader::read(
                worker,
                reader,
                ReadingPurpose::Second(look),
                &state,
                window,
                &mut pass,
            )
            .await?
            {
                Went::Through | Went::Past => log_done(worker, reader, look, &state, to),
                Went::OnAndOn if pass.pages_left == 0 => return Ok(Some(worker.now())),
                Went::OnAndOn => return Ok(None),
                Went::Until(at) => return Ok(Some(at)),
            }
        }
    }
    Ok(None)
}

/// Returns the window to read now and the state it was chosen from. `None` if the look is not due.
async fn window(
    worker: &AccountWorker,
    look: SecondLook,
    first: &PollState,
    read_to: Millis,
) -> Result<Option<(PollState, PollWindow)>> {
    let reading = ReadingPurpose::Second(look);
    let mut state = worker.store.reading(worker.name(), reading).await?;
    if let Some(window) = state.window.clone() {
        return Ok(Some((state, window)));
    }
    if state.under_way_to().is_none() {
        let Some(range) = due(worker, look, first, &state, read_to) else { return Ok(None) };
        worker.store.begin_look(worker.name(), look, range).await?;
        state = worker.store.reading(worker.name(), reading).await?;
    }
    let (Some(base), Some(goal)) = (state.done_to, state.under_way_to()) else { return Ok(None) };
    let window = window_reader::open(worker, reading, &state, (base, goal)).await?;
    Ok(Some((state, window)))
}

/// Returns the range of a look that is due. It never reaches back before the first reading began.
fn due(
    worker: &AccountWorker,
    look: SecondLook,
    first: &PollState,
    state: &PollState,
    read_to: Millis,
) -> Option<Period> {
    let begun_from = first.begun_from?;
    let last = state.goal.unwrap_or(begun_from);
    let range = look.due(last, read_to, worker.limits.poll_interval)?;
    let from = range.from.max(begun_from);
    (from < range.to).then_some(Period { from, ..range })
}

/// Logs the end of a look.
fn log_done(
    worker: &AccountWorker,
    reader: &mut WindowsReader,
    look: SecondLook,
    state: &PollState,
    to: Millis,
) {
    if state.goal != Some(to) {
        return;
    }
    let news = std::mem::take(&mut reader.walk(ReadingPurpose::Second(look)).news);
    info!(
        event = "poll.look_done",
        account = worker.name(),
        reading = look.as_str(),
        to = to.rfc3339(),
        news,
        "a second look at the feedback events of account {} over the last {} up to {} found {news} news",
        worker.name(),
        look.as_str(),
        to.rfc3339(),
    );
}
