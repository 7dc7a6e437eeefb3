//! Warns of policies that can have no effect. Either a source never reports the field that the
//! policy looks at or another policy applies first.

use std::collections::BTreeSet;

use super::super::defaults::SKIP_CLOSED_BY;
use super::super::{Config, Rule, Source, SurveyConfig};
use super::Warning;
use crate::domain::mapping::FieldName;
use crate::domain::policy::rule::When;

/// The field of a close that a policy looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
enum NeededField {
    Named(FieldName),
    Attribute(String),
}

/// The end of a policy's key and the field that it looks at.
type Policy = (String, NeededField);

/// Warns of each policy that needs a field which a source of its account never reports.
///
/// Sources of kind `standard` and folders may report every field and need no warning.
pub(super) fn of_policies(config: &Config, warnings: &mut Vec<Warning>) {
    for account in &config.accounts {
        let may_name = |source: &&Source| {
            source.mapping.is_some()
                && (source.accounts.is_empty() || source.accounts.contains(&account.name))
        };
        let sources: Vec<_> = config.sources.iter().filter(may_name).collect();
        for (rule, survey) in account.surveys() {
            let (key, policies) = match rule {
                None => (format!("accounts.{}.survey", account.name), of_survey(survey, None)),
                Some(rule) => {
                    let mut policies = of_when(&rule.when);
                    if !rule.skip {
                        policies.extend(of_survey(survey, Some(&account.survey)));
                    }
                    (format!("accounts.{}.rules.{}", account.name, rule.name), policies)
                }
            };
            let meant = |source: &&&Source| {
                rule.is_none_or(|rule| {
                    let named = &rule.when.source;
                    named.is_empty() || named.contains(&source.name)
                })
            };
            for (policy, needed) in policies {
                let silent = sources.iter().filter(meant).filter(|source| !tells(source, &needed));
                let silent: Vec<_> = silent
                    .map(|source| format!("{} ({})", source.name, source.kind.as_str()))
                    .collect();
                if !silent.is_empty() {
                    warnings.push(unfed(format!("{key}.{policy}"), &needed, &silent));
                }
            }
            warnings.extend(rule.and_then(|rule| skipped_anyway(&key, rule)));
        }
    }
}

fn unfed(key: String, needed: &NeededField, silent: &[String]) -> Warning {
    let (what, how) = match needed {
        NeededField::Named(field) => {
            (field.as_str().to_owned(), format!("{} = \"/…\"", field.as_str()))
        }
        NeededField::Attribute(name) => {
            (format!("the attribute {name}"), format!("attributes = {{ {name} = \"/…\" }}"))
        }
    };
    Warning {
        key,
        problem: format!(
            "has no effect on closes from {}: nothing there tells {what}",
            silent.join(", ")
        ),
        remedy: format!(
            "say in [[sources]] where it stands, {how}, or keep the policy to other sources by a rule"
        ),
    }
}

fn of_survey(survey: &SurveyConfig, own: Option<&SurveyConfig>) -> Vec<Policy> {
    let differs = |is_same: &dyn Fn(&SurveyConfig) -> bool| own.is_none_or(|own| !is_same(own));
    let mut policies = Vec::new();
    let mut add = |key: &str, field| policies.push((key.to_owned(), NeededField::Named(field)));
    if survey.stale_after.is_some() && differs(&|own| own.stale_after == survey.stale_after) {
        add("stale_after", FieldName::LastMessageAt);
    }
    if survey.min_agent_messages > 0
        && differs(&|own| own.min_agent_messages == survey.min_agent_messages)
    {
        add("min_agent_messages", FieldName::AgentMessages);
    }
    // The operator did not choose the default and needs no warning about it.
    if !survey.skip_closed_by.is_empty()
        && survey.skip_closed_by != SKIP_CLOSED_BY
        && differs(&|own| own.skip_closed_by == survey.skip_closed_by)
    {
        add("skip_closed_by", FieldName::ClosedBy);
    }
    let has_languages =
        survey.texts.templates.tried().iter().any(|(language, _)| language.is_some());
    if has_languages && differs(&|own| own.texts == survey.texts) {
        add("messages", FieldName::Language);
    }
    policies
}

fn of_when(when: &When) -> Vec<Policy> {
    let named = [
        ("tag", when.tag.is_empty(), FieldName::Tags),
        ("team", when.team.is_empty(), FieldName::Team),
        ("agent", when.agent.is_empty(), FieldName::Agent),
        ("language", when.language.is_empty(), FieldName::Language),
        ("closed_by", when.closed_by.is_empty(), FieldName::ClosedBy),
    ];
    let fields = named.into_iter().filter(|(_, is_empty, _)| !is_empty);
    let fields = fields.map(|(key, _, field)| (format!("when.{key}"), NeededField::Named(field)));
    let attributes = when.attributes.keys();
    let attributes = attributes
        .map(|name| (format!("when.attributes.{name}"), NeededField::Attribute(name.clone())));
    fields.chain(attributes).collect()
}

fn tells(source: &Source, needed: &NeededField) -> bool {
    source.mapping.as_ref().is_none_or(|mapping| match needed {
        NeededField::Named(field) => !mapping.field(*field).0.is_empty(),
        NeededField::Attribute(name) => mapping.attributes.contains_key(name),
    })
}

/// Warns of a rule whose own `skip_closed_by` excludes every close that the rule matches.
fn skipped_anyway(key: &str, rule: &Rule) -> Option<Warning> {
    let (wanted, skipped) = (&rule.when.closed_by, &rule.survey.skip_closed_by);
    if rule.skip || wanted.is_empty() || !wanted.iter().all(|by| skipped.contains(by)) {
        return None;
    }
    let names: BTreeSet<_> = wanted.iter().map(|by| by.as_str()).collect();
    let names: Vec<_> = names.into_iter().collect();
    Some(Warning {
        key: format!("{key}.when.closed_by"),
        problem: format!(
            "asks nobody: skip_closed_by leaves out what is closed by {}",
            names.join(", ")
        ),
        remedy: "write skip_closed_by = [] into the rule, or skip = true if that is meant".into(),
    })
}
