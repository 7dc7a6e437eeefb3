//! The sandbox's clock. It is its own, so that a client with a wrong clock meets a server with a
//! right one.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::domain::time::{Millis, millis};

/// Where the sandbox takes the time from.
#[derive(Clone, Debug)]
pub enum TimeSource {
    /// The machine's clock.
    Real,
    /// Epoch milliseconds that whoever holds the other end of the `Arc` sets; time stands still
    /// meanwhile.
    Manual(Arc<AtomicI64>),
}

impl TimeSource {
    /// A clock that stands at `at` until it is set, and the hand to set it with.
    pub fn manual(at: Millis) -> (Self, Arc<AtomicI64>) {
        let hand = Arc::new(AtomicI64::new(at.0));
        (Self::Manual(Arc::clone(&hand)), hand)
    }

    pub fn now(&self) -> Millis {
        match self {
            Self::Real => Millis(match SystemTime::now().duration_since(UNIX_EPOCH) {
                Ok(since) => millis(since),
                Err(before) => -millis(before.duration()),
            }),
            Self::Manual(hand) => Millis(hand.load(Ordering::SeqCst)),
        }
    }
}
