//! The faults of a notice, in words that its sender can act on.

use std::fmt;

use serde::Serialize;

use super::near_misses::NearMiss;
use crate::domain::plain_text::cut;

/// One fault in a notice with its place as a JSON Pointer (RFC 6901).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NoticeFault {
    pub pointer: String,
    pub detail: String,
}

/// The most faults that are reported one by one.
const FAULTS_MAX: usize = 100;
/// The longest pointer and detail in characters. An answer must not be many times as long as the
/// notice.
pub const POINTER_CHARACTERS_MAX: usize = 200;
const DETAIL_CHARACTERS_MAX: usize = 1_000;
/// The longest value in characters that a fault quotes whole.
const SHOWN_CHARACTERS_MAX: usize = 80;

/// The beginning of the detail for a missing field.
pub const MISSING: &str = "is missing";

/// The first faults of a notice and the number of the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoticeFaults {
    pub first: Vec<NoticeFault>,
    pub more: usize,
}

impl NoticeFaults {
    pub fn of(pointer: &str, detail: &str) -> Self {
        let mut faults = Self::default();
        faults.add(pointer, detail);
        faults
    }

    pub fn add(&mut self, pointer: &str, detail: &str) {
        if self.first.len() == FAULTS_MAX {
            self.more += 1;
            return;
        }
        let pointer = cut(pointer, POINTER_CHARACTERS_MAX).to_owned();
        let detail = cut(detail, DETAIL_CHARACTERS_MAX).to_owned();
        self.first.push(NoticeFault { pointer, detail });
    }

    /// Adds the faults of one event of a delivery with several.
    pub fn add_of_event(&mut self, index: usize, of_event: Self) {
        for NoticeFault { pointer, detail } in of_event.first {
            self.add(&format!("/{index}/{}", pointer.trim_start_matches('/')), &detail);
        }
        self.more += of_event.more;
    }

    pub fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    /// Adds to each missing field the similar name under which it may be present.
    pub fn explain(&mut self, near_misses: &[NearMiss]) {
        for fault in self.first.iter_mut().filter(|fault| fault.detail.starts_with(MISSING)) {
            let is_meant = |one: &&NearMiss| {
                one.did_you_mean == fault.pointer
                    // `timestamp` takes the place of a missing `closed_at`.
                    || (fault.pointer == "/data/closed_at" && one.did_you_mean == "/timestamp")
            };
            if let Some(near_miss) = near_misses.iter().find(is_meant) {
                fault.detail = format!("{}; {}", fault.detail, near_miss.words());
            }
        }
    }
}

impl fmt::Display for NoticeFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, NoticeFault { pointer, detail }) in self.first.iter().enumerate() {
            let between = if index > 0 { "; " } else { "" };
            let behind = if pointer.is_empty() { "" } else { " " };
            write!(f, "{between}{pointer}{behind}{detail}")?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

/// Quotes a foreign value on one line and cuts it if it is too long.
pub fn shown(value: &str) -> String {
    match cut(value, SHOWN_CHARACTERS_MAX) {
        whole if whole.len() == value.len() => format!("{whole:?}"),
        beginning => format!("{:?}", format!("{beginning}…")),
    }
}

/// Returns a description of the excess if a text has too many characters.
pub fn too_long(text: &str, characters_max: usize) -> Option<String> {
    // A text never has more characters than bytes, so a short text need not be counted.
    let characters = if text.len() > characters_max { text.chars().count() } else { 0 };
    (characters > characters_max)
        .then(|| format!("has {characters} characters, and {characters_max} are the most"))
}

/// Returns the fault of a notice for an account that is not configured.
pub fn unknown_account(account: &str) -> NoticeFaults {
    NoticeFaults::of("/data/account", &format!("there is no account {}", shown(account)))
}
