//! The obstacles of due surveys that were put off one by one.

use super::{Cause, Expiring, Facts, Obstacle, PutOff, PutOffReason, obstacle};

/// How many of the surveys expire before their wait ends, as the end of a sentence.
pub fn expire_before(put_off: &PutOff) -> String {
    let Some(Expiring { surveys, first_at }) = put_off.expiring else { return String::new() };
    let at = first_at.rfc3339();
    match (surveys, put_off.surveys) {
        (1, 1) => format!("; it expires before that, at {at}: it will not be asked"),
        (1, _) => format!("; one of them expires before that, at {at}: it will not be asked"),
        (many, _) => format!(
            "; {many} of them expire before that, the first at {at}: they will not be asked"
        ),
    }
}

pub fn of_put_off(facts: &Facts, put_off: &PutOff) -> Obstacle {
    let PutOff { why, surveys, since, until, expiring: _ } = *put_off;
    let at = until.rfc3339();
    let (they, wait, are) = match surveys {
        1 => ("one survey".to_owned(), "waits", "is"),
        many => (format!("{many} surveys"), "wait", "are"),
    };
    let of = format!("{they} of account {}", facts.account);
    let (cause, words) = match why {
        PutOffReason::Claimed => (
            Cause::Claimed,
            format!(
                "{of} {are} being worked on; where the daemon that took them has died, others take \
                 them over from {at}"
            ),
        ),
        PutOffReason::QuietHours => {
            (Cause::QuietHours, format!("{of} {wait} for the end of quiet hours, at {at}"))
        }
        PutOffReason::Tried => (
            Cause::XAway,
            format!("{of} {wait} for X, which gave no answer to the last try; the next is at {at}"),
        ),
        PutOffReason::PersonLimit => (
            Cause::PersonLimit,
            format!("{of} {wait} for X's limit of prompts to one person; the next try is at {at}"),
        ),
        PutOffReason::DayFull => {
            (Cause::DayFull, format!("{of} {wait} for room in the day's prompts, from {at}"))
        }
        PutOffReason::ClockAhead => (
            Cause::Clock,
            format!(
                "{of} {wait} until {at}, for this machine's clock ran ahead when it put them off: \
                 the daemon makes them due within five minutes"
            ),
        ),
        PutOffReason::ClocksApart => (
            Cause::Clock,
            format!(
                "{of} {wait} while the clocks of this machine and of X contradict each other; the \
                 next look is at {at}"
            ),
        ),
        PutOffReason::Other => {
            (Cause::PutOff, format!("{of} {are} put off; the next look is at {at}"))
        }
    };
    let words = words + &expire_before(put_off);
    let found = Obstacle { surveys, since, ..obstacle(facts, cause, words).until(until) };
    match why {
        PutOffReason::ClocksApart => found.act("Set the clock right: `timedatectl` shows it"),
        PutOffReason::Tried => found.remedy(WHAT_X_ANSWERED),
        _ => found,
    }
}

pub const WHAT_X_ANSWERED: &str =
    "What X answered stands in their histories (`surveyd explain`) and in the log (`survey.retry`)";
