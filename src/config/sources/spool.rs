//! Reads a source of kind `spool` with its folder and the interval at which it is scanned.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use super::super::fault_collector::ConfigTable;
use super::super::given::{GivenValue, Wrong, quoted};
use super::super::{SpoolConfig, defaults, values};
use super::account::Meant;

pub(super) fn read(
    mut table: ConfigTable,
    name: Option<String>,
    meant: Option<Meant>,
    folders: &mut BTreeSet<PathBuf>,
) -> Option<SpoolConfig> {
    let folder = table.or("folder", PathBuf::from(defaults::SPOOL_FOLDER), folder);
    if let Some(folder) = &folder {
        let lies_in = |other: &&PathBuf| {
            folder.is_absolute() == other.is_absolute()
                && (folder.starts_with(other) || other.starts_with(folder))
        };
        let fault = match folders.iter().find(lies_in) {
            Some(other) if other == folder => Some("is another source's folder, too"),
            Some(_) => Some("lies in another source's folder, or around it"),
            None => None,
        };
        if let Some(fault) = fault {
            let path = folder.to_string_lossy();
            let shown = Some(quoted(if path.is_empty() { "." } else { &path }));
            table.fault("folder", shown, fault, "give each spool a folder of its own");
        }
        folders.insert(folder.clone());
    }
    let every = values::duration(defaults::SPOOL_EVERY_BOUNDS);
    let every = table.or("every", defaults::SPOOL_EVERY, every);
    table.close(&[]);
    let Meant { account, accounts } = meant?;
    Some(SpoolConfig { name: name?, account, accounts, folder: folder?, every: every? })
}

fn folder(given: &GivenValue) -> Result<PathBuf, Wrong> {
    match given.text()? {
        text if text.trim().is_empty() => {
            Err(Wrong::new("is empty", "write the folder's path, or leave it out"))
        }
        // No system call accepts a path with a null character.
        text if text.contains('\0') => {
            Err(Wrong::new("holds a null character", "write the folder's path"))
        }
        text => {
            // Two spellings of one folder must compare as equal.
            let mut folder = PathBuf::new();
            for part in Path::new(text).components() {
                match part {
                    Component::CurDir => {}
                    Component::ParentDir if folder.file_name().is_some() => drop(folder.pop()),
                    part => folder.push(part),
                }
            }
            Ok(folder)
        }
    }
}
