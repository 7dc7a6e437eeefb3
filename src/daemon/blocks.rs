//! Says when the ends of weeks are looked for, to close agents' blocks.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::domain::time::Millis;

/// The time between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(10 * 60);

/// The looks at the clock.
///
/// A week counts as over once two looks in a row say so. A clock that is wrong for a moment, as at
/// the start of a machine, thus closes nothing. What is closed stays closed for good. All
/// generations share one, so that a reload does not begin anew.
#[derive(Clone, Default)]
pub struct Looks(Arc<Mutex<LastLook>>);

#[derive(Default)]
struct LastLook {
    /// The last look, by the process's own count of time and by the clock.
    last: Option<(Instant, Millis)>,
    /// By this instant blocks are still to be closed.
    due: Option<Millis>,
}

impl Looks {
    /// Returns the instant up to which blocks are to be closed now, if it is time for that.
    pub fn take(&self, at: Instant, now: Millis) -> Option<Millis> {
        let mut looks = self.lock();
        if looks.last.is_none_or(|(last, _)| at.duration_since(last) >= LOOK_EVERY) {
            let before = looks.last.replace((at, now));
            looks.due = before.map(|(_, before)| before.min(now));
        }
        looks.due.take()
    }

    /// Notes that more is to be done by an instant, before the next look.
    pub fn put_back(&self, due: Millis) {
        self.lock().due = Some(due);
    }

    fn lock(&self) -> MutexGuard<'_, LastLook> {
        self.0.lock().expect("no holder of this lock can panic")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_790_000_000_000);

    #[test]
    fn blocks_are_closed_by_the_earlier_of_two_looks() {
        let (looks, start) = (Looks::default(), Instant::now());
        let look =
            |minutes: u64, now: Millis| looks.take(start + Duration::from_secs(60 * minutes), now);
        let year = Duration::from_secs(365 * 24 * 60 * 60);
        assert_eq!(look(0, NOW.plus(year)), None, "a first look alone closes nothing");
        assert_eq!(look(9, NOW), None);
        assert_eq!(look(10, NOW), Some(NOW));
        assert_eq!(look(11, NOW), None, "once a look");
        assert_eq!(look(20, NOW.plus(year)), Some(NOW), "the clock is ahead for a moment");
        assert_eq!(look(30, NOW.plus(LOOK_EVERY)), Some(NOW.plus(LOOK_EVERY)));
        assert_eq!(look(40, NOW.minus(year)), Some(NOW.minus(year)), "the clock was set back");
    }

    #[test]
    fn a_reload_does_not_begin_the_wait_anew() {
        let (looks, start) = (Looks::default(), Instant::now());
        looks.take(start, NOW);
        let of_next_generation = looks.clone();
        assert_eq!(of_next_generation.take(start + LOOK_EVERY, NOW), Some(NOW));
    }

    #[test]
    fn what_is_left_of_a_look_is_due_at_once() {
        let (looks, start) = (Looks::default(), Instant::now());
        looks.take(start, NOW);
        let later = start + LOOK_EVERY;
        assert_eq!(looks.take(later, NOW), Some(NOW));
        looks.put_back(NOW);
        assert_eq!(looks.take(later, NOW.plus(LOOK_EVERY)), Some(NOW));
        assert_eq!(looks.take(later, NOW.plus(LOOK_EVERY)), None);
    }
}
