//! The pages, asked for round by round, and the scan beside them.

use std::time::{Duration, Instant};

use surveyd::clock::Clock;
use surveyd::domain::days::{Day, Days};
use surveyd::domain::view::AskedPeriod;

use crate::daemon::Daemon;
use crate::table::{Line, median, milliseconds};
use crate::{Side, made, say, scan};

/// Quick scans are repeated for so long, at most so often.
const SCANNED_FOR: Duration = Duration::from_secs(5);
const SCANS: usize = 5;

/// What is asked for, by the name of its line.
struct Questions {
    year: Days,
    month: Days,
    all: Vec<(&'static str, String)>,
}

const PAGE_OF_YEAR: &str = "/ year by team";
const OF_YEAR: &str = "/v1/report year by team";
const OF_MONTH: &str = "/v1/report 28 days by team";

impl Questions {
    fn new(today: Day) -> Self {
        let year = Days { from: today.plus(-365), to: today.plus(-1) };
        let month = AskedPeriod::Last28Days.days(today);
        let [days, of_month] = [year, month].map(|it| format!("from={}&to={}", it.from, it.to));
        let agent = made::agent(7);
        let all = vec![
            ("/ 28 days", "/".to_owned()),
            (PAGE_OF_YEAR, format!("/?{days}&by=team")),
            ("/ year by agent", format!("/?{days}&by=agent")),
            ("/ year by tag", format!("/?{days}&by=tag")),
            ("/ year of one agent", format!("/?{days}&agent={agent}")),
            ("/ 28 days of one agent by tag", format!("/?agent={agent}&by=tag")),
            ("/comments year", format!("/comments?{days}")),
            ("/surveys year", format!("/surveys?{days}")),
            // Alone, as the scan computes it. Pages compare it with the year before.
            (OF_YEAR, format!("/v1/report?{days}&by=team&against=none")),
            (OF_MONTH, format!("/v1/report?{of_month}&by=team&against=none")),
        ];
        Self { year, month, all }
    }

    fn address(&self, name: &str) -> &str {
        &self.all.iter().find(|(of, _)| *of == name).expect("it is one of them").1
    }
}

/// Asks the daemons of all sides. The scan is of the first side.
pub async fn measure(sides: &[Side], rounds: usize) -> Vec<Line> {
    let zone = scan::configuration(&sides[0].database).report.time_zone;
    let questions = Questions::new(zone.day_of(Clock::System.now()));
    let start = |side: &Side| Daemon::start(&side.program, &side.database);
    let mut daemons: Vec<Daemon> = sides.iter().map(start).collect();
    for daemon in &mut daemons {
        for (name, address) in &questions.all {
            say(&format!("warming up: {name}"));
            daemon.ask(address);
        }
        daemon.wait_until_quiet();
    }
    let mut lines: Vec<Line> = questions.all.iter().map(|(name, _)| Line::new(name)).collect();
    for line in &mut lines {
        line.builds = vec![Vec::new(); daemons.len()];
        line.bytes = vec![0; daemons.len()];
    }
    for round in 0..rounds {
        for ((name, address), line) in questions.all.iter().zip(&mut lines) {
            say(&format!("round {} of {rounds}: {name}", round + 1));
            for turn in 0..daemons.len() {
                // Each build is first in its turn.
                let build = (turn + round) % daemons.len();
                let (took, body) = daemons[build].ask(address);
                line.builds[build].push(milliseconds(took));
                line.bytes[build] = body.len();
            }
        }
    }
    let mut memory = Line::new("the daemon's peak of memory");
    memory.sizes = daemons.iter().map(|it| format!("{}.0", it.server.status("VmHWM"))).collect();
    let mut start = Line::new("the daemon's start");
    start.builds = daemons.iter().map(|it| vec![milliseconds(it.server.ready_after)]).collect();
    lines.extend([memory, start]);
    let year = ("scan, year by team", questions.year, [OF_YEAR, PAGE_OF_YEAR].as_slice());
    let month = ("scan, 28 days by team", questions.month, [OF_MONTH].as_slice());
    for (name, days, beside) in [year, month] {
        say(name);
        let address = questions.address(beside[0]);
        let scanned = scanned(name, &sides[0], &mut daemons[0], days, address).await;
        let scanned = beside_pages(scanned, &lines, beside);
        lines.push(scanned);
    }
    lines
}

/// Scans, and compares the report with that of an address.
async fn scanned(
    name: &'static str,
    side: &Side,
    daemon: &mut Daemon,
    days: Days,
    address: &str,
) -> Line {
    let begun = Instant::now();
    let mut took = Vec::new();
    while took.is_empty() || (took.len() < SCANS && begun.elapsed() < SCANNED_FOR) {
        let (one, report) = scan::report(&side.database, days).await;
        took.push(milliseconds(one));
        let (_, answered) = daemon.ask(address);
        assert_eq!(report, String::from_utf8_lossy(&answered), "both ways give the same numbers");
    }
    let mut line = Line::new(name);
    line.builds = vec![took];
    line
}

/// Notes how many times as long it took as the lines of those names.
fn beside_pages(mut line: Line, lines: &[Line], names: &[&str]) -> Line {
    let mut notes = Vec::new();
    for name in names {
        let page = lines.iter().find(|line| line.name == *name).expect("it was asked for");
        let times = median(&line.builds[0]) / median(&page.builds[0]);
        notes.push(format!("{times:.1} x {name}"));
    }
    line.note = notes.join(", ");
    line
}
