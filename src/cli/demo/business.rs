//! The made-up business whose weeks `surveyd demo --serve` shows: its teams, its customers, and how
//! often what happens.
//!
//! Whatever has a share is dealt from a shuffled deck. So every share comes out as it stands here,
//! with any seed: the one team that got worse is told, and no other.

use std::collections::BTreeMap;
use std::time::Duration;

use super::comments::{self, Language, Topic};
use super::teams::{NPS, TEAMS, TINY, WEEKDAYS, WORSE, WORSE_CSAT, WORSE_NPS};
use crate::domain::close::{ClosedBy, Notice};
use crate::domain::mood::Mood;
use crate::domain::survey_type::SurveyType;
use crate::sandbox::Chance;

/// The days that the business looks back on.
pub const DAYS: i32 = 16 * 7;
/// The days since which one team does badly: the period that a page shows by itself.
pub const WORSE_FOR: i32 = 28;

/// The sources that report its closes. Three of four closes come from the first.
pub const SOURCES: [&str; 2] = ["helpdesk", "chat"];
/// The tag of those who are asked by the question of NPS.
pub const VIP: &str = "vip";

/// The minutes from a prompt to its score that are equally likely.
const WAITS: [u32; 16] = [1, 2, 2, 3, 4, 5, 7, 9, 12, 16, 24, 40, 75, 160, 420, 1_300];

/// What hinders a prompt beside what the configuration decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hindrance {
    Nothing,
    /// The close's notice comes in too late.
    Late,
    /// X says that the person cannot be messaged.
    CannotDm,
}

/// A conversation that is about to close.
#[derive(Clone, Debug)]
pub struct ClosingConversation {
    pub id: String,
    /// The customer's id at X.
    pub person: u64,
    pub source: &'static str,
    pub notice: Notice,
    pub language: Language,
    pub hindrance: Hindrance,
    /// The time of day at which it closes.
    pub at: Duration,
    team: usize,
}

/// What a person answers to a prompt.
#[derive(Clone, Debug)]
pub struct GivenAnswer {
    /// The time from the prompt to the score.
    pub after: Duration,
    pub score: u8,
    /// The comment, and the time from the score to it.
    pub comment: Option<(Duration, &'static str)>,
}

/// Cards that are dealt in a random order. Once none is left all are shuffled again.
#[derive(Clone, Default)]
struct Deck(Vec<usize>);

impl Deck {
    /// Deals the place of a card, of which there are as many as `counts` has at that place.
    fn deal(&mut self, counts: &[u8], chance: &mut Chance) -> usize {
        if self.0.is_empty() {
            let cards = counts.iter().enumerate();
            self.0 = cards.flat_map(|(place, count)| vec![place; usize::from(*count)]).collect();
        }
        let card = below(self.0.len(), chance);
        self.0.swap_remove(card)
    }
}

fn first_names(language: Language) -> &'static [&'static str] {
    match language {
        Language::English => &["Amy", "Noor", "Liam", "Grace", "Sam", "Mei", "Callum", "Ada"],
        Language::Spanish => &["Ana", "José", "Lucía", "Iker", "Pilar", "Andrés"],
        Language::German => &["Jörg", "Anke", "Lena", "Emre", "Łukasz", "Swantje"],
    }
}

fn below(bound: usize, chance: &mut Chance) -> usize {
    usize::try_from(chance.below(bound as u64)).expect("it is below a length")
}

fn pick<T: Copy>(of: &[T], chance: &mut Chance) -> T {
    of[below(of.len(), chance)]
}

/// The name of a deck: what it decides, and for whom.
type DeckName = (&'static str, usize);

/// The business. The same seed gives the same business.
pub struct Business {
    chance: Chance,
    decks: BTreeMap<DeckName, Deck>,
    /// The closes that each team still owes, in parts of one.
    owed: [f64; TEAMS.len()],
    /// The customers who wrote in the last days, the latest last.
    recent: Vec<(u64, Language)>,
    people: u64,
    conversations: u64,
    /// The prompts that each team has sent.
    prompts: [u64; TEAMS.len()],
    /// How many conversations there were when a comment was last written.
    written: BTreeMap<&'static str, u64>,
}

/// The first customer's id at X, and how many of the first customers want no prompts.
const FIRST_PERSON: u64 = 343_500_000_000;
const OPTED_OUT: u64 = 40;

impl Business {
    pub fn of(seed: u64) -> Self {
        Self {
            chance: Chance::of(seed, &["the past of a business"]),
            decks: BTreeMap::new(),
            owed: [0.5; TEAMS.len()],
            recent: Vec::new(),
            people: OPTED_OUT,
            conversations: 0,
            prompts: [0; TEAMS.len()],
            written: BTreeMap::new(),
        }
    }

    /// The customers who want no prompts.
    pub fn opted_out() -> impl Iterator<Item = u64> {
        (0..OPTED_OUT).map(|number| FIRST_PERSON + number)
    }

    fn deal(&mut self, name: DeckName, counts: &[u8]) -> usize {
        self.decks.entry(name).or_default().deal(counts, &mut self.chance)
    }

    /// The conversations that close on a day, in their order. Days of the week count from Monday.
    pub fn day(&mut self, weekday: usize) -> Vec<ClosingConversation> {
        let mut all = Vec::new();
        for (place, team) in TEAMS.iter().enumerate() {
            self.owed[place] += f64::from(team.closes) / 28.0 * WEEKDAYS[weekday];
            while self.owed[place] >= 1.0 {
                self.owed[place] -= 1.0;
                all.push(self.conversation(place));
            }
        }
        all.sort_by_key(|conversation| conversation.at);
        let of_week = all.len() * 6;
        self.recent.drain(..self.recent.len().saturating_sub(of_week));
        all
    }

    /// A conversation of any team, as many of each as it has.
    pub fn next(&mut self) -> ClosingConversation {
        let shares = TEAMS.each_ref().map(|team| u8::try_from(team.closes / 8).unwrap_or(u8::MAX));
        let team = self.deal(("team", 0), &shares);
        self.conversation(team)
    }

    fn conversation(&mut self, place: usize) -> ClosingConversation {
        let team = &TEAMS[place];
        let is_tiny = team.closes < TINY;
        let (person, language) = self.customer(is_tiny);
        let closed_by = match self.deal(("closed by", place), &[20, 1, 1]) {
            1 if !is_tiny => ClosedBy::Bot,
            2 if !is_tiny => ClosedBy::Auto,
            _ => ClosedBy::Agent,
        };
        let hindrance = match self.deal(("fate", place), &[54, 1, 5]) {
            1 if !is_tiny => Hindrance::Late,
            2 if !is_tiny => Hindrance::CannotDm,
            _ => Hindrance::Nothing,
        };
        let mut tags = vec![pick(team.tags, &mut self.chance).to_owned()];
        if !is_tiny && self.deal(("vip", place), &[6, 1]) == 1 {
            tags.push(VIP.to_owned());
        }
        let source = SOURCES[self.deal(("source", 0), &[3, 1])];
        // More of the day's conversations close about noon than in the morning and the evening.
        let half = |chance: &mut Chance| chance.between(Duration::ZERO, 7 * HOUR);
        let at = 7 * HOUR + half(&mut self.chance) + half(&mut self.chance);
        self.conversations += 1;
        ClosingConversation {
            id: format!("talk-{}", 10_000 + self.conversations),
            person,
            source,
            notice: Notice {
                agent: Some(pick(team.agents, &mut self.chance).to_owned()),
                team: Some(team.name.to_owned()),
                tags,
                language: Some(language.code().to_owned()),
                first_name: Some(pick(first_names(language), &mut self.chance).to_owned()),
                closed_by: Some(closed_by),
                ..Notice::default()
            },
            language,
            hindrance,
            at,
            team: place,
        }
    }

    /// A new customer, one of the last days, or one who wants no prompts.
    fn customer(&mut self, is_new: bool) -> (u64, Language) {
        let language = Language::ALL[self.deal(("language", 0), &[12, 5, 3])];
        match self.deal(("customer", 0), &[55, 5, 1]) {
            1 if !is_new && !self.recent.is_empty() => pick(&self.recent, &mut self.chance),
            2 if !is_new => (FIRST_PERSON + self.chance.below(OPTED_OUT), language),
            _ => {
                self.people += 1;
                let person = FIRST_PERSON + self.people;
                self.recent.push((person, language));
                (person, language)
            }
        }
    }

    /// What becomes of a prompt that was sent `days` days before today. `None`: nobody answers.
    pub fn reply(
        &mut self,
        to: &ClosingConversation,
        kind: SurveyType,
        days: i32,
    ) -> Option<GivenAnswer> {
        let (place, team) = (to.team, &TEAMS[to.team]);
        self.prompts[place] += 1;
        let answers = match team.closes < TINY {
            true => matches!(self.prompts[place] % 5, 1 | 3),
            false => self.deal(("answered", place), &[13, 9]) == 1,
        };
        if !answers {
            return None;
        }
        let is_worse = team.name == WORSE && days <= WORSE_FOR;
        let score = match (kind, is_worse) {
            (SurveyType::Csat, false) => 1 + self.deal(("csat", place), &team.csat),
            (SurveyType::Csat, true) => 1 + self.deal(("worse csat", place), &WORSE_CSAT),
            (SurveyType::Nps, false) => self.deal(("nps", place), &NPS),
            (SurveyType::Nps, true) => self.deal(("worse nps", place), &WORSE_NPS),
        };
        let minutes = pick(&WAITS, &mut self.chance);
        let after = self.chance.between(minutes * MINUTE * 3 / 4, minutes * MINUTE * 5 / 4);
        let score = u8::try_from(score).expect("a score is small");
        let comment = self.comment(to, kind, score);
        Some(GivenAnswer { after, score, comment })
    }

    /// One of five happy people writes a comment, and two of five of the others.
    fn comment(
        &mut self,
        to: &ClosingConversation,
        kind: SurveyType,
        score: u8,
    ) -> Option<(Duration, &'static str)> {
        let mood = Mood::ALL.into_iter().find(|mood| mood.scores(kind).contains(&score));
        let mood = mood.expect("each score of a type makes a mood");
        let writes = match mood {
            Mood::Happy => self.deal(("content writes", 0), &[4, 1]),
            Mood::Middling | Mood::Unhappy => self.deal(("grumbler writes", 0), &[3, 2]),
        };
        let text = if writes == 1 { self.words(to, mood)? } else { return None };
        Some((self.chance.between(10 * SECOND, 4 * MINUTE), text))
    }

    /// What was written the longest ago of all that fits.
    fn words(&mut self, to: &ClosingConversation, mood: Mood) -> Option<&'static str> {
        let team = &TEAMS[to.team];
        let fits = |topic: Topic| match (mood, team.topic) {
            // Who is unhappy about money says so.
            (Mood::Unhappy, Topic::Money) => topic == Topic::Money,
            (_, of_team) => topic == Topic::Any || topic == of_team,
        };
        let all = comments::of(to.language, mood).iter();
        let fitting = all.filter(|comment| fits(comment.topic)).map(|comment| comment.text);
        let text = fitting.min_by_key(|text| {
            (self.written.get(text).copied().unwrap_or(0), self.chance.draw())
        })?;
        self.written.insert(text, self.conversations);
        Some(text)
    }
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The conversations of all days, from a Monday on.
    fn all(seed: u64) -> Vec<ClosingConversation> {
        let mut business = Business::of(seed);
        let days = usize::try_from(DAYS).unwrap();
        (0..days).flat_map(|day| business.day(day % 7)).collect()
    }

    #[test]
    fn the_business_has_eight_teams_and_twenty_five_agents_of_their_own() {
        let agents: Vec<&str> = TEAMS.iter().flat_map(|team| team.agents).copied().collect();
        assert_eq!((TEAMS.len(), agents.len()), (8, 25));
        assert_eq!(agents.iter().collect::<BTreeSet<_>>().len(), 25);
        assert_eq!(TEAMS.iter().filter(|team| team.closes < TINY).count(), 2);
    }

    #[test]
    fn the_same_seed_gives_the_same_business_and_another_seed_another() {
        let told = |seed| format!("{:?}", all(seed));
        assert_eq!(told(1), told(1));
        assert_ne!(told(1), told(2));
    }

    #[test]
    fn a_team_closes_as_much_in_any_four_weeks() {
        for (team, closes) in TEAMS.iter().map(|team| (team.name, team.closes)) {
            let of_team = |of: &&ClosingConversation| of.notice.team.as_deref() == Some(team);
            let count = all(3).iter().filter(of_team).count();
            assert!(count.abs_diff(closes as usize * 4) <= 1, "{team}: {count}");
        }
    }

    #[test]
    fn dealt_scores_have_the_shares_that_are_set_whatever_the_seed() {
        for seed in 0..20 {
            let (mut deck, mut chance) = (Deck::default(), Chance::of(seed, &[]));
            let dealt: Vec<usize> = (0..50).map(|_| deck.deal(&WORSE_CSAT, &mut chance)).collect();
            for (score, count) in WORSE_CSAT.iter().enumerate() {
                let found = dealt.iter().filter(|dealt| **dealt == score).count();
                assert_eq!(found, 2 * usize::from(*count), "seed {seed}, score {score}");
            }
        }
    }

    #[test]
    fn a_tiny_team_stays_below_the_floor_in_any_four_weeks() {
        for seed in 0..20 {
            let mut business = Business::of(seed);
            let mut answers: Vec<(i32, usize)> = Vec::new();
            for day in 0..DAYS {
                for of in business.day(usize::try_from(day % 7).unwrap()) {
                    let is_answered = business.reply(&of, SurveyType::Csat, DAYS - day).is_some();
                    if is_answered && TEAMS[of.team].closes < TINY {
                        answers.push((day, of.team));
                    }
                }
            }
            for (first, team) in &answers {
                let within = answers
                    .iter()
                    .filter(|(day, of)| of == team && (*first..first + 28).contains(day))
                    .count();
                assert!(within < 5, "seed {seed}: {within} answers from day {first} on");
            }
        }
    }
}
