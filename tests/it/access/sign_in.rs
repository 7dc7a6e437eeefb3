//! Signing in: where it leads, what it asks for, what it gives away.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

#[tokio::test]
async fn each_role_is_led_to_its_own_page() {
    let house = House::open().await;
    for (name, home) in
        [("supervisor", "/"), ("admin", "/health"), ("auditor", "/audit"), ("agent", "/mine")]
    {
        let mut browser = house.browser();
        let answer = browser.sign_in(name, PASSWORD).await;
        assert_eq!(led(&answer), (303, home.into()), "{name}");
        assert_eq!(browser.get(home).await.status(), 200, "{name}");
        let again = browser.get("/login").await;
        assert_eq!(led(&again), (303, home.into()), "{name} is signed in already");
    }
}

#[tokio::test]
async fn a_sign_in_leads_on_to_the_page_that_was_asked_for_and_never_to_another_site() {
    let house = House::open().await;
    let browser = house.browser();
    let asked = browser.get("/comments?team=billing&tag=a%26b").await;
    let (_, to) = led(&asked);
    assert_eq!(to, "/login?next=%2Fcomments%3Fteam%3Dbilling%26tag%3Da%2526b");
    let form = browser.get(&to).await.text().await.unwrap();
    let field = "name=\"next\" value=\"&#x2f;comments?team=billing&amp;tag=a%26b\"";
    assert!(form.contains(field), "{form}");
    for (next, to) in [
        ("/comments?team=billing&tag=a%26b", "/comments?team=billing&tag=a%26b"),
        ("/surveys/s-1", "/surveys/s-1"),
        ("/audit", "/"),
        ("/mine", "/"),
        ("/login", "/"),
        ("/v1/export", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example/", "/"),
        ("/comments\r\nSet-Cookie: a=b", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ] {
        let fields = [("name", "supervisor"), ("password", PASSWORD), ("next", next)];
        assert_eq!(led(&browser.post("/login", &fields).await), (303, to.into()), "{next}");
    }
    let evil = browser.get("/login?next=//evil.example").await.text().await.unwrap();
    assert!(!evil.contains("evil"), "{evil}");
    let signed_in = house.signed_in("supervisor").await;
    assert_eq!(led(&signed_in.get("/login?next=//evil.example").await), (303, "/".into()));
    assert_eq!(led(&signed_in.get("/login?next=/surveys").await), (303, "/surveys".into()));
}

#[tokio::test]
async fn a_form_of_another_site_changes_nothing() {
    let house = House::open().await;
    let browser = house.signed_in("supervisor").await;
    let own = browser.origin();
    let fields = [("name", "supervisor"), ("password", PASSWORD)];
    let other_port = format!("http://{}:1", house.address.ip());
    let refused: [&[(&str, &str)]; 8] = [
        &[],
        &[("origin", "https://evil.example")],
        &[("origin", &other_port)],
        &[("origin", "null")],
        &[("origin", "null"), ("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")],
        // A stranger's page cannot choose the host, and a proxy that is not trusted cannot either.
        &[("origin", "https://evil.example"), ("x-forwarded-host", "evil.example")],
    ];
    let with = |request: RequestBuilder, headers: &[(&str, &str)]| {
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
    };
    for headers in refused {
        for path in ["/login", "/logout"] {
            let answer = with(browser.form(path, &fields), headers).send().await.unwrap();
            assert_eq!(cookie(&answer), None, "{path} {headers:?}");
            assert_eq!(answer.status(), 403, "{path} {headers:?}");
        }
    }
    assert_eq!(browser.get("/").await.status(), 200, "it is still signed in");
    let taken: [&[(&str, &str)]; 3] = [
        &[("origin", &own)],
        &[("sec-fetch-site", "same-origin")],
        &[("origin", "null"), ("sec-fetch-site", "same-origin")],
    ];
    for headers in taken {
        let answer = with(browser.form("/login", &fields), headers).send().await.unwrap();
        assert_eq!(answer.status(), 303, "{headers:?}");
    }
    // The host is what the origin is compared with, so a request must be clear about it.
    let elsewhere = browser.form("/login", &fields).header("host", "surveys.acme.example");
    assert_eq!(elsewhere.header("origin", &own).send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn a_refusal_tells_nothing_of_which_names_there_are() {
    let mut logins = logins();
    logins.push(Login::new(viewer("by-proxy", &[Role::Admin]), None));
    let house = House::with(Access::new(logins, Vec::new(), None)).await;
    let mut answers = Vec::new();
    for name in ["supervisor", "nobody", "by-proxy", "Supervisor", "supervisor ", ""] {
        let mut browser = house.browser();
        let answer = browser.sign_in(name, "a wrong password").await;
        assert_eq!(header(&answer, "set-cookie"), "", "{name}");
        let (status, headers, text) = seen(answer).await;
        assert!(text.contains("The name or the password is wrong."), "{text}");
        let at = text.find("autofocus").unwrap();
        let text = text.replace(&format!("value=\"{name}\""), "value=\"NAME\"");
        answers.push((
            name,
            status,
            headers,
            if name.is_empty() { None } else { Some((at > 0, text)) },
        ));
    }
    let first = &answers[0];
    for answer in &answers {
        assert_eq!((answer.1, &answer.2), (401, &first.2), "{}", answer.0);
    }
    for answer in &answers[..5] {
        assert_eq!(answer.3, first.3, "{}", answer.0);
    }
    // The right password of somebody else is wrong for an unknown name.
    let stranger = house.browser().sign_in("nobody", PASSWORD).await;
    assert_eq!(stranger.status(), 401);
    let proxied = house.browser().sign_in("by-proxy", PASSWORD).await;
    assert_eq!(proxied.status(), 401);
}

#[tokio::test]
async fn a_sign_in_takes_a_small_form_and_nothing_else() {
    let house = House::open().await;
    let browser = house.browser();
    let status = async |request: RequestBuilder| {
        let answer = request.header("origin", browser.origin()).send().await.unwrap();
        let kind = header(&answer, "content-type");
        assert_eq!(kind, "text/html; charset=utf-8");
        answer.status().as_u16()
    };
    let long = "x".repeat(4_000);
    assert_eq!(status(browser.form("/login", &[("name", "a"), ("password", &long)])).await, 401);
    let longer = "x".repeat(4_096);
    assert_eq!(status(browser.form("/login", &[("name", "a"), ("password", &longer)])).await, 413);
    let json = browser.request(Method::POST, "/login").header("content-type", "application/json");
    assert_eq!(status(json.body("{}")).await, 415);
    assert_eq!(status(browser.request(Method::POST, "/login")).await, 415);
    assert_eq!(status(browser.form("/login", &[])).await, 401);
    assert_eq!(
        status(browser.form("/login", &[("name", "a\u{0}b"), ("password", "c")])).await,
        401
    );
}

#[tokio::test]
async fn a_form_without_a_length_is_read_no_further_than_it_may_be_long() {
    let house = House::open().await;
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    let head = format!(
        "POST /login HTTP/1.1\r\nhost: {0}\r\norigin: http://{0}\r\n\
         content-type: application/x-www-form-urlencoded\r\ntransfer-encoding: chunked\r\n\r\n",
        house.address
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // There is no last chunk: whoever waits for the whole waits for ever.
    stream.write_all(format!("1001\r\n{}\r\n", "x".repeat(4_097)).as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}
