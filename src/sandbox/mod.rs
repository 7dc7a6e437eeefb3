//! A stand-in for X's API that ships inside surveyd: for `surveyd demo`, `surveyd sandbox`, and the
//! tests.
//!
//! It is a reading of X's documentation of its own and shares no code with surveyd's client of X,
//! so that a mistake on one side does not cancel out on the other. A [`World`] is plain state: the
//! accounts and their keys, the people and what they will answer, the feedback, the limits, the
//! faults on order. It takes one request at one instant and gives one outcome. [`Sandbox`] is the
//! wire around it.
//!
//! What it answers, all with OAuth 1.0a: `POST /1.1/feedback/create.json`,
//! `GET /1.1/feedback/show/:id.json`, `GET /1.1/feedback/events.json`,
//! `GET /1.1/friendships/show.json`, `GET /2/users`, `GET /1.1/account/verify_credentials.json`,
//! `GET /1.1/direct_messages/events/list.json`, `GET /2/dm_events`. Behind something that ends TLS,
//! `X-Forwarded-Proto: https` says what the client has signed. What it deliberately lacks: writing
//! Direct Messages, webhooks, and every other part of X.
//!
//! # For integrators: the pages under `/sandbox/`
//! They are not X's. They ask for no login and are served to the machine the sandbox runs on only.
//! Bodies are JSON, ids strings or numbers, instants epoch milliseconds. A wrong body is answered
//! 422 with `{"error": "…"}`.
//!
//! - `GET /sandbox/state`: counts, what is left of each account's day, the calls it made, the next
//!   thing due.
//! - `GET /sandbox/prompts?from=0&limit=10000`: every prompt that reached a person, in order, with
//!   the request's fields verbatim and the answer so far.
//! - `GET /sandbox/messages?from=0&limit=10000`: every Direct Message, as it was written.
//! - `GET /sandbox/refused?from=0&limit=10000`: the calls X would have refused, and why; after a
//!   wrong signature, the base string that should have been signed.
//! - `POST /sandbox/messages` `{"sender_id","recipient_id","text"}`: somebody writes to somebody: a
//!   person, or an account by an agent's hand.
//! - `POST /sandbox/answer` `{"feedback_id","score","text"}`: answers by hand; either part may be
//!   left out, and a part that is there already stays (409).
//! - `POST /sandbox/people`
//!   `{"user_id","can_dm","standing","messages","answers":[{"after_ms","score","text"}]}`: says who
//!   a person is. `standing`: `present`, `unknown`, `suspended`. `messages`, finer than `can_dm`:
//!   `open`, `closed`, `followed_only`, `closed_unnoticed`. `answers` replaces what the seed would
//!   decide; an empty list is silence.
//! - `POST /sandbox/faults` `{"call","user_id","times","fault"}`: lets the next calls of a kind
//!   fail, see below.
//! - `DELETE /sandbox/faults`: takes back all faults.
//! - `POST /sandbox/limits` `{"call","limit"}`: another limit for 15 minutes.
//!
//! `call` is `create`, `show`, `events`, `friendship`, `users`, `verify_credentials`,
//! `direct_messages` or `dm_events`. A `fault` is one of `{"kind":"not_carried_out","ending":…}`,
//! `{"kind":"carried_out","ending":…}`, `{"kind":"message_only","ending":…}`,
//! `{"kind":"carried_out_later","after_ms":…,"ending":…}`, `{"kind":"slow","by_ms":…}`; an `ending`
//! is `{"kind":"cut"}`, `{"kind":"silence"}` or
//! `{"kind":"answer","status":…,"body":"…","content_type":"…","headers":[["…","…"]]}`.
//!
//! # Choices where X is silent
//! A bad `type`, question, length or window is code 44 with 400. A prompt that was refused costs
//! nothing of the day. A page of events has at most 100 entries and more may not be asked for.
//! `question_variant_id` is a string in create and show and a number in events. Two updates within
//! one second have different `updated_at`.

mod accepted;
mod answers;
pub mod api_call;
mod authentication;
pub mod behaviour;
pub mod call;
mod chance;
pub mod clock;
mod comments;
pub mod config;
mod create;
mod dates;
mod dispatch;
mod events;
pub mod faults;
pub mod feedback;
mod form;
mod inspection;
mod limits;
mod message_log;
pub mod messages;
mod oauth;
pub mod people;
mod reads;
pub mod record;
pub mod refusal;
mod server;
pub mod world;

#[cfg(test)]
mod tests;

pub use api_call::ApiCall;
pub use behaviour::{Behaviour, Paging, Span};
pub use clock::TimeSource;
pub use config::{SandboxAccount, SandboxConfig};
pub use faults::{Ending, InjectedFault, Order, Scripted};
pub use people::{Person, PersonsAnswer, Plan, TakesMessages, UserStanding};
pub use server::Sandbox;
pub use world::World;
