//! The waits between tries.

use std::time::Duration;

use super::draws::draw;
use crate::domain::survey::Survey;

/// The first wait after a transient refusal. Each further one doubles it.
pub const RETRY_FIRST: Duration = Duration::from_secs(5);
/// The longest wait between two tries of one survey.
pub const RETRY_MOST: Duration = Duration::from_secs(15 * 60);

/// How long to wait after a survey's `attempts`-th try. Surveys that failed together are spread by
/// their names and not by chance. A repeated run therefore waits as long.
pub fn backoff(survey: &Survey, attempts: u32) -> Duration {
    let names = [survey.account.as_bytes(), survey.external_id.as_bytes()];
    spread(attempts, draw(&names, &attempts.to_be_bytes()))
}

/// The wait after so many tries with up to a quarter taken off.
fn spread(attempts: u32, jitter: f64) -> Duration {
    let doubled = RETRY_FIRST.saturating_mul(1_u32 << attempts.saturating_sub(1).min(16));
    doubled.min(RETRY_MOST).mul_f64(1.0 - 0.25 * jitter)
}

/// The first wait before surveyd probes a paused account. [`PROBE_MOST`] is the longest.
pub const PROBE_FIRST: Duration = Duration::from_secs(60);
pub const PROBE_MOST: Duration = Duration::from_secs(60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_are_bounded() {
        assert_eq!(spread(1, 0.0), RETRY_FIRST);
        assert_eq!(spread(2, 0.0), 2 * RETRY_FIRST);
        assert_eq!(spread(60, 0.0), RETRY_MOST);
        assert_eq!(spread(1, 1.0), RETRY_FIRST.mul_f64(0.75));
    }
}
