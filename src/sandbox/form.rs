//! Percent-encoding and forms, as RFC 3986 and the form type define them and OAuth 1.0a needs them.

use std::str::FromStr;

use super::refusal::Refusal;

/// Percent-encodes everything but RFC 3986's unreserved characters, with upper-case hex (RFC 5849
/// section 3.6).
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Undoes percent-encoding. A `%` that starts no hex pair stays as it is, and bytes that are no
/// UTF-8 become the replacement character: either way the signature will not match, which is the
/// right answer to both.
pub fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let pair = match after {
            [high, low, ..] if first == b'%' => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match pair {
            Some((high, low)) => {
                bytes.push(high * 16 + low);
                rest = &after[2..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// The parameters of a query or of an `application/x-www-form-urlencoded` body, decoded, in their
/// order.
pub fn pairs(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|piece| !piece.is_empty())
        .map(|piece| {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            // A blank may be written as `+` in a form; a plus is always %2B there.
            (decode(&name.replace('+', " ")), decode(&value.replace('+', " ")))
        })
        .collect()
}

/// The parameters of one call, from its query and its form together: X does not care where they
/// stand.
#[derive(Clone, Debug, Default)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub fn new(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    /// All of them, verbatim and in order.
    pub fn all(&self) -> &[(String, String)] {
        &self.0
    }

    /// A name that stands there twice, if there is one.
    pub fn repeated(&self) -> Option<&str> {
        let mut names: Vec<&str> = self.0.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
    }

    /// A value that may be left out. A blank one counts as left out: clients in the field send
    /// blank optional fields.
    pub fn optional(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, value)| known == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// A value that must be there.
    pub fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.optional(name).ok_or_else(|| Refusal::missing(name))
    }

    /// A number that must be there.
    pub fn required_number<N: FromStr>(&self, name: &str) -> Result<N, Refusal> {
        number(name, self.required(name)?)
    }

    /// A number that may be left out.
    pub fn optional_number<N: FromStr>(&self, name: &str) -> Result<Option<N>, Refusal> {
        self.optional(name).map(|text| number(name, text)).transpose()
    }
}

/// A number as X writes one. Rust would also take a plus in front.
fn number<N: FromStr>(name: &str, text: &str) -> Result<N, Refusal> {
    let plain = Some(text).filter(|text| !text.starts_with('+'));
    plain.and_then(|text| text.parse().ok()).ok_or_else(|| Refusal::not_a_number(name, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_encodings_come_out() {
        for (plain, encoded) in [
            ("Ladies + Gentlemen", "Ladies%20%2B%20Gentlemen"),
            ("An encoded string!", "An%20encoded%20string%21"),
            ("Dogs, Cats & Mice", "Dogs%2C%20Cats%20%26%20Mice"),
            ("☃", "%E2%98%83"),
            ("a-b.c_d~e", "a-b.c_d~e"),
            ("'(*)", "%27%28%2A%29"),
        ] {
            assert_eq!(encode(plain), encoded);
            assert_eq!(decode(encoded), plain);
        }
    }

    #[test]
    fn plus_and_percent_twenty_are_blanks_in_a_form_and_hex_is_free_in_case() {
        assert_eq!(
            pairs("a=x+y%20z&b=%2b%2B&c=&d"),
            [("a", "x y z"), ("b", "++"), ("c", ""), ("d", "")]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
        );
    }

    #[test]
    fn a_broken_escape_stays_as_it_is() {
        assert_eq!(decode("100%"), "100%");
        assert_eq!(decode("%zz%4"), "%zz%4");
    }

    #[test]
    fn a_blank_value_counts_as_left_out_and_a_repeated_name_is_found() {
        let parameters = Parameters::new(pairs("type=&test=true&a=1&a=2"));
        assert_eq!(parameters.optional("type"), None);
        assert_eq!(parameters.required("type").unwrap_err().code, 38);
        assert_eq!(parameters.repeated(), Some("a"));
        assert_eq!(parameters.required_number::<u8>("test").unwrap_err().code, 214);
    }
}
