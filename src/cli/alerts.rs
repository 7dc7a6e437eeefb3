//! `surveyd alerts` shows what is told to whom, tries an alert and sends what waits.

pub mod schedules;
mod test;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Serialize;

use self::test::AlertTestArgs;
use super::{Context, TimeStyle, print_json};
use crate::config::AlertConfig;
use crate::domain::plain_text::printable;
use crate::domain::time::Millis;
use crate::output::{note, out, outln};
use crate::store::AlertStanding;
use crate::terminal::table::{Column, table};

#[derive(Subcommand)]
pub enum Alerts {
    /// What is told to whom, what waits and what fails
    List(AlertListArgs),
    /// Send a message that says it is a test, by the real way
    Test(AlertTestArgs),
    /// Send what waits for an alert, and enable it if it is disabled
    Retry(AlertRetryArgs),
}

impl Alerts {
    /// True if the command sends something to a receiver.
    pub fn needs_secrets(&self) -> bool {
        matches!(self, Self::Test(test) if test.sends())
    }
}

#[derive(Args)]
#[command(before_help = LIST_EXAMPLES, after_help = LIST_NOTE)]
pub struct AlertListArgs {
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    times: TimeStyle,
}

const LIST_EXAMPLES: &str = "\
  surveyd alerts list
  surveyd alerts list --json | jq '.[] | select(.state != \"works\")'";

const LIST_NOTE: &str = "\
An alert is disabled after five days and eight tries of nothing but failures, or if its receiver
says that it is gone. What waits is kept for seven days. An alert that has left the configuration
is listed while something waits for it. Below the table stands why an alert fails and what its
messages wait for, then the schedules: when each was last done, and when it runs next. JSON has the
alerts alone.";

#[derive(Args)]
#[command(before_help = "  surveyd alerts retry leads", after_help = RETRY_NOTE)]
pub struct AlertRetryArgs {
    /// The alert, as the configuration names it
    #[arg(value_name = "NAME")]
    name: String,
}

const RETRY_NOTE: &str = "\
The daemon sends the messages, each under the id that it had before. Messages that wait for the
comment beside their answer were not tried yet, and go on waiting.";

/// How an alert does.
#[derive(Serialize)]
pub struct AlertJson {
    pub alert: String,
    /// `works`, `fails`, `disabled`, `new` (no daemon has looked at it yet) or `removed` (it is not
    /// in the configuration).
    pub state: &'static str,
    format: Option<&'static str>,
    on: Vec<&'static str>,
    pub waiting: u64,
    /// Those that wait for the comment beside their answer.
    pub for_comment: u64,
    pub comment_until: Option<String>,
    waiting_since: Option<String>,
    /// Absent if nothing waits or the alert is disabled.
    next_at: Option<String>,
    last_sent_at: Option<String>,
    pub failing_since: Option<String>,
    failures: u64,
    pub last_error: Option<String>,
    pub disabled_at: Option<String>,
    pub disabled_why: Option<String>,
}

pub async fn run(alerts: Alerts, context: &Context) -> anyhow::Result<ExitCode> {
    match alerts {
        Alerts::List(list) => self::list(&list, context).await,
        Alerts::Test(test) => self::test::run(&test, context).await,
        Alerts::Retry(retry) => self::retry(&retry.name, context).await,
    }
}

/// Returns how the alerts do: those of the configuration, and others for which something waits.
pub fn all(configured: &[AlertConfig], standings: &[AlertStanding]) -> Vec<AlertJson> {
    let of_name = |name: &str| standings.iter().find(|standing| standing.alert == name);
    let known = configured.iter().map(|alert| {
        let name = alert.wanted.name.as_str();
        of_alert(name, Some(alert), of_name(name))
    });
    let is_known = |name: &str| configured.iter().any(|alert| alert.wanted.name == name);
    let others = standings
        .iter()
        .filter(|standing| standing.waiting > 0 && !is_known(&standing.alert))
        .map(|standing| of_alert(&standing.alert, None, Some(standing)));
    known.chain(others).collect()
}

fn of_alert(
    name: &str,
    config: Option<&AlertConfig>,
    standing: Option<&AlertStanding>,
) -> AlertJson {
    let instant =
        |at: fn(&AlertStanding) -> Option<Millis>| standing.and_then(at).map(Millis::rfc3339);
    let disabled = standing.and_then(|standing| standing.disabled.as_ref());
    let state = match (config, standing) {
        (None, _) => "removed",
        (_, None) => "new",
        _ if disabled.is_some() => "disabled",
        (_, Some(standing)) if standing.failing_since.is_some() => "fails",
        _ => "works",
    };
    let types = config.into_iter().flat_map(|alert| &alert.wanted.types);
    AlertJson {
        alert: name.to_owned(),
        state,
        format: config.map(|alert| alert.format.as_str()),
        on: types.map(|alert_type| alert_type.as_str()).collect(),
        waiting: standing.map_or(0, |standing| standing.waiting),
        for_comment: standing.map_or(0, |standing| standing.for_comment),
        comment_until: instant(|standing| standing.comment_until),
        waiting_since: instant(|standing| standing.waiting_since),
        next_at: instant(next_at),
        last_sent_at: instant(|standing| standing.last_sent_at),
        failing_since: instant(|standing| standing.failing_since),
        failures: standing.map_or(0, |standing| standing.failures),
        last_error: standing.and_then(|standing| standing.last_error.clone()),
        disabled_at: disabled.map(|disabled| disabled.at.rfc3339()),
        disabled_why: disabled.map(|disabled| disabled.why.clone()),
    }
}

/// When the next message is due and the receiver does not want to be left alone.
fn next_at(standing: &AlertStanding) -> Option<Millis> {
    let due_at = standing.due_at.filter(|_| standing.disabled.is_none());
    due_at.max(standing.wait_until.filter(|_| due_at.is_some()))
}

impl AlertJson {
    /// Why messages do not arrive. Absent if they do.
    pub fn trouble(&self) -> Option<&str> {
        self.disabled_why.as_deref().or(self.last_error.as_deref())
    }

    /// What the table does not say: why the alert fails, and what its messages wait for. Empty if
    /// there is nothing to say.
    fn notes(&self) -> Vec<String> {
        let Self { alert, disabled_at, failing_since, .. } = self;
        let mut notes = Vec::new();
        match (disabled_at, failing_since, self.trouble()) {
            (Some(at), _, Some(why)) => notes.push(format!(
                "is disabled since {at}: {why}. `surveyd alerts retry {alert}` enables it"
            )),
            (None, Some(since), Some(why)) => notes.push(format!("fails since {since}: {why}")),
            // Only a retry ends the failing without a success.
            (None, None, Some(why)) => {
                notes.push(format!("since the retry nothing was tried; before it failed: {why}"));
            }
            (_, _, None) => {}
        }
        if self.state == "removed" {
            notes.push("is not in the configuration".to_owned());
        }
        let due = self.waiting.saturating_sub(self.for_comment);
        if let (Some(at), None, 1..) = (&self.next_at, disabled_at, due) {
            notes.push(format!("next try {at}"));
        }
        if let Some(until) = &self.comment_until {
            notes.push(format!("{} until {until}", waits_for_comment(self.for_comment)));
        }
        notes
    }

    /// What an operator must act on. Absent if nothing.
    pub fn must_act(&self) -> Option<String> {
        let (alert, why) = (&self.alert, self.disabled_why.as_ref()?);
        let waiting = match self.waiting {
            0 => String::new(),
            1 => " One message waits.".to_owned(),
            many => format!(" {many} messages wait."),
        };
        Some(format!(
            "alert {alert} is disabled: {why}.{waiting} Once its receiver works, `surveyd alerts \
             retry {alert}` enables it"
        ))
    }
}

fn waits_for_comment(messages: u64) -> String {
    match messages {
        1 => "one message waits for its comment".to_owned(),
        many => format!("{many} messages wait for their comment"),
    }
}

const LISTED: [Column; 5] = [
    Column::text("alert").cut_to(8),
    Column::text("state"),
    Column::text("told").cut_to(16),
    Column::number("waiting"),
    Column::instant("last sent"),
];

async fn list(list: &AlertListArgs, context: &Context) -> anyhow::Result<ExitCode> {
    let store = context.store().await?;
    let now = context.clock.now();
    let standings = store.alert_standings(now).await;
    let of_schedules = store.schedule_standings().await;
    store.close().await;
    let all = all(&context.config.alerts, &standings?);
    if list.json {
        print_json(&all)?;
        return Ok(ExitCode::SUCCESS);
    }
    let style = context.style(&list.times);
    let schedules = schedules::all(&context.config, &of_schedules?, now);
    let schedules = schedules::listed(schedules, &style);
    if all.is_empty() {
        note!("there are no [[alerts]] in {}", context.file.display());
        out!("{}", schedules.trim_start())?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows = all.iter().map(|alert| {
        vec![
            alert.alert.clone(),
            alert.state.to_owned(),
            alert.on.join(", "),
            alert.waiting.to_string(),
            alert.last_sent_at.clone().unwrap_or_default(),
        ]
    });
    let rows: Vec<_> = rows.collect();
    let notes = all.iter().flat_map(|alert| {
        alert.notes().into_iter().map(|note| {
            let note = printable(&format!("{}: {note}", alert.alert));
            style.folded(&style.sentence(&note), 2) + "\n"
        })
    });
    let notes: String = notes.collect();
    out!("{}{notes}{schedules}", table(&style, &LISTED, &rows))?;
    Ok(ExitCode::SUCCESS)
}

/// Returns the alert of that name.
fn configured<'c>(name: &str, context: &'c Context) -> anyhow::Result<&'c AlertConfig> {
    let alerts = &context.config.alerts;
    alerts.iter().find(|alert| alert.wanted.name == name).ok_or_else(|| {
        let known = alerts.iter().map(|alert| alert.wanted.name.as_str()).collect();
        context.unknown("NAME", name, "alert", known)
    })
}

async fn retry(name: &str, context: &Context) -> anyhow::Result<ExitCode> {
    let store = context.store().await?;
    let now = context.clock.now();
    let standings = store.alert_standings(now).await?;
    let standing = standings.iter().find(|standing| standing.alert == name);
    if standing.is_none() {
        configured(name, context)?;
    }
    let messages = store.retry_alert(name, now).await;
    store.close().await;
    let retried = match messages? {
        0 => "nothing waited for another try".to_owned(),
        1 => "one message is tried again".to_owned(),
        many => format!("{many} messages are tried again"),
    };
    let untouched = standing.map_or(0, |standing| standing.for_comment);
    let untouched = match untouched {
        0 => String::new(),
        _ => format!(". {}, as before", waits_for_comment(untouched)),
    };
    outln!("alert {name}: {retried}{untouched}")?;
    Ok(ExitCode::SUCCESS)
}
