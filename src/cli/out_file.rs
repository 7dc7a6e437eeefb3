//! The file that an export is written to.
//!
//! It appears complete or not at all. It replaces nothing except an empty file or an earlier
//! export.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};

/// The bytes near the beginning of every export in any format.
const BEGINS_WITH: &[u8] = b"survey_id";
/// The bytes that are searched. A byte order mark, a brace and a quotation mark may come first.
const WITHIN_BYTES: usize = 16;

/// A file that is being written.
pub struct OutFile {
    named: PathBuf,
    /// The final path and the path that is written until the file is complete. `None` for a pipe or
    /// a device.
    aside: Option<(PathBuf, PathBuf)>,
}

impl OutFile {
    /// Starts to write the file that `-o` names. `database` is the file of the database.
    pub fn begin(named: &Path, database: Option<&Path>) -> anyhow::Result<(Self, File)> {
        let refused = |error: io::Error| {
            let remedy = match error.kind() {
                ErrorKind::NotFound => ": make its folder first",
                ErrorKind::IsADirectory => ": name a file in it",
                ErrorKind::PermissionDenied => ": name a file where this user may write",
                _ => "",
            };
            anyhow!("-o {} cannot be written: {error}{remedy}", named.display())
        };
        let found = match fs::metadata(named) {
            Ok(found) if found.is_dir() => return Err(refused(ErrorKind::IsADirectory.into())),
            // A pipe or a terminal is written to directly because nothing is replaced.
            Ok(found) if !found.is_file() => {
                let file = OpenOptions::new().write(true).open(named).map_err(refused)?;
                return Ok((Self { named: named.to_owned(), aside: None }, file));
            }
            Ok(found) => Some(found),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(refused(error)),
        };
        let place = place(named).map_err(refused)?;
        if database.is_some_and(|database| is_beside(&place, database)) {
            bail!(
                "-o {} is the database, or a file that belongs to it: name another file",
                named.display()
            );
        }
        if found.is_some() && !is_export(&place).map_err(refused)? {
            bail!(
                "-o {} is there and is no export: name another file, or delete that one",
                named.display()
            );
        }
        let mut name = place.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.new", std::process::id()));
        let aside = place.with_file_name(name);
        let file = OpenOptions::new().write(true).create_new(true).open(&aside).map_err(refused)?;
        if let Some(found) = found {
            let rights = fs::Permissions::from_mode(found.permissions().mode());
            file.set_permissions(rights).map_err(refused)?;
        }
        Ok((Self { named: named.to_owned(), aside: Some((place, aside)) }, file))
    }

    /// Moves the complete file to its final path and syncs it to disk.
    pub fn end(mut self, file: &File) -> anyhow::Result<()> {
        let Some((place, aside)) = self.aside.take() else { return Ok(()) };
        let put = || {
            file.sync_all()?;
            fs::rename(&aside, &place)?;
            File::open(place.parent().unwrap_or(Path::new(".")))?.sync_all()
        };
        put().map_err(|error| {
            let _ = fs::remove_file(&aside);
            anyhow!("-o {} cannot be written: {error}", self.named.display())
        })
    }
}

impl Drop for OutFile {
    /// Removes a file that was not completed.
    fn drop(&mut self) {
        if let Some((_, aside)) = &self.aside {
            let _ = fs::remove_file(aside);
        }
    }
}

/// Returns the real path of the file even if the file does not exist yet.
fn place(named: &Path) -> io::Result<PathBuf> {
    if let Ok(file) = named.canonicalize() {
        return Ok(file);
    }
    let name = named.file_name().ok_or(ErrorKind::IsADirectory)?;
    let folder = named.parent().filter(|folder| !folder.as_os_str().is_empty());
    Ok(folder.unwrap_or(Path::new(".")).canonicalize()?.join(name))
}

/// True if a file is the database or belongs to it, such as its log or its mark.
fn is_beside(place: &Path, database: &Path) -> bool {
    let database = database.canonicalize().unwrap_or_else(|_| database.to_owned());
    let name = |path: &Path| path.file_name().map(OsStr::as_bytes).unwrap_or_default().to_vec();
    let (own, of_database) = (name(place), name(&database));
    place.parent() == database.parent()
        && (own == of_database
            || own
                .strip_prefix(of_database.as_slice())
                .is_some_and(|rest| rest.starts_with(b"-") || rest.starts_with(b".")))
}

/// True if a file is empty or an export of surveyd.
fn is_export(place: &Path) -> io::Result<bool> {
    let mut head = Vec::new();
    File::open(place)?.take(WITHIN_BYTES as u64).read_to_end(&mut head)?;
    Ok(head.is_empty() || head.windows(BEGINS_WITH.len()).any(|bytes| bytes == BEGINS_WITH))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn write(path: &Path, text: &str) -> anyhow::Result<()> {
        let (out, mut file) = OutFile::begin(path, Some(Path::new("/nowhere/surveyd.db")))?;
        file.write_all(text.as_bytes())?;
        out.end(&file)
    }

    #[test]
    fn it_takes_the_place_of_an_export_or_of_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        for text in ["survey_id,account\n", "\u{FEFF}survey_id,x\n", "{\"survey_id\":1}\n", ""] {
            write(&path, text).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        for other in ["[store]\nurl = \"x\"\n", "whsec_0123456789", "SQLite format 3\0"] {
            fs::write(&path, other).unwrap();
            let refused = write(&path, "survey_id\n").unwrap_err().to_string();
            assert!(refused.ends_with(
                "a.csv is there and is no export: name another file, or delete that one"
            ));
            assert_eq!(fs::read_to_string(&path).unwrap(), other);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left aside");
    }

    #[test]
    fn what_is_not_written_to_its_end_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        write(&path, "survey_id\n1\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let (out, mut file) = OutFile::begin(&path, None).unwrap();
        file.write_all(b"survey_id\n").unwrap();
        drop(out);
        assert_eq!(fs::read_to_string(&path).unwrap(), "survey_id\n1\n");
        write(&path, "survey_id\n2\n").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_database_and_what_belongs_to_it_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("surveyd.db");
        for name in ["surveyd.db", "surveyd.db-wal", "surveyd.db.sends", "surveyd.db-journal"] {
            let begun = OutFile::begin(&folder.path().join(name), Some(&database));
            assert!(begun.is_err(), "{name}");
            assert!(!folder.path().join(name).exists());
        }
        assert!(OutFile::begin(&folder.path().join("surveyd.db2.csv"), Some(&database)).is_ok());
        assert!(OutFile::begin(&folder.path().join("away").join("a.csv"), None).is_err());
        assert!(OutFile::begin(folder.path(), None).is_err());
    }
}
