//! Writes the log to standard error or to the journal. Each line reports one fact. In JSON a line
//! is a flat object with `timestamp`, `level`, `event`, `message` and the line's own fields.
//!
//! Keys, messages, comments and raw bodies must never stand in the log. So callers never pass them
//! here.

use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt as _;
use std::sync::OnceLock;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, fmt};

use crate::config::{LogFormat, LogLevel};

static LEVEL: OnceLock<reload::Handle<Targets, Registry>> = OnceLock::new();

/// Starts the log of this process in the configured format. Without one it uses the journal's own
/// format if `journal_stream` says that standard error goes there, text on a terminal and JSON
/// elsewhere. The error says why the journal cannot be reached.
pub fn start(
    configured: Option<LogFormat>,
    journal_stream: Option<&str>,
    level: LogLevel,
) -> io::Result<()> {
    let format = configured.unwrap_or_else(|| by_default(journal_stream, &io::stderr()));
    match start_as(format, level) {
        // Nobody has asked for the journal.
        Err(_) if configured.is_none() => start_as(LogFormat::Json, level),
        started => started,
    }
}

/// Chooses the format when none is configured. `$JOURNAL_STREAM` names the device and the inode of
/// the stream to the journal. But a service may have redirected its standard error, and its
/// children inherit the variable (systemd.exec(5)).
fn by_default(journal_stream: Option<&str>, stderr: &impl AsFd) -> LogFormat {
    let file = stderr.as_fd().try_clone_to_owned().and_then(|file| File::from(file).metadata());
    match (journal_stream, file) {
        (Some(stream), Ok(file)) if stream == format!("{}:{}", file.dev(), file.ino()) => {
            LogFormat::Journald
        }
        _ if stderr.as_fd().is_terminal() => LogFormat::Text,
        _ => LogFormat::Json,
    }
}

fn start_as(format: LogFormat, level: LogLevel) -> io::Result<()> {
    let (filter, handle) = reload::Layer::new(targets(level));
    let registry = tracing_subscriber::registry();
    let lines = || fmt::layer().with_target(false).with_writer(io::stderr);
    let output: Box<dyn Layer<Registry> + Send + Sync> = match format {
        LogFormat::Json => lines()
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .boxed(),
        LogFormat::Text => lines().with_ansi(false).boxed(),
        LogFormat::Journald => tracing_journald::layer()?.with_field_prefix(None).boxed(),
    };
    // A second start in one process (tests) keeps the first log.
    if registry.with(output.with_filter(filter)).try_init().is_ok() {
        let _ = LEVEL.set(handle);
    }
    Ok(())
}

/// Changes how much is logged.
pub fn set_level(level: LogLevel) {
    if let Some(handle) = LEVEL.get() {
        // This fails only once the log is gone, and then there is nothing to change.
        let _ = handle.reload(targets(level));
    }
}

/// Returns the filter. surveyd's own lines have the configured level. Its libraries log only
/// warnings and errors.
fn targets(level: LogLevel) -> Targets {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    // sqlx warns of slow statements and of waits for a connection without an `event`. A failure is
    // logged where it happens.
    let of_sqlx = if level > LevelFilter::INFO { LevelFilter::WARN } else { LevelFilter::OFF };
    Targets::new()
        .with_default(LevelFilter::WARN.min(level))
        .with_target("sqlx", of_sqlx)
        .with_target("surveyd", level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_journal_gets_its_own_format_where_standard_error_goes_there() {
        let file = tempfile::tempfile().unwrap();
        let of = |file: &File| {
            let file = file.metadata().unwrap();
            format!("{}:{}", file.dev(), file.ino())
        };
        let elsewhere = of(&tempfile::tempfile().unwrap());
        assert_eq!(by_default(Some(&of(&file)), &file), LogFormat::Journald);
        for stream in [None, Some(elsewhere.as_str()), Some(""), Some("8:")] {
            assert_eq!(by_default(stream, &file), LogFormat::Json, "{stream:?}");
        }
        // The other end of a new terminal (ptmx(4)).
        let terminal = File::open("/dev/ptmx").unwrap();
        assert_eq!(by_default(None, &terminal), LogFormat::Text);
    }
}
