//! Which scores are happy, middling and unhappy. Every number and colour goes by this.

use std::ops::RangeInclusive;

use super::named::named;
use super::survey_type::SurveyType;

/// What a score says of the person who gave it. NPS calls them detractors, passives and promoters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// 1 and 2 of CSAT, 0 to 6 of NPS.
    Unhappy,
    /// 3 of CSAT, 7 and 8 of NPS.
    Middling,
    /// 4 and 5 of CSAT, 9 and 10 of NPS.
    Happy,
}

named!(Mood {
    Unhappy = "unhappy",
    Middling = "middling",
    Happy = "happy",
});

impl Mood {
    /// The scores that make this mood.
    pub fn scores(self, kind: SurveyType) -> RangeInclusive<u8> {
        match (self, kind) {
            (Self::Unhappy, SurveyType::Csat) => 1..=2,
            (Self::Middling, SurveyType::Csat) => 3..=3,
            (Self::Happy, SurveyType::Csat) => 4..=5,
            (Self::Unhappy, SurveyType::Nps) => 0..=6,
            (Self::Middling, SurveyType::Nps) => 7..=8,
            (Self::Happy, SurveyType::Nps) => 9..=10,
        }
    }

    /// How many scores make this mood. `counts` has how often each was given, from the lowest on.
    pub fn count(self, kind: SurveyType, counts: &[u64]) -> u64 {
        let lowest = *kind.scores().start();
        self.scores(kind).filter_map(|score| counts.get(usize::from(score - lowest))).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_score_makes_one_mood() {
        for kind in SurveyType::ALL {
            for score in kind.scores() {
                let moods = Mood::ALL.into_iter().filter(|mood| mood.scores(kind).contains(&score));
                assert_eq!(moods.count(), 1, "{kind:?} {score}");
            }
            let each_once = vec![1; kind.scores().count()];
            let counted: u64 = Mood::ALL.into_iter().map(|mood| mood.count(kind, &each_once)).sum();
            assert_eq!(counted, each_once.iter().sum::<u64>());
        }
    }

    #[test]
    fn the_bands_are_those_of_the_trade() {
        let csat = [1, 2, 3, 4, 5];
        assert_eq!(Mood::Happy.count(SurveyType::Csat, &csat), 9);
        assert_eq!(Mood::Unhappy.count(SurveyType::Csat, &csat), 3);
        let nps = [0, 0, 0, 0, 0, 0, 7, 1, 2, 10, 20];
        let [happy, middling, unhappy] = [Mood::Happy, Mood::Middling, Mood::Unhappy];
        let counts = [happy, middling, unhappy].map(|mood| mood.count(SurveyType::Nps, &nps));
        assert_eq!(counts, [30, 3, 7]);
    }
}
