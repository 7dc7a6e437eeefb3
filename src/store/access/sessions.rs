//! The sessions of those who are signed in.

use sqlx::Row as _;

use super::audit::{self, AuditEntry};
use crate::domain::session::{IDLE_MOST, LENGTH_MOST, Session};
use crate::domain::time::Millis;
use crate::store::{Result, Store};

/// The most sessions of one login. The oldest end first.
const OF_LOGIN_MOST: i64 = 100;

const END_OLD: &str = "delete from session where hash = $1 or seen_at < $2 or made_at < $3";

const BEGIN: &str =
    "insert into session (hash, login, version, made_at, seen_at) values ($1, $2, $3, $4, $5)";

const END_MANY: &str = "delete from session where login = $1 and hash not in \
     (select hash from session where login = $1 order by made_at desc, hash desc limit $2)";

const FIND: &str = "select login, version, made_at, seen_at from session where hash = $1";

const SEE: &str = "update session set seen_at = $2 where hash = $1";

const END: &str = "delete from session where hash = $1";

impl Store {
    /// Begins a session whose cookie has this hash, and enters the sign-in in the audit log. Ends
    /// the session of the cookie that the browser had before, if it had one, and all that are over.
    pub async fn begin_session(
        &self,
        hash: String,
        session: Session,
        before: Option<String>,
        entry: AuditEntry,
    ) -> Result<()> {
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    sqlx::query(END_OLD)
                        .bind(before.unwrap_or_default())
                        .bind(session.made_at.minus(IDLE_MOST).0)
                        .bind(session.made_at.minus(LENGTH_MOST).0)
                        .execute(&mut *connection)
                        .await?;
                    sqlx::query(BEGIN)
                        .bind(hash)
                        .bind(session.login.as_str())
                        .bind(session.version)
                        .bind(session.made_at.0)
                        .bind(session.seen_at.0)
                        .execute(&mut *connection)
                        .await?;
                    sqlx::query(END_MANY)
                        .bind(session.login)
                        .bind(OF_LOGIN_MOST)
                        .execute(&mut *connection)
                        .await?;
                    audit::add(connection, entry).await
                })
            })
            .await
    }

    /// Returns the session whose cookie has this hash. It may be over.
    pub async fn session(&self, hash: &str) -> Result<Option<Session>> {
        let row = sqlx::query(FIND).bind(hash).fetch_optional(&self.readers).await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Session {
            login: row.try_get("login")?,
            version: row.try_get("version")?,
            made_at: row.try_get("made_at")?,
            seen_at: row.try_get("seen_at")?,
        }))
    }

    /// Notes that a session was used.
    pub async fn see_session(&self, hash: String, now: Millis) -> Result<()> {
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    sqlx::query(SEE).bind(hash).bind(now.0).execute(connection).await?;
                    Ok(())
                })
            })
            .await
    }

    /// Ends a session, and enters that in the audit log if somebody signed out.
    pub async fn end_session(&self, hash: String, entry: Option<AuditEntry>) -> Result<()> {
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    sqlx::query(END).bind(hash).execute(&mut *connection).await?;
                    match entry {
                        Some(entry) => audit::add(connection, entry).await,
                        None => Ok(()),
                    }
                })
            })
            .await
    }
}
