//! A help desk: signs notices as Standard Webhooks does, and posts them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Client, RequestBuilder, Response};
use ring::hmac;
use serde_json::{Value, json};
use surveyd::clock::Clock;

pub fn client() -> Client {
    // Whoever comes second finds the same one installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::new()
}

/// Posts a notice of `kind` to the source `desk`, signed now.
pub async fn post(address: &str, key: &[u8], kind: &str, data: Value) -> Response {
    request(address, key, kind, data).send().await.unwrap()
}

/// The same, not sent yet.
pub fn request(address: &str, key: &[u8], kind: &str, data: Value) -> RequestBuilder {
    let now = Clock::System.now();
    let body = json!({"type": kind, "timestamp": now.rfc3339(), "data": data}).to_string();
    let seconds = now.0 / 1_000;
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let signature = hmac::sign(&key, format!("m-1.{seconds}.{body}").as_bytes());
    client()
        .post(format!("http://{address}/v1/sources/desk"))
        .header("content-type", "application/json")
        .header("webhook-id", "m-1")
        .header("webhook-timestamp", seconds)
        .header("webhook-signature", format!("v1,{}", STANDARD.encode(signature)))
        .body(body)
}
