//! Makes OAuth 1.0a signatures with the crate oauth1-request. The sources are RFC 5849 section 3.4
//! and X's page "Creating a signature".

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU64;

use oauth1_request as oauth;
use reqwest::{Method, Url};

use crate::domain::time::Millis;

/// The keys that an account signs with.
#[derive(Clone)]
pub struct Keys {
    pub consumer_key: String,
    pub consumer_secret: String,
    pub access_token: String,
    pub access_token_secret: String,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(***)")
    }
}

/// The header of a signed request and its parameters as they were signed.
pub struct Signed {
    pub authorization: String,
    /// Percent-encoded `name=value` pairs. They are the query of a GET or the form of a POST.
    pub parameters: String,
}

/// Signs a request. The nonce is random, so a second signature of one request differs.
pub fn sign(
    method: &Method,
    url: &Url,
    parameters: &BTreeMap<&str, &str>,
    keys: &Keys,
    now: Millis,
) -> Signed {
    let token = oauth::Token::from_parts(
        keys.consumer_key.as_str(),
        keys.consumer_secret.as_str(),
        keys.access_token.as_str(),
        keys.access_token_secret.as_str(),
    );
    let mut builder = oauth::Builder::with_token(token, oauth::HMAC_SHA1);
    builder.version(true).timestamp(NonZeroU64::new(u64::try_from(now.0 / 1_000).unwrap_or(0)));
    signed(&builder, method, url, parameters)
}

type Builder<'a> = oauth::Builder<'a, oauth::signature_method::HmacSha1, &'a str, &'a str>;

fn signed(
    builder: &Builder<'_>,
    method: &Method,
    url: &Url,
    parameters: &BTreeMap<&str, &str>,
) -> Signed {
    // The map's order is the order of the signature because all names are plain ASCII.
    let request = oauth::request::AssertSorted::new(parameters);
    Signed {
        authorization: builder.authorize(method.as_str(), url.as_str(), &request),
        parameters: oauth::to_form(&request),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(method: &Method, url: &str, parameters: &[(&str, &str)]) -> String {
        let token = oauth::Token::from_parts(
            "xvz1evFS4wEEPTGEFPHBog",
            "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw",
            "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb",
            "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE",
        );
        let mut builder = oauth::Builder::with_token(token, oauth::HMAC_SHA1);
        builder
            .version(true)
            .nonce("kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg")
            .timestamp(NonZeroU64::new(1_318_622_958));
        let parameters = parameters.iter().copied().collect();
        let signed = signed(&builder, method, &Url::parse(url).unwrap(), &parameters);
        let (_, rest) = signed.authorization.split_once("oauth_signature=\"").unwrap();
        rest.trim_end_matches('"').replace("%2F", "/").replace("%2B", "+").replace("%3D", "=")
    }

    #[test]
    fn the_published_vector_is_met() {
        let parameters = [
            ("status", "Hello Ladies + Gentlemen, a signed OAuth request!"),
            ("include_entities", "true"),
        ];
        let of = |host: &str| {
            signature(&Method::POST, &format!("{host}/1.1/statuses/update.json"), &parameters)
        };
        assert_eq!(of("https://api.x.com"), "Ls93hJiZbQ3akF3HF3x1Bz8/zU4=");
        assert_eq!(of("https://api.twitter.com"), "hCtSmYh+iHYCEqBWrE7C7hYmtUk=");
    }

    #[test]
    fn a_prompt_is_signed_as_an_independent_signer_does() {
        let form = [
            ("type", "nps"),
            ("to_user_id", "343434343434"),
            ("message", "Thanks & see you ☃ 100%!*"),
            ("privacy_url", "https://mybusiness.domain/privacy?a=1&b=2"),
            ("external_id", "ticket_5555"),
            ("question_variant_id", "3"),
            ("display_name", "My Business"),
            ("test", "false"),
        ];
        let of = |host: &str| {
            signature(&Method::POST, &format!("{host}/1.1/feedback/create.json"), &form)
        };
        assert_eq!(of("https://api.x.com"), "P/9s7SbxotZaSlrrw45OZILa87M=");
        assert_eq!(of("https://api.x.com:443"), "P/9s7SbxotZaSlrrw45OZILa87M=");
        assert_eq!(of("https://api.twitter.com"), "YySB7Rb5N3BMrngoBu/vfP8zU8Q=");
        assert_eq!(of("http://127.0.0.1:18080"), "AtlyYS80tQqG4duMsCFmhZPAHZw=");
        assert_eq!(of("https://localhost:8443"), "qIuJ7rduDMwVkQvFlq9NisSuXBc=");
    }

    #[test]
    fn a_page_of_events_is_signed_as_an_independent_signer_does() {
        let query = [
            ("from_time", "1451936737470"),
            ("to_time", "1452023137470"),
            ("count", "100"),
            ("cursor", "10011"),
        ];
        let of = |host: &str| {
            signature(&Method::GET, &format!("{host}/1.1/feedback/events.json"), &query)
        };
        assert_eq!(of("https://api.x.com"), "fP1X4akH5GkeV20t3FmGF1tFmWo=");
        assert_eq!(of("https://api.twitter.com"), "1FQQSeh2R+3E1mURRP6GmVqrk1o=");
        assert_eq!(of("http://127.0.0.1:18080"), "ech/C/Ae1S5Va7s76RFJVUbWdtM=");
    }

    #[test]
    fn keys_are_never_printed() {
        let keys = Keys {
            consumer_key: "a".into(),
            consumer_secret: "b".into(),
            access_token: "c".into(),
            access_token_secret: "d".into(),
        };
        assert_eq!(format!("{keys:?}"), "Keys(***)");
    }
}
