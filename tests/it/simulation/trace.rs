//! What happened in a run, as a hash of all of it and the last steps in words.

use std::collections::{BTreeMap, VecDeque};

use super::setting::START;
use surveyd::domain::time::Millis;

/// Steps shown of a run that fails; of one that is repeated, all.
const SHOWN: usize = 60;

/// Only what anybody outside could see is traced; never an id that is made from chance.
pub struct Trace {
    seed: u64,
    hash: u64,
    steps: u64,
    last: VecDeque<String>,
    shown: usize,
    pub seen: BTreeMap<String, u64>,
}

impl Trace {
    pub fn of(seed: u64, is_repeated: bool) -> Self {
        let shown = if is_repeated { usize::MAX } else { SHOWN };
        // The offset of FNV-1a.
        let hash = 0xcbf2_9ce4_8422_2325;
        Self { seed, hash, steps: 0, last: VecDeque::new(), shown, seen: BTreeMap::new() }
    }

    /// Adds a step.
    pub fn tell(&mut self, now: Millis, what: &str) {
        let since = now.since(START).as_millis();
        let (hours, rest) = (since / 3_600_000, since % 3_600_000);
        let (day, hour) = (hours / 24, hours % 24);
        let line = format!(
            "day {day} {hour:02}:{:02}:{:06.3} {what}",
            rest / 60_000,
            (rest % 60_000) as f64 / 1_000.0
        );
        for byte in line.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self.steps += 1;
        if self.last.len() == self.shown {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }

    /// Notes that a kind of thing has happened, for the table of what a suite has covered.
    pub fn cover(&mut self, what: impl Into<String>) {
        *self.seen.entry(what.into()).or_default() += 1;
    }

    pub fn hash(&self) -> u64 {
        self.hash
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let seed = self.seed;
            eprintln!("the simulation fails; repeat it with SURVEYD_SIM_SEED={seed}");
            eprintln!("the last {} of its {} steps:", self.last.len(), self.steps);
            for line in &self.last {
                eprintln!("  {line}");
            }
        }
    }
}
