//! What X's webhook tells: counted at once, judged by X's events.

use surveyd::domain::event_windows::{ReadingPurpose, SecondLook};
use surveyd::domain::survey::State;
use surveyd::store::{EventsPageRead, Folded, PollWindow};

use super::*;

const SCORED: Millis = Millis(START.0 + 7_200_000);
const JUDGED_BY: Millis = Millis(SCORED.0 + 60_000);

impl Bench {
    async fn hint(&self, update: Update) -> Folded {
        self.store.fold_hints(ACCOUNT, vec![update], JUDGED_BY, SCORED).await.unwrap()
    }

    /// X's events are read to the end, and hold these.
    async fn read_to(&self, to: Millis, updates: Vec<Update>) -> Folded {
        let range = Period { from: START, to };
        self.read_window(
            ReadingPurpose::First,
            range,
            vec![EventsPageRead { updates, ..EventsPageRead::default() }],
        )
        .await
    }

    /// X's events of a range are read to the end, page by page.
    async fn read_window(
        &self,
        reading: ReadingPurpose,
        range: Period,
        pages: Vec<EventsPageRead>,
    ) -> Folded {
        let state = self.store.reading(ACCOUNT, reading).await.unwrap();
        self.store.open_window(ACCOUNT, reading, &state, range, None).await.unwrap();
        let (mut cursor, last, mut folded) = (None, pages.len() - 1, Folded::default());
        for (number, page) in pages.into_iter().enumerate() {
            let window = PollWindow { period: range, cursor };
            cursor = (number < last).then(|| format!("page {number}"));
            let page = EventsPageRead { next_cursor: cursor.clone(), ..page };
            let done = self.store.fold_page(ACCOUNT, reading, window, page, range.to).await;
            folded = done.unwrap();
        }
        folded
    }

    async fn score(&self, id: &SurveyId) -> Option<i64> {
        self.store.survey(id).await.unwrap().unwrap().told.score
    }
}

fn nine(feedback: &str) -> Update {
    scored(told(feedback, SCORED), 9, SCORED)
}

#[tokio::test]
async fn a_hint_is_an_answer_at_once_and_asked_about() {
    on_each_engine(async |bench| {
        let sending = bench.sending("c-1", "7", START).await;
        let at = START.plus(DELAY);
        let later = Some(at.plus(HOUR));
        let sent = bench.store.finish(&sending, accepted("900", at, later), at).await.unwrap();
        let folded = bench.hint(nine("900")).await;
        assert_eq!(folded.answered.len(), 1);
        assert_eq!(
            (bench.score(&sent.id).await, bench.state(&sent.id).await),
            (Some(9), "answered")
        );
        let due = bench.store.to_show(ACCOUNT, 10, SCORED).await.unwrap();
        assert_eq!(due.len(), 1, "X is asked for its own word at once");
        assert!(due[0].is_out_of_turn());
        assert_eq!(bench.hint(nine("900")).await, Folded::default(), "told again it is no news");
    })
    .await;
}

#[tokio::test]
async fn a_hint_that_the_events_bear_out_stands() {
    on_each_engine(async |bench| {
        let sent = bench.sent("c-1", "7", "900").await;
        bench.hint(nine("900")).await;
        let folded = bench.read_to(JUDGED_BY, vec![nine("900")]).await;
        assert_eq!((folded.answered.len(), folded.refuted.len()), (0, 0));
        assert_eq!(
            (bench.score(&sent.id).await, bench.state(&sent.id).await),
            (Some(9), "answered")
        );
    })
    .await;
}

#[tokio::test]
async fn where_events_and_webhook_differ_the_events_stand() {
    on_each_engine(async |bench| {
        let sent = bench.sent("c-1", "7", "900").await;
        bench.hint(nine("900")).await;
        let four = scored(told("900", SCORED), 4, SCORED);
        let folded = bench.read_to(SCORED, vec![four]).await;
        assert_eq!(folded.refuted, [(Some(sent.id.clone()), FeedbackId::new("900"))]);
        assert_eq!(
            (bench.score(&sent.id).await, bench.state(&sent.id).await),
            (Some(4), "answered")
        );
        assert_eq!(bench.read_to(JUDGED_BY, Vec::new()).await.refuted, [], "it is told once");
        bench.hint(nine("900")).await;
        assert_eq!(bench.score(&sent.id).await, Some(4));
        let known = bench.store.feedback(ACCOUNT, &FeedbackId::new("900")).await.unwrap().unwrap();
        let aside = known.aside().0;
        assert_eq!((aside.len(), aside[0].value, known.judged_by()), (1, 9, None));
    })
    .await;
}

#[tokio::test]
async fn a_hint_that_the_events_do_not_know_is_withdrawn_when_they_should() {
    on_each_engine(async |bench| {
        let sent = bench.sent("c-1", "7", "900").await;
        bench.hint(nine("900")).await;
        let before = bench.read_to(JUDGED_BY.minus(SECOND), Vec::new()).await;
        assert_eq!((before.refuted.len(), bench.score(&sent.id).await), (0, Some(9)));
        let folded = bench.read_to(JUDGED_BY, Vec::new()).await;
        assert_eq!(folded.refuted, [(Some(sent.id.clone()), FeedbackId::new("900"))]);
        assert_eq!((bench.score(&sent.id).await, bench.state(&sent.id).await), (None, "sent"));
        assert_eq!(counted(&bench).await, [("sent", 1)]);
        // They have come late.
        let folded = bench.read_to(JUDGED_BY.plus(HOUR), vec![nine("900")]).await;
        assert_eq!(folded.answered.len(), 1);
        assert_eq!(
            (bench.score(&sent.id).await, bench.state(&sent.id).await),
            (Some(9), "answered")
        );
        assert_eq!(counted(&bench).await, [("answered", 1)]);
    })
    .await;
}

/// The states that surveys are in, with their counts.
async fn counted(bench: &Bench) -> Vec<(&'static str, i64)> {
    let counts = bench.store.status(START).await.unwrap().by_state;
    counts.into_iter().filter(|(_, count)| *count > 0).collect()
}

/// A page with an event of a kind that surveyd knows, in a form that it does not.
fn partly_read() -> EventsPageRead {
    EventsPageRead { is_partly_read: true, ..EventsPageRead::default() }
}

#[tokio::test]
async fn a_hint_is_not_refuted_by_a_window_that_could_not_be_read_in_full() {
    on_each_engine(async |bench| {
        let sent = bench.sent("c-1", "7", "900").await;
        bench.hint(nine("900")).await;
        // The hint's event lies in a window of its own; when the hint is judged, the next is read.
        let range = Period { from: START, to: SCORED.plus(SECOND) };
        bench
            .read_window(
                ReadingPurpose::First,
                range,
                vec![partly_read(), EventsPageRead::default()],
            )
            .await;
        let next = Period { from: range.to, to: JUDGED_BY };
        let folded =
            bench.read_window(ReadingPurpose::First, next, vec![EventsPageRead::default()]).await;
        assert_eq!((folded.refuted.len(), bench.score(&sent.id).await), (0, Some(9)));
        assert_eq!(bench.state(&sent.id).await, "answered");
        let row = bench.store.feedback(ACCOUNT, &FeedbackId::new("900")).await.unwrap().unwrap();
        assert_eq!(row.judged_by(), Some(JUDGED_BY), "it is a hint still");

        let day = ReadingPurpose::Second(SecondLook::Day);
        let whole = Period { from: START, to: JUDGED_BY };
        bench.store.begin_look(ACCOUNT, SecondLook::Day, whole).await.unwrap();
        let folded = bench.read_window(day, whole, vec![partly_read()]).await;
        assert_eq!(folded.refuted, [], "a look that cannot be read in full either");
        bench.store.begin_look(ACCOUNT, SecondLook::Day, whole).await.unwrap();
        let folded = bench.read_window(day, whole, vec![EventsPageRead::default()]).await;
        assert_eq!(folded.refuted, [(Some(sent.id.clone()), FeedbackId::new("900"))]);
        assert_eq!((bench.score(&sent.id).await, bench.state(&sent.id).await), (None, "sent"));
    })
    .await;
}

#[tokio::test]
async fn xs_word_bears_a_hint_out_whatever_else_could_not_be_read() {
    on_each_engine(async |bench| {
        let sent = bench.sent("c-1", "7", "900").await;
        bench.hint(nine("900")).await;
        let told = EventsPageRead { updates: vec![nine("900")], ..partly_read() };
        let range = Period { from: START, to: JUDGED_BY };
        let folded = bench.read_window(ReadingPurpose::First, range, vec![told]).await;
        assert_eq!((folded.refuted.len(), bench.score(&sent.id).await), (0, Some(9)));
        let row = bench.store.feedback(ACCOUNT, &FeedbackId::new("900")).await.unwrap().unwrap();
        assert_eq!((row.judged_by(), row.is_plain()), (None, true));
    })
    .await;
}

#[tokio::test]
async fn a_hint_of_before_or_after_what_could_not_be_read_is_judged_as_ever() {
    on_each_engine(async |bench| {
        bench.sent("c-1", "7", "900").await;
        let unread = Period { from: START, to: SCORED.minus(HOUR) };
        bench.read_window(ReadingPurpose::First, unread, vec![partly_read()]).await;
        bench.hint(nine("900")).await;
        let range = Period { from: unread.to, to: JUDGED_BY };
        let folded =
            bench.read_window(ReadingPurpose::First, range, vec![EventsPageRead::default()]).await;
        assert_eq!(folded.refuted.len(), 1, "{folded:?}");
    })
    .await;
}

#[tokio::test]
async fn feedback_without_its_account_is_that_of_the_one_that_knows_it() {
    on_each_engine(async |bench| {
        const OTHER: &str = "other";
        let whose = async |update: &Update| {
            bench.store.whose_feedback([OTHER, ACCOUNT].into_iter(), update).await.unwrap()
        };
        bench.sent("c-1", "7", "900").await;
        assert_eq!(whose(&nine("900")).await, Some(ACCOUNT));
        assert_eq!(whose(&nine("902")).await, None);
        let unknown = of_prompt(nine("902"), "7", "c-1");
        assert_eq!(whose(&unknown).await, Some(ACCOUNT), "it has asked the person under that name");
        // The other account asks the same person under the same name.
        bench.take(Close { account: OTHER.into(), ..close("c-1", "7", START) }).await;
        let now = START.plus(DELAY);
        let lease = now.plus(LEASE);
        let leased = bench.store.lease_due(OTHER, 1, lease, now).await.unwrap().pop().unwrap();
        bench.decide(leased, rules(), OTHER, now).await;
        assert_eq!(whose(&unknown).await, None, "it may be of either");
        assert_eq!(whose(&of_prompt(nine("900"), "7", "c-1")).await, Some(ACCOUNT));
        bench.store.fold(OTHER, vec![told("902", START)], START).await.unwrap();
        assert_eq!(whose(&unknown).await, Some(OTHER));
    })
    .await;
}

#[tokio::test]
async fn a_hint_that_was_refuted_stands_in_for_no_prompt() {
    on_each_engine(async |bench| {
        bench.hint(of_prompt(nine("900"), "7", "c-1")).await;
        bench.read_to(JUDGED_BY, Vec::new()).await;
        // Whoever closes now is asked.
        let sending = bench.sending("c-1", "7", START).await;
        assert_eq!(bench.state(&sending.survey().id).await, "sending");
    })
    .await;
}

#[tokio::test]
async fn a_hint_settles_what_is_uncertain() {
    on_each_engine(async |bench| {
        let uncertain = bench.uncertain("c-1", "7").await;
        let mut update = nine("900");
        update.object.created_at = Some(START.plus(DELAY));
        update.object.external_id = Some("c-1".into());
        update.object.to_user_id = Some("7".into());
        let folded = bench.hint(update).await;
        assert_eq!(folded.settled.len(), 1);
        let State::Answered(delivery) = bench.survey(&uncertain.id).await.state else { panic!() };
        assert_eq!(delivery.feedback_id.as_str(), "900");
        // Never again `scheduled`, whatever becomes of the hint.
        bench.read_to(JUDGED_BY, Vec::new()).await;
        assert_eq!(bench.state(&uncertain.id).await, "sent");
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_comes_before_creates_own_is_not_lost() {
    on_each_engine(async |bench| {
        let sending = bench.sending("c-1", "7", START).await;
        assert_eq!(bench.hint(nine("900")).await.answered, [], "it is the worker's to finish");
        let at = START.plus(DELAY);
        let survey = bench.store.finish(&sending, accepted("900", at, None), at).await.unwrap();
        assert_eq!(survey.state.name(), "answered");
        assert_eq!(bench.score(&survey.id).await, Some(9));
    })
    .await;
}

#[tokio::test]
async fn a_change_of_what_is_immutable_is_kept_aside_and_told_once() {
    on_each_engine(async |bench| {
        let sent = bench.sent("c-1", "7", "900").await;
        let four = scored(told("900", SCORED), 4, SCORED);
        let later = SCORED.plus(HOUR);
        let changed = scored(told("900", later), 9, later);
        bench.store.fold(ACCOUNT, vec![four.clone()], SCORED).await.unwrap();
        let folded = bench.store.fold(ACCOUNT, vec![changed.clone()], later).await.unwrap();
        assert_eq!(folded.contradicted, [(Some(sent.id.clone()), FeedbackId::new("900"))]);
        assert_eq!(bench.score(&sent.id).await, Some(4));
        let again = bench.store.fold(ACCOUNT, vec![four, changed], later).await.unwrap();
        assert_eq!(again, Folded::default());
        let other = scored(told("901", SCORED), 1, SCORED);
        let both = vec![other.clone(), scored(told("901", later), 2, later)];
        let folded = bench.store.fold(ACCOUNT, both, later).await.unwrap();
        assert_eq!(folded.contradicted, [(None, FeedbackId::new("901"))], "in one batch, too");
    })
    .await;
}

#[tokio::test]
async fn events_of_no_known_kind_are_kept_once() {
    on_each_engine(async |bench| {
        let event = surveyd::store::UnknownEvent { digest: "d".into(), body: "{}".into() };
        for _ in 0..2 {
            bench.store.keep_unknown("", vec![event.clone()], START).await.unwrap();
        }
    })
    .await;
}
