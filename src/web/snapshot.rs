//! What `/metrics` tells of the database, read by one reader for all who ask.
//!
//! Counting takes the longer the more there is, so no request counts: whoever asks for figures that
//! are no longer young has new ones made, waits for them only for a moment, and else takes the last
//! ones, which say how old they are. However many ask, one reading at most is under way, and the
//! database rests many times as long as it took. Nobody asks: nothing is read.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

use super::Web;
use crate::domain::policy::DAY;
use crate::domain::waiting::{Cause, Presence, obstacles};
use crate::store::{AccountFigures, Result, Status};

/// How long figures are young at the least.
const YOUNG: Duration = Duration::from_millis(100);
/// How many times as long as a reading took the database rests after it.
const REST: u32 = 20;
/// How long whoever asks waits for new figures where there are older ones. Nobody waits for a
/// reading that is known to take longer.
const PATIENCE: Duration = Duration::from_millis(5);
/// The same where there are none yet, just after the start.
const PATIENCE_AT_FIRST: Duration = Duration::from_secs(5);
/// A reading that takes longer has met a database that does not answer.
const READING_MAX: Duration = Duration::from_secs(120);

/// The figures of one moment.
#[derive(Debug)]
pub struct Figures {
    pub status: Status,
    pub accounts: BTreeMap<String, AccountFigures>,
    /// Due surveys that wait, by account and what they wait for.
    pub waiting: BTreeMap<(String, Cause), u64>,
    pub made_at: Instant,
}

/// What there is.
#[derive(Clone, Debug, Default)]
struct Latest {
    figures: Option<Arc<Figures>>,
    /// Whether the database took a write then.
    takes_writes: bool,
    /// How long the last reading took.
    took: Duration,
    /// Until when nothing newer is read. Absent: nothing has been read yet, or tried to.
    rests_until: Option<Instant>,
}

#[derive(Debug, Default)]
pub struct Snapshot {
    wanted: Notify,
    latest: watch::Sender<Latest>,
}

impl Snapshot {
    /// The figures, as young as they can be had at once. Nothing: the database has not answered
    /// yet.
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

    /// Whether the database took a write when the last figures were read, or tried to be.
    pub fn takes_writes(&self) -> bool {
        self.latest.borrow().takes_writes
    }

    /// Reads whenever figures are wanted, and once before.
    pub async fn keep(&self, web: &Web) {
        loop {
            let began = Instant::now();
            let takes_writes = timeout(READING_MAX, web.store.ping()).await;
            let read = timeout(READING_MAX, read(web)).await;
            let took = began.elapsed();
            let rest = YOUNG.max(took * REST);
            self.latest.send_modify(|latest| {
                // Where nothing could be read the last figures stay, and grow old for all to see.
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
    Ok(Figures {
        status: web.store.status(now).await?,
        waiting,
        accounts: web.store.account_figures(&accounts, now.minus(DAY), now).await?,
        made_at,
    })
}
