//! The right to refresh, and the zone that days are counted in.

use sqlx::{AnyConnection, Row as _};

use crate::domain::days::Zone;
use crate::domain::time::Millis;
use crate::store::Result;

/// Writes first. On PostgreSQL another daemon that refreshes is waited for here, and only shortly.
/// Two of them at once could write a result that is older than the one that stands.
const LOCK: &str = "insert into result_state (name, zone, passes) values ('results', '', 1) \
     on conflict (name) do update set passes = result_state.passes + 1 returning zone, mark_from";

const ZONE: &str = "update result_state set zone = $1, mark_from = $2 where name = 'results'";

const MARKED: &str = "update result_state set mark_from = $1 where name = 'results'";

/// Takes the right to refresh until the transaction ends. A change of the zone empties the totals.
/// Returns from where on days are still to be marked as due.
pub async fn lock(connection: &mut AnyConnection, zone: &Zone) -> Result<Option<Millis>> {
    let state = sqlx::query(LOCK).fetch_one(&mut *connection).await?;
    if state.try_get::<String, _>("zone")? == zone.name() {
        return Ok(state.try_get("mark_from")?);
    }
    sqlx::query("delete from day_total").execute(&mut *connection).await?;
    sqlx::query("delete from day_due").execute(&mut *connection).await?;
    let from = Millis(i64::MIN);
    sqlx::query(ZONE).bind(zone.name()).bind(from.0).execute(connection).await?;
    Ok(Some(from))
}

/// Notes from where on days are still to be marked as due.
pub async fn mark_from(connection: &mut AnyConnection, from: Option<Millis>) -> Result<()> {
    sqlx::query(MARKED).bind(from.map(|from| from.0)).execute(connection).await?;
    Ok(())
}
