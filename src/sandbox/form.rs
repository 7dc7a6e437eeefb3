//! Encodes and decodes percent-encoding and forms as OAuth 1.0a needs them.
//!
//! RFC 3986 defines the percent-encoding.

use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::refusal::Refusal;

/// All but RFC 3986's unreserved characters.
const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Percent-encodes all but RFC 3986's unreserved characters, with upper-case hex (RFC 5849 section
/// 3.6).
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, &RESERVED).to_string()
}

/// Undoes percent-encoding. A `%` without two hex digits stays as it is. Bytes that are not UTF-8
/// become the replacement character. In both cases the signature will not match, and that is the
/// right answer.
pub fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Returns the decoded parameters of a query or an `application/x-www-form-urlencoded` body in
/// order.
pub fn pairs(text: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(text).into_owned().collect()
}

/// The parameters of one call from its query and its form. X does not distinguish between the two.
#[derive(Clone, Debug, Default)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub fn new(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    /// Returns all parameters verbatim and in order.
    pub fn all(&self) -> &[(String, String)] {
        &self.0
    }

    /// Returns a name that occurs twice, if there is one.
    pub fn repeated(&self) -> Option<&str> {
        let mut names: Vec<&str> = self.0.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
    }

    /// Returns a value that may be left out. An empty value counts as left out, since real clients
    /// send empty optional fields.
    pub fn optional(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, value)| known == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// Returns a value that must be present.
    pub fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.optional(name).ok_or_else(|| Refusal::missing(name))
    }

    /// Returns a number that must be present.
    pub fn required_number<N: FromStr>(&self, name: &str) -> Result<N, Refusal> {
        number(name, self.required(name)?)
    }

    /// Returns a number that may be left out.
    pub fn optional_number<N: FromStr>(&self, name: &str) -> Result<Option<N>, Refusal> {
        self.optional(name).map(|text| number(name, text)).transpose()
    }
}

/// Parses a number as X writes it. Rust would also accept a leading plus sign.
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
            pairs(b"a=x+y%20z&b=%2b%2B&c=&d"),
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
        let parameters = Parameters::new(pairs(b"type=&test=true&a=1&a=2"));
        assert_eq!(parameters.optional("type"), None);
        assert_eq!(parameters.required("type").unwrap_err().code, 38);
        assert_eq!(parameters.repeated(), Some("a"));
        assert_eq!(parameters.required_number::<u8>("test").unwrap_err().code, 214);
    }
}
