//! What the configuration says of one survey, once its rule and its variant are found.

use std::time::Duration;

use super::quiet_hours::QuietHours;
use crate::domain::close::ClosedBy;

/// The settings that bear on whether and when one survey is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    pub delay: Duration,
    pub expire_after: Duration,
    pub throttle: Duration,
    /// Accounts of one group share the throttle and the holdout.
    pub throttle_group: String,
    /// Share of the closes that are surveyed, 0 to 1.
    pub sample: f64,
    /// Share of the people who are never asked, 0 to 1.
    pub holdout: f64,
    pub daily_limit: u32,
    pub daily_limit_per_user: u32,
    pub pacing: Pacing,
    pub mode: Mode,
    pub quiet_hours: Option<QuietHours>,
    /// Whoever closed it so is not asked.
    pub skip_closed_by: Vec<ClosedBy>,
    /// Fewer messages from the agent are no conversation to ask about.
    pub min_agent_messages: u32,
    /// A close so long after the last message is not asked about.
    pub stale_after: Option<Duration>,
    /// The rule that matched, by its name or else its number from 1.
    pub rule: Option<String>,
    /// Whether that rule says that nobody is asked.
    pub skip: bool,
    /// The variant that the person meets; absent where there is no experiment.
    pub variant: Option<String>,
}

/// Whether an account's prompts go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Live,
    /// A dry run: everything is decided and recorded, and nothing is sent.
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

/// What becomes of surveys beyond the day's limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pacing {
    /// They are asked as they come, and wait when the day is full.
    Asap,
    /// As many are left out as are too many, at any hour alike.
    Even,
}
