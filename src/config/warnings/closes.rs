//! Warns of configured values that match no close on record.
//!
//! A misspelt team in a rule surveys nobody and raises no fault. A login limited to one sees
//! nothing, and an alert is told nothing.

mod limits;

use std::collections::{BTreeMap, BTreeSet};

use super::super::defaults::SKIP_CLOSED_BY;
use super::super::names::nearest;
use super::super::{Config, Rule, SurveyConfig};
use super::Warning;
use crate::domain::close::Notice;
use crate::domain::plain_text::printable;
use crate::domain::policy::rule::When;

/// A close on record with the fields that policies look at.
#[derive(Clone, Debug, PartialEq)]
pub struct CloseOnRecord {
    pub account: String,
    pub source: String,
    pub notice: Notice,
}

/// The least number of closes from a source that allows a conclusion.
const CLOSES_LEAST: usize = 20;
/// The most warnings that are shown.
const WARNINGS_MOST: usize = 20;
/// The most values and characters of each that a warning shows from the closes.
const SHOWN_MOST: usize = 5;
const SHOWN_CHARACTERS: usize = 40;

/// The field of a close that a policy looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PolicyField<'a> {
    Source,
    Tag,
    Team,
    Agent,
    Language,
    ClosedBy,
    Attribute(&'a str),
}

/// A configured value and its key.
struct ConfiguredValue<'a> {
    key: String,
    field: PolicyField<'a>,
    value: &'a str,
    /// The condition that a close with this value meets.
    when: When,
}

impl ConfiguredValue<'_> {
    /// Returns the value of the closes that the configured one most likely means. Values of
    /// attributes may be personal, so none is guessed.
    fn guess<'n>(&self, named: &BTreeMap<&'n str, usize>) -> Option<&'n str> {
        match self.field {
            PolicyField::Attribute(_) | PolicyField::Language | PolicyField::ClosedBy => None,
            PolicyField::Source | PolicyField::Tag | PolicyField::Team | PolicyField::Agent => {
                nearest(self.value, named.keys().copied())
            }
        }
    }
}

/// Warns of each configured value that matches none of an account's closes. A source with too few
/// closes gives no warning.
///
/// A warning shows no person's name or id. It shows the name of an agent or an attribute's value
/// only if that is close to the configured one.
pub fn of_closes(config: &Config, closes: &[CloseOnRecord]) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for account in &config.accounts {
        let mut by_source: BTreeMap<&str, Vec<&Notice>> = BTreeMap::new();
        for close in closes.iter().filter(|close| close.account == account.name) {
            by_source.entry(close.source.as_str()).or_default().push(&close.notice);
        }
        let whole = RecordedCloses::of(&by_source, None);
        for (rule, survey) in account.surveys() {
            let heard = RecordedCloses::of(&by_source, rule);
            let (key, own) = match rule {
                None => (format!("accounts.{}.survey", account.name), None),
                Some(rule) => {
                    let key = format!("accounts.{}.rules.{}", account.name, rule.name);
                    (key, Some(&account.survey))
                }
            };
            if let Some(rule) = rule.filter(|_| !whole.judged.is_empty()) {
                let sources = rule.when.source.iter();
                let sources = sources
                    .map(|name| wanted(format!("{key}.when.source"), PolicyField::Source, name));
                warnings.extend(sources.filter_map(|wanted| whole.unfit(&wanted)));
            }
            if heard.judged.is_empty() {
                continue;
            }
            let mut wanted = rule.map(|rule| of_when(&key, &rule.when)).unwrap_or_default();
            let is_asked = rule.is_none_or(|rule| !rule.skip);
            if is_asked {
                wanted.extend(of_survey(&key, survey, own));
                warnings.extend(heard.thin(&key, survey, own));
            }
            warnings.extend(wanted.iter().filter_map(|wanted| heard.unfit(wanted)));
        }
    }
    warnings.extend(limits::of_limits(config, closes));
    let more = warnings.len().saturating_sub(WARNINGS_MOST);
    warnings.truncate(WARNINGS_MOST);
    if more > 0 {
        warnings.push(Warning {
            key: "accounts".into(),
            problem: format!("{more} more configured values fitted no close on record"),
            remedy: "mend those above, and run surveyd check again".into(),
        });
    }
    warnings
}

/// The closes that a survey or a rule may apply to.
struct RecordedCloses<'a> {
    all: Vec<(&'a str, &'a Notice)>,
    /// The closes by source from sources with at least [`CLOSES_LEAST`] of them.
    judged: BTreeMap<&'a str, &'a [&'a Notice]>,
}

impl<'a> RecordedCloses<'a> {
    fn of(by_source: &'a BTreeMap<&'a str, Vec<&'a Notice>>, rule: Option<&Rule>) -> Self {
        let is_meant = |source: &str| {
            let named = rule.map_or(&[][..], |rule| &rule.when.source);
            named.is_empty() || named.iter().any(|name| name == source)
        };
        let (mut all, mut judged) = (Vec::new(), BTreeMap::new());
        for (source, notices) in by_source.iter().filter(|(source, _)| is_meant(source)) {
            all.extend(notices.iter().map(|notice| (*source, *notice)));
            if notices.len() >= CLOSES_LEAST {
                judged.insert(*source, notices.as_slice());
            }
        }
        Self { all, judged }
    }

    /// Returns a text like `the last 200 closes of helpdesk and 45 of enqueue`.
    fn described(&self) -> String {
        let mut parts = self.judged.iter().map(|(source, notices)| (source, notices.len()));
        let Some((source, count)) = parts.next() else { return String::new() };
        let first = format!("the last {count} closes of {}", printable(source));
        parts.fold(first, |all, (source, count)| {
            format!("{all} and {count} of {}", printable(source))
        })
    }

    fn unfit(&self, wanted: &ConfiguredValue<'_>) -> Option<Warning> {
        if self.all.iter().any(|(source, notice)| wanted.when.matches(source, notice)) {
            return None;
        }
        let mut named: BTreeMap<&str, usize> = BTreeMap::new();
        for (source, notices) in &self.judged {
            for notice in *notices {
                for value in values(source, notice, wanted.field) {
                    *named.entry(value).or_default() += 1;
                }
            }
        }
        let (near, said) = said(wanted, &named);
        let guess = wanted.guess(&named);
        Some(Warning {
            key: wanted.key.clone(),
            problem: format!("{:?} fitted none of {}; {said}", wanted.value, self.described()),
            remedy: match (near, guess) {
                (Some(near), _) => format!("write {near:?}, if that is meant"),
                (None, Some(guess)) => format!("did you mean {:?}?", shown(guess)),
                (None, None) => "correct it, or take it away if no close will ever be so".into(),
            },
        })
    }

    /// Warns of a minimum of messages if no close says how many there were.
    fn thin(
        &self,
        key: &str,
        survey: &SurveyConfig,
        own: Option<&SurveyConfig>,
    ) -> Option<Warning> {
        let is_told = self.all.iter().any(|(_, notice)| notice.agent_messages.is_some());
        let same = own.is_some_and(|own| own.min_agent_messages == survey.min_agent_messages);
        if survey.min_agent_messages == 0 || same || is_told {
            return None;
        }
        Some(Warning {
            key: format!("{key}.min_agent_messages"),
            problem: format!(
                "has no effect: none of {} told how many messages the agent wrote",
                self.described()
            ),
            remedy: "let the source tell agent_messages, or take it away".into(),
        })
    }
}

/// Describes the values that the closes had instead. A value similar to the configured one comes
/// first and is also returned alone. The others follow by frequency.
fn said(wanted: &ConfiguredValue<'_>, named: &BTreeMap<&str, usize>) -> (Option<String>, String) {
    let is_near = |value: &&str| folded(value) == folded(wanted.value);
    let near = named.keys().copied().find(is_near).map(shown);
    // Other agents' names and attribute values may be personal and stay hidden.
    let is_private = matches!(wanted.field, PolicyField::Agent | PolicyField::Attribute(_));
    let mut others: Vec<_> = named.iter().filter(|(value, _)| !is_near(value)).collect();
    others.sort_by_key(|(value, count)| (std::cmp::Reverse(**count), **value));
    let mut parts: Vec<String> = named.keys().copied().filter(is_near).map(shown).collect();
    if !is_private {
        parts.extend(others.iter().map(|(value, _)| shown(value)));
    }
    let left = named.len().saturating_sub(parts.len().min(SHOWN_MOST));
    parts.truncate(SHOWN_MOST);
    let said = match (parts.is_empty(), left) {
        (true, 0) => "they named none".to_owned(),
        (true, 1) => "they named another".to_owned(),
        (true, left) => format!("they named {left} others"),
        (false, 0) => format!("they named {}", parts.join(", ")),
        (false, left) => format!("they named {} and {left} more", parts.join(", ")),
    };
    (near, said)
}

fn shown(value: &str) -> String {
    let mut characters = value.chars();
    let short: String = characters.by_ref().take(SHOWN_CHARACTERS).collect();
    let more = if characters.next().is_some() { "…" } else { "" };
    printable(&short) + more
}

/// Reduces a value to its small letters and digits for comparison.
fn folded(value: &str) -> String {
    value.to_lowercase().chars().filter(|letter| letter.is_alphanumeric()).collect()
}

fn values<'a>(source: &'a str, notice: &'a Notice, field: PolicyField<'_>) -> BTreeSet<&'a str> {
    let one = |value: &'a Option<String>| value.as_deref().into_iter().collect();
    match field {
        PolicyField::Source => BTreeSet::from([source]),
        PolicyField::Tag => notice.tags.iter().map(String::as_str).collect(),
        PolicyField::Team => one(&notice.team),
        PolicyField::Agent => one(&notice.agent),
        PolicyField::Language => one(&notice.language),
        PolicyField::ClosedBy => notice.closed_by.map(|by| by.as_str()).into_iter().collect(),
        PolicyField::Attribute(name) => {
            notice.attributes.get(name).map(String::as_str).into_iter().collect()
        }
    }
}

fn of_when<'a>(key: &str, when: &'a When) -> Vec<ConfiguredValue<'a>> {
    let texts = [
        ("tag", PolicyField::Tag, &when.tag),
        ("team", PolicyField::Team, &when.team),
        ("agent", PolicyField::Agent, &when.agent),
        ("language", PolicyField::Language, &when.language),
    ];
    let texts = texts.into_iter().flat_map(|(name, field, values)| {
        let key = format!("{key}.when.{name}");
        values.iter().map(move |value| wanted(key.clone(), field, value))
    });
    let closers = when.closed_by.iter();
    let closers = closers
        .map(|by| wanted(format!("{key}.when.closed_by"), PolicyField::ClosedBy, by.as_str()));
    let attributes = when.attributes.iter().flat_map(|(name, values)| {
        let key = format!("{key}.when.attributes.{name}");
        values.iter().map(move |value| wanted(key.clone(), PolicyField::Attribute(name), value))
    });
    texts.chain(closers).chain(attributes).collect()
}

fn of_survey<'a>(
    key: &str,
    survey: &'a SurveyConfig,
    own: Option<&SurveyConfig>,
) -> Vec<ConfiguredValue<'a>> {
    let mut all = Vec::new();
    if own.is_none_or(|own| own.texts != survey.texts) {
        let languages = survey.texts.templates.languages();
        all.extend(languages.map(|language| {
            wanted(format!("{key}.messages.{language}"), PolicyField::Language, language)
        }));
    }
    let skipped = &survey.skip_closed_by;
    // The operator did not choose the default and needs no warning about it.
    if *skipped != SKIP_CLOSED_BY && own.is_none_or(|own| own.skip_closed_by != *skipped) {
        let key = format!("{key}.skip_closed_by");
        let closers = skipped.iter();
        all.extend(closers.map(|by| wanted(key.clone(), PolicyField::ClosedBy, by.as_str())));
    }
    all
}

fn wanted<'a>(key: String, field: PolicyField<'a>, value: &'a str) -> ConfiguredValue<'a> {
    let list = || vec![value.to_owned()];
    let mut when = When::default();
    match field {
        PolicyField::Source => when.source = list(),
        PolicyField::Tag => when.tag = list(),
        PolicyField::Team => when.team = list(),
        PolicyField::Agent => when.agent = list(),
        PolicyField::Language => when.language = list(),
        PolicyField::ClosedBy => {
            when.closed_by = crate::domain::close::ClosedBy::parse(value).into_iter().collect();
        }
        PolicyField::Attribute(name) => {
            when.attributes.insert(name.to_owned(), list());
        }
    }
    ConfiguredValue { key, field, value, when }
}

#[cfg(test)]
mod tests;
