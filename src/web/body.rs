//! Reads the bodies of requests as a whole.
//!
//! surveyd can check a signature only on a whole body. Until then anybody may have sent it. So all
//! long bodies share one fixed room however many connections there are. If that room is full, a
//! connection that waits for its client gives way as in [`Seats`].

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use futures_util::StreamExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::problem::refuse;
use super::seats::Seats;

/// The longest body that takes no room. Most bodies are far shorter.
const SHORT_BYTES: usize = 16 * 1_024;
/// The room that all longer bodies share. One body may have 16 MiB.
const ROOM_KIB: usize = 32 * 1_024;
const KIB: usize = 1_024;
/// The time in which a connection that gives way must free its room. After it the next one gives
/// way.
const GOES_WITHIN: Duration = Duration::from_millis(10);

/// A body in memory with its share of the room.
pub struct WholeBody {
    bytes: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

impl Deref for WholeBody {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

pub struct Bodies {
    room: Arc<Semaphore>,
    seats: Arc<Seats>,
}

impl Bodies {
    pub fn new(seats: Arc<Seats>) -> Self {
        Self { room: Arc::new(Semaphore::new(ROOM_KIB)), seats }
    }

    /// Reads the raw body. The signature is computed over these bytes.
    pub async fn whole(
        &self,
        body: Body,
        headers: &HeaderMap,
        max: usize,
    ) -> Result<WholeBody, Response> {
        let announced = headers.get(header::CONTENT_LENGTH);
        let announced = announced.and_then(|n| n.to_str().ok()?.parse().ok());
        match announced {
            Some(length) if length > max => Err(too_large(max)),
            Some(length) if length <= SHORT_BYTES => match to_bytes(body, length).await {
                Ok(bytes) => Ok(WholeBody { bytes, _room: None }),
                Err(_) => Err(broken_off()),
            },
            _ => self.long(body, announced, max).await,
        }
    }

    async fn long(
        &self,
        body: Body,
        announced: Option<usize>,
        max: usize,
    ) -> Result<WholeBody, Response> {
        let mut parts = body.into_data_stream();
        // Reserve the announced length at once. Reserved pages take no memory until they are
        // written, while a growing vector takes up to twice its length.
        let mut bytes = Vec::with_capacity(announced.unwrap_or_default());
        let mut room = None;
        while let Some(part) = parts.next().await {
            let Ok(part) = part else { return Err(broken_off()) };
            let length = bytes.len() + part.len();
            if length > max {
                return Err(too_large(max));
            }
            if length > SHORT_BYTES {
                self.grow(&mut room, length).await;
            }
            bytes.extend_from_slice(&part);
        }
        Ok(WholeBody { bytes: bytes.into(), _room: room })
    }

    /// Grows `room` to hold `length` bytes. Waits for other connections to free room if there is
    /// too little.
    async fn grow(&self, room: &mut Option<OwnedSemaphorePermit>, length: usize) {
        let has = room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = u32::try_from(length.div_ceil(KIB).saturating_sub(has)).unwrap_or(u32::MAX);
        if more == 0 {
            return;
        }
        let free = self.room.clone().try_acquire_many_owned(more);
        let permit = match free {
            Ok(permit) => permit,
            Err(_) => loop {
                self.seats.make_room();
                let freed = self.room.clone().acquire_many_owned(more);
                if let Ok(Ok(permit)) = timeout(GOES_WITHIN, freed).await {
                    break permit;
                }
            },
        };
        match room {
            Some(room) => room.merge(permit),
            None => *room = Some(permit),
        }
    }
}

fn too_large(max: usize) -> Response {
    refuse(StatusCode::PAYLOAD_TOO_LARGE, format!("a notice may have {max} bytes at the most"))
}

fn broken_off() -> Response {
    refuse(StatusCode::BAD_REQUEST, "the body ended before it was whole")
}
