//! A stand-in for X's API that ships inside surveyd: for `surveyd demo`, `surveyd sandbox`, and the tests.
//!
//! It is a reading of X's documentation of its own and shares no code with surveyd's client of X, so that a mistake
//! on one side does not cancel out on the other. A [`World`] is plain state: the accounts and their keys, the people
//! and what they will answer, the feedback, the limits, the faults on order. It takes one request at one instant and
//! gives one outcome.
//!
//! What it answers, all with OAuth 1.0a:
//! `POST /1.1/feedback/create.json`, `GET /1.1/feedback/show/:id.json`, `GET /1.1/feedback/events.json`,
//! `GET /1.1/friendships/show.json`, `GET /2/users`, `GET /1.1/account/verify_credentials.json`.
//! What it deliberately lacks: reading and writing Direct Messages, webhooks, and every other part of X.
//!
//! # Choices where X is silent
//! A bad `type`, question, length or window is code 44 with 400. A prompt that was refused costs nothing of the day.
//! A page of events has at most 100 entries and more may not be asked for. `question_variant_id` is a string in create
//! and show and a number in events. Two updates within one second have different `updated_at`.

mod answers;
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
mod limits;
mod oauth;
pub mod people;
mod reads;
pub mod record;
pub mod refusal;
pub mod world;

#[cfg(test)]
mod tests;

pub use behaviour::{Behaviour, Paging, Span};
pub use call::Call;
pub use clock::Clock;
pub use config::{SandboxAccount, SandboxConfig};
pub use faults::{Ending, Fault, Order, Scripted};
pub use people::{Answer, Messages, Person, Plan, Standing};
pub use world::World;
