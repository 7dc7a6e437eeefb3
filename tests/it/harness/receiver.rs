//! A receiver of alerts on this machine, which answers as it is told to.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request as it came in.
#[derive(Clone, Debug)]
pub struct Request {
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Answers requests in turn. Once the answers are used up, each is answered by 204.
pub struct AlertReceiver {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    answers: Arc<Mutex<Vec<String>>>,
}

impl AlertReceiver {
    pub fn new() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (requests, answers) = (Arc::default(), Arc::<Mutex<Vec<String>>>::default());
        let this = Self { address, requests, answers };
        let (requests, answers) = (this.requests.clone(), this.answers.clone());
        // It ends with the process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                serve(stream.unwrap(), &requests, &answers);
            }
        });
        this
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// The next request is answered so: a status and headers, as `429|retry-after: 7`. The answer
    /// `cut` is none: the connection ends.
    pub fn answer_next(&self, answer: &str) {
        self.answers.lock().unwrap().push(answer.to_owned());
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, requests: &Mutex<Vec<Request>>, answers: &Mutex<Vec<String>>) {
    let request = read(&mut stream);
    requests.lock().unwrap().push(request);
    let mut answers = answers.lock().unwrap();
    let answer = if answers.is_empty() { "204".to_owned() } else { answers.remove(0) };
    if answer == "cut" {
        return;
    }
    let mut lines = answer.split('|');
    let mut text = format!("HTTP/1.1 {} Whatever\r\n", lines.next().unwrap());
    lines.for_each(|line| text += &format!("{line}\r\n"));
    let length = if text.contains(" 204 ") { "" } else { "content-length: 0\r\n" };
    let _ = stream.write_all(format!("{text}{length}connection: close\r\n\r\n").as_bytes());
}

fn read(stream: &mut TcpStream) -> Request {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let head_end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(end) = head_end {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let headers: Vec<(String, String)> = head
                .lines()
                .skip(1)
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
                .collect();
            let request = Request { headers, body: bytes[end + 4..].to_vec() };
            let length: usize = request.header("content-length").parse().unwrap();
            if request.body.len() >= length {
                return request;
            }
        }
        let count = stream.read(&mut chunk).unwrap();
        assert!(count > 0, "the request breaks off");
        bytes.extend_from_slice(&chunk[..count]);
    }
}
