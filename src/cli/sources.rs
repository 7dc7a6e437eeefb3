//! `surveyd sources` lists where closes come from. It also shows what a saved payload would become.

mod list;
mod rejected;
mod unused;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::{Context, print_json, usage};
use crate::config::{Algorithm, IN_QUERY, Source};
use crate::domain::mapping::FieldName;
use crate::domain::plain_text::printable;
use crate::output::{out, outln};
use crate::terminal::OutputStyle;
use crate::terminal::table::{Column, table};
use crate::watcher::notice::{self, CloseEvent, NearMiss, NoticeFaults, Origin};
use crate::watcher::payload::{self, MappedEvent, MappedField};
use crate::watcher::signature::Verifier;

#[derive(Subcommand)]
pub enum Sources {
    /// List the sources, where each is posted to and how it is signed
    List(list::SourceListArgs),
    /// Show what a saved payload would become; nothing is stored
    Test(SourceTestArgs),
    /// List the last requests and spool lines that were refused, with their reasons, the newest
    /// first
    Rejected(rejected::RejectedArgs),
}

#[derive(Args)]
#[command(before_help = TEST_EXAMPLES, after_help = TEST_NOTE)]
pub struct SourceTestArgs {
    /// The source that the payload was sent to
    #[arg(value_name = "NAME")]
    name: String,
    /// The payload's bytes as they came; - reads standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The request's headers, a line each as `Name: value`; the signature is checked then
    #[arg(long, value_name = "FILE")]
    headers: Option<PathBuf>,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

const TEST_EXAMPLES: &str = "\
  surveyd sources test helpdesk payload.json
  surveyd sources test helpdesk payload.json --headers headers.txt
  curl -s https://desk.example/last | surveyd sources test helpdesk -";

const TEST_NOTE: &str = "\
Exit codes: 0 it would be taken, or ignored for the reason that is shown; 1 it would be refused, for
what it says or for its signature; 2 usage, 78 configuration.";

/// The outcome that a payload would have.
#[derive(Serialize)]
struct PayloadOutcome {
    source: String,
    kind: &'static str,
    /// `fits`, `not checked` or the reason why the signature does not fit.
    signature: String,
    /// `closed`, `reopened`, `ignored` or `refused`.
    becomes: &'static str,
    /// The reason why the payload is ignored or refused.
    why: Option<String>,
    account: Option<String>,
    /// The reason if the person would not be asked.
    suppressed: Option<&'static str>,
    event_id: Option<String>,
    fields: Vec<FieldRow>,
    /// Unknown members of a `standard` notice whose names resemble known ones.
    not_read: Vec<NearMiss>,
    #[serde(skip)]
    is_refused: bool,
}

#[derive(Serialize)]
struct FieldRow {
    field: String,
    value: Option<String>,
    from: String,
    /// The value that was found and the reason why it is not used.
    #[serde(skip_serializing_if = "Option::is_none")]
    unused: Option<String>,
}

impl Sources {
    /// True if the command verifies a signature.
    pub fn needs_secrets(&self) -> bool {
        matches!(self, Self::Test(test) if test.headers.is_some())
    }
}

pub async fn run(sources: Sources, context: &Context) -> anyhow::Result<ExitCode> {
    match sources {
        Sources::List(wanted) => list::run(wanted, context)?,
        Sources::Test(test) => return self::test(test, context),
        Sources::Rejected(wanted) => rejected::run(wanted, context).await?,
    }
    Ok(ExitCode::SUCCESS)
}

fn test(test: SourceTestArgs, context: &Context) -> anyhow::Result<ExitCode> {
    if context.config.watched.iter().any(|watched| watched.name == test.name) {
        let problem = "watches Direct Messages, and gets no notices";
        return Err(usage("NAME", &test.name, problem));
    }
    if context.config.spools.iter().any(|spool| spool.name == test.name) {
        let problem = "is a folder, whose lines are notices of kind standard: what is wrong with one \
                       is told in its bad/";
        return Err(usage("NAME", &test.name, problem));
    }
    let Some(source) = context.config.source(&test.name) else {
        return Err(unknown(&test.name, context));
    };
    let raw = payload(&test.file)?;
    let headers = test.headers.as_deref().map(headers).transpose()?;
    let outcomes = judged(source, &raw, headers.as_deref(), context)?;
    match (test.json, outcomes.as_slice()) {
        (true, [alone]) => print_json(alone)?,
        (true, _) => print_json(&outcomes)?,
        (false, _) => outcomes.iter().enumerate().try_for_each(|(index, outcome)| {
            if outcomes.len() > 1 {
                outln!("{}event {} of {}", ["", "\n"][index.min(1)], index + 1, outcomes.len())?;
            }
            print(outcome)
        })?,
    }
    // If one event is refused, surveyd refuses the whole delivery.
    let is_refused = outcomes.iter().any(|outcome| outcome.is_refused);
    Ok(if is_refused { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn unknown(name: &str, context: &Context) -> anyhow::Error {
    let sources = context.config.sources.iter().map(|source| source.name.as_str());
    context.unknown("NAME", name, "source", sources.collect())
}

fn payload(file: &Path) -> anyhow::Result<Vec<u8>> {
    if file == Path::new("-") {
        let mut raw = Vec::new();
        std::io::Read::read_to_end(&mut std::io::stdin(), &mut raw)
            .context("standard input cannot be read")?;
        return Ok(raw);
    }
    std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))
}

/// Reads the headers of a saved request. Skips empty lines.
///
/// Also returns the query parameters of its request line by their names after [`IN_QUERY`].
fn headers(file: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("{} cannot be read", file.display()))?;
    let (request_lines, lines): (Vec<_>, Vec<_>) =
        text.lines().partition(|line| line.contains(" HTTP/"));
    let queries = request_lines.iter().filter_map(|line| line.split(' ').nth(1)?.split_once('?'));
    let parameters = queries.flat_map(|(_, query)| query.split('&'));
    let parameters = parameters.filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        Some((format!("{IN_QUERY}{name}"), value.to_owned()))
    });
    let lines = lines.into_iter().filter_map(|line| line.split_once(':'));
    let headers: Vec<_> = lines
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        .chain(parameters)
        .collect();
    if headers.is_empty() {
        bail!("{} holds no line of the form `Name: value`", file.display());
    }
    Ok(headers)
}

fn judged(
    source: &Source,
    raw: &[u8],
    headers: Option<&[(String, String)]>,
    context: &Context,
) -> anyhow::Result<Vec<PayloadOutcome>> {
    let now = context.clock.now();
    let every = |name: &str| -> Vec<&str> {
        let known = headers.unwrap_or_default().iter();
        let found = known.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str()).collect()
    };
    let header = |name: &str| every(name).first().copied();
    let (signature, fits) = match headers {
        _ if source.scheme.algorithm == Algorithm::Nothing => {
            ("nothing is checked".to_owned(), true)
        }
        None => ("not checked: give the request's headers by --headers FILE".to_owned(), true),
        Some(_) => {
            let verifier = Verifier::of(source).map_err(anyhow::Error::msg)?;
            // A saved request is old, so its timestamp is checked against its own time.
            let at = verifier.sent_at(&every).ok().flatten().unwrap_or(now);
            match verifier.verify(&every, raw, at) {
                Ok(()) => ("fits".to_owned(), true),
                Err(why) => (format!("does not fit: {why}"), false),
            }
        }
    };
    let outcome = || PayloadOutcome {
        source: source.name.clone(),
        kind: source.kind.as_str(),
        signature: signature.clone(),
        becomes: "refused",
        why: None,
        account: None,
        suppressed: None,
        event_id: None,
        fields: Vec::new(),
        not_read: Vec::new(),
        is_refused: !fits,
    };
    if source.mapping.is_some() && raw.is_empty() {
        let why = Some("the body is empty".to_owned());
        return Ok(vec![PayloadOutcome { becomes: "ignored", why, ..outcome() }]);
    }
    let value = match notice::json(raw) {
        Ok(value) => value,
        Err(wrong) => {
            return Ok(vec![PayloadOutcome {
                why: Some(wrong.why),
                is_refused: true,
                ..outcome()
            }]);
        }
    };
    let (account, accounts) = (source.account.as_deref(), source.accounts.as_slice());
    let origin = Origin { source: &source.name, account, accounts, now };
    let Some(mapping) = &source.mapping else {
        let mut outcome = PayloadOutcome { not_read: notice::near_misses(&value), ..outcome() };
        let said = notice::read(&value, origin);
        let heard = said.map(|said| MappedEvent::Said { said, event_id: String::new() });
        tell(&mut outcome, heard, context);
        return Ok(vec![outcome]);
    };
    let events = mapping.events(value.clone()).into_iter();
    let explained = payload::explain(mapping, value, raw, &header, origin);
    let outcomes = events.zip(explained).map(|(event, (heard, lines))| {
        let body = mapping.opened(event);
        let event =
            unused::PayloadEvent { mapping, body: &body, header: &|name| header(name), now };
        let mut outcome = outcome();
        outcome.fields = lines.into_iter().map(|line| field(line, &event)).collect();
        tell(&mut outcome, heard, context);
        outcome
    });
    Ok(outcomes.collect())
}

/// Makes the row of a field. Its value is hidden if it is not used, such as an unknown time zone.
fn field(line: MappedField, event: &unused::PayloadEvent<'_>) -> FieldRow {
    let unused = event.unused(&line.field, line.value.as_deref());
    let value = line.value.filter(|_| unused.is_none());
    let from = match value.is_some() && event.is_without_zone(&line.field) {
        true => format!("{} (without a zone: read as UTC)", line.from),
        false => line.from,
    };
    FieldRow { field: line.field, value, from, unused }
}

fn tell(outcome: &mut PayloadOutcome, heard: Result<MappedEvent, NoticeFaults>, context: &Context) {
    match heard {
        Err(faults) => {
            outcome.why = Some(faults.to_string());
            outcome.is_refused = true;
        }
        Ok(MappedEvent::Said { said, .. }) if context.config.account(said.account()).is_none() => {
            outcome.why = Some(notice::unknown_account(said.account()).to_string());
            outcome.is_refused = true;
        }
        Ok(MappedEvent::Ignored(why)) => {
            outcome.becomes = "ignored";
            outcome.why = Some(why);
        }
        Ok(MappedEvent::Said { said, event_id }) => {
            outcome.event_id =
                Some(event_id.replace('\n', " in minute ")).filter(|id| !id.is_empty());
            match said {
                CloseEvent::Closed(close) => {
                    outcome.becomes = "closed";
                    outcome.suppressed = close.user_id.is_none().then_some("no_x_id");
                    outcome.account = Some(close.account);
                }
                CloseEvent::Reopened(reopening) => {
                    outcome.becomes = "reopened";
                    outcome.account = Some(reopening.account);
                }
            }
        }
    }
}

/// Explains why a field has no value and what surveyd uses instead.
fn nothing(field: &FieldRow) -> String {
    let instead = match field.field.as_str() {
        "closed_at" | "reopened_at" => "; the moment it came is taken",
        "event_id" => "; a hash of the payload is taken",
        "account_id" => "; the source's own account is taken",
        _ => "",
    };
    if let Some(unused) = &field.unused {
        return format!("{unused}{instead}");
    }
    match field.from.as_str() {
        "" => format!("not looked for{instead}"),
        places => format!("nothing at {places}{instead}"),
    }
}

const FIELDS: [Column; 3] = [Column::text("field"), Column::text("value"), Column::text("from")];

fn print(outcome: &PayloadOutcome) -> anyhow::Result<()> {
    let facts = [
        ("source", format!("{} ({})", outcome.source, outcome.kind)),
        ("signature", outcome.signature.clone()),
        (
            "becomes",
            match &outcome.why {
                Some(why) => format!("{}: {why}", outcome.becomes),
                None => outcome.becomes.to_owned(),
            },
        ),
        ("account", outcome.account.clone().unwrap_or_default()),
        ("event id", outcome.event_id.clone().unwrap_or_default()),
    ];
    for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
        outln!("{name:<10} {}", printable(value))?;
    }
    if !outcome.fields.is_empty() {
        outln!()?;
        let rows: Vec<Vec<String>> = outcome
            .fields
            .iter()
            .map(|field| match &field.value {
                Some(value) => vec![field.field.clone(), value.clone(), field.from.clone()],
                None => vec![field.field.clone(), "-".into(), nothing(field)],
            })
            .collect();
        out!("{}", table(&OutputStyle::PLAIN, &FIELDS, &rows))?;
    }
    if !outcome.not_read.is_empty() {
        outln!()?;
    }
    for near_miss in &outcome.not_read {
        outln!("{}", printable(&near_miss.words()))?;
    }
    if outcome.suppressed.is_some() {
        let key = FieldName::UserId.as_str();
        let page = if outcome.kind == "mapped" { "README" } else { outcome.kind };
        outln!(
            "\nThere is no X id in it (1 to 19 digits), so that nobody would be asked: the survey would \
             be\nsuppressed, no_x_id. Let the help desk send it, or say where it stands by \
             `{key} = \"/…\"` in\n[[sources]]. docs/sources/{page}.md tells how.",
        )?;
    }
    Ok(())
}
