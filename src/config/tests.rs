//! Every fault is asserted whole, as the operator reads it.

mod access;
mod accounts;
mod alerts;
mod overrides;
mod policies;
mod policy;
mod proxy;
mod schedules;
mod secrets;
mod sections;
mod shipped;
mod sources;
mod unknown;
mod x_webhook;

use std::collections::BTreeMap;
use std::path::Path;

use super::*;

/// A sound configuration with nothing but what must be there.
const LEAST: &str = r#"
[[accounts]]
name = "acme"
user_id = "1212121212121"
consumer_key = "key-1"
consumer_secret = "key-2"
access_token = "key-3"
access_token_secret = "key-4"
privacy_url = "https://acme.example/privacy"
[accounts.survey]
message = "How did we do?"
"#;

const SOURCE: &str = r#"
[[sources]]
name = "helpdesk"
kind = "standard"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
"#;

fn read(text: &str) -> Result<Config, Faults> {
    read_under(text, &[])
}

fn read_under(text: &str, variables: &[(&str, &str)]) -> Result<Config, Faults> {
    parse(text, Path::new("surveyd.toml"), &Environment::of(variables.iter().copied()))
}

fn sound(text: &str) -> Config {
    read(text).unwrap_or_else(|faults| panic!("{faults}"))
}

/// Everything that is wrong with a file, as it is printed.
fn faults(text: &str) -> String {
    read(text).unwrap_err().to_string()
}

/// The file with a line put in the place of that one.
fn with(text: &str, line: &str, other: &str) -> String {
    assert_eq!(text.matches(line).count(), 1, "{line}");
    text.replace(line, other)
}

/// The least file under more sections.
fn under(sections: &str) -> String {
    format!("{sections}\n{LEAST}")
}

/// The least file with more lines in its survey.
fn survey(lines: &str) -> String {
    format!("{LEAST}{lines}\n")
}

/// The least file with more lines in its account.
fn account(lines: &str) -> String {
    with(LEAST, "[accounts.survey]", &format!("{lines}\n[accounts.survey]"))
}

#[test]
fn a_file_with_the_least_in_it_stands_on_the_defaults() {
    let config = sound(LEAST);
    assert_eq!(config.store.url, "sqlite:surveyd.db");
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8471");
    assert_eq!(config.http.max_body, 262_144);
    assert_eq!(config.log, Log { format: None, level: LogLevel::Info });
    assert_eq!(config.x.base_url, "https://api.x.com");
    assert_eq!(config.x.can_dm, CanDmBy::FriendshipsShow);
    let report = &config.report;
    assert_eq!((report.min_group, report.agent_min), (5, 10));
    assert_eq!(report.time_zone, Zone::utc());
    assert_eq!(format_duration(report.agent_delay), "7d");
    assert_eq!(config.http.proxy, None);
    let account = config.account("acme").unwrap();
    assert_eq!((account.daily_limit, account.daily_limit_per_user), (1000, 1));
    assert_eq!(account.display_name, None);
    let survey = &account.survey;
    assert_eq!((survey.kind, survey.question_variant_id), (SurveyType::Csat, 0));
    assert_eq!((survey.sample, survey.test), (1.0, false));
    assert_eq!(format_duration(survey.delay), "5m");
    assert_eq!(format_duration(survey.expire_after), "12h");
    assert_eq!(format_duration(survey.throttle), "7d");
    assert_eq!(survey.throttle_group, "acme");
    assert_eq!(survey.templates().render(None, &BTreeMap::new()).unwrap(), "How did we do?");
    assert_eq!(config.sources, []);
    assert_eq!((config.logins, config.tokens), (Vec::new(), Vec::new()));
    assert_eq!((config.alerts, config.schedules), (Vec::new(), Vec::new()));
    assert_eq!(config.http.public_url, None);
}

#[test]
fn every_fault_is_reported_at_once() {
    let text = r#"
        [http]
        lisen = "127.0.0.1:80"
        max_body = "2 MB"
        [poll]
        interval = 300
        [[accounts]]
        name = "acme"
        user_id = "12x"
        consumer_key = "k"
        access_token = ""
        access_token_secret = "t"
        privacy_url = "acme.example/privacy"
        [accounts.survey]
        delay = "5 minutes"
        expire_after = "31d"
    "#;
    assert_eq!(
        faults(text),
        "\
surveyd.toml: http.max_body = \"2 MB\": is not a size
  write a number of bytes, or as `256KiB` or `1MiB`; from 1KiB to 16MiB
surveyd.toml: poll.interval = 300: is a whole number, not a string
  write a whole number and one unit: `500ms`, `90s`, `15m`, `12h` or `7d`; from 1s to 1d
surveyd.toml: accounts.acme.user_id = \"12x\": is not a user id
  write the handle's numeric id, 1 to 19 digits
surveyd.toml: accounts.acme.consumer_secret: is missing
  add `consumer_secret = { file = \"…\" }` to accounts.acme
surveyd.toml: accounts.acme.access_token: is empty
  write the secret
surveyd.toml: accounts.acme.privacy_url = \"acme.example/privacy\": is not a URL: relative URL without a base
  write it as https://host/path
surveyd.toml: accounts.acme.survey.message: is missing
  add `message = \"Thanks for talking to us. How did we do?\"` to accounts.acme.survey
surveyd.toml: accounts.acme.survey.delay = \"5 minutes\": is not a length of time
  write a whole number and one unit: `500ms`, `90s`, `15m`, `12h` or `7d`; from 0s to 7d
surveyd.toml: accounts.acme.survey.expire_after = \"31d\": is out of bounds
  write a value from 1ms to 30d
surveyd.toml: http.lisen: unknown key
  did you mean `listen`?"
    );
}

#[test]
fn a_fault_is_told_to_machines_part_by_part() {
    let faults = read(&survey("sample = 1.5")).unwrap_err();
    assert_eq!(
        serde_json::to_value(&faults).unwrap(),
        serde_json::json!([{
            "file": "surveyd.toml",
            "key": "accounts.acme.survey.sample",
            "variable": null,
            "value": "1.5",
            "problem": "is out of bounds",
            "remedy": "write a value from 0.0 to 1.0",
        }])
    );
}

#[test]
fn a_file_that_is_no_toml_is_one_fault_with_its_place_and_without_its_text() {
    let text = "[http]\nlisten = \"127.0.0.1:8471\"\nconsumer_secret = \"hunter2\n";
    let shown = faults(text);
    assert!(shown.starts_with("surveyd.toml: line 3, column "), "{shown}");
    let remedy =
        "end the text with the quote that it begins with, on the same line, as name = \"acme\"";
    assert!(shown.ends_with(&format!("\n  {remedy}")), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
    assert_eq!(shown.lines().count(), 2, "{shown}");
    assert_eq!(
        faults("[log]\nlevel = \"info\"\nlevel = \"warn\"\n"),
        "surveyd.toml: line 3, column 1: duplicate key `level`
  a key, and a table as [http], stands once: keep one of the two"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_a_fault() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.toml");
    let shown = load(&path, &Environment::default()).unwrap_err().to_string();
    assert_eq!(
        shown,
        format!(
            "{}: cannot be read: No such file or directory (os error 2)
  name another file by --config or SURVEYD_CONFIG, or make one by `surveyd init`",
            path.display()
        )
    );
    std::fs::write(&path, LEAST).unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&path, private).unwrap();
    assert_eq!(load(&path, &Environment::default()), Ok(sound(LEAST)));
}

#[test]
fn what_is_shown_of_a_configuration_holds_no_secret() {
    let url = "[store]\nurl = \"postgres://surveyd:hunter2@db.example/surveyd?password=hunter2\"";
    let config = sound(&format!("{}{SOURCE}", under(url)));
    assert_eq!(config.store.redacted_url(), "postgres://surveyd:***@db.example/surveyd");
    let shown = format!("{config:?} {}", config.accounts[0].access_token);
    assert!(shown.contains("consumer_secret: ***"), "{shown}");
    for secret in ["hunter2", "key-1", "key-2", "key-3", "key-4", "whsec_"] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
}
