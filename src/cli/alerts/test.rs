//! `surveyd alerts test` sends a message once, or prints it.

use std::process::ExitCode;
use std::time::Instant;

use clap::Args;

use super::super::{Context, usage};
use super::configured;
use crate::alerts::bodies;
use crate::alerts::deliver::AlertSender;
use crate::domain::alert::{AlertType, Told};
use crate::domain::plain_text::printable;
use crate::output::outln;
use crate::store::TryOutcome;

/// The most characters that are shown of what a receiver said.
const SAID_MOST: usize = 200;

#[derive(Args)]
#[command(before_help = TEST_EXAMPLES, after_help = TEST_NOTE)]
pub struct AlertTestArgs {
    /// The alert, as the configuration names it
    #[arg(value_name = "NAME")]
    name: String,
    /// A made-up message of this type instead; one of those in the alert's `on`
    #[arg(long = "type", value_name = "TYPE")]
    alert_type: Option<String>,
    /// Print the message, and send nothing
    #[arg(long)]
    print: bool,
}

const TEST_EXAMPLES: &str = "\
  surveyd alerts test leads
  surveyd alerts test leads --type detractor
  surveyd alerts test leads --type detractor --print | jq";

const TEST_NOTE: &str = "\
The message is written, signed and sent as every other, once. Neither a database nor a daemon is
needed. Prints the beginning of what the receiver said, and ends with 1 if it did not take the
message. A message of another type than alert.test says that it is made up: in its text, and as
`made_up` in `data`.";

impl AlertTestArgs {
    /// True if something is sent to a receiver.
    pub fn sends(&self) -> bool {
        !self.print
    }
}

pub async fn run(test: &AlertTestArgs, context: &Context) -> anyhow::Result<ExitCode> {
    let config = configured(&test.name, context)?;
    let now = context.clock.now();
    let id = format!("msg_{}", uuid::Uuid::now_v7().simple());
    let public_url = context.config.http.public_url.as_deref();
    let wanted = &config.wanted;
    let told = match chosen(test, &wanted.types)? {
        None => Told::trial(&wanted.name, &id, now, public_url),
        Some(chosen) => Told::made_up(chosen, &wanted.name, wanted.has_comments, now, public_url),
    };
    if test.print {
        let body = bodies::write(&config.format, &told, &context.config.report.time_zone)?;
        outln!("{}", String::from_utf8_lossy(&body))?;
        return Ok(ExitCode::SUCCESS);
    }
    let alert = AlertSender::new(&context.config, config)?;
    let began = Instant::now();
    let (outcome, said) = alert.ask(&id, &told, now).await;
    let took = began.elapsed().as_millis();
    let name = &test.name;
    let code = match outcome {
        TryOutcome::Sent => {
            outln!("alert {name}: the receiver took message {id} in {took} ms")?;
            ExitCode::SUCCESS
        }
        TryOutcome::Failed { why, wait } => {
            let wait =
                wait.map(|wait| format!(", and asks to be left alone for {} s", wait.as_secs()));
            outln!("alert {name}: not told: {why}{}", wait.unwrap_or_default())?;
            ExitCode::FAILURE
        }
        TryOutcome::Gone(why) => {
            outln!("alert {name}: not told: {why}. A daemon would disable the alert")?;
            ExitCode::FAILURE
        }
    };
    let said = beginning(&said);
    if !said.is_empty() {
        outln!("  it said: {said}")?;
    }
    Ok(code)
}

/// Returns the type that is asked for. `None` means the test itself.
fn chosen(
    test: &AlertTestArgs,
    types: &std::collections::BTreeSet<AlertType>,
) -> anyhow::Result<Option<AlertType>> {
    let Some(name) = test.alert_type.as_deref() else { return Ok(None) };
    if name == AlertType::AlertTest.as_str() {
        return Ok(None);
    }
    let chosen = types.iter().copied().find(|known| known.as_str() == name);
    let names: Vec<_> = types.iter().map(|known| known.as_str()).collect();
    chosen.map(Some).ok_or_else(|| {
        let why = format!("alert {} is not told that; its on has {}", test.name, names.join(", "));
        usage("--type", name, why)
    })
}

/// Returns the beginning of an answer on one line, with nothing that steers a terminal.
fn beginning(said: &str) -> String {
    let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut characters = words.chars();
    let short: String = characters.by_ref().take(SAID_MOST).collect();
    let more = if characters.next().is_some() { "…" } else { "" };
    printable(&short) + more
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_shown_as_one_line_of_200_characters() {
        assert_eq!(beginning(" no\n\tsuch \u{1b}[31mhook\n"), "no such \u{fffd}[31mhook");
        assert_eq!(beginning(&"é".repeat(201)), "é".repeat(200) + "…");
        assert_eq!(beginning("  \n"), "");
    }
}
