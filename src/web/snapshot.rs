//! Keeps the figures from the database that `/metrics` shows. One reader reads them for all
//! requests.
//!
//! Counting takes longer the more rows there are, so no request counts. A request that finds the
//! figures too old asks the reader for new ones. It waits for them only for a moment. After that it
//! takes the last figures, which say how old they are. At most one reading is under way however
//! many ask. After each reading the database rests many times as long as the reading took. If
//! nobody asks, nothing is read after the start.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

use super::Web;
use crate::domain::policy::DAY;
use crate::domain::waiting::{Cause, Presence, obstacles};
use crate::store::{AccountFigures, AlertStanding, Result, ScheduleStanding, Status};

/// The shortest rest after a reading.
const YOUNG: Duration = Duration::from_millis(100);
/// How many times longer than the reading the rest after it is.
const REST: u32 = 20;
/// How long a request waits for new figures if there are older ones. It does not wait at all if the
/// last reading took longer than this.
const PATIENCE: Duration = Duration::from_millis(5);
/// How long a request waits for the first figures after the start.
const PATIENCE_AT_FIRST: Duration = Duration::from_secs(5);
/// Figures that are younger say what is going on now.
const RECENT: Duration = Duration::from_secs(10);
/// How long a page waits for such figures.
const PATIENCE_FOR_RECENT: Duration = Duration::from_secs(2);
/// The time limit of a reading. A slower database counts as one that does not answer.
const READING_MAX: Duration = Duration::from_secs(120);

/// The figures of one instant.
#[derive(Debug)]
pub struct Figures {
    pub status: Status,
    pub accounts: BTreeMap<String, AccountFigures>,
    /// The number of waiting due surveys by account and by what they wait for.
    pub waiting: BTreeMap<(String, Cause), u64>,
    /// How alerts do: those of the configuration, and others for which messages wait.
    pub alerts: Vec<AlertStanding>,
    /// How far the schedules of the configuration have got. One that never ran is not among them.
    pub schedules: Vec<ScheduleStanding>,
    pub made_at: Instant,
}

/// The result of the last reading.
#[derive(Clone, Debug, Default)]
struct Latest {
    figures: Option<Arc<Figures>>,
    /// True if the database took a write at that reading.
    takes_writes: bool,
    /// The time that the last reading took.
    took: Duration,
    /// The end of the rest. Absent until the first reading has ended.
    rests_until: Option<Instant>,
}

#[derive(Debug, Default)]
pub struct Snapshot {
    wanted: Notify,
    latest: watch::Sender<Latest>,
}

impl Snapshot {
    /// Returns the newest figures that can be had at once. Returns nothing if the database has
    /// never answered.
    pub async fn get(&self) -> Option<Arc<Figures>> {
        let mut latest = self.latest.subscribe();
        let patience = {
            let latest = latest.borrow_and_update();
            match latest.rests_until {
                None => Some(PATIENCE_AT_FIRST),
                Some(until) if until > Instant::now() => None,
                Some(_) if latest.took > PATIENCE => Some(Duration::ZERO),
                Some(_) => Some(PATIENCE),
            }
        };
        if let Some(patience) = patience {
            self.wanted.notify_one();
            let _ = timeout(patience, latest.changed()).await;
        }
        latest.borrow().figures.clone()
    }

    /// The same for a page, which says "now": it waits for new figures if the last ones are old and
    /// the reader is about to read. Nobody may have asked since the start, so the last ones may be
    /// those of the very start.
    pub async fn recent(&self) -> Option<Arc<Figures>> {
        let mut latest = self.latest.subscribe();
        let is_worth_a_wait = {
            let latest = latest.borrow_and_update();
            let age = latest.figures.as_ref().map(|figures| figures.made_at.elapsed());
            let soon = Instant::now() + PATIENCE_FOR_RECENT;
            let reads_soon = latest.rests_until.is_some_and(|until| until < soon);
            reads_soon && age.is_some_and(|age| age >= RECENT)
        };
        if !is_worth_a_wait {
            return self.get().await;
        }
        self.wanted.notify_one();
        let _ = timeout(PATIENCE_FOR_RECENT, latest.changed()).await;
        latest.borrow().figures.clone()
    }

    /// True if the database took a write at the last reading. That reading itself may have failed.
    pub fn takes_writes(&self) -> bool {
        self.latest.borrow().takes_writes
    }

    /// Reads the figures at the start and then whenever a request wants new ones.
    pub async fn keep(&self, web: &Web) {
        loop {
            let began = Instant::now();
            let takes_writes = timeout(READING_MAX, web.store.ping()).await;
            let read = timeout(READING_MAX, read(web)).await;
            let took = began.elapsed();
            let rest = YOUNG.max(took * REST);
            self.latest.send_modify(|latest| {
                // After a failed reading the last figures stay. Their age shows in the metrics.
                if let Ok(Ok(figures)) = read {
                    latest.figures = Some(Arc::new(figures));
                }
                latest.takes_writes = matches!(takes_writes, Ok(Ok(())));
                latest.took = took;
                latest.rests_until = Some(Instant::now() + rest);
            });
            sleep(rest).await;
            self.wanted.notified().await;
        }
    }
}

async fn read(web: &Web) -> Result<Figures> {
    let (now, made_at) = (web.clock.now(), Instant::now());
    let accounts: Vec<String> = web.live().intake.accounts.keys().cloned().collect();
    let mut waiting = BTreeMap::new();
    for mut facts in web.store.waiting(&web.live().served, now).await? {
        facts.presence = Presence::Works { since: None };
        for found in obstacles(&facts).into_iter().filter(|found| found.surveys > 0) {
            *waiting.entry((facts.account.clone(), found.cause)).or_default() += found.surveys;
        }
    }
    let live = web.live();
    let mut alerts = web.store.alert_standings(now).await?;
    alerts.retain(|standing| standing.waiting > 0 || live.alerts.contains(&standing.alert));
    let mut schedules = web.store.schedule_standings().await?;
    schedules.retain(|standing| live.schedules.contains(&standing.name));
    Ok(Figures {
        alerts,
        schedules,
        status: web.store.status(now).await?,
        waiting,
        accounts: web.store.account_figures(&accounts, now.minus(DAY), now).await?,
        made_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(made_at: Instant) -> Arc<Figures> {
        let (accounts, waiting) = (BTreeMap::new(), BTreeMap::new());
        Arc::new(Figures {
            status: Status::default(),
            accounts,
            waiting,
            alerts: Vec::new(),
            schedules: Vec::new(),
            made_at,
        })
    }

    #[tokio::test]
    async fn a_page_waits_for_new_figures_where_the_last_are_those_of_the_start() {
        let snapshot = Snapshot::default();
        let now = Instant::now();
        let last_are_of = |made_at| {
            snapshot.latest.send_modify(|latest| {
                latest.figures = Some(figures(made_at));
                latest.took = PATIENCE * 2;
                latest.rests_until = Some(now);
            });
        };
        last_are_of(now);
        assert_eq!(snapshot.recent().await.unwrap().made_at, now, "they are young");
        last_are_of(now - RECENT);
        let reads = async {
            snapshot.wanted.notified().await;
            tokio::task::yield_now().await;
            last_are_of(now);
        };
        let (found, ()) = tokio::join!(snapshot.recent(), reads);
        assert_eq!(found.unwrap().made_at, now);
    }
}
