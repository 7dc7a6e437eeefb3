//! Warns of ways in which somebody could see results who should not, or could no longer see them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Warning;
use crate::config::Config;
use crate::domain::time::Millis;

/// The time before a token's end in which it should be replaced.
const ENDS_SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// Warns of sign-ins over plain HTTP, of names that are taken for one another, and of a proxy that
/// is trusted too widely or for nothing.
pub(super) fn of_access(config: &Config, warnings: &mut Vec<Warning>) {
    let proxy = config.http.proxy.as_ref();
    if !config.http.listen.ip().is_loopback() && !config.logins.is_empty() && proxy.is_none() {
        warnings.push(Warning {
            key: "logins".into(),
            problem: "sign in over plain HTTP from other machines: whoever is between can read \
                      passwords, and browsers keep the cookie __Host-surveyd over TLS only"
                .into(),
            remedy: "put a proxy that speaks TLS in front, and listen on 127.0.0.1 behind it"
                .into(),
        });
    }
    warnings.extend(of_names(config));
    let Some(proxy) = proxy else { return };
    let header = &proxy.header;
    if config.logins.is_empty() {
        warnings.push(Warning {
            key: "http.proxy".into(),
            problem: format!("lets nobody in: {header} has to name a login, and there is none"),
            remedy: "add [[logins]] with the names that the proxy writes".into(),
        });
    }
    if let Some(all) = proxy.from.iter().find(|network| network.prefix_len() == 0) {
        warnings.push(Warning {
            key: "http.proxy.from".into(),
            problem: format!(
                "trusts {all}, which is every address: whoever reaches surveyd can write {header} \
                 and is signed in as anybody"
            ),
            remedy: "name the proxy's own addresses".into(),
        });
    }
}

/// Warns of logins whose names differ in the case of letters alone.
fn of_names(config: &Config) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut by_letters: BTreeMap<String, &str> = BTreeMap::new();
    for login in &config.logins {
        let name = login.viewer.name.as_str();
        let Some(other) = by_letters.insert(name.to_lowercase(), name) else { continue };
        warnings.push(Warning {
            key: format!("logins.{name}.name"),
            problem: format!(
                "differs from {other:?} in the case of letters alone: whoever signs in by the wrong \
                 one is refused"
            ),
            remedy: "give them names that nobody takes for one another".into(),
        });
    }
    warnings
}

/// Warns of API tokens that have expired or will soon.
pub fn of_tokens(config: &Config, now: Millis) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for token in &config.tokens {
        let Some(expiry) = token.expiry else { continue };
        let (day, zone) = (expiry.day, config.report.time_zone.name());
        let problem = if !token.is_good(now) {
            format!("has passed: the token was good until the end of {day} ({zone})")
        } else if !token.is_good(now.plus(ENDS_SOON)) {
            format!("is near: the token is good until the end of {day} ({zone})")
        } else {
            continue;
        };
        warnings.push(Warning {
            key: format!("tokens.{}.expires", token.viewer.name),
            problem,
            remedy:
                "make another with `surveyd token`, give it to the program, then remove this one"
                    .into(),
        });
    }
    warnings
}
