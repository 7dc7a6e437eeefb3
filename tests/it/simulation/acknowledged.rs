//! The oracle's knowledge of what went in: what a close or a reopening may come to as it is
//! acknowledged.

use std::collections::BTreeSet;

use surveyd::domain::close::{Close, Reopening};
use surveyd::domain::time::Millis;
use surveyd::store::Taken;

use super::model::{Known, Model};
use super::setting::SKIPPED;

impl Model {
    fn of_conversation(&self, account: &str, conversation: &str) -> Vec<usize> {
        let is_of = |known: &Known| known.account == account && known.conversation == conversation;
        (0..self.surveys.len()).filter(|at| is_of(&self.surveys[*at])).collect()
    }

    /// A close was acknowledged. What happened to it, in a word. `again`: its sender had hung up
    /// before, and cannot know whether it was taken.
    pub fn acknowledged(
        &mut self,
        close: &Close,
        taken: &Taken,
        again: bool,
        now: Millis,
    ) -> &'static str {
        let (account, conversation) = (close.account.clone(), close.conversation_id.to_string());
        let of_it = self.of_conversation(&account, &conversation);
        let due_at = close.closed_at.plus(self.setting.delay);
        let is_skipped = close.notice.tags.iter().any(|tag| tag == SKIPPED);
        if let Some(at) = self.by_id.get(&taken.survey_id) {
            let known = &mut self.surveys[*at];
            assert!(!taken.is_new, "{conversation}: an old survey is told as a new one");
            assert!(
                taken.state == known.state,
                "{conversation}: told as {} and is {}",
                taken.state,
                known.state
            );
            if known.closes.contains(&close.closed_at) {
                return "redelivered";
            }
            assert!(known.state == "scheduled", "{conversation}: a close joins an ended survey");
            let is_known =
                of_it.iter().any(|at| self.surveys[*at].closes.contains(&close.closed_at));
            assert!(!is_known, "{conversation}: a known close is taken for another");
            let known = &mut self.surveys[*at];
            known.closes.insert(close.closed_at);
            if close.closed_at < known.closed_at {
                return "older than the close on record";
            }
            (known.closed_at, known.due_at) = (close.closed_at, due_at);
            known.is_skipped = is_skipped;
            assert!(taken.due_at == due_at, "{conversation}: moved to another time than its due");
            return "closed again before its prompt";
        }
        assert!(taken.is_new || again, "{conversation}: a survey that nobody knew is no new one");
        for at in &of_it {
            let other = &self.surveys[*at];
            assert!(other.state != "scheduled", "{conversation}: two surveys wait at once");
            assert!(
                !other.closes.contains(&close.closed_at),
                "{conversation}: one close, two surveys"
            );
        }
        let reopened = self.reopened.get(&(account.clone(), conversation.clone()));
        let is_reopened = reopened.is_some_and(|at| *at >= close.closed_at);
        let is_late = now > close.closed_at.plus(self.setting.expire_after);
        let is_allowed = match taken.state {
            "cancelled" => is_reopened,
            "expired" => !is_reopened && is_late,
            // Where its sender said it twice, it was in time when it was first said.
            // One that is late is ended by the scheduler where X has not told the time of late.
            "scheduled" => !is_reopened && !is_skipped,
            "suppressed" => {
                let is_so = match taken.reason.as_deref() {
                    Some("rule") => is_skipped,
                    Some("sampled_out") => !is_skipped && self.setting.sample < 100,
                    _ => false,
                };
                is_so && !is_reopened
            }
            _ => false,
        };
        assert!(is_allowed, "{conversation}: {} as it came in", taken.state);
        assert!(taken.due_at == due_at, "{conversation}: due at {}", taken.due_at.rfc3339());
        let external_id = match of_it.len() {
            0 => conversation.clone(),
            before => format!("{conversation}#{}", before + 1),
        };
        self.by_id.insert(taken.survey_id.clone(), self.surveys.len());
        self.surveys.push(Known {
            account,
            conversation,
            external_id,
            person: close.person().parse().expect("people here have numbers"),
            closes: BTreeSet::from([close.closed_at]),
            closed_at: close.closed_at,
            due_at,
            accepted_at: now,
            state: taken.state.to_owned(),
            since: now,
            spent_at: None,
            begun: 0,
            is_skipped,
            prompted_at: None,
        });
        match (taken.state, of_it.is_empty()) {
            ("expired", _) => "too old as it came in",
            ("cancelled", _) => "reopened before it came in",
            ("suppressed", _) if is_skipped => "left out by a rule",
            ("suppressed", _) => "not in the sample",
            (_, true) => "new",
            (_, false) => "closed again after its survey",
        }
    }

    /// A reopening was acknowledged, and what it did has been shown.
    pub fn reopened(&mut self, reopening: &Reopening) {
        let account = reopening.account.clone();
        let conversation = reopening.conversation_id.to_string();
        for at in self.of_conversation(&account, &conversation) {
            let known = &self.surveys[at];
            let waits = known.state == "scheduled" && known.closed_at <= reopening.reopened_at;
            assert!(!waits, "{conversation} waits though it was reopened");
        }
        let last = self.reopened.entry((account, conversation)).or_insert(reopening.reopened_at);
        *last = reopening.reopened_at.max(*last);
    }

    /// A reopening is about to be told: surveys may be called off by it from now on.
    pub fn reopens(&mut self, reopening: &Reopening) {
        let key = (reopening.account.clone(), reopening.conversation_id.to_string());
        let last = self.reopened.entry(key).or_insert(reopening.reopened_at);
        *last = reopening.reopened_at.max(*last);
    }
}
