//! X's published signature, the same computed by another library for the calls used here, and
//! broken headers.

use super::signature;
use crate::sandbox::call::HttpRequest;
use crate::sandbox::oauth::{Header, base_string, read_header, verifies};

const CONSUMER_SECRET: &str = "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw";
const TOKEN_SECRET: &str = "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE";

const STATUS: &str = "status=Hello%20Ladies%20%2b%20Gentlemen%2c%20a%20signed%20OAuth%20request%21";
const FORM: &str = "type=nps&to_user_id=343434343434&message=Thanks+%26+see+you+%E2%98%83+100%25%21*\
    &privacy_url=https%3A%2F%2Fmybusiness.domain%2Fprivacy%3Fa%3D1%26b%3D2&external_id=ticket_5555\
    &question_variant_id=3&display_name=My+Business&test=false";
const EVENTS_QUERY: &str = "from_time=1451936737470&to_time=1452023137470&count=100&cursor=10011";

fn header() -> Header {
    read_header(concat!(
        "OAuth oauth_consumer_key=\"xvz1evFS4wEEPTGEFPHBog\", ",
        "oauth_nonce=\"kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg\", oauth_signature=\"x\", ",
        "oauth_signature_method=\"HMAC-SHA1\", oauth_timestamp=\"1318622958\", ",
        "oauth_token=\"370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb\", oauth_version=\"1.0\"",
    ))
    .unwrap()
}

fn request(method: &str, url: &str, content_type: &str, body: &str) -> HttpRequest {
    let (scheme, rest) = url.split_once("://").unwrap();
    let (host, target) = rest.split_once('/').unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    HttpRequest {
        method: method.to_owned(),
        scheme: scheme.to_owned(),
        host: host.to_owned(),
        path: format!("/{path}"),
        query: query.to_owned(),
        content_type: Some(content_type.to_owned()),
        authorization: None,
        body: body.as_bytes().to_vec(),
    }
}

fn base_of(request: &HttpRequest) -> String {
    let mut parameters = header().signed;
    parameters.extend(request.pairs());
    base_string(&request.method, &request.scheme, &request.host, &request.path, &parameters)
}

fn holds(request: &HttpRequest, expected: &str) {
    let base = base_of(request);
    assert_eq!(signature(&base, CONSUMER_SECRET, TOKEN_SECRET), expected, "{base}");
    assert!(verifies(&base, CONSUMER_SECRET, TOKEN_SECRET, expected));
}

#[test]
fn the_published_request_has_the_published_base_string() {
    let url = "https://api.x.com/1.1/statuses/update.json?include_entities=true";
    assert_eq!(
        base_of(&request("POST", url, "application/x-www-form-urlencoded", STATUS)),
        "POST&https%3A%2F%2Fapi.x.com%2F1.1%2Fstatuses%2Fupdate.json&include_entities%3Dtrue\
         %26oauth_consumer_key%3Dxvz1evFS4wEEPTGEFPHBog\
         %26oauth_nonce%3DkYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg\
         %26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D1318622958\
         %26oauth_token%3D370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb%26oauth_version%3D1.0\
         %26status%3DHello%2520Ladies%2520%252B%2520Gentlemen%252C%2520a%2520signed%2520OAuth%2520request%2521"
    );
}

#[test]
fn the_published_signatures_hold_for_every_host_they_were_published_for() {
    for (url, expected) in [
        ("https://api.x.com/1.1/statuses/update.json", "Ls93hJiZbQ3akF3HF3x1Bz8/zU4="),
        ("https://api.twitter.com/1.1/statuses/update.json", "hCtSmYh+iHYCEqBWrE7C7hYmtUk="),
        ("https://api.twitter.com/1/statuses/update.json", "tnnArxj06cWHq44gCs1OSKk/jLY="),
    ] {
        let url = format!("{url}?include_entities=true");
        holds(&request("POST", &url, "application/x-www-form-urlencoded", STATUS), expected);
    }
}

#[test]
fn a_prompt_is_signed_the_same_with_plus_with_percent_twenty_and_with_a_charset() {
    for (base, expected) in [
        ("https://api.x.com", "P/9s7SbxotZaSlrrw45OZILa87M="),
        ("https://api.x.com:443", "P/9s7SbxotZaSlrrw45OZILa87M="),
        ("HTTPS://API.X.COM", "P/9s7SbxotZaSlrrw45OZILa87M="),
        ("https://api.twitter.com", "YySB7Rb5N3BMrngoBu/vfP8zU8Q="),
        ("http://127.0.0.1:18080", "AtlyYS80tQqG4duMsCFmhZPAHZw="),
        ("https://localhost:8443", "qIuJ7rduDMwVkQvFlq9NisSuXBc="),
    ] {
        let url = format!("{base}/1.1/feedback/create.json");
        let percent_twenty = FORM.replace('+', "%20");
        for content_type in
            ["application/x-www-form-urlencoded", "application/x-www-form-urlencoded;charset=UTF-8"]
        {
            holds(&request("POST", &url, content_type, FORM), expected);
            holds(&request("POST", &url, content_type, &percent_twenty), expected);
        }
    }
}

#[test]
fn a_page_of_events_is_signed_with_its_query() {
    for (base, expected) in [
        ("https://api.x.com", "fP1X4akH5GkeV20t3FmGF1tFmWo="),
        ("https://api.twitter.com", "1FQQSeh2R+3E1mURRP6GmVqrk1o="),
        ("http://127.0.0.1:18080", "ech/C/Ae1S5Va7s76RFJVUbWdtM="),
    ] {
        let url = format!("{base}/1.1/feedback/events.json?{EVENTS_QUERY}");
        holds(&request("GET", &url, "text/plain", ""), expected);
    }
}

#[test]
fn a_json_body_is_not_signed() {
    for (base, expected) in [
        ("https://api.x.com", "Xt2L45sZVfR3XX3sbVgZKhuP1OQ="),
        ("https://api.twitter.com", "7z+nKFSiTmLyKcVzjswQcU+GwWY="),
        ("http://127.0.0.1:18080", "Et081IIHZ/LA6P/o3IOgIeCRE+k="),
    ] {
        let url = format!("{base}/1.1/direct_messages/events/new.json");
        holds(&request("POST", &url, "application/json", "{\"any\":\"a=b&c=d\"}"), expected);
    }
}

#[test]
fn a_changed_character_a_wrong_secret_and_a_garbled_signature_do_not_verify() {
    let url = "http://127.0.0.1:18080/1.1/feedback/create.json";
    let base = base_of(&request("POST", url, "application/x-www-form-urlencoded", FORM));
    let right = "AtlyYS80tQqG4duMsCFmhZPAHZw=";
    assert!(!verifies(&base.replace("nps", "csat"), CONSUMER_SECRET, TOKEN_SECRET, right));
    assert!(!verifies(&base, TOKEN_SECRET, CONSUMER_SECRET, right));
    assert!(!verifies(&base, CONSUMER_SECRET, TOKEN_SECRET, "AtlyYS80tQqG4duMsCFmhZPAHZw"));
    assert!(!verifies(&base, CONSUMER_SECRET, TOKEN_SECRET, ""));
}

#[test]
fn the_signature_and_the_realm_are_not_signed_and_the_rest_is_decoded() {
    let read = read_header(
        "oauth realm=\"a, b\",oauth_consumer_key=\"k%2B\",oauth_token=\"t\",oauth_nonce=\"n\",\
         oauth_signature=\"a%2Fb%3D\",oauth_signature_method=\"HMAC-SHA1\",oauth_timestamp=\"12\"",
    )
    .unwrap();
    assert_eq!(
        (read.consumer_key.as_str(), read.signature.as_str(), read.timestamp),
        ("k+", "a/b=", 12)
    );
    assert!(read.signed.iter().all(|(name, _)| name != "realm" && name != "oauth_signature"));
    assert_eq!(read.signed.len(), 5);
}

#[test]
fn a_garbled_header_is_not_read() {
    let whole = "OAuth oauth_consumer_key=\"k\",oauth_token=\"t\",oauth_nonce=\"n\",oauth_signature=\"s\",\
                 oauth_signature_method=\"HMAC-SHA1\",oauth_timestamp=\"12\",oauth_version=\"1.0\"";
    assert!(read_header(whole).is_some());
    for (from, to) in [
        ("OAuth ", "Bearer "),
        ("OAuth ", ""),
        ("oauth_nonce=\"n\",", ""),
        ("oauth_nonce=\"n\"", "oauth_nonce=n"),
        ("oauth_nonce=\"n\"", "oauth_nonce=\"n"),
        ("oauth_nonce=\"n\"", "oauth_nonce=\"n\" x"),
        ("oauth_nonce=\"n\"", "oauth_nonce=\"\""),
        ("oauth_nonce=\"n\"", "oauth_token=\"n\""),
        ("\"12\"", "\"soon\""),
        ("\"12\"", "\"-12\""),
        ("HMAC-SHA1", "PLAINTEXT"),
        ("1.0", "2.0"),
    ] {
        assert_eq!(read_header(&whole.replace(from, to)), None, "{from} -> {to}");
    }
    assert_eq!(read_header(""), None);
    assert_eq!(read_header("é"), None);
}
