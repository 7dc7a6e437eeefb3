//! Works off one account's due surveys in a replay.
//!
//! It decides on them in the scheduler's order within the account's budgets.

use std::collections::BTreeSet;

use super::fate::{Fate, FateDetails};
use super::record::RecordedEvent;
use super::{AccountNumber, Replay};
use crate::config::Chosen;
use crate::domain::budget::{Call, CallWindow};
use crate::domain::policy::decision::{DryRun, Ground, Verdict};
use crate::domain::policy::{self, DAY, History, Pacing, Rules};
use crate::domain::survey::Reason;
use crate::domain::time::Millis;

/// An account's waiting surveys by the instant of their next decision.
#[derive(Debug)]
pub struct Queue {
    waiting: BTreeSet<(Millis, u64)>,
    /// Those that have not been drawn for the even pace yet.
    undrawn: BTreeSet<(Millis, u64)>,
    /// Nothing is sent before this instant.
    free_at: Millis,
    /// The calls that look up one person each. Absent if a call looks up many people since those
    /// calls never reach their limit.
    look_ups: Option<CallWindow>,
}

impl Queue {
    pub fn new(looks_up_singly: bool) -> Self {
        Self {
            waiting: BTreeSet::new(),
            undrawn: BTreeSet::new(),
            free_at: Millis(i64::MIN),
            look_ups: looks_up_singly.then(CallWindow::default),
        }
    }

    pub fn insert(&mut self, number: u64, try_at: Millis, is_drawn: bool) {
        self.waiting.insert((try_at, number));
        if !is_drawn {
            self.undrawn.insert((try_at, number));
        }
    }

    pub fn remove(&mut self, number: u64, try_at: Millis) {
        self.waiting.remove(&(try_at, number));
        self.undrawn.remove(&(try_at, number));
    }
}

/// The purpose of a look at a survey.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LookPurpose {
    /// To draw the survey for the even pace. Needs no room in a budget.
    Draw,
    Send,
}

impl Replay<'_> {
    /// Works off the due surveys as `scheduler::tick` does. Surveys that are leased together are
    /// decided in the order of their due times.
    pub(super) fn work(&mut self, account: AccountNumber) {
        let config = &self.config.accounts[account];
        if config.pacing == Pacing::Even {
            for number in self.due(&self.queues[account].undrawn, usize::MAX) {
                self.look(number, LookPurpose::Draw);
            }
        }
        loop {
            if self.due(&self.queues[account].waiting, 1).is_empty() {
                return;
            }
            let (prompts, _) = self.ledger.day_of(account, self.now);
            let room = config.daily_limit.saturating_sub(prompts).max(1) as usize;
            for number in self.due(&self.queues[account].waiting, room) {
                if let Some(until) = self.full_until(account) {
                    self.queues[account].free_at = until;
                    return self.plan(until, RecordedEvent::Due { account });
                }
                self.look(number, LookPurpose::Send);
            }
        }
    }

    /// Returns up to `limit` surveys whose next decision is due.
    fn due(&self, of: &BTreeSet<(Millis, u64)>, limit: usize) -> Vec<u64> {
        let due = of.iter().take_while(|(try_at, _)| *try_at <= self.now).take(limit);
        let mut due: Vec<u64> = due.map(|(_, number)| *number).collect();
        due.sort_by_key(|number| (self.waiting[number].due_at, *number));
        due
    }

    /// Returns until when the account sends nothing because a budget is spent.
    fn full_until(&mut self, account: AccountNumber) -> Option<Millis> {
        let now = self.now;
        let free_at = self.queues[account].free_at;
        if free_at > now {
            return Some(free_at);
        }
        let (prompts, oldest) = self.ledger.day_of(account, now);
        if prompts >= self.config.accounts[account].daily_limit {
            return Some(oldest.unwrap_or(now).plus(DAY));
        }
        let look_ups = self.queues[account].look_ups.as_ref()?;
        look_ups.clone().take(Call::FriendshipsShow.limit(), now).err()
    }

    /// Decides on a survey in the scheduler's order:
    ///
    /// - by the survey itself
    /// - by X's word on the person
    /// - by the account's present state
    fn look(&mut self, number: u64, look: LookPurpose) {
        let now = self.now;
        let waiting = &self.waiting[&number];
        let (account, word) = (waiting.coming.account, waiting.coming.word);
        let survey = &waiting.coming.survey;
        let config = &self.config.accounts[account];
        let chosen = config.chosen(&survey.source, survey.user_id.as_ref(), &survey.notice);
        let rules = chosen.rules();
        let is_clear = policy::at_sending(survey, &rules, &History::default(), now).verdict()
            == Verdict::Send
            && !policy::is_too_late(survey.closed_at, &rules, now);
        if look == LookPurpose::Draw || !is_clear {
            let ground = self.decide(number, &rules);
            if ground.verdict() != Verdict::Send {
                return self.act(number, &rules, ground);
            }
            if look == LookPurpose::Draw {
                return;
            }
        }
        if let Some(look_ups) = &mut self.queues[account].look_ups {
            // `full_until` has checked that a call is left.
            let _ = look_ups.take(Call::FriendshipsShow.limit(), now);
        }
        match word.filter(|word| word.is_look_up) {
            Some(word) => {
                let told = self.waiting[&number].coming.told_by_x(word.fate);
                let waiting = self.leave(number);
                self.end(waiting.coming, told);
            }
            None => {
                let ground = self.decide(number, &rules);
                self.act(number, &rules, ground);
            }
        }
    }

    /// Asks the policy for its decision on the present state as `store::survey::decide` does.
    fn decide(&mut self, number: u64, rules: &Rules) -> Ground {
        let now = self.now;
        let waiting = self.waiting.get_mut(&number).expect("whoever is looked at waits");
        let survey = &waiting.coming.survey;
        let account = waiting.coming.account;
        let ground = if policy::is_too_late(survey.closed_at, rules, now) {
            policy::late(survey.closed_at, rules)
        } else {
            let (first, is_paced) = (waiting.first_closed_at, waiting.is_paced);
            let history = self.ledger.history(account, survey, first, is_paced, rules, now);
            policy::at_sending(survey, rules, &history, now)
        };
        let pace = match &ground {
            Ground::Budget(pace) => Some(pace),
            Ground::DayFull { pace, .. } => pace.as_ref(),
            Ground::Clear(clear) => clear.pace.as_ref(),
            _ => None,
        };
        if pace.is_some() {
            self.ledger.pace(account, now);
            waiting.is_paced = true;
            self.queues[account].undrawn.remove(&(waiting.try_at, number));
        }
        waiting.coming.last_decision = Some(rules.decided(ground.clone(), now));
        ground
    }

    /// Carries out a decision.
    fn act(&mut self, number: u64, rules: &Rules, ground: Ground) {
        let now = self.now;
        let decision = rules.decided(ground.clone(), now);
        let fate = match ground.verdict() {
            Verdict::Send => return self.send(number, rules, ground),
            Verdict::Suppress(reason) => Fate::Suppressed(reason),
            Verdict::Expire => Fate::Expired,
            Verdict::Wait { until } | Verdict::Schedule { due_at: until } => {
                let closed_at = self.waiting[&number].coming.survey.closed_at;
                return self.put_off(number, until.min(policy::too_late_at(closed_at, rules)));
            }
        };
        let waiting = self.leave(number);
        self.end(waiting.coming, FateDetails::decided(fate, decision));
    }

    fn send(&mut self, number: u64, rules: &Rules, ground: Ground) {
        let now = self.now;
        let coming = self.leave(number).coming;
        let fate = match coming.word {
            _ if rules.mode.is_dry() => Fate::Suppressed(Reason::DryRun),
            Some(word) => word.fate,
            None => {
                self.comparison.assumed += 1;
                Fate::Sent
            }
        };
        let counts =
            matches!(fate, Fate::Sent | Fate::Uncertain | Fate::Suppressed(Reason::DryRun));
        if let (true, Some(person)) = (counts, &coming.survey.user_id) {
            let group = (rules.throttle_group.as_str(), rules.mode.is_dry());
            self.ledger.spend(coming.account, person, group, now);
            self.prompts[coming.account].would(now);
        }
        let told = match fate {
            Fate::Suppressed(Reason::DryRun) => {
                let chosen = self.config.accounts[coming.account].chosen(
                    &coming.survey.source,
                    coming.survey.user_id.as_ref(),
                    &coming.survey.notice,
                );
                FateDetails::decided(fate, rules.decided(dry(ground, chosen), now))
            }
            Fate::Sent => FateDetails::decided(fate, rules.decided(ground, now)),
            _ => coming.told_by_x(fate),
        };
        self.end(coming, told);
    }
}

/// Turns a clear ground into that of a dry run. Other grounds stay as they are.
fn dry(ground: Ground, chosen: Chosen<'_>) -> Ground {
    match ground {
        Ground::Clear(clear) => Ground::DryRun(DryRun {
            kind: chosen.kind(),
            question_variant_id: chosen.question_variant_id(),
            test: chosen.test(),
            clear,
        }),
        other => other,
    }
}
