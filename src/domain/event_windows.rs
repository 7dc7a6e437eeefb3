//! Chooses which stretch of X's feedback events is read next. Windows are a day long at most and
//! are read from the oldest on. They are shorter while X's cursors do not last. Second looks read
//! again what has been read already.

use std::time::Duration;

use super::named::named;
use super::policy::DAY;
use super::time::{INSTANT, Millis, Period};

/// The longest window. Months of downtime are read in many windows, so that a restart of one loses
/// little.
pub const WINDOW_MOST: Duration = DAY;

/// The shortest window that lost cursors lead to. X dates its events to the second.
pub const WINDOW_LEAST: Duration = Duration::from_secs(1);

/// How often in a row the shortest window is begun before it is skipped. The events after it are
/// then read. By then surveyd has tried for at least a quarter of an hour.
pub const TRIES_MAX: u32 = 5;

/// How late an event may surface after others of its time. It is looked for as long.
pub const LATE_MOST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

const HOUR: Duration = Duration::from_secs(60 * 60);

/// Why a stretch of events has not been read in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnreadReason {
    /// Events in it have a form that surveyd cannot read.
    Form,
    /// X's pages of it never end.
    End,
}

named!(UnreadReason {
    Form = "form",
    End = "end",
});

/// Why the events of an account are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReadingPurpose {
    /// Reads all that has become readable without leaving a stretch out. Only this reading proves
    /// that an event does not exist.
    First,
    /// Reads what may have surfaced since the first reading. It proves nothing.
    Second(SecondLook),
}

/// How far back a second look goes. The look over a day soon finds events that surface a little
/// late. The look over a week finds all that surface within six days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecondLook {
    Day,
    Week,
}

impl ReadingPurpose {
    pub const ALL: [Self; 3] =
        [Self::First, Self::Second(SecondLook::Day), Self::Second(SecondLook::Week)];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Second(look) => look.as_str(),
        }
    }
}

named!(SecondLook {
    Day = "day",
    Week = "week",
});

impl SecondLook {
    fn span(self) -> Duration {
        match self {
            Self::Day => DAY,
            Self::Week => LATE_MOST,
        }
    }

    /// How far the first reading goes between two looks. It is 12 intervals for a day and 288 for a
    /// week. That is one hour and one day if events are read every five minutes.
    fn every(self, interval: Duration) -> Duration {
        match self {
            Self::Day => (12 * interval).min(6 * HOUR),
            Self::Week => (288 * interval).min(DAY),
        }
    }

    /// The range that this look reads once the first reading has come to `read_to`. `None` if the
    /// look is not due. The last look ended at `last`. All instants are the events' own, so that no
    /// clock matters. The look over a week also reads what the last one could not see yet. It does
    /// so, however long ago that was.
    pub fn due(self, last: Millis, read_to: Millis, interval: Duration) -> Option<Period> {
        let every = self.every(interval);
        let back = read_to.minus(self.span());
        let from = match self {
            Self::Day => back,
            Self::Week => back.min(last.minus(self.span() - every)),
        };
        (read_to.since(last) >= every).then_some(Period { from, to: read_to })
    }
}

/// The next window. All is read up to `base`, and events can be read up to `until`. The window
/// reaches back by `overlap`. A window that was shortened to `most` reaches back no further than
/// forward. Otherwise, the overlap alone might outlast X's cursors.
pub fn window(base: Millis, until: Millis, overlap: Duration, most: Option<Duration>) -> Period {
    let (overlap, most) = match most {
        Some(most) => (overlap.min(most), most),
        None => (overlap, WINDOW_MOST),
    };
    Period { from: base.minus(overlap), to: until.min(base.plus(most)) }
}

/// Fits the window between the gaps whose pages never end. All is read up to `base`. The window
/// ends before the next gap or covers that gap alone. It reaches back into none.
pub fn between(window: Period, base: Millis, endless: &[Period]) -> Period {
    let Period { mut from, mut to } = window;
    for stretch in endless {
        if stretch.to <= base {
            from = from.max(stretch.to.plus(INSTANT));
        } else if stretch.from <= base.plus(INSTANT) {
            from = base.plus(INSTANT);
            to = to.min(stretch.to);
        } else {
            to = to.min(stretch.from.minus(INSTANT));
        }
    }
    Period { from: from.min(to), to }
}

/// The unread part of a window. All is read up to `base`.
pub fn unread(window: Period, base: Option<Millis>) -> Period {
    let from = base.map_or(window.from, |base| window.from.max(base.plus(INSTANT)));
    Period { from: from.min(window.to), ..window }
}

/// The window that is read after the cursor in `lost` has failed. Also the length that windows may
/// have from now on. The first restart keeps the window and each further one halves its length.
pub fn begun_again(
    base: Millis,
    lost: Period,
    overlap: Duration,
    most: Option<Duration>,
) -> (Period, Duration) {
    match most {
        None => (lost, lost.to.since(base).max(WINDOW_LEAST)),
        Some(most) => {
            let most = (most / 2).max(WINDOW_LEAST);
            (window(base, lost.to, overlap, Some(most)), most)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const AT: Millis = Millis(1_700_000_000_000);

    #[test]
    fn months_are_read_in_windows_of_a_day_that_leave_no_gap() {
        let until = AT.plus(90 * DAY + HOUR);
        let (mut done_to, mut windows) = (AT, 0);
        while done_to < until {
            let next = window(done_to, until, 10 * MINUTE, None);
            assert_eq!(next.from, done_to.minus(10 * MINUTE));
            assert!(next.to.since(done_to) <= DAY);
            done_to = next.to;
            windows += 1;
        }
        assert_eq!((done_to, windows), (until, 91));
    }

    #[test]
    fn a_window_is_begun_again_whole_and_then_ever_shorter_down_to_a_second() {
        let overlap = 10 * MINUTE;
        let first = window(AT, AT.plus(2 * DAY), overlap, None);
        let (again, most) = begun_again(AT, first, overlap, None);
        assert_eq!((again, most), (first, DAY));
        let (shorter, most) = begun_again(AT, again, overlap, Some(most));
        assert_eq!(shorter, Period { from: AT.minus(overlap), to: AT.plus(12 * HOUR) });
        let (mut lost, mut most) = (shorter, most);
        for _ in 0..30 {
            (lost, most) = begun_again(AT, lost, overlap, Some(most));
        }
        assert_eq!(most, WINDOW_LEAST);
        let least = Period { from: AT.minus(WINDOW_LEAST), to: AT.plus(WINDOW_LEAST) };
        assert_eq!(lost, least, "the overlap does not outweigh it, and it goes forward");
    }

    #[test]
    fn looks_come_every_hour_and_every_day_where_events_are_read_every_five_minutes() {
        let every = |look: SecondLook| look.every(5 * MINUTE);
        assert_eq!((every(SecondLook::Day), every(SecondLook::Week)), (HOUR, DAY));
        assert_eq!(SecondLook::Day.due(AT, AT.plus(HOUR - MINUTE), 5 * MINUTE), None);
        let read_to = AT.plus(HOUR);
        let due = SecondLook::Day.due(AT, read_to, 5 * MINUTE);
        assert_eq!(due, Some(Period { from: read_to.minus(DAY), to: read_to }));
    }

    #[test]
    fn a_window_holds_nothing_of_a_stretch_without_an_end_but_that_stretch_alone() {
        let of = |from, to| Period { from: Millis(from), to: Millis(to) };
        let endless = [of(41, 50), of(21, 30)];
        let window = |base: i64| between(of(base - 10, base + 100), Millis(base), &endless);
        assert_eq!(window(10), of(0, 20), "before the first");
        assert_eq!(window(20), of(21, 30), "the first alone");
        assert_eq!(window(24), of(25, 30), "what is left of it");
        assert_eq!(window(30), of(31, 40), "between the two");
        assert_eq!(window(40), of(41, 50));
        assert_eq!(window(55), of(51, 155), "behind both");
        assert_eq!(between(of(20, 30), Millis(30), &endless), of(30, 30), "a clock was set back");
        assert_eq!(unread(of(0, 50), Some(Millis(40))), of(41, 50));
        assert_eq!(unread(of(0, 50), None), of(0, 50));
    }

    proptest! {
        #[test]
        fn an_event_that_surfaces_within_six_days_is_in_a_look_after_it(
            steps in prop::collection::vec(1..40_u64, 1..60), late_minutes in 0..8_640_u64,
        ) {
            // The first reading goes on by minutes, hours or, after a downtime, weeks.
            let interval = 5 * MINUTE;
            let (mut read_to, mut last) = (AT, AT);
            let event = AT.plus(MINUTE);
            let surfaces = event.plus(late_minutes as u32 * MINUTE);
            let mut is_seen = false;
            for step in steps {
                let step = if step > 30 { (step as u32 - 30) * 3 * DAY } else { step as u32 * HOUR };
                read_to = read_to.plus(step);
                if let Some(range) = SecondLook::Week.due(last, read_to, interval) {
                    last = range.to;
                    is_seen |= read_to >= surfaces && range.from <= event && event <= range.to;
                }
            }
            prop_assert!(is_seen || last < surfaces);
        }
    }
}
