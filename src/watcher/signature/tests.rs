use super::*;
use crate::config::{Environment, parse, standard_key};

/// A signed request of one scheme, by the vendors' own vectors.
struct Vector {
    kind: &'static str,
    secret: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    body: &'static [u8],
    at: Millis,
}

const NEW_YEAR: Millis = Millis(1_767_225_600_000);

fn vectors() -> Vec<Vector> {
    let vector = |kind, secret, headers: &[(&'static str, &'static str)], body: &'static str| {
        Vector { kind, secret, headers: headers.to_vec(), body: body.as_bytes(), at: NEW_YEAR }
    };
    vec![
        vector(
            "standard",
            "whsec_c3VydmV5ZC10ZXN0LWtleS0wMTIzNDU2Nzg5YWJjZA==",
            &[
                ("webhook-id", "msg_01"),
                ("webhook-timestamp", "1767225600"),
                ("webhook-signature", "v1,4Mc799qvtGKAtpBfXK03ak95yPFF876zgCcBubXDzqI="),
            ],
            r#"{"type":"survey.response.scored","timestamp":"2026-01-01T00:00:00Z","data":{"score":9}}"#,
        ),
        vector(
            "chatwoot",
            "chatwoot-test-secret",
            &[
                ("X-Chatwoot-Timestamp", "1767225600"),
                (
                    "X-Chatwoot-Signature",
                    "sha256=f3cad4c339b4c063240190de6108e93fb525f645844ed1c619d4eaed52fc1de1",
                ),
            ],
            r#"{"event":"conversation_status_changed","id":10,"status":"resolved"}"#,
        ),
        Vector {
            at: Millis::from_rfc3339("2021-03-25T05:09:27Z").unwrap(),
            ..vector(
                "zendesk",
                "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==",
                &[
                    ("X-Zendesk-Webhook-Signature-Timestamp", "2021-03-25T05:09:27Z"),
                    ("X-Zendesk-Webhook-Signature", "S/RDdU2ERmj7LHDDoWJ2onPYH+t7/f2+LTM4dL7UiLM="),
                ],
                r#"{"event":"ticket.updated","id":123}"#,
            )
        },
        vector(
            "intercom",
            "intercom-client-secret",
            &[("X-Hub-Signature", "sha1=fedc0a20856165fe6b6230f8b1dcb4d79f908cfa")],
            r#"{"type":"notification_event","topic":"conversation.admin.closed","id":"notif_1"}"#,
        ),
        vector(
            "freshchat",
            FRESHCHAT_KEY,
            &[("X-Freshchat-Signature", FRESHCHAT_SIGNATURE)],
            FRESHCHAT_BODY,
        ),
        vector(
            "helpscout",
            "helpscout-secret",
            &[("X-HelpScout-Signature", "0bvvIG4+MaQ0CDCWp3U6ktqe+oQ=")],
            r#"{"id":42,"status":"closed"}"#,
        ),
        vector(
            "front",
            "front-app-secret",
            &[
                ("X-Front-Request-Timestamp", "1767225600000"),
                ("X-Front-Signature", "J+DCPcrTqdL3zttg6bnf3KelCPUeRmg8z+NoNQx0tNc="),
            ],
            r#"{"type":"archive"}"#,
        ),
        vector(
            "zammad",
            "zammad-token",
            &[("X-Hub-Signature", "sha1=15e621d0b514c4ab609452c5bd880800696ca056")],
            r#"{"ticket":{"id":81,"state":"closed"}}"#,
        ),
        vector(
            "freshdesk",
            "surveyd:a long password",
            &[("Authorization", "Basic c3VydmV5ZDphIGxvbmcgcGFzc3dvcmQ=")],
            "{}",
        ),
    ]
}

// Sent by Freshchat itself (nyaruka/courier, freshchat_test.go).
const FRESHCHAT_KEY: &str = "-----BEGIN RSA PUBLIC KEY----- MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAuGJLF4hTTtxWogT6dNkGf3CEgLAR2mGJzlds5cNbrHFoJNFnmVhkRYGzLYxx4EtDiezNCZVHfyMI2AKuNSQW2fEdDatVIG+q3Zr/X9eeDl8kQOGy804J/fgCYDrN8RQu0n5Dh1inv4puca0wb29SCvoAwrWb33ehDBIvv6+rUKBdjtv2xTV65kNiVDo5VRCaYRVeE10osxeONgw55HVY4nczuxnR+dmc2282de6WHe5LXtr0ZBdJ8yttFOLIluZ/sNM5DIWZBkIWQhyT581tbA7bTpsIbrT/IMBlmioIILw8WGtI7zcmNkjU5dnq5HnlVKEDhj/Ug/dLiyno8+Vp7QIDAQAB -----END RSA PUBLIC KEY-----";
const FRESHCHAT_SIGNATURE: &str = "AhrmypOSWoewHG6LmIRuWjxyokuMDmPklrSU9p0gpUNjdSRCJzvpL6rjuTi5poV/ZLzWRWNM7X9yWjT5m9YFPshYrvigcd1ph4Ot2xmaJGYoUNJHijQccE6oDtDIp6i/8oLRafHgObQnGukZWPbP9OE5EiKz/VcsMP0Wv7hawI/sfIviM0w+6fNOKXWi0jDBH9ap1mj5CqOUOojni7OD5iYmIrjV/h33dyNmbvAta9E+trzcEhYqxfHIN4Z8R2FsatfRHWicoQ4PE5cQ8+UONVya8qr85nQ9w8N7Ql7yNg9fEViYG4/W/JnGEbPPEf8WrYtKzoVyuupDz4mVHdfKWg==";
const FRESHCHAT_BODY: &str = r#"{"actor":{"actor_type":"user","actor_id":"882f3926-b292-414b-a411-96380db373cd"},"action":"message_create","action_time":"2019-06-21T17:43:20.875Z","data":{"message":{"message_parts":[{"text":{"content":"Test 2"}}],"app_id":"55b190fa-5d3c-45c4-bc49-74ddcfcf53d7","actor_id":"882f3926-b292-414b-a411-96380db373cd","id":"7a454fde-c720-4c97-a61d-0ffe70449eb6","channel_id":"c8fddfaf-622a-4a0e-b060-4f3ccbeab606","conversation_id":"c327498e-f713-481e-8d83-0603e03d2521","message_type":"normal","actor_type":"user","created_time":"2019-06-21T17:43:20.866Z"}}}"#;

/// The verifier of a source of that kind, through the configuration.
pub fn verifier(kind: &str, secrets: &str, more: &str) -> Verifier {
    let text = format!(
        "[x]\nbase_url = \"http://127.0.0.1:1\"\n[[accounts]]\nname = \"acme\"\nuser_id = \"1\"\n\
         consumer_key = \"k\"\nconsumer_secret = \"s\"\naccess_token = \"t\"\n\
         access_token_secret = \"u\"\nprivacy_url = \"https://acme.example\"\n[accounts.survey]\n\
         message = \"Hello.\"\n[[sources]]\nname = \"desk\"\nkind = \"{kind}\"\n{secrets}\n{more}\n"
    );
    let config = parse(&text, std::path::Path::new("surveyd.toml"), &Environment::default());
    Verifier::of(config.unwrap_or_else(|faults| panic!("{faults}")).source("desk").unwrap())
        .unwrap()
}

fn check(verifier: &Verifier, vector: &Vector, at: Millis) -> Result<(), Unsigned> {
    let headers = |name: &str| {
        let known = vector.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        known.map(|(_, value)| *value).collect()
    };
    verifier.verify(&headers, vector.body, at)
}

#[test]
fn every_desks_vector_is_met() {
    for vector in vectors() {
        let secret = format!("secret = \"{}\"", vector.secret);
        let verifier = verifier(vector.kind, &secret, "");
        assert_eq!(check(&verifier, &vector, vector.at), Ok(()), "{}", vector.kind);
    }
}

#[test]
fn a_secret_is_changed_without_a_gap() {
    for vector in vectors().iter().filter(|vector| vector.kind != "freshchat") {
        let other = match vector.kind {
            "standard" => "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            _ => "another secret:x",
        };
        let both = format!("secret = [\"{other}\", \"{}\"]", vector.secret);
        assert_eq!(check(&verifier(vector.kind, &both, ""), vector, vector.at), Ok(()));
        let new_alone = verifier(vector.kind, &format!("secret = \"{other}\""), "");
        assert!(check(&new_alone, vector, vector.at).is_err(), "{}", vector.kind);
    }
}

#[test]
fn several_signatures_of_standard_webhooks_stand_in_one_header() {
    let mut vector = vectors().remove(0);
    let rotated = "v1,AAAA v1a,zzzz v1,4Mc799qvtGKAtpBfXK03ak95yPFF876zgCcBubXDzqI=";
    vector.headers[2].1 = rotated;
    let key = standard_key(vector.secret).unwrap();
    let verifier = Verifier::new(Scheme::standard(), &[key]).unwrap();
    assert_eq!(check(&verifier, &vector, NEW_YEAR), Ok(()));
}

#[test]
fn several_signatures_may_stand_in_headers_of_their_own() {
    let first = vectors().remove(0);
    let key = standard_key(first.secret).unwrap();
    let verifier = Verifier::new(Scheme::standard(), &[key]).unwrap();
    let fits = first.headers[2].1;
    for others in [["v1,AAAA", fits], [fits, "v1,AAAA"], ["v1a,zzzz v1,AAAA", fits]] {
        let mut vector = vectors().remove(0);
        vector.headers[2].1 = others[0];
        vector.headers.push(("Webhook-Signature", others[1]));
        assert_eq!(check(&verifier, &vector, NEW_YEAR), Ok(()), "{others:?}");
    }
    let many = vec!["v1,AAAA"; SIGNATURES_MAX].join(" ");
    let mut vector = vectors().remove(0);
    vector.headers[2].1 = many.leak();
    vector.headers.push(("webhook-signature", fits));
    assert!(check(&verifier, &vector, NEW_YEAR).is_err(), "no more are tried than before");
}

#[test]
fn a_timestamp_has_one_spelling() {
    for vector in vectors() {
        let secret = format!("secret = \"{}\"", vector.secret);
        let verifier = verifier(vector.kind, &secret, "");
        let Some(timestamp) = verifier.scheme.timestamp.clone() else { continue };
        let header = timestamp.header;
        let place = vector.headers.iter().position(|(name, _)| name.eq_ignore_ascii_case(&header));
        let place = place.unwrap();
        let text = vector.headers[place].1;
        for other in [
            format!("+{text}"),
            format!("0{text}"),
            format!("-{text}"),
            format!("{text}.0"),
            format!("{text} "),
            text.to_lowercase().replace(['t', 'z'], " "),
            String::new(),
        ] {
            let mut vector = vectors().into_iter().find(|it| it.kind == vector.kind).unwrap();
            vector.headers[place].1 = other.clone().leak();
            let refused = check(&verifier, &vector, vector.at);
            let is_timestamp = matches!(refused, Err(Unsigned::Timestamp { .. }));
            assert!(is_timestamp || other == text, "{} {other:?}: {refused:?}", vector.kind);
        }
    }
}

#[test]
fn a_notice_is_believed_for_five_minutes() {
    for vector in vectors() {
        let secret = format!("secret = \"{}\"", vector.secret);
        let verifier = verifier(vector.kind, &secret, "");
        let timed = verifier.scheme.timestamp.is_some();
        let at = |ms: i64| check(&verifier, &vector, Millis(vector.at.0 + ms));
        for (ms, fits) in [(300_000, true), (-300_000, true), (300_001, !timed), (-300_001, !timed)]
        {
            assert_eq!(at(ms).is_ok(), fits, "{} {ms}", vector.kind);
        }
    }
}

#[test]
fn a_hostile_timestamp_is_no_timestamp() {
    for index in [0, 1, 2, 6] {
        let mut vector = vectors().remove(index);
        let secret = format!("secret = \"{}\"", vector.secret);
        let verifier = verifier(vector.kind, &secret, "");
        let place =
            vector.headers.iter().position(|(name, _)| name.to_lowercase().contains("timestamp"));
        for hostile in
            ["-9223372036854775808", "9223372036854775807", "soon", "", "+1767225600", "1e9"]
        {
            vector.headers[place.unwrap()].1 = hostile;
            assert!(check(&verifier, &vector, vector.at).is_err(), "{} {hostile}", vector.kind);
        }
    }
}

#[test]
fn why_a_notice_is_not_believed_is_said() {
    let mut vector = vectors().remove(1);
    let verifier = verifier("chatwoot", "secret = \"another\"", "");
    let why = |vector: &Vector| check(&verifier, vector, NEW_YEAR).unwrap_err().to_string();
    assert_eq!(
        why(&vector),
        "no signature in X-Chatwoot-Signature fits the body and the source's secret"
    );
    vector.headers[0].1 = "1767225000";
    assert_eq!(
        why(&vector),
        "X-Chatwoot-Timestamp is more than 5 minutes away from this machine's clock"
    );
    vector.headers[0].1 = "now";
    assert_eq!(why(&vector), "X-Chatwoot-Timestamp is no number of seconds since 1970");
    vector.headers.remove(1);
    assert_eq!(why(&vector), "the header X-Chatwoot-Signature is missing");
    let token = self::verifier("freshdesk", "secret = \"a:b\"", "");
    vector.headers = vec![("authorization", "Basic c")];
    let shown = check(&token, &vector, NEW_YEAR).unwrap_err().to_string();
    assert_eq!(shown, "Authorization does not bear the source's secret");
}

#[test]
fn a_secret_in_a_header_is_borne_in_any_of_its_forms() {
    let verifier = verifier("freshdesk", "secret = \"surveyd:password\"", "");
    let bears = |value: &'static str| {
        let headers =
            |name: &str| (name == "Authorization").then_some(value).into_iter().collect::<Vec<_>>();
        verifier.verify(&headers, b"", NEW_YEAR).is_ok()
    };
    for right in ["surveyd:password", "Bearer surveyd:password", "Basic c3VydmV5ZDpwYXNzd29yZA=="] {
        assert!(bears(right), "{right}");
    }
    for wrong in [
        "",
        "password",
        "Bearer",
        "Basic c3VydmV5ZA==",
        "Bearer surveyd:passwor",
        "surveyd:password ",
    ] {
        assert!(!bears(wrong), "{wrong}");
    }
}

const CLOSES: &str =
    "closed = { \"/s\" = \"closed\" }\nconversation_id = \"/id\"\nuser_id = \"/x\"";

/// HubSpot's own vectors (HubSpot/hubspot-api-nodejs, test/unit/signature.spec.ts).
const HUBSPOT: &str = "secret = \"yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy\"";
const HUBSPOT_1: (&str, &str, &str) = (
    "{secret}{body}",
    r#"[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM","changeFlag":"NEW","appId":54321}]"#,
    "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de",
);
const HUBSPOT_2: (&str, &str, &str) = (
    "{secret}POSThttps://www.example.com/webhook_uri{body}",
    r#"{"example_field":"example_value"}"#,
    "9569219f8ba981ffa6f6f16aa0f48637d35d728c7e4d93d0d52efaa512af7900",
);

fn hashed(signed: &str, secret: &str) -> Verifier {
    let more = format!(
        "signature = \"sha256\"\nsignature_header = \"X-HubSpot-Signature\"\n\
         signed = \"{signed}\"\n{CLOSES}"
    );
    verifier("mapped", secret, &more)
}

#[test]
fn a_plain_hash_of_secret_and_body_is_checked_as_hubspot_makes_it() {
    for (signed, body, signature) in [HUBSPOT_1, HUBSPOT_2] {
        let verifier = hashed(signed, HUBSPOT);
        let answer = |signatures: &[&str], body: &str| {
            let headers = |name: &str| match name {
                "X-HubSpot-Signature" => signatures.to_vec(),
                _ => Vec::new(),
            };
            verifier.verify(&headers, body.as_bytes(), NEW_YEAR)
        };
        assert_eq!(answer(&[signature], body), Ok(()));
        assert_eq!(answer(&["", signature], body), Ok(()), "a sender that changes its secret");
        let header = "X-HubSpot-Signature".to_owned();
        let address = "POSThttps://www.example.com/webhook_uri";
        let wrong = || match signed.contains(address) {
            true => {
                let (header, signed) = (header.clone(), address.to_owned());
                Err(Unsigned::WrongOrElsewhere { header, signed })
            }
            false => Err(Unsigned::Wrong(header.clone())),
        };
        assert_eq!(answer(&[signature], &format!("{body} ")), wrong());
        assert_eq!(answer(&[&signature[2..]], body), wrong());
        assert_eq!(answer(&[""], body), wrong());
        assert_eq!(answer(&[], body), Err(Unsigned::Missing("X-HubSpot-Signature".into())));
        let stranger = hashed(signed, "secret = \"zzzzzzzz-yyyy-yyyy-yyyy-yyyyyyyyyyyy\"");
        let headers = |_: &str| vec![signature];
        assert_eq!(stranger.verify(&headers, body.as_bytes(), NEW_YEAR), wrong());
    }
    let (signed, body, signature) = HUBSPOT_1;
    let both = hashed(signed, "secret = [\"new\", \"yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy\"]");
    assert_eq!(both.verify(&|_| vec![signature], body.as_bytes(), NEW_YEAR), Ok(()));
}

#[test]
fn a_secret_in_the_address_stands_there_once() {
    let more = format!("signature = \"token\"\nsignature_query = \"key\"\n{CLOSES}");
    let verifier = verifier("mapped", "secret = [\"0a1b2c3d\", \"4e5f6a7b\"]", &more);
    let answer = |values: &[&str]| {
        let places = |name: &str| match name {
            "?key" => values.to_vec(),
            _ => Vec::new(),
        };
        verifier.verify(&places, b"{}", NEW_YEAR).map_err(|why| why.to_string())
    };
    assert_eq!((answer(&["0a1b2c3d"]), answer(&["4e5f6a7b"])), (Ok(()), Ok(())));
    for wrong in ["", "0a1b2c3", "0a1b2c3dd", "0A1B2C3D", "%30a1b2c3d"] {
        assert_eq!(answer(&[wrong]), Err("key does not bear the source's secret".to_owned()));
    }
    assert_eq!(answer(&[]), Err("the parameter key of the address is missing".to_owned()));
    for twice in [["0a1b2c3d", "0a1b2c3d"], ["0a1b2c3d", "x"], ["x", "0a1b2c3d"]] {
        let repeated = "the parameter key of the address is there more than once";
        assert_eq!(answer(&twice), Err(repeated.to_owned()));
    }
}

#[test]
fn nothing_is_checked_only_where_it_is_said() {
    let more = "signature = \"none\"\nclosed = { \"/s\" = \"closed\" }\nconversation_id = \"/id\"\nuser_id = \"/x\"";
    let verifier = verifier("mapped", "", more);
    assert_eq!(verifier.verify(&|_| Vec::new(), b"{}", NEW_YEAR), Ok(()));
}

/// xorshift: the same mutations at every run.
struct Dice(u64);

impl Dice {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % below as u64).unwrap()
    }
}

/// The text with one thing changed: a byte set otherwise, taken out, put in, or two changed places.
fn mutated(bytes: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    while changed == bytes {
        let at = dice.next(bytes.len());
        match dice.next(5) {
            0 => changed[at] ^= 1 << dice.next(7),
            1 => changed[at] = u8::try_from(0x20 + dice.next(0x5F)).unwrap(),
            2 => drop(changed.remove(at)),
            3 => changed.insert(at, u8::try_from(0x20 + dice.next(0x5F)).unwrap()),
            _ => changed.swap(at, dice.next(bytes.len())),
        }
    }
    changed
}

#[test]
fn of_ten_thousand_mutations_of_each_signed_request_none_is_believed() {
    for vector in vectors() {
        let secret = format!("secret = \"{}\"", vector.secret);
        let verifier = verifier(vector.kind, &secret, "");
        let bears_secret = matches!(verifier.scheme.algorithm, Algorithm::Authorization);
        let mut dice = Dice(0x5EED);
        for round in 0..10_000 {
            let mut headers: Vec<(String, Vec<u8>)> = vector
                .headers
                .iter()
                .map(|(name, value)| ((*name).to_lowercase(), value.as_bytes().to_vec()))
                .collect();
            let mut body = vector.body.to_vec();
            // A token says nothing of the body; all else does.
            let parts = headers.len() * 2 + usize::from(!bears_secret);
            match dice.next(parts) {
                part if part < headers.len() => {
                    headers[part].1 = mutated(&headers[part].1, &mut dice)
                }
                part if part < headers.len() * 2 => {
                    let name = &mut headers[part - vector.headers.len()].0;
                    *name = String::from_utf8_lossy(&mutated(name.as_bytes(), &mut dice))
                        .to_lowercase();
                    if vector.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
                        continue;
                    }
                }
                _ => body = mutated(&body, &mut dice),
            }
            let all = |name: &str| {
                let known = headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
                known.filter_map(|(_, value)| std::str::from_utf8(value).ok()).collect()
            };
            let answer = verifier.verify(&all, &body, vector.at);
            assert!(answer.is_err(), "{} round {round}: {headers:?}", vector.kind);
        }
    }
}
