//! A decision in one sentence for `surveyd explain` and `surveyd surveys show`.

use super::decision::{Clear, DayPace, Decision, DryRun, Ground, Throttled};
use crate::domain::time::Millis;

/// Renders a decision such as `throttled: prompted 3 days ago, throttle 7 d`.
pub fn words(decision: &Decision) -> String {
    let at = decision.at;
    match &decision.ground {
        Ground::Due { due_at, delay_ms } => {
            format!("due {}, delay {}", due_at.rfc3339(), length(*delay_ms))
        }
        Ground::Clear(clear) => clear_words(at, clear),
        Ground::DryRun(DryRun { kind, question_variant_id, test, clear }) => {
            let test = if *test { ", test" } else { "" };
            format!(
                "dry_run: not sent; a live account would have sent {} question \
                 {question_variant_id}{test}: {}",
                kind.as_str(),
                clear_words(at, clear)
            )
        }
        Ground::Late { closed_at, expire_after_ms } => format!(
            "expired: closed {} ago, expire_after {}",
            ago(at, *closed_at),
            length(*expire_after_ms)
        ),
        Ground::NoXId => "no_x_id: the help desk did not tell the person's id at X".to_owned(),
        Ground::Forgotten => "forgotten: the person was erased, and is not asked again".to_owned(),
        Ground::Rule => "rule: it says skip".to_owned(),
        Ground::ClosedBy { closed_by } => {
            format!("closed_by: closed by {closed_by}, which skip_closed_by names")
        }
        Ground::NoSubstance { agent_messages, min_agent_messages } => format!(
            "no_substance: messages from the agent {agent_messages}, min_agent_messages \
             {min_agent_messages}"
        ),
        Ground::Stale { last_message_at, closed_at, stale_after_ms } => format!(
            "stale: last message {} before the close, stale_after {}",
            ago(*closed_at, *last_message_at),
            length(*stale_after_ms)
        ),
        Ground::OptedOut(out) => {
            let from = out.account.as_ref().map_or("all accounts".to_owned(), |a| a.clone());
            let why = out.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            format!("opted_out: of {from} since {}{why}", out.opted_out_at.rfc3339())
        }
        Ground::Holdout { share, draw } => {
            format!("holdout: the person drew {draw:.4}, holdout {share}")
        }
        Ground::SampledOut { share, draw } => {
            format!("sampled_out: drew {draw:.4}, sample {share}")
        }
        Ground::Throttled(throttled) => throttled_words(at, throttled),
        Ground::QuietHours { from, to, time_zone, until } => {
            format!("quiet_hours: {from} to {to} in {time_zone}, waits until {}", until.rfc3339())
        }
        Ground::Budget(pace) => format!("budget: {}", pace_words(pace)),
        Ground::DayFull { prompts_of_day, daily_limit, until, .. } => format!(
            "day_full: {prompts_of_day} of {daily_limit} prompts of the day, waits until {}",
            until.rfc3339()
        ),
        Ground::XLimit { until } => {
            format!("x_limit: X takes no prompt now, waits until {}", until.rfc3339())
        }
        Ground::AccountPaused { .. } => {
            "account_paused: the account is paused, waits until it works again".to_owned()
        }
        Ground::Held { until } => format!(
            "held: the clock or a restored backup holds it, looked at again at {}",
            until.rfc3339()
        ),
    }
}

fn clear_words(at: Millis, clear: &Clear) -> String {
    let asked = match clear.last_prompt_at {
        Some(last) if clear.is_last_dry => {
            format!("last would have been prompted {} ago", ago(at, last))
        }
        Some(last) => format!("last prompted {} ago", ago(at, last)),
        None => "no prompt to the person on record".to_owned(),
    };
    let mut words = format!(
        "may be asked: {asked}, throttle {}; {} of {} prompts of the day",
        length(clear.throttle_ms),
        clear.prompts_of_day,
        clear.daily_limit
    );
    if let Some([share, draw]) = clear.sample {
        words += &format!("; sample {share}, drew {draw:.4}");
    }
    if let Some(pace) = &clear.pace {
        words += &format!("; {}", pace_words(pace));
    }
    words
}

fn throttled_words(at: Millis, throttled: &Throttled) -> String {
    let Throttled { last_prompt_at, throttle_ms, throttle_group, .. } = throttled;
    let is_day_full = throttled.prompts_of_day >= throttled.daily_limit_per_user;
    // The decision was made by X's clock, but `at` is by surveyd's. If the day's limit was not
    // reached, it was the throttle.
    let is_within = |last: &Millis| {
        *throttle_ms > 0 && (!is_day_full || at.0 < last.0.saturating_add(*throttle_ms))
    };
    match last_prompt_at.filter(is_within) {
        Some(last) if throttled.is_uncertain => format!(
            "throttled: a prompt of {} ago, of which it was not known yet whether it went out, \
             counts; throttle {} (group {throttle_group})",
            ago(at, last),
            length(*throttle_ms)
        ),
        Some(last) => format!(
            "throttled: {} {} ago, throttle {} (group {throttle_group})",
            if throttled.is_dry { "would have been prompted" } else { "prompted" },
            ago(at, last),
            length(*throttle_ms)
        ),
        None => format!(
            "throttled: {} prompt{} to the person in 24 h, daily_limit_per_user {}",
            throttled.prompts_of_day,
            if throttled.prompts_of_day == 1 { "" } else { "s" },
            throttled.daily_limit_per_user
        ),
    }
}

fn pace_words(pace: &DayPace) -> String {
    format!(
        "drew {:.4}, asked below {:.4} ({} due in 24 h, daily_limit {})",
        pace.draw, pace.p, pace.demand, pace.daily_limit
    )
}

const UNITS: [(&str, &str, u64); 4] = [
    ("day", "d", 86_400_000),
    ("hour", "h", 3_600_000),
    ("minute", "min", 60_000),
    ("second", "s", 1_000),
];

/// A length in the largest unit that it reaches: `3 days`.
fn ago(now: Millis, then: Millis) -> String {
    let passed_ms = u64::try_from(now.since(then).as_millis()).unwrap_or(u64::MAX);
    let (name, _, unit_ms) =
        UNITS.into_iter().find(|(_, _, unit_ms)| passed_ms >= *unit_ms).unwrap_or(UNITS[3]);
    let count = passed_ms / unit_ms;
    format!("{count} {name}{}", if count == 1 { "" } else { "s" })
}

/// A configured length in the largest unit that divides it: `7 d`.
fn length(length_ms: i64) -> String {
    let length_ms = u64::try_from(length_ms).unwrap_or(0);
    let whole = UNITS.into_iter().find(|(_, _, ms)| length_ms > 0 && length_ms.is_multiple_of(*ms));
    match whole {
        Some((_, unit, unit_ms)) => format!("{} {unit}", length_ms / unit_ms),
        None if length_ms == 0 => "0 s".to_owned(),
        None => format!("{length_ms} ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::survey_type::SurveyType;

    const NOW: Millis = Millis(1_795_334_400_000);
    const DAY: i64 = 86_400_000;

    fn said(ground: Ground) -> String {
        words(&Decision { at: NOW, rule: None, variant: None, ground })
    }

    fn throttled(days: i64, throttle_ms: i64) -> Ground {
        Ground::Throttled(Throttled {
            last_prompt_at: Some(Millis(NOW.0 - days * DAY)),
            is_uncertain: false,
            is_dry: false,
            throttle_ms,
            throttle_group: "acme".into(),
            prompts_of_day: 1,
            daily_limit_per_user: 1,
        })
    }

    #[test]
    fn the_numbers_are_said() {
        assert_eq!(
            said(throttled(3, 7 * DAY)),
            "throttled: prompted 3 days ago, throttle 7 d (group acme)"
        );
        assert_eq!(
            said(throttled(0, 0)),
            "throttled: 1 prompt to the person in 24 h, daily_limit_per_user 1"
        );
        // Decided by X's clock, which stood a little behind.
        let just_over = Ground::Throttled(Throttled {
            last_prompt_at: Some(Millis(NOW.0 - 7 * DAY - 1)),
            is_uncertain: false,
            is_dry: false,
            throttle_ms: 7 * DAY,
            throttle_group: "acme".into(),
            prompts_of_day: 0,
            daily_limit_per_user: 1,
        });
        assert_eq!(said(just_over), "throttled: prompted 7 days ago, throttle 7 d (group acme)");
        assert_eq!(
            said(Ground::Late { closed_at: Millis(NOW.0 - DAY), expire_after_ms: DAY / 2 }),
            "expired: closed 1 day ago, expire_after 12 h"
        );
        assert_eq!(
            said(Ground::Budget(DayPace { p: 1.0 / 3.0, draw: 0.5, demand: 30, daily_limit: 10 })),
            "budget: drew 0.5000, asked below 0.3333 (30 due in 24 h, daily_limit 10)"
        );
        assert_eq!(
            said(Ground::QuietHours {
                from: "21:00".into(),
                to: "08:00".into(),
                time_zone: "Europe/Madrid".into(),
                until: NOW
            }),
            "quiet_hours: 21:00 to 08:00 in Europe/Madrid, waits until 2026-11-22T08:00:00.000Z"
        );
    }

    #[test]
    fn what_a_dry_run_did_not_send_is_said_as_not_sent() {
        let clear = Clear {
            throttle_ms: 7 * DAY,
            last_prompt_at: None,
            is_last_dry: false,
            prompts_of_day: 3,
            daily_limit: 1_000,
            sample: None,
            pace: None,
        };
        let would = |clear| {
            said(Ground::DryRun(DryRun {
                kind: SurveyType::Csat,
                question_variant_id: 12,
                test: true,
                clear,
            }))
        };
        assert_eq!(
            would(clear.clone()),
            "dry_run: not sent; a live account would have sent csat question 12, test: may be \
             asked: no prompt to the person on record, throttle 7 d; 3 of 1000 prompts of the day"
        );
        let last_prompt_at = Some(Millis(NOW.0 - 8 * DAY));
        let again = would(Clear { last_prompt_at, is_last_dry: true, ..clear });
        assert!(again.contains("last would have been prompted 8 days ago"), "{again}");
        let Ground::Throttled(throttled) = throttled(3, 7 * DAY) else { unreachable!() };
        assert_eq!(
            said(Ground::Throttled(Throttled { is_dry: true, ..throttled })),
            "throttled: would have been prompted 3 days ago, throttle 7 d (group acme)"
        );
    }

    #[test]
    fn lengths_are_said_as_people_say_them() {
        assert_eq!(
            (length(0), length(90_000), length(DAY)),
            ("0 s".into(), "90 s".into(), "1 d".into())
        );
        assert_eq!(ago(NOW, Millis(NOW.0 - 90_000)), "1 minute");
        assert_eq!(ago(NOW, NOW), "0 seconds");
    }
}
