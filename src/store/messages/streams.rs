//! How far X's lists of an account's Direct Messages have been read. The newest come first: a
//! reading begins now, goes back page by page to where the last one began, and counts once it is
//! through.

use std::time::Duration;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use crate::domain::id::UserId;
use crate::domain::time::Millis;
use crate::store::{Result, Store};

/// One way back through the messages, page by page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageReading {
    /// Back to here.
    pub from: Millis,
    /// All that was said before is there when its first page is asked for.
    pub to: Millis,
    /// The page to ask for; absent for the first.
    pub cursor: Option<String>,
}

/// How far a reading has come by a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamPage {
    /// As it was before the page.
    pub reading: MessageReading,
    /// The next page; absent at the end.
    pub next: Option<String>,
}

/// How a reading begins, by X's clock.
#[derive(Clone, Copy, Debug)]
pub struct Beginning {
    pub to: Millis,
    /// How far the very first reading goes back.
    pub at_first: Duration,
    /// How far each goes back into the last.
    pub overlap: Duration,
    /// From one to the next.
    pub every: Duration,
    /// Whether it begins before it is time for it.
    pub at_once: bool,
}

/// A stream as it stands.
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
    /// The reading under way, or a new one where it is time for it; else when it will be, by our
    /// clock.
    pub async fn begin_reading(
        &self,
        handle: &UserId,
        beginning: Beginning,
        now: Millis,
    ) -> Result<std::result::Result<MessageReading, Millis>> {
        let handle = handle.clone();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let stream = open(connection, &handle).await?;
                    let begun = begin(&stream, beginning, now);
                    if let Ok(reading) = &begun
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

    /// Gives a reading up: X knows its cursor no longer. The next goes as far back.
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

    /// A stream as it stands.
    pub async fn stream(&self, handle: &UserId) -> Result<Stream> {
        let row = sqlx::query(LOOK).bind(handle.as_str()).fetch_optional(&self.readers).await?;
        row.map_or(Ok(Stream::default()), |row| of(&row))
    }
}

fn begin(
    stream: &Stream,
    Beginning { to, at_first, overlap, every, at_once }: Beginning,
    now: Millis,
) -> std::result::Result<MessageReading, Millis> {
    if let Some(reading) = &stream.reading {
        return Ok(reading.clone());
    }
    // A clock that was set back must not put off the next reading by as much.
    let read_at = stream.read_at.filter(|at| now < *at && *at <= now.plus(every));
    if let Some(read_at) = read_at.filter(|_| !at_once) {
        return Err(read_at);
    }
    let from = match stream.heard_to {
        Some(heard_to) => heard_to.min(to).minus(overlap),
        None => to.minus(at_first),
    };
    Ok(MessageReading { from, to, cursor: None })
}

/// Takes the row of a stream, made where there is none: no other transaction has it meanwhile.
pub async fn open(connection: &mut AnyConnection, handle: &UserId) -> Result<Stream> {
    of(&sqlx::query(OPEN).bind(handle.as_str()).fetch_one(connection).await?)
}

/// Turns a page. Up to where all has been heard then.
pub async fn turn(
    connection: &mut AnyConnection,
    handle: &UserId,
    mut stream: Stream,
    page: StreamPage,
) -> Result<Option<Millis>> {
    // Another daemon may have read on: then that one's progress stands.
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
    let at = |column: usize| row.try_get::<Option<i64>, _>(column).map(|at| at.map(Millis));
    let cursor = row.try_get(3)?;
    Ok(Stream {
        heard_to: at(0)?,
        reading: at(1)?.zip(at(2)?).map(|(from, to)| MessageReading { from, to, cursor }),
        read_at: at(4)?,
    })
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
