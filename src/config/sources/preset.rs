//! The presets that the kinds of help desks stand for. A preset is a set of keys for a mapped
//! source.

use super::super::given::{GivenTable, from_toml};
use crate::config::SourceKind;

/// Returns the keys that apply if the file leaves them out.
pub fn of(kind: SourceKind) -> GivenTable {
    from_toml(text(kind)).expect("a preset is TOML")
}

fn text(kind: SourceKind) -> &'static str {
    match kind {
        SourceKind::Chatwoot => include_str!("../desks/chatwoot.toml"),
        SourceKind::Zendesk => include_str!("../desks/zendesk.toml"),
        SourceKind::Intercom => include_str!("../desks/intercom.toml"),
        SourceKind::Freshchat => include_str!("../desks/freshchat.toml"),
        SourceKind::Freshdesk => include_str!("../desks/freshdesk.toml"),
        SourceKind::Helpscout => include_str!("../desks/helpscout.toml"),
        SourceKind::Front => include_str!("../desks/front.toml"),
        SourceKind::Zammad => include_str!("../desks/zammad.toml"),
        SourceKind::Standard
        | SourceKind::Mapped
        | SourceKind::Spool
        | SourceKind::DmInactivity => "",
    }
}
