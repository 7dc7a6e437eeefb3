//! Writes the report as tables for people, one for each survey type. They fit the terminal's width,
//! or 100 columns elsewhere. Names are cut to fit.
//!
//! Keys come from outside. Control characters and characters that turn the writing direction are
//! replaced. So no tag can move the reader's cursor.

use std::fmt::Write;

use super::period;
use crate::columns;
use crate::domain::days::Zone;
use crate::domain::plain_text::printable;
use crate::domain::question;
use crate::domain::{
    summary::{
        Compared, ComparedGroup, Estimate, Group, GroupBy, Hidden, PeriodChange, Report, loss,
        wording::{self, points},
    },
    survey_type::SurveyType,
    time::Millis,
};
use crate::terminal::table::{Column, table};
use crate::terminal::{Colour, OutputStyle};

/// The width if the output is not a terminal.
const WIDTH: usize = 100;
/// The fewest characters that a name is cut to.
const NAME_MIN: usize = 10;

/// The output that the report is written for.
#[derive(Clone, Debug)]
pub struct TextPage {
    pub style: OutputStyle,
    /// The name of the business in X's questions. `None` for a report on several accounts.
    pub display_name: Option<String>,
    /// The zone of the business's days.
    pub zone: Zone,
    /// When the report is made.
    pub now: Millis,
    /// True if test prompts are counted.
    pub counts_tests: bool,
}

impl TextPage {
    /// For files and programs.
    pub fn plain(now: Millis) -> Self {
        let (style, zone) = (OutputStyle::PLAIN, Zone::utc());
        Self { style, display_name: None, zone, now, counts_tests: false }
    }

    fn period(&self, report: &Report) -> String {
        period::in_words(report.period, &self.zone, self.now)
    }

    fn width(&self) -> usize {
        self.style.width.unwrap_or(WIDTH)
    }
}

/// Returns the report as text that ends in a newline.
pub fn render(compared: &Compared, page: &TextPage) -> String {
    let report = &compared.report;
    let mut text = format!("Results{}, {}\n", by_what(report.by), page.period(report));
    if page.counts_tests {
        text.push_str("Prompts that were sent as a test (test = true) are counted, too.\n");
    }
    let mut tell = |line: &str| {
        text.push_str(&wrap(line, page.width()));
        text.push('\n');
    };
    match (report.groups.is_empty(), report.left_out.tests + report.left_out.test_closes) {
        (true, 0) => tell("Nothing was closed and nobody was prompted in this time."),
        (true, _) => tell("There is nothing in this time but tests (test = true)."),
        (false, _) => {
            tell(
                "Closes count when they were closed, all else with the prompts that were sent in this \
                 time;",
            );
            tell("median is the time from a prompt to its score.");
        }
    }
    if let Some(words) = of_tests(report) {
        tell(&words);
    }
    match report.left_out.dry_runs {
        0 => {}
        1 => text.push_str("dry run: 1 prompt would have been sent (mode = \"dry\").\n"),
        many => {
            let _ =
                writeln!(text, "dry run: {many} prompts would have been sent (mode = \"dry\").");
        }
    }
    for kind in [SurveyType::Csat, SurveyType::Nps] {
        let rows: Vec<_> = compared.rows_of(kind).collect();
        if !rows.is_empty() {
            section(&mut text, compared, kind, &rows, page);
        }
    }
    text
}

/// Returns the note on tests that the report leaves out. A close without a prompt is a test if it
/// was taken in as one.
fn of_tests(report: &Report) -> Option<String> {
    let prompts = match report.left_out.tests {
        0 => None,
        1 => Some("1 prompt was sent".to_owned()),
        prompts => Some(format!("{prompts} prompts were sent")),
    };
    let closes = match report.left_out.test_closes {
        0 => None,
        1 => Some("1 close was taken in".to_owned()),
        closes => Some(format!("{closes} closes were taken in")),
    };
    let all = report.left_out.tests + report.left_out.test_closes;
    let what: Vec<String> = prompts.into_iter().chain(closes).collect();
    let them = if all == 1 { "it" } else { "them" };
    (all > 0).then(|| format!("{} as a test: `--test` counts {them}.", what.join(" and ")))
}

fn by_what(by: GroupBy) -> String {
    match by {
        GroupBy::Nothing => String::new(),
        by => format!(" by {}", by.as_str()),
    }
}

fn section(
    text: &mut String,
    compared: &Compared,
    kind: SurveyType,
    rows: &[&ComparedGroup],
    page: &TextPage,
) {
    let report = &compared.report;
    let groups: &Vec<_> = &rows.iter().map(|row| &row.group).collect();
    let title = match kind {
        SurveyType::Csat => "CSAT: share of 4 and 5 among the scores of 1 to 5, 95 % interval",
        SurveyType::Nps => "NPS: share of 9 and 10 less share of 0 to 6, in points, 95 % interval",
    };
    let title = page.style.paint(Colour::Bold, title);
    let is_compared = compared.before.is_some();
    let cells = rows.iter().map(|row| {
        let mut cells_of_row = vec![name(&row.group)];
        cells_of_row.extend(cells(report, &row.group));
        cells_of_row.extend(is_compared.then(|| change_in_words(row)));
        cells_of_row
    });
    let mut style = page.style;
    style.width = Some(page.width());
    let columns = columns(report.by, kind, is_compared);
    let table = table(&style, &columns, &cells.collect::<Vec<_>>());
    let written = write!(text, "\n{title}\n\n{table}");
    let written = written.and_then(|()| write_headline(text, compared, kind, page));
    let written = written.and_then(|()| write_questions(text, report, groups, page));
    let written = written.and_then(|()| write_notes(text, report, groups, page.width()));
    written.expect("writing to a string does not fail");
}

/// If the terminal is too narrow, the comments are dropped first.
fn columns(by: GroupBy, kind: SurveyType, is_compared: bool) -> Vec<Column> {
    let mut columns = vec![
        Column::text(by.as_str()).cut_to(NAME_MIN),
        Column::number("closes"),
        Column::number("sent"),
        Column::number("answered "), // The space is where "+" stands.
        Column::number("comments").given_up(1),
        Column::text("score"),
    ];
    match kind {
        SurveyType::Csat => {
            columns.extend([Column::number("mean").given_up(2), Column::text("1…5").given_up(4)]);
        }
        SurveyType::Nps => columns.push(Column::text("0…10").given_up(2)),
    }
    columns.push(Column::number("median").given_up(3));
    if is_compared {
        columns.push(Column::text("change"));
    }
    columns
}

/// "−4.0, more than chance (−7.6 to −0.3)".
fn change_in_words(row: &ComparedGroup) -> String {
    let words = |change: PeriodChange| wording::row(&change.difference, change.more_than_chance);
    row.change.map_or_else(|| "–".to_owned(), |change| words(change).to_string())
}

/// Writes under the table how the total has changed, and how the rest has without the group that
/// moved it.
fn write_headline(
    text: &mut String,
    compared: &Compared,
    kind: SurveyType,
    page: &TextPage,
) -> std::fmt::Result {
    let (Some(total), Some(before)) = (compared.total(kind), &compared.before) else {
        return Ok(());
    };
    let earlier = page.period(before);
    let comparison = compared.comparison(kind);
    let headline = wording::headline(kind, &comparison, &earlier, total.group.immature);
    write!(text, "\n{}\n", wrap(&headline.to_string(), page.width()))
}

/// Writes the wording of X's questions under the table by their keys.
fn write_questions(
    text: &mut String,
    report: &Report,
    groups: &[&Group],
    page: &TextPage,
) -> std::fmt::Result {
    if report.by != GroupBy::Question {
        return Ok(());
    }
    let called = page.display_name.as_deref().unwrap_or("…");
    let names: Vec<String> = groups.iter().map(|group| name(group)).collect();
    let width = names.iter().map(|name| columns::width(name)).max().unwrap_or(0);
    text.push('\n');
    groups.iter().zip(names).try_for_each(|(group, name)| {
        let variant = name.rsplit(' ').next().and_then(|variant| variant.parse().ok());
        let asked = variant.and_then(|variant| question::text(group.kind, variant, called));
        let asked = printable(&asked.unwrap_or_default());
        let name = columns::left(&name, width);
        writeln!(text, "{name}  {}", page.style.folded(&asked, width + 2))
    })
}

/// Returns the cells of a group in the order of [`columns`].
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

pub(super) fn score_in_words(kind: SurveyType, score: Estimate) -> String {
    let Estimate { value, low, high } = score;
    match kind {
        SurveyType::Csat => format!("{value:.1} % ({low:.1}–{high:.1})"),
        // These numbers may be negative. A dash between them would not be read as one.
        SurveyType::Nps => format!("{} ({} to {})", points(value), points(low), points(high)),
    }
}

/// Draws one bar for each score. The most frequent score has the full bar. A score that nobody gave
/// is a dot. Without any answers there is no drawing.
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

/// Writes a duration in its two largest units, such as "45s", "4m 10s", "2h 5m", "3d 4h".
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

/// Returns the group's key made safe to print.
fn name(group: &Group) -> String {
    printable(group.key.as_deref().unwrap_or("(none)"))
}

/// Writes what the table's marks mean and which closes were not asked about.
fn write_notes(
    text: &mut String,
    report: &Report,
    groups: &[&Group],
    width: usize,
) -> std::fmt::Result {
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
    for group in groups {
        let losses = group.losses().into_iter();
        let reasons: Vec<_> = losses.map(|(word, n)| format!("{} {n}", loss(word))).collect();
        if reasons.is_empty() {
            continue;
        }
        let of_whom = match report.by {
            GroupBy::Nothing => String::new(),
            _ => format!(", {}", name(group)),
        };
        notes.push(format!("not asked{of_whom}: {}", reasons.join(", ")));
    }
    if !notes.is_empty() {
        text.push('\n');
    }
    notes.iter().try_for_each(|note| writeln!(text, "{}", wrap(note, width)))
}

/// Breaks a line at spaces so that no part is wider than `page`. All lines but the first are
/// indented.
fn wrap(text: &str, page: usize) -> String {
    let mut wrapped = String::new();
    let mut width = 0;
    for word in text.split(' ') {
        let length = columns::width(word);
        if wrapped.is_empty() {
            width = length;
        } else if width + 1 + length <= page {
            wrapped.push(' ');
            width += 1 + length;
        } else {
            wrapped.push_str("\n  ");
            width = 2 + length;
        }
        wrapped.push_str(word);
    }
    wrapped
}

#[cfg(test)]
mod tests;
