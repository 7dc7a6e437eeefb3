//! How many calls of one kind an account may still make: X's 15-minute windows, counted so that
//! no 15 minutes ever hold more calls than X allows, wherever X's own windows begin.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::freshness::Pace;
use super::time::Millis;

/// The calls that X limits by the quarter of an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Call {
    /// Limited by the day; its day is counted from the surveys themselves.
    Create,
    Events,
    Show,
    FriendshipsShow,
    Users,
    VerifyCredentials,
    DirectMessages,
    /// The same messages by X's second version.
    DmEvents,
}

impl Call {
    pub const ALL: [Self; 8] = [
        Self::Create,
        Self::Events,
        Self::Show,
        Self::FriendshipsShow,
        Self::Users,
        Self::VerifyCredentials,
        Self::DirectMessages,
        Self::DmEvents,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Events => "events",
            Self::Show => "show",
            Self::FriendshipsShow => "friendships_show",
            Self::Users => "users",
            Self::VerifyCredentials => "verify_credentials",
            Self::DirectMessages => "direct_messages",
            Self::DmEvents => "dm_events",
        }
    }

    /// Calls that X allows a user in 15 minutes (X's pages of the endpoints).
    pub fn limit(self) -> u32 {
        match self {
            Self::Create | Self::Events => 1_000,
            Self::Show | Self::FriendshipsShow => 180,
            Self::Users => 900,
            Self::VerifyCredentials => 75,
            Self::DirectMessages | Self::DmEvents => 15,
        }
    }
}

/// X's longest window is a day; a reset further off is a mistake, and must not hold an account for
/// ever.
const RESET_MOST: Duration = Duration::from_secs(25 * 60 * 60);

fn believable(reset_at: Millis, now: Millis) -> Millis {
    reset_at.min(now.plus(RESET_MOST))
}

/// X's window.
pub const WINDOW: Duration = Duration::from_secs(15 * 60);

/// Calls are counted by the minute; a whole window therefore spans one minute more.
const MINUTE: i64 = 60_000;
const MINUTES: i64 = 16;

/// First wait after a 429 that names no time; each further one doubles it.
pub const HOLD_FIRST: Duration = Duration::from_secs(5);
const HOLD_MOST: Duration = Duration::from_secs(15 * 60);

/// What X's headers said: `x-rate-limit-remaining` of `-limit` until `-reset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Of what limit; absent where X did not say.
    #[serde(default)]
    pub limit: Option<u32>,
    pub remaining: u32,
    pub reset_at: Millis,
}

/// The account's use of one kind of call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Window {
    /// Calls begun, by minute since the epoch.
    minutes: BTreeMap<i64, u32>,
    /// X's own limit, as last told: a smaller one than documented holds in later windows too.
    limit: Option<u32>,
    told: Option<Told>,
    /// No call before this instant, after a 429.
    held_until: Option<Millis>,
    /// How often a 429 came in a row without naming a time.
    holds: u32,
    /// Of calls that are spread evenly.
    pace: Pace,
}

impl Window {
    /// How many of the calls that are spread evenly may be made now.
    pub fn paced(&self, calls_a_minute: f64, now: Millis) -> u32 {
        let mut pace = self.pace;
        pace.calls(calls_a_minute, now)
    }

    /// Takes up to `wanted` of the calls that are spread evenly: how many, which may be none before
    /// their time, or when any may be made.
    pub fn take_paced(
        &mut self,
        limit: u32,
        (wanted, calls_a_minute): (u32, f64),
        now: Millis,
    ) -> Result<u32, Millis> {
        let due = self.pace.calls(calls_a_minute, now).min(wanted);
        let mut taken = 0;
        while taken < due {
            match self.take(limit, now) {
                Ok(()) => taken += 1,
                Err(until) if taken == 0 => return Err(until),
                Err(_) => break,
            }
        }
        self.pace.spend(taken);
        Ok(taken)
    }

    /// Takes one call, or says when the next may be made.
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
        // Where X counted it all the same, its next headers say so.
        if let Some(told) = &mut self.told {
            told.remaining = told.remaining.saturating_add(1);
        }
    }

    /// Calls that are left at `now`.
    pub fn left(&self, limit: u32, now: Millis) -> u32 {
        let mut at = self.clone();
        at.forget(now);
        if at.held(now).is_some() {
            return 0;
        }
        let told = at.told.map_or(u32::MAX, |told| told.remaining);
        at.allowed(limit).saturating_sub(at.used()).min(told)
    }

    /// Calls that are left of the first half of the limit: the other is for what cannot wait.
    pub fn spare(&self, limit: u32, now: Millis) -> u32 {
        self.left(limit, now).saturating_sub(self.allowed(limit) / 2)
    }

    /// Whether X's headers say anything that this count does not know better.
    pub fn is_news(&self, told: Told, under_way: u32, limit: u32, now: Millis) -> bool {
        let heard = told.limit.map_or(self.allowed(limit), |told| told.min(limit));
        heard != self.allowed(limit)
            || told.remaining.saturating_sub(under_way) < self.left(limit, now)
    }

    /// Believes X's headers where they say less than our own count. `under_way` is how many other
    /// calls have been taken whose answers are not in yet.
    pub fn hear(&mut self, told: Told, under_way: u32, now: Millis) {
        self.holds = 0;
        self.limit = told.limit.or(self.limit);
        let told = Told { reset_at: believable(told.reset_at, now), ..told };
        if told.reset_at <= now {
            return;
        }
        let remaining = told.remaining.saturating_sub(under_way);
        self.told = match self.told {
            Some(before) if before.reset_at == told.reset_at => {
                Some(Told { limit: None, remaining: remaining.min(before.remaining), ..told })
            }
            // An answer that was overtaken by one of a later window tells nothing new.
            Some(before) if before.reset_at > told.reset_at => Some(before),
            _ => Some(Told { limit: None, remaining, ..told }),
        };
    }

    /// Holds all calls after a 429: until X's reset, or, where that is absent or past, for 5 s,
    /// doubling. Gives the end of the hold.
    pub fn hold(&mut self, reset_at: Option<Millis>, now: Millis) -> Millis {
        let held = self.held(now);
        let reset_at = reset_at.map(|at| believable(at, now));
        let until = match (reset_at.filter(|at| *at > now), held) {
            (Some(reset_at), held) => held.map_or(reset_at, |held| held.max(reset_at)),
            // Requests that were under way beside the first are refused with it: one refusal.
            (None, Some(held)) => held,
            (None, None) => {
                // One that comes long after the last is the first of its own row.
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

    /// Until when a 429 holds all calls. One that would hold for longer than any was written
    /// before the clock was set back.
    fn held(&self, now: Millis) -> Option<Millis> {
        self.held_until.filter(|until| now < *until && *until <= now.plus(RESET_MOST))
    }

    /// X's own limit where it has told a smaller one.
    pub fn allowed(&self, limit: u32) -> u32 {
        self.limit.map_or(limit, |told| told.min(limit))
    }

    fn used(&self) -> u32 {
        self.minutes.values().sum()
    }

    fn forget(&mut self, now: Millis) {
        let first = now.0.div_euclid(MINUTE) - MINUTES + 1;
        // Minutes ahead of now (the clock was set back) still count: X's clock was not.
        self.minutes = self.minutes.split_off(&first);
        if self.told.is_some_and(|told| told.reset_at <= now) {
            self.told = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_quarter_of_an_hour_holds_more_than_the_limit(
            steps in prop::collection::vec(0..90_000_i64, 1..400), limit in 1..20_u32,
        ) {
            let mut window = Window::default();
            let mut now = Millis(1_000_000_000);
            let mut taken: Vec<i64> = Vec::new();
            for step in steps {
                now = Millis(now.0 + step);
                if window.take(limit, now).is_ok() {
                    taken.push(now.0);
                }
                let inside = taken.iter().filter(|at| **at > now.0 - 900_000).count();
                prop_assert!(inside <= limit as usize);
            }
        }
    }

    #[test]
    fn daemons_that_spend_of_one_budget_share_one_pace() {
        let mut window = Window::default();
        let mut taken = 0;
        for second in 0..1_800 {
            // The clock of the second is a little behind.
            for behind in [0, 700] {
                let now = Millis(1_000_000_000 + 1_000 * second - behind);
                let text = serde_json::to_string(&window).unwrap();
                window = serde_json::from_str(&text).unwrap();
                taken += window.take_paced(180, (5, 10.0), now).unwrap();
            }
        }
        // A minute's calls at once, and 10 a minute for half an hour.
        assert!((308..=310).contains(&taken), "{taken}");
    }

    #[test]
    fn calls_that_cannot_wait_are_taken_whatever_the_pace() {
        let mut window = Window::default();
        let now = Millis(1_000_000_000);
        assert_eq!(window.take_paced(180, (50, 10.0), now), Ok(10));
        assert_eq!((window.paced(10.0, now), window.take_paced(180, (50, 10.0), now)), (0, Ok(0)));
        assert_eq!(window.take(180, now), Ok(()));
        let later = now.plus(Duration::from_secs(30));
        assert_eq!(window.paced(10.0, later), 5);
        let until = window.hold(None, later);
        assert_eq!(window.take_paced(180, (50, 10.0), later), Err(until));
    }

    #[test]
    fn a_call_comes_free_when_the_window_says() {
        let mut window = Window::default();
        let now = Millis(600_000_000);
        window.take(1, now).unwrap();
        let free_at = window.take(1, now).unwrap_err();
        assert!(window.take(1, Millis(free_at.0 - 1)).is_err());
        assert!(window.take(1, free_at).is_ok());
    }

    #[test]
    fn headers_that_say_less_are_believed() {
        let mut window = Window::default();
        let now = Millis(0);
        let reset_at = Millis(500_000);
        window.hear(Told { limit: None, remaining: 3, reset_at }, 1, now);
        assert_eq!(window.left(180, now), 2);
        window.hear(Told { limit: None, remaining: 90, reset_at }, 0, now);
        assert_eq!(window.left(180, now), 2);
        window.take(180, now).unwrap();
        window.take(180, now).unwrap();
        assert_eq!(window.take(180, now), Err(reset_at));
        assert!(window.take(180, reset_at).is_ok());
    }

    #[test]
    fn what_can_wait_gets_half_of_the_limit_and_of_a_single_call_the_whole() {
        let mut window = Window::default();
        let now = Millis(0);
        assert_eq!((window.spare(1_000, now), window.spare(1, now)), (500, 1));
        for _ in 0..3 {
            window.take(4, now).unwrap();
        }
        assert_eq!((window.left(4, now), window.spare(4, now)), (1, 0));
    }

    #[test]
    fn calls_that_were_not_carried_out_come_back() {
        let mut window = Window::default();
        let reset_at = Millis(86_400_000);
        window.hear(Told { limit: None, remaining: 2, reset_at }, 0, Millis(0));
        for _ in 0..10 {
            window.take(1_000, Millis(5)).unwrap();
            window.give_back(Millis(5));
        }
        assert_eq!(window.left(1_000, Millis(6)), 2);
        assert_eq!(window.left(1, Millis(6)), 1, "our own count knows nothing of them either");
    }

    #[test]
    fn requests_that_are_refused_together_are_one_refusal() {
        let mut window = Window::default();
        for _ in 0..8 {
            assert_eq!(window.hold(None, Millis(100)), Millis(5_100));
        }
        assert_eq!(window.hold(None, Millis(5_100)), Millis(15_100));
    }

    #[test]
    fn a_refusal_long_after_the_last_starts_anew() {
        let mut window = Window::default();
        let first = window.hold(None, Millis(0));
        let later = first.plus(HOLD_MOST);
        assert_eq!(window.hold(None, later), later.plus(HOLD_FIRST));
    }

    #[test]
    fn a_smaller_limit_that_x_has_told_holds_in_later_windows() {
        let mut window = Window::default();
        let now = Millis(0);
        let reset_at = Millis(500_000);
        let told = |limit| Told { limit: Some(limit), remaining: limit - 1, reset_at };
        window.take(180, now).unwrap();
        assert!(window.is_news(told(30), 0, 180, now));
        window.hear(told(30), 0, now);
        assert_eq!(window.left(180, now), 29);
        let later = Millis(10_000_000);
        assert_eq!(window.left(180, later), 30);
        assert!(!window.is_news(Told { limit: None, ..told(31) }, 0, 180, later));
        assert!(window.is_news(told(500), 0, 180, later));
        window.hear(told(500), 0, later);
        assert_eq!(window.left(180, later), 180);
    }

    #[test]
    fn a_hold_without_a_time_doubles_until_an_answer_comes() {
        let mut window = Window::default();
        assert_eq!(window.hold(None, Millis(0)), Millis(5_000));
        assert_eq!(window.hold(Some(Millis(3)), Millis(5_000)), Millis(15_000));
        assert_eq!(window.take(10, Millis(14_999)), Err(Millis(15_000)));
        let told = Told { limit: None, remaining: 5, reset_at: Millis(900_000) };
        window.hear(told, 0, Millis(15_000));
        assert_eq!(window.hold(None, Millis(20_000)), Millis(25_000));
        assert_eq!(window.hold(Some(Millis(700_000)), Millis(20_000)), Millis(700_000));
    }
}
