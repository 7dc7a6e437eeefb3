//! Results that the tests of this folder write out.

use std::time::Duration;

use super::period::parse_period;
use crate::domain::{
    days::Zone,
    summary::{GroupBy, Report, SurveyFacts, Terms, summarize},
    survey_type::SurveyType,
    time::Millis,
};

const NOVEMBER_22: Millis = Millis(1_795_334_400_000);

/// November 2026 of one account, as it stands on the 24th.
///
/// CSAT: ana's ten answers can be shown; ben's one cannot, and takes cleo's five with it; one
/// prompt belongs to no agent. NPS: ana's alone.
pub(super) fn november(by: GroupBy) -> Report {
    let mut facts = Vec::new();
    for score in [5, 5, 5, 5, 5, 4, 4, 5, 3, 5] {
        facts.push(answered("ana", SurveyType::Csat, score, 250));
    }
    for score in [1, 4, 4, 5, 5] {
        facts.push(answered("cleo", SurveyType::Csat, score, 250));
    }
    facts.push(answered("ben", SurveyType::Csat, 5, 30));
    for facts in facts.iter_mut().take(6) {
        facts.commented_at = facts.scored_at;
    }
    facts.extend((0..3).map(|_| prompted("ana", SurveyType::Csat)));
    facts.push(SurveyFacts { agent: None, ..prompted("", SurveyType::Csat) });
    for reason in ["throttled", "opted_out", "throttled"] {
        let close = SurveyFacts { sent_at: None, ..prompted("ana", SurveyType::Csat) };
        facts.push(SurveyFacts { unsent: Some(reason.to_owned()), ..close });
    }
    for score in [10, 10, 10, 9, 9, 9, 8, 7, 7, 6] {
        facts.push(answered("ana", SurveyType::Nps, score, 7500));
    }
    for _ in 0..2 {
        let old = SurveyFacts {
            sent_at: Some(NOVEMBER_22.minus(DAYS_7)),
            ..prompted("ana", SurveyType::Nps)
        };
        facts.push(old);
    }
    let period = parse_period("2026-11-01", "2026-11-30", &Zone::utc()).unwrap();
    let now = NOVEMBER_22.plus(Duration::from_hours(48));
    let zone = &Zone::utc();
    summarize(facts, &Terms { period, by, zone, now, fresh_for: DAYS_7, min_group: 5 })
}

const DAYS_7: Duration = Duration::from_hours(7 * 24);

fn prompted(agent: &str, kind: SurveyType) -> SurveyFacts {
    SurveyFacts {
        account: "acme".to_owned(),
        source: "desk".to_owned(),
        kind,
        question_variant_id: 2,
        test: false,
        agent: Some(agent.to_owned()),
        team: None,
        tags: Vec::new(),
        language: None,
        rule: None,
        variant: None,
        closed_at: NOVEMBER_22,
        unsent: None,
        sent_at: Some(NOVEMBER_22),
        score: None,
        scored_at: None,
        commented_at: None,
    }
}

fn answered(agent: &str, kind: SurveyType, score: u8, after_seconds: u64) -> SurveyFacts {
    let scored_at = Some(NOVEMBER_22.plus(Duration::from_secs(after_seconds)));
    SurveyFacts { score: Some(score), scored_at, ..prompted(agent, kind) }
}
