//! HTTP in: closes from the sources, feedback from X, health and metrics. Who sends and what it says is checked
//! here; what becomes of it is for [`watcher`](crate::watcher).

mod intake;
mod messages;
mod metrics;
mod problem;
mod rate;
mod server;
mod x_webhook;

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use crate::clock::Clock;
use crate::domain::mapping::Mapping;
use crate::domain::time::Millis;
use crate::store::Store;
use crate::watcher::Intake;
use crate::watcher::notice::Origin;
use crate::watcher::verify::Verifier;

pub use messages::Hook;
pub use rate::Rate;
pub use server::serve;
pub use x_webhook::XWebhook;

/// A source as HTTP sees it.
pub struct Source {
    pub name: String,
    pub account: Option<String>,
    /// The accounts that it may name; none: any.
    pub accounts: Vec<String>,
    pub verifier: Verifier,
    /// What its payloads mean; nothing: they are notices of kind `standard`.
    pub mapping: Option<Mapping>,
    pub rate: Rate,
}

impl Source {
    fn origin(&self, now: Millis) -> Origin<'_> {
        let (source, account) = (self.name.as_str(), self.account.as_deref());
        Origin { source, account, accounts: &self.accounts, now }
    }
}

/// What the requests are answered by; replaced as a whole by a reload.
pub struct Live {
    pub intake: Intake,
    pub sources: HashMap<String, Source>,
    /// Where X delivers messages; no name is also a source's.
    pub hooks: HashMap<String, Hook>,
    pub x_webhook: Option<XWebhook>,
    pub max_body: usize,
}

/// The answering side of the daemon. Cheap to clone.
#[derive(Clone)]
pub struct Web {
    live: Arc<RwLock<Arc<Live>>>,
    store: Store,
    clock: Clock,
}

impl Web {
    pub fn new(live: Live, store: Store, clock: Clock) -> Self {
        Self { live: Arc::new(RwLock::new(Arc::new(live))), store, clock }
    }

    /// Answers by another configuration from the next request on.
    pub fn replace(&self, live: Live) {
        *self.live.write().expect("no holder of this lock can panic") = Arc::new(live);
    }

    fn live(&self) -> Arc<Live> {
        self.live.read().expect("no holder of this lock can panic").clone()
    }

    pub fn router(&self) -> Router {
        Router::new()
            .route("/v1/sources/{name}", post(intake::post).head(intake::head).get(messages::get))
            .route("/v1/x/feedback", post(x_webhook::post))
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(ready))
            .route("/metrics", get(metrics::get))
            .fallback(|| async { problem::not_found("there is nothing at this address") })
            .method_not_allowed_fallback(|| async { other_method() })
            .with_state(self.clone())
    }
}

fn other_method() -> Response {
    let detail = "this address takes another method";
    problem::Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail).into_response()
}

/// Ready: the store takes writes, which it does only once its schema is up to date.
async fn ready(State(web): State<Web>) -> Response {
    match web.store.ping().await {
        Ok(()) => "ready\n".into_response(),
        Err(error) => problem::store(&error),
    }
}
