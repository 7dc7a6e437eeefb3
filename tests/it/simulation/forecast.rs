//! What becomes of every close where nothing fails: played through on paper, from what went in
//! alone.

use std::collections::{BTreeMap, BTreeSet};

use surveyd::domain::time::Millis;
use surveyd::sandbox::{TakesMessages, UserStanding};

use super::setting::{DAY, Setting};

/// Something a help desk said.
#[derive(Clone, Debug)]
pub enum Said {
    Closed { conversation: String, person: u64, closed_at: Millis },
    Reopened { conversation: String, reopened_at: Millis },
}

struct Sheet {
    account: String,
    conversation: String,
    external_id: String,
    person: u64,
    closes: BTreeSet<Millis>,
    closed_at: Millis,
    /// When it is next looked at; absent once it has ended.
    ready_at: Option<Millis>,
    outcome: &'static str,
}

pub struct Forecast<'a> {
    setting: &'a Setting,
    sheets: Vec<Sheet>,
    reopened: BTreeMap<(String, String), Millis>,
    /// Account, person, when.
    prompts: Vec<(String, u64, Millis)>,
}

/// The outcomes by account and external id, of all that was said to the accounts when.
pub fn forecast(
    setting: &Setting,
    said: &[(Millis, String, Said)],
) -> BTreeMap<(String, String), &'static str> {
    let mut forecast =
        Forecast { setting, sheets: Vec::new(), reopened: BTreeMap::new(), prompts: Vec::new() };
    for (at, account, said) in said {
        forecast.run_until(*at);
        match said {
            Said::Closed { conversation, person, closed_at } => {
                forecast.close(account, conversation, *person, *closed_at, *at);
            }
            Said::Reopened { conversation, reopened_at } => {
                forecast.reopen(account, conversation, *reopened_at);
            }
        }
    }
    forecast.run_until(Millis(i64::MAX));
    let outcome = |sheet: Sheet| ((sheet.account, sheet.external_id), sheet.outcome);
    forecast.sheets.into_iter().map(outcome).collect()
}

impl Forecast<'_> {
    fn close(
        &mut self,
        account: &str,
        conversation: &str,
        person: u64,
        closed_at: Millis,
        now: Millis,
    ) {
        let is_of =
            |sheet: &&mut Sheet| sheet.account == account && sheet.conversation == conversation;
        let mut of_it: Vec<&mut Sheet> = self.sheets.iter_mut().filter(is_of).collect();
        if of_it.iter().any(|sheet| sheet.closes.contains(&closed_at)) {
            return;
        }
        let ready_at = closed_at.plus(self.setting.delay).max(now);
        if let Some(waiting) = of_it.iter_mut().find(|sheet| sheet.ready_at.is_some()) {
            waiting.closes.insert(closed_at);
            if closed_at > waiting.closed_at {
                (waiting.closed_at, waiting.ready_at) = (closed_at, Some(ready_at));
            }
            return;
        }
        let number = of_it.len() + 1;
        let key = (account.to_owned(), conversation.to_owned());
        let is_reopened = self.reopened.get(&key).is_some_and(|at| *at >= closed_at);
        let is_late = now > closed_at.plus(self.setting.expire_after);
        let (outcome, ready_at) = match (is_reopened, is_late) {
            (true, _) => ("cancelled", None),
            (false, true) => ("expired", None),
            (false, false) => ("waits", Some(ready_at)),
        };
        self.sheets.push(Sheet {
            account: account.to_owned(),
            external_id: match number {
                1 => conversation.to_owned(),
                _ => format!("{conversation}#{number}"),
            },
            conversation: conversation.to_owned(),
            person,
            closes: BTreeSet::from([closed_at]),
            closed_at,
            ready_at,
            outcome,
        });
    }

    fn reopen(&mut self, account: &str, conversation: &str, reopened_at: Millis) {
        let key = (account.to_owned(), conversation.to_owned());
        let last = self.reopened.entry(key).or_insert(reopened_at);
        *last = reopened_at.max(*last);
        for sheet in &mut self.sheets {
            let is_of = sheet.account == account && sheet.conversation == conversation;
            if is_of && sheet.ready_at.is_some() && sheet.closed_at <= reopened_at {
                (sheet.outcome, sheet.ready_at) = ("cancelled", None);
            }
        }
    }

    /// Sees to all that is ready before `end`, the earliest first.
    fn run_until(&mut self, end: Millis) {
        loop {
            let ready = self.sheets.iter().enumerate();
            let ready = ready.filter_map(|(at, sheet)| Some((sheet.ready_at?, at)));
            let Some((now, at)) = ready.min().filter(|(ready_at, _)| *ready_at < end) else {
                return;
            };
            let outcome = self.decide(at, now);
            let sheet = &mut self.sheets[at];
            (sheet.outcome, sheet.ready_at) = (outcome, None);
            if outcome == "sent" {
                self.prompts.push((sheet.account.clone(), sheet.person, now));
            }
        }
    }

    fn decide(&self, at: usize, now: Millis) -> &'static str {
        let sheet = &self.sheets[at];
        let setting = self.setting;
        if now > sheet.closed_at.plus(setting.expire_after) {
            return "expired";
        }
        let person = setting.people.iter().find(|(id, _)| *id == sheet.person);
        let (_, person) = person.expect("only known people close conversations");
        match (person.standing, person.messages) {
            (UserStanding::Suspended, _) => return "suppressed: suspended",
            (UserStanding::Unknown, _) => return "suppressed: cannot_dm",
            (_, TakesMessages::Closed | TakesMessages::FollowedOnly) => {
                return "suppressed: cannot_dm";
            }
            (UserStanding::Present, TakesMessages::Open | TakesMessages::ClosedUnnoticed) => {}
        }
        let is_throttled = self.prompts.iter().any(|(account, person, asked_at)| {
            let is_grouped = setting.share_throttle(account, &sheet.account);
            *person == sheet.person
                && ((is_grouped && now < asked_at.plus(setting.throttle))
                    || (*account == sheet.account && now < asked_at.plus(DAY)))
        });
        if is_throttled {
            return "suppressed: throttled";
        }
        match person.messages {
            // X says so only when it is asked to send.
            TakesMessages::ClosedUnnoticed => "suppressed: cannot_dm",
            TakesMessages::Open | TakesMessages::Closed | TakesMessages::FollowedOnly => "sent",
        }
    }
}
