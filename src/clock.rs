//! The time of day. Below the rim, `now` is an argument.

mod of_x;

pub use of_x::{Apart, ClockOfX, Seen};

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::domain::time::Millis;

/// The system's clock, or one that is set by hand.
#[derive(Clone, Debug)]
pub enum Clock {
    System,
    Manual(Arc<AtomicI64>),
}

impl Clock {
    pub fn now(&self) -> Millis {
        match self {
            Self::System => {
                let now = SystemTime::now();
                let millis = match now.duration_since(UNIX_EPOCH) {
                    Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
                    Err(before) => {
                        i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms)
                    }
                };
                Millis(millis)
            }
            Self::Manual(now) => Millis(now.load(Ordering::Relaxed)),
        }
    }
}
