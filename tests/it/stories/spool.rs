//! Closes that come in files, moved into a folder.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use surveyd::stop::{Stopper, stopper};
use surveyd::watcher::spool::Spool;

use crate::harness::database::{Database, on_each_engine};
use crate::harness::log::Log;
use crate::harness::people::ANA;
use crate::harness::stage::{Setup, Stage};
use crate::harness::{START, minutes};

const LINE_MAX: usize = 1_024;

/// A stage with an empty spool beside the database.
struct Files {
    stage: Stage,
    folder: PathBuf,
    spool: Spool,
}

impl Files {
    async fn on(database: Database) -> Self {
        let stage = Stage::on(database, Setup::default()).await;
        let folder = stage.database.folder().join("spool");
        let spool = stage.spool(&folder, LINE_MAX);
        Self { stage, folder, spool }
    }

    async fn new() -> Self {
        Self::on(Database::sqlite()).await
    }

    /// Moves a file in, as its writer is asked to.
    fn put(&self, name: &str, text: &str) {
        let aside = self.stage.database.folder().join("aside");
        fs::write(&aside, text).unwrap();
        fs::rename(aside, self.folder.join(name)).unwrap();
    }

    /// Takes all that is there.
    async fn take(&mut self) {
        while self.spool.tick(&running()).await.unwrap() {}
    }

    fn there(&self, folder: &str) -> Vec<String> {
        names(&self.folder.join(folder))
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.folder.join(file)).unwrap()
    }

    async fn surveys(&self) -> usize {
        self.stage.results().await.len()
    }
}

/// Nobody asks for an end here.
fn running() -> Stopper {
    let (sender, stopper) = stopper();
    std::mem::forget(sender);
    stopper
}

/// The files in a folder; the folders in it are left out.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let files = entries.filter(|entry| !entry.file_type().unwrap().is_dir());
    let mut names: Vec<_> = files.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn notice(kind: &str, data: Value) -> String {
    format!("{}\n", json!({"type": kind, "timestamp": START.rfc3339(), "data": data}))
}

fn close(conversation: &str) -> String {
    let data = json!({"conversation_id": conversation, "user_id": ANA});
    notice("conversation.closed", data)
}

fn closes(count: usize) -> String {
    (0..count).map(|number| close(&format!("c-{number}"))).collect()
}

#[tokio::test]
async fn every_line_becomes_a_survey_and_the_file_is_moved_to_done() {
    on_each_engine(async |database| {
        let mut files = Files::on(database).await;
        files.put("a.jsonl", &closes(600));
        let reopened = notice("conversation.reopened", json!({"conversation_id": "c-7"}));
        files.put("b.jsonl", &format!("\u{FEFF}{}\r\n\r\n{reopened}", close("c-b").trim_end()));
        files.put("empty.jsonl", "");
        files.take().await;
        assert_eq!(files.surveys().await, 601);
        assert_eq!(files.there("done"), ["a.jsonl", "b.jsonl", "empty.jsonl"]);
        assert!(files.there("").is_empty() && files.there("bad").is_empty());
        assert_eq!(files.stage.state("c-7").await, "cancelled: reopened");
        let survey = files.stage.survey("c-b").await.survey;
        assert_eq!((survey.source.as_str(), survey.account.as_str()), ("files", "acme"));
        assert_eq!(survey.closed_at, START);
    })
    .await;
}

#[tokio::test]
async fn bad_lines_are_named_with_their_reasons_and_the_good_ones_are_taken() {
    let mut files = Files::new().await;
    let nobody = json!({"account": "nobody", "conversation_id": "c", "user_id": "1"});
    let lines = [
        close("c-1"),
        "{\"type\": \n".into(),
        "\n".into(),
        notice("conversation.closed", json!({"user_id": "dana", "tags": "vip"})),
        notice("conversation.closed", nobody),
        format!("{}\n", "x".repeat(LINE_MAX + 1)),
        "null\n".into(),
        close("c-2").trim_end().into(),
    ];
    files.put("a.jsonl", &lines.concat());
    files.take().await;
    assert_eq!(files.surveys().await, 2);
    assert_eq!(files.there("bad"), ["a.jsonl", "a.jsonl.reasons.txt"]);
    assert_eq!(files.read("bad/a.jsonl"), lines.concat(), "nothing is lost");
    assert_eq!(
        files.read("bad/a.jsonl.reasons.txt"),
        "\
line 2: is no JSON: EOF while parsing a value at column 9
line 4: /data/conversation_id is missing; /data/user_id must be 1 to 19 decimal digits, the numeric id of a person at X; /data/tags must be a list of strings
line 5: /data/account there is no account \"nobody\"
line 6: is longer than http.max_body, 1024 bytes
line 7: must be a JSON object
"
    );
    let kept = files.stage.store.rejected(Some("files")).await.unwrap();
    let kept: Vec<_> =
        kept.iter().map(|(_, one)| (one.answer, one.place.as_deref().unwrap())).collect();
    // The last line is the newest.
    let place = |number| format!("a.jsonl, line {number}");
    assert_eq!(
        kept,
        [(422, 7), (413, 6), (422, 5), (422, 4), (415, 2)]
            .map(|(answer, number)| (answer, place(number)))
            .iter()
            .map(|(answer, place)| (*answer, place.as_str()))
            .collect::<Vec<_>>()
    );
    // Mended and moved in again, what was taken already changes nothing.
    files.put("a.jsonl", &format!("{}{}", close("c-1"), close("c-3")));
    files.take().await;
    assert_eq!((files.surveys().await, files.there("done")), (3, vec!["a.jsonl".to_owned()]));
}

#[tokio::test]
async fn of_many_bad_lines_the_first_are_kept_singly_and_the_others_counted() {
    let mut files = Files::new().await;
    files.put("a.jsonl", &"{}\n".repeat(1_000));
    files.take().await;
    let kept = files.stage.store.rejected(Some("files")).await.unwrap();
    let counts: Vec<_> = kept.iter().map(|(_, one)| one.count).collect();
    assert_eq!((counts.len(), counts.iter().sum::<u64>()), (11, 1_000));
    assert!(counts.contains(&990));
}

#[tokio::test]
async fn a_file_that_a_crash_left_behind_changes_nothing_when_it_is_read_again() {
    on_each_engine(async |database| {
        let mut files = Files::on(database).await;
        let undated = json!({"type": "conversation.reopened", "data": {"conversation_id": "c-1"}});
        files.put("a.jsonl", &format!("{}{undated}\n", closes(3)));
        // The very file as it stood before it was moved.
        let (file, kept) = (files.folder.join("a.jsonl"), files.folder.join("kept"));
        fs::hard_link(&file, &kept).unwrap();
        files.take().await;
        files.stage.wait(minutes(1));
        files.stage.close("c-1", ANA).await;
        fs::rename(kept, &file).unwrap();
        files.take().await;
        assert_eq!(files.stage.state("c-1").await, "scheduled", "the later close stands");
        assert_eq!(files.surveys().await, 4);
        assert_eq!(files.there("done"), ["a.2.jsonl", "a.jsonl"]);
    })
    .await;
}

#[tokio::test]
async fn a_name_that_was_used_before_is_another_file() {
    let mut files = Files::new().await;
    for round in 0..3 {
        files.put("a.jsonl", &close(&format!("c-{round}")));
        files.take().await;
        files.put("b.jsonl", "no\n");
        files.take().await;
    }
    assert_eq!(files.surveys().await, 3);
    assert_eq!(files.there("done"), ["a.2.jsonl", "a.3.jsonl", "a.jsonl"]);
    assert_eq!(files.there("bad").len(), 6);
    assert!(files.read("done/a.3.jsonl").contains("c-2"));
}

#[tokio::test]
async fn what_is_no_file_of_lines_is_left_alone() {
    let mut files = Files::new().await;
    let outside = files.stage.database.folder().join("outside");
    fs::write(&outside, close("c-1")).unwrap();
    symlink(&outside, files.folder.join("link.jsonl")).unwrap();
    fs::create_dir(files.folder.join("folder.jsonl")).unwrap();
    for name in [".hidden.jsonl", "a.json", "b.jsonl.tmp", "jsonl"] {
        files.put(name, &close("c-2"));
    }
    files.take().await;
    assert_eq!(files.surveys().await, 0);
    let left = [".hidden.jsonl", "a.json", "b.jsonl.tmp", "jsonl", "link.jsonl"];
    assert_eq!(files.there(""), left);
    assert!(files.there("done").is_empty() && files.there("bad").is_empty());
}

#[tokio::test]
async fn more_files_than_one_pass_takes_are_taken_by_the_next() {
    let mut files = Files::new().await;
    for number in 0..300 {
        files.put(&format!("{number}.jsonl"), &close(&format!("c-{number}")));
    }
    assert!(files.spool.tick(&running()).await.unwrap());
    assert!(!files.spool.tick(&running()).await.unwrap());
    assert_eq!((files.surveys().await, files.there("done").len()), (300, 300));
}

#[tokio::test]
async fn while_the_store_is_away_the_file_stays_where_it_is() {
    let mut files = Files::new().await;
    files.put("a.jsonl", &format!("no\n{}", closes(3)));
    files.stage.store.clone().close().await;
    assert!(files.spool.tick(&running()).await.is_err());
    assert_eq!(files.there(""), ["a.jsonl"]);
    assert!(files.there("done").is_empty() && files.there("bad").is_empty());
    files.stage.restart().await;
    files.spool = files.stage.spool(&files.folder, LINE_MAX);
    files.take().await;
    assert_eq!((files.surveys().await, files.there("bad").len()), (3, 2));
}

#[tokio::test]
async fn a_file_that_cannot_be_moved_holds_up_no_other_and_is_tried_again() {
    let mut files = Files::new().await;
    files.put("a.jsonl", "no\n");
    files.put("b.jsonl", &close("c-1"));
    fs::remove_dir(files.folder.join("bad")).unwrap();
    fs::write(files.folder.join("bad"), "").unwrap();
    files.take().await;
    assert_eq!((files.there("done"), files.surveys().await), (vec!["b.jsonl".to_owned()], 1));
    assert_eq!(files.there(""), ["a.jsonl", "bad"]);
    fs::remove_file(files.folder.join("bad")).unwrap();
    // Whoever starts anew waits for nothing.
    files.spool = files.stage.spool(&files.folder, LINE_MAX);
    files.take().await;
    assert_eq!(files.there("bad"), ["a.jsonl", "a.jsonl.reasons.txt"]);
}

#[tokio::test]
async fn of_two_at_work_in_one_folder_one_waits() {
    let mut files = Files::new().await;
    files.put("a.jsonl", &close("c-1"));
    let other = fs::File::open(&files.folder).unwrap();
    other.try_lock().unwrap();
    files.take().await;
    assert_eq!((files.there(""), files.surveys().await), (vec!["a.jsonl".to_owned()], 0));
    drop(other);
    files.take().await;
    assert_eq!(files.surveys().await, 1);
}

#[tokio::test]
async fn what_is_appended_to_a_file_that_was_taken_is_read_too() {
    let mut files = Files::new().await;
    files.put("a.jsonl", &close("c-1"));
    let third = close("c-3");
    files.put("bad.jsonl", &third[..20]);
    let open =
        |name: &str| fs::OpenOptions::new().append(true).open(files.folder.join(name)).unwrap();
    // A program that holds them open goes on to write.
    let (mut whole, mut begun) = (open("a.jsonl"), open("bad.jsonl"));
    files.take().await;
    assert_eq!((files.there("done"), files.there("bad").len()), (vec!["a.jsonl".into()], 2));
    whole.write_all(close("c-2").as_bytes()).unwrap();
    begun.write_all(&third.as_bytes()[20..]).unwrap();
    files.put("bad.jsonl", &close("c-4"));
    let log = Log::kept();
    files.take().await;
    assert_eq!(log.of("spool.file_left").len(), 2);
    assert_eq!(files.surveys().await, 4);
    assert_eq!(files.there("done"), ["a.jsonl", "bad.2.jsonl", "bad.jsonl"]);
    assert!(files.there("").is_empty() && files.there("bad").is_empty());
    files.take().await;
    assert_eq!(log.of("spool.file_left").len(), 2, "nothing is written any more");
}
