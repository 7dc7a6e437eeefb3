//! Logs every 15 minutes what happened, so that a quiet log is told from a dead process.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tracing::info;

use crate::meters::{Meters, PromptOutcome, Readings};
use crate::stop::Stopper;
use crate::web::Web;

const EVERY: Duration = Duration::from_secs(15 * 60);

/// What has happened since the process started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sums {
    closes: u64,
    sent: u64,
    failed: u64,
    uncertain: u64,
    answers: u64,
    calls: u64,
    calls_failed: u64,
}

impl Sums {
    fn of(readings: &Readings, closes: u64) -> Self {
        let prompts = |wanted: PromptOutcome| {
            let of_it = readings.prompts.iter().filter(|((_, outcome), _)| *outcome == wanted);
            of_it.map(|(_, count)| count).sum()
        };
        let fails = |status: Option<u16>| status.is_none_or(|status| status >= 500);
        let failed = readings.calls.iter().filter(|((_, status), _)| fails(*status));
        Self {
            closes,
            sent: prompts(PromptOutcome::Sent),
            failed: prompts(PromptOutcome::Failed),
            uncertain: prompts(PromptOutcome::Uncertain),
            answers: readings.answer_to_row.values().map(|of_account| of_account.count).sum(),
            calls: readings.calls.values().sum(),
            calls_failed: failed.map(|(_, count)| count).sum(),
        }
    }

    fn since(self, before: Self) -> Self {
        Self {
            closes: self.closes - before.closes,
            sent: self.sent - before.sent,
            failed: self.failed - before.failed,
            uncertain: self.uncertain - before.uncertain,
            answers: self.answers - before.answers,
            calls: self.calls - before.calls,
            calls_failed: self.calls_failed - before.calls_failed,
        }
    }

    fn log(self) {
        let Self { closes, sent, failed, uncertain, answers, calls, calls_failed } = self;
        info!(
            event = "daemon.summary",
            closes,
            sent,
            failed,
            uncertain,
            answers,
            calls,
            calls_failed,
            "in the last 15 minutes: closes taken {closes}, prompts sent {sent}, refused {failed}, \
             uncertain {uncertain}, first answers {answers}, calls to X {calls}, failed {calls_failed}"
        );
    }
}

pub async fn run(meters: Meters, web: Arc<Web>, stop: Stopper) {
    let mut before = Sums::default();
    loop {
        tokio::select! {
            () = sleep(EVERY) => {}
            () = stop.stopping() => return,
        }
        let now = Sums::of(&meters.read(), web.closes_taken());
        now.since(before).log();
        before = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::budget::Call;

    #[test]
    fn each_line_tells_what_happened_since_the_last() {
        let meters = Meters::default();
        meters.prompt("acme", PromptOutcome::Sent);
        meters.prompt("other", PromptOutcome::Sent);
        meters.call(Call::Create, Some(200));
        meters.call(Call::Create, Some(429));
        let first = Sums::of(&meters.read(), 3);
        let expected = Sums { closes: 3, sent: 2, calls: 2, ..Sums::default() };
        assert_eq!(first.since(Sums::default()), expected, "a limit of X's is no failure");
        meters.prompt("acme", PromptOutcome::Uncertain);
        meters.call(Call::Show, None);
        meters.call(Call::Show, Some(503));
        meters.answer_to_row("acme", Duration::ZERO);
        let second = Sums::of(&meters.read(), 3).since(first);
        let expected =
            Sums { uncertain: 1, answers: 1, calls: 2, calls_failed: 2, ..Sums::default() };
        assert_eq!(second, expected);
    }
}
