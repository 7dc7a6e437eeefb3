use proptest::prelude::*;

use super::*;

const BEFORE: &str = "the 28 days before";

fn difference(points: f64, low: f64, high: f64) -> Difference {
    Difference { points, low, high, p: 0.5 }
}

fn scores(before: f64, answers_before: u64, difference: Difference) -> ScoreComparison {
    let before = Estimate { value: before, low: before - 2.5, high: before + 2.5 };
    ScoreComparison::Scores { before, answers_before, difference }
}

fn csat(points: f64, low: f64, high: f64) -> ChangeWords {
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
    assert_eq!((found.highlight, found.change.as_str()), (Highlight::Lower, "4.0 points lower"));
}

#[test]
fn a_rise_that_may_be_chance_is_not_marked() {
    let found = csat(1.7, -6.1, 9.7);
    assert_eq!(
        found.to_string(),
        "1.7 points higher than in the 28 days before (82.3 %, 941 answers). May be chance: \
         the difference lies between −6.1 and +9.7."
    );
    assert_eq!(found.highlight, Highlight::Unmarked);
    assert_eq!(csat(8.0, 1.0, 14.0).highlight, Highlight::Higher);
}

#[test]
fn nps_has_no_per_cent_sign_and_knows_scores_below_zero() {
    let comparison = scores(-12.04, 1, difference(12.0, -8.73, 32.04));
    assert_eq!(
        headline(SurveyType::Nps, &comparison, "the same days a year before", false).to_string(),
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
        assert_eq!((found.highlight, found.change.as_str()), (Highlight::Unmarked, "The same"));
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
    assert_eq!(found.highlight, Highlight::Higher);
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
            let comparison = ScoreComparison::NothingBefore(why);
            let found = headline(SurveyType::Csat, &comparison, BEFORE, is_immature);
            assert_eq!(found.to_string(), wanted);
            assert_eq!(found.highlight, Highlight::Unmarked);
        }
    }
}

#[test]
fn a_period_without_a_score_says_why_nothing_is_compared() {
    for (why, is_immature, wanted) in [
        (NoScore::NobodyAnswered, false, "Nothing to compare: nobody answered."),
        (NoScore::NobodyAnswered, true, "Nothing to compare: nobody answered so far."),
        (NoScore::TooFew { floor: 5 }, false, "Nothing to compare: fewer than 5 answers."),
        (NoScore::TooFew { floor: 5 }, true, "Nothing to compare: fewer than 5 answers so far."),
        (NoScore::Withheld, false, "Nothing to compare: the score is withheld."),
        (NoScore::Withheld, true, "Nothing to compare: the score is withheld."),
    ] {
        let comparison = ScoreComparison::NothingNow(why);
        let found = headline(SurveyType::Csat, &comparison, BEFORE, is_immature);
        assert_eq!(found.to_string(), wanted);
    }
}

#[test]
fn a_row_says_its_change_in_short_and_chance_as_it_is_told() {
    for (of, is_more_than_chance, highlight, wanted) in [
        ((-4.0, -7.6, -0.3), true, Highlight::Lower, "−4.0, more than chance (−7.6 to −0.3)"),
        ((-4.0, -7.6, -0.3), false, Highlight::Unmarked, "−4.0, may be chance (−7.6 to −0.3)"),
        ((1.7, -6.1, 9.7), false, Highlight::Unmarked, "+1.7, may be chance (−6.1 to +9.7)"),
        (
            (8.0, 0.04, 16.0),
            true,
            Highlight::Higher,
            "+8.0, more than chance (just over 0 to +16.0)",
        ),
        ((-0.04, -3.6, 3.6), false, Highlight::Unmarked, "0.0, may be chance (−3.6 to +3.6)"),
        (
            (-0.04, -0.06, -0.02),
            true,
            Highlight::Lower,
            "just under 0, more than chance (−0.1 to just under 0)",
        ),
    ] {
        let (points, low, high) = of;
        let found = row(&difference(points, low, high), is_more_than_chance);
        assert_eq!(found.to_string(), wanted);
        assert_eq!(found.highlight, highlight);
    }
}

#[test]
fn points_of_nothing_have_no_sign() {
    assert_eq!(points(-0.04), "0.0");
    assert_eq!(points(-0.06), "−0.1");
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
