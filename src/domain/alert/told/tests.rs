use super::*;

fn sentences(alert_type: AlertType) -> Vec<String> {
    let zone = Zone::parse("Europe/Berlin").unwrap();
    let samples = Told::samples(alert_type, "leads", true);
    samples.iter().map(|told| told.sentence(&zone)).collect()
}

#[test]
fn every_type_has_its_sentence() {
    let all: Vec<_> = AlertType::ALL.into_iter().map(sentences).collect();
    let expected = [
        vec![
            "Answer at acme: CSAT 1 of 5, billing, dana",
            "Answer at acme: CSAT 1 of 5",
            "27 answers since 2026-11-22 09:00",
        ],
        vec![
            "Detractor at acme: CSAT 1 of 5, billing, dana",
            "Detractor at acme: CSAT 1 of 5",
            "27 detractors since 2026-11-22 09:00",
        ],
        vec![
            "acme is paused: X refuses it, and no prompt goes out",
            "27 pauses of accounts since 2026-11-22 09:00",
        ],
        vec![
            "acme sends prompts again. It was paused since 2026-11-22 08:00",
            "27 ends of pauses since 2026-11-22 09:00",
        ],
        vec![
            "acme: conversations closed and no prompt went out since 2026-11-22 08:00. About 9 \
             were to be expected",
            "acme: prompts went out and nobody answered since 2026-11-22 08:00. About 9 answers \
             were to be expected",
            "27 silences since 2026-11-22 09:00",
        ],
        vec!["monday, 2026-11-16 to 2026-11-22", "27 digests since 2026-11-22 09:00"],
        vec!["A test of the alert leads. Nothing has happened", "27 tests since 2026-11-22 09:00"],
    ];
    assert_eq!(all, expected);
}

#[test]
fn the_event_is_as_the_contract_has_it() {
    let events = |alert_type, has_comments| -> Vec<String> {
        let samples = Told::samples(alert_type, "leads", has_comments);
        samples.iter().map(|told| told.event().to_string()).collect()
    };
    let at = r#""timestamp":"2026-11-22T08:00:00.000Z","type":"detractor"}"#;
    let url = "https://surveyd.example/surveys/sample";
    assert_eq!(
        events(AlertType::Detractor, true),
        [
            format!(
                r#"{{"data":{{"account":"acme","agent":"dana","comment":"Nobody could tell me where my order is.","kind":"csat","score":1,"survey_id":"sample","team":"billing","url":"{url}"}},{at}"#
            ),
            format!(
                r#"{{"data":{{"account":"acme","agent":null,"kind":"csat","score":1,"survey_id":"sample","team":null,"url":null}},{at}"#
            ),
            format!(
                r#"{{"data":{{"count":27,"since":"2026-11-22T08:00:00.000Z","url":"https://surveyd.example/comments"}},{at}"#
            ),
        ]
    );
    let told = events(AlertType::Detractor, false);
    assert!(told.iter().all(|event| !event.contains("comment\"")), "{told:?}");
    let expected = [
        r#""account":"acme","url":"https://surveyd.example/health","why":"Could not authenticate you.""#,
        r#""account":"acme","paused_at":"2026-11-22T07:00:00.000Z","url":"https://surveyd.example/health""#,
        r#""account":"acme","expected":9,"kind":"closes","since":"2026-11-22T07:00:00.000Z","url":"https://surveyd.example/health""#,
        r#""from":"2026-11-16","schedule":"monday","text":"CSAT 78.3 % of 912 answers.","to":"2026-11-22","url":"https://surveyd.example/?period=7d""#,
        r#""alert":"leads","url":"https://surveyd.example/health""#,
    ];
    let types = &AlertType::ALL[2..];
    for (alert_type, data) in types.iter().zip(expected) {
        let event = &events(*alert_type, true)[0];
        let name = alert_type.as_str();
        assert_eq!(
            *event,
            format!(
                r#"{{"data":{{{data}}},"timestamp":"2026-11-22T08:00:00.000Z","type":"{name}"}}"#
            )
        );
    }
}

#[test]
fn a_changed_score_tells_the_one_before() {
    let answer =
        Answer { kind: SurveyType::Nps, score: 3, team: None, agent: None, question: None };
    let change = super::super::Change { answer, score_before: 9 };
    let fact = Fact::changed(&SurveyId::new("s-1"), "acme", SAMPLE_AT, change);
    let told = Told::of_fact(AlertType::Detractor, fact, None, None);
    assert_eq!(told.sentence(&Zone::utc()), "Detractor at acme: NPS 3 of 10; it was 9 before");
    let data = &told.event()["data"];
    assert_eq!((&data["score"], &data["score_before"]), (&json!(3), &json!(9)));
}

#[test]
fn the_text_beside_the_sentence_is_cut_and_never_blank() {
    let why = "é".repeat(TEXT_CHARACTERS_MAX + 1);
    let fact = Fact::paused("acme", SAMPLE_AT, &why);
    let told = Told::of_fact(AlertType::AccountPaused, fact, None, None);
    assert_eq!(told.text().unwrap().chars().count(), TEXT_CHARACTERS_MAX);
    let fact = Fact::paused("acme", SAMPLE_AT, " \n");
    assert_eq!(Told::of_fact(AlertType::AccountPaused, fact, None, None).text(), None);
}

#[test]
fn what_is_made_up_says_so_in_every_form() {
    for alert_type in AlertType::ALL {
        let told = Told::made_up(alert_type, "leads", true, SAMPLE_AT, None);
        let sentence = told.sentence(&Zone::utc());
        assert!(sentence.starts_with("Made up, as a test: "), "{sentence}");
        let event = told.event();
        assert_eq!(
            (&event["type"], &event["data"]["made_up"]),
            (&json!(alert_type.as_str()), &json!(true))
        );
    }
    assert_eq!(Told::trial("leads", "1", SAMPLE_AT, None).event()["data"].get("made_up"), None);
}
