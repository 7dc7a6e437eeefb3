use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::str::FromStr;
use std::sync::Mutex;

use super::*;

/// Answers each look-up of a name with the next of its lists.
struct Answers(Mutex<Vec<Vec<&'static str>>>);

impl Answers {
    fn of<const N: usize>(lists: [&[&'static str]; N]) -> Arc<Self> {
        Arc::new(Self(Mutex::new(lists.iter().rev().map(|list| list.to_vec()).collect())))
    }
}

impl Resolve for Answers {
    fn resolve(&self, _: Name) -> Resolving {
        let list = self.0.lock().unwrap().pop().expect("no further look-up");
        let found: Vec<SocketAddr> =
            list.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0)).collect();
        Box::pin(std::future::ready(Ok(Box::new(found.into_iter()) as Addrs)))
    }
}

async fn found(lookup: &Lookup) -> Result<Vec<String>, String> {
    let found = lookup.resolve(Name::from_str("hooks.example").unwrap()).await;
    let found = found.map_err(|error| error.to_string())?;
    Ok(found.map(|address| address.ip().to_string()).collect())
}

/// A server on this machine that answers one request.
fn served(answer: &'static str) -> (u16, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut bytes = [0; 4096];
        while !request.ends_with(b"{}") {
            let count = stream.read(&mut bytes).unwrap();
            assert!(count > 0, "the request broke off");
            request.extend_from_slice(&bytes[..count]);
        }
        stream.write_all(answer.as_bytes()).unwrap();
        String::from_utf8(request).unwrap()
    });
    (port, server)
}

async fn post(receiver: &AlertReceiver) -> Result<ReceiverReply, SendError> {
    let headers = vec![("webhook-id", "m-1".to_owned())];
    receiver.post("application/json", headers, b"{}".to_vec()).await
}

#[test]
fn no_spelling_of_a_private_address_gets_past() {
    for host in [
        "127.0.0.1",
        "127.1",
        "127.0.0.1.",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "0",
        "0.0.0.0",
        "%31%32%37.0.0.1",
        "127%2e0%2e0%2e1",
        "１２７.０.０.１",
        "127。0。0。1",
        "①②⑦.⓪.⓪.①",
        "169.254.169.254",
        "2852039166",
        "10.0.0.1",
        "192.168.0.1",
        "[::1]",
        "[::]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::ffff:0:127.0.0.1]",
        "[64:ff9b::169.254.169.254]",
        "[2002:7f00:1::]",
        "[2001:0:4136:e378:8000:63bf:f5ff:fffe]",
        "[2606:4700::5efe:10.0.0.1]",
        "[2606:4700::200:5efe:a9fe:a9fe]",
        "168.63.129.16",
        "[::ffff:168.63.129.16]",
        "[fe80::1]",
        "[fd00::1]",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "a.localhost",
        "ｌｏｃａｌｈｏｓｔ",
        "%6c%6f%63%61%6c%68%6f%73%74",
    ] {
        for more in ["", ":8471", "/services/T0"] {
            let url = format!("https://{host}{more}");
            let refused = AlertReceiver::new(&url, false).unwrap_err().to_string();
            let known = ["is no address of the open internet", "is this machine itself"];
            assert!(known.iter().any(|known| refused.ends_with(known)), "{url}: {refused}");
        }
        let with_user = format!("https://hooks.example@{host}/");
        assert!(AlertReceiver::new(&with_user, false).is_err(), "{with_user}");
    }
}

#[test]
fn what_is_no_address_of_the_web_is_refused() {
    for url in ["https://[fe80::1%25eth0]/", "https://1.2.3.4.5/", "https://256.1.1.1/", "https://"]
    {
        let refused = AlertReceiver::new(url, false).unwrap_err().to_string();
        assert!(refused.starts_with("the address cannot be read: "), "{url}: {refused}");
    }
    for url in ["http://hooks.example/", "ftp://hooks.example/"] {
        let refused = AlertReceiver::new(url, false).unwrap_err().to_string();
        assert_eq!(refused, "the address is not of https", "{url}");
    }
    for url in
        ["https://hooks.slack.com/services/T0", "https://8.8.8.8/", "https://[2606:4700::1]/"]
    {
        AlertReceiver::new(url, false).unwrap();
    }
}

#[tokio::test]
async fn a_name_keeps_only_its_addresses_of_the_open_internet() {
    let public: &[&str] = &["93.184.216.34", "2606:4700::1111"];
    let mixed: &[&str] = &["127.0.0.1", "93.184.216.34", "::1", "::ffff:10.0.0.1"];
    let private: &[&str] = &["127.0.0.1", "::1"];
    let resolver = Answers::of([public, mixed, private, &[], private]);
    let lookup = Lookup { resolver: resolver.clone(), may_be_private: false };
    assert_eq!(found(&lookup).await.unwrap(), public);
    assert_eq!(found(&lookup).await.unwrap(), ["93.184.216.34"]);
    let refused = "hooks.example has no address of the open internet: set allow_private = true to \
                   send there";
    assert_eq!(found(&lookup).await.unwrap_err(), refused);
    assert_eq!(found(&lookup).await.unwrap_err(), refused);
    let open = Lookup { resolver, may_be_private: true };
    assert_eq!(found(&open).await.unwrap(), private);
}

/// The name is public when it is configured and this machine when the message is sent.
#[tokio::test]
async fn a_name_that_turns_private_is_not_connected_to() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let resolver = Answers::of([&["93.184.216.34"], &["127.0.0.1"]]);
    let lookup = Lookup { resolver: resolver.clone(), may_be_private: false };
    assert_eq!(found(&lookup).await.unwrap(), ["93.184.216.34"]);
    let url = format!("https://hooks.example:{port}/secret");
    let receiver = AlertReceiver::with_resolver(&url, false, resolver).unwrap();
    let refused = post(&receiver).await.unwrap_err().to_string();
    let expected = format!(
        "https://hooks.example:{port} cannot be reached: hooks.example has no address of the open \
         internet: set allow_private = true to send there"
    );
    assert_eq!(refused, expected);
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "nobody connected");
}

#[tokio::test]
async fn a_private_address_is_sent_to_where_the_operator_allows_it() {
    let answer = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\ncontent-length: 2\r\n\r\nno";
    let (port, server) = served(answer);
    let url = format!("http://hooks.example:{port}/a?b=c");
    let resolver = Answers::of([&["127.0.0.1"]]);
    let receiver = AlertReceiver::with_resolver(&url, true, resolver).unwrap();
    let answer = post(&receiver).await.unwrap();
    let expected = ReceiverReply { status: 429, retry_after: Some("7".into()), body: "no".into() };
    assert_eq!(answer, expected);
    let request = server.join().unwrap().to_lowercase();
    assert!(request.starts_with("post /a?b=c http/1.1\r\n"), "{request}");
    for line in ["content-type: application/json", "webhook-id: m-1", "user-agent: surveyd/0.1.0"] {
        assert!(request.contains(line), "{request}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (port, server) =
        served("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n");
    let receiver = AlertReceiver::new(&format!("http://127.0.0.1:{port}/"), true).unwrap();
    assert_eq!(post(&receiver).await.unwrap().status, 302);
    server.join().unwrap();
}

#[tokio::test]
async fn of_a_long_answer_the_beginning_is_read() {
    let body = "x".repeat(ANSWER_MOST + 1);
    let answer = format!("HTTP/1.1 500 No\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let (port, server) = served(answer.leak());
    let receiver = AlertReceiver::new(&format!("http://127.0.0.1:{port}/"), true).unwrap();
    assert_eq!(post(&receiver).await.unwrap().body, body[..ANSWER_MOST]);
    server.join().unwrap();
}

#[tokio::test]
async fn a_failure_names_the_origin_and_not_the_path() {
    let port = {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.local_addr().unwrap().port()
    };
    let receiver = AlertReceiver::new(&format!("http://127.0.0.1:{port}/T0/secret"), true).unwrap();
    let failed = post(&receiver).await.unwrap_err().to_string();
    assert!(
        failed.starts_with(&format!("http://127.0.0.1:{port} cannot be reached: ")),
        "{failed}"
    );
    assert!(!failed.contains("secret"));
    assert_eq!(format!("{receiver:?}"), format!("Receiver(http://127.0.0.1:{port})"));
}

#[tokio::test]
async fn the_system_looks_names_up_and_what_it_finds_is_judged() {
    let lookup = Lookup { resolver: Arc::new(SystemResolver), may_be_private: true };
    let name = || Name::from_str("localhost").unwrap();
    let found: Vec<IpAddr> = lookup.resolve(name()).await.unwrap().map(|it| it.ip()).collect();
    assert!(found.iter().all(IpAddr::is_loopback) && !found.is_empty());
    let lookup = Lookup { resolver: Arc::new(SystemResolver), may_be_private: false };
    assert!(lookup.resolve(name()).await.is_err());
}
