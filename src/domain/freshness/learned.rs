//! What surveyd learns about an account's people from the account's own prompts.

use std::time::Duration;

use super::curve::{ANSWER, Curve, REST};
use super::{Millis, REST_FOR};

/// One past prompt with what X has reported of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observed {
    pub sent_at: Millis,
    /// When the person gave the score and the comment, as X dates them.
    pub score_at: Option<Millis>,
    pub comment_at: Option<Millis>,
    /// All that the person gave up to this instant is known.
    pub known_to: Millis,
}

/// How soon an account's people answer and how soon they complete an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Habits {
    pub answer: Curve,
    pub rest: Curve,
}

impl Default for Habits {
    fn default() -> Self {
        Self { answer: Curve::believed(ANSWER), rest: Curve::believed(REST) }
    }
}

impl Habits {
    /// The default habits refined by `observed`. Only the time in which a prompt was fresh counts.
    /// Later answers may not be known.
    pub fn of(observed: &[Observed], fresh_for: Duration) -> Self {
        let mut habits = Self::default();
        for prompt in observed {
            habits.count(prompt, fresh_for);
        }
        habits
    }

    fn count(&mut self, prompt: &Observed, fresh_for: Duration) {
        let known_for = prompt.known_to.since(prompt.sent_at).min(fresh_for);
        let parts = [prompt.score_at, prompt.comment_at];
        let Some(first_at) = parts.into_iter().flatten().min() else {
            self.answer.count(known_for, false);
            return;
        };
        let answered_after = first_at.since(prompt.sent_at);
        if answered_after > fresh_for {
            self.answer.count(fresh_for, false);
            return;
        }
        self.answer.count(answered_after, true);
        let watched = prompt.known_to.since(first_at).min(REST_FOR);
        match parts {
            [Some(score_at), Some(comment_at)] => {
                let rest_after = score_at.max(comment_at).since(first_at);
                self.rest.count(rest_after.min(REST_FOR), rest_after <= REST_FOR);
            }
            _ => self.rest.count(watched, false),
        }
    }
}
