//! Serves a `World` over HTTP/1.1.
//!
//! It turns bytes into requests and replies into bytes. It cuts a connection if the world says so.
//! It decides nothing itself.

use std::convert::Infallible;
use std::fmt;
use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use super::call::{HttpReply, HttpRequest};
use super::clock::TimeSource;
use super::config::SandboxConfig;
use super::faults::CallOutcome;
use super::inspection::{PREFIX, inspect};
use super::world::World;
use crate::domain::time::Millis;

/// The longest body that is read. A prompt of 10,000 characters needs at most a tenth of it.
const BODY_MAX: usize = 1024 * 1024;

/// The pause after a failed accept. It keeps the loop from spinning while the machine refuses
/// connections.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A running sandbox. Dropping it also ends it, but only `stop` waits for the end.
pub struct Sandbox {
    address: SocketAddr,
    world: Arc<Mutex<World>>,
    clock: TimeSource,
    stop: oneshot::Sender<Infallible>,
    server: JoinHandle<()>,
}

impl Sandbox {
    /// Serves a new world on the listener until it is stopped.
    ///
    /// # Errors
    /// Fails if the listener has no address.
    pub fn start(config: SandboxConfig, listener: TcpListener) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let clock = config.clock.clone();
        let world = Arc::new(Mutex::new(World::new(config)));
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(serve(listener, Arc::clone(&world), clock.clone(), stopped));
        Ok(Self { address, world, clock, stop, server })
    }

    /// Serves a new world on a free port of this machine.
    ///
    /// # Errors
    /// Fails if no port is free.
    pub async fn start_on_loopback(config: SandboxConfig) -> io::Result<Self> {
        Self::start(config, TcpListener::bind("127.0.0.1:0").await?)
    }

    /// Returns the base URL of X for a client on this machine.
    pub fn base_url(&self) -> String {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(match address {
                SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        format!("http://{address}")
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the world being served. Never hold its lock across an await, since every request
    /// waits for it.
    pub fn world(&self) -> Arc<Mutex<World>> {
        Arc::clone(&self.world)
    }

    /// Returns the time by the sandbox's clock.
    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// Ends every connection and returns once the last is closed.
    pub async fn stop(self) {
        drop(self.stop);
        if let Err(error) = self.server.await
            && let Ok(panic) = error.try_into_panic()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

/// Accepts connections until the sender of `stopped` is dropped.
async fn serve(
    listener: TcpListener,
    world: Arc<Mutex<World>>,
    clock: TimeSource,
    mut stopped: oneshot::Receiver<Infallible>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(connection(stream, peer, Arc::clone(&world), clock.clone()));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    // Ending a connection loses nothing. The world changes in one step, never halfway through an
    // await.
    connections.shutdown().await;
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    world: Arc<Mutex<World>>,
    clock: TimeSource,
) {
    let service = service_fn(|request| respond(request, peer, &world, &clock));
    // The error is an ordered cut or a client that disconnected. The client notices both by itself.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// An order to close this connection without an answer. hyper does that if a service fails.
#[derive(Debug)]
struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the connection is cut on order")
    }
}

impl std::error::Error for Cut {}

async fn respond(
    request: hyper::Request<Incoming>,
    peer: SocketAddr,
    world: &Mutex<World>,
    clock: &TimeSource,
) -> Result<Response<Body>, Cut> {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(Body::new(body), BODY_MAX).await else {
        return Ok(bare(StatusCode::PAYLOAD_TOO_LARGE));
    };
    let header = |name: HeaderName| text(&head.headers, &name);
    let request = HttpRequest {
        method: head.method.to_string(),
        // Behind a proxy that ends TLS the client has signed an https address.
        scheme: header(HeaderName::from_static("x-forwarded-proto"))
            .unwrap_or_else(|| "http".to_owned()),
        host: header(HOST).unwrap_or_default(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        content_type: header(CONTENT_TYPE),
        authorization: header(AUTHORIZATION),
        body: body.to_vec(),
    };
    let outcome = {
        let mut world = locked(world);
        // Read the time under the lock. Otherwise a request could happen before one that it
        // follows.
        let now = clock.now();
        if request.path.starts_with(PREFIX) && peer.ip().is_loopback() {
            CallOutcome::from(inspect(&mut world, &request, now))
        } else {
            world.take(&request, now)
        }
    };
    match outcome {
        CallOutcome::Answer { reply, held_back } => {
            if held_back > Duration::ZERO {
                tokio::time::sleep(held_back).await;
            }
            Ok(written(reply))
        }
        CallOutcome::Cut => Err(Cut),
        // hyper drops this future when the client gives up. `stop` ends the connection.
        CallOutcome::Silence => pending().await,
    }
}

/// Takes the lock even if a test panicked while it held it. The server must not go down with the
/// test.
fn locked(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn written(reply: HttpReply) -> Response<Body> {
    let mut response =
        Response::builder().status(reply.status).header(CONTENT_TYPE, reply.content_type);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    // Only a scripted answer can have an invalid status or header.
    response
        .body(Body::from(reply.body))
        .unwrap_or_else(|_| bare(StatusCode::INTERNAL_SERVER_ERROR))
}

fn bare(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_that_listens_everywhere_is_named_by_an_address_of_this_machine() {
        for (all, own) in [("0.0.0.0:0", "127.0.0.1"), ("[::]:0", "[::1]")] {
            // Not every machine has both.
            let Ok(listener) = TcpListener::bind(all).await else { continue };
            let sandbox = Sandbox::start(SandboxConfig::demo(1), listener).unwrap();
            assert_eq!(sandbox.base_url(), format!("http://{own}:{}", sandbox.address().port()));
            sandbox.stop().await;
        }
    }
}
