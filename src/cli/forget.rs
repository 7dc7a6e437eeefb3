//! `surveyd forget` erases one person.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::Value;

use super::ask::{ask, can_ask};
use super::{Context, Usage, print_json, usage};
use crate::daemon;
use crate::domain::id::UserId;
use crate::domain::time::Millis;
use crate::output::{note, outln};
use crate::store::{AuditEntry, Cleared, Erased, KeptRow, PersonRows, Store};
use crate::watcher::spool;

#[derive(Args)]
#[command(before_help = EXAMPLES, after_help = NOTE)]
pub struct Forget {
    /// The person's numeric id at X (not their @handle)
    #[arg(long, value_name = "U", help_heading = "Needed")]
    user_id: String,
    /// Erase without asking
    #[arg(long)]
    yes: bool,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
  surveyd forget --user-id 343434343434
  surveyd forget --user-id 343434343434 --yes --json";

const NOTE: &str = "\
Ids, names and texts go from the database, from its free space, and from files that surveyd keeps.
Scores stay for the numbers, without a person. The person is never asked again, and what still comes
in about them is not kept. It works beside the daemon, and may be broken off and begun again.
Not touched: backups, X, help desks, whoever an alert told, the log (docs/personal_data.md).
While the database is written anew at the end, closes may have to wait.";

/// How long a prompt that is being sent is waited for. It outlasts a request.
const SENDING_MOST: Duration = Duration::from_secs(90);
const SENDING_AGAIN: Duration = Duration::from_secs(1);

/// What `surveyd forget --json` prints.
#[derive(Serialize)]
struct ForgetResult {
    /// Rows by table.
    erased: crate::store::ErasedRows,
    /// Lines that were taken out of files of spool folders.
    spool_lines: u64,
    /// Files of schedules that were made again without the person.
    files_made_again: Vec<String>,
    /// Files of schedules that could not be made again, and were deleted.
    files_deleted: Vec<String>,
    /// Prompts that are just being sent. The erasure must be begun again.
    under_way: usize,
    /// True if no byte is left in the database's own files.
    is_space_cleared: bool,
    /// What is left to be done.
    left: Vec<String>,
}

pub async fn run(forget: Forget, context: &Context) -> anyhow::Result<ExitCode> {
    let person =
        UserId::parse(&forget.user_id).map_err(|why| usage("--user-id", &forget.user_id, why))?;
    if !forget.yes && !can_ask() {
        return Err(Usage("give --yes to erase without being asked".to_owned()).into());
    }
    let store = context.store().await?;
    if !forget.yes {
        confirm(&store, &person).await?;
    }
    retried(|| store.mark_forgotten(&person, context.clock.now())).await?;
    let progress = Progress::begin();
    let (erased, kept, conversations) = erase(&store, &person, context, &progress).await?;
    progress.say("files are searched");
    let mut result = ForgetResult {
        erased: erased.rows,
        spool_lines: 0,
        files_made_again: Vec::new(),
        files_deleted: Vec::new(),
        under_way: erased.under_way.len(),
        is_space_cleared: false,
        left: Vec::new(),
    };
    strip_spools(context, &person, conversations, &mut result).await?;
    make_files_again(context, &store, &kept, &mut result).await?;
    progress.say("the space is cleared");
    clear(&store, &mut result).await?;
    if result.under_way == 0 {
        store.end_forgetting(&person, entry(context, &result)).await?;
    }
    store.close().await;
    progress.end();
    show(&result, forget.json)?;
    Ok(if result.left.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Says what is kept, and has the id typed again.
async fn confirm(store: &Store, person: &UserId) -> anyhow::Result<()> {
    let found = store.rows_of_person(person).await?;
    note!(
        "Of person {person} there are {} surveys and {} feedback objects. What is erased is gone.",
        found.surveys.len(),
        found.feedback.len()
    );
    let is_same = |answer: &str| match answer == person.as_str() {
        true => Ok(()),
        false => Err("that is another id".to_owned()),
    };
    ask("Type the id again to erase them", None, is_same).map(drop)
}

/// Erases what is found until nothing more is. Returns also what was there, and the ids of the
/// person's conversations.
async fn erase(
    store: &Store,
    person: &UserId,
    context: &Context,
    progress: &Progress,
) -> anyhow::Result<(Erased, Vec<KeptRow>, BTreeSet<String>)> {
    let mut erased = Erased::default();
    let (mut kept, mut conversations) = (Vec::new(), BTreeSet::new());
    let end = Instant::now() + SENDING_MOST;
    loop {
        progress.say("everything about the person is looked for");
        let found = store.rows_of_person(person).await?;
        conversations.extend(found.conversations.keys().map(|(_, id)| id.clone()));
        if is_over(&found, &erased, end) {
            return Ok((erased, kept, conversations));
        }
        if kept.is_empty() {
            kept = store.kept_of_person(&found).await?;
        }
        progress.say("what was found is erased");
        erased.add(retried(|| store.erase(&found, context.clock.now())).await?);
        if !erased.under_way.is_empty() {
            progress.say("a prompt is just being sent: its outcome is waited for");
            tokio::time::sleep(SENDING_AGAIN).await;
        }
    }
}

fn is_over(found: &PersonRows, erased: &Erased, end: Instant) -> bool {
    found.is_empty() || !erased.under_way.is_empty() && Instant::now() >= end
}

/// How often a write is tried while another one holds its rows.
const TRIES_MOST: u32 = 100;

/// Repeats what only waits for another writer.
async fn retried<T, F: Future<Output = crate::store::Result<T>>>(
    mut write: impl FnMut() -> F,
) -> crate::store::Result<T> {
    let mut tries = 0;
    loop {
        match write().await {
            Err(crate::store::Error::Busy(_)) if tries < TRIES_MOST => tries += 1,
            done => return done,
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Takes the person's lines out of the files that spool folders keep.
async fn strip_spools(
    context: &Context,
    person: &UserId,
    conversations: BTreeSet<String>,
    result: &mut ForgetResult,
) -> anyhow::Result<()> {
    let state_folder = daemon::state_folder(&context.environment, Some(&context.file))?;
    for source in &context.config.spools {
        let folder = state_folder.join(&source.folder);
        let (person, conversations) = (person.clone(), conversations.clone());
        let stripped = tokio::task::spawn_blocking(move || {
            spool::strip(&folder, |line| names(line, &person, &conversations))
        });
        result.spool_lines += stripped.await??;
    }
    Ok(())
}

/// True if a line of a spool file, or a reason beside it, concerns the person.
fn names(line: &[u8], person: &UserId, conversations: &BTreeSet<String>) -> bool {
    let text = String::from_utf8_lossy(line);
    let of_notice = |notice: &Value| {
        let id = notice.pointer("/data/conversation_id");
        let id = id.map(|id| id.as_str().map_or_else(|| id.to_string(), str::to_owned));
        id.is_some_and(|id| conversations.contains(&id))
    };
    let mut numbers = text.split(|letter: char| !letter.is_ascii_digit());
    numbers.any(|number| number == person.as_str())
        || serde_json::from_str(&text).is_ok_and(|notice| of_notice(&notice))
}

/// Makes the files of schedules again that told of the person.
async fn make_files_again(
    context: &Context,
    store: &Store,
    kept: &[KeptRow],
    result: &mut ForgetResult,
) -> anyhow::Result<()> {
    let instants = kept.iter().filter(|row| row.table == "survey").flat_map(|row| {
        ["closed_at", "sent_at"].map(|column| row.columns.get(column).and_then(Value::as_i64))
    });
    let instants: Vec<Millis> = instants.flatten().map(Millis).collect();
    let state_folder = daemon::state_folder(&context.environment, Some(&context.file))?;
    let clock = &context.clock;
    let again =
        daemon::schedules::make_again(&context.config, store, clock, &state_folder, &instants)
            .await?;
    let shown = |path: std::path::PathBuf| path.display().to_string();
    result.files_made_again = again.made.into_iter().map(shown).collect();
    result.files_deleted = again.deleted.into_iter().map(shown).collect();
    Ok(())
}

async fn clear(store: &Store, result: &mut ForgetResult) -> anyhow::Result<()> {
    match store.clear_space().await? {
        Cleared::All => result.is_space_cleared = true,
        Cleared::Without(tables) => result.left.push(format!(
            "PostgreSQL still has erased rows in its free space: at a quiet hour, vacuum full {}",
            tables.join(", ")
        )),
        Cleared::NotNow(why) => result.left.push(format!(
            "the free space still holds what was erased ({why}): run this command again"
        )),
    }
    if result.under_way > 0 {
        result.left.push(
            "a prompt to this person is being sent, or the daemon that sent it has ended: run this \
             command again once the daemon runs"
                .to_owned(),
        );
    }
    Ok(())
}

/// The entry of the audit log. It names nobody.
fn entry(context: &Context, result: &ForgetResult) -> AuditEntry {
    let rows: u64 = result.erased.values().sum();
    AuditEntry {
        at: context.clock.now(),
        way: "-".to_owned(),
        name: "surveyd forget".to_owned(),
        roles: String::new(),
        what: "erased a person".to_owned(),
        detail: format!("rows: {rows}"),
        address: String::new(),
    }
}

fn show(result: &ForgetResult, is_json: bool) -> anyhow::Result<()> {
    if is_json {
        return print_json(result);
    }
    if result.erased.is_empty() {
        outln!("Nothing was kept of this person. From now on nothing will be.")?;
    }
    for (table, rows) in &result.erased {
        outln!("{table}: {rows}")?;
    }
    if result.spool_lines > 0 {
        outln!("lines of spool files: {}", result.spool_lines)?;
    }
    for file in &result.files_made_again {
        outln!("made again without the person: {file}")?;
    }
    for file in &result.files_deleted {
        outln!("deleted: {file}")?;
    }
    for left in &result.left {
        note!("surveyd: {left}");
    }
    Ok(())
}

/// What is being done, on a terminal.
struct Progress(Option<ProgressBar>);

impl Progress {
    fn begin() -> Self {
        let style = ProgressStyle::with_template("{spinner} {msg}").expect("the template is fixed");
        Self(io::stderr().is_terminal().then(|| ProgressBar::new_spinner().with_style(style)))
    }

    fn say(&self, message: &'static str) {
        if let Some(bar) = &self.0 {
            bar.set_message(message);
            bar.tick();
        }
    }

    fn end(self) {
        if let Some(bar) = self.0 {
            bar.finish_and_clear();
        }
    }
}
