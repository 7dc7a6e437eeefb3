//! One secret of a source in the form that its scheme needs.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use ring::{hmac, signature};

use crate::config::{Algorithm, Scheme, rsa_key};

#[derive(Clone)]
pub enum Key {
    Hmac(hmac::Key),
    /// A secret that is hashed together with the content.
    Hashed(Vec<u8>),
    /// A public key as PKCS#1 in DER.
    Rsa(Vec<u8>),
    /// The text that the header must contain, with a key made from it. Comparing two tags takes
    /// constant time whatever the lengths of the texts.
    Token(hmac::Key, hmac::Tag),
}

impl Key {
    /// Returns the keys of a secret. There are several if a header may carry the secret in several
    /// forms.
    pub fn of(scheme: &Scheme, secret: &[u8]) -> Result<Vec<Self>, &'static str> {
        Ok(match scheme.algorithm {
            Algorithm::Nothing => Vec::new(),
            Algorithm::HmacSha1 => {
                vec![Self::Hmac(hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret))]
            }
            Algorithm::HmacSha256 => vec![Self::Hmac(hmac::Key::new(hmac::HMAC_SHA256, secret))],
            Algorithm::Sha256 => vec![Self::Hashed(secret.to_vec())],
            Algorithm::RsaSha256 => {
                let text = std::str::from_utf8(secret).map_err(|_| "is not text")?;
                vec![Self::Rsa(rsa_key(text).ok_or("is no RSA public key")?)]
            }
            Algorithm::Token => vec![Self::token(secret)],
            Algorithm::Authorization => {
                let bearer = [b"Bearer ", secret].concat();
                let basic = format!("Basic {}", STANDARD.encode(secret));
                let mut keys = vec![Self::token(secret), Self::token(&bearer)];
                if secret.contains(&b':') {
                    keys.push(Self::token(basic.as_bytes()));
                }
                keys
            }
        })
    }

    pub fn token(text: &[u8]) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, text);
        let tag = hmac::sign(&key, text);
        Self::Token(key, tag)
    }

    /// True if `offered` is the signature of the text from `signed`. Compares in constant time.
    pub fn fits<'b>(&self, offered: &[u8], signed: &impl Fn(&[u8]) -> Cow<'b, [u8]>) -> bool {
        match self {
            Self::Hmac(key) => hmac::verify(key, &signed(&[]), offered).is_ok(),
            Self::Hashed(secret) => {
                let hash = digest(&SHA256, &signed(secret));
                Self::token(hash.as_ref()).is(offered)
            }
            Self::Rsa(key) => {
                signature::UnparsedPublicKey::new(&signature::RSA_PKCS1_2048_8192_SHA256, key)
                    .verify(&signed(&[]), offered)
                    .is_ok()
            }
            Self::Token(..) => self.is(offered),
        }
    }

    /// True if `offered` is this token.
    pub fn is(&self, offered: &[u8]) -> bool {
        match self {
            Self::Token(key, tag) => hmac::verify(key, offered, tag.as_ref()).is_ok(),
            Self::Hmac(_) | Self::Hashed(_) | Self::Rsa(_) => false,
        }
    }
}
