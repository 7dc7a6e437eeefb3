//! What became of the lines of files: of one file for its reasons and for
//! `surveyd sources rejected`, of all of them for `/metrics`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::domain::plain_text::cut;
use crate::store::Rejected;

/// Bad lines of one file that its reasons name.
const REASONS_MAX: u64 = 10_000;
/// Bad lines of one file that are kept one by one in the database; the others are one entry.
const KEPT_SINGLY: usize = 10;
/// The longest reason that the database keeps, in characters.
const KEPT_CHARACTERS_MAX: usize = 500;

/// Why a line is not taken.
#[derive(Debug)]
pub struct LineRefusal {
    /// What a posted notice would have been answered.
    pub answer: u16,
    pub why: String,
}

impl LineRefusal {
    /// For what the line says.
    pub fn content(why: String) -> Self {
        Self { answer: 422, why }
    }
}

/// What became of the lines of one file.
#[derive(Default)]
pub struct Tally {
    pub lines: u64,
    pub new: u64,
    pub bad: u64,
    reasons: String,
    answers: BTreeMap<u16, u64>,
    /// The first bad lines, with their numbers and answers.
    first: Vec<(u64, u16, String)>,
    /// The last one behind those.
    last: Option<(u64, u16, String)>,
}

impl Tally {
    /// Counts a line that was taken.
    pub fn take(&mut self, is_new: bool) {
        self.lines += 1;
        self.new += u64::from(is_new);
        *self.answers.entry(if is_new { 202 } else { 200 }).or_default() += 1;
    }

    /// Counts a line that was not.
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

    /// The reasons of all bad lines, where there are any.
    pub fn reasons(&self) -> Option<String> {
        let left_out = self.bad.saturating_sub(REASONS_MAX);
        match (self.bad, left_out) {
            (0, _) => None,
            (_, 0) => Some(self.reasons.clone()),
            (_, more) => Some(format!("{}and {more} more bad lines\n", self.reasons)),
        }
    }

    /// The bad lines as the database keeps them.
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

/// How many lines were taken and refused since the start, by source and by what a posted notice
/// would have been answered. One for all generations.
#[derive(Clone, Debug, Default)]
pub struct Counts(Arc<Mutex<BTreeMap<(String, u16), u64>>>);

impl Counts {
    /// Adds the lines of a file.
    pub fn add(&self, source: &str, tally: &Tally) {
        let mut counts = self.0.lock().expect("no holder of this lock can panic");
        for (answer, count) in &tally.answers {
            *counts.entry((source.to_owned(), *answer)).or_default() += count;
        }
    }

    /// Each source and answer with its lines.
    pub fn get(&self) -> BTreeMap<(String, u16), u64> {
        self.0.lock().expect("no holder of this lock can panic").clone()
    }
}
