use std::time::Duration;

use super::*;
use crate::domain::days::Zone;
use crate::domain::summary::{Counts, GroupKey, LeftOut, Summary, Terms};
use crate::domain::time::{Millis, Period};

const NOW: Millis = Millis(1_000_000);

/// A report by team from each team's distribution of CSAT.
fn report(by: GroupBy, teams: &[(&str, [u64; 5])]) -> Report {
    let period = Period { from: Millis(0), to: NOW };
    let (now, fresh_for, min_group) = (NOW, Duration::ZERO, 5);
    let terms = Terms { period, by, zone: &Zone::utc(), now, fresh_for, min_group };
    let mut summary = Summary::new(&terms);
    for (team, scores) in teams {
        let mut counts = Counts { prompted: scores.iter().sum(), ..Counts::default() };
        counts.scores[1..=5].copy_from_slice(scores);
        summary.add(SurveyType::Csat, &[GroupKey::Named((*team).to_owned())], counts);
    }
    summary.report(LeftOut::default())
}

fn by_team(teams: &[(&str, [u64; 5])]) -> Report {
    report(GroupBy::Team, teams)
}

fn row<'c>(compared: &'c Compared, key: &str) -> &'c ComparedGroup {
    compared.rows.iter().find(|row| row.group.key.as_deref() == Some(key)).unwrap()
}

#[test]
fn a_change_is_that_of_the_scores_on_the_page() {
    let before = by_team(&[("a", [20, 0, 0, 30, 50])]);
    let now = by_team(&[("a", [29, 0, 0, 71, 100])]);
    let compared = compare(now, Some(before));
    let change = row(&compared, "a").change.unwrap();
    assert_eq!(change.difference.points, 5.5);
    assert_eq!((change.difference.low * 100.0).round(), -317.0);
    assert!(!change.more_than_chance);
    assert_eq!(compared.total(SurveyType::Csat).unwrap().change, Some(change));
}

#[test]
fn rows_are_judged_together_and_the_total_alone() {
    // One row of p = 0.03 among four: more than chance alone, chance among four.
    let same = [10, 0, 0, 40, 50];
    let teams = |fallen| [("a", fallen), ("b", same), ("c", same), ("d", same)];
    let before = by_team(&teams([10, 0, 0, 40, 50]));
    let now = by_team(&teams([21, 0, 0, 39, 40]));
    let compared = compare(now, Some(before));
    let change = row(&compared, "a").change.unwrap();
    assert!(change.difference.leaves_out_zero(), "{change:?}");
    assert!(!change.more_than_chance, "one of four may fall so by chance");
    assert_eq!(compared.without_the_mover(SurveyType::Csat), None);
}

#[test]
fn without_the_group_that_moved_the_rest_is_what_it_was() {
    let same = [10, 0, 0, 40, 50];
    let before = by_team(&[("a", same), ("b", same)]);
    let now = by_team(&[("a", [60, 0, 0, 20, 20]), ("b", same)]);
    let compared = compare(now, Some(before));
    assert!(compared.total(SurveyType::Csat).unwrap().change.unwrap().more_than_chance);
    let without = compared.without_the_mover(SurveyType::Csat).unwrap();
    assert_eq!(without.row.group.key.as_deref(), Some("a"));
    assert_eq!((without.now.value, without.before.value), (90.0, 90.0));
    assert!(!without.change.more_than_chance);
}

#[test]
fn a_rest_under_the_floor_is_not_shown() {
    let before = by_team(&[("a", [0, 0, 0, 0, 60]), ("b", [0, 0, 0, 0, 4])]);
    let now = by_team(&[("a", [60, 0, 0, 0, 0]), ("b", [0, 0, 0, 0, 4])]);
    let compared = compare(now, Some(before));
    assert_eq!(compared.without_the_mover(SurveyType::Csat), None);
}

#[test]
fn overlapping_groups_are_never_taken_out() {
    let before = report(GroupBy::Tag, &[("a", [0, 0, 0, 0, 60]), ("b", [0, 0, 0, 0, 40])]);
    let now = report(GroupBy::Tag, &[("a", [60, 0, 0, 0, 0]), ("b", [0, 0, 0, 0, 40])]);
    let compared = compare(now, Some(before));
    assert!(row(&compared, "a").change.unwrap().more_than_chance);
    assert_eq!(compared.without_the_mover(SurveyType::Csat), None);
}

#[test]
fn what_either_period_hides_has_no_change() {
    let before = by_team(&[("a", [0, 0, 0, 0, 3]), ("b", [0, 0, 0, 0, 40])]);
    let now = by_team(&[("a", [40, 0, 0, 0, 0]), ("b", [0, 0, 0, 0, 40])]);
    let compared = compare(now, Some(before));
    assert_eq!(row(&compared, "a").change, None);
    assert_eq!(row(&compared, "b").change, None, "it would give away a's");
}

#[test]
fn a_group_that_is_new_has_nothing_to_be_compared_with() {
    let compared = compare(by_team(&[("a", [0, 0, 0, 0, 9])]), None);
    assert_eq!((&row(&compared, "a").before, row(&compared, "a").change), (&None, None));
    let compared = compare(by_team(&[("a", [0, 0, 0, 0, 9])]), Some(by_team(&[])));
    assert_eq!((&row(&compared, "a").before, row(&compared, "a").change), (&None, None));
}
