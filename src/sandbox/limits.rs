//! Limits the calls of each account.
//!
//! Reads have 15-minute windows and prompts have rolling 24 hours.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::api_call::ApiCall;
use super::config::SandboxAccount;
use super::dates::seconds_up;
use crate::domain::time::Millis;

const WINDOW: Duration = Duration::from_secs(15 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The content of an answer's `x-rate-limit-*` headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    pub limit: u32,
    pub remaining: u32,
    pub reset_at: Millis,
}

impl Allowance {
    /// Returns the headers. The reset is in epoch seconds as X writes it.
    pub fn headers(&self) -> Vec<(String, String)> {
        vec![
            ("x-rate-limit-limit".to_owned(), self.limit.to_string()),
            ("x-rate-limit-remaining".to_owned(), self.remaining.to_string()),
            ("x-rate-limit-reset".to_owned(), seconds_up(self.reset_at).to_string()),
        ]
    }
}

/// The 15-minute windows of all accounts. A window opens with the first call in it.
#[derive(Clone, Debug)]
pub struct Windows {
    limits: BTreeMap<ApiCall, u32>,
    used: BTreeMap<(u64, ApiCall), (Millis, u32)>,
}

impl Default for Windows {
    /// Returns X's documented limits. `create` has no window since it counts by the day.
    fn default() -> Self {
        let limits = BTreeMap::from([
            (ApiCall::Events, 1_000),
            (ApiCall::Show, 180),
            (ApiCall::Friendship, 180),
            (ApiCall::Users, 900),
            (ApiCall::VerifyCredentials, 75),
            (ApiCall::DirectMessages, 15),
            (ApiCall::DmEvents, 15),
        ]);
        Self { limits, used: BTreeMap::new() }
    }
}

impl Windows {
    /// Sets a limit that differs from X's.
    pub fn set_limit(&mut self, call: ApiCall, limit: u32) {
        self.limits.insert(call, limit);
    }

    /// Counts one call. The error says that the limit is reached. A refused call is not counted.
    pub fn charge(
        &mut self,
        user_id: u64,
        call: ApiCall,
        now: Millis,
    ) -> Result<Allowance, Allowance> {
        let limit = self.limits.get(&call).copied().unwrap_or(u32::MAX);
        let (opened_at, used) = self.used.entry((user_id, call)).or_insert((now, 0));
        if now.since(*opened_at) >= WINDOW {
            (*opened_at, *used) = (now, 0);
        }
        let reset_at = opened_at.plus(WINDOW);
        if *used >= limit {
            return Err(Allowance { limit, remaining: 0, reset_at });
        }
        *used += 1;
        Ok(Allowance { limit, remaining: limit - *used, reset_at })
    }
}

/// The prompts of one account in the last 24 hours, from the oldest to the newest.
#[derive(Clone, Debug, Default)]
pub struct PromptsOfDay {
    prompts: VecDeque<(Millis, u64)>,
}

impl PromptsOfDay {
    /// Returns the rest of the account's day.
    pub fn allowance(&mut self, account: &SandboxAccount, now: Millis) -> Allowance {
        self.forget_before(now);
        let used = u32::try_from(self.prompts.len()).unwrap_or(u32::MAX);
        Allowance {
            limit: account.daily_limit,
            remaining: account.daily_limit.saturating_sub(used),
            // The day rolls. The oldest prompt's place is the first to become free.
            reset_at: self.prompts.front().map_or(now, |(at, _)| *at).plus(DAY),
        }
    }

    /// True if the recipient may get one more prompt.
    pub fn admits(&mut self, account: &SandboxAccount, to_user_id: u64, now: Millis) -> bool {
        self.forget_before(now);
        let had = self.prompts.iter().filter(|(_, to)| *to == to_user_id).count();
        account.unlimited_recipients.contains(&to_user_id)
            || u32::try_from(had).unwrap_or(u32::MAX) < account.per_recipient_limit
    }

    pub fn record(&mut self, to_user_id: u64, now: Millis) {
        self.prompts.push_back((now, to_user_id));
    }

    fn forget_before(&mut self, now: Millis) {
        while self.prompts.front().is_some_and(|(at, _)| now.since(*at) >= DAY) {
            self.prompts.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_700_000_000_500);

    #[test]
    fn a_window_admits_its_limit_and_opens_again_after_fifteen_minutes() {
        let mut windows = Windows::default();
        windows.set_limit(ApiCall::Show, 2);
        let first = windows.charge(1, ApiCall::Show, NOW).unwrap();
        assert_eq!((first.limit, first.remaining, first.reset_at), (2, 1, NOW.plus(WINDOW)));
        windows.charge(1, ApiCall::Show, NOW.plus(WINDOW / 2)).unwrap();

        let late = NOW.plus(WINDOW).minus(Duration::from_millis(1));
        assert_eq!(windows.charge(1, ApiCall::Show, late).unwrap_err().reset_at, NOW.plus(WINDOW));
        assert!(
            windows.charge(2, ApiCall::Show, late).is_ok(),
            "each account has windows of its own"
        );
        assert!(
            windows.charge(1, ApiCall::Events, late).is_ok(),
            "each call has windows of its own"
        );
        assert!(windows.charge(1, ApiCall::Show, NOW.plus(WINDOW)).is_ok());
    }

    #[test]
    fn the_reset_is_written_in_seconds_and_never_early() {
        let allowance = Allowance { limit: 180, remaining: 0, reset_at: Millis(1_700_000_900_500) };
        assert_eq!(
            allowance.headers()[2],
            ("x-rate-limit-reset".to_owned(), "1700000901".to_owned())
        );
    }

    #[test]
    fn a_day_rolls_and_frees_one_place_after_the_other() {
        let account = SandboxAccount { daily_limit: 2, ..SandboxAccount::named(1, "acme") };
        let mut day = PromptsOfDay::default();
        let later = NOW.plus(Duration::from_secs(60));
        day.record(10, NOW);
        day.record(11, later);
        assert_eq!(day.allowance(&account, later).remaining, 0);
        assert_eq!(day.allowance(&account, later).reset_at, NOW.plus(DAY));
        assert_eq!(day.allowance(&account, NOW.plus(DAY)).remaining, 1);
        assert_eq!(day.allowance(&account, later.plus(DAY)).remaining, 2);
    }

    #[test]
    fn a_recipient_is_free_again_exactly_a_day_later_or_where_the_limit_is_lifted() {
        let mut account = SandboxAccount::named(1, "acme");
        let mut day = PromptsOfDay::default();
        day.record(10, NOW);
        assert!(!day.admits(&account, 10, NOW.plus(DAY).minus(Duration::from_millis(1))));
        assert!(day.admits(&account, 11, NOW));
        account.unlimited_recipients.insert(10);
        assert!(day.admits(&account, 10, NOW));
        account.unlimited_recipients.clear();
        assert!(day.admits(&account, 10, NOW.plus(DAY)));
    }
}
