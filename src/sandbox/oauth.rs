//! Checks OAuth 1.0a as a server does, from the header to the signature (RFC 5849 sections 3.2 to
//! 3.5).
//!
//! It does not know whose keys they are. `authentication` checks that, the clock and the nonces.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use super::form::{decode, encode};

/// The content of an `Authorization: OAuth …` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub consumer_key: String,
    pub token: String,
    pub nonce: String,
    /// Seconds since 1970.
    pub timestamp: i64,
    /// The signature as the header has it. A valid one is the base64 of 20 bytes.
    pub signature: String,
    /// The signed parameters. These are all but the signature itself and the realm.
    pub signed: Vec<(String, String)>,
}

/// Reads the header. Returns nothing unless it is a complete OAuth 1.0a header for HMAC-SHA1.
pub fn read_header(value: &str) -> Option<Header> {
    let (scheme, rest) = value.split_at_checked("OAuth ".len())?;
    if !scheme.eq_ignore_ascii_case("OAuth ") {
        return None;
    }
    let mut signed = parameters(rest)?;
    for (index, (name, _)) in signed.iter().enumerate() {
        if signed[..index].iter().any(|(earlier, _)| earlier == name) {
            return None;
        }
    }
    let find = |name: &str| {
        signed
            .iter()
            .find(|(known, value)| known == name && !value.is_empty())
            .map(|(_, value)| value.clone())
    };
    // The version may be absent. If it is present, it must be 1.0 (RFC 5849 section 3.1).
    if find("oauth_signature_method")? != "HMAC-SHA1"
        || find("oauth_version").is_some_and(|version| version != "1.0")
    {
        return None;
    }
    let timestamp: i64 = find("oauth_timestamp")?.parse().ok().filter(|seconds| *seconds >= 0)?;
    let (consumer_key, token) = (find("oauth_consumer_key")?, find("oauth_token")?);
    let (nonce, signature) = (find("oauth_nonce")?, find("oauth_signature")?);
    signed.retain(|(name, _)| name != "oauth_signature" && name != "realm");
    Some(Header { consumer_key, token, nonce, timestamp, signature, signed })
}

/// Reads `name="value"` pairs with commas between them. Only a quote ends a value, since a realm
/// may contain commas.
fn parameters(mut rest: &str) -> Option<Vec<(String, String)>> {
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return Some(found);
        }
        let (name, after_name) = rest.split_once('=')?;
        let (value, after_value) = after_name.trim_start().strip_prefix('"')?.split_once('"')?;
        // Only blanks may stand between a value and the comma.
        let after_value = after_value.trim_start();
        if !after_value.is_empty() && !after_value.starts_with(',') {
            return None;
        }
        found.push((decode(name.trim()), decode(value)));
        rest = after_value;
    }
}

/// Returns the string that is signed (RFC 5849 section 3.4.1). `parameters` are the decoded ones of
/// the header, the query and the form.
pub fn base_string(
    method: &str,
    scheme: &str,
    host: &str,
    path: &str,
    parameters: &[(String, String)],
) -> String {
    let mut encoded: Vec<(String, String)> =
        parameters.iter().map(|(name, value)| (encode(name), encode(value))).collect();
    // Sort by name and then by value, and only after encoding. `%` sorts before letters, so sorting
    // before encoding would give another order.
    encoded.sort_unstable();
    let joined =
        encoded.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    format!(
        "{}&{}&{}",
        method.to_ascii_uppercase(),
        encode(&base_uri(scheme, host, path)),
        encode(&joined)
    )
}

/// Returns the base URI with scheme and host in lower case (RFC 5849 section 3.4.1.2). It has the
/// port unless that is the scheme's own.
fn base_uri(scheme: &str, host: &str, path: &str) -> String {
    let (scheme, host) = (scheme.to_ascii_lowercase(), host.to_ascii_lowercase());
    let own_port = if scheme == "https" { ":443" } else { ":80" };
    let host = host.strip_suffix(own_port).unwrap_or(&host);
    format!("{scheme}://{host}{path}")
}

/// True if `signature` is the HMAC-SHA1 of the base string under both secrets. Compares in constant
/// time.
pub fn verifies(
    base_string: &str,
    consumer_secret: &str,
    token_secret: &str,
    signature: &str,
) -> bool {
    let Ok(tag) = STANDARD.decode(signature) else { return false };
    let key = format!("{}&{}", encode(consumer_secret), encode(token_secret));
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes());
    hmac::verify(&key, base_string.as_bytes(), &tag).is_ok()
}
