//! What the documents name in the sources is there.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The paths in backticks that lead into a module: `store::feedback::fold`.
fn paths(text: &str) -> Vec<&str> {
    let quoted = text.split('`').skip(1).step_by(2);
    let is_path = |text: &&str| {
        let mut parts = text.split("::");
        let first_is_module =
            parts.next().is_some_and(|part| module(&root().join("src"), part).is_some());
        first_is_module && text.contains("::") && !text.contains(char::is_whitespace)
    };
    quoted.filter(is_path).collect()
}

/// The file of a module, and the folder of those within it.
fn module(folder: &Path, name: &str) -> Option<(PathBuf, PathBuf)> {
    let (file, within) = (folder.join(format!("{name}.rs")), folder.join(name));
    let files = [file, within.join("mod.rs")];
    files.into_iter().find(|file| file.is_file()).map(|file| (file, within))
}

/// Whether a path leads from module to module, and names something in the last of them.
fn exists(path: &str) -> bool {
    let mut folder = root().join("src");
    let mut source = String::new();
    let mut parts = path.split("::").peekable();
    while let Some((file, within)) = parts.peek().and_then(|part| module(&folder, part)) {
        let text = fs::read_to_string(file).unwrap();
        source = text
            .lines()
            .filter(|line| !line.trim().starts_with("//"))
            .fold(String::new(), |all, line| all + line + "\n");
        folder = within;
        parts.next();
    }
    let words: Vec<&str> = source.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
    parts.all(|part| words.contains(&part.trim_end_matches("()")))
}

#[test]
fn what_the_walkthrough_names_exists() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let paths = paths(&text);
    assert!(paths.len() > 40, "{paths:?}");
    let missing: Vec<&&str> = paths.iter().filter(|path| !exists(path)).collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md names what is not there: {missing:?}");
}

/// What looks like a file and is an address, X's or our own.
const ADDRESSES: [&str; 3] = ["feedback/events", "feedback/show", "/metrics"];

#[test]
fn the_files_that_are_named_are_there() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let quoted = text.split('`').skip(1).step_by(2);
    let is_file = |text: &&str| {
        let is_plain = |c: char| c.is_ascii_lowercase() || "_/.".contains(c);
        text.chars().all(is_plain) && text.contains('/') && !ADDRESSES.contains(text)
    };
    let files: Vec<&str> = quoted.filter(is_file).collect();
    assert!(files.len() > 15, "{files:?}");
    let is_there = |file: &&str| ["", "src"].iter().any(|it| root().join(it).join(file).exists());
    let missing: Vec<&str> = files.into_iter().filter(|file| !is_there(file)).collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md names files that are not there: {missing:?}");
}

/// Columns that a comment may take.
const WIDTH: usize = 100;

#[test]
fn no_comment_is_wider_than_the_page() {
    fn walk(folder: &Path, wide: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, wide);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let comments =
                    text.lines().enumerate().filter(|(_, line)| line.trim().starts_with("//"));
                let too_wide = comments.filter(|(_, line)| line.chars().count() > WIDTH);
                wide.extend(too_wide.map(|(at, _)| format!("{}:{}", path.display(), at + 1)));
            }
        }
    }
    let mut wide = Vec::new();
    walk(&root().join("src"), &mut wide);
    assert!(wide.is_empty(), "{wide:#?}");
}

#[test]
fn a_path_that_leads_nowhere_is_missed() {
    assert!(exists("store::feedback::fold") && exists("store::Leased"));
    assert!(!exists("store::nowhere") && !exists("store::feedback::fold::Nothing"));
}
