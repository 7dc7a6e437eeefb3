//! Limits to accounts and teams.

use super::*;

#[tokio::test]
async fn a_survey_beyond_the_limits_is_like_one_that_does_not_exist() {
    let plain = || viewer("mara", &[Role::Supervisor]);
    let house = House::with(Access::default()).await;
    let billing = house.survey("acme", Some("billing")).await;
    let returns = house.survey("acme", Some("returns")).await;
    let nobodys = house.survey("acme", None).await;
    let other = house.survey("other", Some("billing")).await;
    let all = [&billing, &returns, &nobodys, &other];
    for (accounts, teams, open) in [
        (None, None, [true; 4]),
        (names(&["acme"]), None, [true, true, true, false]),
        (None, names(&["billing"]), [true, false, false, true]),
        (names(&["acme"]), names(&["billing", "returns"]), [true, true, false, false]),
        (names(&["elsewhere"]), None, [false; 4]),
    ] {
        let limited = Viewer { accounts, teams, ..plain() };
        let of_token = Token { viewer: limited.clone(), hash: hash_token("svd_1"), ends_at: None };
        house.reload(Access::new(vec![login(limited)], vec![of_token], None));
        let browser = house.signed_in("mara").await;
        for path in ["/surveys/", "/v1/surveys/"] {
            let none = seen(browser.get(&format!("{path}0198c2a1b2c37d4e8f90a1b2c3d4e5f6")).await);
            let none = none.await;
            assert_eq!(none.0, 404);
            for (id, is_open) in all.iter().zip(open) {
                let found = seen(browser.get(&format!("{path}{id}")).await).await;
                match is_open {
                    true => assert_eq!(found.0, 200, "{path}{id}"),
                    false => assert_eq!(found, none, "{path}{id}"),
                }
            }
        }
        for (id, is_open) in all.iter().zip(open) {
            let request = house.browser().request(Method::GET, &format!("/v1/surveys/{id}"));
            let status = request.bearer_auth("svd_1").send().await.unwrap().status();
            assert_eq!(status, if is_open { 200 } else { 404 }, "by a token");
        }
    }
}

#[tokio::test]
async fn an_admin_narrows_no_list_by_an_agent_or_by_scores() {
    let house = House::open().await;
    house.survey("acme", None).await;
    let (admin, supervisor) = (house.signed_in("admin").await, house.signed_in("supervisor").await);
    for (path, none) in [("/surveys", "/no-such-page"), ("/v1/surveys", "/v1/no-such-thing")] {
        let none = seen(admin.get(none).await).await;
        assert_eq!(none.0, 404);
        for query in ["agent=dana", "agent=", "question=csat&mood=unhappy", "mood=happy"] {
            let narrowed = format!("{path}?{query}");
            assert_eq!(seen(admin.get(&narrowed).await).await, none, "{narrowed}");
            assert_eq!(supervisor.get(&narrowed).await.status(), 200, "{narrowed}");
        }
        assert_eq!(admin.get(&format!("{path}?team=&tag=&question=csat")).await.status(), 200);
    }
}

async fn of_viewer(house: &House, viewer: Viewer) -> Browser {
    house.reload(Access::new(vec![login(viewer)], Vec::new(), None));
    house.signed_in("mara").await
}

#[tokio::test]
async fn a_name_that_is_not_there_is_told_only_to_those_who_see_all_names() {
    let house = House::with(Access::default()).await;
    house.survey("acme", Some("billing")).await;
    house.survey("acme", Some("returns")).await;
    let plain = || viewer("mara", &[Role::Supervisor]);
    let browser = of_viewer(&house, plain()).await;
    let (status, _, text) = seen(browser.get("/?team=Nope").await).await;
    assert_eq!(status, 404);
    assert!(text.contains("<p>No team is called Nope.</p>"), "{text}");
    assert!(text.contains("aria-label=\"Pages\""), "the links stay: {text}");
    let limited = Viewer { teams: names(&["billing"]), ..plain() };
    let browser = of_viewer(&house, limited).await;
    let unknown = seen(browser.get("/?team=Nope").await).await;
    assert_eq!(seen(browser.get("/?team=returns").await).await, unknown);
    assert!(unknown.2.contains("<p>There is nothing at this address.</p>"), "{}", unknown.2);
    let (_, _, own) = seen(browser.get("/").await).await;
    assert!(own.contains("mara</bdi>, supervisor of <bdi>billing</bdi>"), "{own}");
}

#[tokio::test]
async fn a_search_finds_what_the_viewer_may_see_and_nothing_else() {
    let house = House::with(Access::default()).await;
    let billing = house.survey("acme", Some("billing")).await;
    let returns = house.survey("acme", Some("returns")).await;
    let limited = Viewer { teams: names(&["billing"]), ..viewer("mara", &[Role::Supervisor]) };
    let browser = of_viewer(&house, limited).await;
    for (wanted, found) in [
        ("acme-billing", Some(&billing)),
        (billing.as_str(), Some(&billing)),
        ("acme-returns", None),
        (returns.as_str(), None),
        ("acme-bill", None),
    ] {
        let (status, _, text) = seen(browser.get(&format!("/surveys?find={wanted}")).await).await;
        assert_eq!(status, 200);
        let rows = text.matches("href=\"/surveys/").count();
        assert_eq!(rows, usize::from(found.is_some()), "{wanted}: {text}");
        let none = format!("No conversation and no survey is called {wanted}.");
        assert_eq!(text.contains(&none), found.is_none(), "{wanted}: {text}");
    }
}

#[tokio::test]
async fn days_that_have_not_come_are_left_out_with_a_word_or_refused() {
    let house = House::open().await;
    let browser = house.signed_in("supervisor").await;
    let (status, _, text) = seen(browser.get("/?from=2026-01-01&to=2034-12-31").await).await;
    assert_eq!(status, 200, "{text}");
    assert!(text.contains("Days after today are left out."), "{text}");
    let (status, _, text) = seen(browser.get("/?from=2034-12-30&to=2034-12-31").await).await;
    assert_eq!(status, 400);
    assert!(text.contains("2034-12-30 is after today, "), "{text}");
}

#[tokio::test]
async fn the_links_in_the_header_keep_the_period_and_the_filters() {
    let house = House::open().await;
    house.survey("acme", Some("billing")).await;
    let browser = house.signed_in("supervisor").await;
    let page = browser.get("/?period=90d&team=billing&by=agent&order=score").await;
    let text = page.text().await.unwrap();
    for path in ["/", "/comments", "/surveys"] {
        let link = format!("<a href=\"{path}?period=90d&amp;team=billing\"");
        assert!(text.contains(&link), "{path}: {text}");
    }
}
