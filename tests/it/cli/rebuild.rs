//! The record made anew, from the command line.

use super::NOWHERE;
use crate::harness::program::{Program, configuration};

#[test]
fn a_period_or_an_account_that_cannot_be_meant_is_a_usage_error() {
    let program = Program::new(&configuration(NOWHERE));
    let reversed = ["rebuild", "--from", "2026-02-02", "--to", "2026-02-01"];
    for (arguments, words) in [
        (&["rebuild", "--from", "soon"][..], "\"soon\" is neither a date"),
        (&reversed, "is later than --to"),
        (&["rebuild", "--from", "2026-02-01", "--account", "acne"], "there is no such account in"),
        (&["rebuild"], "--from <D>"),
    ] {
        let refused = program.run(arguments);
        assert_eq!((refused.code, refused.stdout.as_str()), (2, ""), "{}", refused.stderr);
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
    }
    assert!(!program.path("surveyd.db").exists(), "nothing was made");
}

#[test]
fn what_x_cannot_tell_yet_is_not_asked_for() {
    let program = Program::new(&configuration(NOWHERE));
    assert_eq!(program.run(&["migrate"]).code, 0);
    let early = program.run(&["rebuild", "--from", "2999-01-01", "--surveys", "never"]);
    assert_eq!((early.code, early.stdout.as_str()), (1, ""), "{}", early.stderr);
    let (first, last) = early.stderr.split_once('\n').unwrap();
    assert!(first.starts_with("account acme: X tells events up to "), "{first}");
    assert_eq!(last, "surveyd: not every account is rebuilt\n");
}
