//! Dry runs: where a prompt stops, what is kept of it and who counts it.
//!
//! A live account counts no prompt of a dry run. So a dry run never sets `spent_at`, the column by
//! which the other statements count prompts.

use sqlx::{AnyConnection, Row};

use super::prompt::{Prompt, SendTimes};
use crate::domain::budget::Call;
use crate::domain::policy::decision::{Clear, DryRun, Ground};
use crate::domain::policy::{DryHistory, Mode, Rules};
use crate::domain::survey::Survey;
use crate::domain::time::{Millis, Ready};
use crate::store::account::budgets;
use crate::store::{Result, Store};

/// The prompts that a dry run would have sent in some period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DryDay {
    pub prompts: i64,
    pub oldest: Option<Millis>,
    pub latest: Option<Millis>,
}

const KEEP: &str = "update survey set dry_at = $1, throttle_group = $2, kind = $3, \
     question_variant_id = $4, test = $5, message = $6, crashes = 0 where id = $7";

/// Counts the prompts that a dry run would have sent and that X has not shown since.
const OF_ACCOUNT: &str = "select count(*) as prompts, min(dry_at) as oldest, \
     max(dry_at) as latest from survey where account = $1 and dry_at > $2 and spent_at is null";

const OF_PERSON: &str = "select max(dry_at) as last_at, \
     cast(sum(case when account = $2 and dry_at > $3 then 1 else 0 end) as bigint) as prompts \
     from survey where user_id = $4 and dry_at is not null and spent_at is null \
     and (throttle_group = $1 or account = $2)";

impl Store {
    /// Returns the prompts since `since` that a dry run would have sent and X has not shown.
    pub async fn dry_day(&self, account: &str, since: Millis) -> Result<DryDay> {
        day(&mut *self.readers.acquire().await?, account, since).await
    }
}

/// Reads the result of [`Store::dry_day`] over a connection that the caller already holds.
pub(in crate::store) async fn day(
    connection: &mut AnyConnection,
    account: &str,
    since: Millis,
) -> Result<DryDay> {
    let day = sqlx::query(OF_ACCOUNT).bind(account).bind(since.0).fetch_one(connection).await?;
    Ok(DryDay {
        prompts: day.try_get("prompts")?,
        oldest: day.try_get("oldest")?,
        latest: day.try_get("latest")?,
    })
}

/// Returns the last ground for or against a prompt that the policy permits. A dry run never sends,
/// because every send passes through this one function.
pub(in crate::store) async fn permit(
    connection: &mut AnyConnection,
    account: &str,
    (prompt, mode): (&Prompt, Mode),
    clear: Clear,
    times: SendTimes,
) -> Result<Ground> {
    if budgets::is_paused(connection, account).await? {
        // A look-up or another daemon may have paused the account since the survey was leased.
        return Ok(Ground::AccountPaused { until: times.now });
    }
    if mode.is_dry() {
        let Prompt { kind, question_variant_id, test, .. } = *prompt;
        return Ok(Ground::DryRun(DryRun { kind, question_variant_id, test, clear }));
    }
    Ok(match budgets::take(connection, account, Call::Create, 1, times.x_now).await? {
        Ready::Now(_) => Ground::Clear(clear),
        Ready::At(until) => Ground::XLimit { until: times.wait_until(until) },
    })
}

/// Keeps the prompt that would have been sent, so that the dry run counts it and people can read
/// it.
pub(in crate::store) async fn keep(
    connection: &mut AnyConnection,
    survey: &Survey,
    prompt: &Prompt,
    rules: &Rules,
    at: Millis,
) -> Result<()> {
    sqlx::query(KEEP)
        .bind(at.0)
        .bind(rules.throttle_group.as_str())
        .bind(prompt.kind.as_str())
        .bind(i64::from(prompt.question_variant_id))
        .bind(i64::from(prompt.test))
        .bind(prompt.message.replace('\0', ""))
        .bind(survey.id.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

/// Returns the history of prompts that the dry run would have sent. A live account counts none.
pub(in crate::store) async fn history(
    connection: &mut AnyConnection,
    survey: &Survey,
    rules: &Rules,
    since: i64,
) -> Result<DryHistory> {
    let of_account = sqlx::query(OF_ACCOUNT)
        .bind(survey.account.as_str())
        .bind(since)
        .fetch_one(&mut *connection)
        .await?;
    let of_person = sqlx::query(OF_PERSON)
        .bind(rules.throttle_group.as_str())
        .bind(survey.account.as_str())
        .bind(since)
        .bind(survey.person())
        .fetch_one(&mut *connection)
        .await?;
    let count = |n: i64| u32::try_from(n).unwrap_or(u32::MAX);
    Ok(DryHistory {
        last_to_person: of_person.try_get("last_at")?,
        day_to_person: count(of_person.try_get::<Option<i64>, _>("prompts")?.unwrap_or(0)),
        day_of_account: count(of_account.try_get("prompts")?),
        oldest_of_day: of_account.try_get("oldest")?,
    })
}
