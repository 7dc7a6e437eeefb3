//! Shows a comparison of `surveyd simulate` as JSON or as text for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use crate::cli::decisions::{numbers, said};
use crate::cli::table;
use crate::config::Config;
use crate::domain::plain_text::printable;
use crate::domain::policy::Mode;
use crate::domain::time::Millis;
use crate::replay::{self, Comparison, Course, Fate, FateDetails, MERGED, Sides};

#[derive(Serialize)]
pub struct Simulated {
    /// The start of the period in which the closes were accepted.
    from: String,
    to: String,
    /// The path of the configuration's file.
    config: String,
    closes: u64,
    counts: Vec<Count>,
    /// The prompts that surveyd never sent to X. The simulation assumes that X would accept them.
    assumed_sent: u64,
    /// The number of closes that would end differently.
    differences: u64,
    first_differences: Vec<DifferenceRow>,
    accounts: Vec<AccountComparison>,
    /// The closes of accounts missing from the configuration. They are not in the other numbers.
    closes_without_account: BTreeMap<String, u64>,
}

/// One number for each side of the comparison.
#[derive(Clone, Copy, Serialize)]
struct Both {
    happened: u64,
    would: u64,
}

#[derive(Serialize)]
struct Count {
    /// `sent`, `uncertain`, `scheduled`, `merged` (into a later close of the conversation),
    /// `suppressed`, `cancelled`, `expired` or `failed`.
    outcome: &'static str,
    reason: Option<&'static str>,
    #[serde(flatten)]
    closes: Both,
}

#[derive(Serialize)]
struct DifferenceRow {
    account: String,
    conversation_id: String,
    closed_at: String,
    happened: FateRow,
    would: FateRow,
}

#[derive(Serialize)]
struct FateRow {
    outcome: &'static str,
    reason: Option<&'static str>,
    words: String,
    /// The numbers on which a decision rests. `None` if nothing was decided.
    decision: Option<serde_json::Value>,
}

#[derive(Serialize)]
struct AccountComparison {
    account: String,
    /// `live` or `dry`. In dry mode, the prompts are those that would have been sent.
    mode: &'static str,
    daily_limit: u32,
    prompts: Both,
    /// The most prompts in any 24 hours.
    most_in_24_hours: Both,
    /// The number of days (UTC) on which some 24 hours reached the limit.
    days_full: Both,
    /// The prompts of each day (UTC) that has any.
    days: Vec<DayRow>,
}

#[derive(Serialize)]
struct DayRow {
    day: String,
    #[serde(flatten)]
    prompts: Both,
}

impl Simulated {
    /// `config` is the simulated configuration and `file` is its path.
    pub fn new(
        compared: Comparison,
        (config, file): (&Config, String),
        from: Millis,
        to: Millis,
    ) -> Self {
        let accounts = compared.courses.into_iter().map(|course| {
            let account_of = config.account(&course.account);
            let mode = account_of.map_or(Mode::Live, |account| account.mode);
            account(course, mode)
        });
        let counts = compared.counts.into_iter().map(|(fate, sides)| Count {
            outcome: fate.outcome(),
            reason: fate.reason(),
            closes: both(sides),
        });
        Self {
            from: from.rfc3339(),
            to: to.rfc3339(),
            config: file,
            closes: compared.closes,
            counts: counts.collect(),
            assumed_sent: compared.assumed,
            differences: compared.differences,
            first_differences: compared.first.into_values().map(difference).collect(),
            accounts: accounts.collect(),
            closes_without_account: compared.left_out,
        }
    }

    pub fn text(&self) -> String {
        let Self { from, to, config, closes, .. } = self;
        let about = format!("{closes} closes from {from} to {to}, by {config}");
        let mut text = printable(&about) + "\n\n" + &self.counts_text() + "\n";
        let merged = Fate::Merged.outcome();
        if self.counts.iter().any(|count| count.outcome == merged) {
            let _ = writeln!(text, "{merged}: {MERGED}.\n");
        }
        text += &self.accounts_text();
        for AccountComparison { account, .. } in self.accounts.iter().filter(|it| it.mode == "dry")
        {
            let _ = writeln!(
                text,
                "account {account}: dry run, nothing is sent: its prompts are those that would be."
            );
        }
        text += &match (self.differences, self.first_differences.len()) {
            (0, _) => "\nEvery close would end as it did.\n".to_owned(),
            (1, _) => "\n1 close would end otherwise:\n".to_owned(),
            (all, first) if all == first as u64 => format!("\n{all} closes would end otherwise:\n"),
            (all, first) => format!("\n{all} closes would end otherwise; the first {first}:\n"),
        };
        for DifferenceRow { account, conversation_id, closed_at, happened, would } in
            &self.first_differences
        {
            let about = format!("{conversation_id}, closed {closed_at}, account {account}");
            let [about, happened, would] =
                [&about, &happened.words, &would.words].map(|text| printable(text));
            let _ = writeln!(text, "\n{about}\n  happened  {happened}\n  would     {would}");
        }
        for (account, closes) in &self.closes_without_account {
            let account = printable(account);
            let _ = writeln!(
                text,
                "\n{closes} of account {account}, which is not configured, are left out."
            );
        }
        text += "\nWhat X said then, it says again.";
        text += &match self.assumed_sent {
            0 => "\n".to_owned(),
            assumed => format!(
                " It was never asked about {assumed} of the prompts that would be\nsent, and is \
                 taken to accept them.\n"
            ),
        };
        text
    }

    fn counts_text(&self) -> String {
        let rows = self.counts.iter().map(|Count { outcome, reason, closes }| {
            let name = match reason {
                Some(reason) => format!("{outcome}: {reason}"),
                None => (*outcome).to_owned(),
            };
            let change = i128::from(closes.would) - i128::from(closes.happened);
            let change = if change == 0 { String::new() } else { format!("{change:+}") };
            vec![name, closes.happened.to_string(), closes.would.to_string(), change]
        });
        table::of_numbers(&["closes", "happened", "would", "change"], &rows.collect::<Vec<_>>())
    }

    fn accounts_text(&self) -> String {
        let side = |both: Both| format!("{} | {}", both.happened, both.would);
        let rows = self.accounts.iter().map(|account| {
            let AccountComparison { prompts, most_in_24_hours, days_full, .. } = account;
            let mut row = vec![account.account.clone()];
            row.extend([*prompts, *most_in_24_hours].map(side));
            row.extend([account.daily_limit.to_string(), side(*days_full)]);
            row
        });
        let head = ["happened | would", "prompts", "most in 24 h", "limit", "days at the limit"];
        table::of_numbers(&head, &rows.collect::<Vec<_>>())
    }
}

fn both(Sides { happened, would }: Sides<u64>) -> Both {
    Both { happened, would }
}

fn difference(difference: replay::ComparedClose) -> DifferenceRow {
    DifferenceRow {
        account: difference.account,
        conversation_id: difference.conversation_id.to_string(),
        closed_at: difference.closed_at.rfc3339(),
        happened: fate(difference.happened),
        would: fate(difference.would),
    }
}

fn fate(told: FateDetails) -> FateRow {
    FateRow {
        outcome: told.fate.outcome(),
        reason: told.fate.reason(),
        words: told.words(said),
        decision: told.decision.as_ref().and_then(numbers),
    }
}

fn account(course: Course, mode: Mode) -> AccountComparison {
    let days = course.days.into_iter().map(|(day, sides)| DayRow {
        day: day.rfc3339()[.."yyyy-mm-dd".len()].to_owned(),
        prompts: both(sides),
    });
    AccountComparison {
        account: course.account,
        mode: mode.as_str(),
        daily_limit: course.daily_limit,
        prompts: both(course.prompts),
        most_in_24_hours: both(course.most),
        days_full: both(course.days_full),
        days: days.collect(),
    }
}
