//! Counts the outcomes of lines.
//!
//! The tally of one file gives its reasons and the entries of `surveyd sources rejected`. The
//! counts of all files appear in `/metrics`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::domain::plain_text::cut;
use crate::store::Rejected;

/// The most bad lines of one file whose reasons are written beside it.
const REASONS_MAX: u64 = 10_000;
/// The most bad lines of one file that the database keeps one by one. The others become one entry.
const KEPT_SINGLY: usize = 10;
/// The longest reason in characters that the database keeps.
const KEPT_CHARACTERS_MAX: usize = 500;

/// The reason why a line is not taken.
#[derive(Debug)]
pub struct LineRefusal {
    /// The HTTP status that a posted notice would have got.
    pub answer: u16,
    pub why: String,
}

impl LineRefusal {
    /// Refuses a line for its content.
    pub fn content(why: String) -> Self {
        Self { answer: 422, why }
    }
}

/// The outcomes of the lines of one file.
#[derive(Default)]
pub struct Tally {
    pub lines: u64,
    pub new: u64,
    pub bad: u64,
    reasons: String,
    answers: BTreeMap<u16, u64>,
    /// The first bad lines with their numbers and HTTP statuses.
    first: Vec<(u64, u16, String)>,
    /// The last bad line after those in `first`.
    last: Option<(u64, u16, String)>,
}

impl Tally {
    /// Counts a line that was taken.
    pub fn take(&mut self, is_new: bool) {
        self.lines += 1;
        self.new += u64::from(is_new);
        *self.answers.entry(if is_new { 202 } else { 200 }).or_default() += 1;
    }

    /// Counts a line that was refused.
    pub fn refuse(&mut self, number: u64, answer: u16, why: &str) {
        self.lines += 1;
        self.bad += 1;
        *self.answers.entry(answer).or_default() += 1;
        if self.bad <= REASONS_MAX {
            self.reasons.push_str(&format!("line {number}: {why}\n"));
        }
        let entry = (number, answer, cut(why, KEPT_CHARACTERS_MAX).to_owned());
        if self.first.len() < KEPT_SINGLY {
            self.first.push(entry);
        } else {
            self.last = Some(entry);
        }
    }

    /// Returns the reasons of the bad lines. Returns `None` if there are no bad lines.
    pub fn reasons(&self) -> Option<String> {
        let left_out = self.bad.saturating_sub(REASONS_MAX);
        match (self.bad, left_out) {
            (0, _) => None,
            (_, 0) => Some(self.reasons.clone()),
            (_, more) => Some(format!("{}and {more} more bad lines\n", self.reasons)),
        }
    }

    /// Returns the bad lines as the database keeps them.
    pub fn rejected(self, source: &str, file: &str) -> Vec<Rejected> {
        let more = self.bad.saturating_sub(self.first.len() as u64);
        let singly = self.first.into_iter().map(|entry| (entry, 1));
        let entries = singly.chain(self.last.map(|entry| (entry, more)));
        let rejected = entries.map(|((number, answer, reason), count)| Rejected {
            source: source.to_owned(),
            answer,
            reason,
            place: Some(format!("{file}, line {number}")),
            path: None,
            delivery_id: None,
            count,
        });
        rejected.collect()
    }
}

/// The lines since the start by source and the HTTP status that a posted notice would have got. All
/// generations share one.
#[derive(Clone, Debug, Default)]
pub struct LineCounts(Arc<Mutex<BTreeMap<(String, u16), u64>>>);

impl LineCounts {
    /// Adds the lines of a file.
    pub fn add(&self, source: &str, tally: &Tally) {
        let mut counts = self.0.lock().expect("no holder of this lock can panic");
        for (answer, count) in &tally.answers {
            *counts.entry((source.to_owned(), *answer)).or_default() += count;
        }
    }

    /// Returns the number of lines for each source and HTTP status.
    pub fn get(&self) -> BTreeMap<(String, u16), u64> {
        self.0.lock().expect("no holder of this lock can panic").clone()
    }
}
