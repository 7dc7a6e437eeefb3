//! The page of results: the score and what became of it, in the order in which people ask.
//!
//! Owns what the page says and where. Must not compute a number: scores, differences and what is
//! hidden come from `domain::summary`.

mod breakdown;
mod chosen;
mod funnel;
mod head;
mod weeks;

use serde::Serialize;

use self::breakdown::Breakdown;
use self::chosen::ScoreBars;
use self::funnel::Funnel;
use self::head::Head;
use self::weeks::WeeklyCourse;
use super::comments::{CommentList, SaidList, said};
use super::filters::{Choices, FilterBar, bar};
use super::operations::{Fact, Operations, facts};
use super::{links, words};
use crate::domain::days::{Day, Zone};
use crate::domain::summary::{Compared, ComparedGroup, Estimate, Group, Hidden, Report};
use crate::domain::survey_type::SurveyType;
use crate::domain::time::Millis;
use crate::domain::view::{Against, AskedPeriod, View};

/// The page of results.
pub struct ResultsPage<'a> {
    pub view: &'a View,
    pub zone: &'a Zone,
    pub now: Millis,
    /// The type that is shown. The two are never mixed.
    pub kind: SurveyType,
    pub choices: &'a Choices,
    pub operations: &'a Operations,
    pub compared: &'a Compared,
    /// Weeks without a gap between them, the oldest first.
    pub weeks: &'a [Week],
    /// The first page of comments.
    pub comments: &'a CommentList,
}

/// The results of one week.
#[derive(Clone, Debug, PartialEq)]
pub struct Week {
    pub monday: Day,
    /// `None` if nothing happened in the week.
    pub group: Option<Group>,
    /// True if the week is not over or if its answers still come in.
    pub is_open: bool,
}

impl Week {
    /// The course of one type, from a report by week. A week that is not over is open.
    pub fn course(mondays: &[Day], report: &Report, kind: SurveyType, today: Day) -> Vec<Self> {
        let week = |monday: &Day| {
            let name = monday.iso_week();
            let is_same = |group: &&Group| group.kind == kind && group.key.as_ref() == Some(&name);
            let group = report.groups.iter().find(is_same).cloned();
            let is_immature = group.as_ref().is_some_and(|group| group.immature);
            Self { monday: *monday, group, is_open: is_immature || monday.plus(6) >= today }
        };
        mondays.iter().map(week).collect()
    }
}

#[derive(Serialize)]
pub(super) struct ResultsContent {
    /// `None` in a file.
    bar: Option<FilterBar>,
    facts: Vec<Fact>,
    /// `Some` if there is nothing to show.
    nothing: Option<Nothing>,
    results: Option<ResultSections>,
    method: Method,
}

impl ResultsContent {
    /// The same without what only a server can answer.
    pub(super) fn of_file(self) -> Self {
        Self { bar: None, facts: Vec::new(), ..self }
    }
}

/// Why there is nothing to show.
#[derive(Serialize)]
struct Nothing {
    title: String,
    sentence: String,
    /// The view without its filters, if they may be the cause.
    all: Option<String>,
}

#[derive(Serialize)]
struct ResultSections {
    head: Head,
    course: WeeklyCourse,
    chosen: Option<ScoreBars>,
    funnel: Funnel,
    breakdown: Breakdown,
    said: SaidList,
}

/// What the foot of the page says about how its numbers are made.
#[derive(Serialize)]
struct Method {
    zone: String,
    min_group: u32,
    is_nps: bool,
    many: &'static str,
}

impl ResultsPage<'_> {
    pub(super) fn content(&self) -> ResultsContent {
        let by = self.compared.report.by;
        let total = self.compared.total(self.kind);
        ResultsContent {
            bar: Some(bar(links::RESULTS, self.view, self.zone, Some(self.kind), self.choices)),
            facts: facts(self.operations, self.zone, self.now),
            nothing: total.is_none().then(|| self.nothing()),
            results: total.map(|total| self.shown(total)),
            method: Method {
                zone: self.zone.name().to_owned(),
                min_group: self.compared.report.min_group,
                is_nps: self.kind == SurveyType::Nps,
                many: words::breakdown(by).1,
            },
        }
    }

    fn shown(&self, total: &ComparedGroup) -> ResultSections {
        let min_group = self.compared.report.min_group;
        let kind = Some(self.kind);
        ResultSections {
            head: head::head(self, total),
            course: weeks::course(self),
            chosen: chosen::chosen(self, total),
            funnel: funnel::funnel(self, &total.group),
            breakdown: breakdown::breakdown(self, total),
            said: said(self.comments, self.view, self.zone, self.now, kind, min_group),
        }
    }

    /// Says why there is nothing, the likeliest cause first.
    fn nothing(&self) -> Nothing {
        let days = words::days(self.view.days);
        let left_out = self.compared.report.left_out;
        let tests = left_out.tests + left_out.test_closes;
        let is_narrowed = !self.view.filters.is_empty();
        let counting = words::count(self.operations.counting);
        let sentence = match (self.operations.counting, tests, is_narrowed) {
            (1.., ..) => format!(
                "Still being counted: {counting} surveys are on their way into the numbers. They \
                 show here as they come in."
            ),
            (0, 1.., _) => format!(
                "There is nothing in this time but tests: {} and {} as a test, which count in no \
                 number.",
                words::counted(left_out.tests, "prompt was sent", "prompts were sent"),
                words::counted(left_out.test_closes, "close was taken in", "closes were taken in"),
            ),
            (0, 0, true) => {
                "With these filters, nothing was closed and nobody was prompted in this time."
                    .to_owned()
            }
            (0, 0, false) => "Nothing was closed and nobody was prompted in this time.".to_owned(),
        };
        let all = self.view.with(|view| view.filters = Default::default());
        Nothing {
            title: format!("{}, {days}", words::kind(self.kind)),
            sentence,
            all: is_narrowed.then(|| links::page(links::RESULTS, &all)),
        }
    }

    /// The ends of the type's scale.
    fn scale_ends(&self) -> (f64, f64) {
        match self.kind {
            SurveyType::Csat => (0.0, 100.0),
            SurveyType::Nps => (-100.0, 100.0),
        }
    }

    /// The part of the scale that the lines of the page show: as little of it as holds them all.
    fn line_ends(&self) -> (f64, f64) {
        let rows = self.compared.totals.iter().chain(&self.compared.rows);
        let groups = rows
            .filter(|row| row.group.kind == self.kind)
            .flat_map(|row| [Some(&row.group), row.before.as_ref()])
            .flatten();
        let scores: Vec<Estimate> = groups.filter_map(|group| group.score).collect();
        let lowest = scores.iter().map(|score| score.low.min(score.value)).fold(f64::MAX, f64::min);
        let highest = scores.iter().map(|it| it.high.max(it.value)).fold(f64::MIN, f64::max);
        let (lows, highs): (&[f64], &[f64]) = match self.kind {
            SurveyType::Csat => (&[50.0], &[]),
            SurveyType::Nps => (&[0.0, -50.0], &[50.0]),
        };
        let (low, high) = self.scale_ends();
        (
            lows.iter().copied().find(|end| *end <= lowest).unwrap_or(low),
            highs.iter().copied().find(|end| highest <= *end).unwrap_or(high),
        )
    }

    /// The period in a few words: "these 28 days".
    fn this_period(&self) -> String {
        match (self.view.asked, self.view.days.len()) {
            (AskedPeriod::LastMonth, _) => "this month".to_owned(),
            (AskedPeriod::LastYear, _) => "these 12 months".to_owned(),
            (_, 1) => "this day".to_owned(),
            (_, days) => format!("these {days}\u{a0}days"),
        }
    }

    /// The earlier period as it stands after "in": "the 28 days before".
    fn earlier_period(&self) -> String {
        let days = self.view.days.len();
        match (self.view.against, self.view.asked) {
            (Against::Year, AskedPeriod::LastMonth) => "the same month a year before".to_owned(),
            (Against::Year, AskedPeriod::LastYear) => "the 12 months before".to_owned(),
            (Against::Year, _) => format!("the {days} days a year before"),
            (_, AskedPeriod::LastMonth) => "the month before".to_owned(),
            (_, AskedPeriod::LastYear) => "the 12 months before".to_owned(),
            (_, _) if days == 1 => "the day before".to_owned(),
            (_, _) => format!("the {days} days before"),
        }
    }
}

/// Says why a group shows no score. `None` if it shows one.
fn why_hidden(group: &Group, min_group: u32) -> Option<String> {
    let so_far = if group.immature { " so far" } else { "" };
    match (group.hidden, group.answered) {
        (Some(Hidden::SmallGroup), _) => {
            Some(format!("fewer than {min_group} answers{so_far}: no score"))
        }
        (Some(Hidden::Differencing), _) => {
            Some("held back, or a smaller group could be worked out".to_owned())
        }
        (None, 0) => Some(format!("no answers{so_far}")),
        (None, _) => None,
    }
}

#[cfg(test)]
mod tests;
