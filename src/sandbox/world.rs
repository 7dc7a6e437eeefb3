//! Holds the state of the simulated X and lets planned things happen.
//!
//! It is not async and knows neither a clock nor a network. `now` is an argument. Everything that
//! is planned up to `now` happens before anything else does.

use std::collections::BTreeMap;
use std::time::Duration;

use thiserror::Error;

use super::accepted::Accepted;
use super::answers;
use super::api_call::ApiCall;
use super::authentication::Nonces;
use super::behaviour::Behaviour;
use super::chance::Chance;
use super::config::{SandboxAccount, SandboxConfig};
use super::events::{EventLog, EventType};
use super::faults::{FaultOrder, FaultQueue, InjectedFault};
use super::feedback::SandboxFeedback;
use super::limits::{PromptsOfDay, Windows};
use super::message_log::MessageLog;
use super::people::{People, Person, PersonsAnswer, Plan};
use super::record::{DeliveredPrompt, Record, RefusedCall};
use crate::domain::time::Millis;

/// The whole state of the simulated X.
pub struct World {
    pub(super) seed: u64,
    pub(super) horizon: Duration,
    pub(super) behaviour: Behaviour,
    pub(super) accounts: Vec<SandboxAccount>,
    pub(super) days: BTreeMap<u64, PromptsOfDay>,
    pub(super) windows: Windows,
    pub(super) people: People,
    pub(super) feedback: BTreeMap<u64, SandboxFeedback>,
    pub(super) events: EventLog,
    /// Event windows with this instant in them never end.
    pub(super) endless_at: Option<Millis>,
    pub(super) messages: MessageLog,
    pub(super) record: Record,
    pub(super) faults: FaultQueue,
    /// The answers to come that carry a wrong date.
    pub(super) misdated: Option<Misdated>,
    pub(super) nonces: Nonces,
    /// Things to come by instant. The number keeps the order within one instant.
    agenda: BTreeMap<(Millis, u64), Due>,
    last_number: u64,
}

/// An order for wrong dates. They look like a wrong clock at X, but X still judges by its right
/// one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Misdated {
    /// The call whose answers get wrong dates. Absent if every call's answers do.
    pub call: Option<ApiCall>,
    pub times: u32,
    pub ahead_ms: i64,
}

/// Something that happens later by itself.
pub(super) enum Due {
    /// A person answers. X may report the update a second time.
    Answer { feedback_id: u64, answer: PersonsAnswer, repeated_after: Option<Duration> },
    /// X reports an earlier update again without later changes.
    Repeat(SandboxFeedback),
    /// A call is carried out although its client has already seen it end.
    Call(Accepted),
}

/// The reason why an answer by hand was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AnswerError {
    #[error("there is no such feedback")]
    NoSuchFeedback,
    #[error("the card offers no such score")]
    NoSuchScore,
    #[error("the answer has nothing that the feedback does not have already")]
    NothingNew,
}

impl World {
    pub fn new(config: SandboxConfig) -> Self {
        let SandboxConfig { seed, horizon, accounts, behaviour, clock: _ } = config;
        Self {
            seed,
            horizon,
            behaviour,
            accounts,
            days: BTreeMap::new(),
            windows: Windows::default(),
            people: People::default(),
            feedback: BTreeMap::new(),
            events: EventLog::default(),
            endless_at: None,
            messages: MessageLog::default(),
            record: Record::default(),
            faults: FaultQueue::default(),
            misdated: None,
            nonces: Nonces::default(),
            agenda: BTreeMap::new(),
            last_number: 0,
        }
    }

    /// Returns the record of what happened so far.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Returns every prompt that was carried out in order.
    pub fn prompts(&self) -> &[DeliveredPrompt] {
        self.record.prompts()
    }

    /// Returns the prompts that one person got.
    pub fn prompts_to(&self, user_id: u64) -> impl Iterator<Item = &DeliveredPrompt> {
        self.prompts().iter().filter(move |prompt| prompt.to_user_id == user_id)
    }

    /// Returns the latest calls that X's rules refused, from the oldest to the newest.
    pub fn refused(&self) -> impl ExactSizeIterator<Item = &RefusedCall> {
        self.record.refused()
    }

    /// Returns how often all accounts together made a call.
    pub fn calls(&self, call: ApiCall) -> u64 {
        self.record
            .calls()
            .iter()
            .filter(|((_, made), _)| *made == call)
            .map(|(_, count)| count)
            .sum()
    }

    /// Returns the number of events of all accounts.
    pub fn event_count(&self) -> u64 {
        self.events.count()
    }

    /// Returns a feedback in its present state.
    pub fn feedback(&self, id: u64) -> Option<&SandboxFeedback> {
        self.feedback.get(&id)
    }

    pub fn accounts(&self) -> &[SandboxAccount] {
        &self.accounts
    }

    /// Describes a person, who then no longer depends on the seed.
    pub fn tell(&mut self, user_id: u64, person: Person) {
        self.people.tell(user_id, person);
    }

    /// Sets a 15-minute limit that differs from X's for all accounts.
    pub fn set_limit(&mut self, call: ApiCall, limit: u32) {
        self.windows.set_limit(call, limit);
    }

    /// Makes the pages of every event window that contains `at` lead back to the first page.
    pub fn set_endless(&mut self, at: Option<Millis>) {
        self.endless_at = at;
    }

    /// Makes the next `times` calls of a kind meet a fault, no matter which account makes them.
    pub fn fault(&mut self, call: ApiCall, times: u32, fault: InjectedFault) {
        self.order(FaultOrder { call, user_id: None, times, fault });
    }

    /// Adds a fault order. A call meets the oldest order that is meant for it.
    pub fn order(&mut self, order: FaultOrder) {
        self.faults.add(order);
    }

    /// Gives the next `times` answers a wrong date. It is ahead of the true one, or behind it if
    /// `ahead_ms` is negative. X's own dates and decisions stay right.
    pub fn misdate(&mut self, call: Option<ApiCall>, times: u32, ahead_ms: i64) {
        self.misdated = Some(Misdated { call, times, ahead_ms });
    }

    /// Cancels all fault orders.
    pub fn clear_faults(&mut self) {
        self.faults.clear();
    }

    /// Returns the number of faults yet to come.
    pub fn faults_left(&self) -> u64 {
        self.faults.left()
    }

    /// Returns the instant of the next planned thing.
    pub fn next_due_at(&self) -> Option<Millis> {
        self.agenda.first_key_value().map(|((at, _), _)| *at)
    }

    /// Lets everything happen that is due by `now`, each at its own instant. Every request calls
    /// this first.
    pub fn advance(&mut self, now: Millis) {
        while let Some(entry) = self.agenda.first_entry() {
            let at = entry.key().0;
            if at > now {
                break;
            }
            match entry.remove() {
                Due::Answer { feedback_id, answer, repeated_after } => {
                    if let Some(after) = self.apply(feedback_id, &answer, at).and(repeated_after) {
                        let repeated = self.feedback[&feedback_id].clone();
                        self.plan(at.plus(after), Due::Repeat(repeated));
                    }
                }
                Due::Repeat(feedback) => self.events.add(EventType::Updated, &feedback, at),
                Due::Call(accepted) => {
                    self.carry_out(&accepted, at);
                }
            }
        }
    }

    /// Answers by hand as a person would. Parts that are already there do not change.
    pub fn answer(
        &mut self,
        feedback_id: u64,
        score: Option<u8>,
        text: Option<&str>,
        now: Millis,
    ) -> Result<(), AnswerError> {
        self.advance(now);
        let feedback = self.feedback.get(&feedback_id).ok_or(AnswerError::NoSuchFeedback)?;
        if score.is_some_and(|score| !feedback.survey.offers(score)) {
            return Err(AnswerError::NoSuchScore);
        }
        let answer = PersonsAnswer { after: Duration::ZERO, score, text: text.map(str::to_owned) };
        self.apply(feedback_id, &answer, now).ok_or(AnswerError::NothingNew)
    }

    /// Plans the answers to a new feedback. `number` counts the prompts from this account to this
    /// person.
    pub(super) fn plan_answers(&mut self, feedback: &SandboxFeedback, number: u32, plan: Plan) {
        let key = format!("{}-{}-{number}", feedback.from_user_id, feedback.to_user_id);
        let mut chance = Chance::of(self.seed, &["answers", &key]);
        let answers = match plan {
            Plan::Drawn => answers::drawn(feedback.survey, &self.behaviour, &mut chance),
            Plan::Fixed(answers) => answers,
        };
        for answer in answers {
            let repeated_after = answers::repeated_after(&self.behaviour, &mut chance);
            let at = feedback.created_at.plus(answer.after);
            self.plan(at, Due::Answer { feedback_id: feedback.id, answer, repeated_after });
        }
    }

    /// Returns a number that was never used before.
    pub(super) fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    pub(super) fn plan(&mut self, at: Millis, due: Due) {
        let number = self.next_number();
        self.agenda.insert((at, number), due);
    }

    /// Adds an answer to its feedback and reports it as an event. Returns nothing if it had nothing
    /// new.
    fn apply(&mut self, feedback_id: u64, answer: &PersonsAnswer, at: Millis) -> Option<()> {
        let feedback = self.feedback.get_mut(&feedback_id)?;
        feedback.answer(answer.score, answer.text.as_deref(), at).then(|| {
            self.events.add(EventType::Updated, feedback, at);
        })
    }
}
