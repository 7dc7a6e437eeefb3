//! `surveyd report` and `surveyd export` give supervisors the results.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::out_file::OutFile;
use super::{Context, Usage, usage};
use crate::config;
use crate::domain::days::Zone;
use crate::domain::summary::{GroupBy, Terms, summarize};
use crate::domain::time::Millis;
use crate::output::{Results, out, outln};
use crate::report;
use crate::report::export::{CsvExport, Dialect, JsonlExport};
use crate::report::period::{PeriodError, parse_from, parse_or_usual, parse_period, parse_to};
use crate::report::text::TextPage;
use crate::results::{ResultsQuery, each, facts};
use crate::store::Store;
use crate::terminal::View;

#[derive(Args)]
#[command(before_help = REPORT_EXAMPLES, after_help = REPORT_NOTE)]
pub struct ReportArgs {
    /// The first day [default: 28 days before --to]
    #[arg(long, value_name = "D", help_heading = PERIOD)]
    from: Option<String>,
    /// The last day [default: yesterday, or today if --from is given]
    #[arg(long, value_name = "D", help_heading = PERIOD)]
    to: Option<String>,
    /// Break down by agent, team, tag, language, source, account, week, question, rule or variant
    /// [default: not at all]
    #[arg(long, value_name = "GROUP", help_heading = "What")]
    by: Option<String>,
    /// Only this account's [default: all]
    #[arg(long, value_name = "NAME", help_heading = "What")]
    account: Option<String>,
    /// Count what was sent as a test (test = true), too
    #[arg(long, help_heading = "What")]
    test: bool,
    /// A table for people, or JSON for programs
    #[arg(long, value_name = "F", value_enum, default_value_t = ReportFormat::Text, help_heading = "What")]
    format: ReportFormat,
}

pub(super) const PERIOD: &str =
    "Period (whole days, UTC, or instants as 2026-11-22T08:00:00Z; both ends included)";

const REPORT_EXAMPLES: &str = "\
  surveyd report --from 2026-11-01 --to 2026-11-30
  surveyd report --from 2026-11-01 --to 2026-11-30 --by team
  surveyd report --from 2026-11-01 --to 2026-11-30 --by agent --format json | jq .";

const REPORT_NOTE: &str = "\
Groups of fewer than report.min_group answers show no score. Prompts that were sent with
test = true are left out; `surveyd export` has them.";

#[derive(Clone, Copy, ValueEnum)]
enum ReportFormat {
    Text,
    Json,
}

#[derive(Args)]
#[command(before_help = EXPORT_EXAMPLES, after_help = EXPORT_NOTE)]
pub struct Export {
    /// Rows with a head, or a JSON object a line
    #[arg(long, value_name = "F", value_enum, help_heading = "Needed")]
    format: ExportFormat,
    /// Only what closed from then on [default: from the first close]
    #[arg(long, value_name = "D", help_heading = PERIOD)]
    from: Option<String>,
    /// Only what closed up to then [default: to the last close]
    #[arg(long, value_name = "D", help_heading = PERIOD)]
    to: Option<String>,
    /// Only this account's [default: all]
    #[arg(long, value_name = "NAME", help_heading = "What")]
    account: Option<String>,
    /// CSV for Excel and LibreOffice: ids that keep all their digits, dates that they know as such
    #[arg(long, help_heading = "What")]
    for_spreadsheets: bool,
    /// Write to this file, and over what it held [default: standard output]
    #[arg(short, long, value_name = "FILE", help_heading = "What")]
    output: Option<PathBuf>,
}

const EXPORT_EXAMPLES: &str = "\
  surveyd export --format csv -o surveys.csv
  surveyd export --format jsonl --from 2026-11-01 --to 2026-11-30 --account acme | jq .score";

const EXPORT_NOTE: &str = "\
The rows hold people's ids and comments: keep the file where they may be kept. A cell that a
spreadsheet would run as a formula begins with an apostrophe.";

#[derive(Clone, Copy, ValueEnum)]
enum ExportFormat {
    Csv,
    Jsonl,
}

pub async fn report(report: ReportArgs, context: &Context) -> anyhow::Result<()> {
    let now = context.clock.now();
    let is_usual = report.from.is_none() && report.to.is_none();
    let period = parse_or_usual(report.from.as_deref(), report.to.as_deref(), now)
        .map_err(|error| Usage(error.to_string()))?;
    let by = match report.by.as_deref() {
        None => GroupBy::Nothing,
        Some(name) => GroupBy::parse(name).ok_or_else(|| {
            let names =
                "agent, team, tag, language, source, account, week, question, rule or variant";
            let meant = config::nearest(name, names.split([',', ' ']).filter(|name| *name != "or"));
            let meant = meant.map(|meant| format!(": did you mean {meant}?")).unwrap_or_default();
            usage("--by", name, format!("must be {names}{meant}"))
        })?,
    };
    let store = context.store().await?;
    context.require_account(&store, report.account.as_deref()).await?;
    let query =
        ResultsQuery { from: period.from, to: period.to, account: report.account, or_sent: true };
    let display_name = display_name(context, query.account.as_deref());
    let mut facts = facts(&store, &query).await?;
    store.close().await;
    if report.test {
        facts.iter_mut().for_each(|facts| facts.test = false);
    }
    let (fresh_for, min_group) = (context.config.poll.fresh_for, context.config.report.min_group);
    let terms = Terms { period, by, zone: &Zone::utc(), now, fresh_for, min_group };
    let summary = summarize(facts, &terms);
    let text = match report.format {
        ReportFormat::Text => {
            let view = View::of_stdout(&context.environment, now, false);
            let page = TextPage { view, display_name, counts_tests: report.test };
            let mut text = report::text::render(&summary, &page);
            if is_usual && summary.groups.is_empty() {
                let now = now.rfc3339();
                let today = now.split('T').next().unwrap_or_default();
                text += &format!("Today is not a whole day yet: `--from {today}` shows it.\n");
            }
            text
        }
        ReportFormat::Json => report::json::render(&summary),
    };
    out!("{text}")?;
    if !text.ends_with('\n') {
        outln!()?;
    }
    Ok(())
}

/// Returns the name by which X's questions call the business if the report is about one account.
fn display_name(context: &Context, account: Option<&str>) -> Option<String> {
    let accounts = context.config.accounts.iter();
    let mut accounts = accounts.filter(|known| account.is_none_or(|name| known.name == name));
    let only = accounts.next().filter(|_| accounts.next().is_none())?;
    only.display_name.clone()
}

pub async fn export(export: Export, context: &Context) -> anyhow::Result<()> {
    let misread = |error: PeriodError| Usage(error.to_string());
    let from = export.from.as_deref().map(parse_from).transpose().map_err(misread)?;
    let to = export.to.as_deref().map(parse_to).transpose().map_err(misread)?;
    if let (Some(from), Some(to)) = (&export.from, &export.to) {
        parse_period(from, to).map_err(misread)?;
    }
    let dialect = match (export.for_spreadsheets, export.format) {
        (false, _) => Dialect::Programs,
        (true, ExportFormat::Csv) => Dialect::Spreadsheets,
        (true, ExportFormat::Jsonl) => {
            let problem = "--for-spreadsheets is a form of CSV: give --format csv";
            return Err(Usage(problem.to_owned()).into());
        }
    };
    let query = ResultsQuery {
        from: from.unwrap_or(Millis(i64::MIN)),
        to: to.unwrap_or(Millis(i64::MAX)),
        account: export.account,
        or_sent: false,
    };
    let store = context.store().await?;
    context.require_account(&store, query.account.as_deref()).await?;
    match &export.output {
        Some(path) => {
            let location = context.location()?;
            let (out, file) = OutFile::begin(path, location.file())?;
            let file = write(&store, query, (export.format, dialect), BufWriter::new(file)).await?;
            out.end(&file.into_inner().map_err(io::IntoInnerError::into_error)?)?;
        }
        None => {
            let mut out =
                write(&store, query, (export.format, dialect), BufWriter::new(Results)).await?;
            out.flush()?;
        }
    }
    store.close().await;
    Ok(())
}

async fn write<W: Write>(
    store: &Store,
    query: ResultsQuery,
    (format, dialect): (ExportFormat, Dialect),
    out: W,
) -> anyhow::Result<W> {
    Ok(match format {
        ExportFormat::Csv => {
            let mut csv = CsvExport::new(out, dialect)?;
            each::<anyhow::Error>(store, &query, |row| Ok(csv.row(row)?)).await?;
            csv.finish()?
        }
        ExportFormat::Jsonl => {
            let mut lines = JsonlExport::new(out);
            each::<anyhow::Error>(store, &query, |row| Ok(lines.row(row)?)).await?;
            lines.finish()?
        }
    })
}
