//! A dry run: everything is decided and recorded, and nothing is sent.

use surveyd::domain::id::UserId;
use surveyd::domain::policy::Mode;
use surveyd::domain::policy::decision::Ground;
use surveyd::domain::waiting::{Cause, Obstacle, obstacles};
use surveyd::sandbox::{ApiCall, InjectedFault, Person, Plan, TakesMessages, UserStanding};
use surveyd::store::OptOut;

use crate::harness::database::on_each_engine;
use crate::harness::people::{ANA, BEN, CAI};
use crate::harness::stage::{Setup, Stage};
use crate::harness::{days, hours, minutes};

const DRY: Setup = Setup {
    accounts: &["acme"],
    x: "",
    poll: "interval = \"30m\"",
    account: "mode = \"dry\"",
    survey: "expire_after = \"3d\"",
    sources: "",
    world: |_| {},
    x_ahead: std::time::Duration::ZERO,
    base_url: None,
};

#[tokio::test]
async fn all_is_decided_as_it_would_be_and_nothing_is_sent() {
    on_each_engine(async |database| {
        let mut stage = Stage::on(database, DRY).await;
        let user_id = UserId::parse(&BEN.to_string()).unwrap();
        let out = OptOut { user_id, account: None, at: stage.now(), why: None };
        stage.store.opt_out(vec![out]).await.unwrap();
        let messages = TakesMessages::Closed;
        let closed = Person { standing: UserStanding::Present, messages, plan: Plan::Drawn };
        stage.tell(CAI, closed);
        for (conversation, person) in [("c-ana", ANA), ("c-ben", BEN), ("c-cai", CAI)] {
            stage.close(conversation, person).await;
        }
        stage.pass(hours(1)).await;
        stage.close("c-ana-again", ANA).await;
        stage.pass(days(2)).await;
        stage.restart().await;
        stage.pass(days(1)).await;
        assert_eq!(stage.state("c-ana").await, "suppressed: dry_run");
        assert_eq!(stage.state("c-ben").await, "suppressed: opted_out");
        assert_eq!(stage.state("c-cai").await, "suppressed: cannot_dm");
        assert_eq!(stage.state("c-ana-again").await, "suppressed: throttled");
        assert_eq!((stage.calls(ApiCall::Create), stage.prompts().len()), (0, 0));
        let row = stage.survey("c-ana").await;
        assert_eq!(row.survey.attempts, 0);
        let Some(Ground::DryRun(would)) = row.at_sending.map(|decision| decision.ground) else {
            panic!("it does not say what would have been sent")
        };
        assert_eq!((would.kind.as_str(), would.question_variant_id), ("csat", 0));
        let message = stage.store.message(&row.survey.id).await.unwrap();
        assert_eq!(message.as_deref(), Some("How did we do?"));
        let again = stage.survey("c-ana-again").await.at_sending.map(|decision| decision.ground);
        let Some(Ground::Throttled(throttled)) = again else { panic!("{again:?}") };
        assert!(throttled.is_dry, "nobody has prompted her");
    })
    .await;
}

#[tokio::test]
async fn an_account_that_goes_live_has_prompted_nobody_yet() {
    let mut stage = Stage::set(DRY).await;
    stage.close("c-ana", ANA).await;
    stage.pass(hours(1)).await;
    stage.close("c-ana-again", ANA).await;
    stage.close("c-ben", BEN).await;
    stage.reload(|config| config.accounts[0].mode = Mode::Live);
    stage.pass(hours(1)).await;
    assert_eq!(stage.state("c-ana").await, "suppressed: dry_run", "what has ended stays so");
    assert_eq!(stage.state("c-ana-again").await, "sent", "she was asked in the dry run only");
    assert_eq!(stage.state("c-ben").await, "sent", "what waits goes out in time");
    assert_eq!((stage.prompted(ANA), stage.prompted(BEN)), (1, 1));
    let day = stage.store.account_status("acme", stage.now().minus(days(1))).await.unwrap();
    assert_eq!(day.prompts_of_day, 2);
}

#[tokio::test]
async fn what_was_begun_live_is_settled_and_not_sent_again_by_a_dry_run() {
    let mut stage = Stage::set(Setup { account: "", ..DRY }).await;
    stage.fault(ApiCall::Create, 1, InjectedFault::cut_before());
    stage.close("c-ana", ANA).await;
    stage.pass(minutes(6)).await;
    stage.fault(ApiCall::Create, 1, InjectedFault::cut_after());
    stage.close("c-ben", BEN).await;
    stage.pass(minutes(6)).await;
    stage.close("c-cai", CAI).await;
    for conversation in ["c-ana", "c-ben"] {
        assert_eq!(stage.state(conversation).await, "uncertain");
    }
    stage.reload(|config| config.accounts[0].mode = Mode::Dry);
    stage.pass(days(2)).await;
    stage.restart().await;
    stage.pass(hours(6)).await;
    assert_eq!(stage.state("c-ana").await, "suppressed: dry_run", "X had not carried it out");
    assert_eq!(stage.state("c-ben").await, "sent", "X had");
    assert_eq!(stage.state("c-cai").await, "suppressed: dry_run");
    assert_eq!((stage.calls(ApiCall::Create), stage.prompts().len()), (2, 1));
}

#[tokio::test]
async fn the_days_limit_counts_what_would_have_been_sent_and_looks_nobody_up_beyond_it() {
    let account = "mode = \"dry\"\ndaily_limit = 2";
    let mut stage = Stage::set(Setup { account, ..DRY }).await;
    for (conversation, person) in [("c-ana", ANA), ("c-ben", BEN), ("c-cai", CAI)] {
        stage.close(conversation, person).await;
    }
    stage.pass(hours(12)).await;
    let mut states = Vec::new();
    for conversation in ["c-ana", "c-ben", "c-cai"] {
        states.push(stage.state(conversation).await);
    }
    states.sort();
    assert_eq!(states, ["scheduled", "suppressed: dry_run", "suppressed: dry_run"]);
    assert!(stage.calls(ApiCall::Friendship) <= 3, "{}", stage.calls(ApiCall::Friendship));
    let served = stage.config().served(&stage.config().accounts[0]);
    let facts = stage.store.waiting(&[served], stage.now()).await.unwrap().remove(0);
    let waits: Vec<Obstacle> = obstacles(&facts);
    assert_eq!((waits.len(), waits[0].cause, waits[0].surveys), (1, Cause::DayFull, 1));
    let words = "account acme would have sent its 2 prompts of the day: the next can go out at ";
    assert!(waits[0].words.starts_with(words), "{}", waits[0].words);
    stage.pass(hours(13)).await;
    for conversation in ["c-ana", "c-ben", "c-cai"] {
        assert_eq!(stage.state(conversation).await, "suppressed: dry_run");
    }
    assert_eq!(stage.calls(ApiCall::Create), 0);
}

#[tokio::test]
async fn what_an_operator_sends_again_does_not_stand_in_its_own_way() {
    let mut stage = Stage::set(DRY).await;
    stage.close("c-ana", ANA).await;
    stage.pass(hours(1)).await;
    let id = stage.survey("c-ana").await.survey.id;
    let retried = stage.store.retry(id.clone(), stage.now()).await.unwrap();
    assert!(retried.is_ok());
    stage.pass(hours(1)).await;
    assert_eq!(stage.state("c-ana").await, "suppressed: dry_run");
    stage.reload(|config| config.accounts[0].mode = Mode::Live);
    stage.store.retry(id, stage.now()).await.unwrap().unwrap();
    stage.pass(hours(1)).await;
    assert_eq!((stage.state("c-ana").await.as_str(), stage.prompted(ANA)), ("sent", 1));
}
