//! Walks through a window of X's feedback events page by page. It judges whether X's cursors can
//! lead to the window's end.
//!
//! The poller, the settling and the rebuild read events through it. Each decides by itself what
//! becomes of a page, of a wait and of a lost place.
//!
//! The state kept here can be lost. That costs one refused call or one more turn of a circle.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use super::AccountWorker;
use crate::domain::budget::{COUNTED_FOR, Call};
use crate::domain::policy;
use crate::domain::time::{Millis, Period, Ready};
use crate::store::Result;
use crate::x::{EventsPage, LaterPages, Remedy};

/// A window with more pages counts as endless. A day has some 30.
const PAGES_MAX: u32 = 5_000;

/// The progress through one window.
#[derive(Debug, Default)]
pub struct WindowWalk {
    range: Option<Period>,
    /// The cursors that this window's pages were asked with. Only hashes are kept, as a cursor may
    /// be long.
    asked: HashSet<u64>,
    hashing: RandomState,
    /// How X let itself be asked for a later page last.
    style: LaterPages,
    pub pages: u32,
    pub updates: usize,
    /// The number of updates that were new to the fold, in this window and those before it.
    pub news: usize,
    pub told_at: Option<Millis>,
    /// How often in a row the same page failed.
    pub failures: u32,
    /// How often in a row the place was lost.
    lost: u32,
}

/// The result of asking for the page at one place of a window.
#[derive(Debug)]
pub enum Step {
    Page(EventsPage),
    /// The walk cannot go on from this place. A page that came is still valid.
    Lost {
        why: LostPlace,
        page: Option<EventsPage>,
    },
    /// No call is free before this instant, or surveyd is stopping.
    Wait(Millis),
    /// X gave no page and may be asked again at `again_at`.
    Failed {
        why: String,
        remedy: Remedy,
        again_at: Millis,
    },
}

/// Why a place in a window does not lead to the window's end.
#[derive(Debug, thiserror::Error)]
pub enum LostPlace {
    #[error("X's pages of events go in a circle")]
    Circle,
    #[error("X's pages of events have no end")]
    Endless,
    #[error("{0}")]
    Refused(String),
}

impl WindowWalk {
    /// Asks for the page at one place of a window.
    pub async fn step(
        &mut self,
        worker: &AccountWorker,
        range: Period,
        cursor: Option<&str>,
    ) -> Result<Step> {
        self.enter(range, cursor);
        let mut style = self.style;
        loop {
            if worker.stop.is_stopping() {
                return Ok(Step::Wait(worker.now()));
            }
            if let Ready::At(until) = take_call(worker).await? {
                return Ok(Step::Wait(until));
            }
            // Taken as late as possible, because X's clock is measured by this and the answer's
            // date.
            let now = worker.now();
            let place = cursor.map(|cursor| (cursor, style));
            let asked = worker.x.events(&worker.keys, range, place, now);
            let Some(answer) = worker.unless_stopping(asked).await else {
                return Ok(Step::Wait(now));
            };
            worker.hear(Call::Events, answer.rate, 0).await?;
            match answer.result {
                Ok(page) => {
                    worker.reading_trouble.over();
                    self.style = style;
                    return Ok(self.take(cursor, page));
                }
                Err(error) => match Remedy::of(&error, cursor.is_some()) {
                    // X may want later pages asked for in the other form.
                    Remedy::LeavePlace(_) if style == self.style => style = style.other(),
                    Remedy::LeavePlace(_) => {
                        let why = LostPlace::Refused(error.to_string());
                        return Ok(Step::Lost { why, page: None });
                    }
                    remedy => {
                        let again_at = worker.heed(Call::Events, &remedy).await?;
                        return Ok(Step::Failed { why: error.to_string(), remedy, again_at });
                    }
                },
            }
        }
    }

    /// Begins a window or continues it.
    fn enter(&mut self, range: Period, cursor: Option<&str>) {
        if self.range != Some(range) || cursor.is_none() {
            self.asked.clear();
            (self.pages, self.updates) = (0, 0);
        }
        if self.range != Some(range) {
            self.failures = 0;
        }
        self.range = Some(range);
    }

    /// Takes a page in and looks where it leads.
    fn take(&mut self, cursor: Option<&str>, page: EventsPage) -> Step {
        self.failures = 0;
        self.pages += 1;
        self.updates += page.updates.len();
        self.asked.extend(cursor.map(|cursor| self.hashing.hash_one(cursor)));
        match self.goes_astray(page.next_cursor.as_deref()) {
            Some(why) => Step::Lost { why, page: Some(page) },
            None => Step::Page(page),
        }
    }

    /// Returns why the next cursor cannot lead to the window's end, if that is so.
    fn goes_astray(&self, next_cursor: Option<&str>) -> Option<LostPlace> {
        match next_cursor {
            Some(next) if self.asked.contains(&self.hashing.hash_one(next)) => {
                Some(LostPlace::Circle)
            }
            Some(_) if self.pages >= PAGES_MAX => Some(LostPlace::Endless),
            Some(_) | None => None,
        }
    }

    /// Notes that the window is read to its end.
    pub fn arrive(&mut self) {
        (self.lost, self.failures) = (0, 0);
    }

    /// Notes that the page failed. Returns the wait before it is asked for again. A whole poll
    /// interval would be too long in the middle of a month of events.
    pub fn fail(&mut self, most: Duration) -> Duration {
        let wait = policy::RETRY_FIRST.saturating_mul(1 << self.failures.min(16));
        self.failures += 1;
        wait.min(most)
    }

    /// Notes a lost place. Returns the wait before the window is begun again.
    pub fn lose(&mut self, most: Duration) -> Duration {
        let wait = policy::RETRY_FIRST.saturating_mul(1 << self.lost.min(16));
        self.lost += 1;
        self.failures = 0;
        wait.min(most)
    }
}

/// Takes one call from the budget. X's budget windows last a quarter of an hour. A budget that
/// seems spent for longer was counted by another clock. X is then asked for the time.
async fn take_call(worker: &AccountWorker) -> Result<Ready<u32>> {
    let taken = worker.take_calls(Call::Events, 1).await?;
    match taken {
        Ready::At(until) if until.since(worker.now()) > COUNTED_FOR => {
            worker.ask_the_time().await?;
            worker.take_calls(Call::Events, 1).await
        }
        Ready::Now(_) | Ready::At(_) => Ok(taken),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE: Period = Period { from: Millis(0), to: Millis(9) };

    fn page(next: &str) -> EventsPage {
        EventsPage { next_cursor: Some(next.into()), ..EventsPage::default() }
    }

    fn is_lost(walk: &mut WindowWalk, asked_with: Option<&str>, next: &str) -> bool {
        walk.enter(RANGE, asked_with);
        matches!(walk.take(asked_with, page(next)), Step::Lost { .. })
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
}
