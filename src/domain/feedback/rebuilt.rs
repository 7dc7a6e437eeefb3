//! Rebuilds feedback from X's events of a period.

use std::collections::BTreeSet;

use super::{Feedback, Statements};
use crate::domain::event_windows::LATE_MOST;
use crate::domain::time::{Millis, Period};

impl Feedback {
    /// Takes what the events of `read` report. Of the earlier knowledge, it keeps only what they
    /// could not report:
    ///
    /// - What was reported after the period.
    /// - A part that the events lack and that was reported before the period.
    /// - A part that the events lack and that was reported so late that its event may not have
    ///   surfaced.
    pub fn made_anew(events: Feedback, before: Option<Feedback>, read: Period) -> Feedback {
        let Some(before) = before else { return events };
        let Feedback { id, mut words, hints, refuted, judged_by } = before;
        // A report dated before the feedback itself cannot be true.
        let made_at = events.object().created_at.unwrap_or(Millis(i64::MIN));
        let is_earlier = |at: Millis| made_at <= at && at < read.from;
        let is_late = |at: Millis| made_at <= at && read.to.minus(LATE_MOST) <= at;
        let may_lack = |at| is_earlier(at) || is_late(at);
        let (no_score, no_text) = (events.words.scores.is_empty(), events.words.texts.is_empty());
        words.scores.retain_told(|at| read.to < at || no_score && may_lack(at));
        words.texts.retain_told(|at| read.to < at || no_text && may_lack(at));
        let told = told_at(&words);
        words.updates.retain(|at| read.to < *at || is_earlier(*at) || told.contains(at));
        words.object.take_if(|it| it.updated_at <= read.to && !told.contains(&it.updated_at));
        let (hints, refuted) = (later(hints, read.to), later(refuted, read.to));
        let judged_by = judged_by.filter(|_| !hints.is_empty());
        let mut anew = events;
        anew.join(Feedback { id, words, hints, refuted, judged_by });
        anew
    }

    /// True if both look alike to readers. X's own texts of one object differ from call to call.
    pub fn tells_as(&self, other: &Feedback) -> bool {
        let object = |feedback: &Feedback| {
            let mut object = feedback.object().clone();
            (object.raw, object.older) = Default::default();
            object
        };
        object(self) == object(other)
            && self.score() == other.score()
            && self.text() == other.text()
            && self.updates() == other.updates()
            && self.aside() == other.aside()
            && self.judged_by() == other.judged_by()
    }
}

/// When the scores and texts were reported.
fn told_at(told: &Statements) -> BTreeSet<Millis> {
    let scores = told.scores.all().into_iter().map(|given| given.told_at);
    let texts = told.texts.all().into_iter().map(|given| given.told_at);
    scores.chain(texts).collect()
}

fn later(mut told: Statements, than: Millis) -> Statements {
    told.scores.retain_told(|at| than < at);
    told.texts.retain_told(|at| than < at);
    told.updates.retain(|at| than < *at);
    told.object.take_if(|object| object.updated_at <= than);
    told
}

#[cfg(test)]
mod tests {
    use super::super::{Given, Object, Trust, Update};
    use super::*;
    use crate::domain::id::FeedbackId;

    /// What was told from 200 on may be listed late.
    const READ: Period =
        Period { from: Millis(100), to: Millis(200 + LATE_MOST.as_millis() as i64) };
    const LATER: i64 = READ.to.0 + 100;

    fn told(updated_at: i64, score: Option<i64>, text: Option<&str>) -> Update {
        let at = Millis(updated_at);
        Update {
            id: FeedbackId::new("900"),
            object: Object { updated_at: at, raw: format!("{updated_at}"), ..Object::default() },
            score: score.map(|value| Given { given_at: at, told_at: at, value }),
            text: text.map(|text| Given { given_at: at, told_at: at, value: text.to_owned() }),
        }
    }

    fn words(updates: impl IntoIterator<Item = Update>) -> Feedback {
        let all = updates.into_iter().map(|update| Feedback::of(update, Trust::Word));
        all.reduce(|mut all, next| {
            all.join(next);
            all
        })
        .unwrap()
    }

    fn anew(events: Feedback, before: Feedback) -> Feedback {
        Feedback::made_anew(events, Some(before), READ)
    }

    fn said(feedback: &Feedback) -> (Option<i64>, Option<String>, Vec<i64>) {
        let score = feedback.score().map(|given| given.value);
        let text = feedback.text().map(|given| given.value);
        (score, text, feedback.updates().into_iter().map(|at| at.0).collect())
    }

    #[test]
    fn what_the_events_tell_takes_the_place_of_what_was_held() {
        let events = words([told(110, None, None), told(120, Some(5), None)]);
        let held = words([told(115, Some(1), Some("never said"))]);
        assert_eq!(anew(events.clone(), held), events);
        assert_eq!(Feedback::made_anew(events.clone(), None, READ), events);
    }

    #[test]
    fn what_was_told_after_the_period_is_not_lost() {
        let events = words([told(110, None, None)]);
        let held = words([told(110, None, None), told(LATER, Some(4), None)]);
        let made = anew(events, held.clone());
        assert_eq!(made, held);
        assert_eq!(made.object().updated_at, Millis(LATER));
    }

    #[test]
    fn what_was_told_before_the_period_stands_where_the_events_tell_nothing_of_it() {
        let held = || words([told(50, Some(4), None), told(150, Some(4), Some("wrong"))]);
        let made = anew(words([told(150, None, Some("right"))]), held());
        assert_eq!(said(&made), (Some(4), Some("right".into()), vec![50, 150]));
        let made = anew(words([told(150, Some(3), None)]), held());
        assert_eq!(said(&made), (Some(3), None, vec![50, 150]));
    }

    #[test]
    fn what_was_told_of_late_stands_where_the_events_may_not_have_it_yet() {
        let held = words([told(110, None, None), told(210, Some(4), Some("by show"))]);
        let made = anew(words([told(110, None, None)]), held.clone());
        assert_eq!(made, held);
        let made = anew(words([told(110, None, None), told(190, Some(5), None)]), held.clone());
        assert_eq!(said(&made), (Some(5), Some("by show".into()), vec![110, 190, 210]));
        let events = words([told(110, None, None), told(190, Some(5), Some("x"))]);
        assert_eq!(anew(events.clone(), held), events);
        let early = words([told(110, None, None), told(199, Some(4), Some("never said"))]);
        assert_eq!(said(&anew(words([told(110, None, None)]), early)), (None, None, vec![110]));
    }

    #[test]
    fn hints_of_the_period_are_dropped_and_later_ones_wait_on() {
        let hint = |update| Feedback::of(update, Trust::Hint { judged_by: Millis(400) });
        let events = words([told(110, None, None)]);
        assert_eq!(anew(events.clone(), hint(told(150, Some(1), None))), events);
        let made = anew(events, hint(told(LATER, Some(2), None)));
        assert_eq!(said(&made), (Some(2), None, vec![110, LATER]));
        assert_eq!(made.judged_by(), Some(Millis(400)));
    }

    #[test]
    fn a_sound_row_made_anew_tells_the_same() {
        let mut held = words([told(110, None, None), told(130, Some(5), Some("x"))]);
        let events = held.clone();
        held.words.object.as_mut().unwrap().raw = "as show has it".into();
        assert!(anew(events.clone(), held.clone()).tells_as(&held));
        assert!(!events.tells_as(&words([told(130, Some(4), Some("x"))])));
    }
}
