//! Counts what this process has done since it started, for `GET /metrics`.
//!
//! One set outlives each configuration, so no reload takes a count back.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::domain::budget::Call;
use crate::domain::named::named;

/// What became of a request for a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PromptOutcome {
    Sent,
    /// X refused it for good.
    Failed,
    /// X refused this person.
    Suppressed,
    /// It did not go out and is tried again.
    Retried,
    Uncertain,
}

named!(PromptOutcome {
    Sent = "sent",
    Failed = "failed",
    Suppressed = "suppressed",
    Retried = "retried",
    Uncertain = "uncertain",
});

/// How often something took no longer than each bound, as Prometheus' histograms count.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    pub bounds: &'static [u32],
    /// By bound. What took longer than all is in `count` alone.
    pub buckets: Vec<u64>,
    pub count: u64,
    pub sum: Duration,
}

/// Seconds from the close to the prompt: the usual `delay` is minutes, a night is hours.
pub const CLOSE_TO_PROMPT: &[u32] =
    &[30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 10_800, 21_600, 43_200, 86_400];
/// Seconds from the answer at X to its row: `feedback/show` tells it in minutes, the events in a
/// day.
pub const ANSWER_TO_ROW: &[u32] =
    &[10, 30, 60, 120, 300, 600, 1_800, 3_600, 10_800, 43_200, 86_400, 172_800];

impl Histogram {
    pub fn new(bounds: &'static [u32]) -> Self {
        Self { bounds, buckets: vec![0; bounds.len()], count: 0, sum: Duration::ZERO }
    }

    fn observe(&mut self, took: Duration) {
        self.count += 1;
        self.sum += took;
        for (bound, bucket) in self.bounds.iter().zip(&mut self.buckets) {
            *bucket += u64::from(took <= Duration::from_secs(u64::from(*bound)));
        }
    }
}

/// All counts at one instant.
#[derive(Clone, Debug, Default)]
pub struct Readings {
    /// Calls to X by the status of the answer. Absent: no answer came.
    pub calls: BTreeMap<(Call, Option<u16>), u64>,
    pub prompts: BTreeMap<(String, PromptOutcome), u64>,
    pub close_to_prompt: BTreeMap<String, Histogram>,
    pub answer_to_row: BTreeMap<String, Histogram>,
}

#[derive(Clone, Debug, Default)]
pub struct Meters(Arc<Mutex<Readings>>);

impl Meters {
    pub fn read(&self) -> Readings {
        self.0.lock().expect("no holder of this lock can panic").clone()
    }

    fn count(&self, what: impl FnOnce(&mut Readings)) {
        what(&mut self.0.lock().expect("no holder of this lock can panic"));
    }

    pub fn call(&self, call: Call, status: Option<u16>) {
        self.count(|readings| *readings.calls.entry((call, status)).or_default() += 1);
    }

    pub fn prompt(&self, account: &str, outcome: PromptOutcome) {
        self.count(|readings| {
            *readings.prompts.entry((account.to_owned(), outcome)).or_default() += 1;
        });
    }

    /// X took a prompt so long after the close.
    pub fn close_to_prompt(&self, account: &str, took: Duration) {
        self.count(|readings| {
            let all = &mut readings.close_to_prompt;
            let new = || Histogram::new(CLOSE_TO_PROMPT);
            all.entry(account.to_owned()).or_insert_with(new).observe(took);
        });
    }

    /// An answer was stored so long after the person gave it.
    pub fn answer_to_row(&self, account: &str, took: Duration) {
        self.count(|readings| {
            let all = &mut readings.answer_to_row;
            let new = || Histogram::new(ANSWER_TO_ROW);
            all.entry(account.to_owned()).or_insert_with(new).observe(took);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_all_that_took_no_longer() {
        let meters = Meters::default();
        for seconds in [1, 30, 31, 90_000] {
            meters.close_to_prompt("acme", Duration::from_secs(seconds));
        }
        let readings = meters.read();
        let histogram = &readings.close_to_prompt["acme"];
        assert_eq!((histogram.buckets[0], histogram.buckets[1]), (2, 3));
        assert_eq!(*histogram.buckets.last().unwrap(), 3, "more than a day");
        assert_eq!((histogram.count, histogram.sum), (4, Duration::from_secs(90_062)));
    }
}
