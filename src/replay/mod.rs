//! Replays the closes on record under another configuration and compares the outcomes.
//!
//! A [`Replay`] takes the closes in the order of their acceptance. It moves through their time from
//! one due time to the next. The daemon's own functions make each decision.
//!
//! Some outcomes only X can decide. The replay takes them from what happened. If the record has
//! none, the replay assumes that X takes the prompt. It also assumes that X is always available and
//! that its calls take no time.
//!
//! The caller passes in every fact. A replay reads neither a clock nor the database. It keeps only
//! the waiting surveys, the sent prompts and the reopenings in memory.

mod comparison;
mod fate;
mod ledger;
mod queue;
mod record;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use self::comparison::PromptTimes;
pub use self::comparison::{ComparedClose, Comparison, Course, DIFFERENCES, Sides};
pub use self::fate::{Fate, FateDetails, MERGED};
use self::ledger::{AccountNumber, Ledger};
use self::queue::Queue;
use self::record::{CalledOff, Coming, RecordedEvent};
use crate::config::{CanDmBy, Config};
use crate::domain::close::{Close, Precision};
use crate::domain::id::ConversationId;
use crate::domain::policy::decision::Verdict;
use crate::domain::policy::{self, DAY, Pacing};
use crate::domain::survey::CancelledBy;
use crate::domain::time::Millis;
use crate::store::{OptOut, Recorded};

/// The key of a conversation of an account.
type ConversationKey = (AccountNumber, ConversationId);

pub struct Replay<'a> {
    config: &'a Config,
    numbers: HashMap<&'a str, AccountNumber>,
    from: Millis,
    /// The instant that the replay has reached.
    now: Millis,
    /// The future events by instant. Events of one instant are in the order of
    /// [`RecordedEvent::turn`].
    agenda: BTreeMap<(Millis, u8, u64), RecordedEvent>,
    /// The number of closes so far. It is the next close's place in the order of acceptance.
    places: u64,
    events: u64,
    queues: Vec<Queue>,
    /// The waiting survey of each conversation.
    by_conversation: HashMap<ConversationKey, u64>,
    waiting: HashMap<u64, Waiting>,
    reopened: HashMap<ConversationKey, Millis>,
    ledger: Ledger,
    prompts: Vec<PromptTimes>,
    comparison: Comparison,
}

/// A survey that waits in the replay.
#[derive(Debug)]
struct Waiting {
    coming: Coming,
    first_closed_at: Millis,
    is_paced: bool,
    due_at: Millis,
    /// The instant of the next decision about it.
    try_at: Millis,
}

/// Returns how long before the replay's beginning earlier closes still matter. Their prompts count
/// for the throttle and fill the first day's limit.
pub fn lead(config: &Config) -> Duration {
    let surveys = config.accounts.iter().flat_map(|account| account.surveys());
    let reach = surveys.map(|(_, survey)| survey.throttle.max(DAY) + survey.expire_after);
    reach.max().unwrap_or(DAY)
}

impl<'a> Replay<'a> {
    /// Begins a replay. Closes accepted before `from` keep their recorded fate and are not counted.
    pub fn new(config: &'a Config, opt_outs: Vec<OptOut>, from: Millis) -> Self {
        let accounts = config.accounts.iter().enumerate();
        let look_ups_singly = config.x.can_dm == CanDmBy::FriendshipsShow;
        Self {
            config,
            numbers: accounts.map(|(number, account)| (account.name.as_str(), number)).collect(),
            from,
            now: Millis(i64::MIN),
            agenda: BTreeMap::new(),
            places: 0,
            events: 0,
            queues: config.accounts.iter().map(|_| Queue::new(look_ups_singly)).collect(),
            by_conversation: HashMap::new(),
            waiting: HashMap::new(),
            reopened: HashMap::new(),
            ledger: Ledger::new(config.accounts.len(), opt_outs),
            prompts: vec![PromptTimes::default(); config.accounts.len()],
            comparison: Comparison::default(),
        }
    }

    /// Takes the next survey on record with its closes.
    pub fn take(&mut self, mut row: Recorded) {
        let accepted_at = row.survey.accepted_at;
        let is_counted = accepted_at >= self.from;
        let Some(account) = self.numbers.get(row.survey.account.as_str()).copied() else {
            if is_counted {
                let closes = 1 + row.further.len() as u64;
                *self.comparison.left_out.entry(row.survey.account).or_default() += closes;
            }
            return;
        };
        self.run_before(accepted_at);
        // On a dry run the prompts that it would have sent count as sent.
        let is_dry = row.spent.is_none() && self.config.accounts[account].mode.is_dry();
        if is_dry {
            row.spent = row.dry.take();
        }
        let spent = row.spent.as_ref().map(|spent| spent.at);
        if let Some(at) = spent {
            self.prompts[account].happened(at);
        }
        if is_counted {
            if let Some((at, called_off)) = record::called_off(&row, account) {
                self.plan(at, RecordedEvent::CalledOff(called_off));
            }
            for (at, coming) in record::closes(row, account, &mut self.places) {
                self.plan(at, RecordedEvent::Closed(Box::new(coming)));
            }
            return;
        }
        if let Some(at) = row.paced_at {
            self.plan(at, RecordedEvent::Paced { account });
        }
        if let (Some(spent), Some(person)) = (row.spent, row.survey.user_id) {
            let group = spent.throttle_group.unwrap_or_default();
            self.plan(spent.at, RecordedEvent::Prompted { account, person, group, is_dry });
        }
    }

    /// Runs the replay to `until` and returns the comparison.
    pub fn finish(mut self, until: Millis) -> Comparison {
        self.run_before(Millis(until.0.saturating_add(1)));
        let mut left: Vec<(u64, Waiting)> = self.waiting.drain().collect();
        left.sort_by_key(|(number, _)| *number);
        for (_, waiting) in left {
            let survey = &waiting.coming.survey;
            let account = &self.config.accounts[waiting.coming.account];
            // The scheduler's sweep would expire these.
            let is_late = survey.closed_at < until.minus(account.longest_expire_after());
            let fate = if is_late { Fate::Expired } else { Fate::Waits };
            let would = match waiting.coming.last_decision.clone() {
                Some(decision) => FateDetails::decided(fate, decision),
                None => FateDetails::plain(fate),
            };
            self.comparison.count(waiting.coming.place, waiting.coming.into_compared(would));
        }
        let accounts = self.config.accounts.iter().zip(self.prompts);
        self.comparison.courses = accounts
            .map(|(account, prompts)| prompts.course(&account.name, account.daily_limit, self.from))
            .collect();
        self.comparison
    }

    fn plan(&mut self, at: Millis, event: RecordedEvent) {
        // A clock that was set back may date an event before the present. It happens now.
        let at = at.max(self.now);
        let number = match &event {
            // One event serves all surveys of the account that ask for this instant.
            RecordedEvent::Due { account } => *account as u64,
            _ => {
                self.events += 1;
                self.events
            }
        };
        self.agenda.insert((at, event.turn(), number), event);
    }

    fn run_before(&mut self, end: Millis) {
        while let Some(entry) = self.agenda.first_entry().filter(|entry| entry.key().0 < end) {
            let ((at, _, _), event) = entry.remove_entry();
            self.now = at;
            match event {
                RecordedEvent::CalledOff(called_off) => self.call_off(called_off),
                RecordedEvent::Closed(coming) => self.close(*coming),
                RecordedEvent::Paced { account } => self.ledger.pace(account, at),
                RecordedEvent::Prompted { account, person, group, is_dry } => {
                    self.prompts[account].would(at);
                    self.ledger.spend(account, &person, (&group, is_dry), at);
                }
                RecordedEvent::Due { account } => self.work(account),
            }
        }
    }

    /// Takes a close as `store::close::accept` does. It moves the conversation's waiting survey to
    /// this close or creates one.
    fn close(&mut self, mut coming: Coming) {
        let survey = &coming.survey;
        let conversation = (coming.account, survey.conversation_id.clone());
        let account = &self.config.accounts[coming.account];
        let chosen = account.chosen(&survey.source, survey.user_id.as_ref(), &survey.notice);
        let close = Close {
            account: survey.account.clone(),
            source: survey.source.clone(),
            conversation_id: survey.conversation_id.clone(),
            user_id: survey.user_id.clone(),
            closed_at: survey.closed_at,
            precision: Precision::Exact,
            notice: survey.notice.clone(),
        };
        let at_close = policy::at_close(&close, &chosen.rules(), self.now, true);
        let (due_at, verdict) = (at_close.due_at, at_close.verdict());
        if let Some(number) = self.by_conversation.get(&conversation).copied() {
            let waiting = self.waiting.get_mut(&number).expect("whoever is named waits");
            if coming.survey.closed_at <= waiting.coming.survey.closed_at {
                return self.end(coming, FateDetails::plain(Fate::Merged));
            }
            if coming.survey.user_id.is_none() {
                coming.survey.user_id = waiting.coming.survey.user_id.clone();
            }
            coming.last_decision = Some(at_close.decision);
            let moved = std::mem::replace(&mut waiting.coming, coming);
            waiting.due_at = due_at;
            self.put_off(number, due_at);
            return self.end(moved, FateDetails::plain(Fate::Merged));
        }
        if self.reopened.get(&conversation).is_some_and(|at| *at >= coming.survey.closed_at) {
            return self.end(coming, FateDetails::plain(Fate::Cancelled(CancelledBy::Reopened)));
        }
        match verdict {
            Verdict::Suppress(reason) => {
                self.end(coming, FateDetails::decided(Fate::Suppressed(reason), at_close.decision));
            }
            Verdict::Expire => {
                self.end(coming, FateDetails::decided(Fate::Expired, at_close.decision))
            }
            // No prompt is sent at the close itself.
            Verdict::Schedule { .. } | Verdict::Wait { .. } | Verdict::Send => {
                let number = coming.place;
                coming.last_decision = Some(at_close.decision);
                let first_closed_at = coming.survey.closed_at;
                self.by_conversation.insert(conversation, number);
                let waiting =
                    Waiting { coming, first_closed_at, is_paced: false, due_at, try_at: due_at };
                self.waiting.insert(number, waiting);
                self.put_off(number, due_at);
            }
        }
    }

    fn call_off(&mut self, CalledOff { conversation, closed_until, by }: CalledOff) {
        if by == CancelledBy::Reopened {
            let reopened_at = self.reopened.entry(conversation.clone()).or_insert(closed_until);
            *reopened_at = (*reopened_at).max(closed_until);
        }
        let Some(number) = self.by_conversation.get(&conversation).copied() else { return };
        if self.waiting[&number].coming.survey.closed_at <= closed_until {
            let waiting = self.leave(number);
            self.end(waiting.coming, FateDetails::plain(Fate::Cancelled(by)));
        }
    }

    /// Puts a survey's next decision off until `try_at`.
    fn put_off(&mut self, number: u64, try_at: Millis) {
        let waiting = self.waiting.get_mut(&number).expect("whoever is put off waits");
        let account = waiting.coming.account;
        let queue = &mut self.queues[account];
        queue.remove(number, waiting.try_at);
        waiting.try_at = try_at;
        let is_drawn = waiting.is_paced || self.config.accounts[account].pacing == Pacing::Asap;
        queue.insert(number, try_at, is_drawn);
        self.plan(try_at, RecordedEvent::Due { account });
    }

    /// Removes a survey from those that wait.
    fn leave(&mut self, number: u64) -> Waiting {
        let waiting = self.waiting.remove(&number).expect("whoever leaves has waited");
        let Coming { account, survey, .. } = &waiting.coming;
        self.queues[*account].remove(number, waiting.try_at);
        self.by_conversation.remove(&(*account, survey.conversation_id.clone()));
        waiting
    }

    fn end(&mut self, coming: Coming, would: FateDetails) {
        self.comparison.count(coming.place, coming.into_compared(would));
    }
}

impl std::fmt::Debug for Replay<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Replay(at {})", self.now.rfc3339())
    }
}

#[cfg(test)]
mod tests;
