//! Warns of limits of logins and tokens that match no close on record.

use std::collections::BTreeMap;

use super::{CloseOnRecord, Config, Notice, PolicyField, RecordedCloses, Warning, wanted};
use crate::domain::access::Viewer;

/// Warns of each team or agent of a login or a token that no close has. Only the closes of the
/// accounts that they may see count.
pub fn of_viewers(config: &Config, closes: &[CloseOnRecord]) -> Vec<Warning> {
    let logins = config.logins.iter().map(|login| ("logins", &login.viewer));
    let tokens = config.tokens.iter().map(|token| ("tokens", &token.viewer));
    logins.chain(tokens).flat_map(|(list, viewer)| of_viewer(list, viewer, closes)).collect()
}

fn of_viewer(list: &str, viewer: &Viewer, closes: &[CloseOnRecord]) -> Vec<Warning> {
    let mut by_source: BTreeMap<&str, Vec<&Notice>> = BTreeMap::new();
    for close in closes.iter().filter(|close| viewer.may_see_account(&close.account)) {
        by_source.entry(close.source.as_str()).or_default().push(&close.notice);
    }
    let seen = RecordedCloses::of(&by_source, None);
    if seen.judged.is_empty() {
        return Vec::new();
    }
    let key = |field: &str| format!("{list}.{}.{field}", viewer.name);
    let teams = viewer.teams.iter().flatten();
    let teams = teams.map(|team| wanted(key("teams"), PolicyField::Team, team));
    let agent = viewer.agent.iter();
    let agent = agent.map(|agent| wanted(key("agent"), PolicyField::Agent, agent));
    teams.chain(agent).filter_map(|wanted| seen.unfit(&wanted)).collect()
}
