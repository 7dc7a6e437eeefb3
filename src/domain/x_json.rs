//! X's JSON, read as far as it can be.

use std::borrow::Cow;

use serde_json::{Error, Value};

/// Reads a body. An escape that stands for half a character (`\ud83d` alone, as of a text that was
/// cut between the halves of one) is read as U+FFFD: one person's text must not make a page, and all
/// behind it, unreadable.
pub fn read(body: &[u8]) -> Result<Value, Error> {
    serde_json::from_slice(body).or_else(|error| match whole_characters(body) {
        Cow::Borrowed(_) => Err(error),
        Cow::Owned(body) => serde_json::from_slice(&body),
    })
}

/// The body without escapes of half a character.
fn whole_characters(body: &[u8]) -> Cow<'_, [u8]> {
    let mut whole = Cow::Borrowed(body);
    let mut place = 0;
    while let Some(&byte) = body.get(place) {
        let half = (byte == b'\\').then(|| unit(body, place)).flatten();
        place += match (byte, half) {
            (b'\\', Some(0xD800..=0xDBFF)) if is_second(unit(body, place + ESCAPE)) => 2 * ESCAPE,
            (b'\\', Some(0xD800..=0xDFFF)) => {
                whole.to_mut()[place..place + ESCAPE].copy_from_slice(br"\ufffd");
                ESCAPE
            }
            // Whatever is escaped, it begins no escape itself.
            (b'\\', _) => 2,
            _ => 1,
        };
    }
    whole
}

/// The length of `\u0000`.
const ESCAPE: usize = 6;

fn is_second(unit: Option<u16>) -> bool {
    matches!(unit, Some(0xDC00..=0xDFFF))
}

/// The UTF-16 unit that is escaped there.
fn unit(body: &[u8], place: usize) -> Option<u16> {
    let digits = body.get(place..place + ESCAPE)?.strip_prefix(br"\u")?;
    let digits = std::str::from_utf8(digits).ok()?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_character_spoils_nothing_but_itself() {
        for (body, wanted) in [
            (r#""a\ud83d""#, "a\u{FFFD}"),
            (r#""\ud83d\ude00""#, "\u{1F600}"),
            (r#""\ude00\ud83d\ud83d\ude00\n""#, "\u{FFFD}\u{FFFD}\u{1F600}\n"),
            (r#""\\ud83d \ud83d""#, "\\ud83d \u{FFFD}"),
            (r#""\ud83dx""#, "\u{FFFD}x"),
        ] {
            assert_eq!(read(body.as_bytes()).unwrap(), wanted, "{body}");
        }
    }

    #[test]
    fn what_is_no_json_stays_none() {
        for body in ["", "\"", r#""\ud83"#, r#""\"#, r#"{"a":\ud83d}"#] {
            assert!(read(body.as_bytes()).is_err(), "{body}");
        }
    }
}
