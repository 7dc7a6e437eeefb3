//! Feedback rows made anew from what X's events tell.

use std::mem::take;

use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Executor as _};
use surveyd::store::{Error, Folded, MadeAnew, PersonsResponse, Rebuild};

use super::*;

const SENT: Millis = Millis(START.0 + 300_000);
const SCORED: Millis = Millis(SENT.0 + 60_000);
pub(super) const READ: Period = Period { from: START, to: Millis(START.0 + 8 * DAY_MS) };
pub(super) const NOW: Millis = Millis(READ.to.0 + DAY_MS);
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// All that X's events tell of a prompt: made, then scored.
fn events(feedback: &str, person: &str, external_id: &str, score: Option<i64>) -> Vec<Update> {
    let made = of_prompt(told(feedback, SENT), person, external_id);
    let scored = score
        .map(|score| scored(of_prompt(told(feedback, SCORED), person, external_id), score, SCORED));
    std::iter::once(made).chain(scored).collect()
}

impl Bench {
    pub(super) async fn rebuild(&self, events: Vec<Update>, making: Option<Making>) -> MadeAnew {
        let makes_surveys = making.is_some();
        let mut rebuild = self.store.begin_rebuild(ACCOUNT, READ, makes_surveys).await.unwrap();
        self.store.gather(&rebuild, events).await.unwrap();
        self.store.gathered_to(&mut rebuild, READ.to).await.unwrap();
        let made = self.make_all(&rebuild, making.unwrap_or_else(super::making)).await;
        self.store.end_rebuild(&rebuild).await.unwrap();
        made
    }

    async fn make_all(&self, rebuild: &Rebuild, making: Making) -> MadeAnew {
        let (mut made, mut after) = (MadeAnew::default(), None);
        loop {
            let how = (READ, making.clone());
            let next = self.store.make_anew(rebuild, how, take(&mut after), NOW).await.unwrap();
            let Some((last, more)) = next else { return made };
            made += more;
            after = Some(last);
        }
    }

    async fn shown_of(&self, id: &SurveyId) -> PersonsResponse {
        self.store.survey(id).await.unwrap().unwrap().told
    }

    async fn hear(&self, updates: Vec<Update>) -> Folded {
        self.store.fold(ACCOUNT, updates, NOW).await.unwrap()
    }

    /// Somebody writes into the database.
    async fn spoil(&self, statement: &str) {
        sqlx::any::install_default_drivers();
        let address = match self.database.location.file() {
            Some(file) => format!("sqlite:{}", file.display()),
            None => self.database.url.clone(),
        };
        let mut connection = AnyConnection::connect(&address).await.unwrap();
        connection.execute(AssertSqlSafe(statement.to_owned())).await.unwrap();
        connection.close().await.unwrap();
    }
}

#[tokio::test]
async fn rows_that_were_spoilt_are_as_they_were_once_they_are_made_anew() {
    on_each_engine(async |bench| {
        let spoilt = bench.sent("c-1", "7", "901").await;
        let gone = bench.sent("c-2", "8", "902").await;
        let sound = bench.sent("c-3", "9", "903").await;
        let all: Vec<Update> = [("901", "7", "c-1"), ("902", "8", "c-2"), ("903", "9", "c-3")]
            .into_iter()
            .flat_map(|(feedback, person, name)| events(feedback, person, name, Some(4)))
            .collect();
        bench.hear(all.clone()).await;
        let before = [bench.shown_of(&spoilt.id).await, bench.shown_of(&gone.id).await];
        assert_eq!(before[0].score, Some(4));
        bench
            .spoil("update feedback set score = 1, survey_id = 'other', updates = '5' where id = '901'")
            .await;
        bench.spoil("delete from feedback where id = '902'").await;

        let made = bench.rebuild(all.clone(), None).await;
        let expected = MadeAnew { new: 1, changed: 1, unchanged: 1, ..MadeAnew::default() };
        assert_eq!(made, expected);
        assert_eq!([bench.shown_of(&spoilt.id).await, bench.shown_of(&gone.id).await], before);
        assert_eq!(bench.shown_of(&sound.id).await, before[0]);
        let expected = MadeAnew { unchanged: 3, ..MadeAnew::default() };
        assert_eq!(bench.rebuild(all, None).await, expected, "again, nothing changes");
    })
    .await;
}

#[tokio::test]
async fn a_row_that_cannot_be_read_any_more_is_made_anew() {
    on_each_engine(async |bench| {
        let sent = bench.sent("c-1", "7", "901").await;
        bench.spoil("update feedback set told = 'no JSON' where id = '901'").await;
        let made = bench.rebuild(events("901", "7", "c-1", Some(4)), None).await;
        assert_eq!((made.changed, made.answered), (1, 1));
        assert_eq!(bench.shown_of(&sent.id).await.score, Some(4));
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_the_events_know_nothing_of_is_taken_back() {
    on_each_engine(async |bench| {
        let sent = bench.sent("c-1", "7", "901").await;
        bench.hear(vec![scored(told("901", SCORED), 1, SCORED)]).await;
        assert_eq!(bench.state(&sent.id).await, "answered");
        assert_eq!((bench.counted("sent").await, bench.counted("answered").await), (0, 1));
        let made = bench.rebuild(events("901", "7", "c-1", None), None).await;
        assert_eq!((made.changed, made.withdrawn), (1, 1));
        assert_eq!(bench.state(&sent.id).await, "sent");
        assert_eq!((bench.counted("sent").await, bench.counted("answered").await), (1, 0));
        assert_eq!(bench.shown_of(&sent.id).await.score, None);
        let why = Some("X's events know of no answer");
        assert_eq!(bench.steps(&sent.id).await.last(), Some(&step("sent", why)));
    })
    .await;
}

#[tokio::test]
async fn x_is_asked_again_about_a_fresh_prompt_whose_answer_was_taken_back() {
    on_each_engine(async |bench| {
        for (person, days, asked_at) in [("7", 30, Some(NOW)), ("8", 7, None)] {
            let (name, feedback) = (format!("c-{person}"), format!("90{person}"));
            bench.sent(&name, person, &feedback).await;
            let mut whole = scored(told(&feedback, SCORED), 1, SCORED);
            whole.text = Some(Given { given_at: SCORED, told_at: SCORED, value: "x".into() });
            bench.hear(vec![whole]).await;
            assert_eq!(bench.store.next_show(ACCOUNT).await.unwrap(), None, "it is complete");
            let making = Making { fresh_for: days * 24 * HOUR, ..making() };
            let made = bench.rebuild(events(&feedback, person, &name, None), Some(making)).await;
            assert_eq!(made.withdrawn, 1);
            assert_eq!(bench.store.next_show(ACCOUNT).await.unwrap(), asked_at);
            bench.spoil("update survey set show_at = null").await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_show_has_told_in_the_last_week_of_the_period_stands_though_no_event_tells_it() {
    on_each_engine(async |bench| {
        let sent = bench.sent("c-1", "7", "901").await;
        let late = READ.to.minus(6 * 24 * HOUR);
        bench.hear(vec![scored(told("901", late), 4, late)]).await;
        let made = bench.rebuild(events("901", "7", "c-1", None), None).await;
        assert_eq!(made.withdrawn, 0);
        assert_eq!(bench.state(&sent.id).await, "answered");
        assert_eq!(bench.shown_of(&sent.id).await.score, Some(4));
    })
    .await;
}

#[tokio::test]
async fn what_x_has_told_after_the_period_stands() {
    on_each_engine(async |bench| {
        let sent = bench.sent("c-1", "7", "901").await;
        let later = READ.to.plus(MINUTE);
        bench.hear(vec![scored(told("901", later), 5, later)]).await;
        let made = bench.rebuild(events("901", "7", "c-1", None), None).await;
        assert_eq!(made.withdrawn, 0);
        let told = bench.shown_of(&sent.id).await;
        assert_eq!((told.score, told.updated_at), (Some(5), Some(later)));
    })
    .await;
}

#[tokio::test]
async fn rows_that_the_events_do_not_tell_of_are_left_and_counted() {
    on_each_engine(async |bench| {
        let sent = bench.sent("c-1", "7", "901").await;
        bench.hear(events("901", "7", "c-1", Some(4))).await;
        bench.hear(vec![told("902", READ.to.plus(MINUTE))]).await;
        let mut rebuild = bench.store.begin_rebuild(ACCOUNT, READ, false).await.unwrap();
        bench.store.gathered_to(&mut rebuild, READ.to).await.unwrap();
        assert_eq!(bench.store.gathered(&rebuild).await.unwrap(), 0);
        assert_eq!(bench.make_all(&rebuild, making()).await, MadeAnew::default());
        assert_eq!(bench.store.end_rebuild(&rebuild).await.unwrap(), 1, "902 came later");
        assert_eq!(bench.shown_of(&sent.id).await.score, Some(4));
        // The poller goes on where the events were read to.
        assert_eq!(bench.store.poll_state(ACCOUNT).await.unwrap().done_to, Some(READ.to));
    })
    .await;
}

#[tokio::test]
async fn an_uncertain_prompt_that_the_events_tell_of_is_sent() {
    on_each_engine(async |bench| {
        let survey = bench.uncertain("c-1", "7").await;
        let made = bench.rebuild(events("901", "7", "c-1", Some(3)), None).await;
        assert_eq!((made.new, made.surveys_found, made.answered), (1, 1, 1));
        assert_eq!(bench.state(&survey.id).await, "answered");
    })
    .await;
}

#[tokio::test]
async fn a_rebuild_that_was_broken_off_is_gone_on_with_and_nothing_was_changed() {
    on_each_engine(async |bench| {
        let sent = bench.sent("c-1", "7", "901").await;
        bench.hear(vec![scored(told("901", SCORED), 1, SCORED)]).await;
        let [first, second] = events("901", "7", "c-1", Some(4)).try_into().unwrap();
        let half = START.plus(30 * MINUTE);
        let mut broken = bench.store.begin_rebuild(ACCOUNT, READ, false).await.unwrap();
        assert_eq!(broken.read_to, READ.from);
        bench.store.gather(&broken, vec![first]).await.unwrap();
        bench.store.gathered_to(&mut broken, half).await.unwrap();
        assert_eq!(bench.shown_of(&sent.id).await.score, Some(1));

        let next = bench.store.begin_rebuild(ACCOUNT, READ, false).await.unwrap();
        assert_eq!(next.read_to, half);
        let overtaken = bench.store.gather(&broken, Vec::new()).await;
        assert!(matches!(overtaken, Err(Error::Overtaken(_))), "{overtaken:?}");
        bench.store.gather(&next, vec![second]).await.unwrap();
        assert_eq!(bench.store.gathered(&next).await.unwrap(), 1);
        bench.make_all(&next, making()).await;
        let told = bench.shown_of(&sent.id).await;
        assert_eq!((told.score, told.updates), (Some(4), 2));
        // Broken off while the rows are made: made again, they are the same.
        let again = bench.store.begin_rebuild(ACCOUNT, READ, false).await.unwrap();
        let made = bench.make_all(&again, making()).await;
        assert_eq!(made, MadeAnew { unchanged: 1, ..MadeAnew::default() });
        bench.store.end_rebuild(&again).await.unwrap();

        let other =
            bench.store.begin_rebuild(ACCOUNT, Period { from: half, ..READ }, false).await.unwrap();
        assert_eq!((other.read_to, bench.store.gathered(&other).await.unwrap()), (half, 0));
    })
    .await;
}

#[tokio::test]
async fn more_rows_than_one_statement_holds_are_made_whole() {
    on_each_engine(async |bench| {
        let all = |n: i64| events(&format!("{n}"), &format!("{}", 7_000 + n), "c", Some(n % 6));
        let made = bench.rebuild((0..250).flat_map(all).collect(), None).await;
        assert_eq!((made.new, made.without_survey), (250, 250));
        assert_eq!(bench.store.answers().await.unwrap(), 250);
    })
    .await;
}
