//! What people and programs look at.

pub mod figures;
pub mod reads;
