//! The database itself: its identity, its safety and its schema.
//!
//! - [`migrate`] applies the migrations. [`schema`] checks that nothing of them is missing.
//! - [`mark`] is the file that names the database. [`mark_comparison`] compares the two, by the
//!   rules in [`doubt`], [`identity`] and [`progress`].
//! - [`durability`], [`file_watch`] and [`outage`] notice a database that is not to be relied on.
//!   [`log_note`] settles what becomes of the log of one that was taken away.

pub mod doubt;
pub mod durability;
pub mod file_watch;
pub mod identity;
pub mod integrity;
pub mod log_note;
pub mod mark;
pub mod migrate;
pub mod outage;
pub mod progress;
pub mod respelt;
pub mod schema;
pub mod mark_comparison;
