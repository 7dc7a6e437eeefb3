//! Keeps all Direct Messages that were ever written.

use std::collections::BTreeMap;

use crate::domain::time::Millis;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxMessage {
    pub id: u64,
    pub created_at: Millis,
    pub sender_id: u64,
    pub recipient_id: u64,
    /// The text as it was written.
    pub text: String,
}

/// All messages by id. Ids grow with time.
#[derive(Clone, Debug, Default)]
pub struct MessageLog(pub(super) BTreeMap<u64, SandboxMessage>);
