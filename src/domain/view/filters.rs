//! The filters of a view. Each narrows it down to surveys with one of some values.

use std::collections::{BTreeMap, BTreeSet};

use super::ViewFault;
use crate::domain::named::named;
use crate::domain::summary::{GroupBy, SurveyFacts};

/// What a view can be narrowed down by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Filter {
    Account,
    Team,
    Agent,
    Tag,
    Language,
    Source,
    Rule,
    Variant,
}

named!(Filter {
    Account = "account",
    Team = "team",
    Agent = "agent",
    Tag = "tag",
    Language = "language",
    Source = "source",
    Rule = "rule",
    Variant = "variant",
});

impl Filter {
    /// The breakdown whose rows this filter narrows a view down to.
    pub fn of(by: GroupBy) -> Option<Self> {
        Self::parse(by.as_str())
    }

    /// True if the survey has one of the values. The empty value stands for surveys without any.
    fn matches(self, facts: &SurveyFacts, values: &BTreeSet<String>) -> bool {
        // A survey whose value is the empty text is in no filter.
        let one = |value: Option<&String>| match value {
            None => values.contains(""),
            Some(value) => !value.is_empty() && values.contains(value),
        };
        match self {
            Self::Account => values.contains(&facts.account),
            Self::Source => values.contains(&facts.source),
            Self::Team => one(facts.team.as_ref()),
            Self::Agent => one(facts.agent.as_ref()),
            Self::Language => one(facts.language.as_ref()),
            Self::Rule => one(facts.rule.as_ref()),
            Self::Variant => one(facts.variant.as_ref()),
            Self::Tag if facts.tags.is_empty() => values.contains(""),
            Self::Tag => facts.tags.iter().any(|tag| values.contains(tag)),
        }
    }
}

/// The values that a view is narrowed down to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filters(BTreeMap<Filter, BTreeSet<String>>);

impl Filters {
    /// The most values of one filter.
    pub const VALUES_MAX: usize = 50;

    /// Reads the filters of a query. The empty value means the surveys without one.
    pub(super) fn of(given: &[(Filter, &str)]) -> Result<Self, ViewFault> {
        let mut filters = Self::default();
        for (filter, value) in given {
            filters.add(*filter, *value);
        }
        for (filter, values) in &filters.0 {
            if values.len() > Self::VALUES_MAX {
                let (times, most) = (values.len(), Self::VALUES_MAX);
                return Err(ViewFault::TooMany { key: filter.as_str(), times, most });
            }
        }
        Ok(filters)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The filters in use, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = (Filter, &BTreeSet<String>)> {
        self.0.iter().map(|(filter, values)| (*filter, values))
    }

    /// The values of one filter. `None` if it is not in use.
    pub fn get(&self, filter: Filter) -> Option<&BTreeSet<String>> {
        self.0.get(&filter)
    }

    /// The value of a filter that has exactly one.
    pub fn single(&self, filter: Filter) -> Option<&str> {
        let values = self.get(filter)?;
        values.first().filter(|_| values.len() == 1).map(String::as_str)
    }

    pub fn add(&mut self, filter: Filter, value: impl Into<String>) {
        self.0.entry(filter).or_default().insert(value.into());
    }

    /// Narrows down to one value.
    pub fn set(&mut self, filter: Filter, value: impl Into<String>) {
        self.0.insert(filter, BTreeSet::from([value.into()]));
    }

    /// Narrows down to some of these values. Those that a filter in use leaves out stay out. The
    /// view is then empty if nothing is left.
    pub fn limit(&mut self, filter: Filter, to: &BTreeSet<String>) {
        let left = match self.0.remove(&filter) {
            Some(values) => values.intersection(to).cloned().collect(),
            None => to.clone(),
        };
        self.0.insert(filter, left);
    }

    pub fn remove(&mut self, filter: Filter) {
        self.0.remove(&filter);
    }

    pub fn matches(&self, facts: &SurveyFacts) -> bool {
        self.0.iter().all(|(filter, values)| filter.matches(facts, values))
    }

    pub(super) fn pairs(&self) -> impl Iterator<Item = (&'static str, String)> {
        let pairs = |(filter, values): (Filter, &BTreeSet<String>)| {
            values.iter().map(|value| (filter.as_str(), value.clone())).collect::<Vec<_>>()
        };
        self.iter().flat_map(pairs)
    }
}
