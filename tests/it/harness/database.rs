//! A fresh database for each test: SQLite in a folder of its own, and one of its own on the
//! PostgreSQL server that `SURVEYD_TEST_POSTGRES` names.

use std::hash::Hasher as _;
use std::io::Write as _;
use std::sync::Once;

use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use surveyd::store::{Location, Store};
use tempfile::TempDir;
use tokio::sync::OnceCell;

const VARIABLE: &str = "SURVEYD_TEST_POSTGRES";

/// A database that nobody else uses, gone when this is dropped.
pub struct Database {
    pub location: Location,
    /// What `store.url` says to reach it.
    pub url: String,
    folder: TempDir,
    /// Dropped last: everything else may still be connected.
    _made: Option<Made>,
}

impl Database {
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = "sqlite:surveyd.db".to_owned();
        Self { location: Location::parse(&url, folder.path()).unwrap(), url, folder, _made: None }
    }

    /// `None`: no server is named; said once, plainly.
    pub async fn postgres() -> Option<Self> {
        Some(Self::made(Made::make(server()?, true).await))
    }

    /// One that has no table yet.
    pub async fn empty_postgres() -> Option<Self> {
        Some(Self::made(Made::make(server()?, false).await))
    }

    fn made(made: Made) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = made.url();
        let location = Location::parse(&url, folder.path()).unwrap();
        Self { location, url, folder, _made: Some(made) }
    }

    /// The folder beside the database, for whatever else a test writes.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub async fn open(&self) -> Store {
        Store::open(&self.location).await.unwrap()
    }

    /// The same database seen from another state folder.
    pub fn seen_from(&self, folder: &std::path::Path) -> Location {
        Location::parse(&self.url, folder).unwrap()
    }

    /// Keeps a copy of the database. Nobody may be connected.
    pub async fn copy(&self) {
        match (&self._made, self.location.file()) {
            (Some(made), _) => {
                let sql = format!("create database {0}_copy template {0}", made.name);
                run(&made.server, sql).await;
            }
            (None, Some(file)) => drop(std::fs::copy(file, self.folder().join("copy")).unwrap()),
            (None, None) => unreachable!("a database is a file or was made"),
        }
    }

    /// Puts the copy in the place of the database, whoever is connected.
    pub async fn put_back(&self) {
        match (&self._made, self.location.file()) {
            (Some(made), _) => {
                let name = &made.name;
                run(&made.server, format!("drop database {name} with (force)")).await;
                run(&made.server, format!("create database {name} template {name}_copy")).await;
            }
            (None, Some(file)) => {
                for ending in ["-wal", "-shm"] {
                    let _ = std::fs::remove_file(format!("{}{ending}", file.display()));
                }
                std::fs::copy(self.folder().join("copy"), file).unwrap();
            }
            (None, None) => unreachable!("a database is a file or was made"),
        }
    }
}

impl Database {
    /// A connection beside the store, as another program would have one.
    pub async fn beside(&self) -> AnyConnection {
        sqlx::any::install_default_drivers();
        let address = match self.location.file() {
            Some(file) => format!("sqlite:{}", file.display()),
            None => self.url.clone(),
        };
        AnyConnection::connect(&address).await.unwrap()
    }

    /// Runs statements on such a connection.
    pub async fn run_beside(&self, statements: &[&str]) {
        let mut connection = self.beside().await;
        for statement in statements {
            connection.execute(AssertSqlSafe((*statement).to_owned())).await.unwrap();
        }
        connection.close().await.unwrap();
    }

    /// What a query of one column of texts finds.
    pub async fn texts(&self, query: &str) -> Vec<String> {
        let mut connection = self.beside().await;
        let query = sqlx::query_scalar(AssertSqlSafe(query.to_owned()));
        let found = query.fetch_all(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        found
    }

    /// Runs a statement of PostgreSQL's, beside whoever works on the database.
    pub async fn execute(&self, statement: &str) {
        run(&self.url, statement.to_owned()).await;
    }
}

/// Runs a scenario on SQLite, and again on PostgreSQL where there is a server.
pub async fn on_each_engine(scenario: impl AsyncFn(Database)) {
    on_both(scenario, Database::postgres()).await;
}

/// The same with databases that have no table yet.
pub async fn on_each_empty_engine(scenario: impl AsyncFn(Database)) {
    on_both(scenario, Database::empty_postgres()).await;
}

async fn on_both(
    scenario: impl AsyncFn(Database),
    postgres: impl Future<Output = Option<Database>>,
) {
    eprintln!("on SQLite:");
    scenario(Database::sqlite()).await;
    if let Some(database) = postgres.await {
        eprintln!("on PostgreSQL:");
        scenario(database).await;
    }
}

fn server() -> Option<String> {
    let server = std::env::var(VARIABLE).ok();
    if server.is_none() {
        left_out();
    }
    server
}

/// Past the capture of what a test prints: whoever runs the tests must know what was not run.
fn left_out() {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        let words = format!(
            "left out: every test on PostgreSQL; set {VARIABLE} to a server's address or run \
             tests/run\n"
        );
        std::io::stderr().write_all(words.as_bytes()).unwrap();
    });
}

/// A database made on the server.
struct Made {
    server: String,
    name: String,
}

impl Made {
    async fn make(server: String, has_tables: bool) -> Self {
        let name = format!("surveyd_test_{}", uuid::Uuid::now_v7().simple());
        let template = match has_tables {
            true => TEMPLATE.get_or_init(async || template(&server).await).await,
            false => "template1",
        };
        run(&server, format!("create database {name} template {template}")).await;
        Self { server, name }
    }

    fn url(&self) -> String {
        at(&self.server, &self.name)
    }
}

fn at(server: &str, name: &str) -> String {
    let mut url = reqwest::Url::parse(server)
        .unwrap_or_else(|error| panic!("{VARIABLE} is no address: {error}"));
    url.set_path(name);
    url.into()
}

/// The database that the others are copied from, because all migrations take a second. It stays on
/// the server and bears the digest of the migrations.
static TEMPLATE: OnceCell<String> = OnceCell::const_new();

async fn template(server: &str) -> String {
    let name = format!("surveyd_test_tables_{:016x}", digest_of_migrations());
    let named = format!("select 1 from pg_database where datname = '{name}'");
    let mut connection = connect(server).await;
    let is_there = connection.fetch_optional(AssertSqlSafe(named.clone())).await.unwrap().is_some();
    if !is_there {
        let unready = format!("surveyd_test_{}", uuid::Uuid::now_v7().simple());
        run(server, format!("create database {unready}")).await;
        let url = at(server, &unready);
        let nowhere = std::path::Path::new("/");
        Store::open(&Location::parse(&url, nowhere).unwrap()).await.unwrap().close().await;
        // Each copy draws a name of its own.
        run(&url, "delete from identity".to_owned()).await;
        let rename = format!("alter database {unready} rename to {name}");
        if connection.execute(AssertSqlSafe(rename)).await.is_err() {
            // Other tests were first.
            run(server, format!("drop database {unready} with (force)")).await;
            assert!(connection.fetch_optional(AssertSqlSafe(named)).await.unwrap().is_some());
        }
    }
    connection.close().await.unwrap();
    name
}

fn digest_of_migrations() -> u64 {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut digest = std::hash::DefaultHasher::new();
    for file in files {
        digest.write(&std::fs::read(file).unwrap());
    }
    digest.finish()
}

impl Drop for Made {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        // The test's own runtime cannot be waited for here: it may be unwinding.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                run(&server, format!("drop database if exists {name}_copy with (force)")).await;
                run(&server, format!("drop database {name} with (force)")).await;
            });
        });
        if dropped.join().is_err() {
            eprintln!("the database {} is left on the server", self.name);
        }
    }
}

async fn connect(server: &str) -> PgConnection {
    PgConnection::connect(server)
        .await
        .unwrap_or_else(|error| panic!("{VARIABLE} cannot be reached: {error}"))
}

async fn run(server: &str, statement: String) {
    let mut connection = connect(server).await;
    connection.execute(AssertSqlSafe(statement)).await.unwrap();
    connection.close().await.unwrap();
}
