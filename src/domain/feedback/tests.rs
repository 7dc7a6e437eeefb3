use proptest::prelude::*;

use super::*;

/// Few instants and values, so that they meet.
fn update() -> impl Strategy<Value = Update> {
    let given = |told_at: i64| {
        prop::option::of((0..4_i64, 0..3_i64)).prop_map(move |given| {
            given.map(|(given_at, value)| Given {
                given_at: Millis(given_at),
                told_at: Millis(told_at),
                value,
            })
        })
    };
    let part = || prop::option::of("[ab]");
    (0..6_i64, "[ab]{0,2}", part(), part()).prop_flat_map(move |(updated_at, raw, person, name)| {
        (given(updated_at), given(updated_at)).prop_map(move |(score, text)| Update {
            id: FeedbackId::new("1"),
            object: Object {
                updated_at: Millis(updated_at),
                to_user_id: person.clone(),
                external_id: name.clone(),
                raw: raw.clone(),
                ..Object::default()
            },
            score,
            text: text.map(|given| Given {
                given_at: given.given_at,
                told_at: given.told_at,
                value: given.value.to_string(),
            }),
        })
    })
}

fn told() -> impl Strategy<Value = (Update, Trust)> {
    (update(), prop::option::of(0..3_i64)).prop_map(|(update, hint)| match hint {
        Some(at) => (update, Trust::Hint { judged_by: Millis(at) }),
        None => (update, Trust::Word),
    })
}

fn fold(told: impl IntoIterator<Item = (Update, Trust)>) -> Option<Feedback> {
    told.into_iter().map(|(update, trust)| Feedback::of(update, trust)).reduce(|mut all, next| {
        all.join(next);
        all
    })
}

/// `PROPTEST_CASES` asks for more.
fn cases() -> ProptestConfig {
    let asked = ProptestConfig::default();
    ProptestConfig { cases: asked.cases.max(5_000), ..asked }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn order_repetition_and_batching_do_not_matter(
        (updates, shuffled) in prop::collection::vec(told(), 1..12)
            .prop_flat_map(|updates| (Just(updates.clone()), Just(updates).prop_shuffle())),
        repeat in 0..12_usize,
        cut in 0..12_usize,
    ) {
        let whole = fold(updates.clone());
        let mut again = shuffled.clone();
        again.push(shuffled[repeat % shuffled.len()].clone());
        prop_assert_eq!(&whole, &fold(again));
        let (left, right) = shuffled.split_at(cut % shuffled.len());
        let mut batched = fold(right.iter().cloned()).expect("the right part is not empty");
        if let Some(left) = fold(left.iter().cloned()) {
            batched.join(left);
        }
        prop_assert_eq!(whole, Some(batched));
    }

    #[test]
    fn a_score_once_seen_is_never_lost(updates in prop::collection::vec(told(), 1..12)) {
        let scored = updates.iter().any(|(update, _)| update.score.is_some());
        prop_assert_eq!(fold(updates).unwrap().score().is_some(), scored);
    }

    #[test]
    fn whom_and_what_a_prompt_was_for_is_the_newest_word_that_tells_it(
        updates in prop::collection::vec(update(), 1..12),
    ) {
        let told = |part: fn(&Object) -> &Option<String>| {
            let told = updates.iter().map(|update| &update.object).filter_map(|object| {
                Some((object.updated_at, part(object).clone()?))
            });
            told.max().map(|it| it.1)
        };
        let whole = fold(updates.iter().cloned().map(|update| (update, Trust::Word))).unwrap();
        prop_assert_eq!(&whole.object().to_user_id, &told(|object| &object.to_user_id));
        prop_assert_eq!(&whole.object().external_id, &told(|object| &object.external_id));
    }

    #[test]
    fn hints_never_change_what_the_word_says(updates in prop::collection::vec(told(), 1..12)) {
        let by_word = fold(updates.iter().filter(|(_, trust)| *trust == Trust::Word).cloned());
        let Some(by_word) = by_word else { return Ok(()) };
        let mut whole = fold(updates).unwrap();
        if let Some(score) = by_word.score() {
            prop_assert_eq!(whole.score(), Some(score));
        }
        whole.judge();
        prop_assert_eq!(whole.score(), by_word.score());
        prop_assert_eq!(whole.text(), by_word.text());
        prop_assert_eq!(whole.object(), by_word.object());
        prop_assert_eq!(whole.updates(), by_word.updates());
    }

    #[test]
    fn a_hint_that_is_told_again_after_it_was_refuted_stays_refuted(
        updates in prop::collection::vec(told(), 1..8),
        word in update(),
    ) {
        let mut whole = fold(updates.iter().cloned().chain([(word, Trust::Word)])).unwrap();
        whole.judge();
        let before = (whole.score(), whole.text());
        let hints = updates.into_iter().filter(|(_, trust)| *trust != Trust::Word);
        for (update, trust) in hints {
            whole.join(Feedback::of(update, trust));
        }
        prop_assert_eq!((whole.score(), whole.text()), before);
    }

    #[test]
    fn only_what_changes_nothing_is_held(
        updates in prop::collection::vec(told(), 1..8),
        (next, trust) in told(),
    ) {
        let whole = fold(updates).unwrap();
        let next = Feedback::of(next, trust);
        let mut joined = whole.clone();
        joined.join(next.clone());
        prop_assert_eq!(whole.holds(&next), trust == Trust::Word && joined == whole);
        prop_assert!(joined.holds(&next) || trust != Trust::Word);
    }

    #[test]
    fn it_is_kept_and_read_whole(updates in prop::collection::vec(told(), 1..8)) {
        let whole = fold(updates).unwrap();
        let kept = serde_json::to_string(&whole).unwrap();
        prop_assert_eq!(serde_json::from_str::<Feedback>(&kept).unwrap(), whole);
    }
}

fn scored(updated_at: i64, value: i64, trust: Trust) -> Feedback {
    let object = Object { updated_at: Millis(updated_at), ..Object::default() };
    let score = Some(Given { given_at: Millis(updated_at), told_at: Millis(updated_at), value });
    Feedback::of(Update { id: FeedbackId::new("1"), object, score, text: None }, trust)
}

const HINT: Trust = Trust::Hint { judged_by: Millis(90) };

fn values<T: Clone>(all: &[Given<T>]) -> Vec<T> {
    all.iter().map(|given| given.value.clone()).collect()
}

#[test]
fn a_hint_counts_until_the_word_says_otherwise() {
    let mut feedback = scored(20, 9, HINT);
    assert_eq!(feedback.score().map(|score| score.value), Some(9));
    assert_eq!((feedback.judged_by(), feedback.is_complete()), (Some(Millis(90)), false));
    feedback.join(scored(10, 4, Trust::Word));
    assert_eq!(feedback.score().map(|score| score.value), Some(4));
    assert_eq!((feedback.refuted(), values(&feedback.aside().0)), (1, vec![9]));
    assert_eq!(feedback.updates().len(), 2, "that there was news is not refuted yet");
    assert!(!feedback.judge(), "what was refuted is not refuted again");
    assert_eq!(feedback.updates().len(), 1);
}

#[test]
fn a_hint_that_the_word_bears_out_leaves_no_trace() {
    let mut feedback = scored(20, 9, HINT);
    feedback.join(scored(20, 9, Trust::Word));
    assert_eq!(feedback.score(), scored(20, 9, Trust::Word).score());
    assert!(feedback.is_plain() && feedback.judged_by().is_none());
}

#[test]
fn a_hint_that_the_events_never_bear_out_is_withdrawn() {
    let mut feedback = scored(20, 9, HINT);
    assert!(feedback.judge(), "the events do not know the feedback at all");
    assert_eq!((feedback.score(), feedback.is_answered()), (None, false));
    assert_eq!(feedback.object().updated_at, Millis(20), "there is no other word of it");
    feedback.join(scored(20, 9, Trust::Word));
    assert_eq!(feedback.score().map(|score| score.value), Some(9), "X's word came after all");
    assert!(feedback.is_plain());
}

#[test]
fn a_change_of_what_is_immutable_is_kept_aside() {
    let mut feedback = scored(10, 4, Trust::Word);
    feedback.join(scored(20, 9, Trust::Word));
    assert_eq!(feedback.score().map(|score| score.value), Some(4));
    assert_eq!((feedback.contradictions(), values(&feedback.aside().0)), (1, vec![9]));
    assert_eq!(feedback.object().updated_at, Millis(20), "all else is the newest");
    assert!(!feedback.is_plain());
}

#[test]
fn of_updates_without_end_the_earliest_are_counted_in_any_order() {
    let most = i64::try_from(super::join::UPDATES_MAX).unwrap();
    let all = || (0..most + 500).map(|at| scored(at, 4, Trust::Word));
    let join = |updates: Vec<Feedback>| {
        updates.into_iter().reduce(|mut all, next| {
            all.join(next);
            all
        })
    };
    let hint = || scored(most + 100, 4, HINT);
    let forward = join(all().chain([hint()]).collect()).unwrap();
    let backward = join([hint()].into_iter().chain(all().rev()).collect()).unwrap();
    let between = join(all().take(700).chain([hint()]).chain(all().skip(700)).collect()).unwrap();
    assert_eq!(forward.updates(), (0..most).map(Millis).collect());
    assert_eq!(forward, backward);
    assert_eq!(forward, between);
    assert!(forward.holds(&scored(most + 400, 4, Trust::Word)), "nothing new");
}
