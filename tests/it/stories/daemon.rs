//! The daemon whole: its loops, its listener, its end, by the machine's clock.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use surveyd::clock::Clock;
use surveyd::config::{self, Environment};
use surveyd::daemon::{Daemon, Start};
use surveyd::domain::time::Millis;
use surveyd::sandbox::{ApiCall, Ending, InjectedFault, Sandbox, SandboxConfig};
use surveyd::store::{Listing, Store};

use crate::harness::database::{Database, on_each_engine};
use crate::harness::help_desk;
use crate::harness::log::Log;
use crate::harness::people::{ANA, BEN, answering, open};
use crate::harness::stage::account_lines;

const KEY: &[u8] = b"a key that nobody else has";
/// Longer than any of this takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A simulated X that tells its events at once, and nobody who answers on their own.
async fn x() -> Sandbox {
    let config = SandboxConfig::demo(1);
    let behaviour = surveyd::sandbox::Behaviour::silent();
    Sandbox::start_on_loopback(SandboxConfig { behaviour, ..config }).await.unwrap()
}

async fn start(database: &Database, sandbox: &Sandbox, x_lines: &str) -> anyhow::Result<Daemon> {
    let account = &SandboxConfig::demo(1).accounts[0];
    let text = format!(
        "[store]\nurl = \"{}\"\n[http]\nlisten = \"127.0.0.1:0\"\n[x]\nbase_url = \"{}\"\n\
         events_horizon = \"0s\"\n{x_lines}\n[poll]\ninterval = \"1s\"\nfresh_for = \"0s\"\n{}\n\
         [accounts.survey]\nmessage = \"How did we do?\"\ndelay = \"0s\"\nthrottle = \"0s\"\n\
         [[sources]]\nname = \"desk\"\nkind = \"standard\"\naccount = \"acme\"\nsecret = \"{}\"\n",
        database.url,
        sandbox.base_url(),
        account_lines("acme", account, ""),
        STANDARD.encode(KEY),
    );
    let environment = Environment::of([("STATE_DIRECTORY", database.folder().as_os_str())]);
    let config = config::parse(&text, &database.folder().join("surveyd.toml"), &environment)?;
    Daemon::start(Start { config, file: None, environment, clock: Clock::System }).await
}

async fn post(
    daemon: &Daemon,
    key: &[u8],
    kind: &str,
    conversation: &str,
    person: u64,
) -> Response {
    let data = json!({"conversation_id": conversation, "user_id": person.to_string()});
    help_desk::post(&daemon.address().to_string(), key, kind, data).await
}

async fn read(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap())
}

async fn states(store: &Store) -> Vec<&'static str> {
    let all = Listing { limit: 100, ..Listing::default() };
    let surveys = store.list(&all).await.unwrap();
    surveys.iter().rev().map(|survey| survey.state.name()).collect()
}

/// Looks until it is so.
async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let started = Instant::now();
    while !is_so().await {
        assert!(started.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

#[tokio::test]
async fn a_posted_close_is_prompted_and_answered() {
    on_each_engine(async |database| {
        let sandbox = x().await;
        sandbox.world().lock().unwrap().tell(ANA, open());
        let daemon = start(&database, &sandbox, "").await.unwrap();
        let posted = post(&daemon, KEY, "conversation.closed", "c-1", ANA).await;
        let (status, body) = read(posted).await;
        assert_eq!((status, &body["state"]), (StatusCode::ACCEPTED, &json!("scheduled")));

        let store = daemon.store().clone();
        until("the prompt", async || states(&store).await == ["sent"]).await;
        let world = sandbox.world();
        {
            let mut world = world.lock().unwrap();
            let id = world.prompts_to(ANA).next().unwrap().feedback_id;
            world.answer(id, Some(5), Some("thanks"), sandbox.now()).unwrap();
        }
        until("the answer", async || states(&store).await == ["answered"]).await;
        daemon.stop().await;
        let world = world.lock().unwrap();
        assert_eq!((world.prompts().len(), world.calls(ApiCall::Create)), (1, 1));
        assert_eq!(world.refused().count(), 0);
    })
    .await;
}

/// Marks of surveys that are not there any more.
const MANY_MARKS: &str = "insert into result_due (survey_id) \
     with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < 2000) \
     select cast(n as text) from numbers";

#[tokio::test]
async fn the_daemon_makes_the_results_that_are_marked_and_says_so() {
    on_each_engine(async |database| {
        database.open().await.close().await;
        database.run_beside(&[MANY_MARKS]).await;
        let (log, sandbox) = (Log::kept(), x().await);
        let daemon = start(&database, &sandbox, "").await.unwrap();
        until("the end of it", async || !log.of("results.filled").is_empty()).await;
        let zone = surveyd::domain::days::Zone::utc();
        assert_eq!(
            daemon.store().catch_up_results(&zone, Millis(0), Duration::ZERO).await.unwrap(),
            0
        );
        daemon.stop().await;
        let filling = log.of("results.filling");
        let words = "the results of surveys are being made: 1872 are left";
        assert_eq!((&filling[0]["message"], &filling[0]["left"]), (&json!(words), &json!(1872)));
        let filled = log.of("results.filled");
        assert_eq!((filled.len(), &filled[0]["level"]), (1, &json!("INFO")));
    })
    .await;
}

/// Takes a table that all work needs away from whoever works on the database, or brings it back.
async fn rename(database: &Database, from: &str, to: &str) {
    let sql = format!("alter table {from} rename to {to}");
    match database.location.file() {
        Some(file) => rusqlite::Connection::open(file).unwrap().execute_batch(&sql).unwrap(),
        None => database.execute(&sql).await,
    }
}

#[tokio::test]
async fn a_database_that_is_away_is_a_line_when_it_goes_and_a_line_when_it_is_back() {
    on_each_engine(async |database| {
        let (log, sandbox) = (Log::kept(), x().await);
        let daemon = start(&database, &sandbox, "").await.unwrap();
        rename(&database, "survey", "survey_away").await;
        let refused = post(&daemon, KEY, "conversation.closed", "c-1", ANA).await;
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        // By whatever writes or reads meanwhile.
        let is_met = async || daemon.store().too_late("acme", Millis(0), Millis(0)).await.is_err();
        until("that it is away", is_met).await;
        until("a line of it", async || !log.of("store.unavailable").is_empty()).await;
        rename(&database, "survey_away", "survey").await;
        until("that it is back", async || !log.of("store.recovered").is_empty()).await;
        let posted = post(&daemon, KEY, "conversation.closed", "c-1", ANA).await;
        assert_eq!(posted.status(), StatusCode::ACCEPTED);
        let store = daemon.store().clone();
        until("the prompt", async || states(&store).await == ["sent"]).await;
        daemon.stop().await;
        let lines = [log.of("store.unavailable"), log.of("store.recovered")];
        assert_eq!(lines.each_ref().map(Vec::len), [1, 1], "{lines:?}");
        assert_eq!(lines[0][0]["level"], "WARN");
    })
    .await;
}

#[tokio::test]
async fn a_notice_signed_by_another_key_is_refused() {
    let (database, sandbox) = (Database::sqlite(), x().await);
    let daemon = start(&database, &sandbox, "").await.unwrap();
    let posted =
        post(&daemon, b"somebody else's key of bytes", "conversation.closed", "c", ANA).await;
    let (status, body) = read(posted).await;
    assert_eq!((status, &body["status"]), (StatusCode::UNAUTHORIZED, &json!(401)));
    assert!(states(daemon.store()).await.is_empty());
    daemon.stop().await;
}

#[tokio::test]
async fn one_accounts_slow_answers_hold_up_nobody_elses_intake() {
    let (database, sandbox) = (Database::sqlite(), x().await);
    sandbox.world().lock().unwrap().tell(ANA, answering(5, "thanks"));
    let slow = InjectedFault::NotCarriedOut { ending: Ending::Silence };
    sandbox.world().lock().unwrap().fault(ApiCall::Friendship, 1, slow);
    let daemon = start(&database, &sandbox, "request_timeout = \"20s\"").await.unwrap();
    post(&daemon, KEY, "conversation.closed", "c-1", ANA).await;
    let store = daemon.store().clone();
    until("the look-up", async || sandbox.world().lock().unwrap().calls(ApiCall::Friendship) == 1)
        .await;
    let (status, body) = read(post(&daemon, KEY, "conversation.closed", "c-2", BEN).await).await;
    assert_eq!((status, &body["state"]), (StatusCode::ACCEPTED, &json!("scheduled")));
    let (status, body) = read(post(&daemon, KEY, "conversation.reopened", "c-2", BEN).await).await;
    assert_eq!((status, &body["state"]), (StatusCode::OK, &json!("cancelled")));
    assert_eq!(states(&store).await, ["scheduled", "cancelled"]);
    drop(daemon);
}

#[tokio::test]
async fn a_daemon_that_is_stopped_finishes_the_prompt_under_way() {
    let (database, sandbox) = (Database::sqlite(), x().await);
    sandbox.world().lock().unwrap().fault(
        ApiCall::Create,
        1,
        InjectedFault::slow(Duration::from_millis(700)),
    );
    let daemon = start(&database, &sandbox, "").await.unwrap();
    post(&daemon, KEY, "conversation.closed", "c-1", ANA).await;
    until("the prompt", async || sandbox.world().lock().unwrap().calls(ApiCall::Create) == 1).await;
    daemon.stop().await;
    let store = Store::attach(&database.location).await.unwrap();
    assert_eq!(states(&store).await, ["sent"]);
}

#[tokio::test]
async fn a_prompt_that_a_crash_left_under_way_is_uncertain_and_not_sent_again() {
    let (database, sandbox) = (Database::sqlite(), x().await);
    let lost = InjectedFault::NotCarriedOut { ending: Ending::Silence };
    sandbox.world().lock().unwrap().fault(ApiCall::Create, 1, lost);
    let daemon = start(&database, &sandbox, "").await.unwrap();
    post(&daemon, KEY, "conversation.closed", "c-1", ANA).await;
    until("the prompt", async || sandbox.world().lock().unwrap().calls(ApiCall::Create) == 1).await;
    // Its tasks end where they stand, as a process does that is killed.
    drop(daemon);

    let again = start(&database, &sandbox, "").await.unwrap();
    assert_eq!(states(again.store()).await, ["uncertain"]);
    post(&again, KEY, "conversation.closed", "c-2", BEN).await;
    let store = again.store().clone();
    until("the next prompt", async || states(&store).await == ["uncertain", "sent"]).await;
    again.stop().await;
    assert_eq!(sandbox.world().lock().unwrap().calls(ApiCall::Create), 2);
}

#[tokio::test]
async fn a_second_daemon_on_the_same_file_is_refused() {
    let (database, sandbox) = (Database::sqlite(), x().await);
    let daemon = start(&database, &sandbox, "").await.unwrap();
    let Err(error) = start(&database, &sandbox, "").await else { panic!("two work on one file") };
    assert!(error.to_string().contains("another surveyd works on"), "{error}");
    daemon.stop().await;
    start(&database, &sandbox, "").await.unwrap().stop().await;
}
