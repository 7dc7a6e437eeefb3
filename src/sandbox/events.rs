//! Keeps the events that `feedback/events` lists and cuts a window of them into pages.
//!
//! An event is a feedback as it was after one change. A window lies wholly in the past, so its list
//! never changes. That is why a cursor needs no memory in the sandbox.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::behaviour::Paging;
use super::chance::Chance;
use super::dates::x_date;
use super::feedback::SandboxFeedback;
use crate::domain::time::Millis;

/// What an event says happened to its feedback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventType {
    Created,
    Updated,
}

/// A feedback as it was after one change.
#[derive(Clone, Debug)]
pub struct FeedbackEvent {
    pub event_type: EventType,
    pub at: Millis,
    pub feedback: SandboxFeedback,
}

impl FeedbackEvent {
    pub fn to_json(&self) -> Value {
        let event_type = match self.event_type {
            EventType::Created => "feedback.created",
            EventType::Updated => "feedback.updated",
        };
        json!({
            "event_type": event_type,
            "created_at": x_date(self.at),
            "feedback": self.feedback.to_event_json(),
        })
    }
}

/// A stretch of time. Both ends are inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeSpan {
    pub from: Millis,
    pub to: Millis,
}

impl TimeSpan {
    pub fn holds(self, at: Millis) -> bool {
        (self.from..=self.to).contains(&at)
    }
}

/// X's opaque cursor, from which reading resumes. It is valid for one account and one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub user_id: u64,
    pub window: TimeSpan,
    /// The number of the window's entries that the pages so far have listed.
    position: u64,
    /// The number of pages so far.
    page: u64,
}

impl Cursor {
    /// Returns the cursor at the start of a window.
    pub fn at_start(user_id: u64, window: TimeSpan) -> Self {
        Self { user_id, window, position: 0, page: 0 }
    }

    /// Returns the text for `next_cursor`.
    pub fn to_text(self, seed: u64) -> String {
        let TimeSpan { from, to } = self.window;
        let plain = format!("{}.{}.{}.{}.{}", self.user_id, from.0, to.0, self.position, self.page);
        URL_SAFE_NO_PAD.encode(format!("{plain}.{}", check(&plain, seed)))
    }

    /// Reads a text that `to_text` wrote. Returns nothing for any other text.
    pub fn from_text(text: &str, seed: u64) -> Option<Self> {
        let decoded = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let (plain, checked) = decoded.rsplit_once('.')?;
        if checked.parse() != Ok(check(plain, seed)) {
            return None;
        }
        let mut numbers = plain.split('.');
        let mut next = || numbers.next();
        Some(Self {
            user_id: next()?.parse().ok()?,
            window: TimeSpan {
                from: Millis(next()?.parse().ok()?),
                to: Millis(next()?.parse().ok()?),
            },
            position: next()?.parse().ok()?,
            page: next()?.parse().ok()?,
        })
    }
}

fn check(plain: &str, seed: u64) -> u64 {
    Chance::of(seed, &["cursor", plain]).draw()
}

/// The events of each account in the order of time.
#[derive(Clone, Debug, Default)]
pub struct EventLog {
    by_account: BTreeMap<u64, BTreeMap<(Millis, u64), FeedbackEvent>>,
    count: u64,
}

impl EventLog {
    pub fn add(&mut self, event_type: EventType, feedback: &SandboxFeedback, at: Millis) {
        self.count += 1;
        self.by_account
            .entry(feedback.from_user_id)
            .or_default()
            .insert((at, self.count), FeedbackEvent { event_type, at, feedback: feedback.clone() });
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    /// Returns the page at `cursor` with at most `count` events. Also returns the next page's
    /// cursor unless the window ends here.
    pub fn page(
        &self,
        cursor: Cursor,
        count: u64,
        paging: Paging,
        seed: u64,
    ) -> (Vec<&FeedbackEvent>, Option<Cursor>) {
        let mut chance = Chance::of(seed, &["page", &cursor.to_text(seed)]);
        let next_page = Cursor { page: cursor.page + 1, ..cursor };
        // Only every other page may be empty. So a client that reads on always reaches the end.
        if cursor.page.is_multiple_of(2) && chance.happens(paging.empty) {
            return (Vec::new(), Some(next_page));
        }
        let size = if chance.happens(paging.partial) { 1 + chance.below(count) } else { count };
        let listed = self.listed(cursor, paging, seed);
        let skipped = usize::try_from(cursor.position).unwrap_or(usize::MAX);
        let taken = usize::try_from(size).unwrap_or(usize::MAX);
        let events: Vec<&FeedbackEvent> =
            listed.iter().copied().skip(skipped).take(taken).collect();
        let position = cursor.position + events.len() as u64;
        let more = position < listed.len() as u64;
        (events, more.then_some(Cursor { position, ..next_page }))
    }

    /// Builds the window's whole list. The list is the same every time.
    fn listed(&self, cursor: Cursor, paging: Paging, seed: u64) -> Vec<&FeedbackEvent> {
        let TimeSpan { from, to } = cursor.window;
        let mut ranked: Vec<(u64, &FeedbackEvent)> = Vec::new();
        let Some(events) = self.by_account.get(&cursor.user_id) else { return Vec::new() };
        let window = format!("{}-{}", from.0, to.0);
        for ((_, number), event) in events.range((from, 0)..=(to, u64::MAX)) {
            let mut chance = Chance::of(seed, &["listed", &window, &number.to_string()]);
            ranked.push((chance.draw(), event));
            if chance.happens(paging.duplicated) {
                ranked.push((chance.draw(), event));
            }
        }
        if paging.shuffled {
            ranked.sort_by_key(|(rank, _)| *rank);
        }
        ranked.into_iter().map(|(_, event)| event).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::feedback::QuestionKind;

    const WINDOW: TimeSpan = TimeSpan { from: Millis(100), to: Millis(299) };

    fn log(events: u64) -> EventLog {
        let mut log = EventLog::default();
        for number in 0..events {
            let at = Millis(i64::try_from(number).unwrap());
            let feedback = SandboxFeedback {
                id: number,
                dm_id: number,
                created_at: at,
                updated_at: at,
                survey: QuestionKind::Csat,
                test: false,
                from_user_id: 1,
                to_user_id: number,
                privacy_url: String::new(),
                external_id: None,
                question_variant_id: 0,
                display_name: None,
                score: None,
                text: None,
            };
            log.add(EventType::Created, &feedback, at);
        }
        log
    }

    /// Reads a window to its end, as a client would; the ids in the order they came, and the sizes
    /// of the pages.
    fn read(log: &EventLog, count: u64, paging: Paging) -> (Vec<u64>, Vec<usize>) {
        let (mut ids, mut sizes) = (Vec::new(), Vec::new());
        let mut next = Some(Cursor::at_start(1, WINDOW));
        while let Some(cursor) = next {
            assert!(sizes.len() < 1_000, "the window has an end");
            let cursor = Cursor::from_text(&cursor.to_text(9), 9).unwrap();
            let (events, after) = log.page(cursor, count, paging, 9);
            ids.extend(events.iter().map(|event| event.feedback.id));
            sizes.push(events.len());
            next = after;
        }
        (ids, sizes)
    }

    #[test]
    fn both_ends_of_a_window_are_in_it() {
        let (ids, sizes) = read(&log(400), 80, Paging::plain());
        assert_eq!(ids, (100..300).collect::<Vec<_>>());
        assert_eq!(sizes, [80, 80, 40]);
    }

    #[test]
    fn a_window_without_events_and_another_account_end_at_once() {
        assert_eq!(read(&log(50), 100, Paging::plain()), (vec![], vec![0]));
        let other = Cursor::at_start(2, WINDOW);
        let log = log(400);
        let (events, next) = log.page(other, 100, Paging::plain(), 9);
        assert!(events.is_empty() && next.is_none());
    }

    #[test]
    fn awkward_pages_lose_nothing() {
        let log = log(400);
        let (mut ids, sizes) = read(&log, 20, Paging::awkward());
        assert_ne!(
            ids,
            {
                let mut sorted = ids.clone();
                sorted.sort_unstable();
                sorted
            },
            "shuffled"
        );
        assert!(ids.len() > 200, "some come twice");
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids, (100..300).collect::<Vec<_>>());
        assert!(
            sizes[..sizes.len() - 1].contains(&0),
            "an empty page stands in the middle: {sizes:?}"
        );
        assert!(sizes[..sizes.len() - 1].iter().any(|size| (1..20).contains(size)), "{sizes:?}");
        assert_eq!(read(&log, 20, Paging::awkward()).1, sizes, "and the same again");
    }

    #[test]
    fn a_window_of_empty_pages_still_ends() {
        let paging = Paging { empty: 1.0, ..Paging::plain() };
        assert_eq!(read(&log(400), 100, paging).1, [0, 100, 0, 100]);
        assert_eq!(read(&log(0), 100, paging).1, [0, 0]);
    }

    #[test]
    fn a_cursor_that_was_not_given_out_is_not_read() {
        let text = Cursor::at_start(1, WINDOW).to_text(9);
        assert_eq!(Cursor::from_text(&text, 8), None);
        assert_eq!(Cursor::from_text("10011", 9), None);
        assert_eq!(Cursor::from_text("", 9), None);
        assert_eq!(Cursor::from_text(&text[..text.len() - 2], 9), None);
    }
}
