//! Who may see which results.
//!
//! Owns the roles and the limits of a viewer. Must not know how a viewer proves who they are:
//! `config` lists the viewers and `credentials` verifies what they show.

use std::collections::BTreeSet;

use super::named::named;

/// A kind of work with the results. A viewer may have several roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Sees results and comments.
    Supervisor,
    /// Sees how the service works. Sees no text, score or name.
    Admin,
    /// Sees who signed in and what they saw.
    Auditor,
    /// Sees the closed blocks of their own answers and nothing else.
    Agent,
}

named!(Role {
    Supervisor = "supervisor",
    Admin = "admin",
    Auditor = "auditor",
    Agent = "agent",
});

/// Somebody, or a program, that may see results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Viewer {
    /// The name of the login or of the token.
    pub name: String,
    /// Never empty.
    pub roles: BTreeSet<Role>,
    /// The accounts whose results they see. `None` means all. Never empty.
    pub accounts: Option<BTreeSet<String>>,
    /// The teams whose results they see, as notices name them. `None` means all. Never empty.
    pub teams: Option<BTreeSet<String>>,
    /// Who they are in notices. `Some` if, and only if, they have the role agent.
    pub agent: Option<String>,
}

impl Viewer {
    pub fn has_role(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// True if results of that account may be shown.
    pub fn may_see_account(&self, account: &str) -> bool {
        self.accounts.as_ref().is_none_or(|accounts| accounts.contains(account))
    }

    /// True if nothing is hidden from them: what counts all surveys may be shown.
    pub fn sees_all(&self) -> bool {
        self.accounts.is_none() && self.sees_all_teams()
    }

    /// True if what counts all surveys of an account may be shown, once the account may.
    pub fn sees_all_teams(&self) -> bool {
        self.teams.is_none()
    }

    /// True if results of that team may be shown. A conversation without a team is shown only to
    /// those who see all teams.
    pub fn may_see_team(&self, team: Option<&str>) -> bool {
        let Some(teams) = &self.teams else { return true };
        team.is_some_and(|team| teams.contains(team))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn viewer(accounts: Option<&[&str]>, teams: Option<&[&str]>) -> Viewer {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Viewer {
            name: "mara".into(),
            roles: BTreeSet::from([Role::Supervisor]),
            accounts: accounts.map(set),
            teams: teams.map(set),
            agent: None,
        }
    }

    #[test]
    fn a_viewer_without_limits_sees_every_account_and_team() {
        let viewer = viewer(None, None);
        assert!(viewer.may_see_account("acme"));
        assert!(viewer.may_see_team(Some("billing")));
        assert!(viewer.may_see_team(None));
        assert!(viewer.sees_all());
    }

    #[test]
    fn counts_of_all_surveys_are_for_who_has_no_limits() {
        let of_account = viewer(Some(&["acme"]), None);
        assert!(!of_account.sees_all() && of_account.sees_all_teams());
        let of_team = viewer(None, Some(&["billing"]));
        assert!(!of_team.sees_all() && !of_team.sees_all_teams());
    }

    #[test]
    fn a_limited_viewer_sees_what_is_named_and_nothing_that_has_no_name() {
        let viewer = viewer(Some(&["acme"]), Some(&["billing", "returns"]));
        assert_eq!(["acme", "Acme", ""].map(|it| viewer.may_see_account(it)), [true, false, false]);
        let teams = [Some("billing"), Some("returns"), Some("Billing"), Some(""), None];
        assert_eq!(teams.map(|team| viewer.may_see_team(team)), [true, true, false, false, false]);
    }

    #[test]
    fn a_role_is_written_as_the_configuration_writes_it() {
        let names = Role::ALL.map(Role::as_str);
        assert_eq!(names, ["supervisor", "admin", "auditor", "agent"]);
        assert_eq!(names.map(Role::parse), Role::ALL.map(Some));
        assert_eq!(Role::parse("Admin"), None);
    }
}
