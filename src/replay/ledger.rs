//! Keeps the prompts of a replay in memory and answers the policy's questions about the past.

use std::collections::{HashMap, VecDeque};

use crate::domain::id::UserId;
use crate::domain::policy::decision::OptedOut;
use crate::domain::policy::{DAY, History, Pacing, Rules};
use crate::domain::survey::Survey;
use crate::domain::time::Millis;
use crate::store::OptOut;

/// An account's index in the configuration.
pub type AccountNumber = usize;

#[derive(Debug)]
pub struct Ledger {
    days: Vec<LastDay>,
    people: HashMap<UserId, Vec<LedgerPrompt>>,
    /// The throttle groups by name.
    groups: HashMap<String, usize>,
    /// The opt-outs by person. An entry for all accounts stands first as in the store's order.
    opt_outs: HashMap<UserId, Vec<OptOut>>,
}

/// The instants of an account's last 24 hours from the oldest to the newest.
#[derive(Debug, Default)]
struct LastDay {
    spent: VecDeque<Millis>,
    paced: VecDeque<Millis>,
}

#[derive(Clone, Copy, Debug)]
struct LedgerPrompt {
    at: Millis,
    account: AccountNumber,
    group: usize,
    /// True if a dry run would have sent the prompt. A live account does not count it.
    is_dry: bool,
}

impl Ledger {
    pub fn new(accounts: usize, opt_outs: Vec<OptOut>) -> Self {
        let mut by_person: HashMap<UserId, Vec<OptOut>> = HashMap::new();
        for out in opt_outs {
            by_person.entry(out.user_id.clone()).or_default().push(out);
        }
        for outs in by_person.values_mut() {
            outs.sort_by(|a, b| a.account.cmp(&b.account));
        }
        Self {
            days: (0..accounts).map(|_| LastDay::default()).collect(),
            people: HashMap::new(),
            groups: HashMap::new(),
            opt_outs: by_person,
        }
    }

    /// Records a prompt that is sent or that a dry run would send.
    pub fn spend(
        &mut self,
        account: AccountNumber,
        person: &UserId,
        (group, is_dry): (&str, bool),
        at: Millis,
    ) {
        let group = self.group(group);
        self.days[account].spent.push_back(at);
        self.people.entry(person.clone()).or_default().push(LedgerPrompt {
            at,
            account,
            group,
            is_dry,
        });
    }

    /// Records that a survey is ready to be sent and counts towards the even pace.
    pub fn pace(&mut self, account: AccountNumber, at: Millis) {
        self.days[account].paced.push_back(at);
    }

    /// Returns the number of the account's prompts in the last 24 hours and the oldest of them.
    pub fn day_of(&mut self, account: AccountNumber, now: Millis) -> (u32, Option<Millis>) {
        let spent = &mut self.days[account].spent;
        forget(spent, now);
        (count(spent.len()), spent.front().copied())
    }

    /// Returns the history that the policy needs. `store::survey::decide` reads it from the
    /// database.
    pub fn history(
        &mut self,
        account: AccountNumber,
        survey: &Survey,
        first_closed_at: Millis,
        is_paced: bool,
        rules: &Rules,
        now: Millis,
    ) -> History {
        let (day_of_account, oldest_of_day) = self.day_of(account, now);
        let mut demand = 0;
        if rules.pacing == Pacing::Even {
            let paced = &mut self.days[account].paced;
            forget(paced, now);
            demand = count(paced.len());
        }
        let group = self.group(&rules.throttle_group);
        let prompts = survey.user_id.as_ref().and_then(|person| self.people.get(person));
        let prompts = prompts.map_or(&[][..], Vec::as_slice);
        let prompts = || prompts.iter().filter(|prompt| !prompt.is_dry || rules.mode.is_dry());
        let own = |prompt: &&LedgerPrompt| prompt.account == account;
        let of_group = prompts().filter(|prompt| prompt.group == group || own(prompt));
        let of_day = prompts().filter(|prompt| own(prompt) && prompt.at > now.minus(DAY));
        let last = of_group.max_by_key(|prompt| prompt.at);
        History {
            is_last_uncertain: false,
            is_last_dry: last.is_some_and(|prompt| prompt.is_dry),
            last_to_person: last.map(|prompt| prompt.at),
            day_to_person: count(of_day.count()),
            day_of_account,
            oldest_of_day,
            opted_out: self.opted_out(survey, now),
            first_closed_at: Some(first_closed_at),
            demand,
            is_paced: is_paced && rules.pacing == Pacing::Even,
        }
    }

    fn opted_out(&self, survey: &Survey, now: Millis) -> Option<OptedOut> {
        let outs = self.opt_outs.get(survey.user_id.as_ref()?)?;
        let holds = |out: &&OptOut| {
            out.at <= now && out.account.as_ref().is_none_or(|account| *account == survey.account)
        };
        let OptOut { account, at, why, .. } = outs.iter().find(holds)?.clone();
        Some(OptedOut { opted_out_at: at, account, why })
    }

    fn group(&mut self, name: &str) -> usize {
        if let Some(group) = self.groups.get(name) {
            return *group;
        }
        let group = self.groups.len();
        self.groups.insert(name.to_owned(), group);
        group
    }
}

fn forget(instants: &mut VecDeque<Millis>, now: Millis) {
    while instants.front().is_some_and(|at| *at <= now.minus(DAY)) {
        instants.pop_front();
    }
}

fn count(of: usize) -> u32 {
    u32::try_from(of).unwrap_or(u32::MAX)
}
