//! How far the events of each account have been read.

use sqlx::{AnyConnection, Row};

use super::fold::{Folded, fold};
use super::{Result, Store, hints};
use crate::domain::feedback::{Trust, Update};
use crate::domain::time::Millis;

/// A range of events that is being read, both ends included, and the cursor of its next page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollWindow {
    pub from: Millis,
    pub to: Millis,
    pub cursor: Option<String>,
}

/// How far the events of an account have been read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PollState {
    pub done_to: Option<Millis>,
    pub window: Option<PollWindow>,
}

/// One page of events.
#[derive(Clone, Debug, Default)]
pub struct Page {
    pub updates: Vec<Update>,
    /// Events of kinds that surveyd does not know.
    pub unknown: Vec<Unknown>,
    /// Empty: the window is done.
    pub next_cursor: Option<String>,
}

/// An event kept as it came; its digest names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    pub digest: String,
    pub body: String,
}

/// Both only where the place is still the one that the page was asked from.
const NEXT_PAGE: &str = "update poll set cursor = $1 where account = $2 and window_from = $3 \
     and window_to = $4 and coalesce(cursor, '') = $5";
const LAST_PAGE: &str = "update poll set done_to = window_to, window_from = null, \
     window_to = null, cursor = $1 where account = $2 and window_from = $3 and window_to = $4 \
     and coalesce(cursor, '') = $5";

impl Store {
    /// Folds a page of `window` and moves the cursor past it, in one transaction. Where another
    /// daemon has moved it meanwhile, the page is folded and the place it has reached is kept.
    pub async fn fold_page(
        &self,
        account: &str,
        window: PollWindow,
        page: Page,
        now: Millis,
    ) -> Result<Folded> {
        let account = account.to_owned();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let statement = match &page.next_cursor {
                        Some(_) => NEXT_PAGE,
                        None => LAST_PAGE,
                    };
                    let is_last = page.next_cursor.is_none();
                    let moved = sqlx::query(statement)
                        .bind(page.next_cursor)
                        .bind(account.as_str())
                        .bind(window.from.0)
                        .bind(window.to.0)
                        .bind(window.cursor.unwrap_or_default())
                        .execute(&mut *connection)
                        .await?
                        .rows_affected();
                    keep(connection, &account, page.unknown, now).await?;
                    let mut folded =
                        fold(connection, &account, page.updates, Trust::Word, now).await?;
                    if is_last && moved > 0 {
                        hints::judge(connection, &account, window.to, now, &mut folded).await?;
                    }
                    Ok(folded)
                })
            })
            .await
    }

    /// Keeps events of kinds that surveyd does not know.
    pub async fn keep_unknown(
        &self,
        account: &str,
        events: Vec<Unknown>,
        now: Millis,
    ) -> Result<()> {
        let account = account.to_owned();
        self.writer
            .run(move |connection| {
                Box::pin(async move { keep(connection, &account, events, now).await })
            })
            .await
    }

    /// Makes a window durable before its first page is asked for.
    pub async fn open_window(&self, account: &str, from: Millis, to: Millis) -> Result<()> {
        let account = account.to_owned();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    sqlx::query(
                        "insert into poll (account, window_from, window_to) values ($1, $2, $3) \
                         on conflict (account) do update set window_from = excluded.window_from, \
                         window_to = excluded.window_to, cursor = null",
                    )
                    .bind(account)
                    .bind(from.0)
                    .bind(to.0)
                    .execute(connection)
                    .await?;
                    Ok(())
                })
            })
            .await
    }

    pub async fn poll_state(&self, account: &str) -> Result<PollState> {
        let row = sqlx::query(
            "select done_to, window_from, window_to, cursor from poll where account = $1",
        )
        .bind(account)
        .fetch_optional(&self.readers)
        .await?;
        let Some(row) = row else { return Ok(PollState::default()) };
        let instant = |column: usize| row.try_get::<Option<i64>, _>(column);
        let window = match (instant(1)?, instant(2)?) {
            (Some(from), Some(to)) => {
                Some(PollWindow { from: Millis(from), to: Millis(to), cursor: row.try_get(3)? })
            }
            _ => None,
        };
        Ok(PollState { done_to: instant(0)?.map(Millis), window })
    }

    /// When the first close of an account was taken in.
    pub async fn first_close(&self, account: &str) -> Result<Option<Millis>> {
        let first: Option<i64> =
            sqlx::query_scalar("select min(accepted_at) from survey where account = $1")
                .bind(account)
                .fetch_one(&self.readers)
                .await?;
        Ok(first.map(Millis))
    }
}

async fn keep(
    connection: &mut AnyConnection,
    account: &str,
    events: Vec<Unknown>,
    now: Millis,
) -> Result<()> {
    for event in events {
        sqlx::query(
            "insert into unknown_event (account, digest, seen_at, body) values ($1, $2, $3, $4) \
             on conflict do nothing",
        )
        .bind(account)
        .bind(event.digest)
        .bind(now.0)
        .bind(event.body)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
