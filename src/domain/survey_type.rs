//! The two kinds of survey that X offers, and the scale of each.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

/// What a person is asked: how content they are (CSAT), or whether they would recommend us (NPS).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SurveyType {
    Csat,
    Nps,
}

impl SurveyType {
    /// The word that configuration, X and the exports use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Csat => "csat",
            Self::Nps => "nps",
        }
    }

    /// The type of that name; `None` where there is no such type.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "csat" => Some(Self::Csat),
            "nps" => Some(Self::Nps),
            _ => None,
        }
    }

    /// The scores a person can give.
    pub fn score_range(self) -> RangeInclusive<u8> {
        match self {
            Self::Csat => 1..=5,
            Self::Nps => 0..=10,
        }
    }
}
