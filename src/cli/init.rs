//! `surveyd init` makes a working configuration from nothing.
//!
//! It asks for what it needs, creates the files and tries the keys with X. Then it says what to do
//! next. It never changes a file that exists already.

mod answers;
mod files;
mod kinds;
mod text;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use answers::InitAnswers;
use anyhow::bail;
use clap::Args;
use files::Locations;
use kinds::SecretOrigin;
pub(super) use text::quoted;

use super::{DEFAULT_CONFIG, check};
use crate::config::{self, Environment};
use crate::output::{note, outln};

#[derive(Args)]
#[command(before_help = EXAMPLES, after_help = NOTE)]
pub struct Init {
    /// Where the configuration goes [default: /etc/surveyd, and with it the service's folders and
    /// drop-in]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Ask nothing: what no option says is the default
    #[arg(long)]
    yes: bool,
    /// Send to a running `surveyd sandbox` instead of X, with the keys that it accepts
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = "http://127.0.0.1:8472")]
    sandbox: Option<String>,
    /// Do not try the keys with X
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    given: answers::InitArgs,
}

const EXAMPLES: &str = "\
  sudo surveyd init                             # asks, and sets up the service
  surveyd init --dir try --sandbox --yes        # a try beside a running `surveyd sandbox`
  surveyd init --yes --consumer-key K --consumer-secret-file k.txt --access-token 7-T \
        --access-token-secret-file t.txt --display-name Acme \
        --privacy-url https://acme.example/privacy --desk zendesk";

const NOTE: &str = "\
Secrets are read from files or asked for, never taken from the command line, which others can see.
Nothing that exists is overwritten. If anything fails, nothing is left behind.

Exit codes: 0 done, 1 something exists already or X refuses the keys, 2 usage, 78 an answer that
cannot be used.";

pub async fn run(init: Init, environment: &Environment) -> anyhow::Result<ExitCode> {
    let usual = Path::new(DEFAULT_CONFIG).parent().expect("it lies in a folder");
    let place = Locations::new(init.dir.as_deref().unwrap_or(usual), usual)?;
    place.refuse_what_is_there()?;
    let is_sandbox = init.sandbox.is_some();
    if let Some(url) = init.sandbox.as_deref().filter(|_| !init.offline) {
        find_sandbox(url).await?;
    }
    let answers = InitAnswers::gather(init.given, init.sandbox, init.yes)?;
    let mut made = files::Made::default();
    made.folders(&place)?;
    made.secrets(&place, &answers)?;
    let waits = answers.waiting_secret();
    let file = made.configuration(&place, &text::configuration(&answers), |draft| {
        match waits {
            None => config::load(draft, environment),
            Some(_) => config::load_without_secrets(draft, environment),
        }
        .map(drop)
    })?;
    made.drop_in(&place, &answers)?;
    for line in made.keep() {
        outln!("made  {line}")?;
    }
    let InitAnswers { account, access_token, user_id, .. } = &answers;
    if let Some(warning) = config::warning_of_token(account, access_token, user_id) {
        note!("warning: {warning}");
    }
    let mut works = true;
    if !init.offline && waits.is_none() {
        outln!()?;
        let config = config::load(&file, environment)?;
        for answer in check::ask(&config).await? {
            works &= answer.works;
            outln!("X     {}", answer.told)?;
        }
        if !works {
            let keys = place.credentials().display().to_string();
            note!(
                "the keys do not work yet. Correct user_id, consumer_key and access_token in {}, or the \
                 secrets in {keys}; then: surveyd -c {} check --online",
                file.display(),
                file.display()
            );
        }
    }
    outln!("{}", text::to_do_next(&place, &answers, is_sandbox))?;
    Ok(if works { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Checks before anything is created that a process listens at the sandbox's address.
async fn find_sandbox(url: &str) -> anyhow::Result<()> {
    let host = url.split_once("://").map_or(url, |(_, host)| host);
    let host = host.split('/').next().unwrap_or_default();
    // The configuration's own checks judge the rest of the address.
    let port = host.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
    if port.is_none() {
        return Ok(());
    }
    match tokio::net::TcpStream::connect(host).await {
        Ok(_) => Ok(()),
        Err(error) => refuse(format!(
            "no sandbox answers at {url} ({error}): start `surveyd sandbox` in another terminal, then this again. \
             Nothing is made; to make it without one, add --offline"
        )),
    }
}

/// Returns the file name of a source's secret. The secret itself may not be known yet.
fn secret_name(source: &str) -> String {
    format!("{source}-secret")
}

/// Refuses with a message that names the thing, the cause and the remedy.
fn refuse<T>(words: String) -> anyhow::Result<T> {
    bail!(words)
}

impl InitAnswers {
    /// Returns the name of a secret that the help desk shows only after it knows surveyd's address.
    fn waiting_secret(&self) -> Option<&'static str> {
        match (self.kind.secret(), &self.desk_secret) {
            (SecretOrigin::Told(what), None) => Some(what),
            _ => None,
        }
    }
}
