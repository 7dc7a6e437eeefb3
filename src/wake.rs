//! Wakes an account's loop when something is due sooner than the loop knows.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use crate::clock::Clock;
use crate::domain::time::Millis;
use crate::stop::Stopper;

/// The longest wait without a look at the clock, which may have been set.
const LOOK_AT_CLOCK: Duration = Duration::from_secs(30);

/// The longest wait when nothing is due, because another process may have filed a close. It is
/// shorter on a shared database. Other daemons there may have ended and left work behind.
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
    /// Makes an alarm. `shared` is true if other daemons may work on the same database.
    pub fn of(shared: bool) -> Self {
        let look_anyway = if shared { LOOK_ANYWAY_SHARED } else { LOOK_ANYWAY };
        Self {
            set_for: AtomicI64::new(i64::MAX),
            listening_since: AtomicI64::new(i64::MIN),
            notify: Notify::new(),
            look_anyway,
        }
    }

    /// Announces that something is due at `at`. This costs next to nothing if the loop looks before
    /// then.
    pub fn due(&self, at: Millis) {
        if at.0 < self.set_for.load(Ordering::Acquire) {
            self.now();
        }
    }

    /// Makes the loop look now.
    pub fn now(&self) {
        self.set_for.store(i64::MIN, Ordering::Release);
        self.notify.notify_one();
    }

    /// Prepares for a look at what is due. From now on any new work wakes the loop. So work that
    /// comes in during the look is not missed.
    pub fn listen(&self, clock: &Clock) {
        self.listening_since.store(clock.now().0, Ordering::Release);
        self.set_for.store(i64::MAX, Ordering::Release);
    }

    /// Waits until `next`, an alarm or the stop signal. The wait also ends if the clock has been
    /// set back since `listen`, because `next` is then no longer right.
    pub async fn wait(&self, next: Option<Millis>, clock: &Clock, stop: &Stopper) {
        let latest = clock.now().plus(self.look_anyway);
        let next = next.map_or(latest, |next| next.min(latest));
        // An alarm since `listen` has left the lowest value here and a permit in `notify`.
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
