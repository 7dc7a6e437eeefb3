//! The last requests that were refused. `surveyd sources rejected` shows them.

use std::collections::BTreeSet;
use std::time::Duration;

use sqlx::Row;

use crate::domain::time::Millis;
use crate::store::person::screen;
use crate::store::{Result, Store};

/// A refusal as the log reports it, or several equal ones together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// A source's name, or a word in brackets.
    pub source: String,
    pub answer: u16,
    pub reason: String,
    pub place: Option<String>,
    pub path: Option<String>,
    pub delivery_id: Option<String>,
    pub count: u64,
}

impl Rejected {
    /// All that a refusal says, as one text.
    fn said(&self) -> String {
        let rest = [&self.place, &self.path, &self.delivery_id];
        let rest = rest.into_iter().flatten().map(String::as_str);
        [self.reason.as_str()].into_iter().chain(rest).collect::<Vec<_>>().join(" ")
    }

    /// Returns the reason with its place unless the reason already names the place.
    pub fn words(&self) -> String {
        match &self.place {
            Some(place) if !self.reason.contains(place.as_str()) => {
                format!("{} (at {place})", self.reason)
            }
            Some(_) | None => self.reason.clone(),
        }
    }
}

/// How many refusals are kept for each source and answer. Frequent requests of strangers thus never
/// drive out the refusals of a help desk.
const KEPT: i64 = 20;

const KEEP: &str = "insert into rejected (source, at, answer, reason, place, path, delivery_id, count) \
     values ($1, $2, $3, $4, $5, $6, $7, $8)";

const FORGET: &str = "delete from rejected where source = $1 and answer = $2 and at < \
     (select at from rejected where source = $1 and answer = $2 order by at desc limit 1 offset $3)";

const NEWEST: &str = "select source, at, answer, reason, place, path, delivery_id, count from rejected \
     where ($1 = '' or source = $1) order by source, at desc limit 1000";

impl Store {
    /// Keeps refusals in the order in which they came. Only the newest of each source and answer
    /// stay.
    pub async fn keep_rejected(&self, mut rejected: Vec<(Millis, Rejected)>) -> Result<()> {
        set_apart(&mut rejected);
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let said = |(_, one): &(Millis, Rejected)| one.said();
                    let rejected = screen::texts(connection, rejected, said).await?;
                    let kinds: BTreeSet<_> =
                        rejected.iter().map(|(_, one)| (one.source.clone(), one.answer)).collect();
                    for (at, one) in rejected {
                        sqlx::query(KEEP)
                            .bind(one.source)
                            .bind(at.0)
                            .bind(i64::from(one.answer))
                            .bind(one.reason)
                            .bind(one.place)
                            .bind(one.path)
                            .bind(one.delivery_id)
                            .bind(i64::try_from(one.count).unwrap_or(i64::MAX))
                            .execute(&mut *connection)
                            .await?;
                    }
                    for (source, answer) in kinds {
                        sqlx::query(FORGET)
                            .bind(source)
                            .bind(i64::from(answer))
                            .bind(KEPT - 1)
                            .execute(&mut *connection)
                            .await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Returns the newest refusals of a source or of all sources, with their instants.
    pub async fn rejected(&self, source: Option<&str>) -> Result<Vec<(Millis, Rejected)>> {
        let rows =
            sqlx::query(NEWEST).bind(source.unwrap_or_default()).fetch_all(&self.readers).await?;
        rows.iter()
            .map(|row| {
                let rejected = Rejected {
                    source: row.try_get("source")?,
                    answer: u16::try_from(row.try_get::<i64, _>("answer")?).unwrap_or_default(),
                    reason: row.try_get("reason")?,
                    place: row.try_get("place")?,
                    path: row.try_get("path")?,
                    delivery_id: row.try_get("delivery_id")?,
                    count: row.try_get::<i64, _>("count")?.unsigned_abs(),
                };
                Ok((row.try_get("at")?, rejected))
            })
            .collect()
    }
}

/// Dates each refusal before the next one, so that their order is on record.
fn set_apart(rejected: &mut [(Millis, Rejected)]) {
    let mut next = Millis(i64::MAX);
    for (at, _) in rejected.iter_mut().rev() {
        *at = (*at).min(next.minus(Duration::from_millis(1)));
        next = *at;
    }
}
