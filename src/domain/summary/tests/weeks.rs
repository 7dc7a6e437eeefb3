//! What a course of weeks gives away beside the totals that stand next to it.

use super::*;

/// The scores of prompts sent within one week, one a prompt. Weeks count from 1.
fn of_week(week: i64, answers: u64, days: std::ops::Range<i64>) -> Vec<SurveyFacts> {
    let day = |n: u64| days.start + i64::try_from(n).unwrap() % (days.end - days.start);
    // 1970-01-05 is a Monday.
    let at = |n: u64| Millis((4 + 7 * week + day(n)) * 24 * HOUR);
    (0..answers)
        .map(|n| SurveyFacts { sent_at: Some(at(n)), scored_at: Some(at(n)), ..csat(5) })
        .collect()
}

#[test]
fn beside_the_total_of_a_part_a_week_under_the_floor_hides_another_one() {
    // Over all weeks the two small ones hide each other.
    let weeks = [(0, 3), (1, 9), (2, 5), (3, 6), (4, 2), (5, 5)];
    let facts = || weeks.iter().flat_map(|(week, answers)| of_week(*week, *answers, 0..7));
    let part = Period { from: Millis((4 + 14) * 24 * HOUR), to: Millis(50 * 24 * HOUR) };
    let of = |period| report(facts(), period, GroupBy::Week, part.to, DAY, 5);
    let always = Period { from: Millis(0), to: part.to };
    let mut course = of(always);
    let shown = |report: &Report| -> Vec<bool> {
        let answered = report.groups.iter().filter(|group| group.answered > 0);
        answered.map(|group| group.score.is_some()).collect()
    };
    assert_eq!(shown(&course), [false, true, true, true, false, true]);
    course.withhold_beside(&of(part));
    assert_eq!(shown(&of(part)), [true, true, false, false]);
    assert_eq!(shown(&course), [false, true, true, true, false, false]);
}

/// Every sum and difference of the shown sets that is a set of answers itself.
fn worked_out(shown: &[Vec<i64>]) -> Vec<Vec<i64>> {
    let mut sums = vec![vec![0; shown.first().map_or(0, Vec::len)]];
    for set in shown {
        let with = |sum: &Vec<i64>, factor: i64| -> Vec<i64> {
            sum.iter().zip(set).map(|(sum, set)| sum + factor * set).collect()
        };
        sums = sums.iter().flat_map(|sum| [-1, 0, 1].map(|factor| with(sum, factor))).collect();
    }
    sums.retain(|sum| sum.iter().all(|part| (0..=1).contains(part)));
    sums
}

proptest! {
    /// The part begins in the middle of a week.
    #[test]
    fn no_course_of_weeks_gives_away_few_answers_beside_the_total_of_a_part(
        within in collection::vec(0_u64..9, 1..5),
        earlier in collection::vec(0_u64..9, 1..3),
        split in 0_u64..9,
    ) {
        const FLOOR: u64 = 4;
        let mut facts = Vec::new();
        let first = 1 + i64::try_from(earlier.len()).unwrap();
        for (week, answers) in (1..).zip(earlier.iter().chain(&within)) {
            facts.extend(of_week(week, *answers, if week < first { 0..7 } else { 3..7 }));
        }
        facts.extend(of_week(first, split, 0..3));
        let period = |from: i64| Period { from: Millis(from * 24 * HOUR), to: Millis(80 * 24 * HOUR) };
        let of = |from| report(facts.clone(), period(from), GroupBy::Week, NOW, DAY, u32::try_from(FLOOR).unwrap());
        let (mut course, part) = (of(0), of(4 + 7 * first + 3));
        course.withhold_beside(&part);
        // The answers of each week within the part, and then those outside it.
        let sizes: Vec<u64> = course.groups.iter().flat_map(|group| {
            let of_part = part.groups.iter().find(|other| other.key == group.key);
            let inside = of_part.map_or(0, |group| group.answered);
            [inside, group.answered - inside]
        }).collect();
        let is_in_part = |place: usize| i64::from(place.is_multiple_of(2));
        let mut shown = vec![(0..sizes.len()).map(is_in_part).collect::<Vec<_>>()];
        for (week, group) in course.groups.iter().enumerate().filter(|(_, group)| group.score.is_some()) {
            prop_assert!(group.answered >= FLOOR);
            shown.push((0..sizes.len()).map(|place| i64::from(place / 2 == week)).collect());
        }
        if part.totals.iter().any(|total| total.score.is_some()) {
            for set in worked_out(&shown) {
                let size: u64 = set.iter().zip(&sizes).map(|(is_in, size)| u64::try_from(*is_in).unwrap() * size).sum();
                prop_assert!(size == 0 || size >= FLOOR, "{set:?} of {sizes:?}, shown {shown:?}");
            }
        }
    }
}
