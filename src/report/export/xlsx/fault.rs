//! Turns every fault of the library into an error that says why.
//!
//! By itself the library loses a writer's reason. It panics if its temporary file cannot be
//! written.

use std::io;
use std::panic::{self, AssertUnwindSafe};

use rust_xlsxwriter::XlsxError;

/// What the panic of a failed write to the temporary file says.
const FAILED_WRITE: &str = "Couldn't write to xml file";

/// Keeps the first error of a writer, because the library gives back its text alone. Later writes
/// go nowhere. Otherwise the library would complain on standard error that it cannot clean up.
pub struct Kept<W> {
    pub writer: W,
    pub error: Option<io::Error>,
}

impl<W: io::Write> Kept<W> {
    fn keep<T>(&mut self, done: io::Result<T>) -> io::Result<T> {
        done.map_err(|error| {
            let kind = error.kind();
            if kind != io::ErrorKind::Interrupted {
                self.error = Some(error);
            }
            kind.into()
        })
    }
}

impl<W: io::Write> io::Write for Kept<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.error.is_some() {
            return Ok(bytes.len());
        }
        let written = self.writer.write(bytes);
        self.keep(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.error.is_some() {
            return Ok(());
        }
        let flushed = self.writer.flush();
        self.keep(flushed)
    }
}

/// Does a piece of the library's work. The library panics if its temporary file cannot be written.
/// That is an error here like that of any other file. After an error the export must be dropped.
pub fn caught<T>(work: impl FnOnce() -> Result<T, XlsxError>) -> io::Result<T> {
    match panic::catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done.map_err(|error| match error {
            XlsxError::IoError(error) | XlsxError::TempFileError(_, error) => error,
            error => io::Error::other(error),
        }),
        Err(payload) => match payload.downcast::<String>() {
            Ok(text) if is_failed_write(&text) => {
                let reason =
                    text.split("message: \"").nth(1).and_then(|text| text.split('"').next());
                let reason = reason.unwrap_or("is the disk full?");
                Err(io::Error::other(format!("the temporary file cannot be written: {reason}")))
            }
            Ok(text) => panic::resume_unwind(text),
            Err(payload) => panic::resume_unwind(payload),
        },
    }
}

/// True if a panic with this text is a failed write of the export. It ends as an error, so
/// nobody needs to be told of the panic.
pub fn is_failed_write(panic: &str) -> bool {
    panic.starts_with(FAILED_WRITE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "something else")]
    fn any_other_panic_stays_one() {
        let _ = caught::<()>(|| panic!("something else: {}", 1));
    }
}
