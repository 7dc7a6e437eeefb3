//! How far the events of each account have been read, and for which purpose.

use std::time::Duration;

use sqlx::{AnyConnection, Row};

use super::unread::{self, UnknownEvent};
use crate::domain::event_windows::{ReadingPurpose, SecondLook, UnreadReason, WINDOW_MOST};
use crate::domain::feedback::{Trust, Update};
use crate::domain::time::{Millis, Period, millis};
use crate::store::feedback::fold::fold;
use crate::store::feedback::folded::Folded;
use crate::store::feedback::hints;
use crate::store::{Result, Store};

/// A range of events that is being read, and the cursor of its next page. Both ends are included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollWindow {
    pub period: Period,
    pub cursor: Option<String>,
}

/// How far a reading of an account's events has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PollState {
    /// The beginning of the very first window.
    pub begun_from: Option<Millis>,
    pub done_to: Option<Millis>,
    /// The instant at which the reading came that far, by our clock.
    pub done_at: Option<Millis>,
    /// How far X's clock was ahead of ours then, in milliseconds. Absent if it was not known.
    pub x_ahead: Option<i64>,
    /// The end of a second look. Absent for the first reading, which has no end.
    pub goal: Option<Millis>,
    pub window: Option<PollWindow>,
    /// The longest that windows may be while X's cursors fail.
    pub window_most: Option<Duration>,
    /// How often in a row the shortest window was restarted.
    pub losses: u32,
}

impl PollState {
    /// Returns the reading's lag by X's clock as it was last known. X itself withholds the events
    /// of `horizon`. Returns `None` if nothing has been read.
    pub fn lag(&self, now: Millis, horizon: Duration) -> Option<Lag> {
        let done_to = self.done_to?;
        // Our clock may have been set back since. A clock set forward looks like a downtime until
        // the next window is read.
        let now = self.done_at.map_or(now, |done_at| now.max(done_at));
        let now_at_x = Millis(now.0.saturating_add(self.x_ahead.unwrap_or_default()));
        let whole = now_at_x.since(done_to);
        Some(Lag { whole, beyond_horizon: whole.saturating_sub(horizon) })
    }

    /// Returns the end of a second look that is under way.
    pub fn under_way_to(&self) -> Option<Millis> {
        self.goal.filter(|goal| self.done_to.is_none_or(|done_to| done_to < *goal))
    }
}

/// The lag of a reading of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lag {
    pub whole: Duration,
    /// The part of the lag that X would let surveyd read.
    pub beyond_horizon: Duration,
}

/// One page of events.
#[derive(Clone, Debug, Default)]
pub struct EventsPageRead {
    pub updates: Vec<Update>,
    /// Events that surveyd cannot read, as they came.
    pub unknown: Vec<UnknownEvent>,
    /// True if an unreadable event is of a known kind. An answer may be among these events.
    pub is_partly_read: bool,
    /// How far X's clock is ahead of ours, in milliseconds. Absent if it is not known.
    pub x_ahead: Option<i64>,
    /// Absent if the window is done.
    pub next_cursor: Option<String>,
}

/// Moves the cursor on. [`NEXT_PAGE`] and [`LAST_PAGE`] change nothing unless the window still
/// stands where the page was asked from.
const NEXT_PAGE: &str = "update reading set cursor = $1, \
     is_partly_read = case when $7 = 1 then 1 else is_partly_read end \
     where account = $2 and what = $3 and window_from = $4 and window_to = $5 \
     and coalesce(cursor, '') = $6 returning is_partly_read";
/// A window that was read to its end lets the next be longer by a quarter. If X's cursors still
/// fail then few windows are lost on the way. If they last again a day is soon reached.
const LAST_PAGE: &str = "update reading set done_to = window_to, done_at = $8, window_from = null, \
     window_to = null, cursor = $1, losses = 0, x_ahead = $10, \
     is_partly_read = case when $7 = 1 then 1 else is_partly_read end, \
     window_most = case when window_most * 5 / 4 < $9 then window_most * 5 / 4 end \
     where account = $2 and what = $3 and window_from = $4 and window_to = $5 \
     and coalesce(cursor, '') = $6 returning is_partly_read";

/// Writes only if the reading still stands where the window was chosen. Otherwise the window might
/// end before the place that another daemon has reached meanwhile.
const OPEN: &str = "insert into reading (account, what, begun_from, window_from, window_to, \
     window_most, losses) values ($1, $2, $3, $3, $4, $5, $7) on conflict (account, what) do update \
     set window_from = excluded.window_from, window_to = excluded.window_to, cursor = null, \
     is_partly_read = 0, losses = excluded.losses, window_most = excluded.window_most, begun_from = case when reading.done_to is null \
     then excluded.begun_from else reading.begun_from end where coalesce(reading.done_to, 0) = $6";

/// Writes only if no page has been read meanwhile.
const PASS_OVER: &str = "update reading set done_to = window_to, done_at = $1, window_from = null, \
     window_to = null, cursor = null, losses = 0 where account = $2 and what = $3 \
     and window_from = $4 and window_to = $5 and coalesce(cursor, '') = $6";

const BEGIN_LOOK: &str = "insert into reading (account, what, begun_from, done_to, goal) \
     values ($1, $2, $3, $3, $4) on conflict (account, what) do update \
     set done_to = excluded.done_to, goal = excluded.goal, window_from = null, window_to = null, \
     cursor = null";

const READ: &str = "select begun_from, done_to, done_at, goal, window_from, window_to, cursor, \
     window_most, losses, x_ahead from reading where account = $1 and what = $2";

impl Store {
    /// Folds a page of `window` and moves the cursor past it in one transaction. If another daemon
    /// has moved the cursor meanwhile then the page is folded and that daemon's place is kept.
    pub async fn fold_page(
        &self,
        account: &str,
        reading: ReadingPurpose,
        window: PollWindow,
        page: EventsPageRead,
        now: Millis,
    ) -> Result<Folded> {
        let account = account.to_owned();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let is_last = page.next_cursor.is_none();
                    let mut moved = sqlx::query(if is_last { LAST_PAGE } else { NEXT_PAGE })
                        .bind(page.next_cursor)
                        .bind(account.as_str())
                        .bind(reading.as_str())
                        .bind(window.period.from.0)
                        .bind(window.period.to.0)
                        .bind(window.cursor.unwrap_or_default())
                        .bind(i64::from(page.is_partly_read));
                    if is_last {
                        moved = moved.bind(now.0).bind(millis(WINDOW_MOST)).bind(page.x_ahead);
                    }
                    let moved = moved.fetch_optional(&mut *connection).await?;
                    unread::keep_raw(connection, &account, page.unknown, now).await?;
                    let mut folded =
                        fold(connection, &account, page.updates, Trust::Word, now).await?;
                    if let Some(moved) = moved.filter(|_| is_last) {
                        let done = FinishedWindow {
                            reading,
                            range: window.period,
                            is_partly_read: moved.try_get::<i64, _>("is_partly_read")? == 1,
                        };
                        end_window(connection, &account, done, now, &mut folded).await?;
                    }
                    Ok(folded)
                })
            })
            .await
    }

    /// Makes a window durable before its first page is asked for, with the length limit of further
    /// windows. `state` is the one that the window was chosen from. It also gives the count of
    /// restarts. If the stored state has changed meanwhile then the window is not opened.
    pub async fn open_window(
        &self,
        account: &str,
        reading: ReadingPurpose,
        state: &PollState,
        window: Period,
        window_most: Option<Duration>,
    ) -> Result<()> {
        let account = account.to_owned();
        let done_to = state.done_to.unwrap_or_default();
        let losses = i64::from(state.losses);
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    sqlx::query(OPEN)
                        .bind(account)
                        .bind(reading.as_str())
                        .bind(window.from.0)
                        .bind(window.to.0)
                        .bind(window_most.map(millis))
                        .bind(done_to.0)
                        .bind(losses)
                        .execute(connection)
                        .await?;
                    Ok(())
                })
            })
            .await
    }

    /// Skips a window that cannot be read to its end and records the unread part as a gap. Returns
    /// what that changed.
    pub async fn pass_over(
        &self,
        account: &str,
        reading: ReadingPurpose,
        window: PollWindow,
        unread: Period,
        now: Millis,
    ) -> Result<Folded> {
        let account = account.to_owned();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let passed = sqlx::query(PASS_OVER)
                        .bind(now.0)
                        .bind(account.as_str())
                        .bind(reading.as_str())
                        .bind(window.period.from.0)
                        .bind(window.period.to.0)
                        .bind(window.cursor.unwrap_or_default())
                        .execute(&mut *connection)
                        .await?;
                    let mut folded = Folded::default();
                    if passed.rows_affected() > 0 {
                        let met =
                            unread::note(connection, &account, UnreadReason::End, unread, now)
                                .await?;
                        folded.gaps.extend(met);
                    }
                    Ok(folded)
                })
            })
            .await
    }

    /// Begins a second look over a range.
    pub async fn begin_look(&self, account: &str, look: SecondLook, range: Period) -> Result<()> {
        let account = account.to_owned();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    sqlx::query(BEGIN_LOOK)
                        .bind(account)
                        .bind(look.as_str())
                        .bind(range.from.0)
                        .bind(range.to.0)
                        .execute(connection)
                        .await?;
                    Ok(())
                })
            })
            .await
    }

    /// Returns how far the first reading has come. Only this reading proves that an event is
    /// missing.
    pub async fn poll_state(&self, account: &str) -> Result<PollState> {
        self.reading(account, ReadingPurpose::First).await
    }

    /// Returns how far a reading has come.
    pub async fn reading(&self, account: &str, reading: ReadingPurpose) -> Result<PollState> {
        let row = sqlx::query(READ)
            .bind(account)
            .bind(reading.as_str())
            .fetch_optional(&self.readers)
            .await?;
        let Some(row) = row else { return Ok(PollState::default()) };
        let window = match (row.try_get("window_from")?, row.try_get("window_to")?) {
            (Some(from), Some(to)) => {
                Some(PollWindow { period: Period { from, to }, cursor: row.try_get("cursor")? })
            }
            _ => None,
        };
        let most: Option<i64> = row.try_get("window_most")?;
        Ok(PollState {
            begun_from: row.try_get("begun_from")?,
            done_to: row.try_get("done_to")?,
            done_at: row.try_get("done_at")?,
            x_ahead: row.try_get("x_ahead")?,
            goal: row.try_get("goal")?,
            window,
            window_most: most
                .map(|most| Duration::from_millis(u64::try_from(most).unwrap_or_default())),
            losses: u32::try_from(row.try_get::<i64, _>("losses")?).unwrap_or(u32::MAX),
        })
    }

    /// Returns the instant at which the first close of an account was taken in.
    pub async fn first_close(&self, account: &str) -> Result<Option<Millis>> {
        let first: Option<i64> =
            sqlx::query_scalar("select min(accepted_at) from survey where account = $1")
                .bind(account)
                .fetch_one(&self.readers)
                .await?;
        Ok(first.map(Millis))
    }
}

/// A window that was read to its end.
struct FinishedWindow {
    reading: ReadingPurpose,
    range: Period,
    is_partly_read: bool,
}

/// Records the gap that a window leaves and judges the hints that can be judged now.
async fn end_window(
    connection: &mut AnyConnection,
    account: &str,
    FinishedWindow { reading, range, is_partly_read }: FinishedWindow,
    now: Millis,
    folded: &mut Folded,
) -> Result<()> {
    let is_first = reading == ReadingPurpose::First;
    let is_more_read = match is_partly_read {
        false => {
            let read = unread::is_read(connection, account, range).await?;
            let is_more_read = !read.is_empty();
            folded.closed_gaps.extend(read.into_iter().flatten());
            is_more_read
        }
        // The first reading has judged without the events that only a second look finds. So a
        // second look leaves no gap.
        true if is_first => {
            let met = unread::note(connection, account, UnreadReason::Form, range, now).await?;
            folded.gaps.extend(met);
            false
        }
        true => false,
    };
    // A second look proves nothing by itself. It counts only for the gaps of the first reading that
    // it closes.
    let read_to = match is_first {
        true => Some(range.to),
        false if is_more_read => done_to(connection, account).await?,
        false => None,
    };
    if is_more_read {
        hints::wait_no_more(connection, account).await?;
    }
    match read_to {
        Some(read_to) => hints::judge(connection, account, read_to, now, folded).await,
        None => Ok(()),
    }
}

async fn done_to(connection: &mut AnyConnection, account: &str) -> Result<Option<Millis>> {
    let done_to: Option<Option<i64>> =
        sqlx::query_scalar("select done_to from reading where account = $1 and what = 'first'")
            .bind(account)
            .fetch_optional(connection)
            .await?;
    Ok(done_to.flatten().map(Millis))
}
