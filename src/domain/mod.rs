//! The rules of surveyd, pure: std and serde only. No async, no clock, no I/O, no logging.

pub mod summary;
pub mod survey_type;
pub mod time;
