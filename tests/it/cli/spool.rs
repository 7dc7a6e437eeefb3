//! A folder as a source, from the configuration to the log.

use std::fs;

use serde_json::json;

use super::NOWHERE;
use crate::harness::help_desk;
use crate::harness::people::ANA;
use crate::harness::program::{Program, Running, configuration};

const SOURCE: &str = "[[sources]]\nname = \"files\"\nkind = \"spool\"\naccount = \"acme\"\nevery = \"1s\"\nfolder = \"in/spool\"\n";

fn program(source: &str) -> Program {
    Program::new(&format!("{}{source}", configuration(NOWHERE)))
}

async fn metrics(running: &Running) -> String {
    let address = format!("http://{}/metrics", running.address());
    help_desk::client().get(&address).send().await.unwrap().text().await.unwrap()
}

fn close(conversation: &str) -> String {
    let now = surveyd::clock::Clock::System.now().rfc3339();
    let data = json!({"conversation_id": conversation, "user_id": ANA, "closed_at": now});
    format!("{}\n", json!({"type": "conversation.closed", "data": data}))
}

fn put(program: &Program, name: &str, text: &str) {
    let aside = program.path("aside");
    fs::write(&aside, text).unwrap();
    fs::rename(aside, program.path("in/spool").join(name)).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_folder_is_made_at_the_start_and_what_is_moved_in_is_told_in_the_log() {
    let program = program(SOURCE);
    assert_eq!(program.run(&["check"]).code, 0);
    assert!(!program.path("in").exists(), "check makes nothing");
    let mut running = program.start().await;
    assert!(program.path("in/spool/done").is_dir() && program.path("in/spool/bad").is_dir());
    put(&program, "a.jsonl", &(close("c-1") + &close("c-2")));
    let done = running.until("spool.file_done", 1).await;
    assert_eq!(
        (&done["file"], &done["lines"], &done["new"]),
        (&json!("a.jsonl"), &json!(2), &json!(2))
    );
    assert_eq!((done["level"].as_str(), &done["source"]), (Some("INFO"), &json!("files")));
    assert!(program.path("in/spool/done/a.jsonl").exists());
    assert_eq!(running.of("close.accepted").len(), 2);

    // It goes on under the configuration that a reload puts in force.
    running.signal("HUP");
    running.until("config.reloaded", 1).await;
    put(&program, "b.jsonl", &format!("{}not this\n", close("c-3")));
    let bad = running.until("spool.file_bad", 1).await;
    assert_eq!((&bad["lines"], &bad["new"], &bad["bad"]), (&json!(2), &json!(1), &json!(1)));
    let rejected = running.of("close.rejected");
    assert_eq!((rejected.len(), &rejected[0]["line"]), (1, &json!(2)));

    let page = metrics(&running).await;
    for (answer, count) in [(202, 3), (415, 1)] {
        let line =
            format!("surveyd_requests_total{{source=\"files\",answer=\"{answer}\"}} {count}\n");
        assert!(page.contains(&line), "{page}");
    }
    let mut checked = program.run(&["status", "--check"]);
    while checked.code == 0 {
        checked = program.run(&["status", "--check"]);
    }
    let words = "source files: 1 close was refused in the last hour, the newest for: is no JSON: ";
    assert!(checked.stdout.starts_with(words), "{}", checked.stdout);
    let told = program.run(&["sources", "rejected", "files", "--json"]).json();
    assert_eq!((&told[0]["answer"], &told[0]["place"]), (&json!(415), &json!("b.jsonl, line 2")));
    let address = format!("http://{}/v1/sources/files", running.address());
    let posted = help_desk::client().post(&address).body(close("c-4")).send().await.unwrap();
    assert_eq!(posted.status().as_u16(), 404, "a folder is not posted to");
    running.signal("TERM");
    assert_eq!(running.ended().await.code(), Some(0), "{}", running.log());
    let listed = program.run(&["sources", "list", "--json"]).json();
    assert_eq!((&listed[1]["kind"], &listed[1]["path"]), (&json!("spool"), &json!("in/spool")));
    assert_eq!(program.run(&["sources", "test", "files", "x"]).code, 2);
}

#[test]
fn a_folder_that_cannot_be_made_is_a_fault_of_the_configuration() {
    let program = program(SOURCE);
    fs::write(program.path("in"), "no folder").unwrap();
    let checked = program.run(&["check"]);
    assert_eq!(checked.code, 78, "{}", checked.stderr);
    let fault = format!(
        "{}: sources.files.folder = \"in/spool\": cannot be used: {} is no folder
  name a folder that surveyd's user can make, read and write\n",
        program.path("surveyd.toml").display(),
        program.path("in").display(),
    );
    assert_eq!(checked.stdout, fault);
    let ran = program.run(&["run"]);
    assert_eq!(ran.code, 78, "{}", ran.stderr);
    assert!(ran.stderr.contains("sources.files.folder = \"in/spool\": cannot be used"));
}
