//! Refusals, as RFC 9457 `application/problem+json`.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

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

pub fn later(status: StatusCode, detail: &str, seconds: &str) -> Response {
    let mut response = Problem::new(status, detail).into_response();
    if let Ok(seconds) = seconds.parse() {
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}
