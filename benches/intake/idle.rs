//! What the daemon costs while nothing happens.

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use crate::daemon::{Log, SURVEYD, Server};
use crate::{figures, scratch};

/// Starts that are timed, on a new database and on one that is there.
const STARTS: usize = 5;
/// Until then a daemon may still be busy with its start.
const REST: Duration = Duration::from_secs(5);
/// How long its wake-ups are counted.
const WATCHED: Duration = Duration::from_secs(20);

fn surveyd(folder: &Path) -> Server {
    Server::surveyd(Path::new(SURVEYD), folder, Log::File)
}

pub fn measure() {
    let (mut first, mut again) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let folder = scratch();
        for times in [&mut first, &mut again] {
            let server = surveyd(folder.path());
            times.push(server.ready_after.as_secs_f64() * 1e3);
        }
    }
    println!("\nidle: median [min..max]\n");
    println!("ready after, new database    {} ms", figures::spread(first, 1));
    println!("ready after, known database  {} ms", figures::spread(again, 1));
    let folder = scratch();
    let server = surveyd(folder.path());
    sleep(REST);
    let resident = server.status("VmRSS") as f64 / 1024.0;
    let anonymous = server.status("RssAnon") as f64 / 1024.0;
    println!(
        "RSS {:>4} s after the start     {resident:.1} MiB, {anonymous:.1} of it its own",
        REST.as_secs()
    );
    let before = server.sleeps();
    sleep(WATCHED);
    // A thread that came in between counts whole, one that has ended not at all.
    let woken: u64 = server
        .sleeps()
        .into_iter()
        .map(|(thread, sleeps)| {
            let known = before.iter().find(|(known, _)| *known == thread);
            sleeps - known.map_or(0, |(_, sleeps)| *sleeps)
        })
        .sum();
    println!(
        "wake-ups in {} s             {:.2} a second, {} threads",
        WATCHED.as_secs(),
        woken as f64 / WATCHED.as_secs_f64(),
        server.threads().len(),
    );
}
