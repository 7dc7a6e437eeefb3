//! The tasks that write.
//!
//! Every write is a message with a reply. So a caller that goes away cannot leave a transaction
//! half done. Closes that wait together share one commit, because a durable commit costs as much
//! for one close as for a hundred.
//!
//! SQLite has one task. PostgreSQL has two with a connection each. One takes in closes and answers
//! whether the database takes writes. The other does everything else. So a lock that a send waits
//! for never delays a close.

mod connection;

use std::any::Any;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use sqlx::AnyConnection;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::{error, info, warn};

use self::connection::WriteConnection;
use super::close::taken::Taken;
use super::{Engine, Error, FileWatch, Location, Result};
use crate::store::close::accept::{self, NewSurvey};
use crate::store::close::deliveries;
use crate::store::database::mark_comparison::Standing;
use crate::store::database::outage::Outage;

/// The most writes that wait. Further callers wait themselves.
const WAITING_MAX: usize = 4_096;
/// The most closes in one commit.
const BATCH_MAX: usize = 256;
/// A server that is silent for this long counts as gone. It waits for a lock for less.
const SERVER_SILENT: Duration = Duration::from_secs(15);
/// How long a stop waits for writes under way. Also the longest that it waits for a server that is
/// away.
pub const STOP_WAITS: Duration = Duration::from_millis(700);

type JobOutput = Box<dyn Any + Send>;
type Operation =
    Box<dyn for<'c> FnOnce(&'c mut AnyConnection) -> BoxFuture<'c, Result<JobOutput>> + Send>;

enum Job {
    Close(Box<NewSurvey>, oneshot::Sender<Result<Taken>>),
    Write(Operation, oneshot::Sender<Result<JobOutput>>),
    Ping(oneshot::Sender<Result<JobOutput>>),
    /// The last job of a task.
    Stop,
}

/// The database's location, and the watch that notices its loss.
#[derive(Clone)]
pub struct Files {
    pub location: Location,
    pub watch: Option<Arc<FileWatch>>,
}

#[derive(Clone)]
pub struct Writer {
    /// Takes closes, and the proofs that the database takes writes.
    intake: Task,
    /// Takes everything else. The same task as `intake` on SQLite.
    work: Task,
}

/// One task that writes.
#[derive(Clone)]
struct Task {
    jobs: mpsc::Sender<Job>,
    handle: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Task {
    fn start(worker: WriterTask) -> Self {
        let (jobs, waiting) = mpsc::channel(WAITING_MAX);
        let handle = tokio::spawn(worker.run(waiting));
        Self { jobs, handle: Arc::new(Mutex::new(Some(handle))) }
    }

    async fn send(&self, job: Job) -> Result<()> {
        self.jobs.send(job).await.map_err(|_| stopped())
    }

    async fn write<T, F>(&self, operation: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut AnyConnection) -> BoxFuture<'c, Result<T>> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let operation: Operation = Box::new(move |connection| {
            let running = operation(connection);
            Box::pin(async move { Ok(Box::new(running.await?) as JobOutput) })
        });
        self.send(Job::Write(operation, reply)).await?;
        let value = answer.await.map_err(|_| stopped())??;
        Ok(*value.downcast().expect("the reply is what the operation of this call returned"))
    }

    async fn stop(&self) {
        let handle = self.handle.lock().expect("no holder of this lock can panic").take();
        let Some(mut handle) = handle else { return };
        let orderly = async {
            let _ = self.send(Job::Stop).await;
            let _ = (&mut handle).await;
        };
        if timeout(STOP_WAITS, orderly).await.is_err() {
            // A transaction broken off here is rolled back, as after a crash.
            warn!("the database does not answer: surveyd stops without waiting for it");
            handle.abort();
        }
    }
}

impl Writer {
    /// Without a `connection` the first write opens one.
    pub fn start(
        files: Files,
        connection: Option<AnyConnection>,
        standing: Standing,
        failure: Arc<watch::Sender<Option<Error>>>,
        outage: Outage,
    ) -> Self {
        let worker = |connection, standing| WriterTask {
            engine: files.location.engine,
            connection: WriteConnection { files: files.clone(), connection, standing },
            failing: false,
            failure: failure.clone(),
            outage: outage.clone(),
        };
        let work = Task::start(worker(connection, Some(standing)));
        let intake = match files.location.engine {
            Engine::Sqlite => work.clone(),
            Engine::Postgres => Task::start(worker(None, None)),
        };
        Self { intake, work }
    }

    /// Writes one close, together with those that wait beside it.
    pub async fn close(&self, survey: NewSurvey) -> Result<Taken> {
        let (reply, answer) = oneshot::channel();
        self.intake.send(Job::Close(Box::new(survey), reply)).await?;
        answer.await.map_err(|_| stopped())?
    }

    /// Runs `operation` in its own transaction and returns its result once it is committed.
    pub async fn run<T, F>(&self, operation: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut AnyConnection) -> BoxFuture<'c, Result<T>> + Send + 'static,
    {
        self.work.write(operation).await
    }

    /// Runs `operation` in the task of the closes. For writes that a sender of closes waits for.
    pub async fn run_at_intake<T, F>(&self, operation: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut AnyConnection) -> BoxFuture<'c, Result<T>> + Send + 'static,
    {
        self.intake.write(operation).await
    }

    /// Begins and ends a transaction. While the database refuses writes the transaction contains
    /// one.
    pub async fn ping(&self) -> Result<()> {
        let (reply, answer) = oneshot::channel();
        self.intake.send(Job::Ping(reply)).await?;
        answer.await.map_err(|_| stopped())?.map(drop)
    }

    /// True if a write waits for its turn.
    pub fn do_writes_wait(&self) -> bool {
        let waits = |task: &Task| task.jobs.capacity() < task.jobs.max_capacity();
        waits(&self.intake) || waits(&self.work)
    }

    /// Waits until nothing can be written any more.
    pub async fn ended(&self) {
        tokio::select! {
            () = self.work.jobs.closed() => {}
            () = self.intake.jobs.closed() => {}
        }
    }

    /// Finishes the waiting writes and ends the tasks, even if the database does not answer. Other
    /// handles can write no more.
    pub async fn stop(&self) {
        tokio::join!(self.intake.stop(), self.work.stop());
    }
}

/// Proves that the database takes a write. On a full disk a transaction that writes nothing
/// succeeds. The write leaves nothing behind and locks no row of another daemon.
pub async fn write_and_remove(connection: &mut AnyConnection) -> Result<()> {
    let name = uuid::Uuid::now_v7().simple().to_string();
    sqlx::query(WRITE).bind(name.as_str()).execute(&mut *connection).await?;
    sqlx::query(REMOVE).bind(name).execute(connection).await?;
    Ok(())
}

const WRITE: &str = "insert into progress (name, sends, last_at) values ($1, 1, 0)";

const REMOVE: &str = "delete from progress where name = $1";

/// The name under which both tasks report an outage. If one can write then the other can.
const WRITES: &str = "writes";

fn stopped() -> Error {
    Error::Unavailable("the store has been closed".into())
}

struct WriterTask {
    engine: Engine,
    connection: WriteConnection,
    failing: bool,
    outage: Outage,
    failure: Arc<watch::Sender<Option<Error>>>,
}

impl WriterTask {
    async fn run(mut self, mut waiting: mpsc::Receiver<Job>) {
        let mut next = None;
        loop {
            let job = match next.take() {
                Some(job) => job,
                None => match waiting.recv().await {
                    Some(job) => job,
                    None => break,
                },
            };
            match job {
                Job::Close(survey, reply) => {
                    let mut batch = vec![*survey];
                    let mut replies = vec![reply];
                    while batch.len() < BATCH_MAX {
                        match waiting.try_recv() {
                            Ok(Job::Close(survey, reply)) => {
                                batch.push(*survey);
                                replies.push(reply);
                            }
                            Ok(other) => {
                                next = Some(other);
                                break;
                            }
                            Err(_) => break,
                        }
                    }
                    self.write_closes(batch, replies).await;
                }
                Job::Ping(reply) => {
                    let _ = reply.send(self.ping().await);
                }
                Job::Write(operation, reply) => {
                    // A caller that goes away gives up the answer but not the write.
                    let _ = reply.send(self.transaction(operation).await);
                }
                Job::Stop => break,
            }
        }
        self.connection.close().await;
    }

    async fn write_closes(
        &mut self,
        batch: Vec<NewSurvey>,
        replies: Vec<oneshot::Sender<Result<Taken>>>,
    ) {
        let alone = match self.engine {
            Engine::Sqlite => None,
            Engine::Postgres => (batch.len() > 1).then(|| batch.clone()),
        };
        match (self.take_closes(batch).await, alone) {
            (Ok(taken), _) => {
                for (reply, taken) in replies.into_iter().zip(taken) {
                    let _ = reply.send(Ok(taken));
                }
            }
            // Another daemon holds the row of one close. The other closes need not wait for it.
            (Err(Error::Busy(_)), Some(alone)) => {
                for (survey, reply) in alone.into_iter().zip(replies) {
                    let taken = self.take_closes(vec![survey]).await;
                    let _ = reply.send(taken.map(|taken| taken.into_iter().next().expect("one")));
                }
            }
            (Err(error), _) => {
                let words = match error {
                    Error::Unavailable(words) | Error::Busy(words) => words,
                    // The code that ends the process for this error logs it.
                    Error::Io(words) | Error::Gone(words) => words,
                    fault => {
                        error!(event = "close.not_stored", "closes cannot be stored: {fault}");
                        fault.to_string()
                    }
                };
                for reply in replies {
                    let _ = reply.send(Err(Error::Unavailable(words.clone())));
                }
            }
        }
    }

    async fn take_closes(&mut self, batch: Vec<NewSurvey>) -> Result<Vec<Taken>> {
        let taken = self
            .transaction(Box::new(move |connection| {
                Box::pin(async move {
                    let taken = deliveries::take(connection, batch).await?;
                    Ok(Box::new(taken) as JobOutput)
                })
            }))
            .await?;
        Ok(*taken.downcast().expect("deliveries::take returns what it is declared to"))
    }

    async fn ping(&mut self) -> Result<JobOutput> {
        if !self.failing {
            return self
                .transaction(Box::new(|_| Box::pin(async { Ok(Box::new(()) as JobOutput) })))
                .await;
        }
        // In an incomplete database a transaction that takes no close succeeds.
        self.transaction(Box::new(|connection| {
            Box::pin(async {
                write_and_remove(connection).await?;
                sqlx::query(accept::TAKES_NOTHING).execute(connection).await?;
                Ok(Box::new(()) as JobOutput)
            })
        }))
        .await
    }

    async fn transaction(&mut self, operation: Operation) -> Result<JobOutput> {
        if let Some(failed) = self.failure.borrow().clone() {
            return Err(failed);
        }
        let attempt = self.connection.attempt(operation);
        let done = match self.engine {
            Engine::Sqlite => attempt.await,
            // After a timeout the outcome is not known, as with any broken connection.
            Engine::Postgres => timeout(SERVER_SILENT, attempt)
                .await
                .unwrap_or_else(|_| Err(Error::Unavailable("the server says nothing".into()))),
        };
        // A write to a file that has gone counts as not written.
        let done = match self.connection.check_file() {
            Err(error @ Error::Gone(_)) => Err(error),
            Ok(()) | Err(_) => done,
        };
        match &done {
            Err(error @ (Error::Io(_) | Error::Gone(_))) => {
                self.connection.save_or_let_go().await;
                if matches!(error, Error::Io(_)) {
                    self.connection.discard();
                }
                self.failure.send_replace(Some(error.clone()));
            }
            Err(Error::Unavailable(reason) | Error::Refused(reason)) => {
                self.connection.discard();
                if self.outage.met(WRITES, Instant::now()) {
                    warn!(event = "store.unavailable", "the database refuses to write: {reason}");
                }
                self.failing = true;
            }
            _ => {
                self.failing = false;
                if self.outage.over(WRITES) {
                    info!(
                        event = "store.recovered",
                        "the database answers again: all work goes on"
                    );
                }
            }
        }
        done
    }
}
