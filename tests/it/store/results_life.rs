//! Any life of surveys, refreshed at any moments: results and totals are what they are if made from
//! scratch, and what the surveys themselves say.

use std::collections::BTreeMap;

use proptest::prelude::*;
use surveyd::domain::days::{Day, Days, Zone};
use surveyd::domain::summary::{Counts, LeftOut, SurveyFacts, Terms, summarize};
use surveyd::domain::time::Period;
use surveyd::domain::view::View;
use surveyd::results::Reading;
use surveyd::store::{CellDetail, DayTotal, Dimension, ResultsQuery};

use super::*;

const ALWAYS: Days = Days { from: Day(0), to: Day(100_000) };

const LONG: Duration = Duration::from_secs(60);

/// Made of nothing: everything is forgotten, and every survey is marked.
const FROM_SCRATCH: [&str; 5] = [
    "delete from result",
    "delete from day_total",
    "delete from result_day",
    "delete from result_due",
    "insert into result_due (survey_id) select id from survey",
];

/// All of `result`.
const RESULTS: &str = "select survey_id || ' ' || account || ' ' || source || ' ' || kind || ' ' || \
     cast(question as text) || ' ' || cast(test as text) || ' ' || cast(closed_at as text) || ' ' || \
     coalesce(cast(sent_at as text), '-') || ' ' || outcome || ' ' || coalesce('=' || agent, '-') || \
     ' ' || coalesce('=' || team, '-') || ' ' || coalesce(tags, '-') || ' ' || \
     coalesce('=' || language, '-') || ' ' || coalesce('=' || rule, '-') || ' ' || \
     coalesce('=' || variant, '-') || ' ' || coalesce(cast(score as text), '-') || ' ' || \
     coalesce(cast(commented_at as text), '-') || ' ' || coalesce(wait, '-') from result order by survey_id";

#[derive(Clone, Debug)]
enum Deed {
    /// A close of one of a few conversations. A later one moves a waiting survey, or makes the next.
    Close {
        conversation: u8,
        labels: u8,
        is_test: bool,
    },
    Reopen {
        conversation: u8,
    },
    /// The next due survey is sent, with one of several outcomes.
    Send {
        outcome: u8,
        is_nps: bool,
    },
    /// An answer to one of the prompts, in or outside the scale.
    Answer {
        which: u8,
        score: Option<i64>,
        has_comment: bool,
    },
    /// An uncertain survey is settled, by X's events or without them.
    Settle {
        is_found: bool,
    },
    /// Something is erased.
    Erase {
        which: u8,
        is_feedback: bool,
    },
    Refresh,
    RefreshDay,
    CatchUp {
        is_elsewhere: bool,
    },
    /// A daemon begins that counts days there.
    CountElsewhere(bool),
}

fn any_deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        4 => (0..6_u8, 0..8_u8, prop::bool::weighted(0.2))
            .prop_map(|(conversation, labels, is_test)| Deed::Close { conversation, labels, is_test }),
        1 => (0..6_u8).prop_map(|conversation| Deed::Reopen { conversation }),
        6 => (0..12_u8, any::<bool>()).prop_map(|(outcome, is_nps)| Deed::Send { outcome, is_nps }),
        8 => (0..12_u8, prop::option::of(-1..12_i64), any::<bool>())
            .prop_map(|(which, score, has_comment)| Deed::Answer { which, score, has_comment }),
        1 => any::<bool>().prop_map(|is_found| Deed::Settle { is_found }),
        1 => (0..12_u8, prop::bool::weighted(0.8)).prop_map(|(which, is_feedback)| Deed::Erase { which, is_feedback }),
        2 => Just(Deed::Refresh),
        2 => Just(Deed::RefreshDay),
        1 => prop::bool::weighted(0.1).prop_map(|is_elsewhere| Deed::CatchUp { is_elsewhere }),
        1 => prop::bool::weighted(0.3).prop_map(Deed::CountElsewhere),
    ]
}

fn zone(is_elsewhere: bool) -> Zone {
    Zone::parse(if is_elsewhere { "Pacific/Auckland" } else { "Europe/Berlin" }).unwrap()
}

/// One life on one database.
struct Life {
    bench: Bench,
    now: Millis,
    /// The feedback ids of the prompts, also of those whose outcome is not known.
    prompts: Vec<(String, String, String)>,
}

impl Life {
    async fn act(&mut self, deed: Deed) {
        self.now = self.now.plus(5 * HOUR);
        let now = self.now;
        match deed {
            Deed::Close { conversation, labels, is_test } => {
                let came = labelled(conversation, labels, now);
                let card = Card { test: is_test, ..CARD };
                let variant = (labels & 4 != 0).then(|| "warm".to_owned());
                let rules = Rules { rule: Some(format!("r{}", labels % 2)), variant, ..rules() };
                let due_at = now.plus(DELAY);
                let ground = Ground::Due { due_at, delay_ms: 300_000 };
                let decided = AtClose { due_at, decision: rules.decided(ground, now) };
                self.bench.store.take_close(came, (decided, None), card, None, now).await.unwrap();
            }
            Deed::Reopen { conversation } => {
                self.bench.reopen(&format!("c-{conversation}"), now).await;
            }
            Deed::Send { outcome, is_nps } => self.send(outcome, is_nps).await,
            Deed::Answer { which, score, has_comment } => {
                let Some(feedback) = self.prompt(which) else { return };
                let mut update = told(&feedback, now);
                if let Some(score) = score {
                    update = scored(update, score, now.minus(MINUTE));
                }
                if has_comment {
                    update = commented(update, "Thanks", now);
                }
                self.bench.store.fold(ACCOUNT, vec![update], now).await.unwrap();
            }
            Deed::Settle { is_found } => self.settle(is_found).await,
            Deed::Erase { which, is_feedback } => self.erase(which, is_feedback).await,
            Deed::Refresh => {
                drop(self.bench.store.refresh_results(&zone(false), now).await.unwrap())
            }
            Deed::RefreshDay => drop(self.bench.store.refresh_days(&zone(false)).await.unwrap()),
            Deed::CatchUp { is_elsewhere } => self.catch_up(is_elsewhere).await,
            Deed::CountElsewhere(is_elsewhere) => {
                self.bench.store.count_days_in(&zone(is_elsewhere)).await.unwrap();
            }
        }
    }

    /// The feedback id of one of the prompts.
    fn prompt(&self, which: u8) -> Option<String> {
        let place = usize::from(which) % self.prompts.len().max(1);
        self.prompts.get(place).map(|(feedback, ..)| feedback.clone())
    }

    async fn catch_up(&self, is_elsewhere: bool) {
        let left =
            self.bench.store.catch_up_results(&zone(is_elsewhere), self.now, LONG).await.unwrap();
        assert_eq!(left, 0);
    }

    async fn send(&mut self, outcome: u8, is_nps: bool) {
        let now = self.now;
        let Some(leased) = self.bench.lease_due(1, now).await.pop() else { return };
        let kind = if is_nps { SurveyType::Nps } else { SurveyType::Csat };
        let prompt = Prompt { kind, test: leased.survey.test, ..prompt() };
        let rules = Rules { throttle: Duration::ZERO, daily_limit_per_user: 9, ..rules() };
        let begun = self.bench.store.begin_send(leased, prompt, rules, times(now)).await.unwrap();
        let BeginOutcome::Sending(sending) = begun else { return };
        let survey = sending.survey().clone();
        let feedback = format!("9{:03}", self.prompts.len());
        let outcome = match outcome {
            0 => refused(Reason::CannotDm, 349),
            1 => SendOutcome::Refused(Failure { code: None, message: "no".into() }),
            2 => SendOutcome::Unknown { given_up_at: now, why: String::new(), spent_at: now },
            // The send is still under way.
            3 => return,
            _ => accepted(&feedback, now, None),
        };
        self.prompts.push((feedback, survey.person().to_owned(), survey.external_id.clone()));
        self.bench.store.finish(&sending, outcome, now).await.unwrap();
    }

    async fn settle(&mut self, is_found: bool) {
        let now = self.now;
        let mut unsettled = self.bench.store.unsettled(ACCOUNT, SENT_AS).await.unwrap();
        let Some(one) = unsettled.pop() else { return };
        if !is_found {
            drop(self.bench.store.settle_unsent(vec![one], START, now).await.unwrap());
            return;
        }
        let survey = self.bench.survey(&one.survey_id).await;
        let person = survey.person().to_owned();
        let its = |(_, of, name): &&(String, String, String)| {
            (of, name) == (&person, &survey.external_id)
        };
        let Some((feedback, ..)) = self.prompts.iter().rfind(its) else { return };
        let found = of_prompt(told(feedback, now), &person, &survey.external_id);
        self.bench.store.fold(ACCOUNT, vec![found], now).await.unwrap();
    }

    async fn erase(&self, which: u8, is_feedback: bool) {
        let statement = match is_feedback {
            true => match self.prompt(which) {
                Some(feedback) => format!("delete from feedback where id = '{feedback}'"),
                None => return,
            },
            false => format!("delete from survey where conversation_id = 'c-{which}'"),
        };
        self.bench.database.run_beside(&[&statement]).await;
    }

    /// All that is kept, for comparison.
    async fn kept(&self) -> (Vec<String>, BTreeMap<&'static str, Vec<DayTotal>>) {
        let mut totals = BTreeMap::new();
        for by in Dimension::ALL {
            let mut of = self.bench.store.day_totals(ALWAYS, by).await.unwrap();
            of.iter_mut().for_each(|total| total.counts.waits_ms.sort_unstable());
            of.sort_by_key(sorted);
            totals.insert(by.as_str(), of);
        }
        (self.bench.database.texts(RESULTS).await, totals)
    }

    /// The wide scan.
    async fn facts(&self) -> Vec<SurveyFacts> {
        let (from, to) = (Millis(i64::MIN), Millis(i64::MAX));
        let all = ResultsQuery { from, to, account: None, or_sent: false };
        surveyd::results::facts(&self.bench.store, &all).await.unwrap()
    }
}

fn labelled(conversation: u8, labels: u8, now: Millis) -> Close {
    let mut came = close(&format!("c-{conversation}"), &(70 + conversation).to_string(), now);
    came.notice = Notice {
        agent: (labels & 1 != 0).then(|| "dana".into()),
        // An empty name is not an absent one.
        team: match labels & 3 {
            0 => None,
            1 => Some(String::new()),
            _ => Some("billing".into()),
        },
        tags: ["vip", "late", "vip"]
            .into_iter()
            .take(usize::from(labels % 4))
            .map(Into::into)
            .collect(),
        language: (labels & 2 != 0).then(|| "es".into()),
        ..Notice::default()
    };
    came
}

fn sorted(total: &DayTotal) -> (Day, String, String, Option<String>, Option<String>) {
    let kind = total.kind.as_str().to_owned();
    (total.day, total.account.clone(), kind, total.team.clone(), total.key.clone())
}

/// What a dimension is of a survey, by the survey itself.
fn key(facts: &SurveyFacts, by: Dimension) -> Option<String> {
    match by {
        Dimension::Whole => None,
        Dimension::Agent => facts.agent.clone(),
        Dimension::Language => facts.language.clone(),
        Dimension::Source => Some(facts.source.clone()),
        Dimension::Question => Some(facts.question_variant_id.to_string()),
        Dimension::Rule => facts.rule.clone(),
        Dimension::Variant => facts.variant.clone(),
        Dimension::Tags => {
            let tags: BTreeSet<&String> = facts.tags.iter().collect();
            (!tags.is_empty()).then(|| serde_json::to_string(&tags).unwrap())
        }
    }
}

/// The totals, counted survey by survey.
fn counted(facts: &[SurveyFacts], by: Dimension, zone: &Zone) -> Vec<DayTotal> {
    let mut totals: BTreeMap<_, DayTotal> = BTreeMap::new();
    for facts in facts.iter().filter(|facts| !facts.test) {
        let empty = |at: Millis| DayTotal {
            day: zone.day_of(at),
            account: facts.account.clone(),
            kind: facts.kind,
            team: facts.team.clone(),
            key: key(facts, by),
            counts: Counts::default(),
        };
        let total = empty(facts.closed_at);
        let counts = &mut totals.entry(sorted(&total)).or_insert(total).counts;
        counts.closes += 1;
        if let Some(unsent) = &facts.unsent {
            *counts.unsent.entry(unsent.clone()).or_default() += 1;
        }
        let Some(sent_at) = facts.sent_at else { continue };
        let total = empty(sent_at);
        let counts = &mut totals.entry(sorted(&total)).or_insert(total).counts;
        counts.prompted += 1;
        counts.commented += u64::from(facts.commented_at.is_some());
        match facts.score.filter(|score| facts.kind.scores().contains(score)) {
            None => counts.last_unanswered_at = counts.last_unanswered_at.max(Some(sent_at)),
            Some(score) => {
                counts.scores[usize::from(score)] += 1;
                let wait = facts.scored_at.unwrap().since(sent_at);
                counts.waits_ms.push(u64::try_from(wait.as_millis()).unwrap());
                counts.waits_ms.sort_unstable();
            }
        }
    }
    totals.into_values().collect()
}

/// The queries of views whose reports are compared. Some are read from the totals of days and some
/// from single results.
const VIEWS: [&str; 16] = [
    "",
    "by=team",
    "by=agent&team=billing",
    "by=tag",
    "by=week",
    "by=question&question=csat",
    "by=variant&account=acme",
    "by=rule&variant=warm",
    "by=language&agent=dana",
    "by=source&agent=&tag=vip",
    "by=team&tag=vip&tag=late",
    "by=tag&tag=vip",
    "by=week&rule=r1&language=es",
    "by=account&team=",
    "by=agent&account=nobody",
    "by=week&tag=",
];

/// Every report is what the surveys themselves say, whichever way it is read.
async fn reports_agree(life: &Life, facts: &[SurveyFacts], zone: Zone) {
    let reading = Reading {
        store: life.bench.store.clone(),
        zone: zone.clone(),
        now: life.now,
        fresh_for: 100 * HOUR,
        min_group: 2,
    };
    for query in VIEWS {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let whole = View::parse(pairs, &zone, life.now).unwrap();
        let days = Days { from: zone.day_of(START), to: zone.day_of(life.now) };
        let whole = whole.over(days, &zone);
        let part = Period { from: START.plus(7 * HOUR), to: life.now.minus(HOUR) };
        for view in [View { period: part, ..whole.clone() }, whole] {
            let terms = Terms {
                period: view.period,
                by: view.by,
                zone: &zone,
                now: life.now,
                fresh_for: reading.fresh_for,
                min_group: reading.min_group,
            };
            let is_meant = |facts: &&SurveyFacts| {
                view.filters.matches(facts) && view.kind.is_none_or(|kind| kind == facts.kind)
            };
            let mut scanned = summarize(facts.iter().filter(is_meant).cloned(), &terms);
            assert_eq!(reading.report(&view).await.unwrap(), scanned, "{query} {:?}", view.period);
            let scores = reading.report_of(&view, CellDetail::Scores).await.unwrap();
            for group in scanned.totals.iter_mut().chain(&mut scanned.groups) {
                (group.suppressed, group.unsent) = Default::default();
                group.median_response_seconds = None;
            }
            scanned.left_out = LeftOut::default();
            assert_eq!(scores, scanned, "{query} {:?}", view.period);
        }
    }
}

async fn live(database: Database, deeds: Vec<Deed>) {
    let bench = Bench { store: database.open().await, database };
    let mut life = Life { bench, now: START, prompts: Vec::new() };
    for deed in deeds {
        life.act(deed).await;
    }
    life.bench.store.count_days_in(&zone(false)).await.unwrap();
    life.catch_up(false).await;
    let kept = life.kept().await;
    life.bench.database.run_beside(&FROM_SCRATCH).await;
    // The days are due again as soon as their results are.
    life.catch_up(false).await;
    assert_eq!(kept, life.kept().await, "made from scratch");
    let facts = life.facts().await;
    for by in Dimension::ALL {
        assert_eq!(kept.1[by.as_str()], counted(&facts, by, &zone(false)), "by {by:?}");
    }
    assert_eq!(kept.0.len(), facts.len());
    reports_agree(&life, &facts, zone(false)).await;
    // Days are counted in one zone, and reports are right in every zone.
    reports_agree(&life, &facts, zone(true)).await;
    life.bench.store.count_days_in(&zone(true)).await.unwrap();
    reports_agree(&life, &facts, zone(false)).await;
    reports_agree(&life, &facts, zone(true)).await;
    life.bench.store.refresh_days(&zone(true)).await.unwrap();
    reports_agree(&life, &facts, zone(true)).await;
    life.bench.store.clone().close().await;
}

fn lives(cases: u32, database: impl AsyncFn() -> Option<Database>) {
    processor::keep_to_one();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut config = ProptestConfig::with_cases(cases);
    config.failure_persistence = None;
    proptest!(config, |(deeds in prop::collection::vec(any_deed(), 1..80))| {
        runtime.block_on(async {
            if let Some(database) = database().await {
                live(database, deeds).await;
            }
        });
    });
}

#[test]
fn no_life_of_surveys_makes_results_and_totals_drift_on_sqlite() {
    lives(48, async || Some(Database::sqlite()));
}

#[test]
fn no_life_of_surveys_makes_results_and_totals_drift_on_postgresql() {
    lives(12, Database::postgres);
}
