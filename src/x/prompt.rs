//! Posts a prompt: the Direct Message and the feedback card under it (X's page of feedback/create).
//!
//! This is the only call that prompts anybody. Its proof that it may is a [`Sending`].

use std::collections::BTreeMap;

use reqwest::Method;

use super::rate_limit::rate_headers;
use super::{CallResult, Client, Error, Keys, error, wire};
use crate::domain::feedback::{Object, Update};
use crate::domain::time::Millis;
use crate::store::Sending;

impl Client {
    /// Prompts a person with the Direct Message and the feedback card under it. The caller has made
    /// it durable that the request is about to leave. The request leaves at most once.
    pub async fn send_prompt(
        &self,
        keys: &Keys,
        sending: &Sending,
        now: Millis,
    ) -> CallResult<Update> {
        let (survey, prompt) = (sending.survey(), sending.prompt());
        let variant = prompt.question_variant_id.to_string();
        let mut form = BTreeMap::from([
            ("type", prompt.kind.as_str()),
            ("to_user_id", survey.person()),
            ("message", prompt.message.as_str()),
            ("privacy_url", prompt.privacy_url.as_str()),
            ("external_id", survey.external_id.as_str()),
            ("question_variant_id", variant.as_str()),
            ("test", if prompt.test { "true" } else { "false" }),
        ]);
        if let Some(name) = &prompt.display_name {
            form.insert("display_name", name);
        }
        let reply =
            self.call(&self.sending, Method::POST, "1.1/feedback/create.json", keys, &form, now);
        match reply.await {
            Ok(reply) => {
                let rate = rate_headers(&reply.headers);
                let result = match reply.status {
                    200..=299 => {
                        let read = reply.body.read(move |body| wire::created(body, now)).await;
                        let whose = (survey.person(), survey.external_id.as_str());
                        let ours = read.and_then(|update| of_prompt(update, whose));
                        ours.map_err(|why| {
                            Error::NoAnswer(format!("X's answer to feedback/create {why}"))
                        })
                    }
                    _ => Err(self.refused(&reply, error::RequestKind::Create, now)),
                };
                CallResult { result, rate }
            }
            Err(error) => CallResult { result: Err(error::of_sending(&error)), rate: None },
        }
    }
}

/// The update in create's answer. An error if it names another person or another external id.
fn of_prompt(update: Update, (person, name): (&str, &str)) -> Result<Update, String> {
    let Object { to_user_id, external_id, .. } = &update.object;
    let is = |told: &Option<String>, ours: &str| told.as_ref().is_none_or(|told| told == ours);
    match is(to_user_id, person) && is(external_id, name) {
        true => Ok(update),
        false => Err("is about another prompt".into()),
    }
}
