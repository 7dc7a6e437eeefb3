//! The head of the page: the number, how sure it is, and whether it changed.

use serde::Serialize;

use super::names::group_name;
use super::{ResultsPage, Title, TodayLink, why_hidden};
use crate::domain::summary::wording::{self, ChangeWords, Highlight};
use crate::domain::summary::{Compared, ComparedGroup, Estimate, Group, GroupBy, Hidden, Without};
use crate::domain::survey_type::SurveyType;
use crate::domain::view::Against;
use crate::pages::charts::{Strip, strip_scale};
use crate::pages::{PageForm, links, words};

/// The width of the head's line, in pixels.
const STRIP_WIDTH: u32 = 300;
/// The most groups that a sentence names in one direction.
const NAMED_MAX: usize = 4;

#[derive(Serialize)]
pub struct Head {
    title: Title,
    meaning: &'static str,
    /// Until when answers may still come.
    open: Option<String>,
    today: Option<TodayLink>,
    score: Option<ScoreFigure>,
    /// Stands in the place of the score if there is none.
    sentence: Option<String>,
    /// The groups that changed by more than chance. It comes before all else.
    movers: Option<Movers>,
    verdict: Option<TotalChange>,
    bullets: Vec<Sentence>,
}

#[derive(Serialize)]
struct ScoreFigure {
    value: String,
    unit: &'static str,
    interval: String,
    answers: String,
    strip: Strip,
    low: String,
    high: String,
    /// What the dot and the ring stand for.
    marks: Option<String>,
}

/// "Billing got worse: 86.7 → 50.5 %, more than chance." and what there is to say of the others.
#[derive(Serialize)]
struct Movers {
    class: &'static str,
    first: Sentence,
    others: Sentence,
}

/// The change of the total in words, with the class that colours it.
#[derive(Serialize)]
struct TotalChange {
    class: &'static str,
    /// Whose change it is, if that of a group was told before.
    of: Option<String>,
    change: String,
    rest: String,
}

/// A sentence under the change, or beside it.
#[derive(Serialize)]
struct Sentence {
    parts: Vec<Part>,
}

/// A part of a sentence. A name from outside is isolated from its neighbours.
#[derive(Serialize)]
struct Part {
    text: String,
    is_strong: bool,
    href: Option<String>,
}

/// The class of a highlight: what is more than chance has a colour.
pub fn class(highlight: Highlight) -> &'static str {
    match highlight {
        Highlight::Higher => "up",
        Highlight::Lower => "down",
        Highlight::Unmarked => "",
    }
}

pub fn head(page: &ResultsPage<'_>, total: &ComparedGroup, form: PageForm) -> Head {
    let group = &total.group;
    let score = group.score.map(|estimate| score(page, total, estimate));
    let has_score = score.is_some();
    let is_compared = has_score && page.view.against != Against::Nothing;
    let groups = is_compared.then(|| ChangedGroups::of(page)).flatten();
    let movers = groups.as_ref().and_then(|groups| groups.movers(page));
    let verdict = is_compared.then(|| verdict(page, movers.is_some()));
    Head {
        title: page.title(form),
        meaning: words::meaning(page.kind),
        open: page.last_answers(group),
        today: page.today(),
        score,
        sentence: (!has_score).then(|| without_score(group, page.compared.report.min_group)),
        movers,
        verdict,
        bullets: groups.map(|groups| groups.bullets(page)).unwrap_or_default(),
    }
}

/// Says how the total changed. The line under the title says until when answers may still come.
fn verdict(page: &ResultsPage<'_>, is_told_after_a_group: bool) -> TotalChange {
    let comparison = page.compared.comparison(page.kind);
    let ChangeWords { highlight, change, rest } =
        wording::headline(page.kind, &comparison, &page.earlier_period(), false);
    // The words are for periods. A day has another preposition.
    let rest = match page.view.days.len() {
        1 => rest.replacen(" in the ", " on the ", 1),
        _ => rest,
    };
    TotalChange {
        class: class(highlight),
        of: is_told_after_a_group.then(|| page.total_name()),
        change: words::held_together(&change),
        rest: words::held_together(&rest),
    }
}

/// Says why there is no number.
fn without_score(group: &Group, min_group: u32) -> String {
    let prompts = words::counted(group.prompted, "prompt was sent", "prompts were sent");
    let so_far = if group.immature { " yet" } else { "" };
    match (group.prompted, group.answered) {
        (0, _) => format!(
            "Nobody was prompted. {}; what became of them stands below.",
            words::counted(group.closes, "conversation was closed", "conversations were closed")
        ),
        (_, 0) => format!("Nobody has answered{so_far}. {prompts}."),
        (_, _) => format!("Fewer than {min_group} answers: no score is shown. {prompts}."),
    }
}

fn score(page: &ResultsPage<'_>, total: &ComparedGroup, estimate: Estimate) -> ScoreFigure {
    let group = &total.group;
    let ends = page.line_ends(std::iter::once(total));
    let unit = match page.kind {
        SurveyType::Csat => "%",
        SurveyType::Nps => "",
    };
    let before = total.before.as_ref().and_then(|before| before.score);
    let earlier = page.earlier_period();
    ScoreFigure {
        value: wording::points(estimate.value),
        unit,
        interval: words::interval(estimate.low, estimate.high),
        answers: words::counted(group.answered, "answer", "answers"),
        strip: Strip { has_track: true, ..strip(page.kind, total, ends, STRIP_WIDTH, None) },
        low: words::on_scale(page.kind, ends.0),
        high: words::on_scale(page.kind, ends.1),
        marks: before.map(|_| {
            let earlier = earlier.trim_start_matches("the ");
            format!("● now  ○ {earlier}")
        }),
    }
}

/// The line of a group that shows a score. Nothing is drawn of one that shows none.
pub fn strip(
    kind: SurveyType,
    row: &ComparedGroup,
    ends: (f64, f64),
    width: u32,
    guide: Option<f64>,
) -> Strip {
    let scale = strip_scale(width, ends);
    let before = row.before.as_ref().and_then(|before| before.score);
    let Estimate { value, low, high } =
        row.group.score.unwrap_or(Estimate { value: ends.0, low: ends.0, high: ends.0 });
    let earlier = before.map(|before| format!(", before {}", words::score(kind, before.value)));
    Strip {
        width,
        label: format!("{}{}", words::interval(low, high), earlier.unwrap_or_default()),
        low: scale.at(low),
        high: scale.at(high),
        mid: scale.at(value),
        before: before.map(|before| scale.at(before.value)),
        guide: guide.map(|guide| scale.at(guide)),
        has_track: false,
    }
}

fn plain(text: impl Into<String>) -> Part {
    Part { text: text.into(), is_strong: false, href: None }
}

fn strong(text: impl Into<String>) -> Part {
    Part { text: text.into(), is_strong: true, href: None }
}

/// The rows of the breakdown that can be compared, if there are several.
struct ChangedGroups<'r> {
    compared: usize,
    /// Those that scored lower than before, by chance or not.
    lower: usize,
    /// The ones that changed by more than chance, the greatest change first.
    fell: Vec<&'r ComparedGroup>,
    rose: Vec<&'r ComparedGroup>,
}

fn points(row: &ComparedGroup) -> f64 {
    row.change.map_or(0.0, |change| change.difference.points)
}

impl<'r> ChangedGroups<'r> {
    /// `None` if there is nothing to set apart. A single group is the total once more.
    fn of(page: &ResultsPage<'r>) -> Option<Self> {
        let compared = page.compared;
        let by = compared.report.by;
        let rows: Vec<&ComparedGroup> = compared.rows_of(page.kind).collect();
        let with_change = || rows.iter().copied().filter(|row| row.change.is_some());
        let count = with_change().count();
        if count == 0 || rows.len() < 2 || matches!(by, GroupBy::Nothing | GroupBy::Week) {
            return None;
        }
        let is_called = |row: &&ComparedGroup| row.change.is_some_and(|it| it.more_than_chance);
        let moved = with_change().filter(is_called);
        let (mut fell, mut rose): (Vec<_>, Vec<_>) = moved.partition(|row| points(row) < 0.0);
        fell.sort_by(|one, other| points(one).total_cmp(&points(other)));
        rose.sort_by(|one, other| points(other).total_cmp(&points(one)));
        let lower = with_change().filter(|row| points(row) < 0.0).count();
        Some(Self { compared: count, lower, fell, rose })
    }

    /// `None` if no group changed by more than chance.
    fn movers(&self, page: &ResultsPage<'_>) -> Option<Movers> {
        let (class, verb, first, alike) = match (self.fell.split_first(), self.rose.split_first()) {
            (Some((first, alike)), _) => ("down", "worse", first, alike),
            (None, Some((first, alike))) => ("up", "better", first, alike),
            (None, None) => return None,
        };
        let told = format!(" got {verb}: {}, more than chance.", scores(page.kind, first));
        let mut others = Vec::new();
        if !alike.is_empty() {
            others.push(plain(" So did "));
            others.extend(named_all(page, alike));
        }
        if class == "down" && !self.rose.is_empty() {
            others.push(plain(" Better: "));
            others.extend(named_all(page, &self.rose));
        }
        if self.fell.len() + self.rose.len() < self.compared {
            let one = page.compared.report.by.as_str();
            let many = words::breakdown(page.compared.report.by).1;
            others.push(plain(match self.compared - self.fell.len() - self.rose.len() {
                1 => format!(" The other {one} did not change by more than chance."),
                _ => format!(" No other of {} {many} changed by more than chance.", self.compared),
            }));
        }
        let first = Sentence { parts: vec![named(page, first), plain(told)] };
        Some(Movers { class, first, others: Sentence { parts: others } })
    }

    /// What stands under the change of the total.
    fn bullets(&self, page: &ResultsPage<'_>) -> Vec<Sentence> {
        self.under(page).map(|parts| Sentence { parts }).into_iter().collect()
    }

    fn under(&self, page: &ResultsPage<'_>) -> Option<Vec<Part>> {
        let by = page.compared.report.by;
        let many = words::breakdown(by).1;
        if self.fell.is_empty() && self.rose.is_empty() {
            if self.compared < 2 {
                return None;
            }
            return Some(vec![
                strong(format!("No {}", by.as_str())),
                plain(format!(" changed by more than chance; {} were compared.", self.compared)),
            ]);
        }
        let without = page.compared.without_the_mover(page.kind)?;
        // If most fell, no single one explains the total, so taking one out tells nothing.
        if without.change.more_than_chance && 2 * self.lower > self.compared && self.compared > 2 {
            return Some(vec![
                strong(format!("Most of the {many} fell")),
                plain(format!(": {} of {} scored lower than before.", self.lower, self.compared)),
            ]);
        }
        Some(rest(page, &without))
    }
}

/// "86.7 → 50.5 %".
fn scores(kind: SurveyType, row: &ComparedGroup) -> String {
    let value = |group: &Group| group.score.map_or(0.0, |score| score.value);
    let (now, before) = (value(&row.group), row.before.as_ref().map_or(0.0, value));
    format!("{}\u{a0}→\u{a0}{}", wording::points(before), words::score(kind, now))
}

/// "Returns (82.9 → 70.1 %), Legal (…) and 3 more."
fn named_all(page: &ResultsPage<'_>, rows: &[&ComparedGroup]) -> Vec<Part> {
    let mut parts = Vec::new();
    for (place, row) in rows.iter().take(NAMED_MAX).enumerate() {
        if place > 0 {
            let is_last = place + 1 == rows.len();
            parts.push(plain(if is_last { " and " } else { ", " }));
        }
        parts.push(named(page, row));
        parts.push(plain(format!(" ({})", scores(page.kind, row))));
    }
    let left = rows.len().saturating_sub(NAMED_MAX);
    parts.push(plain(if left > 0 { format!(" and {left} more.") } else { ".".to_owned() }));
    parts
}

/// The name of a group with a link to its results.
fn named(page: &ResultsPage<'_>, row: &ComparedGroup) -> Part {
    let by = page.compared.report.by;
    let key = row.group.key.as_deref();
    let narrowed = links::narrowed(page.view, by, key, page.zone);
    let href = narrowed.map(|view| links::page(links::RESULTS, &view));
    Part { href, ..strong(group_name(by, &row.group)) }
}

/// "Without Billing the score is 82.3 %, before 82.5 %: no clear change."
fn rest(page: &ResultsPage<'_>, without: &Without) -> Vec<Part> {
    let kind = page.kind;
    let name = group_name(page.compared.report.by, &without.row.group);
    let clear = match without.change.more_than_chance {
        true => "still more than chance",
        false => "no clear change",
    };
    vec![
        plain("Without "),
        strong(name),
        plain(format!(
            " the score is {}, before {}: {clear}.",
            words::score(kind, without.now.value),
            words::score(kind, without.before.value)
        )),
    ]
}

/// Says why a group cannot be compared. `None` if it can.
pub fn why_not_compared(compared: &Compared, row: &ComparedGroup) -> Option<String> {
    let min_group = compared.report.min_group;
    match (&row.before, row.change) {
        (_, Some(_)) => None,
        (None, None) => Some("nothing before".to_owned()),
        (Some(before), None) => {
            let why = why_hidden(before, min_group);
            Some(match why.is_some() && before.hidden == Some(Hidden::SmallGroup) {
                true => format!("fewer than {min_group} answers before"),
                false if before.answered == 0 => "no answers before".to_owned(),
                false => "held back before".to_owned(),
            })
        }
    }
}
