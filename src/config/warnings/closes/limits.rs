//! Warns of limits of logins, tokens, alerts and schedules that match no close on record.

use std::collections::{BTreeMap, BTreeSet};

use super::{CloseOnRecord, Config, Notice, PolicyField, RecordedCloses, Warning, wanted};

/// A part of the configuration that is limited to accounts and teams.
struct Limited<'a> {
    /// The key of the part, such as `logins.mara`.
    key: String,
    /// `None` means all.
    accounts: &'a Option<BTreeSet<String>>,
    teams: &'a Option<BTreeSet<String>>,
    agent: Option<&'a String>,
}

/// Warns of each team or agent of a login or a token, and of each team of an alert or a schedule,
/// that no close has. Only the closes of their accounts count.
pub fn of_limits(config: &Config, closes: &[CloseOnRecord]) -> Vec<Warning> {
    let logins = config.logins.iter().map(|login| ("logins", &login.viewer));
    let tokens = config.tokens.iter().map(|token| ("tokens", &token.viewer));
    let viewers = logins.chain(tokens).map(|(list, viewer)| Limited {
        key: format!("{list}.{}", viewer.name),
        accounts: &viewer.accounts,
        teams: &viewer.teams,
        agent: viewer.agent.as_ref(),
    });
    let alerts = config.alerts.iter().map(|alert| Limited {
        key: format!("alerts.{}", alert.wanted.name),
        accounts: &alert.wanted.accounts,
        teams: &alert.wanted.teams,
        agent: None,
    });
    let schedules = config.schedules.iter().map(|schedule| Limited {
        key: format!("schedules.{}", schedule.name),
        accounts: &schedule.accounts,
        teams: &schedule.teams,
        agent: None,
    });
    viewers.chain(alerts).chain(schedules).flat_map(|limited| unfit(&limited, closes)).collect()
}

fn unfit(limited: &Limited<'_>, closes: &[CloseOnRecord]) -> Vec<Warning> {
    let is_meant = |account: &String| match limited.accounts {
        Some(accounts) => accounts.contains(account),
        None => true,
    };
    let mut by_source: BTreeMap<&str, Vec<&Notice>> = BTreeMap::new();
    for close in closes.iter().filter(|close| is_meant(&close.account)) {
        by_source.entry(close.source.as_str()).or_default().push(&close.notice);
    }
    let seen = RecordedCloses::of(&by_source, None);
    if seen.judged.is_empty() {
        return Vec::new();
    }
    let key = |field: &str| format!("{}.{field}", limited.key);
    let teams = limited.teams.iter().flatten();
    let teams = teams.map(|team| wanted(key("teams"), PolicyField::Team, team));
    let agent = limited.agent.into_iter();
    let agent = agent.map(|agent| wanted(key("agent"), PolicyField::Agent, agent));
    teams.chain(agent).filter_map(|wanted| seen.unfit(&wanted)).collect()
}
