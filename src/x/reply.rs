//! X's answer as it came: its status, its headers and its body in memory.

use reqwest::header::HeaderMap;
use tokio::sync::OwnedSemaphorePermit;

use crate::domain::time::Millis;

/// A larger body, in bytes, is parsed on a blocking thread beside those of the other work.
const AT_ONCE_MOST: usize = 64 * 1024;

/// A whole answer of X.
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Body,
    /// The offset that was added to surveyd's clock when the request was signed.
    pub clock_offset: i64,
}

/// The body of an answer, or the limit that its bytes exceed.
pub enum Body {
    Whole { bytes: Vec<u8>, large: Option<OwnedSemaphorePermit> },
    LargerThan(usize),
}

impl Body {
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Whole { bytes, .. } => bytes,
            Self::LargerThan(_) => &[],
        }
    }

    /// Parses the body. The error says why that is not possible.
    pub async fn read<T: Send + 'static>(
        self,
        read: impl FnOnce(&[u8]) -> Option<T> + Send + 'static,
    ) -> Result<T, String> {
        let unreadable = || "cannot be read".to_owned();
        match self {
            Self::LargerThan(most) => Err(format!("is larger than {} MiB", most >> 20)),
            Self::Whole { bytes, .. } if bytes.len() <= AT_ONCE_MOST => {
                read(&bytes).ok_or_else(unreadable)
            }
            Self::Whole { bytes, large } => {
                // Even if nobody waits for it any more, no other large body is parsed beside it.
                let reading = tokio::task::spawn_blocking(move || {
                    let told = read(&bytes);
                    drop((bytes, large));
                    told
                });
                reading.await.ok().flatten().ok_or_else(unreadable)
            }
        }
    }
}

/// The time that an answer shows.
pub fn date(headers: &HeaderMap) -> Option<Millis> {
    let text = headers.get(reqwest::header::DATE)?.to_str().ok()?;
    let instant = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(Millis(instant.timestamp().as_millisecond()))
}
