//! The place of a value. It is a JSON Pointer (RFC 6901) into a payload or the name of a header.
//!
//! Three steps go beyond the RFC because help desks keep what matters in lists. `*` is every
//! element. `[last]` is the last one. `[name=text]` selects the elements whose `name` is `text`. In
//! an object, `*` is every member and the other two find nothing.

use std::fmt;

use serde_json::Value;

use crate::domain::unfilled::is_unfilled;

const HEADER: &str = "header:";

/// One place. It is shown as the operator wrote it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PayloadPath {
    written: String,
    at: At,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum At {
    /// In lower case.
    Header(String),
    Body(Vec<PathStep>),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum PathStep {
    Key(String),
    Every,
    Last,
    Whose { key: String, text: String },
}

/// The body and the headers of one delivery.
#[derive(Clone, Copy)]
pub struct Payload<'a> {
    pub body: &'a Value,
    pub header: &'a dyn Fn(&str) -> Option<&'a str>,
}

impl PayloadPath {
    /// Reads `/a/b`, the empty text (the whole body) or `header:Name`.
    pub fn parse(written: &str) -> Option<Self> {
        let at = match written.strip_prefix(HEADER) {
            Some(name) if is_token(name) => At::Header(name.to_ascii_lowercase()),
            Some(_) => return None,
            None if written.is_empty() => At::Body(Vec::new()),
            None => {
                let steps = written.strip_prefix('/')?.split('/');
                At::Body(steps.map(step).collect::<Option<_>>()?)
            }
        };
        Some(Self { written: written.to_owned(), at })
    }

    /// Every text, number, boolean, list and object at this place. `null` counts as nothing.
    pub fn find<'a>(&self, payload: &Payload<'a>) -> Vec<Found<'a>> {
        match &self.at {
            At::Header(name) => (payload.header)(name).map(Found::Text).into_iter().collect(),
            At::Body(steps) => {
                let mut found = vec![payload.body];
                for step in steps {
                    found = found.into_iter().flat_map(|value| step.take(value)).collect();
                }
                found.into_iter().filter(|value| !value.is_null()).map(Found::Value).collect()
            }
        }
    }

    /// The name of the header in lower case. `None` if the place is in the body.
    pub fn header(&self) -> Option<&str> {
        match &self.at {
            At::Header(name) => Some(name),
            At::Body(_) => None,
        }
    }

    /// True if the place selects elements of a list. Each of them is a value of its own.
    pub fn is_of_elements(&self) -> bool {
        match &self.at {
            At::Header(_) => false,
            At::Body(steps) => steps.contains(&PathStep::Every),
        }
    }
}

/// What stands at a place.
#[derive(Clone, Copy, Debug)]
pub enum Found<'a> {
    Text(&'a str),
    Value(&'a Value),
}

impl Found<'_> {
    /// True if it is a blank text or one that stands for nothing.
    pub fn is_blank(self) -> bool {
        let text = match self {
            Self::Text(text) => text,
            Self::Value(Value::String(text)) => text,
            Self::Value(_) => return false,
        };
        text.trim().is_empty() || is_unfilled(text)
    }

    /// Its kind if it is not a single value.
    pub fn several(self) -> Option<&'static str> {
        match self {
            Self::Value(Value::Array(_)) => Some("a list"),
            Self::Value(Value::Object(_)) => Some("an object"),
            Self::Text(_) | Self::Value(_) => None,
        }
    }

    /// The text of a single value without surrounding white space. A blank counts as nothing.
    pub fn text(self) -> Option<String> {
        let text = match self {
            Self::Text(text) => text.to_owned(),
            Self::Value(Value::String(text)) => text.clone(),
            Self::Value(Value::Number(number)) => number.to_string(),
            Self::Value(Value::Bool(truth)) => truth.to_string(),
            Self::Value(Value::Null | Value::Array(_) | Value::Object(_)) => return None,
        };
        // PostgreSQL's text cannot hold U+0000. Both engines must take the same closes.
        let text = text.replace('\0', "");
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }
}

impl PathStep {
    fn take<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match (self, value) {
            (Self::Key(key), Value::Object(object)) => object.get(key).into_iter().collect(),
            (Self::Key(key), Value::Array(list)) => {
                key.parse().ok().and_then(|index: usize| list.get(index)).into_iter().collect()
            }
            (Self::Every, Value::Array(list)) => list.iter().collect(),
            (Self::Every, Value::Object(object)) => object.values().collect(),
            (Self::Last, Value::Array(list)) => list.last().into_iter().collect(),
            (Self::Whose { key, text }, Value::Array(list)) => {
                let is_it = |value: &&Value| {
                    let named = value.get(key).and_then(|value| Found::Value(value).text());
                    named.is_some_and(|named| same(&named, text))
                };
                list.iter().filter(is_it).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// True if two texts of a payload mean the same. Help desks change the case of a status between
/// versions.
pub fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other) || one.to_lowercase() == other.to_lowercase()
}

impl fmt::Display for PayloadPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.written.is_empty() { "the whole" } else { &self.written })
    }
}

fn step(text: &str) -> Option<PathStep> {
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match inner {
        Some("last") => return Some(PathStep::Last),
        Some(inner) => {
            let (key, text) = inner.split_once('=')?;
            return Some(PathStep::Whose { key: unescaped(key)?, text: unescaped(text)? });
        }
        None if text == "*" => return Some(PathStep::Every),
        None => {}
    }
    unescaped(text).map(PathStep::Key)
}

/// Replaces `~1` by a slash and `~0` by a tilde. A tilde before anything else is a mistake.
fn unescaped(text: &str) -> Option<String> {
    let lone = text.replace("~0", "").replace("~1", "").contains('~');
    (!lone).then(|| text.replace("~1", "/").replace("~0", "~"))
}

/// Checks a header's name (RFC 9110 section 5.6.2).
pub fn is_token(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(letter)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn texts(body: &Value, place: &str) -> Vec<String> {
        let header = |name: &str| (name == "x-event").then_some(" opened ");
        let found = PayloadPath::parse(place).unwrap().find(&Payload { body, header: &header });
        found.into_iter().filter_map(Found::text).collect()
    }

    #[test]
    fn a_place_is_a_json_pointer() {
        let body = json!({"a": {"b/c": [1, "two"], "m~n": true}, "": 0, "no": null, "blank": " "});
        assert_eq!(texts(&body, "/a/b~1c/1"), ["two"]);
        assert_eq!(texts(&body, "/a/m~0n"), ["true"]);
        assert_eq!(texts(&body, "/"), ["0"]);
        for nowhere in ["/no", "/blank", "/a", "/a/b~1c/2", "/a/b~1c/-1", "/x/y", ""] {
            assert!(texts(&body, nowhere).is_empty(), "{nowhere}");
        }
    }

    #[test]
    fn lists_are_searched() {
        let body =
            json!({"fields": [{"name": "X id", "value": 42}, {"name": "y", "value": "z"}, 7]});
        assert_eq!(texts(&body, "/fields/[name=x ID]/value"), ["42"]);
        assert_eq!(texts(&body, "/fields/*/value"), ["42", "z"]);
        assert_eq!(texts(&body, "/fields/[last]"), ["7"]);
        assert_eq!(texts(&body, "header:X-Event"), ["opened"]);
    }

    #[test]
    fn what_is_no_pointer_is_refused() {
        for wrong in ["a", "/a~2", "header:", "header:a b", "/[last", "/~"] {
            let right = wrong == "/[last";
            assert_eq!(PayloadPath::parse(wrong).is_some(), right, "{wrong}");
        }
        assert!(PayloadPath::parse("/[first]").is_none());
    }
}
