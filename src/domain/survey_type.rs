//! The two kinds of question that X's feedback card asks.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SurveyType {
    Csat,
    Nps,
}

impl SurveyType {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Csat => "csat",
            Self::Nps => "nps",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "csat" => Some(Self::Csat),
            "nps" => Some(Self::Nps),
            _ => None,
        }
    }
}
