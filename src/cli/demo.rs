//! `surveyd demo` shows the whole job in one process with a temporary database and the sandbox.
//!
//! The daemon is the real one. Closes come in over HTTP and are signed as a help desk signs them.
//! The sandbox answers over the network.
//!
//! With `--serve` the database begins with the past of a made-up [`business`], and the daemon stays
//! up with its pages.

mod business;
mod comments;
mod history;
mod served;
mod teams;

use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use ring::hmac;
use serde_json::json;
use tower::ServiceExt as _;

use self::business::Business;
use self::served::SignIn;
use crate::cli;
use crate::clock::Clock;
use crate::config::{self, Environment};
use crate::daemon::{Daemon, Signals, Start};
use crate::domain::days::Zone;
use crate::domain::summary::{GroupBy, Terms, compare, summarize};
use crate::domain::time::{Millis, Period};
use crate::output::{note, outln};
use crate::report;
use crate::results::{self, ResultsQuery};
use crate::sandbox::{Sandbox, SandboxAccount, SandboxConfig, World};

#[derive(Args)]
#[command(before_help = EXAMPLES, after_help = NOTE)]
pub struct Demo {
    /// How many conversations close, 1 to 1000: X takes 1,000 prompts a day
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = cli::arguments::number(1..=1000))]
    conversations: u32,
    /// Decides who the people are and what they answer; the same seed, the same people
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Begins with 16 weeks of a made-up business, and keeps the pages of results up until Ctrl-C
    #[arg(long)]
    serve: bool,
    /// Where to serve them; a port of 0 takes one that is free [default: 127.0.0.1:0]
    #[arg(long, value_name = "ADDR", requires = "serve", value_parser = cli::sandbox::address)]
    listen: Option<SocketAddr>,
}

const EXAMPLES: &str = "\
  surveyd demo
  surveyd demo --serve                     # then look at its pages in a browser
  surveyd demo --conversations 1000 --seed 7";

const NOTE: &str = "\
Everything happens on this machine and in a temporary folder: no configuration is read, nothing
is kept, and nobody is asked.";

/// The longest wait for answers.
const PATIENCE: Duration = Duration::from_secs(17);
const LOOK_EVERY: Duration = Duration::from_millis(100);

const SECRET: &[u8] = b"demonstration-source-key";

/// Runs the demonstration until its end or a signal. Leaves nothing behind in either case.
pub async fn run(demo: Demo, mut signals: Signals) -> anyhow::Result<()> {
    let folder = Folder::make()?;
    let shown = tokio::select! {
        shown = show(&demo, &folder) => shown?,
        () = signals.stop() => return Ok(()),
    };
    let RunningDemo { daemon, sandbox, sign_in } = shown;
    let served = match &sign_in {
        None => Ok(()),
        Some(sign_in) => {
            outln!("{}", sign_in.words(daemon.address()))?;
            tokio::select! {
                () = signals.stop() => Ok(()),
                failed = daemon.store().failed() => Err(failed.into()),
            }
        }
    };
    daemon.stop().await;
    sandbox.stop().await;
    if sign_in.is_none() {
        outln!("{NEXT}")?;
    }
    served
}

/// A demonstration that has been shown and still works.
struct RunningDemo {
    daemon: Daemon,
    sandbox: Sandbox,
    /// Present if its pages are served.
    sign_in: Option<SignIn>,
}

async fn show(demo: &Demo, folder: &Folder) -> anyhow::Result<RunningDemo> {
    let sandbox = Sandbox::start_on_loopback(SandboxConfig::demo(demo.seed)).await?;
    let account = SandboxConfig::demo(demo.seed).accounts.remove(0);
    let sign_in = demo.serve.then(SignIn::make).transpose()?;
    let listen = demo.listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 0)));
    let sources: &[&str] = if demo.serve { &business::SOURCES } else { &["demo"] };
    let more = sign_in.as_ref().map(SignIn::configuration).unwrap_or_default();
    let environment = Environment::of([("STATE_DIRECTORY", folder.0.as_os_str())]);
    let read = |delay: &str| {
        let text = configuration(&account, &sandbox.base_url(), listen, delay, sources, &more);
        config::parse(&text, &folder.0.join("surveyd.toml"), &environment)
    };
    // Nobody watches the past, so it need not be hurried.
    let (past, config) = (read("5m")?, read("1s")?);
    let mut business = Business::of(demo.seed);
    if demo.serve {
        note!("A business is made up, with {} days of its past.", business::DAYS);
        let bar = bar(u64::from(business::DAYS.unsigned_abs()));
        bar.set_message("days of the past");
        let now = Clock::System.now();
        history::live(&mut business, &past, &folder.0, now, &bar).await?;
        bar.finish_and_clear();
    }
    let (file, clock) = (None, Clock::System);
    let started_at = Clock::System.now();
    let daemon = Daemon::start(Start { config, file, environment, clock }).await?;
    note!(
        "{} conversations close; surveyd asks their people through a simulated X.\n",
        demo.conversations
    );
    let before = SurveyProgress::of(&daemon).await?;
    let bar = bar(u64::from(demo.conversations) * 3);
    for number in 0..demo.conversations {
        let notice = match demo.serve {
            true => served::notice(business.next()),
            false => notice(number),
        };
        close(&daemon, number, notice, Clock::System.now()).await?;
        bar.inc(1);
        bar.set_message(format!("{} closes taken in", number + 1));
    }
    watch(&daemon, &sandbox, &bar, &before).await?;
    bar.finish_and_clear();
    report(&daemon, started_at).await?;
    Ok(RunningDemo { daemon, sandbox, sign_in })
}

fn bar(length: u64) -> ProgressBar {
    let bar = ProgressBar::new(length);
    bar.set_style(ProgressStyle::with_template("{bar:40} {msg}").expect("the template is fixed"));
    bar
}

/// Prints the results of what closed since the start.
async fn report(daemon: &Daemon, started_at: Millis) -> anyhow::Result<()> {
    let now = Clock::System.now();
    let query = ResultsQuery { from: started_at, to: now, account: None, or_sent: true };
    let facts = results::facts(daemon.store(), &query).await?;
    let period = Period { from: started_at, to: now };
    // No more answers can come because the sandbox has no more planned.
    let (by, zone, fresh_for, min_group) = (GroupBy::Nothing, &Zone::utc(), Duration::ZERO, 5);
    let terms = Terms { period, by, zone, now, fresh_for, min_group };
    let summary = compare(summarize(facts, &terms), None);
    outln!("{}", report::text::render(&summary, &report::text::TextPage::plain(now)))?;
    Ok(())
}

const NEXT: &str = "\
Where to look next
  surveyd demo --serve     the same with 16 weeks of a made-up past, and its pages in a browser
  surveyd sandbox          the simulated X alone, with a configuration that fits it
  surveyd run -c FILE      the daemon; then surveyd status, surveys list, report and export
  config/surveyd.toml      every setting with its default
  README.md                from here to a real account in five steps";

/// How far the surveys of the database have come.
struct SurveyProgress {
    waiting: i64,
    sent: i64,
    answered: i64,
    /// The scores and comments that were read.
    answers: i64,
}

impl SurveyProgress {
    async fn of(daemon: &Daemon) -> anyhow::Result<Self> {
        let status = daemon.store().status(Clock::System.now()).await?;
        let count = |states: &[&str]| -> i64 {
            let wanted = status.by_state.iter().filter(|(name, _)| states.contains(name));
            wanted.map(|(_, count)| count).sum()
        };
        Ok(Self {
            waiting: count(&["scheduled", "sending"]),
            sent: count(&["sent", "answered"]),
            answered: count(&["answered"]),
            answers: daemon.store().answers().await?,
        })
    }
}

/// Waits until every prompt is sent and every answer has been read.
async fn watch(
    daemon: &Daemon,
    sandbox: &Sandbox,
    bar: &ProgressBar,
    before: &SurveyProgress,
) -> anyhow::Result<()> {
    let started = Instant::now();
    let closes = bar.position();
    while started.elapsed() < PATIENCE {
        tokio::time::sleep(LOOK_EVERY).await;
        let SurveyProgress { waiting, sent, answered, answers: seen } =
            SurveyProgress::of(daemon).await?;
        let (sent, answered) = (sent - before.sent, answered - before.answered);
        let seen = seen - before.answers;
        let (events, told) = {
            let world = sandbox.world();
            let mut world = world.lock().map_err(|_| anyhow::anyhow!("the sandbox failed"))?;
            world.advance(sandbox.now());
            (world.next_due_at(), answers(&world))
        };
        bar.set_position(closes * 2 - waiting.unsigned_abs() + seen.unsigned_abs());
        bar.set_message(format!("{sent} prompts sent, {answered} people have answered"));
        if waiting == 0 && events.is_none() && seen >= told {
            return Ok(());
        }
    }
    Ok(())
}

/// Counts the scores and comments that people have given.
fn answers(world: &World) -> i64 {
    let given = world.prompts().iter().filter_map(|prompt| world.feedback(prompt.feedback_id));
    given
        .map(|feedback| i64::from(feedback.score.is_some()) + i64::from(feedback.text.is_some()))
        .sum()
}

/// A close as its source reports it: the name of the source, and the notice's data.
type PostedNotice = (&'static str, serde_json::Value);

fn notice(number: u32) -> PostedNotice {
    const AGENTS: [(&str, &str); 4] =
        [("dana", "billing"), ("li", "billing"), ("omar", "delivery"), ("zoe", "delivery")];
    const NAMES: [&str; 6] = ["Ana", "José", "Mei", "Łukasz", "Noor", "Sam"];
    let pick = |count: usize| number as usize % count;
    let (agent, team) = AGENTS[pick(AGENTS.len())];
    let data = json!({
        "conversation_id": format!("demo-{number}"),
        "user_id": (343_434_000_000_u64 + u64::from(number)).to_string(),
        "agent": agent,
        "team": team,
        "first_name": NAMES[pick(NAMES.len())],
        "closed_by": "agent",
    });
    ("demo", data)
}

async fn close(
    daemon: &Daemon,
    number: u32,
    (source, data): PostedNotice,
    now: Millis,
) -> anyhow::Result<()> {
    let body = json!({ "type": "conversation.closed", "timestamp": now.rfc3339(), "data": data })
        .to_string();
    let (id, seconds) = (format!("msg_{number}"), now.0 / 1_000);
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    let signature = hmac::sign(&key, format!("{id}.{seconds}.{body}").as_bytes());
    let request = Request::post(format!("/v1/sources/{source}"))
        .header("content-type", "application/json")
        .header("webhook-id", id)
        .header("webhook-timestamp", seconds)
        .header("webhook-signature", format!("v1,{}", STANDARD.encode(signature)))
        .body(Body::from(body))?;
    let response = daemon.web().router().oneshot(request).await?;
    ensure!(response.status().is_success(), "a close was refused: {}", response.status());
    Ok(())
}

fn configuration(
    account: &SandboxAccount,
    base_url: &str,
    listen: SocketAddr,
    delay: &str,
    sources: &[&str],
    more: &str,
) -> String {
    let source = |name: &&str| {
        let secret = STANDARD.encode(SECRET);
        format!(
            "[[sources]]\nname = \"{name}\"\nkind = \"standard\"\naccount = \"acme\"\n\
             secret = \"{secret}\"\n"
        )
    };
    let sources: String = sources.iter().map(source).collect();
    format!(
        r#"
[http]
listen = "{listen}"
[x]
base_url = "{base_url}"
events_horizon = "0s"
can_dm = "users_v2"
[poll]
interval = "1s"
[[accounts]]
name = "acme"
user_id = "{user_id}"
consumer_key = "{consumer_key}"
consumer_secret = "{consumer_secret}"
access_token = "{access_token}"
access_token_secret = "{access_token_secret}"
privacy_url = "https://acme.example/privacy"
display_name = "Acme"
[accounts.survey]
message = "Thanks for talking to us, {{{{ first_name | default('you') }}}}. How did we do?"
delay = "{delay}"
{more}
{sources}
"#,
        user_id = account.user_id,
        consumer_key = account.consumer_key,
        consumer_secret = account.consumer_secret,
        access_token = account.access_token,
        access_token_secret = account.access_token_secret,
    )
}

/// A temporary folder that is removed when this value is dropped.
struct Folder(PathBuf);

impl Folder {
    fn make() -> anyhow::Result<Self> {
        let name = format!("surveyd-demo-{}", uuid::Uuid::now_v7().simple());
        let path = std::env::temp_dir().join(name);
        let made = std::fs::DirBuilder::new().mode(0o700).create(&path);
        made.with_context(|| format!("{} cannot be made", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
