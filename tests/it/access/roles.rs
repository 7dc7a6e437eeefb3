//! Each address for each role.

use surveyd::web::results::routes::{ROUTES, Route, RouteKind, Verb, Who};

use super::*;

const TOKEN: &str = "svd_of-a-warehouse";

/// An address that a row answers.
fn example(path: &str, survey: &str) -> String {
    path.replace("{id}", survey)
}

#[tokio::test]
async fn every_address_is_open_to_its_roles_and_is_nothing_to_all_others() {
    let house = House::open().await;
    let survey = house.survey("acme", None).await;
    for role in Role::ALL {
        let browser = house.signed_in(role.as_str()).await;
        let nothing = seen(browser.get("/no-such-page").await).await;
        let nothing_of_api = seen(browser.get("/v1/no-such-thing").await).await;
        assert_eq!((nothing.0, nothing_of_api.0), (404, 404));
        for route in ROUTES.iter().filter(|route| route.verb == Verb::Get) {
            let Who::Roles(roles) = route.who else { continue };
            let answer = seen(browser.get(&example(route.path, &survey)).await).await;
            if roles.contains(&role) {
                let is_open = answer.0 == 200 || (route.path == "/v1/export" && answer.0 == 400);
                assert!(is_open, "{role:?} {}: {answer:?}", route.path);
            } else {
                let none = if route.kind == RouteKind::Api { &nothing_of_api } else { &nothing };
                assert_eq!(&answer, none, "{role:?} {}", route.path);
            }
        }
    }
}

#[tokio::test]
async fn a_stranger_is_led_to_the_sign_in_and_a_program_is_told() {
    let house = House::open().await;
    let survey = house.survey("acme", None).await;
    let stranger = house.browser();
    for route in &ROUTES {
        let path = example(route.path, &survey);
        match (route.verb, route.kind, route.who) {
            (Verb::Get, RouteKind::Page, Who::Roles(_)) => {
                let led = led(&stranger.get(&path).await);
                let next: String = form_urlencoded::byte_serialize(path.as_bytes()).collect();
                let to = match path.as_str() {
                    "/" => "/login".to_owned(),
                    _ => format!("/login?next={next}"),
                };
                assert_eq!(led, (303, to), "{path}");
            }
            (Verb::Get, RouteKind::Api, Who::Roles(_)) => {
                let answer = stranger.get(&path).await;
                assert_eq!(header(&answer, "www-authenticate"), "Bearer realm=\"surveyd\"");
                assert_eq!(header(&answer, "content-type"), "application/problem+json");
                assert_eq!(answer.status(), 401, "{path}");
            }
            (Verb::Get, RouteKind::Page, Who::Everybody) => {
                assert_eq!(stranger.get(&path).await.status(), 200, "{path}");
            }
            (Verb::Get, RouteKind::Asset, Who::Everybody) => {
                assert_eq!(stranger.get(&path).await.status(), 404, "{path}: no such file");
            }
            (Verb::Post, RouteKind::Page, Who::Everybody) => {}
            (verb, kind, who) => panic!("{path}: no test for {verb:?} {kind:?} {who:?}"),
        }
    }
    assert_eq!(house.audited().await, [], "nothing was seen");
}

#[tokio::test]
async fn a_token_opens_the_api_by_its_roles_and_no_page() {
    for role in Role::ALL {
        let access = Access::new(logins(), vec![token(TOKEN, &[role], None)], None);
        let house = House::with(access).await;
        let survey = house.survey("acme", None).await;
        let browser = house.browser();
        for route in ROUTES.iter().filter(|route| route.verb == Verb::Get) {
            let Who::Roles(roles) = route.who else { continue };
            let request = browser.request(Method::GET, &example(route.path, &survey));
            let answer = request.header("authorization", format!("Bearer {TOKEN}"));
            let status = answer.send().await.unwrap().status().as_u16();
            let expected: &[u16] = match (route.kind, roles.contains(&role)) {
                (RouteKind::Page | RouteKind::Asset, _) => &[303],
                (RouteKind::Api, true) => &[200, 400],
                (RouteKind::Api, false) => &[404],
            };
            assert!(expected.contains(&status), "{role:?} {}: {status}", route.path);
        }
    }
}

#[tokio::test]
async fn a_wrong_token_is_nobodys_even_in_a_browser_that_is_signed_in() {
    let end = START.plus(Duration::from_secs(60));
    let token = token(TOKEN, &[Role::Supervisor], Some(end));
    let house = House::with(Access::new(logins(), vec![token], None)).await;
    let path = format!("/v1/surveys/{}", house.survey("acme", None).await);
    let browser = house.signed_in("supervisor").await;
    let status = async |headers: &[&str]| {
        let request = browser.request(Method::GET, &path);
        let request =
            headers.iter().fold(request, |request, it| request.header("authorization", *it));
        request.send().await.unwrap().status().as_u16()
    };
    let good = format!("Bearer {TOKEN}");
    assert_eq!(status(&[]).await, 200, "by its cookie");
    assert_eq!(status(&[&good]).await, 200);
    assert_eq!(status(&[&format!("bearer  {TOKEN}")]).await, 200);
    for wrong in ["Bearer", "Bearer ", "Bearer svd_other", &format!("Bearer {TOKEN}x")] {
        assert_eq!(status(&[wrong]).await, 401, "{wrong}");
    }
    assert_eq!(status(&[&good, &good]).await, 401, "two of them");
    house.wait(Duration::from_secs(60));
    assert_eq!(status(&[&good]).await, 401, "it has expired");
}

#[tokio::test]
async fn without_logins_there_is_nothing_but_what_there_was() {
    let house = House::with(Access::default()).await;
    let browser = house.browser();
    let is_told = |route: &&Route| route.verb == Verb::Get && ["/", "/login"].contains(&route.path);
    for route in ROUTES.iter().filter(|route| !is_told(route)) {
        let answer = match route.verb {
            Verb::Get => browser.get(&example(route.path, "s-1")).await,
            Verb::Post => browser.post(route.path, &[]).await,
        };
        assert_eq!(header(&answer, "content-type"), "application/problem+json");
        assert_eq!(header(&answer, "content-security-policy"), "", "as before");
        let (status, _, text) = seen(answer).await;
        assert_eq!(status, 404, "{}", route.path);
        assert!(text.contains("notices are taken at /v1/sources/NAME"), "{text}");
    }
    let token = Access::new(Vec::new(), vec![token(TOKEN, &[Role::Admin], None)], None);
    house.reload(token);
    assert_eq!(browser.get("/login").await.status(), 404, "a token signs nobody in");
    assert_eq!(browser.get("/v1/status").await.status(), 401);
}

#[tokio::test]
async fn without_logins_a_browser_is_told_that_nobody_may_sign_in_yet() {
    let house = House::with(Access::default()).await;
    let browser = house.browser();
    let by_token = Access::new(Vec::new(), vec![token(TOKEN, &[Role::Admin], None)], None);
    for access in [Access::default(), by_token] {
        house.reload(access);
        for path in ["/", "/login", "/login?next=/comments"] {
            let answer = browser.get(path).await;
            assert_eq!(header(&answer, "content-type"), "text/html; charset=utf-8");
            assert!(header(&answer, "content-security-policy").starts_with("default-src 'none'"));
            let (status, _, text) = seen(answer).await;
            assert_eq!(status, 404, "{path} is not there yet");
            assert!(text.contains("<h1>Nobody may sign in yet</h1>"), "{text}");
            assert!(text.contains("[[logins]]") && text.contains("docs/sign_in.md"), "{text}");
            assert!(!text.contains("href=") && !text.contains("src="), "it needs nothing: {text}");
        }
        let program = browser.client.get(format!("http://{}/", house.address)).send().await;
        assert_eq!(header(&program.unwrap(), "content-type"), "application/problem+json");
    }
}

#[tokio::test]
async fn a_lost_program_is_told_where_the_api_is_described_and_is_no_refused_close() {
    let log = Log::kept();
    let house = House::open().await;
    let browser = house.browser();
    for path in ["/v1/", "/v1/reports", "/v1/sources", "/elsewhere"] {
        let program = browser.client.get(format!("http://{}{path}", house.address));
        let (status, _, text) = seen(program.send().await.unwrap()).await;
        assert_eq!(status, 404, "{path}");
        assert!(text.contains("/v1/openapi.json says what the API has"), "{path}: {text}");
    }
    assert_eq!(log.of("close.rejected"), Vec::<serde_json::Value>::new());
    // Whatever was sent here may be a close.
    assert_eq!(browser.post("/v1/source/desk", &[]).await.status(), 404);
    assert_eq!(browser.get("/v1/sources/desc").await.status(), 404);
    let paths: Vec<String> = log
        .of("close.rejected")
        .iter()
        .map(|line| line["path"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(paths, ["/v1/source/desk", "/v1/sources/desc"]);
}

#[tokio::test]
async fn every_answer_keeps_browsers_from_harm() {
    let house = House::open().await;
    let browser = house.signed_in("supervisor").await;
    let answers = [
        browser.get("/").await,
        browser.get("/login").await,
        browser.get("/audit").await,
        browser.get("/no-such-page").await,
        browser.get("/v1/report").await,
        browser.get("/v1/no-such-thing").await,
        browser.post("/audit", &[]).await,
        browser.form("/logout", &[]).send().await.unwrap(),
        house.browser().get("/v1/report").await,
        house.browser().get("/comments").await,
        house.browser().sign_in("nobody", PASSWORD).await,
    ];
    for answer in answers {
        let path = answer.url().path().to_owned();
        for (name, value) in [
            (
                "content-security-policy",
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                 connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            ),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(header(&answer, name), value, "{path} {}", answer.status());
        }
    }
    let page = browser.get("/").await.text().await.unwrap();
    let mut addresses = page.split("href=\"").map(|it| it.split('"').next().unwrap());
    let asset = addresses.find(|it| it.starts_with("/assets/results.")).unwrap();
    let asset = house.browser().get(asset).await;
    assert_eq!(header(&asset, "cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(header(&asset, "content-type"), "text/css; charset=utf-8");
    assert_eq!((asset.status().as_u16(), header(&asset, "set-cookie")), (200, String::new()));
}

#[tokio::test]
async fn other_methods_are_refused_with_those_there_are_and_head_is_get_without_a_body() {
    let house = House::open().await;
    let browser = house.signed_in("supervisor").await;
    for (method, path, allowed) in [
        (Method::POST, "/", "GET, HEAD"),
        (Method::PUT, "/login", "GET, HEAD, POST"),
        (Method::GET, "/logout", "POST"),
        (Method::DELETE, "/v1/surveys/s-1", "GET, HEAD"),
        (Method::OPTIONS, "/v1/report", "GET, HEAD"),
        (Method::POST, "/assets/results.css", "GET, HEAD"),
    ] {
        let answer = browser.request(method.clone(), path).send().await.unwrap();
        let refused = (answer.status().as_u16(), header(&answer, "allow"));
        assert_eq!(refused, (405, allowed.to_owned()), "{method} {path}");
    }
    for path in ["/", "/login?next=/comments", "/v1/report", "/no-such-page", "/audit"] {
        let (get, head) = (browser.get(path).await, browser.request(Method::HEAD, path));
        let head = head.send().await.unwrap();
        let length = header(&get, "content-length");
        assert!(get.status() == 303 || length.parse::<usize>().unwrap() > 0, "{path}: {length}");
        assert_eq!(header(&head, "content-length"), length, "{path}");
        let (get, head) = (seen(get).await, seen(head).await);
        assert_eq!((&head.0, &head.1, head.2.as_str()), (&get.0, &get.1, ""), "{path}");
    }
}

#[tokio::test]
async fn a_browser_reads_errors_on_a_page_and_a_program_as_a_problem() {
    let house = House::open().await;
    let browser = house.signed_in("auditor").await;
    let page = browser.get("/comments").await;
    assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8");
    let text = page.text().await.unwrap();
    assert!(text.contains("<p>There is nothing at this address.</p>"), "{text}");
    assert!(!text.contains("auditor"), "it tells nothing of who asks: {text}");
    let program = browser.client.get(format!("http://{}/comments", house.address));
    let program = program.header("cookie", browser.cookie.clone().unwrap()).send().await.unwrap();
    assert_eq!(header(&program, "content-type"), "application/problem+json");
}

#[tokio::test]
async fn requests_for_results_are_counted_and_are_no_refusals_of_the_intake() {
    let house = House::open().await;
    let mut browser = house.browser();
    for path in ["/comments", "/v1/report", "/surveys/none", "/login"] {
        browser.get(path).await;
    }
    browser.sign_in("supervisor", "a wrong password").await;
    browser.form("/logout", &[]).send().await.unwrap();
    browser.get("/v1/elsewhere").await;
    let metrics = browser.get("/metrics").await.text().await.unwrap();
    for line in [
        "surveyd_requests_total{source=\"[results]\",answer=\"303\"} 2",
        "surveyd_requests_total{source=\"[results]\",answer=\"401\"} 2",
        "surveyd_requests_total{source=\"[results]\",answer=\"403\"} 1",
        "surveyd_requests_total{source=\"[results]\",answer=\"200\"} 1",
        "surveyd_requests_total{source=\"[none]\",answer=\"404\"} 1",
    ] {
        assert!(metrics.contains(&format!("\n{line}\n")), "{line} is missing in {metrics}");
    }
}

#[tokio::test]
async fn a_page_that_is_the_only_one_has_no_link_to_itself() {
    let both = viewer("both", &[Role::Supervisor, Role::Agent]);
    let agent = viewer("agent", &[Role::Agent]);
    let house = House::with(Access::new(vec![login(both), login(agent)], Vec::new(), None)).await;
    let page = house.signed_in("agent").await.get("/mine").await.text().await.unwrap();
    assert!(page.contains("<title>Your results · ") && !page.contains("<nav"), "{page}");
    assert_eq!(page.matches("Your results").count(), 2, "its title and its heading: {page}");
    let page = house.signed_in("both").await.get("/mine").await.text().await.unwrap();
    assert!(page.contains("href=\"/mine\" aria-current=\"page\">Your results</a>"), "{page}");
    let house = House::open().await;
    let refused = house.signed_in("auditor").await.get("/audit?team=x").await;
    let refused = refused.text().await.unwrap();
    assert!(refused.contains("href=\"/audit\""), "a page about an error leads back: {refused}");
}
