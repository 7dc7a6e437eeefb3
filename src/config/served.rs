//! What of the configuration bears on how long due surveys wait.

use super::{Account, CanDmBy, Config};
use crate::domain::budget::Call;
use crate::domain::waiting::Served;

impl CanDmBy {
    /// The call that a look-up of one person, or else of a hundred, takes from the account's
    /// budget.
    pub fn call(self) -> Call {
        match self {
            Self::FriendshipsShow | Self::Auto => Call::FriendshipsShow,
            Self::UsersV2 => Call::Users,
        }
    }
}

impl Config {
    /// How an account is served.
    pub fn served(&self, account: &Account) -> Served {
        Served {
            account: account.name.clone(),
            is_dry: account.mode.is_dry(),
            daily_limit: account.daily_limit,
            look_ups: self.x.can_dm.call(),
            is_auto: self.x.can_dm == CanDmBy::Auto,
            events_horizon: self.x.events_horizon,
        }
    }
}
