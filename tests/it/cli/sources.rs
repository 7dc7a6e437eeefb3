//! What a saved payload would become, and what was refused.

use super::NOWHERE;
use crate::harness::program::{Program, configuration};

const OWN: &str = r#"
[[sources]]
name = "own"
kind = "mapped"
account = "acme"
signature = "none"
closed = { "/is" = "closed" }
conversation_id = "/id"
user_id = "/person"
time_zone = "/zone"
attributes.tier = "/tier"
"#;

fn program() -> Program {
    Program::with_database(&(configuration(NOWHERE) + OWN))
}

#[test]
fn what_was_refused_last_stands_first() {
    let program = program();
    let refuse =
        "insert into rejected (source, at, answer, reason, count) values (?1, ?2, 422, ?3, 1)";
    let database = rusqlite::Connection::open(program.path("surveyd.db")).unwrap();
    for (source, at) in [("own", 3), ("desk", 1), ("own", 2), ("desk", 4)] {
        database.execute(refuse, (source, at, format!("reason {at}"))).unwrap();
    }
    let reasons = |arguments: &[&str]| {
        let told = program.run(&[&["sources", "rejected"], arguments, &["--json"]].concat()).json();
        let told = told.as_array().unwrap().iter();
        told.map(|one| one["reason"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(reasons(&[]), ["reason 4", "reason 3", "reason 2", "reason 1"]);
    assert_eq!(reasons(&["desk"]), ["reason 4", "reason 1"]);
    let help = program.run(&["sources", "rejected", "--help"]).stdout;
    assert!(help.contains("The newest stands first."), "{help}");
}
