//! Listens for HTTP connections and serves them within bounds.
//!
//! The number of connections and the time of each step are bounded. So slow or silent or many
//! clients cannot keep others out. This is why axum's own server is not used. It has no limit on
//! the time that a request's head may take.
//!
//! [`seats`](super::seats) picks the connection that gives way when there is no room. This module
//! reports to it when a request is whole and when it is answered. This module also counts and logs
//! every answer.

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

use super::responses::{Addressee, LoggedRequest, RefusalReason};
use super::results::PeerAddress;
use super::seats::{Peer, Seat};
use super::wire::Wire;
use super::{Web, problem};
use crate::stop::Stopper;

const CONNECTIONS_MAX: usize = 1_024;
/// Connections that may queue for an accept. Beyond them the operating system drops a newcomer's
/// first packet. The client retries one second later and then three seconds after its first try.
const BACKLOG: u32 = 4_096;
/// The kernel's buffer for the part of an answer that the client has not read yet.
const SEND_BYTES: u32 = 64 * 1_024;
/// The kernel's buffer for what a client has sent and surveyd has not read yet.
const RECEIVE_BYTES: u32 = 128 * 1_024;
/// Connections that have lost their seats but still have an open socket.
const LEAVING_MAX: usize = 64;
/// Open files that are reserved for the database and for X and for all else.
const FILES_KEPT: usize = 256;
/// The time for a request's head to arrive. It also ends idle connections.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// The most bytes of a head and of what is read ahead.
const HEAD_BYTES_MAX: usize = 32 * 1_024;
/// The time for a whole request with its body and its answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a client may read nothing of its answer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(15);
/// How long surveyd waits at a stop for an unfinished request to become whole.
const WHOLE_WITHIN: Duration = Duration::from_secs(1);
/// The pause after a failed accept if a connection has given way. An accept most often fails for
/// lack of file descriptors. In this time that connection closes its socket.
const ROOM_MADE_PAUSE: Duration = Duration::from_millis(1);
/// The pause after a failed accept if no connection could give way.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The shortest time between two writes of refusals to the database.
const KEPT_EVERY: Duration = Duration::from_secs(1);
/// The shortest time between two log lines about failed accepts.
const LACK_TOLD_EVERY: Duration = Duration::from_secs(60);

/// Returns the most connections that surveyd accepts. The number is smaller if the process may open
/// few files. A process without a free file can neither send a prompt nor read its database.
pub fn connections_max() -> usize {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let files = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let files = files.and_then(|limit| limit.split_whitespace().next()?.parse::<usize>().ok());
    files.map_or(CONNECTIONS_MAX, |files| {
        files.saturating_sub(FILES_KEPT).clamp(FILES_KEPT / 4, CONNECTIONS_MAX)
    })
}

/// Listens on an address with a long queue for newcomers.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    // An accepted connection inherits these sizes from its listening socket.
    socket.set_send_buffer_size(SEND_BYTES)?;
    socket.set_recv_buffer_size(RECEIVE_BYTES)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until the stop signal and then finishes the requests under way.
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

/// Stores the logged refusals in the database. Writes at most once a second.
async fn keep_rejected(web: &Web) {
    loop {
        let told = web.answers.told().await;
        let now = web.clock.now();
        let told = told.into_iter().map(|(told_at, one)| (now.minus(told_at.elapsed()), one));
        // A failed write is ignored since the log has the refusals.
        let _ = web.live().intake.store.keep_rejected(told.collect()).await;
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
            // The client has already disconnected.
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
            let address = PeerAddress(address.ip());
            let door = Door(Arc::new(Behind { router, web, seat, address }));
            connections.spawn(connection(stream, door, stop.clone()));
        }
        while connections.try_join_next().is_some() {}
        // Give the connections that gave way the time to close their sockets.
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
    // Answers are small, so waiting to fill a packet would only delay them.
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
        // A client that disconnects midway is not worth a log line.
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

/// Returns after [`WHOLE_WITHIN`] unless the connection then works on a request. At a stop surveyd
/// drops a request that is not whole by then. Its sender has no answer and nothing of it was taken.
/// surveyd also drops an answer that the client does not read.
async fn says_no_more(seat: &Seat) {
    sleep(WHOLE_WITHIN).await;
    if seat.is_at_work() {
        std::future::pending().await
    }
}

/// The router behind one connection with a time limit on each request. The limit does not undo a
/// write that the request has handed to the store.
#[derive(Clone)]
struct Door(Arc<Behind>);

struct Behind {
    router: Router,
    web: Arc<Web>,
    seat: Arc<Seat>,
    address: PeerAddress,
}

impl Behind {
    async fn answer(&self, mut request: hyper::Request<Incoming>) -> Response {
        request.extensions_mut().insert(self.address);
        let path = request.uri().path();
        let asked = self.web.asked(path);
        let is_told = match asked {
            Some(Addressee::Results) => false,
            Some(Addressee::Nothing) => is_a_sender(request.method(), path),
            Some(Addressee::Source(_) | Addressee::FeedbackHook) | None => true,
        };
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
        // The rest of an unread body stays on the connection, so no further request can follow it.
        // Nor does one follow if newcomers wait for a seat.
        if !self.seat.goes_on() {
            answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }
}

/// True if the request may come from a source that has something to say. Other requests come from
/// people who look around and from scanners that try the paths of other servers. They are counted
/// as requests to no address, and they are no refused closes.
fn is_a_sender(method: &Method, path: &str) -> bool {
    path.starts_with("/v1/sources/") || !(method == Method::GET || method == Method::HEAD)
}

/// Returns the reason to log if the answer is a refusal.
fn why(asked: &Addressee, answer: &Response) -> Option<RefusalReason> {
    let status = answer.status();
    // Each wrong password has been logged already. The limit on them needs no line of its own.
    let is_counted_out =
        *asked == Addressee::FeedbackHook && status == StatusCode::TOO_MANY_REQUESTS;
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

/// A request's body that tells its seat once it has arrived as a whole.
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
