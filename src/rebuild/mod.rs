//! Makes the feedback rows of an account anew from X's events and, where the database was lost, its
//! surveys too: what X has shown, to whom and under which name, is its own best record.
//!
//! It works beside a daemon: every call is counted in the same budgets, every row is changed in one
//! step, and what X's newest events cannot tell yet is left to the daemon. It sends nothing, and
//! pauses no account: whether X refuses one is the daemon's to find out.

mod reading;

use crate::domain::id::FeedbackId;
use crate::domain::summary::Period;
use crate::domain::time::Millis;
use crate::store::{self, MadeAnew, Rebuild};
use crate::worker::AccountWorker;

/// What is wanted of a rebuild.
#[derive(Clone, Copy, Debug)]
pub struct RebuildRequest {
    pub from: Millis,
    /// Absent: as late as X tells events.
    pub to: Option<Millis>,
    /// Whether feedback without a survey gets one.
    pub makes_surveys: bool,
}

/// How far a rebuild has come.
#[derive(Clone, Debug, PartialEq)]
pub enum RebuildProgress {
    Read { read: Period, to: Millis, events: usize },
    Waits { until: Millis, why: String },
    Made { done: usize, all: i64 },
}

/// What a rebuild came to.
#[derive(Clone, Debug)]
pub struct Rebuilt {
    pub read: Period,
    /// Where the events were read on from, if an earlier rebuild had been broken off.
    pub gone_on_from: Option<Millis>,
    pub pages: usize,
    pub events: usize,
    /// Of them, those of kinds or in forms that surveyd does not know.
    pub unread: usize,
    pub made: MadeAnew,
    /// Rows of the period that the events do not tell of.
    pub left_alone: i64,
}

/// Why it was not carried through.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    #[error("interrupted: what was read is kept, and the same command goes on from there")]
    Stopped,
    #[error("X tells events up to {} only, so far", .0.rfc3339())]
    TooEarly(Millis),
    /// Nothing is asked for it until it is resumed.
    #[error("the account is paused since {}: {why}", since.rfc3339())]
    Paused { since: Millis, why: String },
    /// X refuses, or cannot be reached for long.
    #[error("{0}; what was read is kept, and the same command goes on from there")]
    Unread(String),
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Holds the sends of an account whose surveys are to be made, before any account's are: a prompt
/// of the last hours, which X does not tell yet, must not be sent again meanwhile. What is sent by
/// then is known once the daemon has read X's events past it.
pub async fn hold(worker: &AccountWorker, from: Millis) -> store::Result<()> {
    worker.store.hold_for_rebuild(worker.name(), from, worker.now()).await
}

/// Rebuilds one account. What was done when it is broken off stays whole, and is gone on with.
pub async fn rebuild(
    worker: &AccountWorker,
    wanted: RebuildRequest,
    tell: &dyn Fn(RebuildProgress),
) -> Result<Rebuilt, RebuildError> {
    let RebuildRequest { from, makes_surveys, .. } = wanted;
    if let Some(paused) = worker.store.paused(worker.name()).await? {
        return Err(RebuildError::Paused { since: paused.paused_at, why: paused.why });
    }
    // The daemon does it otherwise, at its first pass.
    worker.date_hold().await?;
    // X's clock says how late it may be asked for.
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
    // An event may be listed later than what it tells is dated: of the last minutes, what was told
    // otherwise stands, too.
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
