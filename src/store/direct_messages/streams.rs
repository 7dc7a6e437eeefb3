//! How far X's lists of an account's Direct Messages have been read.
//!
//! X lists the newest messages first. A reading begins at the present and goes back page by page to
//! where the last reading began. It counts once it is complete.

use std::time::Duration;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use crate::domain::id::UserId;
use crate::domain::time::{Millis, Ready};
use crate::store::{Result, Store};

/// One reading backwards through the messages, page by page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageReading {
    /// The oldest instant that the reading goes back to.
    pub from: Millis,
    /// Every message sent before this instant is listed when the first page is asked for.
    pub to: Millis,
    /// The cursor of the page to ask for. Absent for the first page.
    pub cursor: Option<String>,
}

/// The progress of a reading by one page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamPage {
    /// The reading as it was before the page.
    pub reading: MessageReading,
    /// The cursor of the next page. Absent at the end.
    pub next: Option<String>,
}

/// The terms on which a reading begins, by X's clock.
#[derive(Clone, Copy, Debug)]
pub struct Beginning {
    pub to: Millis,
    /// How far the very first reading goes back.
    pub at_first: Duration,
    /// How far each reading goes back into the last one.
    pub overlap: Duration,
    /// The time from one reading to the next.
    pub every: Duration,
    /// True if the reading begins before it is due.
    pub at_once: bool,
}

/// The stored state of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stream {
    pub heard_to: Option<Millis>,
    reading: Option<MessageReading>,
    read_at: Option<Millis>,
}

const OPEN: &str = "insert into dm_stream (handle) values ($1) \
     on conflict (handle) do update set handle = excluded.handle \
     returning heard_to, reading_from, reading_to, reading_cursor, read_at";

const LOOK: &str = "select heard_to, reading_from, reading_to, reading_cursor, read_at \
     from dm_stream where handle = $1";

const KEEP: &str = "update dm_stream set heard_to = $1, reading_from = $2, reading_to = $3, \
     reading_cursor = $4, read_at = $5 where handle = $6";

impl Store {
    /// Returns the reading under way, or a new one if one is due. Otherwise returns when it is due,
    /// by our clock.
    pub async fn begin_reading(
        &self,
        handle: &UserId,
        beginning: Beginning,
        now: Millis,
    ) -> Result<Ready<MessageReading>> {
        let handle = handle.clone();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let stream = open(connection, &handle).await?;
                    let begun = begin(&stream, beginning, now);
                    if let Ready::Now(reading) = &begun
                        && stream.reading.is_none()
                    {
                        let reading = Some(reading.clone());
                        let read_at = Some(now.plus(beginning.every));
                        let stream = Stream { reading, read_at, ..stream };
                        keep(connection, &handle, &stream).await?;
                    }
                    Ok(begun)
                })
            })
            .await
    }

    /// Gives up a reading whose cursor X no longer accepts. The next reading goes back as far.
    pub async fn give_up_reading(&self, handle: &UserId, now: Millis) -> Result<()> {
        let handle = handle.clone();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let stream = open(connection, &handle).await?;
                    let stream = Stream { reading: None, read_at: Some(now), ..stream };
                    keep(connection, &handle, &stream).await
                })
            })
            .await
    }

    /// Returns the stored state of a stream.
    pub async fn stream(&self, handle: &UserId) -> Result<Stream> {
        let row = sqlx::query(LOOK).bind(handle.as_str()).fetch_optional(&self.readers).await?;
        row.map_or(Ok(Stream::default()), |row| of(&row))
    }
}

fn begin(
    stream: &Stream,
    Beginning { to, at_first, overlap, every, at_once }: Beginning,
    now: Millis,
) -> Ready<MessageReading> {
    if let Some(reading) = &stream.reading {
        return Ready::Now(reading.clone());
    }
    let read_at = stream.read_at.filter(|at| at.is_ahead(now, every));
    if let Some(read_at) = read_at.filter(|_| !at_once) {
        return Ready::At(read_at);
    }
    let from = match stream.heard_to {
        Some(heard_to) => heard_to.min(to).minus(overlap),
        None => to.minus(at_first),
    };
    Ready::Now(MessageReading { from, to, cursor: None })
}

/// Locks the row of a stream and creates it if there is none. No other transaction can take it
/// meanwhile.
pub async fn open(connection: &mut AnyConnection, handle: &UserId) -> Result<Stream> {
    of(&sqlx::query(OPEN).bind(handle.as_str()).fetch_one(connection).await?)
}

/// Records a page. Returns the instant up to which everything has then been heard.
pub async fn turn(
    connection: &mut AnyConnection,
    handle: &UserId,
    mut stream: Stream,
    page: StreamPage,
) -> Result<Option<Millis>> {
    // Another daemon may have read on. Its progress then stands.
    if stream.reading.as_ref() != Some(&page.reading) {
        return Ok(stream.heard_to);
    }
    match page.next {
        Some(next) => stream.reading = Some(MessageReading { cursor: Some(next), ..page.reading }),
        None => {
            stream.heard_to = Some(page.reading.to);
            stream.reading = None;
        }
    }
    keep(connection, handle, &stream).await?;
    Ok(stream.heard_to)
}

fn of(row: &AnyRow) -> Result<Stream> {
    let reading = match (row.try_get("reading_from")?, row.try_get("reading_to")?) {
        (Some(from), Some(to)) => {
            Some(MessageReading { from, to, cursor: row.try_get("reading_cursor")? })
        }
        _ => None,
    };
    Ok(Stream { heard_to: row.try_get("heard_to")?, reading, read_at: row.try_get("read_at")? })
}

async fn keep(connection: &mut AnyConnection, handle: &UserId, stream: &Stream) -> Result<()> {
    let reading = stream.reading.as_ref();
    sqlx::query(KEEP)
        .bind(stream.heard_to.map(|at| at.0))
        .bind(reading.map(|reading| reading.from.0))
        .bind(reading.map(|reading| reading.to.0))
        .bind(reading.and_then(|reading| reading.cursor.as_deref()))
        .bind(stream.read_at.map(|at| at.0))
        .bind(handle.as_str())
        .execute(connection)
        .await?;
    Ok(())
}
