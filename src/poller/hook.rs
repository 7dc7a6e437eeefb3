//! X's webhook: what X's events will tell, told at once. It bears a password and no signature, so
//! it is a hint until they have told.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;
use tracing::info;

use crate::domain::feedback::Update;
use crate::store::{Result, Store, UnknownEvent};
use crate::worker::AccountWorker;
use crate::x::hints;

/// Where X's webhook delivers to, for all accounts.
#[derive(Clone)]
pub struct HookTarget {
    /// By the account's user id at X.
    workers: HashMap<String, AccountWorker>,
    store: Store,
}

/// What a delivery came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HookOutcome {
    /// Updates folded.
    pub updates: usize,
    /// Events kept as they came: of kinds, in forms or of accounts that surveyd does not know.
    pub kept: usize,
}

impl HookTarget {
    pub fn new(workers: &[AccountWorker], store: &Store) -> Self {
        let by_user = workers.iter().map(|worker| (worker.user_id.to_string(), worker.clone()));
        Self { workers: by_user.collect(), store: store.clone() }
    }

    /// Takes a delivery; durable when this returns.
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
            // X is asked for its own word.
            worker.reading.now();
        }
        Ok(heard)
    }

    /// Where there is one account, it is meant.
    fn only_user(&self) -> Option<String> {
        let mut users = self.workers.keys();
        users.next().filter(|_| self.workers.len() == 1).cloned()
    }

    /// Whose feedback it is by our own record.
    async fn user_of(&self, update: Option<&Update>) -> Result<Option<String>> {
        let Some(update) = update else { return Ok(None) };
        let accounts = self.workers.values().map(AccountWorker::name);
        let whose = self.store.whose_feedback(accounts, update).await?;
        let mut workers = self.workers.iter().filter(|(_, worker)| Some(worker.name()) == whose);
        Ok(workers.next().map(|(user_id, _)| user_id.clone()))
    }
}
