//! The rules of surveyd, pure: no async, no clock, no I/O, no logging.
//!
//! In the data's order: what a help desk tells becomes, by a [`mapping`], a [`close::Close`], and
//! that a [`survey::Survey`]; where only messages are seen, [`talk`] says when one is over, and
//! [`stop_words`] who wants no prompts; [`policy`] says whether and when it is sent, [`message`]
//! what it says, and [`plain_text`] what of the help desk's words may stand there, [`time_zone`]
//! which zone it names; what X tells back is folded by [`feedback`] and counted by [`summary`];
//! [`direct_message`] knows the trace of a prompt among an account's messages; [`event_windows`]
//! says which events are read next, and which once more; [`budget`] keeps count of the calls that X
//! allows, and [`freshness`] says which prompts they are spent on; [`waiting`] says why what is due
//! is not sent.

pub mod budget;
pub mod close;
pub mod direct_message;
pub mod feedback;
pub mod freshness;
pub mod id;
pub mod mapping;
pub mod message;
pub mod plain_text;
pub mod policy;
pub mod question;
pub mod event_windows;
pub mod stop_words;
pub mod summary;
pub mod survey;
pub mod survey_type;
pub mod talk;
pub mod time;
pub mod time_zone;
pub mod waiting;
pub mod x_date;
pub mod x_json;
pub mod x_message;
