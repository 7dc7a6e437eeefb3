//! `surveyd export` writes one row for each survey.

mod person;

use std::env;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::panic;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::out_file::{Contents, OutFile};
use super::progress::TimeBar;
use super::{Context, Usage};
use crate::domain::result_files::ExportFile;
use crate::domain::time::Millis;
use crate::output::{Results, note};
use crate::report::export::{Dialect, FileExport, SHEET_ROWS_MAX, is_failed_write};
use crate::report::period::{PeriodError, parse_from, parse_period, parse_to};
use crate::results::{ResultRow, ResultsQuery, each};
use crate::store::Store;

pub(super) const PERIOD: &str = "Period (whole days of report.time_zone, or instants as 2026-11-22T08:00:00Z; both ends included)";

#[derive(Args)]
#[command(before_help = EXAMPLES, after_help = NOTE)]
pub struct Export {
    /// The form of the file
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
    /// All that is kept of this person instead, as JSON Lines: a request for access
    #[arg(long, value_name = "U", help_heading = "What")]
    user_id: Option<String>,
    /// CSV for Excel and LibreOffice: ids that keep all their digits, dates that they know as such
    #[arg(long, help_heading = "What")]
    for_spreadsheets: bool,
    /// Write to this file, and over an earlier export [default: standard output]; a new file is for
    /// this user alone (0600)
    #[arg(short, long, value_name = "FILE", help_heading = "What")]
    output: Option<PathBuf>,
}

const EXAMPLES: &str = "\
  surveyd export --format xlsx -o surveys.xlsx
  surveyd export --format parquet -o surveys.parquet --from 2026-11-01 --to 2026-11-30
  surveyd export --format jsonl --account acme | jq .score
  surveyd export --format jsonl --user-id 343434343434 -o person.jsonl";

const NOTE: &str = "\
The rows hold people's ids and comments: keep the file where they may be kept. A CSV cell that a
spreadsheet would run as a formula begins with an apostrophe.";

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum ExportFormat {
    /// Rows with a head
    Csv,
    /// A JSON object a line
    Jsonl,
    /// For DuckDB, pandas and data warehouses
    Parquet,
    /// For Excel and LibreOffice
    Xlsx,
}

impl ExportFormat {
    fn form(self) -> ExportFile {
        match self {
            Self::Csv => ExportFile::Csv,
            Self::Jsonl => ExportFile::Jsonl,
            Self::Parquet => ExportFile::Parquet,
            Self::Xlsx => ExportFile::Xlsx,
        }
    }
}

pub async fn export(export: Export, context: &Context) -> anyhow::Result<()> {
    if let Some(user_id) = &export.user_id {
        return person::export(&export, user_id, context).await;
    }
    let zone = &context.config.report.time_zone;
    let misread = |error: PeriodError| Usage(error.to_string());
    let from =
        export.from.as_deref().map(|day| parse_from(day, zone)).transpose().map_err(misread)?;
    let to = export.to.as_deref().map(|day| parse_to(day, zone)).transpose().map_err(misread)?;
    if let (Some(from), Some(to)) = (&export.from, &export.to) {
        parse_period(from, to, zone).map_err(misread)?;
    }
    let dialect = dialect(&export)?;
    refuse_a_terminal(&export)?;
    let query = ResultsQuery {
        from: from.unwrap_or(Millis(i64::MIN)),
        to: to.unwrap_or(Millis(i64::MAX)),
        account: export.account,
        or_sent: false,
    };
    let store = context.store().await?;
    context.require_account(&store, query.account.as_deref()).await?;
    let to = query.to.min(context.clock.now());
    let mut writing =
        Writing { store: &store, query, progress: None, format: export.format, dialect };
    match &export.output {
        Some(path) => {
            let location = context.location()?;
            let (out, file) = OutFile::begin(path, Contents::Export, location.file())?;
            writing.progress = Some(ExportProgress { to, bar: None, rows: 0 });
            let temporary = out.folder().map_or_else(env::temp_dir, Path::to_owned);
            let file = writing.write(BufWriter::new(file), &temporary).await?;
            out.end(&file.into_inner().map_err(io::IntoInnerError::into_error)?)?;
        }
        None => {
            let mut out = writing.write(BufWriter::new(Results), &env::temp_dir()).await?;
            out.flush()?;
        }
    }
    store.close().await;
    Ok(())
}

fn dialect(export: &Export) -> Result<Dialect, Usage> {
    let problem = match (export.for_spreadsheets, export.format) {
        (false, _) => return Ok(Dialect::Programs),
        (true, ExportFormat::Csv) => return Ok(Dialect::Spreadsheets),
        (true, ExportFormat::Jsonl) => "give --format csv",
        (true, ExportFormat::Parquet) => "give --format csv, or --format xlsx without it",
        (true, ExportFormat::Xlsx) => "leave it out, an XLSX file keeps all digits and dates",
    };
    Err(Usage(format!("--for-spreadsheets is a form of CSV: {problem}")))
}

/// Refuses to write to a terminal what is no text.
fn refuse_a_terminal(export: &Export) -> Result<(), Usage> {
    let form = match export.format {
        ExportFormat::Csv | ExportFormat::Jsonl => return Ok(()),
        ExportFormat::Parquet => "a Parquet file",
        ExportFormat::Xlsx => "an XLSX file",
    };
    if export.output.is_some() || !io::stdout().is_terminal() {
        return Ok(());
    }
    Err(Usage(format!("{form} is no text for a terminal: give -o FILE")))
}

/// What is written, and how.
struct Writing<'a> {
    store: &'a Store,
    query: ResultsQuery,
    format: ExportFormat,
    dialect: Dialect,
    /// Absent if the rows go to standard output, where they show themselves.
    progress: Option<ExportProgress>,
}

impl Writing<'_> {
    /// Writes all rows. `temporary` is the folder for a temporary file.
    async fn write<W: Write + Send>(&mut self, out: W, temporary: &Path) -> anyhow::Result<W> {
        if self.format == ExportFormat::Xlsx {
            hush_failed_writes();
        }
        let mut file = FileExport::new(self.format.form(), self.dialect, out, temporary)?;
        self.each(|row| file.row(row)).await?;
        let sheets = file.sheets();
        if let Some(progress) = &self.progress
            && self.format == ExportFormat::Xlsx
        {
            progress.say_packing();
        }
        let out = file.finish()?;
        if sheets > 1 {
            note!(
                "a sheet holds {SHEET_ROWS_MAX} rows, so the workbook has {sheets} sheets: \
                 the rows go on in \"surveys 2\""
            );
        }
        if let Some(bar) = self.progress.take().and_then(|progress| progress.bar) {
            bar.clear();
        }
        Ok(out)
    }

    async fn each(
        &mut self,
        mut write: impl FnMut(&ResultRow) -> io::Result<()>,
    ) -> anyhow::Result<()> {
        let progress = &mut self.progress;
        each(self.store, &self.query, |row| {
            write(row)?;
            if let Some(progress) = progress {
                progress.count(row);
            }
            anyhow::Ok(())
        })
        .await
    }
}

/// The XLSX writer turns a failed write to its temporary file from a panic into an error. This
/// keeps that panic from being told as well.
fn hush_failed_writes() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if !panic.payload_as_str().is_some_and(is_failed_write) {
            usual(panic);
        }
    }));
}

/// The progress of an export to a file.
struct ExportProgress {
    /// The bar, from the first row on.
    bar: Option<TimeBar>,
    to: Millis,
    rows: u64,
}

/// The bar is drawn anew after so many rows.
const ROWS_A_STEP: u64 = 1_000;

impl ExportProgress {
    fn count(&mut self, row: &ResultRow) {
        let at = row.survey.closed_at;
        let bar = self.bar.get_or_insert_with(|| TimeBar::new(at, self.to));
        self.rows += 1;
        if self.rows.is_multiple_of(ROWS_A_STEP) {
            bar.reach(at, format!("{} surveys written", self.rows));
        }
    }

    fn say_packing(&self) {
        if let Some(bar) = &self.bar {
            bar.say(format!("{} surveys written, packing the workbook", self.rows));
        }
    }
}
