//! Closes and reopenings as they come in, and what is kept of them and of requests that were
//! refused.

pub mod accept;
pub mod deliveries;
pub mod first_close;
pub mod on_record;
pub mod rejections;
pub mod reopen;
pub mod taken;
