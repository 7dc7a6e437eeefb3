//! Who may name whom, held to the sources: each part of the tree names only the parts that its row
//! lists, and only the crates that are its own business.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A part of `src`, and the parts that it may name. Itself it may always name.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("clock", &["domain"]),
    ("stop", &[]),
    ("files", &[]),
    ("meters", &["domain"]),
    ("logging", &["config"]),
    ("credentials", &[]),
    ("alerts", &["clock", "config", "domain", "store"]),
    ("config", &["credentials", "domain"]),
    ("store", &["domain", "files"]),
    // The ticket alone: what is sent must be on the disk first.
    ("x", &["clock", "domain", "meters", "store::Sending"]),
    ("wake", &["clock", "domain", "stop"]),
    ("worker", &["clock", "config", "domain", "meters", "stop", "store", "wake", "x"]),
    ("scheduler", &["config", "worker", "domain", "meters", "store", "x"]),
    ("poller", &["worker", "domain", "store", "x"]),
    ("rebuild", &["worker", "domain", "store", "x"]),
    ("watcher", &["clock", "config", "domain", "files", "stop", "store", "wake"]),
    ("replay", &["config", "domain", "store"]),
    ("results", &["domain", "store"]),
    ("pages", &["domain"]),
    ("report", &["columns", "domain", "pages", "results", "terminal"]),
    (
        "web",
        &[
            "clock",
            "credentials",
            "domain",
            "meters",
            "pages",
            "poller::feedback_hook",
            "report",
            "results",
            "stop",
            "store",
            "watcher",
        ],
    ),
    // Never x: a mistake made in both would not show.
    ("sandbox", &["domain::time"]),
    ("daemon", ANYTHING),
    ("columns", &[]),
    ("terminal", &["columns", "config::Environment", "domain"]),
    ("output", &[]),
    ("cli", ANYTHING),
    ("main", ANYTHING),
    ("lib", ANYTHING),
];
const ANYTHING: &[&str] = &["*"];

/// Crates that only some parts may use.
const OWNED: &[(&str, &[&str])] = &[
    ("sqlx", &["store"]),
    ("libsqlite3_sys", &["store"]),
    // An address is read by the very parser that its user has: x or alerts.
    ("reqwest", &["x", "alerts/address_guard", "config/urls"]),
    ("rustls", &["x", "alerts/address_guard"]),
    ("oauth1_request", &["x"]),
    ("clap", &["cli"]),
    ("indicatif", &["cli"]),
    ("terminal_size", &["terminal"]),
    ("signal_hook", &["daemon"]),
    ("sd_notify", &["daemon"]),
    ("tracing_subscriber", &["logging"]),
    ("tracing_journald", &["logging"]),
    ("csv", &["report"]),
    ("argon2", &["credentials"]),
    ("ipnet", &["config"]),
    ("parquet", &["report"]),
    ("rust_xlsxwriter", &["report"]),
    ("zip", &["cli"]),
    ("anyhow", &["cli", "daemon", "main"]),
];

/// All that the domain may use beside itself: no async, no I/O, no log.
const PURE: &[&str] =
    &["std", "core", "serde", "serde_json", "jiff", "ring", "minijinja", "thiserror", "proptest"];

/// Words that only the rim may say: whoever reads the clock or the environment.
const AT_THE_RIM: &[(&str, &[&str])] = &[
    ("SystemTime::now", &["clock", "sandbox/clock"]),
    ("std::env::var", &["config/environment"]),
    ("env::vars_os", &["config/environment"]),
];

/// A source without its comments and its tests.
struct Source {
    /// `store/mod`, below `src`.
    name: String,
    code: String,
}

impl Source {
    fn part(&self) -> &str {
        self.name.split('/').next().unwrap()
    }
}

fn sources() -> Vec<Source> {
    fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    walk(&root, &mut files);
    files.sort();
    let sources = files.iter().map(|file| {
        let name = file.strip_prefix(&root).unwrap().with_extension("").display().to_string();
        let text = fs::read_to_string(file).unwrap();
        // Tests stand last in a file.
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let code = text.lines().map(|line| line.split("//").next().unwrap());
        Source { name, code: code.collect::<Vec<_>>().join("\n") }
    });
    let sources: Vec<Source> = sources.filter(|source| !source.name.contains("/tests")).collect();
    assert!(sources.len() > 50, "the sources are found");
    sources
}

/// The paths below the crate that a source names: `domain::time`, `store::Sending`; groups opened.
fn named(code: &str) -> BTreeSet<String> {
    after("crate::", code)
}

/// The paths that follow a word, which no name ends with.
fn after(word: &str, code: &str) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for (at, _) in code.match_indices(word) {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|letter| letter.is_alphanumeric() || "_:".contains(letter)) {
            continue;
        }
        open(&code[at + word.len()..], String::new(), &mut paths);
    }
    paths
}

/// A module's own path: `store::feedback::fold`.
fn module(source: &Source) -> String {
    source.name.strip_suffix("/mod").unwrap_or(&source.name).replace('/', "::")
}

/// The modules whose items a source names, but for those that it stands in: what a part takes from
/// its own head is no circle.
fn needs(source: &Source, modules: &BTreeSet<String>) -> BTreeSet<String> {
    let own = module(source);
    let mut paths = named(&source.code);
    let (mut up, mut parent) = ("super::".to_owned(), own.as_str());
    while let Some((above, _)) = parent.rsplit_once("::") {
        let below = after(&up, &source.code).into_iter().filter(|path| !path.starts_with("super"));
        paths.extend(below.map(|path| format!("{above}::{path}")));
        (up, parent) = (up + "super::", above);
    }
    let mut needed = BTreeSet::new();
    for path in paths {
        let mut path = path.as_str();
        while !modules.contains(path) {
            match path.rsplit_once("::") {
                Some((above, _)) => path = above,
                None => break,
            }
        }
        if modules.contains(path) && !is_within(&own, path) {
            needed.insert(path.to_owned());
        }
    }
    needed
}

/// Takes away, again and again, what needs nothing that is left. The rest stands in circles, or
/// needs what does.
fn in_circles(mut needs: BTreeMap<String, BTreeSet<String>>) -> BTreeMap<String, BTreeSet<String>> {
    loop {
        let left: BTreeSet<String> = needs.keys().cloned().collect();
        let before = needs.len();
        needs.retain(|_, needed| needed.iter().any(|one| left.contains(one)));
        if needs.len() == before {
            return needs;
        }
    }
}

/// Reads one path, or each of a group in braces; gives what is left of the text behind it.
fn open<'a>(text: &'a str, prefix: String, paths: &mut BTreeSet<String>) -> &'a str {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
    let (path, mut rest) = text.split_at(end.unwrap_or(text.len()));
    let whole = format!("{prefix}{path}");
    if !rest.starts_with('{') {
        paths.insert(whole.trim_end_matches(':').to_owned());
        return rest;
    }
    loop {
        rest = open(rest[1..].trim_start(), whole.clone(), paths).trim_start();
        match rest.chars().next() {
            Some(',') if !rest[1..].trim_start().starts_with('}') => {}
            Some(',') => return &rest[1..].trim_start()[1..],
            _ => return rest.get(1..).unwrap_or_default(),
        }
    }
}

fn is_within(path: &str, allowed: &str) -> bool {
    path == allowed || path.strip_prefix(allowed).is_some_and(|rest| rest.starts_with("::"))
}

#[test]
fn every_part_names_only_what_it_may() {
    let table: BTreeMap<&str, &[&str]> = MAY_NAME.iter().copied().collect();
    let mut wrong = Vec::new();
    for source in sources() {
        let part = source.part();
        let Some(allowed) = table.get(part) else {
            wrong.push(format!("src/{part} stands in no row"));
            continue;
        };
        for path in named(&source.code) {
            let may = *allowed == ANYTHING
                || is_within(&path, part)
                || allowed.iter().any(|allowed| is_within(&path, allowed));
            if !may {
                wrong.push(format!("src/{}.rs names crate::{path}", source.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_row_is_as_narrow_as_it_can_be() {
    let sources = sources();
    let mut wide = Vec::new();
    for (part, allowed) in MAY_NAME.iter().filter(|(_, allowed)| *allowed != ANYTHING) {
        let of_part = sources.iter().filter(|source| source.part() == *part);
        let paths: BTreeSet<String> = of_part.flat_map(|source| named(&source.code)).collect();
        for other in *allowed {
            if !paths.iter().any(|path| is_within(path, other)) {
                wide.push(format!("src/{part} need not name {other}"));
            }
        }
    }
    assert!(wide.is_empty(), "{}", wide.join("\n"));
}

#[test]
fn crates_are_used_only_where_they_belong() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (name, owners) in OWNED {
            let uses = source.code.contains(&format!("{name}::"))
                || source.code.contains(&format!("use {name} "));
            let may = owners.contains(&source.part()) || owners.contains(&source.name.as_str());
            if uses && !may {
                wrong.push(format!("src/{}.rs uses {name}", source.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_domain_is_pure() {
    for source in sources().iter().filter(|source| source.part() == "domain") {
        let uses = source.code.lines().filter_map(|line| line.strip_prefix("use "));
        for used in uses {
            let root = used.split("::").next().unwrap();
            let is_own = ["super", "crate", "self"].contains(&root);
            assert!(is_own || PURE.contains(&root), "src/{}.rs uses {root}", source.name);
        }
        for word in ["async ", ".await", "tracing", "tokio", "std::fs", "std::net", "std::env"] {
            assert!(!source.code.contains(word), "src/{}.rs says {word}", source.name);
        }
    }
}

#[test]
fn the_clock_and_the_environment_are_read_at_the_rim_only() {
    for source in sources() {
        for (words, where_) in AT_THE_RIM {
            let says = source.code.contains(words);
            let may = where_.contains(&source.name.as_str());
            assert!(!says || may, "src/{}.rs says {words}", source.name);
        }
    }
}

/// The reads of a column that do not name it, and the words that hide such a read.
fn columns_by_number(code: &str) -> Vec<&str> {
    let hidden = ["column: usize", "row.get(", "query_as"].into_iter();
    let mut found: Vec<&str> = hidden.filter(|words| code.contains(words)).collect();
    let calls = ["try_get(", "try_get::<"].into_iter().flat_map(|call| code.match_indices(call));
    for (at, _) in calls {
        let (_, argument) = code[at..].split_once('(').unwrap();
        let named = argument.trim_start().starts_with('"') || argument.starts_with("column)");
        if !named {
            found.push(code[at..].split_inclusive(')').next().unwrap());
        }
    }
    found
}

#[test]
fn columns_are_read_by_their_names() {
    for source in sources() {
        let found = columns_by_number(&source.code);
        assert!(
            found.is_empty(),
            "src/{}.rs reads a column by its number ({}), and the next column that a statement \
             gains shifts it in silence: name the column in the SQL and read it by that name",
            source.name,
            found.join(", ")
        );
    }
}

#[test]
fn a_column_that_is_read_by_its_number_is_found() {
    let code = "row.try_get(0)?; row.try_get::<i64, _>(FIRST + 1)?; row.try_get::<A, _>(\n\"a\")?";
    assert_eq!(columns_by_number(code), ["try_get(0)", "try_get::<i64, _>(FIRST + 1)"]);
    let by_name = "|column: &str| row.try_get::<i64, _>(column)";
    assert!(columns_by_number(by_name).is_empty());
    assert_eq!(columns_by_number(&by_name.replace("&str", "usize")), ["column: usize"]);
}

#[test]
fn no_files_need_each_other_in_a_circle() {
    let sources = sources();
    let modules: BTreeSet<String> = sources
        .iter()
        .map(module)
        .filter(|name| !["main", "lib"].contains(&name.as_str()))
        .collect();
    let needs = sources.iter().map(|source| (module(source), needs(source, &modules)));
    let needs: BTreeMap<_, _> = needs.filter(|(name, _)| modules.contains(name)).collect();
    assert!(needs["store::feedback::fold"].contains("store::feedback::rows"), "{needs:?}");
    let circles = in_circles(needs);
    assert!(circles.is_empty(), "{circles:#?}");
}

#[test]
fn a_circle_is_found_and_a_line_is_none() {
    let of = |needs: &[(&str, &str)]| {
        let needs = needs.iter().map(|(one, other)| {
            (
                (*one).to_owned(),
                BTreeSet::from_iter(Some((*other).to_owned()).filter(|it| !it.is_empty())),
            )
        });
        in_circles(needs.collect()).len()
    };
    assert_eq!(of(&[("a", "b"), ("b", "c"), ("c", "")]), 0);
    assert_eq!(of(&[("a", "b"), ("b", "c"), ("c", "b")]), 3);
}

#[test]
fn paths_are_read_out_of_groups() {
    let code = "use crate::a::{B, c::{D, E}, self};\nuse crate::f;\nfn g(h: crate::i::J) {}\n\
                use crate::{k, l::M,\n    n,\n};\nmy_crate::not;";
    let expected = ["a::B", "a::c::D", "a::c::E", "a::self", "f", "i::J", "k", "l::M", "n"];
    assert_eq!(named(code).iter().map(String::as_str).collect::<Vec<_>>(), expected);
}
