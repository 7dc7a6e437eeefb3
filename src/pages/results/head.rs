//! The head of the page: the number, how sure it is, and whether it changed.

use serde::Serialize;

use super::{ResultsPage, why_hidden};
use crate::domain::summary::wording::{self, ChangeWords, Highlight};
use crate::domain::summary::{Compared, ComparedGroup, Estimate, Group, GroupBy, Hidden, Without};
use crate::domain::survey_type::SurveyType;
use crate::domain::view::Against;
use crate::pages::charts::{Strip, strip_scale};
use crate::pages::{links, words};

/// The width of the head's line, in pixels.
const STRIP_WIDTH: u32 = 300;
/// The most groups that a sentence names.
const NAMED_MAX: usize = 5;

#[derive(Serialize)]
pub struct Head {
    title: String,
    meaning: &'static str,
    score: Option<ScoreFigure>,
    /// Stands in the place of the score if there is none.
    sentence: Option<String>,
    verdict: Option<Words>,
    bullets: Vec<Bullet>,
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
    /// What the ring stands for.
    ring: Option<String>,
}

/// The change in words, with the class that colours it.
#[derive(Serialize)]
pub struct Words {
    pub class: &'static str,
    pub change: String,
    pub rest: String,
}

/// A sentence under the change.
#[derive(Serialize)]
struct Bullet {
    class: &'static str,
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

/// Words for people, with what belongs together held together.
pub fn in_words(change: &ChangeWords) -> Words {
    Words {
        class: class(change.highlight),
        change: words::held_together(&change.change),
        rest: words::held_together(&change.rest),
    }
}

pub fn head(page: &ResultsPage<'_>, total: &ComparedGroup) -> Head {
    let group = &total.group;
    let score = group.score.map(|estimate| score(page, total, estimate));
    let has_score = score.is_some();
    let is_compared = has_score && page.view.against != Against::Nothing;
    let verdict = is_compared.then(|| {
        let earlier = page.earlier_period();
        let comparison = page.compared.comparison(page.kind);
        in_words(&wording::headline(page.kind, &comparison, &earlier, group.immature))
    });
    Head {
        title: format!("{}, {}", words::kind(page.kind), words::days(page.view.days)),
        meaning: words::meaning(page.kind),
        score,
        sentence: (!has_score).then(|| without_score(group, page.compared.report.min_group)),
        verdict,
        bullets: if is_compared { bullets(page) } else { Vec::new() },
    }
}

/// Says why there is no number.
fn without_score(group: &Group, min_group: u32) -> String {
    let so_far = if group.immature { " so far" } else { "" };
    let prompts = words::counted(group.prompted, "prompt was sent", "prompts were sent");
    match (group.prompted, group.answered) {
        (0, _) => format!(
            "Nobody was prompted. {}; what became of them stands below.",
            words::counted(group.closes, "conversation was closed", "conversations were closed")
        ),
        (_, 0) => format!("Nobody has answered{so_far}. {prompts}."),
        (_, _) => format!("Fewer than {min_group} answers{so_far}: no score is shown. {prompts}."),
    }
}

fn score(page: &ResultsPage<'_>, total: &ComparedGroup, estimate: Estimate) -> ScoreFigure {
    let group = &total.group;
    let ends = page.line_ends();
    let so_far = if group.immature { " so far" } else { "" };
    let unit = match page.kind {
        SurveyType::Csat => "%",
        SurveyType::Nps => "",
    };
    let answers = words::counted(group.answered, "answer", "answers");
    let before = total.before.as_ref().and_then(|before| before.score);
    let earlier = page.earlier_period();
    ScoreFigure {
        value: wording::points(estimate.value),
        unit,
        interval: words::interval(estimate.low, estimate.high),
        answers: format!("{answers}{so_far}"),
        strip: Strip { has_track: true, ..strip(page.kind, total, ends, STRIP_WIDTH, None) },
        low: words::on_scale(page.kind, ends.0),
        high: words::on_scale(page.kind, ends.1),
        ring: before.map(|_| format!("ring: {}", earlier.trim_start_matches("the "))),
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
        is_open: row.group.immature,
    }
}

fn plain(text: impl Into<String>) -> Part {
    Part { text: text.into(), is_strong: false, href: None }
}

fn strong(text: impl Into<String>) -> Part {
    Part { text: text.into(), is_strong: true, href: None }
}

fn bullets(page: &ResultsPage<'_>) -> Vec<Bullet> {
    let rows: Vec<&ComparedGroup> = page.compared.rows_of(page.kind).collect();
    let compared = rows.iter().filter(|row| row.change.is_some()).count();
    let moved: Vec<&ComparedGroup> = rows
        .iter()
        .copied()
        .filter(|row| row.change.is_some_and(|change| change.more_than_chance))
        .collect();
    let by = page.compared.report.by;
    if compared == 0 || by == GroupBy::Nothing {
        return Vec::new();
    }
    let mut bullets = Vec::new();
    if !moved.is_empty() {
        bullets.push(movers(page, &moved));
    }
    if moved.len() < compared {
        bullets.push(the_rest(by, moved.len(), compared));
    }
    bullets.extend(page.compared.without_the_mover(page.kind).map(|without| rest(page, &without)));
    bullets
}

/// "Billing fell from 81.4 to 65.1 %, Returns rose from …: more than chance."
fn movers(page: &ResultsPage<'_>, moved: &[&ComparedGroup]) -> Bullet {
    let mut sorted = moved.to_vec();
    let points = |row: &ComparedGroup| row.change.map_or(0.0, |change| change.difference.points);
    sorted.sort_by(|one, other| points(other).abs().total_cmp(&points(one).abs()));
    let mut parts = Vec::new();
    for (place, row) in sorted.iter().take(NAMED_MAX).enumerate() {
        if place > 0 {
            parts.push(plain(", "));
        }
        parts.push(named(page, row));
        parts.push(plain(moved_in_words(page.kind, row, points(row))));
    }
    if sorted.len() > NAMED_MAX {
        parts.push(plain(format!(" and {} more", sorted.len() - NAMED_MAX)));
    }
    parts.push(plain(": more than chance."));
    let falls = sorted.iter().filter(|row| points(row) < 0.0).count();
    let class = match falls {
        0 => "up",
        falls if falls == sorted.len() => "down",
        _ => "",
    };
    Bullet { class, parts }
}

/// The name of a group with a link to its results.
fn named(page: &ResultsPage<'_>, row: &ComparedGroup) -> Part {
    let by = page.compared.report.by;
    let key = row.group.key.as_deref();
    let narrowed = links::narrowed(page.view, by, key, page.zone);
    let href = narrowed.map(|view| links::page(links::RESULTS, &view));
    Part { href, ..strong(words::group(by, key)) }
}

fn moved_in_words(kind: SurveyType, row: &ComparedGroup, points: f64) -> String {
    let value = |group: &Group| group.score.map_or(0.0, |score| score.value);
    let (now, before) = (value(&row.group), row.before.as_ref().map_or(0.0, value));
    let verb = if points < 0.0 { "fell" } else { "rose" };
    format!(" {verb} from {} to {}", wording::points(before), words::score(kind, now))
}

/// "No other team changed by more than chance", and how many were compared.
fn the_rest(by: GroupBy, moved: usize, compared: usize) -> Bullet {
    let one = by.as_str();
    let other = if moved > 0 { "No other" } else { "No" };
    let were = if compared == 1 { "was" } else { "were" };
    Bullet {
        class: "",
        parts: vec![
            strong(format!("{other} {one}")),
            plain(format!(" changed by more than chance; {compared} {were} compared.")),
        ],
    }
}

/// "Without Billing the score is 82.3 %, before 82.5 %: no clear change."
fn rest(page: &ResultsPage<'_>, without: &Without) -> Bullet {
    let kind = page.kind;
    let name = words::group(page.compared.report.by, without.row.group.key.as_deref());
    let clear = match without.change.more_than_chance {
        true => "still more than chance",
        false => "no clear change",
    };
    let so_far = if without.change.so_far { " so far" } else { "" };
    Bullet {
        class: "",
        parts: vec![
            plain("Without "),
            strong(name),
            plain(format!(
                " the score is {}{so_far}, before {}: {clear}.",
                words::score(kind, without.now.value),
                words::score(kind, without.before.value)
            )),
        ],
    }
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
