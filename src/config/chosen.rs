//! Chooses which of an account's settings apply to one close.
//!
//! - The first rule that matches the close replaces the account's survey.
//! - The person's draw then chooses one of the survey's variants or none.

use std::time::Duration;

use super::variants::CONTROL;
use super::{Account, Rule, SurveyConfig, Variant};
use crate::domain::close::Notice;
use crate::domain::id::UserId;
use crate::domain::policy::Rules;
use crate::domain::policy::draws::of_variant;
use crate::domain::prompt_text::Templates;
use crate::domain::survey_type::SurveyType;

/// The settings that apply to one close.
#[derive(Clone, Copy, Debug)]
pub struct Chosen<'a> {
    account: &'a Account,
    rule: Option<&'a Rule>,
    survey: &'a SurveyConfig,
    variant: Option<&'a Variant>,
}

impl Account {
    /// Chooses the settings for a close that `source` reported about a conversation with `person`.
    pub fn chosen(&self, source: &str, person: Option<&UserId>, notice: &Notice) -> Chosen<'_> {
        let rule = self.rules.iter().find(|rule| rule.when.matches(source, notice));
        let survey = rule.map_or(&self.survey, |rule| &rule.survey);
        let variant = person.and_then(|person| {
            let mut draw = of_variant(&self.name, person);
            survey.variants.iter().find(|variant| {
                let is_met = draw < variant.share;
                draw -= variant.share;
                is_met
            })
        });
        Chosen { account: self, rule, survey, variant }
    }

    /// Returns the age beyond which a close is too late for every survey of the account.
    pub fn longest_expire_after(&self) -> Duration {
        let all = self.surveys().map(|(_, survey)| survey.expire_after);
        all.max().unwrap_or(self.survey.expire_after)
    }

    /// Returns the account's own survey and then each rule's.
    pub fn surveys(&self) -> impl Iterator<Item = (Option<&Rule>, &SurveyConfig)> {
        let own = std::iter::once((None, &self.survey));
        own.chain(self.rules.iter().map(|rule| (Some(rule), &rule.survey)))
    }
}

impl Chosen<'_> {
    pub fn rules(&self) -> Rules {
        let Self { account, survey, .. } = self;
        Rules {
            delay: self.variant.map_or(survey.delay, |variant| variant.delay),
            expire_after: survey.expire_after,
            throttle: survey.throttle,
            throttle_group: survey.throttle_group.clone(),
            sample: survey.sample,
            holdout: survey.holdout,
            daily_limit: account.daily_limit,
            daily_limit_per_user: account.daily_limit_per_user,
            pacing: account.pacing,
            mode: account.mode,
            quiet_hours: survey.quiet_hours.clone(),
            skip_closed_by: survey.skip_closed_by.clone(),
            min_agent_messages: survey.min_agent_messages,
            stale_after: survey.stale_after,
            rule: self.rule.map(|rule| rule.name.clone()),
            skip: self.rule.is_some_and(|rule| rule.skip),
            variant: match (self.variant, survey.variants.is_empty()) {
                (Some(variant), _) => Some(variant.name.clone()),
                (None, false) => Some(CONTROL.to_owned()),
                (None, true) => None,
            },
        }
    }

    pub fn kind(&self) -> SurveyType {
        self.survey.kind
    }

    pub fn question_variant_id(&self) -> u32 {
        let survey = self.survey.question_variant_id;
        self.variant.map_or(survey, |variant| variant.question_variant_id)
    }

    pub fn test(&self) -> bool {
        self.survey.test
    }

    pub fn templates(&self) -> &Templates {
        self.variant.map_or(&self.survey.texts.templates, |variant| &variant.texts.templates)
    }
}

#[cfg(test)]
mod tests;
