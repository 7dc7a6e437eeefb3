//! Takes X's webhook for feedback: what X delivers to `POST /v1/x/feedback`. Its password is
//! checked here. [`crate::poller::feedback_hook`] folds what it says.
//!
//! surveyd answers only once the events are on the disk. X's other webhook is `message_hook`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::intake::not_json;
use super::parts::json;
use super::problem::refuse;
use super::source_rate::Rate;
use super::{Web, problem};
use crate::domain::x_json;
use crate::poller::feedback_hook::HookTarget;
use crate::watcher::signature::Passwords;

/// Wrong passwords a minute that are answered as such. Further ones are answered by a rate limit.
pub const STRANGERS_A_MINUTE: u32 = 10;

/// X's webhook for feedback as configured.
pub struct FeedbackHook {
    pub passwords: Passwords,
    pub hook: HookTarget,
    pub strangers: Rate,
}

impl FeedbackHook {
    pub fn new(passwords: Passwords, hook: HookTarget) -> Self {
        Self { passwords, hook, strangers: Rate::per_minute(STRANGERS_A_MINUTE) }
    }
}

#[derive(Serialize)]
struct WebhookAnswer {
    updates: usize,
    kept: usize,
}

pub async fn post(State(web): State<Arc<Web>>, request: Request) -> Response {
    let live = web.live();
    let Some(webhook) = &live.feedback_hook else {
        return problem::not_found("X's webhook is not configured: there is no [x.webhook]");
    };
    let (parts, body) = request.into_parts();
    let authorization =
        parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if !webhook.passwords.fit(authorization) {
        return stranger(&web, webhook);
    }
    let body = match web.bodies.whole(body, &parts.headers, live.max_body).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let delivery = match x_json::read(&body) {
        Ok(delivery) => delivery,
        Err(error) => {
            return not_json(format!("the body is no JSON: {error}")).into_response();
        }
    };
    match webhook.hook.take(&delivery).await {
        Ok(heard) => {
            json(StatusCode::OK, &WebhookAnswer { updates: heard.updates, kept: heard.kept })
        }
        Err(error) => problem::store(&error),
    }
}

fn stranger(web: &Web, webhook: &FeedbackHook) -> Response {
    if let Err(seconds) = webhook.strangers.take(web.clock.now()) {
        let detail = "too many wrong passwords; the right one is always taken";
        return problem::later(StatusCode::TOO_MANY_REQUESTS, detail, &seconds.to_string());
    }
    let detail = "the user name or the password of [x.webhook] is wrong or missing";
    let mut response = refuse(StatusCode::UNAUTHORIZED, detail);
    let asks = HeaderValue::from_static("Basic realm=\"surveyd\", charset=\"UTF-8\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, asks);
    response
}
