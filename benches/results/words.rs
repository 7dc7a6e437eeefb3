//! What is drawn: numbers, and the words of comments.

/// SplitMix64: the same seed, the same draws.
pub struct Dice(pub u64);

impl Dice {
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Even from 0 to 1.
    pub fn share(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Even from 0 up to below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        ((self.share() * end as f64) as u64).min(end.saturating_sub(1))
    }

    /// One of `count` by Zipf: the second is half as frequent as the first, the third a third.
    pub fn zipf(&mut self, count: u64) -> u64 {
        let weight = |rank: u64| 1.0 / (rank + 1) as f64;
        let mut drawn = self.share() * (0..count).map(weight).sum::<f64>();
        for rank in 0..count {
            drawn -= weight(rank);
            if drawn < 0.0 {
                return rank;
            }
        }
        0
    }
}

const WORDS: &str = "the agent was kind and solved my problem quickly but I had to wait for an \
     hour before anyone answered then nobody knew about the order again thank you very much größe \
     señal déjà vu ☃ it works now please call me next time why is this so hard great help would \
     ask again";

/// A comment of 5 to 60 words.
pub fn comment(dice: &mut Dice) -> String {
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    let mut comment = String::new();
    for place in 0..5 + dice.below(56) {
        if place > 0 {
            comment.push(' ');
        }
        comment.push_str(words[dice.below(words.len() as u64) as usize]);
    }
    comment
}
