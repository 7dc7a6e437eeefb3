//! The closes on record as a replay reads them.

use surveyd::domain::policy::decision::Verdict;
use surveyd::domain::survey::State;
use surveyd::store::{Further, Recorded, Spent};

use super::*;

impl Bench {
    /// All pages, and how many held some.
    async fn recorded(&self, from: Millis) -> (Vec<Recorded>, usize) {
        let (mut all, mut pages): (Vec<Recorded>, _) = (Vec::new(), 0);
        loop {
            let page = self.store.recorded(from, all.last()).await.unwrap();
            if page.is_empty() {
                return (all, pages);
            }
            all.extend(page);
            pages += 1;
        }
    }
}

fn conversations(all: &[Recorded]) -> Vec<&str> {
    all.iter().map(|row| row.survey.conversation_id.as_str()).collect()
}

#[tokio::test]
async fn closes_on_record_come_in_the_order_of_their_acceptance_each_once() {
    on_each_engine(async |bench| {
        assert_eq!(bench.recorded(START).await, (Vec::new(), 0));
        let expected: Vec<String> = (0..1_203).map(|n| format!("c-{n}")).collect();
        // The one that closed last is accepted first.
        let closes = (0_u32..)
            .zip(&expected)
            .map(|(n, conversation)| bench.take(close(conversation, "7", START.minus(n * SECOND))));
        futures_util::future::join_all(closes).await;
        let (all, pages) = bench.recorded(START.minus(2_000 * SECOND)).await;
        assert_eq!(
            (conversations(&all), pages),
            (expected.iter().map(String::as_str).collect(), 2)
        );
        let (all, _) = bench.recorded(START).await;
        assert_eq!(all.len(), 1_203, "what was accepted later is not left out");
        bench.take(close("c-new", "7", START.plus(HOUR))).await;
        assert_eq!(conversations(&bench.recorded(START.plus(SECOND)).await.0), ["c-new"]);
    })
    .await;
}

#[tokio::test]
async fn a_close_on_record_comes_with_all_that_befell_it() {
    on_each_engine(async |bench| {
        bench.sent("c-sent", "7", "900").await;
        bench.reopen("c-sent", START.plus(HOUR)).await;
        for minute in [1, 3, 2] {
            bench.take(close("c-moved", "8", START.plus(minute * MINUTE))).await;
        }
        bench.take(close("c-off", "9", START)).await;
        bench.reopen("c-off", START.plus(MINUTE)).await;
        let (all, _) = bench.recorded(START).await;
        assert_eq!(conversations(&all), ["c-sent", "c-moved", "c-off"]);
        let [sent, moved, off] = &all[..] else { panic!("{all:?}") };
        let spent_at = START.plus(DELAY);
        let spent = Spent { at: spent_at, throttle_group: Some(ACCOUNT.into()) };
        assert_eq!((sent.spent.as_ref(), sent.is_begun), (Some(&spent), true));
        assert_eq!(sent.reopened_at, Some(START.plus(HOUR)));
        assert_eq!(sent.cancelled_at, None);
        assert_eq!(sent.at_sending.as_ref().map(|last| last.verdict()), Some(Verdict::Send));
        assert!(sent.at_close.is_some() && sent.further.is_empty());
        assert_eq!(moved.survey.closed_at, START.plus(3 * MINUTE));
        assert_eq!(moved.first_closed_at, Some(START.plus(MINUTE)));
        let further = |closed: u32, accepted: u32| Further {
            closed_at: START.plus(closed * MINUTE),
            accepted_at: START.plus(accepted * MINUTE),
        };
        // The first was put aside by the second, the third came too late; in their clocks' order.
        assert_eq!(moved.further, [further(2, 2), further(1, 3)]);
        assert_eq!((moved.spent.as_ref(), moved.is_begun, moved.paced_at), (None, false, None));
        assert_eq!(off.cancelled_at, Some(START.plus(MINUTE)));
        assert!(matches!(off.survey.state, State::Cancelled(_)));
    })
    .await;
}
