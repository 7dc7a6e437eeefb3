//! How many closes a second surveyd takes in, each signed, each answered only once its commit is
//! safe on the disk, and what the daemon costs while nothing happens.
//!
//! ```text
//! cargo bench --bench intake
//! cargo bench --bench intake -- --seconds 5 --rounds 5 --connections 256
//! ```
//!
//! The figures of one machine mean little on another, and the disk makes them swing from one
//! minute to the next. So the sides take turns within one run, each on a new database after the
//! disk has settled, and what counts are the ratios of cells that stood beside each other:
//!
//! - A: `surveyd run`, the built program, its log at `info` thrown away;
//! - F: the same with its log in a file;
//! - B: SQLite alone: one thread that commits what as many submitters have handed in, without
//!   HTTP, signatures, JSON or decisions. The bound that A comes near;
//! - C: the same HTTP work as A, with one transaction a request: what A would be without its
//!   group commit;
//! - D: the same HTTP work without a database;
//! - O, where `--other FILE` names one: another build of the program, to judge a change by.
//!
//! The client shares the machine's cores with all of them: it is a part of every figure. Nothing
//! is asserted about time; that every close answered 202 stands in the database is.

mod client;
mod counterparts;
mod daemon;
mod figures;
mod idle;
mod notices;
mod raw;
#[path = "../server/mod.rs"]
mod server;

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Parser;

use daemon::{Log, Server};
use figures::{Cell, Column};

/// Sides and rounds stay comparable only if the disk owes nothing from the one before.
const SETTLE: Duration = Duration::from_millis(700);

/// Measures the durable intake of closes.
#[derive(Clone, Debug, Parser)]
struct Arguments {
    /// How long each cell is measured
    #[arg(long, default_value_t = 2.5)]
    seconds: f64,
    /// How often the sides take turns
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Connections kept alive, each with one request under way
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Leave out the measurement of the idle daemon
    #[arg(long)]
    no_idle: bool,
    /// Leave out the measurement of the intake
    #[arg(long)]
    no_intake: bool,
    /// Only these sides, by their letters
    #[arg(long, default_value = "AFBCDO")]
    sides: String,
    /// Another build of surveyd, to measure as side O
    #[arg(long, value_name = "FILE")]
    other: Option<PathBuf>,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
    /// Serve as side C or D instead of measuring
    #[arg(long, hide = true)]
    serve: Option<counterparts::Side>,
    #[arg(long, hide = true, required_if_eq_any = [("serve", "single"), ("serve", "bare")])]
    listen: Option<SocketAddr>,
}

impl Arguments {
    fn wants(&self, letter: char) -> bool {
        self.sides.contains(letter) && (letter != 'O' || self.other.is_some())
    }
}

fn main() {
    let arguments = Arguments::parse();
    if let (Some(side), Some(listen)) = (arguments.serve, arguments.listen) {
        return counterparts::serve(side, listen);
    }
    if !arguments.bench {
        return println!("this is a benchmark: cargo bench --bench intake");
    }
    println!("one fsync of 4 KiB takes {:.2} ms here", fsync_ms());
    if !arguments.no_intake {
        intake(&arguments);
    }
    if !arguments.no_idle {
        idle::measure();
    }
}

/// The folder for databases: beside the build, for `/tmp` is memory on many machines.
fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("the target folder can be written")
}

fn intake(arguments: &Arguments) {
    let mut columns = [
        Column::new('A', "surveyd"),
        Column::new('F', "surveyd, log to a file"),
        Column::new('B', "rusqlite group commit, no HTTP"),
        Column::new('C', "one transaction a request"),
        Column::new('D', "the same HTTP, no database"),
        Column::new('O', "the other surveyd"),
    ];
    for round in 1..=arguments.rounds {
        for column in columns.iter_mut().filter(|column| arguments.wants(column.letter)) {
            eprint!("\r\x1b[Kround {round} of {}: {}", arguments.rounds, column.name);
            let _ = std::io::stderr().flush();
            column.cells.push(cell(column.letter, arguments));
        }
    }
    eprint!("\r\x1b[K");
    figures::print(&columns, arguments);
}

/// Measures one side once, on a new database.
fn cell(letter: char, arguments: &Arguments) -> Cell {
    let folder = scratch();
    if letter == 'B' {
        settle();
        return raw::measure(folder.path(), arguments);
    }
    let notices = notices::Notices::sign(arguments.seconds);
    let server = match letter {
        'A' => Server::surveyd(Path::new(daemon::SURVEYD), folder.path(), Log::Nowhere),
        'F' => Server::surveyd(Path::new(daemon::SURVEYD), folder.path(), Log::File),
        'C' => Server::counterpart(folder.path(), "single"),
        'D' => Server::counterpart(folder.path(), "bare"),
        _ => {
            let other = arguments.other.as_ref().expect("the side is measured only where it is");
            Server::surveyd(other, folder.path(), Log::Nowhere)
        }
    };
    settle();
    let (before, worked) = (server.status("VmRSS"), server.processor_time());
    let mut taken = client::post(server.address, &notices, arguments);
    taken.processor = Some(server.processor_time() - worked);
    taken.memory = Some((before, server.status("VmRSS")));
    drop(server);
    if letter != 'D' {
        let stored = surveys(folder.path());
        assert_eq!(stored, taken.micros.len(), "every close answered 202 is in the database");
    }
    taken
}

/// Killed outright just before, the daemon has left what it acknowledged.
fn surveys(folder: &Path) -> usize {
    let database = rusqlite::Connection::open(folder.join(daemon::DATABASE)).expect("it exists");
    database
        .query_row("select count(*) from survey", [], |row| row.get::<_, i64>(0))
        .map(|count| usize::try_from(count).expect("a count is not negative"))
        .expect("the database is whole")
}

fn settle() {
    // Without sync(1), the pause alone has to do.
    let _ = std::process::Command::new("sync").status();
    std::thread::sleep(SETTLE);
}

/// The median: what a commit costs at the least, to judge the disk by.
fn fsync_ms() -> f64 {
    let folder = scratch();
    settle();
    let mut file = std::fs::File::create(folder.path().join("fsync")).expect("it can be made");
    let mut times: Vec<f64> = (0..200)
        .map(|_| {
            let start = Instant::now();
            file.write_all(&[1; 4096]).and_then(|()| file.sync_data()).expect("the disk takes it");
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    figures::median(&mut times)
}
