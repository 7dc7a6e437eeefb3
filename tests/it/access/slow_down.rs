//! Guessing is slowed down, and nobody is locked out.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// Fails so often, from one address, as fast as it may.
async fn fail(house: &House, name: &str, from: [u8; 4], times: u32) {
    let mut browser = house.browser_at(from);
    for time in 0..times {
        assert_eq!(browser.sign_in(name, "a wrong password").await.status(), 401, "time {time}");
    }
}

#[tokio::test]
async fn after_ten_failures_each_further_one_waits_longer_and_the_right_password_gets_in() {
    let house = House::open().await;
    fail(&house, "supervisor", HERE, 10).await;
    let mut browser = house.browser();
    let slowed = browser.sign_in("supervisor", PASSWORD).await;
    assert_eq!((slowed.status().as_u16(), header(&slowed, "retry-after").as_str()), (429, "2"));
    let text = slowed.text().await.unwrap();
    let words = "<p class=\"fault\" role=\"alert\">Too many sign-ins have failed. Try again in 2 \
                 seconds.</p>";
    assert!(text.contains(words), "{text}");
    house.wait(SECOND);
    let slowed = browser.sign_in("supervisor", PASSWORD).await;
    assert_eq!(header(&slowed, "retry-after"), "1", "an attempt that is refused costs nothing");
    assert!(slowed.text().await.unwrap().contains("Try again in 1 second."));
    house.wait(SECOND);
    fail(&house, "supervisor", HERE, 1).await;
    let slowed = browser.sign_in("supervisor", PASSWORD).await;
    assert_eq!(header(&slowed, "retry-after"), "4");
    house.wait(4 * SECOND);
    assert_eq!(browser.sign_in("supervisor", PASSWORD).await.status(), 303);
}

#[tokio::test]
async fn a_sign_in_that_fails_stands_in_the_log_with_name_and_address() {
    let log = Log::kept();
    let house = House::open().await;
    let mut browser = house.browser_at(ELSEWHERE);
    browser.sign_in("ma\u{7}ra", "a wrong password").await;
    browser.sign_in("supervisor", PASSWORD).await;
    let told = log.of("login.refused");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        told[0]["message"],
        "a sign-in by the name \"ma\u{fffd}ra\" from 127.0.0.2 has failed"
    );
    assert_eq!((&told[0]["name"], &told[0]["level"]), (&"ma\u{fffd}ra".into(), &"WARN".into()));
}

#[tokio::test]
async fn a_stranger_who_guesses_keeps_nobody_out() {
    let house = House::open().await;
    fail(&house, "supervisor", HERE, 10).await;
    let mut here = house.browser();
    assert_eq!(here.sign_in("admin", PASSWORD).await.status(), 429, "the address is slowed");
    let mut elsewhere = house.browser_at(ELSEWHERE);
    assert_eq!(elsewhere.sign_in("supervisor", PASSWORD).await.status(), 303);
    fail(&house, "supervisor", ELSEWHERE, 1).await;
    let slowed = elsewhere.sign_in("supervisor", "a wrong password").await;
    assert_eq!(slowed.status(), 429, "the name is slowed wherever one has failed");
    assert_eq!(elsewhere.sign_in("admin", PASSWORD).await.status(), 303);
}

#[tokio::test]
async fn an_unknown_name_is_slowed_down_like_a_known_one() {
    let house = House::open().await;
    fail(&house, "nobody", HERE, 10).await;
    let slowed = house.browser().sign_in("nobody", PASSWORD).await;
    assert_eq!((slowed.status().as_u16(), header(&slowed, "retry-after").as_str()), (429, "2"));
    house.wait(900 * SECOND);
    fail(&house, "nobody", HERE, 9).await;
    assert_eq!(house.browser().sign_in("supervisor", PASSWORD).await.status(), 303);
}

#[tokio::test]
async fn a_crowd_of_failures_is_thinned_out_in_the_audit_log() {
    let house = House::open().await;
    // A new address for every ten failures, all within one minute.
    for host in 1..=7 {
        fail(&house, &format!("name {host}"), [127, 0, 1, host], 10).await;
    }
    assert_eq!(house.audited().await.len(), 60);
    house.wait(60 * SECOND);
    fail(&house, "supervisor", ELSEWHERE, 1).await;
    let last = house.audited().await.pop().unwrap();
    assert_eq!(
        (last.name.as_str(), last.detail.as_str()),
        ("supervisor", "10 more before it are left out")
    );
}
