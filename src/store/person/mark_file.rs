//! The file that remembers who was erased, beside the database.
//!
//! A restored database does not know of erasures since its copy was made. This file does. It lies
//! beside the mark of sends, `surveyd.db.forgotten` or `postgres.forgotten`, and holds keyed hashes
//! and their salts. A line is appended under a lock and is on the disk before the database says the
//! same. A line that a crash has cut off is no line, and the next one begins behind it.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::domain::time::Millis;
use crate::files;
use crate::store::{Error, Location, Result};

/// What the file knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remembered {
    pub salts: Vec<String>,
    /// Each mark with the instant of the erasure.
    pub marks: Vec<(String, Millis)>,
}

impl Remembered {
    fn is_empty(&self) -> bool {
        self.salts.is_empty() && self.marks.is_empty()
    }

    /// What is in this one and not in the other.
    pub fn beyond(&self, other: &Self) -> Self {
        let knows = |mark: &str| other.marks.iter().any(|(known, _)| known == mark);
        let salts = self.salts.iter().filter(|salt| !other.salts.contains(salt));
        let marks = self.marks.iter().filter(|(mark, _)| !knows(mark));
        Self { salts: salts.cloned().collect(), marks: marks.cloned().collect() }
    }
}

/// The path of the file.
pub fn path(location: &Location) -> PathBuf {
    match location.file() {
        Some(database) => files::beside(database, ".forgotten"),
        None => location.folder().join("postgres.forgotten"),
    }
}

/// Reads the file. Without one nobody is remembered.
pub fn read(path: &Path) -> Result<Remembered> {
    match std::fs::read(path) {
        Ok(text) => Ok(parse(&String::from_utf8_lossy(&text))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Remembered::default()),
        Err(error) => Err(fault(path, "read", &error)),
    }
}

/// Adds what the file does not know yet. It is on the disk when this returns.
pub fn remember(path: &Path, news: &Remembered) -> Result<()> {
    try_remember(path, news).map_err(|error| fault(path, "written", &error))
}

fn try_remember(path: &Path, news: &Remembered) -> io::Result<()> {
    let is_new = !path.exists();
    let mut file = files::open_or_make(path)?;
    file.lock()?;
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    let news = news.beyond(&parse(&String::from_utf8_lossy(&text)));
    if news.is_empty() {
        return Ok(());
    }
    let mut lines = String::new();
    if text.last().is_some_and(|last| *last != b'\n') {
        lines.push('\n');
    }
    for salt in &news.salts {
        lines.push_str(&format!("salt {salt}\n"));
    }
    for (mark, at) in &news.marks {
        lines.push_str(&format!("mark {mark} {}\n", at.0));
    }
    // Reading has moved to the end.
    file.write_all(lines.as_bytes())?;
    file.sync_all()?;
    if is_new && let Some(folder) = path.parent().filter(|it| *it != Path::new("")) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn fault(path: &Path, what: &str, error: &io::Error) -> Error {
    Error::Unavailable(format!("{} cannot be {what}: {error}", path.display()))
}

/// The hex digits of a salt and of a mark.
const DIGITS: usize = 64;

fn parse(text: &str) -> Remembered {
    let is_hash = |word: &str| word.len() == DIGITS && word.bytes().all(|b| b.is_ascii_hexdigit());
    let mut known = Remembered::default();
    // What follows the last line's end was cut off.
    let (whole, _) = text.rsplit_once('\n').unwrap_or_default();
    for line in whole.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["salt", salt] if is_hash(salt) && !known.salts.iter().any(|it| it == salt) => {
                known.salts.push(salt.to_owned());
            }
            ["mark", mark, at] if is_hash(mark) => {
                let Ok(at) = at.parse() else { continue };
                if known.marks.iter().all(|(it, _)| it != mark) {
                    known.marks.push((mark.to_owned(), Millis(at)));
                }
            }
            _ => {}
        }
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remembered(salt: char, mark: char) -> Remembered {
        let all = |letter: char| letter.to_string().repeat(DIGITS);
        Remembered { salts: vec![all(salt)], marks: vec![(all(mark), Millis(7))] }
    }

    #[test]
    fn what_is_added_is_read_back_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("surveyd.db.forgotten");
        assert_eq!(read(&path).unwrap(), Remembered::default());
        for _ in 0..2 {
            remember(&path, &remembered('a', 'b')).unwrap();
            assert_eq!(read(&path).unwrap(), remembered('a', 'b'));
        }
        remember(&path, &remembered('a', 'c')).unwrap();
        assert_eq!(read(&path).unwrap().marks.len(), 2);
    }

    #[test]
    fn a_line_that_was_cut_off_hides_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        remember(&path, &remembered('a', 'b')).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for end in 0..whole.len() {
            std::fs::write(&path, &whole[..end]).unwrap();
            remember(&path, &remembered('a', 'c')).unwrap();
            let marks = read(&path).unwrap().marks;
            assert!(marks.contains(&remembered('a', 'c').marks[0]), "cut at {end}");
            assert_eq!(read(&path).unwrap().salts, remembered('a', 'c').salts, "cut at {end}");
        }
    }
}
