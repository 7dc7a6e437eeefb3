//! Verifies that a notice comes from its source.
//!
//! One verifier serves all sources. A [`Scheme`] tells it what is signed and where the signature
//! stands. It tries every secret of the source, so the sender can replace its secret without an
//! interruption. It accepts a signature in its canonical form only.

mod key;
mod passwords;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use self::key::Key;
pub use self::passwords::Passwords;
pub use crate::config::IN_QUERY;
use crate::config::{self, Algorithm, Encoding, Scheme, SignedPart, TimestampForm};
use crate::domain::time::Millis;

/// The most signatures that are tried for one request. A sender that changes its secret sends two.
const SIGNATURES_MAX: usize = 16;

/// The reason why a notice is not accepted as its source's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsigned {
    #[error("{} is missing", place(.0))]
    Missing(String),
    #[error("{} is there more than once", place(.0))]
    Repeated(String),
    #[error("{header} is no {form}")]
    Timestamp { header: String, form: &'static str },
    #[error("{header} is more than {tolerance} away from this machine's clock")]
    Stale { header: String, tolerance: String },
    #[error("no signature in {0} fits the body and the source's secret")]
    Wrong(String),
    #[error(
        "no signature in {header} fits the body, the source's secret and the address {signed:?}"
    )]
    WrongOrElsewhere { header: String, signed: String },
    #[error("{} does not bear the source's secret", .0.trim_start_matches(IN_QUERY))]
    Stranger(String),
}

/// Describes a place by its name in a [`Scheme`].
fn place(name: &str) -> String {
    match name.strip_prefix(IN_QUERY) {
        Some(parameter) => format!("the parameter {parameter} of the address"),
        None => format!("the header {name}"),
    }
}

/// A source's scheme with its keys.
#[derive(Clone)]
pub struct Verifier {
    scheme: Scheme,
    keys: Vec<Key>,
}

/// Returns the headers of a name that are text. A sender may spread several signatures over several
/// headers. A name after [`IN_QUERY`] means the query parameters of that name.
pub type Headers<'a> = &'a dyn Fn(&str) -> Vec<&'a str>;

impl Verifier {
    /// Makes a verifier for secrets that the configuration has already checked.
    pub fn new(scheme: Scheme, secrets: &[Vec<u8>]) -> Result<Self, &'static str> {
        let mut keys = Vec::new();
        for secret in secrets {
            keys.extend(Key::of(&scheme, secret)?);
        }
        Ok(Self { scheme, keys })
    }

    /// Makes the verifier of a source.
    pub fn of(source: &config::Source) -> Result<Self, &'static str> {
        Self::new(source.scheme.clone(), &source.secret_bytes())
    }

    /// Verifies the raw body. Compares each signature in constant time.
    pub fn verify(&self, headers: Headers<'_>, body: &[u8], now: Millis) -> Result<(), Unsigned> {
        let scheme = &self.scheme;
        if scheme.algorithm == Algorithm::Nothing {
            return Ok(());
        }
        let get = |name: &str| {
            headers(name).first().copied().ok_or_else(|| Unsigned::Missing(name.to_owned()))
        };
        // The signature is checked first. A request without any is a stranger's. A request with
        // only a signature lacks the other headers.
        let signatures = headers(&scheme.header);
        if signatures.is_empty() {
            return Err(Unsigned::Missing(scheme.header.clone()));
        }
        let id = scheme.id_header.as_deref().map(get).transpose()?.unwrap_or_default();
        let timestamp = match &scheme.timestamp {
            None => "",
            Some(timestamp) => get(&timestamp.header)?,
        };
        if scheme.header.starts_with(IN_QUERY) && signatures.len() > 1 {
            // A proxy on the way may have checked the other value.
            return Err(Unsigned::Repeated(scheme.header.clone()));
        }
        if let Some(sent_at) = self.sent_at(headers)?
            && now.0.abs_diff(sent_at.0) > scheme.tolerance.as_millis() as u64
        {
            let header = self.timestamp_header();
            return Err(Unsigned::Stale { header, tolerance: spoken(scheme.tolerance) });
        }
        let signed = |secret: &[u8]| self.signed(id, timestamp, body, secret);
        // A line end splits nothing because no header's value contains one.
        let separator = scheme.separator.as_deref().unwrap_or("\n");
        let fits = signatures
            .into_iter()
            .flat_map(|header| header.split(separator))
            .take(SIGNATURES_MAX)
            .filter_map(|offered| offered.strip_prefix(scheme.prefix.as_str()))
            .any(|offered| self.fits(offered, &signed));
        match scheme.algorithm {
            _ if fits => Ok(()),
            Algorithm::Token | Algorithm::Authorization => {
                Err(Unsigned::Stranger(scheme.header.clone()))
            }
            Algorithm::HmacSha1
            | Algorithm::HmacSha256
            | Algorithm::Sha256
            | Algorithm::RsaSha256
            | Algorithm::Nothing => Err(self.wrong()),
        }
    }

    fn wrong(&self) -> Unsigned {
        let header = self.scheme.header.clone();
        match self.scheme.signed_address() {
            None => Unsigned::Wrong(header),
            Some(signed) => Unsigned::WrongOrElsewhere { header, signed: signed.to_owned() },
        }
    }

    /// Returns the time at which the sender says that it made the request. Returns `None` if there
    /// is none.
    pub fn sent_at(&self, headers: Headers<'_>) -> Result<Option<Millis>, Unsigned> {
        let Some(timestamp) = &self.scheme.timestamp else { return Ok(None) };
        let Some(text) = headers(&timestamp.header).first().copied() else { return Ok(None) };
        let (at, form) = match timestamp.form {
            TimestampForm::Seconds => (
                whole_number(text).and_then(|seconds| seconds.checked_mul(1_000)).map(Millis),
                "number of seconds since 1970",
            ),
            TimestampForm::Milliseconds => {
                (whole_number(text).map(Millis), "number of milliseconds since 1970")
            }
            TimestampForm::Rfc3339 => (
                // `t`, `z` and a blank are other spellings of the same instant.
                Some(text)
                    .filter(|text| !text.contains(['t', 'z', ' ']))
                    .and_then(|text| Millis::from_rfc3339(text).ok()),
                "RFC 3339 instant",
            ),
        };
        at.map(Some).ok_or_else(|| Unsigned::Timestamp { header: timestamp.header.clone(), form })
    }

    fn timestamp_header(&self) -> String {
        self.scheme.timestamp.as_ref().map(|it| it.header.clone()).unwrap_or_default()
    }

    /// Returns the bytes that are signed. They contain `secret` only if the scheme says so.
    fn signed<'b>(
        &self,
        id: &str,
        timestamp: &str,
        body: &'b [u8],
        secret: &[u8],
    ) -> Cow<'b, [u8]> {
        if self.scheme.signed == [SignedPart::Body] {
            return Cow::Borrowed(body);
        }
        let mut signed = Vec::with_capacity(id.len() + timestamp.len() + body.len() + 16);
        for part in &self.scheme.signed {
            signed.extend_from_slice(match part {
                SignedPart::Text(text) => text.as_bytes(),
                SignedPart::Body => body,
                SignedPart::Timestamp => timestamp.as_bytes(),
                SignedPart::Id => id.as_bytes(),
                SignedPart::Secret => secret,
            });
        }
        Cow::Owned(signed)
    }

    fn fits<'b>(&self, offered: &str, signed: &impl Fn(&[u8]) -> Cow<'b, [u8]>) -> bool {
        let signature = match self.scheme.algorithm {
            Algorithm::Token | Algorithm::Authorization => Some(offered.as_bytes().to_vec()),
            Algorithm::HmacSha1
            | Algorithm::HmacSha256
            | Algorithm::Sha256
            | Algorithm::RsaSha256
            | Algorithm::Nothing => match self.scheme.encoding {
                Encoding::Hex => unhex(offered),
                Encoding::Base64 => STANDARD.decode(offered).ok(),
            },
        };
        signature.is_some_and(|signature| self.keys.iter().any(|key| key.fits(&signature, signed)))
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(***)")
    }
}

/// Parses a number in its canonical form without a sign or leading zeros.
fn whole_number(text: &str) -> Option<i64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let has_zeros = text.len() > 1 && text.starts_with('0');
    text.parse().ok().filter(|_| is_plain && !has_zeros)
}

/// Decodes hexadecimal digits. Refuses mixed case because no sender writes it.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let bytes = text.as_bytes();
    let mixed =
        bytes.iter().any(u8::is_ascii_uppercase) && bytes.iter().any(u8::is_ascii_lowercase);
    if mixed || !bytes.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    bytes.chunks_exact(2).map(|pair| Some(digit(pair[0])? * 16 + digit(pair[1])?)).collect()
}

fn spoken(length: Duration) -> String {
    let seconds = length.as_secs();
    match seconds {
        60.. if seconds.is_multiple_of(60) => format!("{} minutes", seconds / 60),
        _ => format!("{seconds} seconds"),
    }
}

#[cfg(test)]
mod tests;
