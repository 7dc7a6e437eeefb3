//! One run: surveyd and the simulated X on one clock, driven by direct calls, with the oracle
//! looking on after each of them.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt;
use surveyd::config::{self, Config, Environment};
use surveyd::domain::days::Zone;
use surveyd::domain::time::Millis;
use surveyd::sandbox::{self, Sandbox};
use surveyd::store::Location;
use surveyd::{poller, scheduler, x};
use tempfile::TempDir;

use super::deeds::{Deed, plan};
use super::dice::Dice;
use super::ending;
use super::forecast::Said;
use super::model::Model;
use super::office::{self, BREATH, Office, Worker};
use super::setting::{HOUR, MINUTE, START, Setting, Weather};
use super::trace::Trace;
use super::watch::Watch;
use super::weather::Orders;

/// What a run came to.
pub struct Report {
    pub hash: u64,
    pub days: u32,
    pub seen: BTreeMap<String, u64>,
}

#[derive(Clone, Copy, Debug)]
enum Pass {
    Schedule,
    Poll,
}

pub struct Run {
    pub setting: Setting,
    pub sandbox: Sandbox,
    pub office: Office,
    pub model: Model,
    pub trace: Trace,
    pub said: Vec<(Millis, String, Said)>,
    config: Config,
    location: Location,
    client: Arc<x::Client>,
    now: Arc<AtomicI64>,
    pub(super) dice: Dice,
    pub(super) watch: Watch,
    pub(super) orders: Orders,
    deeds: VecDeque<(Millis, Deed)>,
    /// surveyd ends after so many more commits.
    pub(super) commits_left: Option<u32>,
    pub(super) prompts_seen: usize,
    pub(super) refused_seen: u64,
    pub(super) was_later: bool,
    passes: Passes,
    _folder: TempDir,
}

/// Passes of the current hour: one that always wants to go on at once makes no headway.
#[derive(Default)]
struct Passes {
    hour: i64,
    count: u32,
}

const PASSES_MAX: u32 = 3_000;

/// Lets a whole run happen.
pub async fn run(setting: Setting) -> Report {
    let mut run = Run::begin(setting).await;
    let end = run.setting.end();
    while run.now() < end {
        run.go_on(end).await;
    }
    ending::check(&mut run).await;
    let Run { setting, sandbox, mut office, mut trace, .. } = run;
    office.close().await;
    sandbox.stop().await;
    let seen = std::mem::take(&mut trace.seen);
    Report { hash: trace.hash(), days: setting.days(), seen }
}

impl Run {
    async fn begin(setting: Setting) -> Self {
        let now = Arc::new(AtomicI64::new(START.0));
        let world = setting.world(sandbox::TimeSource::Manual(now.clone()));
        let sandbox = Sandbox::start_on_loopback(world).await.unwrap();
        for (id, person) in &setting.people {
            sandbox.world().lock().unwrap().tell(*id, person.clone());
        }
        let folder = folder();
        let text = setting.configuration(&sandbox.base_url());
        let file = folder.path().join("surveyd.toml");
        let config = config::parse(&text, &file, &Environment::default())
            .unwrap_or_else(|faults| panic!("{faults}\n{text}"));
        let location = Location::parse(&config.store.url, folder.path()).unwrap();
        let client = office::client(&config);
        if setting.is_repeated {
            eprintln!("{text}");
        }
        let office = Office::open(&config, &location, &client, &now).await;
        Self {
            model: Model::of(&setting, START),
            trace: Trace::of(setting.seed, setting.is_repeated),
            dice: Dice::of(setting.seed, "run"),
            watch: Watch::over(location.file().expect("it is a file")),
            deeds: plan(&setting).into(),
            orders: Orders::default(),
            said: Vec::new(),
            commits_left: None,
            prompts_seen: 0,
            refused_seen: 0,
            was_later: false,
            passes: Passes::default(),
            setting,
            sandbox,
            office,
            config,
            location,
            client,
            now,
            _folder: folder,
        }
    }

    pub fn now(&self) -> Millis {
        Millis(self.now.load(Ordering::SeqCst))
    }

    pub(super) fn set(&self, to: Millis) {
        self.now.store(to.0, Ordering::SeqCst);
    }

    pub(super) fn tell(&mut self, what: &str) {
        self.trace.tell(self.now(), what);
    }

    /// Does what is due, one thing; or, where nothing is, lets time pass until something is.
    async fn go_on(&mut self, end: Millis) {
        let now = self.now();
        self.office.workers.iter_mut().for_each(Worker::look);
        if self.deeds.front().is_some_and(|(at, _)| *at <= now) {
            let (_, deed) = self.deeds.pop_front().expect("it was just seen");
            self.perform(deed).await;
            return self.observe();
        }
        for at in 0..self.office.workers.len() {
            let worker = &self.office.workers[at];
            let pass = if worker.schedule_at.is_some_and(|at| at <= now) {
                Pass::Schedule
            } else if worker.poll_at <= now {
                Pass::Poll
            } else {
                continue;
            };
            if self.count_pass(now) {
                self.refresh().await;
            }
            self.pass(at, pass).await;
            return self.observe();
        }
        let workers = self.office.workers.iter();
        let wanted = workers.flat_map(|worker| [worker.schedule_at, Some(worker.poll_at)]);
        let deed = self.deeds.front().map(|(at, _)| *at);
        self.set(wanted.flatten().chain(deed).min().unwrap_or(end).min(end));
    }

    /// True if this is the first pass of an hour.
    fn count_pass(&mut self, now: Millis) -> bool {
        let hour = now.0 / 3_600_000;
        let is_first = self.passes.hour != hour;
        if is_first {
            self.passes = Passes { hour, count: 0 };
            self.check_hourly();
        }
        self.passes.count += 1;
        assert!(self.passes.count < PASSES_MAX, "passes that make no headway");
        is_first
    }

    /// One turn of the daemon's work on results. Far fewer than are due, so that much is left.
    async fn refresh(&self) {
        let zone = Zone::utc();
        self.office.store.refresh_results(&zone, self.now()).await.unwrap();
        self.office.store.refresh_days(&zone).await.unwrap();
    }

    fn check_hourly(&mut self) {
        let now = self.now();
        self.model.check_patience(now);
        let stranded = self.watch.stranded(now, self.setting.expire_after);
        assert!(stranded.is_empty(), "nobody moves these on: {stranded:?}");
    }

    /// One pass of one worker, or as much of it as surveyd lives to make.
    async fn pass(&mut self, at: usize, pass: Pass) {
        let calls_before = self.calls();
        let Self { office, orders, watch, sandbox, commits_left, .. } = self;
        let worker = &mut office.workers[at];
        let (worker, poller) = (&worker.worker, &mut worker.poller);
        let mut work = Box::pin(async {
            match pass {
                Pass::Schedule => {
                    worker.wake.listen(&worker.clock);
                    scheduler::tick(worker).await
                }
                Pass::Poll => poller::tick(worker, poller).await,
            }
        });
        let next = if orders.may_crash() || commits_left.is_some() {
            // Commits of other times are none of this pass's.
            watch.has_committed();
            let world = sandbox.world();
            let mut look = tokio::time::interval(Duration::from_millis(1));
            // Looked at before each step of the work, so it ends where the seed says: behind that
            // commit, or while that request is under way, however long either takes.
            poll_fn(|context| {
                if let Some(left) = commits_left
                    && watch.has_committed()
                {
                    *left -= 1;
                }
                let is_over =
                    *commits_left == Some(0) || orders.is_crash_met(&world.lock().unwrap());
                if is_over {
                    return Poll::Ready(None);
                }
                // A call that never gets an answer wakes nobody.
                while orders.may_crash() && look.poll_tick(context).is_ready() {}
                work.poll_unpin(context).map(Some)
            })
            .await
        } else {
            Some(work.as_mut().await)
        };
        drop(work);
        let Some(next) = next else {
            let what = match self.commits_left.take_if(|left| *left == 0) {
                Some(_) => "after a commit",
                None => "while a request is under way",
            };
            return self.crash(what).await;
        };
        let next = next.unwrap();
        self.wanted(at, pass, next, self.calls() == calls_before);
    }

    /// Notes when a worker wants its next pass.
    fn wanted(&mut self, at: usize, pass: Pass, next: Option<Millis>, was_idle: bool) {
        let now = self.now();
        let mut next = next.map(|next| next.max(now.plus(BREATH)));
        let worker = &mut self.office.workers[at];
        let name = worker.worker.name().to_owned();
        match pass {
            Pass::Schedule => {
                // What is blocked is looked through every minute for what has become too late; here
                // less often. Where nothing is blocked every survey is seen to at its time.
                if was_idle && self.setting.weather != Weather::Calm {
                    let soon = next.filter(|next| *next <= now.plus(MINUTE));
                    next = soon.map(|_| now.plus(30 * MINUTE)).or(next);
                }
                worker.schedule_at = next;
            }
            Pass::Poll => worker.poll_at = next.expect("the poller always wants to look again"),
        }
        let next = next.map(|next| next.since(now).as_millis());
        self.tell(&format!("{name} {pass:?}, next in {next:?}"));
    }

    fn calls(&self) -> u64 {
        let world = self.sandbox.world();
        let world = world.lock().unwrap();
        world.record().calls().values().sum()
    }

    /// surveyd ends here and now, and is back after a while.
    pub(super) async fn crash(&mut self, what: &str) {
        self.trace.cover(format!("crash {what}"));
        self.tell(&format!("surveyd crashes {what}"));
        self.observe();
        self.model.crashed(self.now());
        let downtime = match self.dice.below(10) {
            0 => self.dice.between(MINUTE, 8 * HOUR),
            1..=4 => self.dice.between(Duration::ZERO, 5 * MINUTE),
            _ => self.dice.between(Duration::ZERO, Duration::from_secs(5)),
        };
        self.reopen_office(downtime).await;
    }

    pub(super) async fn reopen_office(&mut self, downtime: Duration) {
        self.office.close().await;
        self.set(self.now().plus(downtime));
        self.office = Office::open(&self.config, &self.location, &self.client, &self.now).await;
        self.model.hindered(self.now());
        self.tell("surveyd starts");
    }
}

/// In memory where the machine has such a place: a commit is then as durable as it can be, and
/// costs no disk.
fn folder() -> TempDir {
    let builder = tempfile::Builder::new();
    builder.tempdir_in("/dev/shm").or_else(|_| builder.tempdir()).unwrap()
}
