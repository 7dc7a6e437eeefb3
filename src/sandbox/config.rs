//! What a sandbox is started with: the accounts whose keys it knows, how people behave, and where
//! time comes from.

use std::collections::BTreeSet;
use std::time::Duration;

use super::behaviour::Behaviour;
use super::clock::TimeSource;

/// Prompts an account may send in 24 hours, as X documents it.
pub const DAILY_LIMIT: u32 = 1_000;
/// Prompts one recipient may get from an account in 24 hours, as X documents it.
pub const PER_RECIPIENT_LIMIT: u32 = 1;
/// How far behind now X's events end.
pub const HORIZON: Duration = Duration::from_secs(24 * 60 * 60);

/// All that a sandbox needs to start.
#[derive(Clone)]
pub struct SandboxConfig {
    /// Decides what every person does; the same seed gives the same people.
    pub seed: u64,
    /// `feedback/events` refuses a `to_time` later than now minus this.
    pub horizon: Duration,
    pub accounts: Vec<SandboxAccount>,
    pub behaviour: Behaviour,
    pub clock: TimeSource,
}

/// An account that X has allow-listed for feedback, with its keys.
///
/// There is deliberately no `Debug`: the keys are made up, but code that prints them would print
/// real ones too.
#[derive(Clone, PartialEq, Eq)]
pub struct SandboxAccount {
    pub user_id: u64,
    pub screen_name: String,
    /// The app's; several accounts may share one app.
    pub consumer_key: String,
    pub consumer_secret: String,
    pub access_token: String,
    pub access_token_secret: String,
    /// Prompts in any 24 hours.
    pub daily_limit: u32,
    /// Prompts to one recipient in any 24 hours.
    pub per_recipient_limit: u32,
    /// Recipients for whom the limit above does not hold, because X has lifted it.
    pub unlimited_recipients: BTreeSet<u64>,
}

impl SandboxAccount {
    /// An account with X's documented limits and keys made from its name, which are the same in
    /// every run.
    pub fn named(user_id: u64, screen_name: &str) -> Self {
        Self {
            user_id,
            screen_name: screen_name.to_owned(),
            consumer_key: format!("sandbox-app-{screen_name}"),
            consumer_secret: format!("sandbox-app-secret-{screen_name}"),
            access_token: format!("{user_id}-sandbox-token-{screen_name}"),
            access_token_secret: format!("sandbox-token-secret-{screen_name}"),
            daily_limit: DAILY_LIMIT,
            per_recipient_limit: PER_RECIPIENT_LIMIT,
            unlimited_recipients: BTreeSet::new(),
        }
    }
}

impl SandboxConfig {
    /// As much like X as it gets: events 24 hours late, and people who answer over hours.
    pub fn faithful(seed: u64, accounts: Vec<SandboxAccount>) -> Self {
        Self {
            seed,
            horizon: HORIZON,
            accounts,
            behaviour: Behaviour::unhurried(),
            clock: TimeSource::Real,
        }
    }

    /// For a demonstration that is watched: one account, people who answer within seconds, events
    /// without a lag.
    pub fn demo(seed: u64) -> Self {
        Self {
            seed,
            horizon: Duration::ZERO,
            accounts: vec![SandboxAccount {
                daily_limit: 100_000,
                ..SandboxAccount::named(1_212_121_212_121, "acme")
            }],
            behaviour: Behaviour::lively(),
            clock: TimeSource::Real,
        }
    }

    /// The same with so many accounts, each with keys of its own and the limits of the first.
    pub fn with_accounts(mut self, count: u32) -> Self {
        let Some(first) = self.accounts.first().cloned() else { return self };
        self.accounts.extend((2..=u64::from(count)).map(|number| SandboxAccount {
            daily_limit: first.daily_limit,
            ..SandboxAccount::named(
                first.user_id + number - 1,
                &format!("{}_{number}", first.screen_name),
            )
        }));
        self
    }

    /// For tests: one account, nobody answers on their own, everybody can be messaged, and time
    /// stands at the clock.
    pub fn quiet(clock: TimeSource) -> Self {
        Self {
            seed: 1,
            horizon: HORIZON,
            accounts: vec![SandboxAccount::named(1_212_121_212_121, "acme")],
            behaviour: Behaviour::silent(),
            clock,
        }
    }
}
