//! The built program, from its configuration to the page.

use super::*;
use crate::harness::program::{Program, Running, configuration};

const TOKEN: &str = "svd_of-a-warehouse";

fn configured(role: &str) -> String {
    let token = surveyd::credentials::format_token_hash(&hash_token(TOKEN));
    let proxy = "[http]\nproxy = { header = \"X-Forwarded-User\", from = [\"127.0.0.1\"] }";
    let plain = configuration("http://127.0.0.1:1").replacen("[http]", proxy, 1);
    format!(
        "{plain}[[logins]]\nname = \"mara\"\nrole = \"{role}\"\npassword_hash = \"{}\"\n\
         [[tokens]]\nname = \"warehouse\"\nrole = \"admin\"\nhash = \"{token}\"\n",
        HASH.expose()
    )
}

fn browser(running: &Running, from: [u8; 4]) -> Browser {
    drop(help_desk::client());
    let client = Client::builder().redirect(Policy::none()).local_address(IpAddr::from(from));
    let address = running.address().parse().unwrap();
    Browser { client: client.build().unwrap(), address, cookie: None }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_configured_is_who_may_see_and_a_reload_changes_it() {
    let program = Program::new(&configured("supervisor"));
    let mut running = program.start().await;
    let ready = running.until("daemon.ready", 1).await;
    let address = running.address();
    assert_eq!(
        ready["message"],
        format!(
            "ready: closes are taken at http://{address}/v1/sources/, people sign in at http://{address}/"
        )
    );
    let mut browser = browser(&running, ELSEWHERE);
    assert_eq!(led(&browser.get("/comments").await), (303, "/login?next=%2Fcomments".into()));
    assert_eq!(browser.sign_in("mara", PASSWORD).await.status(), 303);
    assert_eq!(browser.get("/comments").await.status(), 200);
    let status = browser.request(Method::GET, "/v1/status").bearer_auth(TOKEN);
    assert_eq!(status.send().await.unwrap().status(), 200);
    let by_proxy = self::browser(&running, HERE).request(Method::GET, "/comments");
    let by_proxy = by_proxy.header("x-forwarded-user", "mara").send().await.unwrap();
    assert_eq!(by_proxy.status(), 200);

    running.signal("HUP");
    running.until("config.reloaded", 1).await;
    assert_eq!(browser.get("/comments").await.status(), 200, "nothing was changed");
    program.configure(&configured("auditor"));
    running.signal("HUP");
    running.until("config.reloaded", 2).await;
    assert_eq!(led(&browser.get("/comments").await).0, 303, "the session has ended");
    assert_eq!(led(&browser.sign_in("mara", PASSWORD).await), (303, "/audit".into()));
    let page = browser.get("/audit").await.text().await.unwrap();
    assert_eq!(page.matches("<td>saw comments</td>").count(), 3, "{page}");
    for secret in [PASSWORD, TOKEN, HASH.expose().as_str(), browser.cookie.as_ref().unwrap()] {
        assert!(!running.log().contains(secret), "{secret} stands in the log");
    }
}
