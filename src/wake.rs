//! Tells the loop of an account that something is due sooner than it knows.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use crate::clock::Clock;
use crate::domain::time::Millis;
use crate::stop::Stopper;

/// A wait never lasts longer than this without a look at the clock, which may have been set.
const LOOK_AT_CLOCK: Duration = Duration::from_secs(30);

/// Even with nothing due, look again after this: another process may have filed a close. Where
/// other daemons work on the same database, they may also have ended and left work behind.
const LOOK_ANYWAY: Duration = Duration::from_secs(10 * 60);
const LOOK_ANYWAY_SHARED: Duration = Duration::from_secs(15);

/// The alarm of one loop.
#[derive(Debug)]
pub struct Wake {
    set_for: AtomicI64,
    listening_since: AtomicI64,
    notify: Notify,
    look_anyway: Duration,
}

impl Wake {
    /// `shared`: other daemons may work on the same database.
    pub fn of(shared: bool) -> Self {
        let look_anyway = if shared { LOOK_ANYWAY_SHARED } else { LOOK_ANYWAY };
        Self {
            set_for: AtomicI64::new(i64::MAX),
            listening_since: AtomicI64::new(i64::MIN),
            notify: Notify::new(),
            look_anyway,
        }
    }

    /// Something is due at `at`. Costs next to nothing where the loop will look before then.
    pub fn due(&self, at: Millis) {
        if at.0 < self.set_for.load(Ordering::Acquire) {
            self.now();
        }
    }

    /// Look now.
    pub fn now(&self) {
        self.set_for.store(i64::MIN, Ordering::Release);
        self.notify.notify_one();
    }

    /// Says, before the look at what is due, that anything newly due must wake the loop; what
    /// comes in during the look is not missed.
    pub fn listen(&self, clock: &Clock) {
        self.listening_since.store(clock.now().0, Ordering::Release);
        self.set_for.store(i64::MAX, Ordering::Release);
    }

    /// Waits until `next`, for an alarm, or for the word to stop; no longer where the clock is set
    /// back, or was since `listen`, for what `next` was reckoned from is no longer so.
    pub async fn wait(&self, next: Option<Millis>, clock: &Clock, stop: &Stopper) {
        let latest = clock.now().plus(self.look_anyway);
        let next = next.map_or(latest, |next| next.min(latest));
        // An alarm rung since `listen` has left the lowest value here, and a permit in `notify`.
        let _ =
            self.set_for.compare_exchange(i64::MAX, next.0, Ordering::AcqRel, Ordering::Acquire);
        let mut looked_at = Millis(self.listening_since.load(Ordering::Acquire));
        loop {
            let now = clock.now();
            if now >= next || now < looked_at || stop.is_stopping() {
                return;
            }
            looked_at = now;
            tokio::select! {
                () = self.notify.notified() => return,
                () = stop.stopping() => return,
                () = tokio::time::sleep(next.since(now).min(LOOK_AT_CLOCK)) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::stop::stopper;

    #[tokio::test]
    async fn what_comes_due_during_the_look_is_not_missed() {
        let (_sender, stop) = stopper();
        let wake = Wake::of(false);
        wake.listen(&Clock::System);
        wake.due(Millis(5));
        wake.wait(None, &Clock::System, &stop).await;
    }

    #[tokio::test]
    async fn a_clock_that_is_set_back_during_the_look_has_it_looked_again() {
        let (_sender, stop) = stopper();
        let now = Arc::new(AtomicI64::new(5_000_000));
        let clock = Clock::Manual(now.clone());
        let wake = Wake::of(false);
        wake.listen(&clock);
        let next = clock.now().plus(Duration::from_secs(1));
        now.store(0, Ordering::Relaxed);
        wake.wait(Some(next), &clock, &stop).await;
    }

    #[tokio::test]
    async fn what_is_due_later_does_not_wake() {
        let wake = Wake::of(false);
        let (sender, stop) = stopper();
        let next = Clock::System.now().plus(Duration::from_secs(60));
        wake.listen(&Clock::System);
        let waiting = wake.wait(Some(next), &Clock::System, &stop);
        let other = async {
            tokio::task::yield_now().await;
            wake.due(next.plus(Duration::from_secs(1)));
            assert_eq!(wake.set_for.load(Ordering::Acquire), next.0);
            sender.stop_within(Duration::ZERO);
        };
        tokio::join!(waiting, other);
    }
}
