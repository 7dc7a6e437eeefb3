//! `surveyd export --user-id` writes all that is kept of one person.

use std::io::{self, BufWriter, Write};

use serde_json::{Map, Value};

use super::{Export, ExportFormat};
use crate::cli::out_file::{Contents, OutFile};
use crate::cli::{Context, Usage, usage};
use crate::domain::id::UserId;
use crate::domain::time::Millis;
use crate::output::{Results, note};
use crate::store::{Forgotten, KeptRow};

pub async fn export(export: &Export, user_id: &str, context: &Context) -> anyhow::Result<()> {
    let person = UserId::parse(user_id).map_err(|why| usage("--user-id", user_id, why))?;
    if export.format != ExportFormat::Jsonl {
        let words = "--user-id writes rows of several tables: give --format jsonl";
        return Err(Usage(words.to_owned()).into());
    }
    if export.from.is_some() || export.to.is_some() || export.account.is_some() {
        let words = "--user-id writes all that is kept: leave out --from, --to and --account";
        return Err(Usage(words.to_owned()).into());
    }
    let store = context.store().await?;
    let found = store.rows_of_person(&person).await?;
    let rows = store.kept_of_person(&found).await?;
    let forgotten = store.forgotten(&person).await?;
    store.close().await;
    match &export.output {
        Some(path) => {
            let location = context.location()?;
            let (out, file) = OutFile::begin(path, Contents::Export, location.file())?;
            let file = write(BufWriter::new(file), &rows, forgotten)?;
            out.end(&file.into_inner().map_err(io::IntoInnerError::into_error)?)?;
        }
        None => write(BufWriter::new(Results), &rows, forgotten)?.flush()?,
    }
    if rows.is_empty() {
        match forgotten {
            Some(Forgotten { at }) => note!("erased at {}: nothing is kept", at.rfc3339()),
            None => note!("nothing is kept of person {person}"),
        }
    }
    Ok(())
}

fn write<W: Write>(
    mut out: W,
    rows: &[KeptRow],
    forgotten: Option<Forgotten>,
) -> anyhow::Result<W> {
    for row in rows {
        let mut line = Map::from_iter([("table".to_owned(), Value::from(row.table))]);
        line.extend(row.columns.iter().map(|(name, value)| (name.clone(), shown(name, value))));
        serde_json::to_writer(&mut out, &line).map_err(io::Error::from)?;
        writeln!(out)?;
    }
    if let Some(Forgotten { at }) = forgotten {
        let line = serde_json::json!({"table": "forgotten", "at": at.rfc3339()});
        serde_json::to_writer(&mut out, &line).map_err(io::Error::from)?;
        writeln!(out)?;
    }
    Ok(out)
}

/// Writes instants as people read them, and all else as it is kept.
fn shown(name: &str, value: &Value) -> Value {
    let is_instant = name == "at" || name.ends_with("_at");
    match value.as_i64().filter(|_| is_instant) {
        Some(ms) => Value::from(Millis(ms).rfc3339()),
        None => value.clone(),
    }
}
