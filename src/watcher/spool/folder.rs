//! Lists the files of the folder and moves them away.
//!
//! Every function here waits for the disk. Callers must run them where blocking is allowed.

use std::collections::{BTreeSet, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata, TryLockError};
use std::io::{BufReader, Error, ErrorKind, Result, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::lines::Lines;
use crate::domain::time::Millis;
use crate::files::make_folders;

pub const DONE: &str = "done";
pub const BAD: &str = "bad";
const ENDING: &[u8] = b".jsonl";
/// The most files that one pass takes. The next pass takes the others.
pub const FILES_MAX: usize = 256;

/// Creates the folder with `done` and `bad` in it. Checks that files can be created there.
pub fn prepare(folder: &Path) -> Result<()> {
    leads_somewhere(folder)?;
    for folder in [folder.to_owned(), folder.join(DONE), folder.join(BAD)] {
        let named =
            |error: Error| Error::new(error.kind(), format!("{}: {error}", folder.display()));
        make_folders(&folder).map_err(named)?;
        let probe = folder.join(".surveyd-probe");
        File::create(&probe).and_then(|_| fs::remove_file(&probe)).map_err(named)?;
    }
    Ok(())
}

/// Checks that the folder exists or seems possible to create. Creates nothing.
pub fn could_be_made(folder: &Path) -> Result<()> {
    leads_somewhere(folder)?;
    match folder.ancestors().find_map(|path| fs::metadata(path).ok().map(|found| (path, found))) {
        Some((path, found)) if !found.is_dir() => {
            Err(Error::new(ErrorKind::NotADirectory, format!("{} is no folder", path.display())))
        }
        Some(_) | None => Ok(()),
    }
}

/// Refuses a path through a dangling symbolic link. Its target may just not be mounted yet, and
/// nothing may be created in its place.
fn leads_somewhere(folder: &Path) -> Result<()> {
    match folder.ancestors().find(|path| path.is_symlink() && !path.exists()) {
        None => Ok(()),
        Some(link) => {
            let words = format!("{} is a symbolic link to nothing", link.display());
            Err(Error::new(ErrorKind::NotFound, words))
        }
    }
}

/// Locks the folder against others that take files from it. These are another daemon and the
/// generation that a reload has replaced. Returns `None` if another holds the lock.
pub fn lock(folder: &Path) -> Result<Option<File>> {
    let opened = File::open(folder)?;
    match opened.try_lock() {
        // Some network file systems cannot lock a folder. Two readers at once still take every line
        // once because a known line changes nothing.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(Some(opened)),
        Err(TryLockError::WouldBlock) => Ok(None),
    }
}

/// Returns the first files by name that are to be taken. Skips those in `held`.
pub fn list(folder: &Path, held: &HashSet<OsString>) -> Result<BTreeSet<OsString>> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let bytes = name.as_bytes();
        let is_meant = bytes.ends_with(ENDING) && !bytes.starts_with(b".");
        // This is the type of the entry itself. A symbolic link may lead anywhere and is skipped.
        if is_meant && !held.contains(&name) && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            names.insert(name);
            if names.len() > FILES_MAX {
                names.pop_last();
            }
        }
    }
    Ok(names)
}

/// Identifies one file in one state. A write to the file changes its mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileMark {
    device: u64,
    pub inode: u64,
    length: u64,
    /// Seconds and nanoseconds since 1970.
    pub written: (i64, i64),
}

impl FileMark {
    fn of(file: &Metadata) -> Self {
        let written = (file.mtime(), file.mtime_nsec());
        Self { device: file.dev(), inode: file.ino(), length: file.len(), written }
    }

    pub fn written_at(self) -> Millis {
        let (seconds, nanoseconds) = self.written;
        Millis(seconds.saturating_mul(1_000).saturating_add(nanoseconds / 1_000_000))
    }

    fn is_same_file(self, other: Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

/// A file that is being read.
pub struct Opened {
    path: PathBuf,
    pub mark: FileMark,
    pub lines: Lines<BufReader<File>>,
}

/// The result of moving a file away.
#[derive(Debug)]
pub enum Put {
    Moved(Away),
    /// Another process has moved the file.
    Gone,
    /// The file was written to or replaced. Its content has not been read completely.
    Changed,
}

impl Opened {
    /// Opens a file to read its lines. Returns `None` if it no longer exists or is not a regular
    /// file.
    pub fn open(folder: &Path, name: &OsStr, line_max: usize) -> Result<Option<Self>> {
        let path = folder.join(name);
        let seen = match fs::symlink_metadata(&path) {
            Ok(seen) if seen.is_file() => FileMark::of(&seen),
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let file = File::open(&path)?;
        let mark = FileMark::of(&file.metadata()?);
        // Another file or a link took its place in the meantime.
        if !mark.is_same_file(seen) {
            return Ok(None);
        }
        Ok(Some(Self { path, mark, lines: Lines::of(BufReader::new(file), line_max) }))
    }

    /// Moves a file that was taken to `done/`. If it had bad lines, moves it to `bad/` with their
    /// reasons.
    pub fn put_away(&self, reasons: Option<&str>) -> Result<Put> {
        match fs::symlink_metadata(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Put::Gone),
            Err(error) => return Err(error),
            Ok(now) if FileMark::of(&now) != self.mark => return Ok(Put::Changed),
            Ok(_) if self.lines.bytes != self.mark.length => return Ok(Put::Changed),
            Ok(_) => {}
        }
        let from = self.path.parent().expect("it lies in the folder");
        let folder = from.join(if reasons.is_some() { BAD } else { DONE });
        make_folders(&folder)?;
        let to = free(&folder, self.path.file_name().expect("it has a name"))?;
        if let Some(reasons) = reasons {
            // The reasons are written and synced first so that a file in `bad/` never lacks them.
            let mut file = File::create(reasons_of(&to))?;
            file.write_all(reasons.as_bytes())?;
            file.sync_all()?;
        }
        fs::rename(&self.path, &to)?;
        if !FileMark::of(&fs::symlink_metadata(&to)?).is_same_file(self.mark) {
            // At that moment, another file took this name. It was moved instead and has not been
            // read.
            fs::hard_link(&to, &self.path)?;
            fs::remove_file(&to)?;
            return Ok(Put::Changed);
        }
        File::open(&folder)?.sync_all()?;
        File::open(from)?.sync_all()?;
        Ok(Put::Moved(Away { to, from: self.path.clone(), mark: self.mark }))
    }
}

/// The result of checking a file again after it was taken.
#[derive(Debug)]
pub enum TakenBack {
    /// The file has not changed or no longer exists.
    Unchanged,
    Back,
    /// The file is back, but the reasons beside it could not be removed.
    BackWithout {
        reasons: PathBuf,
        error: Error,
    },
}

/// A file that was taken and moved, and its former place.
#[derive(Clone, Debug)]
pub struct Away {
    to: PathBuf,
    from: PathBuf,
    mark: FileMark,
}

impl Away {
    pub fn to(&self) -> &Path {
        &self.to
    }

    /// Moves the file back if a process that kept it open has written to it since.
    pub fn take_back_if_written(&self) -> Result<TakenBack> {
        match fs::symlink_metadata(&self.to) {
            // Another process has removed the file.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(TakenBack::Unchanged),
            Err(error) => return Err(error),
            Ok(now) if FileMark::of(&now) == self.mark => return Ok(TakenBack::Unchanged),
            Ok(now) if !FileMark::of(&now).is_same_file(self.mark) => {
                return Ok(TakenBack::Unchanged);
            }
            Ok(_) => {}
        }
        let folder = self.from.parent().expect("it lay in the folder");
        let back = free(folder, self.from.file_name().expect("it has a name"))?;
        fs::rename(&self.to, &back)?;
        // The file is back even if this fails. If a power cut undoes the move, the file lies where
        // it was.
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
        let reasons = reasons_of(&self.to);
        Ok(match fs::remove_file(&reasons) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                TakenBack::BackWithout { reasons, error }
            }
            Ok(()) | Err(_) => TakenBack::Back,
        })
    }

    /// The file's name when it was put into the folder.
    pub fn name(&self) -> &OsStr {
        self.from.file_name().unwrap_or_default()
    }
}

/// Returns the path of the file beside a bad file that holds the reasons.
pub fn reasons_of(bad: &Path) -> PathBuf {
    let mut name = bad.as_os_str().to_owned();
    name.push(".reasons.txt");
    PathBuf::from(name)
}

/// Returns the first free path of `closes.jsonl`, `closes.2.jsonl` and so on.
fn free(folder: &Path, name: &OsStr) -> Result<PathBuf> {
    let stem = &name.as_bytes()[..name.len() - ENDING.len()];
    let mut path = folder.join(name);
    let mut number = 2_u64;
    loop {
        match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(path),
            Err(error) => return Err(error),
            Ok(_) => {
                let next = [stem, format!(".{number}").as_bytes(), ENDING].concat();
                path = folder.join(OsStr::from_bytes(&next));
                number += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(folder: &Path) -> Opened {
        let mut opened = Opened::open(folder, OsStr::new("a.jsonl"), 100).unwrap().unwrap();
        while !opened.lines.batch().unwrap().is_empty() {}
        opened
    }

    #[test]
    fn what_was_not_read_to_its_end_as_it_now_stands_is_not_moved() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.jsonl");
        prepare(folder.path()).unwrap();
        fs::write(&file, "{}\n").unwrap();

        let read = opened(folder.path());
        fs::write(&file, "{}\n{}\n").unwrap();
        assert!(matches!(read.put_away(None).unwrap(), Put::Changed), "it has grown");
        let read = opened(folder.path());
        let other = folder.path().join("other");
        fs::write(&other, "{}\n{}\n").unwrap();
        fs::rename(other, &file).unwrap();
        assert!(matches!(read.put_away(None).unwrap(), Put::Changed), "it is another file");
        let unread = Opened::open(folder.path(), OsStr::new("a.jsonl"), 100).unwrap().unwrap();
        assert!(matches!(unread.put_away(None).unwrap(), Put::Changed), "it was not read");
        let read = opened(folder.path());
        let moved = folder.path().join("done/a.jsonl");
        let Put::Moved(away) = read.put_away(None).unwrap() else { panic!("it was read whole") };
        assert_eq!(away.to(), moved);
        assert!(matches!(read.put_away(None).unwrap(), Put::Gone));
    }

    #[test]
    fn a_file_is_back_also_where_its_reasons_cannot_be_removed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.jsonl");
        prepare(folder.path()).unwrap();
        fs::write(&file, "{}\n").unwrap();
        let read = opened(folder.path());
        let Put::Moved(away) = read.put_away(Some("line 1\n")).unwrap() else { panic!() };
        assert!(matches!(away.take_back_if_written().unwrap(), TakenBack::Unchanged));
        // What no user may remove as a file, not even root.
        let reasons = reasons_of(away.to());
        fs::remove_file(&reasons).unwrap();
        fs::create_dir(&reasons).unwrap();
        fs::write(away.to(), "{}\n{}\n").unwrap();
        match away.take_back_if_written().unwrap() {
            TakenBack::BackWithout { reasons: left, .. } => assert_eq!(left, reasons),
            other => panic!("{other:?}"),
        }
        assert!(file.exists() && !away.to().exists());
    }

    #[test]
    fn behind_a_link_to_nothing_nothing_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path().join("away"), &link).unwrap();
        let words = format!("{} is a symbolic link to nothing", link.display());
        for wrong in [link.clone(), link.join("spool")] {
            assert_eq!(could_be_made(&wrong).unwrap_err().to_string(), words);
            assert_eq!(prepare(&wrong).unwrap_err().to_string(), words);
        }
    }

    #[test]
    fn a_folder_under_a_file_cannot_be_made_and_one_that_is_missing_can() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        for wrong in [file.clone(), file.join("spool")] {
            assert!(could_be_made(&wrong).is_err() && prepare(&wrong).is_err());
        }
        let deep = folder.path().join("a/b");
        could_be_made(&deep).unwrap();
        assert!(!folder.path().join("a").exists(), "looking makes nothing");
        prepare(&deep).unwrap();
        prepare(&deep).unwrap();
        assert!(lock(&deep).unwrap().is_some());
    }
}
