//! `surveyd man` writes manual pages from the definition of the command line.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::usage;
use crate::output::Results;

#[derive(Args)]
#[command(before_help = EXAMPLES)]
pub struct ManArgs {
    /// The command whose page is printed, as many words as it has [default: surveyd itself]
    #[arg(value_name = "COMMAND", num_args = 0..)]
    command: Vec<String>,
    /// Write the pages of all commands into this folder instead; it is made if it is missing
    #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
    dir: Option<PathBuf>,
}

const EXAMPLES: &str = "\
  surveyd man | man -l -
  surveyd man surveys retry | man -l -
  surveyd man --dir man1                        # surveyd.1, surveyd-run.1 and all others";

/// The pages describe the command line at this version.
const SOURCE: &str = concat!("surveyd ", env!("CARGO_PKG_VERSION"));

/// Prints the page of one command, or writes those of all commands into a folder.
pub fn run(wanted: &ManArgs, mut root: Command) -> anyhow::Result<()> {
    root.build();
    if let Some(folder) = &wanted.dir {
        fs::create_dir_all(folder)
            .with_context(|| format!("--dir {} cannot be made", folder.display()))?;
        return write_all(&root, folder);
    }
    let mut command = &root;
    for word in &wanted.command {
        let below = command.get_subcommands().find(|below| below.get_name() == word);
        let name = wanted.command.join(" ");
        command = below
            .filter(|below| !below.is_hide_set())
            .ok_or_else(|| usage("COMMAND", &name, "is no command: `surveyd --help` lists all"))?;
    }
    Ok(Results.write_all(&page(command)?)?)
}

/// Writes the page of a command and those of its subcommands. Nothing hidden has a page.
fn write_all(command: &Command, folder: &Path) -> anyhow::Result<()> {
    let file = folder.join(Man::new(command.clone()).get_filename());
    fs::write(&file, page(command)?)
        .with_context(|| format!("{} cannot be written", file.display()))?;
    let mut below = command.get_subcommands().filter(|below| !below.is_hide_set());
    below.try_for_each(|below| write_all(below, folder))
}

/// Returns the page of a command. The command line must have been built.
///
/// Examples and notes get sections of their own, because clap_mangen leaves the former out and
/// fills the lines of the latter.
fn page(command: &Command) -> anyhow::Result<Vec<u8>> {
    // An empty date would be left out, and the source would be taken for it.
    let man = Man::new(command.clone()).date(" ").source(SOURCE);
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    man.render_options_section(&mut page)?;
    let mut rest = Roff::new();
    if let Some(examples) = command.get_before_help() {
        rest.control("SH", ["EXAMPLES"]);
        preformatted(&mut rest, &examples.to_string());
    }
    if let Some(notes) = command.get_after_help() {
        rest.control("SH", ["NOTES"]);
        for paragraph in notes.to_string().split("\n\n") {
            rest.control("PP", []);
            match paragraph.lines().any(|line| line.starts_with("  ")) {
                true => preformatted(&mut rest, paragraph),
                false => drop(rest.text([roman(paragraph)])),
            }
        }
    }
    rest.control("SH", ["SEE ALSO"]);
    rest.text([roman("surveyd(1), surveyd.toml(5), /usr/share/doc/surveyd")]);
    rest.to_writer(&mut page)?;
    Ok(page)
}

/// Adds lines that stay as they are.
fn preformatted(page: &mut Roff, text: &str) {
    page.control("nf", []);
    for line in text.lines() {
        page.text([roman(line)]);
    }
    page.control("fi", []);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages() -> Vec<(String, String)> {
        let folder = tempfile::tempdir().unwrap();
        let wanted = ManArgs { command: Vec::new(), dir: Some(folder.path().join("man1")) };
        run(&wanted, crate::cli::command_line()).unwrap();
        let files = fs::read_dir(folder.path().join("man1")).unwrap().map(|file| file.unwrap());
        let read = |file: fs::DirEntry| {
            let text = fs::read_to_string(file.path()).unwrap();
            (file.file_name().into_string().unwrap(), text)
        };
        files.map(read).collect()
    }

    /// The command and those below it that are shown, by the names of their pages.
    fn shown(command: &Command) -> Vec<String> {
        let name = command.get_display_name().unwrap_or(command.get_name());
        let below = command.get_subcommands().filter(|below| !below.is_hide_set());
        std::iter::once(format!("{name}.1")).chain(below.flat_map(shown)).collect()
    }

    #[test]
    fn every_command_has_a_page_with_its_examples_options_and_exit_codes() {
        let mut root = crate::cli::command_line();
        root.build();
        let (mut names, mut wanted): (Vec<_>, Vec<_>) =
            (pages().into_iter().map(|(name, _)| name).collect(), shown(&root));
        names.sort();
        wanted.sort();
        assert_eq!(names, wanted);
        assert!(names.contains(&"surveyd-surveys-retry.1".to_owned()), "{names:?}");
        for (name, text) in pages() {
            assert!(text.starts_with(".ie"), "{name}: {text}");
            assert!(text.contains("Exit codes: 0 ") || !text.contains("SH EXAMPLES"), "{name}");
            assert!(text.contains(r"\-\-help"), "{name}: {text}");
        }
    }

    #[test]
    fn a_page_says_what_the_help_says() {
        let mut root = crate::cli::command_line();
        root.build();
        let report = root.find_subcommand("report").unwrap();
        let text = String::from_utf8(page(report).unwrap()).unwrap();
        assert!(text.contains(".TH surveyd-report 1 \" \" \"surveyd "), "{text}");
        for argument in report.get_arguments().filter_map(|argument| argument.get_long()) {
            let option = format!("--{argument}").replace('-', r"\-");
            assert!(text.contains(&option), "{option}: {text}");
        }
        let example = report.get_before_help().unwrap().to_string();
        let example = example.lines().next().unwrap().replace('-', r"\-");
        assert!(text.contains(&example), "{example}: {text}");
    }

    #[test]
    fn a_command_that_does_not_exist_has_no_page() {
        for words in [&["reports"][..], &["surveys", "help"], &["run", "run"]] {
            let wanted =
                ManArgs { command: words.iter().map(|&it| it.to_owned()).collect(), dir: None };
            let refused = run(&wanted, crate::cli::command_line()).unwrap_err().to_string();
            let said =
                format!("COMMAND {}: is no command: `surveyd --help` lists all", words.join(" "));
            assert_eq!(refused, said);
        }
    }
}
