//! Gathers the contents of X's events beside the rows until all events are read.

use std::collections::{BTreeMap, HashMap};

use sqlx::{AnyConnection, AssertSqlSafe, Row};

use crate::domain::feedback::{Feedback, Trust, Update};
use crate::domain::id::FeedbackId;
use crate::store::Result;
use crate::store::person::screen;
use crate::store::placeholders::{Places, bind_all, size};

/// Joins the updates of a page with those gathered before.
pub async fn gather(
    connection: &mut AnyConnection,
    account: &str,
    updates: Vec<Update>,
) -> Result<()> {
    let updates = screen::updates(connection, account, updates).await?;
    let mut told: BTreeMap<FeedbackId, Feedback> = BTreeMap::new();
    let mut join = |next: Feedback| match told.get_mut(&next.id) {
        Some(feedback) => feedback.join(next),
        None => {
            told.insert(next.id.clone(), next);
        }
    };
    for update in updates {
        join(Feedback::of(update, Trust::Word));
    }
    let told: Vec<Feedback> = told.into_values().collect();
    for batch in told.chunks(BATCH) {
        let ids: Vec<&str> = batch.iter().map(|feedback| feedback.id.as_str()).collect();
        let mut places = Places::of(connection);
        let sql = format!(
            "select told from rebuild_told where account = {} and id in {}",
            places.one(),
            places.row(size(ids.len(), BATCH))
        );
        let query = bind_all(sqlx::query(AssertSqlSafe(sql)).bind(account), &ids, BATCH);
        let mut known: HashMap<FeedbackId, Feedback> = HashMap::new();
        for row in query.fetch_all(&mut *connection).await? {
            let feedback: Feedback = serde_json::from_str(&row.try_get::<String, _>("told")?)?;
            known.insert(feedback.id.clone(), feedback);
        }
        let sql = format!(
            "insert into rebuild_told (account, id, told) values {} \
             on conflict (account, id) do update set told = excluded.told",
            Places::of(connection).rows(batch.len(), 3)
        );
        let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
        for feedback in batch {
            let mut joined = feedback.clone();
            if let Some(known) = known.remove(&feedback.id) {
                joined.join(known);
            }
            let told = serde_json::to_string(&joined)?;
            query = query.bind(account).bind(feedback.id.as_str()).bind(told);
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

/// The most rows in one statement and in one transaction.
pub const BATCH: usize = 100;
