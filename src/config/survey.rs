//! Reads `[accounts.survey]` and the parts of it that a rule replaces.

use std::time::Duration;

use super::fault_collector::ConfigTable;
use super::texts::{self, Texts};
use super::variants::refuse_too_brief;
use super::{SurveyConfig, defaults, lists, quiet_hours, values, variants};
use crate::domain::policy::quiet_hours::QuietHours;
use crate::domain::survey_type::SurveyType;

const TYPES: [(&str, SurveyType); 2] = [("csat", SurveyType::Csat), ("nps", SurveyType::Nps)];

/// Reads the survey of an account.
pub(super) fn read(mut table: ConfigTable, account: Option<&str>) -> Option<SurveyConfig> {
    let settings = SurveySettings::read(&mut table, None);
    let test = table.or("test", defaults::TEST, values::boolean);
    let throttle_group = table.optional("throttle_group", values::name);
    table.close(&[]);
    let throttle_group = throttle_group?.or(account.map(str::to_owned))?;
    Some(settings?.survey(test?, throttle_group))
}

/// Reads a rule's changes to the survey. Without a sound `base`, the table is still read to report
/// its faults.
pub(super) fn changed(
    table: &mut ConfigTable,
    base: Option<&SurveyConfig>,
) -> Option<SurveyConfig> {
    let settings = SurveySettings::read(table, Some(base));
    let base = base?;
    Some(settings?.survey(base.test, base.throttle_group.clone()))
}

/// The settings that a rule may change.
struct SurveySettings {
    kind: SurveyType,
    question_variant_id: u32,
    texts: Texts,
    delay: Duration,
    expire_after: Duration,
    throttle: Duration,
    sample: f64,
    holdout: f64,
    quiet_hours: Option<QuietHours>,
    skip_closed_by: Vec<crate::domain::close::ClosedBy>,
    min_agent_messages: u32,
    stale_after: Option<Duration>,
    variants: Vec<super::Variant>,
}

impl SurveySettings {
    /// Reads a table. A missing key takes the survey's value in a rule and the default elsewhere.
    fn read(table: &mut ConfigTable, rule_of: Option<Option<&SurveyConfig>>) -> Option<Self> {
        let base = rule_of.flatten();
        let own_variants = table.holds("variants");
        let is_asked_otherwise = ["type", "question_variant_id", "message", "messages", "delay"]
            .map(|key| table.holds(key));
        let before = base.map_or(defaults::SURVEY_TYPE, |base| base.kind);
        let kind = table.or("type", before, values::choice(&TYPES));
        // If the type is faulty, the id is checked against the bounds of csat because they are the
        // widest.
        let bounds = kind.unwrap_or(SurveyType::Csat).variants();
        // A variant id of one survey type has no meaning in the other.
        let same = base.filter(|base| Some(base.kind) == kind);
        let id = same.map_or(defaults::QUESTION_VARIANT_ID, |base| base.question_variant_id);
        let question_variant_id =
            table.or("question_variant_id", id, values::integer(bounds.clone()));
        let texts = match (rule_of, base) {
            (Some(_), None) => texts::read(table, Some(&texts::placeholder())),
            (_, base) => texts::read(table, base.map(|base| &base.texts)),
        };
        let or = |of: fn(&SurveyConfig) -> Duration, default| base.map_or(default, of);
        let delay = or(|base| base.delay, defaults::DELAY);
        let delay = table.or("delay", delay, values::duration(defaults::DELAY_BOUNDS));
        let expire_after = or(|base| base.expire_after, defaults::EXPIRE_AFTER);
        let bounds_of_expiry = values::duration(defaults::EXPIRE_AFTER_BOUNDS);
        let expire_after = table.or("expire_after", expire_after, bounds_of_expiry);
        if let (Some(delay), Some(expire_after)) = (delay, expire_after)
            && (rule_of.is_none() || base.is_some())
        {
            refuse_too_brief(table, "expire_after", delay, expire_after);
        }
        let throttle = or(|base| base.throttle, defaults::THROTTLE);
        let throttle = table.or("throttle", throttle, values::duration(defaults::THROTTLE_BOUNDS));
        let share = || values::number(defaults::SHARE_BOUNDS);
        let sample = table.or("sample", base.map_or(defaults::SAMPLE, |b| b.sample), share());
        let holdout = table.or("holdout", base.map_or(defaults::HOLDOUT, |b| b.holdout), share());
        let quiet_hours = quiet_hours::read(table);
        let skipped =
            base.map_or(defaults::SKIP_CLOSED_BY.to_vec(), |base| base.skip_closed_by.clone());
        let skip_closed_by = table.or("skip_closed_by", skipped, lists::closers);
        let least = base.map_or(defaults::MIN_AGENT_MESSAGES, |base| base.min_agent_messages);
        let count = values::integer(defaults::MIN_AGENT_MESSAGES_BOUNDS);
        let min_agent_messages = table.or("min_agent_messages", least, count);
        let stale_after =
            table.optional("stale_after", values::duration(defaults::STALE_AFTER_BOUNDS));
        let of_base = base.filter(|_| !own_variants && !is_asked_otherwise.contains(&true));
        let variants = variants::read(
            table,
            variants::ParentSurvey {
                texts: texts.as_ref(),
                question_variant_id,
                bounds,
                delay,
                expire_after,
            },
        );
        let stale_after = stale_after?.or(base.and_then(|base| base.stale_after));
        Some(Self {
            kind: kind?,
            question_variant_id: question_variant_id?,
            texts: texts?,
            delay: delay?,
            expire_after: expire_after?,
            throttle: throttle?,
            sample: sample?,
            holdout: holdout?,
            quiet_hours: quiet_hours?.or(base.and_then(|base| base.quiet_hours.clone())),
            skip_closed_by: skip_closed_by?,
            min_agent_messages: min_agent_messages?,
            stale_after,
            variants: of_base.map_or(variants?, |base| base.variants.clone()),
        })
    }

    fn survey(self, test: bool, throttle_group: String) -> SurveyConfig {
        SurveyConfig {
            kind: self.kind,
            question_variant_id: self.question_variant_id,
            texts: self.texts,
            delay: self.delay,
            expire_after: self.expire_after,
            throttle: self.throttle,
            sample: self.sample,
            holdout: self.holdout,
            quiet_hours: self.quiet_hours,
            skip_closed_by: self.skip_closed_by,
            min_agent_messages: self.min_agent_messages,
            stale_after: self.stale_after,
            variants: self.variants,
            test,
            throttle_group,
        }
    }
}
