//! What stands in the database twice agrees, and where it does not that is found.

use surveyd::domain::days::Zone;
use surveyd::store::Disagreement;

use super::*;

impl Bench {
    async fn make_results(&self) {
        let zone = Zone::parse("UTC").unwrap();
        self.store.count_days_in(&zone).await.unwrap();
        while self.store.refresh_results(&zone, START).await.unwrap().left > 0 {}
        while self.store.refresh_days(&zone).await.unwrap().left > 0 {}
    }

    async fn disagreements(&self) -> Vec<(&'static str, u64)> {
        let found = self.store.disagreements().await.unwrap();
        found.into_iter().map(|Disagreement { what, count, .. }| (what, count)).collect()
    }

    /// A survey that was answered, one that was not, and one that was not asked.
    async fn business(&self) {
        self.sent("c-1", "7", "901").await;
        let update = scored(told("901", START.plus(HOUR)), 4, START.plus(HOUR));
        let update = commented(update, "x", START.plus(HOUR));
        self.store.fold(ACCOUNT, vec![update], START.plus(HOUR)).await.unwrap();
        self.sent("c-2", "8", "902").await;
        self.uncertain("c-3", "9").await;
        self.take(close("c-4", "10", START)).await;
        // Totals leave tests out.
        self.database.run_beside(&["update survey set test = 0"]).await;
    }
}

#[tokio::test]
async fn a_database_at_work_agrees_with_itself_before_and_after_its_results_are_made() {
    on_each_engine(async |bench| {
        assert_eq!(bench.disagreements().await, []);
        bench.business().await;
        assert_eq!(bench.disagreements().await, [], "results that are yet to be made are none");
        bench.make_results().await;
        assert_eq!(bench.disagreements().await, []);
        assert!(bench.store.damages().await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn whatever_is_spoilt_is_found_and_copies_are_made_again() {
    on_each_engine(async |bench| {
        bench.business().await;
        bench.make_results().await;
        let totals = "days whose totals are not those of their results";
        for (spoil, found) in [
            ("update day_total set s4 = s4 + 1 where s4 > 0", &[(totals, 1)][..]),
            ("delete from day_total where dim = 'agent'", &[(totals, 1)]),
            (
                "delete from result where survey_id = (select id from survey where feedback_id = '902')",
                &[("surveys without a result", 1), (totals, 1)],
            ),
            (
                "update result set outcome = 'expired' where outcome = 'uncertain'",
                &[("results that say something else than their survey", 1)],
            ),
            (
                "update result set score = 3 where score = 4",
                &[("results that say something else than their survey", 1), (totals, 1)],
            ),
        ] {
            bench.database.run_beside(&[spoil]).await;
            assert_eq!(bench.disagreements().await, found, "{spoil}");
            bench.store.make_copies_again().await.unwrap();
            bench.make_results().await;
            assert_eq!(bench.disagreements().await, [], "{spoil}");
        }
        let lost = [
            ("steps of surveys that are not there", 3),
            ("answers to surveys that are not there", 1),
        ];
        bench.database.run_beside(&["delete from survey where feedback_id = '901'"]).await;
        bench.make_results().await;
        let found = bench.disagreements().await;
        assert_eq!(found.iter().map(|(what, _)| *what).collect::<Vec<_>>(), lost.map(|it| it.0));
        bench.store.make_copies_again().await.unwrap();
        bench.make_results().await;
        assert_eq!(bench.disagreements().await, found, "the record itself cannot be made again");
    })
    .await;
}
