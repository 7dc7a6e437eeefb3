//! Extracts the settings that decide how long due surveys wait.

use super::{Account, CanDmBy, Config};
use crate::domain::budget::Call;
use crate::domain::waiting::Served;

impl CanDmBy {
    /// Returns the budget's call that a look-up of people takes.
    pub fn call(self) -> Call {
        match self {
            Self::FriendshipsShow | Self::Auto => Call::FriendshipsShow,
            Self::UsersV2 => Call::Users,
        }
    }
}

impl Config {
    /// Returns the settings that decide how long this account's surveys wait.
    pub fn served(&self, account: &Account) -> Served {
        Served {
            account: account.name.clone(),
            is_dry: account.mode.is_dry(),
            daily_limit: account.daily_limit,
            pacing: account.pacing,
            look_ups: self.x.can_dm.call(),
            is_auto: self.x.can_dm == CanDmBy::Auto,
            events_horizon: self.x.events_horizon,
        }
    }
}
