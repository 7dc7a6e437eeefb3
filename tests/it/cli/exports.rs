//! The rows of surveys as files, of a small database.

use serde_json::{Value, json};

use super::records::{program, small};

const COLUMNS: &str = "survey_id,account,source,conversation_id,external_id,user_id,state,reason,\
    closed_at,due_at,sent_at,feedback_id,dm_id,type,question_variant_id,test,score,scored_at,text,\
    commented_at,updated_at,updates,agent,team,tags,language";

#[test]
fn the_export_has_one_row_a_survey_in_the_promised_columns() {
    let program = program();
    let [waiting, late, cancelled] = small(&program);
    let exported = program.run(&["export", "--format", "csv"]);
    assert_eq!((exported.code, exported.stderr.as_str()), (0, ""));
    let mut reader = csv::Reader::from_reader(exported.stdout.as_bytes());
    let columns: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(columns.join(","), COLUMNS);
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.unwrap()).collect();
    let column = |name: &str| columns.iter().position(|column| column == name).unwrap();
    let row = |id: &str| rows.iter().find(|row| &row[0] == id).expect("a row of this survey");
    assert_eq!(rows.len(), 3);
    let cell = |id: &str, name: &str| row(id)[column(name)].to_owned();
    assert_eq!(cell(&waiting, "conversation_id"), "c ☃ 1");
    assert_eq!(cell(&waiting, "tags"), "vip|a,b");
    assert_eq!(cell(&waiting, "team"), "'=1+1", "no spreadsheet runs it");
    assert_eq!(cell(&waiting, "source"), "enqueue");
    assert_eq!(cell(&late, "state"), "expired");
    assert_eq!(cell(&late, "closed_at"), "2020-01-01T00:00:00.000Z");
    assert_eq!((cell(&late, "score"), cell(&late, "updates")), (String::new(), "0".into()));
    assert_eq!(
        (cell(&cancelled, "state"), cell(&cancelled, "reason")),
        ("cancelled".into(), "operator".into())
    );

    let lines = program.run(&["export", "--format", "jsonl"]).stdout;
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let line = lines.iter().find(|line| line["survey_id"] == waiting.as_str()).unwrap();
    assert_eq!(line["tags"], json!(["vip", "a,b"]));
    assert_eq!(
        (&line["team"], &line["score"], &line["test"]),
        (&json!("=1+1"), &json!(null), &json!(false))
    );
    let names: Vec<&str> = columns.iter().map(String::as_str).collect();
    assert!(names.iter().all(|name| line.get(name).is_some()), "{line}");
}

#[test]
fn an_export_takes_a_period_and_a_file() {
    let program = program();
    let [_, late, _] = small(&program);
    let of = |arguments: &[&str]| {
        let exported = program.run(&[&["export", "--format", "jsonl"], arguments].concat());
        assert_eq!(exported.code, 0, "{}", exported.stderr);
        exported.stdout.lines().count()
    };
    assert_eq!(of(&["--from", "2020-01-01", "--to", "2020-01-01"]), 1);
    assert_eq!(of(&["--to", "2020-01-01T00:00:00Z"]), 1);
    assert_eq!(of(&["--from", "2020-01-02"]), 2);
    assert_eq!(of(&["--to", "2020-12-31", "-o", "export.jsonl"]), 0, "the file has it");
    let written = std::fs::read_to_string(program.folder().join("export.jsonl")).unwrap();
    assert!(written.contains(&late) && written.lines().count() == 1, "{written}");
}

#[test]
fn an_export_for_spreadsheets_keeps_every_digit() {
    let program = program();
    let ids = ["--conversation", "12345678901234567890", "--user-id", "1234567890123456789"];
    let old = ["--closed-at", "2020-01-01T00:00:00Z", "--agent", "007"];
    let close = ["enqueue", "--json", "--account", "acme"];
    program.run(&[&close[..], &ids, &old].concat()).json();
    let exported = program.run(&["export", "--format", "csv", "--for-spreadsheets"]);
    assert_eq!(exported.code, 0, "{}", exported.stderr);
    let text = exported.stdout.strip_prefix('\u{feff}').expect("Excel knows UTF-8 by it");
    assert!(text.starts_with(&format!("{COLUMNS}\r\n")), "{text}");
    let row = text.lines().nth(1).unwrap();
    assert!(row.contains(",12345678901234567890\t,12345678901234567890\t,1234567890123456789\t,"));
    assert!(row.contains(",2020-01-01 00:00:00,") && row.contains(",007\t,"), "{row}");
    for (format, remedy) in [
        ("jsonl", "give --format csv"),
        ("parquet", "give --format csv, or --format xlsx without it"),
        ("xlsx", "leave it out, an XLSX file keeps all digits and dates"),
    ] {
        let refused = program.run(&["export", "--format", format, "--for-spreadsheets"]);
        let said = format!("surveyd: --for-spreadsheets is a form of CSV: {remedy}\n");
        assert_eq!((refused.code, refused.stdout.as_str()), (2, ""));
        assert_eq!(refused.stderr, said);
    }
}

#[test]
fn an_export_that_is_no_text_is_the_same_bytes_each_time_by_file_and_by_pipe() {
    let program = program();
    small(&program);
    for (format, begins) in [("parquet", &b"PAR1"[..]), ("xlsx", b"PK\x03\x04")] {
        let piped = program.command(&["export", "--format", format]).output().unwrap();
        assert_eq!((piped.status.code(), piped.stderr.as_slice()), (Some(0), &b""[..]));
        assert!(piped.stdout.starts_with(begins));
        let name = format!("export.{format}");
        for _ in 0..2 {
            // The second time it takes the place of the first.
            let ended = program.run(&["export", "--format", format, "-o", &name]);
            assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (0, "", ""));
            assert_eq!(std::fs::read(program.path(&name)).unwrap(), piped.stdout);
        }
    }
}

#[test]
fn a_temporary_file_that_cannot_be_written_ends_an_export_in_plain_words() {
    let program = program();
    // More than the limit below, and more than one page.
    let database = rusqlite::Connection::open(program.path("surveyd.db")).unwrap();
    small(&program);
    database
        .execute_batch(
            "with recursive number(n) as (select 1 union all select n + 1 from number where n < 2000)
             insert into survey (id, account, source, conversation_id, ordinal, external_id, user_id,
                 kind, question_variant_id, test, state, closed_at, accepted_at, due_at, notice,
                 try_at, lease_token, attempts)
             select 'copy-' || n, 'acme', 'desk', 'copy-' || n, 1, 'copy-' || n, '7', 'csat', 1, 0,
                 'expired', n, n, n, '{}', n, 0, 0 from number",
        )
        .unwrap();
    let command = program.command(&["export", "--format", "xlsx", "-o", "export.xlsx"]);
    // A file may have 256 KiB, and who writes more gets an error instead of a signal.
    let words = "trap '' XFSZ; ulimit -f 512; exec \"$0\" \"$@\"";
    let mut limited = std::process::Command::new("/bin/sh");
    limited.arg("-c").arg(words).arg(command.get_program()).args(command.get_args());
    limited.env_clear().current_dir(program.folder());
    limited.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let ended = limited.output().unwrap();
    let said = "surveyd: the temporary file cannot be written: File too large\n";
    assert_eq!(String::from_utf8(ended.stderr).unwrap(), said);
    assert_eq!(ended.status.code(), Some(1));
    let left = std::fs::read_dir(program.folder()).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name.to_str().unwrap().contains("export")).collect();
    assert!(left.is_empty(), "{left:?}");
}
