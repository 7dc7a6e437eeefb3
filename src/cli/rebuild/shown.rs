//! Shows the result of a rebuild as text for people or as JSON.

use serde::Serialize;

use crate::cli::table;
use crate::domain::plain_text::printable;
use crate::domain::time::Millis;
use crate::output::{note, out, outln};
use crate::rebuild::{RebuildError, Rebuilt};

#[derive(Serialize)]
pub struct RebuildSummary {
    makes_surveys: bool,
    pub accounts: Vec<AccountSummary>,
}

#[derive(Serialize)]
pub struct AccountSummary {
    account: String,
    /// `None` if the rebuild did not finish.
    rebuilt: Option<RebuildCounts>,
    failed: Option<String>,
}

#[derive(Serialize)]
struct RebuildCounts {
    from: String,
    to: String,
    gone_on_from: Option<String>,
    pages: usize,
    events: usize,
    unread_events: usize,
    feedback: FeedbackCounts,
    surveys: SurveyCounts,
}

#[derive(Serialize)]
struct FeedbackCounts {
    new: usize,
    changed: usize,
    unchanged: usize,
    left_alone: i64,
    /// The number of feedback objects that may be of our prompts and have no survey.
    without_survey: usize,
}

#[derive(Serialize)]
struct SurveyCounts {
    made: usize,
    found: usize,
    answered: usize,
    withdrawn: usize,
}

impl AccountSummary {
    pub fn new(account: &str, done: Result<Rebuilt, RebuildError>) -> Self {
        let (rebuilt, failed) = match done {
            Ok(rebuilt) => (Some(RebuildCounts::new(&rebuilt)), None),
            Err(fault) => (None, Some(fault.to_string())),
        };
        Self { account: account.to_owned(), rebuilt, failed }
    }
}

impl RebuildCounts {
    fn new(rebuilt: &Rebuilt) -> Self {
        let made = &rebuilt.made;
        Self {
            from: rebuilt.read.from.rfc3339(),
            to: rebuilt.read.to.rfc3339(),
            gone_on_from: rebuilt.gone_on_from.map(Millis::rfc3339),
            pages: rebuilt.pages,
            events: rebuilt.events,
            unread_events: rebuilt.unread,
            feedback: FeedbackCounts {
                new: made.new,
                changed: made.changed,
                unchanged: made.unchanged,
                left_alone: rebuilt.left_alone,
                without_survey: made.without_survey,
            },
            surveys: SurveyCounts {
                made: made.surveys_made,
                found: made.surveys_found,
                answered: made.answered,
                withdrawn: made.withdrawn,
            },
        }
    }
}

const HEAD: [&str; 11] = [
    "account",
    "events",
    "new",
    "changed",
    "unchanged",
    "left alone",
    "surveys made",
    "found",
    "answered",
    "withdrawn",
    "without survey",
];

impl RebuildSummary {
    pub fn new(makes_surveys: bool) -> Self {
        Self { makes_surveys, accounts: Vec::new() }
    }

    /// True if no account's rebuild failed.
    pub fn is_whole(&self) -> bool {
        self.accounts.iter().all(|account| account.failed.is_none())
    }

    pub fn print(&self) -> anyhow::Result<()> {
        for account in &self.accounts {
            if let Some(failed) = &account.failed {
                note!("account {}: {}", account.account, printable(failed));
            }
        }
        let mut rows = Vec::new();
        let (mut without, mut unread) = (0, 0);
        for account in &self.accounts {
            let Some(done) = &account.rebuilt else { continue };
            outln!("{}: X's events from {} to {}", account.account, done.from, done.to)?;
            let RebuildCounts { feedback, surveys, .. } = done;
            let mut row = vec![account.account.clone(), done.events.to_string()];
            row.extend([feedback.new, feedback.changed, feedback.unchanged].map(|n| n.to_string()));
            row.push(feedback.left_alone.to_string());
            let SurveyCounts { made, found, answered, withdrawn } = *surveys;
            row.extend([made, found, answered, withdrawn].map(|n| n.to_string()));
            row.push(feedback.without_survey.to_string());
            rows.push(row);
            without += feedback.without_survey;
            unread += done.unread_events;
        }
        if !rows.is_empty() {
            out!("\n{}", table::of_numbers(&HEAD, &rows))?;
        }
        if without > 0 && !self.makes_surveys {
            outln!(
                "\n{without} feedback bear an external id and belong to no survey. Where they are of \
                 prompts that the database has lost, make their surveys: --surveys always"
            )?;
        }
        if unread > 0 {
            outln!("\n{unread} events could not be read; they are kept as they came.")?;
        }
        if self.makes_surveys && !rows.is_empty() {
            outln!(
                "\nNothing is sent until the daemon has read X's events past this rebuild \
                 (surveyd status)."
            )?;
        }
        Ok(())
    }
}
