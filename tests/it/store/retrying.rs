//! Surveys that ended without a prompt, scheduled again by hand.

use surveyd::domain::survey::{Failure, State};

use super::*;

impl Bench {
    async fn retry(&self, id: &SurveyId) -> Result<State, &'static str> {
        let now = START.plus(HOUR);
        self.store.retry(id.clone(), now).await.unwrap().map(|survey| survey.state)
    }

    /// A survey of a close of its own, that X has refused for sure.
    async fn refused(&self, conversation: &str, person: &str) -> Survey {
        let sending = self.sending(conversation, person, START).await;
        let failure = Failure { code: Some(44), message: "attachment".into() };
        let outcome = SendOutcome::Refused(failure);
        self.store.finish(&sending, outcome, START.plus(DELAY)).await.unwrap()
    }
}

#[tokio::test]
async fn what_ended_without_a_prompt_is_due_again_at_once() {
    on_each_engine(async |bench| {
        let refused = bench.refused("c-1", "7").await;
        assert_eq!(bench.retry(&refused.id).await, Ok(State::Scheduled));
        let survey = bench.survey(&refused.id).await;
        assert_eq!(survey.due_at, START.plus(HOUR));
        assert_eq!(bench.store.next_due(ACCOUNT).await.unwrap(), Some(START.plus(HOUR)));
        assert_eq!(bench.retry(&refused.id).await, Err("it is scheduled already"));
        bench.store.cancel(refused.id.clone(), START.plus(HOUR)).await.unwrap();
        assert_eq!(bench.retry(&refused.id).await, Ok(State::Scheduled));
    })
    .await;
}

#[tokio::test]
async fn what_x_may_have_sent_is_never_due_again() {
    on_each_engine(async |bench| {
        let sent = bench.sent("c-1", "7", "900").await;
        assert_eq!(bench.retry(&sent.id).await, Err("its prompt is sent"));
        let uncertain = bench.uncertain("c-2", "8").await;
        assert_eq!(bench.retry(&uncertain.id).await, Err("X may have sent its prompt"));
    })
    .await;
}

#[tokio::test]
async fn a_conversation_that_went_on_or_has_a_later_survey_is_left_alone() {
    on_each_engine(async |bench| {
        let off = bench.take(close("c-1", "7", START)).await.survey_id;
        bench.reopen("c-1", START.plus(MINUTE)).await;
        let why = "its conversation went on; it is surveyed when it closes";
        assert_eq!(bench.retry(&off).await, Err(why));
        let refused = bench.refused("c-2", "8").await;
        bench.take(close("c-2", "8", START.plus(10 * MINUTE))).await;
        let why = "its conversation has closed again since, and has a survey of that";
        assert_eq!(bench.retry(&refused.id).await, Err(why));
    })
    .await;
}
