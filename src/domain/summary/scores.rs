//! NPS and CSAT with the 95 % interval around each. It has formulas only and knows nothing of
//! surveys.

/// The 97.5 % point of the normal distribution. 2.5 % lie above the interval and 2.5 % below.
pub(super) const Z: f64 = 1.959964;

/// The confidence of the intervals, in per cent.
pub const CONFIDENCE: u8 = 95;

/// A score and the interval that holds the true value with [`CONFIDENCE`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

/// The Net Promoter Score from −100 to 100. `None` if nobody answered.
///
/// `promoters` gave 9 or 10, `passives` 7 or 8, `detractors` 0 to 6.
///
/// The score is the raw one, but the interval is the adjusted Wald interval (Rocks 2016, *The
/// American Statistician*). Unlike the plain one, it does not shrink to nothing if all agree. The
/// interval is not centred on the raw score. For a single answer, the interval does not even
/// contain the score.
pub fn nps(promoters: u64, passives: u64, detractors: u64) -> Option<Estimate> {
    let n = promoters + passives + detractors;
    if n == 0 {
        return None;
    }
    let value = 100.0 * (promoters as f64 - detractors as f64) / n as f64;
    let (centre, margin) = adjusted_wald(promoters, passives, detractors);
    Some(Estimate {
        value,
        low: (centre - margin).clamp(-100.0, 100.0),
        high: (centre + margin).clamp(-100.0, 100.0),
    })
}

/// The centre and the margin of the adjusted Wald interval in points of NPS. Three answers are
/// added: 3/4 to each end and the rest to the passives.
pub(super) fn adjusted_wald(promoters: u64, passives: u64, detractors: u64) -> (f64, f64) {
    let n = (promoters + passives + detractors) as f64 + 3.0;
    let p = (promoters as f64 + 0.75) / n;
    let d = (detractors as f64 + 0.75) / n;
    // The variance of one answer that counts as +1, 0 or −1.
    let variance = p + d - (p - d).powi(2);
    (100.0 * (p - d), 100.0 * Z * (variance / n).sqrt())
}

/// The share of `content` among `n` answers, in per cent, with Wilson's interval. `None` if nobody
/// answered.
pub fn csat(content: u64, n: u64) -> Option<Estimate> {
    if n == 0 {
        return None;
    }
    let n = n as f64;
    let p = content as f64 / n;
    let z2 = Z * Z;
    let middle = p + z2 / (2.0 * n);
    let spread = Z * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z2 / n;
    Some(Estimate {
        value: 100.0 * p,
        low: (100.0 * (middle - spread) / scale).clamp(0.0, 100.0),
        high: (100.0 * (middle + spread) / scale).clamp(0.0, 100.0),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn assert_near(found: f64, wanted: f64) {
        assert!((found - wanted).abs() < 0.005, "{found} is not {wanted}");
    }

    #[test]
    fn nps_is_the_share_of_promoters_less_that_of_detractors() {
        for ((p, n, d), wanted) in [
            ((50, 33, 17), 33.0),
            ((6, 3, 1), 50.0),
            ((10, 0, 0), 100.0),
            ((0, 0, 3), -100.0),
            ((600, 250, 150), 45.0),
        ] {
            assert_near(nps(p, n, d).unwrap().value, wanted);
        }
    }

    #[test]
    fn the_interval_of_nps_is_the_adjusted_wald_one() {
        for ((p, n, d), centre, margin) in
            [((50, 33, 17), 32.04, 14.48), ((6, 3, 1), 38.46, 38.66), ((10, 0, 0), 76.92, 29.42)]
        {
            let found = adjusted_wald(p, n, d);
            assert_near(found.0, centre);
            assert_near(found.1, margin);
        }
        let found = nps(50, 33, 17).unwrap();
        assert_near(found.low, 32.04 - 14.48);
        assert_near(found.high, 32.04 + 14.48);
    }

    #[test]
    fn the_interval_of_nps_ends_where_the_scale_ends() {
        assert_near(nps(10, 0, 0).unwrap().high, 100.0);
        assert_near(nps(0, 0, 10).unwrap().low, -100.0);
    }

    #[test]
    fn the_interval_of_csat_is_wilsons() {
        for ((content, n), low, high) in [
            ((0, 5), 0.00, 43.45),
            ((5, 5), 56.55, 100.00),
            ((8, 10), 49.02, 94.33),
            ((80, 100), 71.12, 86.66),
            ((171, 200), 79.95, 89.71),
            ((1, 1), 20.65, 100.00),
        ] {
            let found = csat(content, n).unwrap();
            assert_near(found.value, 100.0 * content as f64 / n as f64);
            assert_near(found.low, low);
            assert_near(found.high, high);
        }
    }

    #[test]
    fn nobody_answering_is_no_score() {
        assert_eq!(nps(0, 0, 0), None);
        assert_eq!(csat(0, 0), None);
    }

    proptest! {
        #[test]
        fn nps_and_its_interval_stay_on_the_scale(
            p in 0u64..10_000, n in 0u64..10_000, d in 0u64..10_000,
        ) {
            prop_assume!(p + n + d > 0);
            let found = nps(p, n, d).unwrap();
            prop_assert!((-100.0..=100.0).contains(&found.value));
            prop_assert!((-100.0..=100.0).contains(&found.low));
            prop_assert!((-100.0..=100.0).contains(&found.high));
            prop_assert!(found.low < found.high);
        }

        #[test]
        fn nps_of_two_answers_and_more_lies_in_its_interval(
            p in 0u64..50, n in 0u64..50, d in 0u64..50,
        ) {
            prop_assume!(p + n + d >= 2);
            let found = nps(p, n, d).unwrap();
            prop_assert!(found.low <= found.value && found.value <= found.high);
        }

        #[test]
        fn turning_every_answer_around_turns_nps_around(
            p in 0u64..100, n in 0u64..100, d in 0u64..100,
        ) {
            prop_assume!(p + n + d > 0);
            let one = nps(p, n, d).unwrap();
            let other = nps(d, n, p).unwrap();
            prop_assert!((one.value + other.value).abs() < 1e-9);
            prop_assert!((one.low + other.high).abs() < 1e-9);
        }

        #[test]
        fn csat_lies_in_its_interval_and_both_on_the_scale(
            content in 0u64..10_000, others in 0u64..10_000,
        ) {
            prop_assume!(content + others > 0);
            let found = csat(content, content + others).unwrap();
            prop_assert!(0.0 <= found.low && found.high <= 100.0);
            prop_assert!(found.low <= found.value + 1e-9 && found.value <= found.high + 1e-9);
            prop_assert!(found.low < found.high);
        }
    }
}
