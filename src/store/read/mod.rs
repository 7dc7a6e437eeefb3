//! The reads for people and for programs.

pub mod figures;
pub mod reads;
