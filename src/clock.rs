//! Tells the time of day. Below the outermost layer, `now` is an argument.

mod of_x;

pub use of_x::{Apart, ClockOfX, DateSeen};

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::domain::time::Millis;

/// The system's clock or one that is set by hand.
#[derive(Clone, Debug)]
pub enum Clock {
    System,
    Manual(Arc<AtomicI64>),
}

/// The state of this machine's clock. A process has one.
static EVEN: Mutex<Option<Even>> = Mutex::new(None);

/// A stretch over which the system's clock advanced in step with the monotonic clock.
#[derive(Clone, Copy)]
struct Even {
    since: Millis,
    from: Instant,
}

impl Even {
    /// Clocks in step differ by less than this between two looks.
    const STEP: Duration = Duration::from_secs(2);

    /// Returns since when the clock has run evenly. The arguments are the two clocks' present
    /// readings.
    fn look(&mut self, now: Millis, here: Instant) -> Millis {
        let expected = self.since.plus(here.duration_since(self.from));
        if now.since(expected).max(expected.since(now)) > Self::STEP {
            *self = Self { since: now, from: here };
        }
        self.since
    }
}

impl Clock {
    /// Returns the last instant at which the clock may have been set, as far as this process knows.
    /// That is the first look or later. A suspension of the machine counts as setting the clock.
    /// Nothing is known about a clock that is set by hand.
    pub fn even_since(&self) -> Option<Millis> {
        match self {
            Self::Manual(_) => None,
            Self::System => {
                let (now, from) = (self.now(), Instant::now());
                let mut even = EVEN.lock().expect("no holder of this lock can panic");
                Some(even.get_or_insert(Even { since: now, from }).look(now, from))
            }
        }
    }

    pub fn now(&self) -> Millis {
        match self {
            Self::System => {
                let now = SystemTime::now();
                let millis = match now.duration_since(UNIX_EPOCH) {
                    Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
                    Err(before) => {
                        i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms)
                    }
                };
                Millis(millis)
            }
            Self::Manual(now) => Millis(now.load(Ordering::Relaxed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_has_run_evenly_since_it_was_last_set() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut even = Even { since: Millis(50_000), from: start };
        assert_eq!(even.look(Millis(110_000), after(60)), Millis(50_000));
        assert_eq!(even.look(Millis(111_500), after(60)), Millis(50_000), "slewed");
        assert_eq!(even.look(Millis(170_000), after(90)), Millis(170_000), "set ahead");
        assert_eq!(even.look(Millis(180_000), after(100)), Millis(170_000));
        assert_eq!(even.look(Millis(90_000), after(110)), Millis(90_000), "set back");
        assert_eq!(even.look(Millis(100_000), after(120)), Millis(90_000));
        assert!(Clock::System.even_since() <= Some(Clock::System.now()));
        assert_eq!(Clock::Manual(Arc::default()).even_since(), None);
    }
}
