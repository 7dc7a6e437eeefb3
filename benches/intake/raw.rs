//! SQLite alone: as many submitters hand rows to one thread, which commits what it finds waiting.
//! The table, its indexes and the size of the rows are the daemon's.

use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rusqlite::{Connection, params};
use surveyd::clock::Clock;
use surveyd::domain::time::Millis;
use tokio::sync::oneshot;

use crate::figures::Cell;
use crate::{Arguments, daemon};

/// The daemon's own schema.
pub const SCHEMA: &str = include_str!("../../migrations/0001_surveys.sql");

/// The columns that the daemon fills at a close, in its order.
pub const INSERT: &str = "insert into survey (id, account, source, conversation_id, external_id, \
     user_id, kind, question_variant_id, test, state, reason, closed_at, accepted_at, due_at, \
     notice, ordinal, try_at, lease_token, attempts) values ($1, 'acme', 'helpdesk', $2, $2, $3, \
     'csat', 0, 0, 'scheduled', null, $4, $4, $5, $6, 1, $5, 0, 0)";

/// The daemon's default.
pub const DELAY: Duration = Duration::from_secs(300);

/// As in the daemon.
const BATCH_MAX: usize = 256;

/// What the daemon keeps of a notice of the benchmark.
const NOTICE: &str = r#"{"agent":"dana.whitfield","team":"billing-and-payments","tags":["vip","refund","second-contact"],"language":"es","first_name":"Ana","closed_by":"agent","agent_messages":4,"attributes":{"channel":"direct message","order":"77-00000000"}}"#;

struct Row {
    id: String,
    conversation_id: String,
    user_id: String,
    closed_at: Millis,
    done: oneshot::Sender<()>,
}

pub fn measure(folder: &Path, arguments: &Arguments) -> Cell {
    let database = open(&folder.join(daemon::DATABASE)).expect("the database can be made");
    let (rows, waiting) = mpsc::channel();
    let writer = std::thread::spawn(move || write(database, &waiting).expect("the disk takes it"));
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let cell = runtime.expect("a runtime can be made").block_on(async {
        let start = Instant::now();
        let end = start + Duration::from_secs_f64(arguments.seconds);
        let submitters = (0..arguments.connections).map(|n| submit(n, rows.clone(), end));
        let micros = join_all(submitters).await.concat();
        Cell::new(start.elapsed(), micros)
    });
    drop(rows);
    writer.join().expect("the writer has ended well");
    cell
}

/// A new database with the daemon's settings and tables.
pub fn open(file: &Path) -> rusqlite::Result<Connection> {
    let database = Connection::open(file)?;
    database.execute_batch(
        "pragma journal_mode = wal; pragma synchronous = full; pragma cache_size = -8192; \
         pragma journal_size_limit = 67108864;",
    )?;
    database.execute_batch(SCHEMA)?;
    Ok(database)
}

async fn submit(submitter: usize, rows: mpsc::Sender<Row>, end: Instant) -> Vec<u32> {
    let mut micros = Vec::new();
    loop {
        let sent = Instant::now();
        if sent >= end {
            return micros;
        }
        let n = submitter * 10_000_000 + micros.len();
        let (done, committed) = oneshot::channel();
        let row = Row {
            id: uuid::Uuid::now_v7().simple().to_string(),
            conversation_id: format!("conversation-{n:012}"),
            user_id: (100_000_000_000 + n).to_string(),
            closed_at: Clock::System.now(),
            done,
        };
        rows.send(row).expect("the writer waits for rows");
        committed.await.expect("the writer answers");
        micros.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
    }
}

fn write(mut database: Connection, waiting: &mpsc::Receiver<Row>) -> rusqlite::Result<()> {
    while let Ok(first) = waiting.recv() {
        let batch: Vec<Row> =
            std::iter::once(first).chain(waiting.try_iter().take(BATCH_MAX - 1)).collect();
        let transaction = database.transaction()?;
        {
            let mut insert = transaction.prepare_cached(INSERT)?;
            for row in &batch {
                let (closed_at, due_at) = (row.closed_at.0, row.closed_at.plus(DELAY).0);
                let Row { id, conversation_id, user_id, .. } = row;
                insert.execute(params![id, conversation_id, user_id, closed_at, due_at, NOTICE])?;
            }
        }
        transaction.commit()?;
        for row in batch {
            // A submitter waits until it is answered.
            let _ = row.done.send(());
        }
    }
    Ok(())
}
