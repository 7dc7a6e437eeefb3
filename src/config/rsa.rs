//! Reads RSA public keys in the forms in which senders show them.
//!
//! - The key is base64 with or without PEM lines around it.
//! - Line ends may have become blanks or a literal `\n`.
//! - The content is PKCS#1 or `SubjectPublicKeyInfo`.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Some senders pad their base64 and some do not. Both forms decode to the same bytes.
pub const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;

/// Returns the key as PKCS#1 `RSAPublicKey` in DER (RFC 8017 A.1.1). Unwraps a
/// `SubjectPublicKeyInfo` (RFC 5280 section 4.1).
pub fn rsa_key(text: &str) -> Option<Vec<u8>> {
    let text = text.replace("\\n", "\n");
    let inner = match text.split_once("-----BEGIN") {
        Some((_, rest)) => rest.split_once("KEY-----")?.1.split_once("-----END")?.0,
        None => &text,
    };
    let letters: String = inner.chars().filter(|letter| !letter.is_whitespace()).collect();
    let der = BASE64.decode(letters).ok()?;
    let (outer, rest) = element(&der, SEQUENCE)?;
    if !rest.is_empty() {
        return None;
    }
    if is_pkcs1(outer) {
        return Some(der);
    }
    let (_algorithm, rest) = element(outer, SEQUENCE)?;
    let (bits, rest) = element(rest, BIT_STRING)?;
    // The first byte counts the unused bits of the last byte. A key has none.
    let key = bits.strip_prefix(&[0])?;
    let (inside, after) = element(key, SEQUENCE)?;
    (rest.is_empty() && after.is_empty() && is_pkcs1(inside)).then(|| key.to_vec())
}

/// True if these bytes are a modulus and an exponent.
fn is_pkcs1(inside: &[u8]) -> bool {
    let exponent = element(inside, INTEGER).map(|(_modulus, rest)| rest);
    exponent.and_then(|rest| element(rest, INTEGER)).is_some_and(|(_, rest)| rest.is_empty())
}

/// Returns the content of the first element and the bytes after it (X.690 section 8.1).
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, first], rest) = der.split_first_chunk::<2>()?;
    let (length, rest) = match first {
        0..=0x7F => (usize::from(first), rest),
        0x81 => {
            let (byte, rest) = rest.split_first()?;
            (usize::from(*byte), rest)
        }
        0x82 => {
            let (bytes, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*bytes)), rest)
        }
        _ => return None,
    };
    (found == tag).then(|| rest.split_at_checked(length))?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SPKI: &str = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAuGJLF4hTTtxWogT6dNkGf3CEgLAR2mGJzlds5cNbrHFoJNFnmVhkRYGzLYxx4EtDiezNCZVHfyMI2AKuNSQW2fEdDatVIG+q3Zr/X9eeDl8kQOGy804J/fgCYDrN8RQu0n5Dh1inv4puca0wb29SCvoAwrWb33ehDBIvv6+rUKBdjtv2xTV65kNiVDo5VRCaYRVeE10osxeONgw55HVY4nczuxnR+dmc2282de6WHe5LXtr0ZBdJ8yttFOLIluZ/sNM5DIWZBkIWQhyT581tbA7bTpsIbrT/IMBlmioIILw8WGtI7zcmNkjU5dnq5HnlVKEDhj/Ug/dLiyno8+Vp7QIDAQAB";

    #[test]
    fn a_key_is_read_in_every_form_that_it_is_shown_in() {
        let key = rsa_key(SPKI).unwrap();
        let broken = format!("{}\n{} {}", &SPKI[..64], &SPKI[64..128], &SPKI[128..]);
        for text in [
            format!("-----BEGIN RSA PUBLIC KEY-----\n{broken}\n-----END RSA PUBLIC KEY-----\n"),
            format!("-----BEGIN PUBLIC KEY----- {broken} -----END PUBLIC KEY-----"),
            format!("-----BEGIN PUBLIC KEY-----\\n{SPKI}\\n-----END PUBLIC KEY-----"),
            BASE64.encode(&key),
        ] {
            assert_eq!(rsa_key(&text).as_ref(), Some(&key), "{text}");
        }
        for wrong in ["", "AAAA", "hunter2", &SPKI[..200], "-----BEGIN RSA PUBLIC KEY-----"] {
            assert_eq!(rsa_key(wrong), None);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes: Vec<u8>) {
            let _ = rsa_key(&BASE64.encode(bytes));
        }
    }
}
