//! Looks a second time at events that have been read, for what has surfaced behind the first
//! reading: over the last day often, over the last week once a day.
//!
//! A look is there to find answers, and proves nothing: its place is kept apart from the first
//! reading's, which goes before it at every page, and it spends the first half of the calls only.

use tracing::info;

use super::events;
use super::windows::{self, Pass, Went, WindowsReader};
use crate::desk::AccountWorker;
use crate::domain::reading::{Range, ReadingPurpose, SecondLook};
use crate::domain::time::Millis;
use crate::store::{PollState, PollWindow, Result};

/// Pages of one pass.
const PAGES_MAX: u32 = 20;

/// Goes on with the look under way or begins the one that is due, until the first reading is due at
/// `events_at`. When to go on; `None`: with the first reading's next window.
pub async fn tick(
    desk: &AccountWorker,
    reader: &mut WindowsReader,
    events_at: Millis,
) -> Result<Option<Millis>> {
    let first = desk.store.poll_state(desk.name()).await?;
    let Some(read_to) = first.done_to else { return Ok(None) };
    if first.window.is_some() || events::is_behind(desk, read_to) {
        return Ok(None);
    }
    let mut pass = Pass { pages_left: PAGES_MAX, gives_way_at: Some(events_at) };
    for look in SecondLook::ALL {
        while let Some((state, window)) = window(desk, look, &first, read_to).await? {
            let to = window.to;
            match windows::read(
                desk,
                reader,
                ReadingPurpose::Second(look),
                &state,
                window,
                &mut pass,
            )
            .await?
            {
                Went::Through | Went::Past => tell_done(desk, reader, look, &state, to),
                Went::OnAndOn if pass.pages_left == 0 => return Ok(Some(desk.now())),
                Went::OnAndOn => return Ok(None),
                Went::Until(at) => return Ok(Some(at)),
            }
        }
    }
    Ok(None)
}

/// The window of a look to read now, and what it was chosen from; `None` where the look is not due.
async fn window(
    desk: &AccountWorker,
    look: SecondLook,
    first: &PollState,
    read_to: Millis,
) -> Result<Option<(PollState, PollWindow)>> {
    let reading = ReadingPurpose::Second(look);
    let mut state = desk.store.reading(desk.name(), reading).await?;
    if let Some(window) = state.window.clone() {
        return Ok(Some((state, window)));
    }
    if state.under_way_to().is_none() {
        let Some(range) = due(desk, look, first, &state, read_to) else { return Ok(None) };
        desk.store.begin_look(desk.name(), look, range).await?;
        state = desk.store.reading(desk.name(), reading).await?;
    }
    let (Some(base), Some(goal)) = (state.done_to, state.under_way_to()) else { return Ok(None) };
    let window = windows::open(desk, reading, &state, (base, goal)).await?;
    Ok(Some((state, window)))
}

/// What a look that is due is to read: nothing from before the first reading began.
fn due(
    desk: &AccountWorker,
    look: SecondLook,
    first: &PollState,
    state: &PollState,
    read_to: Millis,
) -> Option<Range> {
    let begun_from = first.begun_from?;
    let last = state.goal.unwrap_or(begun_from);
    let range = look.due(last, read_to, desk.limits.poll_interval)?;
    let from = range.from.max(begun_from);
    (from < range.to).then_some(Range { from, ..range })
}

/// Says that a look has come to its end.
fn tell_done(
    desk: &AccountWorker,
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
        account = desk.name(),
        reading = look.as_str(),
        to = to.rfc3339(),
        news,
        "a second look at the feedback events of account {} over the last {} up to {} found {news} news",
        desk.name(),
        look.as_str(),
        to.rfc3339(),
    );
}
