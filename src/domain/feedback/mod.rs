//! Folds what X returns. Any order, repetition and batching of the updates gives an equal
//! [`Feedback`].
//!
//! The fold joins field by field:
//!
//! - The object is the one with the newest `updated_at`. A part that it lacks comes from the newest
//!   object that has it.
//! - A score or a text stays once it is seen. If two differ, the one that X dated first stands and
//!   the other is kept aside.
//!
//! Each part is a set, or the least or greatest of a total order. Joining is therefore commutative,
//! associative and idempotent.
//!
//! X's answer to a signed call is X's *word*. X's webhook brings only *hints*, because it carries a
//! password and no signature. A hint counts at once and until the word is in. The word refutes a
//! hint if it has another score or text. The word also refutes it if it has none where it should
//! have one. Nothing is expected of events that could not be read in full.

mod rebuilt;
mod object;
mod join;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use self::join::{Statements, Values};
pub use self::object::Older;
use super::id::FeedbackId;
use super::time::{Millis, Period};

/// One state of a feedback object that X reported in any way.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    pub id: FeedbackId,
    pub object: Object,
    pub score: Option<Given<i64>>,
    pub text: Option<Given<String>>,
}

/// The parts of an object that newer updates replace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    pub updated_at: Millis,
    pub created_at: Option<Millis>,
    pub to_user_id: Option<String>,
    pub external_id: Option<String>,
    pub kind: Option<String>,
    pub question_variant_id: Option<i64>,
    pub test: bool,
    pub dm_id: Option<String>,
    /// The object without the response as X sent it. It includes fields unknown to surveyd.
    pub raw: String,
    #[serde(default, skip_serializing_if = "Older::is_empty")]
    pub older: Older,
}

/// A score or a text. X never changes it once the person has submitted it.
///
/// The order of the fields is the order of precedence. The one submitted earlier comes first, then
/// the one reported earlier.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Given<T> {
    /// When the person submitted it.
    pub given_at: Millis,
    /// The `updated_at` of the update that reported it.
    pub told_at: Millis,
    pub value: T,
}

/// How far surveyd trusts an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// X answered a signed call with it.
    Word,
    /// X's webhook brought it. X's events up to `judged_by` (by X's clock) show if it is true.
    Hint { judged_by: Millis },
}

/// All that is known of one feedback object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Feedback {
    pub id: FeedbackId,
    /// All that X's word contains.
    words: Statements,
    /// What the webhook reported and X's word does not contain yet.
    hints: Statements,
    /// Hints that X's word did not confirm.
    refuted: Statements,
    /// When the last hint is judged.
    judged_by: Option<Millis>,
}

impl Feedback {
    /// The feedback that one update alone gives.
    pub fn of(update: Update, trust: Trust) -> Self {
        let nothing = Self::new(update.id.clone());
        let told = Statements::of(update);
        match trust {
            Trust::Word => Self { words: told, ..nothing },
            Trust::Hint { judged_by } => {
                Self { hints: told, judged_by: Some(judged_by), ..nothing }
            }
        }
    }

    /// Feedback of which nothing is known yet.
    fn new(id: FeedbackId) -> Self {
        let [words, hints, refuted] = [(); 3].map(|()| Statements::default());
        Self { id, words, hints, refuted, judged_by: None }
    }

    /// Restores feedback that was stored as plain ([`Feedback::is_plain`]). All of it was X's word.
    pub fn of_words(id: FeedbackId, words: Statements) -> Self {
        Self { words, ..Self::new(id) }
    }

    /// True if it rests on X's word alone and the word does not contradict itself. It is then fully
    /// known from [`Feedback::object`], [`Feedback::score`], [`Feedback::text`] and
    /// [`Feedback::updates`].
    pub fn is_plain(&self) -> bool {
        let is_one = self.words.scores.len() <= 1 && self.words.texts.len() <= 1;
        let is_whole = self.words.object.as_ref().is_none_or(|object| object.older.is_empty());
        is_one && is_whole && self.hints.is_empty() && self.refuted.is_empty()
    }

    /// Joins what another value knows of the object.
    pub fn join(&mut self, other: Feedback) {
        self.words.join(other.words);
        self.words.drop_updates();
        self.hints.join(other.hints);
        self.refuted.join(other.refuted);
        self.judged_by = self.judged_by.max(other.judged_by);
        self.settle();
    }

    /// True if the other is X's word alone and all of it is known. Joining it would then change
    /// nothing.
    pub fn holds(&self, other: &Feedback) -> bool {
        other.hints.is_empty() && other.refuted.is_empty() && self.words.holds(&other.words)
    }

    /// Removes from the hints all that X's word contains. Refutes what the word contradicts.
    fn settle(&mut self) {
        let Self { words, hints, refuted, .. } = self;
        if !words.scores.is_empty() {
            refuted.scores.join(std::mem::take(&mut hints.scores));
        }
        if !words.texts.is_empty() {
            refuted.texts.join(std::mem::take(&mut hints.texts));
        }
        for told in [&mut *refuted, &mut *hints] {
            told.scores.without(&words.scores);
            told.texts.without(&words.texts);
            told.updates.retain(|at| !words.has_update(*at));
            told.object.take_if(|_| words.object.is_some());
        }
        hints.scores.without(&refuted.scores);
        hints.texts.without(&refuted.texts);
        hints.updates.retain(|at| !refuted.updates.contains(at));
    }

    /// Refutes all hints that X's events did not confirm. The caller has read all events that
    /// could. Returns true if this refutes a score, a text or the feedback itself.
    pub fn judge(&mut self) -> bool {
        let hints = std::mem::take(&mut self.hints);
        let is_refuted =
            !hints.scores.is_empty() || !hints.texts.is_empty() || self.words.object.is_none();
        self.refuted.join(hints);
        self.judged_by = None;
        is_refuted
    }

    /// X's word if there is any, else a hint. Prompts are found by this object. A refuted one is
    /// the last resort.
    pub fn object(&self) -> &Object {
        let known = self.words.object.as_ref().or(self.hints.object.as_ref());
        known.or(self.refuted.object.as_ref()).expect("every update has an object")
    }

    /// True if X itself has reported it in answer to a signed call.
    pub fn is_word(&self) -> bool {
        self.words.object.is_some()
    }

    /// True if X's word has not refuted all of it.
    pub fn stands(&self) -> bool {
        self.is_word() || self.hints.object.is_some()
    }

    pub fn score(&self) -> Option<Given<i64>> {
        self.words.scores.first().or_else(|| self.hints.scores.first())
    }

    pub fn text(&self) -> Option<Given<String>> {
        self.words.texts.first().or_else(|| self.hints.texts.first())
    }

    /// The size of its texts in bytes.
    pub fn weight(&self) -> usize {
        [&self.words, &self.hints, &self.refuted].map(Statements::weight).iter().sum()
    }

    /// The distinct `updated_at` seen.
    pub fn updates(&self) -> BTreeSet<Millis> {
        &self.words.updates | &self.hints.updates
    }

    /// The instant up to which events must be read to judge the hints. `None` if there is no hint.
    pub fn judged_by(&self) -> Option<Millis> {
        self.judged_by.filter(|_| !self.hints.is_empty())
    }

    /// The stretch of X's events that shows if the hints are true. It starts at the first update
    /// that they reported. `None` if there is no hint.
    pub fn judged_over(&self) -> Option<Period> {
        let to = self.judged_by()?;
        let Statements { object, scores, texts, updates } = &self.hints;
        let scored = scores.all().into_iter().map(|given| given.told_at);
        let told = texts.all().into_iter().map(|given| given.told_at).chain(scored);
        let told = told.chain(updates.iter().copied());
        let from = told.chain(object.iter().map(|object| object.updated_at)).min()?;
        Some(Period { from: from.min(to), to })
    }

    /// The scores and texts that do not stand. X has contradicted its own word with them, or they
    /// are unconfirmed hints.
    pub fn aside(&self) -> (Vec<Given<i64>>, Vec<Given<String>>) {
        let Self { words, refuted, .. } = self;
        let scores = words.scores.all().into_iter().skip(1).chain(refuted.scores.all());
        let texts = words.texts.all().into_iter().skip(1).chain(refuted.texts.all());
        (scores.collect(), texts.collect())
    }

    /// How many values of immutable parts contradict X's earlier word.
    pub fn contradictions(&self) -> usize {
        self.words.scores.len().saturating_sub(1) + self.words.texts.len().saturating_sub(1)
    }

    /// How many hints X's word did not confirm.
    pub fn refuted(&self) -> usize {
        self.refuted.scores.len() + self.refuted.texts.len()
    }

    pub fn is_answered(&self) -> bool {
        self.answered_at().is_some()
    }

    /// When the person first gave a score or a text.
    pub fn answered_at(&self) -> Option<Millis> {
        let scored_at = self.score().map(|score| score.given_at);
        let commented_at = self.text().map(|text| text.given_at);
        scored_at.into_iter().chain(commented_at).min()
    }

    /// True if nothing more can come: X's word has both parts, and both are immutable.
    pub fn is_complete(&self) -> bool {
        !self.words.scores.is_empty() && !self.words.texts.is_empty()
    }
}

#[cfg(test)]
mod tests;
