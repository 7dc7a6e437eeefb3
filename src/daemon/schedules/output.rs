//! Makes what a schedule is for: a file of a report or an export, or the fact that tells an alert.

use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use super::folder;
use crate::config::{ScheduleConfig, ScheduledFolder, ScheduledOutput};
use crate::domain::alert::{Digest, Fact};
use crate::domain::days::Days;
use crate::domain::result_files::{ExportFile, ReportFile};
use crate::domain::schedule::file_name;
use crate::domain::summary::GroupBy;
use crate::domain::view::{Against, Filter, View};
use crate::report::error::ReportError;
use crate::report::export::{Dialect, FileExport};
use crate::report::text::TextPage;
use crate::report::{self, headline};
use crate::results::Reading;
use crate::stop::Stopper;
use crate::store::{self, List, Store};
use crate::terminal::OutputStyle;

/// The surveys of an export that are read at once.
const PAGE: u32 = 500;

/// What came of a run.
pub enum Output {
    File(PathBuf),
    Fact(Box<Fact>),
}

/// Why a run made nothing.
pub enum RunFailure {
    /// The database is away or busy. It is tried again soon.
    Away(store::Error),
    /// Somebody must act. It is tried again much later.
    Failed(String),
    /// surveyd stops.
    Stopped,
}

impl From<store::Error> for RunFailure {
    fn from(error: store::Error) -> Self {
        use store::Error::{Busy, Gone, Io, Refused, Unavailable};
        match error {
            Busy(_) | Gone(_) | Io(_) | Refused(_) | Unavailable(_) => Self::Away(error),
            other => Self::Failed(other.to_string()),
        }
    }
}

impl From<ReportError> for RunFailure {
    fn from(error: ReportError) -> Self {
        match error {
            ReportError::Read(error) => error.into(),
            ReportError::Written(_) => Self::Failed(error.to_string()),
        }
    }
}

impl From<io::Error> for RunFailure {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// A schedule with what its output is made with.
pub struct ScheduleRun<'j> {
    pub schedule: &'j ScheduleConfig,
    pub days: Days,
    pub reading: Reading,
    /// The name of the business in X's questions, if the output is of one account.
    pub display_name: Option<String>,
    /// Relative folders lie in it.
    pub state_folder: &'j Path,
}

impl ScheduleRun<'_> {
    /// Makes the output. An export breaks off at the stop signal.
    pub async fn make(&self, stop: &Stopper) -> Result<Output, RunFailure> {
        match &self.schedule.output {
            ScheduledOutput::Report { by, format, folder } => {
                self.report(*by, *format, folder).await
            }
            ScheduledOutput::Export { format, folder } => self.export(*format, folder, stop).await,
            ScheduledOutput::Digest { by, alert } => self.digest(*by, alert).await,
        }
    }

    async fn report(
        &self,
        by: GroupBy,
        form: ReportFile,
        folder: &ScheduledFolder,
    ) -> Result<Output, RunFailure> {
        // As the command does it.
        let against = if form == ReportFile::Html { Against::Before } else { Against::Nothing };
        let view = View { by, against, ..self.view() };
        let compared = self.reading.compared(&view).await?;
        let page = TextPage {
            style: OutputStyle::PLAIN,
            display_name: self.display_name.clone(),
            zone: self.reading.zone.clone(),
            now: self.reading.now,
            counts_tests: false,
        };
        let bytes = report::file::write(&self.reading, &view, &compared, form, &page).await?;
        self.file(folder, form.ending(), move |mut file| {
            file.write_all(&bytes)?;
            Ok(file)
        })
        .await
    }

    async fn export(
        &self,
        form: ExportFile,
        folder: &ScheduledFolder,
        stop: &Stopper,
    ) -> Result<Output, RunFailure> {
        let rows = Rows {
            handle: Handle::current(),
            store: self.reading.store.clone(),
            view: self.view(),
            stop: stop.clone(),
        };
        let temporary = self.folder(folder);
        self.file(folder, form.ending(), move |file| rows.write(form, file, &temporary)).await
    }

    async fn digest(&self, by: GroupBy, alert: &str) -> Result<Output, RunFailure> {
        let view = View { by, ..self.view() };
        let compared = self.reading.compared(&view).await?;
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(view.pairs());
        let digest = Digest {
            schedule: self.schedule.name.clone(),
            alert: alert.to_owned(),
            from: self.days.from.to_string(),
            to: self.days.to.to_string(),
            headline: headline::render(&compared, &self.reading.zone),
            query: query.finish(),
        };
        Ok(Output::Fact(Box::new(Fact::digest(self.reading.now, digest))))
    }

    /// The results that the schedule is for.
    fn view(&self) -> View {
        let zone = &self.reading.zone;
        let mut view = View::exactly(zone.period(self.days), zone, self.reading.now);
        for account in self.schedule.accounts.iter().flatten() {
            view.filters.add(Filter::Account, account);
        }
        for team in self.schedule.teams.iter().flatten() {
            view.filters.add(Filter::Team, team);
        }
        view
    }

    fn folder(&self, folder: &ScheduledFolder) -> PathBuf {
        self.state_folder.join(&folder.path)
    }

    /// Writes the file, and deletes those that are too many then.
    async fn file(
        &self,
        folder: &ScheduledFolder,
        ending: &'static str,
        fill: impl FnOnce(std::fs::File) -> Result<std::fs::File, RunFailure> + Send + 'static,
    ) -> Result<Output, RunFailure> {
        let name = file_name(&self.schedule.name, self.days, ending);
        let (path, keep) = (self.folder(folder), folder.keep);
        let schedule = self.schedule.name.clone();
        let named = |path: &Path, fault| match fault {
            RunFailure::Failed(why) => RunFailure::Failed(format!("{}: {why}", path.display())),
            RunFailure::Away(_) | RunFailure::Stopped => fault,
        };
        let written = spawn_blocking(move || {
            let file = folder::write(&path, &name, fill).map_err(|fault| named(&path, fault))?;
            let swept = folder::sweep(&path, &schedule, ending, keep);
            swept.map_err(|error| named(&path, error.into()))?;
            Ok(Output::File(file))
        });
        written.await.unwrap_or_else(|panic| Err(RunFailure::Failed(panic.to_string())))
    }
}

/// Where the rows of an export come from.
struct Rows {
    handle: Handle,
    store: Store,
    view: View,
    stop: Stopper,
}

impl Rows {
    fn write(
        &self,
        form: ExportFile,
        file: std::fs::File,
        temporary: &Path,
    ) -> Result<std::fs::File, RunFailure> {
        let out = BufWriter::new(file);
        let mut export = FileExport::new(form, Dialect::Programs, out, temporary)?;
        let mut after = None;
        loop {
            if self.stop.is_stopping() {
                return Err(RunFailure::Stopped);
            }
            let page = self.store.listed(&self.view, List::Oldest, after.as_ref(), PAGE);
            let page = self.handle.block_on(page)?;
            page.rows.iter().try_for_each(|row| export.row(row))?;
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        Ok(export.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?)
    }
}
