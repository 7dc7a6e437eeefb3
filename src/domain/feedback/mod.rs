//! What comes back from X, folded: any order, any repetition and any batching of the same updates
//! give the same [`Feedback`].
//!
//! The fold is a field-wise join. The object is the one with the newest `updated_at`, and what it
//! lacks the newest that has it; a score or a text, once seen, stays: of two that differ, the one X
//! dated first, and the other is kept aside. Each part is a set, or the least or greatest of a
//! total order, so joining is commutative, associative and idempotent.
//!
//! What X answers to a signed call of ours is its word. What its webhook brings is a hint, for that
//! bears a password only: it counts at once, and until X's word is in. Where X's word has another
//! score or text, or none when it should, the word stands and the hint is refuted. Where X's events
//! could not be read in full, nothing should.

mod rebuilt;
mod object;
mod statements;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use self::object::Older;
pub use self::statements::{Statements, Values};
use super::event_windows::Range;
use super::id::FeedbackId;
use super::time::Millis;

/// One state of a feedback object as X told it, by whichever way it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    pub id: FeedbackId,
    pub object: Object,
    pub score: Option<Given<i64>>,
    pub text: Option<Given<String>>,
}

/// The parts that X's newest word replaces, as far as it has them.
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
    /// The object as X sent it, fields unknown to surveyd included, without the response.
    pub raw: String,
    #[serde(default, skip_serializing_if = "Older::is_empty")]
    pub older: Older,
}

/// A score or a text: immutable at X once the person submitted it.
///
/// The order of the fields is the order of precedence: the earlier submitted, then the earlier
/// told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Given<T> {
    /// When the person submitted it.
    pub given_at: Millis,
    /// `updated_at` of the update that told it.
    pub told_at: Millis,
    pub value: T,
}

/// How far an update is to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// X's answer to a signed call of ours.
    Word,
    /// By X's webhook. X's events up to then, by its clock, tell whether it is true.
    Hint { judged_by: Millis },
}

/// All that is known of one feedback object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Feedback {
    pub id: FeedbackId,
    /// X's word.
    words: Statements,
    /// What its webhook has told and its word has not yet.
    hints: Statements,
    /// Hints that X's word has not borne out.
    refuted: Statements,
    /// When the last hint is judged.
    judged_by: Option<Millis>,
}

impl Feedback {
    /// What one update alone tells.
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

    /// Nothing is known yet.
    fn new(id: FeedbackId) -> Self {
        let [words, hints, refuted] = [(); 3].map(|()| Statements::default());
        Self { id, words, hints, refuted, judged_by: None }
    }

    /// Read back from what [`Feedback::as_told`] shows of it: all of it was X's word.
    pub fn of_words(id: FeedbackId, words: Statements) -> Self {
        Self { words, ..Self::new(id) }
    }

    /// Whether X's word alone is behind it, and does not contradict itself: it is known from
    /// [`Feedback::object`], [`Feedback::score`], [`Feedback::text`] and [`Feedback::updates`]
    /// then.
    pub fn is_plain(&self) -> bool {
        let is_one = self.words.scores.len() <= 1 && self.words.texts.len() <= 1;
        let is_whole = self.words.object.as_ref().is_none_or(|object| object.older.is_empty());
        is_one && is_whole && self.hints.is_empty() && self.refuted.is_empty()
    }

    /// Joins what another knows of the same object.
    pub fn join(&mut self, other: Feedback) {
        self.words.join(other.words);
        self.words.drop_updates();
        self.hints.join(other.hints);
        self.refuted.join(other.refuted);
        self.judged_by = self.judged_by.max(other.judged_by);
        self.settle();
    }

    /// Whether the other is X's word alone and all of it is known, so that joining it would change
    /// nothing.
    pub fn holds(&self, other: &Feedback) -> bool {
        other.hints.is_empty() && other.refuted.is_empty() && self.words.holds(&other.words)
    }

    /// Takes what is known by X's word out of the hints, and refutes what that contradicts.
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

    /// X's events have told all that they will of the hints: what they have not borne out is
    /// refuted. Whether that is a score, a text or the feedback itself.
    pub fn judge(&mut self) -> bool {
        let hints = std::mem::take(&mut self.hints);
        let is_refuted =
            !hints.scores.is_empty() || !hints.texts.is_empty() || self.words.object.is_none();
        self.refuted.join(hints);
        self.judged_by = None;
        is_refuted
    }

    /// X's word, as soon as there is any: by it a prompt is found. What is refuted is the last
    /// resort.
    pub fn object(&self) -> &Object {
        let known = self.words.object.as_ref().or(self.hints.object.as_ref());
        known.or(self.refuted.object.as_ref()).expect("every update has an object")
    }

    /// Whether X itself has told of it, to a signed call of ours.
    pub fn is_word(&self) -> bool {
        self.words.object.is_some()
    }

    /// Whether there is anything left of it that X's word has not refuted.
    pub fn stands(&self) -> bool {
        self.is_word() || self.hints.object.is_some()
    }

    pub fn score(&self) -> Option<Given<i64>> {
        self.words.scores.first().or_else(|| self.hints.scores.first())
    }

    pub fn text(&self) -> Option<Given<String>> {
        self.words.texts.first().or_else(|| self.hints.texts.first())
    }

    /// How many bytes its texts have.
    pub fn weight(&self) -> usize {
        [&self.words, &self.hints, &self.refuted].map(Statements::weight).iter().sum()
    }

    /// The distinct `updated_at` seen.
    pub fn updates(&self) -> BTreeSet<Millis> {
        &self.words.updates | &self.hints.updates
    }

    /// The events up to then tell whether the hints are true. Absent: there is none.
    pub fn judged_by(&self) -> Option<Millis> {
        self.judged_by.filter(|_| !self.hints.is_empty())
    }

    /// The stretch of X's events that tells whether the hints are true, where there are any: from
    /// the first update that they told of.
    pub fn judged_over(&self) -> Option<Range> {
        let to = self.judged_by()?;
        let Statements { object, scores, texts, updates } = &self.hints;
        let scored = scores.all().into_iter().map(|given| given.told_at);
        let told = texts.all().into_iter().map(|given| given.told_at).chain(scored);
        let told = told.chain(updates.iter().copied());
        let from = told.chain(object.iter().map(|object| object.updated_at)).min()?;
        Some(Range { from: from.min(to), to })
    }

    /// Scores and texts that do not stand: what X has told against its own word, and hints that it
    /// has not borne out.
    pub fn aside(&self) -> (Vec<Given<i64>>, Vec<Given<String>>) {
        let Self { words, refuted, .. } = self;
        let scores = words.scores.all().into_iter().skip(1).chain(refuted.scores.all());
        let texts = words.texts.all().into_iter().skip(1).chain(refuted.texts.all());
        (scores.collect(), texts.collect())
    }

    /// How many values of its immutable parts X has told against its own word.
    pub fn contradictions(&self) -> usize {
        self.words.scores.len().saturating_sub(1) + self.words.texts.len().saturating_sub(1)
    }

    /// How many hints X's word has not borne out.
    pub fn refuted(&self) -> usize {
        self.refuted.scores.len() + self.refuted.texts.len()
    }

    pub fn is_answered(&self) -> bool {
        self.score().is_some() || self.text().is_some()
    }

    /// Whether nothing more can come: X's word has both parts, and both are immutable.
    pub fn is_complete(&self) -> bool {
        !self.words.scores.is_empty() && !self.words.texts.is_empty()
    }
}

#[cfg(test)]
mod tests;
