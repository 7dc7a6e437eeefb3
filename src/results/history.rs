//! Tells the life of a survey line by line, for commands, pages and programs.

use serde::{Serialize, Serializer};

use crate::domain::policy::decision::Decision;
use crate::domain::policy::words;
use crate::domain::time::Millis;
use crate::store::{HistoryStep, ResultRow};

/// One line of a survey's history.
#[derive(Serialize)]
pub struct Entry {
    #[serde(serialize_with = "rfc3339")]
    pub at: Millis,
    pub state: String,
    pub detail: Option<String>,
    /// The numbers on which a decision rests. `None` if this line is not a decision.
    pub decision: Option<serde_json::Value>,
}

fn rfc3339<S: Serializer>(at: &Millis, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.rfc3339())
}

/// What X told of the person's answer, in lines.
pub fn answers(row: &ResultRow) -> Vec<Entry> {
    let told = [
        (row.told.scored_at, row.told.score.map(|score| format!("score {score}"))),
        (row.told.commented_at, row.told.text.as_ref().map(|_| "comment".to_owned())),
    ];
    let told = told.into_iter().filter_map(|(at, what)| {
        let (at, detail) = (at?, Some(what?));
        Some(Entry { at, state: TOLD_BY_X.into(), detail, decision: None })
    });
    told.collect()
}

/// The lines without what names a person: the details of closes, and what X told of answers.
pub fn without_names(entries: Vec<Entry>) -> Vec<Entry> {
    let mut entries = entries;
    entries.retain(|entry| entry.state != TOLD_BY_X);
    for entry in &mut entries {
        let is_close = entry.detail.as_deref().is_some_and(|detail| detail.contains("closed"));
        if is_close || entry.state == ACCEPTED {
            entry.detail = None;
        }
    }
    entries
}

/// The state of the first line.
const ACCEPTED: &str = "accepted";

/// The state of a line that tells an answer.
pub const TOLD_BY_X: &str = "told by X";

/// Returns the close, every later step and X's updates of the answer in the order of time.
pub fn entries(row: &ResultRow, steps: Vec<HistoryStep>, answers: Vec<Entry>) -> Vec<Entry> {
    let is_step = |step: &HistoryStep| step.place > 0;
    let was_moved = steps.iter().any(|step| {
        is_step(step) && step.detail.as_deref().is_some_and(|detail| detail.starts_with(AGAIN))
    });
    let (mut closes, mut accepted) = (Vec::new(), None);
    let mut entries = Vec::new();
    for step in steps {
        let place = step.place;
        let entry = of_step(step);
        match place {
            0 => accepted = Some(entry),
            // These are closes that changed nothing.
            ..0 => closes.push(entry),
            1.. => entries.push(entry),
        }
    }
    entries.insert(0, accepted.unwrap_or_else(|| acceptance(row, was_moved)));
    // The steps keep their own order even if a clock was set back between them.
    for close in closes {
        let place = entries.iter().position(|known| known.at > close.at).unwrap_or(entries.len());
        entries.insert(place.max(1), close);
    }
    for answer in answers {
        // X gives some instants to the second only, but no answer came before its prompt.
        let sent = entries.iter().rposition(|known| known.state == "sent").unwrap_or(0);
        let place = entries.iter().position(|known| known.at >= answer.at).unwrap_or(entries.len());
        entries.insert(place.max(sent + 1), answer);
    }
    entries
}

/// The beginning of the line for a close that moved the survey.
const AGAIN: &str = "closed again at ";

/// Returns the acceptance of a survey if none is stored.
///
/// If no later close moved the survey, its row still holds the first close. Otherwise, an earlier
/// version of surveyd kept only the time of acceptance.
fn acceptance(row: &ResultRow, was_moved: bool) -> Entry {
    let survey = &row.survey;
    let decision = row.at_close.as_ref().filter(|_| !was_moved);
    let detail = match was_moved {
        true => "what this close said was not kept; a later one took its place".to_owned(),
        false => {
            let (at, source) = (survey.closed_at.rfc3339(), &survey.source);
            format!("closed at {at}, from source {source}{}", survey.notice.words())
        }
    };
    of_step(HistoryStep {
        place: 0,
        at: survey.accepted_at,
        state: ACCEPTED.into(),
        detail: Some(detail),
        decision: decision.cloned(),
    })
}

fn of_step(step: HistoryStep) -> Entry {
    let decided = step.decision.as_ref().map(said);
    Entry {
        at: step.at,
        detail: match (step.detail, decided) {
            (Some(detail), Some(decided)) if step.place == 0 => {
                Some(format!("{detail}; {decided}"))
            }
            // This is the last obstacle that the survey waited for.
            (Some(detail), Some(decided)) if step.state == "expired" => {
                Some(format!("{decided}; {detail}"))
            }
            (detail, decided) => decided.or(detail),
        },
        decision: step.decision.as_ref().and_then(numbers),
        state: step.state,
    }
}

/// Returns the decision as a sentence with its rule and its variant.
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

/// Returns the stored numbers of a decision. Instants are written as RFC 3339.
pub fn numbers(decision: &Decision) -> Option<serde_json::Value> {
    let mut numbers: serde_json::Value = serde_json::from_str(&decision.json().ok()?).ok()?;
    for (name, value) in numbers.as_object_mut()? {
        let is_instant = name == "at" || name == "until" || name.ends_with("_at");
        if let Some(at) = value.as_i64().filter(|_| is_instant) {
            *value = crate::domain::time::Millis(at).rfc3339().into();
        }
    }
    Some(numbers)
}
