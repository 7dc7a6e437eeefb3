//! Binds the listener. It waits while another program has the address or this machine does not have
//! it yet.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::bail;
use tokio::net::TcpListener;
use tracing::{info, warn};

use super::service_manager::log_status;

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

/// Binds `http.listen` as soon as it is free. A fault that waiting cannot fix is returned at once.
pub async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
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
