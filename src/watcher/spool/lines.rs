//! Reads a file line by line and keeps at most one batch of it in memory.

use std::io::{BufRead, ErrorKind, Result};

/// The most lines in one batch. The store takes as many in one commit.
const BATCH_LINES: usize = 256;
/// The size in bytes after which a batch ends early.
const BATCH_BYTES: usize = 1024 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// A line that is not blank, with its number from 1.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    pub number: u64,
    /// The line without its end. `None` if it is too long.
    pub text: Option<Vec<u8>>,
}

pub struct Lines<R> {
    reader: R,
    line_max: usize,
    number: u64,
    /// The number of bytes read so far.
    pub bytes: u64,
}

impl<R: BufRead> Lines<R> {
    /// `line_max` is the length in bytes of the longest line that is kept.
    pub fn of(reader: R, line_max: usize) -> Self {
        Self { reader, line_max, number: 0, bytes: 0 }
    }

    /// Returns the next lines. The batch is empty at the end of the file.
    pub fn batch(&mut self) -> Result<Vec<Line>> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < BATCH_LINES && bytes < BATCH_BYTES {
            let Some(text) = self.line()? else { break };
            bytes += text.as_ref().map_or(0, Vec::len);
            if text.as_ref().is_none_or(|text| !text.trim_ascii().is_empty()) {
                batch.push(Line { number: self.number, text });
            }
        }
        Ok(batch)
    }

    /// Reads the next line. The inner `None` means that it is too long. The rest of a long line is
    /// skipped.
    fn line(&mut self) -> Result<Option<Option<Vec<u8>>>> {
        let mut text = Vec::new();
        // The byte order mark and the line end are removed later. The extra room keeps a line that
        // is too long from then seeming short enough.
        let kept_max = self.line_max + BYTE_ORDER_MARK.len() + 2;
        let before = self.bytes;
        loop {
            let read = match self.reader.fill_buf() {
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let end = read.iter().position(|byte| *byte == b'\n');
            let part = &read[..end.unwrap_or(read.len())];
            let room = kept_max - text.len();
            text.extend_from_slice(&part[..part.len().min(room)]);
            let used = part.len() + usize::from(end.is_some());
            self.reader.consume(used);
            self.bytes += used as u64;
            if end.is_some() || used == 0 {
                break;
            }
        }
        if self.bytes == before {
            return Ok(None);
        }
        self.number += 1;
        if self.number == 1 && text.starts_with(BYTE_ORDER_MARK) {
            text.drain(..BYTE_ORDER_MARK.len());
        }
        if text.ends_with(b"\r") {
            text.pop();
        }
        Ok(Some(Some(text).filter(|text| text.len() <= self.line_max)))
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn read(text: &[u8], line_max: usize) -> Vec<(u64, Option<String>)> {
        // So small that every line is read in parts.
        let mut lines = Lines::of(BufReader::with_capacity(3, text), line_max);
        let batch = lines.batch().unwrap();
        assert!(lines.batch().unwrap().is_empty());
        assert_eq!(lines.bytes, text.len() as u64);
        let shown = |text: Vec<u8>| String::from_utf8(text).unwrap();
        batch.into_iter().map(|line| (line.number, line.text.map(shown))).collect()
    }

    #[test]
    fn ends_of_lines_a_byte_order_mark_and_empty_lines_are_no_part_of_what_is_said() {
        let text = b"\xEF\xBB\xBF{1}\r\n\r\n  \t\n{2}\n\n{3}";
        let expected = [(1, Some("{1}".into())), (4, Some("{2}".into())), (6, Some("{3}".into()))];
        assert_eq!(read(text, 100), expected);
        assert_eq!(read(b"", 100), []);
        assert_eq!(read(b"\xEF\xBB\xBF\r\n", 100), []);
    }

    #[test]
    fn a_line_that_is_too_long_is_told_and_the_next_is_read() {
        for long in ["123456", "123456\r", "          ", "123456789012345678901234567890"] {
            let text = format!("\u{FEFF}12345\r\n{long}\n12345\n");
            let expected = [(1, Some("12345".to_owned())), (2, None), (3, Some("12345".into()))];
            assert_eq!(read(text.as_bytes(), 5), expected, "{long:?}");
        }
    }

    #[test]
    fn a_batch_has_a_bound_in_lines_and_in_bytes() {
        let many = b"{}\n".repeat(BATCH_LINES + 1);
        let mut lines = Lines::of(&many[..], 100);
        assert_eq!(lines.batch().unwrap().len(), BATCH_LINES);
        assert_eq!(lines.batch().unwrap().len(), 1);
        let long = [vec![b'x'; BATCH_BYTES], b"\n{}\n".to_vec()].concat();
        let mut lines = Lines::of(&long[..], BATCH_BYTES);
        assert_eq!(lines.batch().unwrap().len(), 1);
        assert_eq!(lines.batch().unwrap()[0].number, 2);
    }
}
