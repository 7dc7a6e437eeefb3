//! The configuration: one TOML file under environment variables, read once, checked whole.
//!
//! Owns every key, its default and its bounds. A configuration either stands with every value
//! sound, or is refused with all that is wrong with it at once, so that an operator mends it in one
//! go. Unknown keys are faults: a misspelt `throttle` must not become the default in silence.
//!
//! Must not do anything with what it read: no connecting, no clock, and the environment only as it
//! was captured by the caller.

mod accounts;
mod chosen;
pub mod defaults;
mod duration;
mod environment;
mod faults;
mod file;
mod given;
mod lists;
mod names;
mod quiet_hours;
mod rules;
mod rsa;
mod secret;
mod sections;
mod served;
mod sources;
mod survey;
mod texts;
mod urls;
mod values;
mod variants;
mod walk;
mod warnings;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use chosen::Chosen;
pub use duration::{format_duration, parse_duration};
pub use environment::Environment;
pub use faults::{Fault, Faults};
pub use file::{is_open_to_others, load, load_without_secrets};
pub(crate) use names::nearest;
pub use rsa::rsa_key;
pub use secret::Secret;
pub use sources::{
    Algorithm, Encoding, IN_QUERY, Scheme, SignedPart, Timestamp, TimestampForm, X_SIGNATURE,
    standard_key,
};
pub use texts::Texts;
pub use warnings::{
    CloseOnRecord, Warning, of_token as warning_of_token, owner_of, warnings, warnings_of_closes,
};

use crate::domain::close::ClosedBy;
use crate::domain::mapping::Mapping;
use crate::domain::message::Templates;
use crate::domain::policy::quiet_hours::QuietHours;
use crate::domain::policy::rule::When;
use crate::domain::policy::{Mode, Pacing};
use crate::domain::stop_words::StopWords;
use crate::domain::survey_type::SurveyType;
use given::Wrong;

/// All that surveyd is told. `Debug` shows it without a secret.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub store: StoreConfig,
    pub http: Http,
    pub log: Log,
    pub x: X,
    pub poll: Poll,
    pub report: ReportConfig,
    /// Never empty; no two share a name or a user id.
    pub accounts: Vec<Account>,
    /// May be empty: closes can come in by `surveyd enqueue` alone.
    pub sources: Vec<Source>,
    /// The sources that are folders; no two share one, and none has another source's name.
    pub spools: Vec<SpoolConfig>,
    /// The sources that watch an account's Direct Messages; none has another source's name.
    pub watched: Vec<WatchedMessages>,
}

#[derive(Clone, PartialEq, Eq)]
pub struct StoreConfig {
    /// `sqlite:…`, `postgres://…` or `postgresql://…`. It may hold a password: what is shown is
    /// [`Store::redacted_url`].
    pub url: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    pub listen: SocketAddr,
    /// In bytes.
    pub max_body: usize,
    /// Open at once from one address; zero: as many as there are.
    pub connections_per_peer: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Absent: the journal's own under systemd, else JSON.
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
    /// Without a slash at its end.
    pub base_url: String,
    pub request_timeout: Duration,
    /// For the one request that prompts.
    pub send_timeout: Duration,
    pub settle_after: Duration,
    pub events_horizon: Duration,
    /// Requests under way at once, for each account.
    pub concurrency: usize,
    pub can_dm: CanDmBy,
    /// Where X delivers feedback events; absent: it does not.
    pub webhook: Option<XWebhookConfig>,
}

/// What X shows when it delivers feedback events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XWebhookConfig {
    pub username: String,
    /// Any will do, so that one can be changed for another without a gap.
    pub passwords: Vec<Secret>,
}

/// Where it is looked up whether a person can be messaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CanDmBy {
    /// `GET friendships/show`, one person a call.
    FriendshipsShow,
    /// `GET /2/users`, a hundred people a call.
    UsersV2,
    /// The first; where more wait than it has calls left, the second clears whom it can.
    Auto,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poll {
    pub interval: Duration,
    pub overlap: Duration,
    /// Zero: `feedback/show` is never asked.
    pub fresh_for: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportConfig {
    /// Groups with fewer answers are not told apart, so that no single answer shows.
    pub min_group: u32,
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
    /// Prompts in any 24 hours.
    pub daily_limit: u32,
    /// Prompts to one person in any 24 hours.
    pub daily_limit_per_user: u32,
    pub pacing: Pacing,
    pub mode: Mode,
    pub survey: SurveyConfig,
    /// The first that matches a close stands in for the survey.
    pub rules: Vec<Rule>,
}

/// What an account asks, whom and when.
#[derive(Clone, Debug, PartialEq)]
pub struct SurveyConfig {
    /// The key `type`.
    pub kind: SurveyType,
    pub question_variant_id: u32,
    pub texts: Texts,
    /// From the close to the prompt.
    pub delay: Duration,
    /// From the close; longer than `delay`.
    pub expire_after: Duration,
    pub throttle: Duration,
    /// The share of closes that are surveyed, 0 to 1.
    pub sample: f64,
    /// The share of people who are never asked, 0 to 1.
    pub holdout: f64,
    pub quiet_hours: Option<QuietHours>,
    pub skip_closed_by: Vec<ClosedBy>,
    /// Zero: as few as they may be.
    pub min_agent_messages: u32,
    /// From the last message to the close; nothing: as long as it may be.
    pub stale_after: Option<Duration>,
    /// Tried side by side; their shares add up to 1 at most.
    pub variants: Vec<Variant>,
    pub test: bool,
    /// Accounts of one group share the throttle; the account's own name where none is given.
    pub throttle_group: String,
}

/// What some people meet in the place of parts of a survey.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    pub name: String,
    /// Of all people, 0 to 1.
    pub share: f64,
    pub question_variant_id: u32,
    pub texts: Texts,
    pub delay: Duration,
}

/// Closes that are treated otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Its number from 1 where it has no name.
    pub name: String,
    pub when: When,
    /// Whether nobody is asked.
    pub skip: bool,
    /// The account's survey with what the rule puts in the place of parts of it.
    pub survey: SurveyConfig,
}

/// Where closes come from over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub name: String,
    pub kind: SourceKind,
    /// The account that is meant where a notice names none.
    pub account: Option<String>,
    /// The accounts that a notice may name; none: any.
    pub accounts: Vec<String>,
    /// Each of them is tried; none where nothing is signed.
    pub secrets: Vec<Secret>,
    /// Notices a minute.
    pub rate_limit: u32,
    pub scheme: Scheme,
    /// What its payloads mean; nothing: they are notices of kind `standard`.
    pub mapping: Option<Mapping>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// Signed by the Standard Webhooks scheme.
    Standard,
    Chatwoot,
    Zendesk,
    Intercom,
    Freshchat,
    Freshdesk,
    Helpscout,
    Front,
    Zammad,
    /// Any desk, as the file explains it.
    Mapped,
    /// A folder of files: a [`SpoolConfig`], never a [`Source`].
    Spool,
    /// The account's Direct Messages: a [`WatchedMessages`], never a [`Source`].
    DmInactivity,
}

/// A source that is a folder of files with notices of kind `standard`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpoolConfig {
    pub name: String,
    /// The account that is meant where a notice names none.
    pub account: Option<String>,
    /// The accounts that a notice may name; none: any.
    pub accounts: Vec<String>,
    /// As it is written: a relative one starts at the state folder.
    pub folder: PathBuf,
    /// How often the folder is looked at.
    pub every: Duration,
}

/// A source that watches an account's Direct Messages, and closes what is over there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchedMessages {
    pub name: String,
    pub account: String,
    /// How long the account must have had the last word.
    pub after: Duration,
    pub stream: MessageStream,
    /// How often X is asked for messages.
    pub every: Duration,
    /// What a person says who wants no more prompts.
    pub stop_words: StopWords,
}

/// How messages are had from X.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageStream {
    /// `direct_messages/events/list`.
    V1,
    /// `GET /2/dm_events`.
    V2,
    /// X delivers them; v1.1 is asked for what was not delivered.
    Webhook,
}

impl Config {
    /// The account of that name.
    pub fn account(&self, name: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.name == name)
    }

    /// How many sources there are, of whatever kind.
    pub fn source_count(&self) -> usize {
        self.sources.len() + self.spools.len() + self.watched.len()
    }

    /// The source of that name that watches messages.
    pub fn watched(&self, name: &str) -> Option<&WatchedMessages> {
        self.watched.iter().find(|source| source.name == name)
    }

    /// The names of all sources, of whatever kind.
    pub fn source_names(&self) -> impl Iterator<Item = &str> {
        let posted = self.sources.iter().map(|source| source.name.as_str());
        let spools = self.spools.iter().map(|source| source.name.as_str());
        posted.chain(spools).chain(self.watched.iter().map(|source| source.name.as_str()))
    }

    /// The HTTP source of that name.
    pub fn source(&self, name: &str) -> Option<&Source> {
        self.sources.iter().find(|source| source.name == name)
    }
}

impl SurveyConfig {
    /// The texts, ready to render.
    pub fn templates(&self) -> &Templates {
        &self.texts.templates
    }
}

impl StoreConfig {
    /// The URL without its password, to log and to show.
    pub fn redacted_url(&self) -> String {
        urls::redacted(&self.url)
    }
}

impl fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("url", &self.redacted_url()).finish()
    }
}

/// Reads a configuration from its text; faults call it `path`, and its secret files lie beside
/// that.
pub fn parse(text: &str, path: &Path, environment: &Environment) -> Result<Config, Faults> {
    read_text(text, path, environment, (None, true))
}

/// Why a text cannot be the `privacy_url` of an account.
pub fn check_privacy_url(text: &str) -> Result<(), String> {
    checked(text, urls::privacy)
}

/// Why a text cannot be the `display_name` of an account.
pub fn check_display_name(text: &str) -> Result<(), String> {
    checked(text, values::text(defaults::DISPLAY_NAME_CHARACTERS_MAX))
}

/// For whoever is asked for a value before there is a file.
fn checked(
    text: &str,
    read: impl Fn(&given::GivenValue) -> Result<String, Wrong>,
) -> Result<(), String> {
    let read = read(&given::GivenValue::Variable(text.to_owned()));
    read.map(drop).map_err(|Wrong { problem, remedy, .. }| format!("{problem}: {remedy}"))
}

/// `mode`: who may read and write the file that the text is from. Secrets are read where they are
/// needed.
fn read_text(
    text: &str,
    path: &Path,
    environment: &Environment,
    (mode, needs_secrets): (Option<u32>, bool),
) -> Result<Config, Faults> {
    let values = given::from_toml(text)
        .map_err(|Wrong { problem, remedy, .. }| Faults::of_file(path, problem, remedy))?;
    let mut walk = walk::Walk::new(path, environment);
    walk.mode = mode;
    walk.needs_secrets = needs_secrets;
    if mode.is_some_and(|mode| mode & 0o002 != 0) {
        let remedy = format!("chmod o-w {}", path.display());
        walk.fault(
            &walk::Place::root(),
            None,
            "can be changed by every user of this machine",
            remedy,
        );
    }
    let config = read(walk.root(values));
    walk.finish(config)
}

/// Reads every section before it asks whether each of them stands: one fault never hides another.
/// What comes out may lack what is at fault; it counts only where the walk met no fault.
fn read(mut root: walk::ConfigTable) -> Option<Config> {
    let store = sections::store(root.table("store"));
    let http = sections::http(root.table("http"));
    let log = sections::log(root.table("log"));
    let x = sections::x(root.table("x"));
    let poll = sections::poll(root.table("poll"));
    let report = sections::report(root.table("report"));
    let (accounts, names) = accounts::read(&mut root);
    let is_stand_in = x.as_ref().is_some_and(|x| urls::is_on_loopback(&x.base_url));
    let around = sources::Around { accounts: names.as_ref(), is_stand_in };
    let (sources, spools, watched) = sources::read(&mut root, &around);
    root.close(&["logins", "alerts", "retention"]);
    Some(Config {
        store: store?,
        http: http?,
        log: log?,
        x: x?,
        poll: poll?,
        report: report?,
        accounts,
        sources,
        spools,
        watched,
    })
}

#[cfg(test)]
mod tests;
