//! The report as a table for people, a section for each survey type, made for 100 columns: the
//! names are cut to fit.
//!
//! Keys come from outside: control characters and such that turn the direction of writing are
//! replaced, so that no tag can move the cursor of the one who reads it.

mod table;

use std::fmt::Write;

use self::table::{Align, Table, wrap};
use super::period;
use crate::domain::plain_text::printable;
use crate::domain::{
    summary::{By, Estimate, Group, Hidden, Report},
    survey_type::SurveyType,
};

const WIDTH: usize = 100;

/// The report as text, with a line end.
pub fn render(report: &Report) -> String {
    let mut text = format!("Results{}, {}\n", by_what(report.by), period::in_words(report.period));
    match report.groups.is_empty() {
        true => text.push_str(&of_nothing(report)),
        false => text.push_str(
            "Closes count when they were closed, all else with the prompts that were sent in this time;\n\
             median is the time from a prompt to its score.\n",
        ),
    }
    if report.tests > 0 && !report.groups.is_empty() {
        let prompts = if report.tests == 1 { "prompt was" } else { "prompts were" };
        let _ =
            writeln!(text, "{} {prompts} sent as a test and left out (test = true).", report.tests);
    }
    match report.dry_runs {
        0 => {}
        1 => text.push_str("dry run: 1 prompt would have been sent (mode = \"dry\").\n"),
        many => {
            let _ =
                writeln!(text, "dry run: {many} prompts would have been sent (mode = \"dry\").");
        }
    }
    for kind in [SurveyType::Csat, SurveyType::Nps] {
        let groups: Vec<_> = report.groups.iter().filter(|group| group.kind == kind).collect();
        if !groups.is_empty() {
            section(&mut text, report, kind, &groups);
        }
    }
    text
}

/// Of a time without results: what there was is left out, or there was nothing.
fn of_nothing(report: &Report) -> String {
    match (report.tests, report.test_closes) {
        (0, 0) => "Nothing was closed and nobody was prompted in this time.\n".to_owned(),
        (0, 1) => {
            "Nobody was prompted in this time; the one close is of a test (test = true) and left out.\n"
                .to_owned()
        }
        (0, closes) => format!(
            "Nobody was prompted in this time; all {closes} closes are of tests (test = true) and left \
             out.\n"
        ),
        (1, _) => "The one prompt of this time was a test (test = true) and is left out;\n\
                   `surveyd export` has it.\n"
            .to_owned(),
        (tests, _) => format!(
            "All {tests} prompts of this time were tests (test = true) and are left out;\n\
             `surveyd export` has them.\n"
        ),
    }
}

fn by_what(by: By) -> String {
    match by {
        By::Nothing => String::new(),
        by => format!(" by {}", by.as_str()),
    }
}

fn section(text: &mut String, report: &Report, kind: SurveyType, groups: &[&Group]) {
    let title = match kind {
        SurveyType::Csat => "CSAT: share of 4 and 5 among the scores of 1 to 5, 95 % interval",
        SurveyType::Nps => "NPS: share of 9 and 10 less share of 0 to 6, in points, 95 % interval",
    };
    let mut table = Table::new(WIDTH, report.by.as_str(), columns(kind));
    for group in groups {
        table.row(&name(group), cells(report, group));
    }
    let written = write!(text, "\n{title}\n\n{table}");
    let written = written.and_then(|()| write_notes(text, report, groups));
    written.expect("writing to a string does not fail");
}

fn columns(kind: SurveyType) -> Vec<(&'static str, Align)> {
    let mut columns = vec![
        ("closes", Align::Right),
        ("sent", Align::Right),
        ("answered ", Align::Right), // The space is where "+" stands.
        ("comments", Align::Right),
        ("score", Align::Left),
    ];
    match kind {
        SurveyType::Csat => columns.extend([("mean", Align::Right), ("1…5", Align::Left)]),
        SurveyType::Nps => columns.push(("0…10", Align::Left)),
    }
    columns.push(("median", Align::Right));
    columns
}

/// The cells of a group, in the order of [`columns`].
fn cells(report: &Report, group: &Group) -> Vec<String> {
    let rate = group.response_rate.map(|rate| format!(" ({rate:.1} %)")).unwrap_or_default();
    let mark = if group.immature { "+" } else { " " };
    let mut cells = vec![
        group.closes.to_string(),
        group.prompted.to_string(),
        format!("{}{rate}{mark}", group.answered),
        group.commented.to_string(),
        match (group.hidden, group.score) {
            (Some(Hidden::SmallGroup), _) => format!("under {} answers", report.min_group),
            (Some(Hidden::Differencing), _) => "withheld *".to_owned(),
            (None, Some(score)) => score_in_words(group.kind, score),
            (None, None) => "–".to_owned(),
        },
    ];
    if group.kind == SurveyType::Csat {
        cells.push(group.mean.map_or_else(|| "–".to_owned(), |mean| format!("{mean:.2}")));
    }
    cells.push(bars(&group.distribution));
    cells.push(group.median_response_seconds.map_or_else(|| "–".to_owned(), length_in_words));
    cells
}

fn score_in_words(kind: SurveyType, score: Estimate) -> String {
    let Estimate { value, low, high } = score;
    match kind {
        SurveyType::Csat => format!("{value:.1} % ({low:.1}–{high:.1})"),
        // A dash between numbers that may be negative themselves would not be read as one.
        SurveyType::Nps => format!("{} ({} to {})", points(value), points(low), points(high)),
    }
}

/// Points of NPS with one decimal and a minus sign of a digit's width.
fn points(value: f64) -> String {
    let value = (value * 10.0).round() / 10.0 + 0.0;
    format!("{value:.1}").replace('-', "−")
}

/// A bar for each score, the most frequent one full; a score that nobody gave is a dot. Where
/// nobody gave any there is nothing to draw.
fn bars(distribution: &[u64]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = distribution.iter().copied().max().unwrap_or(0);
    if most == 0 {
        return "–".to_owned();
    }
    let bar = |count: u64| match count {
        0 => '·',
        count => BARS[(count as f64 / most as f64 * 8.0).ceil() as usize - 1],
    };
    distribution.iter().map(|count| bar(*count)).collect()
}

/// A length in its two largest units: "45s", "4m 10s", "2h 5m", "3d 4h".
fn length_in_words(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m {}s", seconds % 60),
        3600..86400 => format!("{hours}h {}m", minutes % 60),
        86400.. => format!("{days}d {}h", hours % 24),
    }
}

/// The group's key, safe to print.
fn name(group: &Group) -> String {
    printable(group.key.as_deref().unwrap_or("(none)"))
}

/// What the table's marks mean, and the closes that were not asked about.
fn write_notes(text: &mut String, report: &Report, groups: &[&Group]) -> std::fmt::Result {
    let mut notes = Vec::new();
    if groups.iter().any(|group| group.immature) {
        notes.push("+ answers may still come".to_owned());
    }
    if groups.iter().any(|group| group.hidden == Some(Hidden::Differencing)) {
        notes.push(format!(
            "* withheld: shown, it would let fewer than {} answers be worked out from the total",
            report.min_group
        ));
    }
    for group in groups.iter().filter(|group| !group.suppressed.is_empty()) {
        let reasons: Vec<_> =
            group.suppressed.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
        let of_whom = match report.by {
            By::Nothing => String::new(),
            _ => format!(", {}", name(group)),
        };
        notes.push(format!("not asked{of_whom}: {}", reasons.join(", ")));
    }
    if !notes.is_empty() {
        text.push('\n');
    }
    notes.iter().try_for_each(|note| writeln!(text, "{}", wrap(note, WIDTH)))
}

#[cfg(test)]
mod tests;
