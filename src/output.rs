//! Writes what commands say. Results go to standard output and all else to standard error.
//!
//! Nothing here panics, unlike `println!`. If standard output cannot be written, that is an error
//! and ends the command. If standard error cannot be written, the text is lost, because nobody is
//! left to tell.

use std::fmt;
use std::io::{self, Write as _};

/// Marks a failure to write standard output.
#[derive(Debug, thiserror::Error)]
#[error("standard output cannot be written: {0}")]
struct OutputClosed(io::Error);

/// Standard output. Its errors can be told from those of files and connections.
pub struct Results;

impl io::Write for Results {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::stdout().write(bytes).map_err(refused)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush().map_err(refused)
    }
}

fn refused(error: io::Error) -> io::Error {
    match error.kind() {
        // The caller has to try this again.
        io::ErrorKind::Interrupted => error,
        kind => io::Error::new(kind, OutputClosed(error)),
    }
}

/// True if an error means that nobody reads standard output any more.
pub fn is_closed(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
        && error.get_ref().is_some_and(|inner| inner.is::<OutputClosed>())
}

/// Writes to standard output.
pub fn write(text: fmt::Arguments<'_>) -> io::Result<()> {
    Results.write_fmt(text)
}

/// Writes a line to standard error.
pub fn write_note(text: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// A `print!` that returns an error instead of panicking.
macro_rules! out {
    ($($text:tt)*) => { $crate::output::write(format_args!($($text)*)) };
}

/// A `println!` that returns an error instead of panicking.
macro_rules! outln {
    () => { $crate::output::write(format_args!("\n")) };
    ($($text:tt)*) => { $crate::output::write(format_args!("{}\n", format_args!($($text)*))) };
}

/// An `eprintln!` that never panics.
macro_rules! note {
    ($($text:tt)*) => { $crate::output::write_note(format_args!($($text)*)) };
}

pub(crate) use {note, out, outln};
