//! Counts the connections and picks the one that gives way when there is no room.
//!
//! Each connection holds a seat. It either waits for its client or works on a request. It waits
//! until a request has arrived as a whole.
//!
//! If all seats are taken, one of the waiting connections gives way to a newcomer and is closed. It
//! is one of the peer with the most waiting connections if that peer has more than [`FEW`].
//! Otherwise it may be any peer's. In both cases the connection that has waited longest goes. So a
//! crowd behind one address makes room for its own newcomers and for everybody else's.
//!
//! Only a whole request ends the time that a connection has waited. A client that sends a byte now
//! and then keeps waiting. So does a client that does not read its answer.
//!
//! No connection gives way until surveyd has read from it for [`TO_SPEAK`]. That gives the client
//! time to send its request. Until then the operating system queues the newcomers in order. That
//! also bounds how fast a crowd can come and go. The time counts from the first read and not from
//! the accept. On a busy machine surveyd may begin to read long after it accepts, and that is not
//! the client's fault.
//!
//! No connection gets this time in three cases:
//!
//! - Its peer has reached `http.connections_per_peer`.
//! - The process has no file descriptors left.
//! - The room for long bodies is full.
//!
//! A request costs two writes to its connection's own seat and takes no lock. The connection that
//! gives way is searched for only when one must.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// The time for which a connection certainly keeps its seat once surveyd reads from it. A client
/// usually sends its request as soon as it is connected. So this time is for a busy sender or a
/// lost packet.
const TO_SPEAK: Duration = Duration::from_millis(100);

/// The least number of waiting connections that a peer counts as. A help desk has a few connections
/// open at a time. It must not give way to a thousand addresses that hold one silent connection
/// each.
const FEW: usize = 16;

/// How long each connection may make only one request after all seats were taken.
const CROWDED_FOR_MS: u64 = 1_000;
const NEVER: u64 = u64::MAX;

/// The address that connections are counted by. A customer commonly has 2^64 IPv6 addresses, so a
/// whole /64 network is one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Peer(IpAddr);

impl Peer {
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & (u128::MAX << 64)).into()),
            v4 @ IpAddr::V4(_) => v4,
        })
    }
}

#[derive(Debug)]
pub struct Seats {
    most: usize,
    table: Mutex<SeatTable>,
    taken: AtomicUsize,
    /// The next number to assign. Seats and the order of waiting share it.
    next: AtomicU64,
    /// Notified when a seat becomes free or begins to wait.
    moved: Notify,
    began: Instant,
    /// When a newcomer last left no seat free, in milliseconds since `began`.
    full_at: AtomicU64,
}

#[derive(Debug, Default)]
struct SeatTable {
    /// Seats by peer and number. A peer without a seat has no entry.
    of_peers: HashMap<Peer, HashMap<u64, Arc<SeatState>>>,
    gave_way: u64,
    turned_away: u64,
}

#[derive(Debug)]
struct SeatState {
    /// The seat's place in the order of waiting. [`AT_WORK`] and [`LOST`] are not places.
    waits: AtomicU64,
    /// The end of the time in which the connection does not give way. Absent until surveyd reads
    /// from it.
    has_until: OnceLock<Instant>,
    gone: Notify,
}

const AT_WORK: u64 = 0;
const LOST: u64 = u64::MAX;

impl SeatState {
    /// Sets `waits` unless the seat is lost. Returns the value before.
    fn set(&self, waits: u64) -> u64 {
        let set = self.waits.fetch_update(SeqCst, SeqCst, |old| (old != LOST).then_some(waits));
        set.unwrap_or(LOST)
    }

    fn waits(&self) -> Option<u64> {
        Some(self.waits.load(SeqCst)).filter(|waits| ![AT_WORK, LOST].contains(waits))
    }
}

/// The connection that gives way next. `waits` is its place in the order when it was picked.
struct Next {
    peer: Peer,
    number: u64,
    waits: u64,
    has_until: Option<Instant>,
}

/// The number of connections and how many had to go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Occupancy {
    pub connections: usize,
    /// Connections that gave way to a newcomer or to free files or room.
    pub gave_way: u64,
    /// Newcomers that were refused because no connection could give way to them.
    pub turned_away: u64,
}

/// One connection's seat. Dropping it frees the seat.
#[derive(Debug)]
pub struct Seat {
    seats: Arc<Seats>,
    peer: Peer,
    number: u64,
    place: Arc<SeatState>,
}

impl SeatTable {
    /// Picks the connection that gives way next. Returns nothing if no connection waits.
    fn next_to_go(&self) -> Option<Next> {
        let waits = self.of_peers.keys().filter_map(|peer| self.longest_of(*peer));
        let next = waits.min_by_key(|(many, longest)| (Reverse(FEW.max(*many)), longest.waits));
        next.map(|(_, longest)| longest)
    }

    /// Returns how many connections of a peer wait and the one that has waited longest.
    fn longest_of(&self, peer: Peer) -> Option<(usize, Next)> {
        let seats = self.of_peers.get(&peer)?.iter();
        let waiting = seats.filter_map(|(number, place)| Some((place.waits()?, *number, place)));
        let (mut many, mut longest) = (0, None::<(u64, u64, &Arc<SeatState>)>);
        for one in waiting {
            many += 1;
            longest = longest.filter(|(waits, ..)| *waits < one.0).or(Some(one));
        }
        let (waits, number, place) = longest?;
        Some((many, Next { peer, number, waits, has_until: place.has_until.get().copied() }))
    }

    fn remove(&mut self, peer: Peer, number: u64) -> Option<Arc<SeatState>> {
        let Entry::Occupied(mut of_peer) = self.of_peers.entry(peer) else { return None };
        let place = of_peer.get_mut().remove(&number);
        if of_peer.get().is_empty() {
            of_peer.remove();
        }
        place
    }
}

impl Seats {
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            table: Mutex::default(),
            taken: AtomicUsize::new(0),
            next: AtomicU64::new(AT_WORK + 1),
            moved: Notify::new(),
            began: Instant::now(),
            full_at: AtomicU64::new(NEVER),
        })
    }

    pub fn most(&self) -> usize {
        self.most
    }

    fn is_full(&self) -> bool {
        self.taken.load(SeqCst) >= self.most
    }

    /// Returns the milliseconds since `began`.
    fn now(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }

    /// True if newcomers wait for a seat or did so a moment ago. A seat is free between one that
    /// leaves and one that arrives even while a crowd queues.
    fn is_crowded(&self) -> bool {
        let full_at = self.full_at.load(SeqCst);
        self.is_full() || full_at != NEVER && self.now() - full_at < CROWDED_FOR_MS
    }

    fn next(&self) -> u64 {
        self.next.fetch_add(1, SeqCst)
    }

    /// Waits until a newcomer can have a seat.
    pub async fn room(&self) {
        while self.is_full() {
            let from = self.table().next_to_go().and_then(|next| next.has_until);
            match from {
                None => self.moved.notified().await,
                Some(from) if from <= Instant::now() => return,
                // Another seat may become free earlier.
                Some(from) => drop(timeout_at(from, self.moved.notified()).await),
            }
        }
    }

    /// Takes a seat for a newcomer, which waits from now on. `of_peer` is the most seats that one
    /// peer may have. Zero sets no limit. Returns nothing if every connection that could give way
    /// is at work.
    pub fn take(self: &Arc<Self>, peer: Peer, of_peer: usize) -> Option<Seat> {
        let mut table = self.table();
        let has = table.of_peers.get(&peer).map_or(0, HashMap::len);
        let mut is_in = of_peer == 0 || has < of_peer || {
            let find = |table: &SeatTable| table.longest_of(peer).map(|(_, longest)| longest);
            self.take_away(&mut table, find)
        };
        if is_in && self.is_full() {
            is_in = self.take_away(&mut table, SeatTable::next_to_go);
        }
        if !is_in {
            table.turned_away += 1;
            return None;
        }
        let place = Arc::new(SeatState {
            waits: AtomicU64::new(self.next()),
            has_until: OnceLock::new(),
            gone: Notify::new(),
        });
        let number = self.next();
        table.of_peers.entry(peer).or_default().insert(number, place.clone());
        self.taken.fetch_add(1, SeqCst);
        if self.is_full() {
            self.full_at.store(self.now(), SeqCst);
        }
        Some(Seat { seats: self.clone(), peer, number, place })
    }

    /// Makes a waiting connection give way since a resource is exhausted. True if there was one.
    pub fn make_room(&self) -> bool {
        self.take_away(&mut self.table(), SeatTable::next_to_go)
    }

    /// Takes away the seat that `find` picks. True if it picked one.
    fn take_away(&self, table: &mut SeatTable, find: impl Fn(&SeatTable) -> Option<Next>) -> bool {
        while let Some(next) = find(table) {
            let Some(place) = table.of_peers.get(&next.peer).and_then(|of| of.get(&next.number))
            else {
                return false;
            };
            // Its request may have become whole since it was picked.
            if place.waits.compare_exchange(next.waits, LOST, SeqCst, SeqCst).is_ok() {
                place.gone.notify_one();
                table.remove(next.peer, next.number);
                self.taken.fetch_sub(1, SeqCst);
                table.gave_way += 1;
                return true;
            }
        }
        false
    }

    pub fn crowd(&self) -> Occupancy {
        let table = self.table();
        Occupancy {
            connections: self.taken.load(SeqCst),
            gave_way: table.gave_way,
            turned_away: table.turned_away,
        }
    }

    fn table(&self) -> MutexGuard<'_, SeatTable> {
        self.table.lock().expect("no holder of this lock can panic")
    }
}

impl Seat {
    /// Notes that surveyd reads from the client from now on.
    pub fn listens(&self) {
        let _ = self.place.has_until.set(Instant::now() + TO_SPEAK);
        if self.seats.is_full() {
            self.seats.moved.notify_one();
        }
    }

    /// Notes that a request has arrived as a whole.
    pub fn work(&self) {
        self.place.set(AT_WORK);
    }

    /// True if a whole request has arrived and is not answered yet.
    pub fn is_at_work(&self) -> bool {
        self.place.waits.load(SeqCst) == AT_WORK
    }

    /// Notes that the request is answered and that the connection waits for its client again. True
    /// if the client may send another request. A client may not if its request was never whole or
    /// if newcomers wait for a seat.
    pub fn goes_on(&self) -> bool {
        let was_whole = self.place.set(self.seats.next()) == AT_WORK;
        if self.seats.is_full() {
            self.seats.moved.notify_one();
        }
        was_whole && !self.seats.is_crowded()
    }

    /// Waits until the seat has been taken away.
    pub async fn lost(&self) {
        self.place.gone.notified().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if self.seats.table().remove(self.peer, self.number).is_some() {
            self.seats.taken.fetch_sub(1, SeqCst);
        }
        self.seats.moved.notify_one();
    }
}

#[cfg(test)]
mod tests;
