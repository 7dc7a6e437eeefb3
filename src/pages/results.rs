//! The page of results: the score and what became of it, in the order in which people ask.
//!
//! Owns what the page says and where. Must not compute a number: scores, differences and what is
//! hidden come from `domain::summary`.

mod breakdown;
mod chosen;
mod funnel;
mod head;
mod names;
mod weeks;

use std::time::Duration;

use serde::Serialize;

use self::breakdown::Breakdown;
use self::chosen::ScoreBars;
use self::funnel::Funnel;
use self::head::Head;
use self::weeks::WeeklyCourse;
use super::comments::{CommentList, SaidList, SaidTerms, said};
use super::filters::{Choices, FilterBar, bar};
use super::operations::{Operations, OperationsFact, facts};
use super::scope::{ScopeForm, scope};
use super::{PageForm, links, words};
use crate::domain::days::{Day, Days, Zone};
use crate::domain::summary::{Compared, ComparedGroup, Estimate, Group, GroupBy, Hidden, Report};
use crate::domain::survey_type::SurveyType;
use crate::domain::time::Millis;
use crate::domain::view::{Against, AskedPeriod, Filter, Filters, View};

/// The page of results.
pub struct ResultsPage<'a> {
    pub view: &'a View,
    /// What its numbers are narrowed down to: the view's filters within the limits of the viewer.
    pub obeyed: &'a Filters,
    /// How long a prompt may still be answered.
    pub fresh_for: Duration,
    /// The answers to prompts of today, if the view ends before today.
    pub answers_today: u64,
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
    /// What the service does now. `None` in a file.
    now: Option<FactLine>,
    /// True if the facts stand above the numbers: somebody must act, or the numbers lack something.
    is_pressing: bool,
    /// `Some` if there is nothing to show.
    nothing: Option<Nothing>,
    results: Option<ResultSections>,
    method: Method,
}

#[derive(Serialize)]
struct FactLine {
    facts: Vec<OperationsFact>,
}

/// Why there is nothing to show.
#[derive(Serialize)]
struct Nothing {
    title: Title,
    sentence: String,
    today: Option<TodayLink>,
    /// The view without its filters, if they may be the cause.
    all: Option<String>,
}

/// "CSAT, Billing, 2 to 29 November 2026". Names from outside are isolated one by one.
#[derive(Serialize)]
struct Title {
    kind: &'static str,
    scope: Vec<String>,
    days: String,
}

/// Leads to the answers of the running day, which a view of whole days leaves out.
#[derive(Serialize)]
struct TodayLink {
    answers: String,
    href: String,
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
    pub(super) fn content(&self, form: PageForm) -> ResultsContent {
        let is_live = form == PageForm::Live;
        let by = self.compared.report.by;
        let total = self.compared.total(self.kind);
        ResultsContent {
            bar: is_live.then(|| {
                let times = (self.zone, self.now);
                bar(links::RESULTS, self.view, times, Some(self.kind), self.choices)
            }),
            now: is_live.then(|| FactLine { facts: facts(self.operations, self.zone, self.now) }),
            is_pressing: self.operations.is_pressing(),
            nothing: total.is_none().then(|| self.nothing(form)),
            results: total.map(|total| self.shown(total, form)),
            method: Method {
                zone: self.zone.name().to_owned(),
                min_group: self.compared.report.min_group,
                is_nps: self.kind == SurveyType::Nps,
                many: words::breakdown(by).1,
            },
        }
    }

    fn shown(&self, total: &ComparedGroup, form: PageForm) -> ResultSections {
        let terms = SaidTerms {
            view: self.view,
            zone: self.zone,
            now: self.now,
            kind: Some(self.kind),
            min_group: self.compared.report.min_group,
            form,
        };
        let comments = CommentList { total: Some(total.group.commented), ..self.comments.clone() };
        ResultSections {
            head: head::head(self, total, form),
            course: weeks::course(self),
            chosen: chosen::chosen(self, total),
            funnel: funnel::funnel(self, &total.group),
            breakdown: breakdown::breakdown(self, total),
            said: said(&comments, terms),
        }
    }

    fn title(&self, form: PageForm) -> Title {
        let of_scope = match form {
            PageForm::Live => ScopeForm::Short,
            PageForm::File => ScopeForm::Full,
        };
        Title {
            kind: words::kind(self.kind),
            scope: scope(self.obeyed, of_scope),
            days: words::days(self.view.days),
        }
    }

    /// Leads to today if nothing else shows what came in today.
    fn today(&self) -> Option<TodayLink> {
        let today = self.zone.day_of(self.now);
        let is_left_out = self.view.days.to < today && self.answers_today > 0;
        let view = links::over(self.view, AskedPeriod::Days(Days { from: today, to: today }));
        is_left_out.then(|| TodayLink {
            answers: words::counted(self.answers_today, "answer", "answers"),
            href: links::page(links::RESULTS, &view),
        })
    }

    /// The name of all rows together: "All teams", "All agents of Billing", "Billing".
    fn total_name(&self) -> String {
        let by = self.compared.report.by;
        let names = words::listed(&scope(self.obeyed, ScopeForm::Short));
        let of_rows = Filter::of(by).and_then(|filter| self.obeyed.get(filter));
        match (names.as_str(), of_rows, by) {
            ("", ..) => format!("All {}", words::breakdown(by).1),
            (_, Some(_), _) | (_, _, GroupBy::Nothing) => names,
            (_, None, _) => format!("All {} of {names}", words::breakdown(by).1),
        }
    }

    /// The last day on which an answer may come in: "Answers may still come in until 6 December."
    fn last_answers(&self, group: &Group) -> Option<String> {
        let last_prompt = self.view.period.to.min(self.now);
        let last = self.zone.day_of(last_prompt.plus(self.fresh_for));
        let words = words::day_in_words(last);
        group.immature.then(|| format!("Answers may still come in until {words}."))
    }

    /// Says why there is nothing, the likeliest cause first.
    fn nothing(&self, form: PageForm) -> Nothing {
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
            title: self.title(form),
            sentence,
            today: self.today(),
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

    /// The part of the scale that lines of these rows show: round ends around them all, and at
    /// least half of CSAT's scale. A smaller part would make chance look like a change.
    fn line_ends<'r>(&self, rows: impl Iterator<Item = &'r ComparedGroup>) -> (f64, f64) {
        let (first, last) = self.scale_ends();
        let (step, least) = match self.kind {
            SurveyType::Csat => (10.0, 50.0),
            SurveyType::Nps => (20.0, 100.0),
        };
        let groups = rows.flat_map(|row| [Some(&row.group), row.before.as_ref()]).flatten();
        let scores: Vec<Estimate> = groups.filter_map(|group| group.score).collect();
        let lowest = scores.iter().map(|score| score.low.min(score.value)).fold(last, f64::min);
        let highest = scores.iter().map(|it| it.high.max(it.value)).fold(first, f64::max);
        if lowest > highest {
            return (first, last);
        }
        let mut low = ((lowest / step).floor() * step).max(first);
        let mut high = ((highest / step).ceil() * step).min(last);
        while high - low < least {
            low = (low - step).max(first);
            high = if high - low < least { (high + step).min(last) } else { high };
        }
        (low, high)
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

    /// "in these 28 days", "on this day".
    fn in_this_period(&self) -> String {
        let preposition = if self.view.days.len() == 1 { "on" } else { "in" };
        format!("{preposition} {}", self.this_period())
    }

    /// The earlier period as it stands after "in": "the 28 days before".
    fn earlier_period(&self) -> String {
        let days = self.view.days.len();
        match (self.view.against, self.view.asked) {
            (Against::Year, AskedPeriod::LastMonth) => "the same month a year before".to_owned(),
            (Against::Year, AskedPeriod::LastYear) => "the 12 months before".to_owned(),
            (Against::Year, _) if days == 1 => "the same weekday a year before".to_owned(),
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
    match (group.hidden, group.answered) {
        (Some(Hidden::SmallGroup), _) => Some(format!("fewer than {min_group} answers: no score")),
        (Some(Hidden::Differencing), _) => {
            Some("held back, or a smaller group could be worked out".to_owned())
        }
        (None, 0) => Some("no answers".to_owned()),
        (None, _) => None,
    }
}

#[cfg(test)]
mod tests;
