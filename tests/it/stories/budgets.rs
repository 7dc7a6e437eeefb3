//! X's limits: no call that X would refuse is ever made.

use std::time::Duration;

use surveyd::sandbox::{ApiCall, InjectedFault};

use crate::harness::database::on_each_engine;
use crate::harness::people::{ANA, answering};
use crate::harness::stage::{Setup, Stage};
use crate::harness::{START, days, hours, minutes, seconds};

async fn close_many(stage: &Stage, first: u64, count: u64) {
    for person in first..first + count {
        stage.close(&format!("c-{person}"), person).await;
    }
}

async fn count_in(stage: &Stage, wanted: &str) -> i64 {
    let status = stage.store.status(stage.now()).await.unwrap();
    status.by_state.iter().find(|(state, _)| *state == wanted).expect("a state").1
}

#[tokio::test]
async fn the_limit_of_the_day_leaves_the_rest_scheduled_until_shares_come_back() {
    let mut stage = Stage::set(Setup {
        account: "daily_limit = 3",
        survey: "expire_after = \"3d\"",
        ..Setup::default()
    })
    .await;
    close_many(&stage, 1, 5).await;
    stage.pass(hours(24)).await;
    assert_eq!(stage.prompts().len(), 3);
    assert_eq!(count_in(&stage, "scheduled").await, 2);
    stage.pass(minutes(6)).await;
    assert_eq!(stage.prompts().len(), 5, "a day after the first three there is room again");
    close_many(&stage, 10, 2).await;
    stage.pass(hours(23)).await;
    assert_eq!(stage.prompts().len(), 6);
    assert!(stage.refused().is_empty(), "{:?}", stage.refused());
}

#[tokio::test]
async fn a_day_with_five_hundred_closes_makes_no_call_that_x_would_refuse() {
    on_each_engine(async |database| {
        let mut stage = Stage::on(
            database,
            Setup { poll: "interval = \"30m\"\nfresh_for = \"4h\"", ..Setup::default() },
        )
        .await;
        // Two bursts larger than a quarter of an hour's look-ups, and a trickle.
        close_many(&stage, 1_000, 200).await;
        stage.pass(hours(3)).await;
        close_many(&stage, 2_000, 250).await;
        for hour in 0..10 {
            close_many(&stage, 3_000 + 10 * hour, 5).await;
            stage.pass(hours(1)).await;
        }
        stage.pass(hours(11)).await;
        assert_eq!(count_in(&stage, "sent").await, 500);
        assert_eq!(stage.prompts().len(), 500);
        assert!(stage.refused().is_empty(), "{:?}", stage.refused().first());
        assert!(stage.calls(ApiCall::Show) > 1_000, "fresh prompts are asked about");
    })
    .await;
}

#[tokio::test]
async fn a_hundred_people_a_call_are_looked_up_where_the_setting_says_so() {
    let setup = Setup {
        x: "can_dm = \"users_v2\"",
        poll: "fresh_for = \"0s\"\ninterval = \"30m\"",
        ..Setup::default()
    };
    let mut stage = Stage::set(setup).await;
    close_many(&stage, 1, 250).await;
    stage.pass(minutes(10)).await;
    assert_eq!(stage.prompts().len(), 250);
    assert_eq!((stage.calls(ApiCall::Users), stage.calls(ApiCall::Friendship)), (3, 0));
    assert!(stage.refused().is_empty(), "{:?}", stage.refused().first());
}

#[tokio::test]
async fn a_smaller_day_that_xs_headers_tell_of_is_believed() {
    let mut stage = Stage::set(Setup {
        survey: "expire_after = \"3d\"",
        world: |world| world.accounts[0].daily_limit = 20,
        ..Setup::default()
    })
    .await;
    // Slow answers, so that others are under way while each comes in.
    stage.fault(ApiCall::Create, 1_000, InjectedFault::slow(Duration::from_millis(50)));
    close_many(&stage, 1, 50).await;
    stage.pass(hours(24)).await;
    assert_eq!(stage.prompts().len(), 20);
    assert!(stage.refused().is_empty(), "{} calls too many", stage.refused().len());
    stage.pass(hours(25)).await;
    assert_eq!(stage.prompts().len(), 50, "the next days' shares are used");
    assert!(stage.refused().is_empty(), "{} calls too many", stage.refused().len());
}

#[tokio::test]
async fn smaller_windows_that_xs_headers_tell_of_are_believed() {
    let mut stage = Stage::new().await;
    for call in [ApiCall::Friendship, ApiCall::Show] {
        stage.fault(call, 1_000, InjectedFault::slow(Duration::from_millis(20)));
    }
    stage.x(|world| {
        world.set_limit(ApiCall::Friendship, 50);
        world.set_limit(ApiCall::Show, 30);
    });
    close_many(&stage, 1, 120).await;
    stage.pass(hours(4)).await;
    assert_eq!(stage.prompts().len(), 120);
    let refused: Vec<_> = stage.refused().into_iter().map(|call| (call.at, call.path)).collect();
    assert!(refused.is_empty(), "{} calls too many: {:?}", refused.len(), refused.first());
}

#[tokio::test]
async fn a_restart_forgets_no_call() {
    let mut stage = Stage::new().await;
    close_many(&stage, 1, 300).await;
    stage.wait(minutes(5));
    for _ in 0..30 {
        stage.work().await;
        stage.restart().await;
        stage.wait(seconds(1));
    }
    let looked_up = stage.calls(ApiCall::Friendship);
    assert!((170..=180).contains(&looked_up), "{looked_up}");
    stage.pass(minutes(30)).await;
    assert_eq!(stage.prompts().len(), 300);
    assert!(stage.refused().is_empty(), "{:?}", stage.refused().first());
}

#[tokio::test]
async fn show_stays_within_its_limit_and_ends_with_the_freshness() {
    let setup = Setup { poll: "fresh_for = \"6h\"\ninterval = \"10m\"", ..Setup::default() };
    let mut stage = Stage::set(setup).await;
    close_many(&stage, 1, 170).await;
    stage.tell(ANA, answering(5, "thanks"));
    stage.close("c-ana", ANA).await;
    stage.pass(minutes(30)).await;
    assert_eq!(stage.state("c-ana").await, "answered");
    let quarter = stage.calls(ApiCall::Show);
    assert!(quarter > 171, "{quarter}");
    stage.pass(hours(6)).await;
    let at_the_end = stage.calls(ApiCall::Show);
    stage.pass(days(2)).await;
    assert_eq!(stage.calls(ApiCall::Show), at_the_end, "nothing is asked that is no longer fresh");
    assert!(stage.refused().is_empty(), "{:?}", stage.refused().first());
    let last = stage.store.next_show("acme").await.unwrap();
    assert_eq!(last, None);
    assert!(stage.now() > START.plus(days(2)));
}

#[tokio::test]
async fn two_daemons_on_one_database_ask_about_prompts_no_faster_than_one() {
    let setup = Setup { poll: "interval = \"5m\"", ..Setup::default() };
    let mut stage = Stage::set(setup).await;
    stage.start_another();
    for person in 1..=60 {
        stage.close(&format!("c-{person}"), person).await;
    }
    stage.pass(minutes(5) + seconds(30)).await;
    assert_eq!((stage.prompts().len(), stage.calls(ApiCall::Show)), (60, 0));
    stage.pass(minutes(3) + seconds(30)).await;
    // A minute's calls at once, and some 11 a minute from then on.
    let asked = stage.calls(ApiCall::Show);
    assert!((30..=45).contains(&asked), "{asked}");
    assert!(stage.refused().is_empty());
}
