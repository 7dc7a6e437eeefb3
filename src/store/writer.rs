//! The one task that writes. Every write is a message with a reply, so no caller that goes away can
//! leave a transaction half done; closes that wait together share one commit, because a commit
//! that is safe on the disk costs as much for one as for a hundred.
//!
//! After any fault of the database the connection is dropped and opened anew: after a failed
//! commit its state is not known.

use std::any::Any;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::{AnyConnection, Connection, Executor};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::{error, info, warn};

use super::closes::{NewSurvey, Taken};
use super::{Engine, Error, FileWatch, Location, Result, deliveries};

/// Writes that wait; a caller beyond them waits itself.
const WAITING_MAX: usize = 4_096;
/// Closes in one commit.
const BATCH_MAX: usize = 256;
/// A server that says nothing for so long has gone without a word. It waits for a lock for less.
const SERVER_SILENT: Duration = Duration::from_secs(30);

type Value = Box<dyn Any + Send>;
type Operation =
    Box<dyn for<'c> FnOnce(&'c mut AnyConnection) -> BoxFuture<'c, Result<Value>> + Send>;

enum Job {
    Close(Box<NewSurvey>, oneshot::Sender<Result<Taken>>),
    Write(Operation, oneshot::Sender<Result<Value>>),
    Ping(oneshot::Sender<Result<Value>>),
    /// The last.
    Stop,
}

/// Where the database is, and who notices that it is gone.
pub struct Files {
    pub location: Location,
    pub watch: Option<Arc<FileWatch>>,
}

#[derive(Clone)]
pub struct Writer {
    jobs: mpsc::Sender<Job>,
    task: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Writer {
    /// Without a `connection`, one is opened for the first write.
    pub fn start(
        files: Files,
        connection: Option<AnyConnection>,
        failure: Arc<watch::Sender<Option<Error>>>,
    ) -> Self {
        let (jobs, waiting) = mpsc::channel(WAITING_MAX);
        let worker = Worker { files, connection, failing: false, failure };
        let task = tokio::spawn(worker.run(waiting));
        Self { jobs, task: Arc::new(Mutex::new(Some(task))) }
    }

    /// Writes one close, together with those that wait beside it.
    pub async fn close(&self, survey: NewSurvey) -> Result<Taken> {
        let (reply, answer) = oneshot::channel();
        self.send(Job::Close(Box::new(survey), reply)).await?;
        answer.await.map_err(|_| stopped())?
    }

    /// Runs `operation` in a transaction of its own and gives its result once it is committed.
    pub async fn run<T, F>(&self, operation: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut AnyConnection) -> BoxFuture<'c, Result<T>> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let operation: Operation = Box::new(move |connection| {
            let running = operation(connection);
            Box::pin(async move { Ok(Box::new(running.await?) as Value) })
        });
        self.send(Job::Write(operation, reply)).await?;
        let value = answer.await.map_err(|_| stopped())??;
        Ok(*value.downcast().expect("the reply is what the operation of this call returned"))
    }

    /// Begins and ends a transaction; while the database refuses to write, one that writes.
    pub async fn ping(&self) -> Result<()> {
        let (reply, answer) = oneshot::channel();
        self.send(Job::Ping(reply)).await?;
        answer.await.map_err(|_| stopped())?.map(drop)
    }

    async fn send(&self, job: Job) -> Result<()> {
        self.jobs.send(job).await.map_err(|_| stopped())
    }

    /// Waits until nothing can be written any more.
    pub async fn ended(&self) {
        self.jobs.closed().await;
    }

    /// Finishes what waits and ends the task. Other handles can write no more.
    pub async fn stop(&self) {
        let task = self.task.lock().expect("no holder of this lock can panic").take();
        if let Some(task) = task {
            let _ = self.send(Job::Stop).await;
            let _ = task.await;
        }
    }
}

const PING: &str = "insert into progress (name, sends, last_at) values ('ping', 1, 0) \
     on conflict (name) do update set sends = progress.sends + 1";

fn stopped() -> Error {
    Error::Unavailable("the store has been closed".into())
}

struct Worker {
    files: Files,
    connection: Option<AnyConnection>,
    failing: bool,
    failure: Arc<watch::Sender<Option<Error>>>,
}

impl Worker {
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
                    // A caller that has gone away has lost interest in the answer, not the write.
                    let _ = reply.send(self.transaction(operation).await);
                }
                Job::Stop => break,
            }
        }
        self.let_go_where_harmful();
        self.end_watch();
        if let Some(connection) = self.connection.take() {
            let _ = connection.close().await;
        }
    }

    fn end_watch(&self) {
        if let Some(watch) = &self.files.watch {
            watch.end();
        }
    }

    /// Leaves the connection open for ever where closing it could harm what is there instead of the
    /// database.
    fn let_go_where_harmful(&mut self) {
        if self.files.watch.as_ref().is_some_and(|watch| watch.is_closing_harmful()) {
            std::mem::forget(self.connection.take());
        }
    }

    async fn write_closes(
        &mut self,
        batch: Vec<NewSurvey>,
        replies: Vec<oneshot::Sender<Result<Taken>>>,
    ) {
        let done = self
            .transaction(Box::new(move |connection| {
                Box::pin(async move {
                    let taken = deliveries::take(connection, batch).await?;
                    Ok(Box::new(taken) as Value)
                })
            }))
            .await;
        match done {
            Ok(value) => {
                let taken: Vec<Taken> =
                    *value.downcast().expect("deliveries::take returns what it is declared to");
                for (reply, taken) in replies.into_iter().zip(taken) {
                    let _ = reply.send(Ok(taken));
                }
            }
            Err(error) => {
                let words = match error {
                    // Told by whoever ends the process for it.
                    Error::Unavailable(words) | Error::Io(words) | Error::Gone(words) => words,
                    fault => {
                        error!("closes cannot be stored: {fault}");
                        fault.to_string()
                    }
                };
                for reply in replies {
                    let _ = reply.send(Err(Error::Unavailable(words.clone())));
                }
            }
        }
    }

    async fn ping(&mut self) -> Result<Value> {
        if !self.failing {
            return self
                .transaction(Box::new(|_| Box::pin(async { Ok(Box::new(()) as Value) })))
                .await;
        }
        // On a full disk a transaction that writes nothing ends well.
        self.transaction(Box::new(|connection| {
            Box::pin(async {
                connection.execute(PING).await?;
                Ok(Box::new(()) as Value)
            })
        }))
        .await
    }

    async fn transaction(&mut self, operation: Operation) -> Result<Value> {
        if let Some(failed) = self.failure.borrow().clone() {
            return Err(failed);
        }
        let done = match self.files.location.engine {
            Engine::Sqlite => self.attempt(operation).await,
            // Whether it was written is not known then, as with any connection that breaks.
            Engine::Postgres => timeout(SERVER_SILENT, self.attempt(operation))
                .await
                .unwrap_or_else(|_| Err(Error::Unavailable("the server says nothing".into()))),
        };
        // What was written to a file that has gone is not written.
        let done = match self.files.watch.as_ref().map_or(Ok(()), |watch| watch.check()) {
            Err(error @ Error::Gone(_)) => Err(error),
            Ok(()) | Err(_) => done,
        };
        match &done {
            Err(error @ (Error::Io(_) | Error::Gone(_))) => {
                self.let_go_where_harmful();
                if matches!(error, Error::Io(_)) {
                    self.end_watch();
                    self.connection = None;
                }
                self.failure.send_replace(Some(error.clone()));
            }
            Err(Error::Unavailable(reason)) => {
                self.end_watch();
                self.connection = None;
                if !self.failing {
                    warn!(event = "store.unavailable", "the database refuses to write: {reason}");
                }
                self.failing = true;
            }
            _ if self.failing => {
                self.failing = false;
                info!(event = "store.recovered", "the database takes writes again");
            }
            _ => {}
        }
        done
    }

    async fn attempt(&mut self, operation: Operation) -> Result<Value> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            closed => {
                let opened = self.files.location.writer(self.files.watch.as_deref()).await?;
                closed.insert(opened)
            }
        };
        // Begun and ended in words of our own: sqlx's own count of open transactions is wrong for
        // ever after a commit that failed on a full disk.
        let begin = match self.files.location.engine {
            // A transaction that starts by reading could not wait for another writer.
            Engine::Sqlite => "begin immediate",
            Engine::Postgres => "begin",
        };
        connection.execute(begin).await?;
        match operation(connection).await {
            Ok(value) => {
                connection.execute("commit").await?;
                Ok(value)
            }
            Err(error @ (Error::Unavailable(_) | Error::Io(_) | Error::Gone(_))) => Err(error),
            Err(error) => {
                connection.execute("rollback").await?;
                Err(error)
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.let_go_where_harmful();
    }
}
