//! What was decided of a survey, step by step, as `explain` and `surveys show` tell it.

use serde::Serialize;

use crate::domain::policy::decision::Decision;
use crate::domain::policy::words;
use crate::store::{ResultRow, Step};

/// One line of a survey's history.
#[derive(Serialize)]
pub struct Entry {
    pub at: String,
    pub state: String,
    pub detail: Option<String>,
    /// The numbers behind it, where something was decided.
    pub decision: Option<serde_json::Value>,
}

/// The close, and every step after it.
pub fn entries(row: &ResultRow, steps: Vec<Step>) -> Vec<Entry> {
    let survey = &row.survey;
    let closed = format!("closed at {}, from source {}", survey.closed_at.rfc3339(), survey.source);
    let decided = row.at_close.as_ref();
    let due = decided.map(|decided| format!("; {}", said(decided))).unwrap_or_default();
    let taken_in = Entry {
        at: survey.accepted_at.rfc3339(),
        state: "accepted".into(),
        detail: Some(format!("{closed}{due}")),
        decision: decided.and_then(numbers),
    };
    let steps = steps.into_iter().map(|step| Entry {
        at: step.at.rfc3339(),
        detail: step.decision.as_ref().map(said).or(step.detail),
        decision: step.decision.as_ref().and_then(numbers),
        state: step.state,
    });
    std::iter::once(taken_in).chain(steps).collect()
}

/// The decision in a sentence, with its rule and its variant.
pub fn said(decision: &Decision) -> String {
    let mut said = words(decision);
    if let Some(rule) = &decision.rule {
        said += &format!(" [rule {rule}]");
    }
    if let Some(variant) = &decision.variant {
        said += &format!(" [variant {variant}]");
    }
    said
}

/// What is kept of it, its instants as they are written elsewhere.
pub fn numbers(decision: &Decision) -> Option<serde_json::Value> {
    let mut numbers: serde_json::Value = serde_json::from_str(&decision.json().ok()?).ok()?;
    // Instants as people and programs read them elsewhere.
    for (name, value) in numbers.as_object_mut()? {
        let is_instant = name == "at" || name == "until" || name.ends_with("_at");
        if let Some(at) = value.as_i64().filter(|_| is_instant) {
            *value = crate::domain::time::Millis(at).rfc3339().into();
        }
    }
    Some(numbers)
}
