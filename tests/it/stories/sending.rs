//! From a close to a prompt, or to the reason why there is none.

use surveyd::domain::close::Notice;
use surveyd::sandbox::{ApiCall, TakesMessages, UserStanding};

use crate::harness::people::{ANA, BEN, CAI, open, with_messages, with_standing};
use crate::harness::stage::{Setup, Stage};
use crate::harness::{START, days, hours, minutes, seconds};

#[tokio::test]
async fn one_close_becomes_exactly_one_prompt_with_exactly_these_fields() {
    let mut stage = Stage::set(Setup {
        account: "display_name = \"Acme & Søn\"",
        survey: r#"
            type = "nps"
            question_variant_id = 7
            test = true
            message = "Thanks, {{ first_name | default('you') }}: {{ attributes.order }}? 100% + more"
        "#,
        ..Setup::default()
    })
    .await;
    let notice = Notice {
        first_name: Some("José & Ana".into()),
        attributes: [("order".into(), "7=7".into())].into(),
        ..Notice::default()
    };
    stage.close_as(surveyd::domain::close::Close { notice, ..stage.closed("c ☃/+&%", ANA) }).await;

    stage.pass(minutes(5) - seconds(1)).await;
    assert!(stage.prompts().is_empty(), "nothing goes out before the delay is over");
    stage.pass(days(3)).await;
    let prompts = stage.prompts();
    assert_eq!(prompts.len(), 1);
    assert_eq!(prompts[0].carried_out_at, START.plus(minutes(5)));
    let mut fields: Vec<(&str, &str)> =
        prompts[0].fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    fields.sort_unstable();
    let expected = [
        ("display_name", "Acme & Søn"),
        ("external_id", "c ☃/+&%"),
        ("message", "Thanks, José & Ana: 7=7? 100% + more"),
        ("privacy_url", "https://acme.example/privacy"),
        ("question_variant_id", "7"),
        ("test", "true"),
        ("to_user_id", "343434343434"),
        ("type", "nps"),
    ];
    assert_eq!(fields, expected);
    assert_eq!(stage.calls(ApiCall::Create), 1);
    assert!(stage.refused().is_empty(), "{:?}", stage.refused());

    let row = stage.survey("c ☃/+&%").await;
    let delivery = row.survey.state.delivery().expect("it is sent");
    assert_eq!(delivery.feedback_id.as_str(), prompts[0].feedback_id.to_string());
    assert_eq!(delivery.dm_id, Some(prompts[0].dm_id.to_string()));
    assert_eq!(delivery.sent_at, START.plus(minutes(5)));
}

#[tokio::test]
async fn nobody_is_prompted_who_cannot_be_messaged() {
    for x in ["can_dm = \"friendships_show\"", "can_dm = \"users_v2\""] {
        let mut stage = Stage::set(Setup { x, ..Setup::default() }).await;
        let people = [
            (11, with_messages(TakesMessages::Closed), "suppressed: cannot_dm"),
            (12, with_messages(TakesMessages::FollowedOnly), "suppressed: cannot_dm"),
            (13, with_messages(TakesMessages::ClosedUnnoticed), "suppressed: cannot_dm"),
            (14, with_standing(UserStanding::Unknown), "suppressed: cannot_dm"),
            (15, with_standing(UserStanding::Suspended), "suppressed: suspended"),
            (16, open(), "sent"),
        ];
        for (person, is, _) in &people {
            stage.tell(*person, is.clone());
            stage.close(&format!("c-{person}"), *person).await;
        }
        stage.pass(hours(13)).await;
        for (person, _, state) in &people {
            assert_eq!(stage.state(&format!("c-{person}")).await, *state, "{x}");
            assert_eq!(stage.prompted(*person), usize::from(*state == "sent"), "{x}");
        }
        let creates = stage.calls(ApiCall::Create);
        assert_eq!(creates, 2, "who is known not to take messages is not even tried, {x}");
    }
}

#[tokio::test]
async fn a_reopening_before_the_due_time_cancels() {
    let mut stage = Stage::new().await;
    let taken = stage.close("c-1", ANA).await;
    stage.pass(minutes(4)).await;
    assert_eq!(stage.reopen("c-1").await, Some(taken.survey_id));
    stage.pass(days(1)).await;
    assert_eq!(stage.state("c-1").await, "cancelled: reopened");
    assert!(stage.prompts().is_empty());

    stage.close("c-1", ANA).await;
    stage.pass(minutes(10)).await;
    assert_eq!(stage.state("c-1").await, "sent");
    assert_eq!(stage.prompts()[0].field("external_id"), Some("c-1#2"));
}

#[tokio::test]
async fn a_person_closed_twice_in_the_throttle_time_is_prompted_once() {
    let mut stage = Stage::new().await;
    stage.close("c-1", ANA).await;
    stage.pass(days(2)).await;
    stage.close("c-2", ANA).await;
    stage.close("c-3", BEN).await;
    stage.pass(days(1)).await;
    assert_eq!(stage.prompted(ANA), 1);
    assert_eq!(stage.state("c-2").await, "suppressed: throttled");
    assert_eq!(stage.state("c-3").await, "sent");

    stage.pass(days(5)).await;
    stage.close("c-4", ANA).await;
    stage.pass(days(1)).await;
    assert_eq!(stage.prompted(ANA), 2, "after the throttle time it is asked again");
}

#[tokio::test]
async fn two_conversations_that_close_at_once_prompt_their_person_once() {
    let mut stage = Stage::set(Setup { survey: "throttle = \"0s\"", ..Setup::default() }).await;
    for n in 0..10 {
        stage.close(&format!("c-{n}"), ANA).await;
    }
    stage.pass(hours(12)).await;
    assert_eq!(stage.prompted(ANA), 1, "the limit of the day holds without a throttle");
    assert!(stage.refused().is_empty(), "{:?}", stage.refused());
}

#[tokio::test]
async fn a_conversation_closed_again_before_its_prompt_is_asked_about_once_and_later() {
    let mut stage = Stage::new().await;
    stage.close("c-1", ANA).await;
    stage.pass(minutes(4)).await;
    stage.close("c-1", ANA).await;
    stage.pass(days(1)).await;
    let prompts = stage.prompts();
    assert_eq!(prompts.len(), 1);
    assert_eq!(prompts[0].carried_out_at, START.plus(minutes(9)));
}

#[tokio::test]
async fn a_survey_called_off_by_hand_is_not_sent() {
    let mut stage = Stage::new().await;
    let taken = stage.close("c-1", ANA).await;
    stage.store.cancel(taken.survey_id, stage.now()).await.unwrap();
    stage.pass(days(1)).await;
    assert!(stage.prompts().is_empty());
    assert_eq!(stage.state("c-1").await, "cancelled: operator");
}

#[tokio::test]
async fn an_expired_close_is_never_sent() {
    let mut stage = Stage::new().await;
    let old = surveyd::domain::close::Close {
        closed_at: START.minus(hours(12) + seconds(1)),
        precision: Default::default(),
        ..stage.closed("c-old", ANA)
    };
    assert_eq!(stage.close_as(old).await.state, "expired");

    // Closed in time, and then surveyd was away.
    stage.close("c-1", BEN).await;
    stage.wait(hours(12) + seconds(1));
    stage.close("c-2", CAI).await;
    stage.pass(days(1)).await;
    assert_eq!(stage.state("c-old").await, "expired");
    assert_eq!(stage.state("c-1").await, "expired");
    assert_eq!(stage.state("c-2").await, "sent");
    assert_eq!(stage.prompts().len(), 1);
}

#[tokio::test]
async fn the_message_is_in_the_language_that_the_notice_names() {
    let mut stage = Stage::set(Setup {
        survey: r#"
            message = "How did we do?"
            messages = { es = "¿Qué tal?", pt-BR = "Como foi?" }
        "#,
        ..Setup::default()
    })
    .await;
    let said = [
        (1, None, "How did we do?"),
        (2, Some("es"), "¿Qué tal?"),
        (3, Some("es-MX"), "¿Qué tal?"),
        (4, Some("pt-br"), "Como foi?"),
        (5, Some("fr"), "How did we do?"),
    ];
    for (person, language, _) in said {
        let notice = Notice { language: language.map(str::to_owned), ..Notice::default() };
        let close = stage.closed(&format!("c-{person}"), person);
        stage.close_as(surveyd::domain::close::Close { notice, ..close }).await;
    }
    stage.pass(minutes(6)).await;
    for (person, language, message) in said {
        let prompts = stage.prompts();
        let prompt = prompts.iter().find(|prompt| prompt.to_user_id == person).unwrap();
        assert_eq!(prompt.field("message"), Some(message), "{language:?}");
    }
}
