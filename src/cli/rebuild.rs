//! `surveyd rebuild` restores feedback and lost surveys from X's events.

mod shown;

use anyhow::bail;
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use shown::{AccountSummary, RebuildSummary};

use super::export::PERIOD;
use super::{Context, Usage, print_json};
use crate::daemon::{Signals, wake_running};
use crate::domain::days::Zone;
use crate::domain::time::{Millis, Period};
use crate::meters::Meters;
use crate::output::note;
use crate::rebuild::{self, RebuildError, RebuildProgress, RebuildRequest};
use crate::report::period::{parse_from, parse_period, parse_to};
use crate::stop::{StopSender, stopper};
use crate::worker::{AccountWorker, Limits, Shared, Watches};

#[derive(Args)]
#[command(before_help = EXAMPLES, after_help = NOTE)]
pub struct RebuildArgs {
    /// Read X's events from this date or instant on
    #[arg(long, value_name = "D", help_heading = PERIOD)]
    from: String,
    /// Read them up to this date or instant [default: the newest events that X shows]
    #[arg(long, value_name = "D", help_heading = PERIOD)]
    to: Option<String>,
    /// Only this account [default: all]
    #[arg(long, value_name = "NAME", help_heading = "What")]
    account: Option<String>,
    /// When to create surveys, too, for feedback that has none
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = MakeSurveys::WhereLost, help_heading = "What")]
    surveys: MakeSurveys,
    /// Print JSON, for programs
    #[arg(long, help_heading = "What")]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum MakeSurveys {
    /// If the database knows of no prompt at all, or to resume a rebuild that creates them
    WhereLost,
    /// For all feedback with an external id and a person
    Always,
    /// Never: only feedback is rebuilt
    Never,
}

const EXAMPLES: &str = "\
  surveyd rebuild --from 2026-11-01
  surveyd rebuild --from 2026-11-01 --to 2026-11-30 --account acme --surveys never";

const NOTE: &str = "\
Every feedback that X's events mention is rebuilt from them. What X has said later is kept, and so
are rows that they do not mention. A daemon may be running. An interrupted rebuild leaves no row
half changed; the same command resumes it.

If surveys are created, each feedback with an external id and a person counts as a prompt of ours:
an agent's own prompt with an external id cannot be distinguished from it. Nothing is sent then
until X's events have been read past the rebuild, because X does not show the newest prompts yet.
See docs/rebuild.md.";

pub async fn run(
    wanted: RebuildArgs,
    context: &Context,
    mut signals: Signals,
) -> anyhow::Result<()> {
    let (from, to) = period(&wanted)?;
    let accounts = context.config.accounts.iter();
    let accounts: Vec<_> = accounts
        .filter(|account| wanted.account.as_ref().is_none_or(|name| *name == account.name))
        .collect();
    if let (Some(name), true) = (&wanted.account, accounts.is_empty()) {
        return Err(context.unknown_account(name));
    }
    let location = context.shown_location()?;
    let store = context.attach(&location).await?;
    let is_lost = wanted.surveys == MakeSurveys::WhereLost && !store.knows_prompts().await?;
    if is_lost {
        note!(
            "the database knows of no prompt and is taken for lost: surveys are made too, and \
             nothing is sent until X's events have been read past this moment"
        );
    }
    let (stop, stopper) = stopper();
    let meters = Meters::default();
    let shared = Shared {
        store: store.clone(),
        x: Limits::client(&context.config, &meters)?,
        clock: context.clock.clone(),
        stop: stopper,
        watches: Watches::default(),
        meters,
    };
    let mut workers = Vec::with_capacity(accounts.len());
    for account in accounts {
        let worker = AccountWorker::open(&context.config, account, shared.clone());
        let worker = worker.map_err(anyhow::Error::msg)?;
        let makes_surveys = match wanted.surveys {
            MakeSurveys::Always => true,
            MakeSurveys::Never => false,
            MakeSurveys::WhereLost => is_lost || goes_on_making(&worker).await?,
        };
        workers.push((worker, RebuildRequest { from, to, makes_surveys }));
    }
    let mut shown = RebuildSummary::new(workers.iter().any(|(_, wanted)| wanted.makes_surveys));
    let work = async {
        for (worker, _) in workers.iter().filter(|(_, wanted)| wanted.makes_surveys) {
            rebuild::hold(worker, from).await?;
        }
        for (worker, asked) in &workers {
            let done = one(worker, *asked).await;
            let is_stopped = matches!(done, Err(RebuildError::Stopped));
            shown.accounts.push(AccountSummary::new(worker.name(), done));
            if is_stopped {
                break;
            }
        }
        anyhow::Ok(shown)
    };
    let shown = until_stopped(work, stop, &mut signals).await?;
    store.close().await;
    // This lets the daemon ask for recent answers and hold its sends from now on.
    wake_running(&location);
    let printed = match wanted.json {
        true => print_json(&shown),
        false => shown.print(),
    };
    // This error is reported even if the results could not be printed.
    if !shown.is_whole() {
        bail!("not every account is rebuilt");
    }
    printed
}

/// True if the account has an interrupted rebuild that makes surveys. Other accounts may have sent
/// prompts since it began.
async fn goes_on_making(worker: &AccountWorker) -> anyhow::Result<bool> {
    let unfinished = worker.store.unfinished_rebuild(worker.name()).await?;
    let goes_on = unfinished.is_some_and(|unfinished| unfinished.makes_surveys);
    if goes_on {
        note!("account {}: a rebuild that makes surveys is not finished", worker.name());
    }
    Ok(goes_on)
}

fn period(wanted: &RebuildArgs) -> anyhow::Result<(Millis, Option<Millis>)> {
    let words = |error: crate::report::period::PeriodError| Usage(error.to_string());
    // X knows no zone but this.
    let zone = &Zone::utc();
    Ok(match &wanted.to {
        None => (parse_from(&wanted.from, zone).map_err(words)?, None),
        Some(to) => {
            let period = parse_period(&wanted.from, to, zone).map_err(words)?;
            (period.from, Some(parse_to(to, zone).map_err(words)?))
        }
    })
}

/// Runs the work to its end. A signal stops it in order.
async fn until_stopped<T>(
    work: impl Future<Output = T>,
    stop: StopSender,
    signals: &mut Signals,
) -> T {
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            () = signals.stop() => stop.stop_within(std::time::Duration::ZERO),
        }
    }
}

/// The number of steps of the progress bar for a period of any length.
const STEPS: u64 = 1_000;

async fn one(
    worker: &AccountWorker,
    asked: RebuildRequest,
) -> Result<rebuild::Rebuilt, RebuildError> {
    let bar = ProgressBar::new(STEPS);
    bar.set_style(ProgressStyle::with_template("{bar:40} {msg}").expect("the template is fixed"));
    let name = worker.name();
    let tell = |news| match news {
        RebuildProgress::Read { read, to, events } => {
            bar.set_position(share(read, to));
            bar.set_message(format!("{name}: {events} events read, up to {}", to.rfc3339()));
        }
        RebuildProgress::Made { done, all } => {
            bar.set_message(format!("{name}: {done} of {all} rows made"))
        }
        RebuildProgress::Waits { until, why } => bar.suspend(|| {
            note!("account {name} waits until {}: {why}", until.rfc3339());
        }),
    };
    let done = rebuild::rebuild(worker, asked, &tell).await;
    bar.finish_and_clear();
    done
}

fn share(read: Period, to: Millis) -> u64 {
    let (done, all) = (to.since(read.from).as_millis(), read.to.since(read.from).as_millis());
    u64::try_from(done * u128::from(STEPS) / all.max(1)).map_or(STEPS, |steps| steps.min(STEPS))
}
