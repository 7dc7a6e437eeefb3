//! The client: how long it waits, its TLS and its connections, and every call that reads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Response, Url};
use tokio::sync::Semaphore;

use super::direct_messages::{self, MessagesPage};
use super::error::{self, Error};
use super::oauth::{self, Keys};
use super::rate_limit::rate_headers;
use super::reply::{Body, Reply, date};
use super::wire::{self, EventsPage, Reachability, Verified};
use crate::clock::{Apart, ClockOfX, DateSeen};
use crate::domain::budget::{Call, RateHeaders};
use crate::domain::feedback::Update;
use crate::domain::id::{FeedbackId, UserId};
use crate::domain::time::{Millis, Period};
use crate::meters::Meters;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const EVENTS_PATH: &str = "1.1/feedback/events.json";
/// The largest answer, in bytes. A larger one is not X's.
const ANSWER_MOST: usize = 1024 * 1024;
/// The largest page of events, in bytes. 100 events are about 100 KiB, but comments may be long.
const EVENTS_MOST: usize = 8 * 1024 * 1024;
/// How many people `users` asks about in one call (X's page of GET /2/users).
pub const USERS_MAX: usize = 100;
/// The events in one page (X's page of feedback/events).
const EVENTS_COUNT: &str = "100";
/// The Direct Messages in one page (X's page of direct_messages/events/list).
const MESSAGES_COUNT: &str = "50";
/// The Direct Messages in one page of v2 (X's page of GET /2/dm_events).
const DM_EVENTS_COUNT: &str = "100";

/// Where X is and how long it may take.
#[derive(Clone, Debug)]
pub struct XSettings {
    pub base_url: String,
    pub request_timeout: Duration,
    /// The timeout of the POST that prompts.
    pub send_timeout: Duration,
}

/// How surveyd asks for a later page of events. X's page says that the first one needs the range.
/// One public client repeats the range and another does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LaterPages {
    #[default]
    WithRange,
    ByCursorAlone,
}

impl LaterPages {
    pub fn other(self) -> Self {
        match self {
            Self::WithRange => Self::ByCursorAlone,
            Self::ByCursorAlone => Self::WithRange,
        }
    }
}

/// The result of a call and what its headers say of the limit.
#[derive(Debug)]
pub struct CallResult<T> {
    pub result: Result<T, Error>,
    pub rate: Option<RateHeaders>,
}

pub struct Client {
    reading: reqwest::Client,
    pub(super) sending: reqwest::Client,
    base: Url,
    clock: Arc<ClockOfX>,
    /// How far X's clock is ahead if X has refused surveyd's. Requests are signed by this offset.
    clock_offset: AtomicI64,
    /// The offset by which the last request that X took was signed.
    taken_offset: AtomicI64,
    /// When X last took a request, by surveyd's clock. Reset when X refuses the clock.
    taken_at: AtomicI64,
    /// Lets one large answer at a time be read and parsed. All accounts share it.
    large: Arc<Semaphore>,
    meters: Meters,
}

impl Client {
    /// The error names the setting that cannot be used.
    pub fn new(settings: &XSettings) -> Result<Self, String> {
        // Another part of the process may have installed it. Either one serves.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let base = Url::parse(&format!("{}/", settings.base_url.trim_end_matches('/')))
            .map_err(|error| format!("x.base_url {}: {error}", settings.base_url))?;
        let builder = || {
            reqwest::Client::builder()
                .user_agent(concat!("surveyd/", env!("CARGO_PKG_VERSION")))
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .connect_timeout(CONNECT_TIMEOUT)
                .no_proxy()
        };
        // A request that was given up must not leave later. Without this the system would go on
        // sending it for minutes.
        let sending = builder()
            .timeout(settings.send_timeout)
            .tcp_user_timeout(settings.send_timeout)
            .pool_max_idle_per_host(0);
        let built = |builder: reqwest::ClientBuilder| builder.build().map_err(|e| e.to_string());
        Ok(Self {
            reading: built(builder().timeout(settings.request_timeout))?,
            sending: built(sending)?,
            base,
            clock: Arc::default(),
            clock_offset: AtomicI64::new(0),
            taken_offset: AtomicI64::new(0),
            taken_at: AtomicI64::new(i64::MIN),
            large: Arc::new(Semaphore::new(1)),
            meters: Meters::default(),
        })
    }

    /// Counts its calls there.
    pub fn counting(self, meters: Meters) -> Self {
        Self { meters, ..self }
    }

    /// X's clock as its answers show it.
    pub fn clock(&self) -> &Arc<ClockOfX> {
        &self.clock
    }

    /// True if X has refused surveyd's clock and takes requests signed by one that differs by
    /// `apart`. The dates of X's answers then show its real clock.
    pub fn is_signed_by(&self, apart: Apart) -> bool {
        let ahead = self.signed_ahead_ms();
        let signed =
            ahead.saturating_sub(CLOCK_TOLERANCE_MS)..=ahead.saturating_add(CLOCK_TOLERANCE_MS);
        ahead != 0 && signed.contains(&apart.least)
    }

    /// How far the clock that X takes is ahead of surveyd's. It is zero unless X has refused
    /// surveyd's.
    pub fn signed_ahead_ms(&self) -> i64 {
        self.taken_offset.load(Ordering::Relaxed)
    }

    /// True if X has just taken a request. The clock that signed it is then right within what X
    /// allows. That proves more than surveyd's clock or X's dates alone. It proves nothing if
    /// surveyd's clock was set since.
    pub fn has_taken(&self, now: Millis) -> bool {
        let ago = now.0.checked_sub(self.taken_at.load(Ordering::Relaxed));
        ago.is_some_and(|ago| (0..JUST_MS).contains(&ago))
    }

    /// Asks whether `source` may message `target`. The documented place is
    /// `relationship.source.can_dm` of `friendships/show`.
    pub async fn can_dm(
        &self,
        keys: &Keys,
        source: &UserId,
        target: &UserId,
        now: Millis,
    ) -> CallResult<Reachability> {
        let query =
            BTreeMap::from([("source_id", source.as_str()), ("target_id", target.as_str())]);
        self.get("1.1/friendships/show.json", keys, &query, now, wire::relationship).await
    }

    /// Asks whether the account may message each of up to [`USERS_MAX`] people, from v2's
    /// `receives_your_dm`. The result leaves out only the people of whom X does not say it.
    pub async fn can_dm_many(
        &self,
        keys: &Keys,
        targets: &[UserId],
        now: Millis,
    ) -> CallResult<BTreeMap<UserId, Reachability>> {
        let ids: Vec<&str> = targets.iter().map(UserId::as_str).collect();
        let ids = ids.join(",");
        let query = BTreeMap::from([("ids", ids.as_str()), ("user.fields", "receives_your_dm")]);
        let asked = targets.to_vec();
        self.get("2/users", keys, &query, now, move |body| wire::users(body, &asked)).await
    }

    /// Asks for one page of the feedback events of a range. It is the first page if there is no
    /// cursor.
    pub async fn events(
        &self,
        keys: &Keys,
        range: Period,
        later: Option<(&str, LaterPages)>,
        now: Millis,
    ) -> CallResult<EventsPage> {
        let (from, to) = (range.from.0.to_string(), range.to.0.to_string());
        let mut query = BTreeMap::from([("count", EVENTS_COUNT)]);
        if !matches!(later, Some((_, LaterPages::ByCursorAlone))) {
            query.extend([("from_time", from.as_str()), ("to_time", to.as_str())]);
        }
        if let Some((cursor, _)) = later {
            query.insert("cursor", cursor);
        }
        self.get(EVENTS_PATH, keys, &query, now, wire::events).await
    }

    /// Asks for one page of the account's Direct Messages of the last 30 days, sent and received
    /// (X's page of direct_messages/events/list). The newest come first. A page may be empty and
    /// not the last.
    pub async fn direct_messages(
        &self,
        keys: &Keys,
        cursor: Option<&str>,
        now: Millis,
    ) -> CallResult<MessagesPage> {
        let mut query = BTreeMap::from([("count", MESSAGES_COUNT)]);
        if let Some(cursor) = cursor {
            query.insert("cursor", cursor);
        }
        let path = "1.1/direct_messages/events/list.json";
        self.get(path, keys, &query, now, direct_messages::listed).await
    }

    /// Asks v2 for such a page. It holds nothing of group conversations.
    pub async fn dm_events(
        &self,
        keys: &Keys,
        token: Option<&str>,
        now: Millis,
    ) -> CallResult<MessagesPage> {
        let mut query = BTreeMap::from([
            ("max_results", DM_EVENTS_COUNT),
            ("event_types", "MessageCreate"),
            ("dm_event.fields", "id,text,event_type,created_at,dm_conversation_id,sender_id"),
        ]);
        if let Some(token) = token {
            query.insert("pagination_token", token);
        }
        self.get("2/dm_events", keys, &query, now, direct_messages::listed_by_v2).await
    }

    /// Asks for one feedback object as it is now.
    pub async fn show(&self, keys: &Keys, id: &FeedbackId, now: Millis) -> CallResult<Update> {
        let path = format!("1.1/feedback/show/{id}.json");
        let id = id.clone();
        self.get(&path, keys, &BTreeMap::new(), now, move |body| wire::shown(body, &id)).await
    }

    /// Asks whose keys these are.
    pub async fn verify_credentials(&self, keys: &Keys, now: Millis) -> CallResult<Verified> {
        let path = "1.1/account/verify_credentials.json";
        self.get(path, keys, &BTreeMap::new(), now, wire::verified).await
    }

    async fn get<T: Send + 'static>(
        &self,
        path: &str,
        keys: &Keys,
        query: &BTreeMap<&str, &str>,
        now: Millis,
        read: impl FnOnce(&[u8]) -> Option<T> + Send + 'static,
    ) -> CallResult<T> {
        let kind = if path.starts_with("1.1/feedback/show/") {
            error::RequestKind::Show
        } else {
            error::RequestKind::Read
        };
        match self.call(&self.reading, Method::GET, path, keys, query, now).await {
            Ok(reply) => {
                let rate = rate_headers(&reply.headers);
                let result = match reply.status {
                    200 => {
                        let read = reply.body.read(read).await;
                        read.map_err(|why| Error::NotNow(format!("X's answer to {path} {why}")))
                    }
                    // A status such as 202 or 206 does not promise all that X knows (RFC 9110
                    // section 15.3).
                    status @ 201..=299 => Err(Error::NotNow(format!(
                        "X answers {path} with status {status}, not 200"
                    ))),
                    _ => Err(self.refused(&reply, kind, now)),
                };
                CallResult { result, rate }
            }
            Err(error) => {
                CallResult { result: Err(Error::NotNow(error::words(&error))), rate: None }
            }
        }
    }

    pub(super) async fn call(
        &self,
        client: &reqwest::Client,
        method: Method,
        path: &str,
        keys: &Keys,
        parameters: &BTreeMap<&str, &str>,
        now: Millis,
    ) -> Result<Reply, reqwest::Error> {
        let mut url = self.base.join(path).expect("every path here is a valid relative reference");
        let clock_offset = self.clock_offset.load(Ordering::Relaxed);
        let signed_at = Millis(now.0.saturating_add(clock_offset));
        let signed = oauth::sign(&method, &url, parameters, keys, signed_at);
        let mut authorization =
            HeaderValue::from_str(&signed.authorization).expect("the header is percent-encoded");
        authorization.set_sensitive(true);
        let is_form = method == Method::POST;
        if !is_form && !parameters.is_empty() {
            url.set_query(Some(&signed.parameters));
        }
        let mut request = client.request(method, url).header(AUTHORIZATION, authorization);
        if is_form {
            request = request
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(signed.parameters);
        }
        let begun = Instant::now();
        let response = request.send().await;
        let took = begun.elapsed();
        let status = response.as_ref().ok().map(|response| response.status().as_u16());
        if let Some(call) = call_to(path) {
            self.meters.call(call, status);
        }
        let mut response = response?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let is_page = path == EVENTS_PATH && (200..300).contains(&status);
        let most = if is_page { EVENTS_MOST } else { ANSWER_MOST };
        let body = self.body(&mut response, most).await?;
        let apart = date(&headers).map(|date| Apart::of(date, now, took));
        self.clock.hear(DateSeen { apart, at: now });
        if (200..300).contains(&status) {
            self.taken_offset.store(clock_offset, Ordering::Relaxed);
            self.taken_at.store(now.0, Ordering::Relaxed);
        }
        Ok(Reply { status, headers, body, clock_offset })
    }

    /// Reads the body of an answer up to `most` bytes. surveyd never holds more than that.
    async fn body(&self, response: &mut Response, most: usize) -> Result<Body, reqwest::Error> {
        let announced = response.content_length().unwrap_or(0);
        if announced > most as u64 {
            return Ok(Body::LargerThan(most));
        }
        // A vector that grows is copied repeatedly and ends up with twice the capacity.
        let (mut bytes, mut large) = (Vec::with_capacity(announced as usize), None);
        while let Some(chunk) = response.chunk().await? {
            let length = bytes.len() + chunk.len();
            if length > most {
                return Ok(Body::LargerThan(most));
            }
            if length > ANSWER_MOST && large.is_none() {
                large = self.large.clone().acquire_owned().await.ok();
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Body::Whole { bytes, large })
    }

    /// The meaning of a refusal. Stores the offset of X's clock if X says that surveyd's is wrong.
    pub(super) fn refused(&self, reply: &Reply, kind: error::RequestKind, now: Millis) -> Error {
        let error = error::of_refusal(reply.status, &reply.headers, reply.body.bytes(), kind);
        let Error::Clock(words) = error else { return error };
        let Some(date) = date(&reply.headers) else { return Error::Account(words) };
        let offset = date.0.saturating_sub(now.0);
        self.clock_offset.store(offset, Ordering::Relaxed);
        self.taken_offset.store(0, Ordering::Relaxed);
        self.taken_at.store(i64::MIN, Ordering::Relaxed);
        // Requests under way at once were all signed before the first of them brought the offset.
        if offset.saturating_sub(reply.clock_offset).saturating_abs() < CLOCK_TOLERANCE_MS {
            // The request was signed by X's own clock, so the clock is not at fault.
            return Error::Account(words);
        }
        Error::Clock(words)
    }
}

/// The call that goes to a path.
fn call_to(path: &str) -> Option<Call> {
    Call::ALL.into_iter().find(|call| path.contains(call.endpoint()))
}

/// A request that X took less than this long ago counts as just taken.
const JUST_MS: i64 = 60_000;

/// An offset that differs by less counts as the one already used.
const CLOCK_TOLERANCE_MS: i64 = 60_000;

#[cfg(test)]
mod tests;
