//! Slows down who guesses passwords, and locks nobody out.
//!
//! Ten failures within a quarter of an hour slow a name and an address down. Each further failure
//! doubles the wait, up to five minutes. A refused attempt counts as no failure, so the wait always
//! ends. A slowed name still lets in whoever comes from an address without a recent failure. So a
//! stranger who guesses cannot keep the person out.
//!
//! Unknown names are counted like known ones, so a wait tells nothing. The counts are in memory.
//! They are this process's own and end with it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use ring::digest::{SHA256, digest};

use crate::domain::time::Millis;
use crate::web::seats::Peer;

/// Failures within [`WINDOW`] that cost no time.
const FREE: u32 = 10;
const WINDOW: Duration = Duration::from_secs(15 * 60);
const WAIT_FIRST: Duration = Duration::from_secs(2);
const WAIT_MOST: Duration = Duration::from_secs(5 * 60);
/// The most names and addresses that are counted. The ones that failed longest ago are forgotten.
const COUNTED_MOST: usize = 10_000;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Guesser {
    /// The SHA-256 of the name. A name from a stranger may be long.
    Name([u8; 32]),
    Address(Peer),
}

impl Guesser {
    fn of(name: &str, address: Peer) -> [Self; 2] {
        let hash = digest(&SHA256, name.as_bytes());
        let hash = hash.as_ref().try_into().expect("SHA-256 has 32 bytes");
        [Self::Name(hash), Self::Address(address)]
    }
}

#[derive(Clone, Copy)]
struct FailedAttempts {
    began_at: Millis,
    last_at: Millis,
    failures: u32,
}

impl FailedAttempts {
    fn is_over(&self, now: Millis) -> bool {
        let from = if self.failures < FREE { self.began_at } else { self.last_at };
        !from.is_recent(now, WINDOW)
    }

    /// Returns the end of the wait. There is none before the tenth failure.
    fn until(&self) -> Option<Millis> {
        let doublings = self.failures.checked_sub(FREE)?;
        let wait = WAIT_FIRST.saturating_mul(2_u32.saturating_pow(doublings));
        Some(self.last_at.plus(wait.min(WAIT_MOST)))
    }
}

/// The failures of the last quarter of an hour.
#[derive(Default)]
pub struct Failures {
    attempts: Mutex<HashMap<Guesser, FailedAttempts>>,
}

impl Failures {
    /// Returns how long this name must wait at this address before its next attempt.
    pub fn wait(&self, name: &str, address: Peer, now: Millis) -> Option<Duration> {
        let attempts = self.attempts();
        let of = |guesser: &Guesser| attempts.get(guesser).filter(|failed| !failed.is_over(now));
        let [by_name, by_address] = Guesser::of(name, address);
        let address = of(&by_address)?;
        let until = of(&by_name).and_then(FailedAttempts::until).max(address.until())?;
        // A wait that is further off was set before the clock was set back.
        until.is_ahead(now, WAIT_MOST).then(|| until.since(now))
    }

    /// Counts a failure.
    pub fn note(&self, name: &str, address: Peer, now: Millis) {
        let mut attempts = self.attempts();
        for guesser in Guesser::of(name, address) {
            let new = FailedAttempts { began_at: now, last_at: now, failures: 0 };
            let failed = attempts.entry(guesser).or_insert(new);
            if failed.is_over(now) {
                *failed = new;
            }
            failed.failures = failed.failures.saturating_add(1);
            failed.last_at = now;
        }
        if attempts.len() > COUNTED_MOST {
            attempts.retain(|_, failed| !failed.is_over(now));
        }
        while attempts.len() > COUNTED_MOST {
            let oldest = attempts.iter().min_by_key(|(_, failed)| failed.last_at);
            let Some(oldest) = oldest.map(|(guesser, _)| *guesser) else { break };
            attempts.remove(&oldest);
        }
    }

    fn attempts(&self) -> MutexGuard<'_, HashMap<Guesser, FailedAttempts>> {
        self.attempts.lock().expect("no holder of this lock can panic")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Millis = Millis(1_790_000_000_000);
    const SECOND: Duration = Duration::from_secs(1);

    fn peer(number: u32) -> Peer {
        Peer::of(std::net::Ipv4Addr::from(number).into())
    }

    /// Fails so often in a row, each time after the wait. Returns the last wait and its end.
    fn failed(failures: &Failures, name: &str, address: Peer, times: u32) -> (Duration, Millis) {
        let (mut now, mut last) = (START, Duration::ZERO);
        for _ in 0..times {
            failures.note(name, address, now);
            last = failures.wait(name, address, now).unwrap_or_default();
            now = now.plus(last);
        }
        (last, now)
    }

    #[test]
    fn the_tenth_failure_slows_down_and_each_further_one_doubles_the_wait() {
        let failures = Failures::default();
        for (times, wait) in [(9, 0), (10, 2), (11, 4), (12, 8), (17, 256), (18, 300), (60, 300)] {
            let failures = Failures::default();
            let (waits, end) = failed(&failures, "mara", peer(1), times);
            assert_eq!(waits, SECOND * wait, "{times} failures");
            assert_eq!(failures.wait("mara", peer(1), end), None, "every wait ends");
        }
        assert_eq!(failures.wait("mara", peer(1), START), None);
    }

    #[test]
    fn a_slowed_name_lets_in_whoever_comes_from_elsewhere() {
        let failures = Failures::default();
        // From ten addresses, one failure each.
        (0..10).for_each(|number| failures.note("mara", peer(number), START));
        assert_eq!(failures.wait("mara", peer(1), START), Some(2 * SECOND), "the name is slowed");
        assert_eq!(failures.wait("mara", peer(99), START), None);
        assert_eq!(failures.wait("lee", peer(1), START), None, "another name at that address");
    }

    #[test]
    fn a_slowed_address_is_slowed_for_every_name() {
        let failures = Failures::default();
        (0..10).for_each(|number| failures.note(&format!("name {number}"), peer(1), START));
        assert_eq!(failures.wait("mara", peer(1), START), Some(2 * SECOND));
        assert_eq!(failures.wait("mara", peer(2), START), None);
    }

    #[test]
    fn a_quarter_of_an_hour_forgives_everything() {
        let failures = Failures::default();
        (0..9).for_each(|_| failures.note("mara", peer(1), START));
        failures.note("mara", peer(1), START.plus(WINDOW));
        assert_eq!(failures.wait("mara", peer(1), START.plus(WINDOW)), None, "nine, then one");
        let (_, now) = failed(&failures, "lee", peer(2), 30);
        let later = now.plus(WINDOW);
        failures.note("lee", peer(2), later);
        assert_eq!(failures.wait("lee", peer(2), later), None);
    }

    #[test]
    fn a_clock_that_is_set_back_makes_nobody_wait() {
        let failures = Failures::default();
        failed(&failures, "mara", peer(1), 30);
        assert_eq!(failures.wait("mara", peer(1), START.minus(24 * WINDOW)), None);
    }

    #[test]
    fn a_crowd_of_guessers_takes_no_more_memory_than_it_may() {
        let failures = Failures::default();
        failed(&failures, "mara", peer(0), 12);
        for number in 1..=6_000_u32 {
            let now = START.plus(SECOND * 60 + Duration::from_millis(number.into()));
            failures.note(&format!("name {number}"), peer(number), now);
        }
        let now = START.plus(SECOND * 70);
        assert_eq!(failures.attempts().len(), COUNTED_MOST);
        assert_eq!(failures.attempts().values().filter(|failed| failed.failures > 9).count(), 0);
        assert_eq!(failures.wait("mara", peer(0), now), None, "the oldest are forgotten");
    }
}
