//! What must hold where two workers meet on one survey. SQLite only: the order of the steps is made
//! by hand.

use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::domain::budget::Call;
use crate::domain::close::{Close, Notice, Reopening};
use crate::domain::feedback::{Feedback, Object, Trust, Update};
use crate::domain::id::{ConversationId, FeedbackId, SurveyId, UserId};
use crate::domain::policy::decision::Ground;
use crate::domain::policy::{AtClose, Mode, Pacing, Rules};
use crate::domain::survey::{Delivery, Reason, State};
use crate::domain::survey_type::{Card, SurveyType};
use crate::domain::time::Millis;
use crate::store::feedback::row::FeedbackRow;

const NOW: Millis = Millis(1_790_000_000_000);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const ACCOUNT: &str = "acme";
const SENT_AS: &str = "1212121212121 at https://api.x.com";

struct Bench {
    store: Store,
    _folder: TempDir,
}

fn rules() -> Rules {
    Rules {
        delay: Duration::ZERO,
        expire_after: 12 * HOUR,
        throttle: 7 * 24 * HOUR,
        throttle_group: ACCOUNT.into(),
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

fn prompt() -> Prompt {
    Prompt {
        kind: SurveyType::Nps,
        question_variant_id: 3,
        test: false,
        message: "How did we do?".into(),
        privacy_url: "https://acme.example/privacy".into(),
        display_name: None,
        sent_as: SENT_AS.into(),
    }
}

fn accepted(now: Millis) -> SendOutcome {
    let id = FeedbackId::new("900");
    let object =
        Object { updated_at: now, created_at: Some(now), raw: "{}".into(), ..Object::default() };
    let delivery = Delivery { sent_at: now, feedback_id: id.clone(), dm_id: None };
    let update = Box::new(Update { id, object, score: None, text: None });
    SendOutcome::Accepted { delivery, update, show_at: None }
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::parse("sqlite:surveyd.db", folder.path()).unwrap();
        Self { store: Store::open(&location).await.unwrap(), _folder: folder }
    }

    async fn close(&self, conversation: &str, person: &str, closed_at: Millis) -> Taken {
        let close = Close {
            account: ACCOUNT.into(),
            source: "desk".into(),
            conversation_id: ConversationId::parse(conversation).unwrap(),
            user_id: UserId::parse(person).ok(),
            closed_at,
            precision: Default::default(),
            notice: Notice::default(),
        };
        let decision = rules().decided(Ground::Due { due_at: closed_at, delay_ms: 0 }, NOW);
        let at_close = AtClose { due_at: closed_at, decision };
        self.store
            .take_close(
                close,
                (at_close, None),
                Card { kind: SurveyType::Nps, question_variant_id: 3, test: false },
                None,
                NOW,
            )
            .await
            .unwrap()
    }

    async fn lease_due(&self, now: Millis) -> Leased {
        self.store.lease_due(ACCOUNT, 1, now.plus(MINUTE), now).await.unwrap().pop().unwrap()
    }

    async fn begin(&self, leased: Leased, group: &str, now: Millis) -> BeginOutcome {
        let times = SendTimes {
            now,
            x_now: now,
            x_latest: now,
            is_clock_confirmed: false,
            is_clock_settled: true,
            lease: MINUTE,
        };
        let rules = Rules { throttle_group: group.into(), ..rules() };
        self.store.begin_send(leased, prompt(), rules, times).await.unwrap()
    }

    async fn sending(&self, conversation: &str, person: &str) -> Sending {
        self.close(conversation, person, NOW).await;
        let leased = self.lease_due(NOW).await;
        match self.begin(leased, ACCOUNT, NOW).await {
            BeginOutcome::Sending(sending) => *sending,
            other => panic!("{other:?}"),
        }
    }

    async fn state(&self, id: &SurveyId) -> State {
        self.store.survey(id).await.unwrap().unwrap().survey.state
    }
}

#[tokio::test]
async fn the_answer_to_a_request_that_was_taken_for_lost_settles_it() {
    let bench = Bench::new().await;
    let sending = bench.sending("c-1", "7").await;
    let later = NOW.plus(HOUR);
    assert_eq!(bench.store.recover(false, MINUTE, later).await.unwrap().len(), 1);
    assert_eq!(bench.state(&sending.survey().id).await.name(), "uncertain");
    let sent = bench.store.finish(&sending, accepted(later), later).await.unwrap();
    assert_eq!(sent.state.name(), "sent");
    assert_eq!(bench.state(&sending.survey().id).await, sent.state);
}

#[tokio::test]
async fn an_old_outcome_never_touches_the_next_try() {
    let bench = Bench::new().await;
    let first = bench.sending("c-1", "7").await;
    let not_sent = SendOutcome::NotSent { why: String::new(), try_at: NOW };
    bench.store.finish(&first, not_sent.clone(), NOW).await.unwrap();
    let leased = bench.lease_due(NOW).await;
    assert!(matches!(bench.begin(leased, ACCOUNT, NOW).await, BeginOutcome::Sending(_)));
    let stale = bench.store.finish(&first, not_sent, NOW).await;
    assert!(matches!(stale, Err(Error::LeaseLost(_))), "{stale:?}");
    assert_eq!(bench.state(&first.survey().id).await.name(), "sending");
}

#[tokio::test]
async fn a_reopening_that_meets_a_send_is_remembered() {
    let bench = Bench::new().await;
    let sending = bench.sending("c-1", "7").await;
    let reopening = Reopening {
        account: ACCOUNT.into(),
        source: "desk".into(),
        conversation_id: ConversationId::parse("c-1").unwrap(),
        user_id: None,
        reopened_at: NOW,
    };
    assert_eq!(bench.store.take_reopening(reopening, None, NOW).await.unwrap().0, None);
    let not_sent = SendOutcome::NotSent { why: String::new(), try_at: NOW };
    bench.store.finish(&sending, not_sent, NOW).await.unwrap();
    let leased = bench.lease_due(NOW).await;
    let BeginOutcome::Ended(survey) = bench.begin(leased, ACCOUNT, NOW).await else { panic!() };
    assert_eq!(survey.state.name(), "cancelled");
}

#[tokio::test]
async fn a_create_that_was_not_carried_out_gives_its_share_back() {
    let bench = Bench::new().await;
    let told =
        crate::domain::budget::RateHeaders { limit: None, remaining: 3, reset_at: NOW.plus(HOUR) };
    bench.store.hear_limit(ACCOUNT, Call::Create, told, 0, NOW).await.unwrap();
    let sending = bench.sending("c-1", "7").await;
    assert_eq!(bench.store.calls_left(ACCOUNT, Call::Create, NOW).await.unwrap(), 2);
    let not_sent = SendOutcome::NotSent { why: String::new(), try_at: NOW };
    bench.store.finish(&sending, not_sent, NOW).await.unwrap();
    assert_eq!(bench.store.calls_left(ACCOUNT, Call::Create, NOW).await.unwrap(), 3);
}

#[tokio::test]
async fn a_new_name_of_the_group_does_not_end_the_throttle() {
    let bench = Bench::new().await;
    let sending = bench.sending("c-1", "7").await;
    bench.store.finish(&sending, accepted(NOW), NOW).await.unwrap();
    let two_days = NOW.plus(48 * HOUR);
    bench.close("c-2", "7", two_days).await;
    let leased = bench.lease_due(two_days).await;
    let BeginOutcome::Ended(survey) = bench.begin(leased, "renamed", two_days).await else {
        panic!()
    };
    assert_eq!(survey.state, State::Suppressed(Reason::Throttled));
}

#[tokio::test]
async fn an_account_that_was_paused_since_the_claim_begins_nothing() {
    let bench = Bench::new().await;
    bench.close("c-1", "7", NOW).await;
    let leased = bench.lease_due(NOW).await;
    let probe_at = NOW.plus(MINUTE);
    let account = ACCOUNT.to_owned();
    let paused = Paused {
        account,
        paused_at: NOW,
        why: "no".into(),
        probe_at,
        probe_wait: MINUTE,
        resumed_at: None,
    };
    bench.store.pause(paused).await.unwrap();
    assert!(matches!(bench.begin(leased, ACCOUNT, NOW).await, BeginOutcome::Waits { .. }));
    assert_eq!(bench.store.next_due(ACCOUNT).await.unwrap(), Some(NOW));
}

#[tokio::test]
async fn a_survey_that_waits_for_tomorrow_is_looked_at_when_it_expires() {
    let bench = Bench::new().await;
    bench.close("c-1", "7", NOW).await;
    let leased = bench.lease_due(NOW).await;
    bench.store.hold_calls(ACCOUNT, Call::Create, Some(NOW.plus(24 * HOUR)), NOW).await.unwrap();
    assert!(matches!(bench.begin(leased, ACCOUNT, NOW).await, BeginOutcome::Waits { .. }));
    let next = bench.store.next_due(ACCOUNT).await.unwrap().unwrap();
    let closed_before = next.minus(rules().expire_after);
    let late = bench.store.too_late(ACCOUNT, closed_before, next).await.unwrap();
    let ended = bench.store.expire(late, None, closed_before, next).await.unwrap();
    assert_eq!(ended.len(), 1);
    assert_eq!(next, NOW.plus(12 * HOUR).plus(Duration::from_millis(1)));
}

#[tokio::test]
async fn a_writer_that_fails_is_noticed() {
    let bench = Bench::new().await;
    let fault = bench.store.writer.run::<(), _>(|_| panic!("a fault in the program")).await;
    assert!(fault.is_err());
    assert!(matches!(bench.store.failed().await, Error::Unavailable(_)));
}

#[tokio::test]
async fn feedback_that_was_written_since_it_was_read_is_left_alone() {
    let bench = Bench::new().await;
    let SendOutcome::Accepted { update, .. } = accepted(NOW) else { panic!() };
    let told = Feedback::of(*update, Trust::Word);
    let written = bench.store.writer.run(|connection| {
        Box::pin(async move {
            let new = FeedbackRow { feedback: told.clone(), survey_id: None, folds: None };
            let mut written = vec![feedback::rows::write(connection, ACCOUNT, &[&new]).await?];
            let read = feedback::rows::read(connection, ACCOUNT, &[told], Millis(i64::MIN)).await?;
            for row in [&read[0], &read[0], &new] {
                written.push(feedback::rows::write(connection, ACCOUNT, &[row]).await?);
            }
            Ok(written)
        })
    });
    assert_eq!(written.await.unwrap(), [true, true, false, false]);
}

#[test]
fn a_server_that_gives_no_connection_in_time_is_said_in_plain_words() {
    assert_eq!(
        Error::from(sqlx::Error::PoolTimedOut).to_string(),
        "the database cannot be reached or written now: the database did not answer in time, or had \
         no connection to spare"
    );
}
