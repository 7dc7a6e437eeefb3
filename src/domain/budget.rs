//! How many calls of one kind an account may still make in X's 15-minute windows. No 15 minutes
//! ever hold more calls than X allows, wherever X's own windows begin.

mod pace;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::named::named;
use super::time::{Millis, Ready};

pub use self::pace::CallPace;

/// The calls that X limits by the quarter of an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Call {
    /// Limited by the day. Prompts of the day are counted from the surveys themselves.
    Create,
    Events,
    Show,
    FriendshipsShow,
    Users,
    VerifyCredentials,
    DirectMessages,
    /// The Direct Messages by X's second version.
    DmEvents,
}

named!(Call {
    Create = "create",
    Events = "events",
    Show = "show",
    FriendshipsShow = "friendships_show",
    Users = "users",
    VerifyCredentials = "verify_credentials",
    DirectMessages = "direct_messages",
    DmEvents = "dm_events",
});

impl Call {
    /// The endpoint of the call.
    pub fn endpoint(self) -> &'static str {
        match self {
            Self::Create => "feedback/create",
            Self::Events => "feedback/events",
            Self::Show => "feedback/show",
            Self::FriendshipsShow => "friendships/show",
            Self::Users => "users",
            Self::VerifyCredentials => "account/verify_credentials",
            Self::DirectMessages => "direct_messages/events/list",
            Self::DmEvents => "dm_events",
        }
    }

    /// The calls that X allows a user in 15 minutes (X's pages of the endpoints).
    pub fn limit(self) -> u32 {
        match self {
            Self::Create | Self::Events => 1_000,
            Self::Show | Self::FriendshipsShow => 180,
            Self::Users => 900,
            Self::VerifyCredentials => 75,
            Self::DirectMessages | Self::DmEvents => 15,
        }
    }

    /// Limits X's reset to its longest window for such calls. A date of next year is a mistake and
    /// must not hold an account until then.
    pub fn believable(self, reset_at: Millis, now: Millis) -> Millis {
        let most = match self {
            Self::Create => RESET_MOST,
            Self::Events
            | Self::Show
            | Self::FriendshipsShow
            | Self::Users
            | Self::VerifyCredentials
            | Self::DirectMessages
            | Self::DmEvents => WINDOW + CLOCKS_APART,
        };
        reset_at.min(now.plus(most))
    }
}

/// Clocks that differ by less are not corrected by their owners.
const CLOCKS_APART: Duration = Duration::from_secs(5 * 60);

/// X's longest window is a day. A reset further off is a mistake and must not hold an account
/// forever.
const RESET_MOST: Duration = Duration::from_secs(25 * 60 * 60);

fn believable(reset_at: Millis, now: Millis) -> Millis {
    reset_at.min(now.plus(RESET_MOST))
}

/// The length of X's window.
pub const WINDOW: Duration = Duration::from_secs(15 * 60);

/// Calls are counted by the minute in which they begin. X counts a call when it arrives, which may
/// be a minute later. If X has not said when its window ends, a window spans two minutes more.
const MINUTE: i64 = 60_000;
const MINUTES: i64 = 17;

/// The longest wait for a spent budget if X has not said when its window ends.
pub const COUNTED_FOR: Duration = Duration::from_secs(60 * MINUTES as u64);

/// The first wait after a 429 that names no time. Each further one doubles it.
pub const HOLD_FIRST: Duration = Duration::from_secs(5);
const HOLD_MOST: Duration = Duration::from_secs(15 * 60);

/// X's headers: `x-rate-limit-remaining` of `-limit` until `-reset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateHeaders {
    /// The limit that `remaining` counts from. `None` if X did not say.
    #[serde(default)]
    pub limit: Option<u32>,
    pub remaining: u32,
    pub reset_at: Millis,
}

/// The account's use of one kind of call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CallWindow {
    /// The calls begun by minute since the epoch.
    minutes: BTreeMap<i64, u32>,
    /// X's own limit in its last headers. A smaller one than documented holds in later windows too.
    limit: Option<u32>,
    told: Option<RateHeaders>,
    /// No call is made before this instant after a 429.
    held_until: Option<Millis>,
    /// How many 429s in a row named no time.
    holds: u32,
    /// The pace of the calls that are spread evenly.
    pace: CallPace,
}

impl CallWindow {
    /// How many of the calls that are spread evenly may be made now.
    pub fn paced(&self, calls_a_minute: f64, now: Millis) -> u32 {
        let mut pace = self.pace;
        pace.calls(calls_a_minute, now)
    }

    /// Takes up to `wanted` of the calls that are spread evenly and returns how many. None are
    /// taken before their time. The error is the instant at which a call may be made.
    pub fn take_paced(
        &mut self,
        limit: u32,
        (wanted, calls_a_minute): (u32, f64),
        now: Millis,
    ) -> Ready<u32> {
        let due = self.pace.calls(calls_a_minute, now).min(wanted);
        let mut taken = 0;
        while taken < due {
            match self.take(limit, now) {
                Ok(()) => taken += 1,
                Err(until) if taken == 0 => return Ready::At(until),
                Err(_) => break,
            }
        }
        self.pace.spend(taken);
        Ready::Now(taken)
    }

    /// Takes one call, or returns the instant at which the next may be made.
    pub fn take(&mut self, limit: u32, now: Millis) -> Result<(), Millis> {
        if let Some(until) = self.held(now) {
            return Err(until);
        }
        self.forget(now);
        if self.used() >= self.allowed(limit) {
            let oldest = self.minutes.keys().next().copied().unwrap_or(now.0 / MINUTE);
            return Err(Millis((oldest + MINUTES) * MINUTE));
        }
        if let Some(told) = &mut self.told {
            if told.remaining == 0 {
                return Err(told.reset_at);
            }
            told.remaining -= 1;
        }
        *self.minutes.entry(now.0.div_euclid(MINUTE)).or_default() += 1;
        Ok(())
    }

    /// Gives back a call taken at `taken_at` that is known not to have been carried out.
    pub fn give_back(&mut self, taken_at: Millis) {
        if let Some(count) = self.minutes.get_mut(&taken_at.0.div_euclid(MINUTE)) {
            *count = count.saturating_sub(1);
        }
        // If X counted it nevertheless, its next headers say so.
        if let Some(told) = &mut self.told {
            told.remaining = told.remaining.saturating_add(1);
        }
    }

    /// Gives back calls taken at `taken_at` that were not made.
    pub fn give_back_unmade(&mut self, taken_at: Millis, calls: u32) {
        if let Some(count) = self.minutes.get_mut(&taken_at.0.div_euclid(MINUTE)) {
            *count = count.saturating_sub(calls);
        }
        // The count from X's headers already excludes these calls as under way. If none remain, it
        // is not known how far beyond the limit they went.
        if let Some(told) = self.told.as_mut().filter(|told| told.remaining > 0) {
            told.remaining = told.remaining.saturating_add(calls);
        }
    }

    /// The calls that are left at `now`.
    pub fn left(&self, limit: u32, now: Millis) -> u32 {
        let mut at = self.clone();
        at.forget(now);
        if at.held(now).is_some() {
            return 0;
        }
        let told = at.told.map_or(u32::MAX, |told| told.remaining);
        at.allowed(limit).saturating_sub(at.used()).min(told)
    }

    /// The calls that are left of the first half of the limit. The other half is for what cannot
    /// wait.
    pub fn spare(&self, limit: u32, now: Millis) -> u32 {
        self.left(limit, now).saturating_sub(self.allowed(limit) / 2)
    }

    /// True if X's headers say anything that this count does not know better.
    pub fn is_news(&self, told: RateHeaders, under_way: u32, limit: u32, now: Millis) -> bool {
        let heard = told.limit.map_or(self.allowed(limit), |told| told.min(limit));
        heard != self.allowed(limit)
            || told.remaining > 0 && self.holds > 0
            // The first answer of a window says when the window ends.
            || now < told.reset_at && self.told.is_none_or(|before| is_over(before, now))
            || told.remaining.saturating_sub(under_way) < self.left(limit, now)
    }

    /// Applies X's headers if they allow less than this count. `under_way` is the number of other
    /// calls whose answers are not in yet.
    pub fn hear(&mut self, told: RateHeaders, under_way: u32, now: Millis) {
        // A refusal carries headers too.
        if told.remaining > 0 {
            self.holds = 0;
        }
        self.limit = told.limit.or(self.limit);
        let told = RateHeaders { reset_at: believable(told.reset_at, now), ..told };
        if told.reset_at <= now {
            return;
        }
        let remaining = told.remaining.saturating_sub(under_way);
        self.told = match self.told {
            Some(before) if before.reset_at == told.reset_at => Some(RateHeaders {
                limit: None,
                remaining: remaining.min(before.remaining),
                ..told
            }),
            // An answer that one of a later window has overtaken says nothing new.
            Some(before) if before.reset_at > told.reset_at => Some(before),
            _ => Some(RateHeaders { limit: None, remaining, ..told }),
        };
    }

    /// Holds all calls after a 429 until X's reset. If the reset is absent or past, it holds for 5
    /// s and doubles that each time. Returns the end of the hold.
    pub fn hold(&mut self, reset_at: Option<Millis>, now: Millis) -> Millis {
        let held = self.held(now);
        let reset_at = reset_at.map(|at| believable(at, now));
        let until = match (reset_at.filter(|at| *at > now), held) {
            (Some(reset_at), held) => held.map_or(reset_at, |held| held.max(reset_at)),
            // Requests under way beside the first are refused with it. They count as one refusal.
            (None, Some(held)) => held,
            (None, None) => {
                // A refusal long after the last one begins a new row.
                if self.held_until.is_some_and(|until| now >= until.plus(HOLD_MOST)) {
                    self.holds = 0;
                }
                self.holds = (self.holds + 1).min(16);
                now.plus((HOLD_FIRST * (1 << (self.holds - 1))).min(HOLD_MOST))
            }
        };
        self.held_until = Some(until);
        until
    }

    /// The end of the hold that a 429 puts on all calls.
    fn held(&self, now: Millis) -> Option<Millis> {
        self.held_until.filter(|until| until.is_ahead(now, RESET_MOST))
    }

    /// X's own limit if its headers named a smaller one.
    pub fn allowed(&self, limit: u32) -> u32 {
        self.limit.map_or(limit, |told| told.min(limit))
    }

    fn used(&self) -> u32 {
        self.minutes.values().sum()
    }

    fn forget(&mut self, now: Millis) {
        let mut first = now.0.div_euclid(MINUTE) - MINUTES + 1;
        if let Some(told) = self.told.take_if(|told| is_over(*told, now))
            && told.reset_at <= now
        {
            // The calls that X received before its window ended count in that window.
            first = first.max(told.reset_at.0.div_euclid(MINUTE) - 1);
        }
        // Minutes ahead of now still count: this clock was set back, but X's was not.
        self.minutes = self.minutes.split_off(&first);
    }
}

/// True if X's window has ended.
fn is_over(told: RateHeaders, now: Millis) -> bool {
    !told.reset_at.is_ahead(now, RESET_MOST)
}

#[cfg(test)]
mod tests;
