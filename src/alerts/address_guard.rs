//! Sends messages, and never to an address that messages may not go to. The ranges of those
//! addresses are in [`crate::domain::alert::address`].
//!
//! Whoever writes an alert's address could otherwise make surveyd ask what only surveyd can reach
//! (server-side request forgery). Four things stand against it:
//!
//! - A host that is an address is judged before each request. Such a host is never looked up.
//! - A name is looked up by [`Lookup`], which drops what is no address of the open internet. The
//!   connection is made to what it returns, so a name cannot change in between (DNS rebinding).
//! - Redirects are not followed.
//! - No proxy is taken from the environment, because it would look names up itself.
//!
//! A connection serves one request only. Otherwise, it would outlive a change of the configuration.
//!
//! Deliberately absent: tries, waits and what an answer means.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, Url};

use crate::domain::alert::address::{is_global, refusal};

/// The time that a try may take, from the look-up to the last byte of the answer.
const TIMEOUT: Duration = Duration::from_secs(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The bytes that are read of an answer. The rest is left.
const ANSWER_MOST: usize = 4 * 1024;

/// A place that messages are sent to.
pub struct AlertReceiver {
    client: Client,
    url: Url,
    may_be_private: bool,
}

/// What the receiver answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiverReply {
    pub status: u16,
    /// The header `Retry-After`.
    pub retry_after: Option<String>,
    /// The beginning of the body. Empty if it is not text.
    pub body: String,
}

/// Why a message was not sent or has no answer. The words never contain the path of the address,
/// which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SendError(pub String);

impl AlertReceiver {
    /// `may_be_private` allows all addresses and plain HTTP.
    pub fn new(url: &str, may_be_private: bool) -> Result<Self, SendError> {
        Self::with_resolver(url, may_be_private, Arc::new(SystemResolver))
    }

    /// Looks names up by another resolver than the system's. What it finds is judged all the same.
    pub fn with_resolver(
        url: &str,
        may_be_private: bool,
        resolver: Arc<dyn Resolve>,
    ) -> Result<Self, SendError> {
        let url = Url::parse(url)
            .map_err(|error| SendError(format!("the address cannot be read: {error}")))?;
        // Another part of the process may have installed it. Either one serves.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .user_agent(concat!("surveyd/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .https_only(!may_be_private)
            .dns_resolver(Lookup { resolver, may_be_private })
            .pool_max_idle_per_host(0)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .tcp_user_timeout(TIMEOUT)
            .build()
            .map_err(|error| SendError(format!("no client can be made: {error}")))?;
        let receiver = Self { client, url, may_be_private };
        receiver.refuse_private()?;
        Ok(receiver)
    }

    /// Posts a message once.
    pub async fn post(
        &self,
        content_type: &'static str,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    ) -> Result<ReceiverReply, SendError> {
        self.refuse_private()?;
        let mut request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, HeaderValue::from_static(content_type))
            .body(body);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let response = request.send().await.map_err(|error| words(&error))?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get(RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(ReceiverReply { status, retry_after, body: beginning(response).await })
    }

    /// Returns the receiver's scheme, host and port. The path may be a secret.
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// Judges a host that is an address. It is judged before each request, because no look-up is
    /// made for it.
    fn refuse_private(&self) -> Result<(), SendError> {
        if self.may_be_private {
            return Ok(());
        }
        if self.url.scheme() != "https" {
            return Err(SendError("the address is not of https".into()));
        }
        match refusal(self.url.host_str().unwrap_or_default()) {
            Some(why) => Err(SendError(why)),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for AlertReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Receiver({})", self.origin())
    }
}

/// Reads the beginning of an answer's body. What breaks off ends there: the status counts.
async fn beginning(mut response: Response) -> String {
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = ANSWER_MOST - bytes.len();
        bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if bytes.len() == ANSWER_MOST {
            break;
        }
    }
    String::from_utf8(bytes).unwrap_or_default()
}

/// Describes a failure with its innermost cause. Only the origin of the address is named.
fn words(error: &reqwest::Error) -> SendError {
    let origin = error.url().map(|url| url.origin().ascii_serialization());
    let origin = origin.unwrap_or_else(|| "the receiver".into());
    let what = if error.is_connect() {
        format!("{origin} cannot be reached")
    } else if error.is_timeout() {
        format!("{origin} did not answer in time")
    } else {
        format!("the connection to {origin} broke")
    };
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause.and_then(std::error::Error::source) {
        cause = Some(inner);
    }
    SendError(cause.map_or(what.clone(), |cause| format!("{what}: {cause}")))
}

/// Looks names up and drops the addresses that no message may go to.
struct Lookup {
    resolver: Arc<dyn Resolve>,
    may_be_private: bool,
}

/// Why a name cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0} has no address of the open internet: set allow_private = true to send there")]
struct OnlyPrivate(String);

impl Resolve for Lookup {
    fn resolve(&self, name: Name) -> Resolving {
        let may_be_private = self.may_be_private;
        let host = name.as_str().to_owned();
        let looking_up = self.resolver.resolve(name);
        Box::pin(async move {
            let found = looking_up.await?;
            let fits = |address: &SocketAddr| may_be_private || is_global(address.ip());
            let found: Vec<SocketAddr> = found.filter(fits).collect();
            if found.is_empty() {
                return Err(OnlyPrivate(host).into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// The system's own look-up.
struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(Box::new(found.collect::<Vec<_>>().into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests;
