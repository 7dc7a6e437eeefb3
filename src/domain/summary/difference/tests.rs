use proptest::{collection, prelude::*};

use super::*;

fn csat_of(before: (u64, u64), after: (u64, u64)) -> Difference {
    let counts = |(content, answers)| CsatCounts { content, answers };
    csat(counts(before), counts(after)).unwrap()
}

fn nps_counts((promoters, passives, detractors): (u64, u64, u64)) -> NpsCounts {
    NpsCounts { promoters, passives, detractors }
}

fn nps_of(before: (u64, u64, u64), after: (u64, u64, u64)) -> Difference {
    nps(nps_counts(before), nps_counts(after)).unwrap()
}

/// Both are the same with two decimals.
#[track_caller]
fn assert_near(found: f64, wanted: f64) {
    assert!((found - wanted).abs() < 0.005, "{found} is not {wanted}");
}

#[test]
fn the_interval_of_a_csat_difference_is_newcombes() {
    for (before, after, points, low, high) in [
        ((80, 100), (171, 200), 5.50, -3.17, 15.33),
        ((150, 200), (171, 200), 10.50, 2.69, 18.19),
        ((8, 10), (3, 10), -50.00, -73.98, -6.65),
        ((5, 5), (0, 5), -100.00, -100.00, -38.55),
        ((5, 5), (5, 5), 0.00, -43.45, 43.45),
        ((7100, 9800), (6900, 9900), -2.75, -4.02, -1.49),
        ((56, 70), (48, 80), -20.00, -33.39, -5.24),
    ] {
        let found = csat_of(before, after);
        assert_near(found.points, points);
        assert_near(found.low, low);
        assert_near(found.high, high);
        assert_eq!(found.leaves_out_zero(), low > 0.0 || high < 0.0, "{found:?}");
    }
}

#[test]
fn the_p_value_of_a_csat_difference_is_that_of_the_pooled_score_test() {
    for (before, after, wanted) in [
        ((80, 100), (171, 200), 0.2244),
        ((150, 200), (171, 200), 0.0084),
        ((8, 10), (3, 10), 0.0246),
        ((5, 5), (0, 5), 0.0016),
        ((7100, 9800), (6900, 9900), 0.0000),
        ((56, 70), (48, 80), 0.0080),
    ] {
        let found = csat_of(before, after).p;
        assert!((found - wanted).abs() < 0.000_05, "{found} is not {wanted}");
    }
}

#[test]
fn where_everybody_agrees_nothing_has_changed() {
    assert_eq!(csat_of((5, 5), (5, 5)).p, 1.0);
    assert_eq!(csat_of((0, 5), (0, 900)).p, 1.0);
}

#[test]
fn the_interval_of_an_nps_difference_adds_up_both_adjusted_variances() {
    for (before, after, raw, centre, margin, low, high, more_than_chance) in [
        ((50, 33, 17), (60, 25, 15), 12.00, 11.65, 20.39, -8.73, 32.04, false),
        ((500, 330, 170), (600, 250, 150), 12.00, 11.96, 6.52, 5.45, 18.48, true),
        ((6, 3, 1), (10, 0, 0), 50.00, 38.46, 48.58, -10.12, 87.05, false),
        ((10, 0, 0), (10, 0, 0), 0.00, 0.00, 41.61, -41.61, 41.61, false),
        ((120, 60, 40), (70, 55, 75), -38.86, -38.34, 15.46, -53.80, -22.88, true),
        ((3, 1, 1), (1, 1, 3), -80.00, -50.00, 77.47, -127.47, 27.47, false),
        ((450, 300, 250), (480, 300, 220), 6.00, 5.98, 7.03, -1.05, 13.02, false),
    ] {
        let found = nps_of(before, after);
        assert_near(found.points, raw);
        assert_near(found.low, low);
        assert_near(found.high, high);
        assert_near((found.low + found.high) / 2.0, centre);
        assert_near((found.high - found.low) / 2.0, margin);
        assert_eq!(found.leaves_out_zero(), more_than_chance, "{found:?}");
        assert_eq!(found.p <= 0.05, more_than_chance, "{found:?}");
    }
}

#[test]
fn a_few_opposite_answers_lie_beyond_the_interval_of_nps() {
    let found = nps_of((5, 0, 0), (0, 0, 5));
    assert_eq!(found.points, -200.0);
    assert!(found.low > -200.0 && found.high < 0.0, "{found:?}");
}

#[test]
fn the_interval_of_an_nps_difference_ends_where_the_scale_ends() {
    let (all_detractors, ten_promoters) = ((0, 0, 1_000_000), (10, 0, 0));
    assert_eq!(nps_of(all_detractors, ten_promoters).high, 200.0);
    assert_eq!(nps_of(ten_promoters, all_detractors).low, -200.0);
}

#[test]
fn an_interval_that_ends_at_zero_does_not_leave_it_out() {
    let difference = |low, high| Difference { points: 0.0, low, high, p: 0.05 };
    assert!(!difference(0.0, 3.0).leaves_out_zero());
    assert!(!difference(-3.0, -0.0).leaves_out_zero());
    assert!(difference(0.1, 3.0).leaves_out_zero());
    assert!(difference(-3.0, -0.1).leaves_out_zero());
}

#[test]
fn there_is_no_difference_if_a_period_has_no_answer() {
    let (nobody, somebody) =
        (CsatCounts { content: 0, answers: 0 }, CsatCounts { content: 4, answers: 5 });
    for (before, after) in [(nobody, somebody), (somebody, nobody), (nobody, nobody)] {
        assert_eq!(csat(before, after), None);
    }
    let (nobody, somebody) = (nps_counts((0, 0, 0)), nps_counts((1, 2, 3)));
    for (before, after) in [(nobody, somebody), (somebody, nobody), (nobody, nobody)] {
        assert_eq!(nps(before, after), None);
    }
}

#[test]
fn the_tails_of_the_normal_distribution_are_right_to_twelve_decimals() {
    for (z, wanted) in [
        (0.0, 1.0),
        (0.1, 0.920_344_325_445_942),
        (1.0, 0.317_310_507_862_914_1),
        (1.959_963_984_540_054, 0.05),
        (2.575_829_303_548_900_4, 0.01),
        (5.0, 0.000_000_573_303_143_758),
        (8.999, 0.0),
        (9.0, 0.0),
        (1e300, 0.0),
        (f64::INFINITY, 0.0),
    ] {
        for z in [z, -z] {
            assert!((two_sided(z) - wanted).abs() < 1e-12, "{z}: {} {wanted}", two_sided(z));
        }
    }
    assert!(two_sided(f64::NAN).is_nan());
}

#[test]
fn holm_asks_more_of_a_row_the_more_rows_there_are() {
    assert_eq!(holm(&[]), Vec::<bool>::new());
    assert_eq!(holm(&[0.05]), [true]);
    assert_eq!(holm(&[0.051]), [false]);
    // The bounds are 0.05/4, 0.05/3, 0.05/2 and 0.05.
    assert_eq!(holm(&[0.04, 0.0125, 0.0166, 0.024]), [true, true, true, true]);
    // 0.02 misses 0.05/3. So the rows after it are not called, although 0.024 keeps to 0.05/2.
    assert_eq!(holm(&[0.04, 0.0125, 0.02, 0.024]), [false, true, false, false]);
}

#[test]
fn holm_calls_all_of_equal_rows_or_none() {
    assert_eq!(holm(&[0.0166, 0.0166, 0.0166]), [true, true, true]);
    assert_eq!(holm(&[0.0167, 0.0167, 0.0167]), [false, false, false]);
    assert_eq!(holm(&[0.02, 0.0, 0.02, 0.0]), [true, true, true, true]);
}

#[test]
fn holm_does_not_call_a_row_without_a_p_value_but_counts_it() {
    assert_eq!(holm(&[f64::NAN, 0.025]), [false, true]);
    assert_eq!(holm(&[f64::NAN, 0.026]), [false, false]);
    assert_eq!(holm(&[-f64::NAN, 0.025, f64::NAN]), [false, false, false]);
}

/// The counts of a period with at least one answer.
fn csat_counts(most: u64) -> impl Strategy<Value = CsatCounts> {
    (0..=most, 0..=most)
        .prop_filter("somebody answered", |(content, others)| content + others > 0)
        .prop_map(|(content, others)| CsatCounts { content, answers: content + others })
}

fn any_nps_counts(most: u64) -> impl Strategy<Value = NpsCounts> {
    (0..=most, 0..=most, 0..=most)
        .prop_filter("somebody answered", |(p, n, d)| p + n + d > 0)
        .prop_map(nps_counts)
}

/// Small, large, equal and missing p-values.
fn p_values() -> impl Strategy<Value = Vec<f64>> {
    let one = prop_oneof![
        3 => 0.0..0.01f64,
        3 => 0.0..0.06f64,
        2 => 0.0..=1.0f64,
        2 => (0u8..6).prop_map(|step| f64::from(step) / 100.0),
        1 => Just(f64::NAN),
    ];
    collection::vec(one, 0..24)
}

fn assert_mirrored(one: Difference, other: Difference) -> Result<(), TestCaseError> {
    prop_assert!((one.points + other.points).abs() < 1e-9);
    prop_assert!((one.low + other.high).abs() < 1e-9);
    prop_assert!((one.high + other.low).abs() < 1e-9);
    prop_assert!((one.p - other.p).abs() < 1e-9);
    prop_assert_eq!(one.leaves_out_zero(), other.leaves_out_zero());
    Ok(())
}

proptest! {
    #[test]
    fn swapping_the_periods_mirrors_a_csat_difference(
        before in csat_counts(300), after in csat_counts(300),
    ) {
        assert_mirrored(csat(before, after).unwrap(), csat(after, before).unwrap())?;
    }

    #[test]
    fn swapping_the_periods_mirrors_an_nps_difference(
        before in any_nps_counts(300), after in any_nps_counts(300),
    ) {
        assert_mirrored(nps(before, after).unwrap(), nps(after, before).unwrap())?;
    }

    #[test]
    fn turning_every_answer_around_mirrors_a_difference(
        before in any_nps_counts(300), after in any_nps_counts(300), few in csat_counts(300),
        many in csat_counts(30_000),
    ) {
        let around = |of: NpsCounts| nps_counts((of.detractors, of.passives, of.promoters));
        let turned = nps(around(before), around(after)).unwrap();
        assert_mirrored(nps(before, after).unwrap(), turned)?;
        let around =
            |of: CsatCounts| CsatCounts { content: of.answers - of.content, ..of };
        let turned = csat(around(few), around(many)).unwrap();
        assert_mirrored(csat(few, many).unwrap(), turned)?;
    }

    #[test]
    fn a_csat_difference_lies_in_its_interval_and_both_on_the_scale(
        before in csat_counts(1_000_000), after in csat_counts(50),
    ) {
        let found = csat(before, after).unwrap();
        prop_assert!(-100.0 <= found.low && found.high <= 100.0);
        prop_assert!(found.low <= found.points && found.points <= found.high);
        prop_assert!(found.low < found.high);
        prop_assert!((0.0..=1.0).contains(&found.p));
    }

    #[test]
    fn an_nps_difference_and_its_interval_stay_on_the_scale(
        before in any_nps_counts(1_000_000), after in any_nps_counts(5),
    ) {
        let found = nps(before, after).unwrap();
        prop_assert!((-200.0..=200.0).contains(&found.points));
        prop_assert!(-200.0 <= found.low && found.high <= 200.0);
        prop_assert!(found.low < found.high);
        prop_assert!((0.0..=1.0).contains(&found.p));
    }

    #[test]
    fn an_nps_difference_is_more_than_chance_by_both_its_interval_and_its_p_value(
        before in any_nps_counts(300), after in any_nps_counts(300),
    ) {
        let found = nps(before, after).unwrap();
        // So near to the bound, rounding decides.
        prop_assume!((found.p - 0.05).abs() > 1e-6);
        prop_assert_eq!(found.leaves_out_zero(), found.p < 0.05, "{:?}", found);
    }

    #[test]
    fn an_nps_difference_that_is_more_than_chance_has_the_sign_of_its_interval(
        before in any_nps_counts(1_000_000), after in any_nps_counts(30), few in any_nps_counts(4),
    ) {
        for found in [nps(before, after), nps(before, few), nps(after, few)].map(Option::unwrap) {
            let side = (found.low + found.high).signum();
            prop_assert!(!found.leaves_out_zero() || found.points.signum() == side, "{:?}", found);
        }
    }

    #[test]
    fn holm_calls_what_bonferroni_calls_and_no_more_than_a_single_row_would_be(
        p in p_values(),
    ) {
        for (p_value, is_called) in p.iter().zip(holm(&p)) {
            let is_small_among_many = *p_value <= 0.05 / p.len() as f64;
            prop_assert!(!is_called || *p_value <= 0.05);
            prop_assert!(is_called || !is_small_among_many);
        }
    }

    #[test]
    fn holm_calls_no_row_before_a_smaller_or_equal_one(p in p_values()) {
        let called = holm(&p);
        for (one, is_called) in p.iter().zip(&called) {
            for (other, other_is_called) in p.iter().zip(&called) {
                let goes_first = other <= one;
                prop_assert!(!(*is_called && goes_first) || *other_is_called);
            }
        }
    }

    #[test]
    fn holm_does_not_depend_on_the_order_of_the_rows(
        (p, shuffled) in p_values().prop_flat_map(|p| {
            let rows: Vec<usize> = (0..p.len()).collect();
            (Just(p), Just(rows).prop_shuffle())
        }),
    ) {
        let called = holm(&p);
        let moved: Vec<f64> = shuffled.iter().map(|row| p[*row]).collect();
        let wanted: Vec<bool> = shuffled.iter().map(|row| called[*row]).collect();
        prop_assert_eq!(holm(&moved), wanted);
    }
}
