//! How a source's notices are signed: the keys `signature…`, `signed`, `timestamp…` and
//! `tolerance`.

use std::time::Duration;

use super::super::defaults;
use super::super::given::{GivenValue, Wrong};
use super::super::values;
use super::super::walk::ConfigTable;
use crate::domain::mapping::is_token;

/// How the sender of a notice shows that it knows the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheme {
    pub algorithm: Algorithm,
    /// The header that bears the signature, or the secret itself; behind [`IN_QUERY`] the parameter
    /// of the address that bears the secret.
    pub header: String,
    pub encoding: Encoding,
    /// What stands before the signature in the header.
    pub prefix: String,
    /// What parts several signatures in one header.
    pub separator: Option<String>,
    /// What is signed.
    pub signed: Vec<SignedPart>,
    /// The header that the part [`SignedPart::Id`] stands in.
    pub id_header: Option<String>,
    pub timestamp: Option<Timestamp>,
    /// How far the timestamp may lie from now, to either side.
    pub tolerance: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    HmacSha1,
    HmacSha256,
    /// A plain hash of a text that the secret is part of.
    Sha256,
    /// PKCS#1 v1.5; the secret is the sender's public key.
    RsaSha256,
    /// The header bears the secret itself.
    Token,
    /// The header bears the secret as `Authorization` does: alone, behind `Bearer`, or, as
    /// `user:password`, behind `Basic`.
    Authorization,
    /// Nothing is checked.
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Hex,
    Base64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignedPart {
    Text(String),
    Body,
    Timestamp,
    Id,
    Secret,
}

/// When the request was made, as the sender says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timestamp {
    pub header: String,
    pub form: TimestampForm,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampForm {
    Seconds,
    Milliseconds,
    Rfc3339,
}

const ALGORITHMS: [(&str, Algorithm); 7] = [
    ("hmac-sha1", Algorithm::HmacSha1),
    ("hmac-sha256", Algorithm::HmacSha256),
    ("sha256", Algorithm::Sha256),
    ("rsa-sha256", Algorithm::RsaSha256),
    ("token", Algorithm::Token),
    ("authorization", Algorithm::Authorization),
    ("none", Algorithm::Nothing),
];

const ENCODINGS: [(&str, Encoding); 2] = [("hex", Encoding::Hex), ("base64", Encoding::Base64)];

const FORMS: [(&str, TimestampForm); 3] = [
    ("seconds", TimestampForm::Seconds),
    ("milliseconds", TimestampForm::Milliseconds),
    ("rfc3339", TimestampForm::Rfc3339),
];

impl Algorithm {
    pub fn as_str(self) -> &'static str {
        ALGORITHMS.iter().find(|(_, it)| *it == self).map_or("", |(name, _)| name)
    }

    /// Whether the signature speaks of the body.
    fn signs(self) -> bool {
        match self {
            Self::HmacSha1 | Self::HmacSha256 | Self::Sha256 | Self::RsaSha256 => true,
            Self::Token | Self::Authorization | Self::Nothing => false,
        }
    }
}

impl Scheme {
    /// Whether the body is signed, and that header is not: somebody else may have written it.
    pub fn leaves_open(&self, header: &str) -> bool {
        let is = |name: Option<&String>| name.is_some_and(|name| name.eq_ignore_ascii_case(header));
        let timestamp = self.timestamp.as_ref().map(|timestamp| &timestamp.header);
        let is_signed = self.signed.contains(&SignedPart::Id) && is(self.id_header.as_ref())
            || self.signed.contains(&SignedPart::Timestamp) && is(timestamp);
        self.algorithm.signs() && !is_signed
    }

    /// Standard Webhooks 1.0.0: `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`,
    /// several in one header while a sender changes its secret.
    pub fn standard() -> Self {
        let dot = || SignedPart::Text(".".into());
        Self {
            algorithm: Algorithm::HmacSha256,
            header: "webhook-signature".into(),
            encoding: Encoding::Base64,
            prefix: "v1,".into(),
            separator: Some(" ".into()),
            signed: vec![SignedPart::Id, dot(), SignedPart::Timestamp, dot(), SignedPart::Body],
            id_header: Some("webhook-id".into()),
            timestamp: Some(Timestamp {
                header: "webhook-timestamp".into(),
                form: TimestampForm::Seconds,
            }),
            tolerance: defaults::TOLERANCE,
        }
    }
}

/// Before the name of what stands in the query of the address; no header's name holds it.
pub const IN_QUERY: char = '?';

/// The header that X signs its deliveries in.
pub const X_SIGNATURE: &str = "x-twitter-webhooks-signature";

impl Scheme {
    /// X's webhooks: `sha256=` and the base64 of HMAC-SHA256 over the body, by the consumer secret
    /// (X's page "Securing webhooks").
    pub fn of_x() -> Self {
        Self {
            algorithm: Algorithm::HmacSha256,
            header: X_SIGNATURE.into(),
            encoding: Encoding::Base64,
            prefix: "sha256=".into(),
            separator: None,
            signed: vec![SignedPart::Body],
            id_header: None,
            timestamp: None,
            tolerance: defaults::TOLERANCE,
        }
    }
}

/// The scheme that the table tells, its preset's keys included.
pub(super) fn read(table: &mut ConfigTable) -> Option<Scheme> {
    let algorithm = table.required("signature", "\"hmac-sha256\"", values::choice(&ALGORITHMS));
    let header = table.or("signature_header", String::new(), header);
    let query = table.or("signature_query", String::new(), parameter);
    let encoding = table.or("signature_encoding", Encoding::Hex, values::choice(&ENCODINGS));
    let prefix = table.or("signature_prefix", String::new(), text);
    let separator = table.or("signature_separator", String::new(), text);
    let signed = table.or("signed", vec![SignedPart::Body], signed);
    let id_header = table.or("id_header", String::new(), self::header);
    let timestamp_header = table.or("timestamp_header", String::new(), self::header);
    let form = table.or("timestamp_form", TimestampForm::Seconds, values::choice(&FORMS));
    let tolerance = values::duration(defaults::TOLERANCE_BOUNDS);
    let tolerance = table.or("tolerance", defaults::TOLERANCE, tolerance);
    let (algorithm, header, signed, id_header, timestamp_header) =
        (algorithm?, header?, signed?, id_header?, timestamp_header?);
    let header = in_header_or_query(table, algorithm, header, query?)?;
    let needed = [
        (header.is_empty() && algorithm != Algorithm::Nothing, "signature_header", "X-Signature"),
        (
            timestamp_header.is_empty()
                && algorithm.signs()
                && signed.contains(&SignedPart::Timestamp),
            "timestamp_header",
            "X-Timestamp",
        ),
        (
            id_header.is_empty() && algorithm.signs() && signed.contains(&SignedPart::Id),
            "id_header",
            "X-Delivery",
        ),
    ];
    for (is_missing, key, example) in &needed {
        if *is_missing {
            table.missing(key, &format!("\"{example}\""));
        }
    }
    if algorithm.signs() && !signed.contains(&SignedPart::Body) {
        let remedy =
            "put {body} into it: a signature that does not speak of the body proves nothing";
        table.fault("signed", None, "does not hold {body}", remedy);
        return None;
    }
    let holds_secret = signed.contains(&SignedPart::Secret);
    if (algorithm == Algorithm::Sha256) != holds_secret {
        let (problem, remedy) = match holds_secret {
            true => (
                "holds {secret}, and signature is not \"sha256\"",
                "take {secret} out: every other signature is made with the secret anyway",
            ),
            false => (
                "does not hold {secret}, so anybody can make such a signature",
                "put {secret} where the sender puts it, as \"{secret}{body}\"",
            ),
        };
        table.fault("signed", None, problem, remedy);
        return None;
    }
    if needed.iter().any(|(is_missing, _, _)| *is_missing) {
        return None;
    }
    let given = |header: String| (!header.is_empty()).then_some(header);
    Some(Scheme {
        algorithm,
        header,
        encoding: encoding?,
        prefix: prefix?,
        separator: given(separator?),
        signed,
        id_header: given(id_header),
        timestamp: given(timestamp_header)
            .zip(form)
            .map(|(header, form)| Timestamp { header, form }),
        tolerance: tolerance?,
    })
}

/// Where it is to be looked for: in a header, or in the query of the address.
fn in_header_or_query(
    table: &mut ConfigTable,
    algorithm: Algorithm,
    header: String,
    query: String,
) -> Option<String> {
    if query.is_empty() {
        return Some(header);
    }
    let (problem, remedy) = if algorithm != Algorithm::Token {
        ("is given, and signature is not \"token\"", "an address can bear a secret only")
    } else if !header.is_empty() {
        ("is given beside signature_header", "keep the one of them that the sender uses")
    } else {
        return Some(format!("{IN_QUERY}{query}"));
    };
    table.fault("signature_query", None, problem, remedy);
    None
}

/// A parameter of an address; the empty text takes it away.
fn parameter(given: &GivenValue) -> Result<String, Wrong> {
    match given.text()? {
        name if name.bytes().all(stands_in_addresses) => Ok(name.to_owned()),
        _ => Err(Wrong::new("is no name of a parameter", "write it as token, without ? and =")),
    }
}

/// Whether it stands in an address as it is (RFC 3986, unreserved).
pub(super) fn stands_in_addresses(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn text(given: &GivenValue) -> Result<String, Wrong> {
    given.text().map(str::to_owned)
}

/// A header's name; the empty text takes a preset's away.
fn header(given: &GivenValue) -> Result<String, Wrong> {
    match given.text()? {
        name if name.is_empty() || is_token(name) => Ok(name.to_owned()),
        _ => Err(Wrong::new("is no header's name", "write it as X-Signature")),
    }
}

fn signed(given: &GivenValue) -> Result<Vec<SignedPart>, Wrong> {
    let wrong = |problem: String| {
        Wrong::new(problem, "write text with {body}, {ts} and {id} in it, as \"{ts}.{body}\"")
    };
    let mut parts = Vec::new();
    let mut rest = given.text()?;
    while let Some((before, after)) = rest.split_once('{') {
        if !before.is_empty() {
            parts.push(SignedPart::Text(before.to_owned()));
        }
        let (name, after) =
            after.split_once('}').ok_or_else(|| wrong("holds a { without its }".into()))?;
        parts.push(match name {
            "body" => SignedPart::Body,
            "ts" => SignedPart::Timestamp,
            "id" => SignedPart::Id,
            "secret" => SignedPart::Secret,
            _ => return Err(wrong(format!("holds {{{name}}}, which is none of its parts"))),
        });
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(SignedPart::Text(rest.to_owned()));
    }
    Ok(parts)
}
