//! A stage: surveyd's scheduler and poller against a simulated X, pass by pass, on a clock that is
//! set by hand. No loops of the daemon's, no waiting: a day takes as long as its work.

mod losses;
mod world;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use surveyd::clock::{Clock, ClockOfX};
use surveyd::config::{self, Config, Environment};
use surveyd::daemon::watches::RunningWatch;
use surveyd::domain::close::{Close, Notice, Reopening};
use surveyd::domain::id::{ConversationId, SurveyId, UserId};
use surveyd::domain::time::Millis;
use surveyd::poller::{self, Poller};
use surveyd::sandbox::{self, Sandbox, SandboxAccount, SandboxConfig};
use surveyd::stop::{StopSender, stopper};
use surveyd::store::{ResultRow, ResultsQuery, Store, Taken};
use surveyd::watcher::spool::{self, Spool};
use surveyd::watcher::talks::Talks;
use surveyd::watcher::{AccountIntake, Intake};
use surveyd::worker::{AccountWorker, Shared, Watches};
use surveyd::{scheduler, x};

use super::START;
use super::database::Database;
use super::processor;

/// How a stage differs from the usual; the texts are lines of the configuration's sections.
pub struct Setup {
    pub accounts: &'static [&'static str],
    pub x: &'static str,
    pub poll: &'static str,
    pub account: &'static str,
    pub survey: &'static str,
    /// Whole tables `[[sources]]`.
    pub sources: &'static str,
    pub world: fn(&mut SandboxConfig),
    /// How far X's clock is ahead of ours.
    pub x_ahead: Duration,
    /// Where X is reached; the simulated X itself where it is absent.
    pub base_url: Option<String>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            accounts: &["acme"],
            x: "",
            // Rarely, so that a story of days is short; what is said of it is told by those who set
            // it.
            poll: "interval = \"30m\"",
            account: "",
            survey: "",
            sources: "",
            world: |_| {},
            x_ahead: Duration::ZERO,
            base_url: None,
        }
    }
}

/// The time between two passes that want to go on at once, as in the daemon.
const BREATH: Duration = Duration::from_millis(10);
/// So many passes without a call to X show that surveyd only looks at its clock.
const IDLE_PASSES: u32 = 4;
const IDLE: Duration = Duration::from_secs(5 * 60);
const HOURS: Duration = Duration::from_secs(6 * 60 * 60);
/// A pass that always wants to go on at once makes no headway.
const ROUNDS_MAX: usize = 100_000;

pub struct Stage {
    pub database: Database,
    pub store: Store,
    pub sandbox: Sandbox,
    config: Config,
    now: Arc<AtomicI64>,
    now_at_x: Arc<AtomicI64>,
    staff: Vec<(AccountWorker, Poller)>,
    /// What the log has told of waits, which a reload keeps.
    waits: Watches,
    watches: Vec<RunningWatch>,
    /// The sources that watch messages.
    pub talks: Vec<Talks>,
    intake: Intake,
    /// Its end would tell the staff to stop.
    stop: StopSender,
    /// Of the other daemons.
    others: Vec<StopSender>,
}

impl Stage {
    /// One account, acme; nobody answers on their own, everybody can be messaged.
    pub async fn new() -> Self {
        Self::set(Setup::default()).await
    }

    pub async fn set(setup: Setup) -> Self {
        Self::on(Database::sqlite(), setup).await
    }

    pub async fn on(database: Database, setup: Setup) -> Self {
        processor::keep_to_one();
        let (clock, now_at_x) = sandbox::TimeSource::manual(START.plus(setup.x_ahead));
        let mut world = SandboxConfig::quiet(clock);
        world.accounts = accounts(setup.accounts);
        (setup.world)(&mut world);
        let known = world.accounts.clone();
        let sandbox = Sandbox::start_on_loopback(world).await.unwrap();
        let base_url = setup.base_url.clone().unwrap_or_else(|| sandbox.base_url());
        let text = configuration(&setup, &known, &base_url);
        let file = database.folder().join("surveyd.toml");
        let config = config::parse(&text, &file, &Environment::default())
            .unwrap_or_else(|faults| panic!("{faults}\n{text}"));
        let store = database.open().await;
        let now = Arc::new(AtomicI64::new(START.0));
        let waits = Watches::default();
        let (stop, staff, intake) = employ(&config, &store, &now, &waits);
        let (watches, talks) = watch(&config, &staff, &intake);
        Self {
            database,
            store,
            sandbox,
            config,
            now,
            now_at_x,
            staff,
            waits,
            watches,
            talks,
            intake,
            stop,
            others: Vec::new(),
        }
    }

    /// surveyd ends and starts again; X goes on.
    pub async fn restart(&mut self) {
        self.stop.stop_within(Duration::ZERO);
        self.store.clone().close().await;
        self.store = self.database.open().await;
        self.store.recover(true, self.config.x.settle_after, self.now()).await.unwrap();
        self.waits = Watches::default();
        (self.stop, self.staff, self.intake) =
            employ(&self.config, &self.store, &self.now, &self.waits);
        (self.watches, self.talks) = watch(&self.config, &self.staff, &self.intake);
    }

    /// surveyd takes another configuration, as by a reload: what the old one has begun is finished.
    pub fn reload(&mut self, change: impl FnOnce(&mut Config)) {
        change(&mut self.config);
        self.stop.stop_within(self.config.x.send_timeout);
        (self.stop, self.staff, self.intake) =
            employ(&self.config, &self.store, &self.now, &self.waits);
        (self.watches, self.talks) = watch(&self.config, &self.staff, &self.intake);
    }

    /// Another daemon begins to work on the same database.
    pub fn start_another(&mut self) {
        let (stop, staff, _) = employ(&self.config, &self.store, &self.now, &Watches::default());
        self.others.push(stop);
        self.staff.extend(staff);
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The clock of surveyd's machine.
    pub fn clock(&self) -> Clock {
        Clock::Manual(self.now.clone())
    }

    pub fn now(&self) -> Millis {
        Millis(self.now.load(Ordering::SeqCst))
    }

    /// What is known of X's clock.
    pub fn clock_of_x(&self) -> Arc<ClockOfX> {
        let (worker, _) = self.staff.first().expect("there is an account");
        worker.x.clock().clone()
    }

    /// Time passes while surveyd does nothing.
    pub fn wait(&self, length: Duration) {
        let length = i64::try_from(length.as_millis()).unwrap();
        self.now.fetch_add(length, Ordering::SeqCst);
        self.now_at_x.fetch_add(length, Ordering::SeqCst);
    }

    /// Somebody sets the clock of surveyd's machine, so far ahead of X's.
    pub fn set_clock_ahead(&self, seconds: i64) {
        self.now.store(self.now_at_x.load(Ordering::SeqCst) + seconds * 1_000, Ordering::SeqCst);
    }

    /// X's own clock is set, so far ahead of the true time, where ours shows that.
    pub fn set_x_ahead(&self, seconds: i64) {
        self.now_at_x.store(self.now.load(Ordering::SeqCst) + seconds * 1_000, Ordering::SeqCst);
    }

    /// Time passes while surveyd does whatever it wants to, whenever it wants to. Within hours,
    /// after a few passes without a call to X, they come only every five minutes until the next.
    pub async fn pass(&mut self, length: Duration) {
        let end = self.now().plus(length);
        let mut idle = 0;
        for _ in 0..ROUNDS_MAX {
            let calls = self.calls_in_all();
            let next = self.work().await;
            let now = self.now();
            idle = if self.calls_in_all() == calls { idle + 1 } else { 0 };
            let next = match next {
                Some(next) if idle > IDLE_PASSES && length >= HOURS && next > now => {
                    Some(next.max(now.plus(IDLE)))
                }
                next => next,
            };
            match next {
                Some(next) if next <= now => self.wait(BREATH),
                Some(next) if next <= end => self.wait(next.since(now)),
                _ if now >= end => return,
                _ => self.wait(end.since(now)),
            }
        }
        panic!("{ROUNDS_MAX} passes and no end");
    }

    /// One pass of everything. When the next is wanted.
    pub async fn work(&mut self) -> Option<Millis> {
        let mut next = None;
        for (worker, poller) in &mut self.staff {
            let wanted = [
                scheduler::tick(worker).await.unwrap(),
                poller::tick(worker, poller).await.unwrap(),
            ];
            next = wanted.into_iter().chain([next]).flatten().min();
        }
        self.look().await.into_iter().chain(next).min()
    }

    /// One look of the sources that watch messages. When the next is wanted.
    pub async fn look(&mut self) -> Option<Millis> {
        let mut next = None;
        for watch in &mut self.watches {
            next = watch.look().await.unwrap().into_iter().chain(next).min();
        }
        next
    }

    /// The source `files`, whose lines name no account: acme is meant. No line is longer than
    /// `line_max` bytes.
    pub fn spool(&self, folder: &Path, line_max: usize) -> Spool {
        spool::prepare(folder).unwrap();
        let (name, account) = ("files".to_owned(), Some("acme".to_owned()));
        let source = config::SpoolConfig {
            name,
            account,
            accounts: Vec::new(),
            folder: folder.to_owned(),
            every: BREATH,
        };
        let counts = spool::LineCounts::default();
        Spool::new(&source, folder.to_owned(), line_max, self.intake.clone(), counts)
    }

    /// A conversation with acme closes now.
    pub async fn close(&self, conversation: &str, person: u64) -> Taken {
        self.close_as(self.closed(conversation, person)).await
    }

    pub async fn close_as(&self, close: Close) -> Taken {
        self.intake.close(close).await.unwrap().expect("the account is configured")
    }

    /// What a help desk says when a conversation closes now.
    pub fn closed(&self, conversation: &str, person: u64) -> Close {
        Close {
            account: "acme".into(),
            source: "desk".into(),
            conversation_id: ConversationId::parse(conversation).unwrap(),
            user_id: UserId::parse(&person.to_string()).ok(),
            closed_at: self.now(),
            precision: Default::default(),
            notice: Notice::default(),
        }
    }

    /// A conversation with acme goes on. The survey that was called off.
    pub async fn reopen(&self, conversation: &str) -> Option<SurveyId> {
        self.reopen_of("acme", conversation).await
    }

    pub async fn reopen_of(&self, account: &str, conversation: &str) -> Option<SurveyId> {
        let reopening = Reopening {
            account: account.into(),
            source: "desk".into(),
            conversation_id: ConversationId::parse(conversation).unwrap(),
            user_id: None,
            reopened_at: self.now(),
        };
        self.intake.reopening(reopening).await.unwrap()
    }

    pub async fn results(&self) -> Vec<ResultRow> {
        let query = ResultsQuery {
            from: Millis(i64::MIN),
            to: Millis(i64::MAX),
            account: None,
            or_sent: false,
        };
        self.store.results(&query, None).await.unwrap()
    }

    /// The newest survey of a conversation.
    pub async fn survey(&self, conversation: &str) -> ResultRow {
        self.newest().await.remove(conversation).expect("a survey of this conversation")
    }

    /// The newest survey of each conversation.
    async fn newest(&self) -> HashMap<String, ResultRow> {
        let mut all = self.results().await;
        all.sort_by_key(|row| row.survey.closed_at);
        all.into_iter().map(|row| (row.survey.conversation_id.to_string(), row)).collect()
    }

    /// The state of a conversation's newest survey, with the reason where it has one:
    /// `suppressed: throttled`.
    pub async fn state(&self, conversation: &str) -> String {
        self.states().await.remove(conversation).expect("a survey of this conversation")
    }

    /// The same of all conversations.
    pub async fn states(&self) -> HashMap<String, String> {
        let state = |row: ResultRow| match row.survey.state.reason() {
            Some(reason) => format!("{}: {reason}", row.survey.state.name()),
            None => row.survey.state.name().to_owned(),
        };
        self.newest().await.into_iter().map(|(name, row)| (name, state(row))).collect()
    }
}

pub fn accounts(names: &[&str]) -> Vec<SandboxAccount> {
    let ids = 1_212_121_212_121..;
    ids.zip(names).map(|(id, name)| SandboxAccount::named(id, name)).collect()
}

fn employ(
    config: &Config,
    store: &Store,
    now: &Arc<AtomicI64>,
    waits: &Watches,
) -> (StopSender, Vec<(AccountWorker, Poller)>, Intake) {
    let settings = x::XSettings {
        base_url: config.x.base_url.clone(),
        request_timeout: config.x.request_timeout,
        send_timeout: config.x.send_timeout,
    };
    let client = Arc::new(x::Client::new(&settings).unwrap());
    let clock = Clock::Manual(now.clone());
    let (stop, stopper) = stopper();
    let x_clock = Some(client.clock().clone());
    let shared = Shared {
        store: store.clone(),
        x: client,
        clock: clock.clone(),
        stop: stopper,
        watches: waits.clone(),
        meters: Default::default(),
    };
    let mut receivers = HashMap::new();
    let staff = config.accounts.iter().map(|account| {
        let worker = AccountWorker::open(config, account, shared.clone()).unwrap();
        let receiver = AccountIntake { account: worker.account.clone(), wake: worker.wake.clone() };
        receivers.insert(account.name.clone(), receiver);
        (worker, Poller::default())
    });
    let staff = staff.collect();
    let intake = Intake { store: store.clone(), clock, accounts: Arc::new(receivers), x_clock };
    (stop, staff, intake)
}

fn watch(
    config: &Config,
    staff: &[(AccountWorker, Poller)],
    intake: &Intake,
) -> (Vec<RunningWatch>, Vec<Talks>) {
    let watched = config.watched.iter().map(|source| {
        let (worker, _) = staff.iter().find(|(worker, _)| worker.name() == source.account).unwrap();
        let receiver = intake.accounts[&source.account].clone();
        let talks = Talks::new(source, worker.user_id.clone(), intake.clone(), receiver);
        (RunningWatch::new(worker.clone(), talks.clone(), source), talks)
    });
    watched.unzip()
}

fn configuration(setup: &Setup, accounts: &[SandboxAccount], base_url: &str) -> String {
    let Setup { x, poll, account: lines, survey, sources, .. } = setup;
    let mut text = format!("[x]\nbase_url = \"{base_url}\"\n{x}\n");
    // True time, of which a story on a busy machine may take much.
    for timeout in ["request_timeout", "send_timeout"] {
        if !x.contains(timeout) {
            text += &format!("{timeout} = \"5m\"\n");
        }
    }
    text += &format!("[poll]\n{poll}\n");
    for (name, account) in setup.accounts.iter().zip(accounts) {
        text += &account_lines(name, account, lines);
        let message = match survey.contains("message =") {
            true => "",
            false => "message = \"How did we do?\"",
        };
        text += &format!("[accounts.survey]\n{message}\n{survey}\n");
    }
    text + sources
}

/// An account of the configuration, with the keys that the simulated X knows.
pub fn account_lines(name: &str, account: &SandboxAccount, lines: &str) -> String {
    format!(
        r#"
[[accounts]]
name = "{name}"
user_id = "{}"
consumer_key = "{}"
consumer_secret = "{}"
access_token = "{}"
access_token_secret = "{}"
privacy_url = "https://acme.example/privacy"
{lines}
"#,
        account.user_id,
        account.consumer_key,
        account.consumer_secret,
        account.access_token,
        account.access_token_secret,
    )
}
