//! `surveyd optout` keeps the list of people who must never be prompted.

use std::fs::File;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::{Context, TimeStyle, print_json, usage};
use crate::domain::id::UserId;
use crate::domain::plain_text::printable;
use crate::output::{note, out};
use crate::report::opt_outs::{self, OptOutLine};
use crate::store::OptOut;
use crate::terminal::table::{Column, table};

#[derive(Subcommand)]
pub enum OptOuts {
    /// Never prompt these people again
    Add(Add),
    /// Let these people be prompted again
    Remove(Remove),
    /// Who has opted out
    List(OptOutListArgs),
    /// Never prompt the people of a CSV file again
    Import(Import),
}

#[derive(Args)]
#[command(before_help = ADD_EXAMPLES)]
pub struct Add {
    /// The people's numeric ids at X (not their @handles)
    #[arg(value_name = "USER", required = true)]
    users: Vec<String>,
    /// Only prompts from this account [default: from all]
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// A remark for those who read the list
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
}

const ADD_EXAMPLES: &str = "\
  surveyd optout add 343434343434
  surveyd optout add 343434343434 565656565656 --account acme --why \"asked by phone\"";

#[derive(Args)]
#[command(before_help = REMOVE_EXAMPLES)]
pub struct Remove {
    /// The people's numeric ids at X, as `surveyd optout list` shows them
    #[arg(value_name = "USER", required = true)]
    users: Vec<String>,
    /// Only the entry about this account [default: all entries]
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
}

const REMOVE_EXAMPLES: &str = "\
  surveyd optout remove 343434343434
  surveyd optout remove 343434343434 --account acme";

#[derive(Args)]
#[command(before_help = "  surveyd optout list\n  surveyd optout list --json | jq length")]
pub struct OptOutListArgs {
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    times: TimeStyle,
}

#[derive(Args)]
#[command(before_help = "  surveyd optout import people.csv", after_help = IMPORT_NOTE)]
pub struct Import {
    /// A CSV file, separated by commas, with a head: user_id, and if you like account and why
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

const IMPORT_NOTE: &str = "\
All or nothing: if one line is faulty, nothing is imported and each faulty line is reported. Other
columns are ignored.";

#[derive(Serialize)]
struct OptOutRow {
    user_id: String,
    account: Option<String>,
    at: String,
    why: Option<String>,
}

pub async fn run(opt_outs: OptOuts, context: &Context) -> anyhow::Result<()> {
    match opt_outs {
        OptOuts::Add(add) => self::add(add, context).await,
        OptOuts::Remove(remove) => self::remove(remove, context).await,
        OptOuts::List(list) => self::list(list, context).await,
        OptOuts::Import(import) => self::import(import, context).await,
    }
}

fn people(users: &[String]) -> anyhow::Result<Vec<UserId>> {
    users.iter().map(|user| UserId::parse(user).map_err(|why| usage("USER", user, why))).collect()
}

async fn add(add: Add, context: &Context) -> anyhow::Result<()> {
    let people = people(&add.users)?;
    let store = context.store().await?;
    context.require_account(&store, add.account.as_deref()).await?;
    let at = context.clock.now();
    let out = |user_id| OptOut { user_id, account: add.account.clone(), at, why: add.why.clone() };
    let count = people.len();
    store.opt_out(people.into_iter().map(out).collect()).await?;
    store.close().await;
    note!("opted out: {count}");
    Ok(())
}

async fn remove(remove: Remove, context: &Context) -> anyhow::Result<()> {
    let people = people(&remove.users)?;
    let store = context.store().await?;
    let mut unknown = Vec::new();
    for person in people {
        if store.opt_in(person.clone(), remove.account.clone()).await? == 0 {
            unknown.push(person.to_string());
        }
    }
    if !unknown.is_empty() {
        context.require_account(&store, remove.account.as_deref()).await?;
        let of = remove.account.map(|name| format!(" of account {name}")).unwrap_or_default();
        bail!(
            "had not opted out{of}: {} (`surveyd optout list` shows who has)",
            unknown.join(", ")
        );
    }
    store.close().await;
    Ok(())
}

async fn list(list: OptOutListArgs, context: &Context) -> anyhow::Result<()> {
    let store = context.store().await?;
    let mut shown = Vec::new();
    let mut last = None;
    loop {
        let page = store.opted_out(last.as_ref()).await?;
        shown.extend(page.iter().map(|out| OptOutRow {
            user_id: out.user_id.to_string(),
            account: out.account.clone(),
            at: out.at.rfc3339(),
            why: out.why.clone(),
        }));
        match page.into_iter().next_back() {
            Some(out) => last = Some(out),
            None => break,
        }
    }
    store.close().await;
    if list.json {
        return print_json(&shown);
    }
    let all = || "all".to_owned();
    let rows: Vec<Vec<String>> = shown
        .into_iter()
        .map(|out| {
            vec![out.user_id, out.account.unwrap_or_else(all), out.at, out.why.unwrap_or_default()]
        })
        .collect();
    out!("{}", table(&context.style(&list.times), &LISTED, &rows))?;
    Ok(())
}

const LISTED: [Column; 4] = [
    Column::text("person"),
    Column::text("account").cut_to(8),
    Column::instant("since"),
    Column::sentence("why"),
];
const MENDED: &str = "Mend these lines, and import the whole file again.";

/// The most bad lines that are reported one by one.
const FAULTS_MAX: usize = 100;

async fn import(import: Import, context: &Context) -> anyhow::Result<()> {
    let name = import.file.display();
    let file = File::open(&import.file).with_context(|| format!("{name} cannot be read"))?;
    let store = context.store().await?;
    let read = opt_outs::read(file);
    let mut faults = read.faults;
    for OptOutLine { number, account, .. } in &read.lines {
        if context.require_account(&store, account.as_deref()).await.is_err() {
            let account = account.as_deref().unwrap_or_default();
            faults.push((
                *number,
                format!(
                    "account {account:?}: there is no such account in {}",
                    context.file.display()
                ),
            ));
        }
    }
    if !faults.is_empty() {
        store.close().await;
        faults.sort();
        let more = faults.len().saturating_sub(FAULTS_MAX);
        let told = faults.iter().take(FAULTS_MAX);
        let told = told.map(|(number, fault)| printable(&format!("line {number}: {fault}")));
        let left_out = (more > 0).then(|| format!("and {more} more"));
        let faults: Vec<String> = told.chain(left_out).collect();
        bail!("{name}: nothing is imported\n  {}\n{MENDED}", faults.join("\n  "));
    }
    let at = context.clock.now();
    let people = read.lines.into_iter().map(|line| OptOut {
        user_id: line.user_id,
        account: line.account,
        at,
        why: line.why,
    });
    let people: Vec<OptOut> = people.collect();
    let count = people.len();
    store.opt_out(people).await?;
    store.close().await;
    note!("opted out: {count}");
    Ok(())
}
