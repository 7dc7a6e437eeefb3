//! Reads and checks the configuration. It is one TOML file that environment variables can override.
//!
//! Owns every key with its default and its bounds. A configuration with any fault is refused as a
//! whole. All its faults are reported together so that an operator can correct them in one go. An
//! unknown key is a fault because a misspelt `throttle` must not silently become the default.
//!
//! - `file` opens the file. `given` and `values` read single values, `secret` reads secrets.
//! - `fault_collector` collects the faults and the unknown keys. `faults` says what a fault is.
//! - `sections`, `retention`, `accounts`, `survey`, `rules`, `variants`, `quiet_hours`, `sources`,
//!   `alerts`, `schedules` and `access` read the keys of that name. `defaults` bounds them.
//! - `sources/preset` has the presets of help desks. Their keys are in `desks`.
//! - `chosen` finds the settings for one close. `warnings` warns of valid settings.
//!
//! Must not act on what it reads. It opens no connection and reads no clock. It sees the
//! environment only as the caller captured it.

mod access;
mod accounts;
mod alerts;
mod chosen;
pub mod defaults;
mod duration;
mod environment;
mod fault_collector;
mod faults;
mod file;
mod given;
mod lists;
mod names;
mod quiet_hours;
mod rsa;
mod retention;
mod rules;
mod schedules;
mod secret;
mod sections;
mod served;
mod sources;
mod survey;
mod texts;
mod urls;
mod values;
mod variants;
mod warnings;

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

pub use access::{ApiToken, LoginConfig, ProxyConfig, TokenExpiry, parse_token};
pub use alerts::AlertConfig;
pub use chosen::Chosen;
pub use duration::{format_duration, parse_duration};
pub use environment::Environment;
pub use faults::{Fault, Faults};
pub use file::{is_open_to_others, load, load_without_secrets};
pub(crate) use names::nearest;
pub use retention::RetentionConfig;
pub use rsa::rsa_key;
pub use schedules::{ScheduleConfig, ScheduledFolder, ScheduledOutput};
pub use secret::Secret;
pub use sources::{
    Algorithm, Encoding, IN_QUERY, MessageStream, OF_DESCRIBED, Scheme, SignedPart, Source,
    SourceKind, SpoolConfig, Timestamp, TimestampForm, WatchedMessages, X_SIGNATURE, is_described,
    standard_key,
};
pub use texts::Texts;
pub use warnings::{
    CloseOnRecord, Warning, of_token as warning_of_token, owner_of, warnings, warnings_of_closes,
    warnings_of_tokens,
};

use crate::domain::close::ClosedBy;
use crate::domain::days::Zone;
use crate::domain::policy::quiet_hours::QuietHours;
use crate::domain::policy::rule::When;
use crate::domain::policy::{Mode, Pacing};
use crate::domain::prompt_text::Templates;
use crate::domain::survey_type::SurveyType;
use given::Wrong;

/// The source of a close from the command line.
pub const ENQUEUED: &str = "enqueue";

/// The whole configuration. `Debug` prints no secret.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub store: StoreConfig,
    pub http: Http,
    pub log: Log,
    pub x: X,
    pub poll: Poll,
    pub report: ReportConfig,
    pub retention: RetentionConfig,
    /// Never empty. No two accounts share a name or a user id.
    pub accounts: Vec<Account>,
    /// The sources that post over HTTP. May be empty because closes can come from `surveyd enqueue`
    /// alone.
    pub sources: Vec<Source>,
    /// The sources that are folders. No two share a folder. No name is also another source's.
    pub spools: Vec<SpoolConfig>,
    /// The sources that watch an account's Direct Messages. No name is also another source's.
    pub watched: Vec<WatchedMessages>,
    /// The people who may see results. No two share a name.
    pub logins: Vec<LoginConfig>,
    /// The programs that may read results. No two share a name or a token.
    pub tokens: Vec<ApiToken>,
    /// The places that are told at once. No two share a name.
    pub alerts: Vec<AlertConfig>,
    /// The reports and exports that are made again and again. No two share a name.
    pub schedules: Vec<ScheduleConfig>,
}

#[derive(Clone, PartialEq, Eq)]
pub struct StoreConfig {
    /// `sqlite:…`, `postgres://…` or `postgresql://…`. It may contain a password, so logs and
    /// output show [`StoreConfig::redacted_url`].
    pub url: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    pub listen: SocketAddr,
    /// The longest body of a request in bytes.
    pub max_body: usize,
    /// The connections that one address may have open at once. Zero sets no limit for each address.
    pub connections_per_peer: u32,
    /// The proxy that says who has signed in. `None` if nobody is believed.
    pub proxy: Option<ProxyConfig>,
    /// The address by which people open the pages, without a slash at its end. `None` if it is not
    /// known. Links in messages begin with it.
    pub public_url: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// `None` selects the journal's own format under systemd and JSON elsewhere.
    pub format: Option<LogFormat>,
    pub level: LogLevel,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Json,
    Text,
    Journald,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct X {
    /// The base URL of X's API without a slash at its end.
    pub base_url: String,
    pub request_timeout: Duration,
    /// The timeout of the request that sends a prompt.
    pub send_timeout: Duration,
    pub settle_after: Duration,
    pub events_horizon: Duration,
    /// The number of requests that may run at once for each account.
    pub concurrency: usize,
    pub can_dm: CanDmBy,
    /// How X delivers feedback events. `None` if X does not deliver them.
    pub webhook: Option<XWebhookConfig>,
}

/// The credentials that X shows when it delivers feedback events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XWebhookConfig {
    pub username: String,
    /// Any of these passwords is accepted, so the operator can replace one without an interruption.
    pub passwords: Vec<Secret>,
}

/// The endpoint that says whether a person can be messaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CanDmBy {
    /// `GET friendships/show` for one person a call.
    FriendshipsShow,
    /// `GET /2/users` for a hundred people a call.
    UsersV2,
    /// `friendships/show` first. If more people wait than it has calls left, `/2/users` clears
    /// those it can.
    Auto,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poll {
    pub interval: Duration,
    pub overlap: Duration,
    /// Zero means that surveyd never calls `feedback/show`.
    pub fresh_for: Duration,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ReportConfig {
    /// Reports show no score for a group with fewer answers. Otherwise, a single answer could be
    /// read off.
    pub min_group: u32,
    /// The zone of the business's days.
    pub time_zone: Zone,
    /// An agent's own answers are shown in closed blocks of at least so many.
    pub agent_min: u32,
    /// The time from the end of a block's week until the agent sees the block.
    pub agent_delay: Duration,
}

/// An X handle that prompts are sent from.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    pub name: String,
    pub user_id: String,
    pub consumer_key: Secret,
    pub consumer_secret: Secret,
    pub access_token: Secret,
    pub access_token_secret: Secret,
    pub privacy_url: String,
    pub display_name: Option<String>,
    /// The most prompts in any 24 hours.
    pub daily_limit: u32,
    /// The most prompts to one person in any 24 hours.
    pub daily_limit_per_user: u32,
    pub pacing: Pacing,
    pub mode: Mode,
    pub survey: SurveyConfig,
    /// The first rule that matches a close replaces `survey`.
    pub rules: Vec<Rule>,
}

/// An account's question and the policies on whom and when to ask.
#[derive(Clone, Debug, PartialEq)]
pub struct SurveyConfig {
    /// The key `type`.
    pub kind: SurveyType,
    pub question_variant_id: u32,
    pub texts: Texts,
    /// The time from the close to the prompt.
    pub delay: Duration,
    /// The time from the close until a prompt is too late. Longer than `delay`.
    pub expire_after: Duration,
    pub throttle: Duration,
    /// The share of closes that are surveyed (0 to 1).
    pub sample: f64,
    /// The share of people who are never asked (0 to 1).
    pub holdout: f64,
    pub quiet_hours: Option<QuietHours>,
    pub skip_closed_by: Vec<ClosedBy>,
    /// Zero sets no minimum.
    pub min_agent_messages: u32,
    /// The longest time from the last message to the close. `None` sets no limit.
    pub stale_after: Option<Duration>,
    /// The variants that are compared. Their shares add up to 1 at most.
    pub variants: Vec<Variant>,
    pub test: bool,
    /// Accounts of one group share the throttle. The default is the account's own name.
    pub throttle_group: String,
}

/// The parts of a survey that are different for some of the people.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    pub name: String,
    /// The share of all people (0 to 1).
    pub share: f64,
    pub question_variant_id: u32,
    pub texts: Texts,
    pub delay: Duration,
}

/// Different settings for the closes that match `when`.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// The rule's number from 1 if the file gives no name.
    pub name: String,
    pub when: When,
    /// True if no matching close is surveyed.
    pub skip: bool,
    /// The account's survey with the parts that the rule replaces.
    pub survey: SurveyConfig,
}

impl Config {
    /// Returns the account of that name.
    pub fn account(&self, name: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.name == name)
    }

    /// Counts the sources of every kind.
    pub fn source_count(&self) -> usize {
        self.sources.len() + self.spools.len() + self.watched.len()
    }

    /// Returns the source of that name that watches messages.
    pub fn watched(&self, name: &str) -> Option<&WatchedMessages> {
        self.watched.iter().find(|source| source.name == name)
    }

    /// Returns the names of the sources of every kind.
    pub fn source_names(&self) -> impl Iterator<Item = &str> {
        let posted = self.sources.iter().map(|source| source.name.as_str());
        let spools = self.spools.iter().map(|source| source.name.as_str());
        posted.chain(spools).chain(self.watched.iter().map(|source| source.name.as_str()))
    }

    /// Returns the HTTP source of that name.
    pub fn source(&self, name: &str) -> Option<&Source> {
        self.sources.iter().find(|source| source.name == name)
    }
}

impl SurveyConfig {
    /// Returns the compiled texts.
    pub fn templates(&self) -> &Templates {
        &self.texts.templates
    }
}

impl StoreConfig {
    /// Returns the URL without its password for logs and output.
    pub fn redacted_url(&self) -> String {
        urls::redacted(&self.url)
    }
}

impl fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreConfig").field("url", &self.redacted_url()).finish()
    }
}

/// Parses a configuration. Faults name the file as `path`. Relative secret files are looked for
/// beside `path`.
pub fn parse(text: &str, path: &Path, environment: &Environment) -> Result<Config, Faults> {
    read_text(text, path, environment, (None, true))
}

/// Checks a text for the `privacy_url` of an account. The error names the problem and the remedy.
pub fn check_privacy_url(text: &str) -> Result<(), String> {
    checked(text, urls::privacy)
}

/// Checks a text for the `display_name` of an account. The error names the problem and the remedy.
pub fn check_display_name(text: &str) -> Result<(), String> {
    checked(text, values::text(defaults::DISPLAY_NAME_CHARACTERS_MAX))
}

/// Checks a text for the name of an account. The error names the problem and the remedy.
pub fn check_name(text: &str) -> Result<(), String> {
    checked(text, values::name)
}

/// Checks a text for the public key of a help desk. The error names the problem and the remedy.
pub fn check_public_key(text: &str) -> Result<(), String> {
    checked(text, |given| {
        let text = given.text()?;
        sources::is_public_key(text).map(|()| text.to_owned())
    })
}

/// Checks a value for a command that asks for it before there is a file.
fn checked(
    text: &str,
    read: impl Fn(&given::GivenValue) -> Result<String, Wrong>,
) -> Result<(), String> {
    let read = read(&given::GivenValue::Variable(text.to_owned()));
    read.map(drop).map_err(|Wrong { problem, remedy, .. }| format!("{problem}: {remedy}"))
}

/// `mode` holds the permission bits of the file that the text is from. `needs_secrets` is false for
/// a command that reads no secret.
fn read_text(
    text: &str,
    path: &Path,
    environment: &Environment,
    (mode, needs_secrets): (Option<u32>, bool),
) -> Result<Config, Faults> {
    let values = given::from_toml(text)
        .map_err(|Wrong { problem, remedy, .. }| Faults::of_file(path, problem, remedy))?;
    let mut collector = fault_collector::FaultCollector::new(path, environment);
    collector.mode = mode;
    collector.needs_secrets = needs_secrets;
    if mode.is_some_and(|mode| mode & 0o002 != 0) {
        let remedy = format!("chmod o-w {}", path.display());
        collector.fault(
            &fault_collector::KeyPlace::root(),
            None,
            "can be changed by every user of this machine",
            remedy,
        );
    }
    let config = read(collector.root(values));
    collector.finish(config)
}

/// Reads every section before it checks any result so that one fault never hides another. The
/// collector discards the result if it has met a fault.
fn read(mut root: fault_collector::ConfigTable) -> Option<Config> {
    let store = sections::store(root.table("store"));
    let (http, has_proxy) = sections::http(root.table("http"));
    let log = sections::log(root.table("log"));
    let x = sections::x(root.table("x"));
    let poll = sections::poll(root.table("poll"));
    let report = sections::report(root.table("report"));
    let (accounts, names) = accounts::read(&mut root);
    let is_stand_in = x.as_ref().is_some_and(|x| urls::is_on_loopback(&x.base_url));
    let around = sources::Around { accounts: names.as_ref(), is_stand_in };
    let (sources, spools, watched) = sources::read(&mut root, &around);
    let logins = access::logins(&mut root, &around, has_proxy);
    // Without a sound zone the configuration is refused, whatever the tokens are.
    let zone = report.as_ref().map_or_else(Zone::utc, |report| report.time_zone.clone());
    let tokens = access::tokens(&mut root, &around, &zone);
    let alerts = alerts::read(&mut root, &around);
    let schedules = schedules::read(&mut root, &around, &alerts);
    let alerts = alerts.sound;
    let throttles = accounts.iter().flat_map(|account| {
        let of_rules = account.rules.iter().map(|rule| rule.survey.throttle);
        of_rules.chain([account.survey.throttle])
    });
    let throttle = throttles.max().unwrap_or_default();
    let retention = retention::of(root.table("retention"), throttle);
    root.close(&[]);
    Some(Config {
        store: store?,
        http: http?,
        log: log?,
        x: x?,
        poll: poll?,
        report: report?,
        retention: retention?,
        accounts,
        sources,
        spools,
        watched,
        logins,
        tokens,
        alerts,
        schedules,
    })
}

#[cfg(test)]
mod tests;
