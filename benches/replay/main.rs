//! How long `surveyd simulate` takes over a record of a hundred thousand closes.
//!
//! ```text
//! cargo bench --bench replay
//! cargo bench --bench replay -- --closes 10000 --rounds 3
//! ```
//!
//! A month of closes of two accounts is taken in by the daemon's own intake, by a clock that is
//! set, and given outcomes as a month leaves them. Then the built program replays it, whole
//! commands by turns, against the configuration that took them in and against one that asks more of
//! each close (rules, quiet hours, an even pace). Nothing is asserted about time.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use futures_util::future::join_all;
use serde_json::Value;
use surveyd::clock::Clock;
use surveyd::config::{self, Config, Environment};
use surveyd::domain::close::{Close, ClosedBy, Notice};
use surveyd::domain::id::{ConversationId, UserId};
use surveyd::store::{Location, Store};
use surveyd::wake::Wake;
use surveyd::watcher::{AccountIntake, Intake};

/// Replays a month of closes on record.
#[derive(Parser)]
struct Arguments {
    #[arg(long, default_value_t = 100_000)]
    closes: u64,
    /// How often the configurations take turns
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

const MONTH: Duration = Duration::from_secs(30 * 86_400);

/// Closes under way at once: the intake commits them together.
const BATCH: u64 = 500;

const SAME: &str = r#"throttle = "7d""#;

const OTHER: &str = r#"
throttle = "3d"
delay = "30m"
sample = 0.8
skip_closed_by = ["bulk", "bot"]
min_agent_messages = 2
quiet_hours = { from = "21:00", to = "08:00", time_zone = "America/New_York" }
[[accounts.rules]]
when = { tag = "vip", language = "es" }
throttle = "1d"
[[accounts.rules]]
when = { team = "team-3" }
skip = true
"#;

fn configuration(pacing: &str, survey: &str) -> String {
    let account = |name: &str, user_id: u64| {
        format!(
            r#"
[[accounts]]
name = "{name}"
user_id = "{user_id}"
consumer_key = "k"
consumer_secret = "s"
access_token = "t"
access_token_secret = "s"
privacy_url = "https://acme.example/privacy"
{pacing}
[accounts.survey]
message = "How did we do?"
throttle_group = "one"
{survey}
"#
        )
    };
    format!("[x]\ncan_dm = \"users_v2\"\n{}{}", account("acme", 1), account("bolt", 2))
}

/// Every third prompt found its person asked already, every seventh could not be sent; all others
/// went out when they were due.
const OUTCOMES: &str = "update survey set decision = decided, begun_at = due_at, attempts = 1,
    state = case when rowid % 3 = 0 or rowid % 7 = 0 then 'suppressed' else 'sent' end,
    reason = case when rowid % 3 = 0 then 'throttled' when rowid % 7 = 0 then 'cannot_dm' end,
    spent_at = case when rowid % 3 > 0 and rowid % 7 > 0 then due_at end,
    sent_at = case when rowid % 3 > 0 and rowid % 7 > 0 then due_at end,
    feedback_id = case when rowid % 3 > 0 and rowid % 7 > 0 then 'f' || rowid end
    where state = 'scheduled'";

fn close(n: u64, at: surveyd::domain::time::Millis) -> Close {
    let notice = Notice {
        agent: Some(format!("agent-{}", n % 40)),
        team: Some(format!("team-{}", n % 5)),
        tags: vec![["vip", "refund", "other"][(n % 3) as usize].to_owned()],
        language: Some(["es", "en"][(n % 2) as usize].to_owned()),
        first_name: Some("Ana".to_owned()),
        closed_by: Some(ClosedBy::ALL[(n % 5) as usize]),
        agent_messages: Some((n % 6) as u32),
        ..Notice::default()
    };
    Close {
        account: ["acme", "bolt"][(n % 2) as usize].to_owned(),
        source: "helpdesk".to_owned(),
        conversation_id: ConversationId::parse(&format!("conversation-{n}")).expect("an id"),
        user_id: UserId::parse(&(1_000_000 + n * 7_919 % 60_000).to_string()).ok(),
        closed_at: at,
        precision: Default::default(),
        notice,
    }
}

async fn fill(folder: &Path, config: &Config, closes: u64) {
    let location = Location::parse("sqlite:surveyd.db", folder).expect("a location");
    let store = Store::open(&location).await.expect("the database");
    let now = Clock::System.now();
    let hand = Arc::new(AtomicI64::new(now.0));
    let receivers = config.accounts.iter().map(|account| {
        let wake = Arc::new(Wake::of(false));
        (account.name.clone(), AccountIntake { account: Arc::new(account.clone()), wake })
    });
    let accounts: HashMap<String, AccountIntake> = receivers.collect();
    let intake = Intake {
        store: store.clone(),
        clock: Clock::Manual(hand.clone()),
        accounts: Arc::new(accounts),
        x_clock: None,
    };
    let apart = MONTH / u32::try_from(closes).expect("not so many");
    for first in (0..closes).step_by(usize::try_from(BATCH).expect("it is small")) {
        let last = (first + BATCH).min(closes);
        let at = now.minus(MONTH).plus(apart * u32::try_from(last).expect("not so many"));
        hand.store(at.0, Ordering::Relaxed);
        let batch = (first..last).map(|n| {
            let closed_at = at.minus(apart * u32::try_from(last - n).expect("it is small"));
            intake.close(close(n, closed_at))
        });
        for taken in join_all(batch).await {
            taken.expect("it is stored").expect("the account is there");
        }
    }
    store.close().await;
    let database = rusqlite::Connection::open(folder.join("surveyd.db")).expect("the database");
    database.execute(OUTCOMES, []).expect("the outcomes");
}

/// The time that a whole command takes, and what it counted.
fn simulate(folder: &Path, file: &str) -> (Duration, Value) {
    let begun = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_surveyd"))
        .args(["simulate", "--since", "31d", "--json", "--config", file])
        .current_dir(folder)
        .env_remove("STATE_DIRECTORY")
        .output()
        .expect("surveyd can be run");
    let took = begun.elapsed();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    (took, serde_json::from_slice(&output.stdout).expect("JSON"))
}

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    let folder = tempfile::tempdir().expect("a folder");
    let files =
        [("same", configuration("", SAME)), ("other", configuration("pacing = \"even\"", OTHER))];
    for (name, text) in &files {
        let file = folder.path().join(format!("{name}.toml"));
        std::fs::write(&file, text).expect("it can be written");
        // It holds secrets.
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&file, private).expect("it is ours");
    }
    let config = config::parse(&files[0].1, Path::new("same.toml"), &Environment::default())
        .unwrap_or_else(|faults| panic!("{faults}"));
    fill(folder.path(), &config, arguments.closes).await;
    let mut seconds = files.each_ref().map(|_| Vec::new());
    for _ in 0..arguments.rounds {
        for ((name, _), seconds) in files.iter().zip(&mut seconds) {
            let (took, simulated) = simulate(folder.path(), &format!("{name}.toml"));
            assert_eq!(simulated["closes"], arguments.closes, "each is replayed");
            seconds.push(took.as_secs_f64());
        }
    }
    println!(
        "{} closes replayed, {} rounds: seconds, median [min..max]",
        arguments.closes, arguments.rounds
    );
    for ((name, _), mut seconds) in files.iter().zip(seconds) {
        seconds.sort_by(f64::total_cmp);
        let [least, middle, most] = [0, seconds.len() / 2, seconds.len() - 1].map(|n| seconds[n]);
        println!("{name:8}{middle:.2} [{least:.2}..{most:.2}]");
    }
}
