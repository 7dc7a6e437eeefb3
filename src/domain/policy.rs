//! Who is asked, and when: every decision before a prompt, and the waiting between tries.

use std::time::Duration;

use super::close::Close;
use super::survey::{Reason, Survey};
use super::time::{Millis, millis};

/// X counts its day of prompts back from now (X's page of feedback/create).
pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// An account's rules, as the configuration has them.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    pub delay: Duration,
    pub expire_after: Duration,
    pub throttle: Duration,
    /// Share of the closes that are surveyed, 0 to 1.
    pub sample: f64,
    pub daily_limit: u32,
    pub daily_limit_per_user: u32,
}

/// What is decided of a close at the moment it comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtClose {
    Scheduled { due_at: Millis },
    Suppressed { due_at: Millis, reason: Reason },
    Expired { due_at: Millis },
}

/// Decides what is known at once; the rest is decided at the moment of sending.
pub fn at_close(close: &Close, rules: &Rules, now: Millis) -> AtClose {
    let due_at = close.closed_at.plus(rules.delay);
    // First: whoever sets a help desk up must see what is missing, also on a payload of last year.
    if close.user_id.is_none() {
        return AtClose::Suppressed { due_at, reason: Reason::NoXId };
    }
    if is_too_late(close.closed_at, rules, now) {
        return AtClose::Expired { due_at };
    }
    if !is_sampled(close, rules.sample) {
        return AtClose::Suppressed { due_at, reason: Reason::SampledOut };
    }
    AtClose::Scheduled { due_at }
}

/// Whether a prompt for a conversation closed at `closed_at` would be late by now.
pub fn is_too_late(closed_at: Millis, rules: &Rules, now: Millis) -> bool {
    now >= too_late_at(closed_at, rules)
}

/// The first instant at which it is.
pub fn too_late_at(closed_at: Millis, rules: &Rules) -> Millis {
    closed_at.plus(rules.expire_after).plus(Duration::from_millis(1))
}

/// Whether a close falls into the sample: decided by its identity alone, so that asking again, or
/// on another machine, gives the same answer.
fn is_sampled(close: &Close, share: f64) -> bool {
    let closed_at = close.closed_at.0.to_be_bytes();
    draw(&[close.account.as_bytes(), close.conversation_id.as_str().as_bytes()], &closed_at) < share
}

/// A number from 0 to 1 that an identity always has: even over all identities.
fn draw(names: &[&[u8]], number: &[u8]) -> f64 {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    for name in names {
        context.update(name);
        context.update(&[0]);
    }
    context.update(number);
    let digest = context.finish();
    let mut first = [0_u8; 8];
    first.copy_from_slice(&digest.as_ref()[..8]);
    // 53 bits, the most that a double holds exactly.
    (u64::from_be_bytes(first) >> 11) as f64 / (1_u64 << 53) as f64
}

/// What was sent before, as far as it bears on one more prompt. What may have been sent counts as
/// sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// The last prompt to this person from an account of the throttle group.
    pub last_to_person: Option<Millis>,
    /// Prompts from this account to this person in the last 24 hours.
    pub day_to_person: u32,
    /// Prompts from this account in the last 24 hours.
    pub day_of_account: u32,
    /// The oldest of them.
    pub oldest_of_day: Option<Millis>,
}

/// What is decided at the moment of sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtSending {
    Send,
    Suppress(Reason),
    Expire,
    /// The account's day is full; a share comes back at `until`.
    Wait {
        until: Millis,
    },
}

/// Decides once more, for a survey that is not too late, on what is true now by X's clock.
pub fn at_sending(rules: &Rules, history: &History, now: Millis) -> AtSending {
    let throttled = history.last_to_person.is_some_and(|last| now < last.plus(rules.throttle));
    if throttled || history.day_to_person >= rules.daily_limit_per_user {
        return AtSending::Suppress(Reason::Throttled);
    }
    if history.day_of_account >= rules.daily_limit {
        let until = history.oldest_of_day.unwrap_or(now).plus(DAY);
        return AtSending::Wait { until };
    }
    AtSending::Send
}

/// First wait after a transient refusal; each further one doubles it.
pub const RETRY_FIRST: Duration = Duration::from_secs(5);
/// Longest wait between two tries of one survey.
pub const RETRY_MOST: Duration = Duration::from_secs(15 * 60);

/// How long to wait before the try of a survey after its `attempts`-th. What failed together is
/// spread by the surveys' names, not by chance: the same run waits as long when it is repeated.
pub fn backoff(survey: &Survey, attempts: u32) -> Duration {
    let names = [survey.account.as_bytes(), survey.external_id.as_bytes()];
    spread(attempts, draw(&names, &attempts.to_be_bytes()))
}

/// The wait after so many tries, with up to a quarter taken off.
fn spread(attempts: u32, jitter: f64) -> Duration {
    let doubled = RETRY_FIRST.saturating_mul(1_u32 << attempts.saturating_sub(1).min(16));
    doubled.min(RETRY_MOST).mul_f64(1.0 - 0.25 * jitter)
}

/// First wait before a paused account is asked about, and the longest.
pub const PROBE_FIRST: Duration = Duration::from_secs(60);
pub const PROBE_MOST: Duration = Duration::from_secs(60 * 60);

/// When feedback/show is asked about a prompt that has no full answer: often while it is new, then
/// ever more rarely, for most answers come soon. `None` once it is no longer fresh.
pub fn next_show(
    sent_at: Millis,
    interval: Duration,
    fresh_for: Duration,
    now: Millis,
) -> Option<Millis> {
    let age = now.since(sent_at);
    let wait = interval.max(age / 4).min(SHOW_MOST.max(interval));
    let next = now.plus(wait);
    (millis(next.since(sent_at)) <= millis(fresh_for)).then_some(next)
}

/// Longest wait between two questions about one prompt.
const SHOW_MOST: Duration = Duration::from_secs(6 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::super::id::{ConversationId, UserId};
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn rules() -> Rules {
        Rules {
            delay: Duration::from_secs(300),
            expire_after: 12 * HOUR,
            throttle: 7 * DAY,
            sample: 1.0,
            daily_limit: 1000,
            daily_limit_per_user: 1,
        }
    }

    fn close(conversation_id: &str, closed_at: Millis) -> Close {
        Close {
            account: "acme".into(),
            source: "desk".into(),
            conversation_id: ConversationId::parse(conversation_id).unwrap(),
            user_id: UserId::parse("1").ok(),
            closed_at,
            notice: Default::default(),
        }
    }

    #[test]
    fn a_close_is_due_after_the_delay_and_expires_in_time() {
        let close = close("c", Millis(0));
        let due_at = Millis(300_000);
        let at = |now| at_close(&close, &rules(), now);
        assert_eq!(at(Millis(10)), AtClose::Scheduled { due_at });
        assert_eq!(at(Millis(0).plus(12 * HOUR)), AtClose::Scheduled { due_at });
        assert_eq!(at(Millis(1).plus(12 * HOUR)), AtClose::Expired { due_at });
    }

    #[test]
    fn whoever_has_no_id_at_x_is_not_asked() {
        let close = Close { user_id: None, ..close("c", Millis(0)) };
        let suppressed = AtClose::Suppressed { due_at: Millis(300_000), reason: Reason::NoXId };
        assert_eq!(at_close(&close, &rules(), Millis(0)), suppressed);
        assert_eq!(at_close(&close, &rules(), Millis(0).plus(DAY)), suppressed);
    }

    #[test]
    fn a_sample_is_stable_and_close_to_its_share() {
        let taken = |share: f64| {
            (0..10_000).filter(|n| is_sampled(&close(&format!("c-{n}"), Millis(0)), share)).count()
        };
        assert_eq!(taken(0.0), 0);
        assert_eq!(taken(1.0), 10_000);
        assert_eq!(taken(0.3), taken(0.3));
        assert!((2_800..3_200).contains(&taken(0.3)), "{}", taken(0.3));
    }

    #[test]
    fn a_person_is_left_alone_until_the_throttle_has_passed() {
        let history = History { last_to_person: Some(Millis(0)), ..History::default() };
        let at = |now: Millis| at_sending(&rules(), &history, now);
        assert_eq!(
            at(Millis(0).plus(7 * DAY).minus(Duration::from_millis(1))),
            AtSending::Suppress(Reason::Throttled)
        );
        assert_eq!(at(Millis(0).plus(7 * DAY)), AtSending::Send);
    }

    #[test]
    fn without_a_throttle_the_limit_of_the_day_still_holds() {
        let rules = Rules { throttle: Duration::ZERO, ..rules() };
        let history =
            History { last_to_person: Some(Millis(0)), day_to_person: 1, ..History::default() };
        assert_eq!(at_sending(&rules, &history, Millis(5)), AtSending::Suppress(Reason::Throttled));
    }

    #[test]
    fn a_full_day_waits_for_its_oldest_prompt() {
        let history =
            History { day_of_account: 1000, oldest_of_day: Some(Millis(7)), ..History::default() };
        let decision = at_sending(&rules(), &history, Millis(50));
        assert_eq!(decision, AtSending::Wait { until: Millis(7).plus(DAY) });
    }

    #[test]
    fn waits_grow_and_are_bounded() {
        assert_eq!(spread(1, 0.0), RETRY_FIRST);
        assert_eq!(spread(2, 0.0), 2 * RETRY_FIRST);
        assert_eq!(spread(60, 0.0), RETRY_MOST);
        assert_eq!(spread(1, 1.0), RETRY_FIRST.mul_f64(0.75));
    }

    #[test]
    fn show_is_asked_ever_more_rarely_and_ends() {
        let sent_at = Millis(0);
        let interval = Duration::from_secs(300);
        let mut now = sent_at;
        let mut asked = 0;
        let mut last_wait = Duration::ZERO;
        while let Some(next) = next_show(sent_at, interval, 7 * DAY, now) {
            let wait = next.since(now);
            assert!(wait >= last_wait);
            (last_wait, now, asked) = (wait, next, asked + 1);
        }
        assert!((20..80).contains(&asked), "{asked}");
    }
}
