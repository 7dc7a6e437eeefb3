//! Refusals, as RFC 9457 `application/problem+json`.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tracing::error;

use crate::store;
use crate::watcher::notice::Fault;

/// Seconds after which a sender may try again where the store is unavailable.
const RETRY_AFTER_SECONDS: &str = "5";

#[derive(Debug, Serialize)]
pub struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Fault>,
}

impl Problem {
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
            errors: Vec::new(),
        }
    }

    /// Names each fault in the body.
    pub fn with(mut self, errors: Vec<Fault>) -> Self {
        self.errors = errors;
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).expect("a problem is plain data");
        (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response()
    }
}

pub fn not_found(detail: &str) -> Response {
    Problem::new(StatusCode::NOT_FOUND, detail).into_response()
}

/// The sender still has what it sent, and keeps it.
pub fn unavailable(detail: &str) -> Response {
    later(StatusCode::SERVICE_UNAVAILABLE, detail, RETRY_AFTER_SECONDS)
}

/// The store has failed. Its words may name hosts, users and files: they are for the log alone,
/// which has those of an unavailable store already.
pub fn store(error: &store::Error) -> Response {
    match error {
        store::Error::Unavailable(_) | store::Error::Io(_) | store::Error::Gone(_) => {}
        store::Error::NewerSchema { .. }
        | store::Error::LeaseLost(_)
        | store::Error::Overtaken(_)
        | store::Error::Url(_)
        | store::Error::Missing(_)
        | store::Error::Broken(_) => error!("the store refuses a request: {error}"),
    }
    unavailable("the store cannot do this now; nothing was lost, send it again later")
}

pub fn later(status: StatusCode, detail: &str, seconds: &str) -> Response {
    let mut response = Problem::new(status, detail).into_response();
    if let Ok(seconds) = seconds.parse() {
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_stores_own_words_stay_inside() {
        let answer = store(&store::Error::Unavailable("password of user surveyd".into()));
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()[header::RETRY_AFTER], RETRY_AFTER_SECONDS);
        let body = axum::body::to_bytes(answer.into_body(), 10_000).await.unwrap();
        assert!(!String::from_utf8_lossy(&body).contains("surveyd"));
    }
}
