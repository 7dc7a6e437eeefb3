//! Serves `GET /metrics` in Prometheus' text format (version 0.0.4).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;

use super::Web;
use super::snapshot::Figures;
use crate::meters::{ANSWER_TO_ROW, CLOSE_TO_PROMPT, Histogram, PromptOutcome, Readings};
use crate::store::{AlertStanding, ScheduleStanding};

pub async fn get(State(web): State<Arc<Web>>) -> Response {
    let figures = web.snapshot.get().await;
    let mut page = MetricsPage::default();
    let takes_writes = f64::from(web.snapshot.takes_writes());
    let help = "Whether the database took a write when it was asked last: 1 or 0.";
    page.one("gauge", "surveyd_database_takes_writes", help, takes_writes);
    if let Some(figures) = figures {
        of_database(&mut page, &web, &figures);
    }
    of_requests(&mut page, &web);
    let live = web.live();
    let accounts: Vec<&String> = live.intake.accounts.keys().collect();
    of_work(&mut page, &accounts, &live.meters.read());
    of_process(&mut page, &web);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], page.0).into_response()
}

#[derive(Default)]
struct MetricsPage(String);

impl MetricsPage {
    fn family(
        &mut self,
        kind: &str,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (String, f64)>,
    ) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in samples {
            let _ = writeln!(self.0, "{name}{labels} {value}");
        }
    }

    /// One family of Prometheus' histograms, labelled by account.
    fn histograms(&mut self, name: &str, help: &str, all: &BTreeMap<String, Histogram>) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} histogram");
        for (account, it) in all {
            let label = format!("account=\"{account}\"");
            for (bound, count) in it.bounds.iter().zip(&it.buckets) {
                let _ = writeln!(self.0, "{name}_bucket{{{label},le=\"{bound}\"}} {count}");
            }
            let (count, sum) = (it.count, it.sum.as_secs_f64());
            let _ = writeln!(self.0, "{name}_bucket{{{label},le=\"+Inf\"}} {count}");
            let _ = writeln!(self.0, "{name}_sum{{{label}}} {sum}");
            let _ = writeln!(self.0, "{name}_count{{{label}}} {count}");
        }
    }

    fn one(&mut self, kind: &str, name: &str, help: &str, value: f64) {
        self.family(kind, name, help, [(String::new(), value)]);
    }
}

fn of_database(page: &mut MetricsPage, web: &Web, figures: &Figures) {
    let Figures { status, accounts, waiting, alerts, schedules, made_at } = figures;
    let now = web.clock.now();
    let by_state = status.by_state.iter();
    let by_state = by_state.map(|(state, n)| (format!("{{state=\"{state}\"}}"), *n as f64));
    page.family("gauge", "surveyd_surveys", "Surveys by state.", by_state);
    let late = status.oldest_due.map_or(0.0, |due| now.since(due).as_secs_f64());
    let help = "How long the oldest survey that is due has waited.";
    page.one("gauge", "surveyd_oldest_due_seconds", help, late);
    let size = status.database_bytes as f64;
    page.one("gauge", "surveyd_database_bytes", "Size of the database.", size);
    // An account's name has no character that a label would have to escape.
    let label = |name: &String| format!("{{account=\"{name}\"}}");
    let prompts = accounts.iter().map(|(name, account)| (label(name), account.prompts as f64));
    let help = "Prompts that may have been sent in the last 24 h.";
    page.family("gauge", "surveyd_prompts_24h", help, prompts);
    let behind = accounts
        .iter()
        .filter_map(|(name, account)| Some((label(name), account.events_behind?.as_secs_f64())));
    let help = "How far behind now the feedback events have been read.";
    page.family("gauge", "surveyd_events_behind_seconds", help, behind);
    let paused = accounts.iter();
    let paused = paused.map(|(name, account)| (label(name), f64::from(account.is_paused)));
    let help = "Whether X refuses the account: 1 or 0.";
    page.family("gauge", "surveyd_account_paused", help, paused);
    let held = accounts.iter();
    let held = held.map(|(name, account)| (label(name), f64::from(account.is_held)));
    let help = "Whether the account's sends are held until X's events have been read: 1 or 0.";
    page.family("gauge", "surveyd_account_held", help, held);
    let left = accounts.iter().flat_map(|(name, account)| {
        account.calls_left.iter().map(move |(call, left)| {
            let endpoint = call.endpoint();
            (format!("{{account=\"{name}\",endpoint=\"{endpoint}\"}}"), f64::from(*left))
        })
    });
    let help = "Calls that X's limit leaves now, of those endpoints that were asked.";
    page.family("gauge", "surveyd_x_calls_left", help, left);
    let live = web.live();
    let dry = live.intake.accounts.iter();
    let dry = dry.map(|(name, it)| (label(name), f64::from(it.account.mode.is_dry())));
    let help = "Whether the account is on a dry run, and sends nothing: 1 or 0.";
    page.family("gauge", "surveyd_account_dry_run", help, dry.collect::<BTreeMap<_, _>>());
    let waiting = waiting.iter().map(|((account, cause), surveys)| {
        (format!("{{account=\"{account}\",reason=\"{}\"}}", cause.as_str()), *surveys as f64)
    });
    let help = "Due surveys that are not sent, by what they wait for (docs/waiting.md); one may wait \
                for several.";
    page.family("gauge", "surveyd_surveys_waiting", help, waiting);
    let label = |standing: &AlertStanding| format!("{{alert=\"{}\"}}", standing.alert);
    let waiting = alerts.iter().map(|standing| (label(standing), standing.waiting as f64));
    let help = "Messages that wait for an alert.";
    page.family("gauge", "surveyd_alert_waiting", help, waiting);
    let disabled = alerts.iter();
    let disabled = disabled.map(|it| (label(it), f64::from(it.disabled.is_some())));
    let help = "Whether nothing is sent to the alert until it is retried: 1 or 0.";
    page.family("gauge", "surveyd_alert_disabled", help, disabled);
    let failures = alerts.iter().map(|standing| (label(standing), standing.failures as f64));
    let help = "Tries of messages that failed, by all daemons since the alert began.";
    page.family("counter", "surveyd_alert_failures_total", help, failures);
    of_schedules(page, schedules);
    let age = Instant::now().duration_since(*made_at).as_secs_f64();
    let help = "How old all figures of the database are that stand above.";
    page.one("gauge", "surveyd_snapshot_age_seconds", help, age);
}

fn of_schedules(page: &mut MetricsPage, schedules: &[ScheduleStanding]) {
    let label = |standing: &ScheduleStanding| format!("{{schedule=\"{}\"}}", standing.name);
    let failing = schedules.iter();
    let failing = failing.map(|it| (label(it), f64::from(it.failing_since.is_some())));
    let help = "Whether the schedule's last run failed: 1 or 0.";
    page.family("gauge", "surveyd_schedule_failing", help, failing);
    let done = schedules.iter();
    let done = done.filter_map(|it| Some((label(it), it.done_at?.0 as f64 / 1_000.0)));
    let help = "When the schedule was last done, in seconds since 1970.";
    page.family("gauge", "surveyd_schedule_last_done_timestamp_seconds", help, done);
}

fn of_requests(page: &mut MetricsPage, web: &Web) {
    let answers = web.answers.counts().into_iter().map(|(asked, status, count)| {
        let source = asked.label();
        (format!("{{source=\"{source}\",answer=\"{}\"}}", status.as_u16()), count as f64)
    });
    let lines = web.live().lines.get().into_iter().map(|((source, answer), count)| {
        (format!("{{source=\"{source}\",answer=\"{answer}\"}}"), count as f64)
    });
    let help = "Requests to sources ([x.webhook]: to X's webhook; [results]: for pages and API; \
                [none]: to no address there is), by answer; of a spool, the lines of its files.";
    page.family("counter", "surveyd_requests_total", help, answers.chain(lines));
    let crowd = web.seats.crowd();
    page.one(
        "gauge",
        "surveyd_connections",
        "Connections that are open.",
        crowd.connections as f64,
    );
    let help = "Connections that waited for their client and made room for another.";
    page.one("counter", "surveyd_connections_gave_way_total", help, crowd.gave_way as f64);
    let help = "Connections that found all those of their address at work.";
    page.one("counter", "surveyd_connections_turned_away_total", help, crowd.turned_away as f64);
}

/// What this process has done since it started. An account or outcome that never was counts as
/// nought, so that a first one is an increase.
fn of_work(page: &mut MetricsPage, accounts: &[&String], done: &Readings) {
    let calls = done.calls.iter().map(|((call, status), count)| {
        let code = status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        let labels = format!("{{endpoint=\"{}\",code=\"{code}\"}}", call.endpoint());
        (labels, *count as f64)
    });
    let help = "Calls to X by the status of its answer; none: no answer came.";
    page.family("counter", "surveyd_x_calls_total", help, calls);
    let each = accounts.iter().flat_map(|account| {
        PromptOutcome::ALL.into_iter().map(move |outcome| ((*account).clone(), outcome))
    });
    let prompts = each.map(|key| {
        let count = done.prompts.get(&key).copied().unwrap_or_default();
        let (account, outcome) = (&key.0, key.1.as_str());
        (format!("{{account=\"{account}\",outcome=\"{outcome}\"}}"), count as f64)
    });
    let help = "Requests for prompts by what became of them.";
    page.family("counter", "surveyd_prompts_total", help, prompts);
    let with_all = |of: &BTreeMap<String, Histogram>, bounds| -> BTreeMap<String, Histogram> {
        let all = accounts.iter().map(|account| {
            let found = of.get(*account).cloned();
            ((*account).clone(), found.unwrap_or_else(|| Histogram::new(bounds)))
        });
        all.collect()
    };
    let help = "Seconds from the close of a conversation to the prompt that X took.";
    let all = with_all(&done.close_to_prompt, CLOSE_TO_PROMPT);
    page.histograms("surveyd_close_to_prompt_seconds", help, &all);
    let help = "Seconds from a person's first answer to its row.";
    let all = with_all(&done.answer_to_row, ANSWER_TO_ROW);
    page.histograms("surveyd_answer_to_row_seconds", help, &all);
}

fn of_process(page: &mut MetricsPage, web: &Web) {
    let version = format!("{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    let help = "The version of surveyd, in the label.";
    page.family("gauge", "surveyd_build_info", help, [(version, 1.0)]);
    let started = web.up_since.0 as f64 / 1_000.0;
    let help = "When this process began to serve, in seconds since 1970.";
    page.one("gauge", "process_start_time_seconds", help, started);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::budget::Call;
    use crate::meters::Meters;

    #[test]
    fn what_was_never_done_counts_as_nought_and_histograms_add_up() {
        let (meters, account) = (Meters::default(), "acme".to_owned());
        meters.call(Call::Create, Some(200));
        meters.call(Call::Create, None);
        meters.prompt("acme", PromptOutcome::Sent);
        meters.close_to_prompt("acme", Duration::from_millis(59_500));
        let mut page = MetricsPage::default();
        of_work(&mut page, &[&account], &meters.read());
        for line in [
            "surveyd_x_calls_total{endpoint=\"feedback/create\",code=\"none\"} 1",
            "surveyd_x_calls_total{endpoint=\"feedback/create\",code=\"200\"} 1",
            "surveyd_prompts_total{account=\"acme\",outcome=\"sent\"} 1",
            "surveyd_prompts_total{account=\"acme\",outcome=\"failed\"} 0",
            "surveyd_close_to_prompt_seconds_bucket{account=\"acme\",le=\"30\"} 0",
            "surveyd_close_to_prompt_seconds_bucket{account=\"acme\",le=\"60\"} 1",
            "surveyd_close_to_prompt_seconds_bucket{account=\"acme\",le=\"+Inf\"} 1",
            "surveyd_close_to_prompt_seconds_sum{account=\"acme\"} 59.5",
            "surveyd_answer_to_row_seconds_count{account=\"acme\"} 0",
        ] {
            assert!(page.0.lines().any(|it| it == line), "{line}\n{}", page.0);
        }
    }
    use crate::domain::time::Millis;

    #[test]
    fn a_schedule_tells_whether_it_fails_and_when_it_was_done() {
        let standing = |name: &str, done_at, failing_since| ScheduleStanding {
            name: name.to_owned(),
            done_to: None,
            done_at,
            failing_since,
            last_error: None,
            try_at: None,
        };
        let at = Some(Millis(1_795_334_400_500));
        let mut page = MetricsPage::default();
        of_schedules(&mut page, &[standing("monday", at, None), standing("rows", None, at)]);
        let samples: Vec<_> = page.0.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            samples,
            [
                "surveyd_schedule_failing{schedule=\"monday\"} 0",
                "surveyd_schedule_failing{schedule=\"rows\"} 1",
                "surveyd_schedule_last_done_timestamp_seconds{schedule=\"monday\"} 1795334400.5",
            ]
        );
    }
}
