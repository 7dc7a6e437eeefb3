//! The breakdown: one row a group, in the order of the view.

use std::cmp::Ordering;

use serde::Serialize;

use super::head::{class, strip, why_not_compared};
use super::names::{group_name, question_text};
use super::{ResultsPage, why_hidden};
use crate::domain::summary::wording::{self, Highlight};
use crate::domain::summary::{ComparedGroup, Group, GroupBy};
use crate::domain::view::{Against, Order};
use crate::pages::charts::Strip;
use crate::pages::filters::Tab;
use crate::pages::{links, words};

/// The width of a row's line, in pixels.
const STRIP_WIDTH: u32 = 168;
/// The most rows of a page. The files have all of them.
const ROWS_MAX: usize = 300;

#[derive(Serialize)]
pub struct Breakdown {
    tabs: Vec<Tab>,
    heads: Heads,
    is_compared: bool,
    low: String,
    high: String,
    rows: Vec<BreakdownRow>,
    /// True if the total is the only row, since all results are of one group.
    is_single: bool,
    /// Stands in the place of the table if no row would show a score.
    sentence: Option<String>,
    left_out: Option<String>,
    /// What the lines show, under the heading.
    lead: String,
    min_group: u32,
    many: &'static str,
    has_held: bool,
    /// True if some rate may still grow.
    has_open: bool,
    /// True if some row may be chance only because many were compared.
    has_many: bool,
}

/// The heads of the columns, each with the order that it leads to.
#[derive(Serialize)]
struct Heads {
    name: ColumnHead,
    answers: ColumnHead,
    score: ColumnHead,
    change: ColumnHead,
    answered: ColumnHead,
    time: ColumnHead,
}

#[derive(Serialize)]
struct ColumnHead {
    label: String,
    href: String,
    /// The value of `aria-sort`, if the rows are in this order.
    sorted: Option<&'static str>,
}

#[derive(Serialize)]
struct BreakdownRow {
    class: &'static str,
    name: String,
    href: Option<String>,
    /// The number of a question whose wording is its name.
    detail: Option<String>,
    answers: String,
    held: Option<String>,
    score: String,
    strip: Option<Strip>,
    change: String,
    change_class: &'static str,
    change_range: String,
    rate: String,
    /// True if answers may still come. Such a rate is compared with none.
    is_open: bool,
    median: String,
}

pub fn breakdown(page: &ResultsPage<'_>, total: &ComparedGroup) -> Breakdown {
    let by = page.compared.report.by;
    let min_group = page.compared.report.min_group;
    let mut rows: Vec<&ComparedGroup> = page.compared.rows_of(page.kind).collect();
    let (name, many) = words::breakdown(by);
    let only = only_group(&rows, total).map(|group| only_name(page, group));
    if only.is_some() {
        rows.clear();
    }
    let order = order(page);
    rows.sort_by(|one, other| compare(order, by, one, other));
    let has_score = |row: &ComparedGroup| row.group.score.is_some();
    let shows_a_score =
        rows.iter().any(|row| has_score(row)) || (only.is_some() && has_score(total));
    let left_out = rows.len().saturating_sub(ROWS_MAX) as u64;
    let ends = page.line_ends(std::iter::once(total).chain(rows.iter().copied()));
    let has_held = rows.iter().any(|row| row.group.hidden.is_some());
    let among = rows.iter().filter(|row| row.change.is_some()).count();
    let mut lines = vec![line(page, total, ends, RowPlace::Total)];
    let place = RowPlace::Among(among);
    lines.extend(rows.iter().take(ROWS_MAX).map(|row| line(page, row, ends, place)));
    let sentence = (!shows_a_score).then(|| nothing_to_show(&rows, by, min_group));
    // Each week is one of its own. The week before stands in the row below.
    let is_compared = page.view.against != Against::Nothing && by != GroupBy::Week;
    let has_many = rows.iter().any(|row| is_chance_among_many(row));
    let lines_open = lines.iter().any(|line| line.is_open && !line.rate.is_empty());
    Breakdown {
        tabs: tabs(page, by),
        heads: heads(page, order, name),
        is_compared,
        low: words::on_scale(page.kind, ends.0),
        high: words::on_scale(page.kind, ends.1),
        rows: if shows_a_score { lines } else { Vec::new() },
        is_single: only.is_some(),
        sentence,
        left_out: (left_out > 0 && shows_a_score)
            .then(|| format!("{} more rows are in the files.", words::count(left_out))),
        lead: match &only {
            Some(only) => format!("{only} {}", lead(is_compared, false)),
            None => lead(is_compared, total.group.score.is_some()),
        },
        min_group,
        many,
        has_held,
        has_open: lines_open,
        has_many,
    }
}

/// The only group, if its row would repeat that of the total. A group without a score repeats none.
fn only_group<'r>(rows: &[&'r ComparedGroup], total: &ComparedGroup) -> Option<&'r Group> {
    let [row] = rows else { return None };
    let of_all = |group: &Group| Group { key: total.group.key.clone(), ..group.clone() };
    let is_same = of_all(&row.group) == total.group
        && row.before.as_ref().map(of_all) == total.before
        && row.group.score.is_some();
    is_same.then_some(&row.group)
}

/// "There is one team only: Billing."
fn only_name(page: &ResultsPage<'_>, group: &Group) -> String {
    let by = page.compared.report.by;
    match (&group.key, by) {
        (None, by) => format!("No survey here has a {}.", by.as_str()),
        (Some(week), GroupBy::Week) => {
            format!("There is one week only: {}.", week_name(page, week))
        }
        (Some(_), by) => {
            format!("There is one {} only: {}.", by.as_str(), group_name(by, group))
        }
    }
}

fn lead(is_compared: bool, has_guide: bool) -> String {
    let ring = if is_compared { "the dot is now, the ring the period before" } else { "" };
    let guide = if has_guide { "the dotted line is the score of all" } else { "" };
    let parts: Vec<&str> = [ring, guide].into_iter().filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        [] => "Each line is a 95 % interval.".to_owned(),
        parts => format!("Each line is a 95 % interval; {}.", parts.join(", ")),
    }
}

fn nothing_to_show(rows: &[&ComparedGroup], by: GroupBy, min_group: u32) -> String {
    let many = words::breakdown(by).1;
    let answered = rows.iter().filter(|row| row.group.answered > 0).count();
    match (rows.len(), answered) {
        (0, _) => format!("There are no {many} in this time."),
        (_, 0) => "Nobody has answered, so there is nothing to compare.".to_owned(),
        (_, 1) => {
            format!("1 {} has answers, fewer than {min_group}: no score is shown.", by.as_str())
        }
        (_, answered) => format!(
            "{answered} {many} have answers, each fewer than {min_group}: none shows a score."
        ),
    }
}

fn tabs(page: &ResultsPage<'_>, by: GroupBy) -> Vec<Tab> {
    // The order is that in which people ask.
    let all = [
        GroupBy::Team,
        GroupBy::Agent,
        GroupBy::Tag,
        GroupBy::Language,
        GroupBy::Account,
        GroupBy::Source,
        GroupBy::Week,
        GroupBy::Question,
        GroupBy::Rule,
        GroupBy::Variant,
    ];
    let tab = |of: GroupBy| Tab {
        label: words::breakdown(of).0.to_owned(),
        href: links::page(links::RESULTS, &page.view.with(|view| view.by = of)),
        is_here: of == by,
    };
    all.map(tab).into()
}

/// Weeks are in the order of time, the newest first, unless another order is asked for.
fn order(page: &ResultsPage<'_>) -> Order {
    match (page.compared.report.by, page.view.order) {
        (GroupBy::Week, Order::Usual) => Order::Name,
        (_, order) => order,
    }
}

fn heads(page: &ResultsPage<'_>, order: Order, name: &str) -> Heads {
    let head = |label: &str, of: Order, sorted: &'static str| ColumnHead {
        label: label.to_owned(),
        href: links::page(links::RESULTS, &links::ordered(page.view, of)),
        sorted: (order == of).then_some(sorted),
    };
    let earlier = page.earlier_period();
    let is_week = page.compared.report.by == GroupBy::Week;
    Heads {
        name: head(name, Order::Name, if is_week { "descending" } else { "ascending" }),
        answers: head("Answers", Order::Answers, "descending"),
        score: head("Score", Order::Score, "ascending"),
        change: head(&format!("Against {earlier}"), Order::Change, "ascending"),
        answered: head("Answered", Order::Answered, "ascending"),
        time: head("Median time", Order::Time, "descending"),
    }
}

/// What a view orders the rows by. Rows that lack it come last, and held rows after them.
fn compare(order: Order, by: GroupBy, one: &ComparedGroup, other: &ComparedGroup) -> Ordering {
    let is_held = |row: &ComparedGroup| row.group.score.is_none();
    let answers = || other.group.answered.cmp(&one.group.answered);
    let by_value = match order {
        Order::Usual => weight(one).total_cmp(&weight(other)).then_with(answers),
        Order::Name if by == GroupBy::Week => return other.group.key.cmp(&one.group.key),
        Order::Name => Ordering::Equal,
        Order::Answers => answers(),
        Order::Score => least_first(one, other, |row| row.group.score.map(|it| it.value)),
        Order::Change => least_first(one, other, |row| row.change.map(|it| it.difference.points)),
        Order::Answered => least_first(one, other, |row| row.group.response_rate),
        Order::Time => {
            least_first(one, other, |row| row.group.median_response_seconds.map(|it| -it))
        }
    };
    let held_last = is_held(one).cmp(&is_held(other));
    held_last.then(by_value).then_with(|| by_name(&one.group, &other.group))
}

/// What fell by more than chance comes first, then what rose by it, each the most first.
fn weight(row: &ComparedGroup) -> f64 {
    match row.change.filter(|change| change.more_than_chance) {
        Some(change) if change.difference.points < 0.0 => change.difference.points - 1_000.0,
        Some(change) => -change.difference.points,
        None => 0.0,
    }
}

fn least_first(
    one: &ComparedGroup,
    other: &ComparedGroup,
    value: impl Fn(&ComparedGroup) -> Option<f64>,
) -> Ordering {
    let value = |row: &ComparedGroup| value(row).unwrap_or(f64::INFINITY);
    value(one).total_cmp(&value(other))
}

/// Names in the order of letters without regard to case. Those without a name come last.
fn by_name(one: &Group, other: &Group) -> Ordering {
    let name = |group: &Group| {
        let folded = group.key.as_deref().map(str::to_lowercase);
        (folded.is_none(), folded, group.key.clone())
    };
    name(one).cmp(&name(other))
}

/// True if the row alone would be more than chance, but not among all that were compared.
fn is_chance_among_many(row: &ComparedGroup) -> bool {
    row.change.is_some_and(|it| it.difference.leaves_out_zero() && !it.more_than_chance)
}

/// Where a row stands: above all, or among so many that were compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RowPlace {
    Total,
    Among(usize),
}

fn line(
    page: &ResultsPage<'_>,
    row: &ComparedGroup,
    ends: (f64, f64),
    place: RowPlace,
) -> BreakdownRow {
    let is_total = place == RowPlace::Total;
    let compared = page.compared;
    let (by, min_group) = (compared.report.by, compared.report.min_group);
    let group = &row.group;
    let held = why_hidden(group, min_group);
    let guide = compared.total(page.kind).and_then(|total| total.group.score);
    let guide = guide.filter(|_| !is_total).map(|score| score.value);
    let is_shown = group.score.is_some();
    let written = row.change.map(|it| wording::row(&it.difference, it.more_than_chance));
    let highlight = written.as_ref().map_or(Highlight::Unmarked, |it| it.highlight);
    let key = group.key.as_deref();
    let narrowed = links::narrowed(page.view, by, key, page.zone).filter(|_| !is_total);
    let name = match by {
        _ if is_total => page.total_name(),
        GroupBy::Week => key.map_or_else(String::new, |key| week_name(page, key)),
        _ => group_name(by, group),
    };
    let number = question_text(group).filter(|_| by == GroupBy::Question && !is_total);
    BreakdownRow {
        class: match (is_total, is_shown, highlight) {
            (true, ..) => "all",
            (_, false, _) => "held",
            (_, true, Highlight::Lower) => "down-mark",
            (_, true, Highlight::Higher) => "up-mark",
            (_, true, Highlight::Unmarked) => "",
        },
        name,
        href: narrowed.map(|view| links::page(links::RESULTS, &view)),
        detail: number.map(|(_, number)| format!("question {number}")),
        answers: words::count(group.answered),
        held,
        score: group.score.map(|score| words::score(page.kind, score.value)).unwrap_or_default(),
        strip: is_shown.then(|| {
            let strip = strip(page.kind, row, ends, STRIP_WIDTH, guide);
            // No week is compared, and so neither is their sum beside them.
            if by == GroupBy::Week { Strip { before: None, ..strip } } else { strip }
        }),
        change: match (&written, place) {
            (Some(written), RowPlace::Among(count)) if is_chance_among_many(row) => {
                format!("{} among {count}", written.change)
            }
            (Some(written), _) => written.change.clone(),
            (None, _) => why_not_compared(compared, row).unwrap_or_default(),
        },
        change_class: class(highlight),
        change_range: written.map_or_else(String::new, |it| it.rest.trim_start().to_owned()),
        rate: group.response_rate.map(words::per_cent).unwrap_or_default(),
        is_open: group.immature,
        median: group.median_response_seconds.map(words::length).unwrap_or_default(),
    }
}

/// "23 Nov to 29 Nov" for a week such as `2026-W48`, as far as the view covers it.
fn week_name(page: &ResultsPage<'_>, week: &str) -> String {
    let narrowed = links::narrowed(page.view, GroupBy::Week, Some(week), page.zone);
    narrowed.map_or_else(|| words::name(week), |view| words::short_days(view.days))
}
