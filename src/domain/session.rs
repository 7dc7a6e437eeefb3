//! How long somebody stays signed in.

use std::time::Duration;

use super::time::Millis;

/// A session in which nothing was asked for so long is over.
pub const IDLE_MOST: Duration = Duration::from_secs(12 * 60 * 60);
/// A session is over so long after the sign-in, however busy it is.
pub const LENGTH_MOST: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// The shortest time between two notes of a session's use.
pub const SEEN_EVERY: Duration = Duration::from_secs(60);
/// How far the clock may be set back without ending the sessions.
const CLOCK_STEP: Duration = Duration::from_secs(5 * 60);

/// The time since a sign-in on one browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The name of the login.
    pub login: String,
    /// The version of the login at the sign-in. Roles, limits and password make it.
    pub version: String,
    pub made_at: Millis,
    /// When the session was used last, to a minute.
    pub seen_at: Millis,
}

impl Session {
    /// True if the session still counts at `now` for a login of this version.
    pub fn lives(&self, version: &str, now: Millis) -> bool {
        let is_within =
            |at: Millis, most: Duration| at.is_recent(now.plus(CLOCK_STEP), most + CLOCK_STEP);
        self.version == version
            && is_within(self.seen_at, IDLE_MOST)
            && is_within(self.made_at, LENGTH_MOST)
    }

    /// True if its use at `now` is worth a note.
    pub fn is_news(&self, now: Millis) -> bool {
        !self.seen_at.is_recent(now, SEEN_EVERY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Millis = Millis(1_790_000_000_000);
    const MINUTE: Duration = Duration::from_secs(60);

    fn session(seen_at: Millis) -> Session {
        Session { login: "mara".into(), version: "v1".into(), made_at: START, seen_at }
    }

    #[test]
    fn a_session_ends_by_idleness_by_age_and_by_a_change_of_its_login() {
        let fresh = session(START);
        assert!(fresh.lives("v1", START));
        assert!(!fresh.lives("v2", START), "the login was changed");
        assert!(fresh.lives("v1", START.plus(IDLE_MOST - MINUTE)));
        assert!(!fresh.lives("v1", START.plus(IDLE_MOST)), "idle");
        let month = START.plus(LENGTH_MOST);
        let busy = session(month);
        assert!(busy.lives("v1", month.minus(MINUTE)));
        assert!(!busy.lives("v1", month), "old, though busy");
    }

    #[test]
    fn a_clock_that_is_set_back_a_little_ends_no_session_and_one_set_back_far_does() {
        assert!(session(START).lives("v1", START.minus(4 * MINUTE)));
        assert!(!session(START).lives("v1", START.minus(6 * MINUTE)));
    }

    #[test]
    fn a_use_is_noted_once_a_minute() {
        let session = session(START);
        assert!(!session.is_news(START));
        assert!(!session.is_news(START.plus(MINUTE - Duration::from_millis(1))));
        assert!(session.is_news(START.plus(MINUTE)));
        assert!(session.is_news(START.minus(MINUTE)), "noted before the clock was set back");
    }
}
