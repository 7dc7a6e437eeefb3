//! Judges whether the change between two periods is more than chance.
//!
//! This module owns the interval of a difference, its p-value and Holm's correction for many rows.
//! It has formulas only. It knows nothing of periods, and it hides nothing: whoever calls it leaves
//! out the groups that may not show a score.

use super::scores::{self, Z};

/// The change from one period to the next, in points. A positive change is a rise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// The later score less the earlier one.
    pub points: f64,
    /// The lower end of the 95 % interval.
    pub low: f64,
    /// The upper end of the 95 % interval.
    pub high: f64,
    /// How often chance alone makes a change at least this large. From 0 to 1, for [`holm`].
    pub p: f64,
}

impl Difference {
    /// True if the interval leaves out 0. A single difference is more than chance then. The rows of
    /// a table are judged together by [`holm`].
    pub fn leaves_out_zero(&self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }
}

/// What CSAT needs to know of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CsatCounts {
    /// The answers of 4 and 5. They are no more than `answers`.
    pub content: u64,
    pub answers: u64,
}

/// What NPS needs to know of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NpsCounts {
    /// The answers of 9 and 10.
    pub promoters: u64,
    /// The answers of 7 and 8.
    pub passives: u64,
    /// The answers of 0 to 6.
    pub detractors: u64,
}

/// The change of CSAT, in points of per cent. `None` if nobody answered in one of the periods.
///
/// The interval is Newcombe's hybrid score interval (Newcombe 1998, *Statistics in Medicine*
/// 17:873, method 10). It is made of the Wilson intervals of the two periods, so it agrees with
/// what the page shows of each. It holds the difference itself and stays between −100 and 100.
pub fn csat(before: CsatCounts, after: CsatCounts) -> Option<Difference> {
    let earlier = scores::csat(before.content, before.answers)?;
    let later = scores::csat(after.content, after.answers)?;
    let points = later.value - earlier.value;
    let down = (later.value - later.low).hypot(earlier.high - earlier.value);
    let up = (later.high - later.value).hypot(earlier.value - earlier.low);
    Some(Difference {
        points,
        low: (points - down).clamp(-100.0, 100.0),
        high: (points + up).clamp(-100.0, 100.0),
        p: pooled_score_test(before, after),
    })
}

/// The change of NPS, in points. `None` if nobody answered in one of the periods.
///
/// `points` is the raw difference, but the interval comes from the adjusted Wald interval of each
/// period (Rocks 2016, *The American Statistician*), whose variances add up. So the interval is not
/// centred on the raw difference. If the two periods have a handful of answers and are opposites,
/// the interval does not even contain it.
pub fn nps(before: NpsCounts, after: NpsCounts) -> Option<Difference> {
    let score = |of: NpsCounts| scores::nps(of.promoters, of.passives, of.detractors);
    let adjusted = |of: NpsCounts| scores::adjusted_wald(of.promoters, of.passives, of.detractors);
    let points = score(after)?.value - score(before)?.value;
    let ((earlier, earlier_margin), (later, later_margin)) = (adjusted(before), adjusted(after));
    let (centre, margin) = (later - earlier, later_margin.hypot(earlier_margin));
    Some(Difference {
        points,
        low: (centre - margin).clamp(-200.0, 200.0),
        high: (centre + margin).clamp(-200.0, 200.0),
        p: two_sided(Z * centre / margin),
    })
}

/// The rows that are more than chance although many are looked at. The chance that any row is
/// called wrongly is 5 % at most, however the rows hang together (Holm 1979, *Scandinavian Journal
/// of Statistics* 6:65).
///
/// `p` has the p-value of each shown row. The answer has the rows' order. A row whose p-value is
/// not a number is not called, but it counts as a row.
pub fn holm(p: &[f64]) -> Vec<bool> {
    let mut called = vec![false; p.len()];
    let mut rows: Vec<usize> = (0..p.len()).filter(|row| !p[*row].is_nan()).collect();
    rows.sort_by(|one, other| p[*one].total_cmp(&p[*other]));
    for (rank, row) in rows.into_iter().enumerate() {
        if p[row] > LEVEL / (p.len() - rank) as f64 {
            break;
        }
        called[row] = true;
    }
    called
}

/// The share of false calls that [`holm`] allows. It fits the 95 % intervals.
const LEVEL: f64 = 0.05;

/// The p-value of the score test of two shares. It assumes one share for both periods.
fn pooled_score_test(before: CsatCounts, after: CsatCounts) -> f64 {
    let (n0, n1) = (before.answers as f64, after.answers as f64);
    let (content0, content1) = (before.content as f64, after.content as f64);
    let pooled = (content0 + content1) / (n0 + n1);
    let variance = pooled * (1.0 - pooled) * (1.0 / n1 + 1.0 / n0);
    if variance == 0.0 {
        // Everybody agrees in both periods. Nothing has changed.
        return 1.0;
    }
    two_sided((content1 / n1 - content0 / n0) / variance.sqrt())
}

/// The share of the standard normal distribution that lies at least as far from 0 as `z`.
///
/// The series is 26.2.11 in Abramowitz and Stegun, *Handbook of Mathematical Functions*. It has
/// only positive terms. The absolute error is under 10⁻¹⁴, against Python's `erfc`. Marsaglia 2004,
/// *Journal of Statistical Software* 11(4), compares it with others.
fn two_sided(z: f64) -> f64 {
    // The share beyond 9 is 2 · 10⁻¹⁹, less than the error.
    if z.abs() >= 9.0 {
        return 0.0;
    }
    let square = z * z;
    let (mut term, mut sum) = (z.abs(), z.abs());
    // Below 9, the sum stands still after 103 terms. The bound ends it if `z` is not a number.
    for odd in (3..1000).step_by(2) {
        term *= square / f64::from(odd);
        let before = sum;
        sum += term;
        if sum == before {
            break;
        }
    }
    let density = (-square / 2.0).exp() / std::f64::consts::TAU.sqrt();
    (1.0 - 2.0 * density * sum).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests;
