//! Reads who may see results: `[[logins]]`, `[[tokens]]` and `http.proxy`.
//!
//! Must not verify anybody. It only makes sure that what is configured can be verified.

mod logins;
mod proxy;
mod tokens;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;

use super::defaults::LOGIN_CHARACTERS_MAX;
use super::environment::Environment;
use super::fault_collector::{ConfigTable, FaultCollector};
use super::faults::Faults;
use super::given::{GivenValue, Wrong, from_toml, quoted};
use super::sources::{Around, several};
use super::{lists, values};
use crate::credentials::{PasswordHash, TOKEN_HASH_BYTES};
use crate::domain::access::{Role, Viewer};
use crate::domain::close::LABEL_CHARACTERS_MAX;
use crate::domain::days::{Day, Zone};
use crate::domain::time::Millis;
use ipnet::IpNet;
pub(super) use logins::read as logins;
pub(super) use proxy::read as proxy;
pub(super) use tokens::read as tokens;

/// Somebody who may sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginConfig {
    pub viewer: Viewer,
    /// `None` for those whom only the trusted proxy signs in. Also `None` if the configuration was
    /// read without its secrets.
    pub password_hash: Option<PasswordHash>,
}

/// A program that may read results through the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiToken {
    pub viewer: Viewer,
    /// The SHA-256 of the token. No two tokens share one.
    pub hash: [u8; TOKEN_HASH_BYTES],
    /// `None` for a token that never expires.
    pub expiry: Option<TokenExpiry>,
}

/// The last day of an API token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenExpiry {
    /// The last day, in `report.time_zone`, on which the token is good.
    pub day: Day,
    /// The first instant at which the token is no longer good.
    pub at: Millis,
}

/// A proxy that says who has signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyConfig {
    /// The header that holds the name of a login. Letter case does not matter.
    pub header: String,
    /// The networks that the proxy's addresses lie in. Never empty.
    pub from: Vec<IpNet>,
}

impl ApiToken {
    /// True if the token is good at that time.
    pub fn is_good(&self, now: Millis) -> bool {
        self.expiry.is_none_or(|expiry| now < expiry.at)
    }
}

impl ProxyConfig {
    /// True if the header is believed from that address. An IPv4 address counts as itself, too,
    /// where the connection came in through IPv6.
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.from.iter().any(|network| network.contains(&address))
    }
}

/// Reads one `[[tokens]]` that is not in a file yet. Its accounts are not looked for. Its last day
/// is one of UTC.
pub fn parse_token(text: &str) -> Result<ApiToken, Faults> {
    let (path, environment) = (Path::new("[[tokens]]"), Environment::default());
    let values = from_toml(text)
        .map_err(|Wrong { problem, remedy, .. }| Faults::of_file(path, problem, remedy))?;
    let mut collector = FaultCollector::new(path, &environment);
    let mut root = collector.root(values);
    let around = Around { accounts: None, is_stand_in: false };
    let token = tokens(&mut root, &around, &Zone::utc()).pop();
    root.close(&[]);
    collector.finish(token)
}

/// Reads the roles and the limits that logins and tokens share. Returns `None` if one is faulty.
fn viewer(table: &mut ConfigTable, name: Option<String>, around: &Around) -> Option<Viewer> {
    let roles = table.required("role", "\"supervisor\"", roles);
    let accounts = several(table, around);
    let teams = table.optional("teams", teams);
    let agent = table.optional("agent", values::text(LABEL_CHARACTERS_MAX));
    if let (Some(roles), Some(agent)) = (&roles, &agent) {
        match (roles.contains(&Role::Agent), agent) {
            (true, None) => table.missing("agent", "\"dana\""),
            (false, Some(agent)) => {
                let remedy = "add \"agent\" to role, or remove it";
                let problem = "is given, and role is not \"agent\"";
                table.fault("agent", Some(quoted(agent)), problem, remedy);
            }
            (true, Some(_)) | (false, None) => {}
        }
    }
    let accounts = accounts?;
    Some(Viewer {
        name: name?,
        roles: roles?,
        accounts: (!accounts.is_empty()).then(|| accounts.into_iter().collect()),
        teams: teams?,
        agent: agent?,
    })
}

/// Reads the name of a login or of a token. It stands in the audit log.
fn name(given: &GivenValue) -> Result<String, Wrong> {
    let name = values::text(LOGIN_CHARACTERS_MAX)(given)?;
    if name.chars().any(char::is_control) {
        return Err(Wrong::new("holds a control character", "remove it"));
    }
    match name.trim() == name {
        true => Ok(name),
        false => Err(Wrong::new("begins or ends with white space", "remove the white space")),
    }
}

fn roles(given: &GivenValue) -> Result<BTreeSet<Role>, Wrong> {
    lists::texts(given)?;
    let roles = lists::chosen(given, &Role::ALL.map(|role| (role.as_str(), role)))?;
    Ok(roles.into_iter().collect())
}

/// Reads the names of teams, at least one.
pub(super) fn teams(given: &GivenValue) -> Result<BTreeSet<String>, Wrong> {
    let teams = given.texts()?;
    if teams.is_empty() {
        let remedy = "write the names of teams as notices name them, or leave it out";
        return Err(Wrong::new("is an empty list", remedy));
    }
    let team = |team: String| {
        values::text(LABEL_CHARACTERS_MAX)(&GivenValue::Variable(team.clone())).map_err(|wrong| {
            Wrong::new(format!("holds {}, which {}", quoted(&team), wrong.problem), wrong.remedy)
        })
    };
    teams.into_iter().map(team).collect()
}
