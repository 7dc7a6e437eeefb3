//! Brings results and totals up to date for somebody who is about to read them.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::due::Marks;
use super::refresh::{Refreshed, TURN};
use crate::domain::days::Zone;
use crate::domain::time::Millis;
use crate::store::{Error, Result, Store};

/// How soon it looks again while another daemon refreshes.
const AGAIN: Duration = Duration::from_millis(20);

impl Store {
    /// Returns how many surveys and days are not counted yet at most.
    pub async fn results_left(&self, zone: &Zone) -> Result<u64> {
        let marks = self.marks_left().await?.map_or(0, Marks::count);
        Ok(marks.saturating_add(self.days_left(zone).await?))
    }

    /// Brings the results and the totals up to what was on record at the call. It takes little
    /// longer than `most`. Returns how many surveys and days are left then at most.
    pub async fn catch_up_results(&self, zone: &Zone, now: Millis, most: Duration) -> Result<u64> {
        let end = Instant::now() + most;
        let asked = self.marks_left().await?;
        // What changes meanwhile is left, or a busy day would never end. SQLite gives the numbers
        // of deleted marks again, so turns are counted, too.
        let mut turns = asked.map_or(0, |asked| asked.count().div_ceil(TURN.unsigned_abs()));
        let is_asked = |marks: &Marks| asked.is_some_and(|asked| marks.first <= asked.last);
        while turns > 0
            && let Some(marks) = self.marks_left().await?.filter(is_asked)
        {
            if Instant::now() >= end {
                return Ok(marks.count().saturating_add(self.days_left(zone).await?));
            }
            turns -= u64::from(is_done(self.refresh_results(zone, now).await).await?);
        }
        loop {
            let left = self.days_left(zone).await?;
            if left == 0 || Instant::now() >= end {
                return Ok(left);
            }
            is_done(self.refresh_days(zone).await).await?;
        }
    }
}

/// True if the turn was taken. Waits a moment if another daemon is at it.
async fn is_done(turn: Result<Refreshed>) -> Result<bool> {
    match turn {
        Ok(_) => Ok(true),
        Err(Error::Busy(_)) => {
            sleep(AGAIN).await;
            Ok(false)
        }
        Err(error) => Err(error),
    }
}
