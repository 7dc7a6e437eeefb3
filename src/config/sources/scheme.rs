//! Reads how a source signs its notices (the keys `signature…`, `signed`, `timestamp…` and
//! `tolerance`).

use std::time::Duration;

use super::super::defaults;
use super::super::fault_collector::ConfigTable;
use super::super::given::{GivenValue, Wrong};
use super::super::values;
use crate::domain::mapping::is_token;

/// The way in which the sender of a notice proves that it knows the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheme {
    pub algorithm: Algorithm,
    /// The header with the signature or the secret itself. A name after [`IN_QUERY`] is a query
    /// parameter that holds the secret.
    pub header: String,
    pub encoding: Encoding,
    /// The text before the signature in the header.
    pub prefix: String,
    /// The text between several signatures in one header.
    pub separator: Option<String>,
    /// The signed parts in order.
    pub signed: Vec<SignedPart>,
    /// The header with the id for the part [`SignedPart::Id`].
    pub id_header: Option<String>,
    pub timestamp: Option<Timestamp>,
    /// The largest allowed difference between the timestamp and now. It applies to past and future.
    pub tolerance: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    HmacSha1,
    HmacSha256,
    /// A plain hash of a text that includes the secret.
    Sha256,
    /// PKCS#1 v1.5. The secret is the sender's public key.
    RsaSha256,
    /// The header carries the secret itself.
    Token,
    /// The header carries the secret as `Authorization` does. There are three forms:
    ///
    /// - the secret alone
    /// - the secret after `Bearer`
    /// - `user:password` in base64 after `Basic`
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

/// The header in which the sender says when it made the request.
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

    /// True if the signature covers the body.
    fn signs(self) -> bool {
        match self {
            Self::HmacSha1 | Self::HmacSha256 | Self::Sha256 | Self::RsaSha256 => true,
            Self::Token | Self::Authorization | Self::Nothing => false,
        }
    }
}

/// The host that stands in the examples of docs/sources.
pub const EXAMPLE_HOST: &str = "YOUR-HOST";

impl Scheme {
    /// The text with surveyd's own address that the sender signs, if it signs one.
    pub fn signed_address(&self) -> Option<&str> {
        self.signed.iter().find_map(|part| match part {
            SignedPart::Text(text) if text.contains("://") => Some(text.as_str()),
            SignedPart::Text(_)
            | SignedPart::Body
            | SignedPart::Timestamp
            | SignedPart::Id
            | SignedPart::Secret => None,
        })
    }

    /// True if the body is signed and `header` is not. In that case, another party may have written
    /// the header.
    pub fn leaves_open(&self, header: &str) -> bool {
        let is = |name: Option<&String>| name.is_some_and(|name| name.eq_ignore_ascii_case(header));
        let timestamp = self.timestamp.as_ref().map(|timestamp| &timestamp.header);
        let is_signed = self.signed.contains(&SignedPart::Id) && is(self.id_header.as_ref())
            || self.signed.contains(&SignedPart::Timestamp) && is(timestamp);
        self.algorithm.signs() && !is_signed
    }

    /// Returns the scheme of Standard Webhooks 1.0.0. The header holds `v1,` and the base64 of
    /// HMAC-SHA256 over `id.timestamp.body`. It holds several signatures while a sender changes its
    /// secret.
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

/// The mark before the name of a query parameter. No header's name contains it.
pub const IN_QUERY: char = '?';

/// The header with X's signature of a delivery.
pub const X_SIGNATURE: &str = "x-twitter-webhooks-signature";

impl Scheme {
    /// Returns the scheme of X's webhooks. The header holds `sha256=` and the base64 of HMAC-SHA256
    /// over the body with the consumer secret as key (X's page "Securing webhooks").
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

/// Reads the scheme from the table and the keys of its preset.
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

/// Returns the header's name or the query parameter after [`IN_QUERY`].
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

/// Reads the name of a query parameter. An empty text removes a preset's.
fn parameter(given: &GivenValue) -> Result<String, Wrong> {
    match given.text()? {
        name if name.bytes().all(stands_in_addresses) => Ok(name.to_owned()),
        _ => Err(Wrong::new("is no name of a parameter", "write it as token, without ? and =")),
    }
}

/// True if the byte needs no escaping in an address (unreserved in RFC 3986).
pub(super) fn stands_in_addresses(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn text(given: &GivenValue) -> Result<String, Wrong> {
    given.text().map(str::to_owned)
}

/// Reads a header's name. An empty text removes a preset's.
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
