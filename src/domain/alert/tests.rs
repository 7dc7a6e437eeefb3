use super::*;
use crate::domain::days::Zone;
use crate::domain::id::SurveyId;

const AT: Millis = Millis(1_790_000_000_000);
const MINUTE: Duration = Duration::from_secs(60);

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn wanted(types: &[AlertType]) -> Wanted {
    Wanted {
        name: "leads".into(),
        types: types.iter().copied().collect(),
        accounts: None,
        teams: None,
        detractor: BTreeMap::from([(SurveyType::Csat, 2), (SurveyType::Nps, 6)]),
        silence_after: 6 * 60 * MINUTE,
        wait_for_comment: Duration::ZERO,
        has_comments: false,
    }
}

fn answer(kind: SurveyType, score: u8, team: Option<&str>) -> Answer {
    let (team, agent) = (team.map(str::to_owned), Some("dana".to_owned()));
    Answer { kind, score, team, agent, question: Some(12) }
}

fn answered(kind: SurveyType, score: u8, team: Option<&str>) -> Fact {
    Fact::answered(&SurveyId::new("s-1"), "acme", AT, answer(kind, score, team))
}

fn changed(score_before: u8, score: u8) -> Fact {
    let answer = answer(SurveyType::Csat, score, None);
    Fact::changed(&SurveyId::new("s-1"), "acme", AT, Change { answer, score_before })
}

fn silent(after: Duration) -> Fact {
    let kind = SilenceKind::Closes;
    Fact::silent("acme", AT, Silence { kind, since: AT.minus(after), after, expected: 9 })
}

fn digest(alert: &str) -> Fact {
    let text = str::to_owned;
    Fact::digest(
        AT,
        Digest {
            schedule: "monday".into(),
            alert: text(alert),
            from: text("2026-11-23"),
            to: text("2026-11-29"),
            headline: text("CSAT 78.3 %"),
            query: text("period=7d"),
        },
    )
}

/// One fact of each type.
fn each() -> [Fact; 7] {
    [
        answered(SurveyType::Csat, 2, Some("billing")),
        changed(4, 1),
        Fact::paused("acme", AT, "X says 401"),
        Fact::resumed("acme", AT.minus(MINUTE), AT),
        silent(6 * 60 * MINUTE),
        digest("leads"),
        Fact::test("leads", "t-1", AT),
    ]
}

#[test]
fn a_digest_of_one_day_names_the_day_once() {
    let said = |fact: Fact| {
        let told = Told::of_fact(AlertType::Digest, fact, None, None);
        told.sentence(&Zone::utc())
    };
    assert_eq!(said(digest("leads")), "monday, 2026-11-23 to 2026-11-29");
    let mut daily = digest("leads");
    if let Detail::Digest(digest) = &mut daily.detail {
        digest.to = digest.from.clone();
    }
    assert_eq!(said(daily), "monday, 2026-11-23");
}

#[test]
fn a_type_is_written_as_the_contract_writes_it() {
    let names = AlertType::ALL.map(AlertType::as_str);
    let contract = "feedback.answered detractor account.paused account.resumed silence digest \
                    alert.test";
    assert_eq!(names.join(" "), contract);
    assert_eq!(names.map(AlertType::parse), AlertType::ALL.map(Some));
    assert_eq!(AlertType::parse("Detractor"), None);
    let choosable = AlertType::ALL.into_iter().filter(|it| *it != AlertType::AlertTest);
    assert!(choosable.eq(AlertType::CHOOSABLE));
}

#[test]
fn each_fact_is_told_under_its_own_types() {
    let all = wanted(&AlertType::CHOOSABLE);
    let told = each().map(|fact| all.messages_of(&fact));
    let expected: [&[AlertType]; 7] = [
        &[AlertType::FeedbackAnswered, AlertType::Detractor],
        &[AlertType::Detractor],
        &[AlertType::AccountPaused],
        &[AlertType::AccountResumed],
        &[AlertType::Silence],
        &[AlertType::Digest],
        &[AlertType::AlertTest],
    ];
    assert_eq!(told, expected.map(<[AlertType]>::to_vec));
}

#[test]
fn an_alert_is_told_what_it_asks_for_and_its_own_tests() {
    for asked in AlertType::CHOOSABLE {
        let told: BTreeSet<_> =
            each().iter().flat_map(|fact| wanted(&[asked]).messages_of(fact)).collect();
        assert_eq!(told, BTreeSet::from([asked, AlertType::AlertTest]));
    }
}

#[test]
fn a_detractor_is_at_or_under_the_threshold_of_its_survey_type() {
    let mut alert = wanted(&[AlertType::Detractor]);
    let scores = |alert: &Wanted, kind: SurveyType| -> Vec<u8> {
        let is_told = |score: &u8| !alert.messages_of(&answered(kind, *score, None)).is_empty();
        kind.scores().filter(is_told).collect()
    };
    assert_eq!(scores(&alert, SurveyType::Csat), [1, 2]);
    assert_eq!(scores(&alert, SurveyType::Nps), [0, 1, 2, 3, 4, 5, 6]);
    alert.detractor = BTreeMap::from([(SurveyType::Nps, 0)]);
    assert_eq!(scores(&alert, SurveyType::Csat), [0_u8; 0], "no threshold, no detractor");
    assert_eq!(scores(&alert, SurveyType::Nps), [0]);
}

#[test]
fn a_changed_score_is_told_where_it_enters_the_range_of_the_detractors() {
    let alert = wanted(&[AlertType::FeedbackAnswered, AlertType::Detractor]);
    for (before, score, is_told) in
        [(4, 2, true), (3, 1, true), (2, 1, false), (1, 2, false), (2, 4, false), (5, 4, false)]
    {
        let told = alert.messages_of(&changed(before, score));
        let expected: &[AlertType] = if is_told { &[AlertType::Detractor] } else { &[] };
        assert_eq!(told, expected, "{before} to {score}");
    }
    assert_eq!(wanted(&[AlertType::FeedbackAnswered]).messages_of(&changed(4, 1)), []);
}

#[test]
fn a_limit_to_teams_holds_for_answers_alone() {
    let mut alert = wanted(&AlertType::CHOOSABLE);
    alert.teams = Some(set(&["billing", "legal"]));
    let count = |team| alert.messages_of(&answered(SurveyType::Csat, 1, team)).len();
    assert_eq!([Some("billing"), Some("legal"), Some("Billing"), None].map(count), [2, 2, 0, 0]);
    assert_eq!(alert.messages_of(&changed(4, 1)), [], "it names no team");
    let others = &each()[2..];
    assert!(others.iter().all(|fact| alert.messages_of(fact).len() == 1));
}

#[test]
fn a_limit_to_accounts_holds_for_all_that_an_account_has() {
    let mut alert = wanted(&AlertType::CHOOSABLE);
    alert.accounts = Some(set(&["globex"]));
    let told = each().map(|fact| alert.messages_of(&fact).len());
    assert_eq!(told, [0, 0, 0, 0, 0, 1, 1]);
    alert.accounts = Some(set(&["acme", "globex"]));
    assert!(each().iter().all(|fact| !alert.messages_of(fact).is_empty()));
}

#[test]
fn a_silence_is_told_to_alerts_that_wait_as_long() {
    let alert = wanted(&[AlertType::Silence]);
    assert_eq!(alert.messages_of(&silent(6 * 60 * MINUTE)), [AlertType::Silence]);
    assert_eq!(alert.messages_of(&silent(2 * 60 * MINUTE)), []);
}

#[test]
fn a_digest_and_a_test_are_told_to_the_alert_that_they_name() {
    let alert = wanted(&AlertType::CHOOSABLE);
    assert_eq!(alert.messages_of(&digest("others")), []);
    assert_eq!(alert.messages_of(&Fact::test("others", "t-1", AT)), []);
}

#[test]
fn a_message_waits_for_the_comment_and_no_longer() {
    let mut alert = wanted(&AlertType::CHOOSABLE);
    let fact = answered(SurveyType::Csat, 1, None);
    let due_in = |alert: &Wanted, fact: &Fact, has_comment, now: Millis| {
        alert.due_at(fact, has_comment, now).0 - AT.0
    };
    assert_eq!(due_in(&alert, &fact, false, AT.plus(MINUTE)), 0, "at once");
    alert.wait_for_comment = 2 * MINUTE;
    for (has_comment, now, due_ms) in [
        (false, AT, 120_000),
        (false, AT.plus(MINUTE), 120_000),
        (true, AT.plus(MINUTE), 60_000),
        (false, AT.plus(3 * MINUTE), 120_000),
        // The clock was set back by an hour.
        (false, AT.minus(60 * MINUTE), -3_600_000 + 120_000),
    ] {
        assert_eq!(due_in(&alert, &fact, has_comment, now), due_ms, "{now:?}");
    }
    let others = &each()[2..];
    assert!(others.iter().all(|fact| alert.due_at(fact, false, AT) == AT));
}

#[test]
fn a_fact_that_is_noticed_twice_has_one_key() {
    let keys = each().map(|fact| fact.key);
    let expected = [
        "answer:s-1",
        "changed:s-1:1",
        "paused:acme:1790000000000",
        "resumed:acme:1790000000000",
        "silence:acme:closes:21600000:1789978400000",
        "digest:monday:2026-11-29",
        "test:leads:t-1",
    ];
    assert_eq!(keys, expected);
}

#[test]
fn a_detail_that_is_kept_and_read_is_the_same() {
    for Fact { detail, .. } in each() {
        let fact_type = detail.fact_type().as_str();
        assert_eq!(Detail::read(fact_type, &detail.json()), Ok(detail));
    }
    let types: BTreeSet<_> = each().iter().map(|fact| fact.detail.fact_type()).collect();
    assert!(types.into_iter().eq(FactType::ALL), "one of each");
}

#[test]
fn a_detail_is_kept_in_this_form() {
    let forms = each().map(|fact| fact.detail.json());
    let expected = [
        r#"{"agent":"dana","kind":"csat","question":12,"score":2,"team":"billing"}"#,
        r#"{"agent":"dana","kind":"csat","question":12,"score":1,"score_before":4,"team":null}"#,
        r#"{"why":"X says 401"}"#,
        r#"{"paused_at":1789999940000}"#,
        r#"{"after_ms":21600000,"expected":9,"kind":"closes","since":1789978400000}"#,
        r#"{"alert":"leads","from":"2026-11-23","headline":"CSAT 78.3 %","query":"period=7d","schedule":"monday","to":"2026-11-29"}"#,
        r#"{"alert":"leads"}"#,
    ];
    assert_eq!(forms, expected);
}

#[test]
fn a_detail_of_another_version_is_refused_and_named() {
    let refused = |fact_type, json| Detail::read(fact_type, json).unwrap_err().to_string();
    let unknown = "the detail of a fact of the type merged cannot be read: this version knows no \
                   such type";
    assert_eq!(refused("merged", "{}"), unknown);
    assert!(refused("answer", "{}").starts_with("the detail of a fact of the type answer cannot"));
}
