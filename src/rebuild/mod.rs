//! Rebuilds the feedback rows of an account from X's events. It can also rebuild the surveys of a
//! lost database, because X itself has the best record of what it showed to whom.
//!
//! A rebuild may run beside a daemon. Every call is counted in the same budgets, and every row is
//! changed in one step. The newest events are not listed yet and are left to the daemon. A rebuild
//! sends nothing and pauses no account. It is for the daemon to find out that X refuses an account.

mod reading;

use crate::domain::id::FeedbackId;
use crate::domain::time::{Millis, Period};
use crate::store::{self, MadeAnew, Rebuild};
use crate::worker::AccountWorker;

/// The scope of a rebuild.
#[derive(Clone, Copy, Debug)]
pub struct RebuildRequest {
    pub from: Millis,
    /// `None` means up to the newest events that X lists.
    pub to: Option<Millis>,
    /// True if feedback without a survey gets one.
    pub makes_surveys: bool,
}

/// The progress of a rebuild.
#[derive(Clone, Debug, PartialEq)]
pub enum RebuildProgress {
    Read { read: Period, to: Millis, events: usize },
    Waits { until: Millis, why: String },
    Made { done: usize, all: i64 },
}

/// The result of a rebuild.
#[derive(Clone, Debug)]
pub struct Rebuilt {
    pub read: Period,
    /// Where the reading resumed if an earlier rebuild had broken off.
    pub gone_on_from: Option<Millis>,
    pub pages: usize,
    pub events: usize,
    /// The number of events whose kind or form surveyd does not know. They are part of `events`.
    pub unread: usize,
    pub made: MadeAnew,
    /// The number of rows in the period that no event mentions.
    pub left_alone: i64,
}

/// The reason why a rebuild was not finished.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    #[error("interrupted: what was read is kept, and the same command goes on from there")]
    Stopped,
    #[error("X tells events up to {} only, so far", .0.rfc3339())]
    TooEarly(Millis),
    /// X is not asked for this account until it is resumed.
    #[error("the account is paused since {}: {why}", since.rfc3339())]
    Paused { since: Millis, why: String },
    /// X refuses the calls or could not be reached for long.
    #[error("{0}; what was read is kept, and the same command goes on from there")]
    Unread(String),
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Holds the sends of an account before its surveys are rebuilt. All accounts are held before the
/// first one is rebuilt. X does not list the prompts of the last hours yet, and these must not be
/// sent again. The hold ends once the daemon has read X's events past it.
pub async fn hold(worker: &AccountWorker, from: Millis) -> store::Result<()> {
    worker.store.hold_for_rebuild(worker.name(), from, worker.now()).await
}

/// Rebuilds one account. A rebuild that breaks off keeps what it has done and resumes there.
pub async fn rebuild(
    worker: &AccountWorker,
    wanted: RebuildRequest,
    tell: &dyn Fn(RebuildProgress),
) -> Result<Rebuilt, RebuildError> {
    let RebuildRequest { from, makes_surveys, .. } = wanted;
    if let Some(paused) = worker.store.paused(worker.name()).await? {
        return Err(RebuildError::Paused { since: paused.paused_at, why: paused.why });
    }
    // Otherwise the daemon does this in its first pass.
    worker.date_hold().await?;
    // X's clock decides up to when X may be asked.
    worker.ask_the_time().await?;
    let latest = worker.x_now_to_ask().minus(worker.limits.events_horizon);
    let to = wanted.to.map_or(latest, |to| to.min(latest));
    if to < from {
        worker.store.give_up_rebuild(worker.name(), from).await?;
        return Err(RebuildError::TooEarly(latest));
    }
    let read = Period { from, to };
    let mut rebuild = worker.store.begin_rebuild(worker.name(), read, makes_surveys).await?;
    let gone_on_from = Some(rebuild.read_to).filter(|at| *at > from);
    let counted = reading::read(worker, &mut rebuild, read, tell).await?;
    let made = make(worker, &rebuild, read, tell).await?;
    let left_alone = worker.store.end_rebuild(&rebuild).await?;
    let reading::PageCounts { pages, events, unread } = counted;
    Ok(Rebuilt { read, gone_on_from, pages, events, unread, made, left_alone })
}

async fn make(
    worker: &AccountWorker,
    rebuild: &Rebuild,
    read: Period,
    tell: &dyn Fn(RebuildProgress),
) -> Result<MadeAnew, RebuildError> {
    let all = worker.store.gathered(rebuild).await?;
    // X may list an event later than it is dated. So rows of the last minutes keep what was learnt
    // elsewhere.
    let read = Period { to: read.to.minus(worker.limits.poll_overlap), ..read };
    let mut after: Option<FeedbackId> = None;
    let mut made = MadeAnew::default();
    while !worker.stop.is_stopping() {
        let next =
            worker.store.make_anew(rebuild, (read, worker.making()), after, worker.now()).await?;
        let Some((last, more)) = next else { return Ok(made) };
        made += more;
        tell(RebuildProgress::Made { done: made.rows(), all });
        after = Some(last);
    }
    Err(RebuildError::Stopped)
}
