//! X's webhook for the Direct Messages of an account. It answers X's challenge (CRC), which proves
//! to X that the address is ours. It accepts only what X signed (`x-twitter-webhooks-signature`).
//!
//! Both use the account's consumer secret as key. X's challenge asks for the signature of a text in
//! the challenge. A delivery is signed over its whole body. Anybody can therefore send a challenge
//! and get a text of their own signed. So only a narrow form of text is answered ([`is_token`]),
//! and a body of that form is never a delivery. It does not even count as one that was missed.

use std::ops::RangeInclusive;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use super::signature::{Headers, Unsigned, Verifier};
use crate::config::{self, Scheme};
use crate::domain::id::UserId;
use crate::domain::time::Millis;
use crate::domain::x_json;
use crate::domain::x_message::{self, WebhookDelivery};

/// X's tokens have about 50 characters. The one in its documents, `challenge_string`, has 16.
const TOKEN_CHARACTERS: RangeInclusive<usize> = 8..=256;

/// True if X may use the text as a challenge.
///
/// Such a text consists of letters, digits and the other characters of base64 or a token. A
/// delivery is a JSON object and never has this form. JSON that has it, such as a number or `true`,
/// is excluded.
fn is_token(text: &[u8]) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=-_.~".contains(byte);
    TOKEN_CHARACTERS.contains(&text.len())
        && text.iter().all(is_plain)
        && x_json::read(text).is_err()
}

/// What X delivers to the webhook of one account.
#[derive(Clone)]
pub struct XDeliveries {
    verifier: Verifier,
    key: hmac::Key,
    user_id: UserId,
}

/// The reason why a delivery is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryRefusal {
    #[error(transparent)]
    Unsigned(#[from] Unsigned),
    /// The body has the form of X's challenges, and X never delivers such a body.
    #[error("the body is no delivery of X: it could be one of the tokens that X asks with")]
    Token,
    #[error("the body is no JSON: {0}")]
    NoJson(String),
    #[error("the body is no delivery of X: it has neither for_user_id nor data.filter.user_id")]
    NoDelivery,
}

impl XDeliveries {
    /// `user_id` is the account's own id at X.
    pub fn new(account: &config::Account, user_id: UserId) -> Self {
        let secret = account.consumer_secret.expose().as_bytes();
        let verifier = Verifier::new(Scheme::of_x(), &[secret.to_vec()]);
        Self {
            verifier: verifier.expect("any bytes are a key of this kind"),
            key: hmac::Key::new(hmac::HMAC_SHA256, secret),
            user_id,
        }
    }

    /// Returns the answer to X's challenge. Returns `None` if the token does not have the form of
    /// X's.
    pub fn answer(&self, crc_token: &str) -> Option<String> {
        is_token(crc_token.as_bytes()).then(|| {
            let tag = hmac::sign(&self.key, crc_token.as_bytes());
            format!("sha256={}", STANDARD.encode(tag))
        })
    }

    /// True if `to` is this account's id at X and X signed the body for the account's app.
    pub fn is_meant(&self, to: &str, headers: Headers<'_>, body: &[u8], now: Millis) -> bool {
        self.user_id.as_str() == to && self.is_signed(headers, body, now)
    }

    /// True if X signed the body for the account's app.
    pub fn is_signed(&self, headers: Headers<'_>, body: &[u8], now: Millis) -> bool {
        self.verifier.verify(headers, body, now).is_ok()
    }

    /// Reads a delivery that X signed for the account's app. It may be for another account of that
    /// app.
    pub fn read(
        &self,
        headers: Headers<'_>,
        body: &[u8],
        now: Millis,
    ) -> Result<WebhookDelivery, DeliveryRefusal> {
        self.verifier.verify(headers, body, now)?;
        if is_token(body) {
            return Err(DeliveryRefusal::Token);
        }
        let value =
            x_json::read(body).map_err(|error| DeliveryRefusal::NoJson(error.to_string()))?;
        x_message::delivered(&value).ok_or(DeliveryRefusal::NoDelivery)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The consumer secret of X's page "Creating a signature".
    const SECRET: &[u8] = b"kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw";
    const BODY: &[u8] = br#"{"for_user_id":"4337869213","direct_message_events":[]}"#;
    /// These two were computed by another program.
    const ANSWER: &str = "sha256=nlBfoc+sYi739ivT57rTKKl7OQM8PcJSNybJqfjoBUk=";
    const SIGNED: &str = "sha256=0ua45f1GN4zcLoyYN2oxYw699anCaTMlVvfacz678CE=";

    fn hook() -> XDeliveries {
        XDeliveries {
            verifier: Verifier::new(Scheme::of_x(), &[SECRET.to_vec()]).unwrap(),
            key: hmac::Key::new(hmac::HMAC_SHA256, SECRET),
            user_id: UserId::parse("4337869213").unwrap(),
        }
    }

    #[test]
    fn x_is_answered_with_its_token_under_the_consumer_secret() {
        assert_eq!(hook().answer("challenge_string").as_deref(), Some(ANSWER));
    }

    #[test]
    fn nothing_is_signed_that_could_be_a_delivery() {
        let text = std::str::from_utf8(BODY).unwrap();
        let (short, long) = ("a".repeat(7), "a".repeat(257));
        let numbers = ["123", "-1.5", "1234567890123456", "1234567890123e456", "-123456789012e+45"];
        let others = ["", "{}", "[]", "a b", "\"x\"", "true", "null", text, &short, &long];
        let odd =
            ["\"aaaaaaaaaaaaaa\"", "[aaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaa\n", "aaaaaaaaaaaaaa%7b"];
        for token in numbers.into_iter().chain(others).chain(odd) {
            assert_eq!(hook().answer(token), None, "{token}");
        }
        let of_x = "OWJkMWJmZTYtMTJlNC00MTNhLThjMDEtZmZmNGZhYjM5ZDIx";
        assert!(hook().answer(of_x).is_some());
        assert!(hook().answer("a+b/c-d_e=0123456789==").is_some());
    }

    #[test]
    fn what_was_signed_here_is_no_delivery_and_none_that_was_missed() {
        let token = "challenge_string";
        let signed = hook().answer(token).unwrap();
        let headers = |_: &str| vec![signed.as_str()];
        assert_eq!(hook().read(&headers, token.as_bytes(), Millis(0)), Err(DeliveryRefusal::Token));
    }

    #[test]
    fn a_delivery_is_taken_only_as_x_has_signed_it() {
        let hook = hook();
        let read = |signature: Option<&str>, body: &[u8]| {
            let headers = |name: &str| {
                let is_it = name.eq_ignore_ascii_case("x-twitter-webhooks-signature");
                signature.filter(|_| is_it).into_iter().collect()
            };
            hook.read(&headers, body, Millis(0))
        };
        let empty = WebhookDelivery { to: "4337869213".into(), messages: Vec::new() };
        assert_eq!(read(Some(SIGNED), BODY), Ok(empty));
        for wrong in [None, Some("sha256="), Some("sha256=AAAA"), Some(&SIGNED[7..])] {
            assert!(matches!(read(wrong, BODY), Err(DeliveryRefusal::Unsigned(_))), "{wrong:?}");
        }
        assert!(matches!(read(Some(SIGNED), b"{}"), Err(DeliveryRefusal::Unsigned(_))));
    }
}
