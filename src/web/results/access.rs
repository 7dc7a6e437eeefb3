//! Who may sign in, by password, by token or through a proxy, as the configuration says.

use std::collections::HashMap;
use std::net::IpAddr;

use axum::http::HeaderName;
use ring::digest::{Context, SHA256, digest};

use crate::credentials::{PasswordHash, hash_token};
use crate::domain::access::Viewer;
use crate::domain::time::Millis;

/// A person who may sign in.
pub struct Login {
    pub viewer: Viewer,
    /// Absent for a person whom only a proxy may name.
    pub password: Option<PasswordHash>,
    /// Changes with the roles, the limits and the password. A change ends the person's sessions.
    pub version: String,
}

impl Login {
    pub fn new(viewer: Viewer, password: Option<PasswordHash>) -> Self {
        let version = version(&viewer, password.as_ref());
        Self { viewer, password, version }
    }
}

/// A token of the API.
pub struct Token {
    pub viewer: Viewer,
    /// The SHA-256 of the token.
    pub hash: [u8; 32],
    /// The first instant at which the token is no longer good.
    pub ends_at: Option<Millis>,
}

/// The proxies whose headers are believed.
pub struct TrustedProxy {
    /// The header that names who is signed in. Absent if the proxies sign nobody in.
    pub header: Option<HeaderName>,
    /// True for the addresses that the proxies connect from.
    pub trusts: Box<dyn Fn(IpAddr) -> bool + Send + Sync>,
}

/// Everybody who may see results.
#[derive(Default)]
pub struct Access {
    logins: HashMap<String, Login>,
    tokens: HashMap<[u8; 32], Token>,
    proxy: Option<TrustedProxy>,
    /// What unknown names are verified against. There is one for each login with a password, so
    /// that the time tells nothing even if the hashes differ in their costs.
    of_nobody: Vec<PasswordHash>,
}

impl Access {
    /// The names of the logins are unique.
    pub fn new(logins: Vec<Login>, tokens: Vec<Token>, proxy: Option<TrustedProxy>) -> Self {
        let of_nobody =
            logins.iter().filter_map(|login| Some(login.password.as_ref()?.of_nobody()));
        Self {
            of_nobody: of_nobody.collect(),
            logins: logins.into_iter().map(|login| (login.viewer.name.clone(), login)).collect(),
            tokens: tokens.into_iter().map(|token| (token.hash, token)).collect(),
            proxy,
        }
    }

    /// True if somebody can sign in, so that there are pages.
    pub fn has_pages(&self) -> bool {
        let names_people = self.proxy.as_ref().is_some_and(|proxy| proxy.header.is_some());
        !self.logins.is_empty() || names_people
    }

    /// True if some person or program can ask the API.
    pub fn has_api(&self) -> bool {
        self.has_pages() || !self.tokens.is_empty()
    }

    pub fn login(&self, name: &str) -> Option<&Login> {
        self.logins.get(name)
    }

    /// Returns the hash that a sign-in by this name is verified against, and whether it is the
    /// name's own. There is none only if no login has a password.
    pub fn password(&self, name: &str) -> Option<(PasswordHash, bool)> {
        let own = self.logins.get(name).and_then(|login| login.password.clone());
        if let Some(own) = own {
            return Some((own, true));
        }
        // Each name always meets the same hash, as a login's name does.
        let digest = digest(&SHA256, name.as_bytes());
        let number =
            digest.as_ref().iter().take(8).fold(0, |all, byte| all << 8 | u64::from(*byte));
        let place = usize::try_from(number % u64::try_from(self.of_nobody.len().max(1)).ok()?);
        Some((self.of_nobody.get(place.ok()?)?.clone(), false))
    }

    /// Returns whom a token belongs to while it is good.
    pub fn token(&self, token: &str, now: Millis) -> Option<&Token> {
        let found = self.tokens.get(&hash_token(token))?;
        found.ends_at.is_none_or(|end| now < end).then_some(found)
    }

    /// True if the address is a proxy's, whose headers are believed.
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.proxy.as_ref().is_some_and(|proxy| (proxy.trusts)(address.to_canonical()))
    }

    /// The header by which a trusted proxy names who is signed in.
    pub fn header(&self) -> Option<&HeaderName> {
        self.proxy.as_ref()?.header.as_ref()
    }
}

/// Hashes all that a session depends on. Each part has its length before it, so that no two lists
/// of parts read the same.
fn version(viewer: &Viewer, password: Option<&PasswordHash>) -> String {
    let mut context = Context::new(&SHA256);
    let mut add = |text: &str| {
        context.update(&(text.len() as u64).to_be_bytes());
        context.update(text.as_bytes());
    };
    add(&password.map(PasswordHash::expose).unwrap_or_default());
    add(viewer.agent.as_deref().unwrap_or_default());
    add(&viewer.roles.len().to_string());
    viewer.roles.iter().for_each(|role| add(role.as_str()));
    for limit in [&viewer.accounts, &viewer.teams] {
        add(&limit.as_ref().map_or("all".into(), |names| names.len().to_string()));
        limit.iter().flatten().for_each(|name| add(name));
    }
    hex(context.finish().as_ref())
}

/// Writes bytes as hexadecimal digits in lower case.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::credentials::hash_password;
    use crate::domain::access::Role;

    fn viewer(name: &str) -> Viewer {
        Viewer {
            name: name.into(),
            roles: BTreeSet::from([Role::Supervisor]),
            accounts: None,
            teams: None,
            agent: None,
        }
    }

    fn set(names: &[&str]) -> Option<BTreeSet<String>> {
        Some(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn the_version_changes_with_all_that_a_session_depends_on() {
        let (one, other) = ["a long password", "another password"].map(hash_password).into();
        let (one, other) = (one.unwrap(), other.unwrap());
        let plain = viewer("mara");
        let both = BTreeSet::from([Role::Supervisor, Role::Admin]);
        let changed = [
            (plain.clone(), Some(&other)),
            (plain.clone(), None),
            (Viewer { roles: both, ..plain.clone() }, Some(&one)),
            (Viewer { roles: BTreeSet::from([Role::Admin]), ..plain.clone() }, Some(&one)),
            (Viewer { accounts: set(&["acme"]), ..plain.clone() }, Some(&one)),
            (Viewer { teams: set(&["acme"]), ..plain.clone() }, Some(&one)),
            (Viewer { teams: set(&["ac", "me"]), ..plain.clone() }, Some(&one)),
            (Viewer { agent: Some("dana".into()), ..plain.clone() }, Some(&one)),
            (plain.clone(), Some(&one)),
        ];
        let versions: BTreeSet<String> =
            changed.iter().map(|(viewer, password)| version(viewer, *password)).collect();
        assert_eq!(versions.len(), changed.len(), "each differs from all others");
        assert_eq!(version(&plain, Some(&one)), version(&plain.clone(), Some(&one)));
        let renamed = viewer("lee");
        assert_eq!(
            version(&renamed, Some(&one)),
            version(&plain, Some(&one)),
            "a session names it"
        );
    }

    #[test]
    fn an_unknown_name_is_verified_against_a_hash_of_the_same_costs_that_nobody_has() {
        let mara = Login::new(viewer("mara"), Some(hash_password("a long password").unwrap()));
        let proxied = Login::new(viewer("lee"), None);
        let access = Access::new(vec![mara, proxied], Vec::new(), None);
        let (own, is_own) = access.password("mara").unwrap();
        assert!(is_own && own == *access.login("mara").unwrap().password.as_ref().unwrap());
        for name in ["nobody", "lee", "Mara", ""] {
            let (hash, is_own) = access.password(name).unwrap();
            assert!(!is_own && hash == own.of_nobody(), "{name}");
        }
        assert_eq!(Access::default().password("mara").map(|(_, is_own)| is_own), None);
    }

    #[test]
    fn a_token_is_good_until_its_end() {
        let ends =
            |ends_at| Token { viewer: viewer("warehouse"), hash: hash_token("svd_1"), ends_at };
        let access = |ends_at| Access::new(Vec::new(), vec![ends(ends_at)], None);
        assert!(access(None).token("svd_1", Millis(i64::MAX)).is_some());
        assert!(access(None).token("svd_2", Millis(0)).is_none());
        assert!(access(Some(Millis(100))).token("svd_1", Millis(99)).is_some());
        assert!(access(Some(Millis(100))).token("svd_1", Millis(100)).is_none());
        assert!(access(None).has_api() && !access(None).has_pages());
        assert!(!Access::default().has_api());
    }

    #[test]
    fn a_proxy_is_known_by_its_address_in_either_family() {
        let trusts = Box::new(|address: IpAddr| address == IpAddr::from([127, 0, 0, 1]));
        let access =
            Access::new(Vec::new(), Vec::new(), Some(TrustedProxy { header: None, trusts }));
        for (address, is_trusted) in
            [("127.0.0.1", true), ("::ffff:127.0.0.1", true), ("127.0.0.2", false), ("::1", false)]
        {
            assert_eq!(access.trusts(address.parse().unwrap()), is_trusted, "{address}");
        }
        assert!(!access.has_pages(), "it names nobody");
        assert!(!Access::default().trusts([127, 0, 0, 1].into()));
    }
}
