//! What grows too old is erased by itself.

use surveyd::store::{Aged, Aging};

use super::*;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Takes all steps of a pass over what closed before an instant.
async fn pass(bench: &Bench, what: Aging, before: Millis) -> Aged {
    let mut all = Aged::default();
    loop {
        let step = bench.store.age(what, before, all.next.take(), before).await.unwrap();
        for (table, rows) in step.rows {
            *all.rows.entry(table).or_default() += rows;
        }
        all.next = step.next;
        if all.next.is_none() {
            return all;
        }
    }
}

async fn answered(bench: &Bench, conversation: &str, person: &str, feedback: &str) -> SurveyId {
    let survey = bench.sent(conversation, person, feedback).await;
    let told_at = START.plus(HOUR);
    let update = of_prompt(told(feedback, told_at), person, conversation);
    let update = commented(scored(update, 4, told_at), "fine, thanks", told_at);
    bench.store.fold(ACCOUNT, vec![update], told_at).await.unwrap();
    survey.id
}

#[tokio::test]
async fn texts_and_ids_go_at_their_age_and_the_numbers_stay() {
    on_each_engine(async |bench| {
        let zone = surveyd::domain::days::Zone::utc();
        let id = answered(&bench, "c-1", "343434343434", "f-1").await;
        let waiting = bench.take(close("c-2", "565656565656", START)).await.survey_id;
        bench.store.catch_up_results(&zone, START, MINUTE).await.unwrap();
        let results = "select survey_id || outcome || coalesce(score, -1) as found from result \
             order by survey_id";
        let before = bench.database.texts(results).await;
        let young = pass(&bench, Aging::Text, START).await;
        assert!(young.rows.is_empty(), "{young:?}");

        let aged = pass(&bench, Aging::Text, START.plus(400 * DAY)).await;
        assert_eq!((aged.rows["survey"], aged.rows["feedback"]), (1, 1));
        bench.store.catch_up_results(&zone, START, MINUTE).await.unwrap();
        assert_eq!(bench.database.texts(results).await, before);
        let row = bench.store.survey(&id).await.unwrap().unwrap();
        assert_eq!((row.survey.user_id, row.told.text, row.told.score), (None, None, Some(4)));
        assert_eq!(bench.state(&waiting).await, "scheduled", "what may be sent is left");
        assert_eq!(bench.survey(&waiting).await.person(), "565656565656");
        let again = pass(&bench, Aging::Text, START.plus(400 * DAY)).await;
        assert!(again.rows.is_empty(), "{again:?}");
    })
    .await;
}

#[tokio::test]
async fn an_old_close_told_again_is_known_and_a_new_one_is_asked_about() {
    on_each_engine(async |bench| {
        let id = answered(&bench, "c-1", "343434343434", "f-1").await;
        let now = START.plus(400 * DAY);
        pass(&bench, Aging::Text, now).await;
        let tell = async |closed_at: Millis| {
            let at_close = (scheduled(now.plus(DELAY)), None);
            let close = close("c-1", "343434343434", closed_at);
            bench.store.take_close(close, at_close, CARD, None, now).await.unwrap()
        };
        let again = tell(START).await;
        assert_eq!((again.survey_id, again.state, again.is_new), (id, "answered", false));
        let new = tell(now).await;
        assert_eq!((new.state, new.is_new), ("scheduled", true));
        assert_eq!(bench.survey(&new.survey_id).await.person(), "343434343434");
    })
    .await;
}

#[tokio::test]
async fn raw_objects_and_histories_go_at_their_age_and_the_answer_stays() {
    on_each_engine(async |bench| {
        let id = answered(&bench, "c-1", "343434343434", "f-1").await;
        let unknown = surveyd::store::UnknownEvent::of("{\"kind\": \"new\"}".into());
        bench.store.keep_unknown(ACCOUNT, vec![unknown], START).await.unwrap();
        let aged = pass(&bench, Aging::Raw, START.plus(100 * DAY)).await;
        assert_eq!((aged.rows["feedback"], aged.rows["unknown_event"]), (1, 1));
        assert_eq!(bench.database.texts("select raw from feedback").await, [""]);
        let row = bench.store.survey(&id).await.unwrap().unwrap();
        assert_eq!(row.told.text.as_deref(), Some("fine, thanks"));
        assert_eq!(row.survey.person(), "343434343434");
        assert!(bench.steps(&id).await.iter().all(|(_, detail)| detail.is_none()));
        assert!(pass(&bench, Aging::Raw, START.plus(100 * DAY)).await.rows.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_pass_goes_over_more_than_one_step() {
    on_each_engine(async |bench| {
        bench.take_many(50, START).await;
        for id in bench.database.texts("select id from survey").await {
            bench.store.cancel(SurveyId::new(id), START).await.unwrap();
        }
        let first = bench.store.age(Aging::Text, START.plus(DAY), None, START).await.unwrap();
        assert!(first.next.is_some() && first.rows["survey"] < 50, "{first:?}");
        let rest = pass(&bench, Aging::Text, START.plus(DAY)).await;
        assert_eq!(first.rows["survey"] + rest.rows["survey"], 50);
        assert_eq!(
            bench.database.texts("select id from survey where user_id <> ''").await,
            [""; 0]
        );
    })
    .await;
}
