//! Reads `[[schedules]]`: reports and exports at the start of a day, a week or a month.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::alerts::ReadAlerts;
use super::fault_collector::ConfigTable;
use super::given::{GivenValue, Wrong, quoted};
use super::names::nearest;
use super::sources::{Around, several};
use super::{access, defaults, values};
use crate::domain::alert::AlertType;
use crate::domain::result_files::{ExportFile, ReportFile};
use crate::domain::schedule::Every;
use crate::domain::summary::GroupBy;

/// A report or an export that is made again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleConfig {
    /// No two schedules share it. Files are named by it.
    pub name: String,
    pub every: Every,
    pub output: ScheduledOutput,
    /// The accounts whose results are in it. `None` means all. Never empty.
    pub accounts: Option<BTreeSet<String>>,
    /// The teams whose results are in it. `None` means all. Never empty.
    pub teams: Option<BTreeSet<String>>,
}

/// What is made, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScheduledOutput {
    /// A file of a report in a folder.
    Report { by: GroupBy, format: ReportFile, folder: ScheduledFolder },
    /// A file with a row for each survey in a folder.
    Export { format: ExportFile, folder: ScheduledFolder },
    /// The head of a report, told to the alert of that name.
    Digest { by: GroupBy, alert: String },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduledFolder {
    /// The path as the file gives it. A relative path starts at the state folder.
    pub path: PathBuf,
    /// The newest files that are kept.
    pub keep: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FileKind {
    Report,
    Export,
}

/// Where the output goes, as the table `to` says.
enum Destination {
    Folder(PathBuf),
    Alert(String),
}

/// Reads the schedules.
pub(super) fn read(
    root: &mut ConfigTable,
    around: &Around,
    alerts: &ReadAlerts,
) -> Vec<ScheduleConfig> {
    let mut names = BTreeSet::new();
    let entries = root.entries("schedules").unwrap_or_default().into_iter();
    let schedules = entries.filter_map(|(place, entry)| {
        let mut table = root.collector.table(place, entry);
        let schedule = schedule(&mut table, &mut names, around, alerts);
        table.close(&[]);
        schedule
    });
    schedules.collect()
}

fn schedule(
    table: &mut ConfigTable,
    names: &mut BTreeSet<String>,
    around: &Around,
    alerts: &ReadAlerts,
) -> Option<ScheduleConfig> {
    let name = table.required("name", "\"monday\"", values::name);
    if let Some(name) = &name
        && !names.insert(name.clone())
    {
        let remedy = "give each schedule a name of its own";
        table.fault("name", Some(quoted(name)), "is another schedule's name, too", remedy);
    }
    let kinds = [("report", FileKind::Report), ("export", FileKind::Export)];
    let kind = table.or("what", FileKind::Report, values::choice(&kinds));
    let every = Every::ALL.map(|every| (every.as_str(), every));
    let every = table.required("every", "\"week\"", values::choice(&every));
    let accounts = several(table, around);
    let teams = table.optional("teams", access::teams);
    let to = destination(table, alerts);
    let output = output(table, kind, to);
    let accounts = accounts?;
    Some(ScheduleConfig {
        name: name?,
        every: every?,
        output: output?,
        accounts: (!accounts.is_empty()).then(|| accounts.into_iter().collect()),
        teams: teams?,
    })
}

/// Reads `by`, `format` and `keep`, each where it means something.
fn output(
    table: &mut ConfigTable,
    kind: Option<FileKind>,
    to: Option<Destination>,
) -> Option<ScheduledOutput> {
    let by = table.optional("by", values::choice(&GroupBy::NAMED.map(|by| (by.as_str(), by))));
    let is_given = |given: &Option<Option<GroupBy>>| matches!(given, Some(Some(_)));
    if kind == Some(FileKind::Export) && is_given(&by) {
        let remedy = "remove it: an export has a row for each survey";
        table.fault("by", None, "is given, and what is \"export\"", remedy);
    }
    let is_digest = matches!(to, Some(Destination::Alert(_)));
    if is_digest {
        for key in ["format", "keep"] {
            if !matches!(table.take(key), Ok(None)) {
                let remedy = "remove it: the alert's own format is taken";
                table.fault(key, None, "is given, and to names an alert", remedy);
            }
        }
        if kind == Some(FileKind::Export) {
            let remedy = "write it to a folder: to = { folder = \"exports\" }";
            table.fault("to", None, "names an alert, and what is \"export\"", remedy);
        }
    }
    let (format, keep) = match (kind, is_digest) {
        (_, true) => (None, None),
        (Some(FileKind::Export), false) => {
            let forms = ExportFile::ALL.map(|form| (form.as_str(), form));
            let format = table.required("format", "\"csv\"", values::choice(&forms));
            (format.map(Err), keep(table))
        }
        (Some(FileKind::Report), false) => {
            let forms = ReportFile::ALL.map(|form| (form.as_str(), form));
            let format = table.or("format", ReportFile::Html, values::choice(&forms));
            (format.map(Ok), keep(table))
        }
        (None, false) => {
            // Without the kind, it is unknown which formats there are.
            let _ = table.take("format");
            (None, keep(table))
        }
    };
    let by = by?.unwrap_or(GroupBy::Nothing);
    match to? {
        Destination::Alert(alert) => Some(ScheduledOutput::Digest { by, alert }),
        Destination::Folder(path) => {
            let folder = ScheduledFolder { path, keep: keep? };
            Some(match format? {
                Ok(format) => ScheduledOutput::Report { by, format, folder },
                Err(format) => ScheduledOutput::Export { format, folder },
            })
        }
    }
}

fn keep(table: &mut ConfigTable) -> Option<u32> {
    table.or("keep", defaults::SCHEDULE_KEEP, values::integer(defaults::SCHEDULE_KEEP_BOUNDS))
}

/// Reads the table `to`, which names either a folder or an alert.
fn destination(table: &mut ConfigTable, alerts: &ReadAlerts) -> Option<Destination> {
    if !table.holds("to") {
        table.missing("to", "{ folder = \"reports\" }");
        return None;
    }
    let is_table = table.holds_table("to");
    let mut to = table.inline_table("to", "{ folder = \"reports\" }");
    let folder = to.optional("folder", |given| match given.text()? {
        text if text.trim().is_empty() => Err(Wrong::new("is empty", "name a folder")),
        text => Ok(PathBuf::from(text)),
    });
    let alert = to.optional("alert", |given| told(given, alerts));
    let place = to.place.clone();
    to.close(&[]);
    if !is_table {
        return None;
    }
    match (folder?, alert?) {
        (Some(folder), None) => Some(Destination::Folder(folder)),
        (None, Some(alert)) => Some(Destination::Alert(alert)),
        (folder, _) => {
            let both = folder.is_some();
            let problem = if both { "names a folder and an alert" } else { "names nothing" };
            let remedy = "write { folder = \"reports\" } or { alert = \"leads\" }";
            table.collector.fault(&place, None, problem, remedy);
            None
        }
    }
}

/// Reads the name of an alert that is told digests.
fn told(given: &GivenValue, alerts: &ReadAlerts) -> Result<String, Wrong> {
    let name = given.text()?;
    match alerts.sound.iter().find(|alert| alert.wanted.name == name) {
        Some(alert) if !alert.wanted.types.contains(&AlertType::Digest) => Err(Wrong::new(
            "is an alert that is not told digests",
            format!("add \"digest\" to alerts.{name}.on"),
        )),
        Some(_) => Ok(name.to_owned()),
        None if alerts.names.contains(name) => Err(Wrong::new(
            "is an alert with faults of its own",
            format!("mend those of alerts.{name}, which stand above"),
        )),
        None => Err(Wrong::new(
            "is no alert of this file",
            match nearest(name, alerts.names.iter().map(String::as_str)) {
                Some(meant) => format!("did you mean \"{meant}\"?"),
                None => "name one of [[alerts]]".to_owned(),
            },
        )),
    }
}
