//! Who is connected, and who gives way when there is no room.
//!
//! A connection either waits for its client (for a request to be whole, or for the next one) or is at
//! work on a request. Of those that wait, the one that has waited longest gives way. A client that
//! sends a byte now and then has waited since its last answer all the same, and so has one that takes no
//! answer: only a whole request counts. So a newcomer always gets in, and has as long to say what it
//! wants as all other seats take to be given away once.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;

/// Those behind one address. A customer is commonly given 2^64 addresses of IPv6: they are one peer.
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
    table: Mutex<Table>,
    /// A seat has become free, or waits.
    moved: Notify,
}

#[derive(Debug, Default)]
struct Table {
    taken: HashMap<u64, Taken>,
    of_peers: HashMap<Peer, OfPeer>,
    /// The seats of those that wait, in the order in which they began to.
    waiting: BTreeMap<u64, u64>,
    /// The next number to give, for seats and for the order of waiting alike.
    next: u64,
    gave_way: u64,
    turned_away: u64,
}

#[derive(Debug)]
struct Taken {
    peer: Peer,
    /// Its place in the order of those that wait; absent while a request is worked on.
    waits: Option<u64>,
    gone: Arc<Notify>,
}

/// The seats of one peer; none is kept of a peer that has none.
#[derive(Debug, Default)]
struct OfPeer {
    seats: usize,
    waiting: BTreeMap<u64, u64>,
}

/// How full it is and was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Crowd {
    pub connections: usize,
    /// Connections that had to make room for a newcomer.
    pub gave_way: u64,
    /// Newcomers whose address had all its connections at work.
    pub turned_away: u64,
}

/// One connection's place, given back when it is dropped.
#[derive(Debug)]
pub struct Seat {
    seats: Arc<Seats>,
    number: u64,
    gone: Arc<Notify>,
}

impl Table {
    fn next(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Takes away the seat that has waited longest, of one peer or of all. Whether there was one.
    fn give_way(&mut self, of: Option<Peer>) -> bool {
        let waiting = match of {
            None => Some(&self.waiting),
            Some(peer) => self.of_peers.get(&peer).map(|of_peer| &of_peer.waiting),
        };
        let Some((_, &number)) = waiting.and_then(BTreeMap::first_key_value) else { return false };
        if let Some(seat) = self.remove(number) {
            seat.gone.notify_one();
            self.gave_way += 1;
        }
        true
    }

    fn insert(&mut self, number: u64, peer: Peer, gone: Arc<Notify>) {
        self.taken.insert(number, Taken { peer, waits: None, gone });
        self.of_peers.entry(peer).or_default().seats += 1;
        self.wait(number);
    }

    fn wait(&mut self, number: u64) {
        self.work(number);
        let place = self.next();
        if let Some(seat) = self.taken.get_mut(&number) {
            seat.waits = Some(place);
            self.waiting.insert(place, number);
            self.of_peers.entry(seat.peer).or_default().waiting.insert(place, number);
        }
    }

    fn work(&mut self, number: u64) {
        let Some(seat) = self.taken.get_mut(&number) else { return };
        if let Some(place) = seat.waits.take() {
            self.waiting.remove(&place);
            self.of_peers.entry(seat.peer).or_default().waiting.remove(&place);
        }
    }

    fn remove(&mut self, number: u64) -> Option<Taken> {
        self.work(number);
        let seat = self.taken.remove(&number)?;
        if let Entry::Occupied(mut of_peer) = self.of_peers.entry(seat.peer) {
            of_peer.get_mut().seats -= 1;
            if of_peer.get().seats == 0 {
                of_peer.remove();
            }
        }
        Some(seat)
    }

    fn has_room(&self, most: usize) -> bool {
        self.taken.len() < most || !self.waiting.is_empty()
    }
}

impl Seats {
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, table: Mutex::default(), moved: Notify::new() })
    }

    pub fn most(&self) -> usize {
        self.most
    }

    /// Waits until a newcomer can have a seat: until not all are at work.
    pub async fn room(&self) {
        while !self.table().has_room(self.most) {
            self.moved.notified().await;
        }
    }

    /// A seat for a newcomer, who waits from now on. Nothing: all seats, or all `of_peer` that one peer
    /// may have, are at work. Zero is no limit.
    pub fn take(self: &Arc<Self>, peer: Peer, of_peer: usize) -> Option<Seat> {
        let mut table = self.table();
        let has = table.of_peers.get(&peer).map_or(0, |of_peer| of_peer.seats);
        let is_in = (of_peer == 0 || has < of_peer || table.give_way(Some(peer)))
            && (table.taken.len() < self.most || table.give_way(None));
        if !is_in {
            table.turned_away += 1;
            return None;
        }
        let (number, gone) = (table.next(), Arc::new(Notify::new()));
        table.insert(number, peer, gone.clone());
        Some(Seat { seats: self.clone(), number, gone })
    }

    /// Takes away the seat that has waited longest, where there is one: the system has no room.
    pub fn make_room(&self) -> bool {
        self.table().give_way(None)
    }

    pub fn crowd(&self) -> Crowd {
        let table = self.table();
        Crowd {
            connections: table.taken.len(),
            gave_way: table.gave_way,
            turned_away: table.turned_away,
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().expect("no holder of this lock can panic")
    }
}

impl Seat {
    /// A request is whole.
    pub fn work(&self) {
        self.seats.table().work(self.number);
    }

    /// Whether the request is whole and not answered yet.
    pub fn is_at_work(&self) -> bool {
        self.seats.table().taken.get(&self.number).is_some_and(|seat| seat.waits.is_none())
    }

    /// It is answered; what comes next is the client's to do.
    pub fn wait(&self) {
        self.seats.table().wait(self.number);
        self.seats.moved.notify_one();
    }

    /// Waits until the seat is another's.
    pub async fn lost(&self) {
        self.gone.notified().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.table().remove(self.number);
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
        first.wait();
        let _fourth = seats.take(peer("192.0.2.4"), 2).unwrap();
        assert_eq!([&first, &second, &third].map(is_lost), [false, true, false]);
        drop(second);
        assert_eq!(seats.crowd(), Crowd { connections: 3, gave_way: 1, turned_away: 0 });
    }

    #[test]
    fn a_request_that_is_worked_on_never_gives_way() {
        let seats = Seats::new(2);
        let at_work = [0; 2].map(|_| {
            let seat = seats.take(peer("::1"), 0).unwrap();
            seat.work();
            seat
        });
        assert!(seats.take(peer("192.0.2.1"), 0).is_none());
        assert!(seats.room().now_or_never().is_none());
        at_work[1].wait();
        assert!(seats.room().now_or_never().is_some());
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
            seat.wait();
        }
        let table = seats.table();
        assert_eq!((table.taken.len(), table.of_peers.len(), table.waiting.len()), (0, 0, 0));
    }
}
