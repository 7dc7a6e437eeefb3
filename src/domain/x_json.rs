//! Reads X's JSON as far as possible without using more memory than it is worth.
//!
//! A [`Value`] takes many times the memory of its text. Only small texts become one ([`small`]).
//! Large ones are split into texts:
//!
//! - [`text`] for a body
//! - [`members`] for an object
//! - [`items`] for a list

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserializer as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::value::RawValue;
use serde_json::{Error, Map, Value};

/// The largest text in bytes that is read into a [`Value`].
pub const SMALL_MOST: usize = 64 * 1024;

/// A body as text for [`whole`]. Bytes that are not UTF-8 become U+FFFD. So do escapes of half a
/// character.
pub fn text(body: &[u8]) -> Cow<'_, str> {
    match whole_characters(body) {
        Cow::Borrowed(body) => String::from_utf8_lossy(body),
        Cow::Owned(body) => Cow::Owned(match String::from_utf8(body) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        }),
    }
}

/// The one value of a text. `None` if it is not JSON.
pub fn whole(text: &str) -> Option<&RawValue> {
    serde_json::from_str(text).ok()
}

/// The value if it is small.
pub fn small(raw: &RawValue) -> Option<Value> {
    let text = raw.get();
    if text.len() > SMALL_MOST {
        return None;
    }
    read(text.as_bytes()).ok()
}

/// The members of an object with these names, in the order of the names. The last of two equal
/// names counts. `None` if it is not an object.
pub fn members<'a, const N: usize>(
    object: &'a RawValue,
    names: [&str; N],
) -> Option<[Option<&'a RawValue>; N]> {
    struct Named<'n, const N: usize>([&'n str; N]);

    impl<'de, const N: usize> Visitor<'de> for Named<'_, N> {
        type Value = [Option<&'de RawValue>; N];

        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut found = [None; N];
            while let Some(Name(name)) = map.next_key()? {
                match self.0.iter().position(|wanted| *wanted == name) {
                    Some(place) => found[place] = Some(map.next_value()?),
                    None => {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
            }
            Ok(found)
        }
    }

    let mut reader = serde_json::Deserializer::from_str(object.get());
    reader.deserialize_map(Named(names)).ok()
}

/// True if no two members of an object share one of these names.
pub fn are_named_once(object: &RawValue, names: &[&str]) -> bool {
    struct Counted<'n>(&'n [&'n str]);

    impl<'de> Visitor<'de> for Counted<'_> {
        type Value = bool;

        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
            let mut counts = vec![0; self.0.len()];
            while let Some(Name(name)) = map.next_key()? {
                map.next_value::<IgnoredAny>()?;
                if let Some(place) = self.0.iter().position(|wanted| *wanted == name) {
                    counts[place] += 1;
                }
            }
            Ok(counts.iter().all(|count| *count < 2))
        }
    }

    let mut reader = serde_json::Deserializer::from_str(object.get());
    reader.deserialize_map(Counted(names)).unwrap_or(false)
}

/// A name that is copied only if necessary.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// The first item of a list. `None` if it is not a list or is empty.
pub fn first(list: &RawValue) -> Option<&RawValue> {
    struct First;

    impl<'de> Visitor<'de> for First {
        type Value = Option<&'de RawValue>;

        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            let first = items.next_element()?;
            while items.next_element::<IgnoredAny>()?.is_some() {}
            Ok(first)
        }
    }

    serde_json::Deserializer::from_str(list.get()).deserialize_seq(First).ok()?
}

/// The items of a list. `None` if it is not a list or has more than `most`.
pub fn items(list: &RawValue, most: usize) -> Option<Vec<&RawValue>> {
    struct Few(usize);

    impl<'de> Visitor<'de> for Few {
        type Value = Vec<&'de RawValue>;

        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            write!(f, "a list of at most {} items", self.0)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            let mut few = Vec::new();
            while let Some(item) = items.next_element()? {
                if few.len() == self.0 {
                    return Err(de::Error::invalid_length(few.len() + 1, &self));
                }
                few.push(item);
            }
            Ok(few)
        }
    }

    serde_json::Deserializer::from_str(list.get()).deserialize_seq(Few(most)).ok()
}

/// The text cut to at most this many bytes. Only whole characters remain.
pub fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

/// Reads a body. One person's text or one new field must not make a page and all pages after it
/// unreadable. Two faults are therefore mended:
///
/// - An escape of half a character becomes U+FFFD. X sends a lone `\ud83d` if it cut a text between
///   the halves of a character.
/// - A value that no [`Value`] can hold becomes its own text. Examples are a huge number and
///   endlessly nested lists.
pub fn read(body: &[u8]) -> Result<Value, Error> {
    serde_json::from_slice(body).or_else(|_| {
        let body = whole_characters(body);
        let raw: &RawValue = serde_json::from_slice(&body)?;
        Ok(as_far(raw, DEPTH_MOST))
    })
}

/// How deep the values that surveyd reads are nested in X's bodies, with some reserve.
const DEPTH_MOST: usize = 16;

/// The value of a text that is known to be JSON, as far as a [`Value`] can hold it.
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

/// The body with every escape of half a character replaced.
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
            // The escaped byte begins no escape itself.
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
    fn a_large_body_is_taken_apart_without_becoming_a_value() {
        let deep = format!("{}7{}", "[".repeat(100_000), "]".repeat(100_000));
        let body = format!(r#"{{"a":1,"odd":{deep},"half":"\ud83d","list":[1,{{"b":2}}],"a":3}}"#);
        let body = text(body.as_bytes());
        let [a, half, list, none] =
            members(whole(&body).unwrap(), ["a", "half", "list", "none"]).unwrap();
        assert_eq!((a.unwrap().get(), half.unwrap().get()), ("3", r#""\ufffd""#));
        assert!(none.is_none());
        let list = list.unwrap();
        assert_eq!(first(list).unwrap().get(), "1");
        let all = items(list, 2).unwrap();
        assert_eq!(small(all[1]).unwrap()["b"], 2);
        assert!(items(list, 1).is_none() && items(all[1], 1).is_none() && first(all[1]).is_none());
        assert!(members(list, ["a"]).is_none());
        assert!(small(whole(&format!("\"{}\"", "x".repeat(SMALL_MOST))).unwrap()).is_none());
    }

    #[test]
    fn a_body_that_is_no_utf_8_spoils_only_what_is_not() {
        let body = text(b"{\"a\":\"x\xffy\",\"b\":7}");
        let [a, b] = members(whole(&body).unwrap(), ["a", "b"]).unwrap();
        assert_eq!((a.unwrap().get(), b.unwrap().get()), ("\"x\u{FFFD}y\"", "7"));
    }

    #[test]
    fn what_is_no_json_stays_none() {
        let unending = "[".repeat(200);
        for body in ["", "\"", r#""\ud83"#, r#""\"#, r#"{"a":\ud83d}"#, &unending] {
            assert!(read(body.as_bytes()).is_err(), "{body}");
        }
    }
}
