//! What a seed decides of a run before it begins: the rules of the accounts, who the people are,
//! and how much goes wrong.

use std::time::Duration;

use surveyd::domain::time::Millis;
use surveyd::sandbox::{
    self, Behaviour, DurationRange, Paging, Person, SandboxAccount, SandboxConfig, TakesMessages,
    UserStanding,
};

use super::dice::Dice;

/// When every run begins: 2026-09-21T14:13:20Z.
pub const START: Millis = Millis(1_790_000_000_000);
pub const MINUTE: Duration = Duration::from_secs(60);
pub const HOUR: Duration = Duration::from_secs(60 * 60);
pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// The tag of conversations that a rule leaves out.
pub const SKIPPED: &str = "skipped";

/// Days with nothing new and nothing broken at the end of each run: by then all that ever happened
/// has passed X's horizon.
pub const QUIET_DAYS: u32 = 3;

/// What may go wrong in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// Nothing: what becomes of every close can be told beforehand.
    Calm,
    /// Requests fail, surveyd crashes, time jumps.
    Rough,
    /// All that, and X allows fewer calls than it documents and says so only in its headers.
    Stingy,
}

#[derive(Clone)]
pub struct Setting {
    pub seed: u64,
    /// Whether this one run was asked for: if it fails, all of it is shown.
    pub is_repeated: bool,
    /// Days in which conversations close; the quiet ones follow.
    pub busy_days: u32,
    pub weather: Weather,
    pub accounts: Vec<SandboxAccount>,
    /// Whether the accounts share the throttle.
    pub is_grouped: bool,
    pub delay: Duration,
    pub expire_after: Duration,
    pub throttle: Duration,
    pub settle_after: Duration,
    pub interval: Duration,
    pub fresh_for: Duration,
    pub can_dm: &'static str,
    pub daily_limit: u32,
    /// Of all closes, so many in a hundred are surveyed.
    pub sample: u64,
    /// The hours of the day, in UTC, at which nobody may be prompted: from and to, over midnight.
    pub quiet: Option<(i64, i64)>,
    pub closes_a_day: u64,
    pub people: Vec<(u64, Person)>,
}

const PEOPLE: u64 = 30;

impl Setting {
    pub fn of(seed: u64, busy_days: u32) -> Self {
        let mut dice = Dice::of(seed, "setting");
        let weather = match seed % 5 {
            0 => Weather::Calm,
            1 => Weather::Stingy,
            _ => Weather::Rough,
        };
        let is_tight = weather != Weather::Calm && dice.happens(35);
        let daily_limit = if is_tight { 2 + dice.below(4) as u32 } else { 1_000 };
        let ids = 1_212_121_212_121..;
        let names = if dice.happens(60) { &["acme", "bolt"][..] } else { &["acme"] };
        let accounts = ids.zip(names).map(|(id, name)| SandboxAccount {
            // X's own limit is ours: a prompt beyond it would be refused, and be seen.
            daily_limit,
            ..SandboxAccount::named(id, name)
        });
        let accounts = accounts.collect();
        let mut policy = Dice::of(seed, "policy");
        let has_nights = weather != Weather::Calm && policy.happens(60);
        let quiet = (20 + policy.below(4) as i64, 4 + policy.below(5) as i64);
        let people = (0..PEOPLE).map(|n| (343_434_000_000 + n, person(&mut dice))).collect();
        Self {
            seed,
            is_repeated: false,
            busy_days,
            weather,
            accounts,
            people,
            daily_limit,
            is_grouped: dice.happens(50),
            delay: *dice.pick(&[Duration::ZERO, MINUTE, 5 * MINUTE, 45 * MINUTE]),
            // Longer than X's horizon, too: what is settled as unsent is then still in time.
            expire_after: *dice.pick(&[90 * MINUTE, 4 * HOUR, 12 * HOUR, 30 * HOUR]),
            throttle: *dice.pick(&[Duration::ZERO, 6 * HOUR, DAY, 3 * DAY]),
            settle_after: MINUTE,
            interval: *dice.pick(&[HOUR, 2 * HOUR, 4 * HOUR]),
            fresh_for: *dice.pick(&[Duration::ZERO, 12 * HOUR, 2 * DAY]),
            can_dm: if dice.happens(50) { "friendships_show" } else { "users_v2" },
            sample: if weather != Weather::Calm && dice.happens(30) { 70 } else { 100 },
            quiet: has_nights.then_some(quiet),
            closes_a_day: 4 + dice.below(9),
        }
    }

    pub fn quiet_from(&self) -> Millis {
        START.plus(DAY * self.busy_days)
    }

    pub fn end(&self) -> Millis {
        self.quiet_from().plus(DAY * QUIET_DAYS)
    }

    pub fn days(&self) -> u32 {
        self.busy_days + QUIET_DAYS
    }

    /// Whether two accounts keep people from being asked too often together.
    pub fn share_throttle(&self, one: &str, other: &str) -> bool {
        self.is_grouped || one == other
    }

    /// Until when nobody may be prompted at `now`, reckoned by the hours of the day alone.
    pub fn quiet_until(&self, now: Millis) -> Option<Millis> {
        let (from, to) = self.quiet?;
        let midnight = now.0.div_euclid(DAY_MS) * DAY_MS;
        let hour = (now.0 - midnight) / HOUR_MS;
        let is_evening = hour >= from;
        (is_evening || hour < to)
            .then(|| Millis(midnight + to * HOUR_MS + if is_evening { DAY_MS } else { 0 }))
    }

    pub fn account(&self, user_id: u64) -> &str {
        let known = self.accounts.iter().find(|account| account.user_id == user_id);
        &known.expect("only known accounts have keys").screen_name
    }

    /// The simulated X, on the clock that surveyd has too.
    pub fn world(&self, clock: sandbox::TimeSource) -> SandboxConfig {
        SandboxConfig {
            accounts: self.accounts.clone(),
            seed: self.seed,
            behaviour: Behaviour {
                closed: 0.0,
                answered: 0.7,
                commented: 0.6,
                together: 0.3,
                repeated: 0.2,
                score_after: DurationRange { shortest: MINUTE / 2, longest: 8 * HOUR },
                comment_after: DurationRange { shortest: MINUTE / 6, longest: 4 * HOUR },
                paging: Paging::awkward(),
            },
            ..SandboxConfig::quiet(clock)
        }
    }

    /// surveyd's configuration.
    pub fn configuration(&self, base_url: &str) -> String {
        let seconds = |length: Duration| format!("\"{}s\"", length.as_secs());
        let mut text = format!(
            "[x]\nbase_url = \"{base_url}\"\nconcurrency = 1\ncan_dm = \"{}\"\n\
             settle_after = {}\n[poll]\ninterval = {}\nfresh_for = {}\n",
            self.can_dm,
            seconds(self.settle_after),
            seconds(self.interval),
            seconds(self.fresh_for),
        );
        for account in &self.accounts {
            let name = &account.screen_name;
            let group = if self.is_grouped { "together" } else { name };
            text += &format!(
                "[[accounts]]\nname = \"{name}\"\nuser_id = \"{}\"\nconsumer_key = \"{}\"\n\
                 consumer_secret = \"{}\"\naccess_token = \"{}\"\naccess_token_secret = \"{}\"\n\
                 privacy_url = \"https://acme.example/privacy\"\ndaily_limit = {}\n\
                 [accounts.survey]\nmessage = \"How did we do?\"\ndelay = {}\n\
                 expire_after = {}\nthrottle = {}\nsample = {:.2}\nthrottle_group = \"{group}\"\n",
                account.user_id,
                account.consumer_key,
                account.consumer_secret,
                account.access_token,
                account.access_token_secret,
                self.daily_limit,
                seconds(self.delay),
                seconds(self.expire_after),
                seconds(self.throttle),
                self.sample as f64 / 100.0,
            );
            if let Some((from, to)) = self.quiet {
                text += &format!(
                    "quiet_hours = {{ from = \"{from:02}:00\", to = \"{to:02}:00\", \
                     time_zone = \"UTC\" }}\n"
                );
            }
            text += &format!("[[accounts.rules]]\nwhen = {{ tag = \"{SKIPPED}\" }}\nskip = true\n");
        }
        text
    }
}

/// Most can be messaged; each of the others in a way of their own. All answer as the world's seed
/// decides: at once, in parts, or never.
pub fn person(dice: &mut Dice) -> Person {
    let (standing, messages) = match dice.below(20) {
        0 => (UserStanding::Present, TakesMessages::Closed),
        1 => (UserStanding::Present, TakesMessages::FollowedOnly),
        2 => (UserStanding::Present, TakesMessages::ClosedUnnoticed),
        3 => (UserStanding::Unknown, TakesMessages::Open),
        4 => (UserStanding::Suspended, TakesMessages::Open),
        _ => (UserStanding::Present, TakesMessages::Open),
    };
    Person { standing, messages, ..Person::default() }
}
