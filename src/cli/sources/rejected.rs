//! `surveyd sources rejected` lists the latest refused requests and spool lines.

use std::cmp::Reverse;

use clap::Args;
use serde::Serialize;

use crate::cli::{Context, TimeStyle, print_json};
use crate::config::MessageStream;
use crate::output::{out, outln};
use crate::terminal::table::{Column, table};

#[derive(Args)]
#[command(before_help = EXAMPLES, after_help = NOTE)]
pub struct RejectedArgs {
    /// The source; `[none]` for addresses that belong to no source [default: all]
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    times: TimeStyle,
}

const EXAMPLES: &str = "\
  surveyd sources rejected
  surveyd sources rejected helpdesk --json | jq '.[0].reason'";

const NOTE: &str = "\
The newest come first. The last twenty of each source and each answer are kept.";

/// One row of `surveyd sources rejected`.
#[derive(Serialize)]
struct RejectedRow {
    at: String,
    source: String,
    answer: u16,
    reason: String,
    place: Option<String>,
    path: Option<String>,
    delivery_id: Option<String>,
    count: u64,
}

pub async fn run(of: RejectedArgs, context: &Context) -> anyhow::Result<()> {
    let mut found = context.store().await?.rejected(of.name.as_deref()).await?;
    found.sort_by_key(|(at, _)| Reverse(*at));
    let asked = of.name.as_deref().filter(|_| found.is_empty());
    if let Some(name) = asked
        && context.config.source_names().all(|known| known != name)
        && !name.starts_with('[')
    {
        return Err(context.unknown(
            "NAME",
            name,
            "source",
            context.config.source_names().collect(),
        ));
    }
    let words: Vec<String> = found.iter().map(|(_, one)| one.words()).collect();
    let refused = found.into_iter().map(|(at, one)| RejectedRow {
        at: at.rfc3339(),
        source: one.source,
        answer: one.answer,
        reason: one.reason,
        place: one.place,
        path: one.path,
        delivery_id: one.delivery_id,
        count: one.count,
    });
    let refused: Vec<_> = refused.collect();
    if of.json {
        return print_json(&refused);
    }
    if refused.is_empty() {
        let watched = asked.and_then(|name| context.config.watched(name));
        match watched.filter(|source| source.stream != MessageStream::Webhook) {
            Some(source) => outln!(
                "Source {} reads X's Direct Messages itself: nothing is sent to it, so nothing is refused.",
                source.name
            )?,
            None => outln!("Nothing that came here was refused.")?,
        }
        return Ok(());
    }
    let rows = refused.into_iter().zip(words).map(|(one, words)| {
        vec![
            one.at,
            one.source,
            one.answer.to_string(),
            one.count.to_string(),
            one.delivery_id.unwrap_or_default(),
            words,
        ]
    });
    let style = context.style(&of.times);
    out!("{}", table(&style, &REFUSED, &rows.collect::<Vec<_>>()))?;
    Ok(())
}

const REFUSED: [Column; 6] = [
    Column::instant("at"),
    Column::text("source").cut_to(8),
    Column::text("answer").given_up(2),
    Column::text("times").given_up(3),
    Column::text("delivery").cut_to(10).given_up(1),
    Column::sentence("why"),
];
