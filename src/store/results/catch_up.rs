//! Brings results and totals up to date for somebody who is about to read them.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::due::Marks;
use super::refresh::Refreshed;
use crate::domain::days::Zone;
use crate::store::{Error, Result, Store};

/// How soon it looks again while another daemon refreshes.
const AGAIN: Duration = Duration::from_millis(20);

impl Store {
    /// Brings the results and the totals up to what was on record at the call. It takes little
    /// longer than `most`. Returns how many surveys and days are left then at most.
    pub async fn catch_up_results(&self, zone: &Zone, most: Duration) -> Result<u64> {
        let end = Instant::now() + most;
        let target = self.marks_left().await?.map(|marks| marks.last);
        // What changes meanwhile is left, or a busy day would never end.
        let is_asked = |marks: &Marks| Some(marks.first) <= target;
        while let Some(marks) = self.marks_left().await?.filter(is_asked) {
            if Instant::now() >= end {
                return Ok(marks.count().saturating_add(self.days_left(zone).await?));
            }
            or_wait(self.refresh_results(zone).await).await?;
        }
        loop {
            let left = self.days_left(zone).await?;
            if left == 0 || Instant::now() >= end {
                return Ok(left);
            }
            or_wait(self.refresh_days(zone).await).await?;
        }
    }
}

/// Waits a moment if another daemon is at it.
async fn or_wait(done: Result<Refreshed>) -> Result<()> {
    match done {
        Ok(_) => Ok(()),
        Err(Error::Busy(_)) => {
            sleep(AGAIN).await;
            Ok(())
        }
        Err(error) => Err(error),
    }
}
