//! Tells the life of a survey line by line, for commands, pages and programs.

use serde::{Serialize, Serializer};

use crate::domain::policy::decision::Decision;
use crate::domain::policy::words;
use crate::domain::time::Millis;
use crate::store::{HistoryStep, ResultRow};

/// What a line tells of. Readers go by this and never by the words of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// What a close said. It names people.
    Close,
    Step,
    /// The score that X told, or the comment.
    Score(i64),
    Comment,
}

impl EntryKind {
    /// True if the line tells of the person's answer.
    pub fn is_answer(self) -> bool {
        matches!(self, Self::Score(_) | Self::Comment)
    }
}

/// One line of a survey's history.
#[derive(Serialize)]
pub struct Entry {
    #[serde(skip)]
    pub kind: EntryKind,
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
    let told = &row.told;
    let line = |at: Millis, kind: EntryKind, detail: String| Entry {
        kind,
        at,
        state: TOLD_BY_X.into(),
        detail: Some(detail),
        decision: None,
    };
    let score = told
        .scored_at
        .zip(told.score)
        .map(|(at, score)| line(at, EntryKind::Score(score), format!("score {score}")));
    let comment = told.commented_at.filter(|_| told.text.is_some());
    let comment = comment.map(|at| line(at, EntryKind::Comment, "comment".to_owned()));
    score.into_iter().chain(comment).collect()
}

/// The lines without what names a person: the details of closes, and what X told of answers.
pub fn without_names(entries: Vec<Entry>) -> Vec<Entry> {
    let mut entries = entries;
    entries.retain(|entry| !entry.kind.is_answer());
    for entry in entries.iter_mut().filter(|entry| entry.kind == EntryKind::Close) {
        entry.detail = None;
    }
    entries
}

/// The state of the first line.
const ACCEPTED: &str = "accepted";

/// The state of a line that tells an answer.
const TOLD_BY_X: &str = "told by X";

/// Returns the close, every later step and X's updates of the answer in the order of time.
pub fn entries(row: &ResultRow, steps: Vec<HistoryStep>, answers: Vec<Entry>) -> Vec<Entry> {
    let was_moved = steps.iter().any(|step| step.place > 0 && is_close(step));
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

/// True if the line keeps what a close said. Of the steps, only a close that moved the survey does.
fn is_close(step: &HistoryStep) -> bool {
    step.place <= 0 || step.detail.as_deref().is_some_and(|detail| detail.starts_with(AGAIN))
}

fn of_step(step: HistoryStep) -> Entry {
    let decided = step.decision.as_ref().map(said);
    Entry {
        kind: if is_close(&step) { EntryKind::Close } else { EntryKind::Step },
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

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(kind: EntryKind, detail: &str) -> Entry {
        let detail = Some(detail.to_owned());
        Entry { kind, at: Millis(0), state: "scheduled".to_owned(), detail, decision: None }
    }

    #[test]
    fn names_are_left_out_by_what_a_line_tells_and_not_by_its_words() {
        let entries = without_names(vec![
            entry(EntryKind::Close, "again, by agent Noor"),
            entry(EntryKind::Step, "the account was closed at X"),
            entry(EntryKind::Score(3), "score 3"),
            entry(EntryKind::Comment, "comment"),
        ]);
        let details: Vec<_> = entries.iter().map(|entry| entry.detail.as_deref()).collect();
        assert_eq!(details, [None, Some("the account was closed at X")]);
    }

    #[test]
    fn a_close_is_one_whether_it_moved_the_survey_or_not() {
        let kind = |place: i64, detail: &str| {
            let detail = Some(detail.to_owned());
            let state = "scheduled".to_owned();
            of_step(HistoryStep { place, at: Millis(0), state, detail, decision: None }).kind
        };
        assert_eq!(kind(0, "closed at"), EntryKind::Close);
        assert_eq!(kind(-1, "an older close"), EntryKind::Close);
        assert_eq!(kind(3, "closed again at 2026"), EntryKind::Close);
        assert_eq!(kind(3, "waits: closed by a bot"), EntryKind::Step);
    }
}
