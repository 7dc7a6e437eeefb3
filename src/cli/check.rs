//! `surveyd check` reports every fault in the configuration together.

mod alerts;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::{EXIT_CONFIG, is_unread, print_json};
use crate::clock::Clock;
use crate::config::{self, CloseOnRecord, Config, Environment, Warning};
use crate::daemon::{self, schedules, spools, state_folder};
use crate::domain::plain_text::printable;
use crate::domain::survey::Failure;
use crate::domain::waiting::Presence;
use crate::output::{note, out, outln};
use crate::store::{self, Location, Store};
use crate::terminal::{Colour, OutputStyle};
use crate::{worker, x};

#[derive(Args)]
#[command(before_help = EXAMPLES, after_help = NOTE)]
pub struct Check {
    /// Also ask X whose keys each account has
    #[arg(long)]
    online: bool,
    /// Print faults, warnings and X's answers as JSON, for programs
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
  surveyd check
  surveyd check --online
  surveyd check --config new.toml          # before it takes the old one's place";

const NOTE: &str = "\
Each fault has its file, key, value and remedy, and none hides another. Warnings go to standard
error and change no exit code.

Exit codes: 0 no fault, 1 an account does not work at X (--online), 2 usage, 78 a fault.";

/// X's answer about an account's keys.
#[derive(Serialize)]
pub(super) struct KeysAnswer {
    account: String,
    pub works: bool,
    pub told: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

pub async fn run(check: Check, file: &Path, environment: &Environment) -> anyhow::Result<ExitCode> {
    let (config, unread) = load(file, environment, check.online);
    let folder = state_folder(environment, Some(file))?;
    let config = config.and_then(|config| {
        spools::check(&config, file, &folder)?;
        schedules::check_folders(&config, file, &folder)?;
        Ok(config)
    });
    let config = match config {
        Ok(config) => config,
        Err(faults) => {
            let printed = match check.json {
                true => print_json(&serde_json::json!({
                    "faults": faults, "warnings": [], "accounts": [], "alerts": [], "dry_run": []
                })),
                false => outln!("{faults}").map_err(anyhow::Error::from),
            };
            return ended(printed, ExitCode::from(EXIT_CONFIG));
        }
    };
    let mut warnings = config::warnings(&config);
    warnings.extend(config::warnings_of_tokens(&config, Clock::System.now()));
    let (alerts, unwritten) = alerts::tried(&config);
    warnings.extend(unwritten);
    warnings.extend(schedules::warnings_of_folders(&config, &folder));
    warnings.extend(unread);
    let location = Location::parse(&config.store.url, &folder)?;
    warnings.extend(of_database(&location).await);
    // If there is no database yet, there are no closes to compare.
    if let Ok(Ok(of_closes)) = tokio::time::timeout(PATIENCE, of_closes(&config, &location)).await {
        // A warning of a whole section, such as `logins`, says nothing of its parts.
        let covers = |it: &Warning, key: &str| {
            it.key == key || (it.key.contains('.') && key.starts_with(&it.key))
        };
        let is_new = |found: &Warning| !warnings.iter().any(|it| covers(it, &found.key));
        let of_closes: Vec<_> = of_closes.into_iter().filter(is_new).collect();
        warnings.extend(of_closes);
    }
    if config.store.redacted_url() != config.store.url && config::is_open_to_others(file) {
        warnings.push(Warning {
            key: "store.url".into(),
            problem: "may hold a password, in a file that is open to every user of this machine"
                .into(),
            remedy: format!("chmod o-rwx {} and let surveyd's group read it", file.display()),
        });
    }
    let dry: Vec<_> = config.accounts.iter().filter(|account| account.mode.is_dry()).collect();
    let dry: Vec<&str> = dry.into_iter().map(|account| account.name.as_str()).collect();
    let answers = if check.online { ask(&config).await? } else { Vec::new() };
    let all_work = answers.iter().all(|answer| answer.works);
    let code = if all_work { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    if check.json {
        let all = serde_json::json!({
            "faults": [], "warnings": warnings, "accounts": answers, "alerts": alerts, "dry_run": dry
        });
        return ended(print_json(&all), code);
    }
    for warning in &warnings {
        note!("warning: {warning}");
    }
    let style = OutputStyle::of_stdout(environment, Clock::System.now(), true);
    let mut text = format!(
        "{}: {} ({})\n",
        file.display(),
        style.paint(Colour::Green, "no fault"),
        counts(&config)
    );
    text += &details(&dry, &alerts, &answers, &style);
    ended(out!("{text}").map_err(anyhow::Error::from), code)
}

/// What stands below the first line: dry runs, made-up messages of alerts, X's answers.
fn details(
    dry: &[&str],
    alerts: &[alerts::TriedAlert],
    answers: &[KeysAnswer],
    style: &OutputStyle,
) -> String {
    let mut text = String::new();
    for account in dry {
        text += &format!("account {account}: dry run, nothing is sent\n");
    }
    for alert in alerts {
        text += &format!("{}\n", alert.line());
    }
    for answer in answers {
        let colour = if answer.works { Colour::Green } else { Colour::Red };
        let told = style.paint(colour, &printable(&answer.told));
        text += &format!("accounts.{}: {told}\n", answer.account);
        if let Some(remedy) = &answer.remedy {
            text += &format!("  {remedy}\n");
        }
    }
    text
}

/// Counts what the configuration has. What there need not be is left out where there is none.
fn counts(config: &Config) -> String {
    let mut counts =
        format!("accounts: {}, sources: {}", config.accounts.len(), config.source_count());
    for (name, count) in [
        ("alerts", config.alerts.len()),
        ("schedules", config.schedules.len()),
        ("logins", config.logins.len()),
        ("tokens", config.tokens.len()),
    ] {
        if count > 0 {
            counts += &format!(", {name}: {count}");
        }
    }
    counts
}

/// Loads the configuration.
///
/// Loads it without its secrets if its only fault is that this user may not read them. That is not
/// allowed if X is to be asked with them.
fn load(
    file: &Path,
    environment: &Environment,
    needs_secrets: bool,
) -> (Result<Config, config::Faults>, Option<Warning>) {
    let whole = config::load(file, environment);
    let is_denied = |faults: &config::Faults| faults.0.iter().all(config::Fault::is_denied_secret);
    if needs_secrets || !whole.as_ref().is_err_and(is_denied) {
        return (whole, None);
    }
    let left_out = Warning {
        key: "secrets".into(),
        problem: "were not checked: this user may not read them".into(),
        remedy: format!("sudo surveyd check --config {} checks them, too", file.display()),
    };
    (config::load_without_secrets(file, environment), Some(left_out))
}

/// Notes that a daemon at work keeps the configuration that it took before the file became faulty.
/// As no `store.url` can be read, only the default database is looked at.
pub(super) fn note_daemon(file: &Path, environment: &Environment) {
    let Ok(folder) = state_folder(environment, Some(file)) else { return };
    let presence =
        Location::parse(config::defaults::STORE_URL, &folder).map(|it| daemon::presence(&it));
    if matches!(presence, Ok(Presence::Works { .. })) {
        note!(
            "surveyd: the daemon at work keeps the configuration that it took last. Commands read the \
             file anew, and it is faulty:"
        );
    }
}

/// Returns the exit code of the findings even if the reader of the output stopped early.
fn ended(printed: anyhow::Result<()>, code: ExitCode) -> anyhow::Result<ExitCode> {
    match printed {
        Err(error) if !is_unread(&error) => Err(error),
        _ => Ok(code),
    }
}

/// Warns of settings of a database server by which it could lose what surveyd has stored.
async fn of_database(location: &Location) -> Vec<Warning> {
    let warning = |problem: String, remedy: &str| Warning {
        key: "store.url".into(),
        problem,
        remedy: remedy.into(),
    };
    match store::weaknesses(location).await {
        Ok(found) => {
            let found = found.into_iter();
            found.map(|it| warning(it.problem().into(), it.remedy())).collect()
        }
        Err(error) => vec![warning(
            format!("whether the server keeps what it has taken could not be asked: {error}"),
            "run surveyd check again where the server can be reached",
        )],
    }
}

/// The longest wait for the closes on record.
const PATIENCE: Duration = Duration::from_secs(10);

/// The most closes that are read from each source, and their greatest age.
const CLOSES: u32 = 200;
const AGE: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Warns of configured values that fit none of the latest closes on record.
async fn of_closes(config: &Config, location: &Location) -> store::Result<Vec<Warning>> {
    let store = Store::attach(location).await?;
    let since = Clock::System.now().minus(AGE);
    let of_http = config.sources.iter().map(|source| source.name.as_str());
    let others = config.spools.iter().map(|spool| spool.name.as_str());
    let others = others.chain(config.watched.iter().map(|watched| watched.name.as_str()));
    let mut closes = Vec::new();
    for source in of_http.chain(others).chain([config::ENQUEUED]) {
        for (account, notice) in store.last_closes(source, since, CLOSES).await? {
            closes.push(CloseOnRecord { account, source: source.to_owned(), notice });
        }
    }
    store.close().await;
    Ok(config::warnings_of_closes(config, &closes))
}

/// Returns the remedy if X does not confirm an account's keys. The codes are from X's page
/// "Response codes".
fn remedy(error: &x::Error, account: &str) -> String {
    match error {
        x::Error::Account(Failure { code: Some(34), .. }) => {
            "correct x.base_url: X has no such address. It is https://api.x.com unless told otherwise"
                .into()
        }
        x::Error::Account(Failure { code: Some(64 | 326), .. }) => {
            "sign in at x.com as that handle, and do what X asks for there".into()
        }
        x::Error::Account(Failure { code: Some(87 | 200 | 220 | 416 | 453), .. }) => {
            "X has not granted this to the app: see step 0 of the README, and the app's permissions in \
             X's developer portal"
                .into()
        }
        x::Error::Account(_) => format!(
            "copy all four anew from X's developer portal (Keys and tokens): consumer_key and \
             consumer_secret are the app's, access_token and access_token_secret those of the handle \
             of accounts.{account}"
        ),
        x::Error::Clock(_) => "set this machine's clock (see `timedatectl`)".into(),
        x::Error::Limited { .. } => "run this again in 15 minutes".into(),
        x::Error::NotNow(_) | x::Error::NoAnswer(_) => {
            "is x.base_url right, and does a firewall or a proxy let this machine through? Where \
             X itself is away, run this again later"
                .into()
        }
        x::Error::Person { .. } | x::Error::Request(_) => {
            "is x.base_url the address of X's API? It is https://api.x.com unless told otherwise".into()
        }
    }
}

/// Asks X whose keys each account has.
pub(super) async fn ask(config: &Config) -> anyhow::Result<Vec<KeysAnswer>> {
    let settings = x::XSettings {
        base_url: config.x.base_url.clone(),
        request_timeout: config.x.request_timeout,
        send_timeout: config.x.send_timeout,
    };
    let client = x::Client::new(&settings).map_err(anyhow::Error::msg)?;
    let mut answers = Vec::new();
    for account in &config.accounts {
        let keys = worker::keys(account);
        let answer = client.verify_credentials(&keys, Clock::System.now()).await;
        let (works, told, remedy) = match answer.result {
            Ok(owner) if owner.user_id == account.user_id => {
                let told =
                    format!("the keys are those of @{} ({})", owner.screen_name, owner.user_id);
                (true, told, None)
            }
            Ok(owner) => (
                false,
                format!(
                    "the keys belong to @{} ({}), but user_id is {}: correct one of them",
                    owner.screen_name, owner.user_id, account.user_id
                ),
                None,
            ),
            Err(error) => (false, error.to_string(), Some(remedy(&error, &account.name))),
        };
        answers.push(KeysAnswer { account: account.name.clone(), works, told, remedy });
    }
    Ok(answers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_x_does_not_have_is_corrected_and_not_the_keys() {
        let failure =
            Failure { code: Some(34), message: "Sorry, that page does not exist.".into() };
        assert_eq!(
            remedy(&x::Error::Account(failure), "acme"),
            "correct x.base_url: X has no such address. It is https://api.x.com unless told otherwise"
        );
    }
}
