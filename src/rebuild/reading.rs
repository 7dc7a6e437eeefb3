//! Reads X's events of a period, day by day and page by page, and gathers what they tell.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{RebuildError, RebuildProgress};
use crate::desk::AccountWorker;
use crate::domain::budget::Call;
use crate::domain::policy::{DAY, RETRY_FIRST};
use crate::domain::reading::Range;
use crate::domain::summary::Period;
use crate::domain::time::Millis;
use crate::store::{Rebuild, UnknownEvent};
use crate::x::{Error, EventsPage, LaterPages};

/// Refusals and silences in a row before it is given up.
const TRIES: u32 = 8;

/// How often one window is begun anew, its cursor being lost or its pages repeated.
const BEGINNINGS: u32 = 5;

#[derive(Clone, Copy, Debug, Default)]
pub struct PageCounts {
    pub pages: usize,
    pub events: usize,
    pub unread: usize,
}

/// Reads from where the rebuild stands to the end of the period.
pub async fn read(
    desk: &AccountWorker,
    rebuild: &mut Rebuild,
    period: Period,
    tell: &dyn Fn(RebuildProgress),
) -> Result<PageCounts, RebuildError> {
    let mut counted = PageCounts::default();
    loop {
        // Both ends belong to a window: the instant that two share is read twice, and none is left out.
        let window = Period { from: rebuild.read_to, to: period.to.min(rebuild.read_to.plus(DAY)) };
        read_window(desk, rebuild, window, &mut counted, &|news| {
            tell(match news {
                RebuildProgress::Read { to, events, .. } => {
                    RebuildProgress::Read { read: period, to, events }
                }
                other => other,
            });
        })
        .await?;
        desk.store.gathered_to(rebuild, window.to).await?;
        if window.to >= period.to {
            return Ok(counted);
        }
    }
}

async fn read_window(
    desk: &AccountWorker,
    rebuild: &Rebuild,
    window: Period,
    counted: &mut PageCounts,
    tell: &dyn Fn(RebuildProgress),
) -> Result<(), RebuildError> {
    let mut beginnings = 0;
    let mut cursor: Option<String> = None;
    let mut seen = BTreeSet::new();
    loop {
        let lost = match ask(desk, window, cursor.as_deref(), tell).await? {
            Ok(page) => {
                let next = page.next_cursor.clone();
                gather(desk, rebuild, page, counted).await?;
                tell(RebuildProgress::Read { read: window, to: window.to, events: counted.events });
                match next {
                    None => return Ok(()),
                    Some(next) if seen.insert(next.clone()) => {
                        cursor = Some(next);
                        continue;
                    }
                    // The same pages for ever are no reading to the end.
                    Some(_) => "X repeats a page of feedback events".to_owned(),
                }
            }
            Err(lost) => lost,
        };
        beginnings += 1;
        if beginnings == BEGINNINGS {
            return Err(RebuildError::Unread(lost));
        }
        wait(desk, desk.now().plus(RETRY_FIRST), lost, tell).await?;
        (cursor, seen) = (None, BTreeSet::new());
    }
}

async fn gather(
    desk: &AccountWorker,
    rebuild: &Rebuild,
    page: EventsPage,
    counted: &mut PageCounts,
) -> Result<(), RebuildError> {
    counted.pages += 1;
    counted.events += page.updates.len() + page.unknown.len();
    counted.unread += page.unknown.len();
    let unknown: Vec<UnknownEvent> = page.unknown.into_iter().map(UnknownEvent::of).collect();
    if !unknown.is_empty() {
        desk.store.keep_unknown(desk.name(), unknown, desk.now()).await?;
    }
    if !page.updates.is_empty() {
        desk.store.gather(rebuild, page.updates).await?;
    }
    Ok(())
}

/// One page, however often it must be asked for; or that its cursor is lost.
async fn ask(
    desk: &AccountWorker,
    window: Period,
    cursor: Option<&str>,
    tell: &dyn Fn(RebuildProgress),
) -> Result<Result<EventsPage, String>, RebuildError> {
    let mut style = LaterPages::default();
    for _ in 0..TRIES {
        while let Err(until) = desk.take_calls(Call::Events, 1).await? {
            wait(desk, until, "X's limit of such calls is reached".into(), tell).await?;
        }
        let range = Range { from: window.from, to: window.to };
        let place = cursor.map(|cursor| (cursor, style));
        let asked = desk.x.events(&desk.keys, range, place, desk.now());
        let answer = desk.unless_stopping(asked).await.ok_or(RebuildError::Stopped)?;
        desk.hear(Call::Events, answer.told, 0).await?;
        let error = match answer.result {
            Ok(page) => {
                desk.reading_trouble.over();
                return Ok(Ok(page));
            }
            Err(error) => error,
        };
        let words = error.to_string();
        let until = match error {
            Error::Limited { reset_at } => desk.hold(Call::Events, reset_at).await?,
            Error::Clock(_) => desk.now().plus(CLOCK_AGAIN),
            Error::NotNow(_) | Error::NoAnswer(_) => desk.reading_trouble.met(desk.now()),
            // Not the form of asking for later pages that X takes, or else the cursor is lost.
            Error::Request(_) if cursor.is_some() && style == LaterPages::default() => {
                style = style.other();
                continue;
            }
            Error::Request(_) if cursor.is_some() => return Ok(Err(words)),
            Error::Request(_) | Error::Person { .. } | Error::Account(_) => {
                return Err(RebuildError::Unread(words));
            }
        };
        wait(desk, until, words, tell).await?;
    }
    Err(RebuildError::Unread("X does not answer".into()))
}

/// What our clock lacks is learnt from the refusal itself.
const CLOCK_AGAIN: Duration = Duration::from_secs(1);

async fn wait(
    desk: &AccountWorker,
    until: Millis,
    why: String,
    tell: &dyn Fn(RebuildProgress),
) -> Result<(), RebuildError> {
    tell(RebuildProgress::Waits { until, why });
    while desk.now() < until && !desk.stop.is_stopping() {
        desk.reading.listen(&desk.clock);
        desk.reading.wait(Some(until), &desk.clock, &desk.stop).await;
    }
    if desk.stop.is_stopping() { Err(RebuildError::Stopped) } else { Ok(()) }
}
