//! A decision as a value. It says what was decided, by which rule and on which numbers. It is
//! stored as JSON beside the survey and shown to anybody who asks why.

use serde::{Deserialize, Serialize};

use crate::domain::survey::Reason;
use crate::domain::survey_type::SurveyType;
use crate::domain::time::Millis;

/// One decision about one survey.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    pub at: Millis,
    /// The name of the rule that matched or its number from 1. `None` if no rule matched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The person's variant. `None` if there is no experiment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    #[serde(flatten)]
    pub ground: Ground,
}

/// What a decision leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The survey is decided again when it is due.
    Schedule {
        due_at: Millis,
    },
    Send,
    Wait {
        until: Millis,
    },
    Suppress(Reason),
    Expire,
}

impl Verdict {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Schedule { .. } => "scheduled",
            Self::Send => "sent",
            Self::Wait { .. } => "waits",
            Self::Suppress(_) => "suppressed",
            Self::Expire => "expired",
        }
    }
}

/// The ground of a decision with its numbers. Lengths are in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Ground {
    Due {
        due_at: Millis,
        delay_ms: i64,
    },
    /// Nothing stands against the prompt.
    Clear(Clear),
    /// Nothing stands against the prompt, but its account is on a dry run.
    DryRun(DryRun),
    Late {
        closed_at: Millis,
        expire_after_ms: i64,
    },
    /// The help desk did not name the person at X.
    NoXId,
    /// The person was erased.
    Forgotten,
    /// The rule says that nobody is asked.
    Rule,
    ClosedBy {
        closed_by: String,
    },
    NoSubstance {
        agent_messages: u32,
        min_agent_messages: u32,
    },
    Stale {
        last_message_at: Millis,
        closed_at: Millis,
        stale_after_ms: i64,
    },
    OptedOut(OptedOut),
    Holdout {
        share: f64,
        draw: f64,
    },
    SampledOut {
        share: f64,
        draw: f64,
    },
    Throttled(Throttled),
    QuietHours {
        from: String,
        to: String,
        time_zone: String,
        until: Millis,
    },
    /// The survey was left out so that the day's prompts are spread evenly.
    Budget(DayPace),
    DayFull {
        prompts_of_day: u32,
        daily_limit: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pace: Option<DayPace>,
        until: Millis,
    },
    /// X takes no prompt before `until`. X has said so, or surveyd's ledger shows X's day as full.
    XLimit {
        until: Millis,
    },
    AccountPaused {
        until: Millis,
    },
    /// The clock stands before the last instant on record, or a restored backup has not caught up.
    Held {
        until: Millis,
    },
}

/// The numbers that spoke for sending.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Clear {
    pub throttle_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_prompt_at: Option<Millis>,
    /// True if that prompt was not sent but a dry run counts it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_last_dry: bool,
    pub prompts_of_day: u32,
    pub daily_limit: u32,
    /// The share and the draw of the sample unless all are asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<[f64; 2]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pace: Option<DayPace>,
}

/// What would have been sent if the account had not been on a dry run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DryRun {
    #[serde(rename = "type")]
    pub kind: SurveyType,
    pub question_variant_id: u32,
    pub test: bool,
    #[serde(flatten)]
    pub clear: Clear,
}

/// A person who wants no prompts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OptedOut {
    pub opted_out_at: Millis,
    /// The one account that the person refuses. `None` means all accounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// A person who was asked not long ago.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Throttled {
    pub last_prompt_at: Option<Millis>,
    /// True if it was not known then whether that prompt went out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_uncertain: bool,
    /// True if that prompt was not sent but a dry run counts it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_dry: bool,
    pub throttle_ms: i64,
    pub throttle_group: String,
    /// The prompts from this account to this person in 24 hours.
    pub prompts_of_day: u32,
    pub daily_limit_per_user: u32,
}

/// How the day's prompts were spread when a survey was drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DayPace {
    /// The probability of being asked.
    pub p: f64,
    pub draw: f64,
    /// The account's surveys that reached their moment in 24 hours, including this one.
    pub demand: u32,
    pub daily_limit: u32,
}

impl Ground {
    /// The verdict that this ground leads to.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Due { due_at, .. } => Verdict::Schedule { due_at: *due_at },
            Self::Clear(_) => Verdict::Send,
            Self::DryRun(_) => Verdict::Suppress(Reason::DryRun),
            Self::Late { .. } => Verdict::Expire,
            Self::NoXId => Verdict::Suppress(Reason::NoXId),
            Self::Forgotten => Verdict::Suppress(Reason::Forgotten),
            Self::Rule => Verdict::Suppress(Reason::Rule),
            Self::ClosedBy { .. } => Verdict::Suppress(Reason::ClosedBy),
            Self::NoSubstance { .. } => Verdict::Suppress(Reason::NoSubstance),
            Self::Stale { .. } => Verdict::Suppress(Reason::Stale),
            Self::OptedOut(_) => Verdict::Suppress(Reason::OptedOut),
            Self::Holdout { .. } => Verdict::Suppress(Reason::Holdout),
            Self::SampledOut { .. } => Verdict::Suppress(Reason::SampledOut),
            Self::Throttled(_) => Verdict::Suppress(Reason::Throttled),
            Self::Budget(_) => Verdict::Suppress(Reason::Budget),
            Self::QuietHours { until, .. }
            | Self::DayFull { until, .. }
            | Self::XLimit { until }
            | Self::AccountPaused { until }
            | Self::Held { until } => Verdict::Wait { until: *until },
        }
    }

    /// Gives a wait another end, but a ground that is no wait stays as it is.
    pub fn waiting_until(self, until: Millis) -> Self {
        match self {
            Self::QuietHours { from, to, time_zone, .. } => {
                Self::QuietHours { from, to, time_zone, until }
            }
            Self::DayFull { prompts_of_day, daily_limit, pace, .. } => {
                Self::DayFull { prompts_of_day, daily_limit, pace, until }
            }
            Self::XLimit { .. } => Self::XLimit { until },
            Self::AccountPaused { .. } => Self::AccountPaused { until },
            Self::Held { .. } => Self::Held { until },
            Self::Due { .. }
            | Self::Clear(_)
            | Self::DryRun(_)
            | Self::Late { .. }
            | Self::NoXId
            | Self::Forgotten
            | Self::Rule
            | Self::ClosedBy { .. }
            | Self::NoSubstance { .. }
            | Self::Stale { .. }
            | Self::OptedOut(_)
            | Self::Holdout { .. }
            | Self::SampledOut { .. }
            | Self::Throttled(_)
            | Self::Budget(_) => self,
        }
    }

    /// True if the ground concerns the account. All of its surveys then wait with this one.
    pub fn is_of_account(&self) -> bool {
        matches!(
            self,
            Self::DayFull { .. }
                | Self::XLimit { .. }
                | Self::AccountPaused { .. }
                | Self::Held { .. }
        )
    }
}

impl Decision {
    pub fn verdict(&self) -> Verdict {
        self.ground.verdict()
    }

    /// The stored form. It holds the decision's own fields and its verdict as `outcome`.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        let mut fields = serde_json::to_value(self)?;
        fields["outcome"] = self.verdict().as_str().into();
        serde_json::to_string(&fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_back() {
        let pace = DayPace { p: 0.25, draw: 0.75, demand: 4_000, daily_limit: 1_000 };
        let clear = Clear {
            throttle_ms: 0,
            last_prompt_at: None,
            is_last_dry: false,
            prompts_of_day: 3,
            daily_limit: 1_000,
            sample: Some([0.5, 0.25]),
            pace: Some(pace.clone()),
        };
        let grounds = [
            Ground::Due { due_at: Millis(5), delay_ms: 5 },
            Ground::Clear(clear.clone()),
            Ground::DryRun(DryRun {
                kind: SurveyType::Nps,
                question_variant_id: 3,
                test: true,
                clear: Clear { last_prompt_at: Some(Millis(5)), is_last_dry: true, ..clear },
            }),
            Ground::Rule,
            Ground::Budget(pace),
            Ground::Holdout { share: 0.1, draw: 0.05 },
            Ground::Held { until: Millis(9) },
        ];
        for ground in grounds {
            let decision =
                Decision { at: Millis(7), rule: Some("vip".into()), variant: None, ground };
            let kept = decision.json().unwrap();
            let read: Decision = serde_json::from_str(&kept).unwrap();
            assert_eq!(read, decision, "{kept}");
        }
    }

    #[test]
    fn a_record_names_outcome_reason_rule_and_numbers() {
        let ground = Ground::NoSubstance { agent_messages: 0, min_agent_messages: 2 };
        let decision = Decision { at: Millis(7), rule: Some("2".into()), variant: None, ground };
        assert_eq!(
            decision.json().unwrap(),
            "{\"agent_messages\":0,\"at\":7,\"min_agent_messages\":2,\
             \"outcome\":\"suppressed\",\"reason\":\"no_substance\",\"rule\":\"2\"}"
        );
    }
}
