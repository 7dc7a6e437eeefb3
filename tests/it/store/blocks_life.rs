//! Any life of agents' answers: what an agent sees only ever grows by whole blocks, and is what the
//! rule says.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use surveyd::domain::blocks::{BlockRule, Pile, PublishedBlock, Sorts, close};
use surveyd::domain::days::{Day, Zone};

use super::blocks::{BLOCKS, DAY, Given};
use super::*;

const AGENTS: [&str; 2] = ["dana", "li"];

/// The answers of each block, counted one by one.
const IN_BLOCKS: &str = "select b.agent || ' ' || b.kind || ' ' || cast(b.no as text) || ' ' || \
     cast(b.n as text) || ' ' || cast((select count(*) from agent_answer a where a.agent = b.agent \
     and a.kind = b.kind and a.block = b.no) as text) from agent_block b order by b.agent, b.kind, b.no";

#[derive(Clone, Debug)]
enum Deed {
    /// Answers come in. Some are tests, and some have no agent.
    Answer {
        agent: u8,
        is_nps: bool,
        scores: Vec<i64>,
        is_test: bool,
    },
    /// Hours go by, or the clock is set.
    Pass(u32),
    SetClock(i32),
    Refresh,
    /// Blocks are closed under one of several configurations.
    Close {
        agent_min: u32,
        delay_days: u32,
        zone: u8,
    },
    /// A score is changed, a survey erased, or all results are forgotten and made again.
    Correct(u16, i64),
    Erase(u16),
    MakeAgain,
    Restart,
}

fn any_deed() -> impl Strategy<Value = Deed> {
    let scores = prop::collection::vec(-1..12_i64, 1..9);
    prop_oneof![
        8 => (0..3_u8, prop::bool::weighted(0.3), scores, prop::bool::weighted(0.1)).prop_map(
            |(agent, is_nps, scores, is_test)| Deed::Answer { agent, is_nps, scores, is_test }
        ),
        6 => (1..300_u32).prop_map(Deed::Pass),
        1 => (-900..900_i32).prop_map(Deed::SetClock),
        6 => Just(Deed::Refresh),
        6 => (2..9_u32, 0..12_u32, 0..3_u8)
            .prop_map(|(agent_min, delay_days, zone)| Deed::Close { agent_min, delay_days, zone }),
        1 => (0..200_u16, 0..6_i64).prop_map(|(n, score)| Deed::Correct(n, score)),
        1 => (0..200_u16).prop_map(Deed::Erase),
        1 => Just(Deed::MakeAgain),
        1 => Just(Deed::Restart),
    ]
}

fn zone(which: u8) -> Zone {
    let names = ["UTC", "Pacific/Auckland", "America/Los_Angeles"];
    Zone::parse(names[usize::from(which)]).unwrap()
}

/// An answer as the model keeps it.
struct Kept {
    agent: &'static str,
    kind: SurveyType,
    score: u8,
    at: Millis,
    is_closed: bool,
}

/// What is to be kept and closed, written down without a database.
#[derive(Default)]
struct Model {
    kept: BTreeMap<usize, Kept>,
    sunday: Option<Day>,
    closed: Vec<(&'static str, PublishedBlock, Millis)>,
}

impl Model {
    fn close(&mut self, rule: &BlockRule, now: Millis) {
        loop {
            let waiting = self.kept.values().filter(|kept| !kept.is_closed);
            let first = waiting.map(|kept| kept.at).min();
            let Some(sunday) = rule.next_week(self.sunday, first, now) else { return };
            self.sunday = Some(sunday);
            let end = rule.week_ends_at(sunday);
            for agent in AGENTS {
                for kind in SurveyType::ALL {
                    self.close_pile(rule, (agent, kind), sunday, |at| {
                        at <= end || at > now.plus(DAY)
                    });
                }
            }
        }
    }

    fn close_pile(
        &mut self,
        rule: &BlockRule,
        (agent, kind): (&'static str, SurveyType),
        sunday: Day,
        is_in: impl Fn(Millis) -> bool,
    ) {
        let mut pile: Vec<&mut Kept> = self
            .kept
            .values_mut()
            .filter(|kept| (kept.agent, kept.kind, kept.is_closed) == (agent, kind, false))
            .filter(|kept| is_in(kept.at))
            .collect();
        let Some(first) = pile.iter().map(|kept| kept.at).min() else { return };
        let mut scores = [0; 11];
        pile.iter().for_each(|kept| scores[usize::from(kept.score)] += 1);
        let of_pile = self
            .closed
            .iter()
            .filter(|(of, published, _)| (*of, published.block.sorts.kind()) == (agent, kind));
        let before: Vec<Day> = of_pile.map(|(_, published, _)| published.block.days.to).collect();
        let days = rule.days(before.last().copied(), first, sunday);
        let pile_as_found = Pile { days, sorts: Sorts::of(kind, &scores) };
        let Some(block) = close(&pile_as_found, rule.agent_min) else { return };
        pile.iter_mut().for_each(|kept| kept.is_closed = true);
        let published = PublishedBlock { no: before.len() as u64 + 1, block };
        self.closed.push((agent, published, rule.published_at(sunday)));
    }

    fn published(&self, agent: &str, now: Millis) -> BTreeSet<String> {
        let is_seen = |it: &&(&str, PublishedBlock, Millis)| it.0 == agent && it.2 <= now;
        self.closed
            .iter()
            .filter(is_seen)
            .map(|(_, published, _)| format!("{published:?}"))
            .collect()
    }
}

/// One life on one database.
struct Life {
    bench: Bench,
    model: Model,
    now: Millis,
    /// The latest instant that any clock has shown.
    latest: Millis,
    given: Vec<Option<Given>>,
    /// The least that was ever configured.
    least: u32,
    written: Vec<String>,
}

impl Life {
    async fn act(&mut self, deed: Deed) {
        match deed {
            Deed::Answer { agent, is_nps, scores, is_test } => {
                let first = self.given.len();
                let of = |(n, score): (usize, i64)| Given {
                    n,
                    agent: AGENTS.get(usize::from(agent)).copied(),
                    kind: if is_nps { SurveyType::Nps } else { SurveyType::Csat },
                    score,
                    test: is_test,
                };
                let all: Vec<Given> = (first..).zip(scores).map(of).collect();
                self.bench.put_on_record(&all).await;
                self.given.extend(all.into_iter().map(Some));
            }
            Deed::Pass(hours) => self.now = self.now.plus(hours * HOUR),
            Deed::SetClock(hours) => self.now = Millis(self.now.0 + i64::from(hours) * 3_600_000),
            Deed::Refresh => self.refresh().await,
            Deed::Close { agent_min, delay_days, zone: which } => {
                let agent_delay = delay_days * DAY;
                let rule = BlockRule { zone: zone(which), agent_min, agent_delay };
                self.least = self.least.min(agent_min);
                let before = self.model.closed.len();
                self.model.close(&rule, self.now);
                let closed = self.bench.close_blocks(&rule, self.now).await;
                assert_eq!(closed, (self.model.closed.len() - before) as u64);
            }
            Deed::Correct(n, score) => {
                let n = usize::from(n);
                if let Some(Some(given)) = self.given.get_mut(n) {
                    given.score = score;
                    let change = format!("update feedback set score = {score} where id = 'f-{n}'");
                    self.bench.database.run_beside(&[&change]).await;
                }
            }
            Deed::Erase(n) => {
                let n = usize::from(n);
                if let Some(given) = self.given.get_mut(n) {
                    *given = None;
                    let survey = format!("delete from survey where id = 's-{n:04}'");
                    let feedback = format!("delete from feedback where id = 'f-{n}'");
                    self.bench.database.run_beside(&[&survey, &feedback]).await;
                }
            }
            Deed::MakeAgain => {
                let again = "insert into result_due (survey_id) select id from survey";
                self.bench.database.run_beside(&["delete from result", again]).await;
            }
            Deed::Restart => {
                self.bench.store.clone().close().await;
                self.bench.store = self.bench.database.open().await;
            }
        }
        self.latest = self.latest.max(self.now);
        self.check().await;
    }

    async fn refresh(&mut self) {
        self.bench.refresh_at(self.now).await;
        for given in self.given.iter().flatten() {
            let score = u8::try_from(given.score).ok();
            let score = score.filter(|score| given.kind.scores().contains(score));
            if let (Some(agent), Some(score), false) = (given.agent, score, given.test) {
                let at = self.now;
                let kept = Kept { agent, kind: given.kind, score, at, is_closed: false };
                self.model.kept.entry(given.n).or_insert(kept);
            }
        }
    }

    /// What stands written stands for good. What is seen is what the model says.
    async fn check(&mut self) {
        let written = self.bench.database.texts(BLOCKS).await;
        let missing: Vec<&String> =
            self.written.iter().filter(|it| !written.contains(it)).collect();
        assert!(missing.is_empty(), "{missing:?} is not in {written:?}");
        self.written = written;
        for now in [self.now, self.latest] {
            for agent in AGENTS {
                let seen = self.bench.store.blocks(agent, now).await.unwrap();
                let is_later =
                    |pair: &[PublishedBlock]| pair[0].block.days.to >= pair[1].block.days.to;
                assert!(seen.windows(2).all(is_later), "the newest first: {seen:?}");
                let least = u64::from(self.least);
                assert!(seen.iter().all(|it| it.block.sorts.answers() >= least), "{seen:?}");
                let seen: BTreeSet<String> = seen.iter().map(|it| format!("{it:?}")).collect();
                assert_eq!(seen, self.model.published(agent, now));
            }
        }
    }
}

async fn live(database: Database, deeds: Vec<Deed>) {
    let bench = Bench { store: database.open().await, database };
    let mut life = Life {
        bench,
        model: Model::default(),
        now: START,
        latest: START,
        given: Vec::new(),
        least: u32::MAX,
        written: Vec::new(),
    };
    for deed in deeds {
        life.act(deed).await;
    }
    for block in life.bench.database.texts(IN_BLOCKS).await {
        let numbers: Vec<&str> = block.split(' ').skip(3).collect();
        assert_eq!(numbers[0], numbers[1], "{block}");
    }
    life.bench.store.clone().close().await;
}

fn lives(cases: u32, database: impl AsyncFn() -> Option<Database>) {
    processor::keep_to_one();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut config = ProptestConfig::with_cases(cases);
    config.failure_persistence = None;
    proptest!(config, |(deeds in prop::collection::vec(any_deed(), 1..60))| {
        runtime.block_on(async {
            if let Some(database) = database().await {
                live(database, deeds).await;
            }
        });
    });
}

#[test]
fn no_life_of_answers_changes_a_block_that_an_agent_has_seen_on_sqlite() {
    lives(40, async || Some(Database::sqlite()));
}

#[test]
fn no_life_of_answers_changes_a_block_that_an_agent_has_seen_on_postgresql() {
    lives(12, Database::postgres);
}
