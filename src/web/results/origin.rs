//! Tells a form of surveyd's own pages from one on a stranger's page.

use axum::http::HeaderMap;

use super::caller::Caller;
use crate::web::parts::texts;

/// True if a request that changes something comes from a page of surveyd's own.
///
/// A browser names the origin of the page. Our pages ask for no referrer, and then a browser
/// writes `null` in its place (Fetch, "append a request Origin header"). Whether the page was our
/// own is in `Sec-Fetch-Site` then, which no page can set. A page in a sandbox has the origin
/// `null` too, and is `cross-site`.
pub fn is_own(headers: &HeaderMap, caller: &Caller) -> bool {
    match texts(headers, "origin").as_slice() {
        [] | ["null"] => texts(headers, "sec-fetch-site") == ["same-origin"],
        [origin] => names(origin, caller),
        _ => false,
    }
}

/// True if the origin is surveyd's own address, as the browser knows it.
fn names(origin: &str, caller: &Caller) -> bool {
    let Some((scheme, host)) = origin.split_once("://") else { return false };
    let port = match scheme {
        "https" => ":443",
        "http" if !caller.is_tls => ":80",
        _ => return false,
    };
    // A browser leaves out the usual port. A proxy may add it to the host.
    let bare = |host: &str| host.strip_suffix(port).unwrap_or(host).to_ascii_lowercase();
    bare(host) == bare(&caller.host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(host: &str, is_tls: bool) -> Caller {
        let address = [203, 0, 113, 1].into();
        Caller { address, is_from_proxy: false, host: host.into(), is_tls }
    }

    fn headers(given: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn only_the_own_origin_changes_anything() {
        let over_tls = caller("acme.example", true);
        for (origin, own) in [
            ("https://acme.example", true),
            ("https://acme.example:443", true),
            ("https://ACME.example", true),
            ("http://acme.example", false),
            ("https://acme.example:8443", false),
            ("https://evil.example", false),
            ("https://acme.example.evil.example", false),
            ("https://evil.example/acme.example", false),
            ("https://user@acme.example", false),
            ("acme.example", false),
            ("", false),
            ("null", false),
        ] {
            assert_eq!(is_own(&headers(&[("origin", origin)]), &over_tls), own, "{origin}");
        }
        let two = [("origin", "https://acme.example"), ("origin", "https://acme.example")];
        assert!(!is_own(&headers(&two), &over_tls), "two origins");
        let here = caller("127.0.0.1:8471", false);
        assert!(is_own(&headers(&[("origin", "http://127.0.0.1:8471")]), &here));
        assert!(!is_own(&headers(&[("origin", "http://127.0.0.1:8472")]), &here));
        assert!(!is_own(&headers(&[("origin", "http://localhost:8471")]), &here));
    }

    #[test]
    fn without_an_origin_the_browser_must_say_that_the_page_is_our_own() {
        let caller = caller("acme.example", true);
        for (site, own) in
            [("same-origin", true), ("same-site", false), ("cross-site", false), ("none", false)]
        {
            assert_eq!(is_own(&headers(&[("sec-fetch-site", site)]), &caller), own, "{site}");
            let of_nobody = [("origin", "null"), ("sec-fetch-site", site)];
            assert_eq!(is_own(&headers(&of_nobody), &caller), own, "null and {site}");
        }
        assert!(!is_own(&headers(&[]), &caller));
        let stranger = [("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")];
        assert!(!is_own(&headers(&stranger), &caller), "what the origin says counts");
    }
}
