//! The database is lost, and its closes are delivered again: nobody is prompted twice, and nobody
//! has to do anything about it.

use surveyd::domain::close::Close;
use surveyd::sandbox::ApiCall;

use crate::harness::people::{ANA, BEN};
use crate::harness::stage::{Setup, Stage};
use crate::harness::{days, hours, minutes};

const IN_TIME_FOR_A_WEEK: &str = "expire_after = \"7d\"\nthrottle = \"0s\"";

/// A close that has been prompted for; of a conversation that had been, two days before.
async fn prompted() -> (Stage, Close) {
    let setup = Setup { survey: IN_TIME_FOR_A_WEEK, ..Setup::default() };
    let mut stage = Stage::set(setup).await;
    stage.close("c-1", ANA).await;
    stage.pass(days(2)).await;
    let close = stage.closed("c-1", ANA);
    stage.close_as(close.clone()).await;
    stage.pass(minutes(10)).await;
    assert_eq!(stage.prompted(ANA), 2);
    (stage, close)
}

#[tokio::test]
async fn a_close_that_is_delivered_again_to_an_empty_database_prompts_nobody_twice() {
    for away in [hours(1), hours(30), days(4)] {
        let (mut stage, close) = prompted().await;
        stage.pass(away).await;
        assert!(stage.lose_database().await, "by the count beside it");
        let taken = stage.close_as(close).await;
        assert_eq!(taken.state, "scheduled", "it is not too late for it");
        stage.pass(hours(23)).await;
        let at_hold = stage.prompts().len();
        stage.close("c-2", BEN).await;
        stage.pass(hours(3)).await;
        assert_eq!(at_hold, 2, "all sends are held");
        assert_eq!(stage.prompted(ANA), 2, "{away:?}");
        let known = stage.survey("c-1").await.survey.state;
        let shown = stage.prompts()[1].feedback_id.to_string();
        assert_eq!(known.delivery().map(|sent| sent.feedback_id.as_str()), Some(shown.as_str()));
        assert_eq!(stage.prompted(BEN), 1, "then it sends again");
    }
}

#[tokio::test]
async fn a_first_reading_goes_back_as_far_as_a_close_may_still_be_prompted_for() {
    let setup = Setup { survey: IN_TIME_FOR_A_WEEK, ..Setup::default() };
    let mut stage = Stage::set(setup).await;
    stage.pass(hours(1)).await;
    let state = stage.store.poll_state("acme").await.unwrap();
    let week_ago = stage.now().minus(hours(1) + days(7));
    assert!(state.begun_from <= Some(week_ago.minus(hours(1))), "{state:?}");
    assert!(state.done_to >= Some(stage.now().minus(hours(24) + minutes(31))));
    let calls = stage.calls(ApiCall::Events);
    assert!(calls < 20, "{calls} calls");
}

#[tokio::test]
async fn a_hold_goes_on_while_a_second_without_an_end_may_tell_of_a_prompt() {
    let (mut stage, close) = prompted().await;
    let prompted_at = stage.prompts()[1].carried_out_at;
    stage.pass(days(4)).await;
    stage.x(|world| world.set_endless(Some(prompted_at)));
    stage.lose_database().await;
    stage.close_as(close).await;
    stage.close("c-2", BEN).await;
    stage.pass(days(2)).await;
    assert_eq!((stage.prompts().len(), stage.prompted(BEN)), (2, 0));
    stage.pass(days(2)).await;
    assert_eq!(stage.prompted(ANA), 2, "its close is too late by now");
    assert_eq!(stage.prompted(BEN), 1);
}
