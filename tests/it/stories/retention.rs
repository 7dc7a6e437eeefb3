//! What is erased by age is old by X's clock too.

use std::time::Duration;

use surveyd::config::RetentionConfig;
use surveyd::daemon::retention::Retention;

use crate::harness::people::ANA;
use crate::harness::stage::{Setup, Stage};
use crate::harness::{days, minutes};

/// In seconds.
const DAY: i64 = 86_400;
const TEXTS: RetentionConfig =
    RetentionConfig { text: Some(Duration::from_secs(45 * 86_400)), raw: None };

/// Does all that is to be done now. True if something was looked at.
async fn work(stage: &Stage, retention: &mut Retention) -> bool {
    for steps in 0.. {
        let of_x = stage.clock_of_x();
        let rest = retention.step(&stage.store, stage.now(), &of_x).await.unwrap();
        if rest >= Duration::from_secs(60) {
            return steps > 0;
        }
    }
    unreachable!("the steps end")
}

async fn is_erased(stage: &Stage) -> bool {
    stage.results().await.iter().all(|row| row.survey.conversation_id.as_str() != "c-1")
}

#[tokio::test]
async fn a_clock_that_is_far_ahead_erases_nothing_that_is_not_old() {
    let setup = Setup { poll: "interval = \"5m\"", ..Setup::default() };
    let mut stage = Stage::set(setup).await;
    stage.close("c-1", ANA).await;
    stage.pass(minutes(30)).await;
    assert_eq!(stage.state("c-1").await, "sent");
    let mut retention = Retention::new(TEXTS, stage.now());
    stage.set_clock_ahead(400 * DAY);
    assert!(!work(&stage, &mut retention).await, "X was not heard since");
    for _ in 0..3 {
        stage.pass(minutes(30)).await;
        stage.wait(days(1));
        stage.pass(minutes(30)).await;
        work(&stage, &mut retention).await;
        assert!(!is_erased(&stage).await);
    }
    let mut begun_by_it = Retention::new(TEXTS, stage.now());
    work(&stage, &mut begun_by_it).await;
    assert!(!is_erased(&stage).await);
    stage.set_clock_ahead(0);
    stage.wait(days(45));
    stage.pass(minutes(40)).await;
    work(&stage, &mut retention).await;
    stage.wait(days(1));
    stage.pass(minutes(30)).await;
    assert!(work(&stage, &mut retention).await);
    assert!(is_erased(&stage).await);
}
