//! The course by week: a line within its interval.

use serde::Serialize;

use super::{Scale, round_values, tenth};
use crate::domain::days::{Day, Days};
use crate::domain::summary::Estimate;
use crate::pages::words;

/// One week of a course.
#[derive(Clone, Debug, PartialEq)]
pub struct TrendWeek {
    pub monday: Day,
    /// `None` if the week shows no score. The line has a gap there.
    pub score: Option<Estimate>,
    /// True if its numbers may still change.
    pub is_open: bool,
    /// All that is known of the week, in words.
    pub title: String,
    pub href: String,
}

/// The size of a drawing in pixels. Its texts keep their size, so a phone has a drawing of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrendSize {
    pub class: &'static str,
    pub width: f64,
    pub height: f64,
    /// Weeks that are too small for a finger are no links. The table has them.
    pub is_linked: bool,
}

impl TrendSize {
    pub const WIDE: Self = Self { class: "wide", width: 660.0, height: 380.0, is_linked: true };
    pub const NARROW: Self =
        Self { class: "narrow", width: 354.0, height: 240.0, is_linked: false };
}

/// Where the plot begins at the left and at the top.
const LEFT: f64 = 44.0;
const TOP: f64 = 8.0;
/// The room for the days below the plot.
const BELOW: f64 = 30.0;
/// The least distance between two days on the axis.
const BETWEEN_DAYS: f64 = 76.0;
/// Half the width of a day on the axis.
const HALF_A_DAY_LABEL: f64 = 22.0;
/// The width of the text in the shaded part.
const SHADE_TEXT: f64 = 88.0;

/// The drawing of a course.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trend {
    pub class: &'static str,
    pub width: f64,
    pub height: f64,
    pub left: f64,
    pub top: f64,
    pub bottom: f64,
    pub label: &'static str,
    pub is_linked: bool,
    pub shade: Option<Shade>,
    pub values: Vec<AxisLabel>,
    pub days: Vec<AxisLabel>,
    /// The corners of each band. A gap in the weeks ends one.
    pub bands: Vec<String>,
    pub lines: Vec<String>,
    /// The intervals of weeks that have no neighbour.
    pub whiskers: Vec<Whisker>,
    pub points: Vec<Point>,
}

/// The part that the view covers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shade {
    pub x: f64,
    pub width: f64,
    pub text_x: f64,
    pub anchor: &'static str,
    pub text: String,
}

/// A text at an axis.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AxisLabel {
    pub at: f64,
    pub text: String,
    pub anchor: &'static str,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Whisker {
    pub x: f64,
    pub low: f64,
    pub high: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    pub x: f64,
    /// `None` if the week shows no score.
    pub y: Option<f64>,
    pub is_open: bool,
    pub title: String,
    pub href: String,
    /// The stretch in which the week answers to a pointer.
    pub from: f64,
    pub width: f64,
}

/// Draws weeks that follow each other. `None` if fewer than two show a score. `ends` are those of
/// the type's scale, and `write` writes one of its values.
pub fn trend(
    weeks: &[TrendWeek],
    size: TrendSize,
    ends: (f64, f64),
    write: impl Fn(f64) -> String,
    shade: (Days, &str),
) -> Option<Trend> {
    let scores = || weeks.iter().filter_map(|week| week.score);
    if scores().count() < 2 {
        return None;
    }
    let low = scores().map(|score| score.low.min(score.value)).fold(f64::MAX, f64::min);
    let high = scores().map(|score| score.high.max(score.value)).fold(f64::MIN, f64::max);
    let values = round_values(low, high, ends);
    let bottom = size.height - BELOW;
    let y = Scale { values: (values[0], values[values.len() - 1]), places: (bottom, TOP) };
    let (first, last) = (weeks.first()?.monday, weeks.last()?.monday.plus(7));
    let x =
        Scale { values: (f64::from(first.0), f64::from(last.0)), places: (LEFT, size.width - 2.0) };
    let runs = runs(weeks);
    let (alone, joined): (Vec<&[TrendWeek]>, Vec<_>) =
        runs.iter().copied().partition(|run| run.len() == 1);
    let whiskers = alone.iter().flat_map(|run| run.iter()).filter_map(|week| {
        let score = week.score?;
        Some(Whisker { x: middle(x, week), low: y.at(score.low), high: y.at(score.high) })
    });
    Some(Trend {
        class: size.class,
        width: size.width,
        height: size.height,
        left: LEFT,
        top: TOP,
        bottom,
        label: "Score by week with its 95 % interval. The table below has the numbers.",
        is_linked: size.is_linked,
        shade: shaded(x, first, last, shade),
        values: values
            .iter()
            .map(|value| AxisLabel { at: y.at(*value), text: write(*value), anchor: "end" })
            .collect(),
        days: days(weeks, x, size),
        bands: joined.iter().map(|run| band(run, x, y)).collect(),
        lines: joined.iter().map(|run| line(run, x, y, |score| score.value)).collect(),
        whiskers: whiskers.collect(),
        points: weeks.iter().map(|week| point(week, x, y)).collect(),
    })
}

/// A week stands at its middle.
fn middle(x: Scale, week: &TrendWeek) -> f64 {
    x.at(f64::from(week.monday.0) + 3.5)
}

/// The weeks with a score that stand without a gap.
fn runs(weeks: &[TrendWeek]) -> Vec<&[TrendWeek]> {
    weeks.split(|week| week.score.is_none()).filter(|run| !run.is_empty()).collect()
}

fn line(run: &[TrendWeek], x: Scale, y: Scale, value: impl Fn(Estimate) -> f64) -> String {
    let corners = run
        .iter()
        .filter_map(|week| Some(format!("{},{}", middle(x, week), y.at(value(week.score?)))));
    corners.collect::<Vec<_>>().join(" ")
}

fn band(run: &[TrendWeek], x: Scale, y: Scale) -> String {
    let back: Vec<TrendWeek> = run.iter().rev().cloned().collect();
    [line(run, x, y, |score| score.high), line(&back, x, y, |score| score.low)].join(" ")
}

fn point(week: &TrendWeek, x: Scale, y: Scale) -> Point {
    let (from, to) = (x.at(f64::from(week.monday.0)), x.at(f64::from(week.monday.0 + 7)));
    Point {
        x: middle(x, week),
        y: week.score.map(|score| y.at(score.value)),
        is_open: week.is_open,
        title: week.title.clone(),
        href: week.href.clone(),
        from,
        width: tenth(to - from),
    }
}

/// The part of the course that the days cover, unless they cover all of it or nothing.
fn shaded(x: Scale, first: Day, last: Day, (days, text): (Days, &str)) -> Option<Shade> {
    let (from, to) = (days.from.max(first), days.to.plus(1).min(last));
    if from >= to || (from == first && to == last) {
        return None;
    }
    let (start, end) = (x.at(f64::from(from.0)), x.at(f64::from(to.0)));
    let fits = end - start >= SHADE_TEXT;
    Some(Shade {
        x: start,
        width: tenth(end - start),
        text_x: if fits { start + 7.0 } else { start - 7.0 },
        anchor: if fits { "start" } else { "end" },
        text: text.to_owned(),
    })
}

/// The Mondays that have room on the axis. The last week has one always.
fn days(weeks: &[TrendWeek], x: Scale, size: TrendSize) -> Vec<AxisLabel> {
    let of_a_week = (size.width - LEFT) / weeks.len() as f64;
    let every = (BETWEEN_DAYS / of_a_week).ceil().max(1.0) as usize;
    let mut marks: Vec<AxisLabel> = weeks
        .iter()
        .rev()
        .step_by(every)
        .map(|week| {
            let at = middle(x, week);
            let is_at_the_end = at + HALF_A_DAY_LABEL > size.width;
            AxisLabel {
                at: if is_at_the_end { size.width } else { at },
                text: words::day(week.monday),
                anchor: if is_at_the_end { "end" } else { "middle" },
            }
        })
        .collect();
    marks.reverse();
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn week(place: i32, value: Option<f64>) -> TrendWeek {
        let score = value.map(|value| Estimate { value, low: value - 5.0, high: value + 5.0 });
        let monday = Day::parse("2026-08-31").unwrap().plus(7 * place);
        TrendWeek { monday, score, is_open: false, title: String::new(), href: String::new() }
    }

    fn drawn(values: &[Option<f64>], shade: (i32, i32)) -> Option<Trend> {
        let weeks: Vec<_> =
            values.iter().enumerate().map(|(place, value)| week(place as i32, *value)).collect();
        let first = weeks[0].monday;
        let days = Days { from: first.plus(shade.0), to: first.plus(shade.1) };
        let write = |value: f64| format!("{value}");
        trend(&weeks, TrendSize::WIDE, (0.0, 100.0), write, (days, "these 28 days"))
    }

    #[test]
    fn a_course_needs_two_weeks_with_a_score() {
        assert_eq!(drawn(&[Some(80.0), None, None], (0, 6)), None);
        assert!(drawn(&[Some(80.0), None, Some(70.0)], (0, 6)).is_some());
    }

    #[test]
    fn a_week_without_a_score_is_a_gap_and_no_zero() {
        let found = drawn(&[Some(80.0), Some(82.0), None, Some(70.0)], (0, 6)).unwrap();
        assert_eq!((found.lines.len(), found.bands.len(), found.whiskers.len()), (1, 1, 1));
        assert_eq!(found.points.len(), 4);
        assert_eq!(found.points[2].y, None);
        assert!(!found.lines[0].contains(&found.points[3].x.to_string()), "{:?}", found.lines);
    }

    #[test]
    fn the_shade_begins_and_ends_with_the_days() {
        let found = drawn(&[Some(80.0); 13], (63, 90)).unwrap();
        let shade = found.shade.unwrap();
        assert_eq!(shade.x, found.points[9].from);
        assert_eq!(tenth(shade.x + shade.width), 658.0);
        assert_eq!((shade.anchor, shade.text_x), ("start", shade.x + 7.0));
        let one_week = drawn(&[Some(80.0); 13], (63, 69)).unwrap().shade.unwrap();
        assert_eq!((one_week.anchor, one_week.text_x), ("end", one_week.x - 7.0));
        assert_eq!(drawn(&[Some(80.0); 13], (0, 90)).unwrap().shade, None, "all of it");
        assert_eq!(drawn(&[Some(80.0); 13], (-90, -1)).unwrap().shade, None, "none of it");
    }

    #[test]
    fn four_weeks_of_thirteen_have_room_for_their_name_on_a_phone() {
        let weeks: Vec<_> = (0..13).map(|place| week(place, Some(80.0))).collect();
        let days = Days { from: weeks[9].monday, to: weeks[12].monday.plus(6) };
        let write = |_| String::new();
        let found = trend(&weeks, TrendSize::NARROW, (0.0, 100.0), write, (days, "x")).unwrap();
        assert_eq!(found.shade.unwrap().anchor, "start");
    }

    #[test]
    fn a_year_of_weeks_has_room_for_its_days() {
        for size in [TrendSize::WIDE, TrendSize::NARROW] {
            let weeks: Vec<_> = (0..60).map(|place| week(place, Some(80.0))).collect();
            let days = Days { from: weeks[0].monday, to: weeks[59].monday };
            let found = trend(&weeks, size, (0.0, 100.0), |_| String::new(), (days, "")).unwrap();
            let apart = found.days.windows(2).map(|pair| pair[1].at - pair[0].at);
            assert!(apart.into_iter().all(|apart| apart >= 50.0), "{:?}", found.days);
            assert_eq!(found.days.last().unwrap().text, "18\u{a0}Oct");
        }
    }
}
