//! The command line with one file for each command. `Command` lists the commands.
//! `arguments` parses the command line, and `help` lays out the helps.
//!
//! Results go to standard output and everything else goes to standard error.

mod alerts;
mod arguments;
mod ask;
mod backup;
mod check;
mod check_db;
mod completions;
mod context;
mod decisions;
pub mod demo;
mod enqueue;
mod explain;
mod help;
mod init;
mod man;
mod migrate;
mod optout;
mod out_file;
mod password;
mod progress;
mod questions;
mod rebuild;
mod export;
mod forget;
mod report;
mod restore;

mod run;
mod sandbox;
mod simulate;
mod sources;
mod status;
mod surveys;
mod table;
mod token;
mod waiting;

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use futures_util::future::LocalBoxFuture;

use self::context::{Context, TimeStyle};
use crate::clock::Clock;
use crate::config::{self, Environment, Faults};
use crate::daemon::{self, Signals};
use crate::domain::plain_text::printable;
use crate::output::{self, Results, note};
use crate::store;

const DEFAULT_CONFIG: &str = "/etc/surveyd/surveyd.toml";

/// `EX_CONFIG` of sysexits(3).
const EXIT_CONFIG: u8 = 78;

/// surveyd asks people for feedback on X when a support conversation closes
#[derive(Parser)]
#[command(name = "surveyd", version = env!("SURVEYD_VERSION"), arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the daemon; systemd does this
    #[command(before_help = run::EXAMPLES, after_help = run::NOTE)]
    Run,
    /// Make a configuration, its secrets and folders by a few questions
    Init(Box<init::Init>),
    /// Print every fault of the configuration; --online asks X, too
    Check(check::Check),
    /// Show the whole job on a simulated X, in 20 seconds
    Demo(demo::Demo),
    /// Run the simulated X alone, and print a configuration that fits it
    Sandbox(sandbox::Run),
    /// List what X can ask on the card
    Questions(questions::Questions),
    /// File a close by hand or from cron: filing the same close again is harmless
    Enqueue(Box<enqueue::Enqueue>),
    /// Show what waits and why, and what is left of X's limits
    Status(status::StatusArgs),
    /// List, show, cancel and retry single surveys
    #[command(subcommand)]
    Surveys(surveys::Surveys),
    /// Show where closes come from, and what a saved payload becomes
    #[command(subcommand)]
    Sources(sources::Sources),
    /// Explain why a conversation was or was not surveyed
    Explain(explain::Explain),
    /// Show what another configuration would have done; nothing is sent
    Simulate(simulate::Simulate),
    /// Show who is told at once, try it, and send what waits
    #[command(subcommand)]
    Alerts(alerts::Alerts),
    /// Keep the list of people who are never prompted
    #[command(subcommand)]
    Optout(optout::OptOuts),
    /// Results for supervisors: scores with their interval, answers, and who was not asked and why
    Report(report::ReportArgs),
    /// Write one row a survey, as XLSX, Parquet, CSV or JSON Lines
    Export(export::Export),
    /// Erase one person, and keep the score for the numbers
    Forget(forget::Forget),
    /// Make the hash of a password, for people who sign in to see results
    #[command(before_help = password::EXAMPLES, after_help = password::NOTE)]
    Password,
    /// Make a token, for programs that read results
    Token(token::TokenArgs),
    /// Rebuild feedback and lost surveys from X's own events
    Rebuild(rebuild::RebuildArgs),
    /// Copy the database to a file while the daemon works on it
    Backup(backup::Backup),
    /// Put a backup in the place of the database
    Restore(restore::Restore),
    /// Read all of the database and say what is wrong with it
    CheckDb(check_db::CheckDb),
    /// Bring the database's schema up to date (run does it too)
    #[command(before_help = migrate::EXAMPLES, after_help = migrate::NOTE)]
    Migrate,
    /// Print what your shell completes these commands by
    Completions(completions::Completions),
    /// Print the manual page of a command, or write those of all
    Man(man::ManArgs),
}

impl Command {
    /// True if the command calls X, verifies a help desk's signature or tells an alert.
    fn needs_secrets(&self) -> bool {
        match self {
            Self::Sources(sources) => sources.needs_secrets(),
            Self::Alerts(alerts) => alerts.needs_secrets(),
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
            | Self::Forget(_)
            | Self::Password
            | Self::Token(_)
            | Self::Backup(_)
            | Self::Restore(_)
            | Self::CheckDb(_)
            | Self::Migrate
            | Self::Completions(_)
            | Self::Man(_) => false,
        }
    }
}

/// `EX_IOERR` of sysexits(3).
const EXIT_IO: u8 = 74;

const EXIT_USAGE: u8 = 2;

/// The time for which the process waits at its end for threads that are still busy.
const LEFT_OVER: Duration = Duration::from_millis(300);

/// The most names that an error offers to choose from.
const NAMES_MAX: usize = 10;

/// A usage error on the command line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

/// Makes a usage error about the option `name`.
fn usage(name: &str, value: &str, problem: impl std::fmt::Display) -> anyhow::Error {
    let value = if value.is_empty() { "\"\"" } else { value };
    Usage(format!("{name} {value}: {problem}")).into()
}

/// Returns the definition of the whole command line.
fn command_line() -> clap::Command {
    help::dressed(Arguments::command())
}

/// Parses the command line, runs the command and returns the exit code.
pub fn run() -> ExitCode {
    let read = arguments::read(command_line(), std::env::args_os()).and_then(|asked| {
        let command = Arguments::from_arg_matches(&asked.matches)
            .map_err(|error| error.format(&mut command_line()))?;
        Ok((command.command, asked.config))
    });
    let (command, config) = match read {
        Ok(read) => read,
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
    // This comes before any slow work. A signal that arrives earlier ends the process at once.
    let signals = match &command {
        Command::Run | Command::Demo(_) | Command::Sandbox(_) | Command::Rebuild(_) => {
            Some(daemon::signals())
        }
        _ => None,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let done = runtime.context("the runtime cannot be started").and_then(|runtime| {
        let signals = signals.transpose().context("signals cannot be handled")?;
        // Without this box, each kind of runtime would contain the code of all commands again.
        let command: LocalBoxFuture<'_, _> = Box::pin(dispatch(command, config, signals));
        let done = runtime.block_on(command);
        // A thread that waits for a disk or a name server must not delay the end of the process.
        runtime.shutdown_timeout(LEFT_OVER);
        done
    });
    // Output without a line end is still in the buffer.
    let done = done.and_then(|code| match Results.flush() {
        Err(error) if !output::is_closed(&error) => Err(error.into()),
        _ => Ok(code),
    });
    match done {
        Ok(code) => code,
        Err(error) => failed(&error),
    }
}

/// True if a command failed because the reader closed its output.
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
    code_of(error)
}

/// Returns the exit code for an error.
fn code_of(error: &anyhow::Error) -> ExitCode {
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

/// `config` is the value of `--config`. `signals` is given to the commands that end by a signal.
async fn dispatch(
    command: Command,
    config: Option<PathBuf>,
    signals: Option<Signals>,
) -> anyhow::Result<ExitCode> {
    let signals = || signals.context("this command handles signals");
    let environment = Environment::capture();
    let file = config
        .or_else(|| environment.get("SURVEYD_CONFIG").map(PathBuf::from))
        .unwrap_or_else(|| PathBuf::from(DEFAULT_CONFIG));
    match command {
        Command::Demo(demo) => {
            return demo::run(demo, signals()?).await.map(|()| ExitCode::SUCCESS);
        }
        Command::Sandbox(sandbox) => {
            return sandbox::run(sandbox, signals()?).await.map(|()| ExitCode::SUCCESS);
        }
        Command::Questions(wanted) => return questions::run(&wanted).map(|()| ExitCode::SUCCESS),
        Command::Password => return password::run().map(|()| ExitCode::SUCCESS),
        Command::Token(token) => return token::run(&token).map(|()| ExitCode::SUCCESS),
        Command::Completions(wanted) => {
            return completions::run(&wanted, command_line()).map(|()| ExitCode::SUCCESS);
        }
        Command::Man(wanted) => {
            return man::run(&wanted, command_line()).map(|()| ExitCode::SUCCESS);
        }
        Command::Check(check) => return check::run(check, &file, &environment).await,
        Command::Init(init) => return init::run(*init, &environment).await,
        _ => {}
    }
    let config = match command.needs_secrets() {
        true => config::load(&file, &environment),
        false => config::load_without_secrets(&file, &environment),
    };
    let config = config.inspect_err(|_| check::note_daemon(&file, &environment))?;
    let context = Context { config, file, environment, clock: Clock::System };
    match command {
        Command::Run => return run::run(context, signals()?).await,
        Command::Enqueue(enqueue) => enqueue::run(*enqueue, &context).await?,
        Command::Status(show) => return status::run(show, &context).await,
        Command::Forget(forget) => return forget::run(forget, &context).await,
        Command::Surveys(surveys) => surveys::run(surveys, &context).await?,
        Command::Sources(sources) => return sources::run(sources, &context).await,
        Command::Alerts(alerts) => return alerts::run(alerts, &context).await,
        Command::Explain(explain) => explain::run(explain, &context).await?,
        Command::Simulate(simulate) => simulate::run(simulate, &context).await?,
        Command::Optout(opt_outs) => optout::run(opt_outs, &context).await?,
        Command::Report(report) => report::report(report, &context).await?,
        Command::Export(export) => export::export(export, &context).await?,
        Command::Rebuild(wanted) => rebuild::run(wanted, &context, signals()?).await?,
        Command::Backup(backup) => backup::run(&backup, &context).await?,
        Command::Restore(restore) => restore::run(&restore, &context).await?,
        Command::CheckDb(wanted) => return check_db::run(&wanted, &context).await,
        Command::Migrate => migrate::run(&context).await?,
        Command::Demo(_)
        | Command::Sandbox(_)
        | Command::Questions(_)
        | Command::Password
        | Command::Token(_)
        | Command::Check(_)
        | Command::Completions(_)
        | Command::Man(_)
        | Command::Init(_) => {
            unreachable!("they are run above, without a configuration")
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a result as indented JSON.
fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    let mut out = BufWriter::new(Results);
    serde_json::to_writer_pretty(&mut out, value).map_err(io::Error::from)?;
    writeln!(out)?;
    Ok(out.flush()?)
}
