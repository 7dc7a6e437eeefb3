//! X's limits on calls, and accounts that are paused. A restart forgets neither.

use std::collections::{BTreeMap, HashMap};

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use crate::domain::alert::Fact;
use crate::domain::budget::{Call, CallWindow, RateHeaders};
use crate::domain::time::{Millis, Ready, millis};
use crate::domain::waiting::Pause;
use crate::store::alerts::facts;
use crate::store::placeholders::Query;
use crate::store::{Result, Store};

/// An account that X refuses as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paused {
    pub account: String,
    pub paused_at: Millis,
    pub why: String,
    /// The instant of the next probe of X. `probe_wait` is the wait to the probe after it.
    pub probe_at: Millis,
    pub probe_wait: std::time::Duration,
    /// The instant at which the account worked again. Absent while it is paused.
    pub resumed_at: Option<Millis>,
}

const OPEN: &str = "insert into call_budget (account, call, used) values ($1, $2, '{}') \
     on conflict (account, call) do update set call = excluded.call returning used";

const KEEP: &str = "update call_budget set used = $1 where account = $2 and call = $3";

/// Locks and reads the window of one kind of call.
async fn open(connection: &mut AnyConnection, account: &str, call: Call) -> Result<CallWindow> {
    let used: String =
        sqlx::query_scalar(OPEN).bind(account).bind(call.as_str()).fetch_one(connection).await?;
    Ok(serde_json::from_str(&used)?)
}

/// Reads the window of one kind of call.
pub async fn read(connection: &mut AnyConnection, account: &str, call: Call) -> Result<CallWindow> {
    let used: Option<String> =
        sqlx::query_scalar("select used from call_budget where account = $1 and call = $2")
            .bind(account)
            .bind(call.as_str())
            .fetch_optional(connection)
            .await?;
    Ok(used.map_or(Ok(CallWindow::default()), |used| serde_json::from_str(&used))?)
}

/// Returns how many calls each account may make now, for those kinds that it has made.
pub async fn all_left(
    connection: &mut AnyConnection,
    now: Millis,
) -> Result<HashMap<String, BTreeMap<Call, u32>>> {
    let mut left: HashMap<_, BTreeMap<_, _>> = HashMap::new();
    let rows = sqlx::query("select account, call, used from call_budget");
    for row in &rows.fetch_all(connection).await? {
        let (call, used): (String, String) = (row.try_get("call")?, row.try_get("used")?);
        // Another version may know more kinds.
        let Some(call) = Call::parse(&call) else { continue };
        let window: CallWindow = serde_json::from_str(&used)?;
        let of_account = left.entry(row.try_get("account")?).or_default();
        of_account.insert(call, window.left(call.limit(), now));
    }
    Ok(left)
}

async fn keep(
    connection: &mut AnyConnection,
    account: &str,
    call: Call,
    window: &CallWindow,
) -> Result<()> {
    sqlx::query(KEEP)
        .bind(serde_json::to_string(window)?)
        .bind(account)
        .bind(call.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

/// Takes up to `wanted` calls. Returns how many, at least one. Otherwise returns when the next call
/// may be made.
pub async fn take(
    connection: &mut AnyConnection,
    account: &str,
    call: Call,
    wanted: u32,
    now: Millis,
) -> Result<Ready<u32>> {
    let mut window = open(connection, account, call).await?;
    let mut taken = 0;
    while taken < wanted {
        match window.take(call.limit(), now) {
            Ok(()) => taken += 1,
            Err(until) if taken == 0 => return Ok(Ready::At(until)),
            Err(_) => break,
        }
    }
    keep(connection, account, call, &window).await?;
    Ok(Ready::Now(taken))
}

/// Takes calls that are spread evenly. Returns zero if none is due yet.
async fn take_paced(
    connection: &mut AnyConnection,
    account: &str,
    call: Call,
    wanted: (u32, f64),
    now: Millis,
) -> Result<Ready<u32>> {
    let mut window = open(connection, account, call).await?;
    let taken = window.take_paced(call.limit(), wanted, now);
    keep(connection, account, call, &window).await?;
    Ok(taken)
}

/// Gives back a call that is known not to have been carried out.
pub async fn give_back(
    connection: &mut AnyConnection,
    account: &str,
    call: Call,
    taken_at: Millis,
) -> Result<()> {
    let mut window = open(connection, account, call).await?;
    window.give_back(taken_at);
    keep(connection, account, call, &window).await
}

/// Holds a kind of call until its reset. Returns the end of that hold.
pub async fn hold(
    connection: &mut AnyConnection,
    account: &str,
    call: Call,
    reset_at: Option<Millis>,
    now: Millis,
) -> Result<Millis> {
    let mut window = open(connection, account, call).await?;
    let until = window.hold(reset_at, now);
    keep(connection, account, call, &window).await?;
    Ok(until)
}

pub async fn is_paused(connection: &mut AnyConnection, account: &str) -> Result<bool> {
    let paused: Option<String> = sqlx::query_scalar(
        "select account from paused_account where account = $1 and resumed_at is null",
    )
    .bind(account)
    .fetch_optional(connection)
    .await?;
    Ok(paused.is_some())
}

const POSTPONE: &str = "update paused_account set paused_at = $2, why = $3, probe_at = $4, \
     probe_wait = $5 where account = $1 and resumed_at is null";

/// Another daemon may have begun the same pause since [`POSTPONE`] looked.
const PAUSE: &str = "insert into paused_account (account, paused_at, why, probe_at, probe_wait) \
     values ($1, $2, $3, $4, $5) on conflict (account) do update \
     set paused_at = excluded.paused_at, why = excluded.why, probe_at = excluded.probe_at, \
     probe_wait = excluded.probe_wait, resumed_at = null \
     where paused_account.resumed_at is not null";

const PAUSES: &str = "select account, paused_at, why, probe_at from paused_account \
     where resumed_at is null order by account";

const RESUME: &str = "update paused_account set resumed_at = $1 \
     where account = $2 and resumed_at is null returning paused_at";

/// Returns true if the account was not paused yet. Only then it is a fact that alerts are told of.
async fn begin_pause(connection: &mut AnyConnection, paused: &Paused) -> Result<bool> {
    let begun = bind_pause(PAUSE, paused).execute(&mut *connection).await?;
    if begun.rows_affected() == 0 {
        return Ok(false);
    }
    let fact = Fact::paused(&paused.account, paused.paused_at, &paused.why);
    facts::add(connection, &[fact]).await?;
    Ok(true)
}

fn bind_pause<'q>(sql: &'static str, paused: &'q Paused) -> Query<'q> {
    sqlx::query(sql)
        .bind(paused.account.as_str())
        .bind(paused.paused_at.0)
        .bind(paused.why.as_str())
        .bind(paused.probe_at.0)
        .bind(millis(paused.probe_wait))
}

impl Store {
    /// Takes up to `wanted` calls from the account's budget before they are made. Returns how many,
    /// at least one. Otherwise returns when the next call may be made.
    pub async fn take_calls(
        &self,
        account: &str,
        call: Call,
        wanted: u32,
        now: Millis,
    ) -> Result<Ready<u32>> {
        let account = account.to_owned();
        self.writer
            .run(move |connection| {
                Box::pin(async move { take(connection, &account, call, wanted, now).await })
            })
            .await
    }

    /// Gives back calls that were taken at `taken_at` and not made.
    pub async fn give_back_calls(
        &self,
        account: &str,
        call: Call,
        calls: u32,
        taken_at: Millis,
    ) -> Result<()> {
        self.change_window(account, call, move |window| window.give_back_unmade(taken_at, calls))
            .await
    }

    /// Takes up to `wanted` evenly spread calls, at a given number a minute for all daemons that
    /// share this budget. Returns how many, possibly none. Otherwise returns when any may be made.
    pub async fn take_paced_calls(
        &self,
        account: &str,
        call: Call,
        wanted: (u32, f64),
        now: Millis,
    ) -> Result<Ready<u32>> {
        let account = account.to_owned();
        self.writer
            .run(move |connection| {
                Box::pin(async move { take_paced(connection, &account, call, wanted, now).await })
            })
            .await
    }

    /// Returns how many evenly spread calls may be made now.
    pub async fn calls_paced(
        &self,
        account: &str,
        call: Call,
        calls_a_minute: f64,
        now: Millis,
    ) -> Result<u32> {
        Ok(self.window(account, call).await?.paced(calls_a_minute, now))
    }

    /// Believes X's rate headers if they say something new. Otherwise writes nothing. `under_way`
    /// calls have been taken and have no answer yet.
    pub async fn hear_limit(
        &self,
        account: &str,
        call: Call,
        told: RateHeaders,
        under_way: u32,
        now: Millis,
    ) -> Result<()> {
        let told = RateHeaders { reset_at: call.believable(told.reset_at, now), ..told };
        let window = self.window(account, call).await?;
        if !window.is_news(told, under_way, call.limit(), now) {
            return Ok(());
        }
        self.change_window(account, call, move |window| window.hear(told, under_way, now)).await
    }

    /// Holds this kind of call until X's reset. Without a reset the hold doubles each time. Returns
    /// its end.
    pub async fn hold_calls(
        &self,
        account: &str,
        call: Call,
        reset_at: Option<Millis>,
        now: Millis,
    ) -> Result<Millis> {
        let reset_at = reset_at.map(|at| call.believable(at, now));
        self.change_window(account, call, move |window| window.hold(reset_at, now)).await
    }

    async fn change_window<T: Send + 'static>(
        &self,
        account: &str,
        call: Call,
        change: impl FnOnce(&mut CallWindow) -> T + Send + 'static,
    ) -> Result<T> {
        let account = account.to_owned();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let mut window = open(connection, &account, call).await?;
                    let result = change(&mut window);
                    keep(connection, &account, call, &window).await?;
                    Ok(result)
                })
            })
            .await
    }

    /// Returns how many calls of a kind the account may still make now.
    pub async fn calls_left(&self, account: &str, call: Call, now: Millis) -> Result<u32> {
        Ok(self.window(account, call).await?.left(call.limit(), now))
    }

    /// Returns how many calls of a kind the account may make now for work that can wait.
    pub async fn calls_spare(&self, account: &str, call: Call, now: Millis) -> Result<u32> {
        Ok(self.window(account, call).await?.spare(call.limit(), now))
    }

    /// Returns how many calls of a kind X allows the account in its window, as far as X has said.
    pub async fn calls_allowed(&self, account: &str, call: Call) -> Result<u32> {
        Ok(self.window(account, call).await?.allowed(call.limit()))
    }

    /// Returns when the account may make such a call again. `None` stands for now.
    pub async fn calls_free_at(
        &self,
        account: &str,
        call: Call,
        now: Millis,
    ) -> Result<Option<Millis>> {
        Ok(self.window(account, call).await?.take(call.limit(), now).err())
    }

    async fn window(&self, account: &str, call: Call) -> Result<CallWindow> {
        read(&mut *self.readers.acquire().await?, account, call).await
    }

    /// Pauses an account, or postpones the next probe of a paused one.
    pub async fn pause(&self, paused: Paused) -> Result<()> {
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let postponed = bind_pause(POSTPONE, &paused).execute(&mut *connection).await?;
                    if postponed.rows_affected() > 0 {
                        return Ok(());
                    }
                    begin_pause(connection, &paused).await.map(|_| ())
                })
            })
            .await
    }

    /// Pauses an account that is not paused yet. Returns true if that began the pause. Of requests
    /// that X refuses at once only the first does.
    pub async fn begin_pause(&self, paused: Paused) -> Result<bool> {
        self.writer
            .run(move |connection| Box::pin(async move { begin_pause(connection, &paused).await }))
            .await
    }

    /// Returns the accounts that are paused.
    pub async fn pauses(&self) -> Result<Vec<(String, Pause)>> {
        let rows = sqlx::query(PAUSES).fetch_all(&self.readers).await?;
        let pause = |row: &AnyRow| -> Result<(String, Pause)> {
            let (since, why) = (row.try_get("paused_at")?, row.try_get("why")?);
            let asked_again_at = row.try_get("probe_at")?;
            Ok((row.try_get("account")?, Pause { since, why, asked_again_at }))
        };
        rows.iter().map(pause).collect()
    }

    /// Ends a pause. Returns true if there was one.
    pub async fn resume(&self, account: &str, now: Millis) -> Result<bool> {
        let account = account.to_owned();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let ended = sqlx::query(RESUME)
                        .bind(now.0)
                        .bind(account.as_str())
                        .fetch_optional(&mut *connection)
                        .await?;
                    let Some(ended) = ended else { return Ok(false) };
                    let fact = Fact::resumed(&account, ended.try_get("paused_at")?, now);
                    facts::add(connection, &[fact]).await?;
                    Ok(true)
                })
            })
            .await
    }

    /// Returns the pause that an account is in.
    pub async fn paused(&self, account: &str) -> Result<Option<Paused>> {
        let last = self.last_pause(account).await?;
        Ok(last.filter(|pause| pause.resumed_at.is_none()))
    }

    /// Returns the last pause of an account, even one that is over.
    pub async fn last_pause(&self, account: &str) -> Result<Option<Paused>> {
        let row = sqlx::query(
            "select paused_at, why, probe_at, probe_wait, resumed_at from paused_account \
             where account = $1",
        )
        .bind(account)
        .fetch_optional(&self.readers)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let wait: i64 = row.try_get("probe_wait")?;
        Ok(Some(Paused {
            account: account.to_owned(),
            paused_at: row.try_get("paused_at")?,
            why: row.try_get("why")?,
            probe_at: row.try_get("probe_at")?,
            probe_wait: std::time::Duration::from_millis(u64::try_from(wait).unwrap_or(0)),
            resumed_at: row.try_get("resumed_at")?,
        }))
    }
}
