//! The gap between two questions after which the second is worth its price.

use super::Bounds;
use super::curve::{Curve, end_of, stretch_of};

/// An answer that has waited for this many minutes is late. Every minute of waiting up to here
/// counts in full. Beyond it, the waiting counts by its logarithm and only little.
const LATE: f64 = 60.0;

/// The weight of the logarithm of a wait beyond the hour, as a share of the hour.
const BEYOND: f64 = 0.02;

/// The gap in minutes after which a question is worth the price.
pub fn gap(curve: &Curve, asked: f64, price: f64, bounds: &Bounds) -> f64 {
    let most = bounds.gap_most(price);
    let mut left = price;
    let mut at = asked;
    let mut stretch = stretch_of(asked);
    while at - asked < most {
        let hazard = curve.hazard(stretch);
        let gain = hazard * (weight(end_of(stretch) - asked) - weight(at - asked));
        if gain >= left {
            at = asked + weighing(weight(at - asked) + left / hazard);
            break;
        }
        left -= gain;
        (at, stretch) = (end_of(stretch), stretch + 1);
    }
    (at - asked).min(most).max(bounds.gap_least())
}

/// The function g of `worth`. It is half the square of the gap up to where an answer is late, and a
/// straight line beyond.
pub fn weight(gap: f64) -> f64 {
    let early = gap.min(LATE);
    early * early / 2.0 + BEYOND * LATE * (gap - early)
}

/// The gap that has this weight.
fn weighing(weight: f64) -> f64 {
    let early = LATE * LATE / 2.0;
    if weight <= early { (2.0 * weight).sqrt() } else { LATE + (weight - early) / (BEYOND * LATE) }
}
