//! What was decided of a survey, step by step, as `explain` and `surveys show` tell it.

use serde::{Serialize, Serializer};

use crate::domain::policy::decision::Decision;
use crate::domain::policy::words;
use crate::domain::time::Millis;
use crate::store::{HistoryStep, ResultRow};
use crate::terminal::table::Column;

/// One line of a survey's history.
#[derive(Serialize)]
pub struct Entry {
    #[serde(serialize_with = "rfc3339")]
    pub at: Millis,
    pub state: String,
    pub detail: Option<String>,
    /// The numbers behind it, where something was decided.
    pub decision: Option<serde_json::Value>,
}

fn rfc3339<S: Serializer>(at: &Millis, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.rfc3339())
}

/// The columns of [`cells`].
pub const COLUMNS: [Column; 3] =
    [Column::instant("at"), Column::state("state"), Column::sentence("detail")];

/// The close, every step after it, and what X told of the answer, in the order of time.
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
            // Closes that changed nothing.
            ..0 => closes.push(entry),
            1.. => entries.push(entry),
        }
    }
    entries.insert(0, accepted.unwrap_or_else(|| acceptance(row, was_moved)));
    // The steps stand as they followed each other, also where a clock was set back between them.
    for close in closes {
        let place = entries.iter().position(|known| known.at > close.at).unwrap_or(entries.len());
        entries.insert(place.max(1), close);
    }
    for answer in answers {
        // X tells some instants to the second; no answer came before its prompt.
        let sent = entries.iter().rposition(|known| known.state == "sent").unwrap_or(0);
        let place = entries.iter().position(|known| known.at >= answer.at).unwrap_or(entries.len());
        entries.insert(place.max(sent + 1), answer);
    }
    entries
}

/// How the line of a close that moved the survey begins.
const AGAIN: &str = "closed again at ";

/// Of a survey that no later close has moved, the row says what its close said. An earlier version
/// kept of one that was moved no more than when it was taken in.
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
        state: "accepted".into(),
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
            // What it waited for last.
            (Some(detail), Some(decided)) if step.state == "expired" => {
                Some(format!("{decided}; {detail}"))
            }
            (detail, decided) => decided.or(detail),
        },
        decision: step.decision.as_ref().and_then(numbers),
        state: step.state,
    }
}

/// The entries for a table.
pub fn cells(entries: Vec<Entry>) -> Vec<Vec<String>> {
    let cells =
        |entry: Entry| vec![entry.at.rfc3339(), entry.state, entry.detail.unwrap_or_default()];
    entries.into_iter().map(cells).collect()
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
