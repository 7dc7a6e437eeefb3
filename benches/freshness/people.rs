//! Simulated people: when prompts go out, who answers, how soon.

/// SplitMix64: the same seed, the same people.
pub struct Dice(pub u64);

impl Dice {
    /// Even from 0 to 1.
    pub fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let (one, other) = (1.0 - self.share(), self.share());
        (-2.0 * one.ln()).sqrt() * (std::f64::consts::TAU * other).cos()
    }
}

/// How long people take, in minutes. None of them is the default that the schedule starts from.
#[derive(Clone, Copy, Debug)]
pub enum Takes {
    LogNormal {
        median: f64,
        spread: f64,
    },
    Exponential {
        mean: f64,
    },
    /// Heavy-tailed: a stretched exponential.
    Weibull {
        scale: f64,
        shape: f64,
    },
    /// Some at once, the others at their next look.
    Two {
        soon: f64,
        later: f64,
        share: f64,
    },
}

impl Takes {
    pub fn draw(self, dice: &mut Dice) -> f64 {
        match self {
            Self::LogNormal { median, spread } => median * (spread * dice.normal()).exp(),
            Self::Exponential { mean } => -mean * (1.0 - dice.share()).ln(),
            Self::Weibull { scale, shape } => {
                scale * (-(1.0 - dice.share()).ln()).powf(1.0 / shape)
            }
            Self::Two { soon, later, share } => {
                let median = if dice.share() < share { soon } else { later };
                median * dice.normal().exp()
            }
        }
    }
}

/// When prompts go out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Hours {
    /// Around the clock, evenly.
    All,
    /// From 8 to 22 o'clock, most in the middle of the day.
    Long,
    /// From 8 to 20 o'clock, most in the middle of the day.
    Office,
}

impl Hours {
    /// An instant of a day, in minutes.
    pub fn draw(self, dice: &mut Dice) -> f64 {
        let (from, to) = match self {
            Self::All => return 1_440.0 * dice.share(),
            Self::Long => (480.0, 1_320.0),
            Self::Office => (480.0, 1_200.0),
        };
        loop {
            let place = dice.share();
            let height = 0.5 + 0.5 * (std::f64::consts::PI * place).sin();
            if dice.share() < height {
                return from + (to - from) * place;
            }
        }
    }
}

/// A business and those whom it asks.
#[derive(Clone, Copy, Debug)]
pub struct Public {
    pub prompts_a_day: u32,
    pub hours: Hours,
    /// Who answers.
    pub share: f64,
    pub takes: Takes,
}

/// One prompt and what becomes of it, in milliseconds since the beginning.
#[derive(Clone, Copy, Debug)]
pub struct Life {
    pub sent_at: i64,
    pub score_at: Option<i64>,
    pub comment_at: Option<i64>,
}

/// Who comments, of those who answer; and of these, whose comment comes with the score.
const COMMENTED: f64 = 0.4;
const TOGETHER: f64 = 0.25;
/// How long the others take, in minutes.
const COMMENTING: Takes = Takes::Exponential { mean: 3.0 };

impl Public {
    /// All prompts of so many days, in the order in which they go out.
    pub fn lives(&self, days: u32, dice: &mut Dice) -> Vec<Life> {
        let millis = |minutes: f64| (minutes * 60_000.0).min(1e15) as i64;
        let mut lives = Vec::new();
        for day in 0..days {
            for _ in 0..self.prompts_a_day {
                let sent_at = millis(1_440.0 * f64::from(day) + self.hours.draw(dice));
                let answers = dice.share() < self.share;
                let score_at = answers.then(|| sent_at + millis(self.takes.draw(dice)));
                let comments = dice.share() < COMMENTED;
                let later = if dice.share() < TOGETHER { 0.0 } else { COMMENTING.draw(dice) };
                let comment_at = score_at.filter(|_| comments).map(|at| at + millis(later));
                lives.push(Life { sent_at, score_at, comment_at });
            }
        }
        lives.sort_by_key(|life| life.sent_at);
        lives
    }
}
