use proptest::prelude::*;

use super::super::close::ClosedBy;
use super::super::id::{ConversationId, SurveyId};
use super::super::survey::{Reason, State};
use super::super::survey_type::SurveyType;
use super::decision::Verdict;
use super::quiet_hours::{QuietHours, zone};
use super::*;

const HOUR: Duration = Duration::from_secs(3600);

fn rules() -> Rules {
    Rules {
        delay: Duration::from_secs(300),
        expire_after: 12 * HOUR,
        throttle: 7 * DAY,
        throttle_group: "acme".into(),
        sample: 1.0,
        holdout: 0.0,
        daily_limit: 1000,
        daily_limit_per_user: 1,
        pacing: Pacing::Asap,
        mode: Mode::Live,
        quiet_hours: None,
        skip_closed_by: Vec::new(),
        min_agent_messages: 0,
        stale_after: None,
        rule: None,
        skip: false,
        variant: None,
    }
}

fn close(notice: Notice, closed_at: Millis) -> Close {
    Close {
        account: "acme".into(),
        source: "desk".into(),
        conversation_id: ConversationId::parse("c").unwrap(),
        user_id: UserId::parse("1").ok(),
        closed_at,
        precision: Default::default(),
        notice,
    }
}

fn survey(id: &str, close: Close) -> Survey {
    Survey {
        id: SurveyId::new(id),
        account: close.account,
        source: close.source,
        external_id: close.conversation_id.to_string(),
        conversation_id: close.conversation_id,
        user_id: close.user_id,
        kind: SurveyType::Csat,
        question_variant_id: 0,
        test: false,
        closed_at: close.closed_at,
        accepted_at: close.closed_at,
        due_at: close.closed_at,
        notice: close.notice,
        attempts: 0,
        state: State::Scheduled,
    }
}

/// The verdict at the close, and again at the moment of sending.
fn both(notice: Notice, rules: &Rules) -> (Verdict, Verdict) {
    let close = close(notice, Millis(0));
    let first = at_close(&close, rules, Millis(0), true).verdict();
    let survey = survey("s", close);
    (first, at_sending(&survey, rules, &History::default(), Millis(300_000)).verdict())
}

fn sending(rules: &Rules, history: &History, now: Millis) -> Ground {
    at_sending(&survey("s", close(Notice::default(), Millis(0))), rules, history, now)
}

#[test]
fn a_close_is_due_after_the_delay_and_expires_in_time() {
    let close = close(Notice::default(), Millis(0));
    let due_at = Millis(300_000);
    let at = |now| {
        let decided = at_close(&close, &rules(), now, true);
        assert_eq!(decided.due_at, due_at);
        decided.verdict()
    };
    assert_eq!(at(Millis(10)), Verdict::Schedule { due_at });
    assert_eq!(at(Millis(0).plus(12 * HOUR)), Verdict::Schedule { due_at });
    assert_eq!(at(Millis(1).plus(12 * HOUR)), Verdict::Expire);
}

#[test]
fn what_stands_against_a_close_is_found_at_once_and_again() {
    let auto = Notice { closed_by: Some(ClosedBy::Auto), ..Notice::default() };
    let brief = Notice { agent_messages: Some(1), ..Notice::default() };
    let last =
        |ago: Duration| Notice { last_message_at: Some(Millis(0).minus(ago)), ..Notice::default() };
    let no_auto = Rules { skip_closed_by: vec![ClosedBy::Auto, ClosedBy::Bulk], ..rules() };
    let two = Rules { min_agent_messages: 2, ..rules() };
    let fresh = Rules { stale_after: Some(7 * DAY), ..rules() };
    let due = Verdict::Schedule { due_at: Millis(300_000) };
    for (notice, rules, reason) in [
        (Notice::default(), Rules { skip: true, ..rules() }, Some(Reason::Rule)),
        (auto.clone(), no_auto.clone(), Some(Reason::ClosedBy)),
        (auto, rules(), None),
        (Notice::default(), no_auto, None),
        (brief.clone(), two.clone(), Some(Reason::NoSubstance)),
        (Notice { agent_messages: Some(2), ..brief }, two.clone(), None),
        (Notice::default(), two, None),
        (last(8 * DAY), fresh.clone(), Some(Reason::Stale)),
        (last(7 * DAY), fresh.clone(), None),
        (Notice::default(), fresh, None),
        (Notice::default(), Rules { sample: 0.0, ..rules() }, Some(Reason::SampledOut)),
        (Notice::default(), Rules { holdout: 1.0, ..rules() }, Some(Reason::Holdout)),
    ] {
        let expected = match reason {
            Some(reason) => (Verdict::Suppress(reason), Verdict::Suppress(reason)),
            None => (due, Verdict::Send),
        };
        assert_eq!(both(notice.clone(), &rules), expected, "{notice:?}");
    }
}

#[test]
fn a_person_is_left_alone_until_the_throttle_has_passed() {
    let history = History { last_to_person: Some(Millis(0)), ..History::default() };
    let at = |now: Millis| sending(&rules(), &history, now).verdict();
    let last = Millis(0).plus(7 * DAY).minus(Duration::from_millis(1));
    assert_eq!(at(last), Verdict::Suppress(Reason::Throttled));
    assert_eq!(at(Millis(0).plus(7 * DAY)), Verdict::Send);
}

#[test]
fn without_a_throttle_a_prompt_that_may_still_go_out_stands_against_nothing() {
    let rules = Rules { throttle: Duration::ZERO, daily_limit_per_user: 5, ..rules() };
    let history = History {
        last_to_person: Some(Millis(60_000)),
        is_last_uncertain: true,
        day_to_person: 1,
        ..History::default()
    };
    assert_eq!(sending(&rules, &history, Millis(5)).verdict(), Verdict::Send);
}

#[test]
fn without_a_throttle_the_limit_of_the_day_still_holds() {
    let rules = Rules { throttle: Duration::ZERO, ..rules() };
    let history =
        History { last_to_person: Some(Millis(0)), day_to_person: 1, ..History::default() };
    assert_eq!(
        sending(&rules, &history, Millis(5)).verdict(),
        Verdict::Suppress(Reason::Throttled)
    );
}

#[test]
fn a_full_day_waits_for_its_oldest_prompt() {
    let history =
        History { day_of_account: 1000, oldest_of_day: Some(Millis(7)), ..History::default() };
    let decided = sending(&rules(), &history, Millis(50)).verdict();
    assert_eq!(decided, Verdict::Wait { until: Millis(7).plus(DAY) });
}

#[test]
fn whoever_has_opted_out_is_not_asked_whatever_else_is_so() {
    let out = OptedOut { opted_out_at: Millis(3), account: None, why: Some("asked to".into()) };
    let history = History {
        opted_out: Some(out.clone()),
        last_to_person: Some(Millis(0)),
        ..History::default()
    };
    assert_eq!(sending(&rules(), &history, Millis(5)), Ground::OptedOut(out));
}

#[test]
fn a_quiet_hour_is_waited_for_and_said_in_whose_zone() {
    let quiet_hours = Some(QuietHours {
        from: jiff::civil::time(21, 0, 0, 0),
        to: jiff::civil::time(8, 0, 0, 0),
        zone: zone("UTC").unwrap(),
    });
    let rules = Rules { quiet_hours, ..rules() };
    let now = Millis(0);
    let decided = sending(&rules, &History::default(), now);
    assert_eq!(decided.verdict(), Verdict::Wait { until: Millis(0).plus(8 * HOUR) });
    let in_tokyo = Notice { time_zone: Some("Asia/Tokyo".into()), ..Notice::default() };
    let there = survey("s", close(in_tokyo, now));
    assert_eq!(at_sending(&there, &rules, &History::default(), now).verdict(), Verdict::Send);
    let night = at_sending(&there, &rules, &History::default(), now.plus(13 * HOUR));
    assert_eq!(
        night,
        Ground::QuietHours {
            from: "21:00".into(),
            to: "08:00".into(),
            time_zone: "Asia/Tokyo".into(),
            until: Millis(0).plus(23 * HOUR),
        }
    );
}

#[test]
fn a_survey_is_drawn_for_the_even_pace_once() {
    let rules = Rules { pacing: Pacing::Even, daily_limit: 1, ..rules() };
    let crowd = History { demand: 1_000_000, ..History::default() };
    let left_out = sending(&rules, &crowd, Millis(5));
    assert_eq!(left_out.verdict(), Verdict::Suppress(Reason::Budget));
    let drawn = History { is_paced: true, ..crowd };
    assert_eq!(sending(&rules, &drawn, Millis(5)).verdict(), Verdict::Send);
    let alone = sending(&rules, &History::default(), Millis(5));
    let Ground::Clear(Clear { pace: Some(pace), .. }) = alone else { panic!("{alone:?}") };
    assert_eq!((pace.p, pace.demand), (1.0, 1));
}

/// A close of somebody with one of a few accounts, in minutes from the beginning.
type Came = (u64, usize, i64);

proptest! {
    #[test]
    fn a_throttle_is_never_broken_by_any_order_of_closes_accounts_and_types(
        closes in prop::collection::vec((0..3_u64, 0..3_usize, 0..40_i64 * 60), 1..80),
        throttles in prop::array::uniform3(0..10_u64),
        groups in prop::array::uniform3(0..2_usize),
        per_user in 1..3_u32,
    ) {
        let mut closes: Vec<Came> = closes;
        closes.sort_by_key(|(_, _, minute)| *minute);
        let mut sent: Vec<(u64, usize, Millis)> = Vec::new();
        for (person, account, minute) in closes {
            let now = Millis(minute * 60_000);
            let rules = Rules {
                throttle: HOUR * u32::try_from(throttles[account]).unwrap(),
                throttle_group: format!("group-{}", groups[account]),
                daily_limit_per_user: per_user,
                ..rules()
            };
            let of_person = || sent.iter().filter(|(to, _, _)| *to == person);
            let of_group =
                |from: usize| groups[from] == groups[account] || from == account;
            let history = History {
                last_to_person:
                    of_person().filter(|(_, from, _)| of_group(*from)).map(|(_, _, at)| *at).max(),
                day_to_person: u32::try_from(
                    of_person()
                        .filter(|(_, from, at)| *from == account && now < at.plus(DAY))
                        .count(),
                ).unwrap(),
                ..History::default()
            };
            let closed = survey("s", close(Notice::default(), now));
            if at_sending(&closed, &rules, &history, now).verdict() == Verdict::Send {
                for (_, from, at) in of_person() {
                    prop_assert!(
                        !of_group(*from) || now >= at.plus(rules.throttle),
                        "asked at {at:?} and again at {now:?}"
                    );
                }
                sent.push((person, account, now));
            }
        }
    }
}
