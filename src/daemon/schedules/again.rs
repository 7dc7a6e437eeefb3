//! Makes files of schedules again, because what they were made from has been erased.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::ScheduledWork;
use super::output::{Output, RunFailure};
use crate::clock::Clock;
use crate::config::{Config, ScheduleConfig, ScheduledFolder, ScheduledOutput};
use crate::domain::result_files::ReportFile;
use crate::domain::schedule::days_of_file;
use crate::domain::time::Millis;
use crate::stop::stopper;
use crate::store::Store;

/// What has become of files.
#[derive(Debug, Default)]
pub struct FilesAgain {
    pub made: Vec<PathBuf>,
    /// What could not be made again must not stay.
    pub deleted: Vec<PathBuf>,
}

/// How long changes are counted before a file is made.
const COUNT_FOR: Duration = Duration::from_secs(60);

/// Makes all files again whose periods hold one of the instants and that name people.
pub async fn make_again(
    config: &Config,
    store: &Store,
    clock: &Clock,
    state_folder: &Path,
    instants: &[Millis],
) -> anyhow::Result<FilesAgain> {
    let work = ScheduledWork::new(config, store, clock, state_folder);
    let (_stop, stopper) = stopper();
    let mut again = FilesAgain::default();
    let mut is_counted = false;
    for schedule in &config.schedules {
        let Some((folder, ending)) = with_people(schedule) else { continue };
        let folder = state_folder.join(&folder.path);
        for name in names(&folder)? {
            let days = days_of_file(&schedule.name, schedule.every, &name, ending);
            let Some(days) = days else { continue };
            let period = config.report.time_zone.period(days);
            if !instants.iter().any(|at| period.from <= *at && *at <= period.to) {
                continue;
            }
            if !is_counted {
                let now = clock.now();
                store.catch_up_results(&config.report.time_zone, now, COUNT_FOR).await?;
                is_counted = true;
            }
            match work.job(schedule, days).make(&stopper).await {
                Ok(Output::File(path)) => again.made.push(path),
                Ok(Output::Fact(_)) => {}
                Err(RunFailure::Away(_) | RunFailure::Failed(_) | RunFailure::Stopped) => {
                    let path = folder.join(name);
                    fs::remove_file(&path)?;
                    again.deleted.push(path);
                }
            }
        }
    }
    Ok(again)
}

/// The folder and the ending of a schedule's files, if they name people: exports do, and so do
/// reports with comments.
fn with_people(schedule: &ScheduleConfig) -> Option<(&ScheduledFolder, &'static str)> {
    match &schedule.output {
        ScheduledOutput::Export { format, folder } => Some((folder, format.ending())),
        ScheduledOutput::Report { format: ReportFile::Html, folder, .. } => {
            Some((folder, ReportFile::Html.ending()))
        }
        ScheduledOutput::Report { .. } | ScheduledOutput::Digest { .. } => None,
    }
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry?.file_name().into_string().ok());
    }
    Ok(names)
}
