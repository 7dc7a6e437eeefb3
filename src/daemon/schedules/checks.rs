//! Finds folders of schedules that cannot work, without making them.
//!
//! A daemon runs all the same: a schedule that fails holds up no close, and `surveyd status` names
//! it.

use std::path::{Path, PathBuf};

use crate::config::{Config, Fault, Faults, ScheduledOutput, Warning};
use crate::files;
use crate::watcher::spool;

/// Finds the folders that can never be made, because a file or a link to nothing stands there.
pub fn check_folders(config: &Config, file: &Path, state_folder: &Path) -> Result<(), Faults> {
    let faults = folders(config).filter_map(|(key, folder)| {
        let error = spool::could_be_made(&state_folder.join(folder)).err()?;
        let problem = format!("cannot be used: {error}");
        let remedy = "name a folder that surveyd's user can make and write";
        Some(Fault::of_key(file, key, &folder.to_string_lossy(), problem, remedy))
    });
    let faults: Vec<_> = faults.collect();
    if faults.is_empty() { Ok(()) } else { Err(Faults(faults)) }
}

/// Warns of folders that may not work: the folder above is missing, or whoever runs this is the
/// service's user and may not write there. Of another user's rights it says nothing.
pub fn warnings_of_folders(config: &Config, state_folder: &Path) -> Vec<Warning> {
    let is_service = files::is_ours(state_folder);
    let warned = folders(config).filter_map(|(key, folder)| {
        let folder = state_folder.join(folder);
        let nearest = folder.ancestors().find(|path| path.is_dir())?;
        let above = folder.parent().unwrap_or(&folder);
        let (problem, remedy) = if is_service && !files::may_write(nearest) {
            let problem = format!("cannot be written: this user may not, in {}", nearest.display());
            (problem, "let surveyd's user write there, or name a folder in the state folder")
        } else if !folder.starts_with(state_folder) && nearest != folder && nearest != above {
            let problem = format!("lies in {}, which is not there", above.display());
            (problem, "correct it, mount what lies there, or make that folder")
        } else {
            return None;
        };
        Some(Warning { key, problem, remedy: remedy.to_owned() })
    });
    warned.collect()
}

/// Returns the folders with their keys.
fn folders(config: &Config) -> impl Iterator<Item = (String, &PathBuf)> {
    config.schedules.iter().filter_map(|schedule| {
        let folder = match &schedule.output {
            ScheduledOutput::Report { folder, .. } | ScheduledOutput::Export { folder, .. } => {
                folder
            }
            ScheduledOutput::Digest { .. } => return None,
        };
        Some((format!("schedules.{}.to.folder", schedule.name), &folder.path))
    })
}
