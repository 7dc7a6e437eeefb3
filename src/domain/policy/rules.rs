//! The settings of one survey after its rule and its variant are found.

use std::time::Duration;

use super::quiet_hours::QuietHours;
use crate::domain::close::ClosedBy;

/// The settings that decide whether and when one survey is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    pub delay: Duration,
    pub expire_after: Duration,
    pub throttle: Duration,
    /// Accounts of one group share the throttle and the holdout.
    pub throttle_group: String,
    /// The share of the closes that are surveyed, from 0 to 1.
    pub sample: f64,
    /// The share of the people who are never asked, from 0 to 1.
    pub holdout: f64,
    pub daily_limit: u32,
    pub daily_limit_per_user: u32,
    pub pacing: Pacing,
    pub mode: Mode,
    pub quiet_hours: Option<QuietHours>,
    /// A conversation closed in one of these ways is not asked about.
    pub skip_closed_by: Vec<ClosedBy>,
    /// A conversation with fewer messages from the agent is not asked about.
    pub min_agent_messages: u32,
    /// A close that comes this long after the last message is not asked about.
    pub stale_after: Option<Duration>,
    /// The name of the rule that matched. A rule without a name is given by its number from 1.
    pub rule: Option<String>,
    /// True if that rule says that nobody is asked.
    pub skip: bool,
    /// The person's variant. `None` if there is no experiment.
    pub variant: Option<String>,
}

/// Whether an account's prompts are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Live,
    /// A dry run: everything is decided and recorded, but nothing is sent.
    Dry,
}

impl Mode {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Dry => "dry",
        }
    }

    pub fn is_dry(self) -> bool {
        self == Self::Dry
    }
}

/// How surveys beyond the day's limit are treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pacing {
    /// Surveys are asked as they come. They wait once the day is full.
    Asap,
    /// The surplus is left out by chance. The chance is equal at every hour.
    Even,
}
