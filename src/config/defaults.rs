//! The defaults and the bounds of the configuration's keys.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use super::{CanDmBy, LogLevel};
use crate::domain::close::ClosedBy;
use crate::domain::policy::{Mode, Pacing};
use crate::domain::survey_type::SurveyType;

const KIB: usize = 1024;
const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub const STORE_URL: &str = "sqlite:surveyd.db";

pub const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8471);
pub const MAX_BODY: usize = 256 * KIB;
pub const MAX_BODY_BOUNDS: RangeInclusive<usize> = KIB..=16 * KIB * KIB;
/// The connections open at once from one address. Zero sets no limit beyond the 1,024 connections
/// in all. A help desk needs a few. A proxy on this machine may keep more.
pub const CONNECTIONS_PER_PEER: u32 = 0;
pub const CONNECTIONS_PER_PEER_BOUNDS: RangeInclusive<u32> = 0..=1_024;

pub const LOG_LEVEL: LogLevel = LogLevel::Info;

pub const BASE_URL: &str = "https://api.x.com";
pub const REQUEST_TIMEOUT: Duration = seconds(10);
/// A long wait is cheap. A prompt whose fate is unknown is not.
pub const SEND_TIMEOUT: Duration = seconds(60);
pub const TIMEOUT_BOUNDS: RangeInclusive<Duration> =
    Duration::from_millis(100)..=seconds(10 * MINUTE);
pub const SETTLE_AFTER: Duration = seconds(60);
pub const SETTLE_AFTER_BOUNDS: RangeInclusive<Duration> = Duration::ZERO..=seconds(HOUR);
/// X refuses a `to_time` nearer to now than this.
pub const EVENTS_HORIZON: Duration = seconds(DAY);
pub const EVENTS_HORIZON_BOUNDS: RangeInclusive<Duration> = Duration::ZERO..=seconds(7 * DAY);
pub const CONCURRENCY: u32 = 8;
pub const CONCURRENCY_BOUNDS: RangeInclusive<u32> = 1..=64;
pub const CAN_DM: CanDmBy = CanDmBy::FriendshipsShow;

pub const INTERVAL: Duration = seconds(5 * MINUTE);
pub const INTERVAL_BOUNDS: RangeInclusive<Duration> = seconds(1)..=seconds(DAY);
pub const OVERLAP: Duration = seconds(10 * MINUTE);
pub const OVERLAP_BOUNDS: RangeInclusive<Duration> = Duration::ZERO..=seconds(7 * DAY);
pub const FRESH_FOR: Duration = seconds(7 * DAY);
pub const FRESH_FOR_BOUNDS: RangeInclusive<Duration> = Duration::ZERO..=seconds(90 * DAY);

/// X's events are looked at a second time for a week, and Direct Messages for 40 days.
pub const RETENTION_RAW_BOUNDS: RangeInclusive<Duration> = seconds(14 * DAY)..=seconds(3650 * DAY);
pub const RETENTION_TEXT_BOUNDS: RangeInclusive<Duration> = seconds(45 * DAY)..=seconds(3650 * DAY);

pub const MIN_GROUP: u32 = 5;
pub const MIN_GROUP_BOUNDS: RangeInclusive<u32> = 1..=1000;
pub const AGENT_MIN: u32 = 10;
/// An agent who has been told by four customers how they answered knows the fifth of five.
pub const AGENT_MIN_BOUNDS: RangeInclusive<u32> = 5..=1000;
pub const AGENT_DELAY: Duration = seconds(7 * DAY);
pub const AGENT_DELAY_BOUNDS: RangeInclusive<Duration> = Duration::ZERO..=seconds(90 * DAY);

/// X's own limit for a handle. A higher one would have no effect.
pub const DAILY_LIMIT: u32 = 1000;
pub const DAILY_LIMIT_BOUNDS: RangeInclusive<u32> = 1..=1000;
/// X's own limit for a handle that it has not allowlisted for more.
pub const DAILY_LIMIT_PER_USER: u32 = 1;
pub const DAILY_LIMIT_PER_USER_BOUNDS: RangeInclusive<u32> = 1..=1000;
pub const PACING: Pacing = Pacing::Asap;
pub const MODE: Mode = Mode::Live;
/// X refuses a longer name instead of cutting it.
pub const DISPLAY_NAME_CHARACTERS_MAX: usize = 20;

pub const SURVEY_TYPE: SurveyType = SurveyType::Csat;
/// X's own default.
pub const QUESTION_VARIANT_ID: u32 = 0;
pub const DELAY: Duration = seconds(5 * MINUTE);
pub const DELAY_BOUNDS: RangeInclusive<Duration> = Duration::ZERO..=seconds(7 * DAY);
pub const EXPIRE_AFTER: Duration = seconds(12 * HOUR);
pub const EXPIRE_AFTER_BOUNDS: RangeInclusive<Duration> =
    Duration::from_millis(1)..=seconds(30 * DAY);
/// X's guidance is at most one prompt a week to one person.
pub const THROTTLE: Duration = seconds(7 * DAY);
pub const THROTTLE_BOUNDS: RangeInclusive<Duration> = Duration::ZERO..=seconds(3650 * DAY);
pub const SAMPLE: f64 = 1.0;
pub const HOLDOUT: f64 = 0.0;
pub const SHARE_BOUNDS: RangeInclusive<f64> = 0.0..=1.0;
/// A bot, a timer or a bulk action closed these conversations. No agent settled them with the
/// person.
pub const SKIP_CLOSED_BY: [ClosedBy; 3] = [ClosedBy::Bot, ClosedBy::Auto, ClosedBy::Bulk];
pub const MIN_AGENT_MESSAGES: u32 = 0;
pub const MIN_AGENT_MESSAGES_BOUNDS: RangeInclusive<u32> = 0..=1000;
pub const STALE_AFTER_BOUNDS: RangeInclusive<Duration> = seconds(MINUTE)..=seconds(365 * DAY);
pub const TEST: bool = false;

/// A hundred notices a second. No help desk sends more in normal use.
pub const RATE_LIMIT: u32 = 6_000;
pub const RATE_LIMIT_BOUNDS: RangeInclusive<u32> = 1..=1_000_000;
pub const SPOOL_FOLDER: &str = "spool";
/// Short compared with any usual `delay` and long enough for an idle machine to sleep.
pub const SPOOL_EVERY: Duration = seconds(5);
pub const SPOOL_EVERY_BOUNDS: RangeInclusive<Duration> = seconds(1)..=seconds(HOUR);
/// The length of silence that ends a conversation in Direct Messages.
pub const AFTER: Duration = seconds(30 * MINUTE);
/// X lists the messages of the last 30 days only.
pub const AFTER_BOUNDS: RangeInclusive<Duration> = seconds(1)..=seconds(7 * DAY);
/// X allows 15 calls in 15 minutes. This interval uses half of them and leaves the rest for other
/// purposes.
pub const LISTED_EVERY: Duration = seconds(2 * MINUTE);
/// X's webhook delivers the messages. Listing only has to find those lost on the way.
pub const LISTED_EVERY_BESIDE_WEBHOOK: Duration = seconds(15 * MINUTE);
pub const LISTED_EVERY_BOUNDS: RangeInclusive<Duration> = seconds(1)..=seconds(HOUR);
/// The tolerance that Standard Webhooks and most senders use.
pub const TOLERANCE: Duration = seconds(5 * MINUTE);
pub const TOLERANCE_BOUNDS: RangeInclusive<Duration> = seconds(1)..=seconds(DAY);
/// Standard Webhooks asks for 24 to 64 bytes. Some help desks issue shorter keys.
pub const SIGNING_KEY_BYTES_MIN: usize = 16;

/// The new one and the old one.
pub const ALERT_SECRETS_MAX: usize = 2;
pub const DETRACTOR_CSAT: u32 = 2;
pub const DETRACTOR_NPS: u32 = 6;
pub const SILENCE_AFTER: Duration = seconds(6 * HOUR);
pub const SILENCE_AFTER_BOUNDS: RangeInclusive<Duration> = seconds(MINUTE)..=seconds(7 * DAY);
pub const WAIT_FOR_COMMENT_BOUNDS: RangeInclusive<Duration> = Duration::ZERO..=seconds(DAY);
/// A quarter of weeks and a year of months.
pub const SCHEDULE_KEEP: u32 = 12;
pub const SCHEDULE_KEEP_BOUNDS: RangeInclusive<u32> = 1..=10_000;

pub const NAME_CHARACTERS_MAX: usize = 64;
pub const LOGIN_CHARACTERS_MAX: usize = 64;
pub const LANGUAGE_CHARACTERS_MAX: usize = 35;
