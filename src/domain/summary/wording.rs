//! Says in words how two periods differ. The page and the text report show the same words.
//!
//! This module owns the wording and what counts as the same. It computes no difference and decides
//! nothing about groups that may not show a score. Its words are plain text without markup.

use std::fmt;

use super::{difference::Difference, scores::Estimate};
use crate::domain::survey_type::SurveyType;

/// What there is to say about a period and an earlier one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ScoreComparison {
    /// Both periods show a score.
    Scores {
        /// The score of the earlier period.
        before: Estimate,
        /// The answers of the earlier period.
        answers_before: u64,
        difference: Difference,
    },
    /// The period shows a score, but the earlier one does not.
    NothingBefore(NoScore),
    /// The period itself shows no score.
    NothingNow(NoScore),
}

/// Why a period shows no score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoScore {
    NobodyAnswered,
    /// There are answers, but fewer than the floor.
    TooFew {
        floor: u32,
    },
    /// There are enough answers, but the score would let fewer be worked out.
    Withheld,
}

/// Words in two parts. What stands first is the part to stress. As a whole ([`fmt::Display`]) the
/// words are a sentence or the cell of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeWords {
    pub highlight: Highlight,
    /// "4.0 points lower".
    pub change: String,
    /// Everything after `change`, with the space or the colon before it.
    pub rest: String,
}

/// How a change is marked. Only what is more than chance has a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Highlight {
    Higher,
    Lower,
    Unmarked,
}

impl fmt::Display for ChangeWords {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.change)?;
        formatter.write_str(&self.rest)
    }
}

/// The sentence about a single score. It is more than chance if the interval leaves out 0.
///
/// `before` names the earlier period as it stands after "in", such as "the 28 days before". If the
/// period is immature, answers may still come in.
pub fn headline(
    kind: SurveyType,
    comparison: &ScoreComparison,
    before: &str,
    is_immature: bool,
) -> ChangeWords {
    match comparison {
        ScoreComparison::Scores { before: score, answers_before, difference } => {
            let earlier = format!(
                "in {before} ({}, {})",
                score_in_words(kind, score),
                answers(*answers_before)
            );
            let more_may_come = if is_immature { " Answers may still come in." } else { "" };
            let (change, link) = change_in_words(difference);
            ChangeWords {
                highlight: highlight(difference, difference.leaves_out_zero()),
                change: if is_immature { format!("So far {change}") } else { capitalised(&change) },
                rest: format!("{link} {earlier}. {}{more_may_come}", range_in_words(difference)),
            }
        }
        ScoreComparison::NothingBefore(NoScore::NobodyAnswered) => {
            nothing("Nothing to compare with", &format!("nobody answered in {before}."))
        }
        ScoreComparison::NothingBefore(NoScore::TooFew { floor }) => {
            nothing("Nothing to compare with", &format!("fewer than {floor} answers in {before}."))
        }
        ScoreComparison::NothingBefore(NoScore::Withheld) => {
            nothing("Nothing to compare with", &format!("the score is withheld in {before}."))
        }
        ScoreComparison::NothingNow(why) => {
            let so_far = if is_immature { " so far" } else { "" };
            let why = match why {
                NoScore::NobodyAnswered => format!("nobody answered{so_far}."),
                NoScore::TooFew { floor } => format!("fewer than {floor} answers{so_far}."),
                NoScore::Withheld => "the score is withheld.".to_owned(),
            };
            nothing("Nothing to compare", &why)
        }
    }
}

/// The cell of a table's row: "−4.0, more than chance (−7.6 to −0.3)".
///
/// `is_more_than_chance` comes from [`super::difference::holm`] over all rows of the table. The
/// interval is that of the row alone. So it may leave out 0 although the row may be chance.
pub fn row(difference: &Difference, is_more_than_chance: bool) -> ChangeWords {
    let points = end(difference.points, is_more_than_chance);
    let chance = if is_more_than_chance { "more than chance" } else { "may be chance" };
    let (low, high) = ends(difference);
    ChangeWords {
        highlight: highlight(difference, is_more_than_chance),
        change: format!("{points}, {chance}"),
        rest: format!(" ({low} to {high})"),
    }
}

/// Writes points with one decimal and the sign that is as wide as a digit. There is no −0.0.
pub fn points(value: f64) -> String {
    format!("{:.1}", rounded(value)).replace('-', "−")
}

fn nothing(what: &str, why: &str) -> ChangeWords {
    ChangeWords {
        highlight: Highlight::Unmarked,
        change: what.to_owned(),
        rest: format!(": {why}"),
    }
}

fn highlight(difference: &Difference, is_more_than_chance: bool) -> Highlight {
    match is_more_than_chance {
        true if difference.points > 0.0 => Highlight::Higher,
        true if difference.points < 0.0 => Highlight::Lower,
        _ => Highlight::Unmarked,
    }
}

/// The change, and the words that lead on to the earlier period.
fn change_in_words(difference: &Difference) -> (String, &'static str) {
    let direction = if difference.points > 0.0 { "higher" } else { "lower" };
    match (is_zero(difference.points), difference.leaves_out_zero()) {
        (true, false) => ("the same".to_owned(), " as"),
        // A million answers can tell two scores apart that look alike with one decimal.
        (true, true) => (format!("less than 0.1 points {direction}"), " than"),
        (false, _) => (format!("{} points {direction}", points(difference.points.abs())), " than"),
    }
}

fn range_in_words(difference: &Difference) -> String {
    let (low, high) = ends(difference);
    let chance = match (is_zero(difference.points), difference.leaves_out_zero()) {
        (_, true) => "More than chance: the",
        (false, false) => "May be chance: the",
        (true, false) => "The",
    };
    format!("{chance} difference lies between {low} and {high}.")
}

/// The ends of the interval.
fn ends(difference: &Difference) -> (String, String) {
    let is_more_than_chance = difference.leaves_out_zero();
    (end(difference.low, is_more_than_chance), end(difference.high, is_more_than_chance))
}

/// What is more than chance is never written as 0.
fn end(value: f64, is_more_than_chance: bool) -> String {
    match is_more_than_chance && is_zero(value) {
        true if value > 0.0 => "just over 0".to_owned(),
        true if value < 0.0 => "just under 0".to_owned(),
        _ => signed(value),
    }
}

fn signed(value: f64) -> String {
    let sign = if rounded(value) > 0.0 { "+" } else { "" };
    format!("{sign}{}", points(value))
}

fn score_in_words(kind: SurveyType, score: &Estimate) -> String {
    match kind {
        SurveyType::Csat => format!("{:.1} %", score.value),
        SurveyType::Nps => points(score.value),
    }
}

fn answers(count: u64) -> String {
    format!("{count} answer{}", if count == 1 { "" } else { "s" })
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn is_zero(value: f64) -> bool {
    rounded(value) == 0.0
}

/// Rounds to one decimal. Adding zero turns −0 into 0.
fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0 + 0.0
}

#[cfg(test)]
mod tests;
