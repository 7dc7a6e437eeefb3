//! Which results are meant: the one value that page, report, files and API read their numbers by.
//!
//! A view is written as the query of an address. What it leaves out has its default, and the same
//! view is always written alike. So a link to what one sees can be sent to a colleague.

mod filters;
mod period;

use thiserror::Error;

pub use self::{
    filters::{Filter, Filters},
    period::{Against, AskedPeriod},
};
use super::{
    days::{Days, Zone},
    mood::Mood,
    named::named,
    summary::GroupBy,
    survey::State,
    survey_type::SurveyType,
    time::{Millis, Period},
};

/// Which results are meant and how they are laid out.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// The type of survey. `None` means both, one beside the other.
    pub kind: Option<SurveyType>,
    pub asked: AskedPeriod,
    pub days: Days,
    /// From the first to the last millisecond of the days. The command line may ask for parts of
    /// days. Then the days are all that the period touches.
    pub period: Period,
    pub against: Against,
    pub filters: Filters,
    /// `Nothing` if the view does not name a breakdown.
    pub by: GroupBy,
    pub order: Order,
    pub mood: Option<Mood>,
    /// The name of the state that the surveys of a list are in. No number obeys it.
    pub state: Option<&'static str>,
    /// True if what was sent as a test counts, too. Only the command line can ask for that.
    pub counts_tests: bool,
    /// The item that the list goes on behind. It is written and read by the list alone.
    pub before: Option<String>,
}

/// The order of the rows of a breakdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// What changed by more than chance first, the falls before the rises. Then the most answers.
    Usual,
    Name,
    /// The most answers first.
    Answers,
    /// The lowest score first.
    Score,
    /// The greatest fall first.
    Change,
    /// The lowest response rate first.
    Answered,
    /// The longest median time first.
    Time,
}

named!(Order {
    Usual = "usual",
    Name = "name",
    Answers = "answers",
    Score = "score",
    Change = "change",
    Answered = "answered",
    Time = "time",
});

/// What is wrong with the query of an address.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ViewFault {
    #[error("{key:?} is no key of a view; the keys are {keys}", keys = keys())]
    UnknownKey { key: String },
    #[error("{key} is given {times} times; give it once")]
    Repeated { key: String, times: usize },
    #[error("{key}={value:?} cannot be read: {key} is {wanted}")]
    Unreadable { key: &'static str, value: String, wanted: String },
    #[error("from={from} is later than to={to}: no day lies between them")]
    Reversed { from: String, to: String },
    #[error("{what}: give either `period` or `from` and `to`")]
    TwoPeriods { what: &'static str },
    #[error("{key} has {times} values; a view has at most {most} of them")]
    TooMany { key: &'static str, times: usize, most: usize },
}

const QUESTION: &str = "question";
const PERIOD: &str = "period";
const FROM: &str = "from";
const TO: &str = "to";
const AGAINST: &str = "against";
const BY: &str = "by";
const ORDER: &str = "order";
const MOOD: &str = "mood";
const STATE: &str = "state";
const BEFORE: &str = "before";

/// The keys that occur at most once.
const SINGLE: [&str; 10] = [QUESTION, PERIOD, FROM, TO, AGAINST, BY, ORDER, MOOD, STATE, BEFORE];

/// The longest text of `before`.
const BEFORE_MAX: usize = 200;

fn keys() -> String {
    let filters = Filter::ALL.map(Filter::as_str);
    [&SINGLE[..], &filters[..]].concat().join(", ")
}

impl View {
    /// The keys of a query that are no filter. Each occurs at most once.
    pub const KEYS: [&str; 10] = SINGLE;

    /// The view without any choice: the last 28 whole days against those before them.
    pub fn usual(zone: &Zone, now: Millis) -> Self {
        let asked = AskedPeriod::Last28Days;
        let days = asked.days(zone.day_of(now));
        Self {
            kind: None,
            asked,
            days,
            period: zone.period(days),
            against: Against::Before,
            filters: Filters::default(),
            by: GroupBy::Nothing,
            order: Order::Usual,
            mood: None,
            state: None,
            counts_tests: false,
            before: None,
        }
    }

    /// The usual view of a period that may begin and end in the middle of a day.
    pub fn exactly(period: Period, zone: &Zone, now: Millis) -> Self {
        let days = Days { from: zone.day_of(period.from), to: zone.day_of(period.to) };
        Self { asked: AskedPeriod::Days(days), days, period, ..Self::usual(zone, now) }
    }

    /// The days of the view if it covers them from their first to their last millisecond.
    pub fn whole_days(&self, zone: &Zone) -> Option<Days> {
        zone.whole_days(self.period)
    }

    /// Reads the pairs of an address's query. Every fault is told, not only the first.
    pub fn parse<'q>(
        pairs: impl IntoIterator<Item = (&'q str, &'q str)>,
        zone: &Zone,
        now: Millis,
    ) -> Result<Self, Vec<ViewFault>> {
        let mut view = Self::usual(zone, now);
        let mut faults = Vec::new();
        let (mut single, mut filters) = (Vec::new(), Vec::new());
        for (key, value) in pairs {
            match (SINGLE.iter().find(|known| **known == key), Filter::parse(key)) {
                (Some(key), _) => single.push((*key, value)),
                (None, Some(filter)) => filters.push((filter, value)),
                (None, None) => faults.push(ViewFault::UnknownKey { key: shortened(key) }),
            }
        }
        for key in SINGLE {
            let times = single.iter().filter(|(given, _)| *given == key).count();
            if times > 1 {
                faults.push(ViewFault::Repeated { key: key.to_owned(), times });
            }
        }
        for (key, value) in &single {
            // A form sends what was left empty, too.
            if !value.is_empty()
                && let Err(fault) = view.set(key, value)
            {
                faults.push(fault);
            }
        }
        let given = |key: &str| {
            let pair = single.iter().find(|(given, value)| *given == key && !value.is_empty());
            pair.map(|(_, value)| *value)
        };
        match period::asked(given(PERIOD), given(FROM), given(TO), zone.day_of(now)) {
            Ok(asked) => view.asked = asked,
            Err(fault) => faults.push(fault),
        }
        match Filters::of(&filters) {
            Ok(filters) => view.filters = filters,
            Err(fault) => faults.push(fault),
        }
        view.days = view.asked.days(zone.day_of(now));
        view.period = zone.period(view.days);
        if faults.is_empty() { Ok(view) } else { Err(faults) }
    }

    fn set(&mut self, key: &'static str, value: &str) -> Result<(), ViewFault> {
        let unreadable =
            |wanted: String| ViewFault::Unreadable { key, value: shortened(value), wanted };
        match key {
            QUESTION => match SurveyType::parse(value) {
                Some(kind) => self.kind = Some(kind),
                None => return Err(unreadable("csat or nps".to_owned())),
            },
            AGAINST => match Against::parse(value) {
                Some(against) => self.against = against,
                None => return Err(unreadable(one_of(&Against::ALL.map(Against::as_str)))),
            },
            BY => match GroupBy::parse(value) {
                Some(by) => self.by = by,
                None => return Err(unreadable(one_of(&GroupBy::NAMED.map(GroupBy::as_str)))),
            },
            ORDER => match Order::parse(value) {
                Some(order) => self.order = order,
                None => return Err(unreadable(one_of(&Order::ALL.map(Order::as_str)))),
            },
            MOOD => match Mood::parse(value) {
                Some(mood) => self.mood = Some(mood),
                None => return Err(unreadable(one_of(&Mood::ALL.map(Mood::as_str)))),
            },
            STATE => match State::NAMES.into_iter().find(|name| *name == value) {
                Some(name) => self.state = Some(name),
                None => return Err(unreadable(one_of(&State::NAMES))),
            },
            BEFORE if value.len() <= BEFORE_MAX => self.before = Some(value.to_owned()),
            BEFORE => return Err(unreadable("copied from the link to the next page".to_owned())),
            // The period is read as a whole.
            _ => {}
        }
        Ok(())
    }

    /// The view as the pairs of a query. Defaults are left out, and equal views have equal pairs.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = Vec::new();
        if let Some(kind) = self.kind {
            pairs.push((QUESTION, kind.as_str().to_owned()));
        }
        pairs.extend(self.asked.pairs());
        if self.against != Against::Before {
            pairs.push((AGAINST, self.against.as_str().to_owned()));
        }
        pairs.extend(self.filters.pairs());
        if self.by != GroupBy::Nothing {
            pairs.push((BY, self.by.as_str().to_owned()));
        }
        if self.order != Order::Usual {
            pairs.push((ORDER, self.order.as_str().to_owned()));
        }
        if let Some(mood) = self.mood {
            pairs.push((MOOD, mood.as_str().to_owned()));
        }
        if let Some(state) = self.state {
            pairs.push((STATE, state.to_owned()));
        }
        if let Some(before) = &self.before {
            pairs.push((BEFORE, before.clone()));
        }
        pairs
    }

    /// The same view over the days that it is compared with. `None` if it is compared with none.
    pub fn compared_with(&self, zone: &Zone) -> Option<Self> {
        let days = self.asked.compared_with(self.days, self.against)?;
        if self.whole_days(zone).is_some() {
            return Some(self.over(days, zone));
        }
        let back = match self.against {
            Against::Nothing => return None,
            Against::Before => self.period.to.0 - self.period.from.0 + 1,
            Against::Year => i64::from(days.from.since(self.days.from)).abs() * 86_400_000,
        };
        let earlier = |at: Millis| Millis(at.0.saturating_sub(back));
        let period = Period { from: earlier(self.period.from), to: earlier(self.period.to) };
        Some(Self { period, ..self.over(days, zone) })
    }

    /// The same view over other days.
    pub fn over(&self, days: Days, zone: &Zone) -> Self {
        Self { asked: AskedPeriod::Days(days), days, period: zone.period(days), ..self.clone() }
    }

    /// The same view from the first page on, changed by `change`: for links.
    pub fn with(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut view = Self { before: None, ..self.clone() };
        change(&mut view);
        view
    }
}

/// "team, agent or tag".
fn one_of(names: &[&str]) -> String {
    match names {
        [all @ .., last] if !all.is_empty() => format!("{} or {last}", all.join(", ")),
        names => names.concat(),
    }
}

/// A text of the asker's, short enough to repeat in an error.
fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests;
