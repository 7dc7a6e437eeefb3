//! Whether folding holds up those who write at the same time: closes taken in by 64 at once, and a
//! write as small as those that each sending begins with; alone, and beside a poller that folds
//! pages.
//!
//! No real poller folds page after page without a pause: each is asked for at X first.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use surveyd::domain::close::{Close, Notice};
use surveyd::domain::id::{ConversationId, UserId};
use surveyd::domain::policy::AtClose;
use surveyd::domain::policy::decision::{Decision, Ground};
use surveyd::domain::survey_type::{Card, SurveyType};
use surveyd::domain::time::Millis;
use surveyd::store::Store;

use crate::figures::{spread, within};
use crate::updates::{ACCOUNT, Kind, Stream};
use crate::{Arguments, now, open, say, settle};

const SUBMITTERS: usize = 64;

const CLOSED_AT: Millis = Millis(1_800_000_000_000);

/// What goes on beside: the pages, and the least time from the start of one to that of the next.
const BESIDE: [(&str, Option<(Kind, Duration)>); 4] = [
    ("nothing", None),
    ("a page every 100 ms", Some((Kind::Random, Duration::from_millis(100)))),
    ("page after page", Some((Kind::Random, Duration::ZERO))),
    ("the same, first answers", Some((Kind::Answers, Duration::ZERO))),
];

/// Milliseconds in order, and how long it all took.
struct Cell {
    closes: Vec<f64>,
    small: Vec<f64>,
    pages: Vec<f64>,
    took: Duration,
}

pub async fn measure(folder: &Path, arguments: &Arguments) {
    let store = open(folder).await;
    let taken = AtomicU64::new(0);
    let mut columns = BESIDE.map(|_| Vec::new());
    for round in 0..arguments.rounds {
        for (place, ((beside, pages), cells)) in BESIDE.iter().zip(&mut columns).enumerate() {
            say(&format!("closes beside {beside}"));
            settle();
            let pages = pages.map(|(kind, apart)| {
                // Nothing is told twice, and of rows without an answer there are only so many.
                let round = match kind {
                    Kind::Answers => arguments.rounds + round,
                    _ => arguments.rounds + round * BESIDE.len() as u64 + place as u64,
                };
                (Stream::new(kind, round, arguments), apart)
            });
            cells.push(cell(&store, pages, &taken, arguments).await);
        }
    }
    say("");
    store.close().await;
    println!(
        "\n{SUBMITTERS} take closes in, {} rounds of {} s: median [min..max]\n",
        arguments.rounds, arguments.seconds
    );
    let titles = ["closes/s", "p50 ms", "p99 ms", "small write p99 ms", "pages/s", "page p50 ms"];
    println!("{:24}{}", "beside", titles.map(|title| format!("{title:>22}")).concat());
    for ((beside, _), cells) in BESIDE.iter().zip(&columns) {
        let of = |figure: fn(&Cell) -> f64, digits| {
            format!("{:>22}", spread(cells.iter().map(figure).collect(), digits))
        };
        let figures = [
            of(|cell| cell.closes.len() as f64 / cell.took.as_secs_f64(), 0),
            of(|cell| within(&cell.closes, 0.50), 2),
            of(|cell| within(&cell.closes, 0.99), 2),
            of(|cell| within(&cell.small, 0.99), 2),
            of(|cell| cell.pages.len() as f64 / cell.took.as_secs_f64(), 1),
            of(|cell| within(&cell.pages, 0.50), 2),
        ];
        println!("{beside:24}{}", figures.concat());
    }
}

async fn cell(
    store: &Store,
    pages: Option<(Stream, Duration)>,
    taken: &AtomicU64,
    arguments: &Arguments,
) -> Cell {
    let begun = Instant::now();
    let end = begun + Duration::from_secs_f64(arguments.seconds);
    // As tasks of their own, as in the daemon.
    let poller = tokio::spawn(poll(store.clone(), pages, end));
    let sender = tokio::spawn(send(store.clone(), end));
    let closes = join_all((0..SUBMITTERS).map(|_| submit(store, taken, end))).await.concat();
    let took = begun.elapsed();
    let [pages, small] = [poller.await, sender.await].map(|times| times.expect("it ends well"));
    let [closes, small, pages] = [closes, small, pages].map(|mut times| {
        times.sort_by(f64::total_cmp);
        times
    });
    Cell { closes, small, pages, took }
}

async fn poll(store: Store, pages: Option<(Stream, Duration)>, end: Instant) -> Vec<f64> {
    let mut times = Vec::new();
    let Some((pages, apart)) = pages else { return times };
    for page in pages {
        let now = now(&page);
        let begun = Instant::now();
        if begun >= end {
            break;
        }
        store.fold(ACCOUNT, page, now).await.expect("the disk takes it");
        times.push(begun.elapsed().as_secs_f64() * 1e3);
        tokio::time::sleep_until((begun + apart).into()).await;
    }
    times
}

async fn send(store: Store, end: Instant) -> Vec<f64> {
    let mut times = Vec::new();
    while Instant::now() < end {
        let begun = Instant::now();
        store.ping().await.expect("the disk takes it");
        times.push(begun.elapsed().as_secs_f64() * 1e3);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    times
}

async fn submit(store: &Store, taken: &AtomicU64, end: Instant) -> Vec<f64> {
    let mut times = Vec::new();
    loop {
        let begun = Instant::now();
        if begun >= end {
            return times;
        }
        let (close, at_close) = close(taken.fetch_add(1, Ordering::Relaxed));
        let card = Card { kind: SurveyType::Csat, question_variant_id: 12, test: false };
        let stored = store.take_close(close, (at_close, None), card, None, CLOSED_AT).await;
        assert!(stored.expect("the disk takes it").is_new, "each is another conversation's");
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
}

fn close(number: u64) -> (Close, AtClose) {
    let close = Close {
        account: ACCOUNT.into(),
        source: "helpdesk".into(),
        conversation_id: ConversationId::parse(&format!("beside-{number}")).expect("an id"),
        user_id: UserId::parse(&format!("{}", 2_000_000 + number)).ok(),
        closed_at: CLOSED_AT,
        precision: Default::default(),
        notice: Notice::default(),
    };
    let delay = Duration::from_secs(300);
    let due_at = CLOSED_AT.plus(delay);
    let ground = Ground::Due { due_at, delay_ms: 300_000 };
    let decision = Decision { at: CLOSED_AT, rule: None, variant: None, ground };
    (close, AtClose { due_at, decision })
}
