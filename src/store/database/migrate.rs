//! Brings the schema up to date, and refuses one that is newer than this program.

use std::io::ErrorKind;
use std::path::Path;

use sqlx::any::AnyConnectOptions;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, AssertSqlSafe, Connection, SqlSafeStr};

use super::log_note;
use crate::files;
use crate::store::location::connect;
use crate::store::{Engine, Error, Location, Result};

/// The migrations in order. A released file is never changed.
const MIGRATIONS: [(i64, &str, &str); 30] = [
    (1, "surveys", include_str!("../../../migrations/0001_surveys.sql")),
    (2, "feedback", include_str!("../../../migrations/0002_feedback.sql")),
    (3, "message", include_str!("../../../migrations/0003_message.sql")),
    (4, "deliveries", include_str!("../../../migrations/0004_deliveries.sql")),
    (5, "policy", include_str!("../../../migrations/0005_policy.sql")),
    (6, "talks", include_str!("../../../migrations/0006_talks.sql")),
    (7, "hints", include_str!("../../../migrations/0007_hints.sql")),
    (8, "reading", include_str!("../../../migrations/0008_reading.sql")),
    (9, "rebuild", include_str!("../../../migrations/0009_rebuild.sql")),
    (10, "fresh", include_str!("../../../migrations/0010_fresh.sql")),
    (11, "unread", include_str!("../../../migrations/0011_unread.sql")),
    (12, "holds", include_str!("../../../migrations/0012_holds.sql")),
    (13, "daemons", include_str!("../../../migrations/0013_daemons.sql")),
    (14, "respelt", include_str!("../../../migrations/0014_respelt.sql")),
    (15, "clocks", include_str!("../../../migrations/0015_clocks.sql")),
    (16, "figures", include_str!("../../../migrations/0016_figures.sql")),
    (17, "limited", include_str!("../../../migrations/0017_limited.sql")),
    (18, "written", include_str!("../../../migrations/0018_written.sql")),
    (19, "merged", include_str!("../../../migrations/0019_merged.sql")),
    (20, "rejected", include_str!("../../../migrations/0020_rejected.sql")),
    (23, "dry", include_str!("../../../migrations/0023_dry.sql")),
    (24, "sent_as", include_str!("../../../migrations/0024_sent_as.sql")),
    (25, "answered", include_str!("../../../migrations/0025_answered.sql")),
    (26, "results", include_str!("../../../migrations/0026_results.sql")),
    (27, "access", include_str!("../../../migrations/0027_access.sql")),
    (28, "blocks", include_str!("../../../migrations/0028_blocks.sql")),
    (29, "alerts", include_str!("../../../migrations/0029_alerts.sql")),
    (30, "schedules", include_str!("../../../migrations/0030_schedules.sql")),
    (31, "person", include_str!("../../../migrations/0031_person.sql")),
    (32, "failed_tries", include_str!("../../../migrations/0032_failed_tries.sql")),
];

/// What follows the text of a migration in each engine's own language, SQLite's first. Triggers and
/// the present time cannot be written in the words that both understand.
const OWN_WORDS: [(i64, &str, &str); 2] = [
    (
        26,
        include_str!("../../../migrations/0026_results_sqlite.sql"),
        include_str!("../../../migrations/0026_results_postgres.sql"),
    ),
    (
        29,
        include_str!("../../../migrations/0029_alerts_sqlite.sql"),
        include_str!("../../../migrations/0029_alerts_postgres.sql"),
    ),
];

/// The newest schema that this program knows.
pub const KNOWN: i64 = MIGRATIONS[MIGRATIONS.len() - 1].0;

/// The migrations that a database lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingMigrations {
    /// The database's schema.
    pub from: i64,
    pub count: usize,
    /// The size of a SQLite database. Absent on PostgreSQL.
    pub bytes: Option<u64>,
}

/// How many bytes of a database all migrations come through in a second, and by which share of its
/// size they need more room meanwhile: 145 MB took 13 s on two busy processors, grew by 28 MB and
/// wrote a log of 23 MB at most.
const BYTES_A_SECOND: u64 = 10_000_000;
const ROOM_PERCENT: u64 = 40;

impl PendingMigrations {
    /// Says how long the migrations take at most, and how much room they need.
    pub fn words(&self) -> String {
        let begun = format!("the database's schema {} is brought up to {KNOWN}", self.from);
        let Some(bytes) = self.bytes else { return begun };
        let minutes = (bytes / BYTES_A_SECOND).div_ceil(60).max(1);
        let megabytes = |bytes: u64| bytes.div_ceil(1_000_000);
        format!(
            "{begun}: with {} MB that takes up to {minutes} min and {} MB more on its disk. If it \
             is broken off, the next start goes on with it",
            megabytes(bytes),
            megabytes(bytes.div_ceil(100) * ROOM_PERCENT)
        )
    }
}

/// Returns the migrations that the database lacks. Returns `None` if there are none, or no
/// database.
pub async fn pending(location: &Location) -> Result<Option<PendingMigrations>> {
    sqlx::any::install_default_drivers();
    let Some(from) = found(location).await?.filter(|found| *found < KNOWN) else {
        return Ok(None);
    };
    let count = MIGRATIONS.iter().filter(|(version, ..)| *version > from).count();
    let size = |file: &Path| std::fs::metadata(file).map_or(0, |found| found.len());
    let bytes = location.file().map(|file| size(file) + size(&files::beside(file, "-wal")));
    Ok(Some(PendingMigrations { from, count, bytes }))
}

/// Refuses a schema that is newer than this program, without writing to the database.
pub async fn refuse_newer(location: &Location) -> Result<()> {
    match found(location).await? {
        Some(found) if found > KNOWN => Err(Error::NewerSchema { found, known: KNOWN }),
        _ => Ok(()),
    }
}

/// Refuses to make a database beside the log of one that was taken away and may be moved back.
pub fn refuse_beside_log(location: &Location) -> Result<()> {
    match location.file().is_some_and(log_note::has_log_alone) {
        true => Err(Error::Missing(missing(location))),
        false => Ok(()),
    }
}

/// Refuses any schema but this program's.
pub async fn require_current(location: &Location) -> Result<()> {
    match found(location).await? {
        Some(KNOWN) => Ok(()),
        Some(found) if found > KNOWN => Err(Error::NewerSchema { found, known: KNOWN }),
        Some(_) => Err(Error::Missing(
            "the database's schema is older than this program: run `surveyd migrate`".into(),
        )),
        None => Err(Error::Missing(missing(location))),
    }
}

/// Says that there is no database and how one is made.
pub fn missing(location: &Location) -> String {
    let Some(file) = location.file() else {
        return "the database that store.url names is empty: start `surveyd run` (as a service: \
                `systemctl start surveyd`), or run `surveyd migrate`"
            .into();
    };
    if log_note::has_note(file) {
        return format!(
            "{} was deleted or moved away while surveyd worked on it. If you moved it, move it back \
             before surveyd is started again: nothing is lost then. Else put a backup in its place: \
             `surveyd restore FILE`, or start surveyd, which begins a new one",
            file.display()
        );
    }
    format!(
        "there is no database yet: start `surveyd run`, which makes {} (so does `surveyd migrate`; \
         a service starts by `systemctl start surveyd`). \
         If there is one elsewhere, correct store.url or set STATE_DIRECTORY to its folder (a \
         relative store.url starts there, else at /var/lib/surveyd for a configuration in \
         /etc/surveyd, else at the working folder)",
        file.display()
    )
}

/// Returns the schema's version. Returns `None` if there is no database or no table in it.
pub async fn found(location: &Location) -> Result<Option<i64>> {
    if let Some(file) = location.file() {
        match file.metadata() {
            Ok(found) if found.is_dir() => return Err(location.is_folder(file)),
            Ok(found) if found.len() > 0 => {}
            // A file that this user may not look at may well exist.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                return Err(location.closed(&error));
            }
            Ok(_) | Err(_) => return Ok(None),
        }
    }
    match look(location.engine, &location.options("ro")?).await {
        Err(error) if is_read_only(&error) => {
            let found = look(location.engine, &location.options("rw")?).await;
            found.map_err(|error| location.of_opening(error))
        }
        found => found.map_err(|error| location.of_opening(error)),
    }
}

/// True if SQLite must write to a file that was opened for reading. A crash has left a journal to
/// roll back first (SQLITE_READONLY, sqlite.org/rescode.html).
fn is_read_only(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| code & 0xFF == 8)
}

async fn look(engine: Engine, options: &AnyConnectOptions) -> sqlx::Result<Option<i64>> {
    let mut connection = connect(options).await?;
    let has_table = match engine {
        Engine::Sqlite => "select count(*) from sqlite_schema where name = '_sqlx_migrations'",
        Engine::Postgres => {
            "select count(*) from pg_catalog.pg_class where oid = to_regclass('_sqlx_migrations')"
        }
    };
    let tables: i64 = sqlx::query_scalar(has_table).fetch_one(&mut connection).await?;
    let mut found = None;
    if tables > 0 {
        found = sqlx::query_scalar("select max(version) from _sqlx_migrations")
            .fetch_one(&mut connection)
            .await?;
    }
    connection.close().await?;
    Ok(found)
}

/// Returns the version, the name and the SQL of the migrations in order.
pub fn scripts(engine: Engine) -> impl Iterator<Item = (i64, &'static str, String)> {
    MIGRATIONS.into_iter().map(move |(version, name, sql)| {
        let own = OWN_WORDS.into_iter().find(|(of, ..)| *of == version);
        let own = own.map_or("", |(_, sqlite, postgres)| match engine {
            Engine::Sqlite => sqlite,
            Engine::Postgres => postgres,
        });
        (version, name, format!("{sql}{own}"))
    })
}

pub async fn run(connection: &mut AnyConnection) -> Result<()> {
    let engine = match connection.backend_name() {
        "PostgreSQL" => Engine::Postgres,
        _ => Engine::Sqlite,
    };
    let migrations = scripts(engine)
        .map(|(version, name, sql)| {
            let sql = AssertSqlSafe(sql).into_sql_str();
            Migration::new(version, name.into(), MigrationType::Simple, sql, false)
        })
        .collect();
    let migrator = Migrator::with_migrations(migrations);
    // On SQLite another program may migrate at the same time. Each migration is one transaction.
    // Each failure means that the other program has completed one more.
    let mut looks = MIGRATIONS.len() + 1;
    loop {
        looks -= 1;
        let error = match migrator.run(&mut *connection).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let reason = format!("the schema cannot be brought up to date: {error}");
        if let MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) = error
            && let Error::Io(reason) = error.into()
        {
            // After a failed sync a successful one proves nothing.
            return Err(Error::Io(reason));
        }
        if looks == 0 {
            return Err(Error::Broken(reason));
        }
    }
}
