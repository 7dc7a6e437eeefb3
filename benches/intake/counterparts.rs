//! What the daemon is measured beside, over HTTP: its HTTP library, its verifier and its reader of
//! notices, with one transaction a request behind them, or with nothing.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use surveyd::clock::Clock;
use surveyd::config::Scheme;
use surveyd::domain::close::Close;
use surveyd::watcher::notice::{self, CloseEvent, Origin};
use surveyd::watcher::signature::Verifier;

use crate::notices::SECRET;
use crate::{daemon, raw};

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Side {
    /// One transaction a request.
    Single,
    /// No database.
    Bare,
}

struct Desk {
    verifier: Verifier,
    database: Option<sqlx::SqlitePool>,
}

/// Serves in the working folder until it is killed.
pub fn serve(side: Side, listen: SocketAddr) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime can be made").block_on(async {
        let database = match side {
            Side::Single => Some(database().await),
            Side::Bare => None,
        };
        let verifier = Verifier::new(Scheme::standard(), &[SECRET.to_vec()]);
        let desk = Arc::new(Desk { verifier: verifier.expect("the secret is sound"), database });
        let router = Router::new().route("/v1/sources/helpdesk", post(take)).with_state(desk);
        let listener = tokio::net::TcpListener::bind(listen).await.expect("the port is free");
        sd_notify::notify(&[sd_notify::NotifyState::Ready]).expect("we were started with a socket");
        loop {
            let (stream, _) = listener.accept().await.expect("connections are accepted");
            let _ = stream.set_nodelay(true);
            let service = TowerToHyperService::new(router.clone());
            let builder = hyper::server::conn::http1::Builder::new();
            tokio::spawn(builder.serve_connection(TokioIo::new(stream), service));
        }
    });
}

/// One connection: SQLite has one writer, and further ones would only wait for each other.
async fn database() -> sqlx::SqlitePool {
    let file = Path::new(daemon::DATABASE);
    drop(raw::open(file).expect("the database can be made"));
    let options = SqliteConnectOptions::new()
        .filename(file)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("cache_size", "-8192");
    SqlitePoolOptions::new()
        .max_connections(1)
        .connect_with(options)
        .await
        .expect("the database opens")
}

async fn take(State(desk): State<Arc<Desk>>, headers: HeaderMap, body: Bytes) -> Response {
    let now = Clock::System.now();
    let header =
        |name: &str| headers.get_all(name).iter().filter_map(|it| it.to_str().ok()).collect();
    if let Err(why) = desk.verifier.verify(&header, &body, now) {
        return (StatusCode::UNAUTHORIZED, why.to_string()).into_response();
    }
    let Ok(value) = serde_json::from_slice(&body) else {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    };
    let origin = Origin { source: "helpdesk", account: None, accounts: &[], now };
    let Ok(CloseEvent::Closed(close)) = notice::read(&value, origin) else {
        return StatusCode::UNPROCESSABLE_ENTITY.into_response();
    };
    let id = uuid::Uuid::now_v7().simple().to_string();
    if let Some(database) = &desk.database
        && let Err(error) = insert(database, &id, &close).await
    {
        return (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response();
    }
    let due_at = close.closed_at.plus(raw::DELAY).rfc3339();
    let body = serde_json::json!({"survey_id": id, "state": "scheduled", "due_at": due_at});
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (StatusCode::ACCEPTED, kind, body.to_string()).into_response()
}

/// A statement outside a transaction is one of its own: a single crossing to SQLite's thread.
async fn insert(database: &sqlx::SqlitePool, id: &str, close: &Close) -> anyhow::Result<()> {
    sqlx::query(raw::INSERT)
        .bind(id)
        .bind(close.conversation_id.as_str())
        .bind(close.person())
        .bind(close.closed_at.0)
        .bind(close.closed_at.plus(raw::DELAY).0)
        .bind(serde_json::to_string(&close.notice)?)
        .execute(database)
        .await?;
    Ok(())
}
