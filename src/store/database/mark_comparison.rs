//! Compares a database with the mark of the daemon that works on it, to notice an older backup.
//!
//! The daemon's mark names a database and counts the daemon's sends. A daemon compares the database
//! with its mark when it starts, whenever it reconnects, and from time to time. If they disagree
//! then the database may have lost prompts that went out. All sends are then held until X's events
//! have been read past that moment ([`crate::store::Hold`]). The rules are in [`super::doubt`].

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use sqlx::{AnyConnection, AssertSqlSafe, Row};
use tokio::sync::watch;

use super::doubt::{DatabaseFacts, Doubt, Own, judge};
use super::identity::{self, Identity};
use super::mark::{Mark, MarkFile, Named};
use super::progress::LOADED;
use crate::domain::budget::{Call, WINDOW};
use crate::domain::time::Millis;
use crate::store::account::budgets;
use crate::store::{Engine, Error, Location, Result, Store};

/// The result of a comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MarkComparison {
    /// The reason why all sends are held from now on.
    pub doubt: Option<Doubt>,
    /// The mark of another database from before `store.url` was changed. Present if it is the
    /// reason.
    pub beside: Option<PathBuf>,
    /// The accounts whose hold has been lifted because this daemon's mark knows the database.
    pub lifted: Vec<String>,
}

/// The facts that this process knows about its database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Standing {
    known: Arc<Mutex<KnownDatabase>>,
    /// True if the database must be compared before anything more is sent.
    in_doubt: Arc<watch::Sender<bool>>,
}

#[derive(Debug, Default)]
struct KnownDatabase {
    /// Absent until the first comparison. Only daemons compare.
    mark: Option<MarkFile>,
    /// The identity of the database behind the writing connection.
    identity: Option<Identity>,
    /// The name and the count of this daemon. Set by the first comparison.
    daemon_id: String,
    sends: i64,
}

impl Standing {
    pub fn new() -> Self {
        Self { known: Arc::default(), in_doubt: Arc::new(watch::Sender::new(false)) }
    }

    fn known(&self) -> MutexGuard<'_, KnownDatabase> {
        self.known.lock().expect("no holder of this lock can panic")
    }

    /// Returns the name under which sends are counted. Refuses while the database is in doubt.
    pub fn counted_as(&self) -> Result<String> {
        match *self.in_doubt.borrow() {
            true => Err(being_compared()),
            false => Ok(self.known().daemon_id.clone()),
        }
    }

    /// Notes and returns how many sends of this daemon the database counts. This must be one more
    /// than before, in a row that this daemon wrote. Otherwise the database has changed and nothing
    /// is sent.
    pub fn count(&self, sends: Option<i64>) -> Result<i64> {
        let mut known = self.known();
        let is_compared = !known.daemon_id.is_empty();
        match sends {
            Some(sends) if !is_compared || sends == known.sends + 1 => {
                known.sends = sends;
                Ok(sends)
            }
            // Tests use a store that was never compared. It creates its row with its first send.
            None if !is_compared => {
                known.sends += 1;
                Ok(known.sends)
            }
            Some(_) | None => {
                drop(known);
                self.in_doubt.send_replace(true);
                Err(being_compared())
            }
        }
    }

    /// Counts a begun send in the mark before its request leaves.
    pub fn write_mark(&self, sends: i64, location: &Location) -> Result<()> {
        let mut known = self.known();
        let mark = match &mut known.mark {
            Some(mark) => mark,
            none => none.insert(MarkFile::take(location)?),
        };
        mark.count(sends)
    }

    /// Compares the database behind a new connection with the mark.
    pub async fn connected(&self, connection: &mut AnyConnection, engine: Engine) -> Result<()> {
        let identity = identity::read(connection, engine).await?;
        let (mark, daemon_id) = {
            let mut known = self.known();
            known.identity = Some(identity.clone());
            (known.mark.as_ref().and_then(|mark| mark.last().cloned()), known.daemon_id.clone())
        };
        if daemon_id.is_empty() {
            return Ok(());
        }
        let found = find(connection, engine, identity, &daemon_id).await?;
        if judge(mark.as_ref(), &found).is_some() {
            self.in_doubt.send_replace(true);
            return Ok(());
        }
        self.known().sends = found.own.map_or(0, |own| own.sends);
        if found.own.is_some_and(|own| !own.is_doubting) {
            vouch(connection, engine, &found.identity).await?;
        }
        Ok(())
    }
}

fn being_compared() -> Error {
    Error::Busy("the database is being compared with what was sent".into())
}

const DAEMONS: &str = "select cast(coalesce(sum(sends), 0) as bigint) as total, \
     cast(coalesce(sum(case when id <> '' or sends > 0 then 1 else 0 end), 0) as bigint) \
     as daemons, \
     count(case when id <> '' then 1 end) as named_daemons, \
     max(case when id = $1 then sends end) as own_sends, \
     max(case when id = $1 then doubting end) as own_doubting, \
     (select count(*) from restore_hold where why is not null) as held, \
     count(case when id = $1 and written is not null then 1 end) as own_stamped";

async fn find(
    connection: &mut AnyConnection,
    engine: Engine,
    identity: Identity,
    daemon_id: &str,
) -> Result<DatabaseFacts> {
    let loaded = match engine {
        Engine::Sqlite => "null".to_owned(),
        Engine::Postgres => format!("case when {LOADED} then 1 end"),
    };
    let sql = format!("{DAEMONS}, count({loaded}) as loaded from daemon");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(daemon_id).fetch_one(&mut *connection).await?;
    let sends: Option<i64> = row.try_get("own_sends")?;
    let doubting: Option<i64> = row.try_get("own_doubting")?;
    let is_stamped = row.try_get::<i64, _>("own_stamped")? > 0;
    let own = sends.map(|sends| Own { sends, is_doubting: doubting == Some(1), is_stamped });
    let is_vouched = match engine {
        Engine::Sqlite => false,
        Engine::Postgres => is_vouched(connection, &identity).await?,
    };
    Ok(DatabaseFacts {
        identity,
        total: row.try_get("total")?,
        has_daemons: row.try_get::<i64, _>("daemons")? > 0,
        has_named_daemons: row.try_get::<i64, _>("named_daemons")? > 0,
        own: own.filter(|_| !daemon_id.is_empty()),
        held: row.try_get("held")?,
        is_loaded: row.try_get::<i64, _>("loaded")? > 0,
        is_vouched,
    })
}

/// True if another connection belongs to a daemon that trusts the database. PostgreSQL only.
pub async fn is_vouched(connection: &mut AnyConnection, identity: &Identity) -> Result<bool> {
    let sql = format!(
        "select count(*) from pg_locks where locktype = 'advisory' and granted \
         and pid <> pg_backend_pid() and classid = {CLASS} \
         and cast(objid as bigint) = {} and database = \
         (select oid from pg_database where datname = current_database())",
        lock_number(identity) as u32
    );
    let locks: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(connection).await?;
    Ok(locks > 0)
}

/// The class of surveyd's advisory locks: "surv".
const CLASS: i32 = 0x7375_7276;

/// Returns the number of a database's lock within its class.
fn lock_number(identity: &Identity) -> i32 {
    let id = &identity.database_id;
    let last = id.get(id.len().saturating_sub(8)..).unwrap_or_default();
    u32::from_str_radix(last, 16).unwrap_or(0) as i32
}

/// Tells other daemons that this daemon's mark knows the database, as long as the connection lives.
async fn vouch(connection: &mut AnyConnection, engine: Engine, identity: &Identity) -> Result<()> {
    if engine == Engine::Postgres {
        let number = lock_number(identity);
        let sql = format!("select pg_try_advisory_lock_shared({CLASS}, {number})");
        sqlx::query(AssertSqlSafe(sql)).execute(connection).await?;
    }
    Ok(())
}

/// Lets daemons join one after another. Of two new daemons the second finds the first at work.
const JOIN_IN_TURN: &str = "select pg_advisory_xact_lock(hashtext('surveyd.join'))";

/// `NUMBER` stands for the number of the transaction.
const REGISTER: &str = "insert into daemon (id, sends, last_at, doubting, written) \
     values ($1, $2, 0, $3, NUMBER) on conflict (id) do update set sends = excluded.sends, \
     doubting = excluded.doubting, written = excluded.written";

/// Accepts rows that were loaded, because the sends are held by now.
const TAKE_OVER: &str = "update daemon set written = txid_current() where written is not null";

const HOLD: &str = "insert into restore_hold (account, restored_at, why) values ($1, $2, $3) \
     on conflict (account) do update set restored_at = excluded.restored_at, until_at = null, \
     why = excluded.why";

/// Leaves a hold with a more precise reason as it is.
const HOLD_UNKNOWN: &str = "insert into restore_hold (account, restored_at, why) \
     values ($1, $2, $3) on conflict (account) do update set restored_at = excluded.restored_at, \
     until_at = null, why = excluded.why where restore_hold.why is null";

/// Finds the accounts of other daemons that the database knows.
const ACCOUNTS: &str = "select distinct account from call_budget union \
     select distinct account from survey where state in ('scheduled', 'sending', 'uncertain')";

const LIFT: &str = "delete from restore_hold where why = 'unknown' and rebuild_from is null \
     returning account";

/// Holds an account that the database has never known, because its sends are unknown as well.
const HOLD_STRANGE: &str = "insert into restore_hold (account, restored_at, why) \
     select $1, $2, max(why) from restore_hold where why is not null \
     and not exists (select 1 from call_budget where account = $1) \
     and not exists (select 1 from restore_hold where account = $1) having count(*) > 0";

impl Store {
    /// Compares the database with this daemon's own mark. If they disagree then it holds the sends
    /// of `accounts`. It also holds all other accounts that the database knows, unless the doubt is
    /// [`Doubt::Unknown`].
    pub async fn compare(&self, accounts: Vec<String>, now: Millis) -> Result<MarkComparison> {
        let location = self.location.clone();
        let others = {
            let mut known = self.standing.known();
            let mark = match &mut known.mark {
                Some(mark) => mark,
                none => none.insert(MarkFile::take(&location)?),
            };
            match mark.read()? {
                Some(_) => Vec::new(),
                None => mark.others(&location),
            }
        };
        let standing = self.standing.clone();
        let compared = self
            .writer
            .run(move |connection| {
                Box::pin(async move {
                    compare(connection, location.engine, &standing, others, accounts, now).await
                })
            })
            .await?;
        let Some((daemon, doubt)) = compared.mark else { return Ok(compared.compared) };
        // The holds are on the disk by now. If the mark were written first then a crash in between
        // would leave a mark that agrees with a database it must not trust.
        let mut known = self.standing.known();
        if doubt {
            let mark = known.mark.as_mut().expect("it was taken above");
            mark.write(daemon.clone())?;
        }
        known.daemon_id = daemon.daemon.map(|named| named.daemon_id).unwrap_or_default();
        drop(known);
        self.standing.in_doubt.send_replace(false);
        Ok(compared.compared)
    }

    /// Waits until the database must be compared again.
    pub async fn in_doubt(&self) {
        let mut in_doubt = self.standing.in_doubt.subscribe();
        let _ = in_doubt.wait_for(|in_doubt| *in_doubt).await;
    }
}

/// The result of a comparison, and the mark that follows from it.
struct ComparisonDone {
    compared: MarkComparison,
    mark: Option<(Mark, bool)>,
}

async fn compare(
    connection: &mut AnyConnection,
    engine: Engine,
    standing: &Standing,
    others: Vec<(PathBuf, Named)>,
    accounts: Vec<String>,
    now: Millis,
) -> Result<ComparisonDone> {
    if engine == Engine::Postgres {
        sqlx::query(JOIN_IN_TURN).execute(&mut *connection).await?;
    }
    let (mark, identity) = {
        let known = standing.known();
        (known.mark.as_ref().and_then(|mark| mark.last().cloned()), known.identity.clone())
    };
    let identity = identity.expect("every connection that writes for a daemon was looked at");
    let named = mark.as_ref().and_then(|mark| mark.daemon.as_ref());
    let daemon_id = named.map(|named| named.daemon_id.clone()).unwrap_or_default();
    let found = find(connection, engine, identity, &daemon_id).await?;
    let is_of_another =
        |(_, named): &(PathBuf, Named)| named.identity.database_id != found.identity.database_id;
    let beside = others.into_iter().find(is_of_another).map(|(path, _)| path);
    let doubt = judge(mark.as_ref(), &found).or(beside.is_some().then_some(Doubt::Other));
    let daemon_id = match daemon_id.is_empty() {
        true => uuid::Uuid::now_v7().simple().to_string(),
        false => daemon_id,
    };
    let counted = found.own.map_or(0, |own| own.sends);
    let marked = mark.as_ref().filter(|mark| mark.daemon.is_some() || doubt.is_some());
    let sends = counted.max(marked.map_or(0, |mark| mark.sends));
    let is_doubting =
        doubt.is_some() || (found.held > 0 && found.own.is_some_and(|own| own.is_doubting));
    let mut compared = MarkComparison { doubt, beside, lifted: Vec::new() };
    if let Some(doubt) = doubt {
        hold(connection, doubt, accounts, now).await?;
    } else if is_doubting {
        hold_strange(connection, accounts, now).await?;
    } else if found.held > 0 {
        compared.lifted = sqlx::query_scalar(LIFT).fetch_all(&mut *connection).await?;
    }
    // A daemon without a mark holds its own accounts alone. The other daemons have yet to see the
    // rows.
    if found.is_loaded && doubt != Some(Doubt::Unknown) {
        sqlx::query(TAKE_OVER).execute(&mut *connection).await?;
    }
    let is_news = found.own.is_none_or(|own| {
        own.sends != sends
            || own.is_doubting != is_doubting
            || (engine == Engine::Postgres && !own.is_stamped)
    });
    if is_news {
        let number = if engine == Engine::Postgres { "txid_current()" } else { "null" };
        sqlx::query(AssertSqlSafe(REGISTER.replace("NUMBER", number)))
            .bind(daemon_id.as_str())
            .bind(sends)
            .bind(i64::from(is_doubting))
            .execute(&mut *connection)
            .await?;
    }
    let daemon = Some(Named { daemon_id, identity: found.identity.clone() });
    let next = Mark { sends, daemon };
    if doubt.is_none() {
        // Written before the row. A daemon with a row and without a mark would be unknown at its
        // next start.
        let mut known = standing.known();
        let file = known.mark.as_mut().expect("taken before the comparison");
        if file.last() != Some(&next) {
            file.write(next.clone())?;
        }
    }
    if !is_doubting {
        vouch(connection, engine, &found.identity).await?;
    }
    // Set here, in order with the sends that are begun. Afterwards the next send may have counted
    // already.
    standing.known().sends = sends;
    Ok(ComparisonDone { compared, mark: Some((next, doubt.is_some())) })
}

/// Holds accounts that were configured while the database was already held.
async fn hold_strange(
    connection: &mut AnyConnection,
    accounts: Vec<String>,
    now: Millis,
) -> Result<()> {
    for account in accounts {
        sqlx::query(HOLD_STRANGE).bind(account).bind(now.0).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Holds the sends of `accounts` and, unless the doubt is [`Doubt::Unknown`], of all other accounts
/// that the database knows.
pub async fn hold(
    connection: &mut AnyConnection,
    doubt: Doubt,
    mut accounts: Vec<String>,
    now: Millis,
) -> Result<()> {
    // A daemon without a mark holds its own accounts alone and leaves the others to their daemons.
    let sql = match doubt {
        Doubt::Unknown => HOLD_UNKNOWN,
        Doubt::Older | Doubt::Other | Doubt::Promoted | Doubt::Restored => {
            accounts.extend(
                sqlx::query_scalar::<_, String>(ACCOUNTS).fetch_all(&mut *connection).await?,
            );
            HOLD
        }
    };
    accounts.sort();
    accounts.dedup();
    for account in accounts {
        // A copy does not know the latest calls either. The other kinds of call wait for the hold
        // anyway.
        let whole_window = Some(now.plus(WINDOW));
        budgets::hold(connection, &account, Call::Show, whole_window, now).await?;
        sqlx::query(sql)
            .bind(account)
            .bind(now.0)
            .bind(doubt.as_str())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
