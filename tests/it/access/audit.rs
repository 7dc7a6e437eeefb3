//! The record of who signed in and saw what.

use super::*;

fn told(entry: &AuditEntry) -> [&str; 6] {
    let AuditEntry { way, name, roles, what, detail, address, .. } = entry;
    [way, name, roles, what, detail, address]
}

#[tokio::test]
async fn all_that_is_seen_is_on_record_and_who_saw_it() {
    let both = viewer("mara", &[Role::Supervisor, Role::Auditor]);
    let token = token("svd_1", &[Role::Supervisor], None);
    let house = House::with(Access::new(vec![login(both)], vec![token], None)).await;
    let survey = house.survey("acme", None).await;
    let mut browser = house.browser_at(ELSEWHERE);
    browser.sign_in("<b>\u{7}Nobody", "a wrong password").await;
    browser.sign_in("mara", PASSWORD).await;
    browser.get("/?tag=caf%C3%A9&period=28d").await;
    browser.get("/comments").await;
    browser.request(Method::HEAD, "/surveys?by=team").send().await.unwrap();
    browser.get(&format!("/surveys/{survey}")).await;
    browser.get("/surveys/0198c2a1b2c37d4e8f90a1b2c3d4e5f6").await;
    browser.get("/health").await;
    browser.get("/mine").await;
    let by_token = house.browser().request(Method::GET, &format!("/v1/surveys/{survey}"));
    by_token.bearer_auth("svd_1").send().await.unwrap();
    browser.get("/audit").await;
    browser.post("/logout", &[]).await;
    browser.get("/comments").await;
    let (roles, here) = ("supervisor,auditor", "127.0.0.2");
    let entries = house.audited().await;
    assert_eq!(
        entries.iter().map(told).collect::<Vec<_>>(),
        [
            ["-", "<b>\u{fffd}Nobody", "", "sign-in failed", "", here],
            ["password", "mara", roles, "signed in", "", here],
            ["session", "mara", roles, "saw results", "tag=caf%C3%A9 (0 answers)", here],
            ["session", "mara", roles, "saw comments", "", here],
            ["session", "mara", roles, "saw surveys", "by=team", here],
            ["session", "mara", roles, "saw survey", &survey, here],
            ["token", "warehouse", "supervisor", "saw survey", &survey, "127.0.0.1"],
            ["session", "mara", roles, "saw audit log", "7 entries", here],
            ["session", "mara", roles, "signed out", "", here],
        ]
    );
    assert!(entries.iter().all(|entry| entry.at == START));
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_shown() {
    let house = House::open().await;
    let survey = house.survey("acme", None).await;
    let browser = house.signed_in("supervisor").await;
    let auditor = house.signed_in("auditor").await;
    let file = house.database.location.file().unwrap();
    let rename = |from: &str, to: &str| {
        let connection = rusqlite::Connection::open(file).unwrap();
        connection.execute(&format!("alter table {from} rename to {to}"), []).unwrap();
    };
    rename("audit", "gone");
    for path in ["/", "/comments", "/surveys", &format!("/surveys/{survey}")] {
        let answer = browser.get(path).await;
        assert_eq!((answer.status().as_u16(), header(&answer, "retry-after").as_str()), (503, "5"));
        let text = answer.text().await.unwrap();
        assert!(text.contains("What is seen goes on record, and the record cannot be"), "{text}");
        assert!(!text.contains(&survey), "{text}");
    }
    assert_eq!(auditor.get("/audit").await.status(), 503);
    assert_eq!(browser.get("/health").await.status(), 200, "it shows nothing of anybody");
    let mut another = house.browser();
    let refused = another.sign_in("supervisor", PASSWORD).await;
    assert_eq!((refused.status().as_u16(), cookie(&refused)), (503, None));
    rename("gone", "audit");
    assert_eq!(browser.get("/").await.status(), 200, "and it is still signed in");
    rename("audit", "gone");
    assert_eq!(browser.post("/logout", &[]).await.status(), 303, "who leaves is let go");
    rename("gone", "audit");
    let answer = browser.get("/").await;
    assert_eq!((answer.status().as_u16(), header(&answer, "location").as_str()), (303, "/login"));
    let entries = house.audited().await;
    let whats: Vec<&str> = entries.iter().map(|entry| entry.what.as_str()).collect();
    assert_eq!(whats, ["signed in", "signed in", "saw results"]);
}

#[tokio::test]
async fn the_page_shows_the_newest_first_and_leads_on_to_the_older() {
    let house = House::open().await;
    for number in 0..205_u32 {
        let entry = AuditEntry {
            at: START.minus(Duration::from_secs(u64::from(1_000 - number))),
            way: if number == 204 { "token" } else { "session" }.into(),
            name: format!("<i>{number}</i>"),
            roles: "supervisor,admin".into(),
            what: "saw results".into(),
            detail: format!("detail {number}."),
            address: "192.0.2.1".into(),
        };
        house.store.audit(entry).await.unwrap();
    }
    let browser = house.signed_in("auditor").await;
    let (mut path, mut rows, mut pages) = ("/audit".to_owned(), Vec::new(), 0);
    loop {
        let page = browser.get(&path).await;
        assert_eq!(page.status(), 200, "{path}");
        let text = page.text().await.unwrap();
        assert!(!text.contains("<i>"), "names are escaped");
        let body = text.split("<tbody>").nth(1).unwrap().split("</tbody>").next().unwrap();
        rows.extend(body.lines().filter(|line| line.starts_with("<tr>")).map(str::to_owned));
        pages += 1;
        let Some(next) = text.split("rel=\"next\" href=\"").nth(1) else { break };
        path = next.split('"').next().unwrap().replace("&#x2f;", "/");
    }
    // The sign-in, the entries, and the first two looks at pages after which more were read.
    let details: Vec<&String> = rows.iter().filter(|row| row.contains("detail ")).collect();
    assert_eq!((pages, details.len()), (3, 205));
    for (row, number) in details.iter().zip((0..205_u32).rev()) {
        assert!(row.contains(&format!("<td>detail {number}.</td>")), "{number}: {row}");
    }
    let first = "<tr><td>2026-09-21 14:00:04</td><td>&lt;i&gt;204&lt;&#x2f;i&gt; (token)</td>\
                 <td class=\"opt\">supervisor, admin</td><td>saw results</td><td>detail 204.</td>\
                 <td class=\"opt\">192.0.2.1</td></tr>";
    assert_eq!(details[0], first);

    for (query, words) in [
        ("bfore=1", "There is no `bfore` here: leave it out, or write `period`, `from`, `to` or "),
        (
            "before=1",
            "`before` is &quot;1&quot;, and no place in the log: follow the links of the page.",
        ),
    ] {
        let answer = browser.get(&format!("/audit?{query}")).await;
        assert_eq!(answer.status(), 400);
        let text = answer.text().await.unwrap();
        assert!(text.contains(words), "{text}");
    }
}

#[tokio::test]
async fn the_page_is_of_a_period_that_is_chosen_as_on_other_pages() {
    let house = House::open().await;
    let days_ago = [0, 3, 40];
    for (number, days) in days_ago.into_iter().enumerate() {
        let entry = AuditEntry {
            at: START.minus(Duration::from_secs(86_400 * days)),
            way: "session".into(),
            name: "mara".into(),
            roles: "supervisor".into(),
            what: "saw results".into(),
            detail: format!("detail {number}."),
            address: "192.0.2.1".into(),
        };
        house.store.audit(entry).await.unwrap();
    }
    let browser = house.signed_in("auditor").await;
    let details = async |query: &str| {
        let page = browser.get(&format!("/audit{query}")).await.text().await.unwrap();
        let shown = |n: &usize| page.contains(&format!("<td>detail {n}.</td>"));
        ((0..days_ago.len()).filter(shown).collect::<Vec<_>>(), page)
    };
    let (shown, page) = details("").await;
    assert_eq!(shown, [0, 1], "the last 28 days and today");
    assert!(page.contains("<h1 class=\"page-title\">Audit, 24\u{a0}August to 21"), "{page}");
    for choice in ["href=\"/audit\" aria-current=\"true\">28 days<", "?period=90d\">90 days<"] {
        assert!(page.contains(choice), "{choice}: {page}");
    }
    assert!(!page.contains("Download"), "no file holds the audit log: {page}");
    assert_eq!(details("?period=90d").await.0, [0, 1, 2]);
    let day = "?from=2026-09-18&to=2026-09-18";
    let (shown, page) = details(day).await;
    assert_eq!(shown, [1]);
    assert!(page.contains(">Audit, 18\u{a0}September 2026<"), "{page}");
    let (shown, page) = details("?from=2026-01-01&to=2026-01-02").await;
    assert_eq!(shown, [0; 0]);
    assert!(page.contains("There is no entry in this time."), "{page}");
    let entries = house.audited().await;
    assert!(entries.iter().any(|entry| entry.detail == format!("{}, 1 entries", &day[1..])));
    for (query, words) in [
        ("team=billing", "There is no `team` here: leave it out, or write "),
        ("from=2026-09-22", "2026-09-22 is after today, 2026-09-21: nothing has happened yet."),
    ] {
        let answer = browser.get(&format!("/audit?{query}")).await;
        assert_eq!(answer.status(), 400, "{query}");
        assert!(answer.text().await.unwrap().contains(words), "{query}");
    }
}
