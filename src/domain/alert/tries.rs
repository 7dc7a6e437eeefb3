//! Says when a message is tried again and when an alert is given up.

use std::time::Duration;

use super::Format;
use crate::domain::time::Millis;

/// The waits after the first try of a message, the second and so on. They are Svix's defaults and
/// span more than a day.
pub const WAITS: [Duration; 7] = [
    Duration::from_secs(5),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 60 * 60),
    Duration::from_secs(5 * 60 * 60),
    Duration::from_secs(10 * 60 * 60),
    Duration::from_secs(10 * 60 * 60),
];
/// By how much a wait is longer or shorter, so that alerts that failed together part.
const SPREAD: f64 = 0.1;
/// An alert that does nothing but fail is disabled after this time.
pub const GIVEN_UP_AFTER: Duration = Duration::from_secs(120 * 60 * 60);
/// The least time from one request to the next of one alert. Slack allows one a second.
pub const PACE: Duration = Duration::from_secs(1);

/// When a message is tried again that has been tried `tries` times, last at `now`. `None` if that
/// was its last try. `random` lies between 0 and 1.
pub fn next_try_at(tries: u32, now: Millis, random: f64) -> Option<Millis> {
    let index = usize::try_from(tries.checked_sub(1)?).ok()?;
    let wait = WAITS.get(index)?;
    let spread = 1.0 - SPREAD + 2.0 * SPREAD * random.clamp(0.0, 1.0);
    Some(now.plus(wait.mul_f64(spread)))
}

/// What the receiver's answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TryVerdict {
    /// The receiver has the message.
    Sent,
    /// Try again. The error is for the operator.
    Failed(String),
    /// The receiver wants no more messages. The error is for the operator.
    Gone(String),
}

/// Judges an answer by its status and the beginning of its body.
///
/// Standard Webhooks: 2xx is done, 3xx is a failure, 410 disables. Slack says by 403 or 404 and a
/// word that its webhook is gone, and by 200 and `ok` that it has the message.
pub fn judge(format: &Format, status: u16, body: &str) -> TryVerdict {
    const GONE_AT_SLACK: [&str; 10] = [
        "action_prohibited",
        "channel_is_archived",
        "channel_not_found",
        "invalid_token",
        "no_active_hooks",
        "no_service",
        "no_service_id",
        "no_team",
        "team_disabled",
        "user_not_found",
    ];
    let word = body.trim();
    let is_slack = *format == Format::Slack;
    match status {
        200..=299 => TryVerdict::Sent,
        300..=399 => TryVerdict::Failed(format!("status {status}: redirects are not followed")),
        410 => TryVerdict::Gone("status 410: the receiver is gone".into()),
        403 | 404 if is_slack && GONE_AT_SLACK.contains(&word) => {
            TryVerdict::Gone(format!("status {status}: {word}"))
        }
        400 if is_slack && !word.is_empty() && word.len() < 100 && is_word(word) => {
            TryVerdict::Failed(format!("status {status}: {word}"))
        }
        _ => TryVerdict::Failed(format!("status {status}")),
    }
}

fn is_word(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// True if the alert has failed for so long that it is disabled. `failing_since` is the first
/// failure after its last success.
pub fn is_given_up(failing_since: Millis, now: Millis) -> bool {
    now.since(failing_since) >= GIVEN_UP_AFTER
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_790_000_000_000);
    const MINUTE: Duration = Duration::from_secs(60);
    const HOUR: Duration = Duration::from_secs(60 * 60);

    #[test]
    fn a_message_is_tried_eight_times_in_more_than_a_day() {
        let waits: Vec<_> =
            (0..=9).map(|tries| next_try_at(tries, NOW, 0.5).map(|at| at.since(NOW))).collect();
        let second = Duration::from_secs(1);
        let expected = [5 * second, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR];
        let mut whole = vec![None];
        whole.extend(expected.map(Some));
        whole.extend([Some(10 * HOUR), None, None]);
        assert_eq!(waits, whole);
        assert_eq!(next_try_at(u32::MAX, NOW, 0.5), None);
    }

    #[test]
    fn a_wait_is_a_tenth_longer_or_shorter_at_most() {
        let wait = |random| next_try_at(2, NOW, random).map(|at| at.since(NOW).as_secs());
        assert_eq!([0.0, 0.5, 1.0].map(wait), [Some(270), Some(300), Some(330)]);
        assert_eq!([-7.0, 7.0].map(wait), [Some(270), Some(330)], "no such number is drawn");
    }

    #[test]
    fn an_answer_means_what_the_receiver_says() {
        let failed = |why: &str| TryVerdict::Failed(why.to_owned());
        let gone = |why: &str| TryVerdict::Gone(why.to_owned());
        for (format, status, body, verdict) in [
            (Format::Standard, 200, "", TryVerdict::Sent),
            (Format::Standard, 204, "", TryVerdict::Sent),
            (Format::Teams, 202, "", TryVerdict::Sent),
            (Format::Standard, 301, "", failed("status 301: redirects are not followed")),
            (Format::Standard, 400, "no_service", failed("status 400")),
            (Format::Standard, 404, "no_service", failed("status 404")),
            (Format::Standard, 410, "", gone("status 410: the receiver is gone")),
            (Format::Slack, 410, "", gone("status 410: the receiver is gone")),
            (Format::Slack, 404, "no_service", gone("status 404: no_service")),
            (Format::Slack, 404, "channel_not_found\n", gone("status 404: channel_not_found")),
            (Format::Slack, 403, "action_prohibited", gone("status 403: action_prohibited")),
            (Format::Slack, 403, "<html>", failed("status 403")),
            (Format::Slack, 400, "invalid_payload", failed("status 400: invalid_payload")),
            (Format::Slack, 400, "What a person wrote", failed("status 400")),
            (Format::Slack, 429, "", failed("status 429")),
            (Format::Mattermost, 500, "", failed("status 500")),
        ] {
            assert_eq!(judge(&format, status, body), verdict, "{format:?} {status} {body}");
        }
    }

    #[test]
    fn an_alert_is_given_up_after_five_days_of_nothing_but_failures() {
        let last = GIVEN_UP_AFTER - Duration::from_millis(1);
        assert!(!is_given_up(NOW, NOW));
        assert!(!is_given_up(NOW, NOW.plus(last)));
        assert!(is_given_up(NOW, NOW.plus(GIVEN_UP_AFTER)));
        assert!(!is_given_up(NOW, NOW.minus(HOUR)), "the clock was set back");
    }
}
