//! `surveyd password` makes the hash by which surveyd verifies the password of a login.

use std::io::{self, Read as _};

use anyhow::{Context as _, bail};

use super::ask::{ask_hidden, can_ask};
use crate::credentials;
use crate::output::{note, outln};

pub const EXAMPLES: &str = "\
  surveyd password                              # asks for it twice
  (umask 077; head -n 1 password.txt | surveyd password > mara-password-hash)";

pub const NOTE: &str = "\
The password has at least 12 characters. It is asked for, or read from standard input as one line,
and kept nowhere. Its hash goes to standard output. What to write into the configuration goes to
standard error.";

/// More than any password has. A larger input was given by mistake.
const INPUT_BYTES_MAX: u64 = 64 * 1024;

pub fn run() -> anyhow::Result<()> {
    let password = if can_ask() { asked()? } else { piped()? };
    let hash = credentials::hash_password(&password)?.expose();
    outln!("{hash}")?;
    note!(
        "\n\
         # For the configuration:\n\
         \n\
         [[logins]]\n\
         name = \"NAME\"\n\
         role = \"supervisor\"\n\
         password_hash = \"{hash}\"\n\
         \n\
         # The hash may also stand in a file of its own: password_hash = {{ file = \"NAME-password-hash\" }}.\n\
         # No one but surveyd should read it. `surveyd check` finds what is wrong, a reload puts it in force."
    );
    Ok(())
}

/// Asks until a good password was typed twice.
fn asked() -> anyhow::Result<String> {
    loop {
        let password = ask_hidden("Password")?;
        if let Err(problem) = credentials::check_password(&password) {
            note!("  {problem}");
        } else if ask_hidden("Again")? == password {
            return Ok(password);
        } else {
            note!("  the two differ");
        }
    }
}

/// Reads the password from standard input. A newline at its end does not belong to it.
fn piped() -> anyhow::Result<String> {
    let mut text = String::new();
    let input = io::stdin().lock().take(INPUT_BYTES_MAX).read_to_string(&mut text);
    input.context("the password cannot be read from standard input")?;
    let password = text.strip_suffix('\n').unwrap_or(&text);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() {
        bail!(
            "standard input holds no password: write it there as one line, or run this on a terminal"
        );
    }
    if password.contains('\n') {
        bail!("standard input holds more than one line: write the password there alone");
    }
    match credentials::check_password(password) {
        Ok(()) => Ok(password.to_owned()),
        Err(problem) => bail!("the password {problem}"),
    }
}
