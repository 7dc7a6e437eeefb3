//! The life of a session.

use super::*;

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

async fn is_in(browser: &Browser) -> bool {
    match led(&browser.get("/comments").await) {
        (200, _) => true,
        (303, to) if to == "/login?next=%2Fcomments" => false,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_cookie_is_out_of_reach_of_scripts_and_needs_tls_on_every_host_but_this_machine() {
    let house = House::open().await;
    let mut browser = house.browser();
    let answer = browser.sign_in("supervisor", PASSWORD).await;
    let set = header(&answer, "set-cookie");
    let (name, rest) = set.split_once('=').unwrap();
    let (value, attributes) = rest.split_once("; ").unwrap();
    assert_eq!((name, value.len()), ("surveyd", 43));
    assert_eq!(attributes, "Path=/; HttpOnly; SameSite=Lax; Max-Age=2592000");

    let form = [("name", "supervisor"), ("password", PASSWORD)];
    let request = browser.form("/login", &form).header("host", "surveys.acme.example");
    let over_tls = request.header("origin", "https://surveys.acme.example").send().await.unwrap();
    let set = header(&over_tls, "set-cookie");
    let attributes = "; Path=/; HttpOnly; SameSite=Lax; Max-Age=2592000; Secure";
    assert!(set.starts_with("__Host-surveyd=") && set.ends_with(attributes), "{set}");
}

#[tokio::test]
async fn each_sign_in_makes_a_new_session_and_ends_the_one_before() {
    let house = House::open().await;
    let mut browser = house.browser();
    let planted = format!("surveyd={}", "A".repeat(43));
    browser.cookie = Some(planted.clone());
    browser.sign_in("supervisor", PASSWORD).await;
    let first = browser.cookie.clone().unwrap();
    assert_ne!(first, planted, "a planted cookie is not taken over");
    browser.sign_in("supervisor", PASSWORD).await;
    assert_ne!(browser.cookie.clone().unwrap(), first);
    assert!(is_in(&browser).await);
    for old in [planted, first] {
        assert!(!is_in(&Browser { cookie: Some(old), ..house.browser() }).await);
    }
}

#[tokio::test]
async fn a_cookie_that_was_changed_is_nobodys() {
    let house = House::open().await;
    let browser = house.signed_in("supervisor").await;
    let cookie = browser.cookie.clone().unwrap();
    let (name, value) = cookie.split_once('=').unwrap();
    let last = if value.ends_with('A') { "B" } else { "A" };
    for other in [
        format!("{name}={}{last}", &value[..42]),
        format!("{name}={value}{last}"),
        format!("{name}={}", value.to_lowercase()),
        format!("{name}="),
        format!("__Host-{cookie}"),
        format!("{cookie}; {cookie}"),
        format!("Surveyd={value}"),
    ] {
        let browser = Browser { cookie: Some(other.clone()), ..house.browser() };
        assert!(!is_in(&browser).await, "{other}");
    }
    let among_others = Browser { cookie: Some(format!("a=b; {cookie}; c=d")), ..house.browser() };
    assert!(is_in(&among_others).await);
    let file = std::fs::read(house.database.location.file().unwrap()).unwrap();
    let log = std::fs::read(house.database.location.file().unwrap().with_extension("db-wal"));
    let kept = [file, log.unwrap_or_default()].concat();
    assert!(!kept.windows(43).any(|bytes| bytes == value.as_bytes()), "the database has it");
}

#[tokio::test]
async fn signing_out_ends_the_session_for_good() {
    let house = House::open().await;
    let browser = house.signed_in("supervisor").await;
    let elsewhere = house.signed_in("supervisor").await;
    let answer = browser.post("/logout", &[]).await;
    assert_eq!(led(&answer), (303, "/login".into()));
    assert_eq!(
        header(&answer, "set-cookie"),
        "surveyd=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"
    );
    assert!(!is_in(&browser).await, "its cookie is worth nothing, whoever has it");
    assert!(is_in(&elsewhere).await, "another browser's session goes on");
    let again = browser.post("/logout", &[]).await;
    assert_eq!(led(&again), (303, "/login".into()));
    let whats: Vec<String> = house.audited().await.into_iter().map(|entry| entry.what).collect();
    let outs = whats.iter().filter(|what| *what == "signed out").count();
    assert_eq!(outs, 1, "{whats:?}");
}

#[tokio::test]
async fn a_session_ends_by_idleness_and_by_its_age() {
    let house = House::open().await;
    let browser = house.signed_in("supervisor").await;
    house.wait(12 * HOUR - Duration::from_secs(1));
    assert!(is_in(&browser).await);
    house.wait(12 * HOUR);
    assert!(!is_in(&browser).await, "idle for twelve hours");

    let busy = house.signed_in("supervisor").await;
    for _ in 0..59 {
        house.wait(DAY / 2 - Duration::from_secs(1));
        assert!(is_in(&busy).await);
    }
    house.wait(DAY / 2);
    assert!(!is_in(&busy).await, "a month old, though busy");
}

#[tokio::test]
async fn a_change_of_the_login_ends_its_sessions_and_a_reload_without_one_does_not() {
    let plain = || viewer("mara", &[Role::Supervisor]);
    let house = House::with(Access::new(vec![login(plain())], Vec::new(), None)).await;
    let other = hash_password("another long password").unwrap();
    let changes: [(&str, Vec<Login>); 6] = [
        ("its password", vec![Login::new(plain(), Some(other))]),
        ("its role", vec![login(viewer("mara", &[Role::Supervisor, Role::Admin]))]),
        ("its teams", vec![login(Viewer { teams: names(&["billing"]), ..plain() })]),
        ("its accounts", vec![login(Viewer { accounts: names(&["acme"]), ..plain() })]),
        ("its name", vec![login(viewer("lee", &[Role::Supervisor]))]),
        ("another login stays", vec![login(viewer("mara2", &[Role::Supervisor]))]),
    ];
    for (change, logins) in changes {
        let browser = house.signed_in("mara").await;
        house.reload(Access::new(vec![login(plain())], Vec::new(), None));
        assert!(is_in(&browser).await, "nothing was changed");
        house.reload(Access::new(logins, Vec::new(), None));
        assert!(!is_in(&browser).await, "{change}");
        house.reload(Access::new(vec![login(plain())], Vec::new(), None));
        assert!(!is_in(&browser).await, "{change}: taken back, and it stays ended");
    }
}

#[tokio::test]
async fn a_use_is_noted_once_a_minute() {
    let house = House::open().await;
    let browser = house.signed_in("supervisor").await;
    let hash = {
        let value = browser.cookie.clone().unwrap();
        let value = value.strip_prefix("surveyd=").unwrap().to_owned();
        let digest = ring::digest::digest(&ring::digest::SHA256, value.as_bytes());
        digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let seen_at = async || house.store.session(&hash).await.unwrap().unwrap().seen_at;
    house.wait(Duration::from_secs(59));
    browser.get("/health").await;
    assert_eq!(seen_at().await, START);
    house.wait(Duration::from_secs(1));
    browser.get("/health").await;
    assert_eq!(seen_at().await, START.plus(Duration::from_secs(60)));
}
