//! Who is signed in, and who saw what.

pub mod audit;
pub mod sessions;
