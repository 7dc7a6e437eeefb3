//! Reads X's events of a period day by day and page by page, and gathers their updates.

use super::{RebuildError, RebuildProgress};
use crate::domain::policy::{DAY, RETRY_FIRST};
use crate::domain::time::{Millis, Period};
use crate::store::{Rebuild, UnknownEvent};
use crate::worker::AccountWorker;
use crate::worker::walk::{LostPlace, Step, WindowWalk};
use crate::x::{EventsPage, Remedy};

/// The number of refusals and failures in a row after which the rebuild gives up.
const TRIES: u32 = 8;

/// How often one window is begun if its cursor is lost or its pages repeat.
const BEGINNINGS: u32 = 5;

#[derive(Clone, Copy, Debug, Default)]
pub struct PageCounts {
    pub pages: usize,
    pub events: usize,
    pub unread: usize,
}

/// Reads from where the rebuild stands to the end of the period.
pub async fn read(
    worker: &AccountWorker,
    rebuild: &mut Rebuild,
    period: Period,
    tell: &dyn Fn(RebuildProgress),
) -> Result<PageCounts, RebuildError> {
    let (counted, walk) = (PageCounts::default(), WindowWalk::default());
    let mut gathering = Gathering { worker, rebuild, period, tell, counted, walk };
    loop {
        // Both ends belong to a window. So the instant that two windows share is read twice and
        // none is left out.
        let from = gathering.rebuild.read_to;
        let window = Period { from, to: period.to.min(from.plus(DAY)) };
        gathering.read_window(window).await?;
        worker.store.gathered_to(gathering.rebuild, window.to).await?;
        if window.to >= period.to {
            return Ok(gathering.counted);
        }
    }
}

struct Gathering<'a> {
    worker: &'a AccountWorker,
    rebuild: &'a mut Rebuild,
    period: Period,
    tell: &'a dyn Fn(RebuildProgress),
    counted: PageCounts,
    walk: WindowWalk,
}

impl Gathering<'_> {
    async fn read_window(&mut self, window: Period) -> Result<(), RebuildError> {
        let mut cursor: Option<String> = None;
        let (mut tries, mut beginnings) = (0, 0);
        loop {
            let step = self.walk.step(self.worker, window, cursor.as_deref()).await?;
            let (until, why) = match step {
                Step::Page(page) => {
                    (cursor, tries) = (page.next_cursor.clone(), 0);
                    self.gather(page, window).await?;
                    if cursor.is_none() {
                        return Ok(());
                    }
                    continue;
                }
                Step::Lost { why, page } => {
                    if let Some(page) = page {
                        self.gather(page, window).await?;
                    }
                    let why = match why {
                        LostPlace::Circle => "X repeats a page of feedback events".to_owned(),
                        LostPlace::Endless | LostPlace::Refused(_) => why.to_string(),
                    };
                    beginnings += 1;
                    if beginnings == BEGINNINGS {
                        return Err(RebuildError::Unread(why));
                    }
                    (cursor, tries) = (None, 0);
                    (self.worker.now().plus(RETRY_FIRST), why)
                }
                Step::Wait(until) => (until, "X's limit of such calls is reached".to_owned()),
                Step::Failed { why, remedy, again_at } => match remedy {
                    Remedy::PauseAccount(_) | Remedy::GiveUp(_) | Remedy::LeavePlace(_) => {
                        return Err(RebuildError::Unread(why));
                    }
                    Remedy::HoldCalls(_) | Remedy::SignAgain | Remedy::AskLater => {
                        tries += 1;
                        if tries == TRIES {
                            return Err(RebuildError::Unread("X does not answer".into()));
                        }
                        (again_at, why)
                    }
                },
            };
            self.wait(until, why).await?;
        }
    }

    async fn gather(&mut self, page: EventsPage, window: Period) -> Result<(), RebuildError> {
        let (worker, counted) = (self.worker, &mut self.counted);
        counted.pages += 1;
        counted.events += page.updates.len() + page.unknown.len();
        counted.unread += page.unknown.len();
        let events = counted.events;
        let unknown: Vec<UnknownEvent> = page.unknown.into_iter().map(UnknownEvent::of).collect();
        if !unknown.is_empty() {
            worker.store.keep_unknown(worker.name(), unknown, worker.now()).await?;
        }
        if !page.updates.is_empty() {
            worker.store.gather(self.rebuild, page.updates).await?;
        }
        (self.tell)(RebuildProgress::Read { read: self.period, to: window.to, events });
        Ok(())
    }

    async fn wait(&self, until: Millis, why: String) -> Result<(), RebuildError> {
        let worker = self.worker;
        if !worker.stop.is_stopping() {
            (self.tell)(RebuildProgress::Waits { until, why });
        }
        while worker.now() < until && !worker.stop.is_stopping() {
            worker.reading.listen(&worker.clock);
            worker.reading.wait(Some(until), &worker.clock, &worker.stop).await;
        }
        if worker.stop.is_stopping() { Err(RebuildError::Stopped) } else { Ok(()) }
    }
}
