//! Quiet hours: the time of the day in which nobody is prompted, on a clock on somebody's wall.
//!
//! The rules of the time zones are those that came with this program, the same on every machine.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::domain::time::Millis;

/// From one time of the day to another, over midnight where the end is not the later.
#[derive(Clone, Debug, PartialEq)]
pub struct QuietHours {
    pub from: Time,
    /// The first time that is not quiet any more. The same as `from`: no time is quiet.
    pub to: Time,
    /// The account's zone; a person's own takes its place where it is known.
    pub zone: TimeZone,
}

/// The zone of that IANA name.
pub fn zone(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok()
}

impl QuietHours {
    /// Until when it is quiet; `None`: it is not. `of_person` is the name of the person's own zone;
    /// one that nobody knows is no zone.
    ///
    /// Where the clocks change, nobody is disturbed: an hour that comes twice begins the quiet with
    /// its first coming and ends it with its second; one that does not come does either at the
    /// instant at which it is left out. So it is always quiet while the wall's clock says so.
    pub fn until(&self, of_person: Option<&str>, now: Millis) -> Option<Millis> {
        let zone = self.zone_for(of_person);
        let mut until = now;
        // Two windows may touch where the time between them is left out.
        while let Some(end) = self.end_of_window(&zone, until) {
            until = end;
        }
        (until > now).then_some(until)
    }

    /// The zone that the hours are kept in.
    pub fn zone_for(&self, of_person: Option<&str>) -> TimeZone {
        of_person.and_then(zone).unwrap_or_else(|| self.zone.clone())
    }

    /// The end of the window that holds `now`.
    fn end_of_window(&self, zone: &TimeZone, now: Millis) -> Option<Millis> {
        if self.from == self.to {
            return None;
        }
        let at = Timestamp::from_millisecond(now.0).ok()?;
        let today = zone.to_datetime(at).date();
        // A window begins the day before at the earliest; where a zone has left out a whole day,
        // two days before.
        let mut day = today.yesterday().ok()?.yesterday().ok()?;
        loop {
            if let Some(end) = self.window_of(zone, day, at) {
                return Some(Millis(end.as_millisecond()));
            }
            if day == today {
                return None;
            }
            day = day.tomorrow().ok()?;
        }
    }

    /// The end of the window that begins on that day, where it holds `at`.
    fn window_of(&self, zone: &TimeZone, day: Date, at: Timestamp) -> Option<Timestamp> {
        let last = if self.from < self.to { day } else { day.tomorrow().ok()? };
        let start = first_at(zone, day.to_datetime(self.from))?;
        let end = last_at(zone, last.to_datetime(self.to))?;
        (start <= at && at < end).then_some(end)
    }
}

/// The first instant at which the wall's clock has reached that time.
fn first_at(zone: &TimeZone, time: DateTime) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(time).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(time).ok(),
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(time).ok(),
        AmbiguousOffset::Gap { after, .. } => change_behind(zone, after.to_timestamp(time).ok()?),
    }
}

/// The last instant at which it reaches it.
fn last_at(zone: &TimeZone, time: DateTime) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(time).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(time).ok(),
        AmbiguousOffset::Fold { after, .. } => after.to_timestamp(time).ok(),
        AmbiguousOffset::Gap { after, .. } => change_behind(zone, after.to_timestamp(time).ok()?),
    }
}

/// The instant of the next change of the clocks. A time that is left out, reckoned by the offset
/// that comes into force, lies before it.
fn change_behind(zone: &TimeZone, before: Timestamp) -> Option<Timestamp> {
    zone.following(before).next().map(|change| change.timestamp())
}

#[cfg(test)]
mod tests;
