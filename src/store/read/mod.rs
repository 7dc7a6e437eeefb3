//! The reads for people and for programs.

pub mod cells;
mod conditions;
pub mod figures;
pub mod lists;
pub mod names;
pub mod reads;
mod silence;
