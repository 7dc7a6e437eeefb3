//! What people look at: lists, results, the state of the whole; and how a store opens and closes.

use std::collections::BTreeMap;

use futures_util::FutureExt as _;
use surveyd::store::{Error, Listing, ResultsQuery};

use super::*;

fn results(from: Millis, to: Millis) -> ResultsQuery {
    ResultsQuery { from, to, account: None, or_sent: false }
}

impl Bench {
    /// The conversations of all pages, and how many pages held some.
    async fn conversations(&self, query: &ResultsQuery) -> (Vec<String>, usize) {
        let (mut all, mut pages, mut last) = (Vec::new(), 0, None);
        loop {
            let page = self.store.results(query, last.as_ref()).await.unwrap();
            all.extend(page.iter().map(|row| row.survey.conversation_id.to_string()));
            match page.into_iter().next_back() {
                Some(row) => (last, pages) = (Some(row), pages + 1),
                None => return (all, pages),
            }
        }
    }

    async fn listed(&self, listing: Listing) -> Vec<String> {
        let surveys = self.store.list(&listing).await.unwrap();
        surveys.into_iter().map(|survey| survey.conversation_id.to_string()).collect()
    }
}

#[tokio::test]
async fn results_come_in_the_order_of_their_closes_each_once() {
    on_each_engine(async |bench| {
        // Many closes of one instant: pages must neither skip nor repeat one.
        let mut expected: Vec<String> = (0..2_300).map(|n| format!("c-{n}")).collect();
        let closes = expected.iter().enumerate().map(|(n, conversation)| {
            bench.take(close(conversation, "7", Millis(START.0 + n as i64 / 1_500)))
        });
        futures_util::future::join_all(closes).await;
        let (mut all, pages) = bench.conversations(&results(START, START.plus(HOUR))).await;
        assert_eq!(pages, 3);
        let number = |conversation: &str| conversation[2..].parse::<usize>().unwrap() / 1_500;
        assert!(all.is_sorted_by_key(|conversation| number(conversation)));
        all.sort();
        expected.sort();
        assert_eq!(all, expected);
    })
    .await;
}

#[tokio::test]
async fn both_ends_of_a_period_are_in_it() {
    on_each_engine(async |bench| {
        let minutes = [0, 1, 2, 3];
        for minute in minutes {
            let name = format!("c-{minute}");
            bench.take(close(&name, "7", START.plus(minute * MINUTE))).await;
        }
        let elsewhere = Close { account: "other".into(), ..close("o-1", "7", START.plus(MINUTE)) };
        bench.take(elsewhere).await;
        let from_one_to_two = results(START.plus(MINUTE), START.plus(2 * MINUTE));
        let (mut found, _) = bench.conversations(&from_one_to_two).await;
        found.sort();
        assert_eq!(found, ["c-1", "c-2", "o-1"]);
        let of_acme = ResultsQuery { account: Some(ACCOUNT.into()), ..from_one_to_two };
        assert_eq!(bench.conversations(&of_acme).await.0, ["c-1", "c-2"]);
        let all_time = results(Millis(i64::MIN), Millis(i64::MAX));
        assert_eq!(bench.conversations(&all_time).await.0.len(), 5);
    })
    .await;
}

#[tokio::test]
async fn a_report_also_finds_what_was_sent_in_its_period() {
    on_each_engine(async |bench| {
        bench.sent("c-1", "7", "900").await;
        let sent_at = START.plus(DELAY);
        let of_sending = results(sent_at, sent_at);
        assert!(bench.conversations(&of_sending).await.0.is_empty());
        let of_sending = ResultsQuery { or_sent: true, ..of_sending };
        assert_eq!(bench.conversations(&of_sending).await.0, ["c-1"]);
    })
    .await;
}

#[tokio::test]
async fn surveys_are_listed_newest_first_by_what_is_asked_for() {
    on_each_engine(async |bench| {
        bench.sent("c-sent", "7", "900").await;
        for (conversation, minute) in [("c-1", 1), ("c-2", 2)] {
            bench.take(close(conversation, "8", START.plus(minute * MINUTE))).await;
        }
        let elsewhere = Close { account: "other".into(), ..close("c-1", "7", START.plus(HOUR)) };
        bench.take(elsewhere).await;
        let any = Listing { limit: 50, ..Listing::default() };
        assert_eq!(bench.listed(any.clone()).await, ["c-1", "c-2", "c-1", "c-sent"]);
        assert_eq!(bench.listed(Listing { limit: 2, ..any.clone() }).await, ["c-1", "c-2"]);
        let sent = Listing { state: Some("sent".into()), ..any.clone() };
        assert_eq!(bench.listed(sent).await, ["c-sent"]);
        let of_reason = |reason: &str| Listing { reason: Some(reason.into()), ..any.clone() };
        assert!(bench.listed(of_reason("throttled")).await.is_empty());
        let since = Listing { since: Some(START.plus(2 * MINUTE)), ..any.clone() };
        assert_eq!(bench.listed(since).await, ["c-1", "c-2"], "that instant is included");
        let of_other = Listing { account: Some("other".into()), ..any.clone() };
        assert_eq!(bench.listed(of_other).await, ["c-1"]);
        let of_person = Listing { user_id: Some("8".into()), ..any.clone() };
        assert_eq!(bench.listed(of_person).await, ["c-2", "c-1"]);
        let one = Listing {
            conversation_id: Some("c-1".into()),
            account: Some(ACCOUNT.into()),
            state: Some("scheduled".into()),
            ..any
        };
        assert_eq!(bench.listed(one).await, ["c-1"]);
    })
    .await;
}

#[tokio::test]
async fn a_conversation_is_found_by_nearly_its_id() {
    on_each_engine(async |bench| {
        for (minute, conversation) in ["C-42", "#0042", "c-421", "7", "b-42"].iter().enumerate() {
            let minute = u32::try_from(minute).unwrap();
            bench.take(close(conversation, "7", START.plus(minute * MINUTE))).await;
        }
        let elsewhere = Close { account: "other".into(), ..close("C-42", "7", START) };
        bench.take(elsewhere).await;
        let similar = async |id: &str, limit: u32| {
            let found = bench.store.similar_conversations(id, limit).await.unwrap();
            let shown = found.iter().map(|one| format!("{} {}", one.account, one.conversation_id));
            shown.collect::<Vec<_>>()
        };
        assert_eq!(similar("c-42", 9).await, ["acme C-42", "other C-42", "acme c-421"]);
        assert_eq!(similar("c-42", 1).await, ["acme C-42"]);
        assert_eq!(similar("42", 9).await, ["acme #0042"]);
        assert_eq!(similar("#42", 9).await, ["acme #0042"]);
        assert_eq!(similar("007", 9).await, ["acme 7"]);
        for nothing in ["c-", "0", "#", "%", "c_42", "x"] {
            assert_eq!(similar(nothing, 9).await, [""; 0], "{nothing}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_survey_is_found_by_the_beginning_of_its_id() {
    on_each_engine(async |bench| {
        let mut ids = Vec::new();
        for conversation in ["c-1", "c-2", "c-3"] {
            ids.push(bench.take(close(conversation, "7", START)).await.survey_id.to_string());
        }
        ids.sort();
        let beginning = async |text: &str, limit: u32| {
            let found = bench.store.beginning_with(text, limit).await.unwrap();
            found.into_iter().map(|survey| survey.id.to_string()).collect::<Vec<_>>()
        };
        // All of a moment begin alike.
        assert_eq!(beginning(&ids[0][..4], 10).await, ids);
        assert_eq!(beginning(&ids[0][..4], 2).await, ids[..2]);
        for id in &ids {
            assert_eq!(beginning(id, 10).await, [id.as_str()]);
            assert_eq!(beginning(&id[..id.len() - 1], 10).await.len(), 1, "{ids:?}");
        }
        for none in ["ffff", "%", "_", "0'", ""] {
            let expected = if none.is_empty() { 3 } else { 0 };
            assert_eq!(beginning(none, 10).await.len(), expected, "{none:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_survey_that_is_not_there_is_none() {
    on_each_engine(async |bench| {
        let id = SurveyId::new("none");
        assert_eq!(bench.store.survey(&id).await.unwrap(), None);
        assert!(bench.store.history(&id).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn the_status_counts_every_state_and_tells_what_is_due() {
    on_each_engine(async |bench| {
        let empty = bench.store.status(START).await.unwrap();
        assert_eq!(empty.by_state.len(), 9);
        assert!(empty.by_state.iter().all(|(_, count)| *count == 0));
        assert_eq!((empty.oldest_due, empty.next_due), (None, None));
        assert!(empty.database_bytes > 0);

        bench.sent("c-sent", "7", "900").await;
        let oldest_due = START.plus(2 * MINUTE).plus(DELAY);
        for (conversation, minute) in [("c-1", 2), ("c-2", 3), ("c-3", 20), ("c-4", 30)] {
            bench.take(close(conversation, "8", START.plus(minute * MINUTE))).await;
        }
        let status = bench.store.status(START.plus(10 * MINUTE)).await.unwrap();
        let counted: Vec<_> = status.by_state.into_iter().filter(|(_, n)| *n > 0).collect();
        assert_eq!(counted, [("scheduled", 4), ("sent", 1)]);
        assert_eq!(status.oldest_due, Some(oldest_due));
        assert_eq!(status.next_due, Some(START.plus(20 * MINUTE).plus(DELAY)));
    })
    .await;
}

#[tokio::test]
async fn surveys_that_are_not_at_their_end_are_counted_by_account() {
    on_each_engine(async |bench| {
        bench.sent("c-1", "7", "900").await;
        bench.sending("c-2", "8", START).await;
        bench.take(close("c-3", "9", START)).await;
        bench.take(Close { account: "other".into(), ..close("c-4", "9", START) }).await;
        let open = bench.store.open_surveys().await.unwrap();
        assert_eq!(open, BTreeMap::from([(ACCOUNT.to_owned(), 2), ("other".to_owned(), 1)]));
    })
    .await;
}

#[tokio::test]
async fn the_last_closes_of_a_source_are_told_newest_first() {
    on_each_engine(async |bench| {
        let noticed = |n: u32, source: &str| Close {
            source: source.into(),
            notice: Notice { team: Some(format!("team {n}")), ..Notice::default() },
            ..close(&format!("c-{n}"), &format!("7{n}"), START.plus(n * MINUTE))
        };
        for n in 0..5 {
            bench.take(noticed(n, if n == 3 { "files" } else { "desk" })).await;
        }
        let last = async |source: &str, since: Millis, limit: u32| {
            let closes = bench.store.last_closes(source, since, limit).await.unwrap();
            closes
                .into_iter()
                .map(|(account, notice)| {
                    assert_eq!(account, ACCOUNT);
                    notice.team.unwrap()
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(last("desk", START, 2).await, ["team 4", "team 2"]);
        assert_eq!(last("desk", START.plus(MINUTE), 9).await, ["team 4", "team 2", "team 1"]);
        assert_eq!(last("files", START, 9).await, ["team 3"]);
        assert_eq!(last("other", START, 9).await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn the_day_of_an_account_counts_back_from_now() {
    on_each_engine(async |bench| {
        bench.sent("c-1", "7", "900").await;
        let sent_at = START.plus(DELAY);
        let day = bench.store.account_status(ACCOUNT, sent_at.minus(SECOND)).await.unwrap();
        assert_eq!((day.prompts_of_day, day.oldest_of_day), (1, Some(sent_at)));
        let day = bench.store.account_status(ACCOUNT, sent_at).await.unwrap();
        assert_eq!((day.prompts_of_day, day.oldest_of_day), (0, None));
        assert_eq!((day.events.done_to, day.paused), (None, None));
    })
    .await;
}

#[tokio::test]
async fn a_store_that_was_closed_takes_no_more() {
    on_each_engine(async |bench| {
        assert_eq!(bench.store.is_shared(), bench.database.location.file().is_none());
        bench.store.ping().await.unwrap();
        let other = bench.store.clone();
        let taken = bench.take(close("c-1", "7", START)).await;
        assert!(bench.store.failed().now_or_never().is_none(), "the writer works");
        bench.store.clone().close().await;
        assert!(matches!(other.failed().await, Error::Unavailable(_)));
        let refused = other.ping().await;
        assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");

        let attached = Store::attach(&bench.database.location).await.unwrap();
        let survey = attached.survey(&taken.survey_id).await.unwrap();
        assert!(survey.is_some(), "what was taken in is on the disk");
        attached.ping().await.unwrap();
    })
    .await;
}
