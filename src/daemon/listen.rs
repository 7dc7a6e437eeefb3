//! Binds the listener. It waits while another program has the address or this machine does not have
//! it yet.
//!
//! The service manager keeps the listening socket while one daemon ends and the next one starts
//! (`FileDescriptorStoreMax=` of systemd.service(5)). Connections wait there and are not refused.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::bail;
use listenfd::ListenFd;
use tokio::net::TcpListener;
use tracing::{info, warn};

use super::service_manager::{keep_socket, log_status, release_socket};

const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Says why an address cannot be bound and what to do about it.
pub fn unbound(error: &io::Error, address: SocketAddr) -> String {
    let port = address.port();
    match error.kind() {
        ErrorKind::AddrInUse => format!(
            "another program listens there: see which by `ss -ltnp 'sport = :{port}'` and stop it"
        ),
        ErrorKind::AddrNotAvailable => {
            "no interface of this machine has it: `ip -brief address` shows those there are".into()
        }
        ErrorKind::PermissionDenied if port < 1024 => {
            format!("{error}: ports below 1024 are root's, so put a proxy there")
        }
        _ => error.to_string(),
    }
}

/// Returns the socket that the service manager passes, if it listens on `address`. It closes all
/// others.
fn passed(address: SocketAddr) -> Option<TcpListener> {
    let mut passed = ListenFd::from_env();
    let sockets = (0..passed.len()).filter_map(|index| passed.take_tcp_listener(index).ok()?);
    // All are taken, so that those with another address are closed.
    let sockets: Vec<_> = sockets.collect();
    let is_ours = |socket: &std::net::TcpListener| {
        socket.local_addr().is_ok_and(|listens_on| listens_on == address)
    };
    let socket = sockets.into_iter().find(is_ours)?;
    socket.set_nonblocking(true).ok()?;
    TcpListener::from_std(socket).ok()
}

/// Takes the socket of the daemon before this one, or binds `http.listen` as soon as it is free. A
/// fault that waiting cannot fix is returned at once.
pub async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    if let Some(listener) = passed(address) {
        return Ok(listener);
    }
    // The one that is kept may listen on an address that the configuration no longer has.
    release_socket();
    let listener = bind_free(address).await?;
    keep_socket(&listener);
    Ok(listener)
}

async fn bind_free(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let mut has_waited = false;
    loop {
        let error = match crate::web::listen(address) {
            Ok(listener) => {
                if has_waited {
                    info!(event = "http.bound", "http.listen {address} is free now");
                }
                return Ok(listener);
            }
            Err(error) => error,
        };
        let why = unbound(&error, address);
        if !matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::AddrNotAvailable) {
            bail!("http.listen {address} cannot be bound: {why}, or set another http.listen");
        }
        if !has_waited {
            let words = format!(
                "http.listen {address} cannot be bound yet: {why}, or set another http.listen. surveyd \
                 is not ready until it can"
            );
            warn!(event = "http.waiting", listen = address.to_string(), "{words}");
            log_status(&words);
            has_waited = true;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}
