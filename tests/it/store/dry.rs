//! What a dry run leaves on record, and who counts it.

use surveyd::domain::survey::{Reason, State};
use surveyd::store::{DryDay, Spent};

use super::*;

const DUE: Millis = Millis(START.0 + 300_000);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn dry() -> Rules {
    Rules { mode: Mode::Dry, ..rules() }
}

impl Bench {
    /// What the last look makes of a close of its own.
    async fn end_of(&self, close: Close, rules: Rules) -> State {
        let now = close.closed_at.plus(DELAY);
        self.take(close).await;
        let leased = self.lease_one(now).await;
        match self.decide(leased, rules, ACCOUNT, now).await {
            BeginOutcome::Ended(survey) => survey.state,
            BeginOutcome::Sending(sending) => sending.survey().state.clone(),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_dry_run_counts_what_it_would_have_sent_and_a_live_account_does_not() {
    on_each_engine(async |bench| {
        let dry_run = State::Suppressed(Reason::DryRun);
        assert_eq!(bench.end_of(close("c-1", "7", START), dry()).await, dry_run);
        let day = DryDay { prompts: 1, oldest: Some(DUE), latest: Some(DUE) };
        assert_eq!(bench.store.dry_day(ACCOUNT, START).await.unwrap(), day);
        assert_eq!(bench.store.dry_day(ACCOUNT, DUE).await.unwrap(), DryDay::default());
        assert_eq!(bench.store.dry_day("other", START).await.unwrap(), DryDay::default());
        let status = bench.store.account_status(ACCOUNT, START).await.unwrap();
        assert_eq!(status.prompts_of_day, 0);
        assert_eq!(status.with_dry_run(day).prompts_of_day, 1);
        let again = bench.end_of(close("c-2", "7", START.plus(HOUR)), dry()).await;
        assert_eq!(again, State::Suppressed(Reason::Throttled));
        let live = bench.end_of(close("c-3", "7", START.plus(2 * HOUR)), rules()).await;
        assert!(matches!(live, State::Sending { .. }), "{live:?}");
        let after = bench.end_of(close("c-4", "7", START.plus(3 * HOUR)), dry()).await;
        assert_eq!(after, State::Suppressed(Reason::Throttled), "a dry run counts live prompts");
        let all = bench.store.recorded(START, None).await.unwrap();
        let spent = Spent { at: DUE, throttle_group: Some(ACCOUNT.into()) };
        assert_eq!((all[0].dry.as_ref(), all[0].spent.as_ref()), (Some(&spent), None));
        let survey = &all[0].survey;
        let Prompt { kind, question_variant_id, test, message, .. } = prompt();
        assert_eq!(
            (survey.kind, survey.question_variant_id, survey.test),
            (kind, question_variant_id, test)
        );
        assert_eq!(bench.store.message(&survey.id).await.unwrap(), Some(message));
    })
    .await;
}

#[tokio::test]
async fn what_a_clock_that_ran_ahead_would_have_sent_counts_as_now() {
    on_each_engine(async |bench| {
        let ahead = START.plus(365 * DAY);
        bench.end_of(close("c-1", "7", ahead), dry()).await;
        let pulled = bench.store.pull_back_spent(ACCOUNT, START, START.plus(MINUTE)).await.unwrap();
        let day = bench.store.dry_day(ACCOUNT, START.minus(SECOND)).await.unwrap();
        assert_eq!((pulled, day.latest), (1, Some(START)));
    })
    .await;
}
