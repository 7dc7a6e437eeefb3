//! Enforces a source's `rate_limit`. The limit is both the number of notices a minute and the
//! largest burst.

use std::sync::Mutex;

use crate::domain::time::Millis;

const MINUTE_MS: f64 = 60_000.0;

/// A token bucket that holds a minute's notices and fills evenly.
#[derive(Debug)]
pub struct Rate {
    per_minute: f64,
    bucket: Mutex<(f64, Millis)>,
}

impl Rate {
    pub fn per_minute(limit: u32) -> Self {
        let limit = f64::from(limit);
        Self { per_minute: limit, bucket: Mutex::new((limit, Millis(0))) }
    }

    /// Takes one token. If there is none, returns the whole seconds until there will be one.
    pub fn take(&self, now: Millis) -> Result<(), u64> {
        let mut bucket = self.bucket.lock().expect("no holder of this lock can panic");
        let (left, at) = *bucket;
        let filled = now.since(at).as_millis() as f64 * self.per_minute / MINUTE_MS;
        let left = (left + filled).min(self.per_minute);
        if left < 1.0 {
            *bucket = (left, now);
            return Err(((1.0 - left) * 60.0 / self.per_minute).ceil() as u64);
        }
        *bucket = (left - 1.0, now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_holds_the_limit_and_fills_evenly() {
        let rate = Rate::per_minute(6);
        let start = Millis(1_000_000);
        for _ in 0..6 {
            assert_eq!(rate.take(start), Ok(()));
        }
        assert_eq!(rate.take(start), Err(10));
        assert_eq!(rate.take(Millis(start.0 + 9_999)), Err(1));
        assert_eq!(rate.take(Millis(start.0 + 10_000)), Ok(()));
    }
}
