//! Works out where the marks of a chart stand. The templates only write them down.
//!
//! Owns the geometry. All of it is linear. Must not know what a mark means: its words, links and
//! classes come ready.

mod trend;

use serde::Serialize;

pub use trend::{Trend, TrendSize, TrendWeek, trend};

/// Leads from values to places in a drawing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// The values at both ends. They differ.
    pub values: (f64, f64),
    /// The places of both ends.
    pub places: (f64, f64),
}

impl Scale {
    /// The place of a value, to a tenth of a pixel. What lies off the scale stands at its end.
    pub fn at(self, value: f64) -> f64 {
        let ((low, high), (start, end)) = (self.values, self.places);
        let share = ((value - low) / (high - low)).clamp(0.0, 1.0);
        tenth(start + share * (end - start))
    }
}

fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0 + 0.0
}

/// The steps that an axis may have, in points.
const STEPS: [f64; 4] = [5.0, 10.0, 20.0, 50.0];
/// The most steps of an axis.
const STEPS_MAX: f64 = 5.0;

/// Round values around `low` and `high`, evenly apart, within the ends of the type's scale. There
/// are at least two.
pub fn round_values(low: f64, high: f64, ends: (f64, f64)) -> Vec<f64> {
    let around = |step: f64| ((low / step).floor() * step, (high / step).ceil() * step);
    let fits = |step: &f64| {
        let (first, last) = around(*step);
        (last - first) / step <= STEPS_MAX
    };
    let step = STEPS.into_iter().find(fits).unwrap_or(STEPS[STEPS.len() - 1]);
    let (first, last) = around(step);
    let last = if first < last { last } else { first + step };
    let (first, last) = match last > ends.1 {
        true => (first.min(ends.1 - step), ends.1),
        false => (first, last),
    };
    let first = first.max(ends.0);
    let steps = ((last - first) / step).round() as usize;
    (0..=steps).map(|place| first + step * place as f64).collect()
}

/// An interval on a line, with the score in it and that of the period before.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Strip {
    pub width: u32,
    /// All that the drawing says, in words.
    pub label: String,
    pub low: f64,
    pub high: f64,
    pub mid: f64,
    pub before: Option<f64>,
    /// The place of the score of all.
    pub guide: Option<f64>,
    pub has_track: bool,
}

/// The room for a mark's radius at both ends of a strip.
const STRIP_MARGIN: f64 = 6.0;

/// The scale of a strip.
pub fn strip_scale(width: u32, values: (f64, f64)) -> Scale {
    Scale { values, places: (STRIP_MARGIN, f64::from(width) - STRIP_MARGIN) }
}

/// A bar in per cent of the room it has, with a mark where it ended before.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bar {
    pub class: String,
    pub width: f64,
    pub tick: Option<f64>,
}

/// A bar for `value` where `most` fills the room.
pub fn bar(class: impl Into<String>, value: f64, before: Option<f64>, most: f64) -> Bar {
    let share = Scale { values: (0.0, most.max(f64::MIN_POSITIVE)), places: (0.0, 100.0) };
    Bar { class: class.into(), width: share.at(value), tick: before.map(|before| share.at(before)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CSAT: (f64, f64) = (0.0, 100.0);
    const NPS: (f64, f64) = (-100.0, 100.0);

    #[test]
    fn a_scale_is_linear_and_ends_at_its_ends() {
        let scale = Scale { values: (50.0, 100.0), places: (6.0, 294.0) };
        let places = [50.0, 75.0, 100.0, 0.0, 200.0].map(|value| scale.at(value));
        assert_eq!(places, [6.0, 150.0, 294.0, 6.0, 294.0]);
        let down = Scale { values: (60.0, 90.0), places: (270.0, 8.0) };
        assert_eq!([60.0, 75.0, 90.0].map(|value| down.at(value)), [270.0, 139.0, 8.0]);
    }

    #[test]
    fn an_axis_has_few_round_values_around_what_it_shows() {
        for ((low, high, ends), wanted) in [
            ((69.1, 88.2, CSAT), vec![65.0, 70.0, 75.0, 80.0, 85.0, 90.0]),
            ((60.1, 92.0, CSAT), vec![60.0, 70.0, 80.0, 90.0, 100.0]),
            ((3.0, 97.0, CSAT), vec![0.0, 20.0, 40.0, 60.0, 80.0, 100.0]),
            ((-42.0, 31.0, NPS), vec![-60.0, -40.0, -20.0, 0.0, 20.0, 40.0]),
            ((-100.0, 100.0, NPS), vec![-100.0, -50.0, 0.0, 50.0, 100.0]),
            ((80.0, 80.0, CSAT), vec![80.0, 85.0]),
            ((100.0, 100.0, CSAT), vec![95.0, 100.0]),
        ] {
            assert_eq!(round_values(low, high, ends), wanted, "{low} to {high}");
        }
    }

    #[test]
    fn a_bar_keeps_to_its_room() {
        let found = bar("b5", 54.4, Some(62.0), 62.0);
        assert_eq!((found.width, found.tick), (87.7, Some(100.0)));
        assert_eq!(bar("b5", 0.0, None, 0.0).width, 0.0);
    }

    proptest! {
        #[test]
        fn what_an_axis_shows_lies_between_its_ends(
            one in 0.0..=100.0f64, other in 0.0..=100.0f64,
        ) {
            let (low, high) = (one.min(other), one.max(other));
            let values = round_values(low, high, CSAT);
            prop_assert!((2..=6).contains(&values.len()), "{values:?}");
            prop_assert!(values[0] <= low && high <= values[values.len() - 1], "{values:?}");
            prop_assert!(values[0] >= 0.0 && values[values.len() - 1] <= 100.0, "{values:?}");
        }

        #[test]
        fn a_greater_value_never_stands_before_a_smaller(
            one in -100.0..=100.0f64, other in -100.0..=100.0f64,
        ) {
            let scale = strip_scale(168, NPS);
            let (low, high) = (one.min(other), one.max(other));
            prop_assert!(scale.at(low) <= scale.at(high));
            prop_assert!((6.0..=162.0).contains(&scale.at(one)));
        }
    }
}
