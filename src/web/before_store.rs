//! Answers HTTP requests before there is a store, while the daemon waits for its database.
//!
//! `/healthz` answers that the daemon lives. Every other address asks the client to retry later.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::problem;

/// How long surveyd answers nothing. If the database is there by then, the server serves those who
/// have connected.
const AT_FIRST: Duration = Duration::from_secs(1);
/// The most connections at once. Further ones wait to be accepted.
const CONNECTIONS_MAX: usize = 256;
/// The time limit of a whole connection.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);

/// Answers on the listener for as long as the future is polled.
pub async fn answer(listener: &TcpListener) {
    sleep(AT_FIRST).await;
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        if connections.len() >= CONNECTIONS_MAX {
            connections.join_next().await;
        }
        let Ok((stream, _)) = listener.accept().await else {
            sleep(AT_FIRST).await;
            continue;
        };
        connections.spawn(async move {
            let service = service_fn(async |request: hyper::Request<hyper::body::Incoming>| {
                Ok::<_, Infallible>(answered(&request.map(Body::new)))
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .keep_alive(false)
                .header_read_timeout(CONNECTION_TIMEOUT)
                .serve_connection(TokioIo::new(stream), service);
            let _ = timeout(CONNECTION_TIMEOUT, connection).await;
        });
    }
}

fn answered(request: &Request) -> Response {
    match request.uri().path() {
        "/healthz" => "ok\n".into_response(),
        _ => problem::unavailable("surveyd waits for its database: send it again later"),
    }
}
