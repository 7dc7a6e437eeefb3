//! `surveyd run` is the daemon.

use std::process::ExitCode;

use super::{Context, EXIT_IO, code_of};
use crate::config::Faults;
use crate::daemon::{self, Signals, Start};
use crate::logging;

pub const EXAMPLES: &str = "  surveyd run\n  surveyd run --config surveyd.toml";

pub const NOTE: &str = "\
SIGTERM and SIGINT stop it in order, within 10 seconds. SIGHUP reads the configuration again and
keeps the old one if the new one is faulty. log.format says how the log is written. Left out, it is
text on a terminal. If there is no database, it is created.";

pub async fn run(context: Context, signals: Signals) -> anyhow::Result<ExitCode> {
    let log = &context.config.log;
    let stream = context.environment.get("JOURNAL_STREAM");
    logging::start(log.format, stream, log.level).map_err(|error| {
        anyhow::anyhow!(
            "the journal cannot be reached ({error}): set log.format to \"json\" or \"text\" where \
             no systemd is"
        )
    })?;
    let start = Start {
        config: context.config,
        file: Some(context.file),
        environment: context.environment,
        clock: context.clock,
    };
    match daemon::run(start, signals).await {
        Ok(daemon::End::Stopped) => Ok(ExitCode::SUCCESS),
        Ok(daemon::End::StoreFailed) => Ok(ExitCode::from(EXIT_IO)),
        Err(faults) if faults.is::<Faults>() => Err(faults),
        // This error goes to the log in the log's form because nobody looks for it elsewhere.
        Err(error) => {
            tracing::error!(event = "daemon.failed", "surveyd ends: {error:#}");
            Ok(code_of(&error))
        }
    }
}
