//! How far the events have been read, and which prompts are asked about.

use surveyd::domain::event_windows::ReadingPurpose;
use surveyd::domain::freshness::{Fresh, Observed, PromptsByAge};
use surveyd::store::{EventsPageRead, PollState, PollWindow, ShowOutcome, ToShow, UnknownEvent};

use super::*;

const FIRST: ReadingPurpose = ReadingPurpose::First;
const SENT: Millis = Millis(START.0 + 300_000);
const TO: Millis = Millis(START.0 + 3_600_000);

fn window(cursor: Option<&str>) -> PollWindow {
    PollWindow { period: Period { from: START, to: TO }, cursor: cursor.map(str::to_owned) }
}

fn page(updates: Vec<Update>, next_cursor: Option<&str>) -> EventsPageRead {
    EventsPageRead {
        updates,
        next_cursor: next_cursor.map(str::to_owned),
        ..EventsPageRead::default()
    }
}

/// X was asked about a prompt at `TO`, which was due at `was`.
fn shown(survey: &Survey, was: Millis, again: Option<Millis>) -> ShowOutcome {
    ShowOutcome { survey_id: survey.id.clone(), was, asked_at: Some(TO), again }
}

impl Bench {
    async fn poll_state(&self) -> PollState {
        self.store.poll_state(ACCOUNT).await.unwrap()
    }

    /// A window chosen from how far all is read.
    async fn opened(&self, from: Millis, to: Millis) {
        let state = self.poll_state().await;
        let range = Period { from, to };
        self.store.open_window(ACCOUNT, FIRST, &state, range, None).await.unwrap();
    }

    /// How far the reading that began at `START` is.
    fn come(&self, done_to: Option<Millis>, window: Option<PollWindow>) -> PollState {
        let (begun_from, done_at) = (Some(START), done_to.map(|_| TO));
        PollState { begun_from, done_to, done_at, window, ..PollState::default() }
    }

    /// A page without events, and where it says that reading goes on.
    async fn folded(&self, window: PollWindow, next_cursor: Option<&str>) {
        self.store.fold_page(ACCOUNT, FIRST, window, page(vec![], next_cursor), TO).await.unwrap();
    }

    async fn asked_about(&self, now: Millis) -> Vec<String> {
        let due = self.store.to_show(ACCOUNT, 10, now).await.unwrap();
        due.into_iter().map(|prompt| prompt.feedback_id.to_string()).collect()
    }

    /// A prompt about which X is to be asked at `show_at`.
    async fn shown(&self, person: &str, feedback: &str, show_at: Option<Millis>) -> Survey {
        let sending = self.sending(&format!("c-{person}"), person, START).await;
        self.store.finish(&sending, accepted(feedback, SENT, show_at), SENT).await.unwrap()
    }
}

#[tokio::test]
async fn a_window_is_read_page_by_page_to_its_end_across_restarts() {
    on_each_engine(async |bench| {
        let sent = bench.sent("c-1", "7", "900").await;
        assert_eq!(bench.poll_state().await, PollState::default());
        bench.opened(START, TO).await;
        let state = bench.come(None, Some(window(None)));
        assert_eq!(bench.poll_state().await, state);

        // Nothing on a page but a cursor is no end.
        let empty = page(vec![], Some("a"));
        let folded = bench.store.fold_page(ACCOUNT, FIRST, window(None), empty, TO).await.unwrap();
        assert!(folded.updated.is_empty());
        let again = bench.database.open().await;
        let state = bench.come(None, Some(window(Some("a"))));
        assert_eq!(again.poll_state(ACCOUNT).await.unwrap(), state);

        let answer = scored(told("900", TO), 5, TO);
        let last = page(vec![answer], None);
        let last = again.fold_page(ACCOUNT, FIRST, window(Some("a")), last, TO).await.unwrap();
        assert_eq!(last.answered.len(), 1);
        assert_eq!(bench.state(&sent.id).await, "answered");
        let done = bench.come(Some(TO), None);
        assert_eq!(bench.poll_state().await, done);
        let status = bench.store.account_status(ACCOUNT, START).await.unwrap();
        assert_eq!(status.events.done_to, Some(TO));
        assert_eq!(bench.store.poll_state("other").await.unwrap(), PollState::default());
    })
    .await;
}

#[tokio::test]
async fn a_window_opened_again_starts_at_its_first_page() {
    on_each_engine(async |bench| {
        bench.opened(START, TO).await;
        bench.folded(window(None), Some("a")).await;
        bench.opened(START, TO).await;
        assert_eq!(bench.poll_state().await.window, Some(window(None)));

        bench.folded(window(None), None).await;
        bench.opened(TO, TO.plus(HOUR)).await;
        assert_eq!(bench.poll_state().await.done_to, Some(TO), "what is done stays done");
    })
    .await;
}

#[tokio::test]
async fn the_slower_of_two_daemons_does_not_move_the_place_that_the_other_has_reached() {
    on_each_engine(async |bench| {
        bench.opened(START, TO).await;
        bench.folded(window(None), Some("a")).await;
        bench.folded(window(None), Some("a")).await;
        bench.folded(window(Some("a")), Some("b")).await;
        bench.folded(window(None), Some("a")).await;
        assert_eq!(bench.poll_state().await.window, Some(window(Some("b"))));

        bench.folded(window(Some("b")), None).await;
        let done = bench.come(Some(TO), None);
        assert_eq!(bench.poll_state().await, done);
        bench.folded(window(Some("b")), None).await;
        assert_eq!(bench.poll_state().await, done);

        // The next window is not read because the last one is.
        let next = PollWindow { period: Period { from: TO, to: TO.plus(HOUR) }, cursor: None };
        bench.opened(next.period.from, next.period.to).await;
        let answer = page(vec![scored(told("900", TO), 5, TO)], None);
        bench.store.fold_page(ACCOUNT, FIRST, window(Some("b")), answer, TO).await.unwrap();
        let expected = bench.come(Some(TO), Some(next));
        assert_eq!(bench.poll_state().await, expected);
        assert_eq!(bench.store.answers().await.unwrap(), 1, "what it says is folded all the same");
    })
    .await;
}

#[tokio::test]
async fn an_event_of_an_unknown_kind_is_kept_once() {
    on_each_engine(async |bench| {
        let unknown =
            UnknownEvent { digest: "d1".into(), body: r#"{"event_type":"new ☃"}"#.into() };
        bench.opened(START, TO).await;
        for _ in 0..2 {
            let page = EventsPageRead {
                unknown: vec![unknown.clone(), unknown.clone()],
                ..page(vec![told("900", SENT)], None)
            };
            bench.store.fold_page(ACCOUNT, FIRST, window(None), page, TO).await.unwrap();
        }
        assert_eq!(bench.poll_state().await.done_to, Some(TO));
    })
    .await;
}

#[tokio::test]
async fn prompts_are_asked_about_when_their_time_has_come() {
    on_each_engine(async |bench| {
        let later = bench.shown("7", "901", Some(TO.plus(HOUR))).await;
        let soon = bench.shown("8", "902", Some(TO)).await;
        bench.shown("9", "903", None).await;
        assert_eq!(bench.store.next_show(ACCOUNT).await.unwrap(), Some(TO));
        assert!(bench.asked_about(TO.minus(SECOND)).await.is_empty());
        let due = bench.store.to_show(ACCOUNT, 10, TO).await.unwrap();
        let expected = ToShow {
            survey_id: soon.id.clone(),
            feedback_id: FeedbackId::new("902"),
            fresh: Fresh { sent_at: SENT, asked_at: None, partly_at: None },
            show_at: TO,
        };
        assert_eq!(due, [expected]);
        assert_eq!(bench.asked_about(TO.plus(HOUR)).await, ["901", "902"]);
        assert_eq!(bench.store.to_show(ACCOUNT, 1, TO.plus(HOUR)).await.unwrap().len(), 1);

        let next =
            vec![shown(&soon, TO, None), shown(&later, TO.plus(HOUR), Some(TO.plus(2 * HOUR)))];
        bench.store.show_again(next).await.unwrap();
        assert_eq!(bench.asked_about(TO.plus(HOUR)).await, Vec::<String>::new());
        assert_eq!(bench.store.next_show(ACCOUNT).await.unwrap(), Some(TO.plus(2 * HOUR)));
        let due = bench.store.to_show(ACCOUNT, 10, TO.plus(2 * HOUR)).await.unwrap();
        assert_eq!(due[0].fresh.asked_at, Some(TO), "what has waited since nobody has looked at");
        bench.store.show_again(vec![shown(&soon, TO, Some(TO))]).await.unwrap();
        assert!(bench.asked_about(TO).await.is_empty(), "never again means never");
    })
    .await;
}

#[tokio::test]
async fn what_a_clock_that_ran_ahead_has_put_off_is_due_at_once() {
    on_each_engine(async |bench| {
        let (first, latest) = (TO.plus(5 * MINUTE), TO.plus(168 * HOUR));
        let pull_back =
            async || bench.store.pull_back_shows(ACCOUNT, TO, (first, latest)).await.unwrap();
        let put_off = async |person, id, asked_at, to| {
            let survey = bench.shown(person, id, Some(TO)).await;
            let again = ShowOutcome { asked_at, ..shown(&survey, TO, Some(to)) };
            bench.store.show_again(vec![again]).await.unwrap();
        };
        put_off("1", "901", Some(TO), TO.plus(144 * HOUR)).await;
        put_off("2", "902", Some(TO.plus(SECOND)), TO.plus(HOUR)).await;
        put_off("3", "903", None, first).await;
        assert_eq!(pull_back().await, 0, "a long gap, a clock beside ours, a first question");
        put_off("4", "904", Some(TO.plus(HOUR)), TO.plus(2 * HOUR)).await;
        put_off("5", "905", Some(TO), latest.plus(HOUR)).await;
        put_off("6", "906", None, first.plus(HOUR)).await;
        assert_eq!(pull_back().await, 3);
        let mut due = bench.store.to_show(ACCOUNT, 10, TO).await.unwrap();
        due.sort_by_key(|due| due.feedback_id.to_string());
        let due: Vec<_> =
            due.iter().map(|due| (due.feedback_id.as_str(), due.fresh.asked_at)).collect();
        assert_eq!(due, [("904", None), ("905", Some(TO)), ("906", None)]);
        assert_eq!(pull_back().await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_prompt_that_is_answered_in_full_is_not_asked_about_any_more() {
    on_each_engine(async |bench| {
        let survey = bench.shown("7", "900", Some(TO)).await;
        let half = scored(told("900", TO), 5, TO);
        bench.store.fold(ACCOUNT, vec![half.clone()], TO).await.unwrap();
        assert_eq!(bench.asked_about(TO).await, ["900"], "a comment may still come");
        let whole = commented(half, "thanks", TO);
        bench.store.fold(ACCOUNT, vec![whole], TO).await.unwrap();
        assert!(bench.asked_about(TO).await.is_empty());
        bench.store.show_again(vec![shown(&survey, TO, Some(TO))]).await.unwrap();
        assert_eq!(bench.store.next_show(ACCOUNT).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_prompt_that_x_points_at_is_asked_about_before_all_others() {
    on_each_engine(async |bench| {
        let first = bench.shown("7", "901", Some(TO.plus(HOUR))).await;
        bench.shown("8", "902", Some(TO)).await;
        bench.shown("9", "903", None).await;
        let point_at = async |id: &str| {
            let hint = scored(told(id, TO), 5, TO);
            bench.store.fold_hints(ACCOUNT, vec![hint], TO.plus(HOUR), TO).await.unwrap();
        };
        for id in ["901", "903", "unknown"] {
            point_at(id).await;
        }
        let due = bench.store.to_show(ACCOUNT, 10, TO).await.unwrap();
        let due: Vec<_> =
            due.iter().map(|due| (due.feedback_id.as_str(), due.is_out_of_turn())).collect();
        assert_eq!(due, [("901", true), ("902", false)], "what is not fresh stays unasked");

        // Asked about by the old plan while X pointed at it: it stays due.
        bench.store.show_again(vec![shown(&first, TO.plus(HOUR), None)]).await.unwrap();
        assert_eq!(bench.asked_about(TO).await, ["901", "902"]);
        bench.store.show_again(vec![shown(&first, Millis(0), Some(TO.plus(HOUR)))]).await.unwrap();
        assert_eq!(bench.asked_about(TO).await, ["902"]);
    })
    .await;
}

#[tokio::test]
async fn the_crowd_are_the_prompts_that_are_asked_about_and_have_no_answer() {
    on_each_engine(async |bench| {
        for (person, feedback) in [("7", "901"), ("8", "902"), ("9", "903")] {
            bench.shown(person, feedback, Some(TO)).await;
        }
        bench.shown("10", "904", None).await;
        bench.store.fold(ACCOUNT, vec![scored(told("901", TO), 5, TO)], TO).await.unwrap();
        let mut crowd = PromptsByAge::default();
        crowd.count(TO.since(SENT), 2);
        assert_eq!(bench.store.crowd(ACCOUNT, TO).await.unwrap(), crowd);
        assert_eq!(bench.store.crowd(ACCOUNT, START).await.unwrap(), PromptsByAge::default());
        assert_eq!(bench.store.crowd("other", TO).await.unwrap(), PromptsByAge::default());
    })
    .await;
}

#[tokio::test]
async fn what_became_of_earlier_prompts_is_observed_as_far_as_it_is_known() {
    on_each_engine(async |bench| {
        let silent = bench.shown("7", "901", Some(TO)).await;
        bench.shown("8", "902", Some(TO)).await;
        let read_to = SENT.plus(SECOND);
        let whole = commented(scored(told("902", TO), 5, TO), "thanks", TO.plus(SECOND));
        bench.store.fold(ACCOUNT, vec![whole], TO).await.unwrap();
        bench.store.show_again(vec![shown(&silent, TO, None)]).await.unwrap();
        let observed = async |since, read_to, limit| {
            let mut observed = bench.store.observed(ACCOUNT, since, read_to, limit).await.unwrap();
            observed.sort_by_key(|prompt| prompt.score_at);
            observed
        };
        let of = |known_to| Observed { sent_at: SENT, score_at: None, comment_at: None, known_to };
        let answered =
            Observed { score_at: Some(TO), comment_at: Some(TO.plus(SECOND)), ..of(read_to) };
        assert_eq!(observed(SENT, Some(read_to), 10).await, [of(TO), answered]);
        assert_eq!(observed(SENT, None, 10).await[1].known_to, SENT, "nothing is known of it");
        assert_eq!(observed(SENT, None, 1).await.len(), 1);
        assert_eq!(observed(TO, None, 10).await, []);
    })
    .await;
}
