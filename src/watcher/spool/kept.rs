//! Takes single lines out of the files that were taken and are kept in `done/` and `bad/`.
//!
//! Every function here waits for the disk. Callers must run them where blocking is allowed.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, BufWriter, ErrorKind, Result, Write as _};
use std::path::{Path, PathBuf};

use super::folder::{BAD, DONE};
use crate::files;

/// Leaves those lines out of all kept files of a folder that `is_meant` names. Returns how many.
pub fn strip(folder: &Path, is_meant: impl Fn(&[u8]) -> bool) -> Result<u64> {
    let mut gone = 0;
    for kept in [folder.join(DONE), folder.join(BAD)] {
        let entries = match fs::read_dir(&kept) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                gone += strip_file(&entry.path(), |_, line| is_meant(line))?;
            }
        }
    }
    Ok(gone)
}

/// Leaves lines out of one file. They are named by their numbers from 1 and their bytes. Until the
/// new file is whole and on the disk, the old one stays.
pub fn strip_file(path: &Path, is_meant: impl Fn(u64, &[u8]) -> bool) -> Result<u64> {
    let mut gone = 0;
    each_line(path, |number, line| {
        gone += u64::from(is_meant(number, line));
        Ok(())
    })?;
    if gone == 0 {
        return Ok(0);
    }
    let part = part_of(path);
    match fs::remove_file(&part) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut out = BufWriter::new(files::make(&part)?);
    each_line(path, |number, line| match is_meant(number, line) {
        true => Ok(()),
        false => out.write_all(line),
    })?;
    out.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
    fs::rename(&part, path)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(gone)
}

/// The name of a file that is being written. No file of this name is taken.
fn part_of(path: &Path) -> PathBuf {
    files::beside(path, ".part")
}

/// Reads a file line by line, each with its end.
fn each_line(path: &Path, mut each: impl FnMut(u64, &[u8]) -> Result<()>) -> Result<()> {
    let mut reader = BufReader::new(File::open(path)?);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        each(number, &line)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_that_are_meant_go_and_all_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        for kept in [DONE, BAD] {
            fs::create_dir(folder.path().join(kept)).unwrap();
            fs::write(folder.path().join(kept).join("a.jsonl"), "one\ntwo\n\none").unwrap();
        }
        fs::write(folder.path().join("new.jsonl"), "one\n").unwrap();
        assert_eq!(strip(folder.path(), |line| line.starts_with(b"one")).unwrap(), 4);
        for kept in [DONE, BAD] {
            let left = fs::read(folder.path().join(kept).join("a.jsonl")).unwrap();
            assert_eq!(left, b"two\n\n");
            assert_eq!(fs::read_dir(folder.path().join(kept)).unwrap().count(), 1);
        }
        let new = fs::read(folder.path().join("new.jsonl")).unwrap();
        assert_eq!(new, b"one\n", "what was not taken yet is read first");
    }

    #[test]
    fn a_folder_without_kept_files_is_no_fault() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(strip(folder.path(), |_| true).unwrap(), 0);
    }
}
