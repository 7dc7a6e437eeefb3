"""Backups of a daemon under load: each is whole, and holds every close that was acknowledged before it began."""

import json
import shutil
import sqlite3
import subprocess
import threading

import lengths
from business import Case, at_work
from harness import BINARY, clean_environment, wait_until
from hostile_x import HostileWorld, HostileX

WRITERS = 4
BACKUPS = lengths.runs(20, 100)


class Intake:
    """Help desks that report one close after another until they are stopped."""

    def __init__(self, surveyd):
        self.surveyd = surveyd
        self.acknowledged = set()
        self.refused = []
        self.lock = threading.Lock()
        self.is_over = threading.Event()
        self.threads = [threading.Thread(target=self.report, args=(number,)) for number in range(WRITERS)]

    def report(self, number):
        person = 10_000_000 * (number + 1)
        while not self.is_over.is_set():
            person += 1
            case = Case(person)
            answer = case.report(self.surveyd)
            with self.lock:
                if answer.status_code == 202:
                    self.acknowledged.add(case.conversation)
                else:
                    self.refused.append(answer.status_code)

    def so_far(self):
        with self.lock:
            return set(self.acknowledged)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *unused):
        self.is_over.set()
        for thread in self.threads:
            thread.join()


def test_backups_under_load_are_whole_and_hold_all_that_was_acknowledged_before(tmp_path):
    world = HostileWorld([], events_horizon_ms=0)
    with HostileX(world) as x:
        surveyd = at_work(tmp_path / "surveyd", "sqlite:surveyd.db", x, delays={"acme": "1h"})
        copy = tmp_path / "copy.db"
        try:
            surveyd.start()
            with Intake(surveyd) as intake:
                wait_until("the first closes", lambda: len(intake.so_far()) > 20)
                for number in range(BACKUPS):
                    before = intake.so_far()
                    surveyd.run("backup", copy, "--force")
                    held = conversations(copy)
                    assert before <= held, f"backup {number} lacks {len(before - held)} acknowledged closes"
                    assert not copy.with_name("copy.db.part").exists()
                after = intake.so_far()
            assert len(after) > len(before), "the intake came to a stop"
            assert intake.refused == []
            assert surveyd.stop() == 0
            surveyd.run("restore", copy, "--replace")
            surveyd.start()
            assert before <= {row["conversation_id"] for row in surveyd.rows().values()}
            assert surveyd.stop() == 0
        finally:
            surveyd.kill()
    lengths.count(f"backups under load: {BACKUPS}, the last of {len(held)} closes, none lacked one")


def conversations(copy):
    """What a copy holds, by a reader that shares no code with surveyd. It must be whole."""
    database = sqlite3.connect(f"file:{copy}?mode=ro", uri=True)
    try:
        assert database.execute("pragma integrity_check").fetchall() == [("ok",)]
        assert database.execute("pragma foreign_key_check").fetchall() == []
        return {row[0] for row in database.execute("select conversation_id from survey")}
    finally:
        database.close()


def ask(database, sql):
    connection = sqlite3.connect(database)
    try:
        return connection.execute(sql).fetchone()[0]
    finally:
        connection.close()


def failing(surveyd, *arguments):
    """The exit code and the words of a command that fails."""
    ended = subprocess.run(
        [BINARY, *arguments, "--config", surveyd.config], capture_output=True, text=True, stdin=subprocess.DEVNULL,
        env={**clean_environment(), **surveyd.environment},
    )  # fmt: skip
    assert ended.stdout == "", ended.stdout
    return ended.returncode, ended.stderr


def test_a_backup_and_a_restore_by_hand(tmp_path):
    with HostileX(HostileWorld([], events_horizon_ms=0)) as x:
        surveyd = at_work(tmp_path / "surveyd", "sqlite:surveyd.db", x, delays={"acme": "1h"})
        state, copy = surveyd.folder / "state", tmp_path / "copy.db"
        database, old = state / "surveyd.db", state / "surveyd.db.old"
        try:
            surveyd.start()
            assert Case(1).report(surveyd).status_code == 202
            assert failing(surveyd, "backup", "-")[0] == 2
            assert failing(surveyd, "backup", database)[0] == 2
            told = json.loads(surveyd.run("backup", copy, "--json"))
            assert (told["surveys"], told["bytes"]) == (1, copy.stat().st_size)
            code, words = failing(surveyd, "backup", copy)
            assert code == 1 and "say --force to replace it" in words, words
            code, words = failing(surveyd, "restore", copy, "--replace")
            assert code == 1 and "another surveyd works on" in words, words
            assert Case(2).report(surveyd).status_code == 202
            assert surveyd.stop() == 0
            code, words = failing(surveyd, "restore", copy)
            assert code == 1 and "say --replace" in words, words
            surveyd.run("restore", copy, "--replace")
            assert (conversations(database), conversations(old)) == ({"c-1"}, {"c-1", "c-2"})
            old.unlink()
            # Broken off right before the last rename: the next start completes it.
            shutil.copy(copy, state / "surveyd.db.restored")
            database.rename(old)
            surveyd.start()
            assert [line["level"] for line in surveyd.log() if line.get("event") == "store.restored"] == ["WARN"]
            assert {row["conversation_id"] for row in surveyd.rows().values()} == {"c-1"}
            assert old.exists() and not (state / "surveyd.db.restored").exists()
            assert surveyd.stop() == 0
        finally:
            surveyd.kill()


def test_what_is_wrong_with_a_database_is_told(tmp_path):
    with HostileX(HostileWorld([], events_horizon_ms=0)) as x:
        surveyd = at_work(tmp_path / "surveyd", "sqlite:surveyd.db", x, delays={"acme": "1h"})
    database = surveyd.folder / "state" / "surveyd.db"
    surveyd.run("migrate")
    assert surveyd.run("check-db").endswith("nothing is wrong\n")
    try:
        surveyd.start()
        assert Case(1).report(surveyd).status_code == 202
        wait_until("totals", lambda: ask(database, "select count(*) from day_total where dim = '' and closes = 1") == 1)
        with sqlite3.connect(database) as connection:
            connection.execute("update day_total set closes = 2 where dim = ''")
        connection.close()
        told = json.loads(surveyd.run("check-db", "--json", code=1))
        days = {"what": "days whose totals are not those of their results", "count": 1}
        assert (told["damages"], told["disagreements"]) == ([], [days])
        assert "surveyd check-db --repair" in told["remedies"][0]
        surveyd.run("check-db", "--repair", code=1)
        wait_until("right totals", lambda: ask(database, "select closes from day_total where dim = ''") == 1)
        assert surveyd.run("check-db").endswith("nothing is wrong\n")
        assert surveyd.stop() == 0
    finally:
        surveyd.kill()
    with sqlite3.connect(database) as connection:
        connection.execute("insert into survey_history (survey_id, step, at, state) values ('gone', 1, 1, 'sent')")
    connection.close()
    told = json.loads(surveyd.run("check-db", "--json", code=1))
    assert told["disagreements"] == [{"what": "steps of surveys that are not there", "count": 1}]
    assert "restore the whole of it" in told["remedies"][0]
    # An index that lacks what its table has.
    with sqlite3.connect(database) as connection:
        connection.execute("pragma writable_schema = on")
        connection.execute("update sqlite_schema set rootpage = (select rootpage from sqlite_schema where name = "
                           "'survey_due') where name = 'delivery_age'")  # fmt: skip
    connection.close()
    told = json.loads(surveyd.run("check-db", "--json", code=1))
    assert told["damages"] and "surveyd restore FILE --replace" in told["remedies"][0], told
