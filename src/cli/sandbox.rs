//! `surveyd sandbox`: the simulated X alone, with a configuration that fits it.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use tokio::net::TcpListener;

use super::usage;
use crate::config::{format_duration, parse_duration};
use crate::daemon::Signals;
use crate::output::{note, out};
use crate::sandbox::{Sandbox, SandboxAccount, SandboxConfig};

#[derive(Args)]
pub struct Run {
    /// Where to listen; a port of 0 takes one that is free
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8472")]
    listen: SocketAddr,
    /// Decides what people answer
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How far behind now the events end, as at X (24h); people then also take hours to answer
    #[arg(long, value_name = "LENGTH")]
    horizon: Option<String>,
}

/// Made up, so that the configuration that is printed works as it stands.
const SOURCE_SECRET: &str = "whsec_c2FuZGJveC1zb3VyY2Utc2VjcmV0LTAwMDE=";

pub async fn run(run: Run, mut signals: Signals) -> anyhow::Result<()> {
    let mut config = SandboxConfig::demo(run.seed);
    if let Some(horizon) = &run.horizon {
        let horizon: Duration = parse_duration(horizon)
            .ok_or_else(|| usage("--horizon", horizon, "write it like 0s, 90s, 15m or 24h"))?;
        config = SandboxConfig { horizon, ..SandboxConfig::faithful(run.seed, config.accounts) };
    }
    let listener = TcpListener::bind(run.listen)
        .await
        .with_context(|| format!("--listen {} cannot be bound", run.listen))?;
    let (account, horizon) = (config.accounts[0].clone(), config.horizon);
    let sandbox = Sandbox::start(config, listener)?;
    note!("the sandbox listens at {}; Ctrl-C ends it", sandbox.base_url());
    out!("{}", configuration(&account, &sandbox.base_url(), horizon))?;
    signals.stop().await;
    sandbox.stop().await;
    Ok(())
}

/// A whole configuration for `surveyd run`, every prompt going to the sandbox.
fn configuration(account: &SandboxAccount, base_url: &str, horizon: Duration) -> String {
    format!(
        r#"# The keys that the sandbox accepts, and a configuration that fits it.
# It holds secrets: save it as surveyd.toml, closed to others (chmod 600 surveyd.toml), and start:
# surveyd run --config surveyd.toml
[x]
base_url = "{base_url}"
events_horizon = "{horizon}"

[poll]
interval = "5s"

[[accounts]]
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

[[sources]]
name = "helpdesk"
kind = "standard"
account = "{name}"
secret = "{SOURCE_SECRET}"
"#,
        horizon = format_duration(horizon),
        name = account.screen_name,
        user_id = account.user_id,
        consumer_key = account.consumer_key,
        consumer_secret = account.consumer_secret,
        access_token = account.access_token,
        access_token_secret = account.access_token_secret,
    )
}
