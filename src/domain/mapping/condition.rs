//! Selects events by tests on what stands at places of the payload.

use std::fmt;

use super::place::{Found, Payload, PayloadPath, same};
use crate::domain::plain_text::cut;

/// The most characters of a found text that are quoted.
const FOUND_CHARACTERS_MAX: usize = 80;

/// A place that fails a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnmetPlace {
    pub place: String,
    /// The beginning of what stands there.
    pub found: Option<String>,
    /// The condition's tests in words.
    pub wanted: String,
}

/// A condition holds if every one of its tests does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition(pub Vec<(PayloadPath, Vec<ConditionTest>)>);

/// A test of what stands at a place. If a place has several, one of the positive ones and all
/// negative ones must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConditionTest {
    /// `text`
    Is(String),
    /// `!text`. It also holds if nothing stands there.
    IsNot(String),
    /// `*`. A blank text counts as nothing.
    Something,
    /// `!*`
    Nothing,
    /// `=/place`
    SameAs(PayloadPath),
    /// `!=/place`
    OtherThan(PayloadPath),
}

impl ConditionTest {
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text.strip_prefix('!') {
            Some("*") => Self::Nothing,
            Some(rest) => match rest.strip_prefix('=') {
                Some(place) => Self::OtherThan(PayloadPath::parse(place)?),
                None => Self::IsNot(rest.to_owned()),
            },
            None if text == "*" => Self::Something,
            None => match text.strip_prefix('=') {
                Some(place) => Self::SameAs(PayloadPath::parse(place)?),
                None => Self::Is(text.to_owned()),
            },
        })
    }

    /// The header that the test compares with.
    fn header(&self) -> Option<&str> {
        match self {
            Self::SameAs(place) | Self::OtherThan(place) => place.header(),
            Self::Is(_) | Self::IsNot(_) | Self::Something | Self::Nothing => None,
        }
    }

    fn is_negative(&self) -> bool {
        match self {
            Self::IsNot(_) | Self::Nothing | Self::OtherThan(_) => true,
            Self::Is(_) | Self::Something | Self::SameAs(_) => false,
        }
    }

    fn holds(&self, found: &[Found<'_>], payload: &Payload<'_>) -> bool {
        let any = |text: &str| found.iter().filter_map(|it| it.text()).any(|it| same(&it, text));
        let any_of = |place: &PayloadPath| {
            place.find(payload).into_iter().filter_map(Found::text).any(|text| any(&text))
        };
        match self {
            Self::Is(text) => any(text),
            Self::IsNot(text) => !any(text),
            Self::Something => found.iter().any(|it| !it.is_blank()),
            Self::Nothing => found.iter().all(|it| it.is_blank()),
            Self::SameAs(place) => any_of(place),
            Self::OtherThan(place) => !any_of(place),
        }
    }
}

/// The test in words that follow "wants".
impl fmt::Display for ConditionTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(text) => write!(f, "{text:?}"),
            Self::IsNot(text) => write!(f, "not {text:?}"),
            Self::Something => f.write_str("a value"),
            Self::Nothing => f.write_str("nothing"),
            Self::SameAs(place) => write!(f, "what stands at {place}"),
            Self::OtherThan(place) => write!(f, "another value than at {place}"),
        }
    }
}

impl Condition {
    /// Returns the first place that fails the condition.
    pub fn unmet(&self, payload: &Payload<'_>) -> Option<UnmetPlace> {
        let fails = |(place, tests): &&(PayloadPath, Vec<ConditionTest>)| {
            let alone = Self(vec![(place.clone(), tests.clone())]);
            !alone.holds(payload)
        };
        let (place, tests) = self.0.iter().find(fails)?;
        let found = place.find(payload).into_iter().find_map(Found::text);
        let (negative, positive): (Vec<_>, Vec<_>) =
            tests.iter().partition(|test| test.is_negative());
        let wanted = match positive.is_empty() {
            true => join(&negative, " and "),
            false => join(&positive, " or "),
        };
        let found = found.map(|text| cut(&text, FOUND_CHARACTERS_MAX).to_owned());
        Some(UnmetPlace { place: place.to_string(), found, wanted })
    }

    /// The headers that the condition looks at.
    pub fn headers(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|(place, tests)| {
            place.header().into_iter().chain(tests.iter().filter_map(ConditionTest::header))
        })
    }

    pub fn holds(&self, payload: &Payload<'_>) -> bool {
        self.0.iter().all(|(place, tests)| {
            let found = place.find(payload);
            let (negative, positive): (Vec<_>, Vec<_>) =
                tests.iter().partition(|test| test.is_negative());
            negative.iter().all(|test| test.holds(&found, payload))
                && (positive.is_empty() || positive.iter().any(|test| test.holds(&found, payload)))
        })
    }
}

fn join(tests: &[&ConditionTest], between: &str) -> String {
    let words: Vec<_> = tests.iter().map(ToString::to_string).collect();
    words.join(between)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_unmet_place_is_told_with_its_value_and_what_it_wants() {
        let body = json!({"status": "Resuelto", "was": "open", "who": 5});
        let header = |_: &str| None;
        let payload = Payload { body: &body, header: &header };
        for (place, tests, unmet) in [
            (
                "/status",
                &["solved", "closed"][..],
                Some((Some("Resuelto"), r#""solved" or "closed""#)),
            ),
            ("/status", &["Resuelto"], None),
            ("/was", &["!solved", "!open"], Some((Some("open"), r#"not "solved" and not "open""#))),
            ("/none", &["*"], Some((None, "a value"))),
            ("/was", &["!*"], Some((Some("open"), "nothing"))),
            ("/who", &["=/was"], Some((Some("5"), "what stands at /was"))),
        ] {
            let tests = tests.iter().map(|test| ConditionTest::parse(test).unwrap()).collect();
            let condition = Condition(vec![(PayloadPath::parse(place).unwrap(), tests)]);
            let expected = unmet.map(|(found, wanted)| UnmetPlace {
                place: place.to_owned(),
                found: found.map(str::to_owned),
                wanted: wanted.to_owned(),
            });
            assert_eq!(condition.unmet(&payload), expected);
        }
    }

    #[test]
    fn a_condition_holds_where_all_its_tests_do() {
        let body = json!({"status": "SOLVED", "was": "OPEN", "who": 5, "owner": "5", "tags": ["a"], "blank": " "});
        let header = |_: &str| None;
        let payload = Payload { body: &body, header: &header };
        for (place, tests, holds) in [
            ("/status", &["solved", "closed"][..], true),
            ("/status", &["closed"], false),
            ("/was", &["!solved", "!closed"], true),
            ("/was", &["!solved", "!open"], false),
            ("/none", &["!solved"], true),
            ("/none", &["!*"], true),
            ("/none", &["*"], false),
            ("/blank", &["*"], false),
            ("/blank", &["!*"], true),
            ("/who", &["=/owner"], true),
            ("/who", &["!=/owner"], false),
            ("/who", &["=/status"], false),
            ("/tags", &["*"], true),
            ("/tags/*", &["a"], true),
            ("/tags/*", &["!a"], false),
        ] {
            let tests_ = tests.iter().map(|test| ConditionTest::parse(test).unwrap()).collect();
            let condition = Condition(vec![(PayloadPath::parse(place).unwrap(), tests_)]);
            assert_eq!(condition.holds(&payload), holds, "{place} {tests:?}");
        }
    }
}
