//! What waits and is not told after all: it was refuted, or it is too old.

use surveyd::store::{DueMessage, MessageContent, NextTry, TryOutcome};

use super::alerts::{correct, failed, wanted};
use super::*;
use surveyd::domain::alert::AlertType;

/// How many answers a summary counts, and since when.
fn counted(message: &DueMessage) -> (u64, Millis) {
    let MessageContent::Summary { count, since, .. } = message.content else {
        panic!("{message:?}")
    };
    (count, since)
}

impl Bench {
    /// X's events do not know the answers to these prompts, or know another score.
    async fn correct_some(&self, prompts: &[u32], score: &str, at: Millis) {
        let ids: Vec<String> = prompts.iter().map(|n| format!("'9{n:03}'")).collect();
        let score = format!("{score} where id in ({})", ids.join(","));
        correct(self, &score, at).await;
    }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

const REFUTED: &str = "null, score_given_at = null";

#[tokio::test]
async fn a_summary_that_waits_counts_no_answer_that_was_refuted() {
    on_each_engine(async |bench| {
        let leads = wanted("leads", &[AlertType::Detractor]);
        let at = START.plus(HOUR);
        bench.answered_to(&leads, 12, at).await;
        let summary = bench.try_one("leads", at).await;
        assert_eq!(counted(&summary), (12, at));
        bench.store.finish_try(&summary, failed("status 500"), at).await.unwrap();
        bench.correct_some(&[0, 1, 2], REFUTED, at).await;
        // A score that has left the range is no detractor any more.
        bench.correct_some(&[3], "9", at).await;
        bench.store.fan_out(&leads, at).await.unwrap();
        let later = at.plus(MINUTE);
        let again = bench.try_one("leads", later).await;
        assert_eq!((again.id.as_str(), counted(&again).0), (summary.id.as_str(), 8));
        bench.store.finish_try(&again, failed("status 500"), later).await.unwrap();
        let rest: Vec<u32> = (4..12).collect();
        bench.correct_some(&rest, REFUTED, later).await;
        assert_eq!(bench.standing("leads").await.waiting, 0);
        let end = later.plus(HOUR);
        assert_eq!(bench.store.retry_alert("leads", end).await.unwrap(), 0);
        assert_eq!(bench.next("leads", end).await, NextTry::Nothing);
    })
    .await;
}

#[tokio::test]
async fn a_summary_of_summaries_counts_no_answer_that_was_refuted() {
    on_each_engine(async |bench| {
        let leads = wanted("leads", &[AlertType::Detractor]);
        let at = START.plus(HOUR);
        bench.answered_to(&leads, 11, at).await;
        let first = bench.try_one("leads", at).await;
        bench.store.finish_try(&first, failed("status 500"), at).await.unwrap();
        let later = at.plus(MINUTE);
        for n in 20..30 {
            bench.prompted(n).await;
            bench.score_of(n, 1, later).await;
        }
        bench.count_results(later).await;
        bench.store.fan_out(&leads, later).await.unwrap();
        let both = bench.try_one("leads", later).await;
        assert_eq!(counted(&both), (21, at));
        bench.store.finish_try(&both, failed("status 500"), later).await.unwrap();
        bench.correct_some(&[0, 20], REFUTED, later).await;
        let again = bench.try_one("leads", later.plus(MINUTE)).await;
        assert_eq!(counted(&again), (19, at));
        // What was sent stays sent.
        bench.store.finish_try(&again, TryOutcome::Sent, later).await.unwrap();
        bench.correct_some(&[1], REFUTED, later).await;
        let sums = "select cast(sum(1) as text) from alert_message where outcome = 'summed'";
        assert_eq!(bench.database.texts(sums).await, ["20"], "19 answers and the first summary");
    })
    .await;
}

#[tokio::test]
async fn what_is_older_than_a_week_is_never_tried_again() {
    on_each_engine(async |bench| {
        let leads = wanted("leads", &[AlertType::Detractor]);
        let at = START.plus(HOUR);
        bench.answered_to(&leads, 2, at).await;
        let message = bench.try_one("leads", at).await;
        bench.store.finish_try(&message, failed("status 500"), at).await.unwrap();
        let week = at.plus(7 * DAY);
        assert_eq!(bench.store.retry_alert("leads", week).await.unwrap(), 1);
        let late = week.plus(SECOND);
        assert_eq!(bench.store.retry_alert("leads", late).await.unwrap(), 0);
        assert_eq!(bench.next("leads", late).await, NextTry::TooOld(2));
        assert_eq!(bench.next("leads", late).await, NextTry::Nothing);
        assert_eq!(bench.standing("leads").await.waiting, 0);
        let swept = bench.store.sweep_alerts(late).await.unwrap();
        assert_eq!(swept.unsent, [], "it was said already");
        assert_eq!(bench.messages().await, [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn a_summary_counts_nothing_that_is_older_than_a_week() {
    on_each_engine(async |bench| {
        let leads = wanted("leads", &[AlertType::Detractor]);
        let at = START.plus(HOUR);
        bench.answered_to(&leads, 9, at).await;
        let later = at.plus(6 * DAY);
        for n in 20..24 {
            bench.prompted(n).await;
            bench.score_of(n, 1, later).await;
        }
        bench.count_results(later).await;
        bench.store.fan_out(&leads, later).await.unwrap();
        let summary = bench.try_one("leads", later).await;
        assert_eq!(counted(&summary), (13, at));
        bench.store.finish_try(&summary, failed("status 500"), later).await.unwrap();
        let late = at.plus(7 * DAY).plus(SECOND);
        // The sweep may come first, and takes what the summary stands for.
        bench.store.sweep_alerts(late).await.unwrap();
        assert_eq!(bench.next("leads", late).await, NextTry::TooOld(9));
        let again = bench.try_one("leads", late).await;
        assert_eq!((again.id.as_str(), counted(&again)), (summary.id.as_str(), (4, later)));
        bench.store.finish_try(&again, failed("status 500"), late).await.unwrap();
        let end = later.plus(7 * DAY).plus(SECOND);
        assert_eq!(bench.next("leads", end).await, NextTry::TooOld(4));
        assert_eq!(bench.next("leads", end).await, NextTry::Nothing);
    })
    .await;
}
