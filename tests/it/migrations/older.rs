//! A database of an older program is brought up to date and loses nothing.
//!
//! Each test takes the schema back, as if the program had never known what came later.

use std::time::Duration;

use sqlx::{AnyConnection, Connection as _};
use surveyd::clock::Clock;
use surveyd::domain::days::Zone;
use surveyd::domain::time::{Millis, Period};
use surveyd::store::{PollState, PollWindow, Progress};

use super::{address, all, run, run_at, versions};
use crate::harness::database::{Database, on_each_engine};

/// Turns the schema back to the first that was released, after that.
const BEFORE_MESSAGE: [&str; 3] = [
    "drop table delivery",
    "alter table survey drop column message",
    "delete from _sqlx_migrations where version > 2",
];

#[tokio::test]
async fn an_older_database_is_brought_up_to_date_with_all_that_it_holds() {
    on_each_engine(async |database| {
        database.open().await.close().await;
        take_results_back(&database).await;
        for statement in before_reading().chain(BEFORE_POLICY).chain(BEFORE_MESSAGE) {
            run(&database, statement).await;
        }
        run(&database, UNCERTAIN).await;
        run(&database, "insert into progress (name, sends, last_at) values ('sends', 7, 9)").await;
        let store = database.open().await;
        assert_eq!(versions(&database).await, all());
        let counted = Progress { sends: 7, last_at: Some(Millis(9)), restored_at: None };
        assert_eq!(store.progress("acme").await.unwrap(), counted);
        let unsettled = store.unsettled("acme", "7 at https://api.x.com").await.unwrap();
        let [one] = unsettled.as_slice() else { panic!("{unsettled:?}") };
        assert_eq!((one.survey_id.as_str(), one.user_id.as_str()), ("s-1", "7"));
        assert_eq!(one.message, None, "it was not kept then");
        store.close().await;
    })
    .await;
}

/// A survey whose outcome is not known.
const UNCERTAIN: &str = "insert into survey (id, account, source, conversation_id, ordinal, \
     external_id, user_id, kind, question_variant_id, test, state, closed_at, accepted_at, due_at, \
     notice, try_at, lease_token, attempts, begun_at, given_up_at, spent_at) \
     values ('s-1', 'acme', 'desk', 'c-1', 1, 'c-1', '7', 'csat', 0, 0, 'uncertain', 1, 1, 1, \
     '{}', 1, 1, 1, 2, 3, 4)";

/// Takes the policy's schema back, as if the program had never known it, nor what came after it.
const BEFORE_POLICY: [&str; 13] = [
    "drop index feedback_judged",
    "alter table feedback drop column told",
    "alter table feedback drop column judged_by",
    "drop table dm_conversation",
    "drop table dm_stream",
    "drop index survey_paced",
    "alter table survey drop column paced_at",
    "alter table survey drop column first_closed_at",
    "alter table survey drop column decided",
    "alter table survey drop column decision",
    "alter table survey_history drop column facts",
    "drop table optout",
    "delete from _sqlx_migrations where version >= 5",
];

const OLD_SURVEY: &str = "insert into survey (id, account, source, conversation_id, ordinal, \
     external_id, user_id, kind, question_variant_id, test, state, reason, closed_at, accepted_at, \
     due_at, notice, try_at, lease_token, attempts) values ('s-1', 'acme', 'desk', 'c-1', 1, 'c-1', \
     '7', 'csat', 12, 0, 'suppressed', 'throttled', 5, 6, 7, '{}', 7, 2, 1)";

const OLD_STEP: &str = "insert into survey_history (survey_id, step, at, state, detail) \
     values ('s-1', 2, 8, 'suppressed', 'throttled')";

#[tokio::test]
async fn every_survey_of_before_the_results_is_marked_the_newest_first() {
    on_each_engine(async |database| {
        database.open().await.close().await;
        take_results_back(&database).await;
        run(&database, "delete from _sqlx_migrations where version >= 26").await;
        for (id, closed_at) in [("s-1", 5), ("s-3", 9), ("s-2", 9)] {
            let old = OLD_SURVEY.replace("'s-1'", &format!("'{id}'"));
            let old = old.replace("'c-1'", &format!("'{id}'"));
            let old = old.replace("'throttled', 5,", &format!("'throttled', {closed_at},"));
            run(&database, old.leak()).await;
        }
        database.open().await.close().await;
        let mut connection = AnyConnection::connect(&address(&database)).await.unwrap();
        let marked = sqlx::query_scalar("select survey_id from result_due order by seq");
        let marked: Vec<String> = marked.fetch_all(&mut connection).await.unwrap();
        assert_eq!(marked, ["s-3", "s-2", "s-1"]);
        connection.close().await.unwrap();
    })
    .await;
}

/// Takes the blocks back, as if the program had never known them.
const BEFORE_BLOCKS: [&str; 12] = [
    "drop table forgotten_key",
    "drop table forgotten",
    "alter table survey drop column erased_at",
    "drop table schedule_standing",
    "drop table alert_line",
    "drop table alert_fact",
    "drop table alert_message",
    "drop table alert_standing",
    "drop table agent_answer",
    "drop table agent_block",
    "drop table agent_week",
    "delete from _sqlx_migrations where version >= 28",
];

/// The results of four surveys. Only the first is an answer that an agent may see in a block.
const OLD_RESULTS: &str = "insert into result (survey_id, account, source, kind, question, test, \
     closed_at, outcome, agent, score) values \
     ('s-1', 'acme', 'desk', 'csat', 3, 0, 1, 'answered', 'dana', 4), \
     ('s-2', 'acme', 'desk', 'csat', 3, 0, 1, 'sent', 'dana', null), \
     ('s-3', 'acme', 'desk', 'csat', 3, 0, 1, 'answered', null, 4), \
     ('s-4', 'acme', 'desk', 'csat', 3, 1, 1, 'answered', 'dana', 4)";

#[tokio::test]
async fn answers_of_before_the_blocks_are_marked_to_count_from_now_on() {
    on_each_engine(async |database| {
        database.open().await.close().await;
        for statement in BEFORE_BLOCKS {
            run(&database, statement).await;
        }
        run(&database, OLD_RESULTS).await;
        database.open().await.close().await;
        assert_eq!(versions(&database).await, all());
        let marked = database.texts("select survey_id from result_due order by seq").await;
        assert_eq!(marked, ["s-1"]);
    })
    .await;
}

/// Takes the alerts back, as if the program had never known them.
const BEFORE_ALERTS: [&str; 9] = [
    "drop table forgotten_key",
    "drop table forgotten",
    "alter table survey drop column erased_at",
    "drop table schedule_standing",
    "drop table alert_line",
    "drop table alert_fact",
    "drop table alert_message",
    "drop table alert_standing",
    "delete from _sqlx_migrations where version >= 29",
];

/// An answered survey.
async fn answer_of(database: &Database, id: &str, scored_at: Millis) {
    survey_of(database, id, "77", "sent").await;
    for statement in [
        format!("update survey set state = 'answered' where id = '{id}'"),
        format!(
            "insert into feedback (account, id, survey_id, updated_at, test, raw, score, \
             score_given_at, updates, folds) values ('acme', 'f-{id}', '{id}', 1, 0, '{{}}', 1, {}, '1', 1)",
            scored_at.0
        ),
    ] {
        run(database, statement.leak()).await;
    }
}

#[tokio::test]
async fn answers_of_before_the_alerts_are_told_to_nobody_and_later_ones_are() {
    on_each_engine(async |database| {
        database.open().await.close().await;
        for statement in BEFORE_ALERTS {
            run(&database, statement).await;
        }
        let (now, day) = (Clock::System.now(), Duration::from_secs(24 * 60 * 60));
        // The answer that is dated ahead must not make the others count as old.
        for (id, scored_at) in
            [("s-1", now.minus(20 * day)), ("s-2", now.minus(6 * day)), ("s-3", now.plus(90 * day))]
        {
            answer_of(&database, id, scored_at).await;
        }
        let store = database.open().await;
        assert_eq!(versions(&database).await, all());
        let facts = "select fact_key || ' ' || cast(seq as text) from alert_fact order by seq";
        assert_eq!(database.texts(facts).await, ["answer:s-2 1", "answer:s-3 2"]);
        let (long, zone) = (Duration::from_secs(60), Zone::utc());
        assert_eq!(store.catch_up_results(&zone, now, long).await.unwrap(), 0);
        assert_eq!(database.texts(facts).await.len(), 2, "nothing is new");
        answer_of(&database, "s-4", now.minus(7 * day).plus(long)).await;
        assert_eq!(store.catch_up_results(&zone, now, long).await.unwrap(), 0);
        assert_eq!(database.texts(facts).await.pop().unwrap(), "answer:s-4 3");
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_database_of_before_the_policy_keeps_its_surveys() {
    on_each_engine(async |database| {
        database.open().await.close().await;
        let old = [OLD_SURVEY, OLD_STEP];
        take_results_back(&database).await;
        for statement in before_reading().chain(BEFORE_POLICY).chain(old) {
            run(&database, statement).await;
        }
        let store = database.open().await;
        assert_eq!(versions(&database).await, all());
        let id = surveyd::domain::id::SurveyId::new("s-1");
        let row = store.survey(&id).await.unwrap().expect("it is kept");
        assert_eq!(row.survey.state.reason().as_deref(), Some("throttled"));
        assert_eq!((row.at_close, row.at_sending), (None, None));
        let steps = store.history(&id).await.unwrap();
        assert_eq!((steps.len(), steps[0].decision.clone()), (1, None));
        assert!(store.opted_out(None).await.unwrap().is_empty());
    })
    .await;
}

/// The triggers that mark results, by their tables.
const TRIGGERS: [(&str, &str); 6] = [
    ("result_survey_added", "survey"),
    ("result_survey_changed", "survey"),
    ("result_survey_deleted", "survey"),
    ("result_feedback_added", "feedback"),
    ("result_feedback_changed", "feedback"),
    ("result_feedback_deleted", "feedback"),
];

/// Takes the results back, and what came after them: the triggers first, for they name columns that
/// other undoings drop.
async fn take_results_back(database: &Database) {
    for (trigger, table) in TRIGGERS {
        let on = if database.location.is_sqlite() { String::new() } else { format!(" on {table}") };
        run(database, format!("drop trigger {trigger}{on}").leak()).await;
    }
    if !database.location.is_sqlite() {
        let functions = "result_survey_marked, result_survey_changed, result_feedback_changed";
        run(database, format!("drop function {functions}").leak()).await;
    }
    let of_results = ["result_due", "result", "result_day", "day_total", "result_state"];
    let of_access = ["session", "audit"];
    let of_blocks = ["agent_answer", "agent_block", "agent_week"];
    let of_alerts =
        ["alert_line", "alert_fact", "alert_message", "alert_standing", "schedule_standing"];
    let of_people = ["forgotten_key", "forgotten"];
    let tables = of_results.into_iter().chain(of_access).chain(of_blocks).chain(of_alerts);
    for table in tables.chain(of_people) {
        run(database, format!("drop table {table}").leak()).await;
    }
    run(database, "alter table survey drop column erased_at").await;
}

/// Takes the last change of ids back, and what came after it.
const BEFORE_RESPELT: &[&str] = &[
    "drop index survey_dry_by_account",
    "drop index survey_dry_by_person",
    "alter table survey drop column dry_at",
    "alter table survey drop column sent_as",
    "drop table rejected",
    "alter table daemon drop column written",
    "alter table survey drop column limited_at",
    "drop index survey_ended",
    "drop table answered",
    "alter table survey drop column begun_here",
    "alter table survey drop column given_up_here",
    "alter table survey drop column put_off_at",
    "drop table respelt",
    "delete from _sqlx_migrations where version >= 14",
];

/// Surveys by id, person and state, all of one account.
async fn survey_of(database: &Database, id: &str, person: &str, state: &str) {
    let token = if state == "scheduled" { 4 } else { 6 };
    let statement = format!(
        "insert into survey (id, account, source, conversation_id, ordinal, external_id, user_id, \
         kind, question_variant_id, test, state, closed_at, accepted_at, due_at, notice, try_at, \
         lease_token, attempts, begun_at, given_up_at, spent_at, sent_at, feedback_id, throttle_group) \
         values ('{id}', 'acme', 'desk', '{id}', 1, '{id}', '{person}', 'csat', 0, 0, '{state}', 5, 6, 7, \
         '{{}}', 7, {token}, 1, 2, 3, {}, 4, 'f-{id}', 'acme')",
        if state == "scheduled" { "null" } else { "4" }
    );
    run_at(&address(database), statement.leak()).await;
}

#[tokio::test]
async fn ids_on_record_with_zeros_before_them_are_one_person_from_now_on() {
    on_each_engine(async |database| {
        database.open().await.close().await;
        take_results_back(&database).await;
        for statement in BEFORE_RESPELT {
            run(&database, statement).await;
        }
        survey_of(&database, "s-1", "077", "scheduled").await;
        survey_of(&database, "s-2", "77", "scheduled").await;
        survey_of(&database, "s-3", "0000077", "sent").await;
        survey_of(&database, "s-4", "0", "scheduled").await;
        survey_of(&database, "s-5", "00", "uncertain").await;
        survey_of(&database, "s-6", "", "scheduled").await;
        for statement in [
            "insert into survey_history (survey_id, step, at, state, detail) \
             values ('s-3', 6, 9, 'sent', null)",
            "insert into optout (user_id, account, at, why) values ('0343434', '', 10, 'said so')",
            "insert into optout (user_id, account, at, why) values ('055', 'acme', 10, null)",
            "insert into optout (user_id, account, at, why) values ('0055', 'acme', 11, 'twice')",
            "insert into optout (user_id, account, at, why) values ('55', 'acme', 12, 'by hand')",
            "insert into optout (user_id, account, at, why) values ('000', '', 10, null)",
            "insert into dm_stream (handle, heard_to) values ('0121212', 5)",
        ] {
            run(&database, statement).await;
        }
        // Opened by two at once, as by a daemon that is killed and started again meanwhile.
        let (store, other) = (database.open().await, database.open().await);
        other.close().await;
        assert_eq!(versions(&database).await, all());
        let person = async |id: &str| {
            let row = store.survey(&surveyd::domain::id::SurveyId::new(id)).await.unwrap().unwrap();
            (row.survey.person().to_owned(), row.survey.state.name())
        };
        assert_eq!(person("s-1").await, ("77".into(), "scheduled"));
        assert_eq!(person("s-2").await, ("77".into(), "scheduled"));
        assert_eq!(person("s-3").await, ("77".into(), "sent"));
        assert_eq!(person("s-4").await, (String::new(), "suppressed"));
        assert_eq!(person("s-5").await, (String::new(), "failed"));
        assert_eq!(person("s-6").await, (String::new(), "scheduled"));
        let last = async |id: &str| {
            let id = surveyd::domain::id::SurveyId::new(id);
            let steps = store.history(&id).await.unwrap();
            steps.last().map(|step| (step.at, step.detail.clone().unwrap_or_default()))
        };
        let told = "the person's id was written 0000077, and is 77".to_owned();
        assert_eq!(last("s-3").await, Some((Millis(9), told)));
        assert_eq!(last("s-4").await.unwrap().1, "the person's id was 0, nobody's");
        assert_eq!(last("s-2").await, None);
        let out: Vec<_> = store.opted_out(None).await.unwrap();
        let out: Vec<_> = out
            .iter()
            .map(|it| (it.user_id.as_str(), it.at.0, it.why.as_deref().unwrap_or_default()))
            .collect();
        let expected = [
            ("343434", 10, "said so (was written 0343434)"),
            ("55", 10, "by hand; twice (was written 0055)"),
        ];
        assert_eq!(out, expected);
        let (found, more) = store.respelt().await.unwrap();
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        let expected = [
            "opt-outs of person 000 (entries: 1) are nobody's",
            "opt-outs of person 0055 (entries: 1) are person 55's",
            "opt-outs of person 0343434 (entries: 1) are person 343434's",
            "opt-outs of person 055 (entries: 1) are person 55's",
            "surveys of person 0 (entries: 1) are nobody's",
            "surveys of person 00 (entries: 1) are nobody's",
            "surveys of person 0000077 (entries: 1) are person 77's",
            "surveys of person 077 (entries: 1) are person 77's",
        ];
        assert_eq!((found, more), (expected.map(str::to_owned).to_vec(), 0));
        store.forget_respelt().await.unwrap();
        assert_eq!(store.respelt().await.unwrap(), (Vec::new(), 0));
        store.close().await;
    })
    .await;
}

/// Takes the readings' schema back, and what came after it.
const BEFORE_READING: [&str; 17] = [
    "drop table daemon",
    "drop table identity",
    "alter table restore_hold drop column why",
    "drop table unread",
    "drop index feedback_judged",
    "drop index feedback_waiting",
    "alter table feedback drop column hints_wait",
    "create index feedback_judged on feedback (account, judged_by) where judged_by is not null",
    "alter table survey drop column shown_at",
    "drop table rebuild",
    "drop table rebuild_told",
    "drop table rebuilt",
    "alter table restore_hold drop column until_at",
    "alter table restore_hold drop column rebuild_from",
    "drop table reading",
    "create table poll (account text primary key, done_to bigint, window_from bigint, \
     window_to bigint, cursor text)",
    "delete from _sqlx_migrations where version >= 8",
];

fn before_reading() -> impl Iterator<Item = &'static str> {
    BEFORE_RESPELT.iter().copied().chain(BEFORE_READING)
}

const OLD_PLACE: &str = "insert into poll (account, done_to, window_from, window_to, cursor) \
     values ('acme', 20, 10, 30, 'c')";

#[tokio::test]
async fn a_database_of_before_the_second_looks_keeps_its_place() {
    on_each_engine(async |database| {
        database.open().await.close().await;
        take_results_back(&database).await;
        for statement in before_reading().chain([OLD_SURVEY, OLD_PLACE]) {
            run(&database, statement).await;
        }
        let state = database.open().await.poll_state("acme").await.unwrap();
        let window = PollWindow {
            period: Period { from: Millis(10), to: Millis(30) },
            cursor: Some("c".into()),
        };
        let expected = PollState {
            begun_from: Some(Millis(6)),
            done_to: Some(Millis(20)),
            window: Some(window),
            ..PollState::default()
        };
        assert_eq!(state, expected, "looks go back to the first close at the most");
    })
    .await;
}
