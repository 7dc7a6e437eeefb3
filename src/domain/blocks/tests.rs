use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

fn at(text: &str) -> Millis {
    Millis::from_rfc3339(text).unwrap()
}

fn days(from: &str, to: &str) -> Days {
    Days { from: day(from), to: day(to) }
}

fn rule(zone: &str) -> BlockRule {
    let week = Duration::from_secs(7 * 24 * 60 * 60);
    BlockRule { zone: Zone::parse(zone).unwrap(), agent_min: 10, agent_delay: week }
}

fn of_csat(content: u64, others: u64) -> Sorts {
    Sorts::Csat { content, others }
}

fn of_nps(promoters: u64, passives: u64, detractors: u64) -> Sorts {
    Sorts::Nps { promoters, passives, detractors }
}

/// The two weeks of most of these tests.
fn fortnight() -> Days {
    days("2026-11-09", "2026-11-22")
}

fn is_closed(sorts: Sorts) -> bool {
    let pile = Pile { days: fortnight(), sorts };
    let block = close(&pile, 10);
    assert!(block.is_none_or(|block| block == Block { days: fortnight(), sorts }));
    block.is_some()
}

#[test]
fn a_pile_closes_if_it_is_large_and_mixed_or_very_large() {
    for (sorts, expected) in [
        (of_csat(8, 2), true),
        (of_csat(2, 8), true),
        (of_csat(7, 2), false),
        (of_csat(9, 1), false),
        (of_csat(10, 0), false),
        (of_csat(38, 1), false),
        (of_csat(39, 1), true),
        (of_csat(40, 0), true),
        (of_csat(0, 39), false),
        (of_csat(0, 0), false),
        (of_nps(8, 1, 1), true),
        (of_nps(1, 1, 8), true),
        (of_nps(0, 8, 2), true),
        (of_nps(9, 1, 0), false),
        (of_nps(9, 0, 1), false),
        (of_nps(7, 1, 1), false),
        (of_nps(0, 39, 0), false),
        (of_nps(0, 40, 0), true),
    ] {
        assert_eq!(is_closed(sorts), expected, "{sorts:?}");
    }
}

#[test]
fn blocks_count_the_sorts_that_the_scores_are_made_of() {
    let scores = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];
    assert_eq!(Sorts::of(SurveyType::Csat, &scores), of_csat(16 + 32, 2 + 4 + 8));
    assert_eq!(Sorts::of(SurveyType::Nps, &scores), of_nps(512 + 1024, 128 + 256, 127));
    assert_eq!(of_csat(8, 2).score(), csat(8, 10));
    assert_eq!(of_nps(6, 3, 1).score(), nps(6, 3, 1));
    assert_eq!(of_csat(0, 0).score(), None);
}

#[test]
fn a_week_ends_with_its_sunday_in_the_zone_of_the_business() {
    for (zone, sunday, end) in [
        ("UTC", "2026-11-22", "2026-11-22T23:59:59.999Z"),
        ("America/New_York", "2026-11-22", "2026-11-23T04:59:59.999Z"),
        // The clocks go back in the night before.
        ("Europe/Berlin", "2026-10-25", "2026-10-25T22:59:59.999Z"),
    ] {
        assert_eq!(rule(zone).week_ends_at(day(sunday)), at(end), "{zone}");
    }
    let published_at = rule("Europe/Berlin").published_at(day("2026-11-22"));
    assert_eq!(published_at, at("2026-11-29T23:00:00Z"));
}

#[test]
fn each_week_is_looked_at_once_and_only_once_it_is_over() {
    let berlin = rule("Europe/Berlin");
    let next = |last: Option<&str>, first: Option<&str>, now: &str| {
        let next = berlin.next_week(last.map(day), first.map(at), at(now));
        next.map(|day| day.to_string())
    };
    let sunday = |text: &str| Some(text.to_owned());
    let monday = "2026-11-22T23:00:00Z";
    assert_eq!(next(None, None, monday), None, "nobody has answered");
    assert_eq!(next(None, Some("2026-11-20T08:00:00Z"), monday), sunday("2026-11-22"));
    assert_eq!(next(None, Some("2026-11-20T08:00:00Z"), "2026-11-22T22:59:59.999Z"), None);
    assert_eq!(next(None, Some("2026-11-23T08:00:00Z"), monday), None);
    assert_eq!(next(Some("2026-11-15"), None, monday), sunday("2026-11-22"));
    assert_eq!(next(Some("2026-11-22"), None, monday), None);
    // After a stop, week by week.
    assert_eq!(next(Some("2026-10-25"), None, monday), sunday("2026-11-01"));
    // After a very long one, or after a clock that was very wrong, the last year.
    assert_eq!(next(Some("1970-01-04"), None, monday), sunday("2025-11-16"));
    // A clock that was set back, and weeks that a clock ahead has taken.
    assert_eq!(next(Some("2026-11-22"), None, "2026-11-02T08:00:00Z"), None);
    assert_eq!(next(Some("2030-01-06"), None, monday), None);
    // Sunday is over in Auckland first. In Berlin it is not looked at again.
    let auckland = rule("Pacific/Auckland");
    let noon = at("2026-11-22T12:00:00Z");
    assert_eq!(auckland.next_week(Some(day("2026-11-15")), None, noon), Some(day("2026-11-22")));
    assert_eq!(next(Some("2026-11-22"), None, monday), None);
}

#[test]
fn a_block_begins_where_the_one_before_has_ended() {
    let berlin = rule("Europe/Berlin");
    let of = |before: Option<&str>, first: &str| {
        berlin.days(before.map(day), at(first), day("2026-11-22"))
    };
    assert_eq!(of(None, "2026-11-18T08:00:00Z"), days("2026-11-16", "2026-11-22"));
    assert_eq!(of(None, "2026-11-15T22:30:00Z"), days("2026-11-09", "2026-11-22"));
    assert_eq!(of(Some("2026-11-01"), "2026-11-18T08:00:00Z"), days("2026-11-02", "2026-11-22"));
    // An answer that a clock has dated ahead.
    assert_eq!(of(None, "2030-01-01T00:00:00Z"), days("2026-11-16", "2026-11-22"));
}

fn published(no: u64, from: &str, to: &str, sorts: Sorts) -> PublishedBlock {
    PublishedBlock { no, block: Block { days: days(from, to), sorts } }
}

#[test]
fn the_last_blocks_of_each_type_are_summed() {
    let csat_3 = published(3, "2026-11-16", "2026-11-22", of_csat(8, 2));
    let csat_2 = published(2, "2026-10-26", "2026-11-15", of_csat(10, 4));
    let csat_1 = published(1, "2026-10-19", "2026-10-25", of_csat(20, 2));
    let nps_1 = published(1, "2026-10-19", "2026-11-22", of_nps(6, 3, 1));
    let of = |last| by_kind(&[csat_3, nps_1, csat_2, csat_1], last);
    let nps = Blocks {
        kind: SurveyType::Nps,
        blocks: vec![nps_1.block],
        // The only one is its own sum.
        sum: None,
        summed: 1,
    };
    let csat = |from: &str, sorts: Sorts, summed: usize| Blocks {
        kind: SurveyType::Csat,
        blocks: vec![csat_3.block, csat_2.block, csat_1.block],
        sum: Some(Block { days: days(from, "2026-11-22"), sorts }),
        summed,
    };
    assert_eq!(of(4), [csat("2026-10-19", of_csat(38, 8), 3), nps.clone()]);
    assert_eq!(of(2), [csat("2026-10-26", of_csat(18, 6), 2), nps]);
    assert_eq!(by_kind(&[], 4), []);
}

/// How many blocks the agent sees summed.
const LAST: usize = 4;

/// The answers of one week to one agent, and the configuration at its end.
#[derive(Clone, Debug)]
struct Week {
    scores: Vec<u8>,
    agent_min: u32,
}

fn any_weeks(kind: SurveyType) -> impl Strategy<Value = Vec<Week>> {
    // Most are content, as in life.
    let usual = if kind == SurveyType::Csat { 5_u8 } else { 10 };
    let score = prop_oneof![3 => Just(usual), 1 => kind.scores()];
    let week = (prop::collection::vec(score, 0..14), 2..14_u32)
        .prop_map(|(scores, agent_min)| Week { scores, agent_min });
    prop::collection::vec(week, 1..10)
}

fn any_life() -> impl Strategy<Value = (SurveyType, Vec<Week>)> {
    prop_oneof![Just(SurveyType::Csat), Just(SurveyType::Nps)]
        .prop_flat_map(|kind| any_weeks(kind).prop_map(move |weeks| (kind, weeks)))
}

/// A block and the numbers of the answers in it.
type Lived = Vec<(Block, BTreeSet<usize>)>;

fn sorts_of(kind: SurveyType, scores: impl Iterator<Item = u8>) -> Sorts {
    let mut counts = [0; 11];
    scores.for_each(|score| counts[usize::from(score)] += 1);
    Sorts::of(kind, &counts)
}

/// Lives through weeks. Answers are numbered in the order in which they come.
fn lived(kind: SurveyType, weeks: &[Week]) -> Lived {
    let (mut blocks, mut pile, mut scores) = (Lived::new(), BTreeSet::new(), Vec::new());
    let first = day("2026-01-05");
    for (sunday, week) in (0..).map(|n| first.plus(7 * n + 6)).zip(weeks) {
        for score in &week.scores {
            pile.insert(scores.len());
            scores.push(*score);
        }
        let before = blocks.last().map(|(block, _): &(Block, _)| block.days.to);
        let from = before.map_or(first, |last| last.plus(1));
        let sorts = sorts_of(kind, pile.iter().map(|number| scores[*number]));
        if let Some(block) = close(&Pile { days: Days { from, to: sunday }, sorts }, week.agent_min)
        {
            blocks.push((block, std::mem::take(&mut pile)));
        }
    }
    blocks
}

/// All that an agent may ever have seen, as sets of answers: each block, and the sum of the last
/// few at each moment, however many they are.
fn seen(blocks: &Lived) -> Vec<BTreeSet<usize>> {
    let ends = (1..=blocks.len()).flat_map(|end| (0..end).map(move |first| first..end));
    let answers = |run: std::ops::Range<usize>| {
        blocks[run].iter().flat_map(|(_, answers)| answers.iter().copied()).collect()
    };
    ends.map(answers).collect()
}

/// Whole numbers by this prime stand for fractions: no sum of so few ones and zeros comes near it.
const PRIME: u128 = (1 << 61) - 1;

fn inverse(number: u128) -> u128 {
    let (mut result, mut power, mut exponent) = (1, number, PRIME - 2);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = result * power % PRIME;
        }
        power = power * power % PRIME;
        exponent >>= 1;
    }
    result
}

/// Takes away from a row what rows before it can make. They begin with a one each, at the place.
fn reduced(mut row: Vec<u128>, basis: &[(usize, Vec<u128>)]) -> Vec<u128> {
    for (place, of_basis) in basis {
        let factor = PRIME - row[*place];
        for (number, other) in row.iter_mut().zip(of_basis) {
            *number = (*number + factor * other) % PRIME;
        }
    }
    row
}

/// What rows can be added up to, as a basis.
fn span(rows: Vec<Vec<u128>>) -> Vec<(usize, Vec<u128>)> {
    let mut basis = Vec::new();
    for row in rows {
        let row = reduced(row, &basis);
        if let Some(place) = row.iter().position(|number| *number != 0) {
            let factor = inverse(row[place]);
            basis.push((place, row.iter().map(|number| number * factor % PRIME).collect()));
        }
    }
    basis
}

/// The sizes of all groups of answers whose sum can be worked out of what was seen. Answers that
/// are in the same seen sets cannot be told apart, so they are in a group together or not at all.
fn within_reach(answers: usize, seen: &[BTreeSet<usize>]) -> Vec<usize> {
    let mut alike: BTreeMap<Vec<u128>, usize> = BTreeMap::new();
    for answer in 0..answers {
        let sets = seen.iter().map(|set| u128::from(set.contains(&answer)));
        *alike.entry(sets.collect()).or_default() += 1;
    }
    let (columns, sizes): (Vec<Vec<u128>>, Vec<usize>) = alike.into_iter().unzip();
    let row = |set: usize| columns.iter().map(|column| column[set]).collect();
    let basis = span((0..seen.len()).map(row).collect());
    let groups = (0_u32..1 << sizes.len()).filter(|group| {
        let row = (0..sizes.len()).map(|place| u128::from(group >> place & 1));
        reduced(row.collect(), &basis).iter().all(|number| *number == 0)
    });
    let size = |group: u32| {
        (0..sizes.len()).filter(|place| group >> place & 1 == 1).map(|place| sizes[place]).sum()
    };
    groups.map(size).collect()
}

#[test]
fn a_group_that_a_difference_gives_away_is_within_reach() {
    let sets = [BTreeSet::from([0, 1, 2]), BTreeSet::from([1, 2])];
    assert_eq!(within_reach(4, &sets).into_iter().collect::<BTreeSet<_>>(), [0, 1, 2, 3].into());
    // Three pairs of three give each of them away, by halves.
    let sets = [[0, 1], [1, 2], [0, 2]].map(BTreeSet::from);
    assert!(within_reach(3, &sets).contains(&1));
    assert_eq!(within_reach(3, &sets[..2]), [0, 2, 2]);
}

proptest! {
    #[test]
    fn no_group_below_the_least_can_be_worked_out_of_all_that_was_ever_published(
        (kind, weeks) in any_life()
    ) {
        let blocks = lived(kind, &weeks);
        let answers = weeks.iter().map(|week| week.scores.len()).sum();
        let least = weeks.iter().map(|week| week.agent_min).min().unwrap();
        for size in within_reach(answers, &seen(&blocks)) {
            prop_assert!(size == 0 || size >= least as usize, "{size} are fewer than {least}");
        }
    }

    #[test]
    fn blocks_share_no_answer_and_hold_the_least_of_their_day(
        (kind, weeks) in any_life()
    ) {
        let blocks = lived(kind, &weeks);
        let mut before = BTreeSet::new();
        for (block, answers) in &blocks {
            prop_assert!(before.is_disjoint(answers));
            before.extend(answers.iter().copied());
            let scores: Vec<u8> = weeks.iter().flat_map(|week| week.scores.clone()).collect();
            let of_block = sorts_of(kind, answers.iter().map(|number| scores[*number]));
            prop_assert_eq!(block.sorts, of_block);
            let week = block.days.to.since(day("2026-01-05")) / 7;
            prop_assert!(answers.len() >= weeks[week as usize].agent_min as usize);
        }
    }

    #[test]
    fn nothing_that_was_published_changes_whatever_comes_in(
        (kind, weeks) in any_life(), later in any_life(), stays in 0..10_usize,
    ) {
        let stays = stays.min(weeks.len());
        let published = lived(kind, &weeks[..stays]);
        let mut other = weeks[..stays].to_vec();
        other.extend(later.1.into_iter().map(|week| Week {
            scores: week.scores.into_iter().filter(|it| kind.scores().contains(it)).collect(),
            ..week
        }));
        for weeks in [weeks, other] {
            let lived = lived(kind, &weeks);
            prop_assert_eq!(&lived[..published.len()], &published[..]);
        }
    }

    #[test]
    fn a_sum_is_the_sum_of_its_blocks(
        (kind, weeks) in any_life()
    ) {
        let blocks = lived(kind, &weeks);
        let mut newest_first: Vec<PublishedBlock> = (1..)
            .zip(&blocks)
            .map(|(no, (block, _))| PublishedBlock { no, block: *block })
            .collect();
        newest_first.reverse();
        let shown = by_kind(&newest_first, LAST);
        prop_assert_eq!(shown.len(), usize::from(!blocks.is_empty()));
        if let Some(Blocks { sum: Some(sum), .. }) = shown.first() {
            let summed = &blocks[blocks.len().saturating_sub(LAST)..];
            let answers: usize = summed.iter().map(|(_, answers)| answers.len()).sum();
            prop_assert_eq!(sum.sorts.answers(), answers as u64);
            prop_assert_eq!(sum.days.from, summed[0].0.days.from);
            prop_assert_eq!(sum.days.len() % 7, 0);
        }
    }
}
