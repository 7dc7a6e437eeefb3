//! Keeps the sandbox's own clock.
//!
//! It is separate from surveyd's clock so that a client with a wrong clock meets a server with a
//! right one.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::domain::time::{Millis, millis};

/// The source of the sandbox's time.
#[derive(Clone, Debug)]
pub enum TimeSource {
    /// The machine's clock.
    Real,
    /// Epoch milliseconds that the other holder of the `Arc` sets. Time stands still in between.
    Manual(Arc<AtomicI64>),
}

impl TimeSource {
    /// Creates a clock that stands at `at`. Returns it with the value that moves it.
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
