//! Takes in X's webhook for feedback, which tells at once what X's events will tell later. A
//! delivery carries a password and no signature. So it is a hint until X's events confirm it.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;
use tracing::info;

use crate::domain::feedback::Update;
use crate::store::{Result, Store, UnknownEvent};
use crate::worker::AccountWorker;
use crate::x::hints;

/// The receiver of X's webhook for feedback, for all accounts.
#[derive(Clone)]
pub struct HookTarget {
    /// The workers by the account's user id at X.
    workers: HashMap<String, AccountWorker>,
    store: Store,
}

/// What surveyd made of one delivery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HookOutcome {
    /// The number of updates folded.
    pub updates: usize,
    /// The number of events kept as they came. surveyd does not know their kind, form or account.
    pub kept: usize,
}

impl HookTarget {
    pub fn new(workers: &[AccountWorker], store: &Store) -> Self {
        let by_user = workers.iter().map(|worker| (worker.user_id.to_string(), worker.clone()));
        Self { workers: by_user.collect(), store: store.clone() }
    }

    /// Takes one delivery. It is durable when this returns.
    pub async fn take(&self, delivery: &Value) -> Result<HookOutcome> {
        let mut heard = HookOutcome::default();
        let mut by_user: BTreeMap<String, Vec<Update>> = BTreeMap::new();
        let mut kept = BTreeMap::new();
        for hint in hints(delivery) {
            let user_id = match (&hint.from_user_id, self.only_user()) {
                (Some(user_id), _) => Some(user_id.clone()),
                (None, Some(user_id)) => Some(user_id),
                (None, None) => self.user_of(hint.update.as_ref()).await?,
            };
            let user_id = user_id.filter(|user_id| self.workers.contains_key(user_id));
            match (user_id, hint.update) {
                (Some(user_id), Some(update)) => by_user.entry(user_id).or_default().push(update),
                (user_id, _) => kept.entry(user_id).or_insert_with(Vec::new).push(hint.raw),
            }
        }
        for (user_id, events) in kept {
            heard.kept += events.len();
            let worker = user_id.and_then(|user_id| self.workers.get(&user_id));
            let account = worker.map_or("", |worker| worker.name());
            info!(
                event = "feedback.unknown",
                account,
                "{} feedback events that X's webhook has told are kept unread",
                events.len(),
            );
            let events = events.into_iter().map(UnknownEvent::of).collect();
            let now = self.workers.values().next().map(AccountWorker::now).unwrap_or_default();
            self.store.keep_unknown(account, events, now).await?;
        }
        for (user_id, updates) in by_user {
            heard.updates += updates.len();
            let worker = &self.workers[&user_id];
            let judged_by = worker.x_now_at_most().plus(worker.limits.settle_after);
            let folded =
                self.store.fold_hints(worker.name(), updates, judged_by, worker.now()).await?;
            worker.log(&folded);
            // Asks X itself about the prompt.
            worker.reading.now();
        }
        Ok(heard)
    }

    /// Returns the only account's user id. A delivery that names no account means that one.
    fn only_user(&self) -> Option<String> {
        let mut users = self.workers.keys();
        users.next().filter(|_| self.workers.len() == 1).cloned()
    }

    /// Returns the user id of the account whose feedback this is on our own record.
    async fn user_of(&self, update: Option<&Update>) -> Result<Option<String>> {
        let Some(update) = update else { return Ok(None) };
        let accounts = self.workers.values().map(AccountWorker::name);
        let whose = self.store.whose_feedback(accounts, update).await?;
        let mut workers = self.workers.iter().filter(|(_, worker)| Some(worker.name()) == whose);
        Ok(workers.next().map(|(user_id, _)| user_id.clone()))
    }
}
