//! All Direct Messages that were ever written.

use std::collections::BTreeMap;

use crate::domain::time::Millis;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxMessage {
    pub id: u64,
    pub created_at: Millis,
    pub sender_id: u64,
    pub recipient_id: u64,
    /// As it was written.
    pub text: String,
}

/// All messages there are; ids grow with time.
#[derive(Clone, Debug, Default)]
pub struct MessageLog(pub(super) BTreeMap<u64, SandboxMessage>);
