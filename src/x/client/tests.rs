use reqwest::header::HeaderMap;

use super::*;

#[test]
fn requests_under_way_together_all_learn_xs_clock() {
    let second = Duration::from_secs(1);
    let settings = XSettings {
        base_url: "http://127.0.0.1:1".into(),
        request_timeout: second,
        send_timeout: second,
    };
    let client = Client::new(&settings).unwrap();
    let refusal = |clock_offset| Reply {
        status: 401,
        headers: HeaderMap::from_iter([(
            reqwest::header::DATE,
            HeaderValue::from_static("Thu, 01 Jan 1970 01:00:00 GMT"),
        )]),
        body: Body::Whole {
            bytes: br#"{"errors":[{"code":135,"message":"Timestamp out of bounds."}]}"#.to_vec(),
            large: None,
        },
        clock_offset,
    };
    let judge = |reply: Reply| client.refused(&reply, error::RequestKind::Create, Millis(0));
    assert!(matches!(judge(refusal(0)), Error::Clock(_)));
    assert!(matches!(judge(refusal(0)), Error::Clock(_)), "signed before the first came back");
    assert!(matches!(judge(refusal(3_600_000)), Error::Account(_)));
}
