//! The cookie of a session: 32 random bytes, of which the database keeps the SHA-256 alone.

use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};

use super::access::hex;
use crate::domain::session::LENGTH_MOST;
use crate::web::parts::texts;

/// A browser takes this name only over TLS, for one host and for every path (RFC 6265bis, "Cookie
/// Name Prefixes"). So no other host can plant such a cookie.
const OVER_TLS: &str = "__Host-surveyd";
/// The name on a plain connection to this very machine.
const ON_LOOPBACK: &str = "surveyd";

const BYTES: usize = 32;
/// The length of the value: base64 of 32 bytes without padding.
const CHARACTERS: usize = 43;

fn name(is_tls: bool) -> &'static str {
    if is_tls { OVER_TLS } else { ON_LOOPBACK }
}

/// Makes the value of a new cookie. Returns nothing if the system gives no random bytes.
pub fn make() -> Option<String> {
    let mut bytes = [0; BYTES];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(URL_SAFE_NO_PAD.encode(bytes))
}

/// Returns what the database keeps of a cookie's value.
pub fn hash(value: &str) -> String {
    hex(digest(&SHA256, value.as_bytes()).as_ref())
}

/// Returns the value of the request's cookie. Returns nothing if surveyd cannot have made it, or if
/// there are two.
pub fn value(headers: &HeaderMap, is_tls: bool) -> Option<&str> {
    let cookies = texts(headers, "cookie").into_iter().flat_map(|value| value.split(';'));
    let mut ours = cookies.filter_map(|cookie| {
        let (known, value) = cookie.split_once('=')?;
        (known.trim() == name(is_tls)).then_some(value.trim())
    });
    let (Some(value), None) = (ours.next(), ours.next()) else { return None };
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    (value.len() == CHARACTERS && value.bytes().all(is_base64)).then_some(value)
}

/// Returns the header that gives the browser its cookie.
pub fn set(value: &str, is_tls: bool) -> HeaderValue {
    written(value, LENGTH_MOST.as_secs(), is_tls)
}

/// Returns the header that takes the cookie from the browser.
pub fn clear(is_tls: bool) -> HeaderValue {
    written("", 0, is_tls)
}

fn written(value: &str, seconds: u64, is_tls: bool) -> HeaderValue {
    let (name, secure) = (name(is_tls), if is_tls { "; Secure" } else { "" });
    let cookie =
        format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
    HeaderValue::from_str(&cookie).expect("the value is base64")
}

/// The name of the header in answers.
pub const SET: header::HeaderName = header::SET_COOKIE;

#[cfg(test)]
mod tests {
    use super::*;

    const VALUE: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

    fn found(cookies: &[&str], is_tls: bool) -> Option<String> {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(header::COOKIE, cookie.parse().unwrap());
        }
        value(&headers, is_tls).map(str::to_owned)
    }

    #[test]
    fn a_cookie_is_read_only_under_the_name_of_its_connection() {
        let ours = format!("a=b; __Host-surveyd={VALUE};c=d");
        assert_eq!(found(&[&ours], true).as_deref(), Some(VALUE));
        assert_eq!(found(&[&ours], false), None);
        let plain = format!("surveyd={VALUE}");
        assert_eq!(found(&[&plain], false).as_deref(), Some(VALUE));
        assert_eq!(found(&[&plain], true), None, "any host could have planted it");
        assert_eq!(found(&["a=b", &plain], false).as_deref(), Some(VALUE));
    }

    #[test]
    fn what_surveyd_cannot_have_made_is_no_cookie() {
        let short = &VALUE[1..];
        let odd = VALUE.replace('A', "+");
        for value in ["", short, &odd, &format!("{VALUE}A"), &format!("\"{VALUE}\"")] {
            assert_eq!(found(&[&format!("surveyd={value}")], false), None, "{value}");
        }
        let twice = format!("surveyd={VALUE}; surveyd={VALUE}");
        assert_eq!(found(&[&twice], false), None);
        assert_eq!(found(&["surveyd", ";;", "="], false), None);
    }

    #[test]
    fn a_cookie_is_out_of_reach_of_scripts_and_of_other_sites() {
        let secure = "__Host-surveyd=v; Path=/; HttpOnly; SameSite=Lax; Max-Age=2592000; Secure";
        assert_eq!(set("v", true), secure);
        assert_eq!(set("v", false), "surveyd=v; Path=/; HttpOnly; SameSite=Lax; Max-Age=2592000");
        assert_eq!(clear(false), "surveyd=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
    }

    #[test]
    fn no_two_values_are_alike_and_the_hash_is_not_the_value() {
        let (one, other) = (make().unwrap(), make().unwrap());
        assert!(one != other && one.len() == CHARACTERS);
        assert_eq!(hash(&one).len(), 64);
        assert_eq!(hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
