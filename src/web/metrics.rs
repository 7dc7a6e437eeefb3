//! `GET /metrics`, in Prometheus' text format (version 0.0.4).

use std::fmt::Write as _;
use std::time::Duration;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::{Web, problem};
use crate::domain::policy::DAY;
use crate::store::Result;

pub async fn get(State(web): State<Web>) -> Response {
    match text(&web).await {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
            .into_response(),
        Err(error) => problem::store(&error),
    }
}

async fn text(web: &Web) -> Result<String> {
    let now = web.clock.now();
    let status = web.store.status(now).await?;
    let mut out = String::new();
    let mut family = |name: &str, help: &str, samples: Vec<(String, f64)>| {
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (labels, value) in samples {
            let _ = writeln!(out, "{name}{labels} {value}");
        }
    };
    let by_state = status.by_state.iter();
    let by_state = by_state.map(|(state, n)| (format!("{{state=\"{state}\"}}"), *n as f64));
    family("surveyd_surveys", "Surveys by state.", by_state.collect());
    let late = status.oldest_due.map_or(0.0, |due| now.since(due).as_secs_f64());
    let help = "How long the oldest survey that is due has waited.";
    family("surveyd_oldest_due_seconds", help, vec![(String::new(), late)]);
    let size = vec![(String::new(), status.database_bytes as f64)];
    family("surveyd_database_bytes", "Size of the database.", size);
    let (mut prompts, mut behind, mut paused) = (Vec::new(), Vec::new(), Vec::new());
    let live = web.live();
    let mut names: Vec<&String> = live.intake.accounts.keys().collect();
    names.sort();
    for name in names {
        let account = web.store.account_status(name, now.minus(DAY)).await?;
        // Names of accounts hold nothing that a label would have to escape.
        let label = format!("{{account=\"{name}\"}}");
        prompts.push((label.clone(), account.prompts_of_day as f64));
        let lag = account.events.lag(now, Duration::ZERO);
        behind.extend(lag.map(|lag| (label.clone(), lag.whole.as_secs_f64())));
        paused.push((label, f64::from(u8::from(account.paused.is_some()))));
    }
    family("surveyd_prompts_24h", "Prompts that may have been sent in the last 24 h.", prompts);
    let help = "How far behind now the feedback events have been read.";
    family("surveyd_events_behind_seconds", help, behind);
    family("surveyd_account_paused", "Whether X refuses the account: 1 or 0.", paused);
    Ok(out)
}
