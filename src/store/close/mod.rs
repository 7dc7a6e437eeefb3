//! Closes and reopenings as they come in. The store keeps them, and the requests that were refused.

pub mod accept;
pub mod erased;
pub mod deliveries;
pub mod first_close;
pub mod on_record;
pub mod rejections;
pub mod reopen;
pub mod taken;
