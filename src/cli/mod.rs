//! The command line: one command a file. Results go to standard output, all else to standard
//! error.

mod check;
mod decisions;
mod enqueue;
mod explain;
mod init;
mod optout;
mod questions;
mod rebuild;
mod results;
mod sandbox;
mod simulate;
mod sources;
mod status;
mod surveys;
mod table;

pub use results::facts;

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use futures_util::future::LocalBoxFuture;

use crate::clock::Clock;
use crate::config::{self, Config, Environment, Faults};
use crate::daemon::{self, Signals, Start};
use crate::domain::plain_text::printable;
use crate::output::{self, Results, note};
use crate::store::{self, Location, Store};
use crate::terminal::View;
use crate::{demo, logging};

const DEFAULT_CONFIG: &str = "/etc/surveyd/surveyd.toml";

/// sysexits(3) EX_CONFIG.
const EXIT_CONFIG: u8 = 78;

/// Asks for feedback through X's Customer Feedback API when a support conversation closes.
#[derive(Parser)]
#[command(name = "surveyd", version, arg_required_else_help = true)]
struct Arguments {
    /// The configuration [default: $SURVEYD_CONFIG, else /etc/surveyd/surveyd.toml]
    #[arg(short, long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the daemon
    Run,
    /// Make a configuration, its secrets and folders by a few questions
    Init(Box<init::Init>),
    /// Read the configuration and print every fault in it
    Check(check::Check),
    /// Show the whole job on a simulated X, in under 20 seconds
    Demo(demo::Demo),
    /// Run the simulated X alone, for integrators
    Sandbox(sandbox::Run),
    /// What X asks on the card, by type and question_variant_id
    Questions(questions::Questions),
    /// File a close by hand or from cron
    Enqueue(Box<enqueue::Enqueue>),
    /// Show what waits, what is left of the budgets and how far the answers have been read
    Status(status::Show),
    /// Look at and act on single surveys
    #[command(subcommand)]
    Surveys(surveys::Surveys),
    /// Where closes come from, and what a saved payload would become
    #[command(subcommand)]
    Sources(sources::Sources),
    /// Why a conversation was or was not surveyed
    Explain(explain::Explain),
    /// What another configuration would have done with the closes on record; nothing is sent
    Simulate(simulate::Simulate),
    /// People who must never be prompted
    #[command(subcommand)]
    Optout(optout::OptOuts),
    /// Results for supervisors
    Report(results::Report),
    /// One row a survey
    Export(results::Export),
    /// Make the feedback anew from X's events, and the surveys too where the database was lost
    Rebuild(rebuild::Rebuild),
    /// Bring the database's schema up to date (run does it too)
    Migrate,
}

impl Command {
    /// Whether it talks with X or checks what a help desk has signed.
    fn needs_secrets(&self) -> bool {
        match self {
            Self::Sources(sources) => !matches!(sources, sources::Sources::Rejected(_)),
            Self::Run | Self::Check(_) | Self::Rebuild(_) => true,
            Self::Init(_)
            | Self::Demo(_)
            | Self::Sandbox(_)
            | Self::Questions(_)
            | Self::Enqueue(_)
            | Self::Status(_)
            | Self::Surveys(_)
            | Self::Explain(_)
            | Self::Simulate(_)
            | Self::Optout(_)
            | Self::Report(_)
            | Self::Export(_)
            | Self::Migrate => false,
        }
    }
}

/// sysexits(3) EX_IOERR.
const EXIT_IO: u8 = 74;

const EXIT_USAGE: u8 = 2;

/// How long the end of the process waits for threads that are still busy.
const LEFT_OVER: Duration = Duration::from_millis(300);

/// Something on the command line that cannot be meant.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

/// A usage error about the option `name`.
fn usage(name: &str, value: &str, problem: impl std::fmt::Display) -> anyhow::Error {
    Usage(format!("{name} {value}: {problem}")).into()
}

/// How times are shown.
#[derive(clap::Args)]
struct Times {
    /// Times as instants in UTC on a terminal too, instead of "2 minutes ago"
    #[arg(long)]
    utc: bool,
}

/// What a command works with.
struct Context {
    config: Config,
    file: PathBuf,
    environment: Environment,
    clock: Clock,
}

impl Context {
    /// How its results are shown to people.
    fn view(&self, times: &Times) -> View {
        View::of_stdout(&self.environment, self.clock.now(), times.utc)
    }

    fn location(&self) -> anyhow::Result<Location> {
        let folder = daemon::state_folder(&self.environment, Some(&self.file))?;
        Ok(Location::parse(&self.config.store.url, &folder)?)
    }

    /// Where the database is, said to the operator where it is not the usual one: a command that is run in
    /// another folder, or under another state folder than the service's, must not be taken to speak
    /// of the daemon's.
    fn shown_location(&self) -> anyhow::Result<Location> {
        let location = self.location()?;
        let url = self.config.store.url.trim_start_matches("sqlite:").trim_start_matches("//");
        if let Some(file) = location.file()
            && !Path::new(url).is_absolute()
            && !daemon::is_usual_state_folder(&self.environment, &self.file)
        {
            note!("surveyd: the database is {}", file.display());
        }
        Ok(location)
    }

    /// Refuses an account that neither the configuration nor the database knows: a misspelt one
    /// would look like one without results.
    async fn require_account(&self, store: &Store, account: Option<&str>) -> anyhow::Result<()> {
        let Some(name) = account else { return Ok(()) };
        if self.config.account(name).is_none() && store.first_close(name).await?.is_none() {
            let file = self.file.display();
            return Err(usage("--account", name, format!("there is no such account in {file}")));
        }
        Ok(())
    }

    /// The database beside a daemon that may be running.
    async fn store(&self) -> anyhow::Result<Store> {
        Ok(Store::attach(&self.shown_location()?).await?)
    }
}

/// Parses the command line, runs the command and gives the exit code.
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = if error.use_stderr() { EXIT_USAGE } else { 0 };
            return match error.print().and_then(|()| io::stdout().flush()) {
                Err(fault) if code == 0 && fault.kind() != io::ErrorKind::BrokenPipe => {
                    note!("surveyd: standard output cannot be written: {fault}");
                    ExitCode::FAILURE
                }
                _ => ExitCode::from(code),
            };
        }
    };
    // Before all that takes time: a signal that comes earlier ends the process where it stands.
    let signals = match &arguments.command {
        Command::Run | Command::Demo(_) | Command::Sandbox(_) | Command::Rebuild(_) => {
            Some(daemon::signals())
        }
        _ => None,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let done = runtime.context("the runtime cannot be started").and_then(|runtime| {
        let signals = signals.transpose().context("signals cannot be handled")?;
        // Boxed, or each kind of runtime would hold all commands once more.
        let command: LocalBoxFuture<'_, _> = Box::pin(dispatch(arguments, signals));
        let done = runtime.block_on(command);
        // A thread that waits for a disk or a name server must not keep the process.
        runtime.shutdown_timeout(LEFT_OVER);
        done
    });
    // What has no end of line yet is still to be written.
    let done = done.and_then(|code| match Results.flush() {
        Err(error) if !output::is_closed(&error) => Err(error.into()),
        _ => Ok(code),
    });
    match done {
        Ok(code) => code,
        Err(error) => failed(&error),
    }
}

/// Whether a command ended because whoever read its output has had enough of it.
fn is_unread(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(output::is_closed)
}

fn failed(error: &anyhow::Error) -> ExitCode {
    if is_unread(error) {
        return ExitCode::SUCCESS;
    }
    if let Some(faults) = error.downcast_ref::<Faults>() {
        note!("{faults}");
        return ExitCode::from(EXIT_CONFIG);
    }
    let text = format!("{error:#}");
    let lines: Vec<String> = text.lines().map(printable).collect();
    note!("surveyd: {}", lines.join("\n"));
    if error.is::<Usage>() {
        return ExitCode::from(EXIT_USAGE);
    }
    match error.downcast_ref::<store::Error>() {
        Some(
            store::Error::NewerSchema { .. } | store::Error::Url(_) | store::Error::Refused(_),
        ) => ExitCode::from(EXIT_CONFIG),
        Some(store::Error::Io(_) | store::Error::Gone(_)) => ExitCode::from(EXIT_IO),
        _ => ExitCode::FAILURE,
    }
}

/// `signals`: for the commands that end by one.
async fn dispatch(arguments: Arguments, signals: Option<Signals>) -> anyhow::Result<ExitCode> {
    let signals = || signals.context("this command handles signals");
    let environment = Environment::capture();
    let file = arguments
        .config
        .or_else(|| environment.get("SURVEYD_CONFIG").map(PathBuf::from))
        .unwrap_or_else(|| PathBuf::from(DEFAULT_CONFIG));
    match arguments.command {
        Command::Demo(demo) => {
            return demo::run(demo, signals()?).await.map(|()| ExitCode::SUCCESS);
        }
        Command::Sandbox(sandbox) => {
            return sandbox::run(sandbox, signals()?).await.map(|()| ExitCode::SUCCESS);
        }
        Command::Questions(wanted) => return questions::run(&wanted).map(|()| ExitCode::SUCCESS),
        Command::Check(check) => return check::run(check, &file, &environment).await,
        Command::Init(init) => return init::run(*init, &environment).await,
        _ => {}
    }
    let config = match arguments.command.needs_secrets() {
        true => config::load(&file, &environment)?,
        false => config::load_without_secrets(&file, &environment)?,
    };
    let context = Context { config, file, environment, clock: Clock::System };
    match arguments.command {
        Command::Run => {
            let log = &context.config.log;
            let stream = context.environment.get("JOURNAL_STREAM");
            logging::start(log.format, stream, log.level).context("the log cannot be started")?;
            let start = Start {
                config: context.config,
                file: Some(context.file),
                environment: context.environment,
                clock: context.clock,
            };
            if daemon::run(start, signals()?).await? == daemon::End::StoreFailed {
                return Ok(ExitCode::from(EXIT_IO));
            }
        }
        Command::Enqueue(enqueue) => enqueue::run(*enqueue, &context).await?,
        Command::Status(show) => status::run(show, &context).await?,
        Command::Surveys(surveys) => surveys::run(surveys, &context).await?,
        Command::Sources(sources) => sources::run(sources, &context).await?,
        Command::Explain(explain) => explain::run(explain, &context).await?,
        Command::Simulate(simulate) => simulate::run(simulate, &context).await?,
        Command::Optout(opt_outs) => optout::run(opt_outs, &context).await?,
        Command::Report(report) => results::report(report, &context).await?,
        Command::Export(export) => results::export(export, &context).await?,
        Command::Rebuild(wanted) => rebuild::run(wanted, &context, signals()?).await?,
        Command::Migrate => {
            let store = Store::open(&context.shown_location()?).await?;
            let (respelt, more) = store.respelt().await?;
            for found in &respelt {
                note!("ids with zeros before them: {found}");
            }
            if more > 0 {
                note!("ids with zeros before them: and {more} more");
            }
            store.forget_respelt().await?;
            store.close().await;
            note!("the database's schema is up to date");
        }
        Command::Demo(_)
        | Command::Sandbox(_)
        | Command::Questions(_)
        | Command::Check(_)
        | Command::Init(_) => {
            unreachable!("they are run above, without a configuration")
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes a result as pretty JSON.
fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    let mut out = BufWriter::new(Results);
    serde_json::to_writer_pretty(&mut out, value).map_err(io::Error::from)?;
    writeln!(out)?;
    Ok(out.flush()?)
}
