//! Verifies a sender that shows a name and a password (RFC 7617) and signs nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::key::Key;
use crate::config::XWebhookConfig;

/// The name with each of its passwords in a form for comparison.
#[derive(Clone)]
pub struct Passwords(Vec<Key>);

impl Passwords {
    pub fn of(webhook: &XWebhookConfig) -> Self {
        let pairs = webhook.passwords.iter().map(|password| {
            Key::token(format!("{}:{}", webhook.username, password.expose()).as_bytes())
        });
        Self(pairs.collect())
    }

    /// True if the header `Authorization` carries one of the pairs. Takes constant time.
    pub fn fit(&self, authorization: Option<&str>) -> bool {
        let offered = authorization
            .and_then(|text| text.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
            .and_then(|(_, credentials)| STANDARD.decode(credentials.trim()).ok());
        // All passwords are tried so that the time does not show which one fits.
        let fits = |offered: Vec<u8>| {
            self.0.iter().map(|key| key.is(&offered)).fold(false, |any, it| any | it)
        };
        offered.is_some_and(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn basic(pair: &str) -> String {
        format!("Basic {}", STANDARD.encode(pair))
    }

    #[test]
    fn either_password_fits_and_nothing_else() {
        let passwords = ["new", "old"].map(Secret::new).to_vec();
        let passwords = Passwords::of(&XWebhookConfig { username: "x".into(), passwords });
        for pair in ["x:new", "x:old"] {
            assert!(passwords.fit(Some(&basic(pair))), "{pair}");
            assert!(passwords.fit(Some(&basic(pair).replace("Basic", "basic"))), "{pair}");
            // Every other text of the same length, and some of others.
            for place in 0..pair.len() {
                for byte in 0..=127_u8 {
                    let mut other = pair.as_bytes().to_vec();
                    other[place] = byte;
                    let is_other = other != pair.as_bytes();
                    let header = format!("Basic {}", STANDARD.encode(&other));
                    assert_eq!(passwords.fit(Some(&header)), !is_other, "{other:?}");
                }
            }
        }
        let bad = [basic(""), basic("x"), basic("x:"), basic("x:newer"), basic("y:new")];
        for header in bad
            .into_iter()
            .chain(["x:new", "Bearer x:new", "Basic x:new", "Basic"].map(String::from))
        {
            assert!(!passwords.fit(Some(&header)), "{header}");
        }
        assert!(!passwords.fit(None));
    }
}
