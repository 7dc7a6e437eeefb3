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
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn peer(address: &str) -> Peer {
        Peer::of(address.parse().unwrap())
    }

    fn is_lost(seat: &Seat) -> bool {
        seat.lost().now_or_never().is_some()
    }

    #[test]
    fn one_customer_is_one_peer() {
        assert_eq!(peer("2001:db8:1:2::7"), peer("2001:db8:1:2:ffff::9"));
        assert_ne!(peer("2001:db8:1:2::7"), peer("2001:db8:1:3::7"));
        assert_eq!(peer("::ffff:192.0.2.1"), peer("192.0.2.1"));
        assert_ne!(peer("192.0.2.1"), peer("192.0.2.2"));
    }

    #[test]
    fn who_has_waited_longest_gives_way_to_a_newcomer() {
        let seats = Seats::new(3);
        let [first, second, third] = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
            .map(|address| seats.take(peer(address), 2).unwrap());
        // The first has had an answer since; the second sends bytes, which is nothing.
        first.work();
        first.goes_on();
        let _fourth = seats.take(peer("192.0.2.4"), 2).unwrap();
        assert_eq!([&first, &second, &third].map(is_lost), [false, true, false]);
        drop(second);
        assert_eq!(seats.crowd(), Occupancy { connections: 3, gave_way: 1, turned_away: 0 });
    }

    #[test]
    fn the_peer_with_most_that_wait_gives_way_first() {
        let seats = Seats::new(FEW + 3);
        let desk = seats.take(peer("192.0.2.1"), 0).unwrap();
        let crowd = [0; FEW + 2].map(|_| seats.take(peer("192.0.2.2"), 0).unwrap());
        let other = seats.take(peer("192.0.2.3"), 0).unwrap();
        let own = seats.take(peer("192.0.2.2"), 0).unwrap();
        assert_eq!([&crowd[0], &crowd[1], &crowd[2]].map(is_lost), [true, true, false]);
        assert!(![&desk, &other, &own].map(is_lost).contains(&true));
        // Those at work are not counted: a busy desk is no crowd.
        crowd.iter().for_each(Seat::work);
        own.work();
        let _newcomer = seats.take(peer("192.0.2.4"), 0).unwrap();
        assert_eq!([&desk, &other].map(is_lost), [true, false]);
    }

    #[test]
    fn a_desk_with_a_few_does_not_give_way_to_many_that_have_one_each() {
        let seats = Seats::new(10);
        let take = |number: u32| seats.take(Peer(IpAddr::V4(number.into())), 0).unwrap();
        let silent = [1, 2, 3, 4, 5].map(take);
        let desk = [0; 5].map(|_| seats.take(peer("192.0.2.1"), 0).unwrap());
        let _newcomers = [6, 7].map(take);
        assert!(desk.iter().all(|seat| !is_lost(seat)));
        assert_eq!(silent.iter().filter(|seat| is_lost(seat)).count(), 2);
    }

    #[tokio::test]
    async fn everybody_has_time_to_speak() {
        let seats = Seats::new(2);
        let [first, second] = [0; 2].map(|_| seats.take(peer("192.0.2.1"), 0).unwrap());
        tokio::time::sleep(TO_SPEAK).await;
        // Nobody has listened to it yet, however long it is there.
        assert!(seats.room().now_or_never().is_none());
        let began = Instant::now();
        let listen = async {
            tokio::task::yield_now().await;
            [&first, &second].into_iter().for_each(Seat::listens);
        };
        tokio::join!(seats.room(), listen);
        assert!(began.elapsed() >= TO_SPEAK);
        let _third = seats.take(peer("192.0.2.1"), 0).unwrap();
        assert!(is_lost(&first));
    }

    #[tokio::test]
    async fn a_seat_that_is_given_back_is_free_at_once() {
        let seats = Seats::new(1);
        let seat = seats.take(peer("192.0.2.1"), 0).unwrap();
        let mut room = std::pin::pin!(seats.room());
        assert!(room.as_mut().now_or_never().is_none());
        drop(seat);
        assert!(room.as_mut().now_or_never().is_some());
    }

    #[tokio::test]
    async fn requests_without_end_hold_no_seat() {
        let seats = Seats::new(1);
        let talker = seats.take(peer("192.0.2.1"), 0).unwrap();
        talker.listens();
        tokio::time::sleep(TO_SPEAK).await;
        talker.work();
        talker.goes_on();
        assert!(seats.room().now_or_never().is_some());
    }

    #[test]
    fn one_request_is_a_turn_where_others_wait_or_did_a_moment_ago() {
        let seats = Seats::new(2);
        let talks_on = |seat: &Seat| {
            seat.work();
            seat.goes_on()
        };
        let first = seats.take(peer("192.0.2.1"), 0).unwrap();
        assert!(talks_on(&first));
        let second = seats.take(peer("192.0.2.1"), 0).unwrap();
        assert!(!talks_on(&first));
        drop(second);
        assert!(!talks_on(&first), "the next newcomer has not sat down yet");
        std::thread::sleep(Duration::from_millis(CROWDED_FOR_MS + 10));
        assert!(talks_on(&first));
    }

    #[tokio::test]
    async fn a_request_that_is_worked_on_never_gives_way() {
        let seats = Seats::new(2);
        let at_work = [0; 2].map(|_| {
            let seat = seats.take(peer("::1"), 0).unwrap();
            seat.listens();
            seat.work();
            seat
        });
        assert!(seats.take(peer("192.0.2.1"), 0).is_none());
        assert!(seats.room().now_or_never().is_none());
        at_work[1].goes_on();
        seats.room().await;
        assert!(seats.take(peer("192.0.2.1"), 0).is_some());
        assert_eq!([&at_work[0], &at_work[1]].map(is_lost), [false, true]);
    }

    #[test]
    fn a_peer_at_its_limit_makes_room_for_its_own_alone() {
        let seats = Seats::new(100);
        let other = seats.take(peer("192.0.2.9"), 2).unwrap();
        let rude = ["2001:db8::1", "2001:db8::2"].map(|a| seats.take(peer(a), 2).unwrap());
        let newest = seats.take(peer("2001:db8::3"), 2).unwrap();
        assert!(!is_lost(&other));
        assert_eq!([&rude[0], &rude[1], &newest].map(is_lost), [true, false, false]);
        rude[1].work();
        newest.work();
        assert!(seats.take(peer("2001:db8::4"), 2).is_none(), "all of its own are at work");
        assert!(seats.take(peer("192.0.2.9"), 2).is_some());
        assert_eq!(seats.crowd().turned_away, 1);
    }

    #[test]
    fn nothing_is_kept_of_those_that_have_gone() {
        let seats = Seats::new(10);
        for number in 0..1_000_u32 {
            let seat = seats.take(Peer(IpAddr::V4(number.into())), 1).unwrap();
            seat.work();
            seat.goes_on();
        }
        assert_eq!((seats.crowd().connections, seats.table().of_peers.len()), (0, 0));
    }
}
