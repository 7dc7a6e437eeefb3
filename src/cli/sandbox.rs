//! `surveyd sandbox` runs the simulated X alone and prints a configuration for it.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use tokio::net::TcpListener;

use super::{arguments, usage};
use crate::config::{format_duration, parse_duration};
use crate::daemon::{Signals, unbound};
use crate::output::{note, out};
use crate::sandbox::{Sandbox, SandboxAccount, SandboxConfig};

#[derive(Args)]
#[command(before_help = EXAMPLES, after_help = NOTE)]
pub struct Run {
    /// Where to listen; a port of 0 takes one that is free
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8472", value_parser = address)]
    listen: SocketAddr,
    /// Decides what people answer; the same seed, the same answers
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// How many accounts it knows, 1 to 100: the configuration that is printed has them all
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = arguments::number(1..=100))]
    accounts: u32,
    /// How far behind now the events end, as 24h at X; people then also take hours to answer
    /// [default: 0s, and people answer within seconds]
    #[arg(long, value_name = "LENGTH")]
    horizon: Option<String>,
}

const EXAMPLES: &str = "\
  surveyd sandbox > surveyd.toml           # works until Ctrl-C
  surveyd sandbox --accounts 2 > surveyd.toml
  surveyd sandbox --listen 127.0.0.1:0 --horizon 24h";

const NOTE: &str = "\
It prints the keys that it accepts and a configuration that fits it. The configuration holds
secrets: close it to others (chmod 600 surveyd.toml), then start `surveyd run -c surveyd.toml`.";

/// A fixed secret so that the printed configuration works without changes.
const SOURCE_SECRET: &str = "whsec_c2FuZGJveC1zb3VyY2Utc2VjcmV0LTAwMDE=";

/// Reads the address of `--listen`.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "write an IP address and a port, as 127.0.0.1:8472".into())
}

pub async fn run(run: Run, mut signals: Signals) -> anyhow::Result<()> {
    let mut config = SandboxConfig::demo(run.seed).with_accounts(run.accounts);
    if let Some(horizon) = &run.horizon {
        let horizon: Duration = parse_duration(horizon)
            .ok_or_else(|| usage("--horizon", horizon, "write it like 0s, 90s, 15m or 24h"))?;
        config = SandboxConfig { horizon, ..SandboxConfig::faithful(run.seed, config.accounts) };
    }
    let listener = TcpListener::bind(run.listen).await.map_err(|error| {
        let why = unbound(&error, run.listen);
        anyhow!("--listen {} cannot be bound: {why}, or name another address", run.listen)
    })?;
    let (accounts, horizon) = (config.accounts.clone(), config.horizon);
    let sandbox = Sandbox::start(config, listener)?;
    note!("the sandbox listens at {}; Ctrl-C ends it", sandbox.base_url());
    out!("{}", configuration(&accounts, &sandbox.base_url(), horizon))?;
    signals.stop().await;
    sandbox.stop().await;
    Ok(())
}

/// Returns a complete configuration for `surveyd run`. Every prompt goes to the sandbox.
fn configuration(accounts: &[SandboxAccount], base_url: &str, horizon: Duration) -> String {
    let names: Vec<String> =
        accounts.iter().map(|account| format!("\"{}\"", account.screen_name)).collect();
    let of = match names.as_slice() {
        [alone] => format!("account = {alone}"),
        several => format!("accounts = [{}]    # a notice names its own", several.join(", ")),
    };
    format!(
        r#"# The keys that the sandbox accepts, and a configuration that fits it.
# It holds secrets: save it as surveyd.toml, closed to others (chmod 600 surveyd.toml), and start:
# surveyd run --config surveyd.toml
[x]
base_url = "{base_url}"
events_horizon = "{horizon}"

[poll]
interval = "5s"

{accounts}[[sources]]
name = "helpdesk"
kind = "standard"
{of}
secret = "{SOURCE_SECRET}"
"#,
        horizon = format_duration(horizon),
        accounts = accounts.iter().map(of_account).collect::<String>(),
    )
}

fn of_account(account: &SandboxAccount) -> String {
    format!(
        r#"[[accounts]]
name = "{name}"
user_id = "{user_id}"
consumer_key = "{consumer_key}"
consumer_secret = "{consumer_secret}"
access_token = "{access_token}"
access_token_secret = "{access_token_secret}"
privacy_url = "https://acme.example/privacy"
display_name = "Acme"

[accounts.survey]
message = "Thanks for talking to us{{% if first_name %}}, {{{{ first_name }}}}{{% endif %}}. How did we do?"
delay = "5s"
test = true

"#,
        name = account.screen_name,
        user_id = account.user_id,
        consumer_key = account.consumer_key,
        consumer_secret = account.consumer_secret,
        access_token = account.access_token,
        access_token_secret = account.access_token_secret,
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::cli::check;
    use crate::config::{self, Environment};

    #[tokio::test]
    async fn the_configuration_that_is_printed_has_the_keys_of_every_account() {
        for count in [1, 3] {
            let known = SandboxConfig::demo(1).with_accounts(count);
            let accounts = known.accounts.clone();
            let sandbox = Sandbox::start_on_loopback(known).await.unwrap();
            let text = configuration(&accounts, &sandbox.base_url(), Duration::ZERO);
            let environment = Environment::of([("STATE_DIRECTORY", "/nowhere")]);
            let config = config::parse(&text, Path::new("surveyd.toml"), &environment);
            let config = config.unwrap_or_else(|faults| panic!("{faults}\n{text}"));
            let answers = check::ask(&config).await.unwrap();
            assert!(answers.iter().all(|answer| answer.works), "{text}");
            assert_eq!(answers.len(), accounts.len());
            assert_eq!(config.sources[0].accounts.len(), accounts.len());
            sandbox.stop().await;
        }
    }
}
