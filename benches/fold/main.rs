//! How fast updates are folded into the rows of a million feedback objects, beside what SQLite
//! alone takes, and whether folding holds up those who write at the same time.
//!
//! ```text
//! cargo bench --bench fold
//! cargo bench --bench fold -- --rows 100000 --rounds 5 --pages 100 --batch 20
//! ```
//!
//! The sides take turns within one run, each on a copy of the same database, and each folds the
//! very same updates, a batch in a transaction:
//!
//! - A: [`surveyd::store::Store::fold`], the daemon's own: joins each update with what is known, in
//!   whatever order they come, finds the surveys and moves them on;
//! - B: an upsert of the same columns through rusqlite, prepared once, in a loop: where the update
//!   is newer, it replaces the row. It joins nothing and knows of no surveys, so it is less than
//!   the work;
//! - C: rusqlite again, with all of the work but the moving on of surveys: reads the row, joins,
//!   finds the survey of one that has none, and writes what has changed;
//! - D: A again, where the database marks no survey for its result. So A/D is what the reports cost
//!   an answer at the moment it is written. Making the results comes later and holds up no fold.
//!
//! The cells differ in what the updates are about (see [`updates::Kind`]). Nothing is asserted
//! about time; that the sides end with the same rows is.

mod figures;
mod raw;
mod table;
mod together;
mod updates;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use clap::Parser;
use surveyd::domain::feedback::Update;
use surveyd::domain::time::Millis;
use surveyd::store::{Location, Store};

use figures::spread;
use updates::{Kind, Stream};

/// Sides and rounds stay comparable only if the disk owes nothing from the one before.
const SETTLE: Duration = Duration::from_millis(700);

const SIDES: [(char, &str); 4] = [
    ('A', "surveyd's fold"),
    ('B', "rusqlite, newest wins"),
    ('C', "rusqlite, read and join"),
    ('D', "the fold without marks"),
];

/// Measures the folding of updates.
#[derive(Clone, Debug, Parser)]
struct Arguments {
    /// Feedback rows in the table before
    #[arg(long, default_value_t = 1_000_000)]
    rows: u64,
    /// How often the sides take turns
    #[arg(long, default_value_t = 5)]
    rounds: u64,
    /// Batches in each cell
    #[arg(long, default_value_t = 400)]
    pages: u64,
    /// Updates in each batch
    #[arg(long, default_value_t = 100)]
    batch: u64,
    /// How long closes are taken in beside the folding, in each cell
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Only these cells
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Kind::ALL)]
    kinds: Vec<Kind>,
    /// Leave out the closes taken in beside the folding
    #[arg(long)]
    no_together: bool,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    if !arguments.bench {
        return println!("this is a benchmark: cargo bench --bench fold");
    }
    let answers = 2 * arguments.rounds * arguments.pages * arguments.batch;
    if answers > updates::bare(arguments.rows) {
        return println!("too few --rows for so many --rounds and --pages of first answers");
    }
    // Beside the build, for `/tmp` is memory on many machines.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("it can be made");
    let files = SIDES.map(|(letter, _)| folder.path().join(letter.to_string()));
    say("filling the table");
    table::make(&files[0], arguments.rows).await;
    for file in &files[1..] {
        std::fs::create_dir(file).expect("it can be made");
        let [from, to] = [&files[0], file].map(|folder| folder.join(table::FILE));
        std::fs::copy(from, to).expect("the disk has room for four copies");
    }
    table::mark_nothing(&files[3]);
    // No side is to be the one that fetches its file from the disk.
    for file in &files {
        let mut file = std::fs::File::open(file.join(table::FILE)).expect("it is there");
        std::io::copy(&mut file, &mut std::io::sink()).expect("it can be read");
    }
    let mut rates: BTreeMap<(Kind, char), Vec<f64>> = BTreeMap::new();
    for round in 0..arguments.rounds {
        for kind in &arguments.kinds {
            for turn in 0..SIDES.len() {
                // Each side is first in its turn.
                let side = (turn + round as usize) % SIDES.len();
                let (letter, name) = SIDES[side];
                say(&format!("round {} of {}: {kind:?}, {name}", round + 1, arguments.rounds));
                let stream = Stream::new(*kind, round, &arguments);
                let took = fold(letter, &files[side], stream).await;
                let updates = arguments.pages * arguments.batch;
                rates.entry((*kind, letter)).or_default().push(updates as f64 / took.as_secs_f64());
            }
        }
    }
    say("comparing the rows");
    let compared = table::compare(&files, arguments.rows);
    say("");
    print(&rates, &arguments);
    println!("\n{compared} rows compared: the sides hold the same");
    if !arguments.no_together {
        together::measure(&files[0], &arguments).await;
    }
}

/// Folds a cell's updates into a side's database. How long the folding took, without making the
/// updates.
async fn fold(letter: char, folder: &Path, stream: Stream) -> Duration {
    settle();
    let mut took = Duration::ZERO;
    match letter {
        'A' | 'D' => {
            let store = open(folder).await;
            for page in stream {
                let now = now(&page);
                let begun = Instant::now();
                store.fold(updates::ACCOUNT, page, now).await.expect("the disk takes it");
                took += begun.elapsed();
            }
            store.close().await;
        }
        _ => {
            let mut database = raw::open(&folder.join(table::FILE));
            for page in stream {
                let begun = Instant::now();
                let done = match letter {
                    'B' => raw::upsert(&mut database, &page),
                    _ => raw::read_and_join(&mut database, page),
                };
                done.expect("the disk takes it");
                took += begun.elapsed();
            }
        }
    }
    took
}

async fn open(folder: &Path) -> Store {
    let location = Location::parse(&format!("sqlite:{}", table::FILE), folder);
    Store::open(&location.expect("the path is sound")).await.expect("the database opens")
}

/// The instant at which X would have been asked for them.
fn now(page: &[Update]) -> Millis {
    page.iter().map(|update| update.object.updated_at).max().expect("no page is empty")
}

fn settle() {
    // Without sync(1), the pause alone has to do.
    let _ = std::process::Command::new("sync").status();
    std::thread::sleep(SETTLE);
}

fn say(what: &str) {
    eprint!("\r\x1b[K{what}");
    let _ = std::io::stderr().flush();
}

fn print(rates: &BTreeMap<(Kind, char), Vec<f64>>, arguments: &Arguments) {
    println!(
        "updates folded into {} rows, batches of {}, {} rounds of {} batches: thousands a second, \
         median [min..max]\n",
        arguments.rows, arguments.batch, arguments.rounds, arguments.pages
    );
    let names = SIDES.map(|(letter, name)| format!("{letter} {name}"));
    let row = |head: &str, rates: Vec<String>, ratios: Vec<String>| {
        print!("{head:10}");
        rates.iter().for_each(|text| print!("{text:>26}"));
        ratios.iter().for_each(|text| print!("{text:>20}"));
        println!();
    };
    row("", names.to_vec(), ["A/B", "A/C", "A/D"].map(str::to_owned).to_vec());
    for kind in &arguments.kinds {
        let sides = SIDES.map(|(letter, _)| &rates[&(*kind, letter)]);
        let thousands = sides.map(|rates| rates.iter().map(|rate| rate / 1e3).collect());
        let ratio = |to: &&Vec<f64>| sides[0].iter().zip(*to).map(|(a, to)| a / to).collect();
        row(
            &format!("{kind:?}"),
            thousands.map(|rates| spread(rates, 1)).to_vec(),
            sides[1..].iter().map(|to| spread(ratio(to), 2)).collect(),
        );
    }
}
