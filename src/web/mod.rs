//! Serves HTTP for the sources, for X's deliveries and for monitoring.
//!
//! - `server` listens, `seats` gives way, `wire` ends a connection that makes no progress.
//! - `intake` takes notices within `source_rate`. `body` reads whole bodies.
//! - `feedback_hook` and `message_hook` are X's two webhooks.
//! - `metrics` serves `/metrics` from `snapshot`. `before_store` answers without a database.
//! - `responses` counts and logs responses. `problem` and `parts` write them.
//! - [`results`] serves results to people and programs.
//!
//! This module checks who sends a request and what its content means. [`watcher`](crate::watcher)
//! decides what becomes of a close.

pub mod before_store;
mod body;
mod feedback_hook;
mod intake;
mod message_hook;
mod metrics;
mod parts;
mod problem;
mod responses;
pub mod results;
mod seats;
mod server;
mod snapshot;
mod source_rate;
mod wire;

use std::collections::HashMap;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use crate::clock::Clock;
use crate::domain::days::Zone;
use crate::domain::mapping::Mapping;
use crate::domain::plain_text::printable;
use crate::domain::time::Millis;
use crate::domain::waiting::Served;
use crate::meters::Meters;
use crate::store::{self, Store};
use crate::watcher::Intake;
use crate::watcher::notice::Origin;
use crate::watcher::signature::Verifier;
use crate::watcher::spool::LineCounts;
use body::Bodies;
use responses::{Addressee, AnswerLog};
use results::{Access, Reception};
use seats::Seats;
use snapshot::Snapshot;

pub use feedback_hook::FeedbackHook;
pub use message_hook::MessageHook;
pub use server::{listen, serve};
pub use source_rate::Rate;

/// The settings of a source for its HTTP requests.
pub struct HttpSource {
    pub name: String,
    pub account: Option<String>,
    /// The accounts that its notices may name. Empty if they may name any account.
    pub accounts: Vec<String>,
    pub verifier: Verifier,
    /// How its payloads are read. Absent for a source whose notices are of kind `standard`.
    pub mapping: Option<Mapping>,
    pub rate: Rate,
}

impl HttpSource {
    fn origin(&self, now: Millis) -> Origin<'_> {
        let (source, account) = (self.name.as_str(), self.account.as_deref());
        Origin { source, account, accounts: &self.accounts, now }
    }
}

/// The configuration that requests are answered by. A reload replaces it as a whole.
pub struct Live {
    pub intake: Intake,
    pub sources: HashMap<String, HttpSource>,
    /// The sources that X delivers messages to. None of their names is in `sources`.
    pub message_hooks: HashMap<String, MessageHook>,
    pub feedback_hook: Option<FeedbackHook>,
    /// How many lines of spool files were taken and refused.
    pub lines: LineCounts,
    pub meters: Meters,
    pub max_body: usize,
    /// The age that X's events have before X lists them.
    pub events_horizon: Duration,
    /// The settings of the accounts that decide what their due surveys wait for.
    pub served: Vec<Served>,
    /// The most connections that one peer may have. Zero sets no limit for a peer.
    pub connections_per_peer: usize,
    /// The names of the alerts.
    pub alerts: Vec<String>,
    /// The names of the schedules.
    pub schedules: Vec<String>,
    /// Who may see results.
    pub access: Access,
    /// How results are counted and what small groups show.
    pub results: ResultsTerms,
}

/// How results are counted and what small groups show.
#[derive(Clone, Debug)]
pub struct ResultsTerms {
    /// The zone of the business's days.
    pub zone: Zone,
    /// How long a prompt without an answer may still get one.
    pub fresh_for: Duration,
    /// The fewest answers that show a score.
    pub min_group: u32,
    /// The fewest answers of an agent's block.
    pub agent_min: u32,
    /// How long after its last week a block is published.
    pub agent_delay: Duration,
}

/// The daemon's HTTP server.
pub struct Web {
    live: RwLock<Arc<Live>>,
    store: Store,
    clock: Clock,
    /// When this process began to serve.
    up_since: Millis,
    answers: AnswerLog,
    seats: Arc<Seats>,
    bodies: Bodies,
    snapshot: Snapshot,
    reception: Arc<Reception>,
}

impl Web {
    /// Creates the server. It is shared since every connection and every request holds it.
    pub fn new(live: Live, store: Store, clock: Clock) -> Arc<Self> {
        let seats = Seats::new(server::connections_max());
        Arc::new(Self {
            live: RwLock::new(Arc::new(live)),
            store,
            up_since: clock.now(),
            clock,
            answers: AnswerLog::default(),
            bodies: Bodies::new(seats.clone()),
            seats,
            snapshot: Snapshot::default(),
            reception: Arc::new(Reception::open()),
        })
    }

    /// Replaces the configuration from the next request on.
    pub fn replace(&self, live: Live) {
        *self.live.write().expect("no holder of this lock can panic") = Arc::new(live);
    }

    /// How many closes have been stored for sources since this process began to serve.
    pub fn closes_taken(&self) -> u64 {
        let counts = self.answers.counts().into_iter();
        let taken = counts.filter(|(asked, status, _)| {
            matches!(asked, Addressee::Source(_)) && *status == StatusCode::ACCEPTED
        });
        let of_spools = self.live().lines.get().into_iter();
        let of_spools = of_spools.filter(|((_, answer), _)| *answer == 202).map(|(_, count)| count);
        taken.map(|(.., count)| count).sum::<u64>() + of_spools.sum::<u64>()
    }

    fn live(&self) -> Arc<Live> {
        self.live.read().expect("no holder of this lock can panic").clone()
    }

    /// Returns the addressee of a path. Returns nothing for the paths of health and metrics.
    fn asked(&self, path: &str) -> Option<Addressee> {
        let live = self.live();
        let source = |name: &&str| {
            live.sources.contains_key(*name) || live.message_hooks.contains_key(*name)
        };
        match path {
            "/healthz" | "/readyz" | "/metrics" => None,
            "/v1/x/feedback" if live.feedback_hook.is_some() => Some(Addressee::FeedbackHook),
            _ => match path.strip_prefix("/v1/sources/").filter(source) {
                Some(name) => Some(Addressee::Source(name.to_owned())),
                None if results::serves(&live, path) => Some(Addressee::Results),
                None => Some(Addressee::Nothing),
            },
        }
    }

    pub fn router(self: &Arc<Self>) -> Router {
        Router::new()
            .route(
                "/v1/sources/{name}",
                post(intake::post).head(intake::head).get(message_hook::get),
            )
            .route("/v1/x/feedback", post(feedback_hook::post))
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(ready))
            .route("/metrics", get(metrics::get))
            .fallback(results::answer)
            .method_not_allowed_fallback(|| async { other_method() })
            .with_state(self.clone())
    }
}

fn other_method() -> Response {
    let detail = "this address takes another method";
    problem::Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail).into_response()
}

/// Answers that surveyd is ready if the store takes writes. The store takes writes only once its
/// schema is up to date. The body has a line for each account on hold and for each that X refuses.
/// Neither makes surveyd unready since closes are still taken.
async fn ready(State(web): State<Arc<Web>>) -> Response {
    let standing = async {
        web.store.ping().await?;
        Ok::<_, store::Error>((web.store.holds().await?, web.store.pauses().await?))
    };
    match standing.await {
        Ok((holds, mut pauses)) => {
            let live = web.live();
            pauses.retain(|(name, _)| live.served.iter().any(|served| served.account == *name));
            let held = holds.iter().map(|(account, hold)| {
                format!("account {account} is held: {}\n", hold.words(live.events_horizon))
            });
            let paused = pauses.iter().map(|(account, pause)| {
                format!("account {account} is paused: {}\n", printable(&pause.words()))
            });
            let mut body = "ready\n".to_owned();
            name_accounts(&mut body, held);
            name_accounts(&mut body, paused);
            body.into_response()
        }
        Err(error) => problem::store(&error),
    }
}

/// The most accounts on hold, and the most that are paused, that the readiness answer names.
const ACCOUNTS_SHOWN: usize = 20;

fn name_accounts(body: &mut String, mut lines: impl ExactSizeIterator<Item = String>) {
    body.extend(lines.by_ref().take(ACCOUNTS_SHOWN));
    if lines.len() > 0 {
        body.push_str(&format!("and {} more accounts\n", lines.len()));
    }
}
