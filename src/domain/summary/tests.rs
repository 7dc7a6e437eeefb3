use proptest::{collection, option, prelude::*, sample};

use super::*;

const HOUR: i64 = 3_600_000;
const DAY: Duration = Duration::from_hours(24);
const NOW: Millis = Millis(1000 * HOUR);
const ALWAYS: Period = Period { from: Millis(0), to: NOW };

/// A close at hour 1 that was prompted at hour 2 and is not answered.
fn prompted(kind: SurveyType) -> SurveyFacts {
    SurveyFacts {
        account: "acme".to_owned(),
        source: "desk".to_owned(),
        kind,
        question_variant_id: 2,
        test: false,
        agent: None,
        team: None,
        tags: Vec::new(),
        language: None,
        rule: None,
        variant: None,
        closed_at: Millis(HOUR),
        unsent: None,
        sent_at: Some(Millis(2 * HOUR)),
        score: None,
        scored_at: None,
        commented_at: None,
    }
}

fn answered(kind: SurveyType, score: u8) -> SurveyFacts {
    SurveyFacts { score: Some(score), scored_at: Some(Millis(3 * HOUR)), ..prompted(kind) }
}

fn csat(score: u8) -> SurveyFacts {
    answered(SurveyType::Csat, score)
}

fn suppressed(reason: &str) -> SurveyFacts {
    SurveyFacts { sent_at: None, unsent: Some(reason.to_owned()), ..prompted(SurveyType::Csat) }
}

/// The report of `facts` on these terms, in UTC.
fn report(
    facts: impl IntoIterator<Item = SurveyFacts>,
    period: Period,
    by: GroupBy,
    now: Millis,
    fresh_for: Duration,
    min_group: u32,
) -> Report {
    let terms = Terms { period, by, zone: &Zone::utc(), now, fresh_for, min_group };
    summarize(facts, &terms)
}

fn groups(facts: impl IntoIterator<Item = SurveyFacts>, by: GroupBy) -> Vec<Group> {
    report(facts, ALWAYS, by, NOW, DAY, 5).groups
}

fn the_group(facts: impl IntoIterator<Item = SurveyFacts>) -> Group {
    let mut groups = groups(facts, GroupBy::Nothing);
    assert_eq!(groups.len(), 1);
    groups.remove(0)
}

fn keys(facts: impl IntoIterator<Item = SurveyFacts>, by: GroupBy) -> Vec<Option<String>> {
    groups(facts, by).into_iter().map(|group| group.key).collect()
}

#[test]
fn csat_is_the_share_of_the_two_best_scores() {
    let group = the_group([5, 5, 4, 4, 3, 1, 5, 5, 4, 4].map(csat));
    let score = group.score.unwrap();
    assert_eq!(group.key.as_deref(), Some("all"));
    assert_eq!(score, scores::csat(8, 10).unwrap());
    assert_eq!(group.distribution, [1, 0, 1, 4, 4]);
    assert_eq!(group.mean, Some(4.0));
    assert_eq!(group.hidden, None);
}

#[test]
fn nps_takes_9_and_10_for_promoters_and_7_and_8_for_passives() {
    let scores = [0, 6, 7, 8, 9, 10, 10];
    let group = the_group(scores.map(|score| answered(SurveyType::Nps, score)));
    assert_eq!(group.score, scores::nps(3, 2, 2));
    assert_eq!(group.distribution, [1, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2]);
    assert_eq!(group.mean, None);
}

#[test]
fn nps_and_csat_are_never_mixed() {
    let found = groups([answered(SurveyType::Nps, 5), csat(5)], GroupBy::Nothing);
    let found: Vec<_> = found.iter().map(|group| (group.kind, group.answered)).collect();
    assert_eq!(found, [(SurveyType::Csat, 1), (SurveyType::Nps, 1)]);
}

#[test]
fn tests_are_left_out() {
    let test = SurveyFacts { test: true, ..csat(5) };
    assert_eq!(groups([test], GroupBy::Nothing), []);
    let sent = SurveyFacts { test: true, ..csat(5) };
    let waiting = SurveyFacts { sent_at: None, ..sent.clone() };
    let period = Period { from: Millis(0), to: Millis(i64::MAX) };
    let report =
        report([sent, waiting], period, GroupBy::Nothing, NOW, std::time::Duration::ZERO, 5);
    assert_eq!((report.left_out.tests, report.left_out.test_closes), (1, 2));
}

#[test]
fn what_a_dry_run_did_not_send_is_counted_apart_tests_or_not() {
    let dry = suppressed("dry_run");
    let test = SurveyFacts { test: true, ..dry.clone() };
    let period = Period { from: Millis(0), to: Millis(i64::MAX) };
    let facts = [dry, test, suppressed("throttled"), csat(5)];
    let report = report(facts, period, GroupBy::Nothing, NOW, std::time::Duration::ZERO, 5);
    assert_eq!((report.left_out.dry_runs, report.groups[0].prompted), (2, 1));
    assert_eq!(report.groups[0].suppressed.get("dry_run"), Some(&1));
}

#[test]
fn the_rate_is_of_the_prompts_sent() {
    let comment = SurveyFacts { commented_at: Some(NOW), ..csat(1) };
    let group = the_group([comment, prompted(SurveyType::Csat), suppressed("throttled")]);
    assert_eq!((group.closes, group.prompted, group.answered, group.commented), (3, 2, 1, 1));
    assert_eq!(group.response_rate, Some(50.0));
}

#[test]
fn without_a_prompt_there_is_no_rate_and_no_score() {
    let group = the_group(["throttled", "throttled", "rule"].map(suppressed));
    let suppressed = [("rule".to_owned(), 1), ("throttled".to_owned(), 2)];
    assert_eq!(group.suppressed, BTreeMap::from(suppressed));
    assert_eq!((group.closes, group.prompted, group.response_rate), (3, 0, None));
    assert_eq!((group.score, group.median_response_seconds), (None, None));
    assert_eq!(group.hidden, None);
    assert_eq!(group.distribution, [0; 5]);
}

#[test]
fn closes_count_by_their_own_time_and_answers_by_that_of_the_prompt() {
    let period = |from, to| Period { from: Millis(from), to: Millis(to) };
    let counts = |period| {
        let report = report([csat(5)], period, GroupBy::Nothing, NOW, DAY, 1);
        report.groups.iter().map(|group| (group.closes, group.answered)).collect::<Vec<_>>()
    };
    assert_eq!(counts(period(HOUR, 2 * HOUR)), [(1, 1)], "both ends belong to the period");
    assert_eq!(counts(period(0, 2 * HOUR - 1)), [(1, 0)]);
    assert_eq!(counts(period(HOUR + 1, 2 * HOUR)), [(0, 1)]);
    assert_eq!(counts(period(3 * HOUR, 4 * HOUR)), [], "the time of the answer does not count");
}

#[test]
fn a_cohort_is_immature_while_a_prompt_without_answer_is_fresh() {
    let waiting = || prompted(SurveyType::Csat);
    let is_immature = |facts: SurveyFacts, now: i64| {
        report([facts], ALWAYS, GroupBy::Nothing, Millis(now), DAY, 5).groups[0].immature
    };
    assert!(is_immature(waiting(), 26 * HOUR - 1));
    assert!(!is_immature(waiting(), 26 * HOUR));
    assert!(is_immature(waiting(), HOUR), "a prompt from the future is fresh");
    assert!(!is_immature(csat(5), 3 * HOUR));
}

#[test]
fn the_median_is_from_the_prompt_to_its_score() {
    let after = |ms: i64| SurveyFacts { scored_at: Some(Millis(2 * HOUR + ms)), ..csat(5) };
    let median = |lengths: &[i64]| {
        let facts = lengths.iter().copied().map(after);
        report(facts, ALWAYS, GroupBy::Nothing, NOW, DAY, 1).groups[0].median_response_seconds
    };
    assert_eq!(median(&[90_000, 1_000, 5_000]), Some(5.0));
    assert_eq!(median(&[90_000, 1_000, 5_000, 6_500]), Some(5.75));
    assert_eq!(median(&[-4_000]), Some(0.0), "a score before its prompt took no time");
}

#[test]
fn a_score_outside_the_scale_is_no_answer() {
    let group = the_group([csat(0), csat(6)]);
    assert_eq!((group.prompted, group.answered), (2, 0));
}

#[test]
fn a_small_group_shows_counts_and_nothing_of_what_was_said() {
    let group = the_group([5, 5, 5, 5].map(csat));
    assert_eq!((group.answered, group.response_rate), (4, Some(100.0)));
    assert_eq!(group.hidden, Some(Hidden::SmallGroup));
    assert_eq!((group.score, group.mean, group.median_response_seconds), (None, None, None));
    assert!(group.distribution.is_empty());
}

#[test]
fn each_type_guards_its_own_small_groups() {
    let of =
        |agent: &str, facts: SurveyFacts| SurveyFacts { agent: Some(agent.to_owned()), ..facts };
    let facts = || {
        let csat = (0..9).map(|_| of("ana", csat(5))).chain([of("ben", csat(1))]);
        let nps = (0..9).map(|_| of("ana", answered(SurveyType::Nps, 5)));
        csat.chain(nps)
    };
    let found: Vec<_> = groups(facts(), GroupBy::Agent)
        .into_iter()
        .map(|group| (group.kind, group.hidden))
        .collect();
    let expected = [
        (SurveyType::Csat, Some(Hidden::Differencing)),
        (SurveyType::Nps, None),
        (SurveyType::Csat, Some(Hidden::SmallGroup)),
    ];
    assert_eq!(found, expected);
}

#[test]
fn variants_stand_side_by_side_with_their_own_closes_and_rates() {
    let of =
        |name: &str, facts: SurveyFacts| SurveyFacts { variant: Some(name.to_owned()), ..facts };
    let facts = (0..6).map(|_| of("a", csat(5))).chain((0..6).map(|_| of("control", csat(1))));
    let facts = facts.chain([of("a", suppressed("holdout")), suppressed("holdout")]);
    let found: Vec<_> = groups(facts, GroupBy::Variant)
        .into_iter()
        .map(|group| (group.key, group.closes, group.answered, group.suppressed.len()))
        .collect();
    let named = |name: &str| Some(name.to_owned());
    assert_eq!(found, [(named("a"), 7, 6, 1), (named("control"), 6, 6, 0), (None, 1, 0, 1)]);
}

#[test]
fn groups_stand_by_key_and_the_one_without_last() {
    let of = |agent: Option<&str>| SurveyFacts { agent: agent.map(str::to_owned), ..csat(5) };
    let found = keys([of(None), of(Some("zoe")), of(Some("ana"))], GroupBy::Agent);
    assert_eq!(found, [Some("ana".to_owned()), Some("zoe".to_owned()), None]);
}

#[test]
fn questions_stand_by_their_number() {
    let of = |kind, id| SurveyFacts { question_variant_id: id, ..prompted(kind) };
    let facts = [of(SurveyType::Nps, 1), of(SurveyType::Csat, 12), of(SurveyType::Csat, 2)];
    let found = keys(facts, GroupBy::Question).into_iter().flatten().collect::<Vec<_>>();
    assert_eq!(found, ["csat 2", "csat 12", "nps 1"]);
}

#[test]
fn a_survey_counts_once_in_the_group_of_each_of_its_tags() {
    let of = |tags: &[&str]| SurveyFacts {
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        ..csat(5)
    };
    let found = groups([of(&["vip", "late", "vip"]), of(&[])], GroupBy::Tag);
    let found: Vec<_> =
        found.iter().map(|group| (group.key.as_deref(), group.closes, group.answered)).collect();
    assert_eq!(found, [(Some("late"), 1, 1), (Some("vip"), 1, 1), (None, 1, 1)]);
}

#[test]
fn a_close_and_its_prompt_count_in_the_week_of_each() {
    // 1970-01-05 was a Monday: the first instant of the second week.
    let monday = 4 * 24 * HOUR;
    let facts =
        SurveyFacts { closed_at: Millis(monday - 1), sent_at: Some(Millis(monday)), ..csat(5) };
    let found: Vec<_> = groups([facts], GroupBy::Week)
        .into_iter()
        .map(|group| (group.key.unwrap(), group.closes, group.prompted))
        .collect();
    assert_eq!(found, [("1970-W01".to_owned(), 1, 0), ("1970-W02".to_owned(), 0, 1)]);
}

#[test]
fn every_breakdown_is_found_by_its_name() {
    for by in GroupBy::NAMED {
        assert_eq!(GroupBy::parse(by.as_str()), Some(by));
    }
    assert_eq!(GroupBy::parse(""), None);
    assert_eq!(GroupBy::parse("person"), None);
}

fn any_facts() -> impl Strategy<Value = SurveyFacts> {
    let name = || option::of(sample::select(vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]));
    let tags = collection::vec(sample::select(vec!["x".to_owned(), "y".to_owned()]), 0..3);
    let at = || 0..1000 * HOUR;
    let answer = (option::of(0u8..12), at(), any::<bool>());
    (any::<bool>(), name(), tags, at(), option::of(at()), answer).prop_map(
        |(is_nps, agent, tags, closed_at, sent_at, (score, scored_at, has_comment))| SurveyFacts {
            agent,
            tags,
            closed_at: Millis(closed_at),
            unsent: sent_at.is_none().then(|| "throttled".to_owned()),
            sent_at: sent_at.map(Millis),
            score,
            scored_at: score.map(|_| Millis(scored_at)),
            commented_at: has_comment.then_some(Millis(scored_at)),
            ..prompted(if is_nps { SurveyType::Nps } else { SurveyType::Csat })
        },
    )
}

fn any_by() -> impl Strategy<Value = GroupBy> {
    sample::select([&GroupBy::NAMED[..], &[GroupBy::Nothing]].concat())
}

proptest! {
    #[test]
    fn the_order_of_the_surveys_does_not_matter(
        (facts, shuffled) in collection::vec(any_facts(), 0..40)
            .prop_flat_map(|facts| (Just(facts.clone()), Just(facts).prop_shuffle())),
        by in any_by(),
    ) {
        let of = |facts| report(facts, ALWAYS, by, NOW, DAY, 3);
        prop_assert_eq!(of(facts), of(shuffled));
    }

    #[test]
    fn what_is_shown_agrees_with_the_counts(
        facts in collection::vec(any_facts(), 0..60), by in any_by(), min_group in 0u32..8,
    ) {
        for group in report(facts, ALWAYS, by, NOW, DAY, min_group).groups {
            prop_assert!(group.answered <= group.prompted);
            prop_assert!(group.suppressed.values().sum::<u64>() <= group.closes);
            prop_assert!(group.response_rate.is_none_or(|rate| (0.0..=100.0).contains(&rate)));
            let is_shown = group.answered > 0 && group.hidden.is_none();
            prop_assert_eq!(group.score.is_some(), is_shown);
            prop_assert!(!is_shown || group.answered >= u64::from(min_group));
            if group.hidden.is_some() {
                prop_assert!(group.distribution.is_empty());
                prop_assert_eq!(group.median_response_seconds, None);
            } else {
                prop_assert_eq!(group.distribution.iter().sum::<u64>(), group.answered);
            }
        }
    }

    /// Two people of hidden groups who change places leave every number that is shown as it was:
    /// so no shown number tells who of the two gave which score.
    #[test]
    fn hidden_answers_can_change_places_unseen(
        scores in collection::vec((0usize..6, 1u8..=5), 1..40), min_group in 2u32..6,
    ) {
        let report = |scores: &[(usize, u8)], by| {
            let facts: Vec<_> = scores
                .iter()
                .map(|(agent, score)| SurveyFacts { agent: Some(agent.to_string()), ..csat(*score) })
                .collect();
            report(facts, ALWAYS, by, NOW, DAY, min_group).groups
        };
        let found = report(&scores, GroupBy::Agent);
        let total = report(&scores, GroupBy::Nothing);
        let is_hidden = |agent: &usize| {
            let key = Some(agent.to_string());
            found.iter().any(|group| group.key == key && group.hidden.is_some())
        };
        for (one, (agent, _)) in scores.iter().enumerate().filter(|(_, (agent, _))| is_hidden(agent)) {
            let other = scores.iter().position(|(other, _)| other != agent && is_hidden(other));
            let Some(other) = other else {
                prop_assert!(total[0].hidden.is_some() || found.len() == 1, "alone, and left over");
                continue;
            };
            let mut swapped = scores.clone();
            swapped[one].1 = scores[other].1;
            swapped[other].1 = scores[one].1;
            prop_assert_eq!(&report(&swapped, GroupBy::Agent), &found);
            prop_assert_eq!(&report(&swapped, GroupBy::Nothing), &total);
        }
    }
}

mod weeks;
