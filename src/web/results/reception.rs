//! What requests for results share: the bounds that keep them from starving everything else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::guessing::Failures;
use crate::domain::time::Millis;
use crate::web::source_rate::Rate;

/// Requests for results that read the database at once. It is one less than the connections that
/// read, so that pages never hold all of them.
const READS_MOST: usize = 3;
/// Files that are being downloaded at once. Each is a thread, and some have a few MiB.
const DOWNLOADS_MOST: usize = 8;
/// How long a request waits until it may read.
const READ_WITHIN: Duration = Duration::from_secs(10);
/// Passwords that are verified at once. Each takes some 20 MiB.
const CHECKS_MOST: usize = 2;
/// Failed sign-ins a minute that log and audit log list one by one. Strangers cause them at will.
const FAILURES_A_MINUTE: u32 = 60;
/// Requests a minute under an unknown name that log and audit log list one by one. Each page that a
/// person opens behind the proxy is such a request.
const UNKNOWN_A_MINUTE: u32 = 10;

/// The bounds of one server. A reload keeps them.
pub struct Reception {
    reads: Arc<Semaphore>,
    downloads: Arc<Semaphore>,
    pub checks: Arc<Semaphore>,
    pub failures: Failures,
    /// The sign-ins that failed.
    pub failed: Listed,
    /// The names of no login that a trusted proxy gave.
    pub unknown: Listed,
}

/// Events of one kind, of which so many a minute are listed one by one.
pub struct Listed {
    rate: Rate,
    /// The events that were not listed yet.
    left_out: AtomicU64,
}

impl Listed {
    fn per_minute(limit: u32) -> Self {
        Self { rate: Rate::per_minute(limit), left_out: AtomicU64::new(0) }
    }

    /// Counts an event. Returns how many were left out before this one, or nothing if this one is
    /// left out too.
    pub fn enters(&self, now: Millis) -> Option<u64> {
        if self.rate.take(now).is_err() {
            self.left_out.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(self.left_out.swap(0, Ordering::Relaxed))
    }
}

impl Reception {
    /// Begins with nobody inside and no failure on record.
    pub fn open() -> Self {
        Self {
            reads: Arc::new(Semaphore::new(READS_MOST)),
            downloads: Arc::new(Semaphore::new(DOWNLOADS_MOST)),
            checks: Arc::new(Semaphore::new(CHECKS_MOST)),
            failures: Failures::default(),
            failed: Listed::per_minute(FAILURES_A_MINUTE),
            unknown: Listed::per_minute(UNKNOWN_A_MINUTE),
        }
    }

    /// Waits for the right to read the database. Returns nothing if it takes too long.
    pub async fn reading(&self) -> Option<Arc<OwnedSemaphorePermit>> {
        let permit = timeout(READ_WITHIN, self.reads.clone().acquire_owned()).await;
        permit.ok()?.ok().map(Arc::new)
    }

    /// Takes the right to give out a file. Returns nothing if too many are being given out.
    ///
    /// A file reads the database between its parts only. So a slow reader keeps nobody waiting.
    pub fn download(&self) -> Option<Download> {
        let permit = self.downloads.clone().try_acquire_owned().ok()?;
        Some(Download { reads: self.reads.clone(), _permit: permit })
    }
}

/// The right to give out a file, until it is dropped.
pub struct Download {
    reads: Arc<Semaphore>,
    _permit: OwnedSemaphorePermit,
}

impl Download {
    /// Waits for its turn to read the next part.
    pub async fn reading(&self) -> SemaphorePermit<'_> {
        self.reads.acquire().await.expect("nobody closes this semaphore")
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_few_read_at_once_and_the_next_waits_for_one_of_them() {
        let reception = Reception::open();
        let mut reading = Vec::new();
        for _ in 0..READS_MOST {
            reading.push(reception.reading().await.unwrap());
        }
        let held = reading[0].clone();
        let mut next = std::pin::pin!(reception.reading());
        assert!((&mut next).now_or_never().is_none());
        reading.remove(0);
        assert!((&mut next).now_or_never().is_none(), "the audit entry is still to be written");
        drop(held);
        assert!(next.await.is_some());
    }

    #[tokio::test]
    async fn slow_downloads_keep_no_page_waiting() {
        let reception = Reception::open();
        let downloads: Vec<Download> =
            (0..DOWNLOADS_MOST).map(|_| reception.download().unwrap()).collect();
        assert!(reception.download().is_none());
        // Each has read its first part, and its reader is slow.
        for download in &downloads {
            drop(download.reading().await);
        }
        assert!(reception.reading().now_or_never().flatten().is_some());
        let reading = downloads[0].reading().await;
        drop((downloads[1].reading().await, downloads[2].reading().await, reading));
        drop(downloads);
        assert!(reception.download().is_some());
    }

    #[test]
    fn a_crowd_of_failures_is_thinned_out_and_none_goes_uncounted() {
        let reception = Reception::open();
        let start = Millis(1_790_000_000_000);
        let entered = (0..100).filter(|_| reception.failed.enters(start).is_some()).count();
        assert_eq!(entered, 60);
        let later = start.plus(Duration::from_secs(1));
        assert_eq!(reception.failed.enters(later), Some(40));
        assert_eq!(reception.failed.enters(start.plus(Duration::from_secs(2))), Some(0));
    }
}
