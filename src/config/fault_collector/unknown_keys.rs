//! Guesses what an operator meant by a key or a variable that does not exist.

use std::collections::BTreeSet;

use super::place::{KeyPlace, header};
use crate::config::names::nearest;

/// A key that nothing asked for.
pub(super) struct UnknownKey {
    pub place: KeyPlace,
    pub key: String,
    /// The name of its table in a sentence.
    pub table: String,
    /// The keys that its table supports.
    pub siblings: Vec<&'static str>,
    /// True if a later version of surveyd will support the key.
    pub later: bool,
}

impl UnknownKey {
    /// Returns the problem and the remedy. `known` holds the patterns of all keys that exist.
    pub fn explained(&self, known: &BTreeSet<String>) -> (String, String) {
        if self.later {
            return not_supported();
        }
        let remedy = match nearest(&self.key, self.siblings.iter().copied()) {
            Some(sibling) => format!("did you mean `{sibling}`?"),
            None => self.elsewhere(known).unwrap_or_else(|| {
                let siblings: Vec<_> = self.siblings.iter().map(|key| format!("`{key}`")).collect();
                format!("remove it; {} takes {}", self.table, siblings.join(", "))
            }),
        };
        ("unknown key".into(), remedy)
    }

    /// Names the other tables that have a key of this exact name.
    fn elsewhere(&self, known: &BTreeSet<String>) -> Option<String> {
        let tables = known.iter().filter_map(|pattern| {
            let (table, key) = pattern.rsplit_once('.')?;
            (key == self.key).then(|| match table.ends_with('*') {
                true => format!("[[{}]]", header(table)),
                false => format!("[{}]", header(table)),
            })
        });
        let tables: Vec<_> = tables.collect();
        (!tables.is_empty()).then(|| format!("`{}` belongs in {}", self.key, tables.join(" or ")))
    }
}

/// Returns the problem and the remedy of a variable that belongs to no key.
pub(super) fn variable<'k>(
    name: &str,
    known: impl Iterator<Item = &'k String>,
    later: &[String],
) -> (String, String) {
    let of_later = |beginning: &String| {
        name.strip_prefix(beginning.as_str()).is_some_and(|r| r.is_empty() || r.starts_with("__"))
    };
    if later.iter().any(of_later) {
        return not_supported();
    }
    let remedy = match nearest(name, known.map(String::as_str)) {
        Some(known) => format!("did you mean {known}?"),
        None => "unset it; a key's variable is named as SURVEYD__HTTP__LISTEN".into(),
    };
    ("no key answers to this variable".into(), remedy)
}

fn not_supported() -> (String, String) {
    ("is not supported by this version of surveyd".into(), "remove it".into())
}
