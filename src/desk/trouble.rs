//! What an account has met with lately: X away, and what the log has said of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::domain::policy;
use crate::domain::time::Millis;

/// X is away for all of the account: it is asked again ever more slowly, by one call at a time, so
/// that an outage neither spends the budgets nor fills the log.
#[derive(Clone, Debug, Default)]
pub struct Trouble(Arc<Mutex<(u32, Millis)>>);

/// The longest wait while X is away.
const TROUBLE_MOST: Duration = Duration::from_secs(2 * 60);

impl Trouble {
    /// A call has found X away. When it is asked again.
    pub fn met(&self, now: Millis) -> Millis {
        let mut trouble = self.0.lock().expect("no holder of this lock can panic");
        let (times, until) = *trouble;
        // Calls that were under way together are one trouble.
        if now < until && until.since(now) <= TROUBLE_MOST {
            return until;
        }
        let wait = (policy::RETRY_FIRST * (1 << times.min(8))).min(TROUBLE_MOST);
        *trouble = (times + 1, now.plus(wait));
        trouble.1
    }

    pub fn over(&self) {
        *self.0.lock().expect("no holder of this lock can panic") = (0, Millis(0));
    }

    /// Whether the last call found X away; if so, until when it is not asked.
    pub fn until(&self, now: Millis) -> Option<Millis> {
        let (times, until) = *self.0.lock().expect("no holder of this lock can panic");
        // A clock that was set back must not put off the next call by as much.
        (times > 0).then(|| if until.since(now) > TROUBLE_MOST { now } else { until })
    }
}

/// What the log has said already and would only repeat: until when something waits, by what it is.
#[derive(Clone, Debug, Default)]
pub struct Said(Arc<Mutex<BTreeMap<&'static str, Millis>>>);

impl Said {
    /// Whether it is news that `what` waits until then.
    pub fn is_news(&self, what: &'static str, until: Millis) -> bool {
        let mut said = self.0.lock().expect("no holder of this lock can panic");
        said.insert(what, until).is_none_or(|before| until > before)
    }
}
