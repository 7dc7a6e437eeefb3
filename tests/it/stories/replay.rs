//! A replay of what happened, by the configuration that made it happen, tells what happened.

use std::time::Duration;

use surveyd::domain::close::{Close, ClosedBy, Notice};
use surveyd::domain::id::UserId;
use surveyd::replay::{self, Comparison, Fate, Replay};
use surveyd::sandbox::{TakesMessages, UserStanding};
use surveyd::store::OptOut;

use crate::harness::people::{with_messages, with_standing};
use crate::harness::stage::{Setup, Stage};
use crate::harness::{START, days, minutes};

/// Numbers that look like chance and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn is_one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }
}

const PEOPLE: u64 = 90;

/// What a help desk says of a conversation with one of the people.
fn closed(stage: &Stage, numbers: &mut Numbers, conversation: &str, person: u64) -> Close {
    let tag = ["vip", "late", "other"][numbers.below(3) as usize];
    let notice = Notice {
        tags: vec![tag.to_owned()],
        closed_by: Some(ClosedBy::ALL[numbers.below(5) as usize]),
        agent_messages: Some(u32::try_from(numbers.below(9)).unwrap()),
        time_zone: numbers.is_one_in(4).then(|| "Asia/Tokyo".to_owned()),
        ..Notice::default()
    };
    let account = if numbers.is_one_in(3) { "bolt" } else { "acme" };
    let user_id =
        if numbers.is_one_in(40) { None } else { UserId::parse(&person.to_string()).ok() };
    // Accounts that want to ask the same person at the same instant are in nobody's order.
    let closed_at = stage.now().minus(Duration::from_millis(numbers.below(100_000)));
    Close {
        account: account.into(),
        user_id,
        closed_at,
        precision: Default::default(),
        notice,
        ..stage.closed(conversation, person)
    }
}

/// A week: conversations close, close again, go on; some cannot be messaged, some opt out.
async fn week(stage: &mut Stage, seed: u64) {
    let mut numbers = Numbers(seed);
    for person in (1..=PEOPLE).filter(|person| person % 10 == 0) {
        stage.tell(person, with_messages(TakesMessages::Closed));
        stage.tell(person + 1, with_standing(UserStanding::Suspended));
        stage.tell(person + 2, with_standing(UserStanding::Unknown));
    }
    let mut last: Vec<Close> = Vec::new();
    for step in 0..7 * 24 * 2_u32 {
        for n in 0..numbers.below(4) {
            let person = 1 + numbers.below(PEOPLE);
            let conversation = format!("c-{step}-{n}");
            let close = closed(stage, &mut numbers, &conversation, person);
            stage.close_as(close.clone()).await;
            last.push(close);
        }
        stage.pass(minutes(3)).await;
        for close in std::mem::take(&mut last) {
            if numbers.is_one_in(6) {
                let closed_at = stage.now();
                last.push(Close { closed_at, ..close.clone() });
                stage.close_as(Close { closed_at, ..close }).await;
            } else if numbers.is_one_in(8) {
                stage.reopen_of(&close.account, close.conversation_id.as_str()).await;
            }
        }
        if numbers.is_one_in(30) {
            let user_id = UserId::parse(&(1 + numbers.below(PEOPLE)).to_string()).unwrap();
            let account = numbers.is_one_in(2).then(|| "acme".to_owned());
            let out = OptOut { user_id, account, at: stage.now(), why: None };
            stage.store.opt_out(vec![out]).await.unwrap();
        }
        stage.pass(minutes(27)).await;
    }
}

async fn replayed(stage: &Stage, since: Duration) -> Comparison {
    let config = stage.config();
    let from = stage.now().minus(since);
    let opt_outs = stage.store.opted_out(None).await.unwrap();
    let mut replay = Replay::new(config, opt_outs, from);
    let (mut last, first) = (None, from.minus(replay::lead(config)));
    loop {
        let page = stage.store.recorded(first, last.as_ref()).await.unwrap();
        let Some(newest) = page.last().cloned() else { return replay.finish(stage.now()) };
        page.into_iter().for_each(|row| replay.take(row));
        last = Some(newest);
    }
}

const SURVEY: &str = r#"
message = "How did we do?"
delay = "10m"
expire_after = "9h"
throttle = "2d"
throttle_group = "both"
sample = 0.8
holdout = 0.1
skip_closed_by = ["bulk"]
min_agent_messages = 1
quiet_hours = { from = "22:00", to = "06:30", time_zone = "Europe/Madrid" }
variants = [{ name = "b", share = 0.5, message = "And how was it?", delay = "2m" }]
[[accounts.rules]]
name = "vip"
when = { tag = "vip" }
delay = "40m"
throttle = "1d"
expire_after = "11h"
[[accounts.rules]]
when = { tag = "late", closed_by = "bot" }
skip = true
"#;

async fn agrees(account: &'static str, seed: u64) -> Comparison {
    let setup = Setup {
        accounts: &["acme", "bolt"],
        account,
        survey: SURVEY,
        poll: "interval = \"6h\"\nfresh_for = \"0s\"",
        ..Setup::default()
    };
    let mut stage = Stage::set(setup).await;
    week(&mut stage, seed).await;
    let whole = replayed(&stage, stage.now().since(START)).await;
    assert!(whole.differences == 0, "seed {seed}: {:#?}", whole.first);
    let happened: u64 = whole.counts.values().map(|sides| sides.happened).sum();
    assert_eq!(happened, whole.closes);
    assert_eq!(whole.assumed, 0, "X was asked about all that were sent");
    for course in &whole.courses {
        assert_eq!(course.prompts.happened, course.prompts.would, "seed {seed}");
    }
    let end = replayed(&stage, days(3)).await;
    assert_eq!(end.differences, 0, "seed {seed}, the last three days: {:#?}", end.first);
    assert!(end.closes < whole.closes);
    whole
}

#[tokio::test]
async fn a_replay_by_the_same_configuration_agrees_with_what_happened() {
    let compared = agrees("daily_limit = 12", 1).await;
    let names: Vec<&str> =
        compared.counts.keys().map(|fate| fate.reason().unwrap_or(fate.outcome())).collect();
    for name in ["sent", "merged", "cannot_dm", "throttled", "opted_out", "sampled_out", "holdout"]
    {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    for name in ["rule", "closed_by", "no_substance", "suspended", "no_x_id", "reopened", "expired"]
    {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    assert!(compared.courses[0].days_full.happened > 1, "{:?}", compared.courses[0]);
}

#[tokio::test]
async fn a_replay_of_an_even_pace_agrees_with_what_happened() {
    let compared = agrees("daily_limit = 12\npacing = \"even\"", 2).await;
    assert!(compared.counts[&Fate::Suppressed(surveyd::domain::survey::Reason::Budget)].would > 20);
}
