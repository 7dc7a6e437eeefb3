//! Copies of a SQLite database: made while a daemon works on it, checked, and put back.
//!
//! PostgreSQL has programs of its own for that (`docs/backup.md`).

pub mod contents;
pub mod make;
pub mod restore;
