//! What the documents name in the sources is there.

use std::collections::{BTreeMap, BTreeSet};
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

/// A source without its comments.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    text.lines()
        .filter(|line| !line.trim().starts_with("//"))
        .fold(String::new(), |all, line| all + line + "\n")
}

/// Whether a source has a function of that name.
fn defines(source: &str, name: &str) -> bool {
    source.match_indices("fn ").any(|(at, word)| {
        let rest = source[at + word.len()..].strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with(['(', '<']))
    })
}

/// Whether a path leads from module to module, and names something in the last of them. A last name
/// that begins with a small letter is a function's.
fn exists(path: &str) -> bool {
    let mut folder = root().join("src");
    let mut source = String::new();
    let mut parts = path.split("::").peekable();
    while let Some((file, within)) = parts.peek().and_then(|part| module(&folder, part)) {
        source = code(&file);
        folder = within;
        parts.next();
    }
    let words: Vec<&str> = source.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
    let rest: Vec<&str> = parts.map(|part| part.trim_end_matches("()")).collect();
    let is_function = |name: &&&str| name.starts_with(|c: char| c.is_ascii_lowercase());
    rest.iter().all(|part| words.contains(part))
        && rest.last().filter(is_function).is_none_or(|name| defines(&source, name))
}

#[test]
fn what_the_walkthrough_names_exists() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let paths = paths(&text);
    assert!(paths.len() > 40, "{paths:?}");
    let missing: Vec<&&str> = paths.iter().filter(|path| !exists(path)).collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md names what is not there: {missing:?}");
}

/// The steps of a walkthrough: the file in a row's first cell, and the functions in its second.
fn steps<'a>(text: &'a str, heading: &str) -> Vec<(&'a str, Vec<&'a str>)> {
    let (_, section) = text.split_once(heading).expect(heading);
    let section = section.split("\n## ").next().unwrap();
    let steps = section.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        let file = cells.next()?.strip_prefix('`')?.strip_suffix('`')?;
        let functions: Vec<&str> = cells.next()?.split('`').skip(1).step_by(2).collect();
        file.ends_with(".rs").then_some((file, functions))
    });
    steps.collect()
}

/// The walkthroughs, and the files that one may pass at the most.
const WALKTHROUGHS: [(&str, usize); 2] = [("\n## One close", 30), ("\n## One answer", 18)];

#[test]
fn the_functions_of_the_walkthroughs_are_in_their_files() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let mut missing = Vec::new();
    for (heading, files_most) in WALKTHROUGHS {
        let steps = steps(&text, heading);
        let files: BTreeSet<&str> = steps.iter().map(|(file, _)| *file).collect();
        assert!(files.len() > 10, "{heading} leads through {files:?}");
        assert!(files.len() <= files_most, "{heading} leads through {} files", files.len());
        let says = format!("These are {} files", files.len());
        assert!(text.contains(&says), "{heading} leads through {} files", files.len());
        for (file, functions) in steps {
            assert!(!functions.is_empty(), "{heading} names no function of {file}");
            let path = root().join("src").join(file);
            let source = if path.is_file() { code(&path) } else { String::new() };
            let not_there = functions.into_iter().filter(|name| !defines(&source, name));
            missing.extend(not_there.map(|name| format!("{file}: {name}")));
        }
    }
    assert!(missing.is_empty(), "ARCHITECTURE.md names functions that are not there: {missing:?}");
}

/// What looks like a file and is an address, X's or our own.
const ADDRESSES: [&str; 3] = ["feedback/events", "feedback/show", "/metrics"];

/// The files and folders that a text names in backticks and that are not there.
fn missing_files(text: &str) -> Vec<&str> {
    let quoted = text.split('`').skip(1).step_by(2);
    let is_file = |text: &&str| {
        let is_plain = |c: char| c.is_ascii_lowercase() || "_/.".contains(c);
        text.chars().all(is_plain) && text.contains('/') && !ADDRESSES.contains(text)
    };
    let files: Vec<&str> = quoted.filter(is_file).collect();
    assert!(files.len() > 15, "{files:?}");
    let is_there = |file: &&str| ["", "src"].iter().any(|it| root().join(it).join(file).exists());
    files.into_iter().filter(|file| !is_there(file)).collect()
}

#[test]
fn the_files_that_are_named_are_there() {
    for document in ["ARCHITECTURE.md", "src/lib.rs"] {
        let text = fs::read_to_string(root().join(document)).unwrap();
        let missing = missing_files(&text);
        assert!(missing.is_empty(), "{document} names files that are not there: {missing:?}");
    }
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
    assert!(exists("store::feedback::fold::fold") && exists("clock::of_x::ClockOfX"));
    assert!(!exists("store::feedback::fold::told"), "a word of the source is no function");
}

#[test]
fn a_function_is_found_by_its_whole_name() {
    let source = "pub async fn take(n: u32) {}\nfn read<'a>(text: &'a str) {}\nlet taken = gone();";
    assert!(defines(source, "take") && defines(source, "read"));
    assert!(!defines(source, "tak") && !defines(source, "taken") && !defines(source, "gone"));
    let text = "\n## A\n\n| `a.rs` | `b`, `c` | `d` |\n| b | `e` | |\n\n## B\n\n| `f.rs` | `g` | |";
    assert_eq!(steps(text, "\n## A"), [("a.rs", vec!["b", "c"])]);
}

#[test]
fn the_document_of_the_api_shows_every_address_and_every_key() {
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    let api = read("docs/api.md");
    let described: serde_json::Value =
        serde_json::from_str(&read("src/web/results/openapi.json")).unwrap();
    for path in described["paths"].as_object().unwrap().keys() {
        assert!(api.contains(&format!("### `{path}`")), "{path}");
        let example = format!("\"$A{}", path.replace("{id}", "019…"));
        assert!(
            api.lines().any(|line| line.starts_with("curl ") && line.contains(&example)),
            "{path}"
        );
    }
    for key in described["components"]["parameters"].as_object().unwrap().keys() {
        assert!(api.contains(&format!("`{key}`")), "{key}");
    }
    let schemas = &described["components"]["schemas"];
    for (schema, key) in ["Report", "Group"].into_iter().flat_map(|schema| {
        let keys = schemas[schema]["properties"].as_object().unwrap().keys();
        keys.map(move |key| (schema, key))
    }) {
        let is_shown =
            [format!("`{key}`"), format!("\"{key}\":")].iter().any(|it| api.contains(it));
        assert!(is_shown, "{key} of {schema}");
    }
    assert!(read("README.md").contains("(docs/api.md)"));
}

/// Calls `see` with each source that is not a test's, and without its own tests.
fn each_source(folder: &Path, see: &mut impl FnMut(&Path, &str)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !matches!(name, "tests" | "sandbox") {
            each_source(&path, see);
        } else if name.ends_with(".rs") && name != "tests.rs" {
            let text = code(&path);
            see(&path, text.split("#[cfg(test)]").next().unwrap());
        }
    }
}

/// The events of docs/log.md, each with its fields.
fn events_of_the_page() -> BTreeMap<String, BTreeSet<String>> {
    let page = fs::read_to_string(root().join("docs/log.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let rows = rows.map(|row| {
        let cells: Vec<&str> = row.split(" |").collect();
        let quoted = |cell: &str| -> BTreeSet<String> {
            cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
        };
        let event = quoted(cells[0]).pop_first().unwrap();
        (event, quoted(cells[3]))
    });
    rows.collect()
}

/// The names of the fields that follow an event in a macro, up to its message.
fn fields(rest: &str) -> BTreeSet<String> {
    let is_message =
        |at: &usize| !rest[..*at].ends_with(['(', '=']) && !rest[..*at].ends_with("= ");
    let message = rest.match_indices('"').map(|(at, _)| at).find(is_message).unwrap();
    let parts: Vec<&str> = rest[..message].split(',').map(str::trim).collect();
    let name = |part: &&str| {
        let end = part.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(part.len());
        let (name, after) = part.split_at(end);
        let is_field = after.is_empty() || after.starts_with(" = ");
        (is_field && !name.is_empty()).then(|| name.to_owned())
    };
    parts.iter().filter_map(name).collect()
}

#[test]
fn the_page_about_the_log_has_every_event_and_field_and_no_other_event() {
    let page = events_of_the_page();
    let (mut missing, mut named) = (BTreeSet::new(), BTreeSet::new());
    each_source(&root().join("src"), &mut |path, text| {
        for (at, word) in text.match_indices("event = \"") {
            let (event, rest) = text[at + word.len()..].split_once('"').unwrap();
            let Some(known) = page.get(event) else {
                missing.insert(format!("{event} of {}", path.display()));
                continue;
            };
            for field in fields(rest).difference(known) {
                missing.insert(format!("{field} of {event} of {}", path.display()));
            }
        }
        for literal in text.split('"') {
            named.insert(literal.to_owned());
            let is_event = ["survey.", "close."].iter().any(|family| {
                literal
                    .strip_prefix(family)
                    .is_some_and(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
            });
            if is_event && !page.contains_key(literal) {
                missing.insert(format!("{literal} of {}", path.display()));
            }
        }
    });
    assert!(missing.is_empty(), "docs/log.md lacks {missing:#?}");
    let gone: Vec<_> = page.keys().filter(|event| !named.contains(*event)).collect();
    assert!(gone.is_empty(), "docs/log.md has events that nothing logs: {gone:?}");
}
