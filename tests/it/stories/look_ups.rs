//! Where people are looked up one by one, and by hundreds only while too many wait: whatever X says
//! to the latter, nobody is lost, delayed or paused by it.

use surveyd::sandbox::{ApiCall, InjectedFault, Person, Scripted, TakesMessages};

use crate::harness::log::Log;
use crate::harness::minutes;
use crate::harness::stage::{Setup, Stage};

const AUTO: Setup = Setup {
    accounts: &["acme"],
    x: "can_dm = \"auto\"",
    poll: "interval = \"30m\"",
    account: "",
    survey: "",
    sources: "",
    world: |_| {},
    x_ahead: std::time::Duration::ZERO,
    base_url: None,
};

async fn close_many(stage: &Stage, count: u64) {
    for person in 1..=count {
        stage.close(&format!("c-{person}"), person).await;
    }
}

#[tokio::test]
async fn few_people_are_looked_up_one_by_one() {
    let mut stage = Stage::set(AUTO).await;
    close_many(&stage, 60).await;
    stage.pass(minutes(6)).await;
    assert_eq!(stage.prompts().len(), 60);
    assert_eq!((stage.calls(ApiCall::Friendship), stage.calls(ApiCall::Users)), (60, 0));
}

#[tokio::test]
async fn a_backlog_goes_out_at_once_where_x_grants_its_version_two() {
    let log = Log::kept();
    let mut stage = Stage::set(AUTO).await;
    close_many(&stage, 500).await;
    stage.pass(minutes(6)).await;
    assert_eq!(stage.prompts().len(), 500);
    assert!(stage.calls(ApiCall::Users) <= 5 && stage.calls(ApiCall::Friendship) <= 180);
    assert!(stage.refused().is_empty(), "{:?}", stage.refused().first());
    assert_eq!(log.of("sends.waiting").len(), 0);
}

#[tokio::test]
async fn whom_version_two_does_not_clear_is_looked_up_singly_before_anything_ends() {
    let mut stage = Stage::set(AUTO).await;
    close_many(&stage, 400).await;
    for person in 301..=303 {
        stage.tell(person, Person { messages: TakesMessages::Closed, ..Person::default() });
    }
    // It knows nobody of the first hundred whom it is asked about.
    stage.fault(ApiCall::Users, 1, InjectedFault::instead(Scripted::json(200, "{\"data\":[]}")));
    stage.pass(minutes(40)).await;
    assert_eq!(stage.prompts().len(), 397);
    for person in 301..=303 {
        assert_eq!(stage.state(&format!("c-{person}")).await, "suppressed: cannot_dm");
    }
    assert!(stage.refused().is_empty(), "{:?}", stage.refused().first());
}

/// The standing answer of version 2 for people 1 to 400, but that it does not say of one whether
/// they take messages.
fn silent_about(person: u64) -> InjectedFault {
    let user = |id: u64| match id == person {
        true => format!("{{\"id\":\"{id}\"}}"),
        false => format!("{{\"id\":\"{id}\",\"receives_your_dm\":true}}"),
    };
    let users: Vec<String> = (1..=400).map(user).collect();
    InjectedFault::instead(Scripted::json(200, &format!("{{\"data\":[{}]}}", users.join(","))))
}

#[tokio::test]
async fn of_whom_version_two_says_nothing_only_that_one_waits() {
    let mut stage = Stage::set(AUTO).await;
    close_many(&stage, 400).await;
    stage.fault(ApiCall::Users, 20, silent_about(7));
    stage.pass(minutes(6)).await;
    // The one is looked up singly.
    assert_eq!(stage.prompts().len(), 400);
    assert!(stage.calls(ApiCall::Users) <= 5, "{}", stage.calls(ApiCall::Users));

    let mut stage = Stage::set(Setup { x: "can_dm = \"users_v2\"", ..AUTO }).await;
    close_many(&stage, 400).await;
    stage.fault(ApiCall::Users, 4, silent_about(7));
    stage.pass(minutes(5) + std::time::Duration::from_secs(1)).await;
    assert_eq!((stage.prompts().len(), stage.prompted(7)), (399, 0));
    assert_eq!(stage.state("c-7").await, "scheduled");
    stage.pass(minutes(5)).await;
    assert_eq!(stage.prompted(7), 1);
}

#[tokio::test]
async fn where_x_refuses_version_two_all_goes_as_if_nobody_had_asked() {
    let mut usual = Stage::set(Setup { x: "", ..AUTO }).await;
    close_many(&usual, 220).await;
    let mut course = Vec::new();
    for _ in 0..4 {
        usual.pass(minutes(8)).await;
        course.push(usual.prompts().len());
    }
    assert!((170..=180).contains(&course[0]) && course[3] == 220, "{course:?}");
    for refusal in [
        Scripted::error(401, 32, "Could not authenticate you."),
        Scripted::error(403, 453, "You currently have access to a subset of X API V2 endpoints"),
        Scripted::error(403, 63, "User has been suspended."),
        Scripted::error(404, 34, "Sorry, that page does not exist."),
        Scripted::json(
            401,
            "{\"title\":\"Unauthorized\",\"detail\":\"Unauthorized\",\"status\":401}",
        ),
        Scripted::json(404, "<html>nothing here</html>"),
        Scripted::error(429, 88, "Rate limit exceeded"),
        Scripted::error(503, 130, "Over capacity"),
        Scripted::json(200, "{}"),
    ] {
        let log = Log::kept();
        let mut stage = Stage::set(AUTO).await;
        stage.fault(ApiCall::Users, 1_000, InjectedFault::instead(refusal.clone()));
        close_many(&stage, 220).await;
        for prompted in &course {
            stage.pass(minutes(8)).await;
            let now = stage.prompts().len();
            assert!(now.abs_diff(*prompted) <= 10, "{refusal:?}: {now} for {prompted}");
        }
        assert_eq!(stage.prompts().len(), 220, "{refusal:?}");
        assert_eq!(stage.store.paused("acme").await.unwrap(), None);
        assert_eq!(log.of("account.paused").len(), 0, "{refusal:?}");
        assert!(log.of("look_ups.singly").len() <= 1, "{refusal:?}");
        assert!(stage.calls(ApiCall::Users) <= 10, "{refusal:?}: {}", stage.calls(ApiCall::Users));
    }
}
