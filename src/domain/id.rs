//! The names things go by: each a type of its own, so that one is never taken for another.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $type(String);

        impl $type {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// surveyd's own id of a survey.
    SurveyId
);
name!(
    /// A person's or an account's id at X: 1 to 19 decimal digits.
    UserId
);
name!(
    /// A conversation's id at the help desk: 1 to 512 characters.
    ConversationId
);
name!(
    /// A feedback object's id at X.
    FeedbackId
);

impl SurveyId {
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }
}

impl FeedbackId {
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }
}

impl UserId {
    pub const DIGITS_MAX: usize = 19;

    /// Takes 1 to 19 decimal digits, the form of an X id (a signed 64-bit number).
    pub fn parse(id: &str) -> Result<Self, &'static str> {
        if id.is_empty() || id.len() > Self::DIGITS_MAX || !id.bytes().all(|b| b.is_ascii_digit()) {
            return Err("must be 1 to 19 decimal digits, the numeric id of a person at X");
        }
        Ok(Self(id.to_owned()))
    }
}

impl ConversationId {
    pub const CHARACTERS_MAX: usize = 512;

    pub fn parse(id: &str) -> Result<Self, &'static str> {
        if id.is_empty() || id.chars().count() > Self::CHARACTERS_MAX {
            return Err("must be 1 to 512 characters");
        }
        // PostgreSQL's text cannot hold it, and both engines must take the same closes.
        if id.contains('\0') {
            return Err("must not hold the character U+0000");
        }
        Ok(Self(id.to_owned()))
    }
}

/// The longest `external_id` that X takes, in characters (X's page of feedback/create).
pub const EXTERNAL_ID_CHARACTERS_MAX: usize = 256;

/// Hex digits of the hash that closes a cut `external_id`.
const HASH_DIGITS: usize = 16;

/// What X is told as `external_id` of the `ordinal`-th survey of a conversation (from 1).
///
/// The first is the conversation's id itself, later ones `ID#2`, `ID#3`…; one that is longer than
/// X takes is cut and closed by `~` and 16 hex digits of the SHA-256 of the whole.
pub fn external_id(conversation_id: &ConversationId, ordinal: i64) -> String {
    let whole = if ordinal <= 1 {
        conversation_id.as_str().to_owned()
    } else {
        format!("{conversation_id}#{ordinal}")
    };
    if whole.chars().count() <= EXTERNAL_ID_CHARACTERS_MAX {
        return whole;
    }
    let digest = ring::digest::digest(&ring::digest::SHA256, whole.as_bytes());
    let mut cut: String =
        whole.chars().take(EXTERNAL_ID_CHARACTERS_MAX - 1 - HASH_DIGITS).collect();
    cut.push('~');
    for byte in &digest.as_ref()[..HASH_DIGITS / 2] {
        cut.push_str(&format!("{byte:02x}"));
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_id_is_digits_only() {
        assert!(UserId::parse("343434343434").is_ok());
        assert!(UserId::parse("9223372036854775807").is_ok());
        for wrong in ["", "12a", "-1", "１２", "12345678901234567890", " 1"] {
            assert!(UserId::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn later_surveys_of_a_conversation_are_numbered() {
        let id = ConversationId::parse("c-42").unwrap();
        assert_eq!(external_id(&id, 1), "c-42");
        assert_eq!(external_id(&id, 2), "c-42#2");
        assert_eq!(external_id(&id, 13), "c-42#13");
    }

    #[test]
    fn a_long_external_id_is_cut_and_stays_distinct() {
        let id = ConversationId::parse(&"é".repeat(256)).unwrap();
        assert_eq!(external_id(&id, 1), "é".repeat(256));
        let second = external_id(&id, 2);
        assert_eq!(second.chars().count(), EXTERNAL_ID_CHARACTERS_MAX);
        assert_ne!(second, external_id(&id, 3));
        assert!(second.starts_with(&"é".repeat(239)));
        assert_eq!(second.chars().nth(239), Some('~'));
    }
}
