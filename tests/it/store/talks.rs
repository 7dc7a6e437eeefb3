//! Talks by Direct Messages: what was heard and what it led to are one, whatever comes twice.

use std::sync::Arc;

use surveyd::domain::direct_message::DirectMessage;
use surveyd::domain::stop_words::{self, StopWords};
use surveyd::store::{
    Beginning, Delivered, MessageReading, MessageWatch, StreamPage, Taking, TalkOutcome,
};

use super::*;

const US: &str = "12";
const AFTER: Duration = Duration::from_secs(30 * 60);
const EVERY: Duration = Duration::from_secs(2 * 60);

fn watch() -> MessageWatch {
    MessageWatch {
        source: "dms".into(),
        account: ACCOUNT.into(),
        user_id: UserId::parse(US).unwrap(),
        after: AFTER,
        stop_words: StopWords::new(stop_words::DEFAULT).unwrap(),
        judge: Arc::new(|close, _| (scheduled(close.closed_at.plus(DELAY)), CARD)),
    }
}

/// A message of the `minute`-th minute; its id says when it was made and by whom.
fn message(sender: &str, recipient: &str, minute: u32, text: &str) -> DirectMessage {
    DirectMessage {
        id: format!("{}{sender}", 1000 + minute),
        sender: sender.into(),
        recipient: recipient.into(),
        created_at: at(minute),
        text: text.into(),
    }
}

fn from(person: &str, minute: u32) -> DirectMessage {
    message(person, US, minute, "My order?")
}

fn to(person: &str, minute: u32) -> DirectMessage {
    message(US, person, minute, "It is on its way.")
}

fn at(minute: u32) -> Millis {
    START.plus(MINUTE * minute)
}

/// All has been delivered up to then, and what was said before is known.
fn all_to(to: Millis) -> Delivered {
    Delivered { from: None, to }
}

fn reading(minute: u32) -> MessageReading {
    MessageReading { from: START, to: at(minute), cursor: None }
}

impl Bench {
    /// Reads all of `messages` to their end, at the `minute`-th minute.
    async fn read(&self, minute: u32, messages: &[DirectMessage]) -> TalkOutcome {
        let beginning = Beginning {
            to: at(minute),
            at_first: AFTER,
            overlap: MINUTE,
            every: EVERY,
            at_once: false,
        };
        let watch = watch();
        let begun = self.store.begin_reading(&watch.user_id, beginning, at(minute)).await.unwrap();
        let Ready::Now(reading) = begun else { panic!("it is time") };
        let page = StreamPage { reading, next: None };
        self.store.hear(&watch, messages.to_vec(), Some(page), at(minute)).await.unwrap()
    }

    /// Reads all of `messages`, and ends what is over by then.
    async fn turns(&self, minute: u32, messages: &[DirectMessage]) -> Vec<Taking> {
        let mut turns = self.read(minute, messages).await.turns;
        turns.extend(self.end(minute).await);
        turns
    }

    async fn end(&self, minute: u32) -> Vec<Taking> {
        let heard = self.store.end_talks(&watch(), None, at(minute)).await.unwrap();
        assert!(!heard.is_more);
        heard.turns
    }

    async fn heard_to(&self) -> Option<Millis> {
        self.store.stream(&watch().user_id).await.unwrap().heard_to
    }

    async fn is_opted_out(&self, person: &str) -> bool {
        let all = self.store.opted_out(None).await.unwrap();
        all.iter().any(|one| one.user_id.as_str() == person)
    }
}

fn closed(taking: &Taking) -> (&str, Millis, Option<u32>) {
    match taking {
        Taking::Closed { close, taken } => {
            assert!(taken.is_new);
            (close.conversation_id.as_str(), close.closed_at, close.notice.agent_messages)
        }
        Taking::Reopened { .. } => panic!("{taking:?}"),
    }
}

#[tokio::test]
async fn a_talk_that_is_over_is_closed_once_whatever_is_read_again() {
    on_each_engine(async |bench| {
        let messages = [to("7", 3), from("7", 2), to("7", 1), from("7", 0)];
        assert_eq!(bench.read(10, &messages).await, TalkOutcome::default());
        assert_eq!(bench.store.next_talk_end(&watch(), all_to(at(0))).await.unwrap(), Some(at(33)));
        assert_eq!(bench.end(32).await, []);
        bench.read(33, &messages).await;
        let ended = bench.end(33).await;
        let [one] = ended.as_slice() else { panic!("{ended:?}") };
        assert_eq!(closed(one), ("dm-7-10007", at(33), Some(2)));
        assert_eq!(bench.store.next_talk_end(&watch(), all_to(at(0))).await.unwrap(), None);
        let again = bench.database.open().await;
        let heard = again.hear(&watch(), messages.to_vec(), None, at(60)).await.unwrap();
        assert_eq!(heard, TalkOutcome::default());
        assert_eq!(
            again.end_talks(&watch(), Some(all_to(at(99))), at(99)).await.unwrap().turns,
            []
        );
    })
    .await;
}

#[tokio::test]
async fn silence_counts_only_as_far_as_the_stream_was_read_through() {
    on_each_engine(async |bench| {
        bench.read(5, &[to("7", 1), from("7", 0)]).await;
        let beginning = Beginning {
            to: at(40),
            at_first: AFTER,
            overlap: MINUTE,
            every: EVERY,
            at_once: false,
        };
        let begun = bench.store.begin_reading(&watch().user_id, beginning, at(40)).await.unwrap();
        let Ready::Now(first) = begun else { panic!() };
        assert_eq!(first, MessageReading { from: at(4), to: at(40), cursor: None });
        let page = StreamPage { reading: first.clone(), next: Some("p2".into()) };
        let heard = bench
            .store
            .hear(&watch(), vec![to("7", 39)], Some(page.clone()), at(40))
            .await
            .unwrap();
        assert_eq!(heard, TalkOutcome::default());
        assert_eq!(bench.end(40).await, []);
        assert_eq!(bench.heard_to().await, Some(at(5)));
        // A restart goes on at the page it was at; a page turned twice turns nothing.
        let begun = bench.store.begin_reading(&watch().user_id, beginning, at(41)).await.unwrap();
        let second = MessageReading { cursor: Some("p2".into()), ..first };
        assert_eq!(begun, Ready::Now(second.clone()));
        bench.store.hear(&watch(), Vec::new(), Some(page), at(41)).await.unwrap();
        let page = StreamPage { reading: second, next: None };
        let rest = vec![from("7", 38), to("7", 20)];
        bench.store.hear(&watch(), rest, Some(page), at(41)).await.unwrap();
        assert_eq!(bench.heard_to().await, Some(at(40)));
        assert_eq!(bench.end(41).await, []);
        bench.read(70, &[]).await;
        let ended = bench.end(70).await;
        assert_eq!(closed(&ended[0]), ("dm-7-10007", at(69), Some(3)));
    })
    .await;
}

#[tokio::test]
async fn readings_begin_when_it_is_time_and_a_clock_set_back_holds_none_up() {
    on_each_engine(async |bench| {
        let beginning = |minute| Beginning {
            to: at(minute),
            at_first: AFTER,
            overlap: MINUTE,
            every: EVERY,
            at_once: false,
        };
        let begin = async |minute, now| {
            bench.store.begin_reading(&watch().user_id, beginning(minute), now).await.unwrap()
        };
        let Ready::Now(first) = begin(60, at(60)).await else { panic!() };
        assert_eq!(first, MessageReading { from: at(30), ..reading(60) });
        let page = StreamPage { reading: first, next: None };
        bench.store.hear(&watch(), Vec::new(), Some(page), at(60)).await.unwrap();
        assert_eq!(begin(61, at(61)).await, Ready::At(at(62)));
        assert!(matches!(begin(60, START).await, Ready::Now(reading) if reading.to == at(60)));
        bench.store.give_up_reading(&watch().user_id, at(63)).await.unwrap();
        let anew = begin(63, at(63)).await;
        assert_eq!(anew, Ready::Now(MessageReading { from: at(59), to: at(63), cursor: None }));
    })
    .await;
}

#[tokio::test]
async fn a_person_who_writes_after_the_end_calls_the_survey_off_and_talks_anew() {
    on_each_engine(async |bench| {
        let ended = bench.turns(31, &[to("7", 1), from("7", 0)]).await;
        let Taking::Closed { taken, .. } = &ended[0] else { panic!("{ended:?}") };
        let heard = bench.read(33, &[from("7", 33)]).await;
        let Taking::Reopened { conversation_id, cancelled } = &heard.turns[0] else {
            panic!("{heard:?}")
        };
        assert_eq!((heard.turns.len(), conversation_id.as_str()), (1, "dm-7-10007"));
        assert_eq!(cancelled.as_ref(), Some(&taken.survey_id));
        assert_eq!(bench.state(&taken.survey_id).await, "cancelled");
        let ended = bench.turns(64, &[to("7", 34), from("7", 33)]).await;
        assert_eq!(closed(&ended[0]), ("dm-7-10337", at(64), Some(1)));
    })
    .await;
}

/// Somebody's prompt that is out as far as is known, by a desk's close.
async fn prompted(bench: &Bench, dm_id: Option<&str>) {
    let sending = bench.sending("c-1", "7", START).await;
    let now = START.plus(DELAY);
    if let Some(dm_id) = dm_id {
        let mut update = told("900", now);
        update.object.dm_id = Some(dm_id.into());
        let (feedback_id, dm_id) = (update.id.clone(), update.object.dm_id.clone());
        let delivery = Delivery { sent_at: now, feedback_id, dm_id };
        let outcome = SendOutcome::Accepted { delivery, update: Box::new(update), show_at: None };
        bench.store.finish(&sending, outcome, now).await.unwrap();
    }
}

#[tokio::test]
async fn our_own_prompt_neither_opens_nor_closes_nor_puts_off_anything() {
    on_each_engine(async |bench| {
        let prompt = message(US, "7", 5, "How did we do?");
        // Under way: X shows the message before it has answered.
        prompted(&bench, None).await;
        bench.read(40, &[prompt.clone(), from("7", 4)]).await;
        assert_eq!(bench.store.next_talk_end(&watch(), all_to(at(0))).await.unwrap(), None);
        assert_eq!(bench.end(40).await, [], "the person waits for an answer");
        bench.read(50, &[to("7", 41), prompt, from("7", 4)]).await;
        assert_eq!(bench.store.next_talk_end(&watch(), all_to(at(0))).await.unwrap(), Some(at(71)));
    })
    .await;
}

#[tokio::test]
async fn a_prompt_is_told_by_its_message_and_an_agent_who_writes_the_same_is_not() {
    on_each_engine(async |bench| {
        let prompt = message(US, "7", 5, "How did we do? https://t.co/card");
        prompted(&bench, Some(&prompt.id)).await;
        bench.read(10, &[prompt.clone(), from("7", 4)]).await;
        assert_eq!(bench.store.next_talk_end(&watch(), all_to(at(0))).await.unwrap(), None);
        let typed = message(US, "7", 9, "How did we do?");
        bench.read(20, &[typed, prompt, from("7", 4)]).await;
        assert_eq!(bench.store.next_talk_end(&watch(), all_to(at(0))).await.unwrap(), Some(at(39)));
    })
    .await;
}

#[tokio::test]
async fn a_person_who_says_stop_has_opted_out_and_is_heeded_once() {
    on_each_engine(async |bench| {
        let stop = message("7", US, 2, " Stop! ");
        let messages =
            [stop.clone(), message("8", US, 2, "It does not stop"), message(US, "9", 2, "stop")];
        let heard = bench.read(10, &messages).await;
        assert_eq!(heard.stopped, [UserId::parse("7").unwrap()]);
        let [out] = &bench.store.opted_out(None).await.unwrap()[..] else { panic!("one has") };
        assert_eq!((out.account.as_deref(), out.at), (Some(ACCOUNT), at(2)));
        assert_eq!(out.why.as_deref(), Some("asked for it in a Direct Message"));
        // Let in again, and read again.
        bench.store.opt_in(UserId::parse("7").unwrap(), None).await.unwrap();
        assert_eq!(bench.read(20, &messages).await, TalkOutcome::default());
        assert!(!bench.is_opted_out("7").await);
        let again = message("7", US, 21, "unsubscribe");
        bench.read(30, &[again, stop]).await;
        assert!(bench.is_opted_out("7").await);
    })
    .await;
}

#[tokio::test]
async fn what_was_said_while_nobody_listened_keeps_a_talk_open_until_it_is_read() {
    on_each_engine(async |bench| {
        let messages = vec![to("7", 1), from("7", 0), to("8", 3), from("8", 0)];
        bench.store.hear(&watch(), messages, None, at(4)).await.unwrap();
        let since = Delivered { from: Some(at(2)), to: at(60) };
        let next = async || bench.store.next_talk_end(&watch(), since).await.unwrap();
        assert_eq!(next().await, Some(at(33)));
        let ended = bench.store.end_talks(&watch(), Some(since), at(60)).await.unwrap();
        assert!(!ended.is_more);
        let [one] = ended.turns.as_slice() else { panic!("{ended:?}") };
        assert_eq!(closed(one).0, "dm-8-10008");
        assert_eq!(next().await, None, "the other is not waited for");
        bench.read(61, &[]).await;
        let ended = bench.store.end_talks(&watch(), Some(since), at(61)).await.unwrap().turns;
        assert_eq!(closed(&ended[0]).0, "dm-7-10007");
    })
    .await;
}

#[tokio::test]
async fn talks_end_in_bounded_steps_and_none_is_left_out() {
    on_each_engine(async |bench| {
        let person = |n: u32| (500 + n).to_string();
        let messages: Vec<_> =
            (0..150).flat_map(|n| [to(&person(n), 1), from(&person(n), 0)]).collect();
        bench.read(30, &messages).await;
        bench.read(32, &[]).await;
        let mut ended = 0;
        loop {
            let heard = bench.store.end_talks(&watch(), None, at(32)).await.unwrap();
            ended += heard.turns.len();
            if !heard.is_more {
                break;
            }
        }
        assert_eq!(ended, 150);
    })
    .await;
}

#[tokio::test]
async fn what_nobody_has_touched_for_longer_than_x_lists_is_forgotten() {
    on_each_engine(async |bench| {
        bench.read(10, &[from("7", 0), to("8", 1), from("8", 0)]).await;
        let late = START.plus(41 * 24 * HOUR);
        bench.store.end_talks(&watch(), Some(all_to(late)), late).await.unwrap();
        assert_eq!(bench.store.next_talk_end(&watch(), all_to(at(0))).await.unwrap(), None);
        // As if nothing had ever been said.
        let heard = bench.store.hear(&watch(), vec![to("7", 11)], None, late).await.unwrap();
        assert_eq!(heard, TalkOutcome::default());
        assert_eq!(bench.store.next_talk_end(&watch(), all_to(at(0))).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_talk_is_closed_once_whatever_its_source_and_account_are_called() {
    on_each_engine(async |bench| {
        let talk = [from("7", 1), to("7", 2)];
        assert!(matches!(bench.turns(40, &talk).await[..], [Taking::Closed { .. }]));
        let renamed = MessageWatch { source: "dms2".into(), account: "acme2".into(), ..watch() };
        let heard = bench.store.hear(&renamed, talk.to_vec(), None, at(41)).await.unwrap();
        assert_eq!(heard.turns, []);
        assert_eq!(bench.store.end_talks(&renamed, None, at(80)).await.unwrap().turns, []);
    })
    .await;
}
