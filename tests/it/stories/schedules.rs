//! Reports and exports are made by the calendar, look by look, on a clock that is set by hand.

use std::fs;
use std::path::PathBuf;

use surveyd::daemon::schedules::ScheduledWork;
use surveyd::domain::alert::Detail;
use surveyd::domain::time::Millis;
use surveyd::stop::{StopSender, Stopper, stopper};
use surveyd::store::{MessageContent, NextTry, TryOutcome};

use crate::harness::database::{Database, on_each_engine};
use crate::harness::people::ANA;
use crate::harness::stage::{Setup, Stage};
use crate::harness::{days, hours, minutes, seconds};

const SCHEDULES: &str = r#"
[http]
public_url = "https://surveyd.example"
[[alerts]]
name = "leads"
url = "https://hooks.acme.example/surveys"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
on = "digest"
[[schedules]]
name = "daily"
every = "day"
format = "text"
to = { folder = "reports" }
keep = 2
[[schedules]]
name = "rows"
what = "export"
every = "day"
format = "csv"
to = { folder = "reports" }
[[schedules]]
name = "told"
every = "day"
to = { alert = "leads" }
"#;

const DAILY: &str = "\
Results, 2026-09-21 (the whole day, UTC)
Closes count when they were closed, all else with the prompts that were sent in this time;
median is the time from a prompt to its score.

CSAT: share of 4 and 5 among the scores of 1 to 5, 95 % interval

     closes  sent     answered   comments  score            mean  1…5  median
all       1     1  1 (100.0 %)          1  under 5 answers     –  –         –
";

/// A daemon's work on the schedules.
struct Office {
    stage: Stage,
    work: ScheduledWork,
    stopper: Stopper,
    _stop: StopSender,
}

impl Office {
    async fn open(database: Database, schedules: &'static str) -> Self {
        let stage = Stage::on(database, Setup { sources: schedules, ..Setup::default() }).await;
        let folder = stage.database.folder();
        let work = ScheduledWork::new(stage.config(), &stage.store, &stage.clock(), folder);
        let (stop, stopper) = stopper();
        Self { stage, work, stopper, _stop: stop }
    }

    /// One look. When the next is wanted.
    async fn look(&self) -> Option<String> {
        self.work.look(&self.stopper).await.unwrap().map(Millis::rfc3339)
    }

    /// The alert's loop looks for facts.
    async fn hear(&self) {
        let alert = &self.stage.config().alerts[0].wanted;
        self.stage.store.fan_out(alert, self.stage.now()).await.unwrap();
    }

    fn folder(&self) -> PathBuf {
        self.stage.database.folder().join("reports")
    }

    fn files(&self) -> Vec<String> {
        let Ok(files) = fs::read_dir(self.folder()) else { return Vec::new() };
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.folder().join(name)).unwrap()
    }

    /// The digest that waits for the alert, which takes it.
    async fn digest(&self) -> (String, String) {
        let now = self.stage.now();
        let next = self.stage.store.begin_try("leads", "one", now, 0.5).await.unwrap();
        let NextTry::Try(message) = next else { panic!("{next:?}") };
        self.stage.store.finish_try(&message, TryOutcome::Sent, now).await.unwrap();
        let MessageContent::Fact(fact) = message.content else { panic!("{message:?}") };
        let Detail::Digest(digest) = fact.detail else { panic!("{fact:?}") };
        (digest.headline, digest.query)
    }
}

#[tokio::test]
async fn a_day_is_written_and_told_five_minutes_after_its_end() {
    on_each_engine(async |database| {
        let mut office = Office::open(database, SCHEDULES).await;
        office.hear().await;
        office.look().await;
        assert_eq!(office.files(), ["daily-2026-09-20.txt", "rows-2026-09-20.csv"]);
        office.hear().await;
        let nothing = "Nothing was closed and nobody was prompted in this time.".to_owned();
        let query = "from=2026-09-20&to=2026-09-20".to_owned();
        assert_eq!(office.digest().await, (nothing, query));

        office.stage.close("c-1", ANA).await;
        office.stage.pass(hours(1)).await;
        office.stage.answer(ANA, Some(5), Some("Fine."));
        office.stage.pass(hours(8) + minutes(51) + seconds(39)).await;
        assert_eq!(office.look().await.unwrap(), "2026-09-22T00:05:00.000Z");
        office.stage.pass(seconds(1)).await;
        office.look().await;
        assert_eq!(
            office.files(),
            [
                "daily-2026-09-20.txt",
                "daily-2026-09-21.txt",
                "rows-2026-09-20.csv",
                "rows-2026-09-21.csv"
            ]
        );
        assert_eq!(office.file("daily-2026-09-21.txt"), DAILY);
        let rows = office.file("rows-2026-09-21.csv");
        assert_eq!(rows.lines().count(), 2, "{rows}");
        assert!(rows.contains(",c-1,") && rows.contains("Fine."), "{rows}");
        office.hear().await;
        let (headline, query) = office.digest().await;
        assert_eq!(headline, "CSAT under 5 answers. 1 prompt, 1 answered (100.0 %).");
        assert_eq!(query, "from=2026-09-21&to=2026-09-21");
        assert_eq!(office.look().await.unwrap(), "2026-09-23T00:05:00.000Z");
    })
    .await;
}

#[tokio::test]
async fn a_new_alert_is_told_the_digest_once_a_daemon_has_looked_at_it() {
    let office = Office::open(Database::sqlite(), SCHEDULES).await;
    assert_eq!(office.look().await.unwrap(), office.stage.now().plus(seconds(5)).rfc3339());
    assert_eq!(office.look().await.unwrap(), office.stage.now().plus(seconds(5)).rfc3339());
    office.hear().await;
    office.look().await;
    office.hear().await;
    assert_eq!(office.digest().await.1, "from=2026-09-20&to=2026-09-20");
    assert_eq!(office.look().await.unwrap(), "2026-09-22T00:05:00.000Z");
}

#[tokio::test]
async fn what_was_missed_is_written_once_and_the_newest_files_stay() {
    let office = Office::open(Database::sqlite(), SCHEDULES).await;
    office.hear().await;
    for length in [days(0), days(1), days(10)] {
        office.stage.wait(length);
        office.look().await;
    }
    let daily: Vec<_> = office.files().into_iter().filter(|name| name.starts_with('d')).collect();
    assert_eq!(daily, ["daily-2026-09-21.txt", "daily-2026-10-01.txt"]);
}

#[tokio::test]
async fn another_daemon_at_work_is_waited_for_while_its_turn_lasts() {
    on_each_engine(async |database| {
        let office = Office::open(database, SCHEDULES).await;
        let now = office.stage.now();
        assert!(office.stage.store.take_schedule("daily", "other", now).await.unwrap().is_some());
        office.look().await;
        assert_eq!(office.files(), ["rows-2026-09-20.csv"]);
        office.stage.wait(minutes(3));
        office.look().await;
        assert_eq!(office.files(), ["daily-2026-09-20.txt", "rows-2026-09-20.csv"]);
        office.work.leave().await.unwrap();
        let taken = office.stage.store.take_schedule("daily", "other", office.stage.now()).await;
        assert!(taken.unwrap().is_some(), "the turn is given up");
    })
    .await;
}

const WEEKLY: &str = r#"
[[schedules]]
name = "monday"
every = "week"
to = { folder = "reports" }
"#;

#[tokio::test]
async fn what_failed_is_made_an_hour_later() {
    let office = Office::open(Database::sqlite(), WEEKLY).await;
    fs::write(office.folder(), "a file").unwrap();
    let began = office.stage.now();
    assert_eq!(office.look().await.unwrap(), began.plus(hours(1)).rfc3339());
    let standings = office.stage.store.schedule_standings().await.unwrap();
    let error = standings[0].last_error.clone().unwrap();
    assert!(error.contains("reports: "), "{error}");
    assert_eq!((standings[0].failing_since, standings[0].done_to), (Some(began), None));
    fs::remove_file(office.folder()).unwrap();
    office.stage.wait(minutes(59));
    assert_eq!(office.look().await.unwrap(), began.plus(hours(1)).rfc3339());
    assert!(office.files().is_empty());
    office.stage.wait(minutes(1));
    office.look().await;
    assert_eq!(office.files(), ["monday-2026-09-14.html"]);
    let page = office.file("monday-2026-09-14.html");
    assert!(page.contains("<title>Results, 14 to 20\u{a0}September 2026 · surveyd"), "{page}");
    let standings = office.stage.store.schedule_standings().await.unwrap();
    assert_eq!((&standings[0].last_error, standings[0].failing_since), (&None, None));
    assert_eq!(office.look().await.unwrap(), "2026-09-28T00:05:00.000Z");
}

const EACH_FORM: &str = r#"
[[schedules]]
name = "r-html"
every = "month"
by = "team"
to = { folder = "reports" }
[[schedules]]
name = "r-json"
format = "json"
every = "month"
to = { folder = "reports" }
[[schedules]]
name = "r-csv"
format = "csv"
every = "month"
to = { folder = "reports" }
[[schedules]]
name = "r-xlsx"
format = "xlsx"
every = "month"
to = { folder = "reports" }
[[schedules]]
name = "e-jsonl"
what = "export"
format = "jsonl"
every = "month"
to = { folder = "reports" }
[[schedules]]
name = "e-parquet"
what = "export"
format = "parquet"
every = "month"
to = { folder = "reports" }
[[schedules]]
name = "e-xlsx"
what = "export"
format = "xlsx"
every = "month"
to = { folder = "reports" }
"#;

#[tokio::test]
async fn each_form_is_written() {
    let office = Office::open(Database::sqlite(), EACH_FORM).await;
    office.look().await;
    let begins = |name: &str, with: &[u8]| {
        let bytes = fs::read(office.folder().join(name)).unwrap();
        assert!(bytes.starts_with(with), "{name}");
    };
    begins("r-html-2026-08-01.html", b"<!doctype html>");
    begins("r-json-2026-08-01.json", b"{\n  \"from\": \"2026-08-01T00:00:00.000Z\"");
    begins("r-csv-2026-08-01.csv", b"key,type,closes,");
    begins("r-xlsx-2026-08-01.xlsx", b"PK\x03\x04");
    begins("e-jsonl-2026-08-01.jsonl", b"");
    begins("e-parquet-2026-08-01.parquet", b"PAR1");
    begins("e-xlsx-2026-08-01.xlsx", b"PK\x03\x04");
    assert_eq!(office.files().len(), 7, "{:?}", office.files());
}
