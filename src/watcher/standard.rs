//! Standard Webhooks 1.0.0 signatures: `v1,` and the base64 of HMAC-SHA256 over
//! `id.timestamp.body`, several in one header while a sender rotates its secret.
//!
//! The published crate of that name is not used: it reads the system's clock by itself and
//! overflows on a hostile timestamp.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use crate::domain::time::Millis;

/// How far a notice's timestamp may lie from now, to either side.
const TOLERANCE_MS: i64 = 5 * 60 * 1_000;

/// Why a notice is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsigned {
    #[error("the header {0} is missing")]
    Missing(&'static str),
    #[error("webhook-timestamp is no number of seconds since 1970")]
    Timestamp,
    #[error("webhook-timestamp is more than 5 minutes away from this machine's clock")]
    Stale,
    #[error("no signature in webhook-signature fits the body and the source's secret")]
    Wrong,
}

/// The three headers, as they came.
#[derive(Clone, Copy, Debug)]
pub struct Headers<'a> {
    pub id: Option<&'a str>,
    pub timestamp: Option<&'a str>,
    pub signature: Option<&'a str>,
}

/// A source's secret, ready to verify with.
#[derive(Clone)]
pub struct Verifier(hmac::Key);

impl Verifier {
    pub fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// Checks the raw body; in constant time for each signature offered.
    pub fn verify(&self, headers: Headers<'_>, body: &[u8], now: Millis) -> Result<(), Unsigned> {
        let id = headers.id.ok_or(Unsigned::Missing("webhook-id"))?;
        let timestamp = headers.timestamp.ok_or(Unsigned::Missing("webhook-timestamp"))?;
        let signatures = headers.signature.ok_or(Unsigned::Missing("webhook-signature"))?;
        let seconds: i64 = timestamp.parse().map_err(|_| Unsigned::Timestamp)?;
        let sent_at = seconds.checked_mul(1_000).ok_or(Unsigned::Timestamp)?;
        if now.0.saturating_sub(sent_at).saturating_abs() > TOLERANCE_MS {
            return Err(Unsigned::Stale);
        }
        let mut signed = Vec::with_capacity(id.len() + timestamp.len() + body.len() + 2);
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            signed.extend_from_slice(part);
        }
        let fits = signatures
            .split(' ')
            .filter_map(|signature| signature.strip_prefix("v1,"))
            .filter_map(|signature| STANDARD.decode(signature).ok())
            .any(|signature| hmac::verify(&self.0, &signed, &signature).is_ok());
        if fits { Ok(()) } else { Err(Unsigned::Wrong) }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::standard_key;

    const BODY: &[u8] = br#"{"type":"survey.response.scored","timestamp":"2026-01-01T00:00:00Z","data":{"score":9}}"#;
    const SIGNATURE: &str = "v1,4Mc799qvtGKAtpBfXK03ak95yPFF876zgCcBubXDzqI=";
    const NOW: Millis = Millis(1_767_225_600_000);

    fn verify(
        id: &str,
        timestamp: &str,
        signature: &str,
        body: &[u8],
        now: Millis,
    ) -> Result<(), Unsigned> {
        let key = standard_key("whsec_c3VydmV5ZC10ZXN0LWtleS0wMTIzNDU2Nzg5YWJjZA==").unwrap();
        let headers =
            Headers { id: Some(id), timestamp: Some(timestamp), signature: Some(signature) };
        Verifier::new(&key).verify(headers, body, now)
    }

    #[test]
    fn the_vector_is_met() {
        assert_eq!(verify("msg_01", "1767225600", SIGNATURE, BODY, NOW), Ok(()));
        let rotated = format!("v1,AAAA v1a,zzzz {SIGNATURE}");
        assert_eq!(verify("msg_01", "1767225600", &rotated, BODY, NOW), Ok(()));
    }

    #[test]
    fn nothing_but_the_signed_is_believed() {
        let wrong = Err(Unsigned::Wrong);
        assert_eq!(verify("msg_02", "1767225600", SIGNATURE, BODY, NOW), wrong);
        assert_eq!(verify("msg_01", "1767225601", SIGNATURE, BODY, NOW), wrong);
        assert_eq!(verify("msg_01", "1767225600", SIGNATURE, &BODY[1..], NOW), wrong);
        assert_eq!(verify("msg_01", "1767225600", "v1,", BODY, NOW), wrong);
        assert_eq!(verify("msg_01", "1767225600", &SIGNATURE[..20], BODY, NOW), wrong);
        assert_eq!(
            verify("msg_01", "1767225600", &SIGNATURE.replace("v1", "v2"), BODY, NOW),
            wrong
        );
    }

    #[test]
    fn a_notice_is_believed_for_five_minutes() {
        let at = |now| verify("msg_01", "1767225600", SIGNATURE, BODY, now);
        assert_eq!(at(Millis(NOW.0 + TOLERANCE_MS)), Ok(()));
        assert_eq!(at(Millis(NOW.0 - TOLERANCE_MS)), Ok(()));
        assert_eq!(at(Millis(NOW.0 + TOLERANCE_MS + 1)), Err(Unsigned::Stale));
        assert_eq!(at(Millis(NOW.0 - TOLERANCE_MS - 1)), Err(Unsigned::Stale));
        for hostile in ["-9223372036854775808", "9223372036854775807", "soon", ""] {
            assert!(verify("msg_01", hostile, SIGNATURE, BODY, NOW).is_err());
        }
    }
}
