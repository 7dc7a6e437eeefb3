//! Simulates X's API for `surveyd demo`, for `surveyd sandbox` and for the tests.
//!
//! It follows X's documentation on its own and shares no code with surveyd's client of X. So a
//! mistake on one side does not cancel out on the other.
//!
//! A [`World`] is plain state. It takes one request at one instant and gives one outcome. It holds:
//!
//! - the accounts and their keys
//! - the people and their future answers
//! - the feedback
//! - the limits
//! - the ordered faults
//!
//! [`Sandbox`] serves a world over HTTP.
//!
//! The sandbox answers these calls if they are signed with OAuth 1.0a:
//!
//! - `POST /1.1/feedback/create.json`
//! - `GET /1.1/feedback/show/:id.json`
//! - `GET /1.1/feedback/events.json`
//! - `GET /1.1/friendships/show.json`
//! - `GET /2/users`
//! - `GET /1.1/account/verify_credentials.json`
//! - `GET /1.1/direct_messages/events/list.json`
//! - `GET /2/dm_events`
//!
//! Behind a proxy that ends TLS the client signs an https address. The proxy says so with
//! `X-Forwarded-Proto: https`. The sandbox deliberately lacks writing Direct Messages, webhooks and
//! every other part of X.
//!
//! # For integrators: the pages under `/sandbox/`
//! These pages are not X's. They need no login and are served only to the machine that the sandbox
//! runs on. Bodies are JSON. Ids are strings or numbers. Instants are epoch milliseconds. A wrong
//! body is answered with 422 and `{"error": "…"}`.
//!
//! - `GET /sandbox/state` shows counts, each account's calls, the rest of its day and the instant
//!   of the next planned thing.
//! - `GET /sandbox/prompts?from=0&limit=10000` lists every prompt that reached a person in order.
//!   Each has the request's fields verbatim and the answer so far.
//! - `GET /sandbox/messages?from=0&limit=10000` lists every Direct Message as it was written.
//! - `GET /sandbox/refused?from=0&limit=10000` lists the calls that X would have refused with the
//!   reasons. After a wrong signature the reason has the base string that should have been signed.
//! - `POST /sandbox/messages` `{"sender_id","recipient_id","text"}` writes a Direct Message. The
//!   sender may be a person or an account whose agent writes by hand.
//! - `POST /sandbox/answer` `{"feedback_id","score","text"}` answers by hand. Either part may be
//!   left out. A part that is already there does not change (409).
//! - `POST /sandbox/people`
//!   `{"user_id","can_dm","standing","messages","answers":[{"after_ms","score","text"}]}` describes
//!   a person. `standing` is `present`, `unknown` or `suspended`. `messages` is finer than `can_dm`
//!   and is `open`, `closed`, `followed_only` or `closed_unnoticed`. `answers` replaces what the
//!   seed would decide. An empty list is silence.
//! - `POST /sandbox/faults` `{"call","user_id","times","fault"}` makes the next calls of a kind
//!   fail as described below.
//! - `DELETE /sandbox/faults` cancels all faults.
//! - `POST /sandbox/limits` `{"call","limit"}` sets the limit of a call's 15-minute windows.
//!
//! `call` is `create`, `show`, `events`, `friendship`, `users`, `verify_credentials`,
//! `direct_messages` or `dm_events`. A `fault` is one of these:
//!
//! - `{"kind":"not_carried_out","ending":…}`
//! - `{"kind":"carried_out","ending":…}`
//! - `{"kind":"message_only","ending":…}`
//! - `{"kind":"carried_out_later","after_ms":…,"ending":…}`
//! - `{"kind":"slow","by_ms":…}`
//!
//! An `ending` is one of these:
//!
//! - `{"kind":"cut"}`
//! - `{"kind":"silence"}`
//! - `{"kind":"answer","status":…,"body":"…","content_type":"…","headers":[["…","…"]]}`
//!
//! # Choices where X is silent
//! - A bad `type`, question or window is refused with status 400 and code 44. So is an
//!   `external_id` or `display_name` that is too long.
//! - A refused prompt does not count in the account's day.
//! - A page of events has at most 100 entries. A request for more is refused.
//! - `question_variant_id` is a string in create and show but a number in events.
//! - Two updates within one second have different `updated_at`.

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
pub use behaviour::{Behaviour, DurationRange, Paging};
pub use chance::Chance;
pub use clock::TimeSource;
pub use config::{SandboxAccount, SandboxConfig};
pub use faults::{Ending, FaultOrder, InjectedFault, Scripted};
pub use people::{Person, PersonsAnswer, Plan, TakesMessages, UserStanding};
pub use server::Sandbox;
pub use world::World;
