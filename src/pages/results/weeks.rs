//! The course by week, as a drawing and as a table.

use serde::Serialize;

use super::{ResultsPage, Week, why_hidden};
use crate::domain::days::Days;
use crate::pages::charts::{Trend, TrendSize, TrendWeek, trend};
use crate::pages::{links, words};

#[derive(Serialize)]
pub struct WeeklyCourse {
    /// The drawing in two sizes. Empty if there is too little to draw.
    drawings: Vec<Trend>,
    weeks: Vec<WeekRow>,
    /// How many weeks there are.
    count: usize,
}

/// A row of the table under the drawing.
#[derive(Serialize)]
struct WeekRow {
    label: String,
    href: String,
    answers: String,
    score: String,
    interval: String,
    note: &'static str,
}

pub fn course(page: &ResultsPage<'_>) -> WeeklyCourse {
    let weeks: Vec<TrendWeek> = page.weeks.iter().map(|week| drawn(page, week)).collect();
    let this_period = page.this_period();
    let shade = (page.view.days, this_period.as_str());
    let drawing = |size| {
        let write = |value: f64| words::on_scale(page.kind, value);
        trend(&weeks, size, page.scale_ends(), write, shade)
    };
    WeeklyCourse {
        drawings: [TrendSize::WIDE, TrendSize::NARROW].into_iter().filter_map(drawing).collect(),
        weeks: page.weeks.iter().rev().map(|week| line(page, week)).collect(),
        count: weeks.len(),
    }
}

/// The last week ends with the view.
fn label(page: &ResultsPage<'_>, week: &Week) -> String {
    let to = week.monday.plus(6).min(page.view.days.to);
    words::short_days(Days { from: week.monday, to })
}

fn href(page: &ResultsPage<'_>, week: &Week) -> String {
    links::page(links::RESULTS, &links::of_week(page.view, week.monday, page.zone))
}

fn line(page: &ResultsPage<'_>, week: &Week) -> WeekRow {
    let min_group = page.compared.report.min_group;
    let score = week.group.as_ref().and_then(|group| group.score);
    let why = week.group.as_ref().and_then(|group| why_hidden(group, min_group));
    let answers = week.group.as_ref().map_or(0, |group| group.answered);
    WeekRow {
        label: label(page, week),
        href: href(page, week),
        answers: words::count(answers),
        score: match score {
            Some(score) => words::score(page.kind, score.value),
            None => why.unwrap_or_else(|| "no answers".to_owned()),
        },
        interval: score.map(|score| words::interval(score.low, score.high)).unwrap_or_default(),
        note: if week.is_open { "still coming in" } else { "" },
    }
}

fn drawn(page: &ResultsPage<'_>, week: &Week) -> TrendWeek {
    let line = line(page, week);
    let open = if week.is_open { ", still coming in" } else { "" };
    let title = match week.group.as_ref().and_then(|group| group.score) {
        Some(_) => {
            let answers = week.group.as_ref().map_or(0, |group| group.answered);
            let answers = words::counted(answers, "answer", "answers");
            format!("{}: {} ({}), {answers}{open}", line.label, line.score, line.interval)
        }
        None => format!("{}: {}{open}", line.label, line.score),
    };
    TrendWeek {
        monday: week.monday,
        score: week.group.as_ref().and_then(|group| group.score),
        is_open: week.is_open,
        title,
        href: line.href,
    }
}
