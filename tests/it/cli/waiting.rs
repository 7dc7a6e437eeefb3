//! Why nothing is sent, as everything that an operator looks at says it.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};

use serde_json::{Value, json};
use surveyd::sandbox::{
    ApiCall, Behaviour, InjectedFault, Sandbox, SandboxConfig, Scripted, World,
};

use super::NOWHERE;
use super::files::{self, STRANGER};
use crate::harness::help_desk;
use crate::harness::program::{Program, Running, account, configuration};

async fn x(prepare: impl FnOnce(&mut World)) -> Sandbox {
    let config = SandboxConfig { behaviour: Behaviour::silent(), ..SandboxConfig::demo(1) };
    let sandbox = Sandbox::start_on_loopback(config).await.unwrap();
    prepare(&mut sandbox.world().lock().unwrap());
    sandbox
}

/// Files closes of people 1 and so on. The survey of the last one.
fn close_many(program: &Program, count: u64) -> String {
    let mut last = String::new();
    for person in 1..=count {
        let (conversation, person) = (format!("c-{person}"), person.to_string());
        let who = ["--conversation", &conversation, "--user-id", &person];
        let filed =
            program.run(&[&["enqueue", "--json", "--account", "acme"], &who[..]].concat()).json();
        last = filed["survey_id"].as_str().unwrap().to_owned();
    }
    last
}

async fn metrics(running: &Running) -> String {
    let request = help_desk::client().get(format!("http://{}/metrics", running.address()));
    request.send().await.unwrap().text().await.unwrap()
}

/// That `status`, `explain`, `surveys show`, the log and `/metrics` all say the same of `surveys`
/// that wait, among them the one of conversation c-3.
async fn everything_says(
    (program, running): (&Program, &mut Running),
    (reason, surveys): (&str, u64),
    survey_id: &str,
    must_act: bool,
) {
    let logged = running.until("sends.waiting", 1).await;
    assert_eq!((&logged["reason"], &logged["level"]), (&json!(reason), &json!("WARN")));
    let of = |list: &Value| -> Value {
        let found = list.as_array().unwrap().iter().find(|one| one["reason"] == reason);
        found.unwrap_or_else(|| panic!("{reason}: {list}")).clone()
    };
    let status = program.run(&["status", "--json"]).json();
    let told = of(&status["accounts"][0]["waits"]);
    assert_eq!((&told["surveys"], &told["must_act"]), (&json!(surveys), &json!(must_act)));
    let message = told["message"].as_str().unwrap();
    assert!(logged["message"].as_str().unwrap().contains(message), "{logged}\n{message}");

    let text = program.run(&["status"]).stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains(message), "{text}\n{message}");
    let explained = program.run(&["explain", "c-3", "--json"]).json();
    assert_eq!(of(&explained[0]["waits"])["message"], message);
    assert!(program.run(&["explain", "c-3"]).stdout.contains(message));
    let shown = program.run(&["surveys", "show", survey_id, "--json"]).json();
    assert_eq!(of(&shown["waits"])["message"], message);
    assert!(program.run(&["surveys", "show", survey_id]).stdout.contains(message));

    let line =
        format!("surveyd_surveys_waiting{{account=\"acme\",reason=\"{reason}\"}} {surveys}\n");
    // What is asked for often is counted anew a little later.
    while !metrics(running).await.contains(&line) {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let checked = program.run(&["status", "--check"]);
    assert_eq!(checked.code, i32::from(must_act), "{}", checked.stdout);
    assert_eq!(checked.stdout.contains(message), must_act, "{}", checked.stdout);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spent_look_ups_are_said_everywhere() {
    let sandbox = x(|world| world.set_limit(ApiCall::Friendship, 2)).await;
    let program = Program::new(&configuration(&sandbox.base_url()));
    let mut running = program.start().await;
    let last = close_many(&program, 3);
    running.until("survey.sent", 2).await;
    everything_says((&program, &mut running), ("look_up_limit", 1), &last, false).await;

    // A reload that takes the account away ends the wait, too, in the log.
    program.configure(&configuration(&sandbox.base_url()).replace("\"acme\"", "\"globex\""));
    running.signal("HUP");
    let over = running.until("sends.resumed", 1).await;
    assert_eq!((&over["account"], &over["reason"]), (&json!("acme"), &json!("look_up_limit")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answered_survey_is_explained_with_its_score() {
    let sandbox = x(|_| ()).await;
    let program = Program::new(&configuration(&sandbox.base_url()));
    let mut running = program.start().await;
    let survey = close_many(&program, 1);
    running.until("survey.sent", 1).await;
    let answer = |world: &mut World| {
        let feedback_id = world.prompts()[0].feedback_id;
        world.answer(feedback_id, Some(4), None, surveyd::clock::Clock::System.now()).unwrap();
    };
    answer(&mut sandbox.world().lock().unwrap());
    running.until("feedback.answered", 1).await;
    assert_eq!(program.run(&["explain", "c-1", "--json"]).json()[0]["score"], 4);
    let said = program.run(&["explain", "c-1"]).stdout;
    let words = format!("survey {survey} of account acme, person 1, is answered with score 4\n");
    assert!(said.starts_with(&words), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_is_said_everywhere_and_needs_somebody() {
    let refused =
        || InjectedFault::instead(Scripted::error(401, 32, "Could not authenticate you."));
    let sandbox = x(|world| {
        world.fault(ApiCall::Friendship, 1_000, refused());
        world.fault(ApiCall::VerifyCredentials, 1_000, refused());
    })
    .await;
    let program = Program::new(&configuration(&sandbox.base_url()));
    let mut running = program.start().await;
    let last = close_many(&program, 3);
    running.until("account.paused", 1).await;
    everything_says((&program, &mut running), ("paused", 3), &last, true).await;

    // A load balancer still sends closes here.
    let ready = help_desk::client().get(format!("http://{}/readyz", running.address()));
    let ready = ready.send().await.unwrap();
    let (status, body) = (ready.status().as_u16(), ready.text().await.unwrap());
    let words = "ready\naccount acme is paused: X refuses it (code 32: Could not authenticate you.); X is \
                 asked again at ";
    assert!(status == 200 && body.starts_with(words) && body.ends_with("Z\n"), "{status} {body}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_nobody_works_is_said_until_somebody_does() {
    let program = Program::with_database(&configuration(NOWHERE));
    let last = close_many(&program, 3);
    let words = "no daemon works on this database";
    let shown = program.run(&["surveys", "show", &last]).stdout;
    let explained = program.run(&["explain", "c-3"]).stdout;
    let status = program.run(&["status"]).stdout;
    assert!([&shown, &explained, &status].iter().all(|text| text.contains(words)), "{shown}");
    let checked = program.run(&["status", "--check"]);
    assert_eq!((checked.code, checked.stdout.lines().count()), (1, 1), "{}", checked.stdout);
    assert!(checked.stdout.starts_with(words), "{}", checked.stdout);
    let told = program.run(&["status", "--json"]).json();
    assert_eq!(told["daemon"]["state"], "nobody");
    assert_eq!(
        (&told["waits"][0]["reason"], &told["waits"][0]["surveys"]),
        (&json!("nobody_works"), &json!(3))
    );

    let mut running = program.start().await;
    let checked = program.run(&["status", "--check"]);
    assert_eq!((checked.code, checked.stdout.as_str()), (0, "nobody must act\n"));
    let told = program.run(&["status", "--json"]).json();
    assert_eq!(told["daemon"]["state"], "works");
    assert!(told["daemon"]["up_seconds"].as_u64().unwrap() < 600, "{told}");
    let page = metrics(&running).await;
    assert!(page.contains("\nsurveyd_database_takes_writes 1\n"), "{page}");

    // A crash leaves the socket.
    running.signal("KILL");
    running.ended().await;
    assert_eq!(program.run(&["status", "--check"]).code, 1);
}

#[test]
fn a_database_that_takes_no_writes_needs_somebody() {
    let program = Program::with_database(&configuration(NOWHERE));
    let database = rusqlite::Connection::open(program.path("surveyd.db")).unwrap();
    let full =
        "create trigger full before insert on progress begin select raise(abort, 'no room'); end";
    database.execute_batch(full).unwrap();
    let checked = program.run(&["status", "--check"]);
    let words = "the database takes no writes: the database cannot be reached or written now: ";
    let said = checked.stdout.lines().find(|line| line.starts_with(words)).unwrap_or_default();
    assert!(said.contains("no room") && checked.code == 1, "{}", checked.stdout);
    let checked = program.run(&["status", "--check", "--json"]);
    let told: Value = serde_json::from_str(&checked.stdout).unwrap();
    assert_eq!((checked.code, &told["waits"][1]["reason"]), (1, &json!("database")));

    // Whoever only looks is told the same.
    let shown = program.run(&["status"]);
    let text = shown.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(shown.code == 0 && text.contains(said), "{}", shown.stdout);
    let shown = program.run(&["status", "--json"]).json();
    assert_eq!(shown["waits"], told["waits"]);
    assert_eq!(shown["must_act"], told["must_act"]);
}

#[test]
fn whoever_may_only_read_by_root_is_not_told_that_nobody_can_write() {
    files::must_be_root();
    let program = Program::with_database(&configuration(NOWHERE));
    chown(program.path("surveyd.toml"), Some(STRANGER), Some(STRANGER)).unwrap();
    for (path, mode) in [(program.folder(), 0o777), (&program.path("surveyd.db"), 0o644)] {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }
    let shown = files::run_as(&program, STRANGER, &["status", "--json"]).json();
    let waits = shown["waits"].as_array().unwrap();
    assert!(waits.iter().all(|wait| wait["reason"] != "database"), "{shown}");
}

#[test]
fn an_account_that_is_gone_and_one_that_is_not_due_are_said() {
    let text = configuration(NOWHERE).replace("delay = \"0s\"", "delay = \"5m\"");
    let program = Program::with_database(&text);
    let last = close_many(&program, 1);
    let shown = program.run(&["surveys", "show", &last]).stdout;
    assert!(shown.contains("\nit is not due before "), "{shown}");
    program.configure(&configuration(NOWHERE).replace("\"acme\"", "\"globex\""));
    let checked = program.run(&["status", "--check"]);
    assert_eq!(checked.code, 1);
    assert!(
        checked.stdout.contains("acme: 1 survey waits, and no such account"),
        "{}",
        checked.stdout
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_became_faulty_is_said_not_to_be_that_of_the_daemon() {
    let program = Program::new(&configuration(NOWHERE));
    let words = "surveyd: the daemon at work keeps the configuration that it took last. Commands read \
                 the file anew, and it is faulty:\n";
    let faulty = format!("{}\nfaulty = ", configuration(NOWHERE));
    let mut running = program.start().await;
    program.configure(&faulty);
    for arguments in [&["status"][..], &["explain", "c-1"], &["surveys", "list"]] {
        let ended = program.run(arguments);
        assert!(ended.code == 78 && ended.stderr.starts_with(words), "{}", ended.stderr);
    }
    running.signal("TERM");
    running.ended().await;
    let ended = program.run(&["status"]);
    assert!(ended.code == 78 && !ended.stderr.contains(words), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_closes_of_a_source_need_somebody() {
    let program = Program::new(&configuration(NOWHERE));
    let mut running = program.start().await;
    let data = json!({"conversation_id": "c-1"});
    let key = crate::harness::program::KEY;
    let answer = help_desk::post(&running.address(), key, "conversation.closed", data).await;
    assert_eq!(answer.status().as_u16(), 422);
    running.until("close.rejected", 1).await;
    let mut checked = program.run(&["status", "--check"]);
    while checked.code == 0 {
        checked = program.run(&["status", "--check"]);
    }
    let words = "source desk: 1 close was refused in the last hour, the newest for: ";
    assert!(checked.stdout.starts_with(words), "{}", checked.stdout);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_strangers_send_to_a_source_needs_nobody() {
    let program = Program::new(&configuration(NOWHERE));
    let mut running = program.start().await;
    let address = format!("http://{}/v1/sources/desk", running.address());
    let got = help_desk::client().get(&address).send().await.unwrap();
    let posted = help_desk::client().post(&address).body("{}").send().await.unwrap();
    assert_eq!((got.status().as_u16(), posted.status().as_u16()), (405, 401));
    running.until("close.rejected", 2).await;
    let kept = || program.run(&["sources", "rejected", "desk", "--json"]).json();
    while kept().as_array().unwrap().len() < 2 {}
    let checked = program.run(&["status", "--check"]);
    assert_eq!((checked.code, checked.stdout.as_str()), (0, "nobody must act\n"));

    let data = json!({"conversation_id": "c-1", "user_id": "1"});
    let answer = help_desk::post(&running.address(), b"another", "conversation.closed", data).await;
    assert_eq!(answer.status().as_u16(), 401);
    running.until("close.rejected", 3).await;
    while kept().as_array().unwrap().len() < 3 {}
    let checked = program.run(&["status", "--check"]);
    let words = "source desk: 1 close was refused in the last hour, the newest for: no signature";
    assert!(checked.stdout.starts_with(words) && checked.code == 1, "{}", checked.stdout);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_uncertain_survey_says_what_tells_of_it_and_when() {
    let sandbox = x(|x| x.fault(ApiCall::Create, 1, InjectedFault::cut_before())).await;
    // X's events are a day behind, as the real ones.
    let text = configuration(&sandbox.base_url()).replace("\"0s\"\n[poll]", "\"24h\"\n[poll]");
    let program = Program::new(&text);
    let mut running = program.start().await;
    let survey_id = close_many(&program, 1);
    running.until("survey.uncertain", 1).await;
    let told = || {
        let explained = program.run(&["explain", "c-1", "--json"]).json();
        let waits = explained[0]["waits"].as_array().unwrap().clone();
        assert_eq!((waits.len(), &waits[0]["reason"]), (1, &json!("uncertain")));
        let shown = program.run(&["surveys", "show", &survey_id, "--json"]).json();
        assert_eq!(shown["waits"], json!(waits));
        waits[0]["message"].as_str().unwrap().to_owned()
    };
    assert!(told().contains("X's events tell, from"), "{}", told());
    let was = account().user_id.to_string();
    program.configure(&text.replace(&format!("user_id = \"{was}\""), "user_id = \"99\""));
    let left = format!("it left as {was} at {}, which account acme no longer", sandbox.base_url());
    assert!(told().contains(&left), "{}", told());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_uncertain_survey_of_an_account_that_is_gone_can_be_ended() {
    let sandbox = x(|x| x.fault(ApiCall::Create, 1, InjectedFault::cut_before())).await;
    let text = configuration(&sandbox.base_url()).replace("\"0s\"\n[poll]", "\"24h\"\n[poll]");
    let program = Program::new(&text);
    let mut running = program.start().await;
    let survey_id = close_many(&program, 1);
    running.until("survey.uncertain", 1).await;
    let cancel = ["surveys", "cancel", &survey_id];
    let refused = program.run(&cancel);
    let words = format!(
        "surveyd: survey {survey_id} is uncertain: only a scheduled one can be called off\n"
    );
    assert_eq!((refused.code, refused.stderr), (1, words), "X's events will tell");

    program.configure(&text.replace("\"acme\"", "\"globex\""));
    running.signal("HUP");
    running.until("config.reloaded", 1).await;
    let words = "whether its prompt went out is not known, and nobody asks X: account acme is not \
                 configured. It is not sent again. Configure the account again to have it settled, or \
                 end it as failed: `surveyd surveys cancel ID`\n";
    let explained = program.run(&["explain", "c-1"]).stdout;
    assert!(explained.ends_with(words), "{explained}");
    let checked = program.run(&["status", "--check"]);
    assert!(
        checked.stdout.starts_with("acme: 1 survey waits, and no such account"),
        "{}",
        checked.stdout
    );
    assert_eq!(checked.code, 1);

    let ended = program.run(&cancel);
    let words = "is failed: given up by the operator: whether its prompt went out is not known, and it is \
                 not sent again";
    assert_eq!((ended.code, ended.stdout), (0, format!("survey {survey_id} {words}\n")));
    assert_eq!(program.run(&["status", "--check"]).stdout, "nobody must act\n");
    program.configure(&text);
    assert_eq!(program.run(&["surveys", "retry", &survey_id]).code, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_settling_that_waits_for_events_which_x_does_not_show_needs_somebody() {
    let sandbox = x(|x| {
        x.fault(ApiCall::Create, 1, InjectedFault::cut_before());
        x.fault(
            ApiCall::Events,
            10_000,
            InjectedFault::instead(Scripted::error(503, 130, "Over capacity")),
        );
    })
    .await;
    let text = configuration(&sandbox.base_url()).replace("\"0s\"\n[poll]", "\"24h\"\n[poll]");
    let program = Program::new(&text);
    let mut running = program.start().await;
    close_many(&program, 1);
    running.until("survey.uncertain", 1).await;
    assert_eq!(program.run(&["status", "--check"]).code, 0, "X's events are not due yet");
    let ago = surveyd::clock::Clock::System.now().minus(std::time::Duration::from_secs(26 * 3_600));
    let database = rusqlite::Connection::open(program.path("surveyd.db")).unwrap();
    let earlier = "update survey set begun_at = ?1, given_up_at = ?1, given_up_here = ?1";
    database.execute(earlier, [ago.0]).unwrap();
    let words = format!(
        "whether one prompt of account acme went out is not known since {}: no events of X have been \
         read yet. Nothing is sent again before that. The log says why (`poll.failed`), and `surveyd \
         status` how far events are read\n",
        ago.rfc3339()
    );
    let checked = program.run(&["status", "--check"]);
    assert_eq!((checked.code, &checked.stdout), (1, &words));
    let explained = program.run(&["explain", "c-1"]).stdout;
    assert!(
        explained.ends_with(&words) && explained.contains("X's events tell, from"),
        "{explained}"
    );
}

#[test]
fn a_database_that_another_program_holds_is_said_to_be_held() {
    let program = Program::with_database(&configuration(NOWHERE));
    let database = rusqlite::Connection::open(program.path("surveyd.db")).unwrap();
    database.execute_batch("begin immediate").unwrap();
    let checked = program.run(&["status", "--check"]);
    let words = "the database takes no writes: a write has not ended within 2 s; perhaps another program \
                 holds the database: `fuser` with its file shows which, to be ended. Once that is mended, \
                 work goes on by itself";
    let said = checked.stdout.lines().find(|line| line.contains("takes no writes"));
    assert_eq!((said, checked.code), (Some(words), 1), "{}", checked.stdout);
    let filed =
        program.run(&["enqueue", "--account", "acme", "--conversation", "c", "--user-id", "1"]);
    assert!(filed.stderr.contains("another program holds the database"), "{}", filed.stderr);
}
