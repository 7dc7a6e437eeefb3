//! The daemon as an operator meets it: started, asked, reloaded, stopped, read in its log.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};
use surveyd::domain::time::Millis;
use surveyd::sandbox::{ApiCall, Behaviour, Ending, InjectedFault, Sandbox, SandboxConfig};

use super::NOWHERE;
use crate::harness::help_desk;
use crate::harness::people::ANA;
use crate::harness::program::{KEY, MESSAGE, Program, Running, configuration, secrets};

const COMMENT: &str = "the driver was late and rude";

/// A simulated X without its lag, where nobody answers on their own.
async fn x() -> Sandbox {
    let config = SandboxConfig { behaviour: Behaviour::silent(), ..SandboxConfig::demo(1) };
    Sandbox::start_on_loopback(config).await.unwrap()
}

fn enqueue(program: &Program, conversation: &str, person: u64) -> Value {
    let person = person.to_string();
    let close = ["--conversation", conversation, "--user-id", &person];
    program.run(&[&["enqueue", "--json", "--account", "acme"], &close[..]].concat()).json()
}

async fn post(running: &Running, key: &[u8], conversation: &str) -> u16 {
    let data =
        json!({"conversation_id": conversation, "user_id": ANA + 9, "first_name": "Zbigniew"});
    let kind = "conversation.closed";
    help_desk::post(&running.address(), key, kind, data).await.status().as_u16()
}

async fn get(running: &Running, path: &str) -> (u16, String) {
    let request = help_desk::client().get(format!("http://{}{path}", running.address()));
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

async fn stopped(mut running: Running, signal: &str) -> Running {
    running.signal(signal);
    let status = running.ended().await;
    assert_eq!(status.code(), Some(0), "{}", running.log());
    running
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_says_which_account_is_held_since_an_earlier_run() {
    let sandbox = x().await;
    let program = Program::with_database(&configuration(&sandbox.base_url()));
    let now = surveyd::clock::Clock::System.now();
    let hold = "insert into restore_hold (account, restored_at, why) values ('acme', ?1, 'older')";
    rusqlite::Connection::open(program.path("surveyd.db")).unwrap().execute(hold, [now.0]).unwrap();
    let mut running = program.start().await;
    let held = running.until("account.held", 1).await;
    let said = held["message"].as_str().unwrap();
    assert_eq!(held["account"], "acme");
    assert!(said.starts_with(&format!("account acme is held since {}: ", now.rfc3339())), "{said}");
    stopped(running, "TERM").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_log_is_flat_json_of_what_it_did_without_a_secret() {
    let sandbox = x().await;
    let program = Program::new(&configuration(&sandbox.base_url()));
    let mut running = program.start().await;
    let enqueued = enqueue(&program, "c-1", ANA);
    let sent = running.until("survey.sent", 1).await;
    assert_eq!(sent["survey_id"], enqueued["survey_id"]);
    assert_eq!((&sent["account"], &sent["conversation_id"]), (&json!("acme"), &json!("c-1")));
    let feedback_id = sent["feedback_id"].as_str().unwrap().parse().unwrap();
    let now = sandbox.now();
    sandbox.world().lock().unwrap().answer(feedback_id, Some(1), Some(COMMENT), now).unwrap();
    let answered = running.until("feedback.answered", 1).await;
    assert_eq!(answered["feedback_id"], sent["feedback_id"]);
    // A window that brought something: the answer may have come by another way before it.
    running.until("poll.window_done", 1).await;
    assert_eq!(post(&running, KEY, "c-2").await, 202);
    assert_eq!(post(&running, b"another key, as long as that one", "c-3").await, 401);
    running.until("survey.sent", 2).await;

    let running = stopped(running, "TERM").await;
    let lines = running.lines();
    let events: Vec<&str> = lines.iter().filter_map(|line| line["event"].as_str()).collect();
    assert_eq!((events.first(), events.last()), (Some(&"daemon.started"), Some(&"daemon.stopped")));
    for event in [
        "daemon.ready",
        "close.accepted",
        "close.rejected",
        "survey.scheduled",
        "survey.sending",
        "poll.window_done",
        "daemon.stopping",
    ] {
        assert!(events.contains(&event), "{event}: {events:?}");
    }
    for line in &lines {
        let fields = line.as_object().unwrap();
        let flat = fields.values().all(|value| !value.is_object() && !value.is_array());
        assert!(flat, "{line}");
        let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
        assert!(Millis::from_rfc3339(text("timestamp")).is_ok(), "{line}");
        assert!(["ERROR", "WARN", "INFO"].contains(&text("level")), "{line}");
        assert!(!text("event").is_empty() && !text("message").is_empty(), "{line}");
        if let Some(id) = fields.get("survey_id").and_then(Value::as_str) {
            assert!(text("message").contains(id), "the id stands in the message too: {line}");
        }
    }
    let log = running.log();
    let said = [MESSAGE, COMMENT, "Zbigniew"].map(str::to_owned);
    for secret in secrets().into_iter().chain(said) {
        assert!(!log.contains(&secret), "{secret} stands in the log");
    }
    assert_eq!(running.stdout(), "", "nothing but a result stands on standard output");
    let world = sandbox.world();
    assert_eq!(world.lock().unwrap().prompts().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_tells_that_it_lives_and_what_it_does() {
    let program = Program::new(&configuration(NOWHERE));
    let running = program.start().await;
    assert_eq!(get(&running, "/healthz").await, (200, "ok\n".into()));
    assert_eq!(get(&running, "/readyz").await, (200, "ready\n".into()));
    let (status, metrics) = get(&running, "/metrics").await;
    assert_eq!(status, 200);
    assert!(metrics.contains("\nsurveyd_surveys{state=\"scheduled\"} 0\n"), "{metrics}");
    assert!(metrics.contains("\nsurveyd_account_held{account=\"acme\"} 0\n"), "{metrics}");
    assert_eq!(get(&running, "/elsewhere").await.0, 404);
    stopped(running, "INT").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_listens_on_the_socket_that_was_kept_for_it() {
    let kept = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = kept.local_addr().unwrap();
    let listen = format!("listen = \"{address}\"");
    let text = configuration(NOWHERE).replace("listen = \"127.0.0.1:0\"", &listen);
    // A connection between two daemons.
    let mut early = TcpStream::connect(address).unwrap();
    early.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let program = Program::new(&text);
    let mut running = program.launch_on(kept);
    running.until("daemon.ready", 1).await;
    assert_eq!(running.address(), address.to_string());
    let mut answer = String::new();
    early.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
    assert_eq!(get(&running, "/healthz").await.0, 200);
    stopped(running, "TERM").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_that_was_kept_for_another_address_is_closed() {
    let kept = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = kept.local_addr().unwrap();
    let program = Program::new(&configuration(NOWHERE));
    let mut running = program.launch_on(kept);
    running.until("daemon.ready", 1).await;
    assert_ne!(running.address(), address.to_string());
    assert!(TcpStream::connect(address).is_err(), "nobody listens there");
    stopped(running, "TERM").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_puts_a_good_file_in_force_and_keeps_the_old_one_over_a_bad() {
    let sandbox = x().await;
    let good = configuration(&sandbox.base_url());
    let program = Program::new(&good);
    let mut running = program.start().await;

    program.configure(&good.replace(MESSAGE, "New words"));
    running.signal("HUP");
    running.until("config.reloaded", 1).await;
    enqueue(&program, "c-1", ANA);
    running.until("survey.sent", 1).await;

    program.configure(&good.replace("delay = \"0s\"", "delay = \"never\""));
    running.signal("HUP");
    let rejected = running.until("config.rejected", 1).await;
    assert_eq!(rejected["level"], "ERROR");
    let reason = rejected["reason"].as_str().unwrap();
    assert!(reason.contains("accounts.acme.survey.delay = \"never\""), "{reason}");
    // Mended, but not reloaded.
    program.configure(&good);
    enqueue(&program, "c-2", ANA + 1);
    running.until("survey.sent", 2).await;
    stopped(running, "TERM").await;
    let world = sandbox.world();
    let world = world.lock().unwrap();
    let messages: Vec<_> = world.prompts().iter().map(|prompt| prompt.field("message")).collect();
    assert_eq!(messages, [Some("New words, you?"); 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_daemon_on_the_same_file_ends_with_1_and_leaves_the_first_alone() {
    let program = Program::new(&configuration(NOWHERE));
    let running = program.start().await;
    let second = program.run(&["run"]);
    assert_eq!((second.code, second.stdout.as_str()), (1, ""));
    assert!(second.stderr.contains("another surveyd works on"), "{}", second.stderr);
    assert_eq!(get(&running, "/readyz").await.0, 200);
    assert_eq!(enqueue(&program, "c-1", ANA)["state"], "scheduled", "others may still file closes");
    stopped(running, "TERM").await;
    stopped(program.start().await, "TERM").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_is_killed_sends_nothing_twice() {
    let sandbox = x().await;
    let world = sandbox.world();
    let unanswered = InjectedFault::CarriedOut { ending: Ending::Silence };
    world.lock().unwrap().fault(ApiCall::Create, 1, unanswered);
    let lines = "base_url";
    let text =
        configuration(&sandbox.base_url()).replacen(lines, "settle_after = \"1s\"\nbase_url", 1);
    let program = Program::new(&text);
    let mut running = program.start().await;
    enqueue(&program, "c-1", ANA);
    running.until("survey.sending", 1).await;
    while world.lock().unwrap().prompts().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    running.signal("KILL");
    running.ended().await;

    let mut again = program.start().await;
    let uncertain = again.of("survey.uncertain");
    assert_eq!(uncertain.len(), 1, "{}", again.log());
    let resolved = again.until("survey.resolved", 1).await;
    assert_eq!(resolved["survey_id"], uncertain[0]["survey_id"]);
    stopped(again, "TERM").await;
    let world = world.lock().unwrap();
    assert_eq!((world.prompts().len(), world.calls(ApiCall::Create)), (1, 1));
}
