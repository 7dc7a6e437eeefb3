//! What is kept of a person: the list of it, and its end.

use sqlx::{Connection as _, Row as _};
use surveyd::store::{OptOut, TABLES, Table};

use super::*;

const SQLITE_COLUMNS: &str = "select m.name as table_name, p.name as column_name \
     from sqlite_schema m, pragma_table_info(m.name) p where m.type = 'table'";

const POSTGRES_COLUMNS: &str = "select cast(table_name as text) as table_name, \
     cast(column_name as text) as column_name from information_schema.columns \
     where table_schema = 'public'";

/// The columns of a database, as `table.column`.
async fn columns(database: &Database) -> BTreeSet<String> {
    let mut connection = database.beside().await;
    let is_file = database.location.file().is_some();
    let sql = if is_file { SQLITE_COLUMNS } else { POSTGRES_COLUMNS };
    let rows = sqlx::query(sql).fetch_all(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let text = |row: &sqlx::any::AnyRow, name: &str| row.try_get::<String, _>(name).unwrap();
    rows.iter()
        .map(|row| format!("{}.{}", text(row, "table_name"), text(row, "column_name")))
        .filter(|column| !column.starts_with("_sqlx_") && !column.starts_with("sqlite_"))
        .collect()
}

fn listed(of: impl Fn(&Table) -> Vec<&'static str>) -> Vec<String> {
    let all = TABLES.iter().flat_map(|table| {
        of(table).into_iter().map(|column| format!("{}.{column}", table.name)).collect::<Vec<_>>()
    });
    all.collect()
}

#[tokio::test]
async fn every_column_is_listed_as_a_persons_or_as_nobodys() {
    on_each_engine(async |bench| {
        let found = columns(&bench.database).await;
        let all = listed(|table| [table.person, table.other].concat());
        let list: BTreeSet<String> = all.iter().cloned().collect();
        assert_eq!(list.len(), all.len(), "each column is listed once");
        let unlisted: Vec<_> = found.difference(&list).collect();
        assert!(unlisted.is_empty(), "does an erasure have to reach {unlisted:?}?");
        let gone: Vec<_> = list.difference(&found).collect();
        assert!(gone.is_empty(), "listed, and not in the schema: {gone:?}");
    })
    .await;
}

#[test]
fn whatever_is_a_persons_can_be_found() {
    for table in TABLES {
        let is_found = table.rows != surveyd::store::Rows::None;
        assert!(table.person.is_empty() || is_found, "{} has no way to its rows", table.name);
        let found_by = match table.rows {
            surveyd::store::Rows::Person(column)
            | surveyd::store::Rows::Survey(column)
            | surveyd::store::Rows::Feedback(column)
            | surveyd::store::Rows::Conversation(column) => column,
            surveyd::store::Rows::Mentions | surveyd::store::Rows::None => continue,
        };
        let mut all = table.person.iter().chain(table.other);
        assert!(all.any(|column| *column == found_by), "{}.{found_by}", table.name);
    }
}

const PERSON: &str = "343434343434";
const OTHER: &str = "565656565656";

/// What no byte may be left of.
const TRACES: [&str; 7] = [
    PERSON,
    "c-of-the-person",
    "Jörg \"Ω\" Person",
    "order-4711",
    "f-person",
    "so sad 😢",
    "dm-f-person",
];

fn person() -> UserId {
    UserId::parse(PERSON).unwrap()
}

fn told_close(conversation: &str, person: &str, closed_at: Millis) -> Close {
    let notice = Notice {
        agent: Some("dana".into()),
        team: Some("billing".into()),
        tags: vec!["vip".into()],
        first_name: Some("Jörg \"Ω\" Person".into()),
        attributes: [("order".to_owned(), "order-4711".to_owned())].into(),
        ..Notice::default()
    };
    Close { notice, ..close(conversation, person, closed_at) }
}

impl Bench {
    /// A survey of the person that was answered, with everything that comes with it.
    async fn answered_by_person(&self) -> SurveyId {
        let now = START.plus(DELAY);
        let close = told_close("c-of-the-person", PERSON, START);
        let event = Some("event-of-c-of-the-person".to_owned());
        let at_close = scheduled(START.plus(DELAY));
        self.store.take_close(close, (at_close, None), CARD, event, START).await.unwrap();
        let leased = self.lease_one(now).await;
        let sending = self.begin(leased, now).await;
        let survey =
            self.store.finish(&sending, accepted("f-person", now, None), now).await.unwrap();
        self.store.fold(ACCOUNT, vec![persons_answer()], now).await.unwrap();
        survey.id
    }

    /// Erases the person as the command does.
    async fn forget(&self, now: Millis) -> surveyd::store::Erased {
        self.store.mark_forgotten(&person(), now).await.unwrap();
        let found = self.store.rows_of_person(&person()).await.unwrap();
        self.store.erase(&found, now).await.unwrap()
    }

    /// Every value of every column that may hold something of a person.
    async fn all_that_is_kept(&self) -> String {
        let mut all = String::new();
        for table in TABLES {
            for column in table.person {
                let query = format!(
                    "select coalesce({column}, '') as found from {} where {column} is not null",
                    table.name
                );
                for found in self.database.texts(&query).await {
                    all.push_str(&format!("{}.{column}: {found}\n", table.name));
                }
            }
        }
        all
    }

    async fn expect_nothing_of_person(&self) {
        let kept = self.all_that_is_kept().await;
        for trace in TRACES {
            let json = serde_json::to_string(trace).unwrap();
            for form in [trace, json.trim_matches('"')] {
                let lines: Vec<_> = kept.lines().filter(|line| line.contains(form)).collect();
                assert!(lines.is_empty(), "{form:?} is left: {lines:#?}");
            }
        }
    }
}

fn persons_answer() -> Update {
    let told_at = START.plus(HOUR);
    let update = of_prompt(told("f-person", told_at), PERSON, "c-of-the-person");
    commented(scored(update, 4, told_at), "so sad 😢", told_at)
}

#[tokio::test]
async fn an_erasure_leaves_the_score_and_nothing_of_the_person() {
    on_each_engine(async |bench| {
        let id = bench.answered_by_person().await;
        bench.sent("c-2", OTHER, "f-2").await;
        let before = bench.all_that_is_kept().await;
        for trace in [PERSON, "c-of-the-person", "order-4711", "f-person", "so sad"] {
            assert!(before.contains(trace), "{trace} was there");
        }
        let erased = bench.forget(START.plus(2 * HOUR)).await;
        assert_eq!((erased.rows["survey"], erased.rows["feedback"]), (1, 1));
        assert!(erased.under_way.is_empty());
        bench.expect_nothing_of_person().await;
        let row = bench.store.survey(&id).await.unwrap().unwrap();
        assert_eq!((row.survey.state.name(), row.told.score), ("answered", Some(4)));
        assert_eq!((row.survey.user_id, row.told.text), (None, None));
        assert_eq!(row.survey.notice.agent.as_deref(), Some("dana"));
        let again = bench.store.rows_of_person(&person()).await.unwrap();
        assert!(again.is_empty(), "{again:?}");
        let others = bench.store.rows_of_person(&UserId::parse(OTHER).unwrap()).await.unwrap();
        assert_eq!((others.surveys.len(), others.feedback.len()), (1, 1));
    })
    .await;
}

#[tokio::test]
async fn the_results_of_an_erased_survey_stay_as_they_were() {
    on_each_engine(async |bench| {
        let zone = surveyd::domain::days::Zone::utc();
        bench.answered_by_person().await;
        bench.store.catch_up_results(&zone, START, MINUTE).await.unwrap();
        let query = "select survey_id || outcome || agent || tags || score || commented_at || wait \
             as all_of_it from result order by survey_id";
        let before = bench.database.texts(query).await;
        assert_eq!(before.len(), 1);
        bench.forget(START.plus(2 * HOUR)).await;
        bench.store.catch_up_results(&zone, START, MINUTE).await.unwrap();
        assert_eq!(bench.database.texts(query).await, before);
    })
    .await;
}

#[tokio::test]
async fn what_comes_in_of_an_erased_person_is_taken_without_them() {
    on_each_engine(async |bench| {
        let id = bench.answered_by_person().await;
        let now = START.plus(2 * HOUR);
        bench.forget(now).await;
        // The same close once more, by its event and by its instant.
        for event in [Some("event-of-c-of-the-person".to_owned()), None] {
            let close = told_close("c-of-the-person", PERSON, START);
            let at_close = (scheduled(now.plus(DELAY)), None);
            let again = bench.store.take_close(close, at_close, CARD, event, now).await.unwrap();
            assert_eq!((again.survey_id, again.is_new), (id.clone(), false));
        }
        // A later close of the same conversation, and of another one.
        for conversation in ["c-of-the-person", "c-of-the-person-2"] {
            let taken = bench.take(told_close(conversation, PERSON, now)).await;
            assert_eq!((taken.state, taken.reason.as_deref()), ("suppressed", Some("forgotten")));
            assert!(taken.is_new);
            let again = bench.take(told_close(conversation, PERSON, now)).await;
            assert_eq!((again.survey_id, again.is_new), (taken.survey_id, false));
        }
        let reopening =
            Reopening { user_id: Some(person()), ..reopening("c-of-the-person", now.plus(MINUTE)) };
        let event = Some("again-c-of-the-person".to_owned());
        let reopened = bench.store.take_reopening(reopening, event, now.plus(MINUTE)).await;
        assert_eq!(reopened.unwrap(), (None, true));
        // X's own words, with and without the person.
        let mut nameless = persons_answer();
        nameless.object.to_user_id = None;
        nameless.object.raw = format!("{{\"of\": \"{PERSON}\"}}");
        for update in [persons_answer(), nameless] {
            bench.store.fold(ACCOUNT, vec![update], now).await.unwrap();
        }
        let body = format!("{{\"kind\": \"new\", \"to\": {PERSON}}}");
        let unknown = vec![surveyd::store::UnknownEvent::of(body)];
        bench.store.keep_unknown(ACCOUNT, unknown, now).await.unwrap();
        let out = OptOut { user_id: person(), account: None, at: now, why: Some(PERSON.into()) };
        bench.store.opt_out(vec![out]).await.unwrap();
        let texts = [format!("{{\"user_id\": \"{PERSON}\"}}"), OTHER.to_owned(), String::new()];
        let named = bench.store.name_forgotten(&texts).await.unwrap();
        assert_eq!(named, [true, false, false]);
        bench.expect_nothing_of_person().await;
        let dropped = bench.database.texts("select cast(dropped as text) from forgotten_key").await;
        assert_eq!(dropped, ["3"]);
        assert_eq!(bench.survey(&id).await.state.name(), "answered");
    })
    .await;
}

#[tokio::test]
async fn nobody_who_was_erased_is_prompted() {
    on_each_engine(async |bench| {
        let now = START.plus(DELAY);
        let waiting = bench.take(told_close("c-of-the-person", PERSON, START)).await.survey_id;
        let leased = bench.lease_one(now).await;
        bench.store.mark_forgotten(&person(), now).await.unwrap();
        let BeginOutcome::Ended(survey) = bench.decide(leased, rules(), ACCOUNT, now).await else {
            panic!("it is prompted")
        };
        assert_eq!(survey.state.reason().as_deref(), Some("forgotten"));
        bench.forget(now).await;
        assert_eq!(bench.state(&waiting).await, "suppressed");
        bench.expect_nothing_of_person().await;
    })
    .await;
}

#[tokio::test]
async fn a_claim_from_before_the_erasure_is_void() {
    on_each_engine(async |bench| {
        let now = START.plus(DELAY);
        bench.take(told_close("c-of-the-person", PERSON, START)).await;
        let leased = bench.lease_one(now).await;
        bench.forget(now).await;
        let begun = bench.store.begin_send(leased, prompt(), rules(), times(now)).await;
        assert!(matches!(begun, Err(surveyd::store::Error::LeaseLost(_))), "{begun:?}");
    })
    .await;
}

#[tokio::test]
async fn a_prompt_that_is_being_sent_is_waited_for() {
    on_each_engine(async |bench| {
        let now = START.plus(DELAY);
        let sending = bench.sending("c-of-the-person", PERSON, START).await;
        let erased = bench.forget(now).await;
        assert_eq!(erased.under_way, [sending.survey().id.clone()]);
        assert_eq!(bench.state(&sending.survey().id).await, "sending");
        let sent = bench.store.finish(&sending, accepted("f-person", now, None), now).await;
        assert_eq!(sent.unwrap().state.name(), "sent");
        let erased = bench.forget(now).await;
        assert!(erased.under_way.is_empty());
        bench.expect_nothing_of_person().await;
        // X tells of it afterwards, without the person and under no name.
        let mut update = persons_answer();
        update.object.to_user_id = None;
        update.object.external_id = None;
        bench.store.fold(ACCOUNT, vec![update], now).await.unwrap();
        bench.expect_nothing_of_person().await;
    })
    .await;
}

#[tokio::test]
async fn a_prompt_whose_outcome_is_not_known_is_never_sent_again() {
    on_each_engine(async |bench| {
        let uncertain = bench.uncertain("c-of-the-person", PERSON).await;
        bench.forget(START.plus(HOUR)).await;
        assert_eq!(bench.state(&uncertain.id).await, "failed");
        assert!(bench.store.unsettled(ACCOUNT, SENT_AS).await.unwrap().is_empty());
        bench.store.fold(ACCOUNT, vec![persons_answer()], START.plus(HOUR)).await.unwrap();
        assert_eq!(bench.state(&uncertain.id).await, "failed");
        bench.expect_nothing_of_person().await;
    })
    .await;
}

#[tokio::test]
async fn an_older_copy_forgets_again_by_the_file_beside_it() {
    database::on_each_engine(async |database| {
        let bench = Bench { store: database.open().await, database };
        bench.answered_by_person().await;
        bench.store.close().await;
        let database = bench.database;
        database.copy().await;
        let bench = Bench { store: database.open().await, database };
        bench.forget(START.plus(2 * HOUR)).await;
        bench.expect_nothing_of_person().await;
        bench.store.close().await;
        let database = bench.database;
        database.put_back().await;
        let bench = Bench { store: database.open().await, database };
        assert!(bench.all_that_is_kept().await.contains(PERSON), "the copy knows the person");
        let erased = bench.store.forget_again(START.plus(3 * HOUR)).await.unwrap();
        assert_eq!(erased.rows["survey"], 1);
        bench.expect_nothing_of_person().await;
        assert!(bench.store.forgotten(&person()).await.unwrap().is_some());
        let nothing = bench.store.forget_again(START.plus(3 * HOUR)).await.unwrap();
        assert!(nothing.rows.is_empty(), "{nothing:?}");
        let taken = bench.take(told_close("c-new", PERSON, START.plus(3 * HOUR))).await;
        assert_eq!(taken.reason.as_deref(), Some("forgotten"));
        bench.store.close().await;
    })
    .await;
}

#[tokio::test]
async fn an_erasure_that_was_broken_off_is_finished() {
    on_each_engine(async |bench| {
        bench.answered_by_person().await;
        bench.store.mark_forgotten(&person(), START).await.unwrap();
        let erased = bench.store.forget_again(START.plus(HOUR)).await.unwrap();
        assert_eq!(erased.rows["survey"], 1);
        bench.expect_nothing_of_person().await;
        let entries = bench.store.audited(crate::harness::ALL_TIME, None, 10).await.unwrap();
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].1.what, "erased a person again");
    })
    .await;
}

#[tokio::test]
async fn an_erasure_is_in_the_audit_log_without_the_id() {
    on_each_engine(async |bench| {
        bench.answered_by_person().await;
        bench.forget(START).await;
        let entry = surveyd::store::AuditEntry {
            at: START,
            way: "-".into(),
            name: "surveyd forget".into(),
            roles: String::new(),
            what: "erased a person".into(),
            detail: "rows: 3".into(),
            address: String::new(),
        };
        bench.store.end_forgetting(&person(), entry.clone()).await.unwrap();
        assert_eq!(
            bench.store.audited(crate::harness::ALL_TIME, None, 10).await.unwrap()[0].1,
            entry
        );
        assert_eq!(bench.store.clear_space().await.unwrap(), surveyd::store::Cleared::All);
    })
    .await;
}

#[tokio::test]
async fn what_somebody_looked_for_goes_from_the_audit_log_too() {
    on_each_engine(async |bench| {
        bench.answered_by_person().await;
        let entry = surveyd::store::AuditEntry {
            at: START,
            way: "session".into(),
            name: "mara".into(),
            roles: "supervisor".into(),
            what: "saw surveys".into(),
            detail: "find=c-of-the-person&state=sent".into(),
            address: "127.0.0.1".into(),
        };
        bench.store.audit(entry).await.unwrap();
        bench.forget(START).await;
        let entries = bench.store.audited(crate::harness::ALL_TIME, None, 10).await.unwrap();
        assert_eq!(entries[0].1.detail, "find=(erased)&state=sent");
    })
    .await;
}

#[tokio::test]
async fn a_person_is_handed_out_whole() {
    on_each_engine(async |bench| {
        bench.answered_by_person().await;
        bench.sent("c-2", OTHER, "f-2").await;
        let out = OptOut { user_id: person(), account: None, at: START, why: Some("asked".into()) };
        bench.store.opt_out(vec![out]).await.unwrap();
        let found = bench.store.rows_of_person(&person()).await.unwrap();
        let kept = bench.store.kept_of_person(&found).await.unwrap();
        let all: String =
            kept.iter().map(|row| format!("{}: {:?}\n", row.table, row.columns)).collect();
        for said in ["so sad", "order-4711", "How did we do?", "asked", "f-person", "dm-f-person"] {
            assert!(all.contains(said), "{said} in {all}");
        }
        assert!(!all.contains(OTHER) && !all.contains("f-2"), "{all}");
        let tables: BTreeSet<&str> = kept.iter().map(|row| row.table).collect();
        let expected = ["delivery", "feedback", "optout", "survey", "survey_history"];
        assert!(expected.iter().all(|table| tables.contains(table)), "{tables:?}");
        // All that an erasure reaches was handed out.
        let erased = bench.forget(START.plus(HOUR)).await;
        for table in erased.rows.keys() {
            assert!(tables.contains(table), "{table} was not handed out");
        }
    })
    .await;
}
