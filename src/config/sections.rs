//! Reads the sections that occur once, such as `[store]` and `[x]`.

use super::fault_collector::ConfigTable;
use super::given::Wrong;
use super::{
    CanDmBy, Http, Log, LogFormat, LogLevel, Poll, ReportConfig, StoreConfig, X, XWebhookConfig,
};
use super::{access, defaults, secret, urls, values};
use crate::domain::days::Zone;

const FORMATS: [(&str, LogFormat); 3] =
    [("json", LogFormat::Json), ("text", LogFormat::Text), ("journald", LogFormat::Journald)];

const LEVELS: [(&str, LogLevel); 5] = [
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
    ("trace", LogLevel::Trace),
];

const CAN_DM: [(&str, CanDmBy); 3] = [
    ("friendships_show", CanDmBy::FriendshipsShow),
    ("users_v2", CanDmBy::UsersV2),
    ("auto", CanDmBy::Auto),
];

pub(super) fn store(mut table: ConfigTable) -> Option<StoreConfig> {
    let url = table.or("url", defaults::STORE_URL.into(), urls::store);
    table.close(&[]);
    Some(StoreConfig { url: url? })
}

/// Also returns whether the section names a proxy, which may be faulty.
pub(super) fn http(table: ConfigTable) -> (Option<Http>, bool) {
    let has_proxy = table.holds("proxy");
    (http_of(table), has_proxy)
}

fn http_of(mut table: ConfigTable) -> Option<Http> {
    let listen = table.or("listen", defaults::LISTEN, values::socket_address);
    let max_body =
        table.or("max_body", defaults::MAX_BODY, values::size(defaults::MAX_BODY_BOUNDS));
    let of_peer = values::integer(defaults::CONNECTIONS_PER_PEER_BOUNDS);
    let of_peer = table.or("connections_per_peer", defaults::CONNECTIONS_PER_PEER, of_peer);
    let proxy = access::proxy(&mut table);
    let public_url = table.optional("public_url", urls::public);
    table.close(&[]);
    Some(Http {
        listen: listen?,
        max_body: max_body?,
        connections_per_peer: of_peer?,
        proxy: proxy?,
        public_url: public_url?,
    })
}

pub(super) fn log(mut table: ConfigTable) -> Option<Log> {
    let format = table.optional("format", values::choice(&FORMATS));
    let level = table.or("level", defaults::LOG_LEVEL, values::choice(&LEVELS));
    table.close(&[]);
    Some(Log { format: format?, level: level? })
}

pub(super) fn x(mut table: ConfigTable) -> Option<X> {
    let base_url = table.or("base_url", defaults::BASE_URL.into(), urls::base);
    let timeout = values::duration(defaults::TIMEOUT_BOUNDS);
    let request_timeout = table.or("request_timeout", defaults::REQUEST_TIMEOUT, &timeout);
    let send_timeout = table.or("send_timeout", defaults::SEND_TIMEOUT, &timeout);
    let settle_after = values::duration(defaults::SETTLE_AFTER_BOUNDS);
    let settle_after = table.or("settle_after", defaults::SETTLE_AFTER, settle_after);
    let events_horizon = values::duration(defaults::EVENTS_HORIZON_BOUNDS);
    let events_horizon = table.or("events_horizon", defaults::EVENTS_HORIZON, events_horizon);
    let concurrency = values::integer(defaults::CONCURRENCY_BOUNDS);
    let concurrency = table.or("concurrency", defaults::CONCURRENCY, concurrency);
    let can_dm = table.or("can_dm", defaults::CAN_DM, values::choice(&CAN_DM));
    let webhook = webhook(&mut table);
    table.close(&[]);
    Some(X {
        base_url: base_url?,
        request_timeout: request_timeout?,
        send_timeout: send_timeout?,
        settle_after: settle_after?,
        events_horizon: events_horizon?,
        concurrency: concurrency? as usize,
        can_dm: can_dm?,
        webhook: webhook?,
    })
}

/// Reads `x.webhook`. Returns `Some(None)` if the section is left out.
fn webhook(table: &mut ConfigTable) -> Option<Option<XWebhookConfig>> {
    let is_given = table.holds("webhook");
    let mut table = table.table("webhook");
    if !is_given {
        table.abandon();
        return Some(None);
    }
    let username = table.required("username", "\"x\"", |given| match given.text()? {
        "" => Err(Wrong::new("is empty", "write the name that X shows")),
        name if name.contains(':') => {
            let remedy = "choose one without: Basic authentication (RFC 7617) ends it there";
            Err(Wrong::new("holds a colon", remedy))
        }
        name => Ok(name.to_owned()),
    });
    let passwords = secret::read_list(&mut table, "password", |_| Ok(()));
    table.close(&[]);
    Some(Some(XWebhookConfig { username: username?, passwords: passwords? }))
}

pub(super) fn poll(mut table: ConfigTable) -> Option<Poll> {
    let interval = values::duration(defaults::INTERVAL_BOUNDS);
    let interval = table.or("interval", defaults::INTERVAL, interval);
    let overlap = values::duration(defaults::OVERLAP_BOUNDS);
    let overlap = table.or("overlap", defaults::OVERLAP, overlap);
    let fresh_for = values::duration(defaults::FRESH_FOR_BOUNDS);
    let fresh_for = table.or("fresh_for", defaults::FRESH_FOR, fresh_for);
    table.close(&[]);
    Some(Poll { interval: interval?, overlap: overlap?, fresh_for: fresh_for? })
}

pub(super) fn report(mut table: ConfigTable) -> Option<ReportConfig> {
    let min_group = values::integer(defaults::MIN_GROUP_BOUNDS);
    let min_group = table.or("min_group", defaults::MIN_GROUP, min_group);
    let time_zone = table.or("time_zone", Zone::utc(), values::time_zone(Zone::parse));
    let agent_min = values::integer(defaults::AGENT_MIN_BOUNDS);
    let agent_min = table.or("agent_min", defaults::AGENT_MIN, agent_min);
    let agent_delay = values::duration(defaults::AGENT_DELAY_BOUNDS);
    let agent_delay = table.or("agent_delay", defaults::AGENT_DELAY, agent_delay);
    table.close(&[]);
    Some(ReportConfig {
        min_group: min_group?,
        time_zone: time_zone?,
        agent_min: agent_min?,
        agent_delay: agent_delay?,
    })
}
