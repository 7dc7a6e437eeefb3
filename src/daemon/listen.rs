//! The listener, which waits for an address that another program still has, or that this machine does
//! not have yet.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tracing::{info, warn};

use super::tell_status;

const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Binds `http.listen`, as soon as it is free. What waiting cannot mend is an error at once.
pub async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let mut has_waited = false;
    loop {
        let why = match crate::web::listen(address) {
            Ok(listener) => {
                if has_waited {
                    info!(event = "http.bound", "http.listen {address} is free now");
                }
                return Ok(listener);
            }
            Err(error) => match error.kind() {
                ErrorKind::AddrInUse => "another program listens there",
                ErrorKind::AddrNotAvailable => "no interface of this machine has it",
                _ => {
                    return Err(error)
                        .with_context(|| format!("http.listen {address} cannot be bound"));
                }
            },
        };
        if !has_waited {
            let words = format!(
                "http.listen {address} cannot be bound yet: {why}. surveyd is not ready until it \
                 can: stop what has it, or set another http.listen"
            );
            warn!(event = "http.waiting", listen = address.to_string(), "{words}");
            tell_status(&words);
            has_waited = true;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}
