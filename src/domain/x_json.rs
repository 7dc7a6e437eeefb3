//! X's JSON, read as far as it can be.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Error, Map, Value};

/// Reads a body. An escape that stands for half a character (`\ud83d` alone, as of a text that was
/// cut between the halves of one) is read as U+FFFD, and what no [`Value`] can hold (a number
/// beyond all bounds, lists in lists without end) as its own text: one person's text, or one new
/// field, must not make a page, and all behind it, unreadable.
pub fn read(body: &[u8]) -> Result<Value, Error> {
    serde_json::from_slice(body).or_else(|_| {
        let body = whole_characters(body);
        let raw: &RawValue = serde_json::from_slice(&body)?;
        Ok(as_far(raw, DEPTH_MOST))
    })
}

/// How deep what surveyd reads stands in what X sends, and some more.
const DEPTH_MOST: usize = 16;

/// The value of a text that is known to be JSON, as far as it can be held.
fn as_far(raw: &RawValue, depth: usize) -> Value {
    let text = raw.get();
    if let Ok(value) = serde_json::from_str(text) {
        return value;
    }
    let deeper = depth.checked_sub(1);
    if let Some(depth) = deeper
        && let Ok(members) = serde_json::from_str::<BTreeMap<String, &RawValue>>(text)
    {
        let members = members.into_iter().map(|(name, raw)| (name, as_far(raw, depth)));
        return Value::Object(members.collect::<Map<_, _>>());
    }
    if let Some(depth) = deeper
        && let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(text)
    {
        return Value::Array(items.into_iter().map(|raw| as_far(raw, depth)).collect());
    }
    Value::String(text.to_owned())
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
    fn what_no_value_can_hold_spoils_nothing_but_itself() {
        let deep = format!("{}7{}", "[".repeat(200), "]".repeat(200));
        let large = "9".repeat(400);
        for odd in [&deep, &large, &format!("{{\"x\":{deep}}}"), &format!("-{large}e5")] {
            let body =
                format!(r#"{{"events":[{{"id":"1","odd":{odd},"half":"\ud83d"}},{{"id":2}}]}}"#);
            let value = read(body.as_bytes()).unwrap();
            assert_eq!(value["events"][0]["id"], "1");
            assert_eq!(value["events"][0]["half"], "\u{FFFD}");
            assert_eq!(value["events"][1]["id"], 2);
            let kept = value["events"][0]["odd"].to_string();
            assert!(kept.contains('7') || kept.contains("99999"), "{kept}");
        }
        let nothing_but = read(deep.as_bytes()).unwrap();
        assert!(nothing_but.is_array());
    }

    #[test]
    fn what_is_no_json_stays_none() {
        let unending = "[".repeat(200);
        for body in ["", "\"", r#""\ud83"#, r#""\"#, r#"{"a":\ud83d}"#, &unending] {
            assert!(read(body.as_bytes()).is_err(), "{body}");
        }
    }
}
