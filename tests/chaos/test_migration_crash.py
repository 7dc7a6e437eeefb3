"""A kill in the middle of a migration leaves the old schema or the new, and the next run goes on with it."""

import shutil
import sqlite3
import subprocess
from pathlib import Path

import crash
import lengths
from business import at_work
from harness import BINARY, clean_environment
from hostile_x import HostileWorld, HostileX

MIGRATIONS = Path(__file__).parents[2] / "migrations"
# The first schema that surveys can be copied from without help, and how many of them there are.
OLDEST, SURVEYS = 4, 300
CALLS = ("pwrite64", "fdatasync", "fsync", "ftruncate", "unlink")


def scripts():
    """The text of each migration for SQLite, by its number."""
    found = {}
    for path in sorted(MIGRATIONS.glob("*.sql")):
        if not path.stem.endswith("_postgres"):
            number = int(path.name[:4])
            found[number] = found.get(number, "") + path.read_text()
    return found


def schema(connection):
    return set(connection.execute("select type, name, sql from sqlite_schema where name not like '%sqlx%'"))


def schemas():
    """What the schema is after each migration."""
    connection, found = sqlite3.connect(":memory:"), {}
    for number, script in scripts().items():
        connection.executescript(script)
        found[number] = schema(connection)
    connection.close()
    return found


def made_by(tmp_path, surveyd):
    """A database of an old program with surveys, as that program's schema has them."""
    fresh = surveyd.folder / "state" / "surveyd.db"
    surveyd.run("migrate")
    with sqlite3.connect(fresh) as connection:
        known = {row[0]: row for row in connection.execute("select * from _sqlx_migrations")}
        sql = connection.execute("select sql from sqlite_schema where name = '_sqlx_migrations'").fetchone()[0]
    old = tmp_path / "old.db"
    with sqlite3.connect(old) as connection:
        connection.execute("pragma journal_mode = wal")
        connection.execute(sql)
        for number, script in scripts().items():
            if number > OLDEST:
                break
            connection.executescript(script)
            row = known[number]
            connection.execute(f"insert into _sqlx_migrations values ({','.join('?' * len(row))})", row)
        connection.executemany(
            "insert into survey (id, account, source, conversation_id, ordinal, external_id, user_id, kind, "
            "question_variant_id, test, state, closed_at, accepted_at, due_at, notice, try_at, lease_token, attempts) "
            "values (?, 'acme', 'desk', ?, 1, ?, ?, 'csat', 0, 0, 'expired', 1, 1, 1, '{}', 1, 0, 0)",
            [(f"s-{n}", f"c-{n}", f"c-{n}", f"0{n}" if n % 7 == 0 else str(n)) for n in range(1, SURVEYS)],
        )
    connection.close()
    return old


def contents(database):
    """All rows of all tables, but for what differs from run to run."""
    with sqlite3.connect(database) as connection:
        found = {}
        for (table,) in connection.execute("select name from sqlite_schema where type = 'table'").fetchall():
            if table not in ("_sqlx_migrations", "identity"):
                found[table] = sorted(map(repr, connection.execute(f"select * from {table}")))
        found["schema"] = schema(connection)
    connection.close()
    return found


def test_a_kill_in_a_migration_leaves_the_old_schema_or_the_new(tmp_path):
    crash.require_strace()
    with HostileX(HostileWorld([], events_horizon_ms=0)) as x:
        surveyd = at_work(tmp_path / "surveyd", "sqlite:surveyd.db", x)
    old, known, newest = made_by(tmp_path, surveyd), schemas(), max(scripts())
    database = surveyd.folder / "state" / "surveyd.db"

    def put_back(folder):
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(old, folder / "surveyd.db")

    def migrate(folder, under=()):
        environment = {**clean_environment(), **surveyd.environment, "STATE_DIRECTORY": str(folder)}
        command = [*under, BINARY, "migrate", "--config", surveyd.config]
        return subprocess.run(command, env=environment, capture_output=True, stdin=subprocess.DEVNULL).returncode

    for side in ("", "-wal", "-shm"):
        Path(f"{database}{side}").unlink(missing_ok=True)
    put_back(tmp_path / "whole")
    trace = tmp_path / "trace"
    migrate(tmp_path / "whole", crash.counting(trace))
    expected, most = contents(tmp_path / "whole" / "surveyd.db"), crash.counted(trace)
    assert expected["schema"] == known[newest]
    points = [(call, number) for call in CALLS for number in range(1, most[call] + 1)]
    seen = set()

    def run(number):
        chance = lengths.chance("migration", number)
        call, at = points[number] if lengths.IN_FULL else chance.choice(points)
        folder = tmp_path / f"run-{number}"
        put_back(folder)
        migrate(folder, crash.at(call, at))
        # A copy, so that whoever looks does not recover the database for surveyd.
        looked = folder / "looked"
        looked.mkdir()
        for path in folder.glob("surveyd.db*"):
            if path.is_file():
                shutil.copy(path, looked)
        with sqlite3.connect(looked / "surveyd.db") as connection:
            version = connection.execute("select max(version) from _sqlx_migrations").fetchone()[0]
            assert schema(connection) == known[version], f"{call} {at}: the schema is not that of {version}"
            assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
        connection.close()
        seen.add(version)
        assert migrate(folder) == 0, f"{call} {at}: it does not go on"
        assert contents(folder / "surveyd.db") == expected, f"{call} {at}: something else than without the kill"
        shutil.rmtree(folder)
        return call

    runs = len(points) if lengths.IN_FULL else lengths.runs(40, 0)
    lengths.in_parallel(run, range(runs))
    assert len(seen) > 3, f"all kills left the schema at {seen}"
    lengths.count(f"kills in migrations: {runs} of {len(points)} points, schemas {sorted(seen)}, all old or new")
