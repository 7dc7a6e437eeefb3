use super::alerts::ALERT;
use super::*;
use crate::domain::result_files::{ExportFile, ReportFile};
use crate::domain::schedule::Every;
use crate::domain::summary::GroupBy;

pub(super) const SCHEDULE: &str = r#"
[[schedules]]
name = "monday"
every = "week"
to = { folder = "reports" }
"#;

fn schedule(lines: &str) -> String {
    format!("{LEAST}{SCHEDULE}{lines}\n")
}

/// A schedule that is told to the alert.
fn digest(lines: &str) -> String {
    let told = ALERT.replace("on = [\"detractor\"]", "on = [\"detractor\", \"digest\"]");
    let schedule = SCHEDULE.replace("folder = \"reports\"", "alert = \"leads\"");
    format!("{LEAST}{told}{schedule}{lines}\n")
}

fn folder(path: &str, keep: u32) -> ScheduledFolder {
    ScheduledFolder { path: path.into(), keep }
}

#[test]
fn a_schedule_with_the_least_in_it_writes_reports_as_html() {
    let schedule = sound(&schedule("")).schedules.remove(0);
    let (by, format) = (GroupBy::Nothing, ReportFile::Html);
    let output = ScheduledOutput::Report { by, format, folder: folder("reports", 12) };
    let expected = ScheduleConfig {
        name: "monday".into(),
        every: Every::Week,
        output,
        accounts: None,
        teams: None,
    };
    assert_eq!(schedule, expected);
}

#[test]
fn a_schedule_takes_every_key() {
    let lines = "what = \"report\"\nby = \"team\"\nformat = \"xlsx\"\nkeep = 3\naccounts = [\"acme\"]\nteams = [\"billing\"]";
    let made = sound(&schedule(lines)).schedules.remove(0);
    let (by, format) = (GroupBy::Team, ReportFile::Xlsx);
    assert_eq!(made.output, ScheduledOutput::Report { by, format, folder: folder("reports", 3) });
    let names = |name: &str| Some([name.to_owned()].into());
    assert_eq!((made.accounts, made.teams), (names("acme"), names("billing")));
    let made = sound(&schedule("what = \"export\"\nformat = \"parquet\"")).schedules.remove(0);
    let format = ExportFile::Parquet;
    assert_eq!(made.output, ScheduledOutput::Export { format, folder: folder("reports", 12) });
    let made = sound(&digest("by = \"agent\"")).schedules.remove(0);
    let (by, alert) = (GroupBy::Agent, "leads".to_owned());
    assert_eq!(made.output, ScheduledOutput::Digest { by, alert });
}

#[test]
fn every_wrong_value_is_named_with_its_remedy() {
    let all = "[[schedules]]
name = \"mon day\"
what = \"reports\"
every = \"weekly\"
to = { folder = \"a\", alert = \"leads\" }
by = \"teams\"
keep = 0
at = \"08:00\"
";
    assert_eq!(
        faults(&format!("{LEAST}{ALERT}{all}")),
        "\
surveyd.toml: schedules[0].name = \"mon day\": is not a name
  write 1 to 64 of A-Z, a-z, 0-9, `.`, `_` and `-`
surveyd.toml: schedules[0].what = \"reports\": is not known here
  did you mean \"report\"? It is one of \"report\", \"export\"
surveyd.toml: schedules[0].every = \"weekly\": is not known here
  did you mean \"week\"? It is one of \"day\", \"week\", \"month\"
surveyd.toml: schedules[0].to.alert = \"leads\": is an alert that is not told digests
  add \"digest\" to alerts.leads.on
surveyd.toml: schedules[0].by = \"teams\": is not known here
  did you mean \"team\"? It is one of \"agent\", \"team\", \"tag\", \"language\", \"source\", \"account\", \"week\", \"question\", \"rule\", \"variant\"
surveyd.toml: schedules[0].keep = 0: is out of bounds
  write a value from 1 to 10000
surveyd.toml: schedules[0].at: unknown key
  remove it; schedules[0] takes `name`, `what`, `every`, `accounts`, `teams`, `to`, `by`, `format`, `keep`"
    );
}

#[test]
fn where_a_schedule_writes_is_asked_for_and_is_one_place() {
    let to = |to: &str| with(&schedule(""), "to = { folder = \"reports\" }\n", to);
    let forms = "write { folder = \"reports\" } or { alert = \"leads\" }";
    assert_eq!(
        faults(&to("")),
        "surveyd.toml: schedules.monday.to: is missing
  add `to = { folder = \"reports\" }` to schedules.monday"
    );
    assert_eq!(
        faults(&to("to = {}\n")),
        format!("surveyd.toml: schedules.monday.to: names nothing\n  {forms}")
    );
    assert_eq!(
        faults(&with(
            &digest(""),
            "{ alert = \"leads\" }",
            "{ alert = \"leads\", folder = \"a\" }"
        )),
        format!("surveyd.toml: schedules.monday.to: names a folder and an alert\n  {forms}")
    );
    assert_eq!(
        faults(&with(&digest(""), "{ alert = \"leads\" }", "{ alert = \"leds\" }")),
        "surveyd.toml: schedules.monday.to.alert = \"leds\": is no alert of this file
  did you mean \"leads\"?"
    );
}

#[test]
fn a_key_that_means_nothing_there_is_a_fault() {
    for (lines, fault) in [
        (
            "format = \"html\"",
            "format: is given, and to names an alert\n  remove it: the alert's own format is taken",
        ),
        (
            "keep = 3",
            "keep: is given, and to names an alert\n  remove it: the alert's own format is taken",
        ),
        (
            "what = \"export\"",
            "to: names an alert, and what is \"export\"\n  write it to a folder: to = { folder = \"exports\" }",
        ),
    ] {
        assert_eq!(faults(&digest(lines)), format!("surveyd.toml: schedules.monday.{fault}"));
    }
    assert_eq!(
        faults(&schedule("what = \"export\"\nformat = \"csv\"\nby = \"team\"")),
        "surveyd.toml: schedules.monday.by: is given, and what is \"export\"
  remove it: an export has a row for each survey"
    );
    assert_eq!(
        faults(&schedule("what = \"export\"")),
        "surveyd.toml: schedules.monday.format: is missing\n  add `format = \"csv\"` to schedules.monday"
    );
    assert_eq!(
        faults(&schedule("format = \"parquet\"")),
        "surveyd.toml: schedules.monday.format = \"parquet\": is not known here
  write one of \"html\", \"text\", \"json\", \"csv\", \"xlsx\""
    );
}

#[test]
fn a_remedy_leads_to_a_form_that_is_taken() {
    assert_eq!(
        faults(&with(&schedule(""), "{ folder = \"reports\" }", "\"reports\"")),
        "surveyd.toml: schedules.monday.to = \"reports\": is a string, not a table
  write it as `to = { folder = \"reports\" }`"
    );
    let shown = faults(&with(&digest(""), "https://hooks.acme.example/surveys", "https://127.1"));
    assert!(
        shown.ends_with(
            "surveyd.toml: schedules.monday.to.alert = \"leads\": is an alert with faults of its own
  mend those of alerts.leads, which stand above"
        ),
        "{shown}"
    );
}

#[test]
fn an_offset_is_no_time_zone() {
    for zone in ["UTC+1", "+01:00", "gmt-5"] {
        assert_eq!(
            faults(&under(&format!("[report]\ntime_zone = \"{zone}\""))),
            format!(
                "surveyd.toml: report.time_zone = \"{zone}\": is an offset, and none is taken
  name a zone with its rules, as Europe/Madrid: an offset has no summer time"
            )
        );
    }
}
