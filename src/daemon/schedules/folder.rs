//! Writes files into the folder of a schedule, each whole or not at all. Deletes the oldest.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::domain::schedule::surplus;
use crate::files::{make, make_folders};

/// Writes a file of that name, and over an earlier one. `fill` writes its bytes. Until the file is
/// whole and on the disk it has another name.
pub fn write<E: From<io::Error>>(
    folder: &Path,
    name: &str,
    fill: impl FnOnce(File) -> Result<File, E>,
) -> Result<PathBuf, E> {
    make_folders(folder)?;
    let (path, part) = (folder.join(name), folder.join(format!("{name}.part")));
    // A process that ended in the middle has left its part.
    match fs::remove_file(&part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        Ok(()) | Err(_) => {}
    }
    let written = make(&part).map_err(E::from).and_then(fill).and_then(|file| {
        file.sync_all()?;
        fs::rename(&part, &path)?;
        File::open(folder)?.sync_all()?;
        Ok(path)
    });
    if written.is_err() {
        let _ = fs::remove_file(&part);
    }
    written
}

/// Deletes the oldest files of a schedule, so that `keep` are left.
pub fn sweep(folder: &Path, schedule: &str, ending: &str, keep: u32) -> io::Result<()> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        // A name that is no text is none of ours.
        names.extend(entry?.file_name().into_string().ok());
    }
    for name in surplus(names.iter().map(String::as_str), schedule, ending, keep) {
        fs::remove_file(folder.join(name))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_whole_or_not_there() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("a/b");
        let fill = |text: &'static str| {
            move |mut file: File| {
                file.write_all(text.as_bytes())?;
                Ok::<_, io::Error>(file)
            }
        };
        let path = write(&folder, "m-2026-11-23.txt", fill("one")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        fs::write(folder.join("m-2026-11-23.txt.part"), "left by a crash").unwrap();
        let failed = write(&folder, "m-2026-11-23.txt", |mut file| {
            file.write_all(b"tw")?;
            Err(io::Error::other("disk full"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "disk full");
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        assert_eq!(names(&folder), ["m-2026-11-23.txt"]);
        write(&folder, "m-2026-11-23.txt", fill("two")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
    }

    #[test]
    fn the_newest_stay() {
        let place = tempfile::tempdir().unwrap();
        for name in ["m-2026-11-09.txt", "m-2026-11-16.txt", "m-2026-11-23.txt", "notes.txt"] {
            fs::write(place.path().join(name), "").unwrap();
        }
        sweep(place.path(), "m", "txt", 1).unwrap();
        assert_eq!(names(place.path()), ["m-2026-11-23.txt", "notes.txt"]);
    }
}
