//! `surveyd token` makes a token by which a program reads results.

use clap::Args;

use super::init::quoted;
use super::{Usage, usage};
use crate::clock::Clock;
use crate::config::{self, Fault};
use crate::credentials;
use crate::domain::access::Role;
use crate::output::{note, outln};

#[derive(Args)]
#[command(before_help = EXAMPLES, after_help = NOTE)]
pub struct TokenArgs {
    /// What the configuration and the audit log call it
    #[arg(value_name = "NAME")]
    name: String,
    /// What it may see, several by commas: supervisor, admin, auditor, agent
    #[arg(long, value_name = "ROLE", required = true, value_delimiter = ',')]
    role: Vec<String>,
    /// The last day on which it is good, in report.time_zone [default: it has none]
    #[arg(long, value_name = "DAY")]
    expires: Option<String>,
    /// The accounts whose results it may see [default: all]
    #[arg(long, value_name = "ACCOUNT", num_args = 1..)]
    accounts: Vec<String>,
    /// The teams whose results it may see, as notices name them [default: all]
    #[arg(long, value_name = "TEAM", num_args = 1..)]
    teams: Vec<String>,
    /// Whose own blocks it may see, as notices name them; for the role agent
    #[arg(long, value_name = "AGENT")]
    agent: Option<String>,
}

const EXAMPLES: &str = "\
  surveyd token warehouse --role supervisor --expires 2027-06-30
  surveyd token wallboard --role supervisor --accounts acme --teams billing returns
  (umask 077; surveyd token monitor --role admin > monitor-token)";

const NOTE: &str = "\
The token goes to standard output, this once: surveyd keeps its hash alone. What to write into the
configuration goes to standard error. Programs send the token as Authorization: Bearer TOKEN.";

pub fn run(wanted: &TokenArgs) -> anyhow::Result<()> {
    let token = credentials::make_token()?;
    let hash = credentials::format_token_hash(&credentials::hash_token(&token));
    let block = block(wanted, &hash);
    check(wanted, &block)?;
    outln!("{token}")?;
    note!(
        "\n\
         # This is the only time that the token is shown: give it to the program.\n\
         # For the configuration:\n\
         \n\
         {block}\n\
         # `surveyd check` finds what is wrong, a reload puts it in force."
    );
    Ok(())
}

/// Returns what the configuration is to hold.
fn block(wanted: &TokenArgs, hash: &str) -> String {
    let list = |texts: &[String]| {
        let texts: Vec<_> = texts.iter().map(|text| quoted(text)).collect();
        format!("[{}]", texts.join(", "))
    };
    let role = match wanted.role.as_slice() {
        [role] => quoted(role),
        roles => list(roles),
    };
    let name = quoted(&wanted.name);
    let mut block = format!("[[tokens]]\nname = {name}\nrole = {role}\nhash = \"{hash}\"\n");
    for (key, texts) in [("accounts", &wanted.accounts), ("teams", &wanted.teams)] {
        if !texts.is_empty() {
            block += &format!("{key} = {}\n", list(texts));
        }
    }
    for (key, text) in [("agent", &wanted.agent), ("expires", &wanted.expires)] {
        if let Some(text) = text {
            block += &format!("{key} = {}\n", quoted(text));
        }
    }
    block
}

/// Refuses what the configuration would refuse, in the words of the command line.
fn check(wanted: &TokenArgs, block: &str) -> anyhow::Result<()> {
    let is_agent = wanted.role.iter().any(|role| role == Role::Agent.as_str());
    let problem = match (is_agent, &wanted.agent) {
        (true, None) => Some("--role agent needs --agent, who it is in notices"),
        (false, Some(_)) => Some("--agent needs --role agent"),
        (true, Some(_)) | (false, None) => None,
    };
    if let Some(problem) = problem {
        return Err(Usage(problem.to_owned()).into());
    }
    let token = config::parse_token(block).map_err(|faults| match faults.0.as_slice() {
        [fault, ..] => refused(fault),
        [] => Usage("no token can be made of this".to_owned()).into(),
    })?;
    if !token.is_good(Clock::System.now()) {
        let day = wanted.expires.as_deref().unwrap_or_default();
        return Err(usage("--expires", day, "has passed"));
    }
    Ok(())
}

fn refused(fault: &Fault) -> anyhow::Error {
    let option = match fault.key.rsplit('.').next() {
        Some("name") | None => "NAME".to_owned(),
        Some(key) => format!("--{key}"),
    };
    let value = fault.value.as_deref().map(|value| format!(" {value}")).unwrap_or_default();
    Usage(format!("{option}{value}: {}: {}", fault.problem, fault.remedy)).into()
}
