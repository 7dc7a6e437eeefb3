//! The narrow rows of surveys and the totals of days: what is marked, made anew and left alone.

use surveyd::domain::days::{Day, Days, Zone};
use surveyd::domain::summary::Counts;
use surveyd::store::{DayTotal, Dimension, Error, Refreshed};

use super::*;

/// All of `result`, a line for each survey by its conversation.
const RESULTS: &str = "select s.conversation_id || ' ' || r.account || ' ' || r.source || ' ' || r.kind \
     || ' ' || cast(r.question as text) || ' ' || cast(r.test as text) || ' ' || r.outcome \
     || ' ' || cast(r.closed_at - 1790000000000 as text) \
     || ' ' || coalesce(cast(r.sent_at - 1790000000000 as text), '-') \
     || ' ' || coalesce(r.agent, '-') || ' ' || coalesce(r.team, '-') || ' ' || coalesce(r.tags, '-') \
     || ' ' || coalesce(r.language, '-') || ' ' || coalesce(r.rule, '-') \
     || ' ' || coalesce(r.variant, '-') || ' ' || coalesce(cast(r.score as text), '-') \
     || ' ' || case when r.commented_at is null then '0' else '1' end || ' ' || coalesce(r.wait, '-') \
     from result r join survey s on s.id = r.survey_id order by s.conversation_id, s.id";

const MARKS: &str = "select cast(count(*) as text) from result_due";

const PASSES: &str = "select cast(coalesce(sum(passes), 0) as text) from result_state";

const LONG: Duration = Duration::from_secs(60);

/// START falls on this day in UTC.
const FIRST_DAY: Day = Day(20_717);

const ALWAYS: Days = Days { from: Day(0), to: Day(100_000) };

fn noticed(close: Close, agent: &str, team: &str) -> Close {
    let notice = Notice {
        agent: Some(agent.into()),
        team: Some(team.into()),
        tags: vec!["vip".into(), "late".into(), "vip".into()],
        language: Some("es".into()),
        ..Notice::default()
    };
    Close { notice, ..close }
}

impl Bench {
    async fn catch_up(&self, zone: &Zone) {
        assert_eq!(self.store.catch_up_results(zone, START, LONG).await.unwrap(), 0);
    }

    async fn results(&self) -> Vec<String> {
        self.database.texts(RESULTS).await
    }

    async fn number(&self, query: &str) -> String {
        self.database.texts(query).await.pop().unwrap()
    }

    async fn totals(&self, by: Dimension) -> Vec<DayTotal> {
        self.store.day_totals(ALWAYS, by).await.unwrap()
    }
}

fn total(day: Day, team: Option<&str>, counts: Counts) -> DayTotal {
    let team = team.map(str::to_owned);
    DayTotal { day, account: ACCOUNT.into(), kind: SurveyType::Csat, team, key: None, counts }
}

#[tokio::test]
async fn a_result_follows_its_survey_from_the_close_to_the_comment() {
    on_each_engine(async |bench| {
        let zone = Zone::utc();
        bench.take(noticed(close("c-1", "7", START), "dana", "billing")).await;
        bench.catch_up(&zone).await;
        let names = "dana billing [\"late\",\"vip\"] es - -";
        let waiting = format!("c-1 acme desk csat 12 0 scheduled 0 - {names} - 0 -");
        assert_eq!(bench.results().await, [waiting]);

        let now = START.plus(DELAY);
        let leased = bench.lease_one(now).await;
        let prompt = Prompt { kind: SurveyType::Csat, test: false, ..prompt() };
        let times = times(now);
        let begun = bench.store.begin_send(leased, prompt, rules(), times).await.unwrap();
        let BeginOutcome::Sending(sending) = begun else { panic!("{begun:?}") };
        bench.store.finish(&sending, accepted("900", now, None), now).await.unwrap();
        bench.catch_up(&zone).await;
        let sent = format!("c-1 acme desk csat 3 0 sent 0 300000 {names} - 0 -");
        assert_eq!(bench.results().await, [sent]);

        let scored_at = now.plus(MINUTE);
        let score = scored(told("900", scored_at), 4, scored_at);
        bench.store.fold(ACCOUNT, vec![score.clone()], scored_at).await.unwrap();
        bench.catch_up(&zone).await;
        let answered = format!("c-1 acme desk csat 3 0 answered 0 300000 {names} 4 0 00001aao");
        assert_eq!(bench.results().await, [answered]);

        let both = commented(score, "Merci", scored_at.plus(MINUTE));
        let both = Update { object: told("900", scored_at.plus(MINUTE)).object, ..both };
        bench.store.fold(ACCOUNT, vec![both], scored_at.plus(MINUTE)).await.unwrap();
        bench.catch_up(&zone).await;
        let said = format!("c-1 acme desk csat 3 0 answered 0 300000 {names} 4 1 00001aao");
        assert_eq!(bench.results().await, [said]);

        bench.database.run_beside(&["delete from feedback"]).await;
        bench.catch_up(&zone).await;
        let erased = format!("c-1 acme desk csat 3 0 answered 0 300000 {names} - 0 -");
        assert_eq!(bench.results().await, [erased]);

        bench.database.run_beside(&["delete from survey"]).await;
        bench.catch_up(&zone).await;
        assert_eq!(bench.number("select cast(count(*) as text) from result").await, "0");
        assert_eq!(bench.totals(Dimension::Whole).await, []);
    })
    .await;
}

#[tokio::test]
async fn a_day_counts_its_closes_and_the_prompts_of_its_own() {
    on_each_engine(async |bench| {
        let zone = Zone::utc();
        // The day ends 35,200 s after START: between the closes and the prompts.
        let late = START.plus(Duration::from_secs(35_000));
        assert_eq!((zone.day_of(START), zone.day_of(late)), (FIRST_DAY, FIRST_DAY));
        bench.take(noticed(close("c-1", "7", late), "dana", "billing")).await;
        bench.take(close("c-2", "8", late)).await;
        bench.take(close("c-3", "9", late)).await;
        bench.reopen("c-3", late.plus(SECOND)).await;
        let now = late.plus(DELAY);
        for leased in bench.lease_due(2, now).await {
            let prompt = Prompt { kind: SurveyType::Csat, test: false, ..prompt() };
            let begun = bench.store.begin_send(leased, prompt, rules(), times(now)).await.unwrap();
            let BeginOutcome::Sending(sending) = begun else { panic!("{begun:?}") };
            let feedback = if sending.survey().person() == "7" { "900" } else { "901" };
            bench.store.finish(&sending, accepted(feedback, now, None), now).await.unwrap();
        }
        let scored_at = now.plus(HOUR);
        let update = commented(scored(told("900", scored_at), 5, scored_at), "Thanks", scored_at);
        bench.store.fold(ACCOUNT, vec![update], scored_at).await.unwrap();
        bench.catch_up(&zone).await;

        let mut scores = [0; 11];
        scores[5] = 1;
        let next = FIRST_DAY.plus(1);
        let unsent = [("cancelled".to_owned(), 1)].into_iter().collect();
        let closed_by_nobody = Counts { closes: 2, unsent, ..Counts::default() };
        let closed = Counts { closes: 1, ..Counts::default() };
        let open = Counts { prompted: 1, last_unanswered_at: Some(now), ..Counts::default() };
        let answered = Counts {
            prompted: 1,
            commented: 1,
            scores,
            waits_ms: vec![3_600_000],
            ..Counts::default()
        };
        let expected = [
            total(FIRST_DAY, None, closed_by_nobody),
            total(FIRST_DAY, Some("billing"), closed),
            total(next, None, open),
            total(next, Some("billing"), answered),
        ];
        assert_eq!(bench.totals(Dimension::Whole).await, expected);
        let with =
            |key: &str, total: &DayTotal| DayTotal { key: Some(key.into()), ..total.clone() };
        let [of_nobody, closed, open, answered] = &expected;
        let by_agent =
            [of_nobody.clone(), with("dana", closed), open.clone(), with("dana", answered)];
        assert_eq!(bench.totals(Dimension::Agent).await, by_agent);
        let tags = "[\"late\",\"vip\"]";
        let by_tags = [of_nobody.clone(), with(tags, closed), open.clone(), with(tags, answered)];
        assert_eq!(bench.totals(Dimension::Tags).await, by_tags);
        let by_source = expected.each_ref().map(|total| with("desk", total));
        assert_eq!(bench.totals(Dimension::Source).await, by_source);
        let whole = Days { from: next, to: next };
        let of_day = bench.store.day_totals(whole, Dimension::Whole).await.unwrap();
        assert_eq!(of_day, expected[2..]);
    })
    .await;
}

#[tokio::test]
async fn a_test_has_a_result_and_counts_in_no_day() {
    on_each_engine(async |bench| {
        let card = Card { test: true, ..CARD };
        let (came, due) = (close("c-1", "7", START), START.plus(DELAY));
        bench.store.take_close(came, (scheduled(due), None), card, None, START).await.unwrap();
        bench.catch_up(&Zone::utc()).await;
        assert_eq!(
            bench.results().await,
            ["c-1 acme desk csat 12 1 scheduled 0 - - - - - - - - 0 -"]
        );
        assert_eq!(bench.totals(Dimension::Whole).await, []);
    })
    .await;
}

#[tokio::test]
async fn only_what_a_result_shows_is_marked() {
    on_each_engine(async |bench| {
        let zone = Zone::utc();
        let sent = bench.sent("c-1", "7", "900").await;
        bench.catch_up(&zone).await;
        assert_eq!(bench.number(MARKS).await, "0");
        let passes = bench.number(PASSES).await;

        // A lease, a bare update and an object of somebody else change nothing that is shown.
        bench.take(close("c-2", "8", START)).await;
        bench.catch_up(&zone).await;
        let before = bench.number(PASSES).await;
        assert_ne!(before, passes);
        bench.lease_one(START.plus(DELAY)).await;
        let later = START.plus(HOUR);
        bench
            .store
            .fold(ACCOUNT, vec![told("900", later), told("999", later)], later)
            .await
            .unwrap();
        assert_eq!(bench.number(MARKS).await, "0");

        // Nothing to do is nothing written.
        assert_eq!(bench.store.refresh_results(&zone, START).await.unwrap(), Refreshed::default());
        assert_eq!(bench.store.refresh_days(&zone).await.unwrap(), Refreshed::default());
        assert_eq!(bench.number(PASSES).await, before);

        let score = scored(told("900", later.plus(MINUTE)), 4, later);
        bench.store.fold(ACCOUNT, vec![score], later).await.unwrap();
        assert_ne!(bench.number(MARKS).await, "0");
        assert_eq!(bench.state(&sent.id).await, "answered");
    })
    .await;
}

#[tokio::test]
async fn a_turn_takes_so_many_marks_and_says_what_is_left() {
    on_each_engine(async |bench| {
        bench.take_many(300, START).await;
        let mut left = Vec::new();
        for _ in 0..3 {
            left.push(bench.store.refresh_results(&Zone::utc(), START).await.unwrap().left);
        }
        assert_eq!(left, [172, 44, 0]);
        // A day is made anew once, however many of its surveys have changed.
        assert_eq!(
            bench.store.refresh_days(&Zone::utc()).await.unwrap().left,
            1,
            "days are marked"
        );
        assert_eq!(bench.store.refresh_days(&Zone::utc()).await.unwrap().left, 0);
        let closes: u64 =
            bench.totals(Dimension::Whole).await.iter().map(|day| day.counts.closes).sum();
        assert_eq!(closes, 300);
    })
    .await;
}

#[tokio::test]
async fn a_survey_that_cannot_be_read_stops_no_other() {
    on_each_engine(async |bench| {
        let zone = Zone::utc();
        let broken = bench.take(noticed(close("c-1", "7", START), "dana", "billing")).await;
        bench.take(noticed(close("c-2", "8", START), "dana", "billing")).await;
        let statement = "update survey set notice = '{' where conversation_id = 'c-1'";
        bench.database.run_beside(&[statement]).await;
        let done = bench.store.refresh_results(&zone, START).await.unwrap();
        assert_eq!(done.unreadable, [broken.survey_id]);
        let expected = [
            "c-1 acme desk csat 12 0 scheduled 0 - - - - - - - - 0 -",
            "c-2 acme desk csat 12 0 scheduled 0 - dana billing [\"late\",\"vip\"] es - - - 0 -",
        ];
        assert_eq!(bench.results().await, expected);
        bench.catch_up(&zone).await;
    })
    .await;
}

#[tokio::test]
async fn another_zone_makes_all_days_anew() {
    on_each_engine(async |bench| {
        // Five in the morning in UTC is the evening before in Los Angeles.
        let morning = START.plus(Duration::from_secs(54_000));
        for (n, days) in [0, 1, 100].into_iter().enumerate() {
            let closed_at = morning.plus(24 * days * HOUR);
            bench.take(close(&format!("c-{n}"), &format!("{}", n + 7), closed_at)).await;
        }
        let days = async |zone: &str| {
            let zone = Zone::parse(zone).unwrap();
            bench.store.count_days_in(&zone).await.unwrap();
            bench.catch_up(&zone).await;
            let totals = bench.totals(Dimension::Whole).await;
            totals.iter().map(|total| total.day.since(FIRST_DAY)).collect::<Vec<_>>()
        };
        assert_eq!(days("UTC").await, [1, 2, 101]);
        assert_eq!(days("America/Los_Angeles").await, [0, 1, 100]);
        assert_eq!(days("UTC").await, [1, 2, 101]);
    })
    .await;
}

#[tokio::test]
async fn who_reads_in_another_zone_leaves_the_totals_as_they_are() {
    on_each_engine(async |bench| {
        let (own, other) = (Zone::utc(), Zone::parse("America/Los_Angeles").unwrap());
        bench.take(close("c-1", "7", START)).await;
        bench.catch_up(&own).await;
        let totals = bench.totals(Dimension::Whole).await;
        assert_eq!(totals.len(), 1);
        bench.take(close("c-2", "8", START)).await;
        bench.catch_up(&other).await;
        assert_eq!(bench.results().await.len(), 2, "the results are anybody's");
        assert_eq!(bench.totals(Dimension::Whole).await, totals);
        assert_eq!(bench.store.results_left(&own).await.unwrap(), 1);
        bench.catch_up(&own).await;
        assert_eq!(bench.totals(Dimension::Whole).await[0].counts.closes, 2);
    })
    .await;
}

#[tokio::test]
async fn while_another_daemon_refreshes_it_is_busy_and_then_goes_on() {
    let Some(database) = Database::postgres().await else { return };
    let bench = Bench { store: database.open().await, database };
    let zone = Zone::utc();
    bench.take(close("c-1", "7", START)).await;
    bench.catch_up(&zone).await;
    bench.take(close("c-2", "8", START)).await;
    let mut other = bench.database.beside().await;
    for statement in ["begin", "update result_state set passes = passes + 1"] {
        sqlx::query(statement).execute(&mut other).await.unwrap();
    }
    let refused = bench.store.refresh_results(&zone, START).await;
    assert!(matches!(refused, Err(Error::Busy(_))), "{refused:?}");
    let left = bench.store.catch_up_results(&zone, START, SECOND).await.unwrap();
    assert_eq!(left, 1, "a reader is not kept waiting");
    // Closes are not held up.
    bench.take(close("c-3", "9", START)).await;
    sqlx::query("commit").execute(&mut other).await.unwrap();
    bench.catch_up(&zone).await;
    assert_eq!(bench.results().await.len(), 3);
}

/// What one connection changes and commits only after a refresh, what another commits before it,
/// and what the result shows in the end.
struct Race {
    late: &'static str,
    early: &'static str,
    shown: &'static str,
}

const RACES: [Race; 3] = [
    // A survey changes while an earlier mark of it is taken.
    Race {
        late: "update survey set source = 'desk2'",
        early: "insert into result_due (survey_id) select id from survey",
        shown: " desk2 ",
    },
    // A feedback changes while another transaction gives it to the survey.
    Race {
        late: "update feedback set score = 9, score_given_at = 1790000400000 where id = '901'",
        early: "update survey set feedback_id = '901'",
        shown: " 9 ",
    },
    Race {
        late: "update survey set feedback_id = '901'",
        early: "update feedback set score = 8 where id = '901'",
        shown: " 8 ",
    },
];

const BARE: &str = "insert into feedback (account, id, updated_at, test, raw, updates, folds) \
     values ('acme', '901', 1, 0, '{}', '1', 0)";

#[tokio::test]
async fn a_change_that_is_committed_after_the_refresh_is_not_lost() {
    for race in RACES {
        let Some(database) = Database::postgres().await else { return };
        let bench = Bench { store: database.open().await, database };
        let zone = Zone::utc();
        bench.sent("c-1", "7", "900").await;
        bench.database.run_beside(&[BARE]).await;
        bench.catch_up(&zone).await;
        let mut late = bench.database.beside().await;
        for statement in ["begin", race.late] {
            sqlx::query(statement).execute(&mut late).await.unwrap();
        }
        bench.database.run_beside(&[race.early]).await;
        bench.catch_up(&zone).await;
        let results = bench.results().await;
        assert!(!results[0].contains(race.shown), "it is not committed: {results:?}");
        sqlx::query("commit").execute(&mut late).await.unwrap();
        bench.catch_up(&zone).await;
        let results = bench.results().await;
        assert!(results[0].contains(race.shown), "{}: {results:?}", race.late);
    }
}
