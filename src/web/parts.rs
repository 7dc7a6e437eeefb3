//! Reads and writes the parts of requests and responses that several addresses share.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse as _;
use axum::response::Response;
use serde::Serialize;

/// Returns the values of all headers called `name` in their order. Skips a value that is not text.
pub fn texts<'h>(headers: &'h HeaderMap, name: &str) -> Vec<&'h str> {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect()
}

/// Returns the values of all parameters called `name` in a query. Does not decode them.
pub fn parameters<'q>(query: &'q str, name: &str) -> Vec<&'q str> {
    let all = query.split('&').filter_map(|parameter| parameter.split_once('='));
    all.filter(|(known, _)| *known == name).map(|(_, value)| value).collect()
}

pub fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let body = serde_json::to_vec(body).expect("an answer is plain data");
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
