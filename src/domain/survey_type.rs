//! The two types of survey that X knows with the questions and the scores of each.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::named::named;

/// What a survey measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SurveyType {
    /// Customer satisfaction scored 1 to 5.
    Csat,
    /// Net Promoter Score scored 0 to 10.
    Nps,
}

named!(SurveyType {
    Csat = "csat",
    Nps = "nps",
});

impl SurveyType {
    /// The question variants that exist.
    ///
    /// A wrong variant must never be sent. X's client shows no card at all for a CSAT variant
    /// beyond the last one.
    pub fn variants(self) -> RangeInclusive<u32> {
        match self {
            Self::Csat => 0..=37,
            Self::Nps => 0..=9,
        }
    }

    /// The scores that a person can give.
    pub fn scores(self) -> RangeInclusive<u8> {
        match self {
            Self::Csat => 1..=5,
            Self::Nps => 0..=10,
        }
    }
}

/// The card that X is to show, as it is configured when the conversation closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Card {
    pub kind: SurveyType,
    pub question_variant_id: u32,
    /// True if X is to mark the feedback as a test.
    pub test: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_written_as_x_writes_it() {
        for kind in SurveyType::ALL {
            assert_eq!(SurveyType::parse(kind.as_str()), Some(kind));
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{}\"", kind.as_str()));
        }
        assert_eq!(SurveyType::parse("NPS"), None, "X tells upper from lower case");
    }
}
