//! The database itself: its identity, its safety and its schema.

pub mod doubt;
pub mod durability;
pub mod file_watch;
pub mod identity;
pub mod mark;
pub mod migrate;
pub mod outage;
pub mod progress;
pub mod respelt;
pub mod schema;
pub mod mark_comparison;
