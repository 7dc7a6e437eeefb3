//! What is kept of single people: where it stands.

pub mod columns;
