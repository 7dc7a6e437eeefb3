//! The demonstration that stays up: its past, its pages, its end.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use serde_json::Value;

use super::NOWHERE;
use crate::harness::program::{Program, configuration};

/// A slow machine makes up the past in a minute.
const PATIENCE: Duration = Duration::from_secs(240);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A demonstration that stays up.
struct Served {
    program: Program,
    child: Child,
    address: String,
    password: String,
}

impl Served {
    /// Its temporary folder is made in this one.
    fn temporary(program: &Program) -> PathBuf {
        program.path("temporary")
    }

    async fn start(seed: &str) -> Self {
        let program = Program::new(&configuration(NOWHERE));
        let temporary = Self::temporary(&program);
        fs::create_dir(&temporary).unwrap();
        let arguments = ["demo", "--serve", "--conversations", "1", "--seed", seed];
        let mut command = program.command(&arguments);
        let (out, said) = (program.path("out"), program.path("said"));
        command.env("TMPDIR", temporary);
        command.stdout(File::create(&out).unwrap()).stderr(File::create(&said).unwrap());
        let mut child = command.spawn().unwrap();
        let started = Instant::now();
        loop {
            let text = fs::read_to_string(&out).unwrap();
            if text.ends_with("Ctrl-C ends it and removes all.\n") {
                let after = |words: &str| {
                    let rest = text.split_once(words).unwrap_or_else(|| panic!("{text}")).1;
                    rest.lines().next().unwrap().to_owned()
                };
                let address = after("The results of the made-up business: ");
                let address = address.strip_suffix('/').unwrap().to_owned();
                let password = after("password of both: ");
                return Self { program, child, address, password };
            }
            if let Some(status) = child.try_wait().unwrap() {
                panic!("it ended with {status}: {}", fs::read_to_string(&said).unwrap());
            }
            assert!(started.elapsed() < PATIENCE, "it is not up: {text}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Signs in. Returns the browser of that person and where they are led.
    async fn sign_in(&self, name: &str) -> (Browser<'_>, String) {
        // Whoever comes second finds the same one installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().redirect(Policy::none()).build().unwrap();
        let form = format!("name={name}&password={}", self.password);
        let request = client
            .post(format!("{}/login", self.address))
            .header("origin", &self.address)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        let cookie = header("set-cookie").split(';').next().unwrap().to_owned();
        (Browser { served: self, client, cookie }, header("location"))
    }

    /// Ends it by a signal. Nothing of it is left.
    fn end(mut self) {
        let kill = format!("kill -TERM {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        let left = fs::read_dir(Self::temporary(&self.program)).unwrap().count();
        assert_eq!(left, 0, "something is left of it");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

struct Browser<'s> {
    served: &'s Served,
    client: Client,
    cookie: String,
}

impl Browser<'_> {
    async fn get(&self, path: &str) -> (StatusCode, String) {
        let request = self.client.get(format!("{}{path}", self.served.address));
        let response = request.header("cookie", &self.cookie).send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    async fn teams(&self) -> Value {
        let (status, text) = self.get("/v1/report?by=team&period=90d").await;
        assert_eq!(status, StatusCode::OK, "{text}");
        let report: Value = serde_json::from_str(&text).unwrap();
        report["groups"].clone()
    }
}

/// The text of a page on one line, without its marks.
fn words(page: &str) -> String {
    let mut text = String::new();
    for part in page.split('<') {
        text.push_str(part.split_once('>').map_or(part, |(_, text)| text));
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demonstration_stays_up_with_a_past_that_its_seed_decides() {
    let (served, again) = tokio::join!(Served::start("7"), Served::start("7"));

    let (demo, home) = served.sign_in("demo").await;
    assert_eq!(home, "/");
    let (status, page) = demo.get("/").await;
    assert_eq!(status, StatusCode::OK, "{page}");
    let text = words(&page);
    assert!(text.contains(" points lower than in the 28 days before"), "{text}");
    let (_, head) = text.split_once("Answers may still come in until ").unwrap();
    assert!(head.contains("Billing got worse: "), "{head}");
    let rest = "more than chance. No other of 6 teams changed by more than chance.";
    assert!(head.contains(rest), "{head}");
    assert!(head.contains("fewer than 5 answers: no score"), "{head}");
    for path in ["/?question=nps", "/comments", "/surveys", "/health", "/audit"] {
        assert_eq!(demo.get(path).await.0, StatusCode::OK, "{path}");
    }

    let (dana, home) = served.sign_in("dana").await;
    assert_eq!(home, "/mine");
    let (status, page) = dana.get("/mine").await;
    assert_eq!(status, StatusCode::OK);
    assert!(!words(&page).contains("There is nothing to show yet"), "{page}");
    assert_eq!(dana.get("/").await.0, StatusCode::NOT_FOUND);

    let (other, _) = again.sign_in("demo").await;
    let (one, other) = (demo.teams().await, other.teams().await);
    let groups = one.as_array().unwrap().len();
    assert_eq!(groups, 8 + 6, "8 teams by CSAT, and all but the tiny by NPS, too: {one}");
    assert_eq!(one, other, "the same seed gives another business");

    served.end();
    again.end();
}
