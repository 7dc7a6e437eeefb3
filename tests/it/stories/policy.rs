//! Whom surveyd asks, and when: rules, quiet hours, opt-outs, experiments and the day's pace.

use std::collections::BTreeMap;

use surveyd::domain::budget::Call;
use surveyd::domain::close::{Close, ClosedBy, Notice};
use surveyd::domain::id::UserId;
use surveyd::domain::policy::decision::Ground;
use surveyd::domain::time::{Millis, Ready};
use surveyd::sandbox::ApiCall;
use surveyd::store::OptOut;

use crate::harness::people::{ANA, BEN, CAI};
use crate::harness::stage::{Setup, Stage};
use crate::harness::{hours, minutes};

/// A stage with those lines in its survey; it begins at 14:13 in UTC.
async fn stage(survey: &'static str) -> Stage {
    Stage::set(Setup { survey, ..Setup::default() }).await
}

fn noticed(stage: &Stage, conversation: &str, person: u64, notice: Notice) -> Close {
    Close { notice, ..stage.closed(conversation, person) }
}

fn tagged(tag: &str) -> Notice {
    Notice { tags: vec![tag.to_owned()], ..Notice::default() }
}

#[tokio::test]
async fn a_rule_decides_who_is_asked_what() {
    let mut stage = stage(
        r#"
message = "How did we do?"
question_variant_id = 12
skip_closed_by = ["auto"]
[[accounts.rules]]
name = "vip"
when = { tag = "vip" }
type = "nps"
message = "Dear {{ first_name }}, would you recommend us?"
[[accounts.rules]]
when = { team = "abuse" }
skip = true
"#,
    )
    .await;
    let vip = Notice { first_name: Some("Ana".into()), ..tagged("vip") };
    stage.close_as(noticed(&stage, "c-ana", ANA, vip)).await;
    let abuse = Notice { team: Some("abuse".into()), ..Notice::default() };
    let skipped = stage.close_as(noticed(&stage, "c-ben", BEN, abuse)).await;
    assert_eq!((skipped.state, skipped.reason.as_deref()), ("suppressed", Some("rule")));
    let auto = Notice { closed_by: Some(ClosedBy::Auto), ..Notice::default() };
    let closed = stage.close_as(noticed(&stage, "c-cai", CAI, auto)).await;
    assert_eq!(closed.reason.as_deref(), Some("closed_by"));
    stage.pass(minutes(10)).await;
    let prompts = stage.prompts();
    assert_eq!(prompts.len(), 1);
    let field = |name| prompts[0].field(name);
    assert_eq!((field("type"), field("question_variant_id")), (Some("nps"), Some("0")));
    assert_eq!(field("message"), Some("Dear Ana, would you recommend us?"));
    let row = stage.survey("c-ana").await;
    assert_eq!(row.at_sending.unwrap().rule.as_deref(), Some("vip"));
    assert_eq!(stage.calls(ApiCall::Friendship), 1, "nobody else is looked up");
}

#[tokio::test]
async fn a_quiet_hour_puts_the_prompt_off_to_its_end_without_a_look_up() {
    let mut stage = stage(
        "quiet_hours = { from = \"00:00\", to = \"23:00\", time_zone = \"UTC\" }\n\
         expire_after = \"30h\"",
    )
    .await;
    stage.close("c-ana", ANA).await;
    stage.pass(hours(1)).await;
    assert_eq!(
        (stage.state("c-ana").await.as_str(), stage.calls(ApiCall::Friendship)),
        ("scheduled", 0)
    );
    let row = stage.survey("c-ana").await;
    let Some(Ground::QuietHours { until, time_zone, .. }) = row.at_sending.map(|d| d.ground) else {
        panic!("it does not say why it waits")
    };
    assert_eq!(time_zone, "UTC");
    assert!(until.rfc3339().ends_with("T23:00:00.000Z"), "{}", until.rfc3339());
    stage.pass(until.since(stage.now()) + minutes(1)).await;
    assert_eq!(stage.state("c-ana").await, "sent");
    let sent_at = stage.prompts()[0].carried_out_at;
    assert!(sent_at >= until && sent_at < until.plus(minutes(1)));
}

#[tokio::test]
async fn a_persons_own_night_is_kept_and_an_unknown_zone_is_none() {
    let mut stage = stage(
        "quiet_hours = { from = \"12:00\", to = \"11:00\", time_zone = \"UTC\" }\n\
         expire_after = \"30h\"",
    )
    .await;
    let zoned = |zone: &str| Notice { time_zone: Some(zone.into()), ..Notice::default() };
    stage.pass(next(&stage, 8)).await;
    // 11:10 in UTC is awake there, and 20:10 in Tokyo asleep.
    stage.pass(next(&stage, 11)).await;
    stage.close_as(noticed(&stage, "c-ana", ANA, zoned("Asia/Tokyo"))).await;
    stage.close_as(noticed(&stage, "c-ben", BEN, zoned("Mars/Olympus"))).await;
    stage.pass(minutes(20)).await;
    assert_eq!(stage.prompted(ANA), 0);
    assert_eq!(stage.prompted(BEN), 1);
    stage.pass(hours(15)).await;
    let at = stage.prompts().last().unwrap().carried_out_at.rfc3339();
    assert_eq!((stage.prompted(ANA), &at[11..16]), (1, "02:00"), "11:00 in Tokyo");
}

/// Until that hour of the day in UTC comes next.
fn next(stage: &Stage, hour: i64) -> std::time::Duration {
    let of_day = stage.now().0.rem_euclid(86_400_000);
    let wait = (hour * 3_600_000 - of_day).rem_euclid(86_400_000);
    std::time::Duration::from_millis(u64::try_from(wait).unwrap())
}

#[tokio::test]
async fn somebody_who_opts_out_while_the_survey_waits_is_not_prompted() {
    let mut stage = Stage::new().await;
    stage.close("c-ana", ANA).await;
    stage.close("c-ben", BEN).await;
    let user_id = UserId::parse(&ANA.to_string()).unwrap();
    let out = OptOut { user_id, account: None, at: stage.now(), why: Some("STOP".into()) };
    stage.store.opt_out(vec![out]).await.unwrap();
    stage.pass(minutes(10)).await;
    assert_eq!(stage.state("c-ana").await, "suppressed: opted_out");
    assert_eq!((stage.prompted(ANA), stage.prompted(BEN)), (0, 1));
}

#[tokio::test]
async fn the_holdout_is_never_asked_and_variants_stand_side_by_side() {
    let mut stage = stage(
        "message = \"How?\"\nholdout = 0.3\nvariants = [{ name = \"b\", share = 0.5, message = \"And how was it?\" }]",
    )
    .await;
    for person in 0..60 {
        stage.close(&format!("c-{person}"), 343_434_000_000 + person).await;
    }
    stage.pass(minutes(30)).await;
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for row in stage.results().await {
        let state = match row.survey.state.reason() {
            Some(reason) => reason,
            None => row.survey.state.name().to_owned(),
        };
        let variant = row.variant().expect("everybody is in the experiment");
        *counts.entry(format!("{state} {variant}")).or_default() += 1;
    }
    let names: Vec<&str> = counts.keys().map(String::as_str).collect();
    assert_eq!(names, ["holdout b", "holdout control", "sent b", "sent control"]);
    assert!(counts.values().all(|count| (3..=35).contains(count)), "{counts:?}");
    let of_b = |prompt: &surveyd::sandbox::record::DeliveredPrompt| {
        prompt.field("message") == Some("And how was it?")
    };
    let prompts = stage.prompts();
    assert_eq!(prompts.iter().filter(|p| of_b(p)).count() as u32, counts["sent b"]);
}

/// Closes of two days at twice the limit, more in the morning than later: how many of each half of
/// the day were asked on the second.
async fn halves(account: &'static str) -> (Stage, usize, usize) {
    let mut stage = Stage::set(Setup {
        account,
        survey: "expire_after = \"4h\"",
        poll: "interval = \"6h\"\nfresh_for = \"0s\"",
        ..Setup::default()
    })
    .await;
    let mut person = 1;
    let mut second_day = stage.now();
    for day in 0..2 {
        second_day = if day == 1 { stage.now() } else { second_day };
        for hour in 0..24 {
            let closes = if hour < 4 {
                16
            } else if hour < 12 {
                4
            } else {
                0
            };
            for _ in 0..closes {
                stage.close(&format!("c-{person}"), person).await;
                person += 1;
            }
            stage.pass(hours(1)).await;
        }
    }
    let noon = second_day.plus(hours(4));
    let of = |from: Millis, to: Millis| {
        let prompts = stage.prompts();
        prompts.iter().filter(|p| p.carried_out_at >= from && p.carried_out_at < to).count()
    };
    let (early, late) = (of(second_day, noon), of(noon, second_day.plus(hours(24))));
    (stage, early, late)
}

#[tokio::test]
async fn an_even_pace_leaves_prompts_for_the_afternoon() {
    // 64 closes in the first four hours of a day, 32 later; 48 may be asked.
    let (stage, early, late) = halves("daily_limit = 48\npacing = \"even\"").await;
    assert!(early >= 20 && late >= 8, "{early} early, {late} late");
    let rows = stage.results().await;
    let left_out = rows.iter().filter(|row| row.survey.state.reason().as_deref() == Some("budget"));
    let left_out: Vec<_> = left_out.collect();
    assert!(left_out.len() > 40, "{}", left_out.len());
    for row in left_out {
        let decision = row.at_sending.as_ref().unwrap();
        assert!(matches!(&decision.ground, Ground::Budget(pace) if pace.p < 1.0), "{decision:?}");
    }
    assert!(stage.refused().is_empty());
    let (_, early, late) = halves("daily_limit = 48").await;
    assert!(early >= 40 && late <= 8, "as they come: {early} early, {late} late");
}

#[tokio::test]
async fn a_survey_that_the_even_pace_has_drawn_keeps_its_turn() {
    let account = "daily_limit = 1000\npacing = \"even\"";
    let mut stage = Stage::set(Setup { account, ..Setup::default() }).await;
    // More than one pass draws.
    for person in 1..=203 {
        let closed_at = stage.now().minus(std::time::Duration::from_millis(1_000 - person));
        let conversation = format!("c-{person}");
        stage.close_as(Close { closed_at, ..stage.closed(&conversation, person) }).await;
    }
    stage.wait(minutes(6));
    let spent = stage.store.take_calls("acme", Call::FriendshipsShow, 176, stage.now()).await;
    assert_eq!(spent.unwrap(), Ready::Now(176), "none has been made");
    stage.work().await;
    let mut prompted: Vec<u64> = stage.prompts().iter().map(|prompt| prompt.to_user_id).collect();
    prompted.sort_unstable();
    assert_eq!(prompted, [1, 2, 3, 4]);
}
