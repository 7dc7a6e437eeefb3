//! Builds refusals as RFC 9457 `application/problem+json`.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::responses::RefusalReason;
use crate::store;
use crate::watcher::notice::NoticeFault;

/// Seconds after which a sender may retry while the store is unavailable.
const RETRY_AFTER_SECONDS: &str = "5";

#[derive(Debug, Serialize)]
pub struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<NoticeFault>,
    /// The fault's place in the body for the log. If it is absent, the log has the place of the
    /// first error.
    #[serde(skip)]
    place: Option<String>,
}

impl Problem {
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
            errors: Vec::new(),
            place: None,
        }
    }

    /// Adds the fault's place in the body.
    pub fn at(mut self, place: String) -> Self {
        self.place = Some(place);
        self
    }

    /// Lists each fault in the body.
    pub fn with(mut self, errors: Vec<NoticeFault>) -> Self {
        self.errors = errors;
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).expect("a problem is plain data");
        let mut response =
            (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        let first = self.errors.first().map(|fault| fault.pointer.as_str());
        let why = RefusalReason::new(&self.detail, self.place.as_deref().or(first));
        response.extensions_mut().insert(why);
        response
    }
}

pub fn not_found(detail: &str) -> Response {
    Problem::new(StatusCode::NOT_FOUND, detail).into_response()
}

/// Refuses a path that nothing belongs to.
pub fn nothing_here() -> Response {
    let detail = "there is nothing at this address; notices are taken at \
                  /v1/sources/NAME, without a slash at the end";
    not_found(detail)
}

/// Refuses a path that nothing belongs to, or nothing for whoever asks. It names the description of
/// the API, which is there if anybody may read results.
pub fn nothing_of_results() -> Response {
    let detail = "there is nothing at this address; /v1/openapi.json says what the API has, and \
                  notices are taken at /v1/sources/NAME, without a slash at the end";
    not_found(detail)
}

/// Refuses a request that the sender should retry. The sender still has what it sent.
pub fn unavailable(detail: &str) -> Response {
    later(StatusCode::SERVICE_UNAVAILABLE, detail, RETRY_AFTER_SECONDS)
}

/// Refuses a request because the store has failed. The store's error may name hosts and users and
/// files, so only the log has it.
pub fn store(error: &store::Error) -> Response {
    let detail = "the store cannot do this now; nothing was lost, send it again later";
    let mut response = unavailable(detail);
    response.extensions_mut().insert(RefusalReason::new(&error.to_string(), None));
    response
}

pub fn refuse(status: StatusCode, detail: impl Into<String>) -> Response {
    Problem::new(status, detail).into_response()
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
