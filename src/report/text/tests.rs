use std::collections::BTreeMap;

use super::*;
use crate::{
    domain::{
        summary::{Estimate, LeftOut, compare},
        time::{Millis, Period},
    },
    report::{period::parse_period, samples},
};

/// Long after November 2026.
const LATER: Millis = Millis(1_900_000_000_000);

fn render_alone(report: &Report, page: &TextPage) -> String {
    render(&compare(report.clone(), None), page)
}

fn november() -> Period {
    parse_period("2026-11-01", "2026-11-30", &Zone::utc()).unwrap()
}

/// A group with the longest cells there can be in practice.
fn long(name: &str) -> Group {
    Group {
        key: Some(name.to_owned()),
        kind: SurveyType::Nps,
        closes: 12_000,
        suppressed: BTreeMap::new(),
        unsent: BTreeMap::new(),
        prompted: 10_000,
        answered: 9_999,
        commented: 9_999,
        response_rate: Some(99.99),
        immature: true,
        score: Some(Estimate { value: -52.34, low: -54.05, high: -50.04 }),
        mean: None,
        distribution: vec![1; 11],
        median_response_seconds: Some(3599.0),
        hidden: None,
    }
}

fn rendered(groups: Vec<Group>) -> String {
    let report = Report {
        period: november(),
        by: GroupBy::Tag,
        min_group: 5,
        totals: Vec::new(),
        groups,
        left_out: LeftOut::default(),
    };
    render_alone(&report, &TextPage::plain(LATER))
}

#[test]
fn the_whole_report_reads_like_this() {
    let expected = "\
Results, 2026-11-01 to 2026-11-30 (whole days, UTC)
Closes count when they were closed, all else with the prompts that were sent in this time;
median is the time from a prompt to its score.

CSAT: share of 4 and 5 among the scores of 1 to 5, 95 % interval

     closes  sent     answered   comments  score               mean  1…5    median
all      23    20  16 (80.0 %)+         6  87.5 % (64.0–96.5)  4.38  ▁·▁▄█  4m 10s

+ answers may still come
not asked: prompted not long ago 2, opted out 1

NPS: share of 9 and 10 less share of 0 to 6, in points, 95 % interval

     closes  sent     answered   comments  score                0…10         median
all      12    12  10 (83.3 %)          0  50.0 (−0.2 to 77.1)  ······▃▆▃██   2h 5m
";
    assert_eq!(
        render_alone(&samples::november(GroupBy::Nothing), &TextPage::plain(LATER)),
        expected
    );
}

#[test]
fn a_report_by_agent_reads_like_this() {
    let expected = "\
Results by agent, 2026-11-01 to 2026-11-30 (whole days, UTC)
Closes count when they were closed, all else with the prompts that were sent in this time;
median is the time from a prompt to its score.

CSAT: share of 4 and 5 among the scores of 1 to 5, 95 % interval

agent   closes  sent     answered   comments  score               mean  1…5    median
ana         16    13  10 (76.9 %)+         6  90.0 % (59.6–98.2)  4.60  ··▂▃█  4m 10s
ben          1     1  1 (100.0 %)          0  under 5 answers        –  –           –
cleo         5     5  5 (100.0 %)          0  withheld *             –  –           –
(none)       1     1    0 (0.0 %)+         0  –                      –  –           –

+ answers may still come
* withheld: shown, it would let fewer than 5 answers be worked out from the total
not asked, ana: prompted not long ago 2, opted out 1

NPS: share of 9 and 10 less share of 0 to 6, in points, 95 % interval

agent  closes  sent     answered   comments  score                0…10         median
ana        12    12  10 (83.3 %)          0  50.0 (−0.2 to 77.1)  ······▃▆▃██   2h 5m
";
    assert_eq!(render_alone(&samples::november(GroupBy::Agent), &TextPage::plain(LATER)), expected);
}

#[test]
fn every_close_without_a_prompt_is_told_in_the_words_of_the_page() {
    let of = |counts: &[(&str, u64)]| -> BTreeMap<String, u64> {
        counts.iter().map(|(word, count)| ((*word).to_owned(), *count)).collect()
    };
    let group = Group {
        suppressed: of(&[("cannot_dm", 12), ("closed_by", 18), ("throttled", 0)]),
        unsent: of(&[("expired", 4), ("scheduled", 30)]),
        ..long("vip")
    };
    let text = rendered(vec![group]);
    let notes = text.split("may still come\n").nth(1).unwrap();
    assert_eq!(
        notes,
        "not asked, vip: waiting now 30, closed by a bot or by itself 18, cannot be messaged 12, too \
         late to\n  ask 4\n"
    );
}

#[test]
fn a_time_without_closes_says_so() {
    let expected = "\
Results by tag, 2026-11-01 to 2026-11-30 (whole days, UTC)
Nothing was closed and nobody was prompted in this time.
";
    assert_eq!(rendered(Vec::new()), expected);
}

#[test]
fn a_dry_run_says_how_many_prompts_would_have_been_sent() {
    let of = |dry_runs| Report {
        period: november(),
        by: GroupBy::Nothing,
        min_group: 5,
        totals: Vec::new(),
        groups: Vec::new(),
        left_out: LeftOut { dry_runs, ..LeftOut::default() },
    };
    for (dry_runs, said) in [(1, "1 prompt would"), (40, "40 prompts would")] {
        let text = render_alone(&of(dry_runs), &TextPage::plain(LATER));
        let line = format!("dry run: {said} have been sent (mode = \"dry\").\n");
        assert!(text.ends_with(&line), "{text}");
        let json = super::super::json::render(&compare(of(dry_runs), None));
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["dry_run"], dry_runs);
    }
}

#[test]
fn a_time_of_tests_alone_says_so() {
    let empty = Report {
        period: november(),
        by: GroupBy::Nothing,
        min_group: 5,
        totals: Vec::new(),
        groups: Vec::new(),
        left_out: LeftOut::default(),
    };
    for (tests, test_closes, said) in [
        (3, 4, "3 prompts were sent and 4 closes were taken in as a test: `--test` counts them."),
        (1, 0, "1 prompt was sent as a test: `--test` counts it."),
        (0, 2, "2 closes were taken in as a test: `--test` counts them."),
        (0, 1, "1 close was taken in as a test: `--test` counts it."),
    ] {
        let left_out = LeftOut { tests, test_closes, dry_runs: 0 };
        let text = render_alone(&Report { left_out, ..empty.clone() }, &TextPage::plain(LATER));
        let expected = format!("There is nothing in this time but tests (test = true).\n{said}\n");
        assert_eq!(text.split_once('\n').unwrap().1, expected);
    }
}

#[test]
fn what_is_left_out_as_a_test_is_told_beside_the_results() {
    let left_out = LeftOut { test_closes: 136, ..LeftOut::default() };
    let report = Report { left_out, ..samples::november(GroupBy::Nothing) };
    let text = render_alone(&report, &TextPage::plain(LATER));
    let line = "\n136 closes were taken in as a test: `--test` counts them.\n";
    assert!(text.contains(line), "{text}");
    let counted = TextPage { counts_tests: true, ..TextPage::plain(LATER) };
    let text = render_alone(&samples::november(GroupBy::Nothing), &counted);
    assert!(text.contains("\nPrompts that were sent as a test (test = true) are counted, too.\n"));
}

#[test]
fn a_question_is_told_by_its_text_aligned_whatever_its_letters() {
    let group = |key: &str| Group { kind: SurveyType::Csat, ..long(key) };
    let report = Report {
        by: GroupBy::Question,
        groups: vec![group("csat 0"), group("csat 12")],
        ..samples::november(GroupBy::Nothing)
    };
    let page = TextPage { display_name: Some("山田".into()), ..TextPage::plain(LATER) };
    let text = render_alone(&report, &page);
    let expected = "
csat 0   What is your overall satisfaction with 山田?
csat 12  How would you rate the service you received from 山田?
";
    assert!(text.contains(expected), "{text}");
    let open = render_alone(&report, &TextPage::plain(LATER));
    assert!(open.contains("csat 0   What is your overall satisfaction with …?\n"), "{open}");
}

#[test]
fn a_report_fits_the_terminal() {
    for (width, has_comments) in [(80, false), (120, true)] {
        let mut style = OutputStyle::PLAIN;
        (style.width, style.is_terminal) = (Some(width), true);
        let text = render_alone(
            &samples::november(GroupBy::Agent),
            &TextPage { style, ..TextPage::plain(LATER) },
        );
        assert!(text.lines().all(|line| columns::width(line) <= width), "{width}: {text}");
        assert_eq!(text.contains("comments"), has_comments, "{text}");
    }
}

#[test]
fn a_name_too_long_for_the_page_is_cut() {
    let text = rendered(vec![long("a name that would take the whole line for itself alone")]);
    assert!(text.contains("\na name that…  "), "{text}");
    assert_eq!(text.lines().map(|line| line.chars().count()).max(), Some(100), "{text}");
}

#[test]
fn reasons_too_many_for_the_page_go_on_in_the_next_line() {
    let reasons = (0..12).map(|n| (format!("reason_{n:02}"), n)).collect();
    let text = rendered(vec![Group { suppressed: reasons, ..long("vip") }]);
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    let expected = "\
not asked, vip: reason 11 11, reason 10 10, reason 09 9, reason 08 8, reason 07 7, reason 06 6,
  reason 05 5, reason 04 4, reason 03 3, reason 02 2, reason 01 1
";
    assert!(text.ends_with(expected), "{text}");
}

#[test]
fn a_name_cannot_move_the_cursor_of_its_reader() {
    let text = rendered(vec![long("a\u{1b}[2J\n\u{202e}b")]);
    assert!(text.contains("\na�[2J��b"), "{text}");
}

#[test]
fn a_length_is_told_in_its_two_largest_units() {
    let told = [0.4, 45.0, 59.5, 250.0, 7500.0, 273_600.0].map(length_in_words);
    assert_eq!(told, ["0s", "45s", "1m 0s", "4m 10s", "2h 5m", "3d 4h"]);
}
