//! The same report from the surveys themselves: each is read with its notice, its decisions and its
//! answer, and counted. No result and no total of a day is used.

use std::fs;
use std::time::{Duration, Instant};

use surveyd::clock::Clock;
use surveyd::config::{self, Config, Environment};
use surveyd::domain::days::Days;
use surveyd::domain::summary::{GroupBy, Terms, compare, summarize};
use surveyd::report::json::ReportJson;
use surveyd::results::{self, ResultsQuery};
use surveyd::store::{Location, Store};

use crate::daemon::CONFIGURATION;
use crate::database::Database;

/// No prompt of the business leaves later than this after its close.
const PROMPTED_WITHIN: Duration = Duration::from_secs(3_600);

/// The configuration of a database's daemon.
pub fn configuration(database: &Database) -> Config {
    let file = database.folder.join(CONFIGURATION);
    let text = fs::read_to_string(&file).expect("it has been written");
    config::parse(&text, &file, &Environment::default()).unwrap_or_else(|faults| panic!("{faults}"))
}

/// Returns the report by team as `/v1/report` writes it, and how long it took.
pub async fn report(database: &Database, days: Days) -> (Duration, String) {
    let config = configuration(database);
    let location = Location::parse(&database.url, &database.folder).expect("the daemon takes it");
    let store = Store::attach(&location).await.expect("the database is there");
    let zone = &config.report.time_zone;
    let period = zone.period(days);
    let begun = Instant::now();
    let query = ResultsQuery {
        from: period.from.minus(PROMPTED_WITHIN),
        to: period.to,
        account: None,
        or_sent: false,
    };
    let facts = results::facts(&store, &query).await.expect("the database is whole");
    let terms = Terms {
        period,
        by: GroupBy::Team,
        zone,
        now: Clock::System.now(),
        fresh_for: config.poll.fresh_for,
        min_group: config.report.min_group,
    };
    let compared = compare(summarize(facts, &terms), None);
    let text = serde_json::to_string(&ReportJson::of(&compared)).expect("a report is plain data");
    let took = begun.elapsed();
    store.close().await;
    (took, text)
}
