use proptest::{collection, prelude::*};

use super::*;

fn key(name: &str) -> GroupKey {
    GroupKey::Named(name.to_owned())
}

/// Answers by the groups they count in: `[("a b", 3)]` is three answers tagged both a and b.
fn answers(counts: &[(&str, u64)]) -> BTreeMap<Vec<GroupKey>, u64> {
    let keys = |names: &str| names.split(' ').map(key).collect();
    counts.iter().map(|(names, count)| (keys(names), *count)).collect()
}

fn hidden_of_five(counts: &[(&str, u64)]) -> Vec<(String, Hidden)> {
    hidden(&answers(counts), 5).into_iter().map(|(key, why)| (key.shown().unwrap(), why)).collect()
}

fn small(name: &str) -> (String, Hidden) {
    (name.to_owned(), Hidden::SmallGroup)
}

fn differencing(name: &str) -> (String, Hidden) {
    (name.to_owned(), Hidden::Differencing)
}

#[test]
fn groups_of_the_floor_and_more_are_all_shown() {
    assert_eq!(hidden_of_five(&[("a", 5), ("b", 20), ("c", 7)]), []);
}

#[test]
fn a_small_group_takes_the_smallest_shown_one_with_it() {
    let found = hidden_of_five(&[("a", 20), ("b", 2), ("c", 7), ("d", 9)]);
    assert_eq!(found, [small("b"), differencing("c")]);
}

#[test]
fn of_two_equal_groups_the_later_is_given_up() {
    assert_eq!(hidden_of_five(&[("a", 2), ("b", 6), ("c", 6)]), [small("a"), differencing("c")]);
}

#[test]
fn small_groups_that_are_enough_together_take_none_with_them() {
    assert_eq!(hidden_of_five(&[("a", 3), ("b", 2), ("c", 5)]), [small("a"), small("b")]);
}

#[test]
fn small_groups_that_are_too_few_together_take_one_with_them() {
    let found = hidden_of_five(&[("a", 1), ("b", 2), ("c", 6), ("d", 5)]);
    assert_eq!(found, [small("a"), small("b"), differencing("d")]);
}

#[test]
fn where_the_only_large_group_gives_the_small_one_away_nothing_is_shown() {
    assert_eq!(hidden_of_five(&[("a", 1), ("b", 90)]), [small("a"), differencing("b")]);
}

#[test]
fn a_floor_of_one_or_none_hides_nothing() {
    for floor in [0, 1] {
        assert!(hidden(&answers(&[("a", 1), ("b", 90), ("a b", 1)]), floor).is_empty());
    }
}

#[test]
fn a_tag_that_all_but_a_few_have_is_hidden() {
    // The one without the tag "a" is what is left of the total.
    assert_eq!(hidden_of_five(&[("a", 6), ("a b", 8), ("b", 1)]), [differencing("a")]);
}

#[test]
fn a_tag_within_another_is_hidden_where_the_rest_of_it_is_small() {
    let found = hidden_of_five(&[("billing", 2), ("billing refund", 8), ("other", 30)]);
    assert_eq!(found, [differencing("refund")]);
}

#[test]
fn a_small_tag_that_is_one_shown_tag_less_two_others_takes_one_with_it() {
    let found = hidden_of_five(&[("a all", 10), ("all b", 9), ("all c", 3), ("d", 30)]);
    assert_eq!(found, [differencing("b"), small("c")]);
}

#[test]
fn tags_that_overlap_freely_are_shown() {
    assert_eq!(hidden_of_five(&[("a", 10), ("a b", 10), ("b", 10), ("b c", 2)]), [small("c")]);
}

#[test]
fn a_tag_that_every_answer_has_is_the_total_and_is_shown() {
    assert_eq!(hidden_of_five(&[("a", 10), ("a b", 2)]), [small("b")]);
}

#[test]
fn a_tag_once_given_up_does_not_come_within_reach_later() {
    // "d" is given up for the one that only "b" has; "b" would give it away: it is the others.
    let found = hidden(&answers(&[("b", 1), ("a b", 4), ("d", 4), ("a c d", 2)]), 2);
    let given_up = [(key("b"), Hidden::Differencing), (key("d"), Hidden::Differencing)];
    assert_eq!(found, BTreeMap::from(given_up));
}

proptest! {
    #[test]
    fn what_separate_groups_leave_of_the_total_is_nothing_or_enough(
        counts in collection::vec(1u64..15, 0..12), floor in 0u64..8,
    ) {
        let answers: BTreeMap<_, _> = counts
            .iter()
            .enumerate()
            .map(|(name, count)| (vec![key(&format!("{name:02}"))], *count))
            .collect();
        let hidden = hidden(&answers, floor);
        let left: u64 = hidden.keys().map(|key| answers[std::slice::from_ref(key)]).sum();
        let all_are_hidden = hidden.len() == answers.len();
        prop_assert!(left == 0 || left >= floor || all_are_hidden);
        prop_assert!(hidden.len() != 1 || all_are_hidden, "one alone is what is left");

        // No more is given up than is needed: without the largest that is, too little is left.
        let given_up = hidden.iter().filter(|(_, why)| **why == Hidden::Differencing);
        let largest = given_up.map(|(key, _)| answers[std::slice::from_ref(key)]).max();
        prop_assert!(largest.is_none_or(|largest| left - largest < floor));
    }

    #[test]
    fn no_hidden_tag_is_a_sum_of_shown_ones(
        counts in collection::btree_map(1usize..16, 1u64..9, 1..12), floor in 2u64..7,
    ) {
        // Each combination of four tags is a number; its bits say which tags are in it.
        let tags = ["a", "b", "c", "d"];
        let names = |bits: usize| -> Vec<GroupKey> {
            (0..4).filter(|tag| bits >> tag & 1 == 1).map(|tag| key(tags[tag])).collect()
        };
        let answers: BTreeMap<_, _> =
            counts.iter().map(|(bits, count)| (names(*bits), *count)).collect();
        let hidden = hidden(&answers, floor);

        let vector = |tag: usize| -> Vec<i64> {
            answers.keys().map(|keys| i64::from(keys.contains(&key(tags[tag])))).collect()
        };
        let (hidden, shown): (Vec<_>, Vec<_>) =
            (0..4).partition(|tag| hidden.contains_key(&key(tags[*tag])));
        let mut known: Vec<Vec<i64>> = shown.into_iter().map(vector).collect();
        known.push(vec![1; answers.len()]);
        // A tag that nobody has is neither hidden nor worth anything to a reader.
        known.retain(|vector| vector.iter().any(|value| *value != 0));
        if answers.values().sum::<u64>() < floor {
            return Ok(()); // The total is not shown either.
        }
        for tag in hidden {
            let wanted = vector(tag);
            for choice in 0..7usize.pow(u32::try_from(known.len()).unwrap()) {
                let factors = (0..known.len())
                    .map(|place| i64::try_from(choice / 7usize.pow(place as u32) % 7).unwrap() - 3);
                let mut sum = vec![0; wanted.len()];
                for (factor, vector) in factors.zip(&known) {
                    sum.iter_mut().zip(vector).for_each(|(sum, value)| *sum += factor * value);
                }
                for multiple in 1..=3 {
                    prop_assert!(
                        sum.iter().zip(&wanted).any(|(sum, value)| *sum != multiple * value),
                        "{} can be worked out from {known:?}", tags[tag],
                    );
                }
            }
        }
    }
}

#[test]
fn beyond_a_thousand_combinations_the_remainder_still_protects_a_small_group() {
    // Each of 1,100 answers has a tag of its own pair, so all are combinations of their own.
    let mut answers: BTreeMap<Vec<GroupKey>, u64> = BTreeMap::new();
    for number in 0..1_100 {
        let keys = vec![key(&format!("a{}", number % 40)), key(&format!("b{number:04}"))];
        answers.insert(keys, 1);
    }
    answers.insert(vec![key("few")], 2);
    let hidden = hidden(&answers, 5);
    assert_eq!(hidden[&key("few")], Hidden::SmallGroup);
    assert_eq!(hidden[&key("b0001")], Hidden::SmallGroup);
    // All tags `a…` together leave the two answers of the small group, so one is given up.
    let given_up = hidden.values().filter(|why| **why == Hidden::Differencing).count();
    assert_eq!(given_up, 1);
}
