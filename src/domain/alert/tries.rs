//! Says when a message is tried again and when an alert is disabled.

use std::time::Duration;

use super::Format;
use crate::domain::time::Millis;

/// The waits after the first try of a message, the second and so on. They are Svix's defaults. The
/// last one repeats for as long as the message is told.
pub const WAITS: [Duration; 6] = [
    Duration::from_secs(5),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 60 * 60),
    Duration::from_secs(5 * 60 * 60),
    Duration::from_secs(10 * 60 * 60),
];
/// By how much a wait is longer or shorter, so that alerts that failed together part.
const SPREAD: f64 = 0.1;
/// An alert that does nothing but fail is disabled after this time.
pub const DISABLED_AFTER: Duration = Duration::from_secs(120 * 60 * 60);
/// The fewest tries that must have failed in that time. A daemon that was off has not tried.
pub const FAILED_LEAST: u32 = 8;
/// The least time from one request to the next of one alert. Slack allows one a second.
pub const PACE: Duration = Duration::from_secs(1);

/// When a message is tried again that has been tried `tries` times, last at `now`. `random` lies
/// between 0 and 1.
pub fn next_try_at(tries: u32, now: Millis, random: f64) -> Millis {
    let index = usize::try_from(tries.saturating_sub(1)).unwrap_or(usize::MAX);
    let wait = WAITS[index.min(WAITS.len() - 1)];
    let spread = 1.0 - SPREAD + 2.0 * SPREAD * random.clamp(0.0, 1.0);
    now.plus(wait.mul_f64(spread))
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

/// True if the alert has failed for so long and so often that it is disabled. `failing_since` is
/// the first failure after its last success, and `failed` counts the failures from that one on.
pub fn has_failed_for_good(failing_since: Millis, failed: u32, now: Millis) -> bool {
    failed >= FAILED_LEAST && now.since(failing_since) >= DISABLED_AFTER
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_790_000_000_000);
    const MINUTE: Duration = Duration::from_secs(60);
    const HOUR: Duration = Duration::from_secs(60 * 60);

    #[test]
    fn a_message_is_tried_again_and_again_at_ever_longer_waits_of_ten_hours_at_most() {
        let wait = |tries| next_try_at(tries, NOW, 0.5).since(NOW);
        let waits: Vec<_> = (1..=9).map(wait).collect();
        let expected = [5 * Duration::from_secs(1), 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR];
        assert_eq!(waits, [expected.as_slice(), &[10 * HOUR; 4]].concat());
        assert_eq!((wait(0), wait(u32::MAX)), (expected[0], 10 * HOUR));
    }

    #[test]
    fn a_wait_is_a_tenth_longer_or_shorter_at_most() {
        let wait = |random| next_try_at(2, NOW, random).since(NOW).as_secs();
        assert_eq!([0.0, 0.5, 1.0].map(wait), [270, 300, 330]);
        assert_eq!([-7.0, 7.0].map(wait), [270, 330], "no such number is drawn");
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
    fn an_alert_is_disabled_after_five_days_and_eight_tries_of_nothing_but_failures() {
        let last = DISABLED_AFTER - Duration::from_millis(1);
        assert!(!has_failed_for_good(NOW, 9, NOW));
        assert!(!has_failed_for_good(NOW, 9, NOW.plus(last)));
        assert!(has_failed_for_good(NOW, 8, NOW.plus(DISABLED_AFTER)));
        assert!(!has_failed_for_good(NOW, 7, NOW.plus(2 * DISABLED_AFTER)), "it was hardly tried");
        assert!(!has_failed_for_good(NOW, 9, NOW.minus(HOUR)), "the clock was set back");
    }
}
