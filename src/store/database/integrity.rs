//! Asks SQLite whether its file is whole.

use sqlx::AnyConnection;

use crate::store::Result;

const FOREIGN_KEYS: &str = "select count(*) from pragma_foreign_key_check";

/// Reads all of a SQLite file and returns what is wrong with it, in SQLite's words. Returns nothing
/// if it is whole. At most 20 faults are named.
pub async fn faults(connection: &mut AnyConnection) -> Result<Vec<String>> {
    let check = sqlx::query_scalar::<_, String>("pragma integrity_check(20)");
    let mut faults = match check.fetch_all(&mut *connection).await {
        Ok(found) => found,
        // A damage may keep SQLite from reading on.
        Err(error) if error.as_database_error().is_some() => return Ok(vec![error.to_string()]),
        Err(error) => return Err(error.into()),
    };
    faults.retain(|fault| fault != "ok");
    if faults.is_empty() {
        let dangling: i64 = sqlx::query_scalar(FOREIGN_KEYS).fetch_one(connection).await?;
        if dangling > 0 {
            faults.push(format!("{dangling} rows refer to rows that are not there"));
        }
    }
    Ok(faults)
}
