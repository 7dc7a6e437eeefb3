//! Signs messages by the scheme of Standard Webhooks 1.0.0.
//!
//! The source kind `standard` verifies the same scheme (`watcher::signature`). The tests hold one
//! to the other.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use crate::domain::time::Millis;

pub const ID_HEADER: &str = "webhook-id";
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";
pub const SIGNATURE_HEADER: &str = "webhook-signature";

/// The headers of one try of a message with their values.
///
/// `id` stays the same at every try of a message. It must not contain a dot. `now` is the time of
/// the try. There is a signature by each of `keys`, the bytes behind `whsec_`, so the receiver can
/// change its secret without an interruption. Without keys there is no signature.
pub fn headers(
    keys: &[Vec<u8>],
    id: &str,
    now: Millis,
    body: &[u8],
) -> Vec<(&'static str, String)> {
    let timestamp = now.0.div_euclid(1_000).to_string();
    let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
    let signatures: Vec<String> = keys
        .iter()
        .map(|key| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), &signed))
        .map(|tag| format!("v1,{}", STANDARD.encode(tag)))
        .collect();
    let mut headers = vec![(ID_HEADER, id.to_owned()), (TIMESTAMP_HEADER, timestamp)];
    if !signatures.is_empty() {
        headers.push((SIGNATURE_HEADER, signatures.join(" ")));
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Scheme, standard_key};
    use crate::watcher::signature::Verifier;

    /// The example of the specification's libraries (standard-webhooks, libraries/python/tests).
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const AT: Millis = Millis(1_614_265_330_000);

    fn verify(secret: &str, headers: &[(&'static str, String)], body: &[u8], now: Millis) -> bool {
        let key = standard_key(secret).unwrap();
        let verifier = Verifier::new(Scheme::standard(), &[key]).unwrap();
        let get = |name: &str| {
            let named = headers.iter().filter(|(known, _)| *known == name);
            named.map(|(_, value)| value.as_str()).collect()
        };
        verifier.verify(&get, body, now).is_ok()
    }

    #[test]
    fn a_message_is_signed_as_the_specification_signs_its_example() {
        let headers = headers(&[standard_key(SECRET).unwrap()], ID, AT, BODY);
        assert_eq!(
            headers,
            [
                ("webhook-id", ID.to_owned()),
                ("webhook-timestamp", "1614265330".to_owned()),
                ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=".to_owned()),
            ]
        );
    }

    #[test]
    fn a_receiver_with_either_secret_believes_the_message_and_no_other() {
        const NEW: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
        const OTHER: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let keys = [NEW, SECRET].map(|secret| standard_key(secret).unwrap());
        let signed = headers(&keys, ID, AT, BODY);
        assert!(verify(SECRET, &signed, BODY, AT) && verify(NEW, &signed, BODY, AT));
        assert!(!verify(OTHER, &signed, BODY, AT));
        assert!(!verify(SECRET, &signed, b"{}", AT));
        let late = Millis(AT.0 + 301_000);
        assert!(!verify(SECRET, &signed, BODY, late), "an old message that is sent again");
        let again = headers(&keys, ID, late, BODY);
        assert!(verify(SECRET, &again, BODY, late), "each try has its own time");
        assert_eq!(again[0], signed[0]);
    }

    #[test]
    fn without_a_secret_there_is_no_signature() {
        let names: Vec<_> = headers(&[], ID, AT, BODY).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["webhook-id", "webhook-timestamp"]);
    }
}
