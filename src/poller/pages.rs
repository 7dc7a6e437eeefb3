//! Asks X for one page of events and judges what the answer means for the place in the window. The
//! reading can continue from there, wait or begin at the window's start.
//!
//! The state kept here can be lost. That costs one refused call or one more turn of a circle.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tracing::warn;

use crate::domain::budget::{COUNTED_FOR, Call};
use crate::domain::event_windows::Range;
use crate::domain::policy;
use crate::domain::time::Millis;
use crate::store::Result;
use crate::worker::AccountWorker;
use crate::x::{Error, EventsPage, LaterPages};

/// How often in a row a page may fail before the window is begun again. X may be away for
/// everything or for this cursor alone. If X is away for everything, beginning again costs little.
const FAILURES_MAX: u32 = 5;

/// A window with more pages counts as endless. A day has some 30.
const PAGES_MAX: u32 = 5_000;

/// The progress through one window.
#[derive(Debug, Default)]
pub struct WindowWalk {
    range: Option<Range>,
    /// The cursors that this window's pages were asked with. Only hashes are kept, as a cursor may
    /// be long.
    asked: HashSet<u64>,
    hashing: RandomState,
    pub pages: u32,
    pub updates: usize,
    /// The number of updates that were new to the fold, in this window and those before it.
    pub news: usize,
    failures: u32,
    /// How often in a row the place was lost.
    lost: u32,
    pub told_at: Option<Millis>,
}

impl WindowWalk {
    /// Begins a window or continues it.
    pub fn enter(&mut self, range: Range, cursor: Option<&str>) {
        if self.range != Some(range) || cursor.is_none() {
            self.asked.clear();
            (self.pages, self.updates) = (0, 0);
        }
        if self.range != Some(range) {
            self.failures = 0;
        }
        self.range = Some(range);
    }

    /// Notes that the window is read to its end.
    pub fn arrive(&mut self) {
        (self.lost, self.failures) = (0, 0);
    }

    /// Returns the wait after a failure. A whole poll interval would be too long in the middle of a
    /// month of events.
    fn wait(&self, most: Duration) -> Duration {
        policy::RETRY_FIRST.saturating_mul(1 << self.failures.min(16)).min(most)
    }

    /// Notes a lost place. Returns the wait before the window is begun again.
    pub fn lose(&mut self, most: Duration) -> Duration {
        let wait = policy::RETRY_FIRST.saturating_mul(1 << self.lost.min(16));
        self.lost += 1;
        self.failures = 0;
        wait.min(most)
    }

    /// Returns why the next cursor cannot lead to the window's end, if that is so.
    fn goes_astray(&self, next_cursor: Option<&str>) -> Option<&'static str> {
        match next_cursor {
            Some(next) if self.asked.contains(&self.hashing.hash_one(next)) => {
                Some("X's pages of events go in a circle")
            }
            Some(_) if self.pages >= PAGES_MAX => Some("X's pages of events have no end"),
            Some(_) | None => None,
        }
    }
}

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
    later: &mut LaterPages,
    walk: &mut WindowWalk,
    range: Range,
    cursor: Option<&str>,
) -> Result<PageResult> {
    walk.enter(range, cursor);
    let mut style = *later;
    loop {
        if worker.stop.is_stopping() {
            return Ok(PageResult::Wait(worker.now()));
        }
        if let Err(until) = take_call(worker).await? {
            return Ok(PageResult::Wait(until));
        }
        // Taken as late as possible, because X's clock is measured by this and the answer's date.
        let now = worker.now();
        let place = cursor.map(|cursor| (cursor, style));
        let asked = worker.x.events(&worker.keys, range, place, now);
        let Some(answer) = worker.unless_stopping(asked).await else {
            return Ok(PageResult::Wait(now));
        };
        worker.hear(Call::Events, answer.told, 0).await?;
        match answer.result {
            Ok(page) => {
                worker.reading_trouble.over();
                *later = style;
                return Ok(heard(walk, cursor, page, now));
            }
            // X may not know the cursor. It may also want later pages asked for in the other form.
            Err(error) if cursor.is_some() && is_about_place(&error) => {
                if style == *later {
                    style = style.other();
                    continue;
                }
                let (why, page) = (error.to_string(), EventsPage::default());
                return Ok(PageResult::Lost { why, page, not_before: now });
            }
            Err(error) => return failed(worker, walk, error).await,
        }
    }
}

/// Takes one call from the budget. X's budget windows last a quarter of an hour. A budget that
/// seems spent for longer was counted by another clock. X is then asked for the time.
async fn take_call(worker: &AccountWorker) -> Result<std::result::Result<u32, Millis>> {
    let taken = worker.take_calls(Call::Events, 1).await?;
    match taken {
        Err(until) if until.since(worker.now()) > COUNTED_FOR => {
            worker.ask_the_time().await?;
            worker.take_calls(Call::Events, 1).await
        }
        Ok(_) | Err(_) => Ok(taken),
    }
}

fn heard(walk: &mut WindowWalk, cursor: Option<&str>, page: EventsPage, now: Millis) -> PageResult {
    walk.failures = 0;
    walk.pages += 1;
    walk.updates += page.updates.len();
    walk.asked.extend(cursor.map(|cursor| walk.hashing.hash_one(cursor)));
    match walk.goes_astray(page.next_cursor.as_deref()) {
        Some(why) => PageResult::Lost { why: why.to_owned(), page, not_before: now },
        None => PageResult::Page(page),
    }
}

/// True if X refuses the place and not the account. X may say of a later page that it does not
/// exist. Elsewhere the same code is about the whole path. The first page will tell which it is.
fn is_about_place(error: &Error) -> bool {
    match error {
        Error::Request(_) => true,
        Error::Account(words) => words.code == Some(34),
        Error::Person { .. }
        | Error::Clock(_)
        | Error::Limited { .. }
        | Error::NotNow(_)
        | Error::NoAnswer(_) => false,
    }
}

async fn failed(worker: &AccountWorker, walk: &mut WindowWalk, error: Error) -> Result<PageResult> {
    let now = worker.now();
    let mut again = now.plus(walk.wait(longest_wait(worker)));
    match &error {
        Error::Limited { reset_at } => again = worker.hold(Call::Events, *reset_at).await?,
        Error::Account(words) => {
            worker.pause(words).await?;
            again = now.plus(longest_wait(worker));
        }
        Error::Clock(_) => again = now.plus(policy::RETRY_FIRST),
        Error::NotNow(_) | Error::NoAnswer(_) => {
            again = again.max(worker.reading_trouble.met(now));
            walk.failures += 1;
        }
        Error::Request(_) | Error::Person { .. } => walk.failures += 1,
    }
    if walk.failures >= FAILURES_MAX {
        let (why, page) = (error.to_string(), EventsPage::default());
        return Ok(PageResult::Lost { why, page, not_before: again });
    }
    warn!(
        event = "poll.failed",
        account = worker.name(),
        "the feedback events of account {} cannot be read ({error}); tried again at {}",
        worker.name(),
        again.rfc3339(),
    );
    Ok(PageResult::Wait(again))
}

/// Returns the longest wait after a failure.
pub fn longest_wait(worker: &AccountWorker) -> Duration {
    worker.limits.poll_interval.min(policy::RETRY_MOST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::survey::Failure;

    const RANGE: Range = Range { from: Millis(0), to: Millis(9) };

    fn page(next: &str) -> EventsPage {
        EventsPage { next_cursor: Some(next.into()), ..EventsPage::default() }
    }

    fn is_lost(walk: &mut WindowWalk, asked_with: Option<&str>, next: &str) -> bool {
        walk.enter(RANGE, asked_with);
        matches!(heard(walk, asked_with, page(next), Millis(0)), PageResult::Lost { .. })
    }

    #[test]
    fn a_cursor_that_leads_back_is_lost_however_long_the_circle() {
        let mut walk = WindowWalk::default();
        assert!(!is_lost(&mut walk, None, "a"));
        assert!(!is_lost(&mut walk, Some("a"), "b"));
        assert!(!is_lost(&mut walk, Some("b"), "c"));
        assert!(is_lost(&mut walk, Some("c"), "a"), "a circle of three");
        assert!(!is_lost(&mut walk, None, "a"), "begun again it is a new way");
        assert!(is_lost(&mut walk, Some("a"), "a"), "a page that leads to itself");
    }

    #[test]
    fn a_page_that_is_asked_for_twice_is_no_circle() {
        let mut walk = WindowWalk::default();
        assert!(!is_lost(&mut walk, Some("a"), "b"));
        assert!(!is_lost(&mut walk, Some("a"), "b"), "the database was away in between");
    }

    #[test]
    fn a_window_without_an_end_is_given_up() {
        let mut walk = WindowWalk::default();
        let lost_at = (0..=PAGES_MAX).find(|page| {
            let cursor = page.to_string();
            is_lost(&mut walk, Some(&cursor), &format!("after {cursor}"))
        });
        assert_eq!(lost_at, Some(PAGES_MAX - 1));
    }

    #[test]
    fn windows_are_begun_again_ever_more_slowly_until_one_is_done() {
        let mut walk = WindowWalk::default();
        let most = Duration::from_secs(300);
        let waits: Vec<u64> = (0..9).map(|_| walk.lose(most).as_secs()).collect();
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
        walk.arrive();
        assert_eq!(walk.lose(most), policy::RETRY_FIRST);
    }

    #[test]
    fn only_what_x_says_of_the_place_gives_it_up_at_once() {
        let words = |code| Failure { code, message: "no".into() };
        assert!(is_about_place(&Error::Request(words(Some(44)))));
        assert!(is_about_place(&Error::Account(words(Some(34)))));
        assert!(!is_about_place(&Error::Account(words(Some(89)))));
        assert!(!is_about_place(&Error::NotNow("503".into())));
        assert!(!is_about_place(&Error::Limited { reset_at: None }));
    }
}
