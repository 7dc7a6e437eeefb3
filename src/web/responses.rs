//! Counts the responses for `/metrics` and logs the refusals.
//!
//! Anybody can cause refusals at any rate. So the log has one line for each of the first refusals
//! of a kind. Further refusals of that kind share one line a minute that counts them. A kind is a
//! configured source and the status of the answer. Nothing that a stranger sends creates a kind.

use std::collections::{BTreeMap, HashMap};
use std::mem;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::warn;

use crate::domain::plain_text::printable;
use crate::store::Rejected;

/// Refusals of one kind that are logged one by one before they are thinned out.
const TOLD_SINGLY: u32 = 10;
/// The period that one line about thinned-out refusals covers.
const EVERY: Duration = Duration::from_secs(60);

/// The most refusals that are queued for the database. Further ones are in the log only.
const UNKEPT_MAX: usize = 100;

/// The most characters of a text from a request that one line of the log takes.
const REASON_MAX: usize = 500;
const PATH_MAX: usize = 200;
const PLACE_MAX: usize = 200;
const DELIVERY_MAX: usize = 128;

/// The addressee of a request's path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Addressee {
    /// A configured source.
    Source(String),
    /// X's webhook for feedback.
    FeedbackHook,
    /// The pages and the API for results. Their refusals are counted and not logged, since the
    /// audit log has what matters.
    Results,
    /// A path that belongs to no source.
    Nothing,
}

impl Addressee {
    /// The addressee's name in metrics and in the log. A source's name has no brackets.
    pub fn label(&self) -> &str {
        match self {
            Self::Source(name) => name,
            Self::FeedbackHook => "[x.webhook]",
            Self::Results => "[results]",
            Self::Nothing => "[none]",
        }
    }

    fn event(&self) -> &'static str {
        match self {
            Self::Source(_) | Self::Nothing => "close.rejected",
            Self::FeedbackHook => "feedback.rejected",
            Self::Results => "results.rejected",
        }
    }

    /// The addressee as a part of a sentence in the log.
    fn described(&self) -> String {
        match self {
            Self::Source(name) => format!("to source {name}"),
            Self::FeedbackHook => "to X's webhook".into(),
            Self::Results => "for results".into(),
            Self::Nothing => "to an address that belongs to no source".into(),
        }
    }
}

/// The reason for a refusal. It travels with the response so that the log can have it.
#[derive(Clone, Debug, Default)]
pub struct RefusalReason {
    pub reason: String,
    /// The place of the fault in the body. It is a JSON Pointer or a line and a column.
    pub place: Option<String>,
}

impl RefusalReason {
    pub fn new(reason: &str, place: Option<&str>) -> Self {
        Self {
            reason: shortened(reason, REASON_MAX),
            place: place.map(|place| shortened(place, PLACE_MAX)),
        }
    }
}

/// The parts of a request that the log needs.
#[derive(Debug)]
pub struct LoggedRequest {
    pub asked: Addressee,
    uri: Uri,
    delivery_id: Option<HeaderValue>,
}

impl LoggedRequest {
    pub fn new(asked: Addressee, uri: &Uri, headers: &HeaderMap) -> Self {
        Self { asked, uri: uri.clone(), delivery_id: delivery_id(headers).cloned() }
    }
}

/// The endings of header names in which senders give a delivery's id. An example is
/// `X-Zammad-Delivery`. An earlier ending wins over a later one.
const NAMES_DELIVERY: [&str; 4] = ["-delivery", "-delivery-id", "-invocation-id", "request-id"];

/// The header of Standard Webhooks. A longer name with this ending may be the id of the webhook
/// and not of the delivery. Zendesk sends such a one.
const OF_STANDARD: &str = "webhook-id";

fn delivery_id(headers: &HeaderMap) -> Option<&HeaderValue> {
    if let Some(id) = headers.get(OF_STANDARD) {
        return Some(id);
    }
    let rank =
        |name: &HeaderName| NAMES_DELIVERY.iter().position(|end| name.as_str().ends_with(end));
    let named = headers.iter().filter_map(|(name, value)| Some((rank(name)?, value)));
    named.min_by_key(|(rank, _)| *rank).map(|(_, value)| value)
}

#[derive(Debug, Default)]
pub struct AnswerLog {
    kinds: Mutex<Kinds>,
    /// Notified when a refusal is held back and a summary line will be due.
    held_back: Notify,
    /// Refusals that are logged but not yet in the database.
    told: Mutex<Vec<(Instant, Rejected)>>,
    is_told: Notify,
}

#[derive(Debug, Default)]
struct Kinds {
    counts: BTreeMap<Addressee, BTreeMap<StatusCode, u64>>,
    refused: HashMap<(Addressee, StatusCode), Thinned>,
}

/// The state of thinning out for one kind of refusal.
#[derive(Debug)]
struct Thinned {
    /// The beginning of the current minute.
    began: Instant,
    singly: u32,
    held_back: u64,
    /// The reason of the last refusal that was held back.
    last_reason: String,
}

impl Thinned {
    /// Counts one more refusal. True if it gets its own line in the log.
    fn tells(&mut self, reason: &str, now: Instant) -> bool {
        if self.held_back == 0 && now.duration_since(self.began) >= EVERY {
            (self.began, self.singly) = (now, 0);
        }
        if self.singly < TOLD_SINGLY {
            self.singly += 1;
            return true;
        }
        self.held_back += 1;
        self.last_reason.clear();
        self.last_reason.push_str(reason);
        false
    }

    /// Returns the number of held-back refusals and the last of their reasons. Returns nothing
    /// before their minute is over.
    fn summary(&mut self, now: Instant) -> Option<(u64, String)> {
        if self.held_back == 0 || now.duration_since(self.began) < EVERY {
            return None;
        }
        self.began = now;
        Some((std::mem::take(&mut self.held_back), std::mem::take(&mut self.last_reason)))
    }
}

impl AnswerLog {
    /// Counts an answer. A refusal is also logged or held back for the next summary line.
    pub fn note(
        &self,
        request: &LoggedRequest,
        status: StatusCode,
        why: Option<&RefusalReason>,
        now: Instant,
    ) {
        let is_told = {
            let mut kinds = self.kinds();
            let counted = match kinds.counts.get_mut(&request.asked) {
                Some(counted) => counted,
                None => kinds.counts.entry(request.asked.clone()).or_default(),
            };
            *counted.entry(status).or_default() += 1;
            let Some(why) = why else { return };
            let kind = (request.asked.clone(), status);
            let new =
                || Thinned { began: now, singly: 0, held_back: 0, last_reason: String::new() };
            kinds.refused.entry(kind).or_insert_with(new).tells(&why.reason, now)
        };
        match (is_told, why) {
            (true, Some(why)) => self.keep(log(request, status, why)),
            (true, None) => {}
            (false, _) => self.held_back.notify_one(),
        }
    }

    /// Returns how often each status was answered to each addressee since the start.
    pub fn counts(&self) -> Vec<(Addressee, StatusCode, u64)> {
        let kinds = self.kinds();
        let counts = kinds.counts.iter().flat_map(|(asked, counts)| {
            counts.iter().map(|(status, count)| (asked.clone(), *status, *count))
        });
        counts.collect()
    }

    /// Logs a summary of the held-back refusals each minute. Sleeps while none is held back.
    pub async fn log_held_back(&self) {
        loop {
            match self.next_due() {
                Some(due) => tokio::time::sleep_until(due).await,
                None => self.held_back.notified().await,
            }
            self.log_until(Instant::now());
        }
    }

    fn keep(&self, rejected: Rejected) {
        let mut told = self.told.lock().expect("no holder of this lock can panic");
        if told.len() < UNKEPT_MAX {
            told.push((Instant::now(), rejected));
            self.is_told.notify_one();
        }
    }

    /// Waits until refusals have been logged since the last call and returns them with their times.
    pub async fn told(&self) -> Vec<(Instant, Rejected)> {
        loop {
            let told = mem::take(&mut *self.told.lock().expect("no holder of this lock can panic"));
            if !told.is_empty() {
                return told;
            }
            self.is_told.notified().await;
        }
    }

    fn next_due(&self) -> Option<Instant> {
        let kinds = self.kinds();
        let held_back = kinds.refused.values().filter(|kind| kind.held_back > 0);
        held_back.map(|kind| kind.began + EVERY).min()
    }

    /// Logs a summary of all held-back refusals at once. Their minute need not be over.
    pub fn log_rest(&self) {
        self.log_until(Instant::now() + EVERY);
    }

    fn log_until(&self, now: Instant) {
        let mut kinds = self.kinds();
        let summaries = kinds.refused.iter_mut().filter_map(|((asked, status), kind)| {
            Some((asked.clone(), *status, kind.summary(now)?))
        });
        let summaries: Vec<_> = summaries.collect();
        drop(kinds);
        for (asked, status, (count, reason)) in summaries {
            warn!(
                event = asked.event(),
                source = asked.label(),
                answer = status.as_u16(),
                count,
                reason,
                "{count} more requests {} were refused with {status} in the last minute, the last \
                 because {reason}",
                asked.described(),
            );
            self.keep(Rejected {
                source: asked.label().to_owned(),
                answer: status.as_u16(),
                reason,
                place: None,
                path: None,
                delivery_id: None,
                count,
            });
        }
    }

    fn kinds(&self) -> MutexGuard<'_, Kinds> {
        self.kinds.lock().expect("no holder of this lock can panic")
    }
}

fn log(request: &LoggedRequest, status: StatusCode, why: &RefusalReason) -> Rejected {
    let LoggedRequest { asked, uri, delivery_id } = request;
    let path = shortened(uri.path(), PATH_MAX);
    let delivery_id = delivery_id.as_ref().and_then(|id| id.to_str().ok());
    let delivery_id = delivery_id.map(|id| shortened(id, DELIVERY_MAX));
    let id = delivery_id.as_ref().map_or(String::new(), |id| format!(", delivery {id},"));
    let rejected = Rejected {
        source: asked.label().to_owned(),
        answer: status.as_u16(),
        reason: why.reason.clone(),
        place: why.place.clone(),
        path: Some(path),
        delivery_id,
        count: 1,
    };
    let Rejected { reason, place, path, delivery_id, .. } = &rejected;
    warn!(
        event = asked.event(),
        source = asked.label(),
        answer = status.as_u16(),
        reason,
        place,
        delivery_id,
        path,
        "a request {}{id} is refused with {status}: {}",
        asked.described(),
        rejected.words(),
    );
    rejected
}

/// Cuts a stranger's text to at most `most` characters and makes it safe for one line of the log.
pub fn shortened(text: &str, most: usize) -> String {
    let mut characters = text.chars();
    let mut short = printable(&characters.by_ref().take(most).collect::<String>());
    if characters.next().is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn thinned(now: Instant) -> Thinned {
        Thinned { began: now, singly: 0, held_back: 0, last_reason: String::new() }
    }

    #[test]
    fn a_flood_of_refusals_is_a_line_a_minute() {
        let start = Instant::now();
        let mut kind = thinned(start);
        let (mut lines, mut counted) = (0, 0);
        // A thousand a second for ten minutes.
        for second in 0..600 {
            let now = start + second * SECOND;
            for _ in 0..1_000 {
                lines += u64::from(kind.tells("the signature is wrong", now));
            }
            if let Some((count, reason)) = kind.summary(now) {
                assert_eq!(reason, "the signature is wrong");
                lines += 1;
                counted += count;
            }
        }
        assert_eq!(lines, 10 + 9);
        let rest = kind.summary(start + 600 * SECOND).unwrap().0;
        assert_eq!(counted + rest, 600_000 - 10, "none goes uncounted");
        assert_eq!(kind.summary(start + 700 * SECOND), None);
    }

    #[test]
    fn refusals_after_a_quiet_minute_are_told_singly_again() {
        let start = Instant::now();
        let mut kind = thinned(start);
        let told = |kind: &mut Thinned, at: Instant| {
            (0..20).filter(|_| kind.tells("it is wrong", at)).count()
        };
        assert_eq!(told(&mut kind, start), 10);
        let next = start + 61 * SECOND;
        assert_eq!(kind.summary(next).map(|(count, _)| count), Some(10));
        assert_eq!(told(&mut kind, next + SECOND), 0, "its minute is not over");
        assert!(kind.summary(next + 60 * SECOND).is_some());
        assert_eq!(told(&mut kind, next + 120 * SECOND), 10);
    }

    #[test]
    fn what_strangers_send_makes_no_new_kind() {
        let answers = AnswerLog::default();
        for number in 0..1_000 {
            let uri = format!("/v1/sources/{number}").parse().unwrap();
            let request = LoggedRequest::new(Addressee::Nothing, &uri, &HeaderMap::new());
            let why = RefusalReason::new("there is no source of this name", None);
            answers.note(&request, StatusCode::NOT_FOUND, Some(&why), Instant::now());
        }
        assert_eq!(answers.counts(), [(Addressee::Nothing, StatusCode::NOT_FOUND, 1_000)]);
        assert_eq!(answers.kinds().refused.len(), 1);
    }

    #[test]
    fn the_id_of_a_delivery_is_found_by_the_name_of_its_header() {
        let id = |name: &'static str| {
            let headers = HeaderMap::from_iter([
                ("content-type".parse().unwrap(), "application/json".parse().unwrap()),
                (name.parse().unwrap(), "d-1".parse().unwrap()),
            ]);
            delivery_id(&headers).cloned()
        };
        for name in ["webhook-id", "X-Chatwoot-Delivery", "x-zendesk-webhook-invocation-id"] {
            assert_eq!(id(name).unwrap(), "d-1", "{name}");
        }
        assert_eq!(id("x-helpscout-event"), None);
        assert_eq!(id("x-zendesk-webhook-id"), None, "the id of the webhook, the same for all");
    }

    #[test]
    fn a_line_is_one_line_and_no_longer_than_it_may_be() {
        assert_eq!(shortened("a\r\nb\u{1b}[31m", 20), "a\u{fffd}\u{fffd}b\u{fffd}[31m");
        assert_eq!(shortened("äöüß", 4), "äöüß");
        assert_eq!(shortened("äöüß", 3), "äöü…");
        let why = RefusalReason::new(&"x".repeat(1 << 20), Some(&"/y".repeat(1 << 20)));
        assert!(why.reason.chars().count() <= 501 && why.place.unwrap().chars().count() <= 201);
    }
}
