//! The rules of surveyd. They are pure: no async, no clock, no I/O, no logging.
//!
//! In the order of the data:
//!
//! - [`mapping`] reads a help desk's payload and makes a [`close::Close`] of it. A close becomes a
//!   [`survey::Survey`].
//! - [`unfilled`] recognises the placeholders that a help desk did not fill in.
//! - [`talk`] decides when a talk is over if surveyd sees only messages.
//! - [`stop_words`] recognises a person who wants no prompts.
//! - [`policy`] decides whether a survey is sent and when.
//! - [`prompt_text`] renders the text of a prompt. [`plain_text`] cleans the help desk's words for
//!   it.
//! - [`days`] counts by the days of the business. [`schedule`] says for which of them reports are
//!   made. [`view`] says which results are meant. [`result_files`] names the forms of files.
//! - [`time_zone`] finds the zone that a help desk names.
//! - [`feedback`] folds the updates that X returns. [`summary`] computes the numbers.
//! - [`direct_message`] recognises a prompt among an account's messages.
//! - [`event_windows`] chooses the events that are read next and those that are read again.
//! - [`budget`] counts the calls that X still allows. [`freshness`] chooses the prompts they are
//!   spent on.
//! - [`access`] says who may see which results. [`blocks`] says what an agent sees.
//! - [`alert`] says what is told at once and when it is tried again.
//! - [`silence`] decides whether what should have come did not come.
//! - [`waiting`] explains why a due survey is not sent.
//! - [`session`] says how long somebody stays signed in.

pub mod access;
pub mod alert;
pub mod blocks;
pub(crate) mod bounded;
pub mod budget;
pub mod close;
pub mod days;
pub mod direct_message;
pub mod feedback;
pub mod freshness;
pub mod id;
pub mod mapping;
pub(crate) mod named;
pub mod mood;
pub mod plain_text;
pub mod policy;
pub mod prompt_text;
pub mod question;
pub mod result_files;
pub mod schedule;
pub mod session;
pub mod silence;
pub mod event_windows;
pub mod stop_words;
pub mod summary;
pub mod survey;
pub mod survey_type;
pub mod talk;
pub mod time;
pub mod time_zone;
pub mod unfilled;
pub mod view;
pub mod waiting;
pub mod x_date;
pub mod x_json;
pub mod x_message;
