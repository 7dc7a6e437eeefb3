//! The rules of surveyd, pure: std and serde only, and minijinja for the texts. No async, no clock,
//! no I/O, no logging.

pub mod message;
pub mod survey_type;
pub mod time;
