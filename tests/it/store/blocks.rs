//! Agents' answers and their blocks: what is kept once, closed once and seen.

use surveyd::domain::blocks::{Block, BlockRule, PublishedBlock, Sorts};
use surveyd::domain::days::{Day, Days, Zone};
use surveyd::store::{Closing, Error};

use super::*;

pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);

const LONG: Duration = Duration::from_secs(60);

/// All answers that are kept.
const ANSWERS: &str = "select survey_id || ' ' || agent || ' ' || kind || ' ' || \
     cast(score as text) || ' ' || cast(at - 1790000000000 as text) || ' ' || \
     coalesce(cast(block as text), '-') from agent_answer order by survey_id";

/// All blocks that are closed.
pub const BLOCKS: &str = "select agent || ' ' || kind || ' ' || cast(no as text) || ' ' || \
     cast(from_day as text) || ' ' || cast(to_day as text) || ' ' || cast(n as text) || ' ' || \
     coalesce(cast(content as text), '-') || ' ' || coalesce(cast(promoters as text), '-') || ' ' || \
     coalesce(cast(detractors as text), '-') || ' ' || cast(closed_at as text) || ' ' || \
     cast(published_at as text) from agent_block order by agent, kind, no";

/// START falls on Monday, 21 September 2026, in UTC. This is the Sunday after it.
const SUNDAY: Day = Day(20_723);

pub fn rule() -> BlockRule {
    BlockRule { zone: Zone::utc(), agent_min: 10, agent_delay: 7 * DAY }
}

/// One answer that is on record, with its survey.
#[derive(Clone, Copy)]
pub struct Given {
    pub n: usize,
    pub agent: Option<&'static str>,
    pub kind: SurveyType,
    pub score: i64,
    pub test: bool,
}

/// The answers of an agent, numbered from `first` on.
fn given(first: usize, agent: &'static str, scores: &[i64]) -> Vec<Given> {
    let kind = SurveyType::Csat;
    let of = |(n, score): (usize, &i64)| Given {
        n,
        agent: Some(agent),
        kind,
        score: *score,
        test: false,
    };
    (first..).zip(scores).map(of).collect()
}

/// Ten answers, two of them unhappy.
const TEN: [i64; 10] = [5, 4, 5, 1, 5, 5, 4, 3, 5, 5];

fn of_ten(from: Day) -> Block {
    Block { days: Days { from, to: from.plus(6) }, sorts: Sorts::Csat { content: 8, others: 2 } }
}

impl Bench {
    /// Puts answers on record, each with the survey that it is to.
    pub async fn put_on_record(&self, all: &[Given]) {
        let survey = |it: &Given| {
            let notice = it.agent.map_or("{}".to_owned(), |it| format!("{{\"agent\":\"{it}\"}}"));
            format!(
                "('s-{n:04}', 'acme', 'desk', 'c-{n}', 1, 'c-{n}', '{n}', '{}', 3, {}, 'answered', \
                 1, 1, 1, '{notice}', 1, 1, 1, 1, 'f-{n}')",
                it.kind.as_str(),
                u8::from(it.test),
                n = it.n
            )
        };
        let feedback = |it: &Given| {
            format!(
                "('acme', 'f-{n}', 's-{n:04}', 1, 0, '{{}}', {}, 1, '1', 0)",
                it.score,
                n = it.n
            )
        };
        let surveys: Vec<String> = all.iter().map(survey).collect();
        let feedback: Vec<String> = all.iter().map(feedback).collect();
        let surveys = format!(
            "insert into survey (id, account, source, conversation_id, ordinal, external_id, \
             user_id, kind, question_variant_id, test, state, closed_at, accepted_at, due_at, \
             notice, try_at, lease_token, attempts, sent_at, feedback_id) values {}",
            surveys.join(", ")
        );
        let feedback = format!(
            "insert into feedback (account, id, survey_id, updated_at, test, raw, score, \
             score_given_at, updates, folds) values {}",
            feedback.join(", ")
        );
        self.database.run_beside(&[&surveys, &feedback]).await;
    }

    /// Brings the results up to date.
    pub async fn refresh_at(&self, now: Millis) {
        let left = self.store.catch_up_results(&Zone::utc(), now, LONG).await.unwrap();
        assert_eq!(left, 0);
    }

    /// Closes all blocks that may be, and returns how many they were.
    pub async fn close_blocks(&self, rule: &BlockRule, now: Millis) -> u64 {
        let mut all = 0;
        loop {
            let Closing { closed, is_done } = self.store.close_blocks(rule, now).await.unwrap();
            all += closed;
            if is_done {
                return all;
            }
        }
    }

    async fn blocks_of(&self, agent: &str, now: Millis) -> Vec<Block> {
        let published = self.store.blocks(agent, now).await.unwrap();
        published.into_iter().map(|published| published.block).collect()
    }
}

fn monday_after(sunday: Day) -> Millis {
    rule().week_ends_at(sunday).plus(Duration::from_millis(1))
}

#[tokio::test]
async fn an_answer_counts_once_from_when_it_is_on_record_whatever_becomes_of_it() {
    on_each_engine(async |bench| {
        let of = |n: usize, agent: Option<&'static str>, kind: SurveyType, score: i64| Given {
            n,
            agent,
            kind,
            score,
            test: false,
        };
        let all = [
            of(1, Some("dana"), SurveyType::Csat, 4),
            of(2, Some("dana"), SurveyType::Nps, 0),
            of(3, None, SurveyType::Csat, 4),
            Given { test: true, ..of(4, Some("dana"), SurveyType::Csat, 4) },
            of(5, Some("dana"), SurveyType::Csat, 6),
        ];
        bench.put_on_record(&all).await;
        bench.refresh_at(START.plus(Duration::from_millis(7))).await;
        let kept = ["s-0001 dana csat 4 7 -", "s-0002 dana nps 0 7 -"];
        assert_eq!(bench.database.texts(ANSWERS).await, kept);

        // A correction, another agent, a score on the scale at last, an erasure, all made again.
        let changes = [
            "update feedback set score = 1 where id = 'f-1'",
            "update survey set notice = '{\"agent\":\"li\"}' where id = 's-0001'",
            "update feedback set score = 5 where id = 'f-5'",
            "delete from feedback where id = 'f-2'",
            "delete from survey where id = 's-0002'",
            "delete from result",
            "insert into result_due (survey_id) select id from survey",
        ];
        bench.database.run_beside(&changes).await;
        bench.refresh_at(START.plus(Duration::from_millis(8))).await;
        let kept = ["s-0001 dana csat 4 7 -", "s-0002 dana nps 0 7 -", "s-0005 dana csat 5 8 -"];
        assert_eq!(bench.database.texts(ANSWERS).await, kept);
    })
    .await;
}

#[tokio::test]
async fn a_pile_closes_with_its_week_and_is_seen_after_the_delay() {
    on_each_engine(async |bench| {
        bench.put_on_record(&given(1, "dana", &TEN)).await;
        bench.put_on_record(&given(20, "li", &TEN[..9])).await;
        bench.refresh_at(START).await;
        let sunday_night = rule().week_ends_at(SUNDAY);
        assert_eq!(bench.close_blocks(&rule(), sunday_night).await, 0);
        let closed_at = sunday_night.plus(HOUR);
        assert_eq!(bench.close_blocks(&rule(), closed_at).await, 1);
        let published_at = monday_after(SUNDAY).plus(7 * DAY);
        let monday = SUNDAY.monday();
        let written = format!(
            "dana csat 1 {} {} 10 8 - - {} {}",
            monday.0, SUNDAY.0, closed_at.0, published_at.0
        );
        assert_eq!(bench.database.texts(BLOCKS).await, std::slice::from_ref(&written));
        assert_eq!(bench.blocks_of("dana", published_at.minus(SECOND)).await, []);
        let block = PublishedBlock { no: 1, block: of_ten(monday) };
        assert_eq!(bench.store.blocks("dana", published_at).await.unwrap(), [block]);
        assert_eq!(bench.blocks_of("li", published_at).await, []);

        // The next one begins where this one has ended. Another configuration changes no block.
        bench.put_on_record(&given(40, "dana", &[1, 1, 5, 5, 5])).await;
        bench.refresh_at(closed_at.plus(14 * DAY)).await;
        let sooner = BlockRule {
            zone: Zone::parse("Pacific/Auckland").unwrap(),
            agent_min: 5,
            agent_delay: Duration::ZERO,
        };
        let later = closed_at.plus(21 * DAY);
        assert_eq!(bench.close_blocks(&sooner, later).await, 2);
        let next = Block {
            days: Days { from: SUNDAY.plus(1), to: SUNDAY.plus(21) },
            sorts: Sorts::Csat { content: 3, others: 2 },
        };
        assert_eq!(bench.blocks_of("dana", later).await, [next, block.block]);
        let texts = bench.database.texts(BLOCKS).await;
        assert_eq!(texts[0], written);
        assert_eq!(texts.len(), 3);
    })
    .await;
}

#[tokio::test]
async fn a_clock_that_was_set_back_closes_no_week_again() {
    on_each_engine(async |bench| {
        bench.put_on_record(&given(1, "dana", &TEN)).await;
        bench.refresh_at(START).await;
        let monday = monday_after(SUNDAY);
        assert_eq!(bench.close_blocks(&rule(), monday).await, 1);
        // Three weeks back, ten more answers come in.
        let back = monday.minus(21 * DAY);
        bench.put_on_record(&given(20, "dana", &TEN)).await;
        bench.refresh_at(back).await;
        for days in 0..28 {
            assert_eq!(bench.close_blocks(&rule(), back.plus(days * DAY)).await, 0, "{days}");
        }
        let next = monday.plus(7 * DAY);
        assert_eq!(bench.close_blocks(&rule(), next).await, 1);
        let seen = bench.blocks_of("dana", next.plus(7 * DAY)).await;
        assert_eq!(seen, [of_ten(SUNDAY.plus(1)), of_ten(SUNDAY.monday())]);
    })
    .await;
}

#[tokio::test]
async fn an_answer_dated_by_a_clock_that_ran_ahead_waits_no_longer_than_others() {
    on_each_engine(async |bench| {
        bench.put_on_record(&given(1, "dana", &TEN[..5])).await;
        bench.refresh_at(START.plus(2000 * DAY)).await;
        bench.put_on_record(&given(6, "dana", &TEN[5..])).await;
        bench.refresh_at(START).await;
        let monday = monday_after(SUNDAY);
        assert_eq!(bench.close_blocks(&rule(), monday).await, 1);
        assert_eq!(bench.blocks_of("dana", monday.plus(7 * DAY)).await, [of_ten(SUNDAY.monday())]);
    })
    .await;
}

#[tokio::test]
async fn many_piles_are_closed_in_several_turns_of_one_week() {
    on_each_engine(async |bench| {
        const AGENTS: [&str; 3] = ["ann", "bo", "cy"];
        let names: Vec<&'static str> =
            (0..70).map(|n| &*format!("{}-{n:02}", AGENTS[n % 3]).leak()).collect();
        for (n, name) in names.iter().copied().enumerate() {
            bench.put_on_record(&given(10 * n, name, &TEN)).await;
        }
        bench.refresh_at(START).await;
        let monday = monday_after(SUNDAY);
        let first = bench.store.close_blocks(&rule(), monday).await.unwrap();
        assert_eq!(first, Closing { closed: 64, is_done: false });
        // What comes in between belongs to the next week.
        bench.put_on_record(&given(800, names[69], &TEN)).await;
        bench.refresh_at(monday).await;
        let rest = bench.store.close_blocks(&rule(), monday).await.unwrap();
        assert_eq!(rest, Closing { closed: 6, is_done: true });
        for name in &names {
            let seen = bench.blocks_of(name, monday.plus(7 * DAY)).await;
            assert_eq!(seen, [of_ten(SUNDAY.monday())], "{name}");
        }
        assert_eq!(bench.close_blocks(&rule(), monday.plus(7 * DAY)).await, 1);
    })
    .await;
}

/// Statements that a closing makes, by the table and what it does to it.
const STATEMENTS: [(&str, &str); 4] = [
    ("result_state", "update"),
    ("agent_block", "insert"),
    ("agent_answer", "update"),
    ("agent_week", "insert"),
];

#[tokio::test]
async fn a_closing_that_fails_at_any_statement_leaves_nothing_and_is_made_up_for() {
    on_each_engine(async |bench| {
        bench.put_on_record(&given(1, "dana", &TEN)).await;
        bench.refresh_at(START).await;
        let monday = monday_after(SUNDAY);
        let is_sqlite = bench.database.location.is_sqlite();
        if !is_sqlite {
            let fails = "create function fails() returns trigger language plpgsql as \
                 $$ begin raise exception 'it fails'; end $$";
            bench.database.run_beside(&[fails]).await;
        }
        for (table, deed) in STATEMENTS {
            let made = match is_sqlite {
                true => format!(
                    "create trigger fails after {deed} on {table} \
                     begin select raise(abort, 'it fails'); end"
                ),
                false => format!(
                    "create trigger fails after {deed} on {table} \
                     for each row execute function fails()"
                ),
            };
            let on = if is_sqlite { String::new() } else { format!(" on {table}") };
            bench.database.run_beside(&[&made]).await;
            let failed = bench.store.close_blocks(&rule(), monday).await;
            assert!(failed.is_err(), "{deed} {table}: {failed:?}");
            bench.database.run_beside(&[&format!("drop trigger fails{on}")]).await;
            assert!(bench.database.texts(BLOCKS).await.is_empty(), "{deed} {table}");
            let answers = bench.database.texts(ANSWERS).await;
            assert!(answers.iter().all(|answer| answer.ends_with(" -")), "{answers:?}");
        }
        assert_eq!(bench.close_blocks(&rule(), monday).await, 1);
        assert_eq!(bench.close_blocks(&rule(), monday).await, 0);
    })
    .await;
}

#[tokio::test]
async fn two_daemons_close_exactly_one_block() {
    let Some(database) = Database::postgres().await else { return };
    let bench = Bench { store: database.open().await, database };
    let other = bench.database.open().await;
    let all = |store: Store, monday: Millis| async move {
        let mut closed = 0;
        loop {
            match store.close_blocks(&rule(), monday).await {
                Ok(closing) if closing.is_done => return closed + closing.closed,
                Ok(closing) => closed += closing.closed,
                Err(Error::Busy(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
    };
    for week in 0..5_u8 {
        let (first, sunday) = (100 * usize::from(week), SUNDAY.plus(7 * i32::from(week)));
        for (n, agent) in ["dana", "li", "ann"].into_iter().enumerate() {
            bench.put_on_record(&given(first + 10 * n, agent, &TEN)).await;
        }
        bench.refresh_at(monday_after(sunday).minus(DAY)).await;
        let monday = monday_after(sunday);
        let (one, two) = tokio::join!(
            tokio::spawn(all(bench.store.clone(), monday)),
            tokio::spawn(all(other.clone(), monday))
        );
        assert_eq!(one.unwrap() + two.unwrap(), 3);
        assert_eq!(bench.database.texts(BLOCKS).await.len(), 3 * usize::from(week + 1));
    }
    other.close().await;
}

#[tokio::test]
async fn while_another_daemon_closes_blocks_it_is_busy() {
    let Some(database) = Database::postgres().await else { return };
    let bench = Bench { store: database.open().await, database };
    bench.put_on_record(&given(1, "dana", &TEN)).await;
    bench.refresh_at(START).await;
    let mut other = bench.database.beside().await;
    for statement in ["begin", "update result_state set passes = passes + 1"] {
        sqlx::query(statement).execute(&mut other).await.unwrap();
    }
    let monday = monday_after(SUNDAY);
    let refused = bench.store.close_blocks(&rule(), monday).await;
    assert!(matches!(refused, Err(Error::Busy(_))), "{refused:?}");
    sqlx::query("commit").execute(&mut other).await.unwrap();
    assert_eq!(bench.close_blocks(&rule(), monday).await, 1);
}

#[tokio::test]
async fn nothing_is_written_while_no_week_is_over() {
    on_each_engine(async |bench| {
        let passes = "select cast(coalesce(sum(passes), 0) as text) from result_state";
        assert_eq!(bench.close_blocks(&rule(), START).await, 0);
        bench.put_on_record(&given(1, "dana", &TEN)).await;
        bench.refresh_at(START).await;
        let before = bench.database.texts(passes).await;
        assert_eq!(bench.close_blocks(&rule(), START.plus(DAY)).await, 0);
        assert_eq!(bench.database.texts(passes).await, before);
    })
    .await;
}
