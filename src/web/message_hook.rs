//! Serves X's webhook for Direct Messages, at a source that watches them. Its challenge and its
//! signature are the business of [`crate::watcher::message_hook`]. X's other webhook is
//! `feedback_hook`.
//!
//! X first checks that the address belongs to the app. After that X delivers messages, and surveyd
//! answers each delivery only once it is on the disk.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::parts::{json, texts};
use super::problem::{self, Problem, refuse};
use super::{Live, Web};
use crate::domain::x_message::WebhookDelivery;
use crate::watcher::message_hook::{DeliveryRefusal, XDeliveries};
use crate::watcher::talks::Talks;

/// A source that X delivers Direct Messages to.
pub struct MessageHook {
    pub talks: Talks,
    pub deliveries: XDeliveries,
}

#[derive(Serialize)]
struct DeliveryAnswer {
    response_token: String,
}

#[derive(Serialize)]
struct TakenDelivery {
    messages: usize,
}

/// Answers X's "challenge-response check".
pub async fn get(
    State(web): State<Arc<Web>>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let live = web.live();
    let Some(hook) = live.message_hooks.get(&name) else {
        return match live.sources.contains_key(&name) {
            true => super::other_method(),
            false => problem::not_found("there is no source of this name"),
        };
    };
    let Some(token) = crc_token(query.as_deref().unwrap_or_default()) else {
        return super::other_method();
    };
    match hook.deliveries.answer(&token) {
        Some(response_token) => json(StatusCode::OK, &DeliveryAnswer { response_token }),
        None => {
            let detail = "crc_token is none of X's: those have 8 to 256 letters, digits and \
                          +/=-_.~, and are no number";
            refuse(StatusCode::UNPROCESSABLE_ENTITY, detail)
        }
    }
}

/// Takes a delivery. The error is the response that refuses it.
pub async fn take(
    web: &Web,
    live: &Live,
    hook: &MessageHook,
    request: Request,
) -> Result<Response, Response> {
    let (parts, body): (_, Body) = request.into_parts();
    let headers = parts.headers;
    let body = web.bodies.whole(body, &headers, live.max_body).await?;
    let header = |name: &str| texts(&headers, name);
    let now = web.clock.now();
    let read = hook.deliveries.read(&header, &body, now);
    if let Err(DeliveryRefusal::NoJson(_) | DeliveryRefusal::NoDelivery) = read {
        // X signed this delivery but surveyd cannot read it. It may hold a message of any account
        // of the app, so each of them reads X's lists.
        let signed = |hook: &&MessageHook| hook.deliveries.is_signed(&header, &body, now);
        live.message_hooks.values().filter(signed).for_each(|hook| hook.talks.miss());
    }
    let WebhookDelivery { to, messages } = read.map_err(refused)?;
    // X allows an app few webhooks, so one address may serve all accounts of the app.
    let meant =
        live.message_hooks.values().find(|hook| hook.deliveries.is_meant(&to, &header, &body, now));
    let Some(meant) = meant.filter(|_| !messages.is_empty()) else {
        return Ok(json(StatusCode::OK, &TakenDelivery { messages: 0 }));
    };
    let taken = TakenDelivery { messages: messages.len() };
    meant.talks.hear(messages).await.map_err(|error| problem::store(&error))?;
    Ok(json(StatusCode::OK, &taken))
}

fn refused(why: DeliveryRefusal) -> Response {
    let status = match &why {
        DeliveryRefusal::Unsigned(_) => StatusCode::UNAUTHORIZED,
        DeliveryRefusal::NoJson(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        DeliveryRefusal::Token | DeliveryRefusal::NoDelivery => StatusCode::UNPROCESSABLE_ENTITY,
    };
    Problem::new(status, why.to_string()).into_response()
}

/// Returns the query's parameter `crc_token` with its percent-encoding decoded.
fn crc_token(query: &str) -> Option<String> {
    let encoded = query.split('&').find_map(|pair| pair.strip_prefix("crc_token="))?;
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        let byte = digit()? * 16 + digit()?;
        bytes.push(u8::try_from(byte).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_found_and_read_as_it_was_meant() {
        let token = |query: &str| crc_token(query);
        assert_eq!(token("crc_token=aB3-_.~").as_deref(), Some("aB3-_.~"));
        assert_eq!(token("nonce=7&crc_token=a%2Bb%2f%3D&x=1").as_deref(), Some("a+b/="));
        for wrong in ["", "crc_token", "xcrc_token=a", "crc_token=%", "crc_token=%g0"] {
            assert_eq!(token(wrong), None, "{wrong}");
        }
    }
}
