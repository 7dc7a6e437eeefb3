//! Says in words how two periods differ. The page and the text report show the same words.
//!
//! This module owns the wording and what counts as the same. It computes no difference and decides
//! nothing about groups that may not show a score. Its words are plain text without markup.

use std::fmt;

use super::{difference::Difference, intervals::Estimate};
use crate::domain::survey_type::SurveyType;

/// What there is to say about a period and an earlier one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Comparison {
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
pub struct Verdict {
    pub mark: Mark,
    /// "4.0 points lower".
    pub change: String,
    /// Everything after `change`, with the space or the colon before it.
    pub rest: String,
}

/// How a change is marked. Only what is more than chance has a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    Higher,
    Lower,
    Unmarked,
}

impl fmt::Display for Verdict {
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
    comparison: &Comparison,
    before: &str,
    is_immature: bool,
) -> Verdict {
    match comparison {
        Comparison::Scores { before: score, answers_before, difference } => {
            let earlier = format!(
                "in {before} ({}, {})",
                score_in_words(kind, score),
                answers(*answers_before)
            );
            let more_may_come = if is_immature { " Answers may still come in." } else { "" };
            let (change, link) = change_in_words(difference);
            Verdict {
                mark: mark(difference, difference.leaves_out_zero()),
                change: if is_immature { format!("So far {change}") } else { capitalised(&change) },
                rest: format!("{link} {earlier}. {}{more_may_come}", range_in_words(difference)),
            }
        }
        Comparison::NothingBefore(NoScore::NobodyAnswered) => {
            nothing("Nothing to compare with", &format!("nobody answered in {before}."))
        }
        Comparison::NothingBefore(NoScore::TooFew { floor }) => {
            nothing("Nothing to compare with", &format!("fewer than {floor} answers in {before}."))
        }
        Comparison::NothingBefore(NoScore::Withheld) => {
            nothing("Nothing to compare with", &format!("the score is withheld in {before}."))
        }
        Comparison::NothingNow(why) => {
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
pub fn row(difference: &Difference, is_more_than_chance: bool) -> Verdict {
    let points = end(difference.points, is_more_than_chance);
    let chance = if is_more_than_chance { "more than chance" } else { "may be chance" };
    let (low, high) = ends(difference);
    Verdict {
        mark: mark(difference, is_more_than_chance),
        change: format!("{points}, {chance}"),
        rest: format!(" ({low} to {high})"),
    }
}

/// Writes points with one decimal and the sign that is as wide as a digit. There is no −0.0.
pub fn points(value: f64) -> String {
    format!("{:.1}", rounded(value)).replace('-', "−")
}

fn nothing(what: &str, why: &str) -> Verdict {
    Verdict { mark: Mark::Unmarked, change: what.to_owned(), rest: format!(": {why}") }
}

fn mark(difference: &Difference, is_more_than_chance: bool) -> Mark {
    match is_more_than_chance {
        true if difference.points > 0.0 => Mark::Higher,
        true if difference.points < 0.0 => Mark::Lower,
        _ => Mark::Unmarked,
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BEFORE: &str = "the 28 days before";

    fn difference(points: f64, low: f64, high: f64) -> Difference {
        Difference { points, low, high, p: 0.5 }
    }

    fn scores(before: f64, answers_before: u64, difference: Difference) -> Comparison {
        let before = Estimate { value: before, low: before - 2.5, high: before + 2.5 };
        Comparison::Scores { before, answers_before, difference }
    }

    fn csat(points: f64, low: f64, high: f64) -> Verdict {
        let comparison = scores(82.3, 941, difference(points, low, high));
        headline(SurveyType::Csat, &comparison, BEFORE, false)
    }

    #[test]
    fn a_fall_beyond_chance_says_by_how_much_and_since_when() {
        let found = csat(-3.98, -7.61, -0.34);
        assert_eq!(
            found.to_string(),
            "4.0 points lower than in the 28 days before (82.3 %, 941 answers). More than chance: \
             the difference lies between −7.6 and −0.3."
        );
        assert_eq!((found.mark, found.change.as_str()), (Mark::Lower, "4.0 points lower"));
    }

    #[test]
    fn a_rise_that_may_be_chance_is_not_marked() {
        let found = csat(1.7, -6.1, 9.7);
        assert_eq!(
            found.to_string(),
            "1.7 points higher than in the 28 days before (82.3 %, 941 answers). May be chance: \
             the difference lies between −6.1 and +9.7."
        );
        assert_eq!(found.mark, Mark::Unmarked);
        assert_eq!(csat(8.0, 1.0, 14.0).mark, Mark::Higher);
    }

    #[test]
    fn nps_has_no_per_cent_sign_and_knows_scores_below_zero() {
        let comparison = scores(-12.04, 1, difference(12.0, -8.73, 32.04));
        assert_eq!(
            headline(SurveyType::Nps, &comparison, "the same days a year before", false)
                .to_string(),
            "12.0 points higher than in the same days a year before (−12.0, 1 answer). May be \
             chance: the difference lies between −8.7 and +32.0."
        );
    }

    #[test]
    fn what_looks_the_same_with_one_decimal_is_the_same() {
        for points in [0.0, -0.0, 0.04, -0.04] {
            let found = csat(points, -3.6, 3.6);
            assert_eq!(
                found.to_string(),
                "The same as in the 28 days before (82.3 %, 941 answers). The difference lies \
                 between −3.6 and +3.6."
            );
            assert_eq!((found.mark, found.change.as_str()), (Mark::Unmarked, "The same"));
        }
    }

    #[test]
    fn a_small_change_that_is_more_than_chance_is_not_called_the_same() {
        let found = csat(0.04, 0.02, 0.06);
        assert_eq!(
            found.to_string(),
            "Less than 0.1 points higher than in the 28 days before (82.3 %, 941 answers). More \
             than chance: the difference lies between just over 0 and +0.1."
        );
        assert_eq!(found.mark, Mark::Higher);
    }

    #[test]
    fn an_end_near_zero_is_written_as_zero_only_if_it_may_be_chance() {
        assert!(csat(-4.0, -8.0, -0.04).to_string().ends_with("between −8.0 and just under 0."));
        assert!(csat(-4.0, -8.0, 0.04).to_string().ends_with("between −8.0 and 0.0."));
        assert!(csat(4.0, -0.04, 8.0).to_string().ends_with("between 0.0 and +8.0."));
    }

    #[test]
    fn an_immature_period_is_compared_with_a_warning() {
        let of = |difference| {
            let comparison = scores(82.3, 941, difference);
            headline(SurveyType::Csat, &comparison, BEFORE, true).to_string()
        };
        assert_eq!(
            of(difference(-4.0, -7.6, -0.3)),
            "So far 4.0 points lower than in the 28 days before (82.3 %, 941 answers). More than \
             chance: the difference lies between −7.6 and −0.3. Answers may still come in."
        );
        assert_eq!(
            of(difference(0.0, -3.6, 3.6)),
            "So far the same as in the 28 days before (82.3 %, 941 answers). The difference lies \
             between −3.6 and +3.6. Answers may still come in."
        );
    }

    #[test]
    fn a_score_without_an_earlier_one_says_why_nothing_is_compared() {
        for (why, wanted) in [
            (
                NoScore::NobodyAnswered,
                "Nothing to compare with: nobody answered in the 28 days before.",
            ),
            (
                NoScore::TooFew { floor: 5 },
                "Nothing to compare with: fewer than 5 answers in the 28 days before.",
            ),
            (
                NoScore::Withheld,
                "Nothing to compare with: the score is withheld in the 28 days before.",
            ),
        ] {
            for is_immature in [false, true] {
                let comparison = Comparison::NothingBefore(why);
                let found = headline(SurveyType::Csat, &comparison, BEFORE, is_immature);
                assert_eq!(found.to_string(), wanted);
                assert_eq!(found.mark, Mark::Unmarked);
            }
        }
    }

    #[test]
    fn a_period_without_a_score_says_why_nothing_is_compared() {
        for (why, is_immature, wanted) in [
            (NoScore::NobodyAnswered, false, "Nothing to compare: nobody answered."),
            (NoScore::NobodyAnswered, true, "Nothing to compare: nobody answered so far."),
            (NoScore::TooFew { floor: 5 }, false, "Nothing to compare: fewer than 5 answers."),
            (
                NoScore::TooFew { floor: 5 },
                true,
                "Nothing to compare: fewer than 5 answers so far.",
            ),
            (NoScore::Withheld, false, "Nothing to compare: the score is withheld."),
            (NoScore::Withheld, true, "Nothing to compare: the score is withheld."),
        ] {
            let comparison = Comparison::NothingNow(why);
            let found = headline(SurveyType::Csat, &comparison, BEFORE, is_immature);
            assert_eq!(found.to_string(), wanted);
        }
    }

    #[test]
    fn a_row_says_its_change_in_short_and_chance_as_it_is_told() {
        for (of, is_more_than_chance, mark, wanted) in [
            ((-4.0, -7.6, -0.3), true, Mark::Lower, "−4.0, more than chance (−7.6 to −0.3)"),
            ((-4.0, -7.6, -0.3), false, Mark::Unmarked, "−4.0, may be chance (−7.6 to −0.3)"),
            ((1.7, -6.1, 9.7), false, Mark::Unmarked, "+1.7, may be chance (−6.1 to +9.7)"),
            (
                (8.0, 0.04, 16.0),
                true,
                Mark::Higher,
                "+8.0, more than chance (just over 0 to +16.0)",
            ),
            ((-0.04, -3.6, 3.6), false, Mark::Unmarked, "0.0, may be chance (−3.6 to +3.6)"),
            (
                (-0.04, -0.06, -0.02),
                true,
                Mark::Lower,
                "just under 0, more than chance (−0.1 to just under 0)",
            ),
        ] {
            let (points, low, high) = of;
            let found = row(&difference(points, low, high), is_more_than_chance);
            assert_eq!(found.to_string(), wanted);
            assert_eq!(found.mark, mark);
        }
    }

    proptest! {
        #[test]
        fn no_words_have_a_hyphen_for_a_minus_or_a_zero_with_a_sign(
            value in -200.0..200.0f64, low in -1.0..1.0f64, width in 0.0..1.0f64,
        ) {
            for scale in [1.0, 0.001] {
                let difference = difference(value * scale, low, low + width);
                let comparison = scores(value.abs() / 2.0, 9, difference);
                for words in [
                    headline(SurveyType::Nps, &comparison, BEFORE, false).to_string(),
                    row(&difference, true).to_string(),
                    row(&difference, false).to_string(),
                ] {
                    prop_assert!(!words.contains('-'), "{}", words);
                    prop_assert!(!words.contains("−0.0") && !words.contains("+0.0"), "{}", words);
                }
            }
        }
    }
}
