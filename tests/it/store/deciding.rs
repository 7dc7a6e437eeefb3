//! The last look before a send, in the transaction that begins it: throttle, limits, lateness, and
//! the name X is told.

use surveyd::domain::budget::Call;
use surveyd::domain::survey::{Reason, State};

use super::*;

const DUE: Millis = Millis(START.0 + 300_000);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn ended(begun: BeginOutcome) -> State {
    match begun {
        BeginOutcome::Ended(survey) => survey.state,
        other => panic!("not ended: {other:?}"),
    }
}

fn is_sending(begun: &BeginOutcome) -> bool {
    matches!(begun, BeginOutcome::Sending(_))
}

impl Bench {
    /// The decision about a close of its own, made when it is due.
    async fn decided(&self, close: Close, rules: Rules, group: &str) -> BeginOutcome {
        let now = close.closed_at.plus(DELAY);
        let account = close.account.clone();
        self.take(close).await;
        let leased = self.store.lease_due(&account, 1, now.plus(LEASE), now).await.unwrap();
        self.decide(leased.into_iter().next().expect("it is due"), rules, group, now).await
    }
}

#[tokio::test]
async fn a_person_prompted_within_the_throttle_is_left_alone() {
    on_each_engine(async |bench| {
        bench.sent("c-1", "7", "900").await;
        let again = bench.decided(close("c-2", "7", START.plus(6 * DAY)), rules(), ACCOUNT).await;
        assert_eq!(ended(again), State::Suppressed(Reason::Throttled));
        let other = bench.decided(close("c-3", "8", START.plus(6 * DAY)), rules(), ACCOUNT).await;
        assert!(is_sending(&other), "another person is not throttled");
        let after = bench.decided(close("c-4", "7", START.plus(7 * DAY)), rules(), ACCOUNT).await;
        assert!(is_sending(&after), "{after:?}");
    })
    .await;
}

#[tokio::test]
async fn accounts_of_one_group_share_the_throttle() {
    on_each_engine(async |bench| {
        let first = bench.decided(close("c-1", "7", START), rules(), "group").await;
        assert!(is_sending(&first), "{first:?}");
        let of = |account: &str, conversation| Close {
            account: account.into(),
            ..close(conversation, "7", START.plus(HOUR))
        };
        let stranger = bench.decided(of("stranger", "c-2"), rules(), "stranger").await;
        assert!(is_sending(&stranger), "{stranger:?}");
        let sister = bench.decided(of("sister", "c-3"), rules(), "group").await;
        assert_eq!(ended(sister), State::Suppressed(Reason::Throttled));
    })
    .await;
}

#[tokio::test]
async fn what_may_have_been_sent_throttles_like_what_was() {
    on_each_engine(async |bench| {
        bench.uncertain("c-1", "7").await;
        let again = bench.decided(close("c-2", "7", START.plus(HOUR)), rules(), ACCOUNT).await;
        assert_eq!(ended(again), State::Suppressed(Reason::Throttled));
    })
    .await;
}

#[tokio::test]
async fn what_was_not_sent_does_not_throttle() {
    on_each_engine(async |bench| {
        let sending = bench.sending("c-1", "7", START).await;
        let outcome = refused(Reason::CannotDm, 150);
        bench.store.finish(&sending, outcome, DUE).await.unwrap();
        let again = bench.decided(close("c-2", "7", START.plus(HOUR)), rules(), ACCOUNT).await;
        assert!(is_sending(&again), "{again:?}");
    })
    .await;
}

#[tokio::test]
async fn a_persons_limit_of_the_day_holds_without_a_throttle() {
    on_each_engine(async |bench| {
        let twice = Rules { throttle: Duration::ZERO, daily_limit_per_user: 2, ..rules() };
        let at = |n: u32| close(&format!("c-{n}"), "7", START.plus(n * HOUR));
        for n in 0..2 {
            assert!(is_sending(&bench.decided(at(n), twice.clone(), ACCOUNT).await));
        }
        let third = bench.decided(at(2), twice.clone(), ACCOUNT).await;
        assert_eq!(ended(third), State::Suppressed(Reason::Throttled));
        let next_day = bench.decided(close("c-9", "7", START.plus(DAY)), twice, ACCOUNT).await;
        assert!(is_sending(&next_day), "{next_day:?}");
    })
    .await;
}

#[tokio::test]
async fn a_full_day_keeps_the_survey_until_a_share_comes_back() {
    on_each_engine(async |bench| {
        let two = Rules { daily_limit: 2, expire_after: 2 * DAY, ..rules() };
        for person in ["7", "8"] {
            let begun = bench.decided(close(person, person, START), two.clone(), ACCOUNT).await;
            assert!(is_sending(&begun));
        }
        let third = bench.decided(close("9", "9", START), two.clone(), ACCOUNT).await;
        let until = DUE.plus(DAY);
        let BeginOutcome::Waits { until: told } = third else { panic!("{third:?}") };
        assert_eq!(told, until);
        assert_eq!(bench.store.next_due(ACCOUNT).await.unwrap(), Some(until));

        let leased = bench.lease_one(until).await;
        assert_eq!(leased.survey.attempts, 0, "waiting is no try");
        assert!(is_sending(&bench.decide(leased, two, ACCOUNT, until).await));
    })
    .await;
}

#[tokio::test]
async fn what_would_be_too_late_by_then_is_looked_at_when_it_is() {
    on_each_engine(async |bench| {
        let one = Rules { daily_limit: 1, ..rules() };
        assert!(is_sending(&bench.decided(close("7", "7", START), one.clone(), ACCOUNT).await));
        let begun = bench.decided(close("8", "8", START), one.clone(), ACCOUNT).await;
        let BeginOutcome::Waits { until } = begun else { panic!("{begun:?}") };
        assert_eq!(until, Millis(START.plus(12 * HOUR).0 + 1));
        let leased = bench.lease_one(until).await;
        let late = bench.decide(leased, one, ACCOUNT, until).await;
        assert_eq!(ended(late), State::Expired);
    })
    .await;
}

#[tokio::test]
async fn a_limit_that_x_named_keeps_the_survey_until_its_end() {
    on_each_engine(async |bench| {
        let reset_at = DUE.plus(HOUR);
        let held = bench.store.hold_calls(ACCOUNT, Call::Create, Some(reset_at), DUE).await;
        assert_eq!(held.unwrap(), reset_at);
        let begun = bench.decided(close("c-1", "7", START), rules(), ACCOUNT).await;
        let BeginOutcome::Waits { until } = begun else { panic!("{begun:?}") };
        assert_eq!(until, reset_at);
        assert!(bench.lease_due(1, reset_at.minus(SECOND)).await.is_empty());
        let leased = bench.lease_one(reset_at).await;
        bench.begin(leased, reset_at).await;
    })
    .await;
}

#[tokio::test]
async fn a_survey_too_late_at_its_send_expires() {
    on_each_engine(async |bench| {
        let brief = Rules { expire_after: 4 * MINUTE, ..rules() };
        let late = bench.decided(close("c-1", "7", START), brief, ACCOUNT).await;
        assert_eq!(ended(late), State::Expired);
    })
    .await;
}

#[tokio::test]
async fn two_prompts_to_a_person_never_bear_the_same_name() {
    on_each_engine(async |bench| {
        let often = Rules { throttle: Duration::ZERO, daily_limit_per_user: 9, ..rules() };
        let mut names = Vec::new();
        // The second survey of `a` and the first of `a#2` would both be told as `a#2`.
        for (conversation, hour) in [("a", 0), ("a#2", 1), ("a", 2)] {
            let came = close(conversation, "7", START.plus(hour * HOUR));
            match bench.decided(came, often.clone(), ACCOUNT).await {
                BeginOutcome::Sending(sending) => names.push(sending.survey().external_id.clone()),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(names, ["a", "a#2", "a#3"]);
    })
    .await;
}
