//! A build of the program on one database: its commands, its daemon, and a supervisor who asks it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use surveyd::credentials;

use crate::database::Database;
use crate::made::ACCOUNT;
use crate::server::{Server, free_address};

/// The file of the configuration, in the state folder.
pub const CONFIGURATION: &str = "surveyd.toml";

const LOGIN: &str = "mara";
const PASSWORD: &str = "correct horse battery";

/// A connection that has rested so long is made anew, because the daemon ends idle ones.
const RESTED: Duration = Duration::from_secs(5);

/// The longest that an answer is waited for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(300);

/// A daemon is quiet if it had less than this share of a processor for so long.
const QUIET_FOR: Duration = Duration::from_secs(1);
const QUIET_SHARE: f64 = 0.02;
const QUIET_TIMEOUT: Duration = Duration::from_secs(120);

/// Writes the configuration of a database's daemon. It watches a closed port as X, since nothing is
/// due while we measure.
pub fn configure(database: &Database, listen: SocketAddr) {
    let hash = credentials::hash_password(PASSWORD).expect("the system has random bytes").expose();
    let (url, x) = (&database.url, free_address());
    let text = format!(
        "[http]\nlisten = \"{listen}\"\n[store]\nurl = \"{url}\"\n[x]\nbase_url = \"http://{x}\"\n\
         [[accounts]]\nname = \"{ACCOUNT}\"\nuser_id = \"1212121212121\"\nconsumer_key = \"k\"\n\
         consumer_secret = \"s\"\naccess_token = \"t\"\naccess_token_secret = \"s\"\n\
         privacy_url = \"https://acme.example/privacy\"\n[accounts.survey]\n\
         message = \"How did we do?\"\n[[logins]]\nname = \"{LOGIN}\"\nrole = \"supervisor\"\n\
         password_hash = '{hash}'\n"
    );
    let file = database.folder.join(CONFIGURATION);
    fs::write(&file, text).expect("the folder can be written");
    // It holds secrets.
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(&file, private).expect("the file is ours");
}

fn command(program: &Path, folder: &Path, name: &str) -> Command {
    let mut command = Command::new(program);
    command.arg("--config").arg(folder.join(CONFIGURATION)).arg(name);
    command
}

/// Runs a command to its end, and returns how long it took.
pub fn run(program: &Path, folder: &Path, name: &str) -> Duration {
    let mut command = command(program, folder, name);
    command.env_clear().env("STATE_DIRECTORY", folder).current_dir(folder);
    let begun = Instant::now();
    let output = command.output().expect("the program has been built");
    let took = begun.elapsed();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    took
}

/// A daemon and a supervisor who is signed in there.
pub struct Daemon {
    pub server: Server,
    cookie: String,
    stream: TcpStream,
    answered_at: Instant,
}

impl Daemon {
    pub fn start(program: &Path, database: &Database) -> Self {
        let address = free_address();
        configure(database, address);
        let log = fs::File::create(database.folder.join("log")).expect("it can be made");
        let mut command = command(program, &database.folder, "run");
        command.stdout(Stdio::null()).stderr(log);
        let server = Server::start(command, &database.folder, address);
        let stream = connect(address);
        let mut daemon =
            Self { server, cookie: String::new(), stream, answered_at: Instant::now() };
        let form = format!("name={LOGIN}&password={}", PASSWORD.replace(' ', "+"));
        let answer = daemon.exchange(&format!(
            "POST /login HTTP/1.1\r\nhost: {address}\r\norigin: http://{address}\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
            form.len()
        ));
        let cookie = answer.header("set-cookie").expect("whoever signs in gets a cookie");
        daemon.cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        daemon
    }

    /// Waits until it works on nothing any more.
    pub fn wait_until_quiet(&self) {
        let begun = Instant::now();
        loop {
            let before = self.server.processor_time();
            thread::sleep(QUIET_FOR);
            let worked = self.server.processor_time() - before;
            if worked < QUIET_FOR.mul_f64(QUIET_SHARE) {
                return;
            }
            assert!(begun.elapsed() < QUIET_TIMEOUT, "the daemon comes to rest");
        }
    }

    /// Asks for an address. Returns the body, and the time from the first byte sent to the last one
    /// received.
    pub fn ask(&mut self, path: &str) -> (Duration, Vec<u8>) {
        if self.answered_at.elapsed() > RESTED {
            self.stream = connect(self.server.address);
        }
        let (address, cookie) = (self.server.address, &self.cookie);
        let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\ncookie: {cookie}\r\n\r\n");
        let begun = Instant::now();
        let answer = self.exchange(&request);
        let took = begun.elapsed();
        let text = String::from_utf8_lossy(&answer.bytes);
        assert!(text.starts_with("HTTP/1.1 200 "), "{path}: {text}");
        (took, answer.bytes[answer.head..].to_vec())
    }

    fn exchange(&mut self, request: &str) -> Answer {
        self.stream.write_all(request.as_bytes()).expect("the daemon reads");
        let mut answer = Answer { bytes: Vec::new(), head: 0 };
        let mut more = vec![0; 64 * 1_024];
        while !answer.is_whole() {
            let read = self.stream.read(&mut more).expect("the daemon answers");
            assert!(read > 0, "cut off: {}", String::from_utf8_lossy(&answer.bytes));
            answer.bytes.extend_from_slice(&more[..read]);
        }
        self.answered_at = Instant::now();
        answer
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the daemon listens");
    stream.set_nodelay(true).expect("it is a TCP connection");
    stream.set_read_timeout(Some(ANSWER_TIMEOUT)).expect("the time is not zero");
    stream
}

struct Answer {
    bytes: Vec<u8>,
    /// The length of its head. Zero until all of that is there.
    head: usize,
}

impl Answer {
    /// True if its head and as much of a body as that announces are there.
    fn is_whole(&mut self) -> bool {
        if self.head == 0 {
            let end = self.bytes.windows(4).position(|end| end == b"\r\n\r\n");
            self.head = end.map_or(0, |end| end + 4);
        }
        let length = || self.header("content-length")?.parse::<usize>().ok();
        self.head > 0
            && self.bytes.len() >= self.head + length().expect("surveyd announces the length")
    }

    fn header(&self, wanted: &str) -> Option<&str> {
        let head = std::str::from_utf8(&self.bytes[..self.head]).ok()?;
        head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case(wanted).then_some(value.trim())
        })
    }
}
