//! `[retention]`: how old what is kept of people may grow.

use std::time::Duration;

use super::fault_collector::ConfigTable;
use super::given::Wrong;
use super::{defaults, format_duration, values};

/// How old what is kept of people may grow. `None`: as old as it likes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetentionConfig {
    /// Ids, names and texts, by the close.
    pub text: Option<Duration>,
    /// X's objects as they came, histories and events that cannot be read.
    pub raw: Option<Duration>,
}

/// Nobody whose id is erased can be throttled. So texts and ids stay as long as the `throttle`.
pub(super) fn of(mut table: ConfigTable, throttle: Duration) -> Option<RetentionConfig> {
    let length = values::duration(defaults::RETENTION_TEXT_BOUNDS);
    let text = table.optional("text", |given| {
        let length = length(given)?;
        match length < throttle {
            true => Err(Wrong::new(
                format!("is shorter than the longest throttle, {}", format_duration(throttle)),
                "write a longer time, or a shorter throttle: who is erased is no longer known",
            )),
            false => Ok(length),
        }
    });
    let raw = table.optional("raw", values::duration(defaults::RETENTION_RAW_BOUNDS));
    table.close(&["surveys"]);
    Some(RetentionConfig { text: text?, raw: raw? })
}
