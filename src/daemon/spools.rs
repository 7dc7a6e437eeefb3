//! Runs the sources that are folders. The folders are made at the start and then read repeatedly.

use std::path::Path;
use std::time::Duration;

use tracing::{info, warn};

use crate::config::{self, Config, Fault, Faults};
use crate::stop::Stopper;
use crate::watcher::spool::{self, Spool};

/// The longest wait between two looks at a folder while faults go on. The wait grows with each
/// fault. It is never shorter than the source's own `every`.
const AT_LATEST: Duration = Duration::from_secs(60);

/// Makes the folders of all spools. Every folder that cannot be made is a fault.
pub fn prepare(config: &Config, file: &Path, state_folder: &Path) -> Result<(), Faults> {
    faults(config, file, state_folder, spool::prepare)
}

/// Finds the folders that could not be made, as far as that shows without making them.
pub fn check(config: &Config, file: &Path, state_folder: &Path) -> Result<(), Faults> {
    faults(config, file, state_folder, spool::could_be_made)
}

fn faults(
    config: &Config,
    file: &Path,
    state_folder: &Path,
    look: impl Fn(&Path) -> std::io::Result<()>,
) -> Result<(), Faults> {
    let fault = |source: &config::SpoolConfig| -> Option<Fault> {
        let error = look(&state_folder.join(&source.folder)).err()?;
        let key = format!("sources.{}.folder", source.name);
        let problem = format!("cannot be used: {error}");
        let remedy = "name a folder that surveyd's user can make, read and write";
        let value = source.folder.to_string_lossy();
        Some(Fault::of_key(file, key, &value, problem, remedy))
    };
    let faults: Vec<_> = config.spools.iter().filter_map(fault).collect();
    if faults.is_empty() { Ok(()) } else { Err(Faults(faults)) }
}

/// Takes in the files moved into the folder until the stop signal.
pub async fn run(mut spool: Spool, every: Duration, stop: Stopper) {
    let mut faults = 0_u32;
    while !stop.is_stopping() {
        let looked = tokio::select! {
            looked = spool.tick(&stop) => looked,
            // Nothing is lost here, because the file at hand is read again.
            () = stop.out_of_time() => return,
        };
        let wait = match looked {
            Ok(true) => continue,
            Ok(false) => {
                if faults > 0 {
                    faults = 0;
                    info!(
                        event = "store.recovered",
                        source = spool.name(),
                        "source {} takes files again",
                        spool.name()
                    );
                }
                every
            }
            Err(_) if stop.is_stopping() => return,
            Err(fault) => {
                if faults == 0 {
                    warn!(
                        event = "store.unavailable",
                        source = spool.name(),
                        "source {} takes no files now, they stay where they are: {fault}",
                        spool.name()
                    );
                }
                faults += 1;
                every.saturating_mul(1 << faults.min(6)).min(AT_LATEST.max(every))
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = stop.stopping() => {}
        }
    }
}
