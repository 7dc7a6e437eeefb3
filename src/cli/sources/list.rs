//! `surveyd sources list` lists the sources of every kind.

use clap::Args;
use serde::Serialize;

use crate::cli::{Context, TimeStyle, print_json};
use crate::config::{
    Algorithm, MessageStream, Source, SourceKind, SpoolConfig, WatchedMessages, X_SIGNATURE,
};
use crate::output::out;
use crate::terminal::table::{Column, table};

#[derive(Args)]
#[command(before_help = "  surveyd sources list\n  surveyd sources list --json | jq '.[].path'")]
pub struct SourceListArgs {
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct SourceRow<'a> {
    source: &'a str,
    kind: &'a str,
    path: String,
    account: Option<&'a str>,
    accounts: Vec<&'a str>,
    signature: &'a str,
    header: &'a str,
    secrets: usize,
}

const LISTED: [Column; 5] = [
    Column::text("source"),
    Column::text("kind").given_up(3),
    Column::text("posts to").cut_to(16).given_up(2),
    Column::text("account").cut_to(10),
    Column::text("signature").cut_to(12).given_up(1),
];

pub fn run(list: SourceListArgs, context: &Context) -> anyhow::Result<()> {
    let config = &context.config;
    let spools = config.spools.iter().map(shown_spool);
    let watched = config.watched.iter().map(shown_watched);
    let shown: Vec<_> = config.sources.iter().map(shown).chain(spools).chain(watched).collect();
    if list.json {
        return print_json(&shown);
    }
    let rows: Vec<Vec<String>> = shown
        .into_iter()
        .map(|source| {
            let accounts = match source.accounts.is_empty() {
                true => "any that the notice names".to_owned(),
                false => source.accounts.join(", "),
            };
            let signature = match source.secrets {
                0 => "nothing is checked".to_owned(),
                1 => source.signature.to_owned(),
                several => format!("{} (any of {several} secrets)", source.signature),
            };
            vec![source.source.into(), source.kind.into(), source.path, accounts, signature]
        })
        .collect();
    let style = context.style(&TimeStyle { utc: true });
    out!("{}", table(&style, &LISTED, &rows))?;
    Ok(())
}

fn shown(source: &Source) -> SourceRow<'_> {
    SourceRow {
        source: &source.name,
        kind: source.kind.as_str(),
        path: format!("/v1/sources/{}", source.name),
        account: source.account.as_deref(),
        accounts: source.accounts.iter().map(String::as_str).collect(),
        signature: source.scheme.algorithm.as_str(),
        header: &source.scheme.header,
        secrets: source.secrets.len(),
    }
}

/// Describes a spool. The path is the folder that files are moved into.
fn shown_spool(spool: &SpoolConfig) -> SourceRow<'_> {
    SourceRow {
        source: &spool.name,
        kind: SourceKind::Spool.as_str(),
        path: spool.folder.display().to_string(),
        account: spool.account.as_deref(),
        accounts: spool.accounts.iter().map(String::as_str).collect(),
        signature: Algorithm::Nothing.as_str(),
        header: "",
        secrets: 0,
    }
}

fn shown_watched(watched: &WatchedMessages) -> SourceRow<'_> {
    let of_list = |path: &str| (format!("(X's {path})"), Algorithm::Nothing, "", 0);
    let (path, algorithm, header, secrets) = match watched.stream {
        MessageStream::V1 => of_list("direct_messages/events/list"),
        MessageStream::V2 => of_list("dm_events"),
        // The account's consumer secret is the only secret.
        MessageStream::Webhook => {
            (format!("/v1/sources/{}", watched.name), Algorithm::HmacSha256, X_SIGNATURE, 1)
        }
    };
    SourceRow {
        source: &watched.name,
        kind: SourceKind::DmInactivity.as_str(),
        path,
        account: Some(&watched.account),
        accounts: vec![&watched.account],
        signature: algorithm.as_str(),
        header,
        secrets,
    }
}
