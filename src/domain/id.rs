//! The ids of things. Each has a type of its own, so that one is never taken for another.

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
    /// The id of a person or an account at X: 1 to 19 decimal digits without a leading 0. A person
    /// therefore has exactly one id here, and two ids are two people.
    UserId
);
name!(
    /// A conversation's id at the help desk: 1 to 512 characters.
    ConversationId
);
name!(
    /// The id of a feedback object at X.
    FeedbackId
);

impl SurveyId {
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }
}

/// In bytes. X's ids have 19 digits.
const FEEDBACK_ID_MOST: usize = 64;
/// The most digits of a 64-bit number.
const NUMBER_MOST: usize = 20;

impl FeedbackId {
    /// Takes an id that X reported. The id becomes part of a URL, and X's webhook carries only a
    /// password. An id with a character that has a meaning in URLs is therefore rejected. Leading
    /// zeros of a number are removed. X's numbers are never negative and never longer than 64 bits.
    pub fn told(id: &str) -> Option<Self> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if !(1..=FEEDBACK_ID_MOST).contains(&id.len()) || !id.bytes().all(is_plain) {
            return None;
        }
        if !id.bytes().all(|byte| byte.is_ascii_digit()) {
            return (!id.starts_with('-')).then(|| Self(id.to_owned()));
        }
        let number = id.trim_start_matches('0');
        (1..=NUMBER_MOST).contains(&number.len()).then(|| Self(number.to_owned()))
    }

    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }
}

impl UserId {
    pub const DIGITS_MAX: usize = 19;

    /// Takes 1 to 19 decimal digits without leading zeros. X writes its ids (64-bit numbers) that
    /// way.
    pub fn parse(id: &str) -> Result<Self, &'static str> {
        if id.is_empty() || id.len() > Self::DIGITS_MAX || !id.bytes().all(|b| b.is_ascii_digit()) {
            return Err("must be 1 to 19 decimal digits, the numeric id of a person at X");
        }
        match id.trim_start_matches('0').len() {
            0 => Err("must not be 0, which is nobody's id at X"),
            // X would take it for the same person, but the throttle and the opt-outs would not.
            digits if digits < id.len() => {
                Err("must be written without zeros before it, as X writes it")
            }
            _ => Ok(Self(id.to_owned())),
        }
    }

    /// True if only leading zeros keep a number from being an id. Such a number is somebody's id in
    /// another spelling. A plain 0 is not one, because it may stand for a missing id.
    pub fn is_misspelt(id: &str) -> bool {
        let digits = id.trim_start_matches('0');
        digits.len() < id.len() && Self::parse(digits).is_ok()
    }

    /// The id as X would write it. It serves records from before ids had only one spelling.
    pub fn respelt(id: &str) -> Option<Self> {
        Self::parse(id.trim_start_matches('0')).ok()
    }
}

impl ConversationId {
    pub const CHARACTERS_MAX: usize = 512;

    pub fn parse(id: &str) -> Result<Self, &'static str> {
        if id.is_empty() || id.chars().count() > Self::CHARACTERS_MAX {
            return Err("must be 1 to 512 characters");
        }
        // PostgreSQL's text cannot hold it. Both engines must take the same closes.
        if id.contains('\0') {
            return Err("must not hold the character U+0000");
        }
        Ok(Self(id.to_owned()))
    }
}

/// The longest `external_id` that X takes, in characters (X's page of feedback/create).
pub const EXTERNAL_ID_CHARACTERS_MAX: usize = 256;

/// The hex digits of the hash at the end of a cut `external_id`.
const HASH_DIGITS: usize = 16;

/// The `external_id` that X receives for the `ordinal`-th survey of a conversation (from 1).
///
/// The first is the conversation's id itself. Later ones are `ID#2`, `ID#3` and so on. An
/// `external_id` that is longer than X takes is cut. It then ends with `~` and 16 hex digits of the
/// SHA-256 of the whole.
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

/// The highest ordinal that is read from an `external_id`. A number like `ticket#4711` is more
/// likely a help desk's own id than the 4,711th survey of one conversation.
const ORDINAL_READ_MAX: i64 = 99;

/// How many surveys of one conversation are tried for an `external_id` that was cut.
const ORDINALS_TRIED: i64 = 1_000;

/// The conversation and the ordinal that an `external_id` most likely came from. A cut
/// `external_id` yields the rest of the conversation's id. Its ordinal is not known and counts as
/// 1.
pub fn named_by(external_id: &str) -> Result<(ConversationId, i64), &'static str> {
    let (id, ordinal) = match (cut(external_id), numbered(external_id)) {
        (Some(left), _) => (left, 1),
        (None, Some((id, ordinal))) if ordinal <= ORDINAL_READ_MAX => (id, ordinal),
        (None, _) => (external_id, 1),
    };
    Ok((ConversationId::parse(id)?, ordinal))
}

/// The `external_id`s that the conversation's first survey may have if a later survey has this one.
/// The conversation may be `ID#2` itself or `ID`.
pub fn first_names(external_id: &str) -> Vec<&str> {
    let numbered = numbered(external_id).filter(|_| cut(external_id).is_none());
    [Some(external_id), numbered.map(|(id, _)| id)].into_iter().flatten().collect()
}

/// True if some survey of the conversation has that `external_id`.
pub fn is_named_by(conversation_id: &ConversationId, external_id: &str) -> bool {
    let bears = |ordinal| self::external_id(conversation_id, ordinal) == external_id;
    if bears(1) {
        return true;
    }
    match (cut(external_id), numbered(external_id)) {
        (Some(left), _) if conversation_id.as_str().starts_with(left) => {
            (2..=ORDINALS_TRIED).any(bears)
        }
        (_, Some((id, ordinal))) => id == conversation_id.as_str() && bears(ordinal),
        _ => false,
    }
}

/// The rest of a conversation's id in an `external_id` that was cut and ends with a hash.
fn cut(external_id: &str) -> Option<&str> {
    let (left, hash) = external_id.rsplit_once('~')?;
    let is_hash = |hash: &str| {
        hash.len() == HASH_DIGITS && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_full = external_id.chars().count() == EXTERNAL_ID_CHARACTERS_MAX;
    (is_full && is_hash(hash)).then_some(left)
}

/// The parts of `ID#2`.
fn numbered(external_id: &str) -> Option<(&str, i64)> {
    let (id, digits) = external_id.rsplit_once('#')?;
    let is_plain = !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit());
    let ordinal = digits.parse().ok().filter(|ordinal| is_plain && *ordinal >= 2)?;
    (!id.is_empty()).then_some((id, ordinal))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conversation(id: &str) -> ConversationId {
        ConversationId::parse(id).unwrap()
    }

    #[test]
    fn nothing_that_means_something_in_an_address_is_a_feedbacks_id() {
        for id in ["1", "900719925474099301", "fb_1-a"] {
            assert_eq!(FeedbackId::told(id), Some(FeedbackId::new(id)));
        }
        let long = "a".repeat(65);
        for id in ["", "1?x=", "../account/verify_credentials", "1/2", "1.json", "1 2", "é", &long]
        {
            assert_eq!(FeedbackId::told(id), None, "{id}");
        }
    }

    #[test]
    fn a_feedbacks_number_has_one_spelling() {
        assert_eq!(FeedbackId::told("001590"), Some(FeedbackId::new("1590")));
        for id in ["-5", "0", "000", "-", &"9".repeat(21), &"9".repeat(40)] {
            assert_eq!(FeedbackId::told(id), None, "{id}");
        }
    }

    #[test]
    fn an_external_id_names_the_conversation_it_was_made_of() {
        for (id, ordinal) in
            [("c-42", 1), ("c-42", 2), ("c-42", 99), ("a#b", 3), ("#", 1), ("é", 7)]
        {
            let name = external_id(&conversation(id), ordinal);
            assert_eq!(named_by(&name), Ok((conversation(id), ordinal)), "{name}");
        }
        for whole in ["#2", "c#1", "c#02", "c#+3", "ticket#4711", "c#", "c#99999999999999999999"] {
            assert_eq!(named_by(whole), Ok((conversation(whole), 1)));
        }
        let long = external_id(&conversation(&"é".repeat(300)), 2);
        assert_eq!(named_by(&long), Ok((conversation(&"é".repeat(239)), 1)));
        assert!(named_by("").is_err());
    }

    #[test]
    fn every_survey_of_a_conversation_is_known_by_its_external_id() {
        for id in ["c-42", "a#2", "ticket#4711", "~", &"w".repeat(250), &"é".repeat(300)] {
            for ordinal in [1, 2, 9, 10, 99, 100, 1_000] {
                let name = external_id(&conversation(id), ordinal);
                assert!(is_named_by(&conversation(id), &name), "{name}");
                assert!(!is_named_by(&conversation("other"), &name), "{name}");
            }
        }
        let (one, other) = (format!("{}one", "w".repeat(300)), format!("{}other", "w".repeat(300)));
        let name = external_id(&conversation(&one), 2);
        assert!(!is_named_by(&conversation(&other), &name), "the hash tells them apart");
        assert!(!is_named_by(&conversation("c"), "c#02"));
    }

    #[test]
    fn a_conversation_may_bear_a_number_of_its_own() {
        assert_eq!(first_names("c-42"), ["c-42"]);
        assert_eq!(first_names("c#2"), ["c#2", "c"]);
        assert_eq!(first_names("ticket#4711"), ["ticket#4711", "ticket"]);
        let long = external_id(&conversation(&"w".repeat(300)), 2);
        assert_eq!(first_names(&long), [&long]);
    }

    #[test]
    fn a_user_id_is_digits_only() {
        assert!(UserId::parse("343434343434").is_ok());
        assert!(UserId::parse("9223372036854775807").is_ok());
        for wrong in
            ["", "12a", "-1", "+1", "１２", "٧٧", "12345678901234567890", " 1", "1 ", "1.0"]
        {
            assert!(UserId::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_person_has_one_id() {
        for (wrong, word) in
            [("077", "zeros"), ("0000077", "zeros"), ("0", "nobody"), ("000", "nobody")]
        {
            let why = UserId::parse(wrong).unwrap_err();
            assert!(why.contains(word), "{wrong}: {why}");
        }
        for (id, is_misspelt) in
            [("077", true), ("0", false), ("00", false), ("77", false), ("0x", false)]
        {
            assert_eq!(UserId::is_misspelt(id), is_misspelt, "{id}");
        }
        assert_eq!(UserId::respelt("0077").as_ref().map(UserId::as_str), Some("77"));
        assert_eq!(UserId::respelt("00"), None);
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
