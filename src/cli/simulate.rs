//! `surveyd simulate` replays the closes on record with a configuration. It sends nothing.

mod shown;

use clap::Args;

use super::progress::TimeBar;
use super::{Context, print_json, usage};
use crate::config::parse_duration;
use crate::domain::time::Millis;
use crate::output::out;
use crate::replay::{self, Comparison, Replay};
use crate::store::{OptOut, Store};

#[derive(Args)]
#[command(before_help = EXAMPLES, after_help = NOTE)]
pub struct Simulate {
    /// How far back the closes are taken from the record, as 30d or 12h
    #[arg(long, value_name = "LENGTH", default_value = "30d", allow_hyphen_values = true)]
    since: String,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
  surveyd simulate --config new.toml
  surveyd simulate --config new.toml --since 7d --json | jq .counts";

const NOTE: &str = "\
A close ends as a survey does (`surveyd surveys list --help`), or is `merged`: the conversation
closed again before its prompt was out, and the later close counts.

The configuration is the one that --config names, the current one by default; the database is
the one that it names. Nothing is written and nothing is sent: the daemon may be running.";

pub async fn run(simulate: Simulate, context: &Context) -> anyhow::Result<()> {
    let length = parse_duration(&simulate.since).filter(|length| !length.is_zero());
    let Some(length) = length else {
        return Err(usage("--since", &simulate.since, "must be a length such as 30d or 12h"));
    };
    let to = context.clock.now();
    let from = to.minus(length);
    let store = context.store().await?;
    let compared = compare(&store, context, from, to).await?;
    store.close().await;
    let file = context.file.display().to_string();
    let simulated = shown::Simulated::new(compared, (&context.config, file), from, to);
    if simulate.json {
        return print_json(&simulated);
    }
    out!("{}", simulated.text())?;
    Ok(())
}

async fn compare(
    store: &Store,
    context: &Context,
    from: Millis,
    to: Millis,
) -> anyhow::Result<Comparison> {
    let mut replay = Replay::new(&context.config, opt_outs(store).await?, from);
    let first = from.minus(replay::lead(&context.config));
    let bar = TimeBar::new(first, to);
    let (mut last, mut taken) = (None, 0);
    loop {
        let mut page = store.recorded(first, last.as_ref()).await?;
        let Some(newest) = page.pop() else { break };
        for row in page {
            replay.take(row);
            taken += 1;
        }
        replay.take(newest.clone());
        taken += 1;
        bar.reach(newest.survey.accepted_at, format!("{taken} closes replayed"));
        last = Some(newest);
    }
    bar.clear();
    Ok(replay.finish(to))
}

async fn opt_outs(store: &Store) -> anyhow::Result<Vec<OptOut>> {
    let mut all: Vec<OptOut> = Vec::new();
    loop {
        let page = store.opted_out(all.last()).await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}
