//! Gives the program its version, with the commit where the sources are a checkout: `0.1.0
//! (779210a3c4d5)`. Whoever packages sources without git may name the commit by `SURVEYD_COMMIT`.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=SURVEYD_COMMIT");
    let named = std::env::var("SURVEYD_COMMIT").ok().filter(|name| !name.is_empty());
    let commit = named.or_else(commit).map(|commit| format!(" ({commit})")).unwrap_or_default();
    println!("cargo:rustc-env=SURVEYD_VERSION={}{commit}", of_cargo("CARGO_PKG_VERSION"));
}

/// What Cargo tells every build script.
fn of_cargo(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"))
}

/// The commit that is checked out. Nothing where git is missing, or where these sources lie inside
/// somebody else's checkout, as an unpacked archive may.
fn commit() -> Option<String> {
    let root = git(&["rev-parse", "--show-toplevel"])?;
    let here = Path::new(&of_cargo("CARGO_MANIFEST_DIR")).canonicalize().ok()?;
    if Path::new(&root).canonicalize().ok()? != here {
        return None;
    }
    // The log of HEAD grows with each commit, and with nothing that changes no commit. A path that
    // does not exist would start this at every build.
    for name in ["HEAD", "logs/HEAD"] {
        let path = git(&["rev-parse", "--git-path", name])?;
        if Path::new(&path).exists() {
            println!("cargo:rerun-if-changed={path}");
        }
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}

/// What git says. The owner of the checkout may be another than who builds it, as under sudo.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .args(["-c", "safe.directory=*"])
        .args(arguments)
        .current_dir(of_cargo("CARGO_MANIFEST_DIR"))
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned()).filter(|said| !said.is_empty())
}
