//! How long supervisors wait for their pages over many answers, how long it takes to make the
//! results of what is on record, and how long the same numbers take without them.
//!
//! ```text
//! cargo bench --bench results
//! cargo bench --bench results -- --rows 1000000 --postgres postgres://localhost/postgres
//! cargo bench --bench results -- --rows 100000 --other FILE
//! ```
//!
//! For each size and each engine:
//!
//! 1. `surveyd migrate` makes a database, and a year of a made-up business is written into it in
//!    bulk (see [`made`]), each survey marked once for its result, as by an upgrade;
//! 2. `surveyd report` counts what is marked: that fills the results;
//! 3. the daemon is started, and once it is quiet a supervisor asks for each page in turn over one
//!    connection, round by round. Each page is also a row of the audit log, which the disk must
//!    have. The daemon's peak of memory includes the sign-in, whose argon2id takes 19 MiB;
//! 4. beside it stands the scan: the report by team from the surveys themselves (see [`scan`]). It
//!    must be the answer of `/v1/report`, byte by byte.
//!
//! Surveys have no history here, which no page but that of a single one reads. PostgreSQL's tables
//! are vacuumed after 1 and 2, as it does of itself later. With `--other` each build has a database
//! of its own, and the builds take turns. Nothing is asserted about time.

mod asking;
mod daemon;
mod database;
mod made;
mod rows;
mod scan;
#[path = "../server/mod.rs"]
mod server;
mod table;
mod words;

use std::fs;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Parser;
use surveyd::clock::Clock;

use database::{Database, Engine};
use made::Business;
use table::{Line, grouped};

/// Measures the results.
#[derive(Clone, Debug, Parser)]
struct Arguments {
    /// Answers on record, several by commas
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 100_000, 1_000_000])]
    rows: Vec<u64>,
    /// A PostgreSQL server, to measure there, too, in databases that are made and dropped
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// How often each page is asked for
    #[arg(long, default_value_t = 20)]
    rounds: usize,
    /// What the business is drawn by
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Leave SQLite's databases there, and measure those that are there already as they are
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    /// Another build of surveyd, to judge a change by
    #[arg(long, value_name = "FILE")]
    other: Option<PathBuf>,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

/// A build of the program with its own database.
struct Side {
    program: PathBuf,
    database: Database,
}

impl Side {
    /// The file that says that a database that was kept is whole.
    fn complete(&self) -> PathBuf {
        self.database.folder.join("complete")
    }

    fn is_complete(&self) -> bool {
        let (folder, is_complete) = (&self.database.folder, self.complete().exists());
        let is_empty = fs::read_dir(folder).expect("it is there").next().is_none();
        assert!(is_complete || is_empty, "{} was broken off: delete it", folder.display());
        is_complete
    }

    /// Makes the database. Returns how long it took to write the surveys and to fill the results.
    async fn fill(&self, answers: u64, business: Business) -> [Duration; 2] {
        let Self { program, database } = self;
        daemon::configure(database, server::free_address());
        daemon::run(program, &database.folder, "migrate");
        let begun = Instant::now();
        database.fill(answers, business).await;
        let written = begun.elapsed();
        database.settle().await;
        say("the results are filled");
        let filled = daemon::run(program, &database.folder, "report");
        database.settle().await;
        fs::write(self.complete(), "").expect("the folder can be written");
        [written, filled]
    }
}

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    if !arguments.bench {
        return println!("this is a benchmark: cargo bench --bench results");
    }
    for answers in &arguments.rows {
        measure(*answers, Engine::Sqlite, &arguments).await;
        if arguments.postgres.is_some() {
            measure(*answers, Engine::Postgres, &arguments).await;
        }
    }
}

async fn measure(answers: u64, engine: Engine, arguments: &Arguments) {
    say(&format!("{}, {} answers", engine.name(), grouped(answers as f64)));
    // Beside the build, for `/tmp` is memory on many machines.
    let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("it can be made");
    let kept = arguments.keep.as_ref().filter(|_| engine == Engine::Sqlite);
    let root = match kept {
        Some(keep) => keep.join(format!("{answers}-{}", arguments.seed)),
        None => scratch.path().to_owned(),
    };
    let own = ("surveyd", Path::new(server::SURVEYD));
    let builds = [Some(own), arguments.other.as_deref().map(|other| ("other", other))];
    let (mut sides, mut names) = (Vec::new(), Vec::new());
    let (mut written, mut filled) = (Line::new("surveys written"), Line::new("results filled"));
    let (surveys, now) = (made::surveys(answers), Clock::System.now());
    for (name, program) in builds.into_iter().flatten() {
        let folder = root.join(name);
        fs::create_dir_all(&folder).expect("it can be made");
        // The program runs in its folder.
        let [folder, program] =
            [&folder, program].map(|path| fs::canonicalize(path).expect("it is there"));
        let server = arguments.postgres.as_deref().filter(|_| engine == Engine::Postgres);
        let side = Side { program, database: Database::new(folder, server).await };
        if !side.is_complete() {
            let took = side.fill(answers, Business::new(answers, arguments.seed, now)).await;
            written.add(took[0], surveys);
            filled.add(took[1], surveys);
        }
        sides.push(side);
        names.push(name);
    }
    let size = sides[0].database.mebibytes().await;
    // There are none for databases that were there already.
    let mut lines = vec![written, filled];
    lines.retain(|line| !line.builds.is_empty());
    lines.extend(asking::measure(&sides, arguments.rounds).await);
    say("");
    let [surveys, answers] = [surveys, answers].map(|count| grouped(count as f64));
    let (engine, rounds) = (engine.name(), arguments.rounds);
    let title =
        format!("{engine}: {answers} answers, {surveys} surveys, {size:.0} MiB, {rounds} rounds");
    table::print(&title, &names, &lines);
}

/// Says what is being done, on a terminal alone.
fn say(what: &str) {
    let mut terminal = std::io::stderr();
    if terminal.is_terminal() {
        let _ = write!(terminal, "\r\x1b[K{what}").and_then(|()| terminal.flush());
    }
}
