//! One processor for a test that does one thing after the other. Each statement on SQLite goes to a
//! thread and back, and waking a thread on another processor costs more than the statement.

use std::sync::Mutex;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// How many tests keep to each processor.
static TAKEN: Mutex<Vec<usize>> = Mutex::new(Vec::new());

thread_local! {
    static SEAT: Seat = Seat::take();
}

/// The processor of a test, and of all threads it starts from now on; free again when it ends.
struct Seat(usize);

/// Keeps the calling test to the processor with the fewest tests.
pub fn keep_to_one() {
    SEAT.with(|_| ());
}

impl Seat {
    fn take() -> Self {
        let allowed = sched_getaffinity(None).unwrap();
        let mut taken = TAKEN.lock().unwrap();
        taken.resize(CpuSet::MAX_CPU, 0);
        let free = (0..CpuSet::MAX_CPU).filter(|&at| allowed.is_set(at));
        let chosen = free.min_by_key(|&at| taken[at]).unwrap();
        taken[chosen] += 1;
        let mut only = CpuSet::new();
        only.set(chosen);
        sched_setaffinity(None, &only).unwrap();
        Self(chosen)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        TAKEN.lock().unwrap()[self.0] -= 1;
    }
}
