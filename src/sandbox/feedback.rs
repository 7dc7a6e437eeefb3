//! Models X's feedback object, which holds a prompt and the person's answer so far.

use serde_json::{Map, Value, json};

use super::dates::{seconds, x_date};
use crate::domain::time::Millis;

/// The kind of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuestionKind {
    Csat,
    Nps,
}

impl QuestionKind {
    /// Returns the kind that X calls `name`. The name is case-sensitive.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "csat" => Some(Self::Csat),
            "nps" => Some(Self::Nps),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Csat => "csat",
            Self::Nps => "nps",
        }
    }

    /// Returns the highest id of a question of this kind.
    pub fn last_variant(self) -> u32 {
        match self {
            Self::Csat => 37,
            Self::Nps => 9,
        }
    }

    /// True if the card offers this score.
    pub fn offers(self, score: u8) -> bool {
        match self {
            Self::Csat => (1..=5).contains(&score),
            Self::Nps => score <= 10,
        }
    }
}

/// A score or a text with the instant at which it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerPart<T> {
    pub created_at: Millis,
    pub value: T,
}

/// One feedback. Score and text arrive independently, and neither changes afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxFeedback {
    pub id: u64,
    pub dm_id: u64,
    pub created_at: Millis,
    pub updated_at: Millis,
    pub survey: QuestionKind,
    pub test: bool,
    pub from_user_id: u64,
    pub to_user_id: u64,
    pub privacy_url: String,
    pub external_id: Option<String>,
    pub question_variant_id: u32,
    pub display_name: Option<String>,
    pub score: Option<AnswerPart<u8>>,
    pub text: Option<AnswerPart<String>>,
}

impl SandboxFeedback {
    /// Adds the new parts of an answer. True if there were any. A part that is already there does
    /// not change.
    pub fn answer(&mut self, score: Option<u8>, text: Option<&str>, now: Millis) -> bool {
        let mut changed = false;
        if let (None, Some(value)) = (&self.score, score) {
            self.score = Some(AnswerPart { created_at: now, value });
            changed = true;
        }
        if let (None, Some(value)) = (&self.text, text) {
            self.text = Some(AnswerPart { created_at: now, value: value.to_owned() });
            changed = true;
        }
        if changed {
            // X writes whole seconds. A second update within one second still gets its own time.
            // Otherwise nobody could tell which of the two is newer.
            let next_second = Millis((seconds(self.updated_at) + 1) * 1_000);
            self.updated_at = now.max(next_second);
        }
        changed
    }

    /// Writes the feedback as create and show do, with the variant as a string.
    pub fn to_json(&self) -> Value {
        self.written(json!(self.question_variant_id.to_string()))
    }

    /// Writes the feedback as events do, with the variant as a number. So clients must read both.
    pub fn to_event_json(&self) -> Value {
        self.written(json!(self.question_variant_id))
    }

    fn written(&self, question_variant_id: Value) -> Value {
        let mut object = json!({
            "id": self.id.to_string(),
            "dm_id": self.dm_id.to_string(),
            "created_at": x_date(self.created_at),
            "updated_at": x_date(self.updated_at),
            "type": self.survey.name(),
            "test": self.test,
            "from_user_id": self.from_user_id.to_string(),
            "to_user_id": self.to_user_id.to_string(),
            "privacy_url": self.privacy_url,
            "external_id": self.external_id,
            "question_variant_id": question_variant_id,
            "display_name": self.display_name,
        });
        if let Some(response) = self.response() {
            object["response"] = response;
        }
        object
    }

    /// Returns the parts of the answer that have data. Returns nothing before the first part.
    fn response(&self) -> Option<Value> {
        let mut response = Map::new();
        if let Some(score) = &self.score {
            response.insert(
                "score".to_owned(),
                json!({"created_at": x_date(score.created_at), "value": score.value}),
            );
        }
        if let Some(text) = &self.text {
            response.insert(
                "text".to_owned(),
                json!({"created_at": x_date(text.created_at), "value": text.value}),
            );
        }
        (!response.is_empty()).then_some(Value::Object(response))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feedback() -> SandboxFeedback {
        SandboxFeedback {
            id: 7,
            dm_id: 8,
            created_at: Millis(1_539_202_764_100),
            updated_at: Millis(1_539_202_764_100),
            survey: QuestionKind::Nps,
            test: false,
            from_user_id: 1,
            to_user_id: 2,
            privacy_url: "https://acme.example/privacy".to_owned(),
            external_id: Some("c-42".to_owned()),
            question_variant_id: 3,
            display_name: None,
            score: None,
            text: None,
        }
    }

    #[test]
    fn a_feedback_is_written_as_documented_and_has_no_response_before_data() {
        assert_eq!(
            feedback().to_json(),
            json!({
                "id": "7", "dm_id": "8",
                "created_at": "Wed Oct 10 20:19:24 +0000 2018", "updated_at": "Wed Oct 10 20:19:24 +0000 2018",
                "type": "nps", "test": false, "from_user_id": "1", "to_user_id": "2",
                "privacy_url": "https://acme.example/privacy", "external_id": "c-42",
                "question_variant_id": "3", "display_name": null,
            })
        );
        assert_eq!(feedback().to_event_json()["question_variant_id"], json!(3));
    }

    #[test]
    fn score_and_text_come_apart_each_with_its_own_time() {
        let mut feedback = feedback();
        let (scored_at, commented_at) = (Millis(1_539_202_770_000), Millis(1_539_202_780_000));
        assert!(feedback.answer(Some(9), None, scored_at));
        assert_eq!(
            feedback.to_json()["response"],
            json!({"score": {"created_at": "Wed Oct 10 20:19:30 +0000 2018", "value": 9}})
        );
        assert!(feedback.answer(None, Some("thanks"), commented_at));
        assert_eq!(
            feedback.to_json()["response"]["text"],
            json!({"created_at": "Wed Oct 10 20:19:40 +0000 2018", "value": "thanks"})
        );
        assert_eq!(feedback.updated_at, commented_at);
    }

    #[test]
    fn a_part_that_is_there_never_changes() {
        let mut feedback = feedback();
        let at = Millis(1_539_202_770_000);
        assert!(feedback.answer(Some(9), Some("thanks"), at));
        let before = feedback.clone();
        assert!(!feedback.answer(Some(1), Some("no"), Millis(at.0 + 60_000)));
        assert_eq!(feedback, before);
    }

    #[test]
    fn two_updates_within_one_second_have_different_times() {
        let mut feedback = feedback();
        let at = feedback.created_at;
        feedback.answer(Some(9), None, at);
        let scored = x_date(feedback.updated_at);
        feedback.answer(None, Some("thanks"), Millis(at.0 + 1));
        assert_ne!(scored, x_date(feedback.created_at));
        assert_ne!(scored, x_date(feedback.updated_at));
    }
}
