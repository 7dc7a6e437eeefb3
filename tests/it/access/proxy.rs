//! A proxy in front of surveyd, and those who would like to be taken for one.

use super::*;

const HEADER: &str = "x-forwarded-user";

/// Trusts 127.0.0.1 and nobody else.
fn trusting() -> Access {
    let trusts = Box::new(|address: IpAddr| address == IpAddr::from(HERE));
    let header = Some(HEADER.parse().unwrap());
    let mut logins = logins();
    logins.push(Login::new(viewer("Zoë", &[Role::Auditor]), None));
    Access::new(logins, Vec::new(), Some(TrustedProxy { header, trusts }))
}

async fn status(browser: &Browser, path: &str, named: &[&str]) -> u16 {
    let request = browser.request(Method::GET, path);
    let request =
        named.iter().fold(request, |request, name| request.header(HEADER, name.as_bytes()));
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn whom_a_trusted_proxy_names_is_signed_in_and_nobody_else() {
    let house = House::with(trusting()).await;
    let (proxy, stranger) = (house.browser(), house.browser_at(ELSEWHERE));
    assert_eq!(status(&proxy, "/health", &["admin"]).await, 200);
    assert_eq!(status(&proxy, "/audit", &["Zoë"]).await, 200);
    assert_eq!(status(&proxy, "/v1/status", &["admin"]).await, 200);
    assert_eq!(status(&proxy, "/comments", &["admin"]).await, 404, "by its role");
    for named in [&["nobody"][..], &["admin", "admin"], &[""], &["Admin"], &[]] {
        assert_eq!(status(&proxy, "/health", named).await, 303, "{named:?}");
    }
    assert_eq!(status(&stranger, "/health", &["admin"]).await, 303, "anybody can write a header");
    assert_eq!(status(&stranger, "/v1/status", &["admin"]).await, 401);
    let seen = house.audited().await.into_iter().find(|entry| entry.what == "saw audit log");
    let entry = seen.unwrap();
    assert_eq!((entry.way.as_str(), entry.name.as_str()), ("proxy", "Zoë"));

    house.reload(Access::new(logins(), Vec::new(), None));
    assert_eq!(status(&proxy, "/health", &["admin"]).await, 303, "no proxy is configured");
}

#[tokio::test]
async fn whom_the_proxy_names_without_a_login_stands_in_log_and_record_and_learns_nothing() {
    let log = Log::kept();
    let house = House::with(trusting()).await;
    let proxy = house.browser();
    let led = async |named: &str| {
        let request = proxy.request(Method::GET, "/health").header(HEADER, named);
        seen(request.send().await.unwrap()).await
    };
    let stranger = seen(proxy.get("/health").await).await;
    assert_eq!(led("").await, stranger, "the proxy knows nobody");
    for _ in 0..12 {
        assert_eq!(led("mara@acme.example").await, stranger, "it reads like a stranger's answer");
    }
    let style = proxy.request(Method::GET, "/assets/results.css").header(HEADER, "nobody");
    style.send().await.unwrap();
    let told = log.of("login.unknown");
    assert_eq!(told.len(), 10, "what a page loads is left out, and a crowd is thinned out");
    let line = &told[0];
    assert_eq!(
        (line["name"].as_str(), line["address"].as_str()),
        (Some("mara@acme.example"), Some("127.0.0.1"))
    );
    assert_eq!(
        line["message"],
        "the proxy names \"mara@acme.example\" from 127.0.0.1, who is no login: add [[logins]] with \
         that name, or have the proxy write another"
    );
    let entries = house.audited().await;
    assert_eq!(entries.len(), 10);
    let AuditEntry { way, name, what, detail, .. } = &entries[0];
    assert_eq!((way.as_str(), name.as_str()), ("proxy", "mara@acme.example"));
    assert_eq!((what.as_str(), detail.as_str()), ("sign-in failed", "the proxy names no login"));
    house.wait(Duration::from_secs(60));
    led("lee").await;
    let detail = house.audited().await.pop().unwrap().detail;
    assert_eq!(detail, "the proxy names no login, 2 more before it are left out");
}

#[tokio::test]
async fn whom_the_proxy_names_counts_before_the_cookie() {
    let house = House::with(trusting()).await;
    let browser = house.signed_in("supervisor").await;
    assert_eq!(status(&browser, "/comments", &[]).await, 200);
    assert_eq!(status(&browser, "/comments", &["admin"]).await, 404);
    assert_eq!(status(&browser, "/comments", &["nobody"]).await, 303);
    let page =
        browser.request(Method::GET, "/health").header(HEADER, "admin").send().await.unwrap();
    let page = page.text().await.unwrap();
    assert!(page.contains("<span><bdi>admin</bdi>, admin</span>"), "{page}");
    assert!(!page.contains("Sign out"), "the proxy signs out: {page}");
}

#[tokio::test]
async fn a_trusted_proxy_says_by_which_host_and_over_what_the_browser_asks() {
    let house = House::with(trusting()).await;
    let sign_in = async |browser: &Browser, headers: &[(&str, &str)]| {
        let form = browser.form("/login", &[("name", "supervisor"), ("password", PASSWORD)]);
        let form = headers.iter().fold(form, |form, (name, value)| form.header(*name, *value));
        form.send().await.unwrap()
    };
    let forwarded = [
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "surveys.acme.example"),
        ("origin", "https://surveys.acme.example"),
    ];
    let answer = sign_in(&house.browser(), &forwarded).await;
    assert_eq!(answer.status(), 303);
    assert!(cookie(&answer).unwrap().starts_with("__Host-surveyd="));
    let stranger = house.browser_at(ELSEWHERE);
    assert_eq!(sign_in(&stranger, &forwarded).await.status(), 403);
    let own = stranger.origin();
    let answer = sign_in(&stranger, &[("x-forwarded-proto", "https"), ("origin", &own)]).await;
    assert!(cookie(&answer).unwrap().starts_with("surveyd="), "its word counts for nothing");
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_address_is_slowed_down_alone() {
    let house = House::with(trusting()).await;
    let browser = house.browser();
    let sign_in = async |from: &str, password: &str| {
        let form = browser.form("/login", &[("name", "supervisor"), ("password", password)]);
        let form = form.header("origin", browser.origin()).header("x-forwarded-for", from);
        form.send().await.unwrap().status().as_u16()
    };
    for _ in 0..10 {
        assert_eq!(sign_in("198.51.100.1", "a wrong password").await, 401);
    }
    assert_eq!(sign_in("198.51.100.1", PASSWORD).await, 429);
    // What stands before the proxy's own entry is the stranger's word.
    assert_eq!(sign_in("203.0.113.7, 198.51.100.1", PASSWORD).await, 429);
    assert_eq!(sign_in("203.0.113.7", PASSWORD).await, 303);
    let addresses: BTreeSet<String> =
        house.audited().await.into_iter().map(|entry| entry.address).collect();
    assert_eq!(Some(addresses), names(&["198.51.100.1", "203.0.113.7"]));
}
