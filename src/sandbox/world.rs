//! The state of the simulated X, and what happens in it on its own. No async, no clock, no wire:
//! `now` is an argument, and whatever was planned up to `now` happens before anything else does.

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
use super::events::{Change, EventLog};
use super::faults::{FaultQueue, InjectedFault, Order};
use super::feedback::SandboxFeedback;
use super::limits::{PromptsOfDay, Windows};
use super::message_log::MessageLog;
use super::people::{People, Person, PersonsAnswer, Plan};
use super::record::{DeliveredPrompt, Record, RefusedCall};
use crate::domain::time::Millis;

/// Everything X knows.
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
    /// Pages of events over this instant have no end.
    pub(super) endless_at: Option<Millis>,
    pub(super) messages: MessageLog,
    pub(super) record: Record,
    pub(super) faults: FaultQueue,
    /// Answers to come that bear a wrong date.
    pub(super) misdated: Option<Misdated>,
    pub(super) nonces: Nonces,
    /// What is still to happen, by when; the number keeps the order of what is due at once.
    agenda: BTreeMap<(Millis, u64), Due>,
    last_number: u64,
}

/// A clock at X that is wrong, though X goes by its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Misdated {
    /// Absent: whatever is called.
    pub call: Option<ApiCall>,
    pub times: u32,
    pub ahead_ms: i64,
}

/// Something that happens later on its own.
pub(super) enum Due {
    /// A person answers; X may report the update a second time.
    Answer { feedback_id: u64, answer: PersonsAnswer, repeated_after: Option<Duration> },
    /// X reports an update again, as it was then.
    Repeat(SandboxFeedback),
    /// A call whose client was cut off is carried out nevertheless.
    Call(Accepted),
}

/// Why an answer by hand was not taken.
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

    /// What happened so far: prompts, refused calls, counts.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Every prompt that was carried out, in order.
    pub fn prompts(&self) -> &[DeliveredPrompt] {
        self.record.prompts()
    }

    /// The prompts that one person got.
    pub fn prompts_to(&self, user_id: u64) -> impl Iterator<Item = &DeliveredPrompt> {
        self.prompts().iter().filter(move |prompt| prompt.to_user_id == user_id)
    }

    /// The calls that X's rules refused, oldest first.
    pub fn refused(&self) -> impl ExactSizeIterator<Item = &RefusedCall> {
        self.record.refused()
    }

    /// How often a call was made, by all accounts together.
    pub fn calls(&self, call: ApiCall) -> u64 {
        self.record
            .calls()
            .iter()
            .filter(|((_, made), _)| *made == call)
            .map(|(_, count)| count)
            .sum()
    }

    /// How many events there are, of all accounts.
    pub fn event_count(&self) -> u64 {
        self.events.count()
    }

    /// A feedback as it stands.
    pub fn feedback(&self, id: u64) -> Option<&SandboxFeedback> {
        self.feedback.get(&id)
    }

    pub fn accounts(&self) -> &[SandboxAccount] {
        &self.accounts
    }

    /// Says who a person is, instead of the seed.
    pub fn tell(&mut self, user_id: u64, person: Person) {
        self.people.tell(user_id, person);
    }

    /// Changes how people and pages behave from now on; answers that are planned already stay
    /// planned.
    pub fn behave(&mut self, behaviour: Behaviour) {
        self.behaviour = behaviour;
    }

    /// Sets a 15-minute limit other than X's for all accounts.
    pub fn set_limit(&mut self, call: ApiCall, limit: u32) {
        self.windows.set_limit(call, limit);
    }

    /// Lets the pages of every window of events with this instant in it lead back to their first.
    pub fn set_endless(&mut self, at: Option<Millis>) {
        self.endless_at = at;
    }

    /// Lets the next `times` calls of a kind meet a fault, whichever account makes them.
    pub fn fault(&mut self, call: ApiCall, times: u32, fault: InjectedFault) {
        self.order(Order { call, user_id: None, times, fault });
    }

    /// Lets calls meet a fault; orders for the same call are met one after the other.
    pub fn order(&mut self, order: Order) {
        self.faults.add(order);
    }

    /// Lets so many answers bear a date that is ahead, or behind where that is negative. What X
    /// itself dates and judges is not touched.
    pub fn misdate(&mut self, call: Option<ApiCall>, times: u32, ahead_ms: i64) {
        self.misdated = Some(Misdated { call, times, ahead_ms });
    }

    /// From now on calls meet the truth again.
    pub fn clear_faults(&mut self) {
        self.faults.clear();
    }

    /// How many faults are still to be met.
    pub fn faults_left(&self) -> u64 {
        self.faults.left()
    }

    /// The instant of the next thing that happens on its own, if there is one.
    pub fn next_due_at(&self) -> Option<Millis> {
        self.agenda.first_key_value().map(|((at, _), _)| *at)
    }

    /// Lets everything happen that is due by `now`, each thing at its own instant. Every request
    /// does this first.
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
                Due::Repeat(feedback) => self.events.add(Change::Updated, &feedback, at),
                Due::Call(accepted) => {
                    self.carry_out(&accepted, at);
                }
            }
        }
    }

    /// A person answers by hand. Parts that are there already stay as they are.
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

    /// Puts the answers to a new feedback on the agenda; it is the `number`-th from this account to
    /// this person.
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

    /// A number that was never given before.
    pub(super) fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    pub(super) fn plan(&mut self, at: Millis, due: Due) {
        let number = self.next_number();
        self.agenda.insert((at, number), due);
    }

    /// Adds an answer to its feedback and reports it; `None` where it had nothing new.
    fn apply(&mut self, feedback_id: u64, answer: &PersonsAnswer, at: Millis) -> Option<()> {
        let feedback = self.feedback.get_mut(&feedback_id)?;
        feedback.answer(answer.score, answer.text.as_deref(), at).then(|| {
            self.events.add(Change::Updated, feedback, at);
        })
    }
}
