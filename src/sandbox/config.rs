//! Configures a sandbox with its accounts and their keys, the behaviour of people and the clock.

use std::collections::BTreeSet;
use std::time::Duration;

use super::behaviour::Behaviour;
use super::clock::TimeSource;

/// The most prompts that an account may send in 24 hours by X's documentation.
pub const DAILY_LIMIT: u32 = 1_000;
/// The most prompts that one recipient may get from an account in 24 hours by X's documentation.
pub const PER_RECIPIENT_LIMIT: u32 = 1;
/// The age that an event has before X lists it.
pub const HORIZON: Duration = Duration::from_secs(24 * 60 * 60);

/// The settings with which a sandbox starts.
#[derive(Clone)]
pub struct SandboxConfig {
    /// Decides what every person does. The seed fixes all people.
    pub seed: u64,
    /// The least age of a `to_time`. `feedback/events` refuses a later one.
    pub horizon: Duration,
    pub accounts: Vec<SandboxAccount>,
    pub behaviour: Behaviour,
    pub clock: TimeSource,
}

/// An account that X has allow-listed for feedback, with its keys.
///
/// It deliberately has no `Debug`. These keys are made up, but code that prints them would also
/// print real ones.
#[derive(Clone, PartialEq, Eq)]
pub struct SandboxAccount {
    pub user_id: u64,
    pub screen_name: String,
    /// The app's key. Several accounts may share one app.
    pub consumer_key: String,
    pub consumer_secret: String,
    pub access_token: String,
    pub access_token_secret: String,
    /// The most prompts in any 24 hours.
    pub daily_limit: u32,
    /// The most prompts to one recipient in any 24 hours.
    pub per_recipient_limit: u32,
    /// The recipients for whom X has lifted `per_recipient_limit`.
    pub unlimited_recipients: BTreeSet<u64>,
}

impl SandboxAccount {
    /// Creates an account with X's documented limits. Its keys derive from its name, so they are
    /// the same in every run.
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
    /// Resembles X as closely as the sandbox can. Events lag by 24 hours and people answer over
    /// hours.
    pub fn faithful(seed: u64, accounts: Vec<SandboxAccount>) -> Self {
        Self {
            seed,
            horizon: HORIZON,
            accounts,
            behaviour: Behaviour::unhurried(),
            clock: TimeSource::Real,
        }
    }

    /// For a demonstration with a watching audience. It has one account, people who answer within
    /// seconds, and events without a lag.
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

    /// Extends the accounts to `count`. Each new one has its own keys and the first one's daily
    /// limit.
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

    /// For tests. It has one account, everybody can be messaged and nobody answers by default.
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
