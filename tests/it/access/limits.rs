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
