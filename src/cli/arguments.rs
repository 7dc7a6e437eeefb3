//! Parses the command line. [`super::command_line`] lists the commands, and each command's file its
//! own options. What all of them share comes from [`super::help`].

use std::ffi::OsString;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{ArgMatches, Command};

/// The commands that read no configuration.
pub const WITHOUT_CONFIGURATION: [&str; 8] =
    ["init", "demo", "sandbox", "questions", "password", "token", "completions", "man"];

/// Those of them that one would take for working with the configuration named, each with the
/// remedy. The others do the same with any configuration and with none.
const REFUSED: [(&str, &str); 3] = [
    ("init", "leave --config out, and say by --dir where it makes one"),
    ("demo", "leave --config out"),
    ("sandbox", "leave --config out"),
];

/// A parsed command line with the command's own values and `--config`.
pub struct Invocation {
    pub matches: ArgMatches,
    pub config: Option<PathBuf>,
}

/// Parses a command line. The error may be a help, the version or a usage error.
pub fn read(
    mut root: Command,
    line: impl IntoIterator<Item = OsString>,
) -> Result<Invocation, clap::Error> {
    let matches = root.try_get_matches_from_mut(line)?;
    if let Some(words) = asked_help(&matches, Vec::new()) {
        let line = std::iter::once(root.get_name().to_owned()).chain(words);
        root.try_get_matches_from_mut(line.chain(["--help".into()]))?;
    }
    let config = config(&matches);
    let named = matches.subcommand_name();
    let refused = REFUSED.into_iter().find(|(name, _)| config.is_some() && named == Some(name));
    match refused {
        Some((name, remedy)) => {
            let problem = format!("`surveyd {name}` reads no configuration: {remedy}");
            Err(root.error(ErrorKind::ArgumentConflict, problem))
        }
        None => Ok(Invocation { matches, config }),
    }
}

/// Returns the command whose help `surveyd … help …` asks for.
fn asked_help(matches: &ArgMatches, mut above: Vec<String>) -> Option<Vec<String>> {
    let (name, inner) = matches.subcommand()?;
    if name == "help" {
        let words = inner.get_many::<String>("COMMAND").unwrap_or_default();
        above.extend(words.cloned());
        return Some(above);
    }
    above.push(name.to_owned());
    asked_help(inner, above)
}

/// Returns `--config`. It may stand before and after the command, and the last one counts.
fn config(matches: &ArgMatches) -> Option<PathBuf> {
    let own = matches.try_get_one::<PathBuf>("config").ok().flatten();
    let below = matches.subcommand().and_then(|(_, inner)| config(inner));
    below.or_else(|| own.cloned())
}

/// Parses a whole number within bounds. The error states the bounds.
pub fn number(bounds: RangeInclusive<u32>) -> impl Fn(&str) -> Result<u32, String> + Clone {
    move |text| {
        let number = text.parse().ok().filter(|number| bounds.contains(number));
        number.ok_or_else(|| {
            format!("write a whole number from {} to {}", bounds.start(), bounds.end())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_may_stand_before_and_after_the_command() {
        let given = |line: &str| {
            let asked = read(crate::cli::command_line(), line.split(' ').map(OsString::from));
            asked.map(|asked| asked.config.map(|file| file.display().to_string()))
        };
        assert_eq!(given("surveyd status").unwrap(), None);
        assert_eq!(given("surveyd -c a status").unwrap().as_deref(), Some("a"));
        assert_eq!(given("surveyd surveys list --config b").unwrap().as_deref(), Some("b"));
        assert_eq!(given("surveyd -c a surveys -c b list -c c").unwrap().as_deref(), Some("c"));
    }

    #[test]
    fn a_command_that_reads_no_configuration_takes_one_unless_it_could_mislead() {
        let given =
            |line: &str| read(crate::cli::command_line(), line.split(' ').map(OsString::from));
        for line in ["questions nps", "password", "token x --role admin", "completions bash", "man"]
        {
            for line in [format!("surveyd -c a {line}"), format!("surveyd {line} --config a")] {
                assert!(given(&line).is_ok(), "{line}");
            }
        }
        for (name, remedy) in [
            ("demo", "leave --config out"),
            ("sandbox", "leave --config out"),
            ("init", "leave --config out, and say by --dir where it makes one"),
        ] {
            for line in [format!("surveyd -c a {name}"), format!("surveyd {name} -c a")] {
                let error = given(&line).err().expect("it is refused").to_string();
                let said = format!("`surveyd {name}` reads no configuration: {remedy}");
                assert!(error.contains(&said), "{line}: {error}");
            }
        }
    }
}
