//! How a daemon decides whether to trust its database.
//!
//! The daemon's mark names a database and counts the daemon's sends. A daemon compares the database
//! with its mark when it starts, whenever it reconnects, and from time to time. If they disagree
//! then the database may have lost prompts that went out. All sends are then held until X's events
//! have been read past that moment ([`crate::store::Hold`]).
//!
//! A daemon without a mark cannot compare. It trusts the database in two cases:
//!
//! - No daemon has worked on the database yet. A mark of another database in its folder excludes
//!   this case. It shows that `store.url` was changed, and only the other database knows the sends.
//! - Another daemon works on the database at that moment and its mark agrees. That daemon holds an
//!   advisory lock, which no copy of a database contains.
//!
//! Otherwise the daemon holds its sends. The next daemon whose mark agrees lifts that hold.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use sqlx::{AnyConnection, AssertSqlSafe, Row};
use tokio::sync::watch;

use super::identity::{self, Identity};
use super::mark::{Mark, MarkFile, Named};
use super::progress::LOADED;
use crate::domain::budget::{Call, WINDOW};
use crate::domain::named::named;
use crate::domain::time::Millis;
use crate::store::account::budgets;
use crate::store::{Engine, Error, Location, Result, Store};

/// The reason for not trusting a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// The database lacks sends that this daemon has begun.
    Older,
    /// The database is another one, or was restored from a dump.
    Other,
    /// The database's server was promoted, or restored to a point in time.
    Promoted,
    /// This daemon has no mark, and no other daemon at work knows the database.
    Unknown,
}

named!(Doubt {
    Older = "older",
    Other = "other",
    Promoted = "promoted",
    Unknown = "unknown",
});

impl Doubt {
    /// Returns the words for the doubt. They follow "the database" and end the sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::Older => "is an older copy than the one that sent last",
            Self::Other => "is new, or another one than the one that sent last",
            Self::Promoted => {
                "is on a server that was promoted, or restored to a point in time, since the last send"
            }
            Self::Unknown => {
                "has been worked on, and no mark of that is in this daemon's state folder"
            }
        }
    }
}

/// The result of a comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
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
            none => none.insert(MarkFile::claim(location)?),
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

/// The facts in the database that a comparison needs.
#[derive(Debug)]
struct DatabaseFacts {
    identity: Identity,
    /// True if any daemon has worked on it.
    has_daemons: bool,
    /// True if any of them has a name.
    has_named_daemons: bool,
    /// The number of all sends that were begun.
    total: i64,
    own: Option<Own>,
    /// True if any daemon's row is not as that daemon left it.
    is_loaded: bool,
    /// The number of accounts held after a doubt.
    held: i64,
    /// True if another daemon at work trusts it.
    is_vouched: bool,
}

#[derive(Clone, Copy, Debug)]
struct Own {
    sends: i64,
    /// True if this daemon has doubted the database and the holds of that doubt are not over.
    is_doubting: bool,
    /// True if the row names the transaction that wrote it.
    is_stamped: bool,
}

fn judge(mark: Option<&Mark>, found: &DatabaseFacts) -> Option<Doubt> {
    let loaded = found.is_loaded.then_some(Doubt::Other);
    let Some(mark) = mark else {
        let is_trusted = !found.has_daemons || found.is_vouched && found.held == 0;
        return if is_trusted { loaded } else { Some(Doubt::Unknown) };
    };
    let Some(Named { identity: known, .. }) = &mark.daemon else {
        // A mark without a name dates from before daemons had one. Beside a database whose daemons
        // have names it is the rest of a mark.
        return match found.has_named_daemons {
            true => Some(Doubt::Unknown),
            false => (found.total < mark.sends).then_some(Doubt::Older),
        };
    };
    let identity = &found.identity;
    if known.database_id != identity.database_id {
        return Some(Doubt::Other);
    }
    if found.own.map_or(0, |own| own.sends) < mark.sends {
        return Some(Doubt::Older);
    }
    if let (Some(before), Some(now)) = (&known.server, &identity.server)
        && before != now
    {
        let same_cluster = before.system == now.system;
        let promoted = same_cluster && before.timeline != now.timeline;
        return Some(if promoted { Doubt::Promoted } else { Doubt::Other });
    }
    let is_behind =
        matches!((identity.position, known.position), (Some(now), Some(then)) if now < then);
    if is_behind { Some(Doubt::Older) } else { loaded }
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
    pub async fn compare(&self, accounts: Vec<String>, now: Millis) -> Result<Compared> {
        let location = self.location.clone();
        let others = {
            let mut known = self.standing.known();
            let mark = match &mut known.mark {
                Some(mark) => mark,
                none => none.insert(MarkFile::claim(&location)?),
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
            let mark = known.mark.as_mut().expect("it was claimed above");
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
    compared: Compared,
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
    let mut compared = Compared { doubt, beside, lifted: Vec::new() };
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
        let file = known.mark.as_mut().expect("claimed before the comparison");
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

async fn hold(
    connection: &mut AnyConnection,
    doubt: Doubt,
    mut accounts: Vec<String>,
    now: Millis,
) -> Result<()> {
    // A daemon without a mark holds its own accounts alone and leaves the others to their daemons.
    let sql = match doubt {
        Doubt::Unknown => HOLD_UNKNOWN,
        Doubt::Older | Doubt::Other | Doubt::Promoted => {
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

#[cfg(test)]
mod tests {
    use super::identity::Server;
    use super::*;

    fn server() -> Server {
        Server { system: "7".into(), timeline: "00000001".into(), database: 5, table: 6 }
    }

    fn identity(server: Server, position: i64) -> Identity {
        Identity { database_id: "a".into(), server: Some(server), position: Some(position) }
    }

    fn found(identity: Identity, sends: i64) -> DatabaseFacts {
        let own = Some(Own { sends, is_doubting: false, is_stamped: true });
        let is_loaded = false;
        DatabaseFacts {
            identity,
            has_daemons: true,
            has_named_daemons: true,
            total: sends,
            own,
            is_loaded,
            held: 0,
            is_vouched: false,
        }
    }

    fn mark(sends: i64) -> Mark {
        let daemon = Named { daemon_id: "d".into(), identity: identity(server(), 100) };
        Mark { sends, daemon: Some(daemon) }
    }

    #[test]
    fn a_database_is_trusted_where_it_is_the_one_of_the_mark_and_not_behind_it() {
        let promoted = Server { timeline: "00000002".into(), ..server() };
        let elsewhere = Server { system: "8".into(), timeline: "00000002".into(), ..server() };
        let dumped = Server { table: 7, ..server() };
        let unnamed = Identity { server: None, position: None, ..identity(server(), 0) };
        let other = Identity { database_id: "b".into(), ..identity(server(), 100) };
        for (identity, sends, doubt) in [
            (identity(server(), 100), 3, None),
            (identity(server(), 200), 4, None),
            (identity(server(), 200), 2, Some(Doubt::Older)),
            (identity(server(), 99), 3, Some(Doubt::Older)),
            (identity(promoted, 200), 3, Some(Doubt::Promoted)),
            (identity(elsewhere, 200), 3, Some(Doubt::Other)),
            (identity(dumped, 200), 3, Some(Doubt::Other)),
            (other, 3, Some(Doubt::Other)),
            // A server that does not say which it is.
            (unnamed, 3, None),
        ] {
            let found = found(identity, sends);
            assert_eq!(judge(Some(&mark(3)), &found), doubt, "{found:?}");
        }
        let loaded = DatabaseFacts { is_loaded: true, ..found(identity(server(), 200), 3) };
        assert_eq!(judge(Some(&mark(3)), &loaded), Some(Doubt::Other));
    }

    #[test]
    fn a_count_without_a_name_is_believed_where_no_daemon_had_one() {
        let mark = Mark { sends: 3, daemon: None };
        let before = DatabaseFacts {
            has_named_daemons: false,
            own: None,
            ..found(identity(server(), 100), 3)
        };
        assert_eq!(judge(Some(&mark), &before), None);
        let older = DatabaseFacts { total: 2, ..before };
        assert_eq!(judge(Some(&mark), &older), Some(Doubt::Older));
        let named = DatabaseFacts { has_named_daemons: true, total: 3, ..older };
        assert_eq!(judge(Some(&mark), &named), Some(Doubt::Unknown), "the rest of a mark");
    }

    #[test]
    fn a_stranger_trusts_a_new_database_and_one_that_another_vouches_for() {
        let found = found(identity(server(), 100), 3);
        let new = DatabaseFacts { has_daemons: false, own: None, ..found };
        assert_eq!(judge(None, &new), None);
        let used = DatabaseFacts { has_daemons: true, ..new };
        assert_eq!(judge(None, &used), Some(Doubt::Unknown));
        let vouched = DatabaseFacts { is_vouched: true, ..used };
        assert_eq!(judge(None, &vouched), None);
        let loaded = DatabaseFacts { is_loaded: true, ..vouched };
        assert_eq!(judge(None, &loaded), Some(Doubt::Other));
        let held = DatabaseFacts { held: 1, is_loaded: false, ..loaded };
        assert_eq!(judge(None, &held), Some(Doubt::Unknown), "the other is held itself");
    }
}
