//! The file that an export or a report is written to.
//!
//! It appears complete or not at all. An export replaces nothing except an empty file or an earlier
//! export. A report replaces nothing except an empty file or an earlier report, in any format.
//!
//! A new file is its owner's alone, because it may hold ids and comments. A file that was there
//! keeps its rights.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use zip::ZipArchive;

/// The bytes near the beginning of every export as text.
const BEGINS_WITH: &[u8] = b"survey_id";
/// The bytes that are searched. A byte order mark, a brace and a quotation mark may come first.
const WITHIN_BYTES: usize = 16;

/// The bytes at the beginning of a Parquet file, and those near the end of one that is an export.
const PARQUET: (&[u8], &[u8]) = (b"PAR1", b"surveyd ");
/// The bytes at the end of a Parquet file that are searched.
const PARQUET_END_BYTES: i64 = 512;

/// The bytes at the beginning of an XLSX file, and those near the beginning of the first sheet of
/// one that is an export. A spreadsheet that saves it again moves them to another place.
const XLSX: (&[u8], &[u8]) = (b"PK\x03\x04", b"<t>survey_id</t>");
/// The bytes of a part of a workbook that are searched.
const XLSX_PART_BYTES: u64 = 16 << 10;

/// The parts of a workbook that is a report, with bytes near their beginnings. A spreadsheet that
/// saves the workbook again writes another time into the second.
const REPORT_XLSX: [(&str, &[u8]); 2] = [
    ("xl/workbook.xml", b"<sheet name=\"report\""),
    ("docProps/core.xml", b">1980-01-01T00:00:00Z</dcterms:modified>"),
];
/// The beginnings of a report as text, as JSON and as CSV.
const REPORT_BEGINS_WITH: [&[u8]; 4] =
    [b"Results, ", b"Results by ", b"{\n  \"from\": \"", b"key,type,closes,prompted,"];
/// The beginning of a report as HTML, and the bytes after it that name surveyd.
const REPORT_HTML: (&[u8], &[u8], &[u8]) =
    (b"<!doctype html>\n", b"<title>Results, ", b" \xC2\xB7 surveyd</title>");
/// The bytes of a report that are searched.
const REPORT_WITHIN_BYTES: u64 = 1_024;

/// The rights to a new file: its owner reads and writes.
const NEW_FILE: u32 = 0o600;

/// What is written to a file. It decides which file may be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents {
    Export,
    Report,
}

impl Contents {
    /// True if a file is empty or holds such contents in any format.
    fn are_in(self, place: &Path) -> io::Result<bool> {
        match self {
            Self::Export => is_export(place),
            Self::Report => is_report(place),
        }
    }

    /// Says that a file holds something else.
    fn missed(self) -> &'static str {
        match self {
            Self::Export => "is no export",
            Self::Report => "is no report of surveyd",
        }
    }
}

/// A file that is being written.
pub struct OutFile {
    named: PathBuf,
    /// The final path and the path that is written until the file is complete. `None` for a pipe or
    /// a device.
    aside: Option<(PathBuf, PathBuf)>,
}

impl OutFile {
    /// Starts to write the file that `-o` names. `database` is the file of the database.
    pub fn begin(
        named: &Path,
        contents: Contents,
        database: Option<&Path>,
    ) -> anyhow::Result<(Self, File)> {
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
        if found.is_some() && !contents.are_in(&place).map_err(refused)? {
            bail!(
                "-o {} is there and {}: name another file, or delete that one",
                named.display(),
                contents.missed()
            );
        }
        let mut name = place.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.new", std::process::id()));
        let aside = place.with_file_name(name);
        let mut options = OpenOptions::new();
        let options = options.write(true).create_new(true).mode(NEW_FILE);
        let file = options.open(&aside).map_err(refused)?;
        if let Some(found) = found {
            let rights = fs::Permissions::from_mode(found.permissions().mode());
            file.set_permissions(rights).map_err(refused)?;
        }
        Ok((Self { named: named.to_owned(), aside: Some((place, aside)) }, file))
    }

    /// The folder in which the file is written. `None` for a pipe or a device.
    pub fn folder(&self) -> Option<&Path> {
        self.aside.as_ref().and_then(|(_, aside)| aside.parent())
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
pub fn place(named: &Path) -> io::Result<PathBuf> {
    if let Ok(file) = named.canonicalize() {
        return Ok(file);
    }
    let name = named.file_name().ok_or(ErrorKind::IsADirectory)?;
    let folder = named.parent().filter(|folder| !folder.as_os_str().is_empty());
    Ok(folder.unwrap_or(Path::new(".")).canonicalize()?.join(name))
}

/// True if a file is the database or belongs to it, such as its log or its mark.
pub fn is_beside(place: &Path, database: &Path) -> bool {
    let database = database.canonicalize().unwrap_or_else(|_| database.to_owned());
    let name = |path: &Path| path.file_name().map(OsStr::as_bytes).unwrap_or_default().to_vec();
    let (own, of_database) = (name(place), name(&database));
    place.parent() == database.parent()
        && (own == of_database
            || own
                .strip_prefix(of_database.as_slice())
                .is_some_and(|rest| rest.starts_with(b"-") || rest.starts_with(b".")))
}

/// True if a file is empty or an export of surveyd in any format.
fn is_export(place: &Path) -> io::Result<bool> {
    let mut file = File::open(place)?;
    let mut head = Vec::new();
    file.by_ref().take(WITHIN_BYTES as u64).read_to_end(&mut head)?;
    if head.starts_with(PARQUET.0) {
        let end = file.metadata()?.len().cast_signed().min(PARQUET_END_BYTES);
        file.seek(SeekFrom::End(-end))?;
        let mut tail = Vec::new();
        file.take(PARQUET_END_BYTES as u64).read_to_end(&mut tail)?;
        return Ok(contains(&tail, PARQUET.1));
    }
    if head.starts_with(XLSX.0) {
        return Ok(holds_parts(file, &[("xl/worksheets/sheet1.xml", XLSX.1)]).unwrap_or(false));
    }
    Ok(head.is_empty() || contains(&head, BEGINS_WITH))
}

/// True if a file is empty or a report of surveyd in any format.
fn is_report(place: &Path) -> io::Result<bool> {
    let mut file = File::open(place)?;
    let mut head = Vec::new();
    file.by_ref().take(REPORT_WITHIN_BYTES).read_to_end(&mut head)?;
    if head.starts_with(XLSX.0) {
        return Ok(holds_parts(file, &REPORT_XLSX).unwrap_or(false));
    }
    let (begins, title, name) = REPORT_HTML;
    let is_page = head.starts_with(begins) && contains(&head, title) && contains(&head, name);
    let is_text = REPORT_BEGINS_WITH.iter().any(|beginning| head.starts_with(beginning));
    Ok(head.is_empty() || is_page || is_text)
}

/// True if each of the parts of a workbook has its bytes near its beginning.
fn holds_parts(file: File, parts: &[(&str, &[u8])]) -> zip::result::ZipResult<bool> {
    let mut book = ZipArchive::new(file)?;
    for (name, wanted) in parts {
        let mut part = Vec::new();
        book.by_name(name)?.take(XLSX_PART_BYTES).read_to_end(&mut part)?;
        if !contains(&part, wanted) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|bytes| bytes == wanted)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn write(path: &Path, text: &str) -> anyhow::Result<()> {
        let (out, mut file) =
            OutFile::begin(path, Contents::Export, Some(Path::new("/nowhere/surveyd.db")))?;
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
    fn it_takes_the_place_of_an_export_that_is_no_text_and_of_no_other_such_file() {
        use crate::report::export::{ParquetExport, XlsxExport};
        use crate::results::samples::answered;
        let folder = tempfile::tempdir().unwrap();
        let mut parquet = Vec::new();
        let mut export = ParquetExport::new(&mut parquet).unwrap();
        export.row(&answered()).unwrap();
        export.finish().unwrap();
        let mut export = XlsxExport::new(folder.path()).unwrap();
        export.row(&answered()).unwrap();
        let xlsx = export.finish(Vec::new()).unwrap();
        let path = folder.path().join("export");
        for export in [&parquet, &xlsx] {
            fs::write(&path, export).unwrap();
            write(&path, "survey_id\n").unwrap();
        }
        let mut others = vec![b"PAR1".to_vec(), b"PK\x03\x04".to_vec(), xlsx[..900].to_vec()];
        others.push(parquet.iter().copied().filter(|byte| *byte != b'v').collect());
        let mut book = rust_xlsxwriter::Workbook::new();
        // A spreadsheet that saves an export keeps its texts in a part of their own.
        book.add_worksheet().write(0, 0, "survey_id").unwrap();
        others.push(book.save_to_buffer().unwrap());
        for other in others {
            fs::write(&path, &other).unwrap();
            let refused = write(&path, "survey_id\n").unwrap_err().to_string();
            assert!(refused.contains("is there and is no export"), "{refused}");
            assert_eq!(fs::read(&path).unwrap(), other);
        }
    }

    #[test]
    fn a_report_takes_the_place_of_a_report_and_of_no_file_of_another_kind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report");
        let begin = || OutFile::begin(&path, Contents::Report, None).map(drop);
        let texts = [
            "",
            "Results by team, 2026-11-01",
            "Results, 2026-11-01",
            "{\n  \"from\": \"2026-11-01T00:00:00.000Z\",\n",
            "key,type,closes,prompted,answered\r\n",
            "<!doctype html>\n<html lang=\"en\">\n<title>Results, 1 to 2 · surveyd</title>\n",
        ];
        for text in texts {
            fs::write(&path, text).unwrap();
            begin().unwrap();
        }
        let mut book = rust_xlsxwriter::Workbook::new();
        book.add_worksheet().set_name("report").unwrap();
        let saved_later = book.save_to_buffer().unwrap();
        let others: [&[u8]; 6] = [
            b"survey_id,account\n",
            b"Results of mine\n",
            b"{\"from\": 1}\n",
            b"<!doctype html>\n<title>Results, mine</title>\n",
            b"SQLite format 3\0",
            &saved_later,
        ];
        for other in others {
            fs::write(&path, other).unwrap();
            let refused = begin().unwrap_err().to_string();
            assert!(
                refused.ends_with(
                    "report is there and is no report of surveyd: name another file, or delete that one"
                ),
                "{refused}"
            );
            assert_eq!(fs::read(&path).unwrap(), other);
        }
    }

    #[test]
    fn what_is_not_written_to_its_end_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        write(&path, "survey_id\n1\n").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let (out, mut file) = OutFile::begin(&path, Contents::Export, None).unwrap();
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
            let begun =
                OutFile::begin(&folder.path().join(name), Contents::Export, Some(&database));
            assert!(begun.is_err(), "{name}");
            assert!(!folder.path().join(name).exists());
        }
        let begin = |path: &Path, database| OutFile::begin(path, Contents::Report, database);
        assert!(begin(&folder.path().join("surveyd.db2.csv"), Some(&database)).is_ok());
        assert!(begin(&folder.path().join("away").join("a.csv"), None).is_err());
        assert!(begin(folder.path(), None).is_err());
    }
}
