//! Reads X's events of a period day by day and page by page, and gathers their updates.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{RebuildError, RebuildProgress};
use crate::domain::budget::Call;
use crate::domain::event_windows::Range;
use crate::domain::policy::{DAY, RETRY_FIRST};
use crate::domain::summary::Period;
use crate::domain::time::Millis;
use crate::store::{Rebuild, UnknownEvent};
use crate::worker::AccountWorker;
use crate::x::{Error, EventsPage, LaterPages};

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
    let mut counted = PageCounts::default();
    loop {
        // Both ends belong to a window. So the instant that two windows share is read twice and
        // none is left out.
        let window = Period { from: rebuild.read_to, to: period.to.min(rebuild.read_to.plus(DAY)) };
        read_window(worker, rebuild, window, &mut counted, &|news| {
            tell(match news {
                RebuildProgress::Read { to, events, .. } => {
                    RebuildProgress::Read { read: period, to, events }
                }
                other => other,
            });
        })
        .await?;
        worker.store.gathered_to(rebuild, window.to).await?;
        if window.to >= period.to {
            return Ok(counted);
        }
    }
}

async fn read_window(
    worker: &AccountWorker,
    rebuild: &Rebuild,
    window: Period,
    counted: &mut PageCounts,
    tell: &dyn Fn(RebuildProgress),
) -> Result<(), RebuildError> {
    let mut beginnings = 0;
    let mut cursor: Option<String> = None;
    let mut seen = BTreeSet::new();
    loop {
        let lost = match ask(worker, window, cursor.as_deref(), tell).await? {
            Ok(page) => {
                let next = page.next_cursor.clone();
                gather(worker, rebuild, page, counted).await?;
                tell(RebuildProgress::Read { read: window, to: window.to, events: counted.events });
                match next {
                    None => return Ok(()),
                    Some(next) if seen.insert(next.clone()) => {
                        cursor = Some(next);
                        continue;
                    }
                    // Repeated pages do not lead to the end of the window.
                    Some(_) => "X repeats a page of feedback events".to_owned(),
                }
            }
            Err(lost) => lost,
        };
        beginnings += 1;
        if beginnings == BEGINNINGS {
            return Err(RebuildError::Unread(lost));
        }
        wait(worker, worker.now().plus(RETRY_FIRST), lost, tell).await?;
        (cursor, seen) = (None, BTreeSet::new());
    }
}

async fn gather(
    worker: &AccountWorker,
    rebuild: &Rebuild,
    page: EventsPage,
    counted: &mut PageCounts,
) -> Result<(), RebuildError> {
    counted.pages += 1;
    counted.events += page.updates.len() + page.unknown.len();
    counted.unread += page.unknown.len();
    let unknown: Vec<UnknownEvent> = page.unknown.into_iter().map(UnknownEvent::of).collect();
    if !unknown.is_empty() {
        worker.store.keep_unknown(worker.name(), unknown, worker.now()).await?;
    }
    if !page.updates.is_empty() {
        worker.store.gather(rebuild, page.updates).await?;
    }
    Ok(())
}

/// Returns one page and retries as needed. The inner error means that the cursor is lost.
async fn ask(
    worker: &AccountWorker,
    window: Period,
    cursor: Option<&str>,
    tell: &dyn Fn(RebuildProgress),
) -> Result<Result<EventsPage, String>, RebuildError> {
    let mut style = LaterPages::default();
    for _ in 0..TRIES {
        while let Err(until) = worker.take_calls(Call::Events, 1).await? {
            wait(worker, until, "X's limit of such calls is reached".into(), tell).await?;
        }
        let range = Range { from: window.from, to: window.to };
        let place = cursor.map(|cursor| (cursor, style));
        let asked = worker.x.events(&worker.keys, range, place, worker.now());
        let answer = worker.unless_stopping(asked).await.ok_or(RebuildError::Stopped)?;
        worker.hear(Call::Events, answer.told, 0).await?;
        let error = match answer.result {
            Ok(page) => {
                worker.reading_trouble.over();
                return Ok(Ok(page));
            }
            Err(error) => error,
        };
        let words = error.to_string();
        let until = match error {
            Error::Limited { reset_at } => worker.hold(Call::Events, reset_at).await?,
            Error::Clock(_) => worker.now().plus(CLOCK_AGAIN),
            Error::NotNow(_) | Error::NoAnswer(_) => worker.reading_trouble.met(worker.now()),
            // X may want later pages asked for in the other form. If not, the cursor is lost.
            Error::Request(_) if cursor.is_some() && style == LaterPages::default() => {
                style = style.other();
                continue;
            }
            Error::Request(_) if cursor.is_some() => return Ok(Err(words)),
            Error::Request(_) | Error::Person { .. } | Error::Account(_) => {
                return Err(RebuildError::Unread(words));
            }
        };
        wait(worker, until, words, tell).await?;
    }
    Err(RebuildError::Unread("X does not answer".into()))
}

/// A short wait is enough, because X's refusal itself corrects our clock.
const CLOCK_AGAIN: Duration = Duration::from_secs(1);

async fn wait(
    worker: &AccountWorker,
    until: Millis,
    why: String,
    tell: &dyn Fn(RebuildProgress),
) -> Result<(), RebuildError> {
    tell(RebuildProgress::Waits { until, why });
    while worker.now() < until && !worker.stop.is_stopping() {
        worker.reading.listen(&worker.clock);
        worker.reading.wait(Some(until), &worker.clock, &worker.stop).await;
    }
    if worker.stop.is_stopping() { Err(RebuildError::Stopped) } else { Ok(()) }
}
