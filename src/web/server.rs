//! The listening side: bounded in connections and in time, so that slow, silent or many clients
//! cannot keep others out. axum's own server has no limit on the time a request's head may take.
//!
//! Who gives way when there is no room is for [`seats`](super::seats). Here each connection says
//! when it has a whole request and when that is answered, and every answer is noted.

use std::convert::Infallible;
use std::fs;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use futures_util::future::BoxFuture;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tower::ServiceExt as _;
use tracing::warn;

use super::answers::{Addressee, LoggedRequest, RefusalReason};
use super::seats::{Peer, Seat};
use super::wire::Wire;
use super::{Web, problem};
use crate::stop::Stopper;

const CONNECTIONS_MAX: usize = 1_024;
/// Connections that wait to be accepted. Beyond them the system drops a newcomer's first packet,
/// and its client tries again after a second, then three.
const BACKLOG: u32 = 4_096;
/// What the system keeps for a connection: of answers that are not taken, and of what is not read
/// yet.
const SEND_BYTES: u32 = 64 * 1_024;
const RECEIVE_BYTES: u32 = 128 * 1_024;
/// Connections that have lost their seats and whose sockets are not closed yet.
const LEAVING_MAX: usize = 64;
/// Open files that are left to the database, to X and to all else.
const FILES_KEPT: usize = 256;
/// A request's head must be in by then; it also ends connections that stay idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// What a head may take, and what is read ahead.
const HEAD_BYTES_MAX: usize = 32 * 1_024;
/// A whole request, body and answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a client may take nothing of its answer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a request that has begun has to become whole, once surveyd stops.
const WHOLE_WITHIN: Duration = Duration::from_secs(1);
/// After a failed accept, which is most often a lack of file descriptors: time for the connection
/// that had to make room to be closed, or for any other to end.
const ROOM_MADE_PAUSE: Duration = Duration::from_millis(1);
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How often refusals are written to the database at the most.
const KEPT_EVERY: Duration = Duration::from_secs(1);
/// How often a lack of file descriptors is told.
const LACK_TOLD_EVERY: Duration = Duration::from_secs(60);

/// The connections that there may be: fewer where the process may have few open files, for one that
/// has none left can neither send a prompt nor read its database.
pub fn connections_max() -> usize {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let files = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let files = files.and_then(|limit| limit.split_whitespace().next()?.parse::<usize>().ok());
    files.map_or(CONNECTIONS_MAX, |files| {
        files.saturating_sub(FILES_KEPT).clamp(FILES_KEPT / 4, CONNECTIONS_MAX)
    })
}

/// Listens, with room for a crowd before the door.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    // Connections have these from the socket that they are accepted by.
    socket.set_send_buffer_size(SEND_BYTES)?;
    socket.set_recv_buffer_size(RECEIVE_BYTES)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until the word to stop; requests under way are finished.
pub async fn serve(listener: TcpListener, web: Arc<Web>, stop: Stopper) {
    let mut connections = JoinSet::new();
    tokio::select! {
        () = accept(listener, &web, &stop, &mut connections) => {}
        () = web.snapshot.keep(&web) => {}
        () = web.answers.log_held_back() => {}
        () = keep_rejected(&web) => {}
    }
    while connections.join_next().await.is_some() {}
    web.answers.log_rest();
}

/// Keeps in the database what the log tells of refusals, a second's together.
async fn keep_rejected(web: &Web) {
    loop {
        let told = web.answers.told().await;
        // The log has it: a database that is away need not.
        let _ = web.live().intake.store.keep_rejected(told, web.clock.now()).await;
        sleep(KEPT_EVERY).await;
    }
}

async fn accept(
    listener: TcpListener,
    web: &Arc<Web>,
    stop: &Stopper,
    connections: &mut JoinSet<()>,
) {
    let router = web.router();
    let mut stopping = std::pin::pin!(stop.stopping());
    let mut lack_told: Option<Instant> = None;
    loop {
        tokio::select! {
            () = web.seats.room() => {}
            () = &mut stopping => return,
        }
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stopping => return,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            // The client has gone already.
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
            Err(error) => {
                if lack_told.is_none_or(|told| told.elapsed() >= LACK_TOLD_EVERY) {
                    lack_told = Some(Instant::now());
                    warn!(
                        "a connection cannot be accepted: {error}; those that have waited longest \
                         make room (told once a minute)"
                    );
                }
                let made_room = web.seats.make_room();
                sleep(if made_room { ROOM_MADE_PAUSE } else { ACCEPT_PAUSE }).await;
                continue;
            }
        };
        if let Some(seat) = seat(web, address.ip()) {
            let (router, web, seat) = (router.clone(), web.clone(), Arc::new(seat));
            let door = Door(Arc::new(Behind { router, web, seat }));
            connections.spawn(connection(stream, door, stop.clone()));
        }
        while connections.try_join_next().is_some() {}
        // Those that had to make room must come to close their sockets.
        while connections.len() >= web.seats.most() + LEAVING_MAX {
            connections.join_next().await;
        }
    }
}

fn seat(web: &Web, address: IpAddr) -> Option<Seat> {
    web.seats.take(Peer::of(address), web.live().connections_per_peer)
}

async fn connection(stream: TcpStream, door: Door, stop: Stopper) {
    let seat = door.0.seat.clone();
    seat.listens();
    // Answers are small; waiting to fill a packet would only delay them.
    let _ = stream.set_nodelay(true);
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(
            TokioIo::new(Wire::new(stream, WRITE_TIMEOUT)),
            TowerToHyperService::new(door),
        );
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // A client that goes away in the middle is no news.
        _ = connection.as_mut() => {}
        () = seat.lost() => {}
        () = stop.stopping() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                _ = connection.as_mut() => {}
                () = seat.lost() => {}
                () = says_no_more(&seat) => {}
                () = stop.out_of_time() => {}
            }
        }
    }
}

/// At a stop, a request that is not whole soon is not waited for: its sender has no answer, and
/// what it said is not taken. Nor is an answer that nobody takes.
async fn says_no_more(seat: &Seat) {
    sleep(WHOLE_WITHIN).await;
    if seat.is_at_work() {
        std::future::pending().await
    }
}

/// The router behind one connection, with a limit on the time of one request. What a request has
/// handed to the store is written all the same.
#[derive(Clone)]
struct Door(Arc<Behind>);

struct Behind {
    router: Router,
    web: Arc<Web>,
    seat: Arc<Seat>,
}

impl Behind {
    async fn answer(&self, request: hyper::Request<Incoming>) -> Response {
        let path = request.uri().path();
        let asked = self.web.asked(path);
        let is_told = asked != Some(Addressee::Nothing) || is_a_sender(request.method(), path);
        let noted = asked.map(|asked| LoggedRequest::new(asked, request.uri(), request.headers()));
        let answer = self
            .router
            .clone()
            .oneshot(request.map(|body| Body::new(Upload::new(body, self.seat.clone()))));
        let mut answer = match timeout(REQUEST_TIMEOUT, answer).await {
            Ok(Ok(answer)) => answer,
            Err(_) if self.seat.is_at_work() => problem::unavailable("the request took too long"),
            Err(_) => problem::refuse(
                StatusCode::REQUEST_TIMEOUT,
                "the body was not whole half a minute after it had begun",
            ),
        };
        if let Some(noted) = noted {
            let why = is_told.then(|| why(&noted.asked, &answer)).flatten();
            self.web.answers.note(&noted, answer.status(), why.as_ref(), Instant::now());
        }
        // What is left of a body is not read, so nothing can come after it. Where others wait for a
        // seat, one request is a turn.
        if !self.seat.goes_on() {
            answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }
}

/// Whether somebody may have had something to say to a source: others look for what they know from
/// other servers, and it is nobody's business.
fn is_a_sender(method: &Method, path: &str) -> bool {
    path.starts_with("/v1/") || !(method == Method::GET || method == Method::HEAD)
}

/// What the log is to say of an answer, where it is a refusal.
fn why(asked: &Addressee, answer: &Response) -> Option<RefusalReason> {
    let status = answer.status();
    // That there were too many wrong passwords has been told by each of them.
    let is_counted_out = *asked == Addressee::XWebhook && status == StatusCode::TOO_MANY_REQUESTS;
    if is_counted_out || !(status.is_client_error() || status.is_server_error()) {
        return None;
    }
    let told = answer.extensions().get::<RefusalReason>().cloned();
    told.or_else(|| Some(RefusalReason::new(status.canonical_reason().unwrap_or_default(), None)))
}

impl tower::Service<hyper::Request<Incoming>> for Door {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: hyper::Request<Incoming>) -> Self::Future {
        let behind = self.0.clone();
        Box::pin(async move { Ok(behind.answer(request).await) })
    }
}

/// A request's body, which tells its seat once all of it is in.
struct Upload {
    body: Incoming,
    seat: Arc<Seat>,
    is_whole: bool,
}

impl Upload {
    fn new(body: Incoming, seat: Arc<Seat>) -> Self {
        let mut this = Self { body, seat, is_whole: false };
        this.look(false);
        this
    }

    fn look(&mut self, has_ended: bool) {
        if !self.is_whole && (has_ended || self.body.is_end_stream()) {
            self.is_whole = true;
            self.seat.work();
        }
    }
}

impl hyper::body::Body for Upload {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        match &frame {
            Poll::Ready(None) => self.look(true),
            Poll::Ready(Some(_)) => self.look(false),
            Poll::Pending => {}
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
