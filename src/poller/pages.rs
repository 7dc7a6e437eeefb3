//! The poller's way of asking for a page of events. A failed page is asked for again for a while.
//! Then the window is begun again from its start.

use std::time::Duration;

use tracing::warn;

use crate::domain::policy;
use crate::domain::time::{Millis, Period};
use crate::store::Result;
use crate::worker::AccountWorker;
use crate::worker::walk::{Step, WindowWalk};
use crate::x::{EventsPage, Remedy};

/// How often in a row a page may fail before the window is begun again. X may be away for
/// everything or for this cursor alone. If X is away for everything, beginning again costs little.
const FAILURES_MAX: u32 = 5;

/// The result of asking for a page.
#[derive(Debug)]
pub enum PageResult {
    Page(EventsPage),
    /// The reading cannot go on from this place. The page that came last is still valid. The window
    /// may be begun again at `not_before`.
    Lost {
        why: String,
        page: EventsPage,
        not_before: Millis,
    },
    Wait(Millis),
}

/// Asks for the page at one place of a window.
pub async fn ask(
    worker: &AccountWorker,
    walk: &mut WindowWalk,
    range: Period,
    cursor: Option<&str>,
) -> Result<PageResult> {
    match walk.step(worker, range, cursor).await? {
        Step::Page(page) => Ok(PageResult::Page(page)),
        Step::Lost { why, page } => {
            let (why, page) = (why.to_string(), page.unwrap_or_default());
            Ok(PageResult::Lost { why, page, not_before: worker.now() })
        }
        Step::Wait(until) => Ok(PageResult::Wait(until)),
        Step::Failed { why, remedy, again_at } => {
            failed(worker, walk, (why, remedy), again_at).await
        }
    }
}

async fn failed(
    worker: &AccountWorker,
    walk: &mut WindowWalk,
    (why, remedy): (String, Remedy),
    mut again: Millis,
) -> Result<PageResult> {
    match remedy {
        Remedy::PauseAccount(words) => {
            worker.pause(&words).await?;
            again = worker.now().plus(longest_wait(worker));
        }
        Remedy::HoldCalls(_) | Remedy::SignAgain => {}
        Remedy::AskLater | Remedy::GiveUp(_) | Remedy::LeavePlace(_) => {
            again = again.max(worker.now().plus(walk.fail(longest_wait(worker))));
        }
    }
    if walk.failures >= FAILURES_MAX {
        return Ok(PageResult::Lost { why, page: EventsPage::default(), not_before: again });
    }
    warn!(
        event = "poll.failed",
        account = worker.name(),
        "the feedback events of account {} cannot be read ({why}); tried again at {}",
        worker.name(),
        again.rfc3339(),
    );
    Ok(PageResult::Wait(again))
}

/// Returns the longest wait after a failure.
pub fn longest_wait(worker: &AccountWorker) -> Duration {
    worker.limits.poll_interval.min(policy::RETRY_MOST)
}
