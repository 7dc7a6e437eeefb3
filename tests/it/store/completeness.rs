//! No public method of the store is left out of these scenarios.

use std::fs;
use std::path::{Path, PathBuf};

/// All sources below a folder.
fn sources(folder: impl AsRef<Path>) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut paths: Vec<_> =
        fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    paths.sort();
    let read = |path: &PathBuf| match path.is_dir() {
        true => sources(path),
        false => fs::read_to_string(path).unwrap(),
    };
    paths.iter().map(read).collect()
}

/// The public methods in the `impl Store` blocks of a source.
fn public_methods(source: &str) -> Vec<&str> {
    let mut methods = Vec::new();
    let mut is_store = false;
    for line in source.lines() {
        match line {
            "impl Store {" => is_store = true,
            "}" => is_store = false,
            _ => {}
        }
        let signature = line.strip_prefix("    pub async fn ").or(line.strip_prefix("    pub fn "));
        if let (true, Some(signature)) = (is_store, signature) {
            methods.push(signature.split(['(', '<']).next().unwrap());
        }
    }
    methods
}

#[test]
fn every_public_method_of_the_store_is_called_on_both_engines() {
    let source = sources("src/store");
    let methods = public_methods(&source);
    assert!(methods.contains(&"take_close") && methods.contains(&"ping"), "{methods:?}");
    assert!(methods.len() >= 36, "{}: {methods:?}", methods.len());
    let mut scenarios = sources("tests/it/store") + &sources("tests/it/harness");
    scenarios.retain(|letter| !letter.is_whitespace());
    let missing: Vec<&&str> = methods
        .iter()
        .filter(|method| {
            let calls = ["store.", "store.clone().", "Store::"];
            !calls.iter().any(|of| scenarios.contains(&format!("{of}{method}(")))
        })
        .collect();
    assert!(missing.is_empty(), "no scenario calls {missing:?}");
}
