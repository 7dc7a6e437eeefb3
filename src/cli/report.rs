//! `surveyd report` gives supervisors the numbers.

mod only;

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::out_file::{Contents, OutFile};
use super::{Context, Usage, usage};
use crate::config;
use crate::domain::days::Zone;
use crate::domain::result_files::ReportFile;
use crate::domain::summary::GroupBy;
use crate::domain::view::{Against, Filter, View};
use crate::output::{Results, note};
use crate::report;
use crate::report::period::parse_or_usual;
use crate::report::text::TextPage;
use crate::results::Reading;
use crate::store::Store;
use crate::terminal;

#[derive(Args)]
#[command(before_help = EXAMPLES, after_help = NOTE)]
pub struct ReportArgs {
    /// The first day [default: 28 days before --to]
    #[arg(long, value_name = "D", help_heading = super::export::PERIOD)]
    from: Option<String>,
    /// The last day [default: yesterday, or today if --from is given]
    #[arg(long, value_name = "D", help_heading = super::export::PERIOD)]
    to: Option<String>,
    /// Compare with the days before, or with the same days a year before [default: none]
    #[arg(long, value_name = "P", help_heading = super::export::PERIOD)]
    against: Option<String>,
    /// Break down by agent, team, tag, language, source, account, week, question, rule or variant
    /// [default: not at all]
    #[arg(long, value_name = "GROUP", help_heading = "What")]
    by: Option<String>,
    /// Only this account's [default: all]
    #[arg(long, value_name = "NAME", help_heading = "What")]
    account: Option<String>,
    /// Only this team, agent, tag, language, source, rule or variant. Two of one kind mean either
    #[arg(long, value_name = "KIND=NAME", help_heading = "What")]
    only: Vec<String>,
    /// Count what was sent as a test (test = true), too
    #[arg(long, help_heading = "What")]
    test: bool,
    /// The form of the report
    #[arg(long, value_name = "F", value_enum, default_value_t = ReportFormat::Text, help_heading = "What")]
    format: ReportFormat,
    /// Write to this file, and over an earlier report [default: standard output]; a new file is for
    /// this user alone (0600)
    #[arg(short, long, value_name = "FILE", help_heading = "What")]
    output: Option<PathBuf>,
}

const EXAMPLES: &str = "\
  surveyd report --by team --against before
  surveyd report --by team --format html -o report.html
  surveyd report --from 2026-11-01 --to 2026-11-30 --by agent --only team=billing
  surveyd report --from 2026-11-01 --to 2026-11-30 --by agent --format json | jq .";

const NOTE: &str = "\
Groups of fewer than report.min_group answers show no score. Prompts that were sent with
test = true are left out; `surveyd export` has them. A change is more than chance if its 95 %
interval leaves out 0; the rows of a table are judged together (Holm).";

#[derive(Clone, Copy, ValueEnum)]
enum ReportFormat {
    Text,
    Json,
    /// Rows with a head
    Csv,
    /// Rows for Excel and LibreOffice
    Xlsx,
    /// One file for the browser, which prints well
    Html,
}

impl ReportFormat {
    fn form(self) -> ReportFile {
        match self {
            Self::Text => ReportFile::Text,
            Self::Json => ReportFile::Json,
            Self::Csv => ReportFile::Csv,
            Self::Xlsx => ReportFile::Xlsx,
            Self::Html => ReportFile::Html,
        }
    }
}

pub async fn report(report: ReportArgs, context: &Context) -> anyhow::Result<()> {
    let now = context.clock.now();
    let zone = &context.config.report.time_zone;
    let is_usual = report.from.is_none() && report.to.is_none();
    let view = view(&report, context)?;
    if matches!(report.format, ReportFormat::Xlsx)
        && report.output.is_none()
        && std::io::stdout().is_terminal()
    {
        return Err(Usage("an XLSX file is no text for a terminal: give -o FILE".into()).into());
    }
    let store = context.store().await?;
    context.require_account(&store, report.account.as_deref()).await?;
    let (reading, is_whole) = reading(&store, context).await;
    // Tests are in no total of a day, and what is not counted yet may have the name.
    if is_whole && !view.counts_tests {
        only::require_names(&store, &view).await?;
    }
    let compared = reading.compared(&view).await?;
    let page = TextPage {
        style: terminal::OutputStyle::of_stdout(&context.environment, now, false),
        display_name: display_name(context, report.account.as_deref()),
        zone: zone.clone(),
        now,
        counts_tests: report.test,
    };
    let form = report.format.form();
    let mut bytes = report::file::write(&reading, &view, &compared, form, &page).await?;
    store.close().await;
    if form == ReportFile::Text && is_usual && compared.rows.is_empty() {
        let today = zone.day_of(now);
        let hint = format!("Today is not a whole day yet: `--from {today}` shows it.\n");
        bytes.extend_from_slice(hint.as_bytes());
    }
    match &report.output {
        Some(path) => {
            let location = context.location()?;
            let (file, mut to) = OutFile::begin(path, Contents::Report, location.file())?;
            to.write_all(&bytes)?;
            file.end(&to)?;
        }
        None => {
            let mut out = Results;
            out.write_all(&bytes)?;
            out.flush()?;
        }
    }
    Ok(())
}

/// Reads the options as a view.
fn view(report: &ReportArgs, context: &Context) -> anyhow::Result<View> {
    let now = context.clock.now();
    let zone: &Zone = &context.config.report.time_zone;
    let period = parse_or_usual(report.from.as_deref(), report.to.as_deref(), zone, now)
        .map_err(|error| Usage(error.to_string()))?;
    let mut view = View::exactly(period, zone, now);
    view.against = match report.against.as_deref() {
        None if matches!(report.format, ReportFormat::Html) => Against::Before,
        None => Against::Nothing,
        Some(name) => one_of("--against", name, &Against::ALL, Against::as_str)?,
    };
    if let Some(name) = report.by.as_deref() {
        view.by = one_of("--by", name, &GroupBy::NAMED, GroupBy::as_str)?;
    }
    if let Some(account) = &report.account {
        view.filters.add(Filter::Account, account);
    }
    for only in &report.only {
        let problem = "must be a kind and a name, such as team=billing";
        let (kind, name) = only.split_once('=').ok_or_else(|| usage("--only", only, problem))?;
        view.filters.add(one_of("--only", kind, &Filter::ALL, Filter::as_str)?, name);
    }
    view.counts_tests = report.test;
    Ok(view)
}

/// Finds the one of that name, or says which there are.
fn one_of<T: Copy>(
    option: &str,
    given: &str,
    all: &[T],
    name: fn(T) -> &'static str,
) -> anyhow::Result<T> {
    if let Some(found) = all.iter().find(|one| name(**one) == given) {
        return Ok(*found);
    }
    let names: Vec<&str> = all.iter().map(|one| name(*one)).collect();
    let meant = config::nearest(given, names.iter().copied());
    let meant = meant.map(|meant| format!(": did you mean {meant}?")).unwrap_or_default();
    let (last, others) = names.split_last().expect("there is always a choice");
    Err(usage(option, given, format!("must be {} or {last}{meant}", others.join(", "))))
}

/// How long one look at what is still to be counted takes, before it is told how much is left.
const SLICE: Duration = Duration::from_secs(2);

/// Counts what is still to be counted, and returns what all numbers are read with. Returns false
/// with it if something is left uncounted.
async fn reading(store: &Store, context: &Context) -> (Reading, bool) {
    let report = &context.config.report;
    let mut left_before = u64::MAX;
    let is_whole = loop {
        match store.catch_up_results(&report.time_zone, context.clock.now(), SLICE).await {
            Ok(0) => break true,
            Ok(left) if left < left_before => {
                note!("{left} surveys and days are still to be counted");
                left_before = left;
            }
            Ok(left) => {
                note!("{left} surveys and days are not counted yet: others are at work on them");
                break false;
            }
            Err(error) => {
                note!("what has changed last may be missing: {error}");
                break false;
            }
        }
    };
    let reading = Reading {
        store: store.clone(),
        zone: report.time_zone.clone(),
        now: context.clock.now(),
        fresh_for: context.config.poll.fresh_for,
        min_group: report.min_group,
    };
    (reading, is_whole)
}

/// Returns the name by which X's questions call the business if the report is about one account.
fn display_name(context: &Context, account: Option<&str>) -> Option<String> {
    let accounts = context.config.accounts.iter();
    let mut accounts = accounts.filter(|known| account.is_none_or(|name| known.name == name));
    let only = accounts.next().filter(|_| accounts.next().is_none())?;
    only.display_name.clone()
}
