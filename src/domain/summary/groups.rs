//! The breakdowns of a report and the group that a survey falls into.

use super::SurveyFacts;
use crate::domain::{days::Zone, survey_type::SurveyType, time::Millis};

/// The key of the group that holds everything.
pub(super) const ALL: &str = "all";

/// What a report is broken down by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupBy {
    Nothing,
    Agent,
    Team,
    Tag,
    Language,
    Source,
    Account,
    Week,
    Question,
    Rule,
    Variant,
}

impl GroupBy {
    /// Every breakdown that can be asked for by name. `Nothing` has no name.
    pub const NAMED: [Self; 10] = [
        Self::Agent,
        Self::Team,
        Self::Tag,
        Self::Language,
        Self::Source,
        Self::Account,
        Self::Week,
        Self::Question,
        Self::Rule,
        Self::Variant,
    ];

    /// The name of the breakdown. It is empty for `Nothing`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Agent => "agent",
            Self::Team => "team",
            Self::Tag => "tag",
            Self::Language => "language",
            Self::Source => "source",
            Self::Account => "account",
            Self::Week => "week",
            Self::Question => "question",
            Self::Rule => "rule",
            Self::Variant => "variant",
        }
    }

    /// The breakdown of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMED.into_iter().find(|by| by.as_str() == name)
    }

    /// The groups that a survey counts in. There is only one, except that a survey with tags counts
    /// in one group per tag.
    ///
    /// `at` is the instant that a week is taken from. A close and its prompt may fall into two
    /// weeks.
    pub fn keys(self, facts: &SurveyFacts, zone: &Zone, at: Millis) -> Vec<GroupKey> {
        let or_absent =
            |name: &Option<String>| name.clone().map_or(GroupKey::Absent, GroupKey::Named);
        let one = match self {
            Self::Nothing => GroupKey::all(),
            Self::Agent => or_absent(&facts.agent),
            Self::Team => or_absent(&facts.team),
            Self::Language => or_absent(&facts.language),
            Self::Rule => or_absent(&facts.rule),
            Self::Variant => or_absent(&facts.variant),
            Self::Source => GroupKey::Named(facts.source.clone()),
            Self::Account => GroupKey::Named(facts.account.clone()),
            Self::Week => GroupKey::Named(zone.day_of(at).iso_week()),
            Self::Question => GroupKey::Question(facts.kind, facts.question_variant_id),
            Self::Tag if facts.tags.is_empty() => GroupKey::Absent,
            Self::Tag => {
                let mut keys: Vec<_> = facts.tags.iter().cloned().map(GroupKey::Named).collect();
                keys.sort();
                keys.dedup();
                return keys;
            }
        };
        vec![one]
    }
}

/// What the surveys of a group have in common. The order is that of the report. Names come first,
/// then questions by their number ("csat 2" before "csat 12"). The surveys without a value come
/// last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupKey {
    Named(String),
    Question(SurveyType, u32),
    Absent,
}

impl GroupKey {
    /// The key of the group that holds everything.
    pub fn all() -> Self {
        Self::Named(ALL.to_owned())
    }

    /// The key as a reader sees it. `None` for the group of surveys without one.
    pub(super) fn shown(&self) -> Option<String> {
        match self {
            Self::Named(name) => Some(name.clone()),
            Self::Question(kind, id) => Some(format!("{} {id}", kind.as_str())),
            Self::Absent => None,
        }
    }
}
