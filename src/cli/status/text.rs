//! Shows the status as text for people.

use super::super::alerts::AlertJson;
use super::super::alerts::schedules::ScheduleJson;
use super::super::waiting::Waits;
use super::{
    AccountJson, CallsStatus, DaemonStatus, StatusJson, UnfinishedRebuild, words_of_unserved,
};
use crate::domain::budget::Call;
use crate::domain::plain_text::printable;
use crate::domain::policy::Mode;
use crate::domain::survey::State;
use crate::domain::waiting::Cause;
use crate::output::{out, outln};
use crate::terminal::table::{Column, table};
use crate::terminal::{Colour, OutputStyle};

/// The column at which the values of the first lines begin.
const FACT_AT: usize = 12;

pub fn print(status: &StatusJson, style: &OutputStyle) -> anyhow::Result<()> {
    let fact = |name: &str, value: &str| {
        outln!("{name:<FACT_AT$}{}", style.folded(&printable(value), FACT_AT))
    };
    let instant = |at: &Option<String>| style.instant(at.as_deref().unwrap_or("none"));
    fact("surveyd", &format!("{}, {}", status.version, words_of_daemon(&status.daemon)))?;
    fact("database", &format!("{}, {} KiB", status.database, status.database_bytes / 1024))?;
    print_waits(status, style)?;
    let surveys: Vec<String> = State::NAMES
        .iter()
        .filter_map(|name| status.surveys.get(name).map(|count| format!("{name} {count}")))
        .collect();
    outln!()?;
    fact("surveys", &surveys.join(", "))?;
    fact("oldest due", &instant(&status.oldest_due))?;
    fact("next due", &instant(&status.next_due))?;
    outln!()?;
    print_limits(status, style)?;
    outln!()?;
    for account in status.accounts.iter().filter(|account| account.mode == Mode::Dry.as_str()) {
        outln!("account {}: dry run, nothing is sent", account.account)?;
    }
    for account in &status.accounts {
        print_reading(account, style)?;
    }
    for alert in status.alerts.iter().filter(|alert| alert.waiting > 0 || alert.state == "fails") {
        outln!("{}", told(&words_of_alert(alert), style))?;
    }
    Ok(())
}

/// What waits for an alert, and why. That it is disabled stands above.
fn words_of_alert(alert: &AlertJson) -> String {
    let waiting = match alert.waiting {
        1 => "one message waits".to_owned(),
        many => format!("{many} messages wait"),
    };
    let why = match (alert.state, &alert.failing_since, alert.trouble()) {
        ("disabled", ..) => ". It is disabled".to_owned(),
        ("removed", ..) => ", and it is not configured".to_owned(),
        (_, Some(since), Some(why)) => format!(". It fails since {since}: {why}"),
        _ => String::new(),
    };
    format!("alert {}: {waiting}{why}", alert.alert)
}

/// Prints the conditions that a person must act on in their colour.
pub fn print_must_act(reasons: &[String], style: &OutputStyle) -> anyhow::Result<()> {
    if reasons.is_empty() {
        outln!("nobody must act")?;
    }
    for reason in reasons {
        outln!("{}", style.paint(Colour::Red, &told(reason, style)))?;
    }
    Ok(())
}

/// Formats a sentence in this style.
fn told(words: &str, style: &OutputStyle) -> String {
    style.folded(&style.sentence(&printable(words)), 2)
}

fn words_of_daemon(daemon: &DaemonStatus) -> String {
    match (daemon.state, &daemon.since, daemon.up_seconds) {
        ("works", Some(since), Some(seconds)) => {
            format!("at work since {since} ({})", words_of_length(seconds))
        }
        ("works", ..) => "a daemon is at work".to_owned(),
        ("nobody", ..) => "no daemon is at work".to_owned(),
        _ => "whether a daemon is at work is not known".to_owned(),
    }
}

/// Prints the obstacles for due surveys. Includes those that would hold back due surveys if there
/// were any.
fn print_waits(status: &StatusJson, style: &OutputStyle) -> anyhow::Result<()> {
    let of_accounts = status.accounts.iter().flat_map(|account| &account.waits);
    let mut waits: Vec<&Waits> = status.waits.iter().chain(of_accounts).collect();
    // Pauses and holds come first. The others soon end by themselves.
    waits.sort_by_key(|waits| !waits.must_act && waits.reason != Cause::Held.as_str());
    for waits in waits {
        let colour = if waits.must_act { Colour::Red } else { Colour::Yellow };
        outln!("\n{}", style.paint(colour, &told(&words_of_waits(waits), style)))?;
    }
    let disabled = status.alerts.iter().filter_map(AlertJson::must_act);
    for failing in disabled.chain(status.schedules.iter().filter_map(ScheduleJson::must_act)) {
        outln!("\n{}", style.paint(Colour::Red, &told(&failing, style)))?;
    }
    for unserved in &status.waiting_without_account {
        outln!("\n{}", style.paint(Colour::Red, &told(&words_of_unserved(unserved), style)))?;
    }
    Ok(())
}

fn words_of_waits(waits: &Waits) -> String {
    let counts_them = ["one survey of ", &format!("{} surveys of ", waits.surveys)];
    let surveys = match waits.surveys {
        0 => String::new(),
        _ if counts_them.iter().any(|count| waits.message.starts_with(count)) => String::new(),
        1 => "one survey waits: ".to_owned(),
        many => format!("{many} surveys wait: "),
    };
    let remedy = waits.remedy.as_ref().map(|remedy| format!(". {remedy}")).unwrap_or_default();
    format!("{surveys}{}{remedy}", waits.message)
}

/// The columns of X's limits in an operator's words. The JSON also has the endpoints that matter
/// only to programs. A narrow terminal drops first the columns of calls that hold back no prompt.
const LIMITS: [(Column, &[Call]); 6] = [
    (Column::number("prompts"), &[Call::Create]),
    (Column::number("look-ups"), &[Call::FriendshipsShow]),
    (Column::number("look-ups of 100").given_up(4), &[Call::Users]),
    (Column::number("answers").given_up(3), &[Call::Show]),
    (Column::number("events").given_up(2), &[Call::Events]),
    (Column::number("messages").given_up(1), &[Call::DirectMessages, Call::DmEvents]),
];

fn print_limits(status: &StatusJson, style: &OutputStyle) -> anyhow::Result<()> {
    let about = "left of X's limits: prompts of the day; of a quarter of an hour, look-ups of people \
                 before a prompt, questions about answers, readings of events and messages";
    outln!("{}", style.folded(about, 2))?;
    let mut columns = vec![Column::text("account").cut_to(8)];
    columns.extend(LIMITS.map(|(column, _)| column));
    let left = |account: &AccountJson, calls: &[Call]| {
        let left = calls.iter().map(|call| account.left[call.as_str()]);
        left.min().unwrap_or_default().to_string()
    };
    let row = |account: &AccountJson| {
        let left = LIMITS.iter().map(|(_, calls)| left(account, calls));
        std::iter::once(account.account.clone()).chain(left).collect::<Vec<_>>()
    };
    let rows: Vec<Vec<String>> = status.accounts.iter().map(row).collect();
    Ok(out!("{}", table(style, &columns, &rows))?)
}

/// Prints how far an account's events have been read.
fn print_reading(account: &AccountJson, style: &OutputStyle) -> anyhow::Result<()> {
    outln!("{}", told(&words_of_reading(account), style))?;
    if let Some(words) = words_of_unread(account) {
        outln!("{}", told(&words, style))?;
    }
    // If a rebuild holds the sends, an obstacle above already says so.
    let unfinished = account.unfinished_rebuild.as_ref();
    let unfinished = unfinished.filter(|it| !it.makes_surveys || account.held.is_none());
    if let Some(UnfinishedRebuild { from, makes_surveys, command }) = unfinished {
        let held = if *makes_surveys { ", and nothing is sent before" } else { "" };
        let words = format!(
            "{}: the rebuild from {from} is not finished{held}. Unless it is at work, go on with \
             it: `{command}`",
            account.account
        );
        outln!("{}", style.paint(Colour::Yellow, &told(&words, style)))?;
    }
    Ok(())
}

fn words_of_reading(account: &AccountJson) -> String {
    let name = &account.account;
    let Some(read_to) = &account.events_read_to else {
        return format!("{name}: no events have been read yet");
    };
    let left = match account.events_left_seconds {
        Some(left) if left >= 60 => format!(", {} behind X's horizon", words_of_length(left)),
        Some(_) | None => String::new(),
    };
    let window = match &account.events_window {
        Some(CallsStatus { from, to }) => format!(", {from} to {to} is being read"),
        None => String::new(),
    };
    let looks =
        account.looks.iter().map(|(look, state)| match (&state.under_way_at, &state.done_at) {
            (Some(at), _) => format!("{look} under way, now at {at}"),
            (None, Some(done_at)) => format!("{look} finished at {done_at}"),
            (None, None) => format!("{look} not yet"),
        });
    let looks = looks.collect::<Vec<_>>().join(", ");
    format!("{name}: events read to {read_to}{left}{window}; second looks over the last {looks}")
}

/// Summarises an account's gaps in a line.
fn words_of_unread(account: &AccountJson) -> Option<String> {
    let newest = account.events_unread.first()?;
    let others = match account.events_unread.len() - 1 {
        0 => String::new(),
        others => format!(", and {others} others before"),
    };
    let why = match newest.why {
        "form" => "some have a form that surveyd cannot read",
        _ => "X's pages of them have no end",
    };
    Some(format!(
        "{}: events from {} to {} could not be read in full ({why}){others}; second looks ask for those \
         of the last week again",
        account.account, newest.from, newest.to
    ))
}

fn words_of_length(seconds: u64) -> String {
    match (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60) {
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(surveys: u64, message: &str) -> String {
        words_of_waits(&Waits {
            reason: "quiet_hours",
            surveys,
            since: None,
            until: None,
            message: message.to_owned(),
            remedy: None,
            must_act: false,
        })
    }

    #[test]
    fn surveys_that_wait_are_counted_once_in_a_line() {
        assert_eq!(line(1, "one survey of account acme waits"), "one survey of account acme waits");
        assert_eq!(line(3, "3 surveys of account acme wait"), "3 surveys of account acme wait");
        assert_eq!(line(3, "account acme is paused"), "3 surveys wait: account acme is paused");
        assert_eq!(line(0, "account acme is paused"), "account acme is paused");
    }
}
