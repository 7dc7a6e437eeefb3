//! Takes closes from a folder of files whose lines are notices of kind `standard`.
//!
//! Every sound line of a file is on disk before the file is moved away. After a crash, the file is
//! still there and is read again from its start. That changes nothing. A close on record is known
//! by its account, conversation and `closed_at`. Each line also has an event id of its own.
//!
//! Deliberately absent is a record of how far a file was read.

mod folder;
mod kept;
mod lines;
mod tally;

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value;
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use tracing::{info, warn};

use super::Intake;
use super::notice::{self, CloseEvent, Origin};
use crate::config;
use crate::domain::plain_text::{cut, printable};
use crate::stop::Stopper;
use crate::store;
use folder::{Away, FILES_MAX, FileMark, Opened, Put, TakenBack};
pub use folder::{could_be_made, prepare};
pub use kept::strip;
use lines::Line;
pub use tally::LineCounts;
use tally::{LineRefusal, Tally};

/// The first and the longest wait before a file that failed is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(5);
const AGAIN_AT_LATEST: Duration = Duration::from_secs(5 * 60);
/// The time for which files already taken are checked for later writes, and the most such files.
const AWAY_FOR: Duration = Duration::from_secs(60 * 60);
const AWAY_MAX: usize = FILES_MAX;
/// The most bad lines of one file that are logged one by one.
const LOGGED_MAX: u64 = 20;
/// The longest reason in characters. One line can have thousands of faults.
const REASON_CHARACTERS_MAX: usize = 1_000;

/// An error that ends a pass early.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The pass must be tried again later. The current file is still in its place.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The pass must be tried again later.
    #[error("the folder {} cannot be read: {reason}", folder.display())]
    Folder { folder: PathBuf, reason: std::io::Error },
}

/// One source of kind `spool`.
pub struct Spool {
    name: String,
    account: Option<String>,
    /// The accounts that a line may name. Empty allows every account.
    accounts: Vec<String>,
    folder: PathBuf,
    /// The longest line in bytes.
    line_max: usize,
    intake: Intake,
    counts: LineCounts,
    /// Files that could not be taken or moved and that wait for the next try.
    held: HashMap<OsString, HeldFile>,
    /// Files that were taken, the latest last. Lines written to them afterwards have not been read.
    away: VecDeque<(Away, Instant)>,
}

struct HeldFile {
    times: u32,
    until: Instant,
}

impl Spool {
    /// `folder` is the resolved path of the source's folder.
    pub fn new(
        source: &config::SpoolConfig,
        folder: PathBuf,
        line_max: usize,
        intake: Intake,
        counts: LineCounts,
    ) -> Self {
        let config::SpoolConfig { name, account, accounts, .. } = source.clone();
        Self {
            name,
            account,
            accounts,
            folder,
            line_max,
            intake,
            counts,
            held: HashMap::new(),
            away: VecDeque::new(),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Takes the files that are present, up to the limit of one pass. Returns true if there may be
    /// more.
    pub async fn tick(&mut self, stop: &Stopper) -> Result<bool, SpoolError> {
        let path = self.folder.clone();
        let locked = blocking(move || folder::lock(&path)).await;
        // The pass holds this lock until its end. Nobody blocks on it because a process that finds
        // it held tries again later.
        let Some(_lock) = locked.map_err(|reason| self.unreadable(reason))? else {
            return Ok(false);
        };
        self.take_back().await;
        let now = Instant::now();
        let waiting = self.held.iter().filter(|(_, held)| held.until > now);
        let waiting: HashSet<_> = waiting.map(|(name, _)| name.clone()).collect();
        let path = self.folder.clone();
        let names = blocking(move || folder::list(&path, &waiting)).await;
        let names = names.map_err(|reason| self.unreadable(reason))?;
        // A file that neither waits nor exists any more is forgotten.
        self.held.retain(|name, held| held.until > now || names.contains(name));
        let more = names.len() == FILES_MAX;
        for name in names {
            if stop.is_stopping() {
                return Ok(false);
            }
            match self.file(&name, stop).await? {
                Ok(()) => drop(self.held.remove(&name)),
                Err(why) => self.hold(name, &why),
            }
        }
        Ok(more)
    }

    fn unreadable(&self, reason: std::io::Error) -> SpoolError {
        SpoolError::Folder { folder: self.folder.clone(), reason }
    }

    /// Makes a file wait. The wait doubles with each failure.
    fn hold(&mut self, name: OsString, why: &str) {
        warn!(
            event = "spool.file_left",
            source = self.name,
            file = shown(&name),
            "the file {} of source {} is left where it is, to be tried again: {why}",
            shown(&name),
            self.name,
        );
        let times = self.held.get(&name).map_or(0, |held| held.times);
        let wait = AGAIN_AFTER.saturating_mul(1 << times.min(10)).min(AGAIN_AT_LATEST);
        self.held.insert(name, HeldFile { times: times + 1, until: Instant::now() + wait });
    }

    /// Moves files back that were written to after they were taken. When such a file is read again,
    /// only its new lines have an effect.
    async fn take_back(&mut self) {
        let now = Instant::now();
        while self.away.len() > AWAY_MAX
            || self.away.front().is_some_and(|(_, at)| now.duration_since(*at) > AWAY_FOR)
        {
            self.away.pop_front();
        }
        let away: Vec<Away> = self.away.iter().map(|(away, _)| away.clone()).collect();
        if away.is_empty() {
            return;
        }
        let looked = blocking(move || {
            away.iter().map(Away::take_back_if_written).collect::<Vec<std::io::Result<TakenBack>>>()
        });
        let mut looked = looked.await.into_iter();
        let name = &self.name;
        self.away.retain(|(away, _)| match looked.next() {
            Some(Ok(TakenBack::Back)) => {
                tell_back(name, away, "");
                false
            }
            Some(Ok(TakenBack::BackWithout { reasons, error })) => {
                let rest = format!(
                    ". Remove {}, which cannot be removed ({error}): its reasons are of before",
                    reasons.display()
                );
                tell_back(name, away, &rest);
                false
            }
            Some(Err(reason)) => {
                let (file, to) = (shown(away.name()), away.to().display());
                warn!(
                    event = "spool.file_left",
                    source = name,
                    file,
                    "{to} of source {name}, written to after it was moved there, cannot be moved \
                     back: {reason}. Move it into the folder again",
                );
                false
            }
            Some(Ok(TakenBack::Unchanged)) | None => true,
        });
    }

    /// Takes one file and moves it away. The inner error says why the file stays where it is.
    async fn file(
        &mut self,
        name: &OsStr,
        stop: &Stopper,
    ) -> Result<std::result::Result<(), String>, store::Error> {
        let (path, of, line_max) = (self.folder.clone(), name.to_owned(), self.line_max);
        let mut opened = match blocking(move || Opened::open(&path, &of, line_max)).await {
            Ok(Some(opened)) => opened,
            Ok(None) => return Ok(Ok(())),
            Err(error) => return Ok(Err(error.to_string())),
        };
        let mut tally = Tally::default();
        let mut of_erased = BTreeSet::new();
        loop {
            if stop.is_stopping() {
                return Ok(Ok(()));
            }
            let (batch, back) = blocking(move || (opened.lines.batch(), opened)).await;
            opened = back;
            let batch = match batch {
                Ok(batch) if batch.is_empty() => break,
                Ok(batch) => batch,
                Err(error) => return Ok(Err(error.to_string())),
            };
            of_erased.extend(self.of_erased(&batch).await?);
            // All lines of the batch run together so that they share a commit.
            let taken = join_all(batch.iter().map(|line| self.line(line, opened.mark))).await;
            for (line, taken) in batch.iter().zip(taken) {
                match taken? {
                    Ok(is_new) => tally.take(is_new),
                    Err(refused) => self.reject(name, line, refused, &mut tally),
                }
            }
        }
        let reasons = tally.reasons();
        match blocking(move || opened.put_away(reasons.as_deref())).await {
            Ok(Put::Moved(away)) => {
                self.strip(name, away.to(), of_erased).await;
                self.log(name, away.to(), &tally);
                self.counts.add(&self.name, &tally);
                self.keep(name, tally).await;
                self.away.push_back((away, Instant::now()));
            }
            Ok(Put::Gone) => {}
            Ok(Put::Changed) => {
                return Ok(Err("it was written to while it was read; move files in whole".into()));
            }
            Err(error) => return Ok(Err(format!("it was taken, and cannot be moved: {error}"))),
        }
        Ok(Ok(()))
    }

    /// Returns the numbers of those lines that name people who were erased.
    async fn of_erased(&self, batch: &[Line]) -> Result<Vec<u64>, store::Error> {
        let lines = batch.iter().map(|line| line.text.as_deref().unwrap_or_default());
        let texts: Vec<String> =
            lines.map(|text| String::from_utf8_lossy(text).into_owned()).collect();
        let named = self.intake.store.name_forgotten(&texts).await?;
        let named = batch.iter().zip(named).filter(|(_, is_named)| *is_named);
        Ok(named.map(|(line, _)| line.number).collect())
    }

    /// Leaves the lines of erased people out of a file that is kept.
    async fn strip(&self, name: &OsStr, to: &Path, lines: BTreeSet<u64>) {
        if lines.is_empty() {
            return;
        }
        let path = to.to_owned();
        let stripped =
            blocking(move || kept::strip_file(&path, |number, _| lines.contains(&number)));
        if let Err(error) = stripped.await {
            warn!(
                event = "spool.file_left",
                source = self.name,
                file = shown(name),
                "{} of source {} names people who were erased, and their lines cannot be taken out: \
                 {error}. Delete it",
                to.display(),
                self.name,
            );
        }
    }

    /// Takes one line, which is durable when this returns. Returns true if it created a survey. The
    /// inner error says what is wrong with the line.
    async fn line(
        &self,
        line: &Line,
        file: FileMark,
    ) -> Result<std::result::Result<bool, LineRefusal>, store::Error> {
        let now = self.intake.clock.now();
        let Some(text) = &line.text else {
            let why = format!("is longer than http.max_body, {} bytes", self.line_max);
            return Ok(Err(LineRefusal { answer: 413, why }));
        };
        let value: Value = match serde_json::from_slice(text) {
            Ok(value) => value,
            Err(error) => {
                // The parser counts lines from 1 within this line, so its line number is dropped.
                let (told, column) = (error.to_string(), error.column());
                let told = told.split(" at line ").next().unwrap_or_default();
                let why = format!("is no JSON: {told} at column {column}");
                return Ok(Err(LineRefusal { answer: 415, why }));
            }
        };
        let (account, accounts) = (self.account.as_deref(), self.accounts.as_slice());
        let read =
            |now| notice::read(&value, Origin { source: &self.name, account, accounts, now });
        let said = match self.intake.by_either_clock(now, read) {
            Ok(said) => said,
            Err(faults) => return Ok(Err(LineRefusal::content(faults.to_string()))),
        };
        let event_id = Some(event_id(line.number, text, file));
        match said {
            CloseEvent::Closed(close) => {
                let account = close.account.clone();
                let taken = self.intake.delivered_close(*close, event_id).await?;
                Ok(taken.map(|taken| taken.is_new).ok_or_else(|| unknown_account(&account)))
            }
            CloseEvent::Reopened(mut reopening) => {
                if !self.intake.accounts.contains_key(&reopening.account) {
                    return Ok(Err(unknown_account(&reopening.account)));
                }
                if value.get("timestamp").is_none_or(Value::is_null) {
                    // A file may have waited for a long time. Conversations that closed after it
                    // was written stay closed.
                    reopening.reopened_at = file.written_at().min(now);
                }
                self.intake.delivered_reopening(reopening, event_id).await?;
                Ok(Ok(false))
            }
        }
    }

    fn reject(&self, name: &OsStr, line: &Line, refused: LineRefusal, tally: &mut Tally) {
        // The line may contain control characters, and a reason must be one line.
        let why = printable(cut(&refused.why, REASON_CHARACTERS_MAX));
        tally.refuse(line.number, refused.answer, &why);
        if tally.bad <= LOGGED_MAX {
            warn!(
                event = "close.rejected",
                source = self.name,
                file = shown(name),
                line = line.number,
                "line {} of {} of source {} is refused: {why}",
                line.number,
                shown(name),
                self.name,
            );
        }
    }

    /// Stores the refused lines for `surveyd sources rejected`. The log and the file of reasons
    /// have them too, so an unavailable database is no fault.
    async fn keep(&self, name: &OsStr, tally: Tally) {
        let rejected = tally.rejected(&self.name, &printable(&shown(name)));
        if !rejected.is_empty() {
            let now = self.intake.clock.now();
            let rejected = rejected.into_iter().map(|one| (now, one)).collect();
            let _ = self.intake.store.keep_rejected(rejected).await;
        }
    }

    fn log(&self, name: &OsStr, to: &Path, tally: &Tally) {
        let (file, to) = (shown(name), to.display().to_string());
        let Tally { lines, new, bad, .. } = *tally;
        if bad == 0 {
            info!(
                event = "spool.file_done",
                source = self.name,
                file,
                to,
                lines,
                new,
                bad,
                "{file} of source {} is taken (lines: {lines}, new surveys: {new}), now {to}",
                self.name,
            );
        } else {
            warn!(
                event = "spool.file_bad",
                source = self.name,
                file,
                to,
                lines,
                new,
                bad,
                "{file} of source {} is taken but for its bad lines (lines: {lines}, new surveys: \
                 {new}, bad: {bad}), now {to}, with the reasons beside it",
                self.name,
            );
        }
    }
}

fn tell_back(source: &str, away: &Away, rest: &str) {
    let (file, to) = (shown(away.name()), away.to().display());
    warn!(
        event = "spool.file_left",
        source,
        file,
        "{file} of source {source} was written to after it was moved to {to}: it is moved back and \
         read again; move files in whole{rest}",
    );
}

/// Returns an id of the line that is the same when the file is read again. It does not use the
/// file's name because a later file may have the same name.
fn event_id(number: u64, text: &[u8], file: FileMark) -> String {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    context.update(&file.inode.to_be_bytes());
    context.update(&file.written.0.to_be_bytes());
    context.update(&file.written.1.to_be_bytes());
    context.update(&number.to_be_bytes());
    context.update(text);
    let digest = context.finish();
    let digits: String = digest.as_ref()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digits}")
}

fn unknown_account(account: &str) -> LineRefusal {
    LineRefusal::content(notice::unknown_account(account).to_string())
}

fn shown(name: &OsStr) -> String {
    name.to_string_lossy().into_owned()
}

/// Runs work that waits for the disk on a thread where it blocks no other task.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    spawn_blocking(work).await.expect("reading and moving files does not panic")
}
