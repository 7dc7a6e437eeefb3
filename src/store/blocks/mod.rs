//! Keeps what an agent may know: the answers to their conversations, and the blocks of them that
//! are closed and published.
//!
//! [`answers`] keeps each answer once and for good, in the transaction that first makes its result.
//! [`closing`] closes piles of answers as blocks, as [`crate::domain::blocks`] decides.
//! [`published`] is the only way out. Nothing here may be made again from surveys, and no answer
//! may leave but in a closed block.

pub mod answers;
pub mod closing;
pub mod published;
