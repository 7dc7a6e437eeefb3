use std::path::Path;

use super::*;
use crate::config::{self, Environment};
use crate::domain::close::Notice;
use crate::domain::id::{FeedbackId, SurveyId, UserId};
use crate::domain::survey::{Delivery, Reason, State, Survey};
use crate::domain::survey_type::SurveyType;
use crate::store::{Further, Spent};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
/// 2026-09-21T14:13:20Z.
const START: i64 = 1_790_000_000_000;

fn at(ms: i64) -> Millis {
    Millis(START + ms)
}

/// The account acme with those lines, and with those in its survey.
fn config(account: &str, survey: &str) -> Config {
    let text = format!(
        r#"
[[accounts]]
name = "acme"
user_id = "1"
consumer_key = "k"
consumer_secret = "s"
access_token = "t"
access_token_secret = "s"
privacy_url = "https://acme.example/privacy"
{account}
[accounts.survey]
message = "How did we do?"
{survey}
"#
    );
    config::parse(&text, Path::new("surveyd.toml"), &Environment::default())
        .unwrap_or_else(|faults| panic!("{faults}"))
}

/// A close with acme that came in as it closed; its survey is where it is by the record.
fn closed(conversation: &str, person: u64, ms: i64, state: State) -> Recorded {
    let is_sent = matches!(state, State::Sent(_));
    Recorded {
        survey: Survey {
            id: SurveyId::new(conversation),
            account: "acme".into(),
            source: "desk".into(),
            conversation_id: ConversationId::parse(conversation).unwrap(),
            external_id: conversation.into(),
            user_id: UserId::parse(&person.to_string()).ok(),
            kind: SurveyType::Csat,
            question_variant_id: 0,
            test: false,
            closed_at: at(ms),
            accepted_at: at(ms),
            due_at: at(ms + 5 * MINUTE),
            notice: Notice::default(),
            attempts: u32::from(is_sent),
            state,
        },
        first_closed_at: Some(at(ms)),
        further: Vec::new(),
        spent: is_sent.then(|| Spent { at: at(ms + 5 * MINUTE), throttle_group: None }),
        dry: None,
        paced_at: None,
        is_begun: is_sent,
        cancelled_at: None,
        reopened_at: None,
        at_close: None,
        at_sending: None,
    }
}

fn sent() -> State {
    State::Sent(Delivery { sent_at: at(0), feedback_id: FeedbackId::new("9"), dm_id: None })
}

fn suppressed(reason: Reason) -> State {
    State::Suppressed(reason)
}

fn compared(config: &Config, from: i64, rows: Vec<Recorded>) -> Comparison {
    let mut replay = Replay::new(config, Vec::new(), at(from));
    for row in rows {
        replay.take(row);
    }
    replay.finish(at(30 * 24 * HOUR))
}

/// What would have become of each close that would have ended otherwise.
fn otherwise(compared: &Comparison) -> Vec<(&str, Fate)> {
    let all = compared.first.values();
    all.map(|difference| (difference.conversation_id.as_str(), difference.would.fate)).collect()
}

fn two_of_one_person() -> Vec<Recorded> {
    let again = closed("c-2", 7, 72 * HOUR, suppressed(Reason::Throttled));
    vec![closed("c-1", 7, 0, sent()), again]
}

#[test]
fn a_shorter_throttle_asks_whom_a_longer_one_left_out() {
    let compared = compared(&config("", "throttle = \"2d\""), 0, two_of_one_person());
    assert_eq!(otherwise(&compared), [("c-2", Fate::Sent)]);
    assert_eq!(compared.counts[&Fate::Sent], Sides { happened: 1, would: 2 });
    assert_eq!(
        compared.counts[&Fate::Suppressed(Reason::Throttled)],
        Sides { happened: 1, would: 0 }
    );
    assert_eq!((compared.closes, compared.assumed), (2, 1), "X has taken the first");
    let difference = &compared.first[&1];
    assert_eq!(difference.happened.words(policy::words), "throttled");
    assert_eq!(
        difference.would.words(policy::words),
        "sent: may be asked: last prompted 3 days ago, throttle 2 d; 0 of 1000 prompts of the day"
    );
    let course = &compared.courses[0];
    assert_eq!((course.prompts.would, course.most.would, course.days.len()), (2, 1, 2));
}

#[test]
fn a_configuration_that_did_the_same_would_do_the_same() {
    let compared = compared(&config("", ""), 0, two_of_one_person());
    assert_eq!((compared.differences, compared.assumed), (0, 0));
}

#[test]
fn a_dry_run_replays_as_it_was_and_would_be_sent_live() {
    let dry = |conversation, ms| {
        let row = closed(conversation, 7, ms, suppressed(Reason::DryRun));
        let dry = Some(Spent { at: at(ms + 5 * MINUTE), throttle_group: None });
        Recorded { dry, ..row }
    };
    let rows = || {
        let again = closed("c-2", 7, 72 * HOUR, suppressed(Reason::Throttled));
        vec![dry("c-1", 0), again]
    };
    for from in [0, HOUR] {
        let same = compared(&config("mode = \"dry\"", ""), from, rows());
        assert_eq!((same.differences, same.assumed), (0, 0), "from {from}");
    }
    let course = &compared(&config("mode = \"dry\"", ""), 0, rows()).courses[0];
    assert_eq!(course.prompts, Sides { happened: 1, would: 1 });
    let live = compared(&config("", ""), 0, rows());
    assert_eq!(otherwise(&live), [("c-1", Fate::Sent)]);
    assert_eq!(live.courses[0].prompts, Sides { happened: 0, would: 1 });
    let live = compared(&config("", ""), HOUR, rows());
    assert_eq!(otherwise(&live), [("c-2", Fate::Sent)], "nobody has prompted her");
    let was_live = compared(&config("mode = \"dry\"", ""), 0, vec![closed("c-1", 7, 0, sent())]);
    let fate = Fate::Suppressed(Reason::DryRun);
    assert_eq!(otherwise(&was_live), [("c-1", fate)]);
}

#[test]
fn prompts_of_before_the_beginning_throttle_and_are_not_counted() {
    let same = compared(&config("", ""), HOUR, two_of_one_person());
    assert_eq!((same.closes, same.differences), (1, 0));
    let course = &same.courses[0];
    assert_eq!(course.prompts, Sides::default());
    let shorter = compared(&config("", "throttle = \"2d\""), HOUR, two_of_one_person());
    assert_eq!(otherwise(&shorter), [("c-2", Fate::Sent)]);
}

#[test]
fn what_x_said_stands_where_it_would_be_asked_and_no_rule_forbids_it() {
    let rows = || {
        let failed =
            State::Failed(crate::domain::survey::Failure { code: Some(1), message: "no".into() });
        let failed = Recorded { is_begun: true, ..closed("c-2", 8, 0, failed) };
        vec![closed("c-1", 7, 0, suppressed(Reason::CannotDm)), failed]
    };
    let same = compared(&config("", "delay = \"1h\""), 0, rows());
    assert_eq!((same.differences, same.courses[0].prompts.would), (0, 0));
    let sampled = compared(&config("", "sample = 0.0"), 0, rows());
    let out = Fate::Suppressed(Reason::SampledOut);
    assert_eq!(otherwise(&sampled), [("c-1", out), ("c-2", out)]);
    assert_eq!(sampled.first[&1].happened.words(policy::words), "failed: code 1: no");
}

#[test]
fn a_further_close_moves_what_still_waits_and_follows_what_is_out() {
    let moved = || {
        let mut row = closed("c-1", 7, 0, sent());
        row.survey.closed_at = at(4 * MINUTE);
        row.further = vec![Further { closed_at: at(0), accepted_at: at(4 * MINUTE) }];
        vec![row]
    };
    let same = compared(&config("", ""), 0, moved());
    assert_eq!((same.closes, same.differences), (2, 0));
    assert_eq!(same.counts[&Fate::Merged], Sides { happened: 1, would: 1 });
    let sooner = compared(&config("", "delay = \"1m\""), 0, moved());
    let throttled = Fate::Suppressed(Reason::Throttled);
    assert_eq!(otherwise(&sooner), [("c-1", Fate::Sent), ("c-1", throttled)]);
    let apart = vec![
        closed("c-1", 7, 0, sent()),
        closed("c-1", 7, 10 * MINUTE, suppressed(Reason::Throttled)),
    ];
    let later = compared(&config("", "delay = \"15m\""), 0, apart);
    assert_eq!(otherwise(&later), [("c-1", Fate::Merged), ("c-1", Fate::Sent)]);
}

#[test]
fn a_reopening_calls_off_what_still_waits() {
    let by = CancelledBy::Reopened;
    let rows = || {
        let mut off = closed("c-1", 7, 0, State::Cancelled(by));
        off.cancelled_at = Some(at(3 * MINUTE));
        let mut out = closed("c-2", 8, 0, sent());
        out.reopened_at = Some(at(10 * MINUTE));
        // It was delivered after its reopening.
        let late = closed("c-3", 9, HOUR, State::Cancelled(by));
        vec![off, out, late]
    };
    assert_eq!(compared(&config("", ""), 0, rows()).differences, 0);
    let sooner = compared(&config("", "delay = \"1m\""), 0, rows());
    assert_eq!(otherwise(&sooner), [("c-1", Fate::Sent)]);
    let later = compared(&config("", "delay = \"15m\""), 0, rows());
    assert_eq!(otherwise(&later), [("c-2", Fate::Cancelled(by))]);
    let operator = vec![Recorded {
        cancelled_at: Some(at(HOUR)),
        ..closed("c-1", 7, 0, State::Cancelled(CancelledBy::Operator))
    }];
    assert_eq!(otherwise(&compared(&config("", ""), 0, operator)), [("c-1", Fate::Sent)]);
}

#[test]
fn a_full_day_is_waited_for_until_it_is_too_late() {
    let rows = || {
        let of =
            |n: u64| closed(&format!("c-{n}"), n + 1, i64::try_from(n).unwrap() * HOUR, sent());
        (0..4).map(of).collect::<Vec<_>>()
    };
    let patient = compared(&config("daily_limit = 2", "expire_after = \"23h\""), 0, rows());
    assert_eq!(patient.differences, 0, "each waits for the one two before it");
    let course = &patient.courses[0];
    assert_eq!(
        (course.most, course.days_full),
        (Sides { happened: 4, would: 2 }, Sides { happened: 1, would: 2 },)
    );
    let hasty = compared(&config("daily_limit = 2", "expire_after = \"12h\""), 0, rows());
    assert_eq!(otherwise(&hasty), [("c-2", Fate::Expired), ("c-3", Fate::Expired)]);
}

#[test]
fn look_ups_are_made_no_faster_than_x_allows() {
    let rows = || (0..200).map(|n| closed(&format!("c-{n}"), n + 1, 0, sent())).collect::<Vec<_>>();
    let singly = compared(&config("", "expire_after = \"10m\""), 0, rows());
    assert_eq!(singly.counts[&Fate::Expired], Sides { happened: 0, would: 20 });
    let config = Config {
        x: config::X { can_dm: CanDmBy::UsersV2, ..config("", "").x },
        ..config("", "expire_after = \"10m\"")
    };
    assert_eq!(compared(&config, 0, rows()).differences, 0);
}

#[test]
fn closes_of_an_account_that_is_not_configured_are_left_out() {
    let mut rows = two_of_one_person();
    rows[1].survey.account = "bolt".into();
    let compared = compared(&config("", ""), 0, rows);
    assert_eq!((compared.closes, compared.left_out["bolt"]), (1, 1));
}

#[test]
fn the_first_differences_are_kept_and_all_are_counted() {
    let rows = (0..30).map(|n| closed(&format!("c-{n}"), n + 1, i64::try_from(n).unwrap(), sent()));
    let compared = compared(&config("", "sample = 0.0"), 0, rows.collect());
    assert_eq!(compared.differences, 30);
    let first: Vec<u64> = compared.first.keys().copied().collect();
    assert_eq!(first, (0..20).collect::<Vec<_>>());
}
