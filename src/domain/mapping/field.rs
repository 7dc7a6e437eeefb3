//! Finds one field of a close in a payload. There are several choices, and the first with a usable
//! value is taken.

use std::collections::BTreeMap;
use std::fmt;

use super::condition::Condition;
use super::place::{Found, Payload, PayloadPath, same};
use crate::domain::unfilled;

/// The choices with the best first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Field(pub Vec<Choice>);

/// One way to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    pub take: Take,
    /// The choice counts only if this holds.
    pub when: Condition,
    /// The meanings of the values found there. A value that is not among them stands for itself.
    pub values: BTreeMap<String, String>,
    /// The separator of a text. A single value is the first part. Tags are separated by `|` or `,`
    /// if the text has one of those.
    pub split: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Take {
    /// The value at a place.
    At(PayloadPath),
    /// This fixed text.
    Is(String),
    /// The joined values at several places. Nothing if nothing stands at the first.
    All(Vec<PayloadPath>),
}

/// A value and the choice that gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picked<'m, T> {
    pub value: T,
    pub by: &'m Choice,
}

/// Joins the texts of [`Take::All`]. No text of a payload begins or ends with it.
const JOINT: &str = "\n";

impl Field {
    /// The first value that `read` can use. A text that stands for nothing is passed over.
    pub fn pick<T>(
        &self,
        payload: &Payload<'_>,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<Picked<'_, T>> {
        self.0.iter().filter(|choice| choice.when.holds(payload)).find_map(|by| {
            let texts = by.texts(payload).into_iter();
            texts
                .filter(|text| !by.is_unfilled(text))
                .map(|text| by.meaning(text))
                .find_map(|text| read(&text))
                .map(|value| Picked { value, by })
        })
    }

    /// The first text that stands for nothing, where a value was looked for.
    pub fn unfilled(&self, payload: &Payload<'_>) -> Option<Picked<'_, String>> {
        self.0.iter().filter(|choice| choice.when.holds(payload)).find_map(|by| {
            let mut texts = by.texts(payload).into_iter();
            texts.find(|text| by.is_unfilled(text)).map(|value| Picked { value, by })
        })
    }

    /// Every place that is looked at.
    pub fn places(&self) -> impl Iterator<Item = &PayloadPath> {
        self.0.iter().flat_map(|choice| match &choice.take {
            Take::At(place) => std::slice::from_ref(place),
            Take::Is(_) => &[],
            Take::All(places) => places,
        })
    }

    /// All values of the first choice that gives any. Each value is returned once. A text that
    /// stands for nothing is left out.
    pub fn pick_list(&self, payload: &Payload<'_>) -> Option<Picked<'_, Vec<String>>> {
        self.0.iter().filter(|choice| choice.when.holds(payload)).find_map(|by| {
            let mut value = Vec::new();
            for text in by.parts(payload) {
                if by.is_unfilled(&text) {
                    continue;
                }
                let text = by.meaning(text);
                if !value.contains(&text) {
                    value.push(text);
                }
            }
            (!value.is_empty()).then_some(Picked { value, by })
        })
    }
}

impl Choice {
    pub fn of(take: Take) -> Self {
        Self { take, when: Condition::default(), values: BTreeMap::new(), split: None }
    }

    /// True if the value is taken from a header.
    pub fn is_of_header(&self) -> bool {
        match &self.take {
            Take::At(place) => place.header().is_some(),
            Take::Is(_) => false,
            Take::All(places) => places.iter().any(|place| place.header().is_some()),
        }
    }

    /// True if the text stands for nothing and the operator has not said what it means.
    fn is_unfilled(&self, text: &str) -> bool {
        !matches!(self.take, Take::Is(_))
            && unfilled::is_unfilled(text)
            && !self.values.keys().any(|value| same(value, text))
    }

    fn texts(&self, payload: &Payload<'_>) -> Vec<String> {
        match &self.take {
            Take::At(place) => {
                let texts = place.find(payload).into_iter().filter_map(Found::text);
                match &self.split {
                    None => texts.collect(),
                    Some(by) => texts.filter_map(|text| first(&text, by)).collect(),
                }
            }
            Take::Is(text) => vec![text.clone()],
            Take::All(places) => {
                let first =
                    |place: &PayloadPath| place.find(payload).into_iter().find_map(Found::text);
                let texts: Vec<_> = places.iter().map(first).collect();
                match texts.first() {
                    Some(Some(_)) => {
                        let texts = texts.into_iter().map(Option::unwrap_or_default);
                        vec![texts.collect::<Vec<_>>().join(JOINT)]
                    }
                    _ => Vec::new(),
                }
            }
        }
    }

    /// The texts of a list. A single text is split.
    fn parts(&self, payload: &Payload<'_>) -> Vec<String> {
        let Take::At(place) = &self.take else { return self.texts(payload) };
        if place.is_of_elements() {
            return place.find(payload).into_iter().filter_map(Found::text).collect();
        }
        let mut parts = Vec::new();
        for found in place.find(payload) {
            match found {
                Found::Value(serde_json::Value::Array(list)) => {
                    parts.extend(list.iter().filter_map(|value| Found::Value(value).text()));
                }
                single => parts.extend(single.text().iter().flat_map(|text| self.parted(text))),
            }
        }
        parts
    }

    fn parted(&self, text: &str) -> Vec<String> {
        let by = match &self.split {
            _ if text.contains('|') => "|",
            Some(split) if !text.contains(',') => split,
            _ => ",",
        };
        let parts = text.split(by).map(str::trim).filter(|part| !part.is_empty());
        parts.map(str::to_owned).collect()
    }

    fn meaning(&self, text: String) -> String {
        if self.values.is_empty() {
            return text;
        }
        let known = self.values.iter().find(|(value, _)| same(value, &text));
        known.map_or(text, |(_, meaning)| meaning.clone())
    }
}

fn first(text: &str, by: &str) -> Option<String> {
    text.split(by).map(str::trim).find(|part| !part.is_empty()).map(str::to_owned)
}

/// The form shown to people: `/a/b` or `"auto"`.
impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.take {
            Take::At(place) => place.fmt(f)?,
            Take::Is(text) => write!(f, "{text:?}")?,
            Take::All(places) => {
                let places: Vec<_> = places.iter().map(PayloadPath::to_string).collect();
                f.write_str(&places.join(" + "))?;
            }
        }
        for (index, (place, _)) in self.when.0.iter().enumerate() {
            f.write_str(if index == 0 { " where " } else { " and " })?;
            place.fmt(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn at(place: &str) -> Choice {
        Choice::of(Take::At(PayloadPath::parse(place).unwrap()))
    }

    fn list(body: Value, choice: Choice) -> Vec<String> {
        let header = |_: &str| None;
        let field = Field(vec![choice]);
        let picked = field.pick_list(&Payload { body: &body, header: &header });
        picked.map(|picked| picked.value).unwrap_or_default()
    }

    #[test]
    fn the_first_value_that_can_be_used_wins() {
        let body = json!({"handle": "@ana", "id": 343434343434_u64});
        let header = |_: &str| None;
        let payload = Payload { body: &body, header: &header };
        let field = Field(vec![at("/none"), at("/handle"), at("/id")]);
        let digits = |text: &str| text.parse::<u64>().ok();
        let picked = field.pick(&payload, digits).unwrap();
        assert_eq!((picked.value, picked.by.to_string().as_str()), (343434343434, "/id"));
        assert_eq!(field.pick(&payload, |text| (text == "x").then_some(())), None);
    }

    #[test]
    fn tags_are_a_list_or_a_text() {
        assert_eq!(
            list(json!({"t": ["a b", "c,d", 3, null, "a b"]}), at("/t")),
            ["a b", "c,d", "3"]
        );
        assert_eq!(list(json!({"t": [{"name": "a b"}]}), at("/t/*/name")), ["a b"]);
        assert_eq!(list(json!({"t": "a b, c"}), at("/t")), ["a b", "c"]);
        assert_eq!(list(json!({"t": "a,b|c"}), at("/t")), ["a,b", "c"]);
        let by_blank = Choice { split: Some(" ".into()), ..at("/t") };
        assert_eq!(list(json!({"t": "vip  refund"}), by_blank), ["vip", "refund"]);
    }

    #[test]
    fn a_text_that_stands_for_nothing_is_passed_over() {
        let body = json!({"a": "{{ticket.agent}}", "b": "None", "c": "Bo", "t": "vip, {{x}}"});
        let header = |_: &str| None;
        let payload = Payload { body: &body, header: &header };
        let text = |text: &str| Some(text.to_owned());
        let field = Field(vec![at("/a"), at("/b"), at("/c")]);
        assert_eq!(field.pick(&payload, text).unwrap().value, "Bo");
        let field = Field(vec![at("/a")]);
        assert_eq!(field.pick(&payload, text), None);
        let passed_over = field.unfilled(&payload).unwrap();
        assert_eq!(
            (passed_over.value.as_str(), passed_over.by.to_string()),
            ("{{ticket.agent}}", "/a".into())
        );
        assert_eq!(Field(vec![at("/c")]).unfilled(&payload), None);
        assert_eq!(list(body.clone(), at("/t")), ["vip"]);
        let values = BTreeMap::from([("None".to_owned(), "nobody".to_owned())]);
        let said = Field(vec![Choice { values, ..at("/b") }]);
        assert_eq!(said.pick(&payload, text).unwrap().value, "nobody", "the operator says so");
        let fixed = Field(vec![Choice::of(Take::Is("None".into()))]);
        assert_eq!(fixed.pick(&payload, text).unwrap().value, "None");
    }

    #[test]
    fn a_value_can_mean_another() {
        let values = BTreeMap::from([("Admin".to_owned(), "agent".to_owned())]);
        let choice = Choice { values, ..at("/by") };
        assert_eq!(list(json!({"by": ["admin", "bot"]}), choice), ["agent", "bot"]);
    }
}
