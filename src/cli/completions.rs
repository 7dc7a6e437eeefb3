//! `surveyd completions` prints what a shell completes surveyd's command lines by.

use std::io::Write as _;

use clap::{Args, Command};
use clap_complete::Shell;

use crate::output::Results;

#[derive(Args)]
#[command(before_help = EXAMPLES)]
pub struct Completions {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

const EXAMPLES: &str = "\
  . <(surveyd completions bash)
  surveyd completions bash > /etc/bash_completion.d/surveyd
  surveyd completions zsh > /usr/local/share/zsh/site-functions/_surveyd
  surveyd completions fish > ~/.config/fish/completions/surveyd.fish";

pub fn run(wanted: &Completions, mut root: Command) -> anyhow::Result<()> {
    // The generator panics if its writer fails. A buffer never does.
    let mut script = Vec::new();
    clap_complete::generate(wanted.shell, &mut root, "surveyd", &mut script);
    Ok(Results.write_all(&script)?)
}
