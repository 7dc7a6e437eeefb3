//! `surveyd report` and `surveyd export` give supervisors the results.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::out_file::OutFile;
use super::{Context, Usage, usage};
use crate::config;
use crate::domain::summary::{GroupBy, SurveyFacts, summarize};
use crate::domain::survey::State;
use crate::domain::time::Millis;
use crate::output::{Results, out, outln};
use crate::report;

use crate::report::export::{CsvExport, Dialect, ExportRow, JsonlExport};

use crate::report::period::{PeriodError, parse_from, parse_or_usual, parse_period, parse_to};
use crate::report::text::TextPage;
use crate::store::{ResultRow, ResultsQuery, Store};
use crate::terminal::View;

#[derive(Args)]
#[command(before_help = REPORT_EXAMPLES, after_help = REPORT_NOTE)]
pub struct ReportArgs {
    /// The first day [default: 28 days before --to]
    #[arg(long, value_name = "D", help_heading = PERIOD)]
    from: Option<String>,
    /// The last day [default: yesterday, or today where --from is given]
    #[arg(long, value_name = "D", help_heading = PERIOD)]
    to: Option<String>,
    /// Break down by agent, team, tag, language, source, account, week, question or variant
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
            let names = "agent, team, tag, language, source, account, week, question or variant";
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
    let mut facts = facts(&store, query).await?;
    store.close().await;
    if report.test {
        facts.iter_mut().for_each(|facts| facts.test = false);
    }
    let (fresh_for, min_group) = (context.config.poll.fresh_for, context.config.report.min_group);
    let summary = summarize(facts, period, by, now, fresh_for, min_group);
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

/// Returns the facts that a report counts for all surveys that `query` finds.
pub async fn facts(store: &Store, query: ResultsQuery) -> anyhow::Result<Vec<SurveyFacts>> {
    let mut facts = Vec::new();
    each(store, query, |row| {
        facts.push(fact(row));
        Ok(())
    })
    .await?;
    Ok(facts)
}

async fn each(
    store: &Store,
    query: ResultsQuery,
    mut take: impl FnMut(&ResultRow) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut last = None;
    loop {
        let page = store.results(&query, last.as_ref()).await?;
        for row in &page {
            take(row)?;
        }
        match page.into_iter().next_back() {
            Some(row) => last = Some(row),
            None => return Ok(()),
        }
    }
}

fn fact(row: &ResultRow) -> SurveyFacts {
    let survey = &row.survey;
    let notice = &survey.notice;
    SurveyFacts {
        account: survey.account.clone(),
        source: survey.source.clone(),
        kind: survey.kind,
        question_variant_id: survey.question_variant_id,
        test: survey.test,
        agent: notice.agent.clone(),
        team: notice.team.clone(),
        tags: notice.tags.clone(),
        language: notice.language.clone(),
        variant: row.variant().map(str::to_owned),
        closed_at: survey.closed_at,
        suppressed: match &survey.state {
            State::Suppressed(reason) => Some(reason.as_str().to_owned()),
            _ => None,
        },
        sent_at: survey.state.delivery().map(|delivery| delivery.sent_at),
        score: row.told.score.and_then(|score| u8::try_from(score).ok()),
        scored_at: row.told.scored_at,
        commented_at: row.told.text.as_ref().and(row.told.commented_at),
    }
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
            each(store, query, |row| Ok(csv.row(&export_row(row))?)).await?;
            csv.finish()?
        }
        ExportFormat::Jsonl => {
            let mut lines = JsonlExport::new(out);
            each(store, query, |row| Ok(lines.row(&export_row(row))?)).await?;
            lines.finish()?
        }
    })
}

fn export_row(row: &ResultRow) -> ExportRow {
    let survey = &row.survey;
    let notice = &survey.notice;
    let delivery = survey.state.delivery();
    ExportRow {
        survey_id: survey.id.to_string(),
        account: survey.account.clone(),
        source: survey.source.clone(),
        conversation_id: survey.conversation_id.to_string(),
        external_id: survey.external_id.clone(),
        user_id: survey.person().to_owned(),
        state: survey.state.name().to_owned(),
        reason: survey.state.reason(),
        closed_at: survey.closed_at,
        due_at: Some(survey.due_at),
        sent_at: delivery.map(|delivery| delivery.sent_at),
        feedback_id: delivery.map(|delivery| delivery.feedback_id.to_string()),
        dm_id: delivery.and_then(|delivery| delivery.dm_id.clone()),
        kind: survey.kind,
        question_variant_id: survey.question_variant_id,
        test: survey.test,
        score: row.told.score.and_then(|score| u8::try_from(score).ok()),
        scored_at: row.told.scored_at,
        text: row.told.text.clone(),
        commented_at: row.told.commented_at,
        updated_at: row.told.updated_at,
        updates: row.told.updates,
        agent: notice.agent.clone(),
        team: notice.team.clone(),
        tags: notice.tags.clone(),
        language: notice.language.clone(),
    }
}
