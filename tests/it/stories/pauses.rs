//! When X refuses an account as a whole: it stops, asks now and then, and goes on by itself.

use surveyd::sandbox::{ApiCall, InjectedFault, Scripted};

use crate::harness::log::Log;
use crate::harness::people::{ANA, BEN};
use crate::harness::stage::{Setup, Stage, accounts};
use crate::harness::{hours, minutes, seconds};

const BOTH: &[&str] = &["acme", "globex"];

fn unauthenticated() -> InjectedFault {
    InjectedFault::instead(Scripted::error(401, 32, "Could not authenticate you."))
}

#[tokio::test]
async fn an_account_that_x_refuses_pauses_while_another_goes_on_and_resumes_by_itself() {
    let mut stage = Stage::set(Setup { accounts: BOTH, ..Setup::default() }).await;
    let acme = accounts(BOTH)[0].user_id;
    stage.fault_of(acme, ApiCall::Create, 1, unauthenticated());
    stage.close("c-1", ANA).await;
    stage.close("c-2", ANA + 1).await;
    let elsewhere = stage.closed("g-1", BEN);
    stage.close_as(surveyd::domain::close::Close { account: "globex".into(), ..elsewhere }).await;

    stage.pass(minutes(5) + seconds(30)).await;
    let paused = stage.store.paused("acme").await.unwrap().expect("acme is paused");
    assert_eq!(paused.why, "code 32: Could not authenticate you.");
    assert_eq!(stage.store.paused("globex").await.unwrap(), None);
    assert_eq!(stage.state("g-1").await, "sent");
    let waiting = [stage.state("c-1").await, stage.state("c-2").await];
    assert!(waiting.contains(&"scheduled".to_owned()), "{waiting:?}");
    assert_eq!(stage.calls(ApiCall::VerifyCredentials), 0, "a minute has not passed");

    stage.pass(minutes(1)).await;
    assert_eq!(stage.calls(ApiCall::VerifyCredentials), 1);
    assert_eq!(stage.store.paused("acme").await.unwrap(), None);
    for conversation in ["c-1", "c-2"] {
        assert_eq!(stage.state(conversation).await, "sent");
    }
    assert_eq!((stage.prompted(ANA), stage.prompted(ANA + 1), stage.prompted(BEN)), (1, 1, 1));
}

/// The lines about pauses that an operator is woken by.
fn loud(log: &Log) -> Vec<String> {
    let lines = log.of("account.paused").into_iter().filter(|line| line["level"] != "INFO");
    lines.map(|line| line["message"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_pause_is_loud_once_however_many_requests_x_refuses_and_once_more_after_a_start() {
    let log = Log::kept();
    let mut stage = Stage::new().await;
    stage.fault(ApiCall::Create, 8, unauthenticated());
    stage.fault(ApiCall::VerifyCredentials, 1_000, unauthenticated());
    for person in 0..8 {
        stage.close(&format!("c-{person}"), ANA + person).await;
    }
    stage.pass(minutes(20)).await;
    assert!(stage.calls(ApiCall::Create) > 1, "several were under way at once");
    let lines = loud(&log);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("X refuses account acme (code 32: "), "{lines:?}");
    let paused = stage.store.paused("acme").await.unwrap().expect("acme is paused");

    stage.reload(|_| {});
    stage.pass(minutes(20)).await;
    assert_eq!(loud(&log).len(), 1, "a reload is no start");
    for starts in 1..=2 {
        stage.restart().await;
        stage.pass(minutes(90)).await;
        assert_eq!(loud(&log).len(), 1 + starts);
        let since = paused.paused_at.rfc3339();
        let words = format!("account acme is paused since {since}: X is asked again now");
        assert_eq!(loud(&log)[starts], words);
    }
}

#[tokio::test]
async fn a_paused_account_is_asked_about_ever_more_rarely_also_across_a_restart() {
    let mut stage = Stage::new().await;
    stage.fault(ApiCall::Friendship, 1, unauthenticated());
    stage.fault(ApiCall::VerifyCredentials, 100, unauthenticated());
    stage.close("c-1", ANA).await;
    stage.pass(minutes(5)).await;
    // After 1, 2, 4, 8, 16, 32 and then every 60 minutes. Each restart asks once more.
    let in_turn = [(1, 1), (2, 2), (3, 2), (1, 3), (7, 3), (1, 4), (16, 5), (32, 6)];
    for (restarts, (passing, asked)) in (0..).zip(in_turn) {
        stage.pass(minutes(passing)).await;
        assert_eq!(stage.calls(ApiCall::VerifyCredentials), asked + restarts, "{passing}");
        stage.restart().await;
        stage.work().await;
    }
    stage.pass(minutes(59)).await;
    assert_eq!(stage.calls(ApiCall::VerifyCredentials), 6 + 8);
    stage.pass(minutes(1)).await;
    assert_eq!(stage.calls(ApiCall::VerifyCredentials), 7 + 8);
    stage.pass(hours(3)).await;
    assert_eq!(stage.calls(ApiCall::VerifyCredentials), 10 + 8);
    let other_calls = stage.calls(ApiCall::Friendship) + stage.calls(ApiCall::Create);
    assert_eq!(other_calls, 1, "nothing else is asked meanwhile");

    stage.x(|world| world.clear_faults());
    stage.pass(hours(1)).await;
    assert_eq!(stage.state("c-1").await, "sent");
}

#[tokio::test]
async fn a_start_or_reload_asks_at_once_and_the_pause_ends_only_when_x_takes_it() {
    for is_restart in [true, false] {
        let log = Log::kept();
        let mut stage = Stage::new().await;
        stage.fault(ApiCall::Friendship, 1, unauthenticated());
        stage.fault(ApiCall::VerifyCredentials, 2, unauthenticated());
        stage.close("c-1", ANA).await;
        stage.pass(minutes(5) + seconds(70)).await;
        assert_eq!(stage.calls(ApiCall::VerifyCredentials), 1);
        let again = async |stage: &mut Stage| {
            match is_restart {
                true => stage.restart().await,
                false => stage.reload(|_| {}),
            }
            stage.pass(seconds(5)).await;
        };
        let paused = stage.store.paused("acme").await.unwrap();
        again(&mut stage).await;
        assert_eq!(stage.calls(ApiCall::VerifyCredentials), 2);
        assert_eq!(stage.store.paused("acme").await.unwrap(), paused, "the key is still wrong");
        assert_eq!(log.of("account.resumed").len(), 0);
        let told = log.of("account.paused");
        let words = told[told.len() - 2]["message"].as_str().unwrap();
        assert!(words.ends_with(": X is asked again now"), "{words}");
        again(&mut stage).await;
        assert_eq!(stage.calls(ApiCall::VerifyCredentials), 3);
        assert_eq!((stage.state("c-1").await, log.of("account.resumed").len()), ("sent".into(), 1));
    }
}

#[tokio::test]
async fn what_waits_for_a_paused_account_expires_in_its_time() {
    let mut stage = Stage::new().await;
    stage.fault(ApiCall::Create, 1, unauthenticated());
    stage.fault(ApiCall::VerifyCredentials, 1_000, unauthenticated());
    stage.close("c-1", ANA).await;
    stage.pass(hours(12)).await;
    assert_eq!(stage.state("c-1").await, "scheduled");
    stage.pass(minutes(2)).await;
    assert_eq!(stage.state("c-1").await, "expired");
    assert_eq!((stage.calls(ApiCall::Create), stage.prompts().len()), (1, 0));
}

#[tokio::test]
async fn an_account_refused_while_its_answers_are_read_pauses_too() {
    let mut stage = Stage::new().await;
    stage.fault(ApiCall::Events, 1, unauthenticated());
    stage.work().await;
    assert!(stage.store.paused("acme").await.unwrap().is_some());
    stage.pass(hours(1)).await;
    assert_eq!(stage.store.paused("acme").await.unwrap(), None);
    assert!(stage.calls(ApiCall::Events) > 1);
}
