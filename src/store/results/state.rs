//! The right to refresh, and the zone that days are counted in.

use sqlx::{AnyConnection, Row as _};

use crate::domain::days::Zone;
use crate::domain::time::Millis;
use crate::store::Result;

/// Writes first. On PostgreSQL another daemon that refreshes is waited for here, and only shortly.
/// Two of them at once could write a result that is older than the one that stands.
const LOCK: &str = "insert into result_state (name, zone, passes) values ('results', '', 1) \
     on conflict (name) do update set passes = result_state.passes + 1 \
     returning zone, mark_from, passes";

const ZONE: &str = "update result_state set zone = $1, mark_from = $2 where name = 'results'";

const MARKED: &str = "update result_state set mark_from = $1 where name = 'results'";

/// The right to refresh until the transaction ends.
pub struct RefreshRight {
    pub number: i64,
    /// The zone that days are counted in. Absent before the first result, and if a later version
    /// of the program knows a zone that this one does not.
    pub zone: Option<Zone>,
    /// From where on days are still to be marked as due.
    pub mark_from: Option<Millis>,
}

impl RefreshRight {
    /// True if days are counted in that zone.
    pub fn is_in(&self, zone: &Zone) -> bool {
        self.zone.as_ref().is_some_and(|own| own.name() == zone.name())
    }
}

/// Takes the right to refresh.
pub async fn lock(connection: &mut AnyConnection) -> Result<RefreshRight> {
    let state = sqlx::query(LOCK).fetch_one(connection).await?;
    let zone: String = state.try_get("zone")?;
    Ok(RefreshRight {
        number: state.try_get("passes")?,
        zone: Zone::parse(&zone),
        mark_from: state.try_get("mark_from")?,
    })
}

/// Makes every day due, and its totals unread until they are made anew.
const ALL_DUE: &str = "update result_day set marked = $1, made = 0";

/// Counts days in that zone from now on. After a change of the zone all days are due. Their old
/// totals are deleted day by day, when the new ones are written: to delete all of them at once
/// would hold up the writer.
pub async fn count_in(
    connection: &mut AnyConnection,
    right: &mut RefreshRight,
    zone: &Zone,
) -> Result<()> {
    if right.is_in(zone) {
        return Ok(());
    }
    sqlx::query(ALL_DUE).bind(right.number).execute(&mut *connection).await?;
    let from = Millis(i64::MIN);
    sqlx::query(ZONE).bind(zone.name()).bind(from.0).execute(connection).await?;
    (right.zone, right.mark_from) = (Some(zone.clone()), Some(from));
    Ok(())
}

/// Notes from where on days are still to be marked as due.
pub async fn mark_from(connection: &mut AnyConnection, from: Option<Millis>) -> Result<()> {
    sqlx::query(MARKED).bind(from.map(|from| from.0)).execute(connection).await?;
    Ok(())
}
