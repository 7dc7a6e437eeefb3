//! `surveyd report` and `surveyd export` give supervisors the results.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::out_file::OutFile;
use super::{Context, Usage};
use crate::domain::time::Millis;
use crate::output::Results;
use crate::report::export::{CsvExport, Dialect, JsonlExport};
use crate::report::period::{PeriodError, parse_from, parse_period, parse_to};
use crate::results::{ResultsQuery, each};
use crate::store::Store;

pub(super) const PERIOD: &str = "Period (whole days of report.time_zone, or instants as 2026-11-22T08:00:00Z; both ends included)";

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

pub async fn export(export: Export, context: &Context) -> anyhow::Result<()> {
    let zone = &context.config.report.time_zone;
    let misread = |error: PeriodError| Usage(error.to_string());
    let from =
        export.from.as_deref().map(|day| parse_from(day, zone)).transpose().map_err(misread)?;
    let to = export.to.as_deref().map(|day| parse_to(day, zone)).transpose().map_err(misread)?;
    if let (Some(from), Some(to)) = (&export.from, &export.to) {
        parse_period(from, to, zone).map_err(misread)?;
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
