//! What is kept of single people: where it stands, how it is handed out and how it is erased.
//!
//! An erased survey stays for the numbers, without a person: its ids are keyed hashes ([`keys`])
//! and its texts are gone. By the hashes a redelivered close is known again, and a late event of X
//! is dropped ([`screen`]).

pub mod columns;
pub mod keys;
mod mark_file;
pub mod screen;
pub mod find;
pub mod erase;
pub mod forget;
pub mod retention;
pub mod space;
pub mod export;
