//! Finds unknown members of a notice whose names resemble known ones, such as `closedBy` for
//! `closed_by`.
//!
//! A notice is not refused because of them. `surveyd sources test` names them. A refusal names them
//! if the field that they resemble is missing.

use serde::Serialize;
use serde_json::{Map, Value};
use strsim::normalized_damerau_levenshtein;

/// The members of a notice outside `data`.
const AROUND: [&str; 3] = ["type", "timestamp", "data"];
const DATA: [&str; 14] = [
    "account",
    "conversation_id",
    "user_id",
    "closed_at",
    "agent",
    "team",
    "tags",
    "language",
    "first_name",
    "closed_by",
    "agent_messages",
    "last_message_at",
    "time_zone",
    "attributes",
];

/// The least likeness (0 to 1) at which one name counts as the other misspelt.
const LIKENESS_MIN: f64 = 0.85;
/// The most members that are compared and the longest of their names in bytes.
const MEMBERS_MAX: usize = 200;
const NAME_BYTES_MAX: usize = 64;

/// An unknown member and the known one that it resembles. Both are JSON Pointers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NearMiss {
    pub pointer: String,
    pub did_you_mean: String,
}

impl NearMiss {
    pub fn words(&self) -> String {
        format!("{} is not read: did you mean {}?", self.pointer, self.did_you_mean)
    }
}

/// Finds the near misses of a notice. A member is one only if the field that it resembles is
/// missing.
pub fn near_misses(notice: &Value) -> Vec<NearMiss> {
    let Some(around) = notice.as_object() else { return Vec::new() };
    let nothing = Map::new();
    let data = around.get("data").and_then(Value::as_object).unwrap_or(&nothing);
    let of_around = strangers(around, &AROUND).map(|name| (format!("/{name}"), name));
    let of_data = strangers(data, &DATA).map(|name| (format!("/data/{name}"), name));
    let found = of_around.chain(of_data).filter_map(|(pointer, name)| {
        let is_missing = |of: &Map<String, Value>, known: &str| {
            of.get(known).is_none_or(Value::is_null) && is_nearly(name, known)
        };
        let meant = DATA.iter().find(|known| is_missing(data, known));
        let meant = meant.map(|known| format!("/data/{known}")).or_else(|| {
            let meant = AROUND.iter().find(|known| is_missing(around, known));
            meant.map(|known| format!("/{known}"))
        });
        Some(NearMiss { pointer, did_you_mean: meant? })
    });
    found.collect()
}

/// Returns the unknown members with a short plain name.
fn strangers<'n>(
    object: &'n Map<String, Value>,
    known: &'static [&str],
) -> impl Iterator<Item = &'n str> {
    let is_plain = |name: &str| {
        name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-. ".contains(&byte))
    };
    let names = object.keys().take(MEMBERS_MAX).map(String::as_str);
    names
        .filter(move |name| !known.contains(name) && name.len() <= NAME_BYTES_MAX && is_plain(name))
}

/// True if two names differ only in case, word separators, a plural or about one letter.
fn is_nearly(name: &str, known: &str) -> bool {
    let (name, known) = (bare(name), bare(known));
    name == known || normalized_damerau_levenshtein(&name, &known) >= LIKENESS_MIN
}

fn bare(name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    let letters: String = letters.map(|letter| letter.to_ascii_lowercase()).collect();
    letters.strip_suffix('s').map(str::to_owned).unwrap_or(letters)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(notice: Value) -> Vec<String> {
        near_misses(&notice).iter().map(NearMiss::words).collect()
    }

    #[test]
    fn a_name_that_is_nearly_one_that_is_read_is_told() {
        for (name, meant) in [
            ("closedBy", "closed_by"),
            ("userId", "user_id"),
            ("closedAt", "closed_at"),
            ("Agent", "agent"),
            ("first-name", "first_name"),
            ("timezone", "time_zone"),
            ("tag", "tags"),
            ("agent_message", "agent_messages"),
            ("conversation id", "conversation_id"),
            ("conversaton_id", "conversation_id"),
        ] {
            assert_eq!(
                told(json!({"type": "", "timestamp": "", "data": {name: 1, "brand_new": 1}})),
                [format!("/data/{name} is not read: did you mean /data/{meant}?")]
            );
        }
    }

    #[test]
    fn what_stands_in_the_wrong_object_is_told() {
        assert_eq!(
            told(json!({"Type": "", "user_id": "7", "data": {"timestamp": ""}})),
            [
                "/Type is not read: did you mean /type?",
                "/user_id is not read: did you mean /data/user_id?",
                "/data/timestamp is not read: did you mean /timestamp?",
            ]
        );
    }

    #[test]
    fn nothing_is_said_of_what_is_there_rightly_too_or_is_something_else() {
        let data = json!({"closed_by": "bot", "closedBy": "bot", "created_at": 1, "id": 1, "name": 1,
            "user_id\u{202E}": 1, "type": 1});
        assert!(told(json!({"type": "", "timestamp": "", "data": data})).is_empty());
        assert!(told(json!([])).is_empty() && told(json!({"data": 7})).is_empty());
    }
}
