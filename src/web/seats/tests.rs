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
