//! Draws a person's answers to a prompt if nobody has fixed them.
//!
//! A person gives a score first and perhaps a comment after a while.

use std::time::Duration;

use super::behaviour::Behaviour;
use super::chance::Chance;
use super::comments::{Temper, comment};
use super::feedback::QuestionKind;
use super::people::PersonsAnswer;

/// How often each score is given, from the lowest to the highest. Most people are content and few
/// of the others are lukewarm.
const CSAT_WEIGHTS: [(u8, u64); 5] = [(1, 8), (2, 5), (3, 11), (4, 27), (5, 49)];
const NPS_WEIGHTS: [(u8, u64); 11] =
    [(0, 5), (1, 2), (2, 2), (3, 3), (4, 3), (5, 6), (6, 6), (7, 11), (8, 17), (9, 18), (10, 27)];

/// Returns the answers that follow one prompt in their order. Returns none if the person stays
/// silent.
pub fn drawn(
    survey: QuestionKind,
    behaviour: &Behaviour,
    chance: &mut Chance,
) -> Vec<PersonsAnswer> {
    if !chance.happens(behaviour.answered) {
        return Vec::new();
    }
    let score = drawn_score(survey, chance);
    let scored_after =
        chance.between(behaviour.score_after.shortest, behaviour.score_after.longest);
    let text = chance
        .happens(behaviour.commented)
        .then(|| comment(temper(survey, score), chance).to_owned());
    let together = chance.happens(behaviour.together);
    let between = chance.between(behaviour.comment_after.shortest, behaviour.comment_after.longest);
    match text {
        Some(text) if !together => vec![
            PersonsAnswer { after: scored_after, score: Some(score), text: None },
            PersonsAnswer { after: scored_after + between, score: None, text: Some(text) },
        ],
        text => vec![PersonsAnswer { after: scored_after, score: Some(score), text }],
    }
}

/// Returns how long after an update X reports it a second time. Returns nothing if X does not
/// repeat it.
pub fn repeated_after(behaviour: &Behaviour, chance: &mut Chance) -> Option<Duration> {
    chance
        .happens(behaviour.repeated)
        .then(|| chance.between(Duration::from_millis(1), behaviour.comment_after.longest))
}

fn drawn_score(survey: QuestionKind, chance: &mut Chance) -> u8 {
    let weights: &[(u8, u64)] = match survey {
        QuestionKind::Csat => &CSAT_WEIGHTS,
        QuestionKind::Nps => &NPS_WEIGHTS,
    };
    let mut left = chance.below(weights.iter().map(|(_, weight)| weight).sum());
    for (score, weight) in weights {
        match left.checked_sub(*weight) {
            Some(rest) => left = rest,
            None => return *score,
        }
    }
    unreachable!("the draw is below the sum of the weights")
}

fn temper(survey: QuestionKind, score: u8) -> Temper {
    let (content, so_so) = match survey {
        QuestionKind::Csat => (4, 3),
        QuestionKind::Nps => (9, 7),
    };
    if score >= content {
        Temper::Content
    } else if score >= so_so {
        Temper::SoSo
    } else {
        Temper::Cross
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn_for(person: u64, survey: QuestionKind) -> Vec<PersonsAnswer> {
        drawn(survey, &Behaviour::lively(), &mut Chance::of(person, &["answers"]))
    }

    #[test]
    fn scores_lie_in_the_range_of_their_survey() {
        for person in 0..2_000 {
            for answer in drawn_for(person, QuestionKind::Csat) {
                assert!(answer.score.is_none_or(|score| (1..=5).contains(&score)));
            }
            for answer in drawn_for(person, QuestionKind::Nps) {
                assert!(answer.score.is_none_or(|score| score <= 10));
            }
        }
    }

    #[test]
    fn answers_come_in_one_update_or_in_two_with_the_score_first() {
        let all: Vec<Vec<PersonsAnswer>> =
            (0..500).map(|person| drawn_for(person, QuestionKind::Nps)).collect();
        for answers in &all {
            match answers.as_slice() {
                [] => {}
                [only] => assert!(only.score.is_some()),
                [first, second] => {
                    assert!(first.score.is_some() && first.text.is_none());
                    assert!(second.score.is_none() && second.text.is_some());
                    assert!(first.after < second.after);
                }
                more => panic!("{} updates", more.len()),
            }
        }
        assert!(all.iter().any(Vec::is_empty), "somebody is silent");
        assert!(all.iter().any(|answers| answers.len() == 2), "somebody comments later");
        assert!(
            all.iter()
                .any(|answers| matches!(answers.as_slice(), [PersonsAnswer { text: Some(_), .. }]))
        );
    }

    #[test]
    fn the_demonstration_answers_within_six_seconds_and_a_fifth_stays_silent() {
        let all: Vec<Vec<PersonsAnswer>> =
            (0..2_000).map(|person| drawn_for(person, QuestionKind::Csat)).collect();
        let silent = all.iter().filter(|answers| answers.is_empty()).count();
        assert!((320..480).contains(&silent), "{silent} of 2,000");
        for answer in all.iter().flatten() {
            assert!(
                Duration::from_millis(500) <= answer.after
                    && answer.after <= Duration::from_secs(6)
            );
        }
    }
}
