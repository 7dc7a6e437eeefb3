//! The CSV file of people who want no prompts: a column `user_id`, and if they are there `account`
//! and `why`. Other columns are of no interest.

use std::io::{ErrorKind, Read};

use csv::{ReaderBuilder, StringRecord, Trim};

use crate::domain::id::UserId;
use crate::domain::plain_text::cut;

/// One person of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// In the file, the head being the first.
    pub number: u64,
    pub user_id: UserId,
    pub account: Option<String>,
    pub why: Option<String>,
}

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    pub lines: Vec<Line>,
    /// Every bad line by its number, with what is wrong.
    pub faults: Vec<(u64, String)>,
}

/// Reads a whole file, to its last fault.
pub fn read(mut file: impl Read) -> Lines {
    let mut read = Lines::default();
    let mut text = String::new();
    if let Err(error) = file.read_to_string(&mut text) {
        let words = match error.kind() {
            ErrorKind::InvalidData => "is not UTF-8 text: save the file as CSV UTF-8".to_owned(),
            _ => format!("cannot be read: {error}"),
        };
        read.faults.push((1, words));
        return read;
    }
    let mut reader =
        ReaderBuilder::new().trim(Trim::All).flexible(true).from_reader(text.as_bytes());
    let head = match reader.headers() {
        Ok(head) => head.clone(),
        Err(error) => {
            read.faults.push((1, format!("cannot be read: {error}")));
            return read;
        }
    };
    // Spreadsheets begin a file with a mark.
    let column =
        |name: &str| head.iter().position(|cell| cell.trim_start_matches('\u{feff}') == name);
    let Some(user_id) = column("user_id") else {
        read.faults.push((1, headless(&head)));
        return read;
    };
    let columns = (user_id, column("account"), column("why"));
    for record in reader.records() {
        match record {
            Ok(record) => {
                let number = number(&record, &text);
                match line(&record, columns, number) {
                    Ok(line) => read.lines.push(line),
                    Err(fault) => read.faults.push((number, fault)),
                }
            }
            Err(error) => {
                let number = error.position().map_or(0, csv::Position::line);
                read.faults.push((number, format!("cannot be read: {error}")));
            }
        }
    }
    read
}

/// Characters of a head that are shown.
const HEAD_MOST: usize = 80;

/// What to do about a file without a column `user_id`.
fn headless(head: &StringRecord) -> String {
    let found = head.iter().collect::<Vec<_>>().join(",");
    let found = found.trim_start_matches('\u{feff}');
    if found.is_empty() {
        return "is empty: the first line names the columns, as user_id,account,why".into();
    }
    let advice = match [(';', "semicolons"), ('\t', "tabs"), ('|', "bars")]
        .into_iter()
        .find(|(mark, _)| found.contains(*mark))
    {
        Some((_, marks)) => {
            format!("is it separated by {marks}? Save it separated by commas")
        }
        None => "the first line names the columns, as user_id,account,why".into(),
    };
    format!("there is no column user_id, found: {}: {advice}", cut(found, HEAD_MOST))
}

/// The line that a record begins on: its position is that of the empty lines before it.
fn number(record: &StringRecord, text: &str) -> u64 {
    let Some(position) = record.position() else { return 0 };
    let at = usize::try_from(position.byte()).unwrap_or(usize::MAX);
    let behind = text.as_bytes().get(at..).unwrap_or_default().iter();
    let empty = behind.take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() + empty.map(|byte| u64::from(*byte == b'\n')).sum::<u64>()
}

fn line(
    record: &StringRecord,
    (user_id, account, why): (usize, Option<usize>, Option<usize>),
    number: u64,
) -> Result<Line, String> {
    let text = |column: Option<usize>| {
        let cell = column.and_then(|column| record.get(column)).filter(|cell| !cell.is_empty());
        cell.map(str::to_owned)
    };
    let given = record.get(user_id).unwrap_or_default();
    let user_id =
        UserId::parse(given).map_err(|why| format!("user_id {:?}: {why}", cut(given, 80)))?;
    let why = text(why);
    if why.as_ref().is_some_and(|why| why.contains('\0')) {
        return Err("why must not hold the character U+0000".into());
    }
    Ok(Line { number, user_id, account: text(account), why })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_by_its_head() {
        let file = "\u{feff}why,user_id,name,account\n\"no, thanks\",77,Ana,acme\n,78,Ben,\n\n79\n";
        let read = read(file.as_bytes());
        assert_eq!(
            read.faults,
            [(
                5,
                "user_id \"\": must be 1 to 19 decimal digits, the numeric id of a person at X"
                    .to_owned()
            )]
        );
        let lines: Vec<_> = read
            .lines
            .iter()
            .map(|l| (l.number, l.user_id.as_str(), l.account.as_deref(), l.why.as_deref()))
            .collect();
        assert_eq!(lines, [(2, "77", Some("acme"), Some("no, thanks")), (3, "78", None, None)]);
    }

    #[test]
    fn every_bad_line_is_named() {
        let read = read("user_id\n7\nabc\n8\n@ana\n077\n0\n 9\n".as_bytes());
        let numbers: Vec<u64> = read.faults.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, [3, 5, 6, 7]);
        let headless = super::read("7\n8\n".as_bytes());
        let words = "there is no column user_id, found: 7: the first line names the columns, as \
                     user_id,account,why";
        assert_eq!(headless.faults, [(1, words.to_owned())]);
    }
}
