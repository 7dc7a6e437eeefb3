//! Draws: a number from 0 to 1 that an identity always has. Everything left to chance is decided by
//! one. A repeated decision therefore comes out alike after a restart and on another machine.
//!
//! Every kind of draw has a salt of its own. A person in the sample is then no likelier to be in
//! the holdout.

use crate::domain::id::{ConversationId, UserId};
use crate::domain::time::Millis;

/// A survey is drawn by the close that made it. A conversation that closes again after its survey
/// is drawn again. A survey that is moved to a later close is not.
#[derive(Clone, Copy, Debug)]
pub struct Drawn<'a> {
    pub account: &'a str,
    pub conversation_id: &'a ConversationId,
    pub first_closed_at: Millis,
}

impl Drawn<'_> {
    fn by(self, salt: &[u8]) -> f64 {
        let names = [salt, self.account.as_bytes(), self.conversation_id.as_str().as_bytes()];
        draw(&names, &self.first_closed_at.0.to_be_bytes())
    }
}

/// The draw that decides if a survey falls into the sample.
pub fn of_sample(survey: Drawn) -> f64 {
    survey.by(b"sample")
}

/// The draw that decides if a person is never asked. It depends on the person and the throttle
/// group. Somebody asked by a sister account would be no basis for comparison.
pub fn of_holdout(throttle_group: &str, person: &UserId) -> f64 {
    draw(&[b"holdout", throttle_group.as_bytes(), person.as_str().as_bytes()], &[])
}

/// The draw that decides which variant a person always meets.
pub fn of_variant(account: &str, person: &UserId) -> f64 {
    draw(&[b"variant", account.as_bytes(), person.as_str().as_bytes()], &[])
}

/// The draw that decides if a survey is asked while there are too many. It depends on the survey
/// alone, and so not on the hour.
pub fn of_pacing(survey: Drawn) -> f64 {
    survey.by(b"pacing")
}

/// The number of an identity. The numbers are even over all identities.
pub(super) fn draw(names: &[&[u8]], number: &[u8]) -> f64 {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    for name in names {
        context.update(name);
        context.update(&[0]);
    }
    context.update(number);
    let digest = context.finish();
    let mut first = [0_u8; 8];
    first.copy_from_slice(&digest.as_ref()[..8]);
    // A double holds at most 53 bits exactly.
    (u64::from_be_bytes(first) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNT: usize = 20_000;
    /// Five standard deviations of a share of one half among so many.
    const BOUND: f64 = 5.0 * 0.5 / 141.4;

    /// A number drawn by the n-th conversation.
    fn by(n: usize, of: fn(Drawn) -> f64) -> f64 {
        let conversation_id = &ConversationId::parse(&format!("c-{n}")).unwrap();
        of(Drawn { account: "acme", conversation_id, first_closed_at: Millis(n as i64) })
    }

    fn person(n: usize) -> UserId {
        UserId::parse(&(343_434_000_000 + n).to_string()).unwrap()
    }

    fn share(mut is_in: impl FnMut(usize) -> bool) -> f64 {
        (0..COUNT).filter(|n| is_in(*n)).count() as f64 / COUNT as f64
    }

    #[test]
    fn every_share_is_met_and_stays_as_it_is() {
        for wanted in [0.0, 0.05, 0.3, 0.5, 0.9, 1.0] {
            let draws: [&dyn Fn(usize) -> f64; 4] = [
                &|n| by(n, of_sample),
                &|n| of_holdout("acme", &person(n)),
                &|n| of_variant("acme", &person(n)),
                &|n| by(n, of_pacing),
            ];
            for draw in draws {
                let met = share(|n| draw(n) < wanted);
                assert!((met - wanted).abs() <= BOUND, "{met} instead of {wanted}");
                assert_eq!(met, share(|n| draw(n) < wanted));
                assert!(wanted > 0.0 || met == 0.0);
                assert!(wanted < 1.0 || met == 1.0);
            }
        }
    }

    #[test]
    fn one_draw_says_nothing_about_another() {
        let both = share(|n| by(n, of_sample) < 0.5 && by(n, of_pacing) < 0.5);
        assert!((both - 0.25).abs() <= BOUND, "{both}");
        let person_draws =
            share(|n| of_holdout("acme", &person(n)) < 0.5 && of_variant("acme", &person(n)) < 0.5);
        assert!((person_draws - 0.25).abs() <= BOUND, "{person_draws}");
        let accounts =
            share(|n| of_variant("acme", &person(n)) < 0.5 && of_variant("bolt", &person(n)) < 0.5);
        assert!((accounts - 0.25).abs() <= BOUND, "{accounts}");
    }

    #[test]
    fn a_draw_can_be_made_again_by_whoever_knows_the_names() {
        // The first 53 bits of SHA-256 over the names, each closed by a zero byte, and the instant.
        assert_eq!(by(7, of_sample), 0.4777114033914067);
    }
}
