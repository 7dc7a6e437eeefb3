//! Sends without a known outcome whose Direct Messages X lists.

use surveyd::domain::survey::State;
use surveyd::store::Unsettled;

use super::*;

const DUE: Millis = Millis(START.0 + 300_000);
/// When X's events have been read past it all.
const LATER: Millis = Millis(START.0 + 90_000_000);
const WORDS: &str = "X shows the Direct Message 77 of this prompt, and no feedback for it: it is \
                     not sent again";

async fn unsettled(bench: &Bench) -> Vec<Unsettled> {
    bench.store.unsettled(ACCOUNT, SENT_AS).await.unwrap()
}

fn by_message(unsettled: Vec<Unsettled>) -> Vec<(Unsettled, String)> {
    unsettled.into_iter().map(|one| (one, "77".to_owned())).collect()
}

#[tokio::test]
async fn a_prompt_whose_message_is_listed_has_failed_and_still_counts_as_sent() {
    on_each_engine(async |bench| {
        let survey = bench.uncertain("c-1", "7").await;
        let shown = by_message(unsettled(&bench).await);
        let settled = bench.store.settle_shown(shown.clone(), LATER).await.unwrap();
        assert_eq!(settled.len(), 1);
        let failure = Failure { code: None, message: WORDS.into() };
        assert_eq!((&settled[0].id, &settled[0].state), (&survey.id, &State::Failed(failure)));
        assert_eq!(bench.survey(&survey.id).await, settled[0]);
        assert_eq!(bench.steps(&survey.id).await.last(), Some(&step("failed", Some(WORDS))));
        assert_eq!(bench.store.next_due(ACCOUNT).await.unwrap(), None);
        let day = bench.store.account_status(ACCOUNT, START).await.unwrap();
        assert_eq!(day.prompts_of_day, 1);
        let second = bench.sending_or_not("c-2", "7", DUE).await;
        assert!(matches!(second, State::Suppressed(Reason::Throttled)), "{second:?}");
        assert!(bench.store.settle_shown(shown, LATER).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn feedback_that_turns_up_for_it_after_all_settles_it_as_sent() {
    on_each_engine(async |bench| {
        let survey = bench.uncertain("c-1", "7").await;
        let shown = by_message(unsettled(&bench).await);
        bench.store.settle_shown(shown, LATER).await.unwrap();
        let found = of_prompt(told("900", LATER), "7", "c-1");
        let folded = bench.store.fold(ACCOUNT, vec![found], LATER).await.unwrap();
        assert_eq!(folded.settled.len(), 1);
        assert_eq!(bench.state(&survey.id).await, "sent");
    })
    .await;
}

#[tokio::test]
async fn a_prompt_found_meanwhile_is_not_settled_by_its_message() {
    on_each_engine(async |bench| {
        let survey = bench.uncertain("c-1", "7").await;
        let shown = by_message(unsettled(&bench).await);
        let found = of_prompt(told("900", DUE), "7", "c-1");
        bench.store.fold(ACCOUNT, vec![found], LATER).await.unwrap();
        assert!(bench.store.settle_shown(shown, LATER).await.unwrap().is_empty());
        assert_eq!(bench.state(&survey.id).await, "sent");
    })
    .await;
}

#[tokio::test]
async fn another_try_is_not_settled_by_the_message_of_the_one_before() {
    on_each_engine(async |bench| {
        let survey = bench.uncertain("c-1", "7").await;
        let mut first = unsettled(&bench).await;
        first[0].given_up_at = DUE.minus(SECOND);
        assert!(bench.store.settle_shown(by_message(first), LATER).await.unwrap().is_empty());
        assert_eq!(bench.state(&survey.id).await, "uncertain");
    })
    .await;
}

#[tokio::test]
async fn messages_are_claimed_by_the_prompts_of_their_account_to_their_person() {
    on_each_engine(async |bench| {
        let survey = bench.sent("c-1", "7", "900").await;
        bench.sent("c-2", "8", "901").await;
        let on_record = async |account: &str, person: &str| {
            let person = UserId::parse(person).unwrap();
            bench.store.messages_on_record(account, &person).await.unwrap()
        };
        assert_eq!(on_record(ACCOUNT, survey.person()).await, ["dm-900".to_owned()].into());
        assert!(on_record("other", "7").await.is_empty());
        assert!(on_record(ACCOUNT, "9").await.is_empty());
    })
    .await;
}

impl Bench {
    /// What becomes of a survey of a close of its own at the moment of sending.
    async fn sending_or_not(&self, conversation: &str, person: &str, closed_at: Millis) -> State {
        self.take(close(conversation, person, closed_at)).await;
        let now = closed_at.plus(DELAY);
        let leased = self.lease_one(now).await;
        match self.decide(leased, rules(), ACCOUNT, now).await {
            BeginOutcome::Ended(survey) => survey.state,
            BeginOutcome::Sending(sending) => sending.survey().state.clone(),
            other @ (BeginOutcome::Waits { .. } | BeginOutcome::PutOff { .. }) => {
                panic!("{other:?}")
            }
        }
    }
}
