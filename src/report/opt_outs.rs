//! Reads the CSV file of people who want no prompts. It has a column `user_id` and may have the
//! columns `account` and `why`. Other columns are ignored.

use std::io::{ErrorKind, Read};

use csv::{ReaderBuilder, StringRecord, Trim};

use crate::domain::id::UserId;
use crate::domain::plain_text::cut;

/// One person in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptOutLine {
    /// The line in the file, counted from 1. The header is line 1.
    pub number: u64,
    pub user_id: UserId,
    pub account: Option<String>,
    pub why: Option<String>,
}

/// The content of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OptOutFile {
    pub lines: Vec<OptOutLine>,
    /// Every bad line with its number and its fault.
    pub faults: Vec<(u64, String)>,
}

/// Reads a whole file and collects all of its faults.
pub fn read(mut file: impl Read) -> OptOutFile {
    let mut read = OptOutFile::default();
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
    // Spreadsheets begin a file with a byte order mark.
    let column =
        |name: &str| head.iter().position(|cell| cell.trim_start_matches('\u{feff}') == name);
    let Some(user_id) = column("user_id") else {
        read.faults.push((1, headless(&head)));
        return read;
    };
    for name in ["user_id", "account", "why"] {
        let named = head.iter().filter(|cell| cell.trim_start_matches('\u{feff}') == name);
        if named.count() > 1 {
            read.faults.push((1, format!("names the column {name} twice: which one is meant?")));
        }
    }
    read.faults.extend(badly_quoted(&text));
    let columns = (user_id, column("account"), column("why"));
    for record in reader.records() {
        match record {
            Ok(record) => {
                let number = number(&record, &text);
                if record.len() > head.len() {
                    let fault = format!(
                        "has {} fields, and the first line names {}: put a field that holds a comma \
                         between quotation marks",
                        record.len(),
                        head.len()
                    );
                    read.faults.push((number, fault));
                    continue;
                }
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

/// Finds the lines with a quotation mark that is never closed or not closed at the end of its
/// field. The csv reader has taken the following rows for a part of that field.
fn badly_quoted(text: &str) -> Vec<(u64, String)> {
    let mut faults = Vec::new();
    let (mut number, mut is_start) = (1, true);
    let mut characters = text.trim_start_matches('\u{feff}').chars().peekable();
    while let Some(character) = characters.next() {
        number += u64::from(character == '\n');
        if character != '"' || !is_start {
            is_start = matches!(character, ',' | '\n' | '\r');
            continue;
        }
        is_start = false;
        let (opened, mut is_open) = (number, true);
        while is_open && let Some(character) = characters.next() {
            number += u64::from(character == '\n');
            // Two quotation marks stand for one.
            is_open = character != '"' || characters.next_if_eq(&'"').is_some();
        }
        while characters.next_if(|character| matches!(character, ' ' | '\t')).is_some() {}
        let ends = characters.peek().is_none_or(|next| matches!(next, ',' | '\n' | '\r'));
        if is_open {
            let fault = "a quotation mark opens here, and nothing closes it";
            faults.push((opened, fault.to_owned()));
        } else if !ends {
            let fault = "a quotation mark opens here, and the one that closes it does not end its \
                         field: write a mark within a field twice";
            faults.push((opened, fault.to_owned()));
        }
    }
    faults
}

/// The most characters of a header that are shown.
const HEAD_MOST: usize = 80;

/// Returns the advice for a file without a column `user_id`.
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

/// Returns the line that a record begins on. The record's own position is that of the empty lines
/// before it.
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
) -> Result<OptOutLine, String> {
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
    Ok(OptOutLine { number, user_id, account: text(account), why })
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

    fn faults(file: &str) -> Vec<(u64, String)> {
        read(file.as_bytes()).faults
    }

    #[test]
    fn a_quotation_mark_swallows_nobody() {
        let open = "a quotation mark opens here, and nothing closes it".to_owned();
        assert_eq!(faults("user_id,why\n1777,\"x\n1888,y\n1999,z\n"), [(2, open.clone())]);
        assert_eq!(faults("user_id,why\n77,\"a\nb\"\n78,\"c\"\n79,\"\n80,d"), [(5, open)]);
        for swallowing in ["1777,\"x\n1888,\"y\"\n", "1777,\"x\n1888,\"y\n"] {
            let found = faults(&format!("user_id,why\n{swallowing}1999,z\n"));
            assert_eq!((found.len(), found[0].0), (1, 2), "{found:?}");
            assert!(found[0].1.ends_with("write a mark within a field twice"), "{found:?}");
        }
        let sound =
            "user_id,why\n77,\"no, \"\"never\"\"\" \r\n78,\"\"\n79,5\" of it\n\"80\",\"a\nb\"";
        assert_eq!(faults(sound), []);
        assert_eq!(read(sound.as_bytes()).lines.len(), 4);
    }

    #[test]
    fn what_two_columns_may_mean_is_not_guessed() {
        let twice = "names the column user_id twice: which one is meant?".to_owned();
        assert_eq!(faults("user_id,user_id\n77,78\n"), [(1, twice)]);
        let found = faults("user_id,why\n77,no, thanks\n78,no\n");
        assert_eq!((found.len(), found[0].0), (1, 2));
        assert!(found[0].1.starts_with("has 3 fields, and the first line names 2"), "{found:?}");
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
